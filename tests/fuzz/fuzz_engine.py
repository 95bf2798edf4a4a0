"""Coverage-guided fuzzing of the whole core. Run: python tests/fuzz/fuzz_engine.py [corpus folder] [-runs=N]  (needs atheris)

The input is a conversation: who sends which octets, with what oddity of TCP (a hole, a step back, a repeated or late segment, a reset). Nothing may
raise, no connection may be left open, and a call must not hold more than the limits allow. Everything here runs interpreted: that is where coverage
shows; the compiled form is held to the same answers by the tests.
"""

from __future__ import annotations

import importlib.machinery
import struct
import sys
from pathlib import Path

import atheris
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
FINDER = importlib.machinery.FileFinder.path_hook(
    (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES)
)


def sources_only(folder: str) -> object:
    """Finds the interpreted form of our parsers, whatever stands compiled beside it."""
    if Path(folder).name != "parsers":
        raise ImportError
    return FINDER(folder)


sys.path_hooks.insert(0, sources_only)
sys.path_importer_cache.clear()

with atheris.instrument_imports(include=["parsers"]):
    from parsers.engine import COMPILED, Engine
    from parsers.frames import FrameBlock
    from parsers.limits import Limits
    from tests.core.pieces import PIECES

assert not COMPILED

LIMITS = Limits(flows=8, head=600, headers=12, kept_body=300, reorder_bytes=600, reorder_total=2000, pipelined=4, batch_rows=8)
def converse(data: bytes) -> None:
    """One conversation, whatever the input says."""
    given = atheris.FuzzedDataProvider(data)
    frames: list[bytes] = []
    sequence = [1000, 2**32 - 50]
    port = 40000
    for _ in range(given.ConsumeIntInRange(1, 24)):
        act = given.ConsumeIntInRange(0, 15)
        who = given.ConsumeIntInRange(0, 1)
        flags, payload, step = 0x18, b"", 0
        if act < 8:
            for _ in range(given.ConsumeIntInRange(1, 4)):
                payload += PIECES[given.ConsumeIntInRange(0, len(PIECES) - 1)]
        elif act < 11:
            payload = given.ConsumeBytes(given.ConsumeIntInRange(0, 60))
        elif act == 11:
            step = given.ConsumeIntInRange(-60, 200)
            payload = PIECES[given.ConsumeIntInRange(0, len(PIECES) - 1)]
        elif act == 12:
            flags = given.ConsumeIntInRange(0, 63)
        elif act == 13:
            port = 40000 + given.ConsumeIntInRange(0, 12)
        elif act == 14 and frames:
            frames.append(frames[given.ConsumeIntInRange(0, len(frames) - 1)])
            continue
        elif act == 15 and len(frames) > 1:
            frames[-1], frames[-2] = frames[-2], frames[-1]
            continue
        if given.ConsumeBool() and len(payload) > 1:
            payload = payload[: given.ConsumeIntInRange(1, len(payload))]
        ports = (port, 80) if who == 0 else (80, port)
        ack = sequence[1 - who] + (given.ConsumeIntInRange(-30, 30) if act == 12 else 0)
        tcp = struct.pack("!HHIIBBHHH", *ports, (sequence[who] + step) & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, flags, 8192, 0, 0)
        ends = (b"\x0a\0\0\1", b"\x0a\0\0\2") if who == 0 else (b"\x0a\0\0\2", b"\x0a\0\0\1")
        frames.append(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), len(frames), 0, 64, 6, 0, *ends) + tcp + payload)
        sequence[who] += step + len(payload) + ((flags & 3) != 0)
    length = np.array([len(frame) for frame in frames], np.int64)
    count = len(frames)
    offset = np.zeros(count, np.int64)
    offset[1:] = np.cumsum(length)[:-1]
    times = np.arange(count, dtype=np.int64) * given.ConsumeIntInRange(0, 2**40)
    engine = Engine(LIMITS, key=(1, 2))
    batches = engine.feed(FrameBlock(np.frombuffer(b"".join(frames), np.uint8), offset, length, length, times, np.full(count, 101, np.int32), "f", offset))
    assert engine.counters["connections_open"] <= LIMITS.flows
    batches += engine.finish()
    assert engine.counters["connections_open"] == 0
    for batch in batches:
        batch.validate(full=True)
        for row in batch.to_pylist():
            assert row["method"] is not None or row["status"] is not None
            for name in ("request_body", "response_body"):
                assert row[name] is None or len(row[name]) <= LIMITS.kept_body
            for name in ("request_bytes", "response_bytes", "duration", "ttfb"):
                assert row[name] is None or row[name] >= 0, (name, row[name])


if __name__ == "__main__":
    atheris.Setup(sys.argv, converse)
    atheris.Fuzz()
