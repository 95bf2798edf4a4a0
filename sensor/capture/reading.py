"""One capture as blocks of frames, through buffers of bounded size that are used again and again.

A plain file is read too, not mapped: the kernel's copy into a buffer that the processor's cache still holds costs less than the page tables of a
mapping and the cache misses of reading it here and there (2.2 GB: 0.30 s of CPU beside 0.39 s, walking all frames and copying their payload), and
a file that becomes shorter meanwhile ends as data, not as a signal.

Damage ends a capture, it never raises: what came before is handed out, and `CaptureStats` gets one warning and a count.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from parsers.frames import BLOCK_MAX, FrameBlock, PcapIndex, PcapngIndex, kind_of
from sensor.capture import formats
from sensor.capture.decompress import Damaged, Plain, Stream, decompressed
from sensor.errors import reason

ROOM = 4_096
"""Frames of one block."""
WINDOW = 8_388_608
"""Octets of one block made by merging captures."""
BUFFER = 1_048_576
"""Octets of one buffer: they stay in the processor's cache between reading, the index and the decoder."""
BUFFERS = 16
"""Buffers of the usual size kept for use again, of one capture."""
SECRETS = 65_536
"""Secrets kept of all captures together."""
NEVER = 0x7FFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True)
class CaptureWarning:
    """What was wrong with one capture; `str()` is the sentence."""

    file: str
    message: str
    at: int
    """Octet of the (decompressed) capture where its use ended."""
    frames: int
    """Packets met before."""

    def __str__(self) -> str:
        return f"{self.file}: {self.message}" if self.file else self.message


@dataclass(frozen=True, slots=True)
class Secret:
    """A pcapng Decryption Secrets Block."""

    file: str
    kind: int
    """The block's secrets type: 0x544c534b is a TLS key log."""
    data: bytes = field(repr=False)


@dataclass(slots=True, eq=False)
class CaptureStats:
    """What was read so far."""

    files: int = 0
    """Captures opened."""
    frames: int = 0
    octets: int = 0
    """Octets of the frames handed out."""
    warnings: list[CaptureWarning] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    """What was odd, by name: captures_damaged, captures_cut_short, files_skipped, capture_drops, time_backwards, frames_untimed ..."""

    def count(self, name: str, n: int = 1) -> None:
        """Add to a counter."""
        self.counters[name] = self.counters.get(name, 0) + n


class Capture:
    """One capture, opened and recognised. Raises CaptureError when it cannot be opened, NotACapture when it is none."""

    def __init__(self, name: str, path: Path | None, stdin: int = 0) -> None:
        self.name = name
        self._said = "standard input" if path is None else name
        self.inode = (0, 0)
        self.share = 1
        """How many captures are being merged: each takes a smaller window then, so that together they stay within the same memory."""
        self.size: int | None = None
        """Octets of the file, None for what is no plain file and can be read only once."""
        self._buffers: list[npt.NDArray[np.uint8]] = []
        self._whole = False  # a plain file, whose octets are the capture's
        self._own = path is not None
        self._blocks: Iterator[FrameBlock] | None = None
        self._ahead: FrameBlock | None = None
        self._stats = CaptureStats()
        self._stream: Stream | None = None
        self._head = b""
        self._index: PcapIndex | PcapngIndex | None = None
        try:
            self._fd = stdin if path is None else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise formats.CaptureError(f"{name}: cannot be opened: {error.strerror}") from error
        try:
            self._recognise()
        except BaseException:
            self.close()
            raise

    def _recognise(self) -> None:
        try:
            about = os.fstat(self._fd)
            self.inode = (about.st_dev, about.st_ino)
            if stat.S_ISREG(about.st_mode) and os.lseek(self._fd, 0, os.SEEK_CUR) == 0:
                self.size = about.st_size
                self._head = os.pread(self._fd, formats.HEAD, 0)
                os.lseek(self._fd, len(self._head), os.SEEK_SET)
                with contextlib.suppress(OSError, AttributeError):
                    os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
            else:
                with contextlib.suppress(OSError, AttributeError):
                    fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, 1 << 20)
                self._head = _head_of(Plain(self._fd), 24)
            coding = formats.coding_of(self._head)
            self._whole = self.size is not None and not coding
            self._stream = decompressed(Plain(self._fd, self._head), coding)
        except (OSError, Damaged) as error:
            why = reason(error) if isinstance(error, OSError) else str(error)
            raise formats.CaptureError(f"{self._said}: {'' if isinstance(error, Damaged) else 'cannot be read: '}{why}") from error
        if coding:
            try:
                self._head = _head_of(self._stream, 24)
            except Damaged as error:
                raise formats.NotACapture(
                    f"{self._said} is not a capture: {error}, before a capture's header"
                ) from error
            if not self._head:
                raise formats.NotACapture(f"{self._said} is not a capture: what is compressed in it is empty")
        else:
            self._stream.readinto(memoryview(bytearray(len(self._head))))  # it is in hand, and goes first below
        kind = kind_of(self._head)
        if not kind or (kind == "pcapng" and self._head[8:12] not in {b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a", b""}):
            raise formats.NotACapture(f"{self._said} is not a capture: {formats.why_refused(self._head)}")
        if kind == "pcapng":
            self._index = PcapngIndex()
        elif len(self._head) >= 24:
            try:
                self._index = PcapIndex(self._head[:24])
            except ValueError as error:
                raise formats.NotACapture(f"{self._said} is not a capture: {error}") from error

    @property
    def secrets(self) -> list[Secret]:
        """The decryption secrets met so far: they stand before the packets they are for."""
        if not isinstance(self._index, PcapngIndex):
            return []
        return [Secret(self.name, kind, data) for kind, data in self._index.secrets]

    @property
    def taken(self) -> int:
        """Octets of the file read so far."""
        return self._stream.taken if self._stream is not None else 0

    def first_time(self) -> int:
        """Time of the first frame; later than any time where there is none."""
        if self._ahead is None and self._blocks is None:
            self.share = 64  # a look at the first frame needs no large window
            self._blocks = self._read_on(self._stats)
            self._ahead = next(self._blocks, None)
            self.share = 1
        return NEVER if self._ahead is None else int(self._ahead.ts[0])

    def blocks(self, stats: CaptureStats) -> Iterator[FrameBlock]:
        """The frames, a block at a time, once; `stats` gets the counters and the warning at the end."""
        if self._blocks is None:
            yield from self._read_on(stats)
            return
        if self._ahead is not None:
            yield self._ahead
        yield from self._blocks
        stats.files += self._stats.files
        stats.warnings += self._stats.warnings
        for name, n in self._stats.counters.items():
            stats.count(name, n)

    def _read_on(self, stats: CaptureStats) -> Iterator[FrameBlock]:
        stats.files += 1
        index = self._index
        if index is None or self._stream is None:
            self._end(stats, "", len(self._head), True)
            return
        yield from self._streamed(index, self._stream, stats)

    def _streamed(self, index: PcapIndex | PcapngIndex, stream: Stream, stats: CaptureStats) -> Iterator[FrameBlock]:
        buffer = self._buffer(0)
        head = self._head
        buffer[: len(head)] = np.frombuffer(head, np.uint8)
        filled = len(head)
        base = 0  # where the buffer lies in the capture
        at = index.first
        fault = ""
        ended = False
        while not ended:
            try:
                while filled < len(buffer):
                    got = stream.readinto(memoryview(buffer)[filled:])  # type: ignore[arg-type]
                    if got == 0:
                        ended = True
                        break
                    filled += got
                    if filled < len(buffer) and not stream.ready():
                        break
            except Damaged as damage:
                fault = str(damage)
                ended = True
            while True:
                stop = index.index(buffer, at, max(at, filled), max(1024, ROOM // self.share)) if at <= filled else at
                need, full = index.need, index.count and not index.need and not index.damage
                if index.count:
                    # Frames that were handed out are never written over: what comes next goes behind them, or into another buffer.
                    yield index.block(buffer, self.name)
                at = stop
                if not full:
                    break
            if index.damage:
                break
            if at + need > len(buffer) or len(buffer) - filled < len(buffer) // 8:
                if need > BLOCK_MAX:  # the index promises otherwise
                    raise AssertionError("a record larger than any block")
                fresh = self._buffer(2 * need)
                fresh[: filled - at] = buffer[at:filled]
                buffer, base, filled, at = fresh, base + at, filled - at, 0
        if self._whole and not fault and base + filled < (self.size or 0):
            fault = "it became shorter while it was read"
        self._end(stats, index.damage or fault, base + at, at < filled and not index.damage and not fault)

    def _end(self, stats: CaptureStats, fault: str, at: int, cut: bool) -> None:
        index = self._index
        packets = 0
        remarks = []
        if index is not None:
            packets = index.packets
            counters = index.counters()
            for name, n in counters.items():
                stats.count(name, n)
            if n := counters.get("frames_without_interface", 0):
                remarks.append(f"{n} packets name an interface that is not described, and are left out")
            if n := counters.get("frames_oversized", 0):
                remarks.append(f"{n} packets are larger than a frame can be, and are left out")
        if fault:
            stats.count("captures_damaged")
            remarks.insert(0, f"{fault} (octet {at}); the {packets} packets before it are used")
        elif cut:
            stats.count("captures_cut_short")
            remarks.insert(
                0,
                f"it is cut short (octet {at}); the {packets} packets before that are used"
                if index
                else "it is cut short within its own header",
            )
        if remarks:
            stats.warnings.append(CaptureWarning(self.name, "; ".join(remarks), at, packets))

    def _buffer(self, least: int) -> npt.NDArray[np.uint8]:
        """A buffer of `least` octets or more: one that nobody refers to any more, or a new one."""
        size = max(65_536, BUFFER // self.share)
        if least > size:
            return np.empty(least, np.uint8)
        for buffer in self._buffers:
            # Two references besides a user's: the list's and the loop's name; getrefcount's own argument is the third.
            if len(buffer) == size and sys.getrefcount(buffer) <= 3:
                return buffer
        buffer = np.empty(size, np.uint8)
        self._buffers = [kept for kept in self._buffers if len(kept) == size][-BUFFERS + 1 :] + [buffer]
        return buffer

    def close(self) -> None:
        """Let the file go. Blocks keep what they refer to."""
        if self._own and self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


def _head_of(stream: Stream, size: int) -> bytes:
    """The first octets of a stream: `size` of them, or all there are."""
    head = bytearray(size)
    got = 0
    while got < size:
        n = stream.readinto(memoryview(head)[got:])
        if n == 0:
            break
        got += n
    return bytes(head[:got])
