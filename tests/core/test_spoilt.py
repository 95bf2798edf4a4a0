"""Real captures with frames changed, cut, lost, said twice and moved: nothing raises, nothing stays held, every batch is whole.

Longer: API_SENSOR_SPOILT=20000 pytest tests/core/test_spoilt.py
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from parsers.limits import Limits
from tests.core.pieces import PIECES

PCAPS = Path(__file__).resolve().parents[2] / "pcaps"
CASES = sorted(path for path in PCAPS.glob("*.pcap*") if path.stat().st_size < 400_000)
RUNS = int(os.environ.get("API_SENSOR_SPOILT", "400"))
SMALL = Limits(flows=8, head=600, headers=12, kept_body=300, reorder_bytes=600, reorder_total=2000, pipelined=4, batch_rows=8)
SHOWN = 400  # frames of a capture that take part


class Captured(NamedTuple):
    octets: bytes
    length: int
    ts: int
    link: int


def frames_of(path: Path) -> list[Captured]:
    from sensor.capture import open_captures

    found: list[Captured] = []
    with open_captures([str(path)]) as source:
        for block in source:
            octets = bytes(memoryview(block.data))
            for at, captured, length, ts, link in zip(*(column.tolist() for column in (block.offset, block.captured, block.length, block.ts, block.link)), strict=True):
                found.append(Captured(octets[at : at + captured], length, ts, link))
    return found[:SHOWN]


def spoilt(chance: random.Random, frames: list[Captured]) -> list[Captured]:
    rate = chance.choice([0, 0.01, 0.05, 0.3])
    out: list[Captured] = []
    for frame in frames:
        if chance.random() >= rate:
            out.append(frame)
            continue
        octets, how = bytearray(frame.octets), chance.randrange(7)
        if how == 0 and octets:
            for _ in range(chance.randrange(1, 6)):
                octets[chance.randrange(len(octets))] = chance.randrange(256)
        elif how == 1 and octets:
            del octets[chance.randrange(len(octets)) :]
        elif how == 2:
            out.append(frame)
        elif how == 3:
            continue
        elif how == 4 and len(octets) > 54:
            at, piece = chance.randrange(54, len(octets) + 1), chance.choice(PIECES)
            octets[at : at + (len(piece) if chance.random() < 0.6 else 0)] = piece
        elif how == 5 and len(octets) > 54:
            octets[chance.randrange(34, 54)] = chance.randrange(256)
        elif out:
            out.insert(chance.randrange(len(out)), frame)
            continue
        out.append(frame._replace(octets=bytes(octets), length=max(frame.length, len(octets))))
    if chance.random() < 0.1:
        chance.shuffle(out)
    return out


def block(frames: list[Captured], first: int) -> Any:
    from parsers.frames import FrameBlock

    captured = np.array([len(frame.octets) for frame in frames], np.int64)
    return FrameBlock(
        np.frombuffer(b"".join(frame.octets for frame in frames) or b"\0", np.uint8),
        np.concatenate([[0], np.cumsum(captured)[:-1]]).astype(np.int64),
        captured,
        np.array([frame.length for frame in frames], np.int64),
        np.array([frame.ts for frame in frames], np.int64),
        np.array([frame.link for frame in frames], np.int32),
        "spoilt",
        np.arange(first, first + len(frames), dtype=np.int64),
    )


@pytest.fixture(scope="module")
def captures() -> list[list[Captured]]:
    return [frames_of(path) for path in CASES]


@pytest.mark.parametrize("part", range(4))
def test_spoilt_captures_end_as_data(part: int, captures: list[list[Captured]]) -> None:
    from parsers.engine import Engine

    calls = 0
    for number in range(part, RUNS, 4):
        chance = random.Random(number)
        frames = spoilt(chance, [frame for _ in range(chance.choice([1, 1, 2])) for frame in chance.choice(captures)])
        engine = Engine(chance.choice([Limits(), SMALL, Limits(batch_rows=64, batch_bytes=20_000)]), verify_checksums=chance.random() < 0.1)
        batches, at = [], 0
        while at < len(frames):
            count = chance.choice([1, 3, 17, 400, 400])
            batches += engine.feed(block(frames[at : at + count], at + 1))
            at += count
        batches += engine.finish()
        counters = engine.counters
        assert counters["faults"] == 0, (number, engine.fault)
        assert counters["connections_open"] == 0 and engine.calls.room.taken == 0, number
        for batch in batches:
            batch.validate(full=True)
            calls += batch.num_rows
    assert calls > RUNS // 4
