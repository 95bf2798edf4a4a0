"""A batch's columns as the matcher reads them: octets with starts and ends, dictionaries with indices, numbers with validity."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.columns import present
from rules.unfold import FORM, JSON, MULTIPART, NO_BODY, OTHER, XML

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

COMPILED = cython.compiled

Spans: TypeAlias = tuple[Any, npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Octets, and where each row's part of them starts and ends; both equal for a null."""

_EMPTY = np.zeros(1, np.uint8)
_NARROW = (pa.StringArray, pa.BinaryArray)
_INTEGERS: dict[Any, Any] = {
    pa.Int8Array: np.int8, pa.Int16Array: np.int16, pa.Int32Array: np.int32, pa.Int64Array: np.int64,
    pa.UInt8Array: np.uint8, pa.UInt16Array: np.uint16, pa.UInt32Array: np.uint32, pa.UInt64Array: np.uint64,
}  # fmt: skip

_no_body = cython.declare(cython.int, NO_BODY)
_form = cython.declare(cython.int, FORM)
_json = cython.declare(cython.int, JSON)
_xml = cython.declare(cython.int, XML)
_multipart = cython.declare(cython.int, MULTIPART)


def spans(column: pa.Array) -> Spans:
    """The octets of a string or binary column, without a copy."""
    count = len(column)
    valid, offsets, octets = column.buffers()
    if count == 0 or offsets is None:
        return _EMPTY, np.zeros(count, np.int64), np.zeros(count, np.int64)
    first = column.offset
    bounds = np.frombuffer(offsets, np.int32 if isinstance(column, _NARROW) else np.int64, first + count + 1)[first:].astype(np.int64)
    # One array for both: a row ends where the next one starts.
    starts, ends = bounds[:count], bounds[1:]
    if valid is not None and column.null_count and not _empty(bounds, np.frombuffer(valid, np.uint8), first):
        ends = np.where(present(column), ends, starts)
    return np.frombuffer(octets, np.uint8) if octets is not None and len(octets) else _EMPTY, starts, ends


@cython.cfunc
@cython.exceptval(-1, check=True)
def _empty(bounds: cython.longlong[::1], bits: cython.const[cython.uchar][::1], first: cython.Py_ssize_t) -> cython.bint:
    """Whether every null has no octets, as they mostly do."""
    i: cython.Py_ssize_t
    for i in range(len(bounds) - 1):
        if bounds[i + 1] > bounds[i] and not bits[(first + i) >> 3] >> ((first + i) & 7) & 1:
            return False
    return True


def words(column: pa.Array) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """The distinct values of a dictionary or string column, and for each row which of them it is (-1 for null)."""
    if not isinstance(column, pa.DictionaryArray):
        column = column.dictionary_encode()
    indices = column.indices
    codes: npt.NDArray[np.int64]
    if type(indices) is pa.Int32Array and len(indices):
        first, count = indices.offset, len(indices)
        valid, numbers = indices.buffers()
        bits = np.frombuffer(valid, np.uint8) if valid is not None and indices.null_count else _EMPTY[:0]
        codes = np.empty(count, np.int64)
        _codes(np.frombuffer(numbers, np.int32, first + count), bits, first, codes)
    else:
        codes = integers(indices)
        if indices.null_count:
            codes = np.where(present(indices), codes, -1)
    return column.dictionary, codes


def beginning(data: Any, starts: Any, ends: Any, prefix: bytes) -> npt.NDArray[np.int64]:
    """The numbers of the texts data[starts[i]:ends[i]] that begin with a text in lower case, whatever their own case is."""
    found = np.empty(len(starts), np.int64)
    count: cython.Py_ssize_t = 0
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    n: cython.Py_ssize_t = len(prefix)
    c: cython.int
    source: cython.const[cython.uchar][::1] = data if len(data) else _EMPTY
    wanted: cython.const[cython.uchar][::1] = prefix
    first: cython.longlong[::1] = starts
    last: cython.longlong[::1] = ends
    to: cython.longlong[::1] = found
    for i in range(len(first)):
        if last[i] - first[i] < n:
            continue
        j = 0
        while j < n:
            c = source[first[i] + j]
            if (c | 32 if 65 <= c <= 90 else c) != wanted[j]:
                break
            j += 1
        if j == n:
            to[count] = i
            count += 1
    return found[:count]


@cython.cfunc
@cython.exceptval(-1)
def _codes(
    indices: cython.const[cython.int][::1], bits: cython.const[cython.uchar][::1], first: cython.Py_ssize_t, codes: cython.longlong[::1]
) -> cython.int:
    i: cython.Py_ssize_t
    nulls: cython.bint = len(bits) > 0
    for i in range(len(codes)):
        codes[i] = indices[first + i]
        if nulls and not bits[(first + i) >> 3] >> ((first + i) & 7) & 1:
            codes[i] = -1
    return 0


def integers(column: pa.Array) -> npt.NDArray[np.int64]:
    """The values of a column of integers; any number where there is none."""
    kind = _INTEGERS.get(type(column))
    octets = column.buffers()[1] if kind is not None else None
    if octets is None:
        return np.asarray(column.fill_null(0)).astype(np.int64)
    return np.frombuffer(octets, kind, count=column.offset + len(column))[column.offset :].astype(np.int64)


def numbers(column: pa.Array) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """The values of a numeric column, and which of them are there."""
    valid = present(column)
    return np.asarray(column.fill_null(0)).astype(np.float64), valid


def body_kind(media_type: str) -> int:
    """How a body of this media type is read; -1 when the type does not say."""
    if not media_type:
        return -1
    if "json" in media_type or media_type == "application/graphql":
        return JSON
    if media_type == "application/x-www-form-urlencoded":
        return FORM
    if media_type.startswith("multipart/"):
        return MULTIPART
    if "xml" in media_type:
        return XML
    if media_type.startswith("text/"):
        return -1
    if media_type.startswith(("image/", "video/", "audio/", "font/", "application/grpc")) or media_type in (
        "application/octet-stream",
        "application/zip",
        "application/gzip",
        "application/pdf",
        "application/protobuf",
        "application/x-protobuf",
    ):
        return NO_BODY
    return OTHER


class Table:
    """A batch whose columns are read at most once each."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        self.count: int = batch.num_rows
        self._numbers: dict[str, int] = {name: number for number, name in enumerate(batch.schema.names)}
        self._columns: dict[str, pa.Array] = {}
        self._spans: dict[str, Spans] = {}
        self._words: dict[str, tuple[pa.Array, npt.NDArray[np.int64]]] = {}
        self._valid: dict[str, npt.NDArray[np.bool_]] = {}

    def column(self, name: str) -> pa.Array:
        """The column itself."""
        found = self._columns.get(name)
        if found is None:
            found = self._columns[name] = self.batch.column(self._numbers[name])
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._numbers

    def spans(self, name: str) -> Spans:
        """See `spans`."""
        if name not in self._spans:
            self._spans[name] = spans(self.column(name))
        return self._spans[name]

    def words(self, name: str) -> tuple[pa.Array, npt.NDArray[np.int64]]:
        """See `words`."""
        if name not in self._words:
            self._words[name] = words(self.column(name))
        return self._words[name]

    def valid(self, name: str) -> npt.NDArray[np.bool_]:
        """See `present`."""
        if name not in self._valid:
            self._valid[name] = present(self.column(name))
        return self._valid[name]

    def word_spans(self, name: str) -> Spans:
        """As `spans`, for a column of words: each row points at its entry in the dictionary."""
        dictionary, indices = self.words(name)
        data, starts, ends = spans(dictionary)
        if len(dictionary) == 0:
            none = np.zeros(self.count, np.int64)
            return data, none, none.copy()
        if len(dictionary) == 1 and not self.column(name).null_count:
            return data, np.full(self.count, starts[0]), np.full(self.count, ends[0])
        at = np.maximum(indices, 0)
        first = np.ascontiguousarray(starts[at])
        return data, first, np.ascontiguousarray(np.where(indices < 0, first, ends[at]))

    def body_kinds(self) -> npt.NDArray[np.uint8]:
        """How each row's request body is read: by its media type, or by its first octet where that does not say."""
        data, starts, ends = self.spans("request_body")
        kinds = np.empty(self.count, np.uint8)
        dictionary, indices = self.words("request_type")
        by_type = np.array([*(body_kind(word or "") for word in dictionary.to_pylist()), -1], np.int64)
        _kinds(data, starts, ends, indices, by_type, kinds)
        return kinds


@cython.cfunc
@cython.exceptval(-1)
def _kinds(
    data: cython.const[cython.uchar][::1],
    starts: cython.longlong[::1],
    ends: cython.longlong[::1],
    types: cython.longlong[::1],
    by_type: cython.longlong[::1],
    kinds: cython.uchar[::1],
) -> cython.int:
    i: cython.Py_ssize_t
    kind: cython.longlong
    first: cython.int
    for i in range(len(kinds)):
        kinds[i] = _no_body
        if ends[i] <= starts[i]:
            continue
        kind = by_type[types[i] if types[i] >= 0 else len(by_type) - 1]
        first = data[starts[i]]
        if first == 123 or first == 91:
            # A form that starts with a brace is JSON sent without its type, as curl does.
            if kind < 0 or kind == _form:
                kind = _json
        elif kind < 0:
            kind = _xml if first == 60 else _multipart if first == 45 else _form
        kinds[i] = kind
    return 0
