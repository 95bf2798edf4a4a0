"""From a batch to what is judged: the fields of its calls, where each call ended in the path tree, and counts a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.calls import FORM_BODY, JSON_BODY, OTHER_BODY, Calls
from models.endpoints import PathTree
from models.fields import ROW_COUNTS, SYMBOLS, FieldReader, count_neighbours

Array = np.ndarray[Any, Any]


@dataclass(slots=True, eq=False, repr=False)
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
    ranges: Array
    """Of each call, where its fields begin; one more than there are calls."""
    calls: Calls
    reader: FieldReader
    """Which has the calls open, and their fields."""


def observe(calls: Calls, tree: PathTree, bigrams: Array, table: Array | None = None, before: Observation | None = None) -> Observation:
    """Read calls. `table` gives each call its table of characters (cross-fitting); without it all use the first. `before`, what was observed of the same
    calls by another tree or other tables, makes it cheaper."""
    calls.root = tree.root_of(calls.method, calls.host)
    reader = FieldReader(bigrams, tree.keys, tree.children, len(tree.names))
    reader.open(calls, table)
    rows = calls.rows
    node = np.zeros(rows, np.int32)
    variant = np.zeros(rows, np.uint8)
    counts = np.zeros((rows, len(ROW_COUNTS)), np.float32)
    ranges = np.zeros(rows + 1, np.int32)
    reader.read(node, variant, counts, ranges, (before.reader, before.ranges, before.counts) if before is not None else None)
    return Observation(reader.columns(), node, variant, counts, ranges, calls, reader)


def character_tables(calls: Calls, fold: Array, folds: int) -> Array:
    """Nats of each character after each, float32[folds, SYMBOLS * SYMBOLS]: table k is made without the calls of fold k.

    One fold means one table of all calls. Pairs never seen lean on how common the second character is.
    """
    counts = np.zeros((folds, SYMBOLS * SYMBOLS), np.float32)
    every = np.ones(calls.rows, bool)
    for data, at, mode, which in (
        (calls.path, calls.path_at, 1, every), (calls.query, calls.query_at, 1, every),
        (calls.body, calls.body_at, 1, calls.body_kind == FORM_BODY), (calls.body, calls.body_at, 2, calls.body_kind == JSON_BODY),
        (calls.body, calls.body_at, 0, calls.body_kind == OTHER_BODY),
    ):  # fmt: skip
        count_neighbours(data, at, mode, fold, which, counts)
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
