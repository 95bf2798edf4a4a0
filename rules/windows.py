"""Counters in packet time, in a table of fixed size: events, different values, or steps of a number, for each group within a span.

A group's key picks a set of WAYS entries; a new group takes the place of the one idle longest in its set, so memory never grows and a
flood of groups costs the oldest ones. The span is cut into SLICES that fall out one by one: a count covers between three quarters of
the span and all of it. Different values are counted in a bitmap a slice (linear counting), exact enough up to the thresholds allowed; the
first FEW bits of a slice are kept as a list, since most groups never set more.
Calls are taken strictly in order, so the same capture gives the same counts however it is cut into batches.

Tables start as zeros, which stand for nothing: memory is taken as groups come. A set's keys and times are one cache line, a group's counts are
another, so a call costs two or three.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

if cython.compiled:
    from cython.cimports.parsers.spread import spread
    from cython.cimports.rules.texts import touch
else:
    from parsers.spread import spread

COMPILED = cython.compiled

SETS = 4096
WAYS = 4
"""16 384 groups a rule: callers times endpoints seen within a span on a busy mirror."""
SLICES = 4

RECENT = 4096
"""Pairs of a group and a value whose last count is remembered, so that a client that goes on as it did costs one look."""
FEW = 8
"""Bits of a slice that are listed; the next one makes it a bitmap."""

_EVENTS, _VALUES, _STEPS = range(3)
# WAYS and SLICES are powers of two, and where it matters their shifts and masks are written out: a C compiler takes a module's numbers for variables.
# A set: WAYS keys, then when each was seen last, plus _ERA. A group: when it was told, plus _ERA; its last value, plus one (or, where values are counted, how
# many bits are listed for each slice, 16 bits each, _MANY for a bitmap); the epoch of each slice, plus one; the count of each slice, two a number.
_LINE = 8
_FIRED, _VALUE, _EPOCHS, _COUNTS = 0, 1, 2, 6
_ERA = 1 << 62
_MANY = 0xFFFF

# The same numbers as C has them: a module's names are objects, to be looked up each time.
_ways = cython.declare(cython.Py_ssize_t, WAYS)
_slices = cython.declare(cython.Py_ssize_t, SLICES)
_recent = cython.declare(cython.Py_ssize_t, RECENT)
_few = cython.declare(cython.Py_ssize_t, FEW)
_values = cython.declare(cython.int, _VALUES)
_steps = cython.declare(cython.int, _STEPS)
_fired = cython.declare(cython.Py_ssize_t, _FIRED)
_value = cython.declare(cython.Py_ssize_t, _VALUE)
_epochs = cython.declare(cython.Py_ssize_t, _EPOCHS)
_counts = cython.declare(cython.Py_ssize_t, _COUNTS)
_era = cython.declare(cython.ulonglong, _ERA)
_many = cython.declare(cython.ulonglong, _MANY)
_half = cython.declare(cython.ulonglong, 0xFFFFFFFF)
_full = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)

# What an octet is to the shape of a path: 1 = a digit; 1 << 32 = no part of a hexadecimal number; 0 = a letter or dash of one.
_KINDS = [0 if _octet in b"abcdefABCDEF-" else 1 if _octet in b"0123456789" else 1 << 32 for _octet in range(256)]
if cython.compiled:
    _kind = cython.declare(cython.ulonglong[256])
    for _i in range(256):
        _kind[_i] = _KINDS[_i]
else:
    _kind = _KINDS


def _numbers(count: int, kind: Any = np.uint64) -> Any:
    """So many zeros, beginning on a cache line."""
    if not cython.compiled:
        return [0] * count
    each = np.dtype(kind).itemsize
    room = np.zeros(count + 64 // each, kind)
    first = -room.ctypes.data % 64 // each
    return room[first : first + count]


def hashed(data: Any, starts: Any, ends: Any) -> Any:
    """64-bit hashes (FNV-1a, spread) of data[starts[i]:ends[i]]."""
    out = np.empty(len(starts), np.uint64)
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    h: cython.ulonglong
    source: cython.const[cython.uchar][::1] = data
    first: cython.longlong[::1] = starts
    last: cython.longlong[::1] = ends
    to: cython.ulonglong[::1] = out
    if not cython.compiled:
        source = bytes(data)
    for i in range(len(starts)):
        h = cython.cast(cython.ulonglong, 0xCBF29CE484222325)
        for j in range(first[i], last[i]):
            h = ((h ^ source[j]) * cython.cast(cython.ulonglong, 0x100000001B3)) & cython.cast(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
        to[i] = spread(h)
    return out


def path_keys(data: Any, starts: Any, ends: Any, shapes: Any, objects: Any, numbers: Any, has: Any) -> None:
    """Split paths into shape and ids: a segment with a digit that is long or mostly digits or hexadecimal is an id. For each path the hash of its shape
    (`shapes` may be None), the hash of its ids (uint64), the last segment that is a decimal number, all ones where there is none (uint64), and whether
    it has ids (uint8)."""
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    k: cython.Py_ssize_t
    end: cython.Py_ssize_t
    kinds: cython.ulonglong
    digits: cython.Py_ssize_t
    found: cython.uchar
    shape: cython.ulonglong
    ids: cython.ulonglong
    number: cython.ulonglong
    value: cython.ulonglong
    shaped: cython.bint = shapes is not None
    prime: cython.ulonglong = 0x100000001B3
    source: cython.const[cython.uchar][::1] = data
    octets: cython.pointer(cython.const[cython.uchar])
    first: cython.longlong[::1] = starts
    last: cython.longlong[::1] = ends
    to_shape: cython.ulonglong[::1] = shapes if shaped else objects
    to_ids: cython.ulonglong[::1] = objects
    to_number: cython.ulonglong[::1] = numbers
    to_has: cython.uchar[::1] = has
    if cython.compiled:
        if len(source) == 0:
            raise IndexError("windows.path_keys: no octets")
        octets = cython.address(source[0])
    else:
        octets = bytes(data)
    for i in range(len(starts)):
        shape = cython.cast(cython.ulonglong, 0xCBF29CE484222325)
        ids = shape
        number = _full
        found = 0
        j = first[i]
        end = last[i]
        if j < 0 or end > len(source):
            raise IndexError("windows.path_keys: range outside the buffer")
        while j < end:
            k = j
            kinds = 0
            while k < end and octets[k] != 47:
                kinds += _kind[octets[k]]
                k += 1
            digits = cython.cast(cython.Py_ssize_t, kinds & _half)
            # /v2/ is a name; 17, 5f3c9a, 2024-01-01 and u-1029 are ids.
            if digits > 0 and (digits >= 3 or kinds >> 32 == 0 or k - j >= 16):
                found = 1
                if digits == k - j and digits <= 18 and j > first[i]:
                    value = 0
                    while j < k:
                        value = value * 10 + (octets[j] - 48)
                        ids = ((ids ^ octets[j]) * prime) & _full
                        j += 1
                    number = value
                else:
                    while j < k:
                        ids = ((ids ^ octets[j]) * prime) & _full
                        j += 1
                ids = ((ids ^ 47) * prime) & _full
                shape = ((shape ^ 1) * prime) & _full
            elif shaped:
                while j < k:
                    shape = ((shape ^ octets[j]) * prime) & _full
                    j += 1
                shape = ((shape ^ 47) * prime) & _full
            j = k + 1
        to_shape[i] = spread(shape)
        to_ids[i] = spread(ids)
        to_number[i] = number
        to_has[i] = found


@cython.final
@cython.cclass
class Windows:
    """The counters of one correlation."""

    def __init__(self, kind: str, span: int, count: int) -> None:
        self.kind = kind
        self.span = span
        self.slice = max(1, span // SLICES)
        self.count = count
        self.mode = {"event_count": _EVENTS, "value_count": _VALUES, "steps": _STEPS}[kind]
        # 32 bits for each value up to the threshold: two values share one seldom. 128 words serve the largest threshold with 8 each.
        self.words = max(4, min(128, (count * 32 + 63) // 64)) if self.mode == _VALUES else 1
        # Large thresholds are rare and their groups few: fewer groups, same memory.
        self.sets = SETS if self.words <= 16 else max(64, SETS * 16 // self.words)
        self.mask = self.sets - 1 if self.sets & (self.sets - 1) == 0 else 0
        self.evicted = 0
        self.epoch = 0
        self.since = 0
        self.until = -1
        entries = self.sets * WAYS
        listed = self.mode == _VALUES
        self.keys = _numbers(self.sets * _LINE)
        self.groups = _numbers(entries * _LINE)
        self.lists = _numbers(entries * SLICES * FEW if listed else 1, np.uint16)
        self.bits = _numbers(entries * SLICES * self.words if listed else 1)
        # A pair: a hash of it, the epoch it was counted in, plus one, and the entry of its group.
        self.pairs = _numbers(RECENT * 4 if listed else 4)
        self.union = _numbers(self.words)

    def feed(self, keys: Any, values: Any, ts: Any, rows: Any = None) -> list[tuple[int, int]]:
        """Count rows in order (all of them, or those given); (row, count) of each with which a group reaches the threshold."""
        found: list[tuple[int, int]] = []
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        r: cython.Py_ssize_t
        until: cython.Py_ssize_t
        n: cython.Py_ssize_t
        chosen: cython.bint = rows is not None
        count: cython.Py_ssize_t = len(rows) if chosen else len(keys)
        key: cython.const[cython.ulonglong][::1] = keys
        value: cython.const[cython.ulonglong][::1] = values
        when: cython.const[cython.longlong][::1] = ts
        which: cython.const[cython.longlong][::1] = rows if chosen else ts
        if not cython.compiled:
            key, value, when, which = keys.tolist(), values.tolist(), ts.tolist(), rows.tolist() if chosen else []
        for i in range(0, count, 32):
            until = i + 32 if i + 32 < count else count
            if cython.compiled:
                # What is read of the tables for one row is on its way while others are counted.
                for j in range(i, until):
                    r = which[j] if chosen else j
                    touch(cython.address(self.keys[self._set(key[r])]))
                    if self.mode == _values:
                        touch(cython.address(self.pairs[self._pair(spread(key[r] ^ spread(value[r])))]))
                for j in range(i, until):
                    self._fetch(key[which[j] if chosen else j])
            for j in range(i, until):
                r = which[j] if chosen else j
                n = self._one(key[r], value[r], when[r])
                if n > 0:
                    found.append((r, n))
        return found

    def _set(self, key: Any) -> Any:
        """Where the set of a key begins in `keys`."""
        if self.mask:
            return cython.cast(cython.Py_ssize_t, (key >> 7) & self.mask) << 3
        return cython.cast(cython.Py_ssize_t, (key >> 7) % cython.cast(cython.ulonglong, self.sets)) << 3

    def _pair(self, pair: Any) -> Any:
        """Where a pair stands in `pairs`, if it does."""
        return cython.cast(cython.Py_ssize_t, pair & cython.cast(cython.ulonglong, _recent - 1)) * 4

    def _fetch(self, key: Any) -> Any:
        """Have the group's counts brought from memory: its own, or those of the group that it will take the place of."""
        base: cython.Py_ssize_t = self._set(key)
        e: cython.Py_ssize_t
        oldest: cython.Py_ssize_t = base
        for e in range(base, base + _ways):
            if self.keys[e] == key:
                oldest = e
                break
            if self.keys[e + _ways] < self.keys[oldest + _ways]:
                oldest = e
        # Of the set at `base`, 8 numbers a set: groups and lists have 4 entries a set.
        e = (base >> 1) + (oldest - base)
        touch(cython.address(self.groups[e << 3]))
        if self.mode == _values:
            touch(cython.address(self.lists[e * _slices * _few]))
        return 0

    def _seen(self, entry: Any, ts: Any) -> Any:
        """Note when an entry's group was seen last."""
        self.keys[((entry >> 2) << 3) + _ways + (entry & 3)] = _biased(ts)
        return 0

    def _place(self, key: Any, ts: Any) -> Any:
        """The entry of a group: its own, an empty one, or that of the group idle longest in its set."""
        base: cython.Py_ssize_t = self._set(key)
        e: cython.Py_ssize_t
        oldest: cython.Py_ssize_t = base
        s: cython.Py_ssize_t
        for e in range(base, base + _ways):
            if self.keys[e] == key and self.keys[e + _ways] != 0:
                return (base >> 1) + (e - base)
        for e in range(base + 1, base + _ways):
            if self.keys[e + _ways] < self.keys[oldest + _ways]:
                oldest = e
        if self.keys[oldest + _ways] != 0 and ts - _unbiased(self.keys[oldest + _ways]) < self.span:
            self.evicted += 1
        self.keys[oldest] = key
        e = (base >> 1) + (oldest - base)
        for s in range(e << 3, (e << 3) + _counts):
            self.groups[s] = 0
        return e

    def _listed(self, entry: Any, slot: Any) -> Any:
        """How many bits of a slice are listed; _MANY where they are a bitmap."""
        return (self.groups[(entry << 3) + _value] >> cython.cast(cython.ulonglong, 16 * slot)) & _many

    def _list(self, entry: Any, slot: Any, count: Any) -> Any:
        at: cython.Py_ssize_t = (entry << 3) + _value
        shift: cython.ulonglong = 16 * slot
        self.groups[at] = (self.groups[at] & (_full ^ (_many << shift))) | (cython.cast(cython.ulonglong, count) << shift)
        return 0

    def _set_bit(self, entry: Any, slot: Any, bit: Any) -> Any:
        """Set a bit of a slice; whether it was set before."""
        row: cython.Py_ssize_t = entry * _slices + slot
        n: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, self._listed(entry, slot))
        i: cython.Py_ssize_t
        at: cython.Py_ssize_t = row * self.words
        other: cython.Py_ssize_t
        mask: cython.ulonglong = cython.cast(cython.ulonglong, 1) << cython.cast(cython.ulonglong, bit & 63)
        if n <= _few:
            for i in range(row * _few, row * _few + n):
                if self.lists[i] == bit:
                    return True
            if n < _few:
                self.lists[row * _few + n] = bit
                self._list(entry, slot, n + 1)
                return False
            for i in range(at, at + self.words):
                self.bits[i] = 0
            for i in range(row * _few, row * _few + n):
                other = self.lists[i]
                self.bits[at + (other >> 6)] |= cython.cast(cython.ulonglong, 1) << cython.cast(cython.ulonglong, other & 63)
            self._list(entry, slot, _many)
        at += bit >> 6
        if self.bits[at] & mask:
            return True
        self.bits[at] |= mask
        return False

    def _bits_set(self, entry: Any, epoch: Any) -> Any:
        """How many bits are set in any of the slices of the span."""
        s: cython.Py_ssize_t
        w: cython.Py_ssize_t
        n: cython.Py_ssize_t
        row: cython.Py_ssize_t
        ones: cython.int = 0
        of_word: cython.ulonglong
        for w in range(self.words):
            self.union[w] = 0
        for s in range(_slices):
            if not epoch - _slices < cython.cast(cython.longlong, self.groups[(entry << 3) + _epochs + s]) - 1 <= epoch:
                continue
            row = entry * _slices + s
            n = cython.cast(cython.Py_ssize_t, self._listed(entry, s))
            if n <= _few:
                for w in range(row * _few, row * _few + n):
                    self.union[self.lists[w] >> 6] |= cython.cast(cython.ulonglong, 1) << cython.cast(cython.ulonglong, self.lists[w] & 63)
            else:
                for w in range(self.words):
                    self.union[w] |= self.bits[row * self.words + w]
        for w in range(self.words):
            of_word = self.union[w]
            while of_word:
                of_word &= of_word - 1
                ones += 1
        return ones

    def _one(self, key: Any, value: Any, ts: Any) -> Any:
        """Count one call; the group's count if that reaches the threshold and may be reported, else 0."""
        e: cython.Py_ssize_t
        epoch: cython.longlong
        slot: cython.Py_ssize_t
        s: cython.Py_ssize_t
        at: cython.Py_ssize_t
        total: cython.longlong = 0
        bit: cython.ulonglong = 0
        pair: cython.ulonglong
        before: cython.ulonglong
        if not self.since <= ts < self.until:
            self.epoch = ts // self.slice
            self.since = self.epoch * self.slice
            self.until = self.since + self.slice
        epoch = self.epoch
        slot = epoch & 3
        if self.mode == _values:
            bit = spread(value)
            pair = spread(key ^ bit)
            at = self._pair(pair)
            if self.pairs[at] == pair and self.pairs[at + 1] == cython.cast(cython.ulonglong, epoch + 1):
                e = cython.cast(cython.Py_ssize_t, self.pairs[at + 2])
                if self.keys[((e >> 2) << 3) + (e & 3)] == key and self.groups[(e << 3) + _epochs + slot] == cython.cast(cython.ulonglong, epoch + 1):
                    self._seen(e, ts)
                    return 0  # counted in this slice already, and its group has not given way to another
            self.pairs[at] = pair
            self.pairs[at + 1] = cython.cast(cython.ulonglong, epoch + 1)
            e = self._place(key, ts)
            self.pairs[at + 2] = cython.cast(cython.ulonglong, e)
        else:
            e = self._place(key, ts)
        self._seen(e, ts)
        at = e << 3
        if self.groups[at + _epochs + slot] != cython.cast(cython.ulonglong, epoch + 1):
            self.groups[at + _epochs + slot] = cython.cast(cython.ulonglong, epoch + 1)
            self._count(at, slot, 0)
            if self.mode == _values:
                self._list(e, slot, 0)
        if self.mode == _steps:
            if value > cython.cast(cython.ulonglong, 0x7FFFFFFFFFFFFFFF):
                return 0
            before = self.groups[at + _value]
            self.groups[at + _value] = value + 1
            if before == 0 or before == value + 1 or not -4 <= cython.cast(cython.longlong, value) - cython.cast(cython.longlong, before - 1) <= 4:
                return 0
        self._count(at, slot, self._counted(at, slot) + 1)
        for s in range(_slices):
            if epoch - _slices < cython.cast(cython.longlong, self.groups[at + _epochs + s]) - 1 <= epoch:
                total += self._counted(at, s)
        if self.mode == _values:
            if self._set_bit(e, slot, cython.cast(cython.Py_ssize_t, ((bit >> 6) % cython.cast(cython.ulonglong, self.words)) * 64 + (bit & 63))):
                return 0  # seen in this slice: the count of different values does not grow
        if total < self.count or (self.groups[at + _fired] != 0 and ts - _unbiased(self.groups[at + _fired]) < self.span):
            return 0
        if self.mode == _values:
            total = _distinct(self._bits_set(e, epoch), self.words * 64)
            if total < self.count:
                return 0
        self.groups[at + _fired] = _biased(ts)
        return min(total, 1 << 30)

    def _counted(self, at: Any, slot: Any) -> Any:
        """The count of a slice of the group whose numbers begin at `at`."""
        return cython.cast(cython.Py_ssize_t, (self.groups[at + _counts + (slot >> 1)] >> cython.cast(cython.ulonglong, 32 * (slot & 1))) & _half)

    def _count(self, at: Any, slot: Any, count: Any) -> Any:
        place: cython.Py_ssize_t = at + _counts + (slot >> 1)
        shift: cython.ulonglong = 32 * (slot & 1)
        mask: cython.ulonglong = _half << shift
        self.groups[place] = (self.groups[place] & (_full ^ mask)) | (cython.cast(cython.ulonglong, count) << shift)
        return 0


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _biased(ts: cython.longlong) -> cython.ulonglong:
    """A time as the tables hold it: never 0, which stands for none."""
    return cython.cast(cython.ulonglong, ts) + _era


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _unbiased(ts: cython.ulonglong) -> cython.longlong:
    return cython.cast(cython.longlong, ts - _era)


@cython.cfunc
@cython.exceptval(check=False)
def _distinct(ones: cython.int, size: cython.int) -> cython.longlong:
    """How many different values set so many bits of a bitmap (linear counting)."""
    if ones >= size:
        return size * 8
    return round(-size * math.log(1.0 - 1.0 * ones / size))
