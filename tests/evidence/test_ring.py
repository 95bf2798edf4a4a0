"""The ring of recent frames, and the bundles that a run writes from it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensor.capture import open_captures
from sensor.evidence.bundle import bundle
from sensor.evidence.gather import Gathered, gather_all
from sensor.evidence.recorder import SHARE, Recorder
from sensor.evidence.ring import FrameRing, RingLimits
from sensor.masking import Masker
from tests.evidence.conftest import ROOT, calls_of, citing, source_of

SHOP = ROOT / "pcaps" / "shop.pcap"


@pytest.mark.parametrize("limits", [RingLimits(), RingLimits(octets=200_000), RingLimits(seconds=5)])
def test_the_ring_holds_the_latest_frames_within_its_bounds(limits: RingLimits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor.evidence.ring.PIECE", 20_000)
    ring = FrameRing(limits)
    frames = []
    with open_captures([str(SHOP), str(ROOT / "pcaps" / "shop-normal.pcap")]) as source:
        for block in source:
            for start in range(0, len(block), 700):
                part = block.part(start, min(start + 700, len(block)))
                ring.add(part)
                for k in range(len(part)):
                    data = memoryview(part.data)[int(part.offset[k]) : int(part.offset[k] + part.captured[k])]
                    frames.append((int(part.ts[k]), int(part.packet[k]), bytes(data)))
                assert ring.octets <= limits.octets + 40_000
    held = [
        (int(block.ts[k]), int(block.packet[k]), bytes(block.data[block.offset[k] : block.offset[k] + block.captured[k]]))
        for block in ring.blocks()
        for k in range(len(block))
    ]
    assert held == frames[len(frames) - len(held) :]
    assert ring.counters() == {"ring_frames": len(held), "ring_octets": ring.octets, "ring_forgotten": len(frames) - len(held)}
    assert (ring.forgotten == 0) == (limits == RingLimits())
    assert all(not np.shares_memory(block.data, np.frombuffer(b"", np.uint8)) for block in ring.blocks())


def run(*words: str | Path, **more: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "sensor", *map(str, words)], cwd=ROOT, capture_output=True, timeout=300, check=False, **more)  # type: ignore[call-overload,no-any-return]


def test_a_pipe_leaves_bundles_with_the_packets_that_its_alerts_cite(tmp_path: Path) -> None:
    done = run("replay", "-", "-q", "--no-model", "--state", tmp_path, "--evidence", tmp_path / "e", "--alerts", tmp_path / "a.jsonl", input=SHOP.read_bytes())
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    revisions = {f"{one['uid']}-r{one['revision']}.zip": one for one in told if one["state"] != "closed"}
    written = {path.name for path in (tmp_path / "e").iterdir()}
    assert written <= set(revisions)
    # What was told while the ring was not read again yet has the bundle of its last revision.
    assert {f"{uid}-r{max(one['revision'] for one in revisions.values() if one['uid'] == uid)}.zip" for uid in {one["uid"] for one in told}} <= written
    for name in written:
        alert = revisions[name]
        with zipfile.ZipFile(tmp_path / "e" / name) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            assert (manifest["alert"], manifest["revision"], manifest["masked"], manifest["connections_missing"]) == (alert["uid"], alert["revision"], True, [])
            (tmp_path / "flows.pcapng").write_bytes(archive.read("flows.pcapng"))
        assert {one["uid"] for one in alert["evidence"]} <= {call["uid"] for call in calls_of(tmp_path / "flows.pcapng")}


def test_a_connection_older_than_the_ring_is_found_by_its_packet() -> None:
    calls = calls_of(SHOP)
    long_lived = max({call["uid"] for call in calls}, key=lambda uid: sum(call["uid"] == uid for call in calls))
    last = [call for call in calls if call["uid"] == long_lived][-1]
    ring = FrameRing()
    with open_captures([str(SHOP)]) as source:
        for block in source:
            late = int(np.searchsorted(block.packet, last["packet"] - 50))
            ring.add(block.part(late, len(block)))
    from contextlib import nullcontext

    from sensor.evidence.bundle import Source

    made = bundle(citing([last]), Source(lambda: nullcontext(ring.blocks())), Masker(b"k" * 32))
    assert not made.missing and made.packets > 0
    paths = [json.loads(line)["packet"] for line in made.files["timeline.jsonl"].splitlines() if json.loads(line)["cited"]]
    assert last["packet"] in paths
    assert bundle(citing([last]), source_of(SHOP), Masker(b"k" * 32)).packets > made.packets


def test_bundles_are_bounded_and_said(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("evidence: {bundles: 2, ring: {octets: 1}}\n")
    done = run("replay", SHOP, "-q", "--no-model", "--state", tmp_path, "--evidence", tmp_path / "e", "--config", tmp_path / "c.yaml")
    assert done.returncode == 0 and len(list((tmp_path / "e").iterdir())) <= 2
    assert b"bundles" in done.stderr


def flood(folder: Path, alerts: int, octets: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Recorder, int, int]:
    """So many alerts, evenly among the shop's traffic five times over: the recorder, the octets it read of its ring to gather, and those that came."""
    monkeypatch.setattr("sensor.evidence.ring.PIECE", 20_000)
    ring = FrameRing(RingLimits(octets=400_000))
    read = 0

    def counted(*words: Any) -> Iterator[Gathered]:
        nonlocal read
        read += ring.octets
        return gather_all(*words)

    monkeypatch.setattr("sensor.evidence.recorder.gather_all", counted)
    recorder = Recorder(folder, ring, Masker(b"k" * 32), lambda _: (), octets=octets)
    calls = calls_of(SHOP)
    with open_captures([str(SHOP)]) as source:
        parts = [replace(block.part(at, min(at + 50, len(block))), data=np.array(block.data)) for block in source for at in range(0, len(block), 50)]
    came = told = 0
    for step in range(5 * len(parts)):
        hour, at = divmod(step, len(parts))
        recorder.add(replace(parts[at], ts=parts[at].ts + hour * 3_600_000_000_000))
        came += int(parts[at].captured.sum())
        last = int(parts[at].packet[-1])
        while told < alerts * (step + 1) // (5 * len(parts)):
            recorder.tell(citing([call for call in calls if call["packet"] <= last][-1:] or calls[:1], uid=f"{told:020x}"))
            told += 1
    recorder.close()
    return recorder, read, came


def test_alerts_that_come_in_a_row_share_a_reading_of_the_ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few, few_read, came = flood(tmp_path / "few", 5, 1 << 30, monkeypatch)
    many, many_read, _ = flood(tmp_path / "many", 150, 1 << 30, monkeypatch)
    # The ring is a small one: some of many have lost their packets by the time they are written.
    assert few.counters["bundles"] == 5 and many.counters["bundles"] > 120
    assert many.counters["bundles"] + many.counters["bundles_empty"] == 150
    # One of a few is written as soon as more traffic comes, and costs a reading; all of many cost what the traffic allows, some two times its octets.
    assert few_read <= 5 * 420_000
    assert many_read <= 2 * came + 420_000 * 150 / 16
    assert many_read < 150 * 400_000 / 3


def test_the_octets_of_a_flood_are_bounded_by_its_traffic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, _, came = flood(tmp_path / "e", 60, 200_000, monkeypatch)
    assert recorder.counters["bundles"] + recorder.counters["bundles_left_out"] == 60
    assert recorder.counters["bundles_left_out"] > 0
    largest = 0
    written = 0
    for path in (tmp_path / "e").iterdir():
        with zipfile.ZipFile(path) as archive:
            sizes = [one.file_size for one in archive.infolist()]
            written += sum(sizes)
            largest = max(largest, sum(sizes))
    assert 0 < written <= 200_000 + came / SHARE + largest


def test_killed_in_the_middle_and_gone_on_with_the_alerts_keep_their_uids(tmp_path: Path) -> None:
    import os
    import signal
    import time

    octets = SHOP.read_bytes()
    half = octets[: len(octets) // 2]
    argv = [sys.executable, "-m", "sensor", "replay", "-", "-q", "--no-model", "--continue", "--state", str(tmp_path), "--alerts", str(tmp_path / "a.jsonl")]
    (tmp_path / "c.yaml").write_text("parsers: {batch_rows: 50}\n")
    argv += ["--config", str(tmp_path / "c.yaml")]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        process.stdin.write(half)
        process.stdin.flush()
        end = time.monotonic() + 60
        while time.monotonic() < end and not ((tmp_path / "a.jsonl").exists() and (tmp_path / "a.jsonl").read_bytes().count(b"\n") >= 2):
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    first = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert first
    assert run(*argv[3:], input=octets).returncode == 0
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    revisions: dict[str, list[int]] = {}
    for one in lines:
        revisions.setdefault(one["uid"], []).append(one["revision"])
    assert all(some == sorted(set(some)) for some in revisions.values())
    # Everything told before the kill is told on under its uid.
    assert all(len(revisions[one["uid"]]) > 1 for one in first)
