"""A call taken apart into fields: every value a client chose, with where it stood and what it is made of.

A field is a path segment, a query or form parameter, a JSON leaf, a header, a cookie or a body of another kind. `FieldReader.read` walks the
octets of a batch once and fills columns; no Python object is made for a call or a field. Of each value it keeps its decoded length, the set
of characters in it (a 64-bit mask), its shape (runs of letters, digits and single marks, hashed), a hash of the value, and how unlikely its
characters are, in nats, under tables of neighbouring characters. Memory for a call is bounded: `MAX_FIELDS` fields, `MAX_VALUE` octets of
each value, `MAX_DEPTH` levels of JSON.

Compiled, columns are read through pointers: `open` makes them, each call's ranges are checked against them once (`request`, `head`), and what is
given a range reads nothing outside it (`parsers.octets` has the contract).

The path is followed through a tree of known paths (`models.endpoints`); the node where it ends names the endpoint.
"""

# ruff: noqa: SIM109  (comparisons one by one are what compiles to jumps)
from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

if cython.compiled:
    from cython.cimports.libc.math import log
    from cython.cimports.libc.string import memcmp, memcpy, memset
else:
    from math import log

COMPILED = cython.compiled

SEGMENT, QUERY, FORM, JSON, HEADER, COOKIE, BODY, UNKNOWN = range(8)
"""Where a field stood. UNKNOWN is a path segment below the last known node."""

STATUS, RESPONSE_TYPE, RESPONSE_SIZE, REQUEST_SIZE = range(8, 12)
"""What the answer was, given as fields too, so that one profile judges all (`models.profile` appends them)."""

KINDS = (
    "path segment", "query parameter", "form field", "JSON field", "header", "cookie", "request body", "unknown path segment",
    "status", "response type", "response size", "request size",
)  # fmt: skip

MAX_FIELDS = 192
"""Fields of one call; past them a call is only counted. The widest honest forms have some 100."""
MAX_VALUE = 4096
"""Octets looked at of one value: an attack that hides behind 4 KiB of padding shows by the padding."""
MAX_DEPTH = 24
"""Levels of JSON that are followed."""
PREFIX = 64
"""Octets of the beginning of a path that are remembered, 256 times."""
MAX_RUNS = 10
"""Runs of a shape; longer values differ by length and characters anyway."""

LOWER, UPPER, DIGIT, SPACE = range(4)
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
TAB, LF, CR, NUL, CONTROL, HIGH, BAD_ESCAPE, NEEDLESS_ESCAPE, DOUBLE_ESCAPE, EMPTY = range(36, 46)
MARKS = (
    ["a small letter", "a capital letter", "a digit", "a space"]
    + [f"'{c}'" for c in PUNCTUATION]
    + ["a tab", "a line feed", "a carriage return", "a NUL", "a control character", "a non-ASCII character"]
    + ["a malformed percent escape", "a letter or digit hidden in a percent escape", "a doubly escaped character", "nothing at all"]
)
"""What each bit of a character mask stands for, in words."""

ROW_COUNTS = (
    "path_len", "path_segments", "query_len", "body_len", "params", "longest_value", "letters", "digits", "punctuation", "spaces", "uncommon",
    "escapes", "entropy", "headers", "header_bytes", "longest_header", "header_marks", "cookies", "json_depth", "nats", "characters",
    "status", "request_bytes", "response_bytes", "duration", "ttfb", "hour_sin", "hour_cos",
)  # fmt: skip
"""What `FieldReader.counts` holds for each call, in this order; from `status` to `ttfb` -1 is what was not seen."""

_M64 = 0xFFFFFFFFFFFFFFFF

_PRIME = cython.declare(cython.ulonglong, 0x100000001B3)
_STIR = cython.declare(cython.ulonglong, 0xD6E8FEB86659FD93)
_GOLDEN = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)
_BASIS = cython.declare(cython.ulonglong, 0xCBF29CE484222325)
# The public names below are Python objects; the hot loops read these C twins.
_SYMBOLS = cython.declare(cython.int, 64)
_START = cython.declare(cython.int, 62)
_END = cython.declare(cython.int, 63)
_MAX_FIELDS = cython.declare(cython.int, 192)
_MAX_VALUE = cython.declare(cython.Py_ssize_t, 4096)
_MAX_DEPTH = cython.declare(cython.int, 24)
_MAX_RUNS = cython.declare(cython.int, 10)
_PREFIX = cython.declare(cython.Py_ssize_t, 64)
_TAB = cython.declare(cython.int, 36)
_BAD_ESCAPE = cython.declare(cython.int, 42)
_NEEDLESS_ESCAPE = cython.declare(cython.int, 43)
_DOUBLE_ESCAPE = cython.declare(cython.int, 44)
_EMPTY = cython.declare(cython.int, 45)
_SPACE = cython.declare(cython.int, 3)
_DIGIT = cython.declare(cython.int, 2)
_SEGMENT = cython.declare(cython.int, 0)
_QUERY = cython.declare(cython.int, 1)
_FORM = cython.declare(cython.int, 2)
_JSON = cython.declare(cython.int, 3)
_HEADER = cython.declare(cython.int, 4)
_COOKIE = cython.declare(cython.int, 5)
_BODY = cython.declare(cython.int, 6)
_UNKNOWN = cython.declare(cython.int, 7)
_STATUS = cython.declare(cython.int, 8)
_USUAL = cython.declare(cython.Py_ssize_t, 24)  # fields of a call
_MINUTE_NS = cython.declare(cython.longlong, 60_000_000_000)
_OPAQUE = cython.declare(cython.int, 64)
_WILDCARD = cython.declare(cython.int, 1)

def _view(array: Any) -> Any:
    """The array itself for compiled code; else a memoryview, whose elements are Python integers, which do not wrap as numpy's do."""
    if cython.compiled:
        return array
    return memoryview(array)

def octets_at(view: Any) -> Any:
    """Where a column begins, for reading it by index; so do the four below. Its owner keeps the column, and checks every index."""
    if cython.compiled:
        return cython.address(view[0]) if view.shape[0] else cython.NULL
    return view


def ints_at(view: Any) -> Any:
    if cython.compiled:
        return cython.address(view[0]) if view.shape[0] else cython.NULL
    return view


def numbers_at(view: Any) -> Any:
    if cython.compiled:
        return cython.address(view[0]) if view.shape[0] else cython.NULL
    return view


def hashes_at(view: Any) -> Any:
    if cython.compiled:
        return cython.address(view[0]) if view.shape[0] else cython.NULL
    return view


def floats_at(view: Any) -> Any:
    if cython.compiled:
        return cython.address(view[0]) if view.shape[0] else cython.NULL
    return view


def _tables() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    mark = np.full(256, CONTROL, np.uint8)
    symbol = np.full(256, 60, np.uint8)
    for c in range(256):
        if 97 <= c <= 122:
            mark[c], symbol[c] = LOWER, c - 97
        elif 65 <= c <= 90:
            mark[c], symbol[c] = UPPER, c - 65
        elif 48 <= c <= 57:
            mark[c], symbol[c] = DIGIT, 26
        elif c == 32:
            mark[c], symbol[c] = SPACE, 27
        elif c >= 128:
            mark[c], symbol[c] = HIGH, 61
        elif chr(c) in PUNCTUATION:
            mark[c] = 4 + PUNCTUATION.index(chr(c))
            symbol[c] = 28 + PUNCTUATION.index(chr(c))
    for c, m in ((9, TAB), (10, LF), (13, CR), (0, NUL)):
        mark[c] = m
    return mark, symbol

MARK_OF, SYMBOL_OF = _tables()
START, END = 62, 63
SYMBOLS = 64

@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _mix(h: cython.ulonglong, v: cython.ulonglong) -> cython.ulonglong:
    """One step of FNV-1a over 64 bits."""
    if cython.compiled:
        return (h ^ v) * _PRIME
    else:
        return ((h ^ v) * _PRIME) & _M64

@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _spread(h: cython.ulonglong) -> cython.ulonglong:
    """Stir the high bits into the low ones, which FNV leaves poor."""
    if cython.compiled:
        h ^= h >> 32
        h *= _STIR
        h ^= h >> 32
        return h
    else:
        h ^= h >> 32
        h = (h * _STIR) & _M64
        return h ^ (h >> 32)

@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _octets8(data: cython.pointer(cython.const[cython.uchar]), i: cython.Py_ssize_t) -> cython.ulonglong:
    """Eight octets as a little-endian number on any machine, since model files hold hashes; compilers make one load of it."""
    if cython.compiled:
        return (
            cython.cast(cython.ulonglong, data[i])
            | cython.cast(cython.ulonglong, data[i + 1]) << 8
            | cython.cast(cython.ulonglong, data[i + 2]) << 16
            | cython.cast(cython.ulonglong, data[i + 3]) << 24
            | cython.cast(cython.ulonglong, data[i + 4]) << 32
            | cython.cast(cython.ulonglong, data[i + 5]) << 40
            | cython.cast(cython.ulonglong, data[i + 6]) << 48
            | cython.cast(cython.ulonglong, data[i + 7]) << 56
        )
    else:
        return int.from_bytes(data[i : i + 8], "little")

@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _octets4(data: cython.pointer(cython.const[cython.uchar]), i: cython.Py_ssize_t) -> cython.ulonglong:
    if cython.compiled:
        return (
            cython.cast(cython.ulonglong, data[i])
            | cython.cast(cython.ulonglong, data[i + 1]) << 8
            | cython.cast(cython.ulonglong, data[i + 2]) << 16
            | cython.cast(cython.ulonglong, data[i + 3]) << 24
        )
    else:
        return int.from_bytes(data[i : i + 4], "little")

def run_hash(data: Any, start: Any, end: Any) -> Any:
    """The hash of data[start:end], eight octets a step. What the reader calls names, segments and values by, and the model file holds."""
    i: cython.Py_ssize_t = start
    n: cython.Py_ssize_t = end - start
    h: cython.ulonglong
    w: cython.ulonglong = 0
    if cython.compiled:
        h = _BASIS ^ (cython.cast(cython.ulonglong, n) * _GOLDEN)
    else:
        h = 0xCBF29CE484222325 ^ ((n * 0x9E3779B97F4A7C15) & _M64)
    while end - i > 8:
        h = _stirred(h ^ _octets8(data, i))
        i += 8
    n = end - i
    if n == 8:
        w = _octets8(data, i)
    elif n >= 4:
        w = _octets4(data, i) | (_octets4(data, end - 4) << 32)
    elif n > 0:
        w = data[i] | (cython.cast(cython.ulonglong, data[i + (n >> 1)]) << 8) | (cython.cast(cython.ulonglong, data[end - 1]) << 16)
    return _stirred(_stirred(h ^ w))

@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _stirred(h: cython.ulonglong) -> cython.ulonglong:
    if cython.compiled:
        h *= _STIR
        return h ^ (h >> 32)
    else:
        h = (h * 0xD6E8FEB86659FD93) & _M64
        return h ^ (h >> 32)

def hash_octets(data: bytes) -> int:
    """The hash the reader gives to these octets (undecoded), for building tables."""
    view: cython.const[cython.uchar][::1] = _view(data)
    return run_hash(octets_at(view), 0, len(data))

def hash_words(words: list[str]) -> np.ndarray[Any, Any]:
    """A hash of each word's UTF-8 octets, uint64 (FNV-1a)."""
    out = np.zeros(len(words), np.uint64)
    view: cython.ulonglong[::1] = _view(out)
    h: cython.ulonglong
    c: cython.int
    k: cython.Py_ssize_t
    for k, word in enumerate(words):
        h = _BASIS
        for c in word.encode("utf-8", "surrogateescape"):
            h = _mix(h, c)
        view[k] = _spread(h)
    return out

def hash_runs(data: Any, at: Any, out: Any) -> None:
    """`hash_octets` of each of the runs that the offsets `at` make of `data`, into `out`."""
    octets: cython.const[cython.uchar][::1] = _view(data)
    offsets: cython.const[cython.int][::1] = _view(at)
    result: cython.ulonglong[::1] = _view(out)
    start: cython.pointer(cython.const[cython.uchar]) = octets_at(octets)
    k: cython.Py_ssize_t
    for k in range(offsets.shape[0] - 1):
        if offsets[k] < 0 or offsets[k + 1] < offsets[k] or offsets[k + 1] > octets.shape[0]:
            raise IndexError("hash_runs: a run outside the octets")
        result[k] = run_hash(start, offsets[k], offsets[k + 1])

def join_hash(a: int, b: int) -> int:
    """The hash of two hashes, as the reader joins kind, place and name."""
    h = (((a ^ 0x9E3779B97F4A7C15) * 0x100000001B3) & _M64) ^ b
    h = (h * 0xD6E8FEB86659FD93) & _M64
    return h ^ (h >> 29)

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
        return join_hash(a, b)

@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _hex(c: cython.int) -> cython.int:
    if 48 <= c <= 57:
        return c - 48
    if 97 <= c <= 102:
        return c - 87
    if 65 <= c <= 70:
        return c - 55
    return -1

_SKIPPED = ("content-length", "date", "host", "cookie")
"""Headers whose value is judged elsewhere (length, cookies), or is another in every call (Date)."""
SKIPPED_HASHES = np.array([hash_octets(name.encode()) for name in _SKIPPED], np.uint64)

ANSWER_POOLS = np.array([join_hash(kind, 0) for kind in range(STATUS, REQUEST_SIZE + 1)], np.uint64)
"""The name that each part of an answer goes by, over all endpoints."""

_N_LOG_N = np.arange(1025) * np.log(np.maximum(np.arange(1025), 1))
_MINUTE = np.arange(1440) / 1440 * 2 * np.pi
_CLOCK = np.ascontiguousarray(np.stack([np.sin(_MINUTE), np.cos(_MINUTE)], 1).astype(np.float32))

WILDCARD = 1
"""Hash that stands for any segment in the path tree."""

FIELD = np.dtype(
    [(name, np.uint64) for name in ("slot", "pool", "mask", "shape", "value")]
    + [(name, np.int32) for name in ("row", "length", "marks", "name_at", "name_end", "at", "end")]
    + [("nats", np.float32), ("kind", np.uint8), ("source", np.uint8)],
    align=True,
)
"""The columns of fields, laid out as the struct in fields.pxd."""

# Letters, digits, punctuation and spaces are counted at once, 16 bits each: a value has at most MAX_VALUE characters.
_TALLY_OF = np.array([1 if m <= UPPER else 0x10000 if m == DIGIT else 0x1000000000000 if m == SPACE else 0x100000000 if m < TAB else 0 for m in MARK_OF.tolist()], np.uint64)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _outside(start: cython.Py_ssize_t, end: cython.Py_ssize_t, size: cython.Py_ssize_t) -> cython.bint:
    return start < 0 or end < start or end > size


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _item(fields: cython.pointer(Field), n: cython.int) -> cython.pointer(Field):
    if cython.compiled:
        return fields + n
    return fields[n]


class _Field:
    """One field while its call is read, interpreted; compiled it is the struct `Field` in fields.pxd."""

    __slots__ = FIELD.names

    def __init__(self) -> None:
        self.row = self.source = self.name_at = self.name_end = self.at = self.end = 0


@cython.cclass
class FieldReader:
    """Columns of fields, filled by `read`. One reader serves many batches.

    Its attributes are declared in fields.pxd, since `models.judge` reads calls one by one through it.
    """

    def __init__(self, bigrams: Any, keys: Any, children: Any, nodes: Any) -> None:
        """`bigrams` are tables of characters (float32[table, SYMBOLS * SYMBOLS]), `keys` and `children` the tree of paths, which has so many nodes."""
        self.n = 0
        self.first = 0
        k: cython.int
        self.spans = True
        if not cython.compiled:
            self.mark_of, self.symbol_of, self.tally_of, self.hist, self.counts = [0] * 256, [0] * 256, [0] * 256, [0] * SYMBOLS, [0.0] * len(ROW_COUNTS)
            self.stack, self.objects, self.skipped, self.answer_pools = [0] * (MAX_DEPTH + 1), [0] * (MAX_DEPTH + 1), [0] * 4, [0] * 4
            self.n_log_n, self.more, self.scratch = [0.0] * 1025, [0.0] * 1024, bytearray(MAX_VALUE + 8)
        if not cython.compiled:
            self.prefixes, self.prefix_root, self.prefix_length = bytearray(256 * PREFIX), [-1] * 256, [0] * 256
            self.prefix_node, self.prefix_segments = [0] * 256, [0] * 256
        for k in range(256):
            self.prefix_root[k] = -1
        for k in range(1025):
            self.n_log_n[k] = _N_LOG_N[k]
        for k in range(1024):
            self.more[k] = _N_LOG_N[k + 1] - _N_LOG_N[k]
        for k in range(256):
            self.mark_of[k] = int(MARK_OF[k])
            self.symbol_of[k] = int(SYMBOL_OF[k])
            self.tally_of[k] = int(_TALLY_OF[k])
        for k in range(4):
            self.skipped[k] = int(SKIPPED_HASHES[k])
            self.answer_pools[k] = int(ANSWER_POOLS[k])
        if bigrams.size % (SYMBOLS * SYMBOLS) or bigrams.size == 0 or len(keys) != len(children) or len(keys) & (len(keys) - 1) or (len(children) and int(children.max()) >= nodes):
            raise ValueError("FieldReader: tables that do not fit one another")
        self.shared = (np.ascontiguousarray(bigrams, np.float32), np.ascontiguousarray(keys, np.uint64), np.ascontiguousarray(children, np.int32))
        self.bigrams = floats_at(_view(self.shared[0].reshape(-1)))
        self.bigram = self.bigrams
        self.bigram_tables = bigrams.size // (SYMBOLS * SYMBOLS)
        self.keys = hashes_at(_view(self.shared[1]))
        self.children = ints_at(_view(self.shared[2]))
        self.key_count = len(keys)
        self.nodes = nodes
        self.clock = floats_at(_view(_CLOCK.reshape(-1)))
        self.rows = 0
        self.room = 0
        self._room(8192)

    def _room(self, room: Any) -> None:
        """Room for that many fields, what was there copied over."""
        n: cython.int = self.n
        if cython.compiled:
            records = np.empty(room, FIELD)
            if n:
                records[:n] = self.records[:n]
            octets: cython.uchar[::1] = records.view(np.uint8)
            if FIELD.itemsize != cython.sizeof(Field):
                raise TypeError("FieldReader: FIELD is not laid out as the compiler lays out Field")
            self.fields = cython.cast(cython.pointer(Field), cython.address(octets[0]))
            self.records = records
        else:
            self.fields = (self.fields if n else []) + [_Field() for _ in range(room - n)]
        self.room = room

    def _child(self, node: Any, segment: Any) -> Any:
        """The child of a node under this segment hash, or -1."""
        if self.key_count == 0:
            return -1
        key: cython.ulonglong = _join(segment, cython.cast(cython.ulonglong, node + 2))
        if key == 0:
            key = 1
        i: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, key & cython.cast(cython.ulonglong, self.key_count - 1))
        tries: cython.Py_ssize_t
        for tries in range(self.key_count):
            if self.keys[i] == key:
                return self.children[i]
            if self.keys[i] == 0:
                break
            i = (i + 1) & (self.key_count - 1)
        return -1

    def _header_name(self, start: Any, end: Any) -> Any:
        """Hash of a header's name, in lower case."""
        i: cython.Py_ssize_t
        n: cython.Py_ssize_t = min(end - start, _MAX_VALUE)
        c: cython.int
        for i in range(n):
            c = self.heads[start + i]
            self.scratch[i] = c + 32 if 65 <= c <= 90 else c
        return run_hash(self.scratch, 0, n)

    def _decode(self, data: Any, start: Any, stop: Any, end: Any, escaped: Any) -> Any:
        """Undo the escapes of data[start:stop] into `scratch`; returns how many octets that makes. What is odd of them goes to `found`."""
        i: cython.Py_ssize_t = start
        k: cython.Py_ssize_t
        n: cython.Py_ssize_t = 0
        c: cython.int
        a: cython.int
        b: cython.int
        one: cython.ulonglong = 1
        while i < stop:
            c = data[i]
            i += 1
            if c == 37 and escaped != 3:  # %
                a = _hex(data[i]) if i < end else -1
                b = _hex(data[i + 1]) if i + 1 < end else -1
                if a >= 0 and b >= 0:
                    c = a * 16 + b
                    i += 2
                    self.escapes += 1
                    if 48 <= c <= 57 or 65 <= c <= 90 or 97 <= c <= 122:
                        self.found |= one << _NEEDLESS_ESCAPE
                    elif c == 37 and i + 1 < end and _hex(data[i]) >= 0 and _hex(data[i + 1]) >= 0:
                        self.found |= one << _DOUBLE_ESCAPE
                else:
                    self.found |= one << _BAD_ESCAPE
            elif c == 43 and escaped == 2:  # +
                c = 32
            elif c == 92 and escaped == 3 and i < end:  # \
                c = data[i]
                i += 1
                if c == 110:
                    c = 10
                elif c == 116:
                    c = 9
                elif c == 114:
                    c = 13
                elif c == 98 or c == 102:
                    c = 8
                elif c == 117 and i + 3 < end:
                    a = 0
                    for k in range(4):
                        b = _hex(data[i + k])
                        a = a * 16 + (b if b >= 0 else 0)
                    i += 4
                    c = a if a < 256 else 255
                    if 48 <= c <= 57 or 65 <= c <= 90 or 97 <= c <= 122:
                        self.found |= one << _NEEDLESS_ESCAPE
            self.scratch[n] = c
            n += 1
        return n

    def _field(
        self,
        data: Any,
        source: Any,
        row: Any,
        kind: Any,
        slot: Any,
        pool: Any,
        name_at: Any,
        name_end: Any,
        start: Any,
        end: Any,
        escaped: Any,
    ) -> Any:
        """Read one value and append its field. `escaped`: 0 as is, 1 percent escapes, 2 percent escapes and plus signs, 3 JSON escapes."""
        if self.n - self.first >= _MAX_FIELDS:
            return 0
        i: cython.Py_ssize_t
        k: cython.Py_ssize_t
        # A name used twice in one call is another field: duplicates are how parameters are smuggled past one of two parsers.
        if kind == _QUERY or kind == _FORM or kind == _HEADER or kind == _COOKIE:
            for k in range(self.first, self.n):
                if self.fields[k].slot == slot and self.fields[k].kind == kind:
                    slot = _join(slot, 2)
                    pool = _join(pool, 2)
                    break
        shape: cython.ulonglong = _BASIS
        if kind == _JSON and escaped == 0:
            shape = _mix(shape, 200)  # a bare number is not the text "12"
        mask: cython.ulonglong = 0
        tally: cython.ulonglong = 0
        fresh: cython.ulonglong
        one: cython.ulonglong = 1
        last: cython.int = -1
        runs: cython.int = 0
        length: cython.int
        previous: cython.int = _START * _SYMBOLS
        nats: cython.float = 0
        disorder: cython.double = 0
        c: cython.int
        m: cython.int
        s: cython.int
        h: cython.int
        param: cython.bint = kind != _HEADER and kind != _COOKIE
        stop: cython.Py_ssize_t = end if end - start <= _MAX_VALUE else start + _MAX_VALUE
        text: cython.pointer(cython.const[cython.uchar]) = data
        at: cython.Py_ssize_t = start
        to: cython.Py_ssize_t = stop
        if escaped != 0:
            i = start
            while i < stop:
                c = data[i]
                if c == 37 or c == 43 or c == 92:
                    self.found = 0
                    to = self._decode(data, start, stop, end, escaped)
                    text = self.scratch
                    at = 0
                    mask = self.found
                    break
                i += 1
        length = cython.cast(cython.int, to - at)
        for i in range(at, to):
            c = text[i]
            m = self.mark_of[c]
            mask |= one << m
            tally += self.tally_of[c]
            if param:
                s = self.symbol_of[c]
                nats += self.bigram[previous + s]
                previous = s << 6
                h = self.hist[s]
                self.hist[s] = h + 1
                disorder += self.more[h & 1023]
            if runs <= _MAX_RUNS:
                # Without a branch: whether a character is of another kind than the last nobody can guess in a random identifier.
                if cython.compiled:
                    fresh = 0 - cython.cast(cython.ulonglong, m != last)
                    runs += m != last
                    shape ^= (shape ^ _mix(shape, m + 1 if runs <= _MAX_RUNS else 255)) & fresh
                elif m != last:
                    runs += 1
                    shape = _mix(shape, m + 1 if runs <= _MAX_RUNS else 255)
                last = m
        if length == 0:
            mask |= one << _EMPTY
        n: cython.int = self.n
        field: cython.pointer(Field) = _item(self.fields, n)
        field.value = run_hash(text, at, to)
        field.shape = _spread(shape)
        field.mask = mask
        # Letters, digits, punctuation, spaces: 16 bits each.
        field.marks = length - cython.cast(cython.int, (tally & 0xFFFF) + ((tally >> 16) & 0xFFFF) + (tally >> 48))
        if end > stop:
            length += cython.cast(cython.int, end - stop)
        if param:
            nats += self.bigram[previous + _END]
            self.params += 1
            self.longest = max(self.longest, length)
            self.nats_sum += nats
            self.nats_len += length + 1
            self.characters += cython.cast(cython.int, to - at)
            self.letters += cython.cast(cython.int, tally & 0xFFFF)
            self.digits += cython.cast(cython.int, (tally >> 16) & 0xFFFF)
            self.punctuation += cython.cast(cython.int, (tally >> 32) & 0xFFFF)
            self.spaces += cython.cast(cython.int, tally >> 48)
            self.disorder += disorder
        else:
            self.longest_header = max(self.longest_header, length)
            self.header_marks += field.marks
        field.row = row
        field.kind = kind
        field.slot = slot
        field.pool = pool
        field.length = length
        field.nats = nats
        if self.spans:
            field.source = source
            field.name_at = cython.cast(cython.int, name_at)
            field.name_end = cython.cast(cython.int, name_end)
            field.at = cython.cast(cython.int, start)
            field.end = cython.cast(cython.int, end)
        self.n = n + 1
        return 1

    def _pairs(
        self,
        data: Any,
        source: Any,
        row: Any,
        kind: Any,
        start: Any,
        end: Any,
    ) -> Any:
        """Fields of name=value pairs: a query, a form, a Cookie header."""
        i: cython.Py_ssize_t = start
        begin: cython.Py_ssize_t
        equals: cython.Py_ssize_t
        name: cython.ulonglong
        place: cython.ulonglong = _join(self.place, _QUERY if kind == _QUERY else _FORM)
        c: cython.int
        between: cython.int = 59 if kind == _COOKIE else 38
        while i < end:
            if kind == _COOKIE:
                while i < end and data[i] == 32:
                    i += 1
            begin = i
            equals = -1
            while i < end:
                c = data[i]
                if c == between:
                    break
                if c == 61 and equals < 0:
                    equals = i
                i += 1
            if i > begin:
                if equals < 0:
                    equals = i
                name = run_hash(data, begin, equals)
                if kind == _COOKIE:
                    self.cookies += 1
                    name = _join(_COOKIE, name)
                    self._field(data, source, row, kind, name, _join(_COOKIE, 0), begin, equals, equals + 1 if equals < i else i, i, 0)
                else:
                    self._field(data, source, row, kind, _join(place, name), _join(_QUERY, name), begin, equals, equals + 1 if equals < i else i, i, 2)
            i += 1
        return 0

    def _json(
        self, data: Any, source: Any, row: Any, start: Any, end: Any
    ) -> Any:
        """Leaves of a JSON text as fields named by the keys above them; elements of an array share one name. Returns 0 when it is no JSON."""
        i: cython.Py_ssize_t = start
        depth: cython.int = 0
        begin: cython.Py_ssize_t
        stop: cython.Py_ssize_t
        key_at: cython.Py_ssize_t = start
        key_end: cython.Py_ssize_t = start
        c: cython.int
        expect_key: cython.bint = False
        text: cython.bint
        leaves: cython.int = 0
        name: cython.ulonglong = _BASIS
        self.stack[0] = name
        self.objects[0] = 0
        while i < end:
            c = data[i]
            if c == 32 or c == 9 or c == 10 or c == 13 or c == 58:
                i += 1
            elif c == 123 or c == 91:
                if depth >= _MAX_DEPTH:
                    return leaves
                depth += 1
                self.depth = max(self.depth, depth)
                self.stack[depth] = _join(name, c)
                self.objects[depth] = c == 123
                name = self.stack[depth]
                expect_key = c == 123
                i += 1
            elif c == 125 or c == 93:
                if depth == 0:
                    return leaves
                depth -= 1
                name = self.stack[depth]
                expect_key = False
                i += 1
            elif c == 44:
                name = self.stack[depth]
                expect_key = self.objects[depth] != 0
                i += 1
            else:
                text = c == 34
                begin = i + 1 if text else i
                i += 1
                if text:
                    while i < end and data[i] != 34:
                        i += 2 if data[i] == 92 else 1
                    stop = i if i < end else end
                    i = stop + 1
                else:
                    while i < end and data[i] != 44 and data[i] != 125 and data[i] != 93 and data[i] > 32:
                        i += 1
                    stop = i
                if expect_key:
                    # Keys that are ids (a map keyed by order number) are one name, or every call would bring new ones.
                    if _looks_like_id(data, begin, stop):
                        name = _join(self.stack[depth], _WILDCARD)
                    else:
                        name = _join(self.stack[depth], run_hash(data, begin, stop))
                    key_at, key_end = begin, stop
                    expect_key = False
                else:
                    leaves += 1
                    self._field(
                        data, source, row, _JSON, _join(_join(self.place, _JSON), name), _join(_JSON, name), key_at, key_end,
                        begin, stop, 3 if text else 0,
                    )  # fmt: skip
        return leaves

    def _path(
        self,
        row: Any,
        root: Any,
        start: Any,
        end: Any,
    ) -> Any:
        """Follow the path through the tree; returns how many segments it has, negative when it left the tree. The node stands in `node`."""
        data: cython.pointer(cython.const[cython.uchar]) = self.paths
        node: cython.int = root
        child: cython.int
        segments: cython.int = 0
        i: cython.Py_ssize_t = start
        begin: cython.Py_ssize_t
        lost: cython.bint = root < 0
        # Most calls go to few places that differ in the last segment alone: where those lie, no parameter among what leads to them, is remembered.
        last: cython.Py_ssize_t = end
        place: cython.Py_ssize_t = 0
        plain: cython.bint = root >= 0
        while last > start and data[last - 1] != 47:
            last -= 1
        last -= 1
        if last - start < 2 or last - start > _PREFIX:
            plain = False
        if plain:
            place = (root * 31 + (last - start) * 7 + data[last - 1]) & 255
            if self.prefix_root[place] == root and self._same_prefix(place, start, last):
                node = self.prefix_node[place]
                segments = self.prefix_segments[place]
                i = last
                plain = False
        while i < end:
            if plain and i >= last:
                self._know_prefix(place, root, start, last, node, segments)
                plain = False
            if data[i] == 47:
                i += 1
                if i >= end:
                    break
            begin = i
            while i < end and data[i] != 47:
                i += 1
            segments += 1
            if not lost:
                child = self._child(node, run_hash(data, begin, i))
                if child < 0:
                    plain = False
                    child = self._child(node, _WILDCARD)
                    if child >= 0:
                        self._field(
                            data, 0, row, _SEGMENT, _join(_SEGMENT, cython.cast(cython.ulonglong, child)), _join(_SEGMENT, 0), start, begin,
                            begin, i, 1,
                        )  # fmt: skip
                if child < 0:
                    lost = True
                else:
                    node = child
            if lost:
                self._field(
                    data, 0, row, _UNKNOWN, _join(_UNKNOWN, cython.cast(cython.ulonglong, node + 2)), _join(_UNKNOWN, 0), start, begin, begin, i, 1
                )
        self.node = node
        return -segments - 1 if lost else segments

    def _same_prefix(self, place: Any, start: Any, end: Any) -> Any:
        """Whether this part of the path is the remembered one."""
        if end - start != self.prefix_length[place]:
            return False
        if cython.compiled:
            return memcmp(self.prefixes + place * _PREFIX, self.paths + start, end - start) == 0
        else:
            return self.prefixes[place * PREFIX : place * PREFIX + (end - start)] == self.paths[start:end]

    def _know_prefix(self, place: Any, root: Any, start: Any, end: Any, node: Any, segments: Any) -> Any:
        """Remember where this part of the path leads."""
        if cython.compiled:
            memcpy(self.prefixes + place * _PREFIX, self.paths + start, end - start)
        else:
            self.prefixes[place * PREFIX : place * PREFIX + (end - start)] = self.paths[start:end]
        self.prefix_root[place] = root
        self.prefix_length[place] = cython.cast(cython.int, end - start)
        self.prefix_node[place] = node
        self.prefix_segments[place] = segments
        return 0

    def _opaque(self, row: Any, start: Any, end: Any) -> Any:
        """Append a body that is no text: it has a length, and nothing to be said of its characters."""
        if self.n - self.first >= _MAX_FIELDS:
            return 0
        field: cython.pointer(Field) = _item(self.fields, self.n)
        self.params += 1
        field.row = row
        field.kind = _BODY
        field.slot = _join(self.place, _OPAQUE)
        field.pool = _join(_BODY, 1)
        field.length = end - start
        field.marks = 0
        field.mask = 0
        field.shape = field.value = 1
        field.nats = 0
        field.source = 3
        field.name_at = field.name_end = field.at = field.end = start
        self.n += 1
        return 1

    def _answer_field(self, row: Any, kind: Any, length: Any, value: Any) -> Any:
        """Append what was answered as a field of the call's endpoint."""
        pool: cython.ulonglong = self.answer_pools[kind - _STATUS]
        field: cython.pointer(Field) = _item(self.fields, self.n)
        field.row = row
        field.kind = kind
        field.slot = _join(pool, cython.cast(cython.ulonglong, self.node_of + 2))
        field.pool = pool
        field.length = length
        field.marks = 0
        field.mask = 0
        field.shape = 0
        field.value = value
        field.nats = 0
        field.source = 4
        field.name_at = field.name_end = field.at = field.end = 0
        self.n += 1
        return 1

    def open(self, batch: Any, table: Any = None) -> None:
        """The batch (`models.calls.Calls`) whose calls are read next. `table` names the table of characters for each call; without it the first.

        Raises ValueError for columns of unequal length, or a table that is not there.
        """
        rows = batch.rows
        offsets = (batch.path_at, batch.query_at, batch.head_at, batch.body_at)
        numbers = (batch.ts, batch.status, batch.request_bytes, batch.response_bytes, batch.duration, batch.ttfb, batch.response_type, batch.root, batch.body_kind)
        if any(len(one) != rows + 1 for one in offsets) or any(len(one) != rows for one in numbers):
            raise ValueError("FieldReader.open: columns of unequal length")
        if table is not None and (len(table) != rows or (rows and int(table.max()) >= self.bigram_tables)):
            raise ValueError("FieldReader.open: a table of characters that is not there")
        self.batch = (batch, table)
        self.rows = rows
        self.path_size, self.query_size, self.head_size, self.body_size = len(batch.path), len(batch.query), len(batch.head), len(batch.body)
        self.type_count = len(batch.type_hashes)
        self.paths = octets_at(_view(batch.path))
        self.queries = octets_at(_view(batch.query))
        self.heads = octets_at(_view(batch.head))
        self.bodies = octets_at(_view(batch.body))
        self.path_at = ints_at(_view(batch.path_at))
        self.query_at = ints_at(_view(batch.query_at))
        self.head_at = ints_at(_view(batch.head_at))
        self.body_at = ints_at(_view(batch.body_at))
        self.roots = ints_at(_view(batch.root))
        self.kinds = octets_at(_view(batch.body_kind))
        self.many = table is not None
        self.tables = octets_at(_view(np.zeros(0, np.uint8) if table is None else table))
        self.bigram = self.bigrams
        self.ts = numbers_at(_view(batch.ts))
        self.status = numbers_at(_view(batch.status))
        self.request_bytes = numbers_at(_view(batch.request_bytes))
        self.response_bytes = numbers_at(_view(batch.response_bytes))
        self.duration = numbers_at(_view(batch.duration))
        self.ttfb = numbers_at(_view(batch.ttfb))
        self.type_codes = ints_at(_view(batch.response_type))
        self.type_hashes = hashes_at(_view(batch.type_hashes))

    def close(self) -> None:
        """Let go of the batch: its memory is used again as soon as nobody holds it."""
        self.batch = None
        self.rows = 0

    def request(self, r: Any) -> Any:
        """Read path, query and body of call r; its fields begin at `first`. Raises IndexError for a call whose columns point outside the batch."""
        row: cython.int = cython.cast(cython.int, r)
        s: cython.Py_ssize_t
        e: cython.Py_ssize_t
        body_kind: cython.int
        if r < 0 or r >= self.rows:
            raise IndexError("FieldReader: no such call")
        if (
            _outside(self.path_at[r], self.path_at[r + 1], self.path_size)
            or _outside(self.query_at[r], self.query_at[r + 1], self.query_size)
            or _outside(self.head_at[r], self.head_at[r + 1], self.head_size)
            or _outside(self.body_at[r], self.body_at[r + 1], self.body_size)
            or self.roots[r] >= self.nodes
            or self.type_codes[r] < 0
            or self.type_codes[r] >= self.type_count
        ):
            raise IndexError("FieldReader: a call outside the batch's octets")
        if self.n + _MAX_FIELDS + 8 > self.room:
            self._room(self.room * 2)
        self.first = self.n
        self.params = self.longest = self.escapes = self.letters = self.digits = self.punctuation = self.spaces = self.characters = 0
        self.headers = self.longest_header = self.header_marks = self.cookies = self.depth = self.nats_len = 0
        self.nats_sum = 0
        self.disorder = 0
        if cython.compiled:
            memset(cython.address(self.hist[0]), 0, _SYMBOLS * cython.sizeof(cython.int))
            if self.many:
                self.bigram = self.bigrams + cython.cast(cython.Py_ssize_t, self.tables[r]) * _SYMBOLS * _SYMBOLS
        else:
            self.hist = [0] * SYMBOLS
            if self.many:
                self.bigram = self.bigrams[self.tables[r] * SYMBOLS * SYMBOLS :]
        self.segments = self._path(row, self.roots[r], self.path_at[r], self.path_at[r + 1])
        self.node_of = self.node
        if self.segments < 0:
            self.node_of = -self.node - 3
            self.segments = -self.segments - 1
        self.place = _join(cython.cast(cython.ulonglong, self.node + 2), 0 if self.node_of >= 0 else 1)
        self.variant = 0
        s, e = self.query_at[r], self.query_at[r + 1]
        if e > s:
            self.variant = 1
            self._pairs(self.queries, 1, row, _QUERY, s, e)
        s, e = self.body_at[r], self.body_at[r + 1]
        if e > s:
            body_kind = self.kinds[r]
            self.variant |= body_kind << 1
            if body_kind == 4:
                self._opaque(row, s, e)
            elif body_kind == 1:
                self._pairs(self.bodies, 3, row, _FORM, s, e)
            elif body_kind == 2:
                self._json(self.bodies, 3, row, s, e)
            else:
                self._field(self.bodies, 3, row, _BODY, _join(self.place, _BODY), _join(_BODY, 0), s, s, s, e, 0)
        return 0

    def head(self, r: Any) -> Any:
        """Read the header block of call r, whose `request` came before: the start line first, then a line a header, to the empty line."""
        i: cython.Py_ssize_t = self.head_at[r]
        e: cython.Py_ssize_t = self.head_at[r + 1]
        s: cython.Py_ssize_t
        ve: cython.Py_ssize_t
        row: cython.int = cython.cast(cython.int, r)
        while i < e and self.heads[i] != 10:
            i += 1
        i += 1
        while i < e:
            s = i
            while i < e and self.heads[i] != 10:
                i += 1
            ve = i
            i += 1
            if ve > s and self.heads[ve - 1] == 13:
                ve -= 1
            if ve == s:
                break
            self.line(row, s, ve)
        return 0

    def line(self, row: Any, s: Any, ve: Any) -> Any:
        """Read one header line, without its line end."""
        colon: cython.Py_ssize_t = s
        v: cython.Py_ssize_t
        k: cython.int
        name: cython.ulonglong
        self.headers += 1
        while colon < ve and self.heads[colon] != 58:
            colon += 1
        v = colon + 1 if colon < ve else ve
        while v < ve and (self.heads[v] == 32 or self.heads[v] == 9):
            v += 1
        name = self._header_name(s, colon)
        if name == self.skipped[3]:
            self._pairs(self.heads, 2, row, _COOKIE, v, ve)
            return 0
        for k in range(3):
            if name == self.skipped[k]:
                return 0
        self._field(self.heads, 2, row, _HEADER, _join(_HEADER, name), _join(_HEADER, 0), s, colon, v, ve, 0)
        return 0

    def answer(self, r: Any) -> Any:
        """Status, media type and sizes of call r, whose `request` came before, as fields, one each where they were seen."""
        row: cython.int = cython.cast(cython.int, r)
        size: cython.longlong
        status: cython.longlong = self.status[r]
        if status >= 0:
            self._answer_field(row, _STATUS, 0, _join(cython.cast(cython.ulonglong, status), _STATUS))
            self._answer_field(row, _STATUS + 1, 0, self.type_hashes[self.type_codes[r]])
        size = self.response_bytes[r]
        if size >= 0:
            self._answer_field(row, _STATUS + 2, cython.cast(cython.int, size if size < 1073741824 else 1073741824), 0)
        size = self.request_bytes[r]
        if size >= 0:
            self._answer_field(row, _STATUS + 3, cython.cast(cython.int, size if size < 1073741824 else 1073741824), 0)
        return 0

    def count(self, r: Any) -> Any:
        """Fill `counts` (ROW_COUNTS) for call r, after its parts were read."""
        k: cython.int
        h: cython.int
        total: cython.int = self.characters
        minute: cython.Py_ssize_t
        entropy: cython.double = 0
        if 0 < total <= 1024:
            entropy = (self.n_log_n[total] - self.disorder) / total
        elif total > 0:
            for k in range(_SYMBOLS):
                h = self.hist[k]
                if h > 1:
                    entropy += h * log(h)
            entropy = log(total) - entropy / total
        self.counts[0] = self.path_at[r + 1] - self.path_at[r]
        self.counts[1] = self.segments
        self.counts[2] = self.query_at[r + 1] - self.query_at[r]
        self.counts[3] = self.body_at[r + 1] - self.body_at[r]
        self.counts[4] = self.params
        self.counts[5] = self.longest
        self.counts[6] = self.letters
        self.counts[7] = self.digits
        self.counts[8] = self.punctuation
        self.counts[9] = self.spaces
        self.counts[10] = total - self.letters - self.digits - self.punctuation - self.spaces
        self.counts[11] = self.escapes
        self.counts[12] = entropy
        self.counts[13] = self.headers
        self.counts[14] = self.head_at[r + 1] - self.head_at[r]
        self.counts[15] = self.longest_header
        self.counts[16] = self.header_marks
        self.counts[17] = self.cookies
        self.counts[18] = self.depth
        self.counts[19] = self.nats_sum / self.nats_len if self.nats_len > 0 else 0
        self.counts[20] = total
        self.counts[21] = self.status[r] if self.status[r] != 304 else 200  # 304: the client has it already (RFC 9110 15.4.5), no redirection
        self.counts[22] = self.request_bytes[r]
        self.counts[23] = self.response_bytes[r]
        self.counts[24] = self.duration[r]
        self.counts[25] = self.ttfb[r]
        minute = (self.ts[r] // _MINUTE_NS) % 1440
        if minute < 0:
            minute += 1440
        self.counts[26] = self.clock[2 * minute]
        self.counts[27] = self.clock[2 * minute + 1]
        return 0

    def read(self, nodes: Any, variants: Any, counts: Any, ranges: Any, before: Any = None) -> None:
        """Read every call of the open batch; their fields stay until `open`, those of call r from ranges[r] to ranges[r + 1].

        Filled in for each call: `nodes` (negative - 3 when the path left the tree there), `variants` (bit 0 a query, bits 1-2 the kind of body) and
        `counts` (ROW_COUNTS). `before`, a reader that read these calls by another tree or other tables, with its ranges and counts, spares reading headers.
        """
        node_out: cython.int[::1] = _view(nodes)
        variant_out: cython.uchar[::1] = _view(variants)
        out: cython.float[:, ::1] = _view(counts)
        range_out: cython.int[::1] = _view(ranges)
        r: cython.Py_ssize_t
        k: cython.int
        earlier: FieldReader = self
        known: cython.bint = before is not None
        old: cython.const[cython.int][::1] = _view(ranges)
        was: cython.const[cython.float][:, ::1] = _view(counts)
        if known:
            earlier = before[0]
            old, was = _view(before[1]), _view(before[2])
            if earlier.rows != self.rows or len(before[1]) != self.rows + 1 or before[1][self.rows] != earlier.n:
                raise ValueError("FieldReader.read: another reader's calls")
        self.n = 0
        if cython.compiled and self.room < self.rows * _USUAL:  # memory that is not written to costs nothing, but what grows is copied
            self._room(self.rows * _USUAL)
        for r in range(self.rows):
            range_out[r] = self.n
            self.request(r)
            if not (known and self._copied(earlier, old[r], old[r + 1])):
                self.head(r)
            else:
                self.headers = cython.cast(cython.int, was[r, 13])
                self.longest_header = cython.cast(cython.int, was[r, 15])
                self.header_marks = cython.cast(cython.int, was[r, 16])
                self.cookies = cython.cast(cython.int, was[r, 17])
            self.answer(r)
            self.count(r)
            node_out[r] = self.node_of
            variant_out[r] = self.variant
            for k in range(28):
                out[r, k] = self.counts[k]
        range_out[self.rows] = self.n

    def _copied(self, earlier: Any, first: Any, last: Any) -> Any:
        """Take over the fields of headers that another reader has from first to last. False, and nothing done, where all were not read, or may not be."""
        k: cython.int
        n: cython.int = self.n
        if last - first >= _MAX_FIELDS or self.n - self.first + (last - first) >= _MAX_FIELDS:
            return False
        for k in range(first, last):
            if earlier.fields[k].kind == _HEADER or earlier.fields[k].kind == _COOKIE:
                if cython.compiled:
                    self.fields[n] = earlier.fields[k]
                else:
                    self.fields[n] = copy(earlier.fields[k])
                n += 1
        self.n = n
        return True

    def columns(self) -> Any:
        """The fields that were read, as a dict of arrays of equal length."""
        n: cython.int = self.n
        if cython.compiled:
            return {name: self.records[name][:n].copy() for name in FIELD.names}
        return {name: np.array([getattr(one, name) for one in self.fields[:n]], FIELD[name]) for name in FIELD.names}


@cython.cfunc
def _looks_like_id(data: cython.pointer(cython.const[cython.uchar]), start: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.bint:
    """Digits alone, or 16 and more characters with at least four digits among hexadecimal ones and dashes."""
    i: cython.Py_ssize_t
    c: cython.int
    digits: cython.int = 0
    if end <= start:
        return False
    for i in range(start, end):
        c = data[i]
        if 48 <= c <= 57:
            digits += 1
        elif _hex(c) < 0 and c != 45:
            return False
    return digits == end - start or (end - start >= 16 and digits >= 4)


def body_kinds(data: Any, at: Any, types: Any, by_type: Any, out: Any) -> None:
    """The kind of each body (`models.calls`: none, form, JSON, other, opaque) into `out`: by_type[its media type], and by its octets where that says nothing."""
    octets: cython.const[cython.uchar][::1] = _view(data)
    offsets: cython.const[cython.int][::1] = _view(at)
    codes: cython.const[cython.int][::1] = _view(types)
    named: cython.const[cython.uchar][::1] = _view(by_type)
    kind: cython.uchar[::1] = _view(out)
    r: cython.Py_ssize_t
    i: cython.Py_ssize_t
    start: cython.Py_ssize_t
    end: cython.Py_ssize_t
    c: cython.int
    k: cython.int
    odd: cython.Py_ssize_t
    for r in range(kind.shape[0]):
        start, end = offsets[r], offsets[r + 1]
        if end <= start:
            kind[r] = 0
            continue
        k = named[codes[r]]
        if k == 0:
            k = 2 if octets[start] == 123 or octets[start] == 91 else 3
        if k == 3:
            # By its octets, whatever the media type says: a script sent as a picture is to be read as the text it is. No text is what has a NUL, or control
            # characters for one in sixteen of the first octets.
            end = min(end, start + 1024)
            odd = 0
            for i in range(start, end):
                c = octets[i]
                if c == 0:
                    odd += end - start
                elif (c < 32 and c != 9 and c != 10 and c != 13) or c == 127:
                    odd += 16
            if odd and odd >= end - start:
                k = 4
        kind[r] = k


def gather(data: Any, at: Any, rows: Any, out: Any, out_at: Any) -> None:
    """Copy runs `rows` of those that the offsets `at` make of `data`, one after the other, to `out`, at the offsets `out_at`."""
    octets: cython.const[cython.uchar][::1] = _view(data)
    offsets: cython.const[cython.int][::1] = _view(at)
    wanted: cython.const[cython.longlong][::1] = _view(rows)
    result: cython.uchar[::1] = _view(out)
    places: cython.const[cython.int][::1] = _view(out_at)
    k: cython.Py_ssize_t
    start: cython.Py_ssize_t
    end: cython.Py_ssize_t
    for k in range(wanted.shape[0]):
        start, end = offsets[wanted[k]], offsets[wanted[k] + 1]
        if _outside(start, end, octets.shape[0]) or places[k] < 0 or places[k] + (end - start) > result.shape[0]:
            raise IndexError("gather: a run outside the octets")
        if end > start:
            if cython.compiled:
                memcpy(cython.address(result[places[k]]), cython.address(octets[start]), end - start)
            else:
                result[places[k] : places[k] + (end - start)] = octets[start:end]


def fingerprints(batch: Any, seed: Any, out: Any) -> None:
    """A hash of what each call asks for into `out`: `seed` (of method, host, agent), path, query, body. Equal for copies of one request."""
    paths: cython.const[cython.uchar][::1] = _view(batch.path)
    queries: cython.const[cython.uchar][::1] = _view(batch.query)
    bodies: cython.const[cython.uchar][::1] = _view(batch.body)
    path_at: cython.const[cython.int][::1] = _view(batch.path_at)
    query_at: cython.const[cython.int][::1] = _view(batch.query_at)
    body_at: cython.const[cython.int][::1] = _view(batch.body_at)
    seeds: cython.const[cython.ulonglong][::1] = _view(seed)
    result: cython.ulonglong[::1] = _view(out)
    r: cython.Py_ssize_t
    i: cython.Py_ssize_t
    stop: cython.Py_ssize_t
    h: cython.ulonglong
    for r in range(seeds.shape[0]):
        h = seeds[r]
        for i in range(path_at[r], path_at[r + 1]):
            h = _mix(h, paths[i])
        h = _mix(h, 256)
        for i in range(query_at[r], query_at[r + 1]):
            h = _mix(h, queries[i])
        h = _mix(h, 256)
        stop = body_at[r + 1]
        if stop - body_at[r] > _MAX_VALUE:
            stop = body_at[r] + _MAX_VALUE
        for i in range(body_at[r], stop):
            h = _mix(h, bodies[i])
        result[r] = _spread(_mix(h, cython.cast(cython.ulonglong, body_at[r + 1] - body_at[r])))


def count_neighbours(data: Any, at: Any, escaped: Any, table: Any, which: Any, out: Any) -> None:
    """Add how often each character follows each, over the values of a column of pairs or bodies of the calls `which`, to out[table of the call]."""
    wanted: cython.const[cython.uchar][::1] = _view(which.view(np.uint8))
    octets: cython.const[cython.uchar][::1] = _view(data)
    offsets: cython.const[cython.int][::1] = _view(at)
    tables: cython.const[cython.uchar][::1] = _view(table)
    result: cython.float[:, ::1] = _view(out)
    symbol_of: cython.const[cython.uchar][::1] = _view(SYMBOL_OF)
    r: cython.Py_ssize_t
    i: cython.Py_ssize_t
    end: cython.Py_ssize_t
    c: cython.int
    a: cython.int
    b: cython.int
    s: cython.int
    previous: cython.int
    k: cython.int
    mode: cython.int = escaped
    for r in range(tables.shape[0]):
        if not wanted[r]:
            continue
        i = offsets[r]
        end = offsets[r + 1]
        if end - i > 4 * _MAX_VALUE:
            end = i + 4 * _MAX_VALUE
        k = tables[r]
        previous = _START
        while i < end:
            c = octets[i]
            i += 1
            if (mode == 1 and (c == 38 or c == 61 or c == 47)) or (mode == 2 and (c == 34 or c == 10)):
                result[k, previous * _SYMBOLS + _END] += 1
                previous = _START
                continue
            if mode == 1:
                if c == 37 and i + 1 < end:
                    a = _hex(octets[i])
                    b = _hex(octets[i + 1])
                    if a >= 0 and b >= 0:
                        c = a * 16 + b
                        i += 2
                elif c == 43:
                    c = 32
            s = symbol_of[c]
            result[k, previous * _SYMBOLS + s] += 1
            previous = s
        result[k, previous * _SYMBOLS + _END] += 1
