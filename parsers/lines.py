"""Lines of message heads as they were met last, each with what it means.

Clients and servers write the same few lines over and over, and in the same order. A line that stands here was read the long way
(`parsers.http1.header_line`); it is known again octet for octet, mostly by one comparison with the line that followed its predecessor the last
time. So this saves time and can change no answer. Only a line that came twice in a short while is taken in, since most of those with a value of
their own (dates, tokens, numbers) come once; and all of it is small, since what falls out of the processor's caches saves nothing. The places are
chosen by a cheap hash: a stranger whose lines collide makes himself be read the long way.
"""

from __future__ import annotations

import numpy as np

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

if cython.compiled:
    from cython.cimports.cpython.bytearray import PyByteArray_AS_STRING
    from cython.cimports.libc.string import memcmp, memcpy
    from cython.cimports.parsers.octets import copy, same
else:
    from parsers.octets import copy, same

COMPILED = cython.compiled

PLACES = cython.declare(cython.int, 128)
SHORTEST = cython.declare(cython.Py_ssize_t, 10)  # octets of a line and its end
LONGEST = cython.declare(cython.Py_ssize_t, 960)
STRIDE = cython.declare(cython.Py_ssize_t, 1024 + 64)  # from text to text: not a power of two, or all would compete for the same lines of the cache
FIRST = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)  # odd numbers without pattern: of the golden ratio, and of xxHash
LAST = cython.declare(cython.ulonglong, 0xC2B2AE3D27D4EB4F)
LOW = cython.declare(cython.ulonglong, 0xFFFFFFFF)
MASK = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)

if not cython.compiled:  # constants of C are in lines.pxd, where what they mean stands too
    ENTRY = 8
    LENGTH, FOLLOWER, MEANING, VALUE_AT, VALUE_END, SERIAL, BATCH, CODE = range(ENTRY)


@cython.no_gc
@cython.cclass
class Lines:
    """The lines met last in one direction, by place. The last place, START, holds no line: what follows it is the line that a head is expected to
    begin with."""

    def __init__(self) -> None:
        self.texts = bytearray((PLACES + 1) * STRIDE)
        if cython.compiled:
            self.text = cython.cast(cython.pointer(cython.uchar), PyByteArray_AS_STRING(self.texts))
        else:
            self.text = self.texts
        self.entries = np.full((PLACES + 1) * ENTRY, -1, np.int64)
        if cython.compiled:
            self.entry = cython.address(self.entries[0])
        else:
            self.entry = memoryview(self.entries)  # whose numbers are Python's
        self.prints = np.zeros(PLACES, np.uint32)
        self.once = np.zeros(PLACES, np.uint32)
        self.start = PLACES
        self.serials = 0
        self.place = -1
        self.print = 0

    def stands(self, line, data, at):
        """Whether data[at:], in which as many octets as the line has can be read, begins with it."""
        if cython.compiled:
            return memcmp(self.text + line * STRIDE, data + at, self.entry[line * ENTRY]) == 0
        else:
            return same(self.text, line * STRIDE, data, at, at + self.entry[line * ENTRY])

    @cython.boundscheck(False)  # places are below PLACES, here and below
    def find(self, data, start, length):
        """The line data[start:start+length] if it stands here, else -1. `learn` is about the line that was sought last."""
        one: cython.ulonglong = 0
        two: cython.ulonglong = 0
        self.place = -1
        if length < SHORTEST or length > LONGEST:
            return -1
        if cython.compiled:
            memcpy(cython.address(one), data + start, 8)
            memcpy(cython.address(two), data + start + length - 10, 8)
            one = one * FIRST ^ (two + cython.cast(cython.ulonglong, length)) * LAST
        else:
            one = int.from_bytes(bytes(data[start : start + 8]), "little")
            two = int.from_bytes(bytes(data[start + length - 10 : start + length - 2]), "little")
            one = (one * FIRST ^ (two + length) * LAST) & MASK
        one ^= one >> 29
        self.place = one >> 20 & (PLACES - 1)
        self.print = one >> 32 & LOW
        if self.prints[self.place] == self.print and self.entry[self.place * ENTRY + LENGTH] == length and self.stands(self.place, data, start):
            return self.place
        return -1

    @cython.boundscheck(False)
    def learn(self, data, start, length, meaning, value_at, value_end):
        """Take in the line data[start:start+length], for which `find` was just called in vain. Returns it, or -1 where it is kept only to be known
        the next time, or not at all."""
        place: cython.int = self.place
        at: cython.int = place * ENTRY
        if place < 0:
            return -1
        if self.once[place] != self.print:
            self.once[place] = self.print
            return -1
        copy(self.text, (PLACES + 1) * STRIDE, place * STRIDE, data, start, start + length)
        self.serials += PLACES
        self.prints[place] = self.print
        self.entry[at + LENGTH] = length
        self.entry[at + FOLLOWER] = -1
        self.entry[at + MEANING] = meaning
        self.entry[at + VALUE_AT] = value_at
        self.entry[at + VALUE_END] = value_end
        self.entry[at + SERIAL] = self.serials + place
        self.entry[at + BATCH] = -1
        return place

    def numbered(self, serial):
        """The line that was given that number, if it still stands here; else -1."""
        line: cython.int = serial & (PLACES - 1)
        return line if serial >= 0 and self.entry[line * ENTRY + SERIAL] == serial else -1
