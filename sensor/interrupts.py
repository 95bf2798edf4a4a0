"""Ctrl-C and SIGTERM while calls are being judged.

What is half counted when a run is interrupted could be counted neither then nor by the next run. So a signal that comes while a block is judged waits until
the block is done; one that comes while the next block is waited for ends that at once. A second one never waits.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Patience:
    """Used as a context around a whole run; `busy` is a context around what must not be cut in two."""

    def __init__(self) -> None:
        self.busy = _Busy(self)
        self._came = False
        self._waiting = 0
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Patience:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                previous = signal.getsignal(number)
                if callable(previous):  # who ignores a signal, or dies of it, goes on doing so
                    self._previous[number] = previous
                    signal.signal(number, self._take)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, previous in self._previous.items():
            signal.signal(number, previous)
        self._previous.clear()

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.busy.now and not self._came:
            self._came, self._waiting = True, number
        else:
            self._came = True
            self._previous[number](number, frame)

    def _raise(self) -> None:
        """Do now what a signal asked for that had to wait."""
        number, self._waiting = self._waiting, 0
        if number:
            self._previous[number](number, None)


class _Busy:
    """See `Patience`."""

    def __init__(self, patience: Patience) -> None:
        self.now = False
        self._patience = patience

    def __enter__(self) -> None:
        self.now = True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.now = False
        if error is None:
            self._patience._raise()
