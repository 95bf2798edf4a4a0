"""Conversations made into frames: what the tests of the core feed to the engine."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from parsers.frames import FrameBlock
    from parsers.limits import Limits

# Modules of ours are imported where they are used: this file is loaded before `--form` is heard.

settings.register_profile("long", max_examples=5_000)

CLIENT, SERVER = 0, 1
ADDRESSES = (bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))


@dataclass(frozen=True)
class Frame:
    """One segment of the connection `port` -> 80."""

    who: int
    seq: int
    ack: int
    flags: int
    payload: bytes = b""
    port: int = 40000

    def octets(self, number: int) -> bytes:
        ports = (self.port, 80) if self.who == CLIENT else (80, self.port)
        tcp = struct.pack("!HHIIBBHHH", *ports, self.seq & 0xFFFFFFFF, self.ack & 0xFFFFFFFF, 0x50, self.flags, 65535, 0, 0)
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(self.payload), number & 0xFFFF, 0x4000, 64, 6, 0, ADDRESSES[self.who], ADDRESSES[1 - self.who])
        return bytes(12) + b"\x08\x00" + ip + tcp + self.payload


class Wire:
    """Two honest TCP ends: sends what it is told in segments, acknowledging what came before."""

    def __init__(self, port: int = 40000, first: tuple[int, int] = (1000, 900000), handshake: bool = True) -> None:
        self.port, self.next = port, list(first)
        self.frames: list[Frame] = []
        if handshake:
            self.frames.append(Frame(CLIENT, first[0], 0, 0x02, port=port))
            self.frames.append(Frame(SERVER, first[1], first[0] + 1, 0x12, port=port))
            self.next = [first[0] + 1, first[1] + 1]
            self.acknowledge(CLIENT)

    def acknowledge(self, who: int) -> None:
        self.frames.append(Frame(who, self.next[who], self.next[1 - who], 0x10, port=self.port))

    def send(self, who: int, octets: bytes, cuts: Sequence[int] = ()) -> None:
        edges = [0, *sorted({cut % len(octets) for cut in cuts} - {0}), len(octets)] if octets else []
        for start, end in itertools.pairwise(edges):
            self.frames.append(Frame(who, self.next[who], self.next[1 - who], 0x18, octets[start:end], self.port))
            self.next[who] += end - start
        self.acknowledge(1 - who)

    def close(self) -> None:
        for who in (CLIENT, SERVER):
            self.frames.append(Frame(who, self.next[who], self.next[1 - who], 0x11, port=self.port))
            self.next[who] += 1
        self.acknowledge(CLIENT)


def block_of(frames: Sequence[bytes], file: str = "made") -> FrameBlock:
    from parsers.frames import FrameBlock

    length = np.array([len(frame) for frame in frames], np.int64)
    count = len(frames)
    return FrameBlock(
        np.frombuffer(b"".join(frames), np.uint8),
        np.concatenate([np.zeros(1, np.int64), np.cumsum(length)[:-1]]) if count else length,
        length,
        length,
        1_700_000_000_000_000_000 + np.arange(count, dtype=np.int64) * 1_000_000,
        np.ones(count, np.int32),
        file,
        np.arange(1, count + 1, dtype=np.int64),
    )


def read(frames: Sequence[Frame], limits: Limits | None = None) -> tuple[list[dict[str, Any]], dict[str, int]]:
    from parsers.engine import Engine

    engine = Engine(limits)
    batches = engine.feed(block_of([frame.octets(number) for number, frame in enumerate(frames)])) + engine.finish()
    return [row for batch in batches for row in batch.to_pylist()], engine.counters


@pytest.fixture
def wire() -> type[Wire]:
    return Wire


@pytest.fixture
def replay() -> Callable[..., tuple[list[dict[str, Any]], dict[str, int]]]:
    return read


@pytest.fixture
def frames_block() -> Callable[[Sequence[bytes]], FrameBlock]:
    return block_of
