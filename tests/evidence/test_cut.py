"""Cutting connections out of captures of every kind: the cut holds those calls whole, and nothing else."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from parsers.pick import Ends
from sensor.capture import open_captures
from sensor.evidence.bundle import bundle
from sensor.evidence.cut import CutLimits, cut
from sensor.masking import Masker
from tests.evidence.conftest import PCAPS, ROOT, calls_of, citing, source_of

MASKER = Masker(b"k" * 32)
SHOP = ROOT / "pcaps" / "shop.pcap"
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def plain(call: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in call.items() if name not in ("pcap_file", "packet")}


@pytest.mark.parametrize("capture", PCAPS, ids=lambda path: path.stem)
def test_a_cut_replays_to_the_calls_it_was_made_for(capture: Path, tmp_path: Path) -> None:
    calls = calls_of(capture)
    uids = sorted({call["uid"] for call in calls})[::2]
    chosen = [call for call in calls if call["uid"] in uids]
    made = bundle(citing(chosen), source_of(capture), MASKER, unmasked=True)
    assert not made.missing
    (tmp_path / "flows.pcapng").write_bytes(made.files["flows.pcapng"])
    again = calls_of(tmp_path / "flows.pcapng")
    assert [plain(call) for call in again if call["uid"] in uids] == [plain(call) for call in chosen]
    # Nothing else is in it but what shares the ends of a chosen connection.
    ends = {(call["client_ip"], call["client_port"], call["server_ip"], call["server_port"]) for call in chosen}
    assert all((call["client_ip"], call["client_port"], call["server_ip"], call["server_port"]) in ends for call in again)


def test_the_same_ports_used_again_are_another_connection(tmp_path: Path) -> None:
    calls = calls_of(ROOT / "pcaps" / "portreuse.pcap")
    by_ends: dict[tuple[Any, ...], set[str]] = {}
    for call in calls:
        by_ends.setdefault((call["client_ip"], call["client_port"], call["server_ip"]), set()).add(call["uid"])
    uid = sorted(next(uids for uids in by_ends.values() if len(uids) > 1))[0]
    chosen = [call for call in calls if call["uid"] == uid]
    made = bundle(citing(chosen), source_of(ROOT / "pcaps" / "portreuse.pcap"), MASKER, unmasked=True)
    (tmp_path / "flows.pcapng").write_bytes(made.files["flows.pcapng"])
    assert [plain(call) for call in calls_of(tmp_path / "flows.pcapng")] == [plain(call) for call in chosen]


def test_rotated_compressed_and_merged_captures_give_the_same_packets(tmp_path: Path) -> None:
    editcap = shutil.which("editcap")
    if editcap is None:
        pytest.skip("editcap is not installed")
    subprocess.run([editcap, "-F", "pcap", "-c", "500", str(SHOP), str(tmp_path / "part.pcap")], check=True)
    parts = sorted(tmp_path.glob("part*.pcap"))
    assert len(parts) > 3
    for part in parts[::2]:
        part.with_suffix(".pcap.gz").write_bytes(gzip.compress(part.read_bytes()))
        part.unlink()
    subprocess.run([editcap, "-F", "pcap", "-i", "100000", str(ROOT / "pcaps" / "shop-normal.pcap"), str(tmp_path / "other.pcap")], check=True)
    paths = sorted(tmp_path.glob("*.pcap*"))
    calls = calls_of(SHOP)
    attacker = [call for call in calls if call["client_ip"] == "10.20.66.10"]
    whole = bundle(citing(attacker), source_of(SHOP), MASKER, unmasked=True)
    (tmp_path / "a.pcapng").write_bytes(whole.files["flows.pcapng"])
    pieces = bundle(citing(attacker), source_of(*paths), MASKER, unmasked=True)
    (tmp_path / "b.pcapng").write_bytes(pieces.files["flows.pcapng"])
    assert (pieces.packets, pieces.calls, pieces.missing) == (whole.packets, whole.calls, ())
    assert [plain(one) for one in calls_of(tmp_path / "a.pcapng")] == [plain(one) for one in calls_of(tmp_path / "b.pcapng")]


@needs_tshark
@pytest.mark.parametrize("capture", PCAPS, ids=lambda path: path.stem)
def test_masked_packets_have_the_checksums_and_lengths_they_had(capture: Path, tmp_path: Path) -> None:
    calls = calls_of(capture)
    lines = []
    for unmasked in (True, False):
        made = bundle(citing(calls[:400]), source_of(capture), MASKER, unmasked=unmasked)
        path = tmp_path / f"{unmasked}.pcapng"
        path.write_bytes(made.files["flows.pcapng"])
        fields = ["frame.time_epoch", "frame.len", "frame.cap_len", "tcp.seq", "tcp.checksum.status", "udp.checksum.status"]
        argv = ["tshark", "-r", str(path), "-n", "-T", "fields", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o", "tcp.relative_sequence_numbers:FALSE"]
        done = subprocess.run([*argv, *(word for name in fields for word in ("-e", name))], capture_output=True, text=True, check=True)
        lines.append(done.stdout.splitlines())
    if capture.stem == "fragments":  # the checksum of a blanked datagram is not corrected
        lines = [[line.rsplit("\t", 3)[0] for line in some] for some in lines]
    assert lines[0] == lines[1] != []


def test_a_masked_cut_still_shows_the_same_calls(tmp_path: Path) -> None:
    for capture in (SHOP, ROOT / "pcaps" / "bytewise.pcap", ROOT / "pcaps" / "trailers.pcap", ROOT / "pcaps" / "vxlan.pcap"):
        calls = calls_of(capture)
        (tmp_path / "flows.pcapng").write_bytes(bundle(citing(calls), source_of(capture), MASKER).files["flows.pcapng"])
        again = calls_of(tmp_path / "flows.pcapng")
        same = ("uid", "ts", "method", "status", "request_bytes", "response_bytes", "complete", "host")
        assert [[one[name] for name in same] for one in again] == [[one[name] for name in same] for one in calls]


def test_a_cut_is_bounded_and_says_what_it_left_out() -> None:
    calls = calls_of(SHOP)
    ends = {Ends.of(one["client_ip"], one["client_port"], one["server_ip"], one["server_port"]): frozenset({one["uid"]}) for one in calls}
    with open_captures([str(SHOP)]) as blocks:
        done = cut(blocks, ends, bounds=CutLimits(frames=100))
    assert len(done.frames) <= 100 and done.left_out > 3000
