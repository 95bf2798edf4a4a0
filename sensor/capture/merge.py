"""Many captures as one stream in time order.

Captures are opened as their first frame's time comes and closed at their end, so that a thousand rotated files cost what two cost. Where
captures do not overlap, their blocks pass as they are. Where they do, frames are merged by time, a window at a time and in numpy: frames
that interleave finely are copied into one buffer, long runs pass as parts of their own block.

Inside one capture the order is the capture's, even where its clock steps back: a frame counts as late as the latest before it.
"""

from __future__ import annotations

import resource
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from parsers.frames import FrameBlock, copy_frames
from sensor.capture.formats import CaptureError
from sensor.capture.reading import ROOM, WINDOW, Capture, CaptureStats, CaptureWarning

OPEN = min(256, max(2, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4))
"""Captures merged at once: each holds a descriptor, of which a process has 1024 by default, and a window."""
_RUN = 64
"""Frames of one capture in a row, on average, from which on runs are passed rather than copied."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A capture that is not open yet, or that cannot be opened twice."""

    first: int
    """Time of its first frame."""
    open: Callable[[], Capture]


class _Cursor:
    """Where one capture stands: its window, and the time that each of its frames counts for."""

    def __init__(self, capture: Capture, stats: CaptureStats) -> None:
        self.capture = capture
        self.block: FrameBlock | None = None
        self.key: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self.at = 0
        self._blocks = capture.blocks(stats)

    def load(self) -> bool:
        """Have a frame at hand; False when the capture is at its end."""
        while self.at >= len(self.key):
            latest = self.key[-1] if len(self.key) else None
            self.block = next(self._blocks, None)
            if self.block is None:
                return False
            self.key = np.maximum.accumulate(self.block.ts)
            if latest is not None:
                np.maximum(self.key, latest, out=self.key)
            self.at = 0
        return True

    def rest(self) -> Iterator[FrameBlock]:
        """All frames from here on, as they come."""
        if self.block is not None and self.at < len(self.key):
            yield self.block.part(self.at, len(self.key)) if self.at else self.block
        self.at = len(self.key)
        yield from self._blocks


def merge(
    waiting: list[Waiting], stats: CaptureStats, closed: Callable[[Capture], None]
) -> Generator[FrameBlock, None, None]:
    """The frames of all captures in time order; `closed` is called for each when it has given all it has."""
    queue = deque(sorted(waiting, key=lambda capture: capture.first))
    active: list[_Cursor] = []
    try:
        while True:
            for cursor in list(active):
                if not cursor.load():
                    active.remove(cursor)
                    closed(cursor.capture)
            if not active:
                if not queue:
                    return
                active += _opened(queue.popleft(), stats)
                continue
            if len(active) == 1 and not queue:
                # The last one: nothing is left to merge it with.
                active[0].capture.share = 1
                yield from active[0].rest()
                continue
            earliest = min(int(cursor.key[cursor.at]) for cursor in active)
            limit = min(int(cursor.key[-1]) for cursor in active)
            if queue and queue[0].first <= earliest and len(active) < OPEN:
                active += _opened(queue.popleft(), stats)
                for cursor in active:
                    cursor.capture.share = len(active)
                continue
            until_next = bool(queue) and queue[0].first <= limit and len(active) < OPEN
            if queue and queue[0].first <= earliest and not until_next:
                stats.counters["merge_full"] = 1
            parts = []
            for cursor in active:
                end = int(
                    np.searchsorted(cursor.key, queue[0].first, "left")
                    if until_next
                    else np.searchsorted(cursor.key, limit, "right")
                )
                if end > cursor.at and cursor.block is not None:
                    parts.append((cursor.block.part(cursor.at, end), cursor.key[cursor.at : end]))
                    cursor.at = end
            if len(parts) == 1:
                yield parts[0][0]
            else:
                yield from _woven([block for block, _ in parts], np.concatenate([key for _, key in parts]))
    finally:
        for cursor in active:
            closed(cursor.capture)


def _opened(waiting: Waiting, stats: CaptureStats) -> list[_Cursor]:
    """The capture, where it can still be opened: one that has gone since it was looked at costs its own packets, with a warning."""
    try:
        return [_Cursor(waiting.open(), stats)]
    except CaptureError as fault:
        stats.count("captures_damaged")
        stats.warnings.append(CaptureWarning("", f"{fault}: it is left out", 0, 0))
        return []


def _woven(blocks: list[FrameBlock], key: npt.NDArray[np.int64]) -> Iterator[FrameBlock]:
    """Frames of several blocks in the order of `key`; equal times keep the order of the blocks."""
    order = np.argsort(key, kind="stable")
    source = np.repeat(np.arange(len(blocks), dtype=np.int32), [len(block) for block in blocks])[order]
    place = (np.concatenate([np.arange(len(block)) for block in blocks]))[order]
    edges = np.flatnonzero(np.diff(source)) + 1
    if (len(edges) + 1) * _RUN <= len(order):
        for start, end in zip([0, *edges.tolist()], [*edges.tolist(), len(order)], strict=True):
            first = int(place[start])
            yield blocks[int(source[start])].part(first, first + end - start)
        return
    ends = np.cumsum(np.concatenate([block.captured for block in blocks])[order])
    start = 0
    while start < len(order):
        before = int(ends[start - 1]) if start else 0
        end = min(start + ROOM, max(start + 1, int(np.searchsorted(ends, before + WINDOW, "right"))))
        yield _copied(blocks, source[start:end], place[start:end], ends[start:end] - before)
        start = end


def _copied(
    blocks: list[FrameBlock], source: npt.NDArray[np.int32], place: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
) -> FrameBlock:
    """One block, on a buffer of its own, of the frames `place` of `blocks[source]`."""
    n = len(source)
    data = np.empty(int(ends[-1]), np.uint8)
    captured, length, ts, packet = (np.empty(n, np.int64) for _ in range(4))
    link = np.empty(n, np.int32)
    offset = np.empty(n, np.int64)
    for number, block in enumerate(blocks):
        here = np.flatnonzero(source == number)
        there = place[here]
        captured[here] = block.captured[there]
        length[here] = block.length[there]
        ts[here] = block.ts[there]
        packet[here] = block.packet[there]
        link[here] = block.link[there]
        offset[here] = ends[here] - captured[here]
        copy_frames(data, offset[here], block.data, block.offset[there], captured[here])
    names = tuple(block.file for block in blocks)
    return FrameBlock(data, offset, captured, length, ts, link, names[int(source[0])], packet, names, source.copy())
