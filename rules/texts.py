"""Many texts in one buffer: lay some of them side by side, and know again the ones that were looked at before.

Traffic repeats itself: the header block of a client, the answer to a question asked often, a token. What was searched for patterns once and held
none need not be searched again. `Seen` remembers such texts by their tags (`parsers.tags`), so nobody can make another text that is taken for one of
them. What is known changes cost, never a verdict.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from parsers.tags import Tags, tagged

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

if cython.compiled:
    from cython.cimports.libc.string import memcpy
    from cython.cimports.parsers.octets import copy
    from cython.cimports.rules.texts import touch
else:
    from parsers.octets import copy

COMPILED = cython.compiled
_EMPTY = np.zeros(1, np.uint8)

WAYS = 4
"""Texts that may be remembered in one place of the table: of those that fall there, the ones met most often stay."""
WHOLE = 256
"""Octets up to which all of a text makes its digest; of a longer one, pieces all over it, both ends among them."""

# The same numbers as C has them: a module's names are objects, to be looked up.
_ways = cython.declare(cython.Py_ssize_t, WAYS)
_whole = cython.declare(cython.Py_ssize_t, WHOLE)
_spread = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)


def digest(data: Any, start: Any, end: Any) -> Any:
    """64 bits of data[start:end]: quick, and good enough to find a text that is compared afterwards. The caller has checked the range."""
    n: cython.Py_ssize_t = end - start
    if cython.compiled:
        i: cython.Py_ssize_t = 0
        step: cython.Py_ssize_t = 0
        a: cython.ulonglong = cython.cast(cython.ulonglong, n) + cython.cast(cython.ulonglong, 0x9E3779B97F4A7C15)
        b: cython.ulonglong = 0xBF58476D1CE4E5B9
        c: cython.ulonglong = 0x94D049BB133111EB
        d: cython.ulonglong = 0xD6E8FEB86659FD93
        k: cython.ulonglong = 0xFF51AFD7ED558CCD
        w: cython.ulonglong = 0
        x: cython.ulonglong = 0
        y: cython.ulonglong = 0
        z: cython.ulonglong = 0
        base: cython.pointer(cython.const[cython.uchar])
        if n >= 32:
            base = data + start
            if n > _whole:
                step = n // 8 - 32 if n < 4096 else n // 24 - 32
                step = step if step > 0 else 0
            while i + 32 <= n:
                memcpy(cython.address(w), base + i, 8)
                memcpy(cython.address(x), base + i + 8, 8)
                memcpy(cython.address(y), base + i + 16, 8)
                memcpy(cython.address(z), base + i + 24, 8)
                a = (a ^ w) * k
                b = (b ^ x) * k
                c = (c ^ y) * k
                d = (d ^ z) * k
                a ^= a >> 29
                b ^= b >> 31
                c ^= c >> 30
                d ^= d >> 28
                i += 32
                i += step
            # The last 32 octets once more, whatever they overlap: no tail to go through one by one.
            memcpy(cython.address(w), base + (n - 32), 8)
            memcpy(cython.address(x), base + (n - 24), 8)
            memcpy(cython.address(y), base + (n - 16), 8)
            memcpy(cython.address(z), base + (n - 8), 8)
            a = (a ^ w) * k
            b = (b ^ x) * k
            c = (c ^ y) * k
            d = (d ^ z) * k
        elif n >= 8:
            base = data + start
            while i + 8 <= n:
                memcpy(cython.address(w), base + i, 8)
                a = (a ^ w) * k
                a ^= a >> 29
                i += 8
            memcpy(cython.address(w), base + (n - 8), 8)
            b = (b ^ w) * k
        else:
            for i in range(start, end):
                a = (a ^ data[i]) * k
        a ^= (b >> 17) ^ (b << 19) ^ (c >> 23) ^ (c << 29) ^ (d >> 11) ^ (d << 41)
        a ^= a >> 32
        a *= k
        a ^= a >> 29
        return a if a != 0 else 1
    else:
        return int.from_bytes(hashlib.blake2b(bytes(data[start:end]), digest_size=8).digest(), "little") or 1


def digests(data: Any, starts: Any, ends: Any) -> Any:
    """The digest of each text data[starts[i]:ends[i]] (uint64)."""
    found = np.empty(len(starts), np.uint64)
    i: cython.Py_ssize_t
    source: cython.const[cython.uchar][::1] = data if len(data) else _EMPTY
    base: cython.pointer(cython.const[cython.uchar])
    first: cython.longlong[::1] = starts
    last: cython.longlong[::1] = ends
    to: cython.ulonglong[::1] = found
    base = cython.address(source[0]) if cython.compiled else source
    for i in range(len(starts)):
        if first[i] < 0 or last[i] > len(source) or last[i] < first[i]:
            raise IndexError("texts.digests: range outside the buffer")
        to[i] = digest(base, first[i], last[i])
    return found


@cython.final
@cython.cclass
class Seen:
    """Texts that were found clean, each as a tag of 128 bits; a table of fixed size, 16 octets a text."""

    def __init__(self, entries: Any = 1 << 15, shortest: Any = 1) -> None:
        """`shortest`: octets from which on a text is worth remembering; below it, it has to be looked at each time."""
        self.shortest = shortest
        self.sets = 1
        while self.sets * WAYS < entries:
            self.sets *= 2
        # A place is eight numbers: the tags' first halves, then their second ones; on one cache line, as the table begins with one.
        room = np.zeros(self.sets * 2 * WAYS + 8, np.uint64)
        aligned = (-room.ctypes.data // 8) % 8
        self.slots = room[aligned : aligned + self.sets * 2 * WAYS] if cython.compiled else [0] * (self.sets * 2 * WAYS)
        self.lows: Any = room[:0] if cython.compiled else []
        self.highs: Any = self.lows

    def fresh(self, data: Any, starts: Any, ends: Any) -> Any:
        """For each text data[starts[i]:ends[i]] whether it has to be looked at (uint8): 0 for one that was kept and for an empty one."""
        return self.fresh_of(tagged(data, starts, ends, self.shortest), ends)

    def fresh_of(self, tags: Tags, ends: Any) -> Any:
        """The same of texts that have their tags, and where they end."""
        out = np.empty(len(ends), np.uint8)
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        n: cython.Py_ssize_t = len(ends)
        until: cython.Py_ssize_t
        begin: cython.const[cython.longlong][::1] = tags.begins
        last: cython.const[cython.longlong][::1] = ends
        to: cython.uchar[::1] = out
        if cython.compiled:
            self.lows, self.highs = tags.lows, tags.highs
        else:
            self.lows, self.highs = tags.lows.tolist(), tags.highs.tolist()
        if len(self.lows) != n or len(begin) != n:
            raise IndexError("texts.fresh_of: tags of other texts")
        # In blocks, twice over: the places in the table are on their way while further ones are asked for.
        for i in range(0, n, 32):
            until = i + 32 if i + 32 < n else n
            if cython.compiled:
                for j in range(i, until):
                    touch(cython.address(self.slots[self._place(self.lows[j])]))
            for j in range(i, until):
                if self.lows[j] != 0:
                    to[j] = not self._holds(j)
                else:
                    to[j] = begin[j] < last[j]
        return out

    def _place(self, low: Any) -> Any:
        """Where in the table a tag's place begins."""
        spread: cython.ulonglong = (low * _spread) & cython.cast(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
        return cython.cast(cython.Py_ssize_t, (spread >> 32) & cython.cast(cython.ulonglong, self.sets - 1)) * 2 * _ways

    def _holds(self, number: Any) -> Any:
        """Whether a tag is in the table; one that is moves ahead of the one before it."""
        low: cython.ulonglong = self.lows[number]
        high: cython.ulonglong = self.highs[number]
        base: cython.Py_ssize_t = self._place(low)
        e: cython.Py_ssize_t
        for e in range(base, base + _ways):
            if self.slots[e] == low and self.slots[e + _ways] == high:
                if e > base:
                    self.slots[e] = self.slots[e - 1]
                    self.slots[e + _ways] = self.slots[e + _ways - 1]
                    self.slots[e - 1] = low
                    self.slots[e + _ways - 1] = high
                return True
        return False

    def keep(self, chosen: Any) -> None:
        """Remember texts as clean: those with these numbers (int64) of the ones that were asked about last."""
        k: cython.Py_ssize_t
        e: cython.Py_ssize_t
        number: cython.Py_ssize_t
        which: cython.longlong[::1] = chosen
        for k in range(len(which)):
            number = which[k]
            if number < 0 or number >= len(self.lows):
                raise IndexError("texts.keep: no such text")
            if self.lows[number] != 0 and not self._holds(number):
                # What is met once only comes and goes in the last place.
                e = self._place(self.lows[number]) + _ways - 1
                self.slots[e] = self.lows[number]
                self.slots[e + _ways] = self.highs[number]


@cython.final
@cython.cclass
class Shelf:
    """A buffer that is used again and again: where texts are laid side by side to be searched in one go."""

    def __init__(self) -> None:
        self.octets = bytearray(1 << 16)

    def lay(self, data: Any, starts: Any, ends: Any, rows: Any, between: Any) -> Any:
        """Copy data[starts[i]:ends[i]] for i in `rows` into `octets`, the octet `between` after each; returns where they start and end (int64)."""
        n: cython.Py_ssize_t = len(rows)
        k: cython.Py_ssize_t
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        length: cython.Py_ssize_t
        at: cython.Py_ssize_t = 0
        size: cython.Py_ssize_t = 0
        source: cython.const[cython.uchar][::1] = data
        first: cython.longlong[::1] = starts
        last: cython.longlong[::1] = ends
        which: cython.longlong[::1] = rows
        mark: cython.uchar = between
        for k in range(n):
            i = which[k]
            size += last[i] - first[i] + 1
        if size > len(self.octets):
            self.octets = bytearray(size + (size >> 2))
        begins = np.empty(n, np.int64)
        stops = np.empty(n, np.int64)
        out: cython.uchar[::1] = self.octets
        begin: cython.longlong[::1] = begins
        stop: cython.longlong[::1] = stops
        for k in range(n):
            if cython.compiled and k + 8 < n:
                # Texts lie anywhere: the first octets of a later one are on their way while this one is copied.
                i = which[k + 8]
                for j in range(first[i], min(last[i], first[i] + 256), 64):
                    touch(cython.address(source[j]))
            i = which[k]
            begin[k] = at
            length = last[i] - first[i]
            if length > 0:
                if first[i] < 0 or last[i] > len(source) or at + length >= len(out):
                    raise IndexError("texts.lay: range outside the buffer")
                if cython.compiled:
                    memcpy(cython.address(out[at]), cython.address(source[first[i]]), length)
                else:
                    copy(out, len(out), at, source, first[i], last[i])
                at += length
            stop[k] = at
            out[at] = mark
            at += 1
        return begins, stops
