"""Alerts in files: rotation by us and by others, a power cut's half line, a full disk, whatever is killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.errors import SensorError
from sensor.sinks import open_sink
from sensor.sinks.formats import FORMATS
from tests.sinks.conftest import alert, worded
from tests.sinks.test_receivers import hostile_alerts


def uids(*paths: Path) -> list[str]:
    return [json.loads(line)["uid"] for path in paths for line in path.read_bytes().splitlines()]


def test_a_file_that_is_moved_away_or_removed_is_begun_anew(tmp_path: Path) -> None:
    place, moved = tmp_path / "alerts.jsonl", tmp_path / "alerts.jsonl-20240501"
    sink = open_sink(f"file:{place}", tmp_path)
    sink.send(alert(1))
    place.rename(moved)
    sink.send(alert(2))
    sink.send(alert(3))
    place.unlink()
    sink.send(alert(4))
    assert sink.close().sentence() == ""
    assert uids(moved) == [alert(1).uid]
    assert uids(place) == [alert(4).uid]


@pytest.mark.parametrize("name", FORMATS)
def test_hostile_text_is_a_line_of_its_own_in_every_format(name: str, tmp_path: Path) -> None:
    sent = hostile_alerts(seed=11, count=120)
    sink = open_sink(f"file:{tmp_path}/alerts?format={name}", tmp_path)
    for one in sent:
        sink.send(one)
    assert sink.close().sentence() == ""
    assert (tmp_path / "alerts").read_bytes().split(b"\n")[:-1] == [worded(name, one) if name != "json" else one.to_json() for one in sent]


def test_a_half_line_of_a_power_cut_spoils_no_other(tmp_path: Path) -> None:
    place = tmp_path / "alerts.jsonl"
    place.write_bytes(alert(1).to_json() + b"\n" + alert(2).to_json()[:40])
    sink = open_sink(f"file:{place}", tmp_path)
    sink.send(alert(3))
    sink.close()
    lines = place.read_bytes().splitlines()
    assert json.loads(lines[0])["uid"] == alert(1).uid
    assert json.loads(lines[2])["uid"] == alert(3).uid


def test_rotation_keeps_every_line_until_its_time(tmp_path: Path) -> None:
    place = tmp_path / "alerts.jsonl"
    for run in range(4):  # rotated files are found again after a restart
        sink = open_sink(f"file:{place}?rotate=8k&keep=9", tmp_path)
        for number in range(run * 15, run * 15 + 15):
            sink.send(alert(number))
        assert sink.close().sentence() == ""
    files = [place, *sorted(tmp_path.glob("alerts.jsonl.*"), key=lambda path: int(path.suffix[1:]))]
    assert len(files) > 4
    assert all(path.stat().st_size <= 8192 for path in files)
    assert uids(*reversed(files)) == [alert(number).uid for number in range(60)]


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from sensor.alerts import Alert
from sensor.errors import SensorError
from sensor.sinks import open_sink
model = Alert.from_json(sys.argv[2].encode())
sink = open_sink(f"file:{sys.argv[1]}?rotate=64k&keep=1000", Path(sys.argv[1]).parent)
for number in range(10**9):
    sink.send(replace(model, uid=f"{number:020x}"))
    print(number, flush=True)
"""


def test_kill_9_in_the_middle_of_rotation_costs_no_line(tmp_path: Path) -> None:
    place = tmp_path / "alerts.jsonl"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(place), alert().to_json().decode()], stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(3000):
        last = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    files = [place, *sorted(tmp_path.glob("alerts.jsonl.*"), key=lambda path: int(path.suffix[1:]))]
    got = [int(uid, 16) for uid in uids(*(path for path in reversed(files) if path.exists()))]
    assert got[: last + 1] == list(range(last + 1))


@pytest.mark.root
def test_a_full_disk_costs_no_line_while_memory_lasts(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    disk, copy = tmp_path / "disk", tmp_path / "copy"
    disk.mkdir()
    script = f"""
import shutil, subprocess, sys
from dataclasses import replace
from pathlib import Path
disk = Path({str(disk)!r})
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "none", disk], check=True)
(disk / "other").write_bytes(bytes(200_000))
from sensor.alerts import Alert
from sensor.errors import SensorError
from sensor.sinks import open_sink
model = Alert.from_json(sys.argv[1].encode())
sink = open_sink(f"file:{{disk}}/alerts.jsonl", disk)
for number in range(200):
    sink.send(replace(model, uid=f"{{number:020x}}"))
    if number == 150:
        print(sink.state().waiting, sink.state().error)
        (disk / "other").unlink()
print(sink.close().sentence() or "all written")
shutil.copy(disk / "alerts.jsonl", {str(copy)!r})
"""
    out = subprocess.run(["unshare", "-m", sys.executable, "-c", script, alert().to_json().decode()], capture_output=True, check=True).stdout.decode()
    first, second = out.splitlines()
    assert int(first.split()[0]) > 10 and "No space left on device" in first
    assert second == "all written"
    assert uids(copy) == [f"{number:020x}" for number in range(200)]


def test_a_named_pipe_neither_holds_up_nor_ends_the_sensor(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(SensorError, match="a pipe that nobody reads from"):
        open_sink(f"file:{pipe}", tmp_path)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    sink = open_sink(f"file:{pipe}", tmp_path)
    for number in range(200):  # more than a pipe holds, and its reader is stuck
        sink.send(alert(number))
    assert sink.state().waiting > 50
    got = os.read(reader, 1 << 20)
    os.close(reader)
    sink.send(alert(200))  # the reader is gone
    assert sink.state().outages == 1
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    sink.send(alert(201))
    while sink.state().waiting:
        got += os.read(reader, 1 << 20)
        sink.send(alert(202))
    got += os.read(reader, 1 << 20)
    assert sink.close().sentence() == ""
    os.close(reader)
    told = []
    for line in got.replace(b'{"uid":"000', b'\n{"uid":"000').split(b"\n"):  # the first reader went in the middle of a line; the second got it whole
        with contextlib.suppress(json.JSONDecodeError):
            told.append(json.loads(line)["uid"])
    assert told[:202] == [alert(number).uid for number in range(202)]
