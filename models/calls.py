"""A batch as the hot code reads it: octets with their offsets and small numbers a call, taken from Arrow buffers without copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.fields import hash_octets, join_hash

Array = np.ndarray[Any, Any]

NO_BODY, FORM_BODY, JSON_BODY, OTHER_BODY = range(4)


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
    seed: Array
    method: tuple[Array, list[str]]
    host: tuple[Array, list[str]]
    template: list[str | None] | None
    root: Array
    """Root of the path tree for the call's method and host; -1 when unknown. Filled by `models.endpoints`."""


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


def words(column: pa.Array) -> tuple[Array, list[str]]:
    """Codes and their words of a low-cardinality column; null is the empty word."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    names = [str(word) if word is not None else "" for word in column.dictionary.to_pylist()]
    codes = column.indices.cast(pa.int32())
    if codes.null_count:
        codes = codes.fill_null(len(names))
        names.append("")
    return np.asarray(codes, dtype=np.int32), names


def numbers(column: pa.Array, missing: float = np.nan) -> Array:
    """A numeric column as float64 with null as `missing`."""
    return np.asarray(pc.fill_null(column.cast(pa.float64()), missing))


def _body_kinds(batch: pa.RecordBatch, body: Array, at: Array) -> Array:
    """Which reader fits each body: by media type, and by its first octet where the type is missing or says nothing."""
    codes, names = words(batch.column("request_type"))
    by_type = np.array(
        [
            FORM_BODY if "form-urlencoded" in name else JSON_BODY if "json" in name else OTHER_BODY if name else NO_BODY
            for name in names
        ]
        or [NO_BODY],
        np.uint8,
    )
    kind = by_type[codes] if len(codes) else np.zeros(0, np.uint8)
    sized = at[1:] > at[:-1]
    first = np.zeros(len(kind), np.uint8)
    first[sized] = body[at[:-1][sized]]
    bare = kind == NO_BODY
    kind = np.where(bare & ((first == 0x7B) | (first == 0x5B)), JSON_BODY, kind)
    kind = np.where(bare & sized & (kind == NO_BODY), OTHER_BODY, kind)
    return np.where(sized, kind, NO_BODY).astype(np.uint8)


def read_calls(batch: pa.RecordBatch) -> Calls:
    """The columns of a batch under `parsers.schema.CALL_SCHEMA`, with or without the judgements appended."""
    path, path_at = octets(batch.column("path"))
    query, query_at = octets(batch.column("query"))
    head, head_at = octets(batch.column("request_head"))
    body, body_at = octets(batch.column("request_body"))
    method = words(batch.column("method"))
    host = words(batch.column("host"))
    agent = words(batch.column("user_agent"))
    method_hash = np.array([hash_octets(name.encode()) for name in method[1]] or [0], np.uint64)
    host_hash = np.array([hash_octets(name.encode()) for name in host[1]] or [0], np.uint64)
    agent_hash = np.array([hash_octets(name.encode()) for name in agent[1]] or [0], np.uint64)
    rows = batch.num_rows
    seed = (
        (method_hash[method[0]] * np.uint64(3)) ^ (host_hash[host[0]] * np.uint64(5)) ^ (agent_hash[agent[0]] * np.uint64(7))
        if rows
        else np.zeros(0, np.uint64)
    )
    template = None
    index = batch.schema.get_field_index("template")
    if index >= 0:
        codes, names = words(batch.column(index))
        template = [names[code] or None for code in codes.tolist()]
    return Calls(
        rows, path, path_at, query, query_at, head, head_at, body, body_at, _body_kinds(batch, body, body_at), seed, method, host, template,
        np.full(rows, -1, np.int32),
    )  # fmt: skip


def pair_hash(a: str, b: str) -> int:
    """Hash of a method and host together."""
    return join_hash(hash_octets(a.encode()), hash_octets(b.encode()))
