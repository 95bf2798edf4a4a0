"""The profile's inner loop: of each field, how surprising its length, characters, shape and value are, in nats, by looking tables up."""

from __future__ import annotations

from typing import Any

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

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


@cython.ccall
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


@cython.ccall
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
@cython.exceptval(check=False)
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


def surprise(fields: Any, unit: Any, profile: Any, out: Any) -> None:
    """Fill out[field, aspect] for all aspects but the name."""
    units: cython.const[cython.int][::1] = _view(unit)
    slots: cython.const[cython.ulonglong][::1] = _view(fields["slot"])
    lengths: cython.const[cython.int][::1] = _view(fields["length"])
    marks: cython.const[cython.int][::1] = _view(fields["marks"])
    masks: cython.const[cython.ulonglong][::1] = _view(fields["mask"])
    shapes: cython.const[cython.ulonglong][::1] = _view(fields["shape"])
    values: cython.const[cython.ulonglong][::1] = _view(fields["value"])
    nats: cython.const[cython.float][::1] = _view(fields["nats"])
    by_length: cython.const[cython.float][:, ::1] = _view(profile.by_length)
    by_marks: cython.const[cython.float][:, ::1] = _view(profile.by_marks)
    bit_set: cython.const[cython.float][:, ::1] = _view(profile.bit_set)
    bit_gain: cython.const[cython.float][:, ::1] = _view(profile.bit_gain)
    bit_base: cython.const[cython.float][::1] = _view(profile.bit_base)
    new_shape: cython.const[cython.float][::1] = _view(profile.new_shape)
    new_value: cython.const[cython.float][::1] = _view(profile.new_value)
    mean: cython.const[cython.float][::1] = _view(profile.nats_mean)
    spread: cython.const[cython.float][::1] = _view(profile.nats_spread)
    shape_keys: cython.const[cython.ulonglong][::1] = _view(profile.shape_keys)
    shape_cost: cython.const[cython.float][::1] = _view(profile.shape_cost)
    value_keys: cython.const[cython.ulonglong][::1] = _view(profile.value_keys)
    value_cost: cython.const[cython.float][::1] = _view(profile.value_cost)
    result: cython.float[:, ::1] = _view(out)
    i: cython.Py_ssize_t
    at: cython.Py_ssize_t
    u: cython.int
    b: cython.int
    mask: cython.ulonglong
    total: cython.float
    most: cython.float
    z: cython.float
    for i in range(slots.shape[0]):
        u = units[i]
        result[i, 0] = by_length[u, length_bin(lengths[i])]
        result[i, 1] = by_marks[u, mark_bin(marks[i])]
        mask = masks[i]
        total = bit_base[u]
        most = 0
        b = 0
        while mask != 0:
            if mask & 1:
                total += bit_gain[u, b]
                most = max(most, bit_set[u, b])
            mask >>= 1
            b += 1
        result[i, 2] = total if total > 0 else 0
        result[i, 3] = most
        at = _find(shape_keys, _join(cython.cast(cython.ulonglong, u + 1), shapes[i]))
        result[i, 4] = shape_cost[at] if at >= 0 else new_shape[u]
        at = _find(value_keys, _join(cython.cast(cython.ulonglong, u + 1), values[i]))
        result[i, 5] = value_cost[at] if at >= 0 else new_value[u]
        z = (nats[i] / (lengths[i] + 1 if lengths[i] < 4096 else 4097) - mean[u]) / spread[u]
        result[i, 6] = z * z / 2 * lengths[i] / (lengths[i] + 4) if z > 0 else 0  # a short value says little


GROUPS = 4
"""Values (path, query, body), headers, cookies, answers."""


def reduce_rows(rows: Any, kinds: Any, surprises: Any, out: Any, where: Any) -> None:
    """The largest surprise of each aspect over the fields of a call: out[row, group * 8 + aspect], and in `where` the field that had it."""
    row: cython.const[cython.int][::1] = _view(rows)
    kind: cython.const[cython.uchar][::1] = _view(kinds)
    s: cython.const[cython.float][:, ::1] = _view(surprises)
    result: cython.float[:, ::1] = _view(out)
    field: cython.int[:, ::1] = _view(where)
    i: cython.Py_ssize_t
    g: cython.int
    j: cython.int
    r: cython.int
    for i in range(row.shape[0]):
        r = row[i]
        g = kind[i]
        if g >= 8:
            g = 3
        elif g == 4:
            g = 1
        elif g == 5:
            g = 2
        else:
            g = 0
        for j in range(8):
            if s[i, j] > result[r, g * 8 + j]:
                result[r, g * 8 + j] = s[i, j]
                field[r, g * 8 + j] = cython.cast(cython.int, i)
