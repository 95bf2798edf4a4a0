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
    if not column.null_count:
        return np.ones(len(column), np.bool_)
    return np.asarray(column.is_valid())


def words(column: pa.Array) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """The distinct values of a dictionary or string column, and for each row which of them it is (-1 for null)."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    indices = np.asarray(column.indices.fill_null(-1)).astype(np.int64)
    return column.dictionary, indices


def word_spans(column: pa.Array) -> Spans:
    """As `spans`, for a dictionary column: each row points at its entry in the dictionary."""
    dictionary, indices = words(column)
    data, starts, ends = spans(dictionary)
    if len(dictionary) == 0:
        none = np.zeros(len(column), np.int64)
        return data, none, none.copy()
    at = np.maximum(indices, 0)
    first = np.ascontiguousarray(starts[at])
    return data, first, np.ascontiguousarray(np.where(indices < 0, first, ends[at]))


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


def body_kinds(types: pa.Array, body: Spans) -> npt.NDArray[np.uint8]:
    """How each row's body is read: by its media type, or by its first octet where that does not say."""
    dictionary, indices = words(types)
    by_type = np.array([body_kind(word or "") for word in dictionary.to_pylist()] + [-1], np.int64)
    kinds = by_type[indices]
    data, starts, ends = body
    there = ends > starts
    first = np.where(there, data[np.minimum(starts, len(data) - 1)], 0)
    braces = (first == ord("{")) | (first == ord("["))
    guess = np.where(braces, JSON, np.where(first == ord("<"), XML, np.where(first == ord("-"), MULTIPART, FORM)))
    kinds = np.where(kinds < 0, guess, kinds)
    # A form that starts with a brace is JSON sent without its type, as curl does.
    kinds = np.where((kinds == FORM) & braces, JSON, kinds)
    return np.ascontiguousarray(np.where(there, kinds, NO_BODY).astype(np.uint8))
