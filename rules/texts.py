"""Many texts in one buffer: lay some of them side by side, and know again the ones that were looked at before.

Traffic repeats itself: the header block of a client, the answer to a question asked often, a token. What was searched for patterns once and held
none need not be searched again. `Seen` remembers such texts within a fixed room and compares octet by octet, so a text is known only if it is
the same one, whatever anybody makes its digest be. What is known changes cost, never a verdict.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

if cython.compiled:
    from cython.cimports.libc.string import memcpy
    from cython.cimports.parsers.octets import copy, find, same
    from cython.cimports.rules.texts import touch
else:
    from parsers.octets import copy, find, same

COMPILED = cython.compiled
_EMPTY = np.zeros(1, np.uint8)

KNOWN, NEW, AGAIN = range(3)
"""What `Seen.known` says of a text: kept; met for the first time; met before (as far as its digest tells) and not kept."""

WAYS = 4
"""Places a digest may stand in: texts made to have one digest push each other out and nobody else."""
WHOLE = 256
"""Octets up to which all of a text makes its digest; of a longer one, pieces all over it, both ends among them."""

# The same numbers as C has them: a module's names are objects, to be looked up.
_known = cython.declare(cython.int, KNOWN)
_new = cython.declare(cython.int, NEW)
_again = cython.declare(cython.int, AGAIN)
_ways = cython.declare(cython.Py_ssize_t, WAYS)
_whole = cython.declare(cython.Py_ssize_t, WHOLE)


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


@cython.cclass
class Seen:
    """Texts that were found clean, in a ring of `room` octets: the oldest go first. A text is kept when it is met the second time at the earliest, so
    that what never comes again costs a digest and no copy."""

    def __init__(self, room: Any, entries: Any = 1 << 15, longest: Any = 1 << 16) -> None:
        self.room = room
        self.longest = min(longest, room // 2, 0xFFFFF)
        self.sets = 1
        while self.sets * WAYS < entries:
            self.sets *= 2
        self.turns = 8 * self.sets
        self.written = 0
        if not cython.compiled:
            self.block = [0] * 64
        self.store = np.zeros(room, np.uint8) if cython.compiled else bytearray(room)
        self.octets = cython.address(self.store[0]) if cython.compiled else self.store
        # A set is eight numbers, one cache line: four digests, then for each where its text is (counting all that was ever written) and how long.
        self.slots = np.zeros(self.sets * 2 * WAYS, np.uint64) if cython.compiled else [0] * (self.sets * 2 * WAYS)
        self.once = np.zeros(self.turns, np.uint64) if cython.compiled else [0] * self.turns

    def known(self, data: Any, starts: Any, ends: Any) -> Any:
        """KNOWN, NEW or AGAIN for each text data[starts[i]:ends[i]] (uint8); an empty one is known."""
        return self._known(data, starts, ends, None)

    def known_after_line(self, data: Any, starts: Any, ends: Any) -> Any:
        """As `known`, for what follows the first line of each text: (what is said, where that begins: at the line feed, or at the end where there is
        none (int64))."""
        lines = np.empty(len(starts), np.int64)
        return self._known(data, starts, ends, lines), lines

    def _known(self, data: Any, starts: Any, ends: Any, lines: Any) -> Any:
        out = np.empty(len(starts), np.uint8)
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        n: cython.Py_ssize_t = len(starts)
        at: cython.Py_ssize_t
        until: cython.Py_ssize_t
        feed: cython.bint = lines is not None
        source: cython.const[cython.uchar][::1] = data if len(data) else _EMPTY
        base: cython.pointer(cython.const[cython.uchar])
        first: cython.longlong[::1] = starts
        last: cython.longlong[::1] = ends
        begin: cython.longlong[::1] = lines if feed else starts
        to: cython.uchar[::1] = out
        base = cython.address(source[0]) if cython.compiled else source
        # In blocks, each three times over: what the next step reads from the tables is then on its way while others are worked on.
        for i in range(0, n, 64):
            until = i + 64 if i + 64 < n else n
            for j in range(i, until):
                if first[j] < 0 or last[j] > len(source):
                    raise IndexError("texts.known: range outside the buffer")
                if feed:
                    at = find(base, first[j], last[j], 10)
                    begin[j] = last[j] if at < 0 else at
                if begin[j] < last[j] <= begin[j] + self.longest:
                    self.block[j - i] = digest(base, begin[j], last[j])
                    self._fetch_set(self.block[j - i])
                else:
                    self.block[j - i] = 0
            for j in range(i, until):
                self._fetch_text(self.block[j - i])
            for j in range(i, until):
                if self.block[j - i] == 0:
                    to[j] = _known if last[j] <= begin[j] else _new
                else:
                    to[j] = self._said(self.block[j - i], base, begin[j], last[j])
        return out

    def _said(self, key: Any, data: Any, start: Any, end: Any) -> Any:
        turn: cython.Py_ssize_t
        if self._holds(key, data, start, end):
            return _known
        turn = cython.cast(cython.Py_ssize_t, (key >> 20) & (self.turns - 1))
        if self.once[turn] == key:
            return _again
        self.once[turn] = key
        return _new

    def _fetch_set(self, key: Any) -> Any:
        if cython.compiled:
            touch(cython.address(self.slots[cython.cast(cython.Py_ssize_t, key & (self.sets - 1)) * 2 * _ways]))
        return 0

    def _fetch_text(self, key: Any) -> Any:
        if cython.compiled:
            e: cython.Py_ssize_t
            place: cython.Py_ssize_t
            base: cython.Py_ssize_t
            if key == 0:
                return 0
            base = cython.cast(cython.Py_ssize_t, key & (self.sets - 1)) * 2 * _ways
            for e in range(base, base + _ways):
                if self.slots[e] == key:
                    place = cython.cast(cython.Py_ssize_t, (self.slots[e + _ways] >> 20) % cython.cast(cython.ulonglong, self.room))
                    touch(cython.address(self.store[place]))
                    if place + 64 < self.room:
                        touch(cython.address(self.store[place + 64]))
                    return 0
            touch(cython.address(self.once[cython.cast(cython.Py_ssize_t, (key >> 20) & (self.turns - 1))]))
        return 0

    def keep(self, data: Any, starts: Any, ends: Any, chosen: Any) -> None:
        """Remember the chosen texts (indices) as clean."""
        i: cython.Py_ssize_t
        k: cython.Py_ssize_t
        key: cython.ulonglong
        source: cython.const[cython.uchar][::1] = data if len(data) else _EMPTY
        base: cython.pointer(cython.const[cython.uchar])
        first: cython.longlong[::1] = starts
        last: cython.longlong[::1] = ends
        which: cython.longlong[::1] = chosen
        base = cython.address(source[0]) if cython.compiled else source
        for k in range(len(chosen)):
            i = which[k]
            if first[i] < 0 or last[i] > len(source):
                raise IndexError("texts.keep: range outside the buffer")
            if first[i] < last[i] <= first[i] + self.longest:
                key = digest(base, first[i], last[i])
                if not self._holds(key, base, first[i], last[i]):
                    self._keep(key, base, first[i], last[i])

    def _holds(self, key: Any, data: Any, start: Any, end: Any) -> Any:
        e: cython.Py_ssize_t
        base: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, key & (self.sets - 1)) * 2 * _ways
        at: cython.longlong
        packed: cython.ulonglong
        for e in range(base, base + _ways):
            if self.slots[e] == key:
                packed = self.slots[e + _ways]
                at = cython.cast(cython.longlong, packed >> 20)
                if cython.cast(cython.Py_ssize_t, packed & 0xFFFFF) == end - start and self.written - at <= self.room:
                    # What stands there was written whole, and nothing over it since.
                    if same(self.octets, at % self.room, data, start, end):
                        return True
        return False

    def _keep(self, key: Any, data: Any, start: Any, end: Any) -> Any:
        e: cython.Py_ssize_t
        base: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, key & (self.sets - 1)) * 2 * _ways
        oldest: cython.Py_ssize_t = base
        place: cython.Py_ssize_t = self.written % self.room
        if place + (end - start) > self.room:
            self.written += self.room - place
            place = 0
        for e in range(base, base + _ways):
            if self.slots[e + _ways] < self.slots[oldest + _ways]:
                oldest = e
        copy(self.octets, self.room, place, data, start, end)
        self.slots[oldest] = key
        self.slots[oldest + _ways] = (cython.cast(cython.ulonglong, self.written) << 20) | cython.cast(cython.ulonglong, end - start)
        self.written += end - start
        return 0


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
            i = which[k]
            begin[k] = at
            length = last[i] - first[i]
            if length > 0:
                if cython.compiled:
                    if first[i] < 0 or last[i] > len(source) or at + length >= len(out):
                        raise IndexError("texts.lay: range outside the buffer")
                    memcpy(cython.address(out[at]), cython.address(source[first[i]]), length)
                else:
                    copy(out, len(out), at, source, first[i], last[i])
                at += length
            stop[k] = at
            out[at] = mark
            at += 1
        return begins, stops
