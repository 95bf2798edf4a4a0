"""Which texts are the same: a tag of 128 bits for each, by which it is known again without being kept.

The tag is NH of UMAC (RFC 4418) over words of 64 bits, under a random key that this process drew: two different texts have one tag with a chance of less
than 2**-60, whatever their author chose, since the key is not to be known. Interpreted, it is BLAKE2b with a key.

Traffic repeats itself, and several judges remember what they found in a text: `heads` tags the header blocks of a batch once, whoever asks.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any
from weakref import ref

import numpy as np

from parsers.columns import present, spans

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

if cython.compiled:
    from cython.cimports.libc.string import memcpy, memset
    from cython.cimports.parsers.octets import find
    from cython.cimports.parsers.tags import wide
else:
    from parsers.octets import find

COMPILED = cython.compiled

PIECE = 1024
"""Octets of a text that make one number of its tag."""
LONGEST = 1 << 16
"""Octets of the longest text that gets a tag."""
_WORDS = PIECE // 8 + 2 + 2 * (LONGEST // PIECE)
_SECRET = secrets.token_bytes(8 * _WORDS)

# The same numbers as C has them: a module's names are objects, to be looked up.
_piece = cython.declare(cython.Py_ssize_t, PIECE)
_longest = cython.declare(cython.Py_ssize_t, LONGEST)
_first_top = cython.declare(cython.Py_ssize_t, PIECE // 8)
if cython.compiled:
    _key = cython.declare(cython.const[cython.ulonglong][::1], np.frombuffer(_SECRET, np.uint64))

_EMPTY = np.zeros(1, np.uint8)


class Tags:
    """Of each text where it begins (int64) and the two halves of its tag (uint64). The first half is 0 for a text without a tag: an empty one, one
    that is too short to be worth it, one that is longer than LONGEST."""

    __slots__ = ("begins", "highs", "lows")

    def __init__(self, begins: Any, lows: Any, highs: Any) -> None:
        self.begins = begins
        self.lows = lows
        self.highs = highs


def tagged(data: Any, starts: Any, ends: Any, shortest: Any = 1, after_line: Any = False) -> Any:
    """The tags of the texts data[starts[i]:ends[i]] (int64). With `after_line`, of what follows the first line of each: that begins at the line feed, or at the
    end where there is none. Raises IndexError for a range outside `data`."""
    n: cython.Py_ssize_t = len(starts)
    least: cython.Py_ssize_t = max(1, shortest)
    feed: cython.bint = after_line
    i: cython.Py_ssize_t
    at: cython.Py_ssize_t
    lows, highs = np.zeros(n, np.uint64), np.empty(n, np.uint64)
    begins = np.empty(n, np.int64) if feed else starts
    source: cython.const[cython.uchar][::1] = data if len(data) else _EMPTY
    first: cython.const[cython.longlong][::1] = starts
    last: cython.const[cython.longlong][::1] = ends
    base: cython.pointer(cython.const[cython.uchar])
    if cython.compiled:
        both = cython.declare(cython.ulonglong[2])
        base = cython.address(source[0])
    else:
        both = [0, 0]
        base = source
    low: cython.ulonglong[::1] = lows
    high: cython.ulonglong[::1] = highs
    begin: cython.longlong[::1] = begins if feed else np.empty(1, np.int64)
    for i in range(n):
        at = first[i]
        if at < 0 or last[i] > len(source):
            raise IndexError("tags.tagged: range outside the buffer")
        if feed:
            at = find(base, at, last[i], 10)
            if at < 0:
                at = last[i]
            begin[i] = at
        if least <= last[i] - at <= _longest:
            _tag(base, at, last[i], both)
            low[i] = both[0]
            high[i] = both[1]
    return Tags(begins, lows, highs)


def _tag(data: Any, start: Any, end: Any, both: Any) -> Any:
    """The tag of data[start:end] (not empty, at most LONGEST octets) into `both`; the caller has checked the range."""
    if cython.compiled:
        n: cython.Py_ssize_t = end - start
        size: cython.Py_ssize_t
        i: cython.Py_ssize_t
        t: cython.Py_ssize_t = _first_top
        k: cython.pointer(cython.const[cython.ulonglong]) = cython.address(_key[0])
        base: cython.pointer(cython.const[cython.uchar]) = data + start
        rest = cython.declare(cython.uchar[32])
        w: cython.ulonglong = 0
        x: cython.ulonglong = 0
        y: cython.ulonglong = 0
        z: cython.ulonglong = 0
        a: wide
        b: wide
        top: wide = cython.cast(wide, k[t] + cython.cast(cython.ulonglong, n)) * cython.cast(wide, k[t + 1])
        while n > 0:
            size = n if n < _piece else _piece
            a = 0
            b = 0
            i = 0
            while i + 32 <= size:
                memcpy(cython.address(w), base + i, 8)
                memcpy(cython.address(x), base + i + 8, 8)
                memcpy(cython.address(y), base + i + 16, 8)
                memcpy(cython.address(z), base + i + 24, 8)
                a += cython.cast(wide, w + k[i >> 3]) * cython.cast(wide, x + k[(i >> 3) + 1])
                b += cython.cast(wide, y + k[(i >> 3) + 2]) * cython.cast(wide, z + k[(i >> 3) + 3])
                i += 32
            if i < size:
                memset(rest, 0, 32)
                memcpy(rest, base + i, size - i)
                memcpy(cython.address(w), rest, 8)
                memcpy(cython.address(x), rest + 8, 8)
                memcpy(cython.address(y), rest + 16, 8)
                memcpy(cython.address(z), rest + 24, 8)
                a += cython.cast(wide, w + k[i >> 3]) * cython.cast(wide, x + k[(i >> 3) + 1])
                b += cython.cast(wide, y + k[(i >> 3) + 2]) * cython.cast(wide, z + k[(i >> 3) + 3])
            a += b
            # The pieces' numbers, of 128 bits each, make one in the same way.
            t += 2
            top += cython.cast(wide, k[t] + cython.cast(cython.ulonglong, a)) * cython.cast(wide, k[t + 1] + cython.cast(cython.ulonglong, a >> 64))
            base += size
            n -= size
        w = cython.cast(cython.ulonglong, top)
        both[0] = w if w != 0 else 1
        both[1] = cython.cast(cython.ulonglong, top >> 64)
    else:
        tag = hashlib.blake2b(bytes(data[start:end]), digest_size=16, key=_SECRET[:32]).digest()
        both[0] = int.from_bytes(tag[:8], "little") or 1
        both[1] = int.from_bytes(tag[8:], "little")
    return 0


_last: list[Any] = [None, None]
"""The batch asked about last, weakly, and its tags."""


def heads(batch: Any) -> Any:
    """The tags of what follows the first line of each request's head, taken once for a batch."""
    if _last[0] is None or _last[0]() is not batch:
        column = batch.column("request_head")
        offsets, octets = spans(column)
        bounds = offsets.astype(np.int64)
        starts, ends = bounds[: len(column)], bounds[1:]
        if column.null_count:  # nulls are empty, whatever their offsets say
            ends = np.where(present(column), ends, starts)
        _last[:] = [ref(batch), tagged(octets, starts, ends, 1, True)]
    return _last[1]
