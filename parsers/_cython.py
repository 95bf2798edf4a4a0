"""What the hot modules use of Cython, for when they run as plain Python.

A hot module opens with::

    from __future__ import annotations
    try:
        import cython
    except ModuleNotFoundError:
        from parsers import _cython as cython

Annotations are never evaluated, so only the names used in *code* stand here: decorators, `declare`, `cast` and `compiled`.
Interpreted integers do not wrap: mask with `& 0xFFFFFFFF` where C would.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

compiled = False
NULL = None


def cclass(cls: T) -> T:
    return cls


cfunc = ccall = inline = final = nogil = no_gc = cclass


def _decorator_factory(*_args: Any, **_kwargs: Any) -> Callable[[T], T]:
    return cclass


locals = returns = exceptval = boundscheck = wraparound = freelist = no_gc_clear = _decorator_factory


def declare(_type: Any = None, value: Any = None, **_kwargs: Any) -> Any:
    return value


def cast(_type: Any, value: Any, **_kwargs: Any) -> Any:
    return value


class _Type:
    """Stands for any C type in `cython.cast` or `cython.declare`; calling it leaves the value as it is."""

    def __call__(self, value: Any = 0) -> Any:
        return value

    def __getitem__(self, _item: Any) -> _Type:
        return self


uchar = ushort = uint = ulong = ulonglong = int = long = longlong = bint = double = float = Py_ssize_t = _Type()
int8_t = uint8_t = int16_t = uint16_t = int32_t = uint32_t = int64_t = uint64_t = _Type()
