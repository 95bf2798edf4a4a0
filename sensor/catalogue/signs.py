"""Which calls of a batch may carry an operation of their own: a quick look over the octets, before anything is parsed.

A body may be GraphQL or JSON-RPC when it is JSON with one of their member names in it, and SOAP when it is XML with an Envelope; a query string may
be GraphQL when it has a parameter ``query`` or ``extensions``. What is found is read with care afterwards, so a wrong guess costs time only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

COMPILED = cython.compiled

LOOKED_AT = cython.declare(cython.Py_ssize_t, 4096)
"""Octets of a body that are looked at."""
_MEMBERS = cython.declare(tuple, (b"jsonrpc\"", b"query\"", b"operationName\"", b"persistedQuery\""))
_ENVELOPE = cython.declare(bytes, b"Envelope")
_PARAMETERS = cython.declare(tuple, (b"query=", b"extensions="))


@cython.cfunc
@cython.exceptval(-1)
def _at(data: cython.const[cython.uchar][::1], at: cython.Py_ssize_t, end: cython.Py_ssize_t, text: bytes) -> cython.int:
    """Whether `text` stands at data[at:end]."""
    i: cython.Py_ssize_t = 0
    n: cython.Py_ssize_t = len(text)
    if end - at < n:
        return 0
    while i < n:
        if data[at + i] != text[i]:
            return 0
        i += 1
    return 1


def in_bodies(offsets: Any, octets: Any) -> Any:
    """Rows (i64, ascending) of a binary column whose value may be GraphQL, JSON-RPC or SOAP."""
    if not cython.compiled:
        offsets, octets = offsets.tolist(), octets.tobytes()
    offset_v: cython.const[cython.int][::1] = offsets
    data: cython.const[cython.uchar][::1] = octets
    found: list[int] = []
    row: cython.Py_ssize_t = 0
    rows: cython.Py_ssize_t = len(offset_v) - 1
    at: cython.Py_ssize_t
    end: cython.Py_ssize_t
    c: cython.int
    while row < rows:
        at = offset_v[row]
        end = offset_v[row + 1]
        if end - at > LOOKED_AT:
            end = at + LOOKED_AT
        if end - at >= 3 and data[at] == 0xEF and data[at + 1] == 0xBB:
            at += 3  # a byte order mark
        while at < end and data[at] <= 32:
            at += 1
        c = data[at] if at < end else 0
        if c in {123, 91}:  # { [
            while at < end:
                if data[at] == 34 and at + 1 < end:
                    c = data[at + 1]
                    if (c == 106 and _at(data, at + 1, end, _MEMBERS[0])) or (c == 113 and _at(data, at + 1, end, _MEMBERS[1])):
                        found.append(row)
                        break
                    if (c == 111 and _at(data, at + 1, end, _MEMBERS[2])) or (c == 112 and _at(data, at + 1, end, _MEMBERS[3])):
                        found.append(row)
                        break
                at += 1
        elif c == 60:  # <
            while at < end:
                if data[at] == 69 and _at(data, at, end, _ENVELOPE):
                    found.append(row)
                    break
                at += 1
        row += 1
    return np.array(found, np.int64)


def in_queries(offsets: Any, octets: Any) -> Any:
    """Rows (i64, ascending) of a string column whose query string has a parameter ``query`` or ``extensions``."""
    if not cython.compiled:
        offsets, octets = offsets.tolist(), octets.tobytes()
    offset_v: cython.const[cython.int][::1] = offsets
    data: cython.const[cython.uchar][::1] = octets
    found: list[int] = []
    row: cython.Py_ssize_t = 0
    rows: cython.Py_ssize_t = len(offset_v) - 1
    at: cython.Py_ssize_t
    end: cython.Py_ssize_t
    c: cython.int
    while row < rows:
        at = offset_v[row]
        end = offset_v[row + 1]
        while at < end:
            c = data[at]
            if (c == 113 and _at(data, at, end, _PARAMETERS[0])) or (c == 101 and _at(data, at, end, _PARAMETERS[1])):
                found.append(row)
                break
            while at < end and data[at] != 38:
                at += 1
            at += 1
        row += 1
    return np.array(found, np.int64)
