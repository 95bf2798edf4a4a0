"""Texts known again, in both forms: only a text that is the same is known, whatever the digests say; and nothing grows."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import texts as built
from tests.forms import FORMS, module


@pytest.fixture(params=FORMS)
def texts(request: pytest.FixtureRequest) -> ModuleType:
    return module("rules.texts", request.param)


def laid(pieces: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    ends = np.cumsum(np.array([len(piece) for piece in pieces], np.int64))
    return np.frombuffer(b"".join(pieces) or b"\0", np.uint8), ends - np.array([len(piece) for piece in pieces], np.int64), ends


def said(seen: object, pieces: list[bytes]) -> list[int]:
    return seen.known(*laid(pieces)).tolist()  # type: ignore[attr-defined]


def keep(seen: object, pieces: list[bytes]) -> None:
    seen.keep(*laid(pieces), np.arange(len(pieces), dtype=np.int64))  # type: ignore[attr-defined]


def test_a_text_is_new_then_met_again_then_known_once_kept(texts: ModuleType) -> None:
    seen = texts.Seen(1 << 12, 4096)
    pieces = [b"x" * n + b"end" for n in (0, 1, 7, 8, 31, 32, 33, 255, 300, 1500)]
    assert said(seen, pieces) == [texts.NEW] * len(pieces)
    assert said(seen, pieces) == [texts.AGAIN] * len(pieces)
    keep(seen, pieces)
    assert said(seen, pieces) == [texts.KNOWN] * len(pieces)
    assert said(seen, [b""]) == [texts.KNOWN]


@pytest.mark.parametrize("length", [40, 256, 257, 1000, 4000, 30_000])
def test_a_text_that_differs_in_one_octet_anywhere_is_not_known(texts: ModuleType, length: int) -> None:
    seen = texts.Seen(1 << 17, 64)
    keep(seen, [b"a" * length])
    for at in {0, 1, length // 3, length // 2, length - 40, length - 1} | set(range(0, length, max(1, length // 50))):
        other = bytearray(b"a" * length)
        other[at] = 98
        assert said(seen, [bytes(other)]) != [texts.KNOWN], at
    assert said(seen, [b"a" * length]) == [texts.KNOWN]


def test_texts_of_one_digest_are_told_apart() -> None:
    # Of a long text only pieces make the digest, so these two have the same one.
    length = 30_000
    plain = b"a" * length
    same = [at for at in range(length) if built_digest(plain[:at] + b"b" + plain[at + 1 :]) == built_digest(plain)][:8]
    assert same, "there is an octet that the digest does not look at"
    seen = built.Seen(1 << 18, 64)
    keep(seen, [plain])
    for at in same:
        assert said(seen, [plain[:at] + b"b" + plain[at + 1 :]]) != [built.KNOWN]


def built_digest(text: bytes) -> int:
    return int(built.digests(*laid([text]))[0])


def test_the_oldest_texts_give_way_and_room_is_never_exceeded(texts: ModuleType) -> None:
    seen = texts.Seen(1000, 1024)
    pieces = [b"%03d" % n * 10 for n in range(200)]
    for piece in pieces:
        keep(seen, [piece])
    known = [n for n, piece in enumerate(pieces) if said(seen, [piece]) == [texts.KNOWN]]
    assert known and known == list(range(known[0], 200)) and 25 <= len(known) <= 33, known


def test_a_text_too_long_to_keep_is_always_new(texts: ModuleType) -> None:
    seen = texts.Seen(1000, 64)
    long = [b"y" * 501]
    assert [said(seen, long) for _ in range(3)] == [[texts.NEW]] * 3
    keep(seen, long)
    assert said(seen, long) == [texts.NEW] and seen.written == 0


def test_what_follows_the_first_line(texts: ModuleType) -> None:
    seen = texts.Seen(1 << 12, 4096)
    pieces = [b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n", b"no line feed", b""]
    data, starts, ends = laid(pieces)
    told, lines = seen.known_after_line(data, starts, ends)
    assert (lines - starts).tolist() == [16, 16, 12, 0]
    assert told.tolist() == [texts.NEW, texts.AGAIN, texts.KNOWN, texts.KNOWN]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([b"a", b"ab" * 20, b"c" * 130, b"d" * 400, b"e" * 5000, b"", b"f" * 400]) | st.binary(max_size=600), max_size=150))
def test_a_set_of_python_agrees(pieces: list[bytes]) -> None:
    seen = built.Seen(1 << 20, 4096)
    kept: set[bytes] = {b""}
    for piece in pieces:
        known = said(seen, [piece])[0] == built.KNOWN
        assert known == (piece in kept)
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
        built.Shelf().lay(np.zeros(4, np.uint8), np.array([2]), np.array([5]), np.array([0]), 1)
