"""Octets out of a descriptor, as they are or decompressed, never more at once than asked for.

Each stream has `readinto(view)`, which gives what there is without waiting for the view to fill, and 0 at the end. Data that is cut short or
damaged ends with `Damaged`, after everything before the damage was given. A small file that unpacks to terabytes costs time here, not memory.
"""

from __future__ import annotations

import os
import select
import zlib
from typing import IO, Any, Protocol, cast

import zstandard

from sensor.errors import reason

_PIECE = 262_144
_ZSTD_WINDOW = 1 << 27
"""128 MiB, as far as zstd itself goes unless told otherwise (--long=27)."""
_XZ_MEMORY = 1 << 28


class Damaged(Exception):
    """The data ends in the middle, or cannot be decoded; the sentence says which. Never leaves this package."""


class Stream(Protocol):
    """Where octets come from."""

    @property
    def taken(self) -> int:
        """Octets taken from the descriptor so far, as they lie there."""
        ...

    def readinto(self, view: memoryview) -> int: ...

    def ready(self) -> bool:
        """Whether more can be had without waiting."""
        ...


class Plain:
    """A descriptor as it is; what was read from it to recognise it comes first."""

    def __init__(self, fd: int, head: bytes = b"") -> None:
        self._fd = fd
        self._head = head
        self.taken = len(head)

    def readinto(self, view: memoryview) -> int:
        if self._head:
            n = min(len(view), len(self._head))
            view[:n] = self._head[:n]
            self._head = self._head[n:]
            return n
        try:
            n = os.readv(self._fd, [view])
        except OSError as error:
            raise Damaged(f"it cannot be read on: {reason(error)}") from error
        self.taken += n
        return n

    def ready(self) -> bool:
        if self._head:
            return True
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(0))

    def piece(self) -> bytes:
        """Some octets, b"" at the end."""
        buffer = bytearray(_PIECE)
        return bytes(buffer[: self.readinto(memoryview(buffer))])


class Members:
    """gzip, xz and bzip2: members one after another, each with its own decoder. Padding after the last is no damage."""

    def __init__(self, plain: Plain, coding: str) -> None:
        self._plain = plain
        self._coding = coding
        self._decoder: Any = None
        self._pending = b""
        self._members = 0

    @property
    def taken(self) -> int:
        return self._plain.taken

    def ready(self) -> bool:
        return bool(self._pending) or self._plain.ready()

    def _new(self) -> Any:
        if self._coding == "gzip":
            return zlib.decompressobj(wbits=31)
        if self._coding == "xz":
            import lzma

            return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
        import bz2

        return bz2.BZ2Decompressor()

    def readinto(self, view: memoryview) -> int:
        while True:
            if self._decoder is None:
                if not self._pending:
                    self._pending = self._plain.piece()
                if self._members:
                    self._pending = self._pending.lstrip(b"\x00")
                    if not self._pending and not (again := self._plain.piece()):
                        return 0
                    elif not self._pending:
                        self._pending = again
                        continue
                elif not self._pending:
                    return 0
                self._decoder = self._new()
            waiting = self._coding != "gzip" and not self._decoder.needs_input
            if not self._pending and not waiting:
                self._pending = self._plain.piece()
                if not self._pending:
                    raise Damaged(f"its {self._coding} data is cut short")
            try:
                out = self._decoder.decompress(self._pending, len(view))
            except (zlib.error, OSError, EOFError, ValueError) as error:
                raise Damaged(f"its {self._coding} data is damaged ({error})") from error
            except Exception as error:
                if type(error).__name__ != "LZMAError":
                    raise
                raise Damaged(f"its {self._coding} data is damaged ({error})") from error
            if self._decoder.eof:
                self._pending = self._decoder.unused_data
                self._decoder = None
                self._members += 1
            else:
                self._pending = self._decoder.unconsumed_tail if self._coding == "gzip" else b""
            if out:
                view[: len(out)] = out
                return len(out)


class Zstd:
    """zstd: frames one after another, and skippable ones between them."""

    def __init__(self, plain: Plain) -> None:
        self._plain = plain
        self._walk = _Frames()
        decoder = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._reader = decoder.stream_reader(cast(IO[bytes], self), read_size=_PIECE, read_across_frames=True)

    @property
    def taken(self) -> int:
        return self._plain.taken

    def ready(self) -> bool:
        return self._plain.ready()

    def read(self, _size: int) -> bytes:
        """What the decoder takes its octets from."""
        piece = self._plain.piece()
        self._walk.feed(piece)
        return piece

    def readinto(self, view: memoryview) -> int:
        try:
            n: int = self._reader.readinto1(view)
        except zstandard.ZstdError as error:
            raise Damaged(f"its zstd data is damaged ({error})") from error
        if n == 0 and self._walk.inside:
            raise Damaged("its zstd data is cut short")
        return n


class _Frames:
    """Follows zstd frames (RFC 8878) from block to block, since the decoder does not tell a whole end from one that is cut off."""

    def __init__(self) -> None:
        self._held = b""
        self._skip = 0
        self._blocks = False
        self._checksum = 0

    @property
    def inside(self) -> bool:
        """Whether the octets so far end within a frame."""
        return bool(self._held) or self._skip > 0 or self._blocks

    def feed(self, piece: bytes) -> None:
        data = self._held + piece
        at = 0
        while True:
            if self._skip:
                step = min(self._skip, len(data) - at)
                at += step
                self._skip -= step
                if self._skip:
                    break
            left = data[at : at + 18]
            if self._blocks:
                if len(left) < 3:
                    break
                header = int.from_bytes(left[:3], "little")
                self._skip = (
                    1 if header >> 1 & 3 == 1 else header >> 3
                )  # a block of one octet repeated holds that octet only
                if header & 1:
                    self._blocks = False
                    self._skip += self._checksum
                at += 3
                continue
            if len(left) < 8:
                if len(left) < 5 or left[1:4] == b"\x2a\x4d\x18":
                    break
            if left[1:4] == b"\x2a\x4d\x18" and left[0] & 0xF0 == 0x50:
                self._skip = int.from_bytes(left[4:8], "little")
                at += 8
                continue
            flags = left[4]
            single = flags >> 5 & 1
            size = 5 + (1 - single) + (0, 1, 2, 4)[flags & 3] + (single, 2, 4, 8)[flags >> 6]
            if len(left) < size:
                break
            self._checksum = 4 if flags & 4 else 0
            self._blocks = True
            at += size
        self._held = data[at:]


def decompressed(plain: Plain, coding: str) -> Stream:
    """The octets that `plain` holds in that coding ("" for none)."""
    if coding == "":
        return plain
    return Zstd(plain) if coding == "zstd" else Members(plain, coding)
