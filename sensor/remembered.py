"""What was found for an octet string before, without keeping the string: a table under a keyed hash.

A credential comes back in every batch, some hundred octets long; a dictionary of Python strings would make each anew to look it up.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

if cython.compiled:
    from cython.cimports.parsers.siphash import bytes_hash
else:
    from parsers.siphash import bytes_hash

COMPILED = cython.compiled


@cython.cclass
class Remembered:
    """Small numbers for octet strings seen before, without keeping them: credentials. Forgets all of them past `kept`."""

    def __init__(self, k0: Any, k1: Any, kept: Any = 65_536) -> None:
        self.k0 = k0
        self.k1 = k1
        self.kept = kept
        self.count = 0
        self.key = np.zeros(1024, np.uint64)  # grows with what it holds: a table that fits the cache answers in a tenth of the time
        self.value = np.zeros(1024, np.int32)

    def look(self, offsets: Any, octets: Any, numbers: Any) -> list[int]:
        """Write the number of every string into `numbers`, -1 for those not seen before; returns their indices."""
        if not cython.compiled:
            offsets, octets = offsets.tolist(), octets.tobytes()
        offset_v: cython.const[cython.int][::1] = offsets
        data: cython.const[cython.uchar][::1] = octets
        number_v: cython.int[::1] = numbers
        mask: cython.Py_ssize_t = len(self.key) - 1
        i: cython.Py_ssize_t
        row: cython.Py_ssize_t
        h: cython.ulonglong
        new = []
        for row in range(len(number_v)):
            h = bytes_hash(self.k0, self.k1, data, offset_v[row], offset_v[row + 1]) | 1
            i = (h >> 1) & mask
            while self.key[i] != 0 and self.key[i] != h:
                i = (i + 1) & mask
            if self.key[i] == h:
                number_v[row] = self.value[i]
            else:
                number_v[row] = -1
                new.append(row)
        return new

    def put(self, octets: bytes, number: int) -> None:
        """Remember a string's number."""
        if self.count >= self.kept:
            self.forget()
        if 2 * self.count >= len(self.key):
            keys, values = np.asarray(self.key), np.asarray(self.value)
            self.key = np.zeros(2 * len(keys), np.uint64)
            self.value = np.zeros(2 * len(keys), np.int32)
            for at in np.flatnonzero(keys):
                self.place(int(keys[at]), int(values[at]))
        self.count += self.place(bytes_hash(self.k0, self.k1, octets, 0, len(octets)) | 1, number)

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
