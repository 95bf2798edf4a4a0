"""Callers beside one another: who takes far larger answers from an endpoint than everybody else does.

One large answer may be a large record. The same caller taking nothing but large ones, where all others together never had one near that size, is how
data leave by a stolen key or a hole in authorization, and each of its calls alone may look usual. Were the caller like the others, the L largest answers
of an endpoint would all be its own with probability C(n, L) / C(N, L), n being its calls and N everybody's: no distribution is assumed.

`Callers.observe` reads a batch's columns once, in compiled code; memory is bounded by ENDPOINTS and PAIRS.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

from models.calls import hashes, whole_numbers

if cython.compiled:
    from cython.cimports.libc.math import lgamma
else:
    from math import lgamma

COMPILED = cython.compiled

ENDPOINTS = 8_192
"""Places for endpoints, at most half of them taken; those that come later are not compared."""
PAIRS = 131_072
"""Places for callers of endpoints, at most half of them taken; then all are forgotten and counted anew."""
FACTOR = 8
"""How many times the largest answer that others had an answer must be, to count as large: page sizes and records differ by less."""
LEAST = 4_096
"""Octets below which no answer is large."""
OTHERS = 8
"""Calls by others that an endpoint needs before anybody is compared with them."""
LARGE = 3
"""Large answers that it takes at least."""
LEVEL = 1e-3
"""Told where chance would do it less often than this, on top of a size that FACTOR already makes odd."""

_ENDPOINTS = cython.declare(cython.Py_ssize_t, 8_192)
_PAIRS = cython.declare(cython.Py_ssize_t, 131_072)
_FACTOR = cython.declare(cython.longlong, 8)
_LEAST = cython.declare(cython.longlong, 4_096)
_OTHERS = cython.declare(cython.longlong, 8)
_LARGE = cython.declare(cython.longlong, 3)
_STIR = cython.declare(cython.ulonglong, 0xD6E8FEB86659FD93)
_M64 = 0xFFFFFFFFFFFFFFFF


def _view(array: Any) -> Any:
    """The array itself for compiled code; else a memoryview, whose elements are Python integers."""
    if cython.compiled:
        return array
    return memoryview(array)


@cython.cfunc
@cython.exceptval(check=False)
def _chance(own: cython.longlong, everybody: cython.longlong, large: cython.longlong) -> cython.double:
    """Nats of the probability that the `large` largest of everybody's calls are all among `own`."""
    return (
        lgamma(everybody + 1.0) - lgamma(everybody - large + 1.0) - lgamma(own + 1.0) + lgamma(own - large + 1.0)
    )


@cython.cclass
class Callers:
    """Of each endpoint, how large its answers were and who had the largest; of each caller of it, how many were large."""

    keys: cython.ulonglong[::1]
    calls: cython.longlong[::1]
    largest: cython.longlong[::1]
    holder: cython.ulonglong[::1]
    second: cython.longlong[::1]
    pair: cython.longlong[:, ::1]
    taken: cython.Py_ssize_t
    pairs: cython.Py_ssize_t
    level: cython.double
    near: cython.longlong

    def __init__(self, level: float = LEVEL) -> None:
        self.keys = _view(np.zeros(ENDPOINTS, np.uint64))
        self.calls = _view(np.zeros(ENDPOINTS, np.int64))
        self.largest = _view(np.zeros(ENDPOINTS, np.int64))
        self.holder = _view(np.zeros(ENDPOINTS, np.uint64))
        self.second = _view(np.zeros(ENDPOINTS, np.int64))
        # Key, calls, how many of them were large, and the least of those, side by side: one place in memory a call.
        self.pair = _view(np.zeros((PAIRS, 4), np.int64))
        self.taken = self.pairs = self.near = 0
        self.level = -np.log(level)

    def observe(self, batch: Any) -> list[tuple[int, int, int, int, int]]:
        """(row, large answers of its caller there, calls of others there, largest answer of others, own answer) of each call that makes a caller stand out."""
        names = batch.schema.names
        if "template" not in names or "principal" not in names or not batch.num_rows:
            return []
        found: list[tuple[int, int, int, int, int]] = []
        status, size = whole_numbers(batch.column("status")), whole_numbers(batch.column("response_bytes"))
        self._read(status, size, *(hashes(batch.column(name)) for name in ("method", "host", "template", "principal")), found)
        return found

    def _read(self, status: Any, size: Any, method: Any, host: Any, template: Any, principal: Any, found: Any) -> None:
        statuses: cython.const[cython.longlong][::1] = _view(status)
        sizes: cython.const[cython.longlong][::1] = _view(size)
        methods: cython.const[cython.int][::1] = _view(method[0])
        method_hashes: cython.const[cython.ulonglong][::1] = _view(method[1])
        hosts: cython.const[cython.int][::1] = _view(host[0])
        host_hashes: cython.const[cython.ulonglong][::1] = _view(host[1])
        templates: cython.const[cython.int][::1] = _view(template[0])
        template_hashes: cython.const[cython.ulonglong][::1] = _view(template[1])
        real: cython.const[cython.uchar][::1] = _view(template[2])
        callers: cython.const[cython.int][::1] = _view(principal[0])
        caller_hashes: cython.const[cython.ulonglong][::1] = _view(principal[1])
        r: cython.Py_ssize_t
        e: cython.Py_ssize_t
        p: cython.Py_ssize_t
        n: cython.longlong
        others: cython.longlong
        large: cython.longlong
        place: cython.ulonglong
        who: cython.ulonglong
        ahead: cython.Py_ssize_t = 0
        for r in range(sizes.shape[0]):
            # Their places in the table are asked for some calls ahead, all at once, so that far memory is waited for together.
            while ahead < sizes.shape[0] and ahead < (r | 63) + 1:
                place = _place(method_hashes[methods[ahead]], host_hashes[hosts[ahead]], template_hashes[templates[ahead]])
                self.near ^= self.pair[(_joined(place, caller_hashes[callers[ahead]]) >> 1) & (_PAIRS - 1), 0]
                ahead += 1
            n = sizes[r]
            if n < 0 or statuses[r] < 200 or statuses[r] >= 300 or not real[templates[r]]:
                continue
            place = _place(method_hashes[methods[r]], host_hashes[hosts[r]], template_hashes[templates[r]])
            who = caller_hashes[callers[r]]
            e = self._endpoint(place)
            if e < 0:
                continue
            p = self._pair(place, who)
            others = self.second[e] if self.holder[e] == who else self.largest[e]
            self.calls[e] += 1
            self.pair[p, 1] += 1
            if n >= _LEAST and n >= _FACTOR * others and self.pair[p, 2] >= 0:
                if self.pair[p, 2] == 0 or n < self.pair[p, 3]:
                    self.pair[p, 3] = n
                self.pair[p, 2] += 1
                large = self.pair[p, 2]
                if (
                    large >= _LARGE
                    and self.calls[e] - self.pair[p, 1] >= _OTHERS
                    and self.pair[p, 3] >= _FACTOR * others
                    and _chance(self.pair[p, 1], self.calls[e], large) >= self.level
                ):
                    found.append((r, large, self.calls[e] - self.pair[p, 1], others, n))
                    self.pair[p, 2] = -1  # told once
            if self.holder[e] == who:
                self.largest[e] = max(self.largest[e], n)
            elif n > self.largest[e]:
                self.second[e] = self.largest[e]
                self.largest[e] = n
                self.holder[e] = who
            else:
                self.second[e] = max(self.second[e], n)

    @cython.cfunc
    @cython.exceptval(-2)
    def _endpoint(self, key: cython.ulonglong) -> cython.Py_ssize_t:
        """The place of an endpoint, a new one where there is room; else -1."""
        i: cython.Py_ssize_t
        if key == 0:
            key = 1
        i = cython.cast(cython.Py_ssize_t, key & cython.cast(cython.ulonglong, _ENDPOINTS - 1))
        while self.keys[i] != 0 and self.keys[i] != key:
            i = (i + 1) & (_ENDPOINTS - 1)
        if self.keys[i] == 0:
            if 2 * self.taken >= _ENDPOINTS:
                return -1
            self.taken += 1
            self.keys[i] = key
        return i

    @cython.cfunc
    @cython.exceptval(-2)
    def _pair(self, endpoint: cython.ulonglong, caller: cython.ulonglong) -> cython.Py_ssize_t:
        """The place of a caller of an endpoint."""
        key: cython.longlong
        i: cython.Py_ssize_t
        if 2 * self.pairs >= _PAIRS:
            for i in range(_PAIRS):
                self.pair[i, 0] = self.pair[i, 1] = self.pair[i, 2] = 0
            self.pairs = 0
        key = _joined(endpoint, caller)
        i = cython.cast(cython.Py_ssize_t, (key >> 1) & (_PAIRS - 1))
        while self.pair[i, 0] != 0 and self.pair[i, 0] != key:
            i = (i + 1) & (_PAIRS - 1)
        if self.pair[i, 0] == 0:
            self.pairs += 1
            self.pair[i, 0] = key
        return i


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _place(method: cython.ulonglong, host: cython.ulonglong, template: cython.ulonglong) -> cython.ulonglong:
    if cython.compiled:
        return (method * 3) ^ (host * 5) ^ (template * 7)
    else:
        return ((method * 3) ^ (host * 5) ^ (template * 7)) & _M64


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _joined(endpoint: cython.ulonglong, caller: cython.ulonglong) -> cython.longlong:
    """The key of a pair: 63 bits, never 0."""
    key: cython.ulonglong
    if cython.compiled:
        key = (endpoint ^ (caller * _STIR)) * _STIR
    else:
        key = ((endpoint ^ ((caller * _STIR) & _M64)) * _STIR) & _M64
    key ^= key >> 32
    return cython.cast(cython.longlong, (key >> 1) | 1)


__all__ = ["Callers"]
