"""Tags of texts, in both forms: equal for equal texts alone, taken once for a batch."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest

from parsers import tags as built
from tests.forms import FORMS, module


@pytest.fixture(params=FORMS)
def tags(request: pytest.FixtureRequest) -> ModuleType:
    return module("parsers.tags", request.param)


def laid(pieces: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lengths = np.array([len(piece) for piece in pieces], np.int64)
    ends = np.cumsum(lengths)
    return np.frombuffer(b"".join(pieces) or b"\0", np.uint8), ends - lengths, ends


def pairs(found: built.Tags) -> list[tuple[int, int]]:
    return list(zip(found.lows.tolist(), found.highs.tolist(), strict=True))


def test_equal_texts_have_equal_tags_and_others_have_others(tags: ModuleType) -> None:
    pieces = [b"a", b"b", b"a", b"a\0", b"x" * 1024, b"x" * 1025, b"x" * 1024, b"x" * tags.LONGEST, b"x" * (tags.LONGEST + 1), b""]
    found = pairs(tags.tagged(*laid(pieces)))
    assert found[0] == found[2] and found[4] == found[6]
    assert len({found[k] for k in (0, 1, 3, 4, 5, 7)}) == 6
    assert [low for low, _ in found[8:]] == [0, 0] and all(low for low, _ in found[:8])


def test_what_follows_the_first_line(tags: ModuleType) -> None:
    pieces = [b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /22 HTTP/1.1\r\nHost: a\r\n\r\n", b"no line feed", b"", b"GET /1 HTTP/1.1\r\nHost: b\r\n\r\n"]
    found = tags.tagged(*laid(pieces), 1, True)
    assert (found.begins - laid(pieces)[1]).tolist() == [16, 17, 12, 0, 16]
    assert pairs(found)[0] == pairs(found)[1] != pairs(found)[4]
    assert found.lows[2:4].tolist() == [0, 0]


def test_short_texts_are_left_out_where_they_are_not_worth_it(tags: ModuleType) -> None:
    assert (tags.tagged(*laid([b"y" * 15, b"y" * 16]), 16).lows != 0).tolist() == [False, True]


def test_a_batch_is_tagged_once_and_nulls_are_empty() -> None:
    heads = pa.array([b"GET / HTTP/1.1\r\nHost: a\r\n", None, b"POST / HTTP/1.1\r\nHost: a\r\n"], pa.binary())
    batch = pa.record_batch([heads], names=["request_head"])
    found = built.heads(batch)
    assert found is built.heads(batch)
    assert pairs(found)[0] == pairs(found)[2] and found.lows[1] == 0
    part = batch.slice(1)
    assert pairs(built.heads(part))[1] == pairs(found)[2]


def test_a_range_outside_the_buffer_is_an_error() -> None:
    with pytest.raises(IndexError):
        built.tagged(np.zeros(4, np.uint8), np.array([0]), np.array([5]))
    with pytest.raises(IndexError):
        built.tagged(np.zeros(4, np.uint8), np.array([-1]), np.array([3]), 1, True)
