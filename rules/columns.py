"""A batch's columns as the matcher reads them: octets with starts and ends, dictionaries with indices, numbers with validity."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rules.unfold import FORM, JSON, MULTIPART, NO_BODY, OTHER, XML

Spans: TypeAlias = tuple[Any, npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Octets, and where each row's part of them starts and ends; both equal for a null."""

_EMPTY = np.zeros(1, np.uint8)


def spans(column: pa.Array) -> Spans:
    """The octets of a string or binary column, without a copy."""
    wide = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    kind = np.int64 if wide else np.int32
    buffers = column.buffers()
    count = len(column)
    if count == 0 or buffers[1] is None:
        none = np.zeros(count, np.int64)
        return _EMPTY, none, none.copy()
    offsets = np.frombuffer(buffers[1], kind, count=column.offset + count + 1)[column.offset :].astype(np.int64)
    data = np.frombuffer(buffers[2], np.uint8) if buffers[2] is not None and len(buffers[2]) else _EMPTY
    starts, ends = np.ascontiguousarray(offsets[:-1]), np.ascontiguousarray(offsets[1:])
    if column.null_count:
        valid = valid_rows(column)
        ends = np.where(valid, ends, starts)
    return data, starts, ends


def valid_rows(column: pa.Array) -> npt.NDArray[np.bool_]:
    """Which rows are not null."""
    bitmap = column.buffers()[0]
    if not column.null_count or bitmap is None:
        return np.full(len(column), not column.null_count, np.bool_)
    skipped = column.offset & 7
    octets = np.frombuffer(bitmap, np.uint8)[column.offset >> 3 :]
    return np.unpackbits(octets, count=skipped + len(column), bitorder="little")[skipped:].view(np.bool_)


def words(column: pa.Array) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """The distinct values of a dictionary or string column, and for each row which of them it is (-1 for null)."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    indices = integers(column.indices)
    if column.null_count:
        indices = np.where(valid_rows(column), indices, -1)
    return column.dictionary, indices


def integers(column: pa.Array) -> npt.NDArray[np.int64]:
    """The values of a column of integers; any number where there is none."""
    buffers = column.buffers()
    width = column.type.bit_width // 8
    kind = np.dtype(f"{'i' if pa.types.is_signed_integer(column.type) else 'u'}{width}")
    if not pa.types.is_integer(column.type) or buffers[1] is None:
        return np.asarray(column.fill_null(0)).astype(np.int64)
    return np.frombuffer(buffers[1], kind, count=column.offset + len(column))[column.offset :].astype(np.int64)


def numbers(column: pa.Array) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """The values of a numeric column, and which of them are there."""
    valid = valid_rows(column)
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
        self.names: frozenset[str] = frozenset(batch.schema.names)
        self._spans: dict[str, Spans] = {}
        self._words: dict[str, tuple[pa.Array, npt.NDArray[np.int64]]] = {}
        self._valid: dict[str, npt.NDArray[np.bool_]] = {}

    def column(self, name: str) -> pa.Array:
        """The column itself."""
        return self.batch.column(name)

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
        """See `valid_rows`."""
        if name not in self._valid:
            self._valid[name] = valid_rows(self.column(name))
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
        kinds = np.full(self.count, NO_BODY, np.uint8)
        rows = np.flatnonzero(ends > starts)
        if not len(rows):
            return kinds
        dictionary, indices = self.words("request_type")
        by_type = np.array([body_kind(word or "") for word in dictionary.to_pylist()] + [-1], np.int64)
        of_rows = by_type[indices[rows]]
        first = data[starts[rows]]
        braces = (first == ord("{")) | (first == ord("["))
        guess = np.where(braces, JSON, np.where(first == ord("<"), XML, np.where(first == ord("-"), MULTIPART, FORM)))
        of_rows = np.where(of_rows < 0, guess, of_rows)
        # A form that starts with a brace is JSON sent without its type, as curl does.
        kinds[rows] = np.where((of_rows == FORM) & braces, JSON, of_rows)
        return kinds
