"""Content codings: undone as they are found, oddities named, budgets kept."""

from __future__ import annotations

import gzip
import random
import shutil
import subprocess
import time
import tracemalloc
import zlib
from itertools import product

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.body import UNDO, decode

TEXT = b'{"orders": [{"id": 1, "item": "teapot"}, {"id": 2, "item": "cup"}]}' * 20


def raw(data: bytes) -> bytes:
    coder = zlib.compressobj(wbits=-15)
    return coder.compress(data) + coder.flush()


CODE = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "x-gzip": lambda data: gzip.compress(data, mtime=0),
    "deflate": raw,
    "x-deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
    "identity": bytes,
}


def undo(body: bytes, encodings: str, budget: int = 65_536, whole: bool = True) -> tuple[bytes, str | None]:
    return decode(body, encodings, budget, 200, whole)


@pytest.mark.parametrize(
    "names",
    [names for n in (1, 2, 3) for names in product(sorted(CODE), repeat=n) if n < 3 or len(set(names)) > 1][:200],
)
def test_any_list_of_codings_is_undone_in_reverse(names: tuple[str, ...]) -> None:
    body = TEXT
    for name in names:
        body = CODE[name](body)
    assert undo(body, ", ".join(names)) == (TEXT, None)


@pytest.mark.parametrize(
    "name",
    [
        "gzip",
        "GZIP",
        " gZip ",
        "gzip,",
        ",gzip",
        ", ,gzip",
        "\tgzip",
        "gzip;q=1",
        "gzip\r",
        "\r\n gzip",
        "identity, gzip",
        "gzip, identity",
    ],
)
def test_spelling_and_empty_elements_do_not_matter(name: str) -> None:
    assert undo(gzip.compress(TEXT), name) == (TEXT, None)


@pytest.mark.parametrize("name", ["gzip\x0b", "\xa0gzip", ": gzip", "\ufeffgzip", "\x00gzip\x00"])
def test_octets_that_no_name_may_have_are_skipped(name: str) -> None:
    assert undo(gzip.compress(TEXT), name)[0] == TEXT


def test_a_header_sent_twice_counts_twice_and_its_neighbours_do_not() -> None:
    lines = "deflate\r\nServer: gzip-proxy\r\nVary: Content-Encoding\r\nCONTENT-Encoding :gzip"
    assert undo(gzip.compress(raw(TEXT)), lines) == (TEXT, None)
    assert undo(gzip.compress(raw(TEXT)), "deflate\r\n ,\r\n gzip") == (TEXT, None)


def test_a_coding_that_is_declared_but_absent_leaves_the_others() -> None:
    assert undo(TEXT, "gzip") == (TEXT, "content_coding_absent")
    assert undo(TEXT, "deflate") == (TEXT, "content_coding_absent")
    assert undo(TEXT, "br") == (TEXT, "content_coding_absent")
    assert undo(TEXT, "zstd") == (TEXT, "content_coding_absent")
    assert undo(TEXT, "compress") == (TEXT, "content_coding_absent")
    assert undo(gzip.compress(TEXT), "gzip, gzip") == (TEXT, "content_coding_absent")
    assert undo(raw(TEXT), "deflate, gzip")[0] == TEXT
    assert undo(gzip.compress(TEXT), "gzip, deflate")[0] == TEXT


def test_an_unknown_coding_is_named_and_the_rest_undone() -> None:
    assert undo(TEXT, "rot13") == (TEXT, "content_coding_unknown")
    assert undo(gzip.compress(TEXT), "gzip, aes128gcm") == (TEXT, "content_coding_unknown")
    assert undo(gzip.compress(TEXT), "gzip x") == (TEXT, "content_coding_unknown")
    assert undo(TEXT, "") == (TEXT, None)


@pytest.mark.parametrize("flags", range(256))
def test_every_flag_of_a_gzip_header_is_lived_with(flags: int) -> None:
    fields = (
        (b"\x05\x00Ap\x01\x00\x00" if flags & 4 else b"")
        + (b"name\0" if flags & 8 else b"")
        + (b"comment\0" if flags & 16 else b"")
        + (b"\0\0" if flags & 2 else b"")
    )
    plain = gzip.compress(TEXT, mtime=0)
    assert undo(plain[:3] + bytes([flags]) + plain[4:10] + fields + plain[10:], "gzip") == (TEXT, None)


def test_a_gzip_header_that_promises_what_it_lacks_is_skipped() -> None:
    plain = gzip.compress(TEXT, mtime=0)
    assert undo(plain[:3] + b"\x04" + plain[4:], "gzip")[0] == TEXT


def test_members_follow_each_other() -> None:
    assert undo(gzip.compress(b"one ") + gzip.compress(b"two"), "gzip") == (b"one two", None)
    assert undo(gzip.compress(b"one") + bytes(100), "gzip") == (b"one", None)
    assert undo(gzip.compress(b"one") + b"<script>", "gzip") == (b"one", "content_coding_broken")


@pytest.mark.parametrize("name", ["gzip", "deflate", "x-deflate", "br"])
def test_what_is_cut_short_is_decoded_as_far_as_it_goes(name: str) -> None:
    random.seed(3)
    text = bytes(random.choices(b"abcdefgh ", k=20_000))
    body = CODE[name](text)
    for cut in (len(body) // 2, len(body) - 1):
        got, weird = undo(body[:cut], name)
        assert text.startswith(got)
        assert len(got) > len(text) * cut // len(body) * 0.8
        assert weird == "content_coding_broken"
        assert undo(body[:cut], name, whole=False) == (got, None)


def test_a_missing_or_wrong_trailer_costs_nothing_but_a_word() -> None:
    body = gzip.compress(TEXT)
    for damaged in (body[:-8], body[:-3], body[:-8] + b"\0\0\0\0" + body[-4:], body[:-1] + b"\x99"):
        assert undo(damaged, "gzip") == (TEXT, "content_coding_broken")
    assert undo(zlib.compress(TEXT)[:-4] + b"none", "deflate") == (TEXT, "content_coding_broken")


@pytest.mark.parametrize("name", ["gzip", "deflate", "br"])
def test_what_fails_in_the_middle_keeps_all_before_it(name: str) -> None:
    random.seed(4)
    text = bytes(random.choices(b"abcdefghijklmnop", k=60_000))
    body = bytearray(CODE[name](text))
    at = len(body) // 2
    body[at : at + 40] = b"\xff" * 40
    got, weird = undo(bytes(body), name, 10_000_000)
    same = next((i for i, (a, b) in enumerate(zip(got, text, strict=False)) if a != b), len(got))
    assert same > len(text) * 0.4
    assert weird == "content_coding_broken" or name != "gzip"  # the others have no checksum to fail


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_is_named_and_costs_its_budget(name: str) -> None:
    body = CODE[name](bytes(20_000_000))
    tracemalloc.start()
    began = time.process_time()
    got, weird = undo(body, name)
    took = time.process_time() - began
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (got, weird) == (bytes(65_536), "decompression_bomb")
    assert peak < 1_000_000
    assert took < 0.5


def test_a_bomb_within_a_bomb_is_told_by_the_whole_expansion() -> None:
    inner = gzip.compress(b"A" * 5_000_000)
    assert undo(gzip.compress(inner), "gzip, gzip", 10_000_000)[1] == "decompression_bomb"


def test_a_long_honest_body_is_cut_at_the_budget_without_a_word() -> None:
    random.seed(5)
    text = bytes(random.choices(b"abcdefgh ", k=200_000))
    for name in ("gzip", "deflate", "x-deflate", "br", "zstd"):
        assert undo(CODE[name](text), name) == (text[:65_536], None)


def test_a_thousand_codings_cost_eight() -> None:
    body = TEXT
    for _ in range(12):
        body = gzip.compress(body)
    got, weird = undo(body, ",".join(["gzip"] * 1000))
    assert weird == "content_coding_unknown"
    assert got.startswith(b"\x1f\x8b")


@pytest.mark.skipif(shutil.which("compress") is None, reason="needs compress(1)")
@pytest.mark.parametrize("bits", ["10", "12", "16"])
@pytest.mark.parametrize("size", [0, 1, 5, 1000, 30_000, 400_000])
def test_compress_reads_what_the_program_writes(bits: str, size: int) -> None:
    random.seed(size)
    text = bytes(random.choices(b"abcdefgh \x00\xff", k=size))
    body = subprocess.run(["compress", "-f", "-c", "-b", bits], input=text, capture_output=True, check=False).stdout
    assert decode(body, "compress", 1_000_000, 10_000) == (text, None)


@given(st.binary(max_size=300), st.lists(st.sampled_from([*UNDO, "rot13", "", ";", "\x00", "gzip x"]), max_size=5))
@settings(max_examples=400, deadline=None)
def test_no_octets_raise_or_exceed_the_budget(body: bytes, names: list[str]) -> None:
    got, _ = decode(body, ",".join(names), 1000, 50)
    assert len(got) <= max(1000, len(body))


@given(st.binary(max_size=2000), st.sampled_from(sorted(CODE)), st.integers(0, 2000), st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_damage_anywhere_raises_nothing(data: bytes, name: str, at: int, octet: int) -> None:
    body = bytearray(CODE[name](data))
    if at < len(body):
        body[at] = octet
    got, _ = undo(bytes(body), name)
    assert len(got) <= 65_536
