"""Octets in a buffer: the few primitives every parser here is made of, each with its bounds check.

A buffer is any C-contiguous run of octets (`bytes`, `bytearray`, `mmap`, a numpy uint8 array), addressed by index: `(start, end)` half open.
Compiled, `find` is memchr and `copy` is memcpy behind an explicit range check; interpreted, they are the plain loops they stand for.
"""

from __future__ import annotations

from typing import Any

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

if cython.compiled:
    from cython.cimports.libc.string import memchr, memcmp, memcpy

COMPILED = cython.compiled


def find(data: Any, start: Any, end: Any, octet: Any) -> Any:
    """Index of the first `octet` in data[start:end], or -1. Raises IndexError for a range outside the buffer."""
    if start < 0 or end > len(data) or start > end:
        raise IndexError("octets.find: range outside the buffer")
    if start == end:
        return -1
    if cython.compiled:
        base: cython.pointer(cython.const[cython.uchar]) = cython.address(data[start])
        hit: cython.pointer(cython.const[cython.uchar]) = cython.cast(
            cython.pointer(cython.const[cython.uchar]), memchr(base, octet, end - start)
        )
        if hit == cython.NULL:
            return -1
        return start + (hit - base)
    else:
        i = start
        while i < end:
            if data[i] == octet:
                return i
            i += 1
        return -1


def copy(to: Any, at: Any, data: Any, start: Any, end: Any) -> Any:
    """Copy data[start:end] to to[at:]. Raises IndexError when either range is outside its buffer; returns 0."""
    n: cython.Py_ssize_t = end - start
    if start < 0 or n < 0 or end > len(data) or at < 0 or at + n > len(to):
        raise IndexError("octets.copy: range outside the buffer")
    if n == 0:
        return 0
    if cython.compiled:
        memcpy(cython.address(to[at]), cython.address(data[start]), n)
    else:
        memoryview(to)[at : at + n] = memoryview(data)[start:end]  # either may be an array, a mapping or bytes
    return 0


def same(a: Any, at: Any, data: Any, start: Any, end: Any) -> Any:
    """Whether data[start:end] stands at a[at:]. Raises IndexError when either range is outside its buffer."""
    n: cython.Py_ssize_t = end - start
    if start < 0 or n < 0 or end > len(data) or at < 0 or at + n > len(a):
        raise IndexError("octets.same: range outside the buffer")
    if n == 0:
        return True
    if cython.compiled:
        return memcmp(cython.address(a[at]), cython.address(data[start]), n) == 0
    else:
        return bytes(a[at : at + n]) == bytes(data[start:end])
