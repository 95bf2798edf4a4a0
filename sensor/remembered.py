"""What was found for an octet string before, without keeping the string: a table under a keyed hash.

A credential comes back in every batch, some hundred octets long; a dictionary of Python strings would make each anew to look it up. `hashes` takes
the hash of all words of a column once for a batch, whoever asks: who calls and how that is proved stand in the same headers.
"""

from __future__ import annotations

import secrets
from typing import Any
from weakref import ref

import numpy as np
import pyarrow as pa

from parsers.columns import spans

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

if cython.compiled:
    from cython.cimports.parsers.siphash import bytes_hash
else:
    from parsers.siphash import bytes_hash

COMPILED = cython.compiled

_K0, _K1 = (secrets.randbits(64) for _ in range(2))
_last: list[Any] = [None, {}]
"""The batch asked about last, weakly, and its columns' hashes."""


def hashes(batch: pa.RecordBatch, name: str) -> Any:
    """The hash (u64, never 0) of every word of a batch's dictionary-encoded column, under a key that this process drew."""
    if _last[0] is None or _last[0]() is not batch:
        _last[:] = [ref(batch), {}]
    found = _last[1].get(name)
    if found is None:
        found = _last[1][name] = hashes_of(*spans(batch.column(name).dictionary))
    return found


def hashes_of(offsets: Any, octets: Any) -> Any:
    """The hash of every string of a column (offsets i32, octets u8)."""
    found = np.zeros(len(offsets) - 1, np.uint64)
    if not cython.compiled:
        offsets, octets = offsets.tolist(), octets.tobytes()
    offset_v: cython.const[cython.int][::1] = offsets
    data: cython.const[cython.uchar][::1] = octets
    hash_v: cython.ulonglong[::1] = found
    low: cython.ulonglong = _K0
    high: cython.ulonglong = _K1
    row: cython.Py_ssize_t
    for row in range(len(hash_v)):
        hash_v[row] = bytes_hash(low, high, data, offset_v[row], offset_v[row + 1]) | 1
    return found


@cython.cclass
class Remembered:
    """Small numbers for strings seen before, by their hash. Forgets all of them past `kept`."""

    def __init__(self, kept: Any = 65_536) -> None:
        self.kept = kept
        self.count = 0
        self.key = np.zeros(1024, np.uint64)  # grows with what it holds: a table that fits the cache answers in a tenth of the time
        self.value = np.zeros(1024, np.int32)

    def look(self, marks: Any, numbers: Any) -> list[int]:
        """Write the number of every string, given by its hash, into `numbers`, -1 for those not seen before; returns their indices."""
        if not cython.compiled:
            marks = marks.tolist()
        mark_v: cython.const[cython.ulonglong][::1] = marks
        number_v: cython.int[::1] = numbers
        mask: cython.Py_ssize_t = len(self.key) - 1
        i: cython.Py_ssize_t
        row: cython.Py_ssize_t
        h: cython.ulonglong
        new = []
        for row in range(len(number_v)):
            h = mark_v[row]
            i = (h >> 1) & mask
            while self.key[i] != 0 and self.key[i] != h:
                i = (i + 1) & mask
            if self.key[i] == h:
                number_v[row] = self.value[i]
            else:
                number_v[row] = -1
                new.append(row)
        return new

    def put(self, mark: int, number: int) -> None:
        """Remember the number of the string of this hash."""
        if self.count >= self.kept:
            self.forget()
        if 2 * self.count >= len(self.key):
            keys, values = np.asarray(self.key), np.asarray(self.value)
            self.key = np.zeros(2 * len(keys), np.uint64)
            self.value = np.zeros(2 * len(keys), np.int32)
            for at in np.flatnonzero(keys):
                self.place(int(keys[at]), int(values[at]))
        self.count += self.place(mark, number)

    def place(self, key: Any, number: Any) -> Any:
        """Write a number under a hash; 1 when the hash is new."""
        h: cython.ulonglong = key
        mask: cython.Py_ssize_t = len(self.key) - 1
        i: cython.Py_ssize_t = (h >> 1) & mask
        while self.key[i] != 0 and self.key[i] != h:
            i = (i + 1) & mask
        new: cython.int = 1 if self.key[i] == 0 else 0
        self.key[i] = h
        self.value[i] = number
        return new

    def forget(self) -> None:
        """Know no string any more."""
        np.asarray(self.key)[:] = 0
        self.count = 0
