"""Counters in packet time, in a table of fixed size: events, different values, or steps of a number, for each group within a span.

A group's key picks a set of WAYS entries; a new group takes the place of the one idle longest in its set, so memory never grows and a
flood of groups costs the oldest ones. The span is cut into SLICES that fall out one by one: a count covers between three quarters of
the span and all of it. Different values are counted in a bitmap a slice (linear counting), exact enough up to the thresholds allowed.
Calls are taken strictly in order, so the same capture gives the same counts however it is cut into batches.
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
    from cython.cimports.libc.string import memset
    from cython.cimports.rules.texts import touch

COMPILED = cython.compiled

SETS = 4096
WAYS = 4
"""16 384 groups a rule: callers times endpoints seen within a span on a busy mirror."""
SLICES = 4

RECENT = 4096
"""Pairs of a group and a value whose last count is remembered, so that a client that goes on as it did costs one look."""

_EVENTS, _VALUES, _STEPS = range(3)
_LAST, _FIRED, _VALUE, _EPOCHS, _COUNTS = 0, 1, 2, 4, 8
_NEVER = -(1 << 62)

# The same numbers as C has them: a module's names are objects, to be looked up each time.
_ways = cython.declare(cython.Py_ssize_t, WAYS)
_slices = cython.declare(cython.Py_ssize_t, SLICES)
_recent = cython.declare(cython.Py_ssize_t, RECENT)
_values = cython.declare(cython.int, _VALUES)
_steps = cython.declare(cython.int, _STEPS)
_last = cython.declare(cython.Py_ssize_t, _LAST)
_fired = cython.declare(cython.Py_ssize_t, _FIRED)
_value = cython.declare(cython.Py_ssize_t, _VALUE)
_epochs = cython.declare(cython.Py_ssize_t, _EPOCHS)
_counts = cython.declare(cython.Py_ssize_t, _COUNTS)
_never = cython.declare(cython.longlong, _NEVER)


@cython.cfunc
@cython.inline
def _mixed(x: cython.ulonglong) -> cython.ulonglong:
    """Spread a key over all its bits (the finalizer of SplitMix64)."""
    x = x & cython.cast(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
    x ^= x >> 30
    x = (x * cython.cast(cython.ulonglong, 0xBF58476D1CE4E5B9)) & cython.cast(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
    x ^= x >> 27
    x = (x * cython.cast(cython.ulonglong, 0x94D049BB133111EB)) & cython.cast(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
    return x ^ (x >> 31)


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
        to[i] = _mixed(h)
    return out


def path_keys(data: Any, starts: Any, ends: Any, shapes: Any, objects: Any, has: Any) -> None:
    """Split paths into shape and ids: a segment with a digit that is long or mostly digits or hexadecimal is an id."""
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    k: cython.Py_ssize_t
    end: cython.Py_ssize_t
    digits: cython.int
    odd: cython.int
    c: cython.int
    found: cython.uchar
    shape: cython.ulonglong
    ids: cython.ulonglong
    prime: cython.ulonglong = 0x100000001B3
    full: cython.ulonglong = cython.cast(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
    source: cython.const[cython.uchar][::1] = data
    octets: cython.pointer(cython.const[cython.uchar])
    first: cython.longlong[::1] = starts
    last: cython.longlong[::1] = ends
    to_shape: cython.ulonglong[::1] = shapes
    to_ids: cython.ulonglong[::1] = objects
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
        found = 0
        j = first[i]
        end = last[i]
        if j < 0 or end > len(source):
            raise IndexError("windows.path_keys: range outside the buffer")
        while j < end:
            k = j
            digits = 0
            odd = 0
            while k < end:
                c = octets[k]
                if c == 47:
                    break
                if 48 <= c <= 57:
                    digits += 1
                elif not ((97 <= (c | 32) <= 102) or c == 45):
                    odd += 1
                k += 1
            # /v2/ is a name; 17, 5f3c9a, 2024-01-01 and u-1029 are ids.
            if digits > 0 and (odd == 0 or digits >= 3 or k - j >= 16):
                found = 1
                shape = ((shape ^ 1) * prime) & full
                while j < k:
                    ids = ((ids ^ octets[j]) * prime) & full
                    j += 1
                ids = ((ids ^ 47) * prime) & full
            else:
                while j < k:
                    shape = ((shape ^ octets[j]) * prime) & full
                    j += 1
                shape = ((shape ^ 47) * prime) & full
            j = k + 1
        to_has[i] = found
        to_shape[i] = _mixed(shape)
        to_ids[i] = _mixed(ids)


def last_numbers(data: Any, starts: Any, ends: Any, values: Any) -> None:
    """The last segment of each path that is a decimal number; all ones where there is none."""
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    end: cython.Py_ssize_t
    begin: cython.Py_ssize_t
    value: cython.ulonglong
    power: cython.ulonglong
    source: cython.const[cython.uchar][::1] = data
    octets: cython.pointer(cython.const[cython.uchar])
    first: cython.longlong[::1] = starts
    last: cython.longlong[::1] = ends
    to: cython.ulonglong[::1] = values
    if cython.compiled:
        if len(source) == 0:
            raise IndexError("windows.last_numbers: no octets")
        octets = cython.address(source[0])
    else:
        octets = bytes(data)
    for i in range(len(starts)):
        to[i] = cython.cast(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
        begin = first[i]
        end = last[i]
        if begin < 0 or end > len(source):
            raise IndexError("windows.last_numbers: range outside the buffer")
        while end > begin:
            j = end
            value = 0
            power = 1
            while j > begin and 48 <= octets[j - 1] <= 57 and end - j < 18:
                value += power * (octets[j - 1] - 48)
                power *= 10
                j -= 1
            if j < end and j > begin and octets[j - 1] == 47:
                to[i] = value
                break
            while j > begin and octets[j - 1] != 47:
                j -= 1
            end = j - 1


@cython.cclass
class Windows:
    """The counters of one correlation."""

    def __init__(self, kind: str, span: int, count: int) -> None:
        entries = SETS * WAYS
        self.kind = kind
        self.span = span
        self.slice = max(1, span // SLICES)
        self.count = count
        self.mode = {"event_count": _EVENTS, "value_count": _VALUES, "steps": _STEPS}[kind]
        # 32 bits for each value up to the threshold: two values share one seldom. 128 words serve the largest threshold with 8 each.
        self.words = max(4, min(128, (count * 32 + 63) // 64)) if self.mode == _VALUES else 1
        self.sets = SETS
        self.evicted = 0
        self.epoch = 0
        self.since = 0
        self.until = -1
        if self.words > 16:
            # Large thresholds are rare and their groups few: fewer groups, same memory.
            self.sets = max(64, SETS * 16 // self.words)
            entries = self.sets * WAYS
        # A group's numbers stand together: when it was last seen and told, its last value, the epochs of its slices and their counts.
        self.keys = np.zeros(entries, np.uint64)
        numbers = np.zeros((entries, 16), np.int64)
        numbers[:, _LAST] = numbers[:, _FIRED] = _NEVER
        numbers[:, _VALUE] = -1
        numbers[:, _EPOCHS : _EPOCHS + SLICES] = -1
        self.groups = numbers
        self.bits = np.zeros((entries if self.mode == _VALUES else 1, SLICES, self.words), np.uint64)
        self.pairs = np.zeros(RECENT if self.mode == _VALUES else 1, np.uint64)
        self.pair_epochs = np.full(RECENT if self.mode == _VALUES else 1, -1, np.int64)
        self.pair_places = np.zeros(RECENT if self.mode == _VALUES else 1, np.int64)

    def feed(self, keys: Any, values: Any, ts: Any) -> list[tuple[int, int]]:
        """Count rows in order; (index, count) of each row with which a group reaches the threshold."""
        found: list[tuple[int, int]] = []
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        until: cython.Py_ssize_t
        n: cython.int
        key: cython.ulonglong[::1] = keys
        value: cython.ulonglong[::1] = values
        when: cython.longlong[::1] = ts
        if not cython.compiled:
            key, value, when = keys.tolist(), values.tolist(), ts.tolist()
        for i in range(0, len(keys), 32):
            until = i + 32 if i + 32 < len(keys) else len(keys)
            # What is read of the tables for one row is on its way while others are counted.
            for j in range(i, until):
                self._fetch_set(key[j])
            for j in range(i, until):
                self._fetch_group(key[j], value[j])
            for j in range(i, until):
                n = self._one(key[j], value[j], when[j])
                if n > 0:
                    found.append((j, n))
        return found

    def _fetch_set(self, key: Any) -> Any:
        if cython.compiled:
            base: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, (key >> 7) % cython.cast(cython.ulonglong, self.sets)) * _ways
            touch(cython.address(self.keys[base]))
        return 0

    def _fetch_group(self, key: Any, value: Any) -> Any:
        if cython.compiled:
            base: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, (key >> 7) % cython.cast(cython.ulonglong, self.sets)) * _ways
            e: cython.Py_ssize_t
            for e in range(base, base + _ways):
                if self.keys[e] == key:
                    touch(cython.address(self.groups[e, 0]))
                    touch(cython.address(self.groups[e, 8]))
                    if self.mode == _values:
                        touch(
                            cython.address(
                                self.bits[e, self.epoch % _slices, (_mixed(value) >> 6) % cython.cast(cython.ulonglong, self.words)]
                            )
                        )
                    break
        return 0

    def _place(self, key: Any, ts: Any) -> Any:
        """The entry of a group: its own, an empty one, or that of the group idle longest in its set."""
        base: cython.Py_ssize_t
        e: cython.Py_ssize_t
        oldest: cython.Py_ssize_t
        s: cython.Py_ssize_t
        base = cython.cast(cython.Py_ssize_t, (key >> 7) % cython.cast(cython.ulonglong, self.sets)) * _ways
        for e in range(base, base + _ways):
            if self.keys[e] == key and self.groups[e, _last] > _never:
                return e
        oldest = base
        for e in range(base + 1, base + _ways):
            if self.groups[e, _last] < self.groups[oldest, _last]:
                oldest = e
        if ts - self.groups[oldest, _last] < self.span:
            self.evicted += 1
        self.keys[oldest] = key
        self.groups[oldest, _fired] = _never
        self.groups[oldest, _value] = -1
        for s in range(_slices):
            self.groups[oldest, _epochs + s] = -1
        return oldest

    def _one(self, key: Any, value: Any, ts: Any) -> Any:
        """Count one call; the group's count if that reaches the threshold and may be reported, else 0."""
        e: cython.Py_ssize_t
        epoch: cython.longlong
        slot: cython.Py_ssize_t
        s: cython.Py_ssize_t
        w: cython.Py_ssize_t
        total: cython.longlong = 0
        bit: cython.ulonglong = 0
        pair: cython.ulonglong
        union: cython.ulonglong
        ones: cython.int = 0
        before: cython.longlong
        if not self.since <= ts < self.until:
            self.epoch = ts // self.slice
            self.since = self.epoch * self.slice
            self.until = self.since + self.slice
        epoch = self.epoch
        slot = epoch % _slices
        if self.mode == _values:
            bit = _mixed(value)
            pair = _mixed(key ^ bit)
            w = cython.cast(cython.Py_ssize_t, pair & cython.cast(cython.ulonglong, _recent - 1))
            if self.pairs[w] == pair and self.pair_epochs[w] == epoch:
                e = cython.cast(cython.Py_ssize_t, self.pair_places[w])
                if self.keys[e] == key and self.groups[e, _epochs + slot] == epoch:
                    self.groups[e, _last] = ts
                    return 0  # counted in this slice already, and its group has not given way to another
            self.pairs[w] = pair
            self.pair_epochs[w] = epoch
            e = self._place(key, ts)
            self.pair_places[w] = e
        else:
            e = self._place(key, ts)
        # All sixteen numbers of the group stand behind this one.
        g: cython.pointer(cython.longlong)
        if cython.compiled:
            g = cython.address(self.groups[e, 0])
        else:
            g = self.groups[e]
        g[_last] = ts
        if g[_epochs + slot] != epoch:
            g[_epochs + slot] = epoch
            g[_counts + slot] = 0
            if self.mode == _values:
                if cython.compiled:
                    memset(cython.address(self.bits[e, slot, 0]), 0, self.words * 8)
                else:
                    self.bits[e, slot, :] = 0
        if self.mode == _steps:
            if value > cython.cast(cython.ulonglong, 0x7FFFFFFFFFFFFFFF):
                return 0
            before = g[_value]
            g[_value] = cython.cast(cython.longlong, value)
            if before < 0 or before == g[_value] or not -4 <= g[_value] - before <= 4:
                return 0
        g[_counts + slot] += 1
        for s in range(_slices):
            if epoch - _slices < g[_epochs + s] <= epoch:
                total += g[_counts + s]
        if self.mode == _values:
            w = cython.cast(cython.Py_ssize_t, (bit >> 6) % cython.cast(cython.ulonglong, self.words))
            union = cython.cast(cython.ulonglong, 1) << (bit & 63)
            if self.bits[e, slot, w] & union:
                return 0  # seen in this slice: the count of different values does not grow
            self.bits[e, slot, w] |= union
            if total < self.count or ts - g[_fired] < self.span:
                return 0
            for w in range(self.words):
                union = 0
                for s in range(_slices):
                    if epoch - _slices < g[_epochs + s] <= epoch:
                        union |= self.bits[e, s, w]
                while union:
                    union &= union - 1
                    ones += 1
            total = _distinct(ones, self.words * 64)
        if total < self.count or ts - g[_fired] < self.span:
            return 0
        g[_fired] = ts
        return min(total, 1 << 30)


@cython.cfunc
def _distinct(ones: cython.int, size: cython.int) -> cython.longlong:
    """How many different values set so many bits of a bitmap (linear counting)."""
    if ones >= size:
        return size * 8
    return round(-size * math.log(1.0 - 1.0 * ones / size))
