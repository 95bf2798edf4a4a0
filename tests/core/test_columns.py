"""Columns as numpy reads them say what Arrow says of them, nulls and slices included."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.columns import coded, codes, numbers, present, spans

SLICE = st.tuples(st.integers(0, 20), st.integers(0, 20))


def cut(array: Any, where: tuple[int, int]) -> Any:
    return array.slice(min(where[0], len(array)), where[1])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(-5, 100)), max_size=20), SLICE, st.sampled_from([pa.int8(), pa.int32(), pa.int64()]))
def test_numbers(values: list[int | None], where: tuple[int, int], kind: pa.DataType) -> None:
    column = cut(pa.array(values, kind), where)
    assert numbers(column, -7).tolist() == [-7 if value is None else value for value in column.to_pylist()]
    assert present(column).tolist() == [value is not None for value in column.to_pylist()]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=20), SLICE, st.sampled_from([pa.int8(), pa.int32()]))
def test_words_and_texts(values: list[str | None], where: tuple[int, int], index: pa.DataType) -> None:
    column = cut(pa.array(values, pa.string()), where)
    offsets, octets = spans(column)
    assert [octets[start:end].tobytes().decode() for start, end in pairwise(offsets)] == [value or "" for value in column.to_pylist()]
    words = cut(pa.array(values, pa.string()).dictionary_encode().cast(pa.dictionary(index, pa.string())), where)
    known = [*words.dictionary.to_pylist(), None]
    assert [known[code] for code in codes(words)] == words.to_pylist()
    again = coded(codes(words), words.dictionary)
    again.validate(full=True)
    assert again.to_pylist() == words.to_pylist() and again.null_count == words.null_count
    assert present(words).tolist() == [value is not None for value in words.to_pylist()]


@pytest.mark.parametrize("kind", [pa.string(), pa.binary()])
def test_no_rows(kind: pa.DataType) -> None:
    offsets, octets = spans(pa.array([], kind))
    assert offsets.tolist() == [0] and len(octets) == 1
