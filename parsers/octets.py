"""Octets in a buffer: the few primitives every parser here is made of.

What the parsers read is a run of octets: `data` and the half-open range (start, end) of it. Compiled, `data` is a pointer, and the contract is that
data[start:end] can be read: whoever makes a pointer has checked the range against its buffer (`Decoder.decode_at` for frames, `Message` for its own
buffers, a `bytes` object for itself), and whoever is given one reads nothing outside the range. Interpreted, `data` is any buffer that can be
indexed and sliced (`bytes`, `bytearray`, a memory view). A place to write to comes with its room, which is checked here. `find_in`, `copy_in` and
`same_in` take whole buffers instead, and check every range.
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
    """Index of the first `octet` in data[start:end], or -1."""
    if start >= end:
        return -1
    if cython.compiled:
        base: cython.pointer(cython.const[cython.uchar]) = data + start
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


def copy(to: Any, room: Any, at: Any, data: Any, start: Any, end: Any) -> Any:
    """Copy data[start:end] to to[at:], a buffer of `room` octets. Raises IndexError when that is not enough; returns 0."""
    n: cython.Py_ssize_t = end - start
    if n <= 0:
        return 0
    if at < 0 or n > room - at:
        raise IndexError("octets.copy: range outside the buffer")
    if cython.compiled:
        memcpy(to + at, data + start, n)
    else:
        memoryview(to)[at : at + n] = memoryview(data)[start:end]  # either may be an array, a mapping or bytes
    return 0


def same(a: Any, at: Any, data: Any, start: Any, end: Any) -> Any:
    """Whether data[start:end] stands at a[at:]; that many octets can be read there."""
    n: cython.Py_ssize_t = end - start
    if n <= 0:
        return True
    if cython.compiled:
        return memcmp(a + at, data + start, n) == 0
    else:
        return bytes(a[at : at + n]) == bytes(data[start:end])


def find_in(data: Any, start: Any, end: Any, octet: Any) -> Any:
    """`find` in a buffer. Raises IndexError for a range outside it."""
    if start < 0 or end > len(data) or start > end:
        raise IndexError("octets.find_in: range outside the buffer")
    if start == end:
        return -1
    if cython.compiled:
        return find(cython.address(data[0]), start, end, octet)
    else:
        return find(data, start, end, octet)


def copy_in(to: Any, at: Any, data: Any, start: Any, end: Any) -> Any:
    """`copy` from buffer to buffer. Raises IndexError when either range is outside its buffer; returns 0."""
    if start < 0 or end > len(data) or start > end:
        raise IndexError("octets.copy_in: range outside the buffer")
    if start == end:
        return 0
    if cython.compiled:
        return copy(cython.address(to[0]), len(to), at, cython.address(data[0]), start, end)
    else:
        return copy(to, len(to), at, data, start, end)


def same_in(a: Any, at: Any, data: Any, start: Any, end: Any) -> Any:
    """`same` of two buffers. Raises IndexError when either range is outside its buffer."""
    if start < 0 or end > len(data) or start > end or at < 0 or end - start > len(a) - at:
        raise IndexError("octets.same_in: range outside the buffer")
    if start == end:
        return True
    if cython.compiled:
        return same(cython.address(a[0]), at, cython.address(data[0]), start, end)
    else:
        return same(a, at, data, start, end)
