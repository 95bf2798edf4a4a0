"""Examples as real traffic: each call on a TCP connection of its own, in Ethernet frames, read by the real engine."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from parsers import Engine, FrameBlock, Limits
from rules.examples import expanded, octets

_SYN, _ACK, _PSH, _FIN = 0x02, 0x10, 0x08, 0x01
_SERVER = "203.0.113.10"


def batches_of(calls: Sequence[Mapping[str, Any]]) -> list[pa.RecordBatch]:
    """The batches that the engine makes of an example's calls."""
    frames: list[tuple[int, bytes]] = []
    for request, response, client, ts, number, _weird in expanded(calls):
        sides = [(client, 20000 + number), (_SERVER, 80)]
        seq = [1000, 9000]
        step = 0

        def send(side: int, flags: int, data: bytes = b"", sides: Any = sides, seq: list[int] = seq, ts: int = ts) -> None:
            nonlocal step
            frames.append((ts + step * 1000, _frame(sides[side], sides[1 - side], seq[side], seq[1 - side], flags, data)))
            seq[side] += len(data) + (1 if flags & (_SYN | _FIN) else 0)
            step += 1

        send(0, _SYN)
        send(1, _SYN | _ACK)
        send(0, _ACK)
        for side, message in ((0, request), (1, response)):
            if message is not None:
                data = octets(message)
                for start in range(0, len(data), 1400):
                    send(side, _PSH | _ACK, data[start : start + 1400])
        send(1, _FIN | _ACK)
        send(0, _FIN | _ACK)
        send(1, _ACK)
    frames.sort(key=lambda frame: frame[0])
    lengths = np.array([len(data) for _, data in frames], np.int64)
    count = len(frames)
    block = FrameBlock(
        b"".join(data for _, data in frames),
        np.cumsum(lengths) - lengths,
        lengths,
        lengths,
        np.array([ts for ts, _ in frames], np.int64),
        np.ones(count, np.int32),
        "examples.pcap",
        np.arange(1, count + 1),
    )
    engine = Engine(limits=Limits())
    return [*engine.feed(block), *engine.finish()]


def _frame(source: tuple[str, int], target: tuple[str, int], seq: int, ack: int, flags: int, data: bytes) -> bytes:
    tcp = struct.pack("!HHIIBBHHH", source[1], target[1], seq, ack if flags & _ACK else 0, 5 << 4, flags, 65535, 0, 0) + data
    addresses = ipaddress.IPv4Address(source[0]).packed + ipaddress.IPv4Address(target[0]).packed
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0) + addresses
    return b"\x02" * 6 + b"\x04" * 6 + b"\x08\x00" + ip + tcp
