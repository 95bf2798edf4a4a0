"""A batch's columns as numpy reads them: without a copy where they stand as wanted, and without `pyarrow.compute`, whose import costs a start 30 ms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

Array = np.ndarray[Any, Any]


def present(column: pa.Array) -> Array:
    """Which rows are not null, bool."""
    bitmap = column.buffers()[0]
    if bitmap is None or not column.null_count:
        return np.full(len(column), not column.null_count)
    first = column.offset & 7
    octets = np.frombuffer(bitmap, np.uint8)[column.offset >> 3 :]
    return np.unpackbits(octets, count=first + len(column), bitorder="little")[first:].view(bool)


def numbers(column: pa.Array, absent: int) -> Array:
    """The values of a column of integers; `absent` where there is none."""
    kind = column.type.to_pandas_dtype()
    values = column.buffers()[1]
    if values is None:
        return np.full(len(column), absent, kind)
    found = np.frombuffer(values, kind)[column.offset : column.offset + len(column)]
    return np.where(present(column), found, kind(absent)) if column.null_count else found


def codes(column: pa.DictionaryArray) -> Array:
    """The index of each row's word, i32; -1 for null, which is what stands past the last of an array of words."""
    return numbers(column.indices, -1).astype(np.int32, copy=False)


def coded(indices: Array, words: pa.Array) -> pa.DictionaryArray:
    """The column of these words by their index (i32); -1 is null. Of `words` every index must be one."""
    absent = indices < 0
    nulls = int(np.count_nonzero(absent))
    valid = pa.py_buffer(np.packbits(~absent, bitorder="little")) if nulls else None
    column = pa.Array.from_buffers(pa.int32(), len(indices), [valid, pa.py_buffer(np.ascontiguousarray(indices, np.int32))], nulls)
    return pa.DictionaryArray.from_arrays(column, words, safe=False)


def spans(column: pa.Array) -> tuple[Array, Array]:
    """(offsets i32, octets u8) of a string or binary column; a null is empty. There is always an octet."""
    if len(column) == 0:
        return np.zeros(1, np.int32), np.zeros(1, np.uint8)
    _, offsets, octets = column.buffers()
    starts = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    return starts, np.frombuffer(octets, np.uint8) if octets is not None and octets.size else np.zeros(1, np.uint8)
