"""Second opinions: tshark and dpkt beside us, on captures whose truth is known."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.cli import main
from sensor.verify import _origin, calls_by_tshark, compare, segment_by_dpkt

PCAPS = Path(__file__).resolve().parents[2] / "pcaps"

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="needs tshark")
# pyshark's event loop is closed by the garbage collector, whenever that comes.
quiet = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@needs_tshark
@quiet
@pytest.mark.parametrize("name", ["ipv6", "fragments", "erspan3", "portreuse"])
def test_all_agree_where_nothing_is_odd(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(PCAPS / f"{name}.pcap"), "--state", str(tmp_path)]) == 0
    assert "0 only ours, 0 only tshark's" in capsys.readouterr().out


@needs_tshark
@quiet
def test_nothing_is_left_behind() -> None:
    before = signal.getsignal(signal.SIGCHLD)
    assert len(list(calls_by_tshark(str(PCAPS / "ipv6.pcap")))) == 9
    assert signal.getsignal(signal.SIGCHLD) is before
    assert signal.set_wakeup_fd(-1) == -1


@needs_tshark
@quiet
def test_a_tunnel_inside_http_is_ours_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(PCAPS / "connect.pcap"), "--json", "--state", str(tmp_path)]) == 3
    (told,) = json.loads(capsys.readouterr().out).values()
    assert not told["agree"]
    assert [call["packet"] for call in told["calls"]["ours"] if call["target"] == "/orders.json?inside=tunnel"] == [40]
    assert told["segments"] == {"both": 56, "ours": 0, "dpkt": [], "differ": []}


@needs_tshark
@quiet
def test_what_was_lost_is_not_lost_twice() -> None:
    opinions = compare(str(PCAPS / "shop-lossy.pcap"))
    assert opinions.segments == 3763 and not opinions.segments_differ
    # tshark gives up calls around a gap; it has none that we lack but for those whose status it reads off another call's response.
    ours = {seen[:6] for seen, _ in opinions.ours}
    assert [seen for seen, _ in opinions.theirs if seen[:6] not in ours and seen.status] == []


@needs_tshark
def test_a_capture_that_is_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes((PCAPS / "shop.pcap").read_bytes()[:300_000])
    ran = subprocess.run([sys.executable, "-P", "-m", "sensor", "verify", str(cut), "--state", str(tmp_path)], capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 3) and "1,341 read the same by dpkt" in ran.stdout
    assert ran.stderr == ""


def test_dpkt_reads_a_raw_frame_and_refuses_rubbish() -> None:
    tcp = bytes.fromhex("04d20050000000010000000250180100000000006869")
    frame = bytes.fromhex("4500002a000100004006000001020304050607 08".replace(" ", "")) + tcp
    assert segment_by_dpkt(frame, 101) == (1234, 80, 1, 2)
    assert segment_by_dpkt(frame[:30], 101) is None
    assert segment_by_dpkt(b"", 101) is None
    assert segment_by_dpkt(frame, 9999) is None


def test_a_target_in_absolute_form_is_its_path() -> None:
    assert [_origin(one) for one in ("/a?b", "http://h/a?b", "http://h", "http://h?b", "*")] == ["/a?b", "/a?b", "/", "/?b", "*"]


def test_what_is_no_file_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path), "--state", str(tmp_path)]) == 2
    assert "this is none" in capsys.readouterr().err
