"""What the hot modules use of Cython, for when they run as plain Python.

A hot module opens with::

    from __future__ import annotations
    try:
        import cython
    except ModuleNotFoundError:
        from parsers import _cython as cython

Annotations are never evaluated, so only the names used in *code* stand here: decorators, `declare`, `cast`, types and `compiled`.
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


class _Type:
    """Stands for a C type in `cython.cast` or `cython.declare`: of numbers its Python type, of anything else nothing at all."""

    def __init__(self, number: Callable[[Any], Any] | None = None) -> None:
        self._number = number

    def __call__(self, value: Any = 0) -> Any:
        return value if self._number is None else self._number(value)

    def __getitem__(self, _item: Any) -> _Type:
        return _Type()


def cast(to: Any, value: Any, **_kwargs: Any) -> Any:
    """The value; a number as Python's own, since numpy's wrap, and refuse to meet those of another kind."""
    return to(value) if isinstance(to, _Type) else value


def pointer(_to: Any) -> _Type:
    return _Type()


const = _Type()
_whole = _Type(int)
_real = _Type(float)
uchar = ushort = uint = ulong = ulonglong = int = long = longlong = bint = Py_ssize_t = _whole
int8_t = uint8_t = int16_t = uint16_t = int32_t = uint32_t = int64_t = uint64_t = _whole
double = float = _real
