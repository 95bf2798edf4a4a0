"""What ends a command and is no mistake of ours: each carries sentences that say where it is and what would be right.

`SensorError` is an operator's mistake (a configuration, rule, specification, model or capture that cannot be used as it is), status 2. `CannotWrite` is the
machine's refusal of what is to be written (a full disk, a device that fails), status 1. Odd traffic is never one of these (it is data), and a mistake of ours
is an ordinary exception.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager


class SensorError(Exception):
    """What the operator can put right; `str()` of it is one or more sentences, a line each."""

    status = 2


class CannotWrite(SensorError):
    """What was to be written cannot be: the disk is full, the device fails."""

    status = 1


def reason(fault: OSError) -> str:
    """Why the machine refused, in its own words."""
    if fault.errno == errno.EBADF:
        return "it is closed"
    return fault.strerror or str(fault) or type(fault).__name__


_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)


def refusal(fault: OSError) -> type[SensorError]:
    """Which of the two it is: a disk that takes nothing more, or a place that the operator can choose better."""
    return CannotWrite if fault.errno in _DISK else SensorError


def unforeseen(error: Exception) -> str:
    """A sentence about what nobody translated: what the machine refused, or a fault of ours."""
    if isinstance(error, OSError):
        return f"{os.fsdecode(error.filename) + ': ' if isinstance(error.filename, str | bytes) else ''}{reason(error)} (--debug shows where)"
    if isinstance(error, MemoryError):
        return "there is not enough memory for this: a limit (ulimit -v, a container's), or a machine that is full"
    if isinstance(error, ImportError):
        return f"a part of the installation cannot be loaded: {str(error).strip(chr(10)).splitlines()[-1]}; install api-sensor again, or raise the limit of memory where there is one (ulimit -v)"
    return f"this is a fault of ours: {type(error).__name__}: {error} (--debug shows where; please report it)"


@contextmanager
def writing(name: object, more: str = "") -> Iterator[None]:
    """Whatever the machine refuses meanwhile is said of `name`. A reader who closes a pipe has seen enough: that is no refusal."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as fault:
        raise CannotWrite(f"{name}: cannot be written: {reason(fault)}{more}") from fault
