"""The ring of recent frames, and the bundles that a run writes from it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sensor.capture import open_captures
from sensor.evidence.bundle import bundle
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
    expected = {f"{one['uid']}-r{one['revision']}.zip": one for one in told if one["state"] != "closed"}
    assert {path.name for path in (tmp_path / "e").iterdir()} == set(expected)
    for name, alert in expected.items():
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
