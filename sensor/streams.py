"""The three standard streams, whatever a command was started with: closed, full, or in an encoding that lacks what is to be shown.

What cannot be encoded is shown as an escape (`\\xe9`, `\\u4e2d`), never refused. A descriptor that is closed is taken, so that no file opened later stands
in its place, and refuses as a closed one does. Standard output that refuses raises `CannotWrite`; of standard error nobody could be told, so it is let go.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import select
import sys
from typing import TextIO

from sensor.errors import writing
from sensor.terminal import SHOWN, escaped, unseen_escaped

__all__ = ["close_output", "prepare"]


class _Output(io.FileIO):
    """Standard output: waits where it cannot be written at once, and says its name where it cannot be written at all. A terminal gets no character that is
    not to be seen, but our own control sequences; files and pipes get what is written."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd, "w", closefd=False)
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape") if self.isatty() else None

    def write(self, octets: bytes, /) -> int:  # type: ignore[override]
        left = octets if self._decoder is None else unseen_escaped(self._decoder.decode(octets)).encode("utf-8", "surrogateescape")
        with writing("standard output"):
            while left:
                done = super().write(left)
                if done is None:
                    select.select([], [self.fileno()], [])
                else:
                    left = left[done:]
        return len(octets)


class _Errors(io.FileIO):
    """Standard error: what cannot be said there cannot be said."""

    def write(self, octets: bytes, /) -> int:  # type: ignore[override]
        with contextlib.suppress(OSError):
            while super().write(octets) is None:
                select.select([], [self.fileno()], [])
        return len(octets)


def prepare() -> None:
    """Make the standard streams of this process such."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            # The lowest free descriptor is this one; opened the wrong way round it refuses what is asked of it.
            os.open(os.devnull, os.O_WRONLY if fd == 0 else os.O_RDONLY)
    codecs.register_error(SHOWN, escaped)
    sys.stdout = _text(_Output(1), sys.stdout)
    sys.stderr = _text(_Errors(2, "w", closefd=False), sys.stderr)


def close_output() -> None:
    """The reader of standard output has seen enough: what else is written there goes nowhere, what Python still holds of it included."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _text(raw: io.FileIO, like: TextIO | None) -> io.TextIOWrapper:
    """Text into `raw`, in the encoding that Python chose for the stream that it stands for."""
    lines = raw.fileno() == 2 or raw.isatty()
    through = getattr(like, "write_through", False)
    return io.TextIOWrapper(io.BufferedWriter(raw), getattr(like, "encoding", None), SHOWN, line_buffering=lines, write_through=through)
