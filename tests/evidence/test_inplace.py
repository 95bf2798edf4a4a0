"""Masking in place, whatever the octets are: lengths stay, nothing raises, and a secret is gone however it was cut."""

from __future__ import annotations

import gzip
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.pick import Ends
from sensor.evidence.cut import cut
from sensor.evidence.har import har
from sensor.evidence.inplace import InPlace, mask_frames
from sensor.masking import Masker
from tests.core.conftest import CLIENT, SERVER, Frame, Wire, block_of, read

MASKER = Masker(b"k" * 32)
SECRET = b"s3cretValueXyz12"
BODY = json.dumps({"a": "b" * 30, "password": SECRET.decode()}).encode()
PIECES = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n", b"Host: a\r\n", b"\r\n", b"\n", b"Content-Length: 10\r\n", b"Content-Length: 99999999999999999999\r\n",
        b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"5\r\nabcde\r\n", b"0\r\n\r\n", b"ffffffffffffff\r\n", b"-1\r\n",
        b"Authorization: Bearer " + SECRET + b"\r\n", b" folded: " + SECRET + b"\r\n", b"Cookie: a=" + SECRET, b"\x00\xff\xfe", b"?password=", SECRET,
        gzip.compress(b"x" * 50), b"HTTP/1.1 204 No\r\n\r\n", b"HTTP/1.0 200\r\n\r\n", b"jane@example.com", b": ", b"\t",
    ]
)  # fmt: skip
STREAM = st.lists(st.one_of(PIECES, st.binary(max_size=20)), max_size=12).map(b"".join)


def frames_of(request: bytes, reply: bytes, cuts: list[int], drop: set[int], again: list[int]) -> list[Frame]:
    wire = Wire()
    wire.send(CLIENT, request, cuts)
    wire.send(SERVER, reply, cuts)
    wire.close()
    frames = [frame for at, frame in enumerate(wire.frames) if at not in drop]
    return frames + [frames[at % len(frames)] for at in again]


def masked(frames: list[Frame]) -> tuple[bytes, int]:
    block = block_of([frame.octets(number) for number, frame in enumerate(frames)])
    done = cut([block], {Ends.of("10.0.0.1", 40000, "10.0.0.2", 80): frozenset()})
    before = [bytes(one.data) for one in done.frames]
    mask_frames(done.frames, MASKER)
    for old, one in zip(before, done.frames, strict=True):
        assert len(one.data) == len(old)
        payload = one.picked.payload
        assert one.data[:50] == old[:50] and one.data[52:payload] == old[52:payload]  # all but the TCP checksum
    return b"".join(bytes(one.data[one.picked.payload :]) for one in done.frames), len(done.frames)


@settings(max_examples=300, deadline=None)
@given(STREAM, STREAM, st.lists(st.integers(0, 400), max_size=6), st.sets(st.integers(3, 12), max_size=3), st.lists(st.integers(0, 40), max_size=4))
def test_any_stream_keeps_its_lengths_and_raises_nothing(request: bytes, reply: bytes, cuts: list[int], drop: set[int], again: list[int]) -> None:
    frames = frames_of(request, reply, cuts, drop, again)
    _, kept = masked(frames)
    assert kept == len(frames)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["head", "query", "length", "chunked", "gzip", "close"]), st.lists(st.integers(0, 400), max_size=12), st.integers(1, 9), st.lists(st.integers(0, 40), max_size=4))
def test_a_secret_is_gone_however_it_was_cut(where: str, cuts: list[int], chunk: int, again: list[int]) -> None:
    head = b"POST /x HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    if where == "head":
        request, reply = b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + SECRET + b"\r\n\r\n", ok
    elif where == "query":
        request, reply = b"GET /?api_key=" + SECRET + b" HTTP/1.1\r\nHost: a\r\n\r\n", ok
    elif where == "chunked":
        body = b"".join(b"%x\r\n%s\r\n" % (len(BODY[at : at + chunk]), BODY[at : at + chunk]) for at in range(0, len(BODY), chunk)) + b"0\r\n\r\n"
        request, reply = head + b"Transfer-Encoding: chunked\r\n\r\n" + body, ok
    elif where == "gzip":
        coded = gzip.compress(BODY, mtime=0, compresslevel=0)
        request, reply = head + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(coded) + coded, ok
    elif where == "close":
        request, reply = b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + BODY
    else:
        request, reply = head + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY, ok
    frames = frames_of(request, reply, cuts, set(), [])
    assert SECRET in b"".join(frame.payload for frame in frames) or where == "chunked"
    stream, _ = masked(frames)
    assert SECRET not in stream
    pieces = [chunk for chunk in (SECRET[at : at + 6] for at in range(len(SECRET) - 5)) if chunk in stream]
    assert not pieces
    # The same, some of it sent again.
    octets, _ = masked(frames_of(request, reply, cuts, set(), again))
    # No six octets of it stand where they stood: what is left is a keyed token.
    assert SECRET[:8] not in octets and SECRET[-8:] not in octets


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["head", "length", "chunked"]), st.lists(st.integers(0, 400), min_size=3, max_size=20), st.sets(st.integers(3, 20), min_size=1, max_size=3))
def test_what_a_gap_leaves_of_a_secret_is_gone_too(where: str, cuts: list[int], drop: set[int]) -> None:
    head = b"POST /x HTTP/1.1\r\nHost: shop\r\n"
    if where == "head":
        request = head + b"Authorization: Bearer " + SECRET + b"\r\n\r\n"
    elif where == "chunked":
        request = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n"
    else:
        request = head + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    stream, _ = masked(frames_of(request, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", cuts, drop, []))
    assert not [piece for piece in (SECRET[at : at + 5] for at in range(len(SECRET) - 4)) if piece in stream]


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80), st.sampled_from(["Authorization", "Cookie", "X-Any", "Set-Cookie"]))
def test_every_form_keeps_its_length(text: str, name: str) -> None:
    masker = InPlace(b"k" * 32)
    octets = text.encode("utf-8", "replace")
    assert len(masker.octets(octets)) == len(octets)
    assert len(masker.head(b"GET / HTTP/1.1\r\n" + name.encode() + b": " + octets + b"\r\n\r\n")) == 16 + len(name) + 2 + len(octets) + 4
    for form in (f'"password": "{text}"', f"password={text}", f"Bearer {text}", f"{text}@x.example", f"4111 1111 1111 1111 {text}", f'{{"pin": 12345, "b": "{text}"}}'):
        raw = form.encode("utf-8", "replace")
        assert len(masker.octets(raw)) == len(raw)


def test_a_body_with_a_gap_is_no_text_of_a_masked_har() -> None:
    body = b'{"a":"bbbb","password": "' + SECRET + b'", "z": 1}'
    wire = Wire()
    wire.send(CLIENT, b"POST /x HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body, [90, 100])
    wire.send(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    rows, _ = read([frame for at, frame in enumerate(wire.frames) if at != 4])
    assert SECRET in rows[0]["request_body"]  # the name went with the gap
    call = rows[0] | {"template": None, "principal": None}
    assert SECRET.decode() not in json.dumps(har([call], MASKER, ""))
    assert "not seen whole" in json.dumps(har([call], MASKER, ""))
    assert SECRET.decode() in json.dumps(har([call], Masker(None), ""))
