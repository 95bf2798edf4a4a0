"""Ctrl-C and SIGTERM. A command is `held`: a signal waits until the command comes to a place where it is `free` to end (it waits for octets of a capture, or for
a receiver), since one that breaks into the writing of what was found loses it, and one that breaks into the loading of a library crashes the process. A
second signal waits for nothing.

    with stopping.held():
        prepare()
        with stopping.free():                # a signal that came, or comes now, raises KeyboardInterrupt here
            more = read()
        write(more)

`cli` has the signals taken and holds every command; where nobody has, nothing here changes what a signal does.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

_Item = TypeVar("_Item")


class Interrupted(KeyboardInterrupt):
    """Ctrl-C."""

    status = 130
    said = "interrupted"


class Terminated(Interrupted):
    """SIGTERM: the same orderly end, with a status of its own."""

    status = 143
    said = "ended by SIGTERM"


_SIGNALS: dict[int, type[Interrupted]] = {signal.SIGINT: Interrupted, signal.SIGTERM: Terminated}


class _State:
    """Signals belong to the process, and so does what is known of them."""

    held = False
    asked: type[Interrupted] | None = None
    waits = False
    """Whether it was not raised yet."""


def take() -> dict[int, Any]:
    """Have both signals end things in order; returns what stood there, for `give_back`. One that whoever started us has ignored stays so."""
    _State.held, _State.asked, _State.waits = False, None, False
    try:
        return {one: signal.signal(one, _came) for one in _SIGNALS if signal.getsignal(one) is not signal.SIG_IGN}
    except ValueError:  # not the main thread: whoever runs us there minds the signals
        return {}


def give_back(before: dict[int, Any]) -> None:
    """Let the signals be what they were."""
    for one, handler in before.items():
        signal.signal(one, handler)


def asked() -> type[Interrupted] | None:
    """What came, if anything did."""
    return _State.asked


@contextmanager
def held() -> Iterator[None]:
    """The first signal waits until this is over, or until something in it is `free`."""
    before, _State.held = _State.held, True
    try:
        yield
    finally:
        _State.held = before


@contextmanager
def free(late: bool = True) -> Iterator[None]:
    """Inside `held`: here a signal ends things at once; one that came before too, if it is not too `late` for it."""
    before, _State.held = _State.held, False
    try:
        if late and _State.waits and _State.asked is not None:
            _State.waits = False
            raise _State.asked
        yield
    finally:
        _State.held = before


def freely(items: Iterable[_Item]) -> Iterator[_Item]:
    """The items: a signal may end the making of one, not what is done with it."""
    source = iter(items)
    while True:
        with free():
            try:
                item = next(source)
            except StopIteration:
                return
        yield item


def _came(number: int, _frame: Any) -> None:
    kind = _SIGNALS[number]
    first = _State.asked is None
    _State.asked = _State.asked or kind
    if first and _State.held:
        _State.waits = True
        if os.isatty(2):
            with suppress(OSError):
                os.write(2, f"\napi-sensor: {kind.said}; what is begun is ended first, once more ends at once\n".encode())
        return
    _State.waits = False
    raise kind
