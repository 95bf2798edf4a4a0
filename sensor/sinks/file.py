"""Alerts in a file, a line each, with rotation by size. The file is its own spool: a line is written when `send` returns.

A full disk loses nothing while memory lasts: lines wait there, in order, and are written when there is room again; a line is never left half written, and one that a power cut left half is ended before the next begins. A file that something else
(logrotate) moves away or removes is begun anew. A named pipe is a file, too: while nobody reads from it, lines wait.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Callable
from pathlib import Path

from sensor.alerts import Alert
from sensor.errors import SensorError
from sensor.sinks.delivery import DeliveryState
from sensor.sinks.filters import Selection

WAITING_LINES = 20_000
"""Lines held while the disk takes none."""


class AlertFile:
    """`file:PATH?rotate=100M&keep=5`; `file:-` is standard output."""

    def __init__(
        self, path: str, line: Callable[[Alert], bytes], selection: Selection, rotate: int = 0, keep: int = 5
    ) -> None:
        self.name = f"file:{path}"
        self._path = Path(path)
        self._line = line
        self._selection = selection
        self._rotate = rotate
        self._keep = keep
        self._accepted = self._delivered = self._dropped = self._outages = 0
        self._error = ""
        self._waiting: deque[bytes] = deque()
        self._begun = 0
        """Octets of the first of these that a pipe has taken."""
        try:
            self._fd = os.dup(1) if path == "-" else self._open()
        except OSError as fault:
            why = "it is a pipe that nobody reads from" if fault.errno == errno.ENXIO else fault.strerror
            raise SensorError(f"{path}: cannot write alerts there: {why}") from fault
        self._named = path != "-"
        # Pipes and terminals can neither be cut back nor rotated.
        self._regular = stat.S_ISREG(os.fstat(self._fd).st_mode)

    def _open(self) -> int:
        # A pipe that nobody reads from is said, and one whose reader is stuck does not hold up the sensor.
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK, 0o640)
        stats = os.fstat(fd)
        if stat.S_ISREG(stats.st_mode) and stats.st_size:
            with self._path.open("rb") as written:
                written.seek(-1, os.SEEK_END)
                if written.read(1) != b"\n":
                    os.write(fd, b"\n")
        return fd

    def _moved(self) -> bool:
        """Whether the name stands for another file now, or for none."""
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return True
        here = os.fstat(self._fd)
        return (there.st_ino, there.st_dev) != (here.st_ino, here.st_dev)

    def send(self, alert: Alert) -> None:
        """Write one line, or keep it for later when the disk is full."""
        chosen = self._selection.of(alert)
        if chosen is None:
            return
        self._accepted += 1
        self._waiting.append(self._line(chosen) + b"\n")
        self._flush()
        if len(self._waiting) > WAITING_LINES:
            del self._waiting[1 if self._begun else 0]  # not the line that a pipe has half of
            self._dropped += 1

    def _flush(self) -> None:
        try:
            while self._waiting:
                self._write(self._waiting[0])
                self._waiting.popleft()
                self._delivered += 1
            self._error = ""
        except OSError as fault:
            if isinstance(fault, BrokenPipeError) and not self._named:
                raise  # standard output: its reader has seen enough
            if not self._error:
                self._outages += 1
            self._error = fault.strerror or str(fault)

    def _write(self, line: bytes) -> None:
        if self._regular and self._named and self._moved():
            fresh = self._open()
            os.close(self._fd)
            self._fd = fresh
        if self._regular and self._rotate:
            size = os.fstat(self._fd).st_size
            if size and size + len(line) > self._rotate:
                self._turn()
        if self._regular:
            done = os.write(self._fd, line)
            if done != len(line):
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - done)
                raise OSError(28, "No space left on device")
            return
        while self._begun < len(line):
            try:
                self._begun += os.write(self._fd, line[self._begun :])
            except BrokenPipeError:
                self._begun = 0  # its next reader gets the line from its start
                raise
        self._begun = 0

    def _turn(self) -> None:
        """alerts.jsonl -> alerts.jsonl.1 -> .2 ...: rename is atomic, so a reader that follows the name misses no line."""
        os.fdatasync(self._fd)
        for number in range(self._keep - 1, 0, -1):
            older = Path(f"{self._path}.{number}")
            if older.exists():
                older.replace(f"{self._path}.{number + 1}")
        if self._keep:
            self._path.replace(f"{self._path}.1")
        else:
            self._path.unlink()
        fresh = self._open()
        os.close(self._fd)
        self._fd = fresh

    def state(self) -> DeliveryState:
        """How it stands now."""
        return DeliveryState(
            self.name,
            self._accepted,
            self._delivered,
            len(self._waiting),
            self._dropped,
            self._outages,
            self._error,
            "memory only",
            self._error or "the disk did not take them",
        )

    def close(self, timeout: float = 10.0) -> DeliveryState:
        """Write what waits, if the disk takes it."""
        if self._fd >= 0:
            self._flush()
            self._dropped += len(self._waiting)
            self._waiting.clear()
            if self._regular:
                os.fsync(self._fd)
            os.close(self._fd)
            self._fd = -1
        return self.state()
