"""SipHash: the keyed hash under every table whose keys a stranger chooses.

A table keyed with an unkeyed hash can be made a list by anybody who picks addresses and ports that collide. SipHash (Aumasson and Bernstein,
2012) with a key drawn at start makes such a choice impossible to compute. The tables use SipHash-1-3, as CPython, Rust and the Linux kernel
do for theirs; `siphash` takes the number of rounds, so that the published vectors of SipHash-2-4 check the very same code.
"""

from __future__ import annotations

import sys
from typing import Any

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

if cython.compiled:
    from cython.cimports.libc.string import memcpy

COMPILED = cython.compiled

_LITTLE = cython.declare(cython.bint, sys.byteorder == "little")
_MASK = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
_C0 = cython.declare(cython.ulonglong, 0x736F6D6570736575)
_C1 = cython.declare(cython.ulonglong, 0x646F72616E646F6D)
_C2 = cython.declare(cython.ulonglong, 0x6C7967656E657261)
_C3 = cython.declare(cython.ulonglong, 0x7465646279746573)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _low64(x: cython.ulonglong) -> cython.ulonglong:
    """What C's arithmetic leaves of x."""
    if cython.compiled:
        return x
    else:
        return x & _MASK


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _left(x: cython.ulonglong, by: cython.int) -> cython.ulonglong:
    """x rotated left."""
    return _low64(x << by) | (x >> (64 - by))


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _eight(data: cython.pointer(cython.const[cython.uchar]), at: cython.Py_ssize_t) -> cython.ulonglong:
    """Eight octets as a little endian number."""
    number: cython.ulonglong = 0
    k: cython.int
    if cython.compiled:
        if _LITTLE:
            memcpy(cython.address(number), data + at, 8)
            return number
    for k in range(8):
        number |= cython.cast(cython.ulonglong, data[at + k]) << (8 * k)
    return number


def flow_hash(k0: Any, k1: Any, a_hi: Any, a_lo: Any, b_hi: Any, b_lo: Any, ports: Any) -> Any:
    """SipHash-1-3 of five 64-bit words (little endian, 40 octets): two addresses of 128 bits and whatever else makes the key."""
    v0: cython.ulonglong = k0 ^ _C0
    v1: cython.ulonglong = k1 ^ _C1
    v2: cython.ulonglong = k0 ^ _C2
    v3: cython.ulonglong = k1 ^ _C3
    m: cython.ulonglong
    step: cython.int = 0
    while step < 9:  # five words, the length, three rounds to end with
        if step == 0:
            m = a_hi
        elif step == 1:
            m = a_lo
        elif step == 2:
            m = b_hi
        elif step == 3:
            m = b_lo
        elif step == 4:
            m = ports
        elif step == 5:
            m = cython.cast(cython.ulonglong, 40) << 56
        else:
            m = 0
        if step == 6:
            v2 ^= 0xFF
        v3 ^= m
        v0 = _low64(v0 + v1)
        v1 = _left(v1, 13) ^ v0
        v0 = _left(v0, 32)
        v2 = _low64(v2 + v3)
        v3 = _left(v3, 16) ^ v2
        v0 = _low64(v0 + v3)
        v3 = _left(v3, 21) ^ v0
        v2 = _low64(v2 + v1)
        v1 = _left(v1, 17) ^ v2
        v2 = _left(v2, 32)
        v0 ^= m
        step += 1
    return v0 ^ v1 ^ v2 ^ v3


def pair_hash(k0: Any, k1: Any, a: Any, b: Any) -> Any:
    """SipHash-1-3 of two 64-bit words (little endian, 16 octets): two IPv4 addresses and their ports."""
    v0: cython.ulonglong = k0 ^ _C0
    v1: cython.ulonglong = k1 ^ _C1
    v2: cython.ulonglong = k0 ^ _C2
    v3: cython.ulonglong = k1 ^ _C3
    m: cython.ulonglong
    step: cython.int
    for step in range(6):  # two words, the length, three rounds to end with
        m = a if step == 0 else b if step == 1 else cython.cast(cython.ulonglong, 16) << 56 if step == 2 else 0
        if step == 3:
            v2 ^= 0xFF
        v3 ^= m
        v0 = _low64(v0 + v1)
        v1 = _left(v1, 13) ^ v0
        v0 = _left(v0, 32)
        v2 = _low64(v2 + v3)
        v3 = _left(v3, 16) ^ v2
        v0 = _low64(v0 + v3)
        v3 = _left(v3, 21) ^ v0
        v2 = _low64(v2 + v1)
        v1 = _left(v1, 17) ^ v2
        v2 = _left(v2, 32)
        v0 ^= m
    return v0 ^ v1 ^ v2 ^ v3


def bytes_hash(k0: Any, k1: Any, data: Any, start: Any, end: Any) -> Any:
    """SipHash-1-3 of data[start:end]. Raises IndexError for a range outside the buffer."""
    if start < 0 or start > end or end > len(data):
        raise IndexError("siphash: range outside the buffer")
    if cython.compiled:
        if start == end:
            return siphash(k0, k1, cython.NULL, 0, 0, 1, 3)
        return siphash(k0, k1, cython.address(data[start]), 0, end - start, 1, 3)
    else:
        return siphash(k0, k1, data, start, end, 1, 3)


def octets_hash(k0: Any, k1: Any, data: Any, start: Any, end: Any) -> Any:
    """SipHash-1-3 of a run of octets that can be read (see parsers.octets)."""
    return siphash(k0, k1, data, start, end, 1, 3)


def siphash(k0: Any, k1: Any, data: Any, start: Any, end: Any, per_word: Any, at_end: Any) -> Any:
    """SipHash of data[start:end] with `per_word` rounds a word and `at_end` rounds to finish; that range can be read."""
    v0: cython.ulonglong = k0 ^ _C0
    v1: cython.ulonglong = k1 ^ _C1
    v2: cython.ulonglong = k0 ^ _C2
    v3: cython.ulonglong = k1 ^ _C3
    m: cython.ulonglong
    at: cython.Py_ssize_t = start
    rounds: cython.int = per_word
    step: cython.int
    shift: cython.int = 0
    rest: cython.bint = False
    over: cython.bint = False
    while not over:
        if end - at >= 8:
            m = _eight(data, at)
            at += 8
        elif rest:  # past the last word: finish
            over = True
            m = 0
            v2 ^= 0xFF
            rounds = at_end
        else:  # what is left, and the length in the highest octet
            rest = True
            m = 0
            while at < end:
                m |= cython.cast(cython.ulonglong, data[at]) << shift
                shift += 8
                at += 1
            m |= cython.cast(cython.ulonglong, (end - start) & 0xFF) << 56
        v3 ^= m
        for step in range(rounds):
            v0 = _low64(v0 + v1)
            v1 = _left(v1, 13) ^ v0
            v0 = _left(v0, 32)
            v2 = _low64(v2 + v3)
            v3 = _left(v3, 16) ^ v2
            v0 = _low64(v0 + v3)
            v3 = _left(v3, 21) ^ v0
            v2 = _low64(v2 + v1)
            v1 = _left(v1, 17) ^ v2
            v2 = _left(v2, 32)
        v0 ^= m
    return v0 ^ v1 ^ v2 ^ v3


def hash_flow(k0: int, k1: int, words: tuple[int, int, int, int, int]) -> int:
    """`flow_hash` for callers in plain Python."""
    return int(flow_hash(k0, k1, words[0], words[1], words[2], words[3], words[4]))


def hash_pair(k0: int, k1: int, a: int, b: int) -> int:
    """`pair_hash` for callers in plain Python."""
    return int(pair_hash(k0, k1, a, b))


def hash_bytes(k0: int, k1: int, data: bytes, per_word: int = 1, at_end: int = 3) -> int:
    """`siphash` of a whole buffer, for callers in plain Python."""
    return int(siphash(k0, k1, data, 0, len(data), per_word, at_end))
