"""What a call costs: packets to CallBatch, and the curves over the number of calls and of connections.

    python tests/bench/bench_core.py core CAPTURE            packets -> CallBatch: calls per CPU second, peak private memory
    python tests/bench/bench_core.py calls                   the cost of a call from 10 000 calls to 2 000 000, over 1000 connections
    python tests/bench/bench_core.py connections [CALLS]     the same calls (a million) over 100 to 100 000 connections at once

The first reads a real capture (reading the file is not counted). The other two make their frames, since no client here holds 100 000 connections: all of them
live at once and each takes its turn, which is the worst order for caches; the making is not counted. Every line is one process of its own.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from parsers.engine import COMPILED, Engine  # noqa: E402
from parsers.frames import FrameBlock  # noqa: E402


def private_megabytes() -> float:
    """Memory of this process alone: mapped files that others could share are not in it."""
    total = 0
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith(("Private_Clean:", "Private_Dirty:")):
            total += int(line.split()[1])
    return total / 1024


def measure(blocks: Iterator[FrameBlock], most: int | None) -> str:
    """Feeds blocks until `most` calls are out; returns the line to print."""
    engine = Engine()
    calls, peak, frames, octets = 0, 0.0, 0, 0
    used, checked = 0.0, time.perf_counter()
    for block in blocks:
        frames += len(block)
        octets += int(block.length.sum())
        started = time.process_time()
        calls += sum(batch.num_rows for batch in engine.feed(block))
        used += time.process_time() - started
        if time.perf_counter() - checked > 0.25:
            peak = max(peak, private_megabytes())
            checked = time.perf_counter()
        if most is not None and calls >= most:
            break
    opened = engine.counters["connections_open"]
    peak = max(peak, private_megabytes())
    started = time.process_time()
    calls += sum(batch.num_rows for batch in engine.finish())
    used += time.process_time() - started
    return (
        f"{calls:>10,} calls {frames:>11,} packets {opened:>8,} connections at the end {used:8.2f} s CPU {calls / used:>11,.0f} calls/s "
        f"{1e9 * used / calls:7.0f} ns a call {1e9 * used / frames:6.0f} ns a packet {octets / used / 1e6:7.0f} MB/s {peak:6.0f} MB private{'' if COMPILED else ' (interpreted)'}"
    )


def made(connections: int, calls: int) -> Iterator[FrameBlock]:
    """Calls over many connections in turn: request, response with its acknowledgement, acknowledgement."""
    request = b"GET /v1/items/7 HTTP/1.1\r\nHost: api.example\r\nUser-Agent: bench\r\nAccept: application/json\r\n\r\n"
    body = b'{"id":7,"name":"a thing","price":12.5,"tags":["new","sale"]}'
    response = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    def frame(client: bool, flags: int, payload: bytes) -> bytearray:
        made_one = bytearray(bytes(12) + b"\x08\x00" + struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0, bytes(4), bytes(4)))
        made_one += struct.pack("!HHIIBBHHH", 0, 0, 0, 0, 0x50, flags, 65535, 0, 0) + payload
        server = struct.pack("!I", 0x0A630001)
        made_one[30 if client else 26 : 34 if client else 30] = server
        struct.pack_into("!H", made_one, 36 if client else 34, 80)
        return made_one

    asks, answers, closes = frame(True, 0x18, request), frame(False, 0x18, response), frame(True, 0x10, b"")
    opens = [frame(True, 0x02, b""), frame(False, 0x12, b""), frame(True, 0x10, b"")]
    rounds = max(1, calls // connections)
    ts = 1_700_000_000_000_000_000
    for turn in range(-1, rounds):
        for begin in range(0, connections, 4096):
            frames: list[bytes] = []
            for number in range(begin, min(begin + 4096, connections)):
                address, port = 0x0A000000 + number // 50_000, 10_000 + number % 50_000
                if turn < 0:
                    numbers = [(100, 0), (500, 101), (101, 501)]
                    some = opens
                else:
                    ask, answer = 101 + turn * len(request), 501 + turn * len(response)
                    numbers = [(ask, answer), (answer, ask + len(request)), (ask + len(request), answer + len(response))]
                    some = [asks, answers, closes]
                for one, (seq, ack), client in zip(some, numbers, (True, False, True), strict=True):
                    struct.pack_into("!I", one, 26 if client else 30, address)
                    struct.pack_into("!H", one, 34 if client else 36, port)
                    struct.pack_into("!II", one, 38, seq, ack)
                    frames.append(bytes(one))
            length = np.array([len(one) for one in frames], np.int64)
            offset = np.zeros(len(frames), np.int64)
            offset[1:] = np.cumsum(length)[:-1]
            times = ts + np.arange(len(frames), dtype=np.int64) * 1000
            ts = int(times[-1]) + 1000
            yield FrameBlock(
                np.frombuffer(b"".join(frames), np.uint8), offset, length, length, times, np.ones(len(frames), np.int32), "made",
                np.arange(1, len(frames) + 1, dtype=np.int64),
            )  # fmt: skip


def by_itself(*arguments: str) -> None:
    """One line in a process of its own, so that memory and warm caches of one do not show in the next."""
    print(subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True, check=True).stdout.strip(), flush=True)


def main() -> None:
    what, rest = sys.argv[1], sys.argv[2:]
    if what == "core":
        from sensor.capture import open_captures

        with open_captures([rest[0]]) as source:
            print(measure(iter(source), None))
    elif what == "calls":
        for count in (10_000, 30_000, 100_000, 300_000, 1_000_000, 2_000_000):
            by_itself("some", "1000", str(count))
    elif what == "connections":
        for count in (100, 1_000, 10_000, 100_000):
            by_itself("some", str(count), rest[0] if rest else "1000000")
    elif what == "some":
        print(measure(made(int(rest[0]), int(rest[1])), None))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
