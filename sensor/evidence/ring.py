"""A bounded ring of the frames seen last: what evidence is cut from where there is no file to go back to."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from parsers.frames import FrameBlock


@dataclass(frozen=True, slots=True)
class RingLimits:
    """What the ring holds."""

    octets: int = 268_435_456
    """Octets of frames; 256 MiB are two seconds of a full 1 Gb/s port, and minutes of most."""
    seconds: int = 900
    """Packet time: past it a frame is forgotten, however much room there is (data that nobody needs is not kept)."""


PIECE = 1_048_576
"""Octets that are forgotten at a time."""


class FrameRing:
    """The latest frames, oldest first. `add` copies, since a source uses its buffers again."""

    def __init__(self, limits: RingLimits | None = None) -> None:
        self.limits = limits or RingLimits()
        self._pieces: deque[FrameBlock] = deque()
        self.octets = 0
        """Octets held now."""
        self.frames = 0
        """Frames held now."""
        self.forgotten = 0
        """Frames that were held and made place, or were too old."""

    def add(self, block: FrameBlock) -> None:
        """Take a block's frames in."""
        start, n = 0, len(block)
        while start < n:
            first = int(block.offset[start])
            # Frames lie one after the other in a block's buffer; where they do not, a piece ends.
            end = start + max(1, int(np.searchsorted(block.offset[start:] - first, PIECE, "right")))
            self._take(block.part(start, min(end, n)))
            start = end
        newest = int(self._pieces[-1].ts[-1]) if self._pieces else 0
        while self._pieces and (
            self.octets > self.limits.octets or newest - int(self._pieces[0].ts[-1]) > self.limits.seconds * 1_000_000_000
        ):
            if len(self._pieces) == 1:
                break
            oldest = self._pieces.popleft()
            self.octets -= len(oldest.data)
            self.frames -= len(oldest)
            self.forgotten += len(oldest)

    def _take(self, part: FrameBlock) -> None:
        low = int(part.offset.min())
        high = int((part.offset + part.captured).max())
        data = np.frombuffer(part.data, np.uint8, high - low, low).copy()
        source = None if part.source is None else part.source.copy()
        self._pieces.append(
            FrameBlock(
                data, part.offset - low, part.captured.copy(), part.length.copy(), part.ts.copy(), part.link.copy(), part.file, part.packet.copy(),
                part.files, source,
            )
        )  # fmt: skip
        self.octets += len(data)
        self.frames += len(part)

    def blocks(self) -> Iterator[FrameBlock]:
        """What is held now, in order."""
        yield from list(self._pieces)

    def counters(self) -> dict[str, int]:
        """How it stands, by name."""
        return {"ring_frames": self.frames, "ring_octets": self.octets, "ring_forgotten": self.forgotten}
