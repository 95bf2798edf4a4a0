"""Columns as the matcher reads them, in both forms: held to what pyarrow says of the same column."""

from __future__ import annotations

from types import ModuleType

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.schema import CALL_SCHEMA
from tests.forms import FORMS, module
from tests.rules.test_matcher import row

ANY_FORM = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXTS = st.lists(st.none() | st.sampled_from(["", "a", "GET", "Grüße", "basic x", "Basic y", "x" * 70]), max_size=40)


@pytest.fixture(params=FORMS)
def columns(request: pytest.FixtureRequest) -> ModuleType:
    return module("rules.columns", request.param)


@ANY_FORM
@given(TEXTS, st.integers(0, 12), st.sampled_from([pa.string(), pa.large_string(), pa.binary(), pa.large_binary()]))
def test_octets_with_starts_and_ends(columns: ModuleType, texts: list[str | None], cut: int, kind: pa.DataType) -> None:
    column = pa.array([None if text is None else text.encode() for text in texts], pa.binary()).cast(kind).slice(cut)
    data, starts, ends = columns.spans(column)
    assert [bytes(data[a:b]) for a, b in zip(starts, ends, strict=True)] == [(text or "").encode() for text in texts[cut:]]


def test_a_null_has_no_octets_whatever_stands_there(columns: ModuleType) -> None:
    offsets, octets = pa.py_buffer(b"".join(n.to_bytes(4, "little") for n in (0, 2, 5, 6))), pa.py_buffer(b"aaxxxb")
    for cut, expected in ((0, [b"aa", b"", b"b"]), (1, [b"", b"b"])):
        column = pa.Array.from_buffers(pa.binary(), 3, [pa.py_buffer(b"\x05"), offsets, octets]).slice(cut)
        data, starts, ends = columns.spans(column)
        assert [bytes(data[a:b]) for a, b in zip(starts, ends, strict=True)] == expected


@ANY_FORM
@given(TEXTS, st.integers(0, 12), st.sampled_from([pa.int8(), pa.int32(), pa.int64()]), st.booleans())
def test_words_with_the_number_of_each_row(columns: ModuleType, texts: list[str | None], cut: int, kind: pa.DataType, encoded: bool) -> None:
    column = pa.array(texts, pa.string())
    column = (column.dictionary_encode().cast(pa.dictionary(kind, pa.string())) if encoded else column).slice(cut)
    dictionary, codes = columns.words(column)
    words = dictionary.to_pylist()
    assert [None if code < 0 else words[code] for code in codes.tolist()] == texts[cut:]


@ANY_FORM
@given(TEXTS, st.integers(0, 12), st.sampled_from([b"basic ", b"g", b"a", b"x" * 70, b"x" * 71]))
def test_texts_that_begin_with_something(columns: ModuleType, texts: list[str | None], cut: int, prefix: bytes) -> None:
    column = pa.array(texts, pa.string()).slice(cut)
    assert columns.beginning(*columns.spans(column), prefix).tolist() == [
        k for k, text in enumerate(texts[cut:]) if (text or "").encode().lower().startswith(prefix)
    ]


def test_bodies_are_read_by_their_type_or_by_their_first_octet(columns: ModuleType) -> None:
    from rules.unfold import FORM, JSON, MULTIPART, NO_BODY, OTHER, XML

    form = "application/x-www-form-urlencoded"
    expected = [
        (None, None, NO_BODY), (form, b"", NO_BODY), (form, b"a=b", FORM), (form, b"{}", JSON), ("application/json", b"a", JSON), ("text/xml", b"a", XML), ("image/png", b"{", NO_BODY),
        ("application/x-other", b"{", OTHER), (None, b"[1]", JSON), (None, b"<a>", XML), ("text/plain", b"--x", MULTIPART), ("", b"a", FORM), ("multipart/form-data", b"{", MULTIPART),
    ]  # fmt: skip
    batch = pa.RecordBatch.from_pylist([row(request_type=kind, request_body=body) for kind, body, _ in expected], schema=CALL_SCHEMA)
    assert columns.Table(batch).body_kinds().tolist() == [kind for _, _, kind in expected]
