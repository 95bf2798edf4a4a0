"""From a batch to what is judged: the fields of its calls, where each call ended in the path tree, and counts a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from models.calls import FORM_BODY, JSON_BODY, OTHER_BODY, Calls, numbers, octets, read_calls, words
from models.endpoints import PathTree
from models.fields import (
    REQUEST_SIZE,
    RESPONSE_SIZE,
    RESPONSE_TYPE,
    ROW_COUNTS,
    STATUS,
    SYMBOLS,
    FieldReader,
    count_neighbours,
    hash_octets,
    join_hash,
)
from models.profile import joined

Array = np.ndarray[Any, Any]


@dataclass(slots=True)
class Observation:
    """One batch, ready to be judged."""

    fields: dict[str, Array]
    """Columns of fields; `row` says whose."""
    node: Array
    """Where the path ended; negative (-3 - deepest known node) when it left the tree."""
    variant: Array
    """Which of query, form, JSON and other body the call has."""
    counts: Array
    """float32[call, ROW_COUNTS]."""
    terminal: Array
    """Whether training calls ended at the node."""
    calls: Calls


def _answers(batch: pa.RecordBatch, node: Array) -> dict[str, Array]:
    """Status, media type and sizes as fields, one each where they were seen."""
    rows = batch.num_rows
    place = (node.astype(np.int64) + 2).astype(np.uint64)
    empty = {name: np.zeros(0, np.int64) for name in ("row", "kind", "slot", "pool", "length", "value")}
    parts = [empty]

    def add(kind: int, seen: Array, length: Array | None, value: Array | None) -> None:
        at = np.flatnonzero(seen)
        count = len(at)
        pool = np.uint64(join_hash(kind, 0))
        parts.append(
            {
                "row": at,
                "kind": np.full(count, kind),
                "slot": joined(np.full(count, pool), place[at]),
                "pool": np.full(count, pool),
                "length": length[at] if length is not None else np.zeros(count, np.int64),
                "value": value[at] if value is not None else np.zeros(count, np.uint64),
            }
        )

    status = numbers(batch.column("status"), -1)
    add(STATUS, status >= 0, None, joined(status.astype(np.int64).astype(np.uint64), np.full(rows, STATUS)))
    codes, names = words(batch.column("response_type"))
    hashes = np.array([hash_octets(name.encode()) for name in names] or [0], np.uint64)
    add(RESPONSE_TYPE, status >= 0, None, hashes[codes] if rows else hashes[:0])
    for kind, column in ((RESPONSE_SIZE, "response_bytes"), (REQUEST_SIZE, "request_bytes")):
        size = numbers(batch.column(column), -1)
        add(kind, size >= 0, np.minimum(np.maximum(size, 0), 2**30).astype(np.int64), None)
    kinds = {"row": np.int32, "kind": np.uint8, "slot": np.uint64, "pool": np.uint64, "length": np.int32, "value": np.uint64}
    return {name: np.concatenate([part[name].astype(kinds[name]) for part in parts]) for name in empty}


def observe(batch: pa.RecordBatch, tree: PathTree, bigrams: Array, table: Array | None = None) -> Observation:
    """Read a batch. `table` gives each call its table of characters (cross-fitting); without it all use the first."""
    calls = read_calls(batch)
    calls.root = tree.root_of(calls.method, calls.host)
    rows = calls.rows
    node = np.zeros(rows, np.int32)
    variant = np.zeros(rows, np.uint8)
    counts = np.zeros((rows, len(ROW_COUNTS)), np.float32)
    reader = FieldReader(bigrams, tree.keys, tree.children)
    reader.read(calls, 0, rows, np.zeros(rows, np.uint8) if table is None else table, node, variant, counts)
    fields = reader.take()
    answers = _answers(batch, node)
    whole = {}
    for name, column in fields.items():
        more = answers.get(name)
        whole[name] = np.concatenate([column, more if more is not None else np.zeros(len(answers["row"]), column.dtype)])
    ended = np.append(tree.calls > 0, False)
    terminal = ended[np.where(node >= 0, node, len(ended) - 1)]
    return Observation(whole, node, variant, counts, terminal, calls)


def character_tables(batch: pa.RecordBatch, fold: Array, folds: int) -> Array:
    """Nats of each character after each, float32[folds, SYMBOLS * SYMBOLS]: table k is made without the calls of fold k.

    One fold means one table of all calls. Pairs never seen lean on how common the second character is.
    """
    calls = read_calls(batch)
    counts = np.zeros((folds, SYMBOLS * SYMBOLS), np.float32)
    for data, at, mode in ((calls.path, calls.path_at, 1), (calls.query, calls.query_at, 1)):
        count_neighbours(data, at, mode, fold, counts)
    for kind, mode in ((FORM_BODY, 1), (JSON_BODY, 2), (OTHER_BODY, 0)):
        rows = np.flatnonzero(calls.body_kind == kind)
        if len(rows):
            data, at = octets(batch.column("request_body").take(pa.array(rows)))
            count_neighbours(data, at, mode, np.ascontiguousarray(fold[rows]), counts)
    return character_nats(counts.sum(0)[None] - (counts if folds > 1 else 0))


def character_nats(counts: Array) -> Array:
    """Counts of neighbours to nats."""
    square = counts.reshape(len(counts), SYMBOLS, SYMBOLS).astype(np.float64)
    single = square.sum(1) + 0.5
    single /= single.sum(1, keepdims=True)
    lean = 8.0
    chance = (square + lean * single[:, None, :]) / (square.sum(2, keepdims=True) + lean)
    out: Array = (-np.log(chance)).astype(np.float32).reshape(len(counts), -1)
    return out


__all__ = ["Observation", "character_nats", "character_tables", "observe"]
