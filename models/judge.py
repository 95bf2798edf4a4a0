"""Judging a call in compiled code: how surprising each field's length, characters, shape, value and name are, by looking tables up.

`Judge` takes a batch's calls one by one from a `FieldReader`, keeps the largest surprise of each aspect, turns every measure into nats by its
calibration and adds up their squares. What only looks tables up is turned into squared nats in the tables, once: a calibration never falls, so the
largest of them is the same.

Headers come again and again (one client sends the same ones with each call), so what a block of them came to is remembered by its tag
(`parsers.tags`), and of blocks not seen before what each line came to, octets and all; so is what an answer came to. What is remembered never changes
an answer, only its cost.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from typing import Any

import numpy as np

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

if cython.compiled:
    from cython.cimports.libc.math import exp, isnan, log, sqrt
    from cython.cimports.libc.string import memchr, memcmp, memcpy
    from cython.cimports.models.fields import Field, FieldReader, floats_at, hashes_at, ints_at, numbers_at, octets_at
    from cython.cimports.parsers.spread import spread
else:
    from math import exp, isnan, log, sqrt

    from models.fields import FieldReader, floats_at, hashes_at, ints_at, numbers_at, octets_at
    from parsers.spread import spread

COMPILED = cython.compiled

_M64 = 0xFFFFFFFFFFFFFFFF

_PRIME = cython.declare(cython.ulonglong, 0x100000001B3)
_STIR = cython.declare(cython.ulonglong, 0xD6E8FEB86659FD93)
_GOLDEN = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)

LENGTH_BINS = 48
MARK_BINS = 12
BITS = 46

ASPECTS = ("length", "marks", "characters", "rarest character", "shape", "value", "language", "name")
"""What is judged of each field."""
LENGTH, MARKS, CHARACTERS, RAREST, SHAPE, VALUE, LANGUAGE, NAME = range(8)

GROUPS = 4
"""Values (path, query, body), headers, cookies, answers."""
CLASS_OF_KIND = np.array([0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 7], np.int32)
CLASSES = 8
_GROUP_OF_KIND = np.array([0, 0, 0, 0, 1, 2, 0, 0, 3, 3, 3, 3], np.int32)
NAMED = np.array([0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0], np.int32)
"""Kinds whose names a client chooses."""

PIECES = 32_768
"""Remembered blocks and lines of headers; when they are as many all are forgotten, and remembered anew."""
OCTETS = 16_777_216
"""Octets of them."""
LONGEST_BLOCK = 16_384
"""Longer blocks are read line by line."""
LONGEST_LINE = 2_048
"""Longer lines are read each time."""
ROW_LINES = 64
"""A call with more header lines than this is read without memory of lines."""
NAME_SETS = 4_096
"""Sets of names that the remembered pieces have."""
OUTCOMES = 8_192
"""Different things that they come to, many of them to the same."""
_PIECES = cython.declare(cython.Py_ssize_t, 32_768)
_PLACES = cython.declare(cython.Py_ssize_t, 65_536)
_OCTETS = cython.declare(cython.Py_ssize_t, 16_777_216)
_LONGEST_BLOCK = cython.declare(cython.Py_ssize_t, 16_384)
_LONGEST_LINE = cython.declare(cython.Py_ssize_t, 2_048)
_ROW_LINES = cython.declare(cython.int, 64)
_SETS = cython.declare(cython.Py_ssize_t, 4_096)
_OUTCOMES = cython.declare(cython.Py_ssize_t, 8_192)
_AHEAD = cython.declare(cython.Py_ssize_t, 256)
_SET_SLOTS = cython.declare(cython.Py_ssize_t, 65_536)
_LACKS = cython.declare(cython.Py_ssize_t, 4_096)
_ANSWERS = cython.declare(cython.Py_ssize_t, 4_096)
_CHARACTERS = cython.declare(cython.Py_ssize_t, 2_048)
_MAX_FIELDS = cython.declare(cython.int, 192)
_LINE_BEST = cython.declare(cython.int, 32)
_ROW = cython.declare(cython.Py_ssize_t, 64)  # of a unit: its lengths, its marks, a new shape, a new value
_BITS = cython.declare(cython.int, 46)
_UNIT = cython.declare(cython.longlong, 1 << 20)
"""Nats of missing names are added up in whole numbers of this part of one, so that their order says nothing."""

OUTCOME = np.dtype(
    [("squares", np.float64)]
    + [(name, np.int32) for name in ("names", "fields", "group", "headers", "cookies", "longest", "marks", "unused")]
    + [("best", np.float32, 16)],
    align=True,
)
PIECE = np.dtype([("key", np.uint64), ("high", np.uint64)] + [(name, np.int32) for name in ("at", "size", "outcome", "block")], align=True)
ANSWER = np.dtype(
    [("type", np.uint64), ("status", np.int64)] + [(name, np.int32) for name in ("node", "response", "request")] + [("length", np.float32), ("value", np.float32)],
    align=True,
)
"""Laid out as the structs in judge.pxd."""

_NAN = cython.declare(cython.float, float("nan"))
_LOG1P = np.log1p(np.arange(8192)).astype(np.float32)


def _view(array: Any) -> Any:
    """The array itself for compiled code; else a memoryview, whose elements are Python integers, which do not wrap as numpy's do."""
    if cython.compiled:
        return array
    return memoryview(array)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def length_bin(n: cython.int) -> cython.int:
    """Lengths 0..15 each their own bin, then four to an octave."""
    k: cython.int = 0
    if n < 16:
        return n if n > 0 else 0
    while n >= 32:
        n >>= 1
        k += 1
    k = 16 + 4 * k + ((n - 16) >> 2)
    return k if k < LENGTH_BINS_C else LENGTH_BINS_C - 1


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def mark_bin(n: cython.int) -> cython.int:
    """Counts of marks: 0..5 each their own bin, then doubling."""
    k: cython.int = 5
    if n <= 5:
        return n
    n = (n - 4) >> 1
    while n > 0:
        n >>= 1
        k += 1
    return k if k < MARK_BINS_C else MARK_BINS_C - 1


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _find(keys: cython.pointer(cython.const[cython.ulonglong]), mask: cython.Py_ssize_t, key: cython.ulonglong) -> cython.Py_ssize_t:
    """The place of a key in a table that has room left (`table_of`), or -1."""
    i: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, key & cython.cast(cython.ulonglong, mask))
    while keys[i] != 0:
        if keys[i] == key:
            return i
        i = (i + 1) & mask
    return -1


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _join(a: cython.ulonglong, b: cython.ulonglong) -> cython.ulonglong:
    h: cython.ulonglong
    if cython.compiled:
        h = ((a ^ _GOLDEN) * _PRIME) ^ b
        h *= _STIR
        return h ^ (h >> 29)
    else:
        h = (((a ^ _GOLDEN) * _PRIME) & _M64) ^ b
        h = (h * _STIR) & _M64
        return h ^ (h >> 29)


def table_of(keys: Any, *columns: Any) -> tuple[Any, ...]:
    """An open-addressing table (linear probing, a power of two, at most half full) of distinct 64-bit keys, key 0 being an empty place; and columns in its order."""
    size = 8
    while size < 2 * len(keys) + 1:
        size *= 2
    table = np.zeros(size, np.uint64)
    source = np.zeros(size, np.int64)
    _place(np.ascontiguousarray(keys, np.uint64), table, source)
    out = [table]
    for column in columns:
        placed = column[source] if len(column) else np.zeros(size, column.dtype)
        placed[table == 0] = -1 if column.dtype.kind == "i" else 0
        out.append(placed)
    return tuple(out)


def _place(given: Any, table: Any, source: Any) -> None:
    keys: cython.const[cython.ulonglong][::1] = _view(given)
    places: cython.ulonglong[::1] = _view(table)
    which: cython.longlong[::1] = _view(source)
    k: cython.Py_ssize_t
    i: cython.Py_ssize_t
    key: cython.ulonglong
    mask: cython.Py_ssize_t = places.shape[0] - 1
    for k in range(keys.shape[0]):
        key = keys[k] if keys[k] != 0 else 1
        i = cython.cast(cython.Py_ssize_t, key & cython.cast(cython.ulonglong, mask))
        while places[i] != 0 and places[i] != key:
            i = (i + 1) & mask
        if places[i] == 0:
            places[i] = key
            which[i] = k


def grouped(keys: Any) -> tuple[Any, Any, Any]:
    """Of 64-bit keys: where each distinct one came first, in that order; which of those each is; how often each came."""
    n = len(keys)
    size = 8
    while size < 2 * n:
        size *= 2
    first, inverse, count = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    groups = _group_keys(np.ascontiguousarray(keys, np.uint64), np.zeros(size, np.int32), first, inverse, count)
    return first[:groups], inverse, count[:groups]


def _group_keys(given: Any, table: Any, firsts: Any, inverses: Any, counts: Any) -> Any:
    key: cython.const[cython.ulonglong][::1] = _view(given)
    places: cython.int[::1] = _view(table)
    first: cython.longlong[::1] = _view(firsts)
    inverse: cython.longlong[::1] = _view(inverses)
    count: cython.longlong[::1] = _view(counts)
    groups: cython.Py_ssize_t = 0
    k: cython.Py_ssize_t
    i: cython.Py_ssize_t
    g: cython.Py_ssize_t
    mask: cython.Py_ssize_t = places.shape[0] - 1
    for k in range(key.shape[0]):
        i = cython.cast(cython.Py_ssize_t, (key[k] ^ (key[k] >> 32)) & cython.cast(cython.ulonglong, mask))
        while places[i] != 0 and key[first[places[i] - 1]] != key[k]:
            i = (i + 1) & mask
        g = places[i] - 1
        if g < 0:
            g = groups
            groups += 1
            first[g] = k
            places[i] = cython.cast(cython.int, groups)
        inverse[k] = g
        count[g] += 1
    return groups


def tally(units: Any, table: Any, n: Any, by_length: Any, by_marks: Any, bits: Any, nats: Any, squares: Any) -> None:
    """Count what fields hold by unit: how many, their lengths and marks by bin, the bits of their masks, nats a character and the squares of those.

    `table` has the fields' columns; a negative unit is none.
    """
    unit: cython.const[cython.longlong][::1] = _view(units)
    lengths: cython.const[cython.int][::1] = _view(table["length"])
    marks: cython.const[cython.int][::1] = _view(table["marks"])
    masks: cython.const[cython.ulonglong][::1] = _view(table["mask"])
    given: cython.const[cython.float][::1] = _view(table["nats"])
    number: cython.double[::1] = _view(n)
    length: cython.double[:, ::1] = _view(by_length)
    mark: cython.double[:, ::1] = _view(by_marks)
    bit: cython.double[:, ::1] = _view(bits)
    total: cython.double[::1] = _view(nats)
    square: cython.double[::1] = _view(squares)
    i: cython.Py_ssize_t
    u: cython.Py_ssize_t
    b: cython.Py_ssize_t
    left: cython.ulonglong
    per: cython.double
    for i in range(unit.shape[0]):
        u = unit[i]
        if u < 0:
            continue
        number[u] += 1
        length[u, length_bin(lengths[i])] += 1
        mark[u, mark_bin(marks[i])] += 1
        left = masks[i]
        b = 0
        while left != 0 and b < _BITS:
            if left & 1:
                bit[u, b] += 1
            left >>= 1
            b += 1
        per = given[i] / (min(lengths[i], 4096) + 1)
        total[u] += per
        square[u] += per * per


def find_units(slots: Any, pools: Any, kinds: Any, keys: Any, values: Any, classes: Any, out: Any) -> None:
    """The unit that judges each field: its own slot's where known, else its name's anywhere, else its class's."""
    slot: cython.const[cython.ulonglong][::1] = _view(slots)
    pool: cython.const[cython.ulonglong][::1] = _view(pools)
    kind: cython.const[cython.uchar][::1] = _view(kinds)
    v: cython.const[cython.int][::1] = _view(values)
    of: cython.const[cython.int][::1] = _view(classes)
    unit: cython.int[::1] = _view(out)
    i: cython.Py_ssize_t
    at: cython.Py_ssize_t
    _checked(keys)
    k: cython.pointer(cython.const[cython.ulonglong]) = hashes_at(_view(keys))
    mask: cython.Py_ssize_t = len(keys) - 1
    for i in range(slot.shape[0]):
        at = _find(k, mask, slot[i])
        if at < 0:
            at = _find(k, mask, pool[i])
        unit[i] = v[at] if at >= 0 else of[kind[i]]


def _checked(keys: Any) -> Any:
    """A table that `_find` can search; ValueError where it could not end."""
    if not len(keys) or len(keys) & (len(keys) - 1) or np.count_nonzero(keys) == len(keys):
        raise ValueError("judge: a table of hashes that has no room left")
    return keys


def features(counts: Any, recipe: Any, out: Any) -> None:
    """Fill out[call, FEATURES] from counts[call, ROW_COUNTS]; NaN where a part of the call was not seen."""
    given: cython.float[:, ::1] = _view(counts)
    how: cython.int[:, ::1] = _view(recipe)
    result: cython.float[:, ::1] = _view(out)
    r: cython.Py_ssize_t
    n: cython.Py_ssize_t = how.shape[0]
    for r in range(given.shape[0]):
        if cython.compiled:
            _features(cython.address(given[r, 0]), cython.address(how[0, 0]), n, cython.address(result[r, 0]))
        else:
            row = [0.0] * n
            _features(counts[r].tolist(), recipe.ravel().tolist(), n, row)
            out[r] = row


@cython.cfunc
@cython.exceptval(check=False)
def _features(given: cython.p_float, how: cython.pointer(cython.const[cython.int]), n: cython.Py_ssize_t, out: cython.p_float) -> cython.void:
    """One call's FEATURES. `how` is the recipe, three numbers a feature (how, of which count, which feature), all that are made one way together."""
    k: cython.Py_ssize_t = 0
    of: cython.int
    x: cython.float
    share: cython.float = 1 / given[20] if given[20] > 1 else 1.0
    status: cython.float = given[21]
    while k < n and how[3 * k] == 0:
        out[how[3 * k + 2]] = given[how[3 * k + 1]]
        k += 1
    while k < n and how[3 * k] == 1:
        out[how[3 * k + 2]] = _log1p(given[how[3 * k + 1]])
        k += 1
    while k < n and how[3 * k] == 2:
        out[how[3 * k + 2]] = given[how[3 * k + 1]] * share
        k += 1
    while k < n and how[3 * k] == 3:
        x = given[how[3 * k + 1]]
        out[how[3 * k + 2]] = _log1p(x / 100000 if x >= 0 else x)
        k += 1
    while k < n:
        of = how[3 * k + 1]
        out[how[3 * k + 2]] = 1 if of <= status < of + 100 else 0
        k += 1


_log1p_table = cython.declare(cython.float[::1], _view(_LOG1P))
LENGTH_BINS_C = cython.declare(cython.int, 48)
MARK_BINS_C = cython.declare(cython.int, 12)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _log1p(x: cython.float) -> cython.float:
    """The logarithm of one more; NaN for what was not seen (negative)."""
    i: cython.Py_ssize_t
    if x < 0:
        return _NAN
    if x < 8192:
        if cython.compiled:
            i = cython.cast(cython.Py_ssize_t, x)
        else:
            i = int(x)
        if i == x:
            return _log1p_table[i]
    return log(1.0 + x)


def sums(x: Any, node: Any, count: Any, total: Any, square: Any) -> None:
    """Add up features by place: how many were seen, their sum and the sum of their squares, [node + 1, feature]; the last row is for no known node."""
    given: cython.const[cython.float][:, ::1] = _view(x)
    nodes: cython.const[cython.int][::1] = _view(node)
    n: cython.double[:, ::1] = _view(count)
    a: cython.double[:, ::1] = _view(total)
    b: cython.double[:, ::1] = _view(square)
    r: cython.Py_ssize_t
    k: cython.Py_ssize_t
    at: cython.Py_ssize_t
    v: cython.double
    for r in range(given.shape[0]):
        at = nodes[r] if nodes[r] >= 0 else n.shape[0] - 1
        for k in range(given.shape[1]):
            v = given[r, k]
            if not isnan(v):
                n[at, k] += 1
                a[at, k] += v
                b[at, k] += v * v


def spans(unit: Any, length: Any, low: Any, high: Any) -> None:
    """Shortest and longest value of each unit into low and high; a negative unit is none."""
    units: cython.const[cython.longlong][::1] = _view(unit)
    lengths: cython.const[cython.int][::1] = _view(length)
    least: cython.int[::1] = _view(low)
    most: cython.int[::1] = _view(high)
    i: cython.Py_ssize_t
    u: cython.Py_ssize_t
    for i in range(units.shape[0]):
        u = units[i]
        if u >= 0:
            least[u] = min(least[u], lengths[i])
            most[u] = max(most[u], lengths[i])


@cython.cfunc
@cython.exceptval(check=False)
def _standardise(x: cython.p_float, mean: cython.pointer(cython.const[cython.float]), inverse: cython.pointer(cython.const[cython.float]), n: cython.Py_ssize_t, out: cython.p_float) -> cython.void:
    """Without branches, so that the compiler takes several at once."""
    k: cython.Py_ssize_t
    z: cython.float
    for k in range(n):
        z = (x[k] - mean[k]) * inverse[k]
        z = z if z > -8 else -8
        z = z if z < 8 else 8
        out[k] = z if x[k] == x[k] else 0


@cython.cclass
class Standard:
    """FEATURES in comparable numbers: how many spreads each is off, over all calls and over the endpoint's, within -8..8; 0 for what was not seen."""

    def __init__(self, recipe: Any, scale: Any) -> None:
        self.width = len(recipe)
        self.places = len(scale.place_mean)
        f32 = np.float32
        self.shared = (
            np.ascontiguousarray(recipe, np.int32), np.ascontiguousarray(scale.mean, f32), (1 / scale.spread).astype(f32),
            np.ascontiguousarray(scale.place_mean, f32), (1 / scale.place_spread).astype(f32),
        )  # fmt: skip
        if [array.shape[array.ndim - 1] for array in self.shared[1:]] != [self.width] * 4 or self.width > 64 or len(scale.place_spread) != self.places:
            raise ValueError("Standard: a scale of other features")
        self.how = ints_at(_view(self.shared[0].reshape(-1)))
        self.mean = floats_at(_view(self.shared[1]))
        self.inverse = floats_at(_view(self.shared[2]))
        self.place_mean = floats_at(_view(self.shared[3].reshape(-1)))
        self.place_inverse = floats_at(_view(self.shared[4].reshape(-1)))

    def into(self, counts: Any, node: Any, x: Any, out: Any) -> Any:
        """One call's, from its counts (ROW_COUNTS); x is room for its FEATURES."""
        _features(counts, self.how, self.width, x)
        self.scaled(x, node, out)

    def scaled(self, x: Any, node: Any, out: Any) -> Any:
        place: cython.Py_ssize_t = node
        if place < 0 or place >= self.places:
            place = self.places - 1
        if cython.compiled:
            _standardise(x, self.mean, self.inverse, self.width, out)
            _standardise(x, self.place_mean + place * self.width, self.place_inverse + place * self.width, self.width, out + self.width)
        else:
            n = self.width
            both = [[0.0] * n, [0.0] * n]
            _standardise(x, self.mean, self.inverse, n, both[0])
            _standardise(x, self.place_mean[place * n : place * n + n], self.place_inverse[place * n : place * n + n], n, both[1])
            out[: 2 * n] = both[0] + both[1]

    def matrix(self, features: Any, node: Any, out: Any) -> None:
        """Fill out[call, 2 * FEATURES] from features[call, FEATURES] and the node of each."""
        given: cython.float[:, ::1] = _view(features)
        nodes: cython.const[cython.int][::1] = _view(node)
        result: cython.float[:, ::1] = _view(out)
        r: cython.Py_ssize_t
        if given.shape[0] and (given.shape[1] != self.width or result.shape[1] != 2 * self.width):
            raise ValueError("Standard.matrix: arrays of another width")
        for r in range(given.shape[0]):
            if cython.compiled:
                self.scaled(cython.address(given[r, 0]), nodes[r], cython.address(result[r, 0]))
            else:
                row = [0.0] * (2 * self.width)
                self.scaled(features[r].tolist(), node[r], row)
                out[r] = row


@cython.cclass
class Nats:
    """Calibrations as one table: from the value of a measure to the nats of its p-value."""

    def __init__(self, calibrations: Any, less: Any) -> None:
        """`less` is taken off each measure before it is looked up."""
        self.measures = len(calibrations)
        if self.measures > 64 or any(len(c.above) != len(c.scores) + 1 for c in calibrations) or len(less) != self.measures:
            raise ValueError("Nats: calibrations that do not fit one another")
        # Each score beside its nats; after the last, what is stranger than all.
        steps = np.concatenate(
            [np.stack([np.append(c.scores, np.inf), -np.log(c.above)], 1).astype(np.float32) for c in calibrations] or [np.zeros((0, 2), np.float32)]
        )
        starts = np.cumsum([0] + [len(c.above) for c in calibrations]).astype(np.int64)
        # Buckets of equal width, of which all but the last together hold most scores: those of normal calls, which are asked for most.
        low = np.array([c.scores[0] if len(c.scores) else 0 for c in calibrations], np.float32)
        wide = np.array([c.scores[int(0.98 * (len(c.scores) - 1))] if len(c.scores) else 0 for c in calibrations], np.float32) - low
        each = np.divide(_BUCKETS - 1, wide, out=np.zeros_like(wide), where=wide > 1e-6).astype(np.float32)
        guide = np.zeros((self.measures, _BUCKETS + 1), np.int32)
        self.shared = (
            steps.reshape(-1), starts, np.array([1 / c.beta for c in calibrations], np.float32), np.asarray(less, np.float32), guide.reshape(-1), low, each,
        )  # fmt: skip
        self.steps = floats_at(_view(self.shared[0]))
        self.starts = numbers_at(_view(self.shared[1]))
        self.slopes = floats_at(_view(self.shared[2]))
        self.less = floats_at(_view(self.shared[3]))
        self.guide = ints_at(_view(self.shared[4]))
        self.low = floats_at(_view(self.shared[5]))
        self.each = floats_at(_view(self.shared[6]))
        if cython.compiled:
            _guide(steps, starts, low, each, guide)
        else:
            self.scores = [np.asarray(c.scores, np.float32).tolist() for c in calibrations]
            self.last, self.last_square = [0.0] * 64, [0.0] * 64
        k: cython.int
        for k in range(64):
            self.last[k] = -1

    def _place(self, k: Any, y: Any) -> Any:
        """The place of the first step of measure k whose score is not below y."""
        start: cython.Py_ssize_t = self.starts[k]
        if cython.compiled:
            b: cython.Py_ssize_t = _bucket(y, self.low[k], self.each[k]) + cython.cast(cython.Py_ssize_t, k) * (_BUCKETS + 1)
            low: cython.Py_ssize_t = start + self.guide[b]
            n: cython.Py_ssize_t = start + self.guide[b + 1] - low
            half: cython.Py_ssize_t
            # Halving without a branch on what was read, which nobody could guess.
            while n > 0:
                half = (n + 1) >> 1
                low += half if self.steps[2 * (low + half - 1)] < y else 0
                n -= half
            return low
        else:
            return start + bisect_left(self.scores[k], y)

    def of(self, k: Any, x: Any) -> Any:
        """Nats of value x of measure k."""
        y: cython.float = x - self.less[k]
        at: cython.Py_ssize_t = self._place(k, y)
        nats: cython.float = self.steps[2 * at + 1]
        # Past the largest score a tail goes on.
        if at == self.starts[k + 1] - 1 and at > self.starts[k]:
            nats += (y - self.steps[2 * at - 2]) * self.slopes[k]
        return nats

    def squared(self, k: Any, x: Any) -> Any:
        """Squared nats of value x of measure k; most often x is what it was in the call before."""
        v: cython.float
        if x != self.last[k]:
            v = self.of(k, x)
            self.last[k] = x
            self.last_square[k] = v * v
        return self.last_square[k]

    def measured(self, raw: Any, out: Any) -> None:
        """Fill out[call, measure] with the nats of raw[call, measure]."""
        x: cython.const[cython.float][:, ::1] = _view(raw)
        y: cython.float[:, ::1] = _view(out)
        r: cython.Py_ssize_t
        k: cython.int
        if x.shape[1] > self.measures:
            raise ValueError("Nats.measured: more measures than calibrations")
        for r in range(x.shape[0]):
            for k in range(cython.cast(cython.int, x.shape[1])):
                y[r, k] = self.of(k, x[r, k])

    def join(self, squares: Any, strange: Any, score: Any, p: Any) -> None:
        """From squared nats and the autoencoder's number, which is the last measure but one, to score and p-value, which the last calibration tells."""
        a: cython.const[cython.double][::1] = _view(squares)
        b: cython.const[cython.float][::1] = _view(strange)
        c: cython.float[::1] = _view(score)
        d: cython.float[::1] = _view(p)
        r: cython.Py_ssize_t
        last: cython.int = self.measures - 1
        v: cython.double
        for r in range(a.shape[0]):
            v = self.of(last - 1, b[r])
            c[r] = sqrt(a[r] + v * v)
            d[r] = exp(-self.of(last, c[r]))


_BUCKETS = cython.declare(cython.int, 4096)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _bucket(y: cython.float, low: cython.float, each: cython.float) -> cython.int:
    """Never less for more, so that a bucket's scores are the ones to look among. What lies past the others is in the last."""
    v: cython.float = (y - low) * each
    if not v > 0:
        return 0
    if v >= _BUCKETS - 1:
        return _BUCKETS - 1
    if cython.compiled:
        return cython.cast(cython.int, v)
    else:
        return int(v)


def _guide(steps: Any, starts: Any, low: Any, each: Any, guide: Any) -> None:
    """Of each calibration and bucket, how many scores lie in the buckets before it."""
    value: cython.const[cython.float][:, ::1] = _view(steps)
    start: cython.const[cython.longlong][::1] = _view(starts)
    lowest: cython.const[cython.float][::1] = _view(low)
    width: cython.const[cython.float][::1] = _view(each)
    out: cython.int[:, ::1] = _view(guide)
    k: cython.Py_ssize_t
    i: cython.Py_ssize_t
    n: cython.Py_ssize_t
    b: cython.int
    at: cython.int
    for k in range(out.shape[0]):
        b = 0
        n = start[k + 1] - start[k] - 1
        for i in range(n):
            at = _bucket(value[start[k] + i, 0], lowest[k], width[k])
            while b < at:
                b += 1
                out[k, b] = cython.cast(cython.int, i)
        while b < _BUCKETS:
            b += 1
            out[k, b] = cython.cast(cython.int, n)


class _Outcome:
    """Interpreted; compiled it is the struct `Outcome` in judge.pxd."""

    __slots__ = OUTCOME.names

    def __init__(self) -> None:
        self.best = [0.0] * 16


class _Piece:
    """Interpreted; compiled it is the struct `Piece` in judge.pxd."""

    __slots__ = PIECE.names


class _Answer:
    """Interpreted; compiled it is the struct `Answer` in judge.pxd."""

    __slots__ = ANSWER.names

    def __init__(self) -> None:
        self.status = -2


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _whole(missing: cython.longlong) -> cython.float:
    """Nats of missing names."""
    return cython.cast(cython.double, missing) / _UNIT


def ints_in(view: Any) -> Any:
    """Where an array begins, for writing to it by index; so do the four below. Its owner keeps the array, and checks every index."""
    if cython.compiled:
        return cython.address(view[0]) if view.shape[0] else cython.NULL
    return view


def longs_in(view: Any) -> Any:
    if cython.compiled:
        return cython.address(view[0]) if view.shape[0] else cython.NULL
    return view


def hashes_in(view: Any) -> Any:
    if cython.compiled:
        return cython.address(view[0]) if view.shape[0] else cython.NULL
    return view


def floats_in(view: Any) -> Any:
    if cython.compiled:
        return cython.address(view[0]) if view.shape[0] else cython.NULL
    return view


def octets_in(view: Any) -> Any:
    if cython.compiled:
        return cython.address(view[0]) if view.shape[0] else cython.NULL
    return view


@cython.cclass
class Judge:
    """A profile's tables, and what judging needs to remember. One judge serves many batches of one model.

    Its attributes are declared in judge.pxd. What a table, the path tree or a model file says is checked here, once: the calls' numbers cannot lead outside.
    """

    def __init__(self, reader: Any, profile: Any, ended: Any, columns: Any = None, nats: Any = None) -> None:
        """`ended` says of each node whether known calls end there. With `nats`, whose first measures are `columns`, then endpoint, form and missing
        names, measures become squared nats; without, they stay as they are."""
        k: cython.int
        units, nodes = len(profile.n), len(ended)
        if not cython.compiled:
            self.best, self.where, self.row_lines, self.row_slots = [0.0] * 48, [0] * 48, [0] * ROW_LINES, [0] * ROW_LINES
            self.ahead = [0] * 256
            self.measure_of, self.floor = [0] * 48, [0.0] * 48
            self.class_of_kind, self.group_of_kind, self.named = [0] * 12, [0] * 12, [0] * 12
        for k in range(12):
            self.class_of_kind[k], self.group_of_kind[k], self.named[k] = int(CLASS_OF_KIND[k]), int(_GROUP_OF_KIND[k]), int(NAMED[k])
        self.reader = reader
        self.units, self.nodes = units, nodes
        f32 = np.float32
        forms = np.concatenate([profile.variant_keys, profile.expected_place])
        forms = np.sort(forms[grouped(forms)[0]])
        cost, total = np.full(len(forms), -1, f32), np.zeros(len(forms), np.int64)
        cost[np.searchsorted(forms, profile.variant_keys)] = profile.variant_cost
        total[np.searchsorted(forms, profile.expected_place)] = np.rint(profile.expected_total * _UNIT).astype(np.int64)
        form_keys, form_cost, form_total = table_of(forms, cost, total)
        expected_keys, expected_cost = table_of(profile.expected_keys, np.rint(profile.expected_cost * _UNIT).astype(np.int64))
        if units < CLASSES or reader.nodes != nodes:
            raise ValueError("Judge: the profile of another tree")
        taken = profile.unit_values[profile.unit_keys != 0]
        if len(profile.unit_values) != len(profile.unit_keys) or (len(taken) and (int(taken.min()) < 0 or int(taken.max()) >= units)):
            raise ValueError("Judge: a unit that is not there")
        self.shared = tables = {
            "unit_keys": _checked(profile.unit_keys), "unit_values": profile.unit_values,
            "shape_keys": _checked(profile.shape_keys), "value_keys": _checked(profile.value_keys), "value_cost": profile.value_cost,
            "slot_keys": table_of(profile.slot_keys)[0], "name_keys": table_of(profile.known_names)[0],
            "form_keys": form_keys, "form_cost": form_cost, "form_total": form_total, "expected_keys": expected_keys, "expected_cost": expected_cost,
            "ended": np.ascontiguousarray(ended, np.uint8),
        }  # fmt: skip
        for name, shape in (
            ("by_length", (units, LENGTH_BINS)), ("by_marks", (units, MARK_BINS)), ("bit_set", (units, BITS)), ("bit_gain", (units, BITS)), ("bit_base", (units,)),
            ("new_shape", (units,)), ("new_value", (units,)), ("nats_mean", (units,)), ("nats_spread", (units,)),
            ("new_name", (nodes + 2,)), ("new_child", (nodes + 1,)), ("new_variant", (nodes + 1,)),
        ):  # fmt: skip
            array = getattr(profile, name)
            if array.shape != shape:
                raise ValueError(f"Judge: {name} is {array.shape}, not {shape}")
            tables[name] = np.ascontiguousarray(array, f32).reshape(-1)
        if len(profile.value_cost) != len(profile.value_keys):
            raise ValueError("Judge: costs of other values")
        self.unit_keys, self.unit_mask = hashes_at(_view(tables["unit_keys"])), len(tables["unit_keys"]) - 1
        self.shape_keys, self.shape_mask = hashes_at(_view(tables["shape_keys"])), len(tables["shape_keys"]) - 1
        self.value_keys, self.value_mask = hashes_at(_view(tables["value_keys"])), len(tables["value_keys"]) - 1
        self.slot_keys, self.slot_mask = hashes_at(_view(tables["slot_keys"])), len(tables["slot_keys"]) - 1
        self.name_keys, self.name_mask = hashes_at(_view(tables["name_keys"])), len(tables["name_keys"]) - 1
        self.form_keys, self.form_mask = hashes_at(_view(tables["form_keys"])), len(tables["form_keys"]) - 1
        self.expected_keys, self.expected_mask = hashes_at(_view(tables["expected_keys"])), len(tables["expected_keys"]) - 1
        self.unit_values = ints_at(_view(tables["unit_values"]))
        self.value_cost = floats_at(_view(tables["value_cost"]))
        self.form_cost, self.form_total = floats_at(_view(tables["form_cost"])), numbers_at(_view(tables["form_total"]))
        self.expected_cost = numbers_at(_view(tables["expected_cost"]))
        self.by_length, self.by_marks = floats_at(_view(tables["by_length"])), floats_at(_view(tables["by_marks"]))
        self.bit_set, self.bit_gain, self.bit_base = floats_at(_view(tables["bit_set"])), floats_at(_view(tables["bit_gain"])), floats_at(_view(tables["bit_base"]))
        self.new_shape, self.new_value = floats_at(_view(tables["new_shape"])), floats_at(_view(tables["new_value"]))
        self.nats_mean, self.nats_spread = floats_at(_view(tables["nats_mean"])), floats_at(_view(tables["nats_spread"]))
        self.new_name, self.new_child, self.new_variant = floats_at(_view(tables["new_name"])), floats_at(_view(tables["new_child"])), floats_at(_view(tables["new_variant"]))
        self.fresh_name = profile.fresh_name
        self.ended = octets_at(_view(tables["ended"]))
        self.serial = 0
        # Memory is taken as it is used. What is read only after it was written need not be zeros, which may have to be written.
        tables.update(
            stamp=np.zeros(len(expected_keys), np.int64), ready=np.zeros(units, np.uint8), rows=np.zeros(units * 64, f32),
            masks=np.zeros(2_048, np.uint64), mask_units=np.zeros(2_048, np.int64), mask_totals=np.zeros(2_048, f32), mask_most=np.zeros(2_048, f32),
            table=np.zeros(65_536, np.int32), once=np.zeros(65_536, np.uint64), octets=np.empty(OCTETS, np.uint8),
            set_slots=np.empty(65_536, np.uint64), set_at=np.zeros(NAME_SETS + 1, np.int32), set_table=np.zeros(2 * NAME_SETS, np.int32),
            outcome_table=np.zeros(2 * OUTCOMES, np.int32), lack_keys=np.zeros(4_096, np.uint64), lacks=np.zeros(4_096, np.int64),
        )  # fmt: skip
        self.stamp = longs_in(_view(tables["stamp"]))
        self.ready, self.rows = octets_in(_view(tables["ready"])), floats_in(_view(tables["rows"]))
        self.character_masks, self.character_units = hashes_in(_view(tables["masks"])), longs_in(_view(tables["mask_units"]))
        self.character_totals, self.character_most = floats_in(_view(tables["mask_totals"])), floats_in(_view(tables["mask_most"]))
        self.table, self.once = ints_in(_view(tables["table"])), hashes_in(_view(tables["once"]))
        self.octets = octets_in(_view(tables["octets"]))
        self.set_slots, self.set_at, self.set_table = hashes_in(_view(tables["set_slots"])), ints_in(_view(tables["set_at"])), ints_in(_view(tables["set_table"]))
        self.outcome_table = ints_in(_view(tables["outcome_table"]))
        self.lack_keys, self.lacks = hashes_in(_view(tables["lack_keys"])), longs_in(_view(tables["lacks"]))
        self.secret = int.from_bytes(os.urandom(8), "little")
        if cython.compiled:
            if [PIECE.itemsize, OUTCOME.itemsize, ANSWER.itemsize] != [cython.sizeof(Piece), cython.sizeof(Outcome), cython.sizeof(Answer)]:
                raise TypeError("Judge: PIECE, OUTCOME or ANSWER is not laid out as the compiler lays it out")
            tables["pieces"], tables["outcomes"], tables["answers"] = np.empty(PIECES, PIECE), np.empty(OUTCOMES, OUTCOME), np.zeros(4_096, ANSWER)
            tables["answers"]["status"] = -2
            self.pieces = cython.cast(cython.pointer(Piece), octets_in(tables["pieces"].view(np.uint8)))
            self.outcomes = cython.cast(cython.pointer(Outcome), octets_in(tables["outcomes"].view(np.uint8)))
            self.answers = cython.cast(cython.pointer(Answer), octets_in(tables["answers"].view(np.uint8)))
        else:
            self.pieces, self.outcomes, self.answers = [], [], [_Answer() for _ in range(4_096)]
        self.tags = None
        self.tagged = 0
        self.piece_count = self.outcome_count = self.octets_used = self.set_count = self.slots_used = 0
        self.row_count = 0
        self.block = -1
        self.squares_wanted = nats is not None
        for k in range(48):
            self.measure_of[k] = -1
            self.floor[k] = 0
        if nats is not None:
            self.to = nats
            for k, column in enumerate(columns):
                self.measure_of[column] = k
            self.measure_of[40], self.measure_of[41], self.measure_of[42] = len(columns), len(columns) + 1, len(columns) + 2
            if nats.measures < len(columns) + 3:
                raise ValueError("Judge: fewer calibrations than measures")
            for k in range(43):
                if self.measure_of[k] >= 0:
                    self.floor[k] = self.to.squared(self.measure_of[k], 0)

    def _most(self, k: Any, x: Any, field: Any) -> Any:
        if x > self.best[k]:
            self.best[k] = x
            self.where[k] = field
        return 0

    def _to(self, k: Any, x: Any) -> Any:
        """What x is as measure k of `best`: squared nats, where they are wanted."""
        if not self.squares_wanted or self.measure_of[k] < 0:
            return x
        return self.to.squared(self.measure_of[k], x)

    def _ready(self, u: Any, group: Any) -> Any:
        """Fill the row of a unit, whose fields are of this group."""
        k: cython.Py_ssize_t
        row: cython.Py_ssize_t = u * _ROW
        for k in range(LENGTH_BINS_C):
            self.rows[row + k] = self._to(8 * group, self.by_length[u * LENGTH_BINS_C + k])
        for k in range(MARK_BINS_C):
            self.rows[row + LENGTH_BINS_C + k] = self._to(8 * group + 1, self.by_marks[u * MARK_BINS_C + k])
        self.rows[row + 60] = self._to(8 * group + 4, self.new_shape[u])
        self.rows[row + 61] = self._to(8 * group + 5, self.new_value[u])
        self.ready[u] = group + 1
        return 0

    def _characters(self, u: Any, group: Any, base: Any, mask: Any, f: Any) -> Any:
        """Judge a set of characters: as a whole, and the rarest of them. Sets come again, so what one came to is remembered."""
        which: cython.longlong = 8 * u + group + 1
        at: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, _join(cython.cast(cython.ulonglong, which), mask) & cython.cast(cython.ulonglong, _CHARACTERS - 1))
        total: cython.float
        most: cython.float = 0
        z: cython.float
        b: cython.Py_ssize_t
        left: cython.ulonglong = mask
        if self.character_masks[at] != mask or self.character_units[at] != which:
            total = self.bit_base[u]
            b = u * _BITS
            while left != 0:
                if left & 1:
                    total += self.bit_gain[b]
                    z = self.bit_set[b]
                    if z > most:
                        most = z
                left >>= 1
                b += 1
            self.character_masks[at] = mask
            self.character_units[at] = which
            self.character_totals[at] = self._to(8 * group + 2, total if total > 0 else 0)
            self.character_most[at] = self._to(8 * group + 3, most)
        self._most(base + 2, self.character_totals[at], f)
        self._most(base + 3, self.character_most[at], f)
        return 0

    def _field(self, f: Any, group: Any, base: Any) -> Any:
        """Judge field f of the reader; the largest surprises stand in best[base:base + 8]. Those of `language` stay as they are until the call is done."""
        reader: FieldReader = self.reader
        field: cython.pointer(Field)
        if cython.compiled:
            field = reader.fields + f
        else:
            field = reader.fields[f]
        kind: cython.int = field.kind
        length: cython.int = field.length
        u: cython.int
        z: cython.float
        place: cython.Py_ssize_t
        row: cython.Py_ssize_t
        at: cython.Py_ssize_t = _find(self.unit_keys, self.unit_mask, field.slot)
        if at < 0:
            if self.named[kind] and _find(self.slot_keys, self.slot_mask, field.slot) < 0:
                place = self.nodes + 1
                if group > 0:
                    place = self.nodes  # headers and cookies are the host's, not the endpoint's
                elif reader.node_of >= 0:
                    place = reader.node_of
                z = self.new_name[place]
                if group == 0 and _find(self.name_keys, self.name_mask, field.pool) < 0:
                    z += self.fresh_name
                self._most(base + 7, self._to(8 * group + 7, z), f)
            at = _find(self.unit_keys, self.unit_mask, field.pool)
        u = self.unit_values[at] if at >= 0 else self.class_of_kind[kind]
        if self.ready[u] != group + 1:
            self._ready(u, group)
        row = u * _ROW
        self._most(base, self.rows[row + length_bin(length)], f)
        if kind >= 8:
            at = _find(self.value_keys, self.value_mask, _join(cython.cast(cython.ulonglong, u + 1), field.value))
            self._most(base + 5, self._to(8 * group + 5, self.value_cost[at]) if at >= 0 else self.rows[row + 61], f)
            return 0
        # Known values and shapes of requests cost nothing; whether they are known matters only where new ones would be the most surprising so far. The
        # tables are large, and looking is what takes longest of all.
        if (
            self.rows[row + 61] > self.best[base + 5]
            and _find(self.value_keys, self.value_mask, _join(cython.cast(cython.ulonglong, u + 1), field.value)) < 0
        ):
            self._most(base + 5, self.rows[row + 61], f)
        self._most(base + 1, self.rows[row + LENGTH_BINS_C + mark_bin(field.marks)], f)
        self._characters(u, group, base, field.mask, f)
        if (
            self.rows[row + 60] > self.best[base + 4]
            and _find(self.shape_keys, self.shape_mask, _join(cython.cast(cython.ulonglong, u + 1), field.shape)) < 0
        ):
            self._most(base + 4, self.rows[row + 60], f)
        if group == 0:
            z = (field.nats / (length + 1 if length < 4096 else 4097) - self.nats_mean[u]) / self.nats_spread[u]
            if z > 0:
                self._most(6, z * z / 2 * length / (length + 4), f)  # a short value says little
        return 0

    def _present(self, slot: Any) -> Any:
        """This name is there: what its lack would have cost, which is not missing; nothing the second time."""
        at: cython.Py_ssize_t = _find(self.expected_keys, self.expected_mask, _join(self.form_key, slot))
        if at >= 0 and self.stamp[at] != self.serial:
            self.stamp[at] = self.serial
            return self.expected_cost[at]
        return 0

    def _present_of(self, names: Any) -> Any:
        """`_present` of a set of names."""
        k: cython.int
        found: cython.longlong = 0
        for k in range(self.set_at[names], self.set_at[names + 1]):
            found += self._present(self.set_slots[k])
        return found

    def _remembered_of(self, form: Any, names: Any) -> Any:
        """`_present_of`, remembered for the form of call at this place of the table."""
        key: cython.ulonglong = (cython.cast(cython.ulonglong, form + 1) << 32) | names
        at: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, (key * 31 ^ key >> 32) & cython.cast(cython.ulonglong, _LACKS - 1))
        if self.lack_keys[at] != key:
            self.lacks[at] = self._present_of(names)
            self.lack_keys[at] = key
        return self.lacks[at]

    def _call(self, r: Any, ahead: Any) -> Any:
        """Read and judge call r: `best`, `endpoint`, `form`, `missing`, and the reader's counts. `ahead` is its place in what `_look_ahead` found."""
        reader: FieldReader = self.reader
        reader.n = 0
        self._start()
        reader.request(r)
        if not self._head(r, ahead):
            self.row_count = 0
            reader.head(r)
        self._answer(r)
        self._judge(reader.node_of, reader.variant, 0, reader.n)
        reader.count(r)
        return 0

    def _start(self) -> Any:
        """Nothing is surprising yet."""
        if cython.compiled:
            memcpy(cython.address(self.best[0]), cython.address(self.floor[0]), 32 * cython.sizeof(cython.float))
        else:
            self.best[:32] = self.floor[:32]
        self.best[6] = 0
        self.block = -1
        self.row_count = 0
        return 0

    def _judge(self, node: Any, variant: Any, first: Any, last: Any) -> Any:
        """Judge a call by where its path ended, its form, these fields of the reader, and the headers that were found in memory."""
        reader: FieldReader = self.reader
        f: cython.int
        k: cython.int
        j: cython.int
        at: cython.Py_ssize_t
        kind: cython.int
        group: cython.int
        base: cython.int
        deepest: cython.Py_ssize_t = node if node >= 0 else -node - 3
        lost: cython.bint = node < 0 or node >= self.nodes or not self.ended[node]
        if deepest < 0 or deepest > self.nodes:
            deepest = self.nodes
        self.endpoint = self._to(40, self.new_child[deepest] if lost else 0)
        if cython.compiled:
            self.form_key = _join(cython.cast(cython.ulonglong, node), variant)
        else:
            self.form_key = _join(node & _M64, variant)
        at = _find(self.form_keys, self.form_mask, self.form_key)
        self.form = self._to(41, 0 if lost else self.form_cost[at] if at >= 0 and self.form_cost[at] >= 0 else self.new_variant[deepest])
        self.missing = self.form_total[at] if at >= 0 else 0
        self.serial += 1
        if self.missing > 0 and self.block >= 0:
            self.missing -= self._remembered_of(at, self.outcomes[self.block].names)
        for k in range(self.row_count):
            if cython.compiled:
                line: cython.pointer(Outcome) = self.outcomes + self.row_lines[k]
            else:
                line = self.outcomes[self.row_lines[k]]
            base = 8 * line.group
            for j in range(8):
                self.best[base + j] = line.best[j] if line.best[j] > self.best[base + j] else self.best[base + j]
            if self.missing > 0:
                self.missing -= self._present_of(line.names)
        for f in range(first, last):
            kind = reader.fields[f].kind
            group = self.group_of_kind[kind]
            self._field(f, group, 8 * group)
            if self.missing > 0 and self.named[kind]:
                self.missing -= self._present(reader.fields[f].slot)
        if self.missing < _UNIT // 100:
            self.missing = 0  # costs were rounded one by one
        self.best[6] = self._to(6, self.best[6])
        return 0

    def _group(self, first: Any, language: Any) -> Any:
        """The sum of best[first:first + 8], without `language` where a group is not judged by it."""
        j: cython.int
        total: cython.double = 0
        for j in range(8):
            if j != 6 or language:
                total += self.best[first + j]
        return total

    def _answer(self, r: Any) -> Any:
        """Judge the answer of call r, or remember what it came to: of its sizes only the bins tell."""
        reader: FieldReader = self.reader
        node: cython.int = reader.node_of
        status: cython.longlong = reader.status[r] if reader.status[r] >= 0 else -1
        kind: cython.ulonglong = reader.type_hashes[reader.type_codes[r]] if status >= 0 else 0
        size: cython.longlong = reader.response_bytes[r]
        response: cython.int = 0
        request: cython.int = 0
        f: cython.int
        first: cython.int = reader.n
        key: cython.ulonglong
        if size >= 0:
            response = 1 + length_bin(cython.cast(cython.int, size if size < 1073741824 else 1073741824))
        size = reader.request_bytes[r]
        if size >= 0:
            request = 1 + length_bin(cython.cast(cython.int, size if size < 1073741824 else 1073741824))
        if cython.compiled:
            key = _join(_join(kind, cython.cast(cython.ulonglong, node)), cython.cast(cython.ulonglong, (status << 16) + (response << 8) + request))
        else:
            key = _join(_join(kind, node & _M64), ((status << 16) + (response << 8) + request) & _M64)
        key &= cython.cast(cython.ulonglong, _ANSWERS - 1)
        if cython.compiled:
            known: cython.pointer(Answer) = self.answers + cython.cast(cython.Py_ssize_t, key)
        else:
            known = self.answers[key]
        if not (known.status == status and known.node == node and known.type == kind and known.response == response and known.request == request):
            reader.answer(r)
            for f in range(first, reader.n):
                self._field(f, 3, 24)
            reader.n = first
            known.status, known.node, known.type, known.response, known.request = status, node, kind, response, request
            known.length, known.value = self.best[24], self.best[29]
        self.best[24] = known.length
        self.best[29] = known.value
        return 0

    def know(self, tags: Any) -> None:
        """The tags of the open batch's header blocks (`parsers.tags.heads`). Without them blocks are read line by line."""
        n = len(tags.lows)
        if n != self.reader.rows or len(tags.highs) != n or len(tags.begins) != n:
            raise ValueError("Judge.know: tags of another batch")
        self.tags = tags
        self.begins, self.lows, self.highs = numbers_at(_view(tags.begins)), hashes_at(_view(tags.lows)), hashes_at(_view(tags.highs))
        self.tagged = n

    def forget_tags(self) -> None:
        """Let go of the tags."""
        self.tags = None
        self.tagged = 0

    def _look_ahead(self, first: Any, last: Any) -> Any:
        """Find the blocks of headers of these calls, at most _AHEAD, in memory: all places first, then all pieces, then all outcomes, so that what one of
        them waits for from far memory the others wait for at the same time."""
        k: cython.Py_ssize_t
        n: cython.Py_ssize_t = last - first
        if first < 0 or last > self.reader.rows or n > _AHEAD:
            raise IndexError("Judge: no such calls")
        for k in range(n):
            self.ahead[k] = -1
        if last > self.tagged:
            return 0
        for k in range(n):
            self.ahead[k] = self.table[cython.cast(cython.Py_ssize_t, spread(self.lows[first + k]) & cython.cast(cython.ulonglong, _PLACES - 1))] - 1
        for k in range(n):
            if self.ahead[k] >= 0 and not self._is(self.ahead[k], spread(self.lows[first + k]), self.highs[first + k]):
                self.ahead[k] = self._block(spread(self.lows[first + k]), self.highs[first + k])
        for k in range(n):
            if self.ahead[k] >= 0:
                self.ahead[k] = self.pieces[self.ahead[k]].outcome
        return 0

    def _block(self, key: Any, high: Any) -> Any:
        """The remembered block of this tag, whose first half is stirred to its key; -1 where there is none."""
        i: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, key & cython.cast(cython.ulonglong, _PLACES - 1))
        at: cython.int
        tries: cython.int
        for tries in range(8):
            at = self.table[i] - 1
            if at < 0:
                return -1
            if self._is(at, key, high):
                return at
            i = (i + 1) & (_PLACES - 1)
        return -1

    def _is(self, at: Any, key: Any, high: Any) -> Any:
        """Whether a remembered piece is the block of this tag."""
        return self.pieces[at].key == key and self.pieces[at].high == high and self.pieces[at].block != 0

    def _same(self, at: Any, s: Any) -> Any:
        """Whether the octets of a remembered line stand at s of the heads, which go on that far."""
        if cython.compiled:
            return memcmp(self.octets + self.pieces[at].at, self.reader.heads + s, self.pieces[at].size) == 0
        else:
            piece = self.pieces[at]
            return self.octets[piece.at : piece.at + piece.size] == self.reader.heads[s : s + piece.size]

    def _head(self, r: Any, ahead: Any) -> Any:
        """Find the headers of call r in memory, or put them there. False, and nothing done, where they must be read."""
        reader: FieldReader = self.reader
        i: cython.Py_ssize_t
        e: cython.Py_ssize_t
        stop: cython.Py_ssize_t
        ve: cython.Py_ssize_t
        at: cython.int = -1
        slot: cython.ulonglong
        key: cython.ulonglong
        k: cython.int
        n: cython.int = 0
        headers: cython.int = 0
        longest: cython.int = 0
        marks: cython.int = 0
        cookies: cython.int = 0
        fields: cython.int = reader.n - reader.first
        at = self.ahead[ahead]
        if at < 0:
            i, e = reader.head_at[r], reader.head_at[r + 1]
            i = self._line_end(i, e) + 1
            if i >= e:
                return True
            if (
                self.piece_count + _ROW_LINES >= _PIECES
                or self.octets_used + _ROW_LINES * _LONGEST_LINE + _LONGEST_BLOCK > _OCTETS
                or self.set_count + _ROW_LINES >= _SETS
                or self.slots_used + (_ROW_LINES + 1) * _MAX_FIELDS > _SET_SLOTS
                or self.outcome_count + _ROW_LINES >= _OUTCOMES
            ):
                self._forget()
            if r < self.tagged and self.lows[r] != 0 and e - i <= _LONGEST_BLOCK:
                if self.begins[r] != i - 1:
                    raise IndexError("Judge: tags of other octets")
                key = spread(self.lows[r])
                at = self._block(key, self.highs[r])
                if at >= 0:
                    at = self.pieces[at].outcome
                else:
                    k = cython.cast(cython.int, key & 65535)
                    if self.once[k] == key:
                        return self._learn_block(r, key, self.highs[r])
                    self.once[k] = key
        if at >= 0:
            if cython.compiled:
                block: cython.pointer(Outcome) = self.outcomes + at
            else:
                block = self.outcomes[at]
            if fields + block.fields >= _MAX_FIELDS:
                return False
            self.block = at
            reader.headers, reader.cookies = block.headers, block.cookies
            reader.longest_header, reader.header_marks = block.longest, block.marks
            if cython.compiled:
                memcpy(cython.address(self.best[8]), cython.address(block.best[0]), 16 * cython.sizeof(cython.float))
            else:
                self.best[8:24] = block.best
            return True
        while i < e:
            stop = self._line_end(i, e)
            ve = stop
            if ve > i and reader.heads[ve - 1] == 13:
                ve -= 1
            if ve == i:
                break
            if n >= _ROW_LINES or ve - i > _LONGEST_LINE:
                return False
            key = self._key(i, ve)
            at = self._recall(key, i, ve - i)
            if at < 0:
                at = self._learn_line(r, key, i, ve)
                if at < 0:
                    return False
            if cython.compiled:
                line: cython.pointer(Outcome) = self.outcomes + at
            else:
                line = self.outcomes[at]
            headers += 1
            i = stop + 1
            if line.fields == 0:
                continue
            # A name used twice is another field, which takes reading the lines together; Cookie lines count as one name here.
            slot = self.set_slots[self.set_at[line.names]] if line.group == 1 else 0
            for k in range(n):
                if self.row_slots[k] == slot:
                    return False
            self.row_slots[n] = slot
            self.row_lines[n] = at
            n += 1
            fields += line.fields
            cookies += line.cookies
            marks += line.marks
            longest = max(longest, line.longest)
        if fields >= _MAX_FIELDS:
            return False
        reader.headers = headers
        reader.longest_header = longest
        reader.header_marks = marks
        reader.cookies = cookies
        self.row_count = n
        return True

    def _line_end(self, i: Any, e: Any) -> Any:
        """Where the line feed at or after i stands, or e."""
        reader: FieldReader = self.reader
        if i >= e:
            return e
        if cython.compiled:
            base: cython.pointer(cython.const[cython.uchar]) = reader.heads + i
            hit: cython.pointer(cython.const[cython.uchar]) = cython.cast(cython.pointer(cython.const[cython.uchar]), memchr(base, 10, e - i))
            return e if hit == cython.NULL else i + (hit - base)
        else:
            while i < e and reader.heads[i] != 10:
                i += 1
            return i

    def _key(self, s: Any, e: Any) -> Any:
        """A keyed hash of octets s to e of the heads, of which there is at least one."""
        if cython.compiled:
            data: cython.pointer(cython.const[cython.uchar]) = self.reader.heads
            i: cython.Py_ssize_t = s
            w: cython.ulonglong[4]
            a: cython.ulonglong = self.secret ^ cython.cast(cython.ulonglong, e - s)
            b: cython.ulonglong = self.secret ^ _GOLDEN
            c: cython.ulonglong = self.secret ^ _STIR
            d: cython.ulonglong = self.secret + _GOLDEN
            # Four sums side by side: no multiplication waits for the last.
            while e - i >= 32:
                memcpy(cython.address(w[0]), data + i, 32)
                a = (a ^ w[0]) * _STIR
                b = (b ^ w[1]) * _STIR
                c = (c ^ w[2]) * _STIR
                d = (d ^ w[3]) * _STIR
                a ^= a >> 32
                b ^= b >> 32
                c ^= c >> 32
                d ^= d >> 32
                i += 32
            a = (a ^ (b * _GOLDEN)) * _STIR
            c = (c ^ (d * _GOLDEN)) * _STIR
            a ^= (c ^ (c >> 32)) + (a >> 32)
            while e - i >= 8:
                memcpy(cython.address(w[0]), data + i, 8)
                a = (a ^ w[0]) * _STIR
                a ^= a >> 32
                i += 8
            while i < e:
                a = (a ^ data[i]) * _STIR
                a ^= a >> 32
                i += 1
            a *= _GOLDEN
            return a ^ (a >> 29)
        else:
            return hash((self.secret, bytes(self.reader.heads[s:e]))) & _M64

    def _recall(self, key: Any, s: Any, size: Any) -> Any:
        """The outcome of the remembered line that is these octets of the heads, or -1. Lines made to have one key cost eight comparisons, and are
        read each time."""
        i: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, key & cython.cast(cython.ulonglong, _PLACES - 1))
        at: cython.int
        tries: cython.int
        for tries in range(8):
            at = self.table[i] - 1
            if at < 0:
                return -1
            if self.pieces[at].key == key and self.pieces[at].size == size and not self.pieces[at].block and self._same(at, s):
                return self.pieces[at].outcome
            i = (i + 1) & (_PLACES - 1)
        return -1

    def _keep(self, key: Any, high: Any, s: Any, size: Any, first: Any, group: Any, best: Any, squares: Any) -> Any:
        """Remember these octets of the heads, or for a block its tag, and what the reader's fields from `first` on came to, which it takes away; returns the
        outcome, -1 where the place is crowded."""
        reader: FieldReader = self.reader
        i: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, key & cython.cast(cython.ulonglong, _PLACES - 1))
        at: cython.Py_ssize_t = self.piece_count
        outcome: cython.int
        tries: cython.int = 0
        while self.table[i] != 0:
            tries += 1
            if tries == 8:
                return -1
            i = (i + 1) & (_PLACES - 1)
        if at >= _PIECES or self.octets_used + size > _OCTETS:
            return -1
        outcome = self._outcome(first, group, best, squares)
        if cython.compiled:
            piece: cython.pointer(Piece) = self.pieces + at
            memcpy(self.octets + self.octets_used, reader.heads + s, size)
        else:
            piece = _Piece()
            self.pieces.append(piece)
            self.octets[self.octets_used : self.octets_used + size] = reader.heads[s : s + size]
        piece.key = key
        piece.high = high
        piece.at = cython.cast(cython.int, self.octets_used)
        piece.size = cython.cast(cython.int, size)
        piece.outcome = outcome
        piece.block = group == 0
        reader.n = first
        self.octets_used += size
        self.piece_count += 1
        self.table[i] = cython.cast(cython.int, at + 1)
        return outcome

    def _outcome(self, first: Any, group: Any, best: Any, squares: Any) -> Any:
        """What the reader's fields from `first` on came to, a new outcome where it is."""
        reader: FieldReader = self.reader
        n: cython.int = self.outcome_count
        j: cython.int
        at: cython.int
        h: cython.ulonglong = 0
        k: cython.Py_ssize_t
        if n >= _OUTCOMES:
            raise IndexError("Judge: no room for another outcome")
        if cython.compiled:
            new: cython.pointer(Outcome) = self.outcomes + n
        else:
            new = _Outcome()
            self.outcomes.append(new)
        new.names = self._names(first, reader.n)
        new.fields = reader.n - first
        new.group = group
        new.headers, new.cookies = reader.headers, reader.cookies
        new.longest, new.marks = reader.longest_header, reader.header_marks
        new.squares = squares
        new.unused = 0
        for j in range(16):
            new.best[j] = self.best[best + j] if j < 8 or group == 0 else 0
            if cython.compiled:
                h = _join(h, cython.cast(cython.ulonglong, new.best[j] * 1024))
            else:
                h = _join(h, int(new.best[j] * 1024))
        h = _join(_join(h, new.names), cython.cast(cython.ulonglong, new.longest) << 32 | new.marks)
        k = cython.cast(cython.Py_ssize_t, h & cython.cast(cython.ulonglong, 2 * _OUTCOMES - 1))
        while self.outcome_table[k] != 0:
            at = self.outcome_table[k] - 1
            if cython.compiled:
                if memcmp(self.outcomes + at, new, cython.sizeof(Outcome)) == 0:
                    return at
            elif all(getattr(self.outcomes[at], name) == getattr(new, name) for name in OUTCOME.names):
                self.outcomes.pop()
                return at
            k = (k + 1) & (2 * _OUTCOMES - 1)
        self.outcome_count = n + 1
        self.outcome_table[k] = n + 1
        return n

    def _learn_line(self, r: Any, key: Any, s: Any, ve: Any) -> Any:
        """Read a line and remember what it came to. -1 when the call's fields are too many to tell, or there is no place for it."""
        reader: FieldReader = self.reader
        n: cython.int = reader.n
        f: cython.int
        j: cython.int
        group: cython.int = 1
        outcome: cython.int = -1
        reader.line(cython.cast(cython.int, r), s, ve)
        if reader.n - reader.first < _MAX_FIELDS:
            for f in range(n, reader.n):
                group = self.group_of_kind[reader.fields[f].kind]
            for j in range(8):
                self.best[_LINE_BEST + j] = self.floor[8 * group + j]
            for f in range(n, reader.n):
                self._field(f, group, _LINE_BEST)
            outcome = self._keep(key, 0, s, ve - s, n, group, _LINE_BEST, 0)
        reader.n = n
        reader.headers = reader.longest_header = reader.header_marks = reader.cookies = 0
        return outcome

    def _learn_block(self, r: Any, key: Any, high: Any) -> Any:
        """Read a block of headers that came before, and remember what it came to. Where that cannot be, its fields stay with the reader."""
        reader: FieldReader = self.reader
        n: cython.int = reader.n
        f: cython.int
        group: cython.int
        reader.head(r)
        if reader.n - reader.first >= _MAX_FIELDS:
            return True
        for f in range(n, reader.n):
            group = self.group_of_kind[reader.fields[f].kind]
            self._field(f, group, 8 * group)
        self.block = self._keep(key, high, 0, 0, n, 0, 8, self._group(8, False) + self._group(16, False))
        return True

    def _names(self, first: Any, last: Any) -> Any:
        """The set of the names of these fields of the reader, a new one where it is."""
        reader: FieldReader = self.reader
        f: cython.int
        k: cython.Py_ssize_t
        n: cython.Py_ssize_t = last - first
        at: cython.Py_ssize_t
        h: cython.ulonglong = cython.cast(cython.ulonglong, n)
        for f in range(first, last):
            h = _join(h, reader.fields[f].slot)
        k = cython.cast(cython.Py_ssize_t, h & cython.cast(cython.ulonglong, 2 * _SETS - 1))
        while self.set_table[k] != 0:
            at = self.set_table[k] - 1
            if self.set_at[at + 1] - self.set_at[at] == n:
                f = 0
                while f < n and self.set_slots[self.set_at[at] + f] == reader.fields[first + f].slot:
                    f += 1
                if f == n:
                    return at
            k = (k + 1) & (2 * _SETS - 1)
        if self.set_count >= _SETS or self.slots_used + n > _SET_SLOTS:
            raise IndexError("Judge: no room for another set of names")
        at = self.set_count
        for f in range(first, last):
            self.set_slots[self.slots_used] = reader.fields[f].slot
            self.slots_used += 1
        self.set_at[at + 1] = cython.cast(cython.int, self.slots_used)
        self.set_count += 1
        self.set_table[k] = cython.cast(cython.int, at + 1)
        return at

    def _forget(self) -> Any:
        """Empty the memory of headers."""
        i: cython.Py_ssize_t
        for i in range(_PLACES):
            self.table[i] = 0
            self.once[i] = 0
        for i in range(2 * _SETS):
            self.set_table[i] = 0
        for i in range(2 * _OUTCOMES):
            self.outcome_table[i] = 0
        for i in range(_LACKS):
            self.lack_keys[i] = 0
        if not cython.compiled:
            self.pieces.clear()
            self.outcomes.clear()
        for i in range(_AHEAD):
            self.ahead[i] = -1
        self.piece_count = self.outcome_count = self.octets_used = self.set_count = self.slots_used = 0
        return 0

    def measure(self, rows: Any, ranges: Any, nodes: Any, variants: Any, columns: Any, out: Any, where: Any = None) -> None:
        """Measure these calls, which the reader has read (`FieldReader.read`): out[k, columns..., endpoint, form, missing], in nats yet uncalibrated.
        With `where` (int32, the same columns) the field behind each is told."""
        reader: FieldReader = self.reader
        wanted: cython.const[cython.longlong][::1] = _view(rows)
        range_of: cython.const[cython.int][::1] = _view(ranges)
        node: cython.const[cython.int][::1] = _view(nodes)
        variant: cython.const[cython.uchar][::1] = _view(variants)
        column: cython.const[cython.longlong][::1] = _view(columns)
        result: cython.float[:, ::1] = _view(out)
        keep: cython.bint = where is not None
        at: cython.int[:, ::1] = _view(where if keep else np.zeros((1, 1), np.int32))
        i: cython.Py_ssize_t
        k: cython.Py_ssize_t
        r: cython.Py_ssize_t
        n: cython.Py_ssize_t = column.shape[0]
        if len(columns) and (int(columns.min()) < 0 or int(columns.max()) >= 32):
            raise IndexError("Judge.measure: no such column")
        for i in range(wanted.shape[0]):
            r = wanted[i]
            if range_of[r] < 0 or range_of[r + 1] > reader.n:
                raise IndexError("Judge.measure: calls that the reader has not read")
            self._start()
            for k in range(48):
                self.where[k] = -1
            reader.node_of = node[r]
            self._judge(node[r], variant[r], range_of[r], range_of[r + 1])
            for k in range(n):
                result[i, k] = self.best[column[k]]
                if keep:
                    at[i, k] = self.where[column[k]]
            result[i, n] = self.endpoint
            result[i, n + 1] = self.form
            result[i, n + 2] = _whole(self.missing)

    def score(self, first: Any, last: Any, standard: Any, squares: Any, z: Any) -> None:
        """Of calls first..last of the open batch, at most as many as z has rows: the sum of its squared nats without the autoencoder's, into squares[call], and
        into the first columns of z[call - first] what the autoencoder is to see, where there is one."""
        reader: FieldReader = self.reader
        result: cython.double[::1] = _view(squares)
        features: cython.float[:, ::1] = _view(z)
        scaled: Standard = standard
        r: cython.Py_ssize_t
        begin: cython.Py_ssize_t = first
        end: cython.Py_ssize_t = last
        wanted: cython.bint = standard is not None
        total: cython.double
        if not self.squares_wanted or begin < 0 or end > len(squares) or len(squares) != reader.rows:
            raise ValueError("Judge.score: arrays that do not fit the batch")
        if wanted and (z.shape[0] < end - begin or z.shape[1] < 2 * standard.width):
            raise ValueError("Judge.score: no room for what the autoencoder is to see")
        if cython.compiled:
            x: cython.float[64]
        reader.spans = False
        for r in range(begin, end):
            if (r - begin) % _AHEAD == 0:
                self._look_ahead(r, min(r + _AHEAD, end))
            self._call(r, (r - begin) % _AHEAD)
            total = self._group(0, True)
            if self.block >= 0:
                total += self.outcomes[self.block].squares
            else:
                total += self._group(8, False) + self._group(16, False)
            total += self.best[24] + self.best[29]
            total += self.endpoint
            total += self.form
            total += self._to(42, _whole(self.missing))
            result[r] = total
            if wanted:
                if cython.compiled:
                    scaled.into(reader.counts, reader.node_of, x, cython.address(features[r - begin, 0]))
                else:
                    x, row = [0.0] * scaled.width, [0.0] * (2 * scaled.width)
                    scaled.into(reader.counts, reader.node_of, x, row)
                    z[r - begin, : len(row)] = row
        reader.spans = True
