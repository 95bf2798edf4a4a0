"""Texts known again, in both forms: only a text that is the same is known; and nothing grows."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.tags import LONGEST, PIECE
from rules import texts as built
from tests.forms import FORMS, module


@pytest.fixture(params=FORMS)
def texts(request: pytest.FixtureRequest) -> ModuleType:
    return module("rules.texts", request.param)


def laid(pieces: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    ends = np.cumsum(np.array([len(piece) for piece in pieces], np.int64))
    return np.frombuffer(b"".join(pieces) or b"\0", np.uint8), ends - np.array([len(piece) for piece in pieces], np.int64), ends


def fresh(seen: object, pieces: list[bytes]) -> list[int]:
    return seen.fresh(*laid(pieces)).tolist()  # type: ignore[attr-defined]


def keep(seen: object, pieces: list[bytes]) -> None:
    fresh(seen, pieces)
    seen.keep(np.arange(len(pieces), dtype=np.int64))  # type: ignore[attr-defined]


def test_a_text_is_to_be_looked_at_until_it_is_kept(texts: ModuleType) -> None:
    seen = texts.Seen(4096)
    pieces = [b"x" * n + b"end" for n in (0, 1, 7, 8, 31, 32, 33, 255, 300, 1021, 1022, 1500, LONGEST - 3)]
    assert fresh(seen, pieces) == [1] * len(pieces)
    assert fresh(seen, pieces) == [1] * len(pieces)
    seen.keep(np.array([1, 3, len(pieces) - 1]))
    assert [k for k, told in enumerate(fresh(seen, pieces)) if not told] == [1, 3, len(pieces) - 1]
    assert fresh(seen, [b""]) == [0]


@pytest.mark.parametrize("length", [1, 15, 16, 17, 40, 64, 256, 1023, 1024, 1025, 4000, 30_000, 1 << 16])
def test_a_text_that_differs_in_one_octet_or_in_length_is_not_known(texts: ModuleType, length: int) -> None:
    seen = texts.Seen(64)
    keep(seen, [b"\0" * length])
    for at in {0, 1, length // 3, length // 2, length - 40, length - 1} | set(range(0, length, max(1, length // 60))):
        for octet in (1, 128, 255):
            if 0 <= at < length:
                assert fresh(seen, [b"\0" * at + bytes([octet]) + b"\0" * (length - at - 1)]) == [1], at
    assert fresh(seen, [b"\0" * other for other in (length - 1, length + 1, length + 16, length + 1024) if other]) == [1] * (3 + (length > 1))
    assert fresh(seen, [b"\0" * length]) == [0]


def test_texts_of_the_same_words_in_another_place_are_told_apart(texts: ModuleType) -> None:
    seen = texts.Seen(64)
    words = [bytes([n]) * 8 for n in range(1, 9)]
    keep(seen, [b"".join(words)])
    for i in range(8):
        for j in range(i):
            other = [*words]
            other[i], other[j] = other[j], other[i]
            assert fresh(seen, [b"".join(other)]) == [1]
    # So are whole pieces that change places.
    pieces = [bytes([n]) * PIECE for n in range(1, 5)]
    keep(seen, [b"".join(pieces)])
    assert fresh(seen, [b"".join([pieces[1], pieces[0], *pieces[2:]]), b"".join(pieces)]) == [1, 0]


def test_what_is_met_often_stays_and_what_is_met_once_gives_way(texts: ModuleType) -> None:
    seen = texts.Seen(64)
    often = [b"often %d" % n for n in range(16)]
    for _ in range(4):
        keep(seen, often)
    stayed = {piece for piece in often if not fresh(seen, [piece])[0]}
    for n in range(2000):
        keep(seen, [b"once %d" % n])
    lost = [piece for piece in stayed if fresh(seen, [piece])[0]]
    assert len(stayed) >= 10 and len(lost) <= 4, (stayed, lost)


def test_a_text_too_long_to_keep_is_always_looked_at(texts: ModuleType) -> None:
    seen = texts.Seen(64)
    long = [b"y" * (LONGEST + 1)]
    keep(seen, long)
    assert fresh(seen, long) == [1]


def test_a_text_too_short_to_be_worth_it_is_looked_at_each_time(texts: ModuleType) -> None:
    seen = texts.Seen(64, 16)
    pieces = [b"", b"y" * 15, b"y" * 16]
    keep(seen, pieces)
    assert fresh(seen, pieces) == [0, 1, 0]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([b"a", b"ab" * 20, b"c" * 130, b"d" * 400, b"e" * 5000, b"", b"f" * 400]) | st.binary(max_size=2500), max_size=150))
def test_a_set_of_python_agrees(pieces: list[bytes]) -> None:
    seen = built.Seen(1 << 17)
    kept: set[bytes] = {b""}
    for piece in pieces:
        assert fresh(seen, [piece])[0] == (piece not in kept)
        if len(piece) % 2:
            keep(seen, [piece])
            kept.add(piece)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=20), st.data())
def test_a_shelf_holds_the_texts_that_were_asked_for(pieces: list[bytes], chosen: st.DataObject) -> None:
    rows = chosen.draw(st.lists(st.integers(0, len(pieces) - 1), max_size=30)) if pieces else []
    shelf = built.Shelf()
    starts, ends = shelf.lay(*laid(pieces), np.array(rows, np.int64), 127)
    assert [bytes(shelf.octets[a:b]) for a, b in zip(starts, ends, strict=True)] == [pieces[row] for row in rows]
    assert all(shelf.octets[b] == 127 for b in ends)


def test_a_range_outside_the_buffer_is_an_error() -> None:
    with pytest.raises(IndexError):
        built.digests(np.zeros(4, np.uint8), np.array([0]), np.array([5]))
    with pytest.raises(IndexError):
        built.Seen(64).fresh(np.zeros(4, np.uint8), np.array([0]), np.array([5]))
    with pytest.raises(IndexError):
        built.Seen(64).keep(np.array([64]))
    with pytest.raises(IndexError):
        built.Shelf().lay(np.zeros(4, np.uint8), np.array([2]), np.array([5]), np.array([0]), 1)
