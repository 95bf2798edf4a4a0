"""Judging a call in compiled code: how surprising each field's length, characters, shape, value and name are, by looking tables up.

`Judge` takes a batch's calls one by one from a `FieldReader`, keeps the largest surprise of each aspect, turns every measure into nats by its
calibration and adds them up. Header lines come again and again (one client sends the same ones with each call), so what a line came to is
remembered, line and all: a remembered line costs a comparison of its octets. What is remembered never changes an answer, only its cost.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

if cython.compiled:
    from cython.cimports.libc.math import exp, isnan, log, sqrt
    from cython.cimports.libc.string import memchr, memcmp, memcpy
    from cython.cimports.models.fields import FieldReader
else:
    from math import exp, isnan, log, sqrt

    from models.fields import FieldReader

COMPILED = cython.compiled

_M64 = 0xFFFFFFFFFFFFFFFF

_PRIME = cython.declare(cython.ulonglong, 0x100000001B3)
_STIR = cython.declare(cython.ulonglong, 0xD6E8FEB86659FD93)
_GOLDEN = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)
_BASIS = cython.declare(cython.ulonglong, 0xCBF29CE484222325)

LENGTH_BINS = 48
MARK_BINS = 12
BITS = 46

ASPECTS = ("length", "marks", "characters", "rarest character", "shape", "value", "language", "name")
"""What is judged of each field."""
LENGTH, MARKS, CHARACTERS, RAREST, SHAPE, VALUE, LANGUAGE, NAME = range(8)


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
    return k if k < LENGTH_BINS else LENGTH_BINS - 1


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
    return k if k < MARK_BINS else MARK_BINS - 1


@cython.cfunc
@cython.inline
@cython.exceptval(-2)
def _find(keys: cython.const[cython.ulonglong][::1], key: cython.ulonglong) -> cython.Py_ssize_t:
    size: cython.Py_ssize_t = keys.shape[0]
    if size == 0:
        return -1
    i: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, key & cython.cast(cython.ulonglong, size - 1))
    while keys[i] != 0:
        if keys[i] == key:
            return i
        i += 1
        if i == size:
            i = 0
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


def bins(lengths: Any, marks: Any, length_out: Any, mark_out: Any) -> None:
    """The bins of many lengths and mark counts."""
    a: cython.const[cython.int][::1] = _view(lengths)
    b: cython.const[cython.int][::1] = _view(marks)
    c: cython.int[::1] = _view(length_out)
    d: cython.int[::1] = _view(mark_out)
    i: cython.Py_ssize_t
    for i in range(a.shape[0]):
        c[i] = length_bin(a[i])
        d[i] = mark_bin(b[i])

GROUPS = 4
"""Values (path, query, body), headers, cookies, answers."""
CLASS_OF_KIND = np.array([0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 7], np.int32)
CLASSES = 8
_GROUP_OF_KIND = np.array([0, 0, 0, 0, 1, 2, 0, 0, 3, 3, 3, 3], np.int32)
_NAMED = np.array([0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0], np.int32)
"""Kinds whose names a client chooses."""
_LANGUAGE = np.array([1, 0, 0, 0], np.int32)

LINES = 16_384
"""Places for remembered header lines, at most half of them taken; then all are forgotten and remembered anew."""
LINE_OCTETS = 4_194_304
"""Octets of remembered header lines."""
LONGEST_LINE = 2_048
"""Longer lines are read each time."""
ROW_LINES = 64
"""A call with more header lines than this is read without memory."""
_LINES = cython.declare(cython.Py_ssize_t, 16_384)
_LINE_OCTETS = cython.declare(cython.Py_ssize_t, 4_194_304)
_LINE_SLOTS = cython.declare(cython.int, 65_536)
_LONGEST_LINE = cython.declare(cython.Py_ssize_t, 2_048)
_ROW_LINES = cython.declare(cython.int, 64)
_MAX_FIELDS = cython.declare(cython.int, 192)
_BEST = cython.declare(cython.int, 40)
_LINE_BEST = cython.declare(cython.int, 32)

_NAN = cython.declare(cython.float, float("nan"))
_LOG1P = np.log1p(np.arange(8192)).astype(np.float32)


def table_of(keys: Any, *columns: Any) -> tuple[Any, ...]:
    """An open-addressing table (linear probing, a power of two, at most half full) of distinct 64-bit keys, key 0 being an empty place; and columns in its order.

    Vectorised: keys that meet a taken place move one on, round after round.
    """
    size = 8
    while size < 2 * len(keys) + 1:
        size *= 2
    table = np.zeros(size, np.uint64)
    pending = np.where(keys == 0, np.uint64(1), keys).astype(np.uint64)
    which = np.arange(len(keys))
    place = (pending & np.uint64(size - 1)).astype(np.int64)
    source = np.zeros(size, np.int64)
    while len(pending):
        free = table[place] == 0
        at, first = np.unique(place[free], return_index=True)
        table[at] = pending[free][first]
        source[at] = which[free][first]
        left = table[place] != pending
        pending, which, place = pending[left], which[left], (place[left] + 1) & (size - 1)
    out = [table]
    for column in columns:
        placed = column[source] if len(column) else np.zeros(size, column.dtype)
        placed[table == 0] = -1 if column.dtype.kind == "i" else 0
        out.append(placed)
    return tuple(out)


def find_units(slots: Any, pools: Any, kinds: Any, keys: Any, values: Any, classes: Any, out: Any) -> None:
    """The unit that judges each field: its own slot's where known, else its name's anywhere, else its class."""
    slot: cython.const[cython.ulonglong][::1] = _view(slots)
    pool: cython.const[cython.ulonglong][::1] = _view(pools)
    kind: cython.const[cython.uchar][::1] = _view(kinds)
    k: cython.const[cython.ulonglong][::1] = _view(keys)
    v: cython.const[cython.int][::1] = _view(values)
    of: cython.const[cython.int][::1] = _view(classes)
    unit: cython.int[::1] = _view(out)
    i: cython.Py_ssize_t
    at: cython.Py_ssize_t
    for i in range(slot.shape[0]):
        at = _find(k, slot[i])
        if at < 0:
            at = _find(k, pool[i])
        unit[i] = v[at] if at >= 0 else of[kind[i]]


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
def _features(given: cython.p_float, how: cython.p_int, n: cython.Py_ssize_t, out: cython.p_float) -> cython.void:
    """One call's FEATURES. `how` is the recipe, two numbers a feature."""
    k: cython.Py_ssize_t
    step: cython.int
    of: cython.int
    x: cython.float
    share: cython.float = 1 / given[20] if given[20] > 1 else 1.0
    status: cython.float = given[21]
    for k in range(n):
        step = how[2 * k]
        of = how[2 * k + 1]
        if step == 1:
            out[k] = _log1p(given[of])
        elif step == 2:
            out[k] = given[of] * share
        elif step == 3:
            x = given[of]
            out[k] = _log1p(x / 100000 if x >= 0 else x)
        elif step == 4:
            out[k] = 1 if of <= status < of + 100 else 0
        else:
            out[k] = given[of]


_log1p_table = cython.declare(cython.float[::1], _view(_LOG1P))


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


def standardise(x: Any, node: Any, mean: Any, spread: Any, place_mean: Any, place_spread: Any, out: Any) -> None:
    """Fill out[call, 2 * FEATURES]: how many spreads each feature is off, over all calls and over the endpoint's, within -8..8; NaN becomes 0."""
    given: cython.float[:, ::1] = _view(x)
    nodes: cython.const[cython.int][::1] = _view(node)
    m: cython.float[::1] = _view(mean)
    s: cython.float[::1] = _view(spread)
    pm: cython.float[:, ::1] = _view(place_mean)
    ps: cython.float[:, ::1] = _view(place_spread)
    result: cython.float[:, ::1] = _view(out)
    r: cython.Py_ssize_t
    at: cython.Py_ssize_t
    n: cython.Py_ssize_t = m.shape[0]
    for r in range(given.shape[0]):
        at = nodes[r] if nodes[r] >= 0 else pm.shape[0] - 1
        if cython.compiled:
            _standardise(cython.address(given[r, 0]), cython.address(m[0]), cython.address(s[0]), n, cython.address(result[r, 0]))
            _standardise(cython.address(given[r, 0]), cython.address(pm[at, 0]), cython.address(ps[at, 0]), n, cython.address(result[r, n]))
        else:
            both = [[0.0] * n, [0.0] * n]
            _standardise(x[r].tolist(), m, s, n, both[0])
            _standardise(x[r].tolist(), place_mean[at].tolist(), place_spread[at].tolist(), n, both[1])
            out[r] = both[0] + both[1]


@cython.cfunc
@cython.exceptval(check=False)
def _standardise(x: cython.p_float, mean: cython.p_float, spread: cython.p_float, n: cython.Py_ssize_t, out: cython.p_float) -> cython.void:
    """Without branches, so that the compiler takes several at once."""
    k: cython.Py_ssize_t
    z: cython.float
    for k in range(n):
        z = (x[k] - mean[k]) / spread[k]
        z = z if z > -8 else -8
        z = z if z < 8 else 8
        out[k] = z if x[k] == x[k] else 0


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _larger(a: cython.p_float, b: cython.p_float) -> cython.void:
    """The larger of each of eight pairs into a."""
    j: cython.int
    for j in range(8):
        a[j] = b[j] if b[j] > a[j] else a[j]


@cython.cclass
class Judge:
    """A profile's tables, and what judging needs to remember. One judge serves many batches of one model."""

    reader: FieldReader
    # the profile
    unit_keys: cython.const[cython.ulonglong][::1]
    unit_values: cython.const[cython.int][::1]
    by_length: cython.const[cython.float][:, ::1]
    by_marks: cython.const[cython.float][:, ::1]
    bit_set: cython.const[cython.float][:, ::1]
    bit_gain: cython.const[cython.float][:, ::1]
    bit_base: cython.const[cython.float][::1]
    new_shape: cython.const[cython.float][::1]
    new_value: cython.const[cython.float][::1]
    nats_mean: cython.const[cython.float][::1]
    nats_spread: cython.const[cython.float][::1]
    shape_keys: cython.const[cython.ulonglong][::1]
    shape_cost: cython.const[cython.float][::1]
    value_keys: cython.const[cython.ulonglong][::1]
    value_cost: cython.const[cython.float][::1]
    slot_keys: cython.const[cython.ulonglong][::1]
    name_keys: cython.const[cython.ulonglong][::1]
    new_name: cython.const[cython.float][::1]
    fresh_name: cython.float
    new_child: cython.const[cython.float][::1]
    form_keys: cython.const[cython.ulonglong][::1]
    form_cost: cython.const[cython.float][::1]
    form_total: cython.const[cython.float][::1]
    new_variant: cython.const[cython.float][::1]
    expected_keys: cython.const[cython.ulonglong][::1]
    expected_cost: cython.const[cython.float][::1]
    ended: cython.const[cython.uchar][::1]
    answer_units: cython.int[::1]
    room: tuple  # type: ignore[type-arg]
    class_of_kind: cython.const[cython.int][::1]
    group_of_kind: cython.const[cython.int][::1]
    named: cython.const[cython.int][::1]
    # one call
    best: cython.float[40]
    where: cython.int[40]
    stamp: cython.longlong[::1]
    serial: cython.longlong
    missing: cython.float
    form_key: cython.ulonglong
    endpoint: cython.float
    form: cython.float
    # remembered header lines
    line_keys: cython.ulonglong[::1]
    line_numbers: cython.int[:, ::1]
    line_best: cython.float[:, ::1]
    line_after: cython.int[::1]
    line_slots: cython.ulonglong[::1]
    octets: cython.uchar[::1]
    lines: cython.Py_ssize_t
    octets_used: cython.Py_ssize_t
    slots_used: cython.int
    line_key: cython.ulonglong
    row_lines: cython.int[64]
    row_slots: cython.ulonglong[64]
    row_count: cython.int

    def __init__(self, reader: Any, profile: Any, ended: Any) -> None:
        """`ended` says of each node whether known calls end there."""
        self.reader = reader
        self.unit_keys = _view(profile.unit_keys)
        self.unit_values = _view(profile.unit_values)
        self.by_length = _view(profile.by_length)
        self.by_marks = _view(profile.by_marks)
        self.bit_set = _view(profile.bit_set)
        self.bit_gain = _view(profile.bit_gain)
        self.bit_base = _view(profile.bit_base)
        self.new_shape = _view(profile.new_shape)
        self.new_value = _view(profile.new_value)
        self.nats_mean = _view(profile.nats_mean)
        self.nats_spread = _view(profile.nats_spread)
        self.shape_keys = _view(profile.shape_keys)
        self.shape_cost = _view(profile.shape_cost)
        self.value_keys = _view(profile.value_keys)
        self.value_cost = _view(profile.value_cost)
        self.slot_keys = _view(table_of(profile.slot_keys)[0])
        self.name_keys = _view(table_of(profile.known_names)[0])
        self.new_name = _view(profile.new_name)
        self.fresh_name = profile.fresh_name
        self.new_child = _view(profile.new_child)
        self.new_variant = _view(profile.new_variant)
        forms = np.union1d(profile.variant_keys, profile.expected_place)
        cost, total = np.full(len(forms), -1, np.float32), np.zeros(len(forms), np.float32)
        cost[np.searchsorted(forms, profile.variant_keys)] = profile.variant_cost
        total[np.searchsorted(forms, profile.expected_place)] = profile.expected_total
        keys, cost, total = table_of(forms, cost, total)
        self.form_keys, self.form_cost, self.form_total = _view(keys), _view(cost), _view(total)
        keys, cost = table_of(profile.expected_keys, profile.expected_cost)
        self.expected_keys, self.expected_cost = _view(keys), _view(cost)
        self.stamp = _view(np.zeros(len(keys), np.int64))
        self.ended = _view(np.ascontiguousarray(ended, np.uint8))
        self.room = (np.zeros((0, 28), np.float32), np.zeros((0, 0), np.float32), np.zeros(0, np.int32))
        self.answer_units = _view(np.full(4 * len(ended), -1, np.int32))
        self.class_of_kind = _view(CLASS_OF_KIND)
        self.group_of_kind = _view(_GROUP_OF_KIND)
        self.named = _view(_NAMED)
        if not cython.compiled:
            self.best, self.where, self.row_lines, self.row_slots = [0.0] * 40, [0] * 40, [0] * ROW_LINES, [0] * ROW_LINES
        self.serial = 0
        self.line_keys = _view(np.zeros(LINES, np.uint64))
        self.line_numbers = _view(np.zeros((LINES, 8), np.int32))
        self.line_best = _view(np.zeros((LINES, 8), np.float32))
        self.line_after = _view(np.full(LINES, -1, np.int32))
        self.line_slots = _view(np.zeros(65_536, np.uint64))
        self.octets = _view(np.zeros(LINE_OCTETS, np.uint8))
        self.lines = self.octets_used = 0
        self.slots_used = 0
        self.row_count = 0

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _most(self, k: cython.int, x: cython.float, field: cython.int) -> cython.int:
        if x > self.best[k]:
            self.best[k] = x
            self.where[k] = field
        return 0

    @cython.cfunc
    @cython.exceptval(-1)
    def _field(self, f: cython.int, base: cython.int) -> cython.int:
        """Judge field f of the reader; the largest surprises stand in best[base:base + 8]."""
        reader: FieldReader = self.reader
        kind: cython.int = reader.kind[f]
        slot: cython.ulonglong = reader.slot[f]
        length: cython.int = reader.length[f]
        u: cython.int
        b: cython.int = 0
        mask: cython.ulonglong = reader.mask[f]
        total: cython.float
        most: cython.float = 0
        z: cython.float
        place: cython.Py_ssize_t
        at: cython.Py_ssize_t = _find(self.unit_keys, slot)
        if at < 0:
            if self.named[kind] and _find(self.slot_keys, slot) < 0:
                place = self.new_name.shape[0] - 1
                if base > 0:
                    place -= 1  # headers and cookies are the host's, not the endpoint's
                elif reader.node_of >= 0:
                    place = reader.node_of
                z = self.new_name[place]
                if base == 0 and _find(self.name_keys, reader.pool[f]) < 0:
                    z += self.fresh_name
                self._most(base + 7, z, f)
            at = _find(self.unit_keys, reader.pool[f])
        u = self.unit_values[at] if at >= 0 else self.class_of_kind[kind]
        self._most(base, self.by_length[u, length_bin(length)], f)
        at = _find(self.value_keys, _join(cython.cast(cython.ulonglong, u + 1), reader.value[f]))
        self._most(base + 5, self.value_cost[at] if at >= 0 else self.new_value[u], f)
        if kind >= 8:
            return 0
        self._most(base + 1, self.by_marks[u, mark_bin(reader.marks[f])], f)
        total = self.bit_base[u]
        while mask != 0:
            if mask & 1:
                total += self.bit_gain[u, b]
                z = self.bit_set[u, b]
                if z > most:
                    most = z
            mask >>= 1
            b += 1
        self._most(base + 2, total, f)
        self._most(base + 3, most, f)
        at = _find(self.shape_keys, _join(cython.cast(cython.ulonglong, u + 1), reader.shape[f]))
        self._most(base + 4, self.shape_cost[at] if at >= 0 else self.new_shape[u], f)
        if base == 0:
            z = (reader.nats[f] / (length + 1 if length < 4096 else 4097) - self.nats_mean[u]) / self.nats_spread[u]
            if z > 0:
                self._most(6, z * z / 2 * length / (length + 4), f)  # a short value says little
        return 0

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _present(self, slot: cython.ulonglong) -> cython.int:
        """This name is there: what its lack would have cost is not missing."""
        at: cython.Py_ssize_t = _find(self.expected_keys, _join(self.form_key, slot))
        if at >= 0 and self.stamp[at] != self.serial:
            self.stamp[at] = self.serial
            self.missing -= self.expected_cost[at]
        return 0

    @cython.cfunc
    @cython.exceptval(-1)
    def _call(self, r: cython.Py_ssize_t, remember: cython.bint) -> cython.int:
        """Read and judge call r: `best`, `where`, `endpoint`, `form`, `missing`, and the reader's counts. Its fields stand from the reader's `first`."""
        reader: FieldReader = self.reader
        f: cython.int
        k: cython.int
        j: cython.int
        at: cython.Py_ssize_t
        kind: cython.int
        base: cython.int
        node: cython.int
        deepest: cython.Py_ssize_t
        lost: cython.bint
        for k in range(_BEST):
            self.best[k] = 0
            self.where[k] = -1
        reader.request(r)
        if not (remember and self._head(r)):
            self.row_count = 0
            reader.head(r)
        if remember:
            self._answer(r)
        else:
            reader.answer(r)
        node = reader.node_of
        deepest = node if node >= 0 else -node - 3
        if deepest < 0 or deepest >= self.new_child.shape[0]:
            deepest = self.new_child.shape[0] - 1
        lost = node < 0 or not self.ended[node]
        self.endpoint = self.new_child[deepest] if lost else 0
        self.form_key = _join(cython.cast(cython.ulonglong, node), reader.variant)
        at = _find(self.form_keys, self.form_key)
        self.form = 0
        if not lost:
            self.form = self.form_cost[at] if at >= 0 and self.form_cost[at] >= 0 else self.new_variant[deepest]
        self.missing = self.form_total[at] if at >= 0 else 0
        self.serial += 1
        for f in range(reader.first, reader.n):
            kind = reader.kind[f]
            base = self.group_of_kind[kind] * 8
            self._field(f, base)
            if self.missing > 0 and self.named[kind]:
                self._present(reader.slot[f])
        for k in range(self.row_count):
            at = self.row_lines[k]
            base = self.line_numbers[at, 4] * 8
            if cython.compiled:
                _larger(cython.address(self.best[base]), cython.address(self.line_best[at, 0]))
            else:
                for j in range(8):
                    self.best[base + j] = max(self.best[base + j], self.line_best[at, j])
            if self.missing > 0:
                for f in range(self.line_numbers[at, 2], self.line_numbers[at, 2] + self.line_numbers[at, 3]):
                    self._present(self.line_slots[f])
        if self.missing < 1e-2:
            self.missing = 0  # sums of the same numbers in another order differ in the last places
        reader.count(r)
        return 0

    @cython.cfunc
    @cython.exceptval(-1)
    def _answer(self, r: cython.Py_ssize_t) -> cython.int:
        """What `FieldReader.answer` and `_field` come to for the answer of call r, its units remembered by node."""
        reader: FieldReader = self.reader
        node: cython.int = reader.node_of
        u: cython.int
        size: cython.longlong
        if node < 0 or 4 * node + 3 >= self.answer_units.shape[0]:
            return reader.answer(r)
        if reader.status[r] >= 0:
            u = self._answer_unit(node, 0)
            self._answer_value(u, 0, _join(cython.cast(cython.ulonglong, reader.status[r]), 8))
            u = self._answer_unit(node, 1)
            self._answer_value(u, 0, reader.type_hashes[reader.type_codes[r]])
        size = reader.response_bytes[r]
        if size >= 0:
            u = self._answer_unit(node, 2)
            self._answer_value(u, cython.cast(cython.int, size if size < 1073741824 else 1073741824), 0)
        size = reader.request_bytes[r]
        if size >= 0:
            u = self._answer_unit(node, 3)
            self._answer_value(u, cython.cast(cython.int, size if size < 1073741824 else 1073741824), 0)
        return 0

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _answer_value(self, u: cython.int, length: cython.int, value: cython.ulonglong) -> cython.int:
        at: cython.Py_ssize_t = _find(self.value_keys, _join(cython.cast(cython.ulonglong, u + 1), value))
        self._most(24, self.by_length[u, length_bin(length)], 0)
        return self._most(29, self.value_cost[at] if at >= 0 else self.new_value[u], 0)

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _answer_unit(self, node: cython.int, part: cython.int) -> cython.int:
        """The unit that judges this part of answers of a node's calls."""
        at: cython.Py_ssize_t
        u: cython.int = self.answer_units[4 * node + part]
        if u < 0:
            at = _find(self.unit_keys, _join(self.reader.answer_pools[part], cython.cast(cython.ulonglong, node + 2)))
            if at < 0:
                at = _find(self.unit_keys, self.reader.answer_pools[part])
            u = self.unit_values[at] if at >= 0 else self.class_of_kind[8 + part]
            self.answer_units[4 * node + part] = u
        return u

    @cython.cfunc
    @cython.exceptval(-1)
    def _head(self, r: cython.Py_ssize_t) -> cython.bint:
        """Find the header lines of call r in memory, or put them there. False, and nothing done, where they must be read together."""
        reader: FieldReader = self.reader
        i: cython.Py_ssize_t = reader.head_at[r]
        e: cython.Py_ssize_t = reader.head_at[r + 1]
        stop: cython.Py_ssize_t
        ve: cython.Py_ssize_t
        at: cython.Py_ssize_t
        last: cython.Py_ssize_t = -1
        slot: cython.ulonglong
        k: cython.int
        n: cython.int = 0
        headers: cython.int = 0
        longest: cython.int = 0
        marks: cython.int = 0
        cookies: cython.int = 0
        fields: cython.int = reader.n - reader.first
        if 2 * self.lines + 2 * _ROW_LINES > _LINES or self.octets_used + _ROW_LINES * _LONGEST_LINE > _LINE_OCTETS or self.slots_used + _ROW_LINES * _MAX_FIELDS > _LINE_SLOTS:
            self._forget()
        i = self._line_end(i, e) + 1
        while i < e:
            # What followed the last line when it was seen before mostly follows it now.
            at = self.line_after[last] if last >= 0 else -1
            stop = self._again(at, i, e) if at >= 0 else -1
            if stop < 0:
                stop = self._line_end(i, e)
                ve = stop
                if ve > i and reader.heads[ve - 1] == 13:
                    ve -= 1
                if ve == i:
                    break
                if n >= _ROW_LINES or ve - i > _LONGEST_LINE:
                    return False
                at = self._recall(i, ve)
                if at < 0 or (self.line_keys[at] == 0 and not self._learn(r, at, i, ve)):
                    return False
                if last >= 0:
                    self.line_after[last] = cython.cast(cython.int, at)
            elif n >= _ROW_LINES:
                return False
            last = at
            headers += 1
            i = stop + 1
            if self.line_numbers[at, 3] == 0:
                continue
            # A name used twice is another field, which takes reading the lines together; Cookie lines count as one name here.
            slot = self.line_slots[self.line_numbers[at, 2]] if self.line_numbers[at, 4] == 1 else 0
            for k in range(n):
                if self.row_slots[k] == slot:
                    return False
            self.row_slots[n] = slot
            self.row_lines[n] = cython.cast(cython.int, at)
            n += 1
            fields += self.line_numbers[at, 3]
            cookies += self.line_numbers[at, 5]
            marks += self.line_numbers[at, 7]
            if self.line_numbers[at, 6] > longest:
                longest = self.line_numbers[at, 6]
        if fields >= _MAX_FIELDS:
            return False
        reader.headers = headers
        reader.longest_header = longest
        reader.header_marks = marks
        reader.cookies = cookies
        self.row_count = n
        return True

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _line_end(self, i: cython.Py_ssize_t, e: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Where the line feed at or after i stands, or e."""
        reader: FieldReader = self.reader
        if i < 0 or e > reader.heads.shape[0]:
            raise IndexError("Judge: header block outside the batch's octets")
        if i >= e:
            return e
        if cython.compiled:
            base: cython.pointer(cython.const[cython.uchar]) = cython.address(reader.heads[i])
            hit: cython.pointer(cython.const[cython.uchar]) = cython.cast(cython.pointer(cython.const[cython.uchar]), memchr(base, 10, e - i))
            return e if hit == cython.NULL else i + (hit - base)
        else:
            while i < e and reader.heads[i] != 10:
                i += 1
            return i

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-2)
    def _again(self, at: cython.Py_ssize_t, i: cython.Py_ssize_t, e: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Where the line feed of the line from i stands, if that line is the remembered one at place `at`; else -1. A remembered line holds no line feed."""
        reader: FieldReader = self.reader
        end: cython.Py_ssize_t = i + self.line_numbers[at, 1]
        if end >= e or not self._same(self.line_numbers[at, 0], i, end - i):
            return -1
        if reader.heads[end] == 13 and end + 1 < e:
            end += 1
        return end if reader.heads[end] == 10 else -1

    @cython.cfunc
    @cython.exceptval(-2)
    def _recall(self, s: cython.Py_ssize_t, ve: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """The place of this line in memory: where it stands, or where it may be put (its key there is 0); -1 where there is no room for it.

        The key samples the line, so lines are compared whole; lines made to have one key cost eight comparisons each and are read each time.
        """
        reader: FieldReader = self.reader
        size: cython.Py_ssize_t = ve - s
        key: cython.ulonglong
        i: cython.Py_ssize_t
        tries: cython.int
        if s < 0 or size <= 0 or ve > reader.heads.shape[0]:
            raise IndexError("Judge: header line outside the batch's octets")
        if cython.compiled:
            word: cython.ulonglong = 0
            k: cython.Py_ssize_t
            key = cython.cast(cython.ulonglong, size) * _STIR
            if size < 8:
                memcpy(cython.address(word), cython.address(reader.heads[s]), size)
                key = (key ^ word) * _GOLDEN
            else:
                for k in range(6):
                    memcpy(cython.address(word), cython.address(reader.heads[s + (size - 8) * k // 5]), 8)
                    key = (key ^ word) * _GOLDEN
                    key ^= key >> 32
            key ^= key >> 29
        else:
            key = hash(bytes(reader.heads[s:ve])) & _M64
        if key == 0:
            key = 1
        self.line_key = key
        i = cython.cast(cython.Py_ssize_t, key & cython.cast(cython.ulonglong, _LINES - 1))
        for tries in range(8):
            if self.line_keys[i] == 0:
                return i
            if self.line_keys[i] == key and self.line_numbers[i, 1] == size and self._same(self.line_numbers[i, 0], s, size):
                return i
            i = (i + 1) & (_LINES - 1)
        return -1

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _same(self, at: cython.Py_ssize_t, s: cython.Py_ssize_t, size: cython.Py_ssize_t) -> cython.bint:
        """Whether the remembered octets from `at` are those of the heads from s."""
        reader: FieldReader = self.reader
        if at + size > self.octets.shape[0] or s + size > reader.heads.shape[0]:
            raise IndexError("Judge: remembered line outside memory")
        if cython.compiled:
            return memcmp(cython.address(self.octets[at]), cython.address(reader.heads[s]), size) == 0
        else:
            return bytes(self.octets[at : at + size]) == bytes(reader.heads[s : s + size])

    @cython.cfunc
    @cython.exceptval(-1)
    def _learn(self, r: cython.Py_ssize_t, at: cython.Py_ssize_t, s: cython.Py_ssize_t, ve: cython.Py_ssize_t) -> cython.bint:
        """Read a line and remember at place `at` what it came to. False when the call's fields are too many to tell."""
        reader: FieldReader = self.reader
        n: cython.int = reader.n
        f: cython.int
        j: cython.int
        group: cython.int = 0
        i: cython.Py_ssize_t
        reader.longest_header = reader.header_marks = reader.cookies = 0
        reader.line(cython.cast(cython.int, r), s, ve)
        if reader.n - reader.first >= _MAX_FIELDS:
            reader.n = n
            reader.headers = reader.longest_header = reader.header_marks = reader.cookies = 0
            return False
        for j in range(8):
            self.best[_LINE_BEST + j] = 0
        for f in range(n, reader.n):
            group = 1 if reader.kind[f] == 4 else 2
            self._field(f, _LINE_BEST)
            self.line_slots[self.slots_used + f - n] = reader.slot[f]
        for j in range(8):
            self.line_best[at, j] = self.best[_LINE_BEST + j]
        for i in range(ve - s):
            self.octets[self.octets_used + i] = reader.heads[s + i]
        self.line_keys[at] = self.line_key
        self.line_numbers[at, 0] = cython.cast(cython.int, self.octets_used)
        self.line_numbers[at, 1] = cython.cast(cython.int, ve - s)
        self.line_numbers[at, 2] = self.slots_used
        self.line_numbers[at, 3] = reader.n - n
        self.line_numbers[at, 4] = group
        self.line_numbers[at, 5] = reader.cookies
        self.line_numbers[at, 6] = reader.longest_header
        self.line_numbers[at, 7] = reader.header_marks
        self.octets_used += ve - s
        self.slots_used += reader.n - n
        self.lines += 1
        reader.n = n
        reader.headers = reader.longest_header = reader.header_marks = reader.cookies = 0
        return True

    @cython.cfunc
    @cython.exceptval(-1)
    def _forget(self) -> cython.int:
        """Empty the memory of lines."""
        i: cython.Py_ssize_t
        for i in range(_LINES):
            self.line_keys[i] = 0
            self.line_after[i] = -1
        self.lines = self.octets_used = 0
        self.slots_used = 0
        return 0

    def measure(self, rows: Any, columns: Any, out: Any, where: Any = None) -> Any:
        """Measure these calls of the reader's open batch: out[k, columns..., endpoint, form, missing], in nats yet uncalibrated.

        With `where` (int32, the same columns) the field behind each is told, and the fields of all rows stay in the reader for `take`. Returns the node of each.
        """
        reader: FieldReader = self.reader
        wanted: cython.const[cython.longlong][::1] = _view(rows)
        column: cython.const[cython.longlong][::1] = _view(columns)
        result: cython.float[:, ::1] = _view(out)
        keep: cython.bint = where is not None
        at: cython.int[:, ::1] = _view(where if keep else np.zeros((0, 0), np.int32))
        i: cython.Py_ssize_t
        k: cython.Py_ssize_t
        n: cython.Py_ssize_t = column.shape[0]
        for i in range(wanted.shape[0]):
            if not keep:
                reader.n = 0
            self._call(wanted[i], not keep)
            for k in range(n):
                result[i, k] = self.best[column[k]]
                if keep:
                    at[i, k] = self.where[column[k]]
            result[i, n] = self.endpoint
            result[i, n + 1] = self.form
            result[i, n + 2] = self.missing

    def score(self, columns: Any, calibration: Any, recipe: Any, scale: Any, squares: Any, z: Any) -> None:
        """Of every call of the open batch the sum of its squared nats (without the autoencoder's) and what the autoencoder is to see of it."""
        reader: FieldReader = self.reader
        column: cython.const[cython.longlong][::1] = _view(columns)
        result: cython.double[::1] = _view(squares)
        to_nats: Nats = calibration
        n: cython.int = cython.cast(cython.int, column.shape[0])
        count: cython.Py_ssize_t = z.shape[0]
        if count > len(self.room[0]):
            self.room = (np.zeros((count, 28), np.float32), np.zeros((count, len(recipe)), np.float32), np.zeros(count, np.int32))
        counts, x, node = (part[:count] for part in self.room)
        kept: cython.float[:, ::1] = _view(counts)
        nodes: cython.int[::1] = _view(node)
        r: cython.Py_ssize_t
        k: cython.int
        total: cython.double
        reader.spans = False
        for r in range(result.shape[0]):
            reader.n = 0
            self._call(r, True)
            total = 0
            for k in range(n):
                total += to_nats.squared(k, self.best[column[k]])
            total += to_nats.squared(n, self.endpoint)
            total += to_nats.squared(n + 1, self.form)
            total += to_nats.squared(n + 2, self.missing)
            result[r] = total
            if count:
                nodes[r] = reader.node_of
                if cython.compiled:
                    memcpy(cython.address(kept[r, 0]), cython.address(reader.counts[0]), 28 * cython.sizeof(cython.float))
                else:
                    counts[r] = reader.counts
        reader.spans = True
        if count:
            features(counts, recipe, x)
            standardise(x, node, scale.mean, scale.spread, scale.place_mean, scale.place_spread, z)


@cython.cclass
class Nats:
    """Calibrations as one table: from the value of a measure to the nats of its p-value.

    Most measures have few values (they come from tables), so the last ones looked up are remembered; what they map to does not change.
    """

    scores: cython.const[cython.float][::1]
    nats: cython.const[cython.float][::1]
    starts: cython.const[cython.longlong][::1]
    slopes: cython.const[cython.float][::1]
    less: cython.const[cython.float][::1]
    known: cython.float[:, ::1]
    answers: cython.float[:, ::1]
    last: cython.float[64]
    last_square: cython.float[64]

    def __init__(self, calibrations: Any, less: Any) -> None:
        """`less` is taken off each measure before it is looked up."""
        self.scores = _view(np.concatenate([c.scores for c in calibrations] + [np.zeros(1, np.float32)]).astype(np.float32))
        self.nats = _view(np.concatenate([-np.log(c.above) for c in calibrations]).astype(np.float32))
        self.starts = _view(np.cumsum([0] + [len(c.scores) for c in calibrations]).astype(np.int64))
        self.slopes = _view(np.array([1 / c.beta for c in calibrations], np.float32))
        self.less = _view(np.asarray(less, np.float32))
        self.known = _view(np.full((len(calibrations), 64), np.nan, np.float32))
        self.answers = _view(np.zeros((len(calibrations), 64), np.float32))
        k: cython.int
        if not cython.compiled:
            self.last, self.last_square = [0.0] * 64, [0.0] * 64
        for k in range(64):
            self.last[k] = -1

    @cython.cfunc
    @cython.exceptval(check=False)
    def of(self, k: cython.int, x: cython.float) -> cython.float:
        """Nats of value x of measure k."""
        low: cython.Py_ssize_t
        high: cython.Py_ssize_t
        half: cython.Py_ssize_t
        n: cython.Py_ssize_t
        start: cython.Py_ssize_t
        y: cython.float
        place: cython.Py_ssize_t = 0
        if 0 <= x < 1e6:
            if cython.compiled:
                place = cython.cast(cython.int, x * 1024) & 63
            else:
                place = int(x * 1024) & 63
        if self.known[k, place] == x:
            return self.answers[k, place]
        y = x - self.less[k]
        start = low = self.starts[k]
        high = self.starts[k + 1]
        if high > start and y > self.scores[high - 1]:
            low = high
        elif high > start and y > self.scores[start]:
            # Halving without a branch on what was read, which nobody could guess.
            n = high - start
            while n > 1:
                half = n >> 1
                low += half if self.scores[low + half - 1] < y else 0
                n -= half
        # Each calibration has one value more than scores: for what is stranger than all.
        y = self.nats[low + k] + ((y - self.scores[high - 1]) * self.slopes[k] if high > start and y > self.scores[high - 1] else 0)
        self.known[k, place] = x
        self.answers[k, place] = y
        return y

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def squared(self, k: cython.int, x: cython.float) -> cython.float:
        """Squared nats of value x of measure k (below 64); most often x is what it was in the call before."""
        v: cython.float
        if x != self.last[k]:
            v = self.of(k, x)
            self.last[k] = x
            self.last_square[k] = v * v
        return self.last_square[k]

    def measures(self, raw: Any, out: Any) -> None:
        """Fill out[call, measure] with the nats of raw[call, measure]."""
        x: cython.const[cython.float][:, ::1] = _view(raw)
        y: cython.float[:, ::1] = _view(out)
        r: cython.Py_ssize_t
        k: cython.int
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
        last: cython.int = cython.cast(cython.int, self.slopes.shape[0]) - 1
        v: cython.double
        for r in range(a.shape[0]):
            v = self.of(last - 1, b[r])
            c[r] = sqrt(a[r] + v * v)
            d[r] = exp(-self.of(last, c[r]))
