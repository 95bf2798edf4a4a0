"""Content codings of a body undone (RFC 9110 8.4), within a budget, reading what is there rather than what is declared.

A body is evidence: what a browser, a proxy or a careless client would get out of it matters more than whether the sender kept to the RFC.
So a coding is undone where its octets are found, and what contradicts the declaration is a weird beside the text:

- `content_coding_absent`: declared, but the octets are not coded so. They stay as they are, and an outer coding may still apply.
- `content_coding_broken`: the stream ends early, fails, has a wrong checksum or octets after it. What could be decoded is kept.
- `content_coding_unknown`: a coding nobody here knows, or words around a known one.
- `decompression_bomb`: more octets than `ratio` for each coded one, all codings together.

No stream is decoded past `budget` octets, which is no fault of the body: the start of it is what is kept.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import brotli
import zstandard

MOST_CODINGS = 8
"""Codings undone of one body: honest ones have one, evasive ones three or four; each costs a budget."""
MOST_MEMBERS = 64
"""Members of one gzip stream."""
WINDOW = 8 << 20
"""Memory of a zstd stream: what RFC 9659 grants to HTTP."""
_SMALL = 8192
"""Octets that no ratio makes a bomb: a short run of one letter compresses to next to nothing."""

ABSENT = "content_coding_absent"
BROKEN = "content_coding_broken"
UNKNOWN = "content_coding_unknown"
BOMB = "decompression_bomb"
_WORSE = {None: 0, UNKNOWN: 1, ABSENT: 2, BROKEN: 3, BOMB: 4}

_WORD = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_TEXT = frozenset(b"\t\n\r" + bytes(range(32, 127)))


class Undone(NamedTuple):
    """What came out of one coding."""

    octets: bytes
    used: int
    """Coded octets that went into it."""
    weird: str | None


def decode(body: bytes, encodings: str, budget: int, ratio: int, whole: bool = True) -> tuple[bytes, str | None]:
    """The body without its content codings, up to `budget` octets, and the name of the worst weird met.

    `encodings` is the value of Content-Encoding as sent; where the header came more than once, or folded, the lines from the first value to
    the last may be given as they stand. `whole=False` says that the body ends early because the capture does, which is no fault of it.

    >>> decode(zlib.compress(b"hello"), "deflate", 100, 200)
    (b'hello', None)
    """
    codings, weird = _codings(encodings)
    expansion = 1.0
    for coding in codings:
        if not body:
            break
        octets, used, odd = UNDO[coding](body, max(budget, 1))
        if odd == BROKEN and not whole and octets:
            odd = None
        if odd != ABSENT:
            expansion *= len(octets) / max(used, 1)
            if expansion > ratio and len(octets) > _SMALL:
                odd = BOMB
            body = octets
        if _WORSE[odd] > _WORSE[weird]:
            weird = odd
    return body, weird


@lru_cache(1024)
def _codings(encodings: str) -> tuple[tuple[str, ...], str | None]:
    """The codings to undo, the one applied last first, and whether there were others."""
    values = []
    for number, line in enumerate(encodings.split("\n")):
        if number == 0 or line[:1] in {" ", "\t", "\r"}:
            values.append(line)
        else:
            name, colon, value = line.partition(":")
            if colon and "".join(_WORD.findall(name.lower())) == "content-encoding":
                values.append(value)
    found: list[str] = []
    weird = None
    for element in " , ".join(_unfolded(values)).split(","):
        words = _WORD.findall(element.partition(";")[0].lower())
        known = [word for word in words if word in UNDO]
        if len(known) < len(words) and words != ["identity"]:
            weird = UNKNOWN
        found += known
    found.reverse()
    if len(found) > MOST_CODINGS:
        return tuple(found[:MOST_CODINGS]), UNKNOWN
    return tuple(found), weird


def _unfolded(values: list[str]) -> list[str]:
    """Header values, continuation lines joined to what they continue."""
    whole: list[str] = []
    for value in values:
        if whole and value[:1] in {" ", "\t", "\r"} and not value.strip("\r \t").startswith(":"):
            whole[-1] += " " + value
        else:
            whole.append(value)
    return whole


def _is_text(data: bytes) -> bool:
    """Whether the start of it is plain ASCII text, which compressed data practically never is."""
    return all(octet in _TEXT for octet in data[:256])


def _inflate(data: bytes | memoryview, room: int) -> tuple[bytes, int, bool, bool]:
    """A deflate stream without header: octets, coded octets used, whether its end was reached, whether it failed."""
    inflater = zlib.decompressobj(-15)
    try:
        octets = inflater.decompress(data, room)
    except zlib.error:
        return _salvage(data, room)
    return octets, len(data) - len(inflater.unconsumed_tail) - len(inflater.unused_data), inflater.eof, False


def _salvage(data: bytes | memoryview, room: int) -> tuple[bytes, int, bool, bool]:
    """Of a deflate stream that fails, everything before the place where it does: halving steps, since zlib drops what a failing call had."""
    inflater = zlib.decompressobj(-15)
    parts: list[bytes] = []
    at = 0
    step = 4096
    while at < len(data) and room > 0:
        before = inflater.copy()
        try:
            part = inflater.decompress(data[at : at + step], room)
        except zlib.error:
            if step == 1:
                break
            inflater = before
            step //= 2
            continue
        parts.append(part)
        room -= len(part)
        at += step
    return b"".join(parts), at, False, True


def _undo_gzip(body: bytes, room: int) -> Undone:
    """gzip (RFC 1952): every member, its header read for its length alone, since readers differ about flags they do not know."""
    if body[:2] != b"\x1f\x8b":
        if _is_text(body):
            return Undone(body, 0, ABSENT)
        other = _undo_deflate(body, room)  # sent as the other of the two that everybody mixes up
        return Undone(other.octets, other.used, BROKEN) if other.weird is None else Undone(body, 0, ABSENT)
    view = memoryview(body)
    parts: list[bytes] = []
    left = room
    at = 0
    for _ in range(MOST_MEMBERS):
        start = _after_gzip_header(body, at)
        octets, used, ended, failed = _inflate(view[start:], left)
        if not octets and not ended and start != at + 10:  # a header that promises fields it does not have
            start = at + 10
            octets, used, ended, failed = _inflate(view[start:], left)
        parts.append(octets)
        left -= len(octets)
        at = start + used
        if not ended:
            return Undone(b"".join(parts), min(at, len(body)), BROKEN if failed or left > 0 else None)
        trailer = body[at : at + 8]
        at += 8
        if trailer != struct.pack("<II", zlib.crc32(octets), len(octets) & 0xFFFFFFFF):
            return Undone(b"".join(parts), min(at, len(body)), BROKEN)
        if left <= 0 or body[at : at + 2] != b"\x1f\x8b":
            break
    rest = body[at:]
    return Undone(b"".join(parts), at, BROKEN if left > 0 and rest.strip(b"\0") else None)


def _after_gzip_header(body: bytes, at: int) -> int:
    """Where the deflate stream of the member at `at` starts."""
    flags = body[at + 3] if at + 3 < len(body) else 0
    at += 10
    if flags & 4:
        at += 2 + int.from_bytes(body[at : at + 2], "little")
    for flag in (8, 16):  # name, comment: up to a NUL
        if flags & flag:
            at = body.find(b"\0", at) + 1 or len(body)
    if flags & 2:
        at += 2
    return min(at, len(body))


def _undo_deflate(body: bytes, room: int) -> Undone:
    """deflate: with zlib's header as RFC 9110 says, or without as half of the servers send it, or gzip after all."""
    if body[:2] == b"\x1f\x8b":
        other = _undo_gzip(body, room)
        if other.octets:
            return Undone(other.octets, other.used, other.weird)
    if len(body) > 2 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0:
        octets, used, ended, failed = _inflate(memoryview(body)[2:], room)
        if octets or ended:
            used += 2
            odd = BROKEN if failed or (not ended and len(octets) < room) else None
            if ended and body[used : used + 4] != struct.pack(">I", zlib.adler32(octets)):
                odd = BROKEN
            return Undone(octets, used, odd)
    octets, used, ended, failed = _inflate(body, room)
    if ended and (used == len(body) or not _is_text(body)):
        return Undone(octets, used, None if used == len(body) else BROKEN)
    if not octets or _is_text(body):
        return Undone(body, 0, ABSENT)
    return Undone(octets, used, BROKEN if failed or len(octets) < room else None)


def _undo_brotli(body: bytes, room: int) -> Undone:
    """br (RFC 7932), which has no mark of its own: text that does not decode to an end is taken as not coded."""
    decoder = brotli.Decompressor()
    parts: list[bytes] = []
    left = room
    at = 0
    failed = False
    piece = b""
    try:
        while left > 0 and not decoder.is_finished():
            if decoder.can_accept_more_data():
                if at >= len(body):
                    break
                piece = body[at : at + 64]
                at += len(piece)
            else:
                piece = b""
            # The limit keeps one octet from becoming the 16 MiB that it may stand for.
            octets = decoder.process(piece, output_buffer_limit=left)
            parts.append(octets)
            left -= len(octets)
    except brotli.error:
        failed = True
    octets = b"".join(parts)
    ended = not failed and decoder.is_finished()
    if not octets and ended and len(body) <= 1:
        return Undone(b"", len(body), None)
    if not ended and (not octets or _is_text(body)):
        return Undone(body, 0, ABSENT)
    return Undone(octets[:room], at, BROKEN if failed or (not ended and left > 0) else None)


def _undo_zstd(body: bytes, room: int) -> Undone:
    """zstd (RFC 8878), frame after frame."""
    magic = int.from_bytes(body[:4], "little")
    if magic != 0xFD2FB528 and magic & 0xFFFFFFF0 != 0x184D2A50:
        return Undone(body, 0, ABSENT)
    parts: list[bytes] = []
    left = room
    source = io.BytesIO(body)
    failed = False
    try:
        with zstandard.ZstdDecompressor(max_window_size=WINDOW).stream_reader(
            source, read_size=64, read_across_frames=True, closefd=False
        ) as reader:
            while left > 0 and (octets := reader.read(min(left, 16_384))):
                parts.append(octets)
                left -= len(octets)
    except zstandard.ZstdError:
        failed = True
    return Undone(b"".join(parts), source.tell(), BROKEN if failed or not parts else None)


def _undo_compress(body: bytes, room: int) -> Undone:
    """compress: LZW as the UNIX program writes it, codes of 9 to 16 bits, in groups of eight whose rest is padding when the width changes."""
    if body[:2] != b"\x1f\x9d" or len(body) < 3 or not 9 <= body[2] & 31 <= 16:
        return Undone(body, 0, ABSENT)
    if body[2] & 31 == 9:  # implementations differ about it, and nobody sends it
        return Undone(body, 0, BROKEN)
    widest = body[2] & 31
    blocks = body[2] & 0x80
    first = 257 if blocks else 256
    before = [0] * first  # of each code: the code it prolongs, and by which octet
    last = bytearray(range(256)) + bytearray(first - 256)
    out = bytearray()
    width = 9
    bit = group = 24
    previous = -1
    octet = 0
    while bit + width <= len(body) * 8 and len(out) < room:
        word = int.from_bytes(body[bit >> 3 : (bit >> 3) + 3], "little")
        code = word >> (bit & 7) & (1 << width) - 1
        bit += width
        if code == 256 and blocks:
            del before[first:], last[first:]
            bit = group + -(-(bit - group) // (width * 8)) * width * 8
            width, group, previous = 9, bit, -1
            continue
        if code > len(last) or (code == len(last) and previous < 0) or (previous < 0 and code > 255):
            return Undone(bytes(out), bit >> 3, BROKEN)
        text = bytearray()
        at = code
        if code == len(last):  # the code being made: what came before, and its own first octet
            text.append(octet)
            at = previous
        while at > 255:
            text.append(last[at])
            at = before[at]
        octet = at
        text.append(octet)
        text.reverse()
        out += text
        if previous >= 0 and len(last) < 1 << widest:
            before.append(previous)
            last.append(octet)
        previous = code
        if len(last) + (previous >= 0) > 1 << width and width < widest:
            bit = group + -(-(bit - group) // (width * 8)) * width * 8
            group = bit
            width += 1
    return Undone(bytes(out[:room]), min(-(-bit // 8), len(body)), None)


def _undo_identity(body: bytes, room: int) -> Undone:
    return Undone(body[:room], min(len(body), room), None)


UNDO: dict[str, Callable[[bytes, int], Undone]] = {
    "gzip": _undo_gzip,
    "x-gzip": _undo_gzip,
    "deflate": _undo_deflate,
    "x-deflate": _undo_deflate,
    "br": _undo_brotli,
    "zstd": _undo_zstd,
    "compress": _undo_compress,
    "x-compress": _undo_compress,
    "identity": _undo_identity,
}
"""The codings known, by the names of the IANA registry and those that came before it."""
