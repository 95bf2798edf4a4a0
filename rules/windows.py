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

COMPILED = cython.compiled

SETS = 4096
WAYS = 4
"""16 384 groups a rule: callers times endpoints seen within a span on a busy mirror."""
SLICES = 4

_EVENTS, _VALUES, _STEPS = range(3)


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
    shape: cython.ulonglong
    ids: cython.ulonglong
    prime: cython.ulonglong = 0x100000001B3
    full: cython.ulonglong = cython.cast(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
    source: cython.const[cython.uchar][::1] = data
    first: cython.longlong[::1] = starts
    last: cython.longlong[::1] = ends
    to_shape: cython.ulonglong[::1] = shapes
    to_ids: cython.ulonglong[::1] = objects
    to_has: cython.uchar[::1] = has
    if not cython.compiled:
        source = bytes(data)
    for i in range(len(starts)):
        shape = cython.cast(cython.ulonglong, 0xCBF29CE484222325)
        ids = shape
        to_has[i] = 0
        j = first[i]
        end = last[i]
        while j < end:
            k = j
            digits = 0
            odd = 0
            while k < end and source[k] != 47:
                c = source[k]
                if 48 <= c <= 57:
                    digits += 1
                elif not ((97 <= (c | 32) <= 102) or c == 45):
                    odd += 1
                k += 1
            # /v2/ is a name; 17, 5f3c9a, 2024-01-01 and u-1029 are ids.
            if digits > 0 and (odd == 0 or digits >= 3 or k - j >= 16):
                to_has[i] = 1
                shape = ((shape ^ 1) * prime) & full
                while j < k:
                    ids = ((ids ^ source[j]) * prime) & full
                    j += 1
                ids = ((ids ^ 47) * prime) & full
            else:
                while j < k:
                    shape = ((shape ^ source[j]) * prime) & full
                    j += 1
                shape = ((shape ^ 47) * prime) & full
            j = k + 1
        to_shape[i] = _mixed(shape)
        to_ids[i] = _mixed(ids)


def last_numbers(data: Any, starts: Any, ends: Any, values: Any) -> None:
    """The last segment of each path that is a decimal number; all ones where there is none."""
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    end: cython.Py_ssize_t
    value: cython.ulonglong
    power: cython.ulonglong
    source: cython.const[cython.uchar][::1] = data
    first: cython.longlong[::1] = starts
    last: cython.longlong[::1] = ends
    to: cython.ulonglong[::1] = values
    if not cython.compiled:
        source = bytes(data)
    for i in range(len(starts)):
        to[i] = cython.cast(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
        end = last[i]
        while end > first[i]:
            j = end
            value = 0
            power = 1
            while j > first[i] and 48 <= source[j - 1] <= 57 and end - j < 18:
                value += power * (source[j - 1] - 48)
                power *= 10
                j -= 1
            if j < end and j > first[i] and source[j - 1] == 47:
                to[i] = value
                break
            while j > first[i] and source[j - 1] != 47:
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
        if self.words > 16:
            # Large thresholds are rare and their groups few: fewer groups, same memory.
            self.sets = max(64, SETS * 16 // self.words)
            entries = self.sets * WAYS
        self.keys = self._keys = np.zeros(entries, np.uint64)
        self.last = self._last = np.full(entries, -(1 << 62), np.int64)
        self.fired = self._fired = np.full(entries, -(1 << 62), np.int64)
        self.value = self._value = np.full(entries, -1, np.int64)
        self.epochs = self._slices = np.full((entries, SLICES), -1, np.int64)
        self.counts = self._counts = np.zeros((entries, SLICES), np.int64)
        self.bits = self._bits = np.zeros((entries if self.mode == _VALUES else 1, SLICES, self.words), np.uint64)

    def feed(self, keys: Any, values: Any, ts: Any) -> list[tuple[int, int]]:
        """Count rows in order; (index, count) of each row with which a group reaches the threshold."""
        found: list[tuple[int, int]] = []
        i: cython.Py_ssize_t
        n: cython.int
        key: cython.ulonglong[::1] = keys
        value: cython.ulonglong[::1] = values
        when: cython.longlong[::1] = ts
        if not cython.compiled:
            key, value, when = keys.tolist(), values.tolist(), ts.tolist()
        for i in range(len(keys)):
            n = self._one(key[i], value[i], when[i])
            if n > 0:
                found.append((i, n))
        return found

    def _place(self, key: Any, ts: Any) -> Any:
        """The entry of a group: its own, an empty one, or that of the group idle longest in its set."""
        base: cython.Py_ssize_t
        e: cython.Py_ssize_t
        oldest: cython.Py_ssize_t
        w: cython.int
        s: cython.int
        base = cython.cast(cython.Py_ssize_t, (key >> 7) % cython.cast(cython.ulonglong, self.sets)) * WAYS
        oldest = base
        for w in range(WAYS):
            e = base + w
            if self.keys[e] == key and self.last[e] > -(1 << 61):
                return e
            if self.last[e] < self.last[oldest]:
                oldest = e
        if ts - self.last[oldest] < self.span:
            self.evicted += 1
        self.keys[oldest] = key
        self.fired[oldest] = -(1 << 62)
        self.value[oldest] = -1
        for s in range(SLICES):
            self.epochs[oldest, s] = -1
        return oldest

    def _one(self, key: Any, value: Any, ts: Any) -> Any:
        """Count one call; the group's count if that reaches the threshold and may be reported, else 0."""
        e: cython.Py_ssize_t = self._place(key, ts)
        epoch: cython.longlong = ts // self.slice
        slot: cython.Py_ssize_t = epoch % SLICES
        s: cython.int
        w: cython.Py_ssize_t
        total: cython.longlong = 0
        bit: cython.ulonglong
        union: cython.ulonglong
        ones: cython.int = 0
        before: cython.longlong
        self.last[e] = ts
        if self.epochs[e, slot] != epoch:
            self.epochs[e, slot] = epoch
            self.counts[e, slot] = 0
            if self.mode == _VALUES:
                for w in range(self.words):
                    self.bits[e, slot, w] = 0
        if self.mode == _STEPS:
            if value > cython.cast(cython.ulonglong, 0x7FFFFFFFFFFFFFFF):
                return 0
            before = self.value[e]
            self.value[e] = cython.cast(cython.longlong, value)
            if before < 0 or before == self.value[e] or not -4 <= self.value[e] - before <= 4:
                return 0
        self.counts[e, slot] += 1
        for s in range(SLICES):
            if epoch - SLICES < self.epochs[e, s] <= epoch:
                total += self.counts[e, s]
        if self.mode == _VALUES:
            bit = _mixed(value)
            w = cython.cast(cython.Py_ssize_t, (bit >> 6) % cython.cast(cython.ulonglong, self.words))
            union = cython.cast(cython.ulonglong, 1) << (bit & 63)
            if self.bits[e, slot, w] & union:
                return 0  # seen in this slice: the count of different values does not grow
            self.bits[e, slot, w] |= union
            if total < self.count or ts - self.fired[e] < self.span:
                return 0
            for w in range(self.words):
                union = 0
                for s in range(SLICES):
                    if epoch - SLICES < self.epochs[e, s] <= epoch:
                        union |= self.bits[e, s, w]
                while union:
                    union &= union - 1
                    ones += 1
            total = _distinct(ones, self.words * 64)
        if total < self.count or ts - self.fired[e] < self.span:
            return 0
        self.fired[e] = ts
        return min(total, 1 << 30)


@cython.cfunc
def _distinct(ones: cython.int, size: cython.int) -> cython.longlong:
    """How many different values set so many bits of a bitmap (linear counting)."""
    if ones >= size:
        return size * 8
    return round(-size * math.log(1.0 - 1.0 * ones / size))
