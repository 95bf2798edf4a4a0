"""What a client sent, decoded: URLs, parameters, headers, cookies and bodies as plain text in one arena.

`Unfolder.unfold` copies the parts of a batch's calls that a client controls into one buffer, undoing percent-encoding (also doubled, %uXXXX and
overlong UTF-8), plus signs, \\uXXXX and \\xXX escapes and HTML entities, and splits them into values (one parameter, one JSON text, one
header). Two tables index the arena: `segments` (whole URLs, headers, bodies: what patterns are matched on) and `values` (single values: what
the readers of SQL, script and shell look at), each with the row it belongs to. Values made of letters, digits and harmless punctuation
only are left out of `values`: nothing can hide in them.

Work is linear in the octets given; what one call adds is bounded by its own size and MAX_VALUES.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

if cython.compiled:
    from cython.cimports.parsers.octets import same_in
else:
    from parsers.octets import same_in

COMPILED = cython.compiled

MAX_VALUES = 512
"""Values of one call's target, head or body that are looked at: a form of a hundred fields is large; past this a flood of parameters costs no
more time."""
ROUNDS = 3
"""Times that percent-encoding is undone: gateways in series decode once each."""

# Places: where a value stood.
PATH, QUERY_NAME, QUERY_VALUE, HEADER, COOKIE_NAME, COOKIE_VALUE, BODY_NAME, BODY_VALUE, URL, URL_RAW, BODY_TEXT, FILENAME = range(12)

# Kinds of body.
NO_BODY, FORM, JSON, XML, MULTIPART, OTHER = range(6)

_HARMLESS = bytearray(256)
for _octet in bytearray(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-.,:+@~ "):
    _HARMLESS[_octet] = 1
for _octet in range(0x80, 0x100):
    _HARMLESS[_octet] = 1
# Two bits: 1 = harmless in a value; 2 = harmless in a header's value too (browsers send quotes, parentheses and semicolons there).
for _octet in bytearray(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-.,:+@~ ;=()/*?!\"#&[]\t"):
    _HARMLESS[_octet] |= 2
# 4 = harmless in a JSON text as it stands: its own syntax, too.
for _octet in bytearray(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-.,:+@~ /{}[]\"\t\r\n?!"):
    _HARMLESS[_octet] |= 4
for _octet in range(0x80, 0x100):
    _HARMLESS[_octet] |= 4
# 8 = nothing to stop for in a header; 16 = may stand right before a call's parenthesis.
for _octet in range(256):
    if _HARMLESS[_octet] & 2 and _octet not in (10, 40, 42, 46, 47, 58, 95):
        _HARMLESS[_octet] |= 8
for _octet in bytearray(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"):
    _HARMLESS[_octet] |= 16
# 32 = begins nothing that `_suspect` looks for.
for _octet in range(256):
    if _octet not in b"./-(:sS":
        _HARMLESS[_octet] |= 32
HARMLESS = bytes(_HARMLESS)

if cython.compiled:
    _safe = cython.declare(cython.uchar[256])
    for _i in range(256):
        _safe[_i] = HARMLESS[_i]
else:
    _safe = HARMLESS

# Signs: what stands in a value, as bits; readers look only at values that hold theirs.
QUOTES, PARENTHESES, ANGLES, SEPARATORS, COMPARES, WORDY, EXPANSIONS, PROGRAM, BACKTICK = (1 << _bit for _bit in range(9))
_SIGNS = [0] * 256
for _octets, _sign in (
    (b"'\"", QUOTES),
    (b"`", BACKTICK | QUOTES),
    (b"(", PARENTHESES),
    (b"<>", ANGLES),
    (b";|&", SEPARATORS),
    (b"=#*^~", COMPARES),
    (b"$\n\r{}!", EXPANSIONS),
):
    for _octet in bytearray(_octets):
        _SIGNS[_octet] |= _sign
if cython.compiled:
    _signs = cython.declare(cython.int[256])
    for _i in range(256):
        _signs[_i] = _SIGNS[_i]
else:
    _signs = _SIGNS

# The same numbers as C has them: a module's names are objects, to be looked up each time.
_PATH = cython.declare(cython.int, PATH)
_QUERY_NAME = cython.declare(cython.int, QUERY_NAME)
_QUERY_VALUE = cython.declare(cython.int, QUERY_VALUE)
_HEADER = cython.declare(cython.int, HEADER)
_COOKIE_NAME = cython.declare(cython.int, COOKIE_NAME)
_COOKIE_VALUE = cython.declare(cython.int, COOKIE_VALUE)
_BODY_NAME = cython.declare(cython.int, BODY_NAME)
_BODY_VALUE = cython.declare(cython.int, BODY_VALUE)
_URL = cython.declare(cython.int, URL)
_URL_RAW = cython.declare(cython.int, URL_RAW)
_BODY_TEXT = cython.declare(cython.int, BODY_TEXT)
_FILENAME = cython.declare(cython.int, FILENAME)
_NO_BODY = cython.declare(cython.int, NO_BODY)
_FORM = cython.declare(cython.int, FORM)
_JSON = cython.declare(cython.int, JSON)
_XML = cython.declare(cython.int, XML)
_MULTIPART = cython.declare(cython.int, MULTIPART)
_COMPARES = cython.declare(cython.int, COMPARES)
_WORDY = cython.declare(cython.int, WORDY)
_PROGRAM = cython.declare(cython.int, PROGRAM)
_MAX_VALUES = cython.declare(cython.int, MAX_VALUES)
_ROUNDS = cython.declare(cython.int, ROUNDS)

_WORD = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LEVELS = bytearray([4]) * 256
for _level, _octets in ((3, b"\t\r\n"), (2, b'{}[]" +~!'), (1, b":,@=&"), (0, _WORD + b"/-_.?\x7f")):
    for _octet in bytearray(_octets):
        _LEVELS[_octet] = _level
for _octet in range(0x80, 0x100):
    _LEVELS[_octet] = 3
LEVELS = tuple(frozenset(_octet for _octet in range(256) if _LEVELS[_octet] <= _level) for _level in range(5))
"""Octets that texts are made of, from the names in a path to anything: what a pattern needs from a higher level is not in a text of a lower one. The first
two make up targets and forms that stand for themselves, the next two JSON as most of it is."""

_PLAIN = bytearray(256)
for _octet in range(256):
    # 1 = stands for itself; 2 = unless what stands around it makes something of it; 3 and 4 = so, of the next level; 0 = has to be looked at.
    if _LEVELS[_octet] < 2 and _octet != 0x7F:
        _PLAIN[_octet] = (2 if _LEVELS[_octet] == 0 else 3) if _octet in b"-/@xX=&" else 1 if _LEVELS[_octet] == 0 else 4
if cython.compiled:
    _plain_octet = cython.declare(cython.uchar[256])
    _level_of = cython.declare(cython.uchar[256])
    for _i in range(256):
        _plain_octet[_i] = _PLAIN[_i]
        _level_of[_i] = _LEVELS[_i]
else:
    _plain_octet = _PLAIN
    _level_of = _LEVELS

_HTTP = b"http://"
if cython.compiled:
    _http = cython.declare(cython.uchar[8])
    for _i in range(7):
        _http[_i] = _HTTP[_i]
else:
    _http = _HTTP

_ENTITIES = {
    b"lt": 0x3C, b"gt": 0x3E, b"quot": 0x22, b"apos": 0x27, b"amp": 0x26, b"lpar": 0x28, b"rpar": 0x29, b"colon": 0x3A,
    b"Tab": 0x09, b"NewLine": 0x0A, b"sol": 0x2F, b"bsol": 0x5C, b"lcub": 0x7B, b"rcub": 0x7D, b"dollar": 0x24, b"semi": 0x3B,
    b"grave": 0x60, b"equals": 0x3D, b"comma": 0x2C, b"period": 0x2E, b"num": 0x23, b"excl": 0x21, b"LT": 0x3C, b"GT": 0x3E, b"QUOT": 0x22,
}  # fmt: skip

def hexadecimal(octet: Any) -> Any:
    """Value of a hexadecimal digit, or -1."""
    if 48 <= octet <= 57:
        return octet - 48
    if 97 <= octet <= 102:
        return octet - 87
    if 65 <= octet <= 70:
        return octet - 55
    return -1


def percent(data: Any, start: Any, end: Any, plus: Any) -> Any:
    """Undo %XX, %uXXXX and, if `plus`, plus signs of data[start:end] in place; returns the new end."""
    i: cython.Py_ssize_t = start
    to: cython.Py_ssize_t = start
    hi: cython.int
    lo: cython.int
    c: cython.int
    code: cython.int
    while i < end:
        c = data[i]
        if c == 37:
            if i + 2 < end:
                hi = hexadecimal(data[i + 1])
                lo = hexadecimal(data[i + 2])
                if hi >= 0 and lo >= 0:
                    data[to] = (hi << 4) | lo
                    to += 1
                    i += 3
                    continue
                if i + 5 < end and (data[i + 1] == 117 or data[i + 1] == 85):
                    code = _four(data, i + 2)
                    if code >= 0:
                        data[to] = _narrow(code)
                        to += 1
                        i += 6
                        continue
        elif c == 43 and plus:
            c = 32
        data[to] = c
        to += 1
        i += 1
    return _overlong(data, start, to)


@cython.cfunc
@cython.exceptval(-2)
def _four(data: cython.const[cython.uchar][::1], at: cython.Py_ssize_t) -> cython.int:
    """Value of four hexadecimal digits, or -1."""
    code: cython.int = 0
    j: cython.Py_ssize_t
    digit: cython.int
    for j in range(at, at + 4):
        digit = hexadecimal(data[j])
        if digit < 0:
            return -1
        code = (code << 4) | digit
    return code


@cython.cfunc
def _narrow(code: cython.int) -> cython.int:
    """The ASCII octet a code point stands for: full-width and look-alike forms too, which databases and file systems fold; else a letter."""
    if code < 128:
        return code
    if 0xFF01 <= code <= 0xFF5E:
        return code - 0xFEE0
    if code == 0x2018 or code == 0x2019 or code == 0x02BC or code == 0x02B9 or code == 0x2032:
        return 39
    if code == 0x201C or code == 0x201D or code == 0x2033:
        return 34
    if code == 0x2215 or code == 0x2044:
        return 47
    if code == 0x2216:
        return 92
    if code == 0x00A0 or code == 0x3000 or 0x2000 <= code <= 0x200A:
        return 32
    return 0xC3


@cython.cfunc
@cython.exceptval(-1)
def _overlong(data: cython.uchar[::1], start: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """Fold overlong UTF-8 (C0 AF for a slash) and full-width forms (EF BC xx) to ASCII in place; returns the new end."""
    i: cython.Py_ssize_t = start
    to: cython.Py_ssize_t
    c: cython.int
    code: cython.int
    while i < end and data[i] < 0xC0:
        i += 1
    to = i
    while i < end:
        c = data[i]
        if (c == 0xC0 or c == 0xC1) and i + 1 < end and (data[i + 1] & 0xC0) == 0x80:
            data[to] = ((c & 1) << 6) | (data[i + 1] & 0x3F)
            to += 1
            i += 2
            continue
        if c == 0xE0 and i + 2 < end and (data[i + 1] & 0xE0) == 0x80 and (data[i + 2] & 0xC0) == 0x80:
            code = ((data[i + 1] & 0x3F) << 6) | (data[i + 2] & 0x3F)
            if code < 128:
                data[to] = code
                to += 1
                i += 3
                continue
        if c == 0xEF and i + 2 < end and (data[i + 1] == 0xBC or data[i + 1] == 0xBD) and (data[i + 2] & 0xC0) == 0x80:
            code = 0xF000 | ((data[i + 1] & 0x3F) << 6) | (data[i + 2] & 0x3F)
            if 0xFF01 <= code <= 0xFF5E:
                data[to] = code - 0xFEE0
                to += 1
                i += 3
                continue
        data[to] = c
        to += 1
        i += 1
    return to


def escapes(data: Any, start: Any, end: Any) -> Any:
    """Undo \\uXXXX and \\xXX of data[start:end] in place; returns the new end. Other backslashes stay."""
    i: cython.Py_ssize_t = start
    to: cython.Py_ssize_t = start
    hi: cython.int
    lo: cython.int
    code: cython.int
    while i < end:
        if data[i] == 92 and i + 3 < end:
            if data[i + 1] == 117 and i + 5 < end:
                code = _four(data, i + 2)
                if code >= 0:
                    data[to] = _narrow(code)
                    to += 1
                    i += 6
                    continue
            elif data[i + 1] == 120:
                hi = hexadecimal(data[i + 2])
                lo = hexadecimal(data[i + 3])
                if hi >= 0 and lo >= 0:
                    data[to] = (hi << 4) | lo
                    to += 1
                    i += 4
                    continue
        data[to] = data[i]
        to += 1
        i += 1
    return to


def entities(data: Any, start: Any, end: Any) -> Any:
    """Undo HTML character references of data[start:end] in place; returns the new end. A missing semicolon is forgiven, as browsers do."""
    i: cython.Py_ssize_t = start
    to: cython.Py_ssize_t = start
    j: cython.Py_ssize_t
    digit: cython.int
    code: cython.int
    while i < end:
        if data[i] == 38 and i + 3 < end:
            j = i + 1
            code = -1
            if data[j] == 35:
                j += 1
                if data[j] == 120 or data[j] == 88:
                    j += 1
                    while j < end and j < i + 12:
                        digit = hexadecimal(data[j])
                        if digit < 0:
                            break
                        code = (0 if code < 0 else (code & 0xFFFFFF) << 4) | digit
                        j += 1
                else:
                    while j < end and j < i + 12 and 48 <= data[j] <= 57:
                        code = (0 if code < 0 else (code & 0xFFFFFF) * 10) + (data[j] - 48)
                        j += 1
            else:
                while j < end and j < i + 9 and ((97 <= data[j] <= 122) or (65 <= data[j] <= 90)):
                    j += 1
                if j < end and data[j] == 59:
                    code = _ENTITIES.get(bytes(data[i + 1 : j]), -1)
            if code >= 0:
                data[to] = _narrow(code)
                to += 1
                i = j
                if i < end and data[i] == 59:
                    i += 1
                continue
        data[to] = data[i]
        to += 1
        i += 1
    return to


def levels(data: Any, starts: Any, ends: Any) -> Any:
    """Which of LEVELS each text data[starts[i]:ends[i]] is made of (uint8)."""
    found = np.empty(len(starts), np.uint8)
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    level: cython.uchar
    source: cython.const[cython.uchar][::1] = data
    first: cython.longlong[::1] = starts
    last: cython.longlong[::1] = ends
    to: cython.uchar[::1] = found
    for i in range(len(starts)):
        level = 0
        for j in range(first[i], last[i]):
            if _level_of[source[j]] > level:
                level = _level_of[source[j]]
                if level == 4:
                    break
        to[i] = level
    return found


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _program(last: cython.int, middle: cython.int, first: cython.int) -> cython.bint:
    """Whether three octets before a slash end the name of a folder of programs: bin, system32."""
    if last == 50:
        return middle == 51 and (first | 32) == 109
    return (last | 32) == 110 and (middle | 32) == 105 and (first | 32) == 98


@cython.final
@cython.cclass
class Unfolder:
    """Decodes batch after batch into its arena; `arena`, `segments` and `values` hold the last batch's.

    `unfold` writes all of every call. `survey` writes what somebody has to look at: a target or form that stands for itself goes as it is into `plain`
    (one text a `plain_rows` entry, a 127 after each), headers that are known are left out, and what needs decoding goes into the arena. After the first
    `n_inputs` plain texts stand the bodies as they were sent.
    """

    def __init__(self) -> None:
        self.arena = bytearray(1 << 16)
        self.out = self.arena
        self.segments = np.empty((1024, 6), np.int64)
        self.values = np.empty((1024, 5), np.int64)
        self.seg = self.segments
        self.val = self.values
        self.plain = bytearray(1 << 16)
        self.plain_out = self.plain
        self.plain_rows = np.empty(1024, np.int64)
        self.plain_ends = np.empty(1024, np.int64)
        self.plain_levels = np.empty(1024, np.uint8)
        self.plain_row = self.plain_rows
        self.plain_end = self.plain_ends
        self.plain_level = self.plain_levels
        self.used = self.n_segments = self.n_values = self.overflow = self.plain_used = self.n_plain = self.n_inputs = 0
        self.row = self.row_values = 0

    def survey(
        self, count: Any, host: Any, path: Any, query: Any, has_query: Any, head: Any, news: Any, body: Any, kinds: Any, with_host: Any
    ) -> None:
        """As `unfold`, but only what has to be looked at; `news` says whose head is to be read. A plain text begins with the host if `with_host`."""
        i: cython.Py_ssize_t
        n: cython.Py_ssize_t = count
        hosts: cython.bint = with_host
        host_data: cython.const[cython.uchar][::1] = host[0]
        path_data: cython.const[cython.uchar][::1] = path[0]
        query_data: cython.const[cython.uchar][::1] = query[0]
        head_data: cython.const[cython.uchar][::1] = head[0]
        body_data: cython.const[cython.uchar][::1] = body[0]
        h0: cython.longlong[::1] = host[1]
        h1: cython.longlong[::1] = host[2]
        p0: cython.longlong[::1] = path[1]
        p1: cython.longlong[::1] = path[2]
        q0: cython.longlong[::1] = query[1]
        q1: cython.longlong[::1] = query[2]
        e0: cython.longlong[::1] = head[1]
        e1: cython.longlong[::1] = head[2]
        b0: cython.longlong[::1] = body[1]
        b1: cython.longlong[::1] = body[2]
        has: cython.const[cython.uchar][::1] = has_query
        new: cython.const[cython.uchar][::1] = news
        kind: cython.const[cython.uchar][::1] = kinds
        at: cython.Py_ssize_t
        j: cython.Py_ssize_t
        level: cython.int
        if not cython.compiled:
            host_data, path_data, query_data = bytes(host[0]), bytes(path[0]), bytes(query[0])
            head_data, body_data = bytes(head[0]), bytes(body[0])
        self.used = self.n_segments = self.n_values = self.overflow = self.plain_used = self.n_plain = self.n_inputs = 0
        for i in range(n):
            self.row = i
            self.row_values = 0
            self._plain_room((h1[i] - h0[i]) + (p1[i] - p0[i]) + (q1[i] - q0[i]) + 16)
            out: cython.uchar[::1] = self.plain_out
            at = self.plain_used
            if hosts:
                for j in range(7):
                    out[at] = _http[j]
                    at += 1
                for j in range(h0[i], h1[i]):
                    out[at] = host_data[j]
                    at += 1
            level = self._plain_copy(at, path_data, p0[i], p1[i], False)
            if level >= 0:
                at += p1[i] - p0[i]
                if has[i] != 0:
                    out[at] = 63
                    at += 1
                    j = self._plain_copy(at, query_data, q0[i], q1[i], True)
                    level = j if j < 0 or j > level else level
                    at += q1[i] - q0[i]
            if level >= 0:
                self._plain_done(at, 4 if hosts else level)
            else:
                self._url(host_data, h0[i], h1[i], path_data, p0[i], p1[i], query_data, q0[i], q1[i], has[i] != 0)
            if new[i] != 0 and e1[i] > e0[i]:
                self.row_values = 0
                self._head(head_data, e0[i], e1[i])
            if b1[i] > b0[i]:
                self.row_values = 0
                if kind[i] == _FORM:
                    self._plain_room(b1[i] - b0[i] + 16)
                    level = self._plain_copy(self.plain_used, body_data, b0[i], b1[i], True)
                    if level >= 0:
                        self._plain_done(self.plain_used + b1[i] - b0[i], level)
                        continue
                self._body(body_data, b0[i], b1[i], kind[i])
        self.n_inputs = self.n_plain
        for i in range(n):
            if b1[i] > b0[i]:
                self.row = i
                self._plain_room(b1[i] - b0[i] + 16)
                self._plain_done(self.plain_used + b1[i] - b0[i], self._raw_copy(body_data, b0[i], b1[i]))

    def _raw_copy(self, data: Any, start: Any, end: Any) -> Any:
        """Copy a text as it is to the plain ones; returns its level."""
        i: cython.Py_ssize_t
        at: cython.Py_ssize_t = self.plain_used
        level: cython.uchar = 0
        octets: cython.pointer(cython.const[cython.uchar])
        out: cython.pointer(cython.uchar)
        if start < 0 or end > len(data) or start >= end or at + end - start >= len(self.plain_out):
            raise IndexError("unfold: range outside the buffer")
        if cython.compiled:
            octets = cython.address(data[start])
            out = cython.address(self.plain_out[at])
        else:
            octets = data[start:end]
            out = memoryview(self.plain_out)[at:]
        for i in range(end - start):
            out[i] = octets[i]
            level = max(level, _level_of[octets[i]])
        return level

    def _plain_copy(self, at: Any, data: Any, start: Any, end: Any, pairs: Any) -> Any:
        """Copy a path or (`pairs`) a query or form into the plain texts if it stands for itself: only plain octets, none of which make a value worth
        reading. Returns its level, or -1 if it does not."""
        i: cython.Py_ssize_t
        sign: cython.int
        c: cython.int
        before: cython.int
        level: cython.int = 0
        equals: cython.bint = False
        octets: cython.pointer(cython.const[cython.uchar])
        out: cython.pointer(cython.uchar)
        if start < 0 or end > len(data) or at + end - start >= len(self.plain_out):
            raise IndexError("unfold: range outside the buffer")
        if start >= end:
            return 0
        if cython.compiled:
            octets = cython.address(data[start])
            out = cython.address(self.plain_out[at])
        else:
            octets = data[start:end]
            out = memoryview(self.plain_out)[at:]
        for i in range(end - start):
            c = octets[i]
            out[i] = c
            sign = _plain_octet[c]
            if sign == 1:
                continue
            if sign == 0:
                return -1
            if sign > 2:
                level = 1
                if sign == 4:
                    continue
            before = octets[i - 1] if i > 0 else 0
            if c == 47:
                if i >= 3 and _program(before, octets[i - 2], octets[i - 3]):
                    return -1
            elif c == 38:
                if not pairs:
                    return -1
                equals = False
            elif c == 61:
                if not pairs or equals:
                    return -1
                equals = True
            elif c == 45 or c == 64:
                if before == c:
                    return -1
            elif (before | 32) == 101 and i >= 2 and octets[i - 2] == 46:
                return -1
        return level

    def _plain_room(self, octets: Any) -> Any:
        """Make room for so many more plain octets and one more text."""
        n: cython.Py_ssize_t = self.n_plain
        if self.plain_used + octets > len(self.plain_out):
            fresh = bytearray(max(2 * len(self.plain), self.plain_used + octets + 4096))
            fresh[: self.plain_used] = memoryview(self.plain)[: self.plain_used]
            self.plain = fresh
            self.plain_out = fresh
        if n >= len(self.plain_row):
            rows = np.empty(2 * n, np.int64)
            rows[:n] = self.plain_rows
            self.plain_rows = rows
            self.plain_row = rows
            ends = np.empty(2 * n, np.int64)
            ends[:n] = self.plain_ends
            self.plain_ends = ends
            self.plain_end = ends
            levels = np.empty(2 * n, np.uint8)
            levels[:n] = self.plain_levels
            self.plain_levels = levels
            self.plain_level = levels
        return 0

    def _plain_done(self, end: Any, level: Any) -> Any:
        self.plain_row[self.n_plain] = self.row
        self.plain_end[self.n_plain] = end
        self.plain_level[self.n_plain] = level
        self.n_plain += 1
        self.plain_out[end] = 127
        self.plain_used = end + 1
        return 0

    def unfold(
        self, count: Any, host: Any, path: Any, query: Any, has_query: Any, head: Any, body: Any, kinds: Any
    ) -> None:
        """Decode `count` calls. `host`, `path`, `query`, `head` and `body` are (octets, starts, ends) with one start and end a call."""
        i: cython.Py_ssize_t
        n: cython.Py_ssize_t = count
        host_data: cython.const[cython.uchar][::1] = host[0]
        path_data: cython.const[cython.uchar][::1] = path[0]
        query_data: cython.const[cython.uchar][::1] = query[0]
        head_data: cython.const[cython.uchar][::1] = head[0]
        body_data: cython.const[cython.uchar][::1] = body[0]
        h0: cython.longlong[::1] = host[1]
        h1: cython.longlong[::1] = host[2]
        p0: cython.longlong[::1] = path[1]
        p1: cython.longlong[::1] = path[2]
        q0: cython.longlong[::1] = query[1]
        q1: cython.longlong[::1] = query[2]
        e0: cython.longlong[::1] = head[1]
        e1: cython.longlong[::1] = head[2]
        b0: cython.longlong[::1] = body[1]
        b1: cython.longlong[::1] = body[2]
        has: cython.const[cython.uchar][::1] = has_query
        kind: cython.const[cython.uchar][::1] = kinds
        if not cython.compiled:
            # numpy's octets do not widen when they are shifted; Python's do.
            host_data, path_data, query_data = bytes(host[0]), bytes(path[0]), bytes(query[0])
            head_data, body_data = bytes(head[0]), bytes(body[0])
        self.used = self.n_segments = self.n_values = self.overflow = 0
        for i in range(n):
            self.row = i
            self.row_values = 0
            self._url(
                host_data, h0[i], h1[i], path_data, p0[i], p1[i], query_data, q0[i], q1[i], has[i] != 0
            )
            if e1[i] > e0[i]:
                self.row_values = 0
                self._head(head_data, e0[i], e1[i])
            if b1[i] > b0[i]:
                self.row_values = 0
                self._body(body_data, b0[i], b1[i], kind[i])

    def _room(self, octets: Any) -> Any:
        """Make room for so many more octets."""
        if self.used + octets + 64 > len(self.arena):
            fresh = bytearray(max(2 * len(self.arena), self.used + octets + 4096))
            fresh[: self.used] = memoryview(self.arena)[: self.used]
            self.arena = fresh
            self.out = fresh
        return 0

    def _segment(self, place: Any, start: Any, a: Any, b: Any, end: Any) -> Any:
        """Note a segment [start, end) with two inner marks (target and query of a _URL, name and value of a header)."""
        n: cython.Py_ssize_t = self.n_segments
        if n >= len(self.segments):
            fresh = np.empty((2 * n, 6), np.int64)
            fresh[:n] = self.segments
            self.segments = fresh
            self.seg = fresh
        seg: cython.longlong[:, ::1] = self.seg
        seg[n, 0] = start
        seg[n, 1] = end
        seg[n, 2] = self.row
        seg[n, 3] = place
        seg[n, 4] = a
        seg[n, 5] = b
        self.n_segments = n + 1
        self.out[self.used] = 127  # keeps the texts of two segments apart
        self.used += 1
        return 0

    def _value(self, place: Any, start: Any, end: Any) -> Any:
        """Note a value [start, end) with the kinds of signs that stand in it, unless there are none: nothing can hide in it then."""
        i: cython.Py_ssize_t
        n: cython.Py_ssize_t = self.n_values
        out: cython.uchar[::1] = self.out
        spaces: cython.bint = False
        c: cython.int
        before: cython.int = 0
        mask: cython.int = 0
        if start >= end:
            return 0
        for i in range(start, end):
            c = out[i]
            mask |= _signs[c]
            if c == 32:
                spaces = True
            elif c == before and (c == 45 or c == 64):
                mask |= _COMPARES
            elif c == 47 or c == 92:
                if i - start >= 3 and _program(before, out[i - 2], out[i - 3]):
                    mask |= _PROGRAM
            elif (c | 32) == 120 and i - start >= 2 and (before | 32) == 101 and out[i - 2] == 46:
                mask |= _PROGRAM
            before = c
        if spaces and not mask & _WORDY and _wordy(out, start, end):
            mask |= _WORDY
        if mask == 0:
            return 0
        if self.row_values >= _MAX_VALUES:
            self.overflow += 1
            return 0
        if n >= len(self.values):
            fresh = np.empty((2 * n, 5), np.int64)
            fresh[:n] = self.values
            self.values = fresh
            self.val = fresh
        val: cython.longlong[:, ::1] = self.val
        val[n, 0] = start
        val[n, 1] = end
        val[n, 2] = self.row
        val[n, 3] = place
        val[n, 4] = mask
        self.n_values = n + 1
        self.row_values += 1
        return 0

    def _settle(self, start: Any, end: Any) -> Any:
        """Undo further layers of encoding in out[start:end] until nothing changes or _ROUNDS are done; returns the new end."""
        _turn: cython.int
        i: cython.Py_ssize_t
        signs: cython.int
        after: cython.Py_ssize_t
        here: cython.Py_ssize_t = end
        out: cython.uchar[::1] = self.out
        for _turn in range(_ROUNDS):
            signs = 0
            i = start
            while i < here:
                if out[i] == 37:
                    signs |= 1
                elif out[i] == 38:
                    signs |= 2
                elif out[i] == 92:
                    signs |= 4
                i += 1
            if signs == 0:
                break
            after = here
            if signs & 1:
                after = percent(out, start, after, False)
            if signs & 2:
                after = entities(out, start, after)
            if signs & 4:
                after = escapes(out, start, after)
            if after == here:
                break
            here = after
        return here

    def _decode(self, data: Any, start: Any, end: Any, plus: Any) -> Any:
        """Append data[start:end] decoded; returns where it starts in the arena."""
        at: cython.Py_ssize_t = self.used
        i: cython.Py_ssize_t = start
        to: cython.Py_ssize_t
        coded: cython.bint = False
        c: cython.int
        self._room(end - start)
        out: cython.uchar[::1] = self.out
        to = at
        while i < end:
            c = data[i]
            if c == 37 or c == 43 or c == 92 or c == 38 or c >= 0xC0:
                coded = True
            out[to] = c
            to += 1
            i += 1
        if coded:
            to = percent(out, at, to, plus)
            to = self._settle(at, to)
        self.used = to
        return at

    def _pairs(self, data: Any, start: Any, end: Any, name: Any, value: Any, between: Any, plus: Any) -> Any:
        """Append name=value pairs decoded one by one, so that an encoded separator stays inside its value."""
        i: cython.Py_ssize_t = start
        j: cython.Py_ssize_t
        equals: cython.Py_ssize_t
        at: cython.Py_ssize_t
        self._room(end - start + 8)
        while i <= end:
            j = i
            equals = -1
            while j < end and data[j] != between:
                if equals < 0 and data[j] == 61:
                    equals = j
                j += 1
            if between == 59:
                while i < j and data[i] == 32:
                    i += 1
            if equals >= 0:
                at = self._decode(data, i, equals if equals >= i else i, plus)
                self._value(name, at, self.used)
                self.out[self.used] = 61
                self.used += 1
                at = self._decode(data, equals + 1, j, plus)
                self._value(value, at, self.used)
            elif j > i:
                at = self._decode(data, i, j, plus)
                self._value(value, at, self.used)
            if j >= end:
                break
            self._room(end - j + 8)
            self.out[self.used] = between
            self.used += 1
            i = j + 1
        return 0

    def _url(
        self, host: Any, h0: Any, h1: Any, path: Any, p0: Any, p1: Any, query: Any, q0: Any, q1: Any, has_query: Any
    ) -> Any:
        """The _URL as sent and, where that differs, decoded: http://host, then the target, whose start and query are the segment's marks."""
        i: cython.Py_ssize_t
        start: cython.Py_ssize_t
        target: cython.Py_ssize_t
        mark: cython.Py_ssize_t
        coded: cython.bint = False
        self._room((h1 - h0) + (p1 - p0) + (q1 - q0) + 64)
        out: cython.uchar[::1] = self.out
        start = self.used
        self._put(b"http://")
        for i in range(h0, h1):
            out[self.used] = host[i]
            self.used += 1
        target = self.used
        for i in range(p0, p1):
            out[self.used] = path[i]
            self.used += 1
            if path[i] == 37 or path[i] == 92 or path[i] == 43 or path[i] >= 0xC0:
                coded = True
        mark = self.used
        if has_query:
            out[self.used] = 63
            self.used += 1
            mark = self.used
            for i in range(q0, q1):
                out[self.used] = query[i]
                self.used += 1
                if query[i] == 37 or query[i] == 92 or query[i] == 43 or query[i] == 38 or query[i] >= 0xC0:
                    coded = True
        self._segment(_URL_RAW, start, target, mark, self.used)
        if not coded:
            # Nothing to decode: the text as sent serves for both, and only its values are noted.
            self._value(_PATH, target, mark - 1 if has_query else mark)
            if has_query:
                self._plain_pairs(mark, self.used - 1)
            return 0
        self._room((h1 - h0) + (p1 - p0) + (q1 - q0) + 64)
        start = self.used
        self._put(b"http://")
        for i in range(h0, h1):
            self.out[self.used] = host[i]
            self.used += 1
        target = self._decode(path, p0, p1, False)
        self._value(_PATH, target, self.used)
        mark = self.used
        if has_query:
            self._room(8)
            self.out[self.used] = 63
            self.used += 1
            mark = self.used
            self._pairs(query, q0, q1, _QUERY_NAME, _QUERY_VALUE, 38, True)
        self._room(8)
        self._segment(_URL, start, target, mark, self.used)
        return 0

    def _plain_pairs(self, start: Any, end: Any) -> Any:
        """Note the values of a query that needs no decoding and already stands in the arena (so it has no & in it)."""
        i: cython.Py_ssize_t = start
        while i < end and self.out[i] != 61:
            i += 1
        if i < end:
            self._value(_QUERY_NAME, start, i)
            self._value(_QUERY_VALUE, i + 1, end)
        else:
            self._value(_QUERY_VALUE, start, end)
        return 0

    def _put(self, text: Any) -> Any:
        octet: cython.uchar
        for octet in text:
            self.out[self.used] = octet
            self.used += 1
        return 0

    def _head(self, data: Any, start: Any, end: Any) -> Any:
        """Cookies, and the headers that hold something out of the ordinary."""
        i: cython.Py_ssize_t = start
        line: cython.Py_ssize_t
        colon: cython.Py_ssize_t
        stop: cython.Py_ssize_t
        at: cython.Py_ssize_t
        named: cython.Py_ssize_t
        odd: cython.bint
        c: cython.int
        while i < end and data[i] != 10:
            i += 1
        i += 1
        while i < end:
            line = i
            colon = -1
            odd = False
            while i < end:
                c = data[i]
                if _safe[c] & 8:
                    i += 1
                    continue
                if c == 10:
                    break
                if c == 58:
                    if colon < 0:
                        colon = i
                elif c == 40:
                    # A browser writes " (X11"; a name right before it is a call.
                    if _safe[data[i - 1]] & 16:
                        odd = True
                elif c == 42:
                    if data[i - 1] == 47 and data[i - 2] != 42:
                        odd = True
                elif c == 46:
                    if data[i - 1] == 46:
                        odd = True
                elif c == 95:
                    if data[i - 1] == 95:
                        odd = True
                elif c == 47:
                    # A path where a browser has none: at the start, or after a blank.
                    if data[i - 1] == 32:
                        odd = True
                elif c != 13:
                    odd = True
                i += 1
            stop = i
            i += 1
            if colon < 0:
                continue
            if stop > line and data[stop - 1] == 13:
                stop -= 1
            if colon - line == 6 and (data[line] | 32) == 99 and (data[line + 5] | 32) == 101 and (data[line + 2] | 32) == 111:
                self._room(stop - line + 16)
                named = self.used
                self._put(b"cookie:")
                at = self.used
                colon += 1
                self._pairs(data, colon, stop, _COOKIE_NAME, _COOKIE_VALUE, 59, False)
                self._room(8)
                self._segment(_COOKIE_VALUE, named, at, at, self.used)
                continue
            if not odd:
                continue
            self._room(stop - line + 16)
            named = self._decode(data, line, colon, False)
            self.out[self.used] = 58
            self.used += 1
            colon += 1
            while colon < stop and (data[colon] == 32 or data[colon] == 9):
                colon += 1
            at = self._decode(data, colon, stop, False)
            self._value(_HEADER, at, self.used)
            self._room(8)
            self._segment(_HEADER, named, at, at, self.used)
        return 0

    def _body(self, data: Any, start: Any, end: Any, kind: Any) -> Any:
        """A body by its kind; JSON that holds only harmless octets is left alone."""
        i: cython.Py_ssize_t = start
        at: cython.Py_ssize_t
        if kind == _NO_BODY:
            return 0
        if kind == _JSON:
            while i < end and _safe[data[i]] & 4:
                i += 1
            if i == end and not _suspect(data, start, end):
                return 0
        self._room(end - start + 64)
        at = self.used
        if kind == _FORM:
            self._pairs(data, start, end, _BODY_NAME, _BODY_VALUE, 38, True)
        elif kind == _JSON:
            self._json(data, start, end)
        elif kind == _XML:
            self._markup(data, start, end)
        elif kind == _MULTIPART:
            self._parts(data, start, end)
        else:
            self._decode(data, start, end, False)
            self._value(_BODY_TEXT, at, self.used)
        self._room(8)
        self._segment(_BODY_TEXT, at, at, at, self.used)
        return 0

    def _json(self, data: Any, start: Any, end: Any) -> Any:
        """Every text of a _JSON document, escapes undone; a lenient reading, so that broken _JSON is read as far as it goes."""
        i: cython.Py_ssize_t = start
        j: cython.Py_ssize_t
        at: cython.Py_ssize_t
        to: cython.Py_ssize_t
        c: cython.int
        code: cython.int
        place: cython.int
        self._room(end - start + 64)
        while i < end:
            c = data[i]
            if c != 34:
                self.out[self.used] = c
                self.used += 1
                i += 1
                continue
            i += 1
            at = self.used
            to = at
            out: cython.uchar[::1] = self.out
            while i < end and data[i] != 34:
                c = data[i]
                if c == 92 and i + 1 < end:
                    i += 1
                    c = data[i]
                    if c == 117 and i + 4 < end:
                        code = _four(data, i + 1)
                        if code >= 0:
                            out[to] = _narrow(code)
                            to += 1
                            i += 5
                            continue
                    if c == 110:
                        c = 10
                    elif c == 114:
                        c = 13
                    elif c == 116:
                        c = 9
                    elif c == 98:
                        c = 8
                    elif c == 102:
                        c = 12
                    elif c != 34 and c != 92 and c != 47:
                        out[to] = 92
                        to += 1
                out[to] = c
                to += 1
                i += 1
            i += 1
            to = self._settle(at, to)
            self.used = to
            j = i
            while j < end and (data[j] == 32 or data[j] == 9 or data[j] == 10 or data[j] == 13):
                j += 1
            place = _BODY_NAME if j < end and data[j] == 58 else _BODY_VALUE
            self._value(place, at, self.used)
            self.out[self.used] = 127
            self.used += 1
        if self.used > 0 and start < end and data[start] != 123 and data[start] != 91 and data[start] != 34:
            # Not _JSON at all, whatever its type says: read it as one text.
            at = self.used
            self._decode(data, start, end, False)
            self._value(_BODY_TEXT, at, self.used)
        return 0

    def _markup(self, data: Any, start: Any, end: Any) -> Any:
        """Texts and attribute values of _XML, character references undone, and the whole as one text."""
        i: cython.Py_ssize_t = start
        j: cython.Py_ssize_t
        at: cython.Py_ssize_t
        quote: cython.int
        self._room(2 * (end - start) + 64)
        while i < end:
            if data[i] == 60:
                i += 1
                if i + 7 < end and data[i] == 33 and data[i + 1] == 91:  # <![CDATA[ text ]]>
                    i += 8
                    j = i
                    while j < end and not (data[j] == 93 and j + 2 < end and data[j + 1] == 93 and data[j + 2] == 62):
                        j += 1
                    self._room(j - i + 8)
                    at = self._decode(data, i, j, False)
                    self._value(_BODY_VALUE, at, self.used)
                    self.out[self.used] = 127
                    self.used += 1
                    i = j
                    continue
                j = i
                while j < end and data[j] != 62 and data[j] != 34 and data[j] != 39:
                    j += 1
                while j < end and (data[j] == 34 or data[j] == 39):
                    quote = data[j]
                    j += 1
                    i = j
                    while j < end and data[j] != quote:
                        j += 1
                    self._room(j - i + 8)
                    at = self._decode(data, i, j, False)
                    self._value(_BODY_VALUE, at, self.used)
                    self.out[self.used] = 127
                    self.used += 1
                    j += 1
                    while j < end and data[j] != 62 and data[j] != 34 and data[j] != 39:
                        j += 1
                i = j + 1
                continue
            j = i
            while j < end and data[j] != 60:
                j += 1
            self._room(j - i + 8)
            at = self._decode(data, i, j, False)
            self._value(_BODY_VALUE, at, self.used)
            self.out[self.used] = 127
            self.used += 1
            i = j
        self._room(end - start + 8)
        for i in range(start, end):
            self.out[self.used] = data[i]
            self.used += 1
        return 0

    def _parts(self, data: Any, start: Any, end: Any) -> Any:
        """Contents of multipart parts (names and file names in their heads, too); the delimiter is the body's own first line."""
        i: cython.Py_ssize_t = start
        j: cython.Py_ssize_t
        k: cython.Py_ssize_t
        at: cython.Py_ssize_t
        mark: cython.Py_ssize_t
        length: cython.Py_ssize_t
        while i < end and data[i] != 10 and i - start < 100:
            i += 1
        length = i - start
        if length > 0 and data[start + length - 1] == 13:
            length -= 1
        if length < 3 or data[start] != 45 or data[start + 1] != 45:
            at = self._decode(data, start, end, False)
            self._value(_BODY_TEXT, at, self.used)
            return 0
        while i < end:
            i += 1
            # The part's head: up to a blank line. Its quoted parameters are values.
            j = i
            while j < end:
                k = j
                while k < end and data[k] != 10:
                    k += 1
                if k - j <= 1:
                    break
                mark = j
                while mark < k:
                    if data[mark] == 34:
                        at = mark + 1
                        mark += 1
                        while mark < k and data[mark] != 34:
                            mark += 1
                        self._room(mark - at + 8)
                        at = self._decode(data, at, mark, False)
                        self._value(_FILENAME, at, self.used)
                        self.out[self.used] = 127
                        self.used += 1
                    mark += 1
                j = k + 1
            while j < end and data[j] != 10:
                j += 1
            i = j + 1
            # Its content: up to the delimiter.
            j = i
            while j < end:
                if data[j] == 45 and j + length <= end and same_in(data, j, data, start, start + length):
                    break
                while j < end and data[j] != 10:
                    j += 1
                j += 1
            k = j if j < end else end
            mark = k
            while mark > i and (data[mark - 1] == 10 or data[mark - 1] == 13):
                mark -= 1
            if i < mark:
                self._room(mark - i + 8)
                if data[i] == 123 or data[i] == 91:
                    self._json(data, i, mark)
                elif data[i] == 60:
                    self._markup(data, i, mark)
                else:
                    at = self._decode(data, i, mark, False)
                    self._value(_BODY_VALUE, at, self.used)
                self._room(8)
                self.out[self.used] = 127
                self.used += 1
            i = k
            while i < end and data[i] != 10:
                i += 1
        return 0


WORDS = frozenset(
    b"select union insert update delete drop alter create truncate exec execute declare waitfor and or xor like rlike regexp between having "
    b"order group where from into limit not null is case when shutdown call begin merge grant sleep benchmark "
    b"cat ls id whoami ping nc wget curl bash sh cmd dir type net echo uname powershell rm chmod php python perl ruby sleep sudo dd tar find grep "
    b"ifconfig ipconfig systeminfo crontab export chown base64 more less head tail fetch lynx".split()
)
"""Words that make a value of letters and blanks worth a look."""


@cython.cfunc
@cython.exceptval(-1, check=True)
def _wordy(data: cython.uchar[::1], start: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.bint:
    """Whether one of WORDS stands in a value that is letters, digits and blanks."""
    i: cython.Py_ssize_t = start
    j: cython.Py_ssize_t
    while i < end:
        j = i
        while j < end and ((97 <= (data[j] | 32) <= 122) or data[j] == 95):
            j += 1
        if 2 <= j - i <= 10 and bytes(data[i:j]).lower() in WORDS:
            return True
        i = j + 1
    return False


@cython.cfunc
@cython.exceptval(-1, check=True)
def _suspect(data: cython.const[cython.uchar][::1], start: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.bint:
    """Whether harmless octets make something worth a look: two dots, two dashes, a bracket or sign that stands as code does."""
    i: cython.Py_ssize_t
    c: cython.int
    after: cython.int
    octets: cython.pointer(cython.const[cython.uchar])
    if start < 0 or end > len(data):
        raise IndexError("unfold: range outside the buffer")
    if start >= end:
        return False
    if cython.compiled:
        octets = cython.address(data[start])
    else:
        octets = data[start:end]
    for i in range(end - start - 1):
        c = octets[i]
        # Most octets begin nothing.
        if _safe[c] & 32:
            continue
        after = octets[i + 1]
        if c == 46 or c == 45:
            if after == c:
                return True
        elif c == 47:
            if after == 42 and not (i > 0 and octets[i - 1] == 42):
                return True
        elif c == 40:
            if after == 41 or after == 40:
                return True
        elif c == 58:
            if after == 47:
                return True
        elif (after | 32) == 101 and i + 5 < end - start and (octets[i + 2] | 32) == 108 and (octets[i + 3] | 32) == 101 and (octets[i + 4] | 32) == 99:
            return True
    return False
