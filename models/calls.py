"""A batch as the hot code reads it: octets with their offsets and small numbers a call, taken from Arrow buffers without copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from models.fields import body_kinds, fingerprints, gather, hash_octets, hash_runs, hash_words

Array = np.ndarray[Any, Any]

NO_BODY, FORM_BODY, JSON_BODY, OTHER_BODY, OPAQUE_BODY = range(5)


@dataclass(slots=True, eq=False, repr=False)
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
    template: tuple[Array, list[str | None]] | None = None
    """Where the batch has been labelled; None for what is no endpoint."""


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
    template = None
    if batch.schema.get_field_index("template") >= 0:
        column = batch.column("template")
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        labels = column.dictionary.to_pylist()
        template = (_codes(column, len(labels)), [*labels, None])
    ts, status, request_bytes, response_bytes, duration, ttfb = (
        whole_numbers(batch.column(name)) for name in ("ts", "status", "request_bytes", "response_bytes", "duration", "ttfb")
    )
    return Calls(
        rows, path, path_at, query, query_at, head, head_at, body, body_at, _body_kinds(batch, body, body_at), words(batch.column("method")),
        words(batch.column("host")), np.full(rows, -1, np.int32), ts, status, request_bytes, response_bytes, duration, ttfb, kind, hash_words(kinds or [""]), template,
    )  # fmt: skip


def requests(batch: pa.RecordBatch, calls: Calls) -> Array:
    """Of each call, a hash of what it asks for, equal for copies of one request: method, host, agent, path, query and body."""
    seeds, out = np.zeros(calls.rows, np.uint64), np.zeros(calls.rows, np.uint64)
    for (codes, names), factor in ((calls.method, 3), (calls.host, 5), (words(batch.column("user_agent")), 7)):
        if calls.rows:
            seeds ^= hash_words(names)[codes] * np.uint64(factor)
    fingerprints(calls, seeds, out)
    return out


_OCTETS = ("path", "query", "head", "body")
_NUMBERS = ("ts", "status", "request_bytes", "response_bytes", "duration", "ttfb", "body_kind", "root")
_WORDS = ("method", "host")
MOST_OCTETS = 2**31 - 1
"""What offsets of 32 bits reach."""


def taken(calls: Calls, rows: Array) -> Calls:
    """These calls of a batch, copied. Raises OverflowError for more octets of one column than MOST_OCTETS."""
    columns: dict[str, Any] = {"rows": len(rows), "type_hashes": calls.type_hashes, "response_type": calls.response_type[rows]}
    wanted = np.ascontiguousarray(rows, np.int64)
    for name in _OCTETS:
        data, at = getattr(calls, name), getattr(calls, f"{name}_at")
        ends = np.cumsum(at[wanted + 1].astype(np.int64) - at[wanted])
        total = int(ends[-1]) if len(ends) else 0
        if total > MOST_OCTETS:
            raise OverflowError(f"{total} octets of {name} are more than offsets reach")
        out, out_at = np.empty(total, np.uint8), np.zeros(len(rows) + 1, np.int32)
        out_at[1:] = ends
        gather(data, at, wanted, out, out_at)
        columns[name], columns[f"{name}_at"] = out, out_at
    for name in _NUMBERS:
        columns[name] = getattr(calls, name)[rows]
    for name in _WORDS:
        codes, names = getattr(calls, name)
        columns[name] = codes[rows], names
    columns["template"] = None if calls.template is None else (calls.template[0][rows], calls.template[1])
    return Calls(**columns)


def joined_calls(parts: list[Calls]) -> Calls:
    """Calls of several batches as one. Raises OverflowError as `taken` does."""
    if len(parts) == 1:
        return parts[0]
    columns: dict[str, Any] = {"rows": sum(part.rows for part in parts), "type_hashes": np.concatenate([part.type_hashes for part in parts])}
    for name in _OCTETS:
        ats = [getattr(part, f"{name}_at") for part in parts]
        pieces = [getattr(part, name)[at[0] : at[-1]] for part, at in zip(parts, ats, strict=True)]
        before = np.cumsum([0] + [len(piece) for piece in pieces])
        if before[-1] > MOST_OCTETS:
            raise OverflowError(f"{before[-1]} octets of {name} are more than offsets reach")
        columns[name] = np.concatenate(pieces)
        shifted = [at[:-1].astype(np.int64) - at[0] + start for at, start in zip(ats, before[:-1], strict=True)]
        columns[f"{name}_at"] = np.concatenate([*shifted, before[-1:]]).astype(np.int32)
    for name in _NUMBERS:
        columns[name] = np.concatenate([getattr(part, name) for part in parts])
    types = np.cumsum([0] + [len(part.type_hashes) for part in parts])
    columns["response_type"] = np.concatenate([part.response_type + start for part, start in zip(parts, types[:-1].tolist(), strict=True)]).astype(np.int32)
    for name in _WORDS:
        columns[name] = _joined_words([getattr(part, name) for part in parts])
    templates = [part.template if part.template is not None else (np.zeros(part.rows, np.int32), [None]) for part in parts]
    columns["template"] = _joined_words(templates) if any(part.template is not None for part in parts) else None
    return Calls(**columns)


def _joined_words(columns: list[tuple[Array, list[Any]]]) -> tuple[Array, list[Any]]:
    places: dict[Any, int] = {}
    codes = []
    for code, names in columns:
        codes.append(np.array([places.setdefault(name, len(places)) for name in names] or [0], np.int32)[code])
    return np.concatenate(codes), list(places)
