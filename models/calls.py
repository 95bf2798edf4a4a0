"""A batch as the hot code reads it: octets with their offsets and small numbers a call, taken from Arrow buffers without copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from models.fields import body_kinds, hash_octets, hash_runs, hash_words

Array = np.ndarray[Any, Any]

NO_BODY, FORM_BODY, JSON_BODY, OTHER_BODY, OPAQUE_BODY = range(5)


@dataclass(slots=True)
class Calls:
    """The columns of one batch that judging needs; offsets are absolute in their octets, one more than there are calls."""

    rows: int
    path: Array
    path_at: Array
    query: Array
    query_at: Array
    head: Array
    head_at: Array
    body: Array
    body_at: Array
    body_kind: Array
    method: tuple[Array, list[str]]
    host: tuple[Array, list[str]]
    root: Array
    """Root of the path tree for the call's method and host; -1 when unknown. Filled by `models.endpoints`."""
    ts: Array
    """int64, ns since the epoch."""
    status: Array
    """int64, -1 when no response was seen; so are the four below when they are not known."""
    request_bytes: Array
    response_bytes: Array
    duration: Array
    ttfb: Array
    response_type: Array
    """int32, indices into the hashes of media types."""
    type_hashes: Array


def octets(array: pa.Array) -> tuple[Array, Array]:
    """Octets and offsets of a string or binary column; null is empty. No copy but for the offsets of a column that has nulls with octets."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if array.type not in (pa.string(), pa.binary()):
        array = array.cast(pa.binary())
    buffers = array.buffers()
    offsets = np.frombuffer(buffers[1], np.int32, count=len(array) + 1, offset=4 * array.offset) if len(array) else np.zeros(1, np.int32)
    data = np.frombuffer(buffers[2], np.uint8) if buffers[2] is not None and buffers[2].size else np.zeros(1, np.uint8)[:0]
    return data, offsets


def _numbers(array: pa.Array) -> tuple[Array, Array | None]:
    """An integer column's numbers, no copy, and which of them are there; None where all are."""
    kind = np.dtype(array.type.to_pandas_dtype())
    values, valid = array.buffers()[1], array.buffers()[0]
    if not len(array):
        return np.zeros(0, kind), None
    out = np.frombuffer(values, kind, count=len(array), offset=kind.itemsize * array.offset)
    if not array.null_count:
        return out, None
    bits = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")
    return out, bits[array.offset : array.offset + len(array)].view(bool)


def _codes(column: pa.DictionaryArray, null: int) -> Array:
    """The codes of a dictionary column, int32, `null` for null."""
    codes, there = _numbers(column.indices)
    if there is not None:
        codes = np.where(there, codes, null)
    return np.ascontiguousarray(codes, np.int32)


def words(column: pa.Array) -> tuple[Array, list[str]]:
    """Codes and their words of a low-cardinality column; null is the empty word."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    names = [str(word) if word is not None else "" for word in column.dictionary.to_pylist()]
    codes = _codes(column, len(names))
    if column.null_count:
        names.append("")
    return codes, names


def whole_numbers(column: pa.Array) -> Array:
    """An integer column as int64 with null as -1; no copy of one that is int64 and has no nulls."""
    numbers, there = _numbers(column)
    if there is not None:
        numbers = np.where(there, numbers, -1)
    return np.ascontiguousarray(numbers, np.int64)


def hashes(column: pa.Array) -> tuple[Array, Array, Array]:
    """Of a low-cardinality column: codes, the hash of each word (`models.fields.hash_octets`), and whether it is a word at all: neither empty nor null."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    data, at = octets(column.dictionary)
    count = len(at) - 1
    out, real = np.zeros(count + 1, np.uint64), np.zeros(count + 1, np.uint8)
    hash_runs(data, at, out[:count])
    out[count] = _NOTHING
    real[:count] = at[1:] > at[:-1]
    return _codes(column, count), out, real


_NOTHING = hash_octets(b"")


def _body_kinds(batch: pa.RecordBatch, body: Array, at: Array) -> Array:
    """Which reader fits each body: by media type, and by its first octets where the type is missing or says nothing."""
    codes, names = words(batch.column("request_type"))
    by_type = [FORM_BODY if "form-urlencoded" in name else JSON_BODY if "json" in name else OTHER_BODY if name else NO_BODY for name in names]
    out = np.zeros(batch.num_rows, np.uint8)
    body_kinds(body, at, codes, np.array(by_type or [NO_BODY], np.uint8), out)
    return out


def read_calls(batch: pa.RecordBatch) -> Calls:
    """The columns of a batch under `parsers.schema.CALL_SCHEMA`, with or without the judgements appended."""
    path, path_at = octets(batch.column("path"))
    query, query_at = octets(batch.column("query"))
    head, head_at = octets(batch.column("request_head"))
    body, body_at = octets(batch.column("request_body"))
    kind, kinds = words(batch.column("response_type"))
    rows = batch.num_rows
    ts, status, request_bytes, response_bytes, duration, ttfb = (
        whole_numbers(batch.column(name)) for name in ("ts", "status", "request_bytes", "response_bytes", "duration", "ttfb")
    )
    return Calls(
        rows, path, path_at, query, query_at, head, head_at, body, body_at, _body_kinds(batch, body, body_at), words(batch.column("method")),
        words(batch.column("host")), np.full(rows, -1, np.int32), ts, status, request_bytes, response_bytes, duration, ttfb, kind, hash_words(kinds or [""]),
    )  # fmt: skip


def request_seeds(batch: pa.RecordBatch, calls: Calls) -> Array:
    """Of each call, a hash of method, host and agent: what `models.fields.fingerprints` goes on from."""
    out = np.zeros(calls.rows, np.uint64)
    for (codes, names), factor in ((calls.method, 3), (calls.host, 5), (words(batch.column("user_agent")), 7)):
        if calls.rows:
            out ^= hash_words(names)[codes] * np.uint64(factor)
    return out
