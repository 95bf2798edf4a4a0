"""Masking what packets carry, in place: the same lengths, the same sequence numbers, checksums that stay as right or wrong as they were.

The streams of each connection are put together from the frames, read as HTTP/1 messages, and what `sensor.masking` would mask in heads, bodies and
chunks is written over with as many characters of its keyed token, in every frame that holds it: a secret that crosses segments or chunks is found, and
so is its retransmission. What cannot be read is written over whole: a stream that is not HTTP, the rest of a body after a gap, a coded body that does
not decode or holds something to mask, IP fragments, octets that differ from what was sent before under the same number. A masked bundle holds nothing
that nobody looked at.
"""

from __future__ import annotations

import re
import struct
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from parsers.body import decode
from sensor.evidence.cut import SYN, Frame
from sensor.masking import Masker

FILL: Final = 0x78  # x
_START = re.compile(rb"(?:HTTP/\d\.\d[ ]\d{3}|[A-Z][A-Z-]{1,23}[ ][^\r\n ]{1,16384}[ ]HTTP/\d\.\d\r?\n)")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[^\n]{0,256}\n")
_HEAD_MAX: Final = 65_536
_DECODED_MAX: Final = 8_388_608


class InPlace(Masker):
    """A masker whose tokens are as long as what they stand for."""

    def token(self, kind: str, value: str) -> str:
        """As many characters of the value's keyed token as the value has."""
        if not self.on:
            return value
        whole = super().token(kind, value)
        size = len(value)
        # The keyed characters first: equal values stay recognisable however short they are.
        return whole[-size:] if size <= len(whole) else whole + "x" * (size - len(whole))

    def _replace(self, match: re.Match[str]) -> str:
        before = match[0]
        after = super()._replace(match)
        if after == before:
            return before
        if match.lastgroup in ("card", "email"):
            return self.token(match.lastgroup, before)
        return after.ljust(len(before))[: len(before)]

    def octets(self, octets: bytes) -> bytes:
        """Octets with what is to be masked in them written over; of the same length."""
        text = octets.decode("latin-1")
        return self.text(text).encode("latin-1", "replace").ljust(len(octets), b"x")[: len(octets)]

    def head(self, octets: bytes) -> bytes:
        """A start line and header block, or trailers, masked; of the same length."""
        out: list[bytes] = []
        secret = False
        for number, line in enumerate(octets.split(b"\n")):
            name, colon, value = line.partition(b":")
            if line[:1] in (b" ", b"\t"):
                # A folded line belongs to the header before it (RFC 9112 5.2).
                masked = re.sub(rb"[^ \t\r]", b"x", line) if secret else self.octets(line)
            elif colon and number and re.fullmatch(rb"[!-9;-~]{1,256}[ \t]*", name):
                shown = self.header(name.strip().decode("latin-1"), value.decode("latin-1"))
                masked = name + colon + shown.encode("latin-1", "replace").ljust(len(value))[: len(value)]
                if line.endswith(b"\r") and not masked.endswith(b"\r"):
                    masked = masked[:-1] + b"\r"
                secret = masked != line
            else:
                masked = self.octets(line)
                secret = False
            out.append(masked)
        return b"\n".join(out)

    def header(self, name: str, value: str) -> str:
        """As the masker it is made of, with the blanks around the value kept."""
        if not self.on:
            return value
        bare = value.strip()
        at = value.find(bare) if bare else 0
        masked = super().header(name, bare).ljust(len(bare))[: len(bare)]
        return value[:at] + masked + value[at + len(bare) :]


def mask_frames(frames: Sequence[Frame], masker: Masker) -> int:
    """Mask the payload of all frames in place; how many were changed."""
    if not masker.on:
        return 0
    inplace = InPlace(masker.key, masker.names, masker.known)
    before = {id(frame): bytes(frame.data) for frame in frames}
    halves: dict[tuple[int, int, bool], list[Frame]] = defaultdict(list)
    for frame in frames:
        picked = frame.picked
        if picked.tcp < 0:
            _blank_fragment(frame)
        elif picked.captured > 0:
            halves[picked.connection, picked.domain, picked.forward].append(frame)
        elif picked.flags & SYN:
            halves.setdefault((picked.connection, picked.domain, picked.forward), [])
    for half in halves.values():
        _mask_half(half, inplace)
    changed = 0
    for frame in frames:
        old = before[id(frame)]
        if old != frame.data:
            frame.masked = True
            changed += 1
            _correct(frame, old)
    return changed


def _blank_fragment(frame: Frame) -> None:
    """A piece of a datagram: what it carries goes; of the first piece, TCP's first 20 octets stay. In a tunnel all of it goes."""
    data = frame.data
    at = _ip(data) if frame.link == 1 else 0
    if frame.link in (1, 12, 101, 228) and len(data) > at and data[at] >> 4 == 4:
        first = len(data) > at + 7 and not (data[at + 6] & 0x1F or data[at + 7])
        keep = at + (data[at] & 15) * 4 + (20 if first and data[at + 9] == 6 else 0)
    elif frame.link in (1, 12, 101, 229) and len(data) > at + 43 and data[at] >> 4 == 6 and data[at + 6] == 44:
        first = not (data[at + 42] or data[at + 43] & 0xF8)
        keep = at + 48 + (20 if first and data[at + 40] == 6 else 0)
    else:
        keep = at
    data[keep:] = bytes([FILL]) * max(0, len(data) - keep)


def _ip(data: bytearray) -> int:
    """Where the packet of an Ethernet frame starts, VLAN tags skipped."""
    at = 14
    while len(data) >= at and bytes(data[at - 2 : at]) in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    return at


def _mask_half(frames: list[Frame], masker: InPlace) -> None:
    """One direction of one connection (all its runs: new numbers far from the old ones are a stream of their own)."""
    streams: list[list[tuple[int, Frame]]] = []
    expected = 0
    for frame in frames:
        seq = frame.picked.seq + (1 if frame.picked.flags & SYN else 0)
        distance = (seq - expected + (1 << 31)) % (1 << 32) - (1 << 31)
        if not streams or abs(distance) > 1 << 28:
            streams.append([])
            expected = seq
            distance = 0
        position = expected + distance
        streams[-1].append((position, frame))
        expected = max(expected, position + frame.picked.length)
    for stream in streams:
        _mask_stream(stream, masker)


def _mask_stream(placed: list[tuple[int, Frame]], masker: InPlace) -> None:
    first = min(position for position, _ in placed)
    runs: list[tuple[int, bytearray]] = []
    starts: set[int] = set()
    order = sorted(range(len(placed)), key=lambda at: (placed[at][0], at))
    differing: list[Frame] = []
    for at in order:
        frame = placed[at][1]
        position = placed[at][0] - first
        payload = frame.data[frame.picked.payload : frame.picked.payload + frame.picked.captured]
        starts.add(position)
        if not runs or position > runs[-1][0] + len(runs[-1][1]):
            runs.append((position, bytearray(payload)))
            continue
        start, octets = runs[-1]
        skip = start + len(octets) - position
        known = octets[position - start : position - start + len(payload)]
        if known != payload[: len(known)]:
            differing.append(frame)
        octets += payload[skip:] if skip < len(payload) else b""
    masked = _masked_runs(runs, starts, masker)
    for absolute, frame in placed:
        position = absolute - first
        picked = frame.picked
        if frame in differing:
            frame.data[picked.payload : picked.payload + picked.captured] = bytes([FILL]) * picked.captured
            continue
        for start, fresh in masked:
            if start <= position < start + len(fresh):
                part = fresh[position - start : position - start + picked.captured]
                frame.data[picked.payload : picked.payload + len(part)] = part
                break


def _masked_runs(runs: list[tuple[int, bytearray]], starts: set[int], masker: InPlace) -> list[tuple[int, bytes]]:
    """The runs of one stream, read as messages and masked. A body of stated length may go on after a gap; anything else begins anew."""
    out: list[tuple[int, bytes]] = []
    until = -1
    for start, octets in runs:
        data = bytes(octets)
        fresh = bytearray()
        at = 0
        if until > start:
            # The rest of a body whose middle was not seen.
            at = min(len(data), until - start)
            # A secret, or the name that would say so, may have begun where nothing was seen.
            fresh += bytes([FILL]) * at
        until = -1
        while at < len(data):
            end, piece, until_here = _message(data, at, masker)
            if end < 0:
                # Not a message: everything up to the next segment that starts one.
                following = next((place - start for place in sorted(starts) if place - start > at and _START.match(data, place - start)), len(data))
                fresh += bytes([FILL]) * (following - at)
                at = following
                continue
            fresh += piece
            at = end
            until = start + until_here if until_here > len(data) else -1
        out.append((start, bytes(fresh)))
    return out


def _message(data: bytes, at: int, masker: InPlace) -> tuple[int, bytes, int]:
    """(where it ends, the message masked, where its body would end); -1 for what is none."""
    begun = at
    while data[at : at + 2] == b"\r\n":  # RFC 9112 2.2: empty lines before a request line
        at += 2
    if not _START.match(data, at):
        return (at, data[begun:at], 0) if at == len(data) else (-1, b"", 0)
    ended = _HEAD_END.search(data, at, at + _HEAD_MAX)
    if ended is None:
        # The head is not seen to its end.
        return len(data), data[begun:at] + masker.head(data[at:]), 0
    body = ended.end()
    head = data[at:body]
    out = data[begun:at] + masker.head(head)
    fields = _framing(head)
    if b"chunked" in fields.get(b"transfer-encoding", b"").lower():
        end, piece = _chunked(data, body, fields.get(b"content-encoding", b""), masker)
        return end, out + piece, 0
    length = fields.get(b"content-length", b"").split(b",")[0].strip()
    status = re.match(rb"HTTP/\d\.\d (\d{3})", head)
    if status and (status[1] in (b"204", b"304") or status[1].startswith(b"1")):
        return body, out, 0
    if length.isdigit():
        if status and _START.match(data, body) and int(length):
            return body, out, 0  # the answer to a HEAD: the next one follows at once
        end = min(len(data), body + int(length[:15]))
        piece = _body(data[body:end], fields.get(b"content-encoding", b""), masker)
        return end, out + piece, body + int(length[:15])
    if status:  # up to the end of the connection
        return len(data), out + _body(data[body:], fields.get(b"content-encoding", b""), masker), 0
    return body, out, 0


def _framing(head: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for line in head.split(b"\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def _body(octets: bytes, coding: bytes, masker: InPlace) -> bytes:
    """A body masked, of the same length: text where it is text, as a whole where it is coded and holds something to mask."""
    if not coding or coding.lower() == b"identity":
        return masker.octets(octets)
    decoded, weird = decode(octets, coding.decode("latin-1"), _DECODED_MAX, 1_000, whole=False)
    if weird is None and decoded != octets and len(decoded) < _DECODED_MAX and masker.octets(decoded) == decoded:
        return octets
    return bytes([FILL]) * len(octets)


def _chunked(data: bytes, at: int, coding: bytes, masker: InPlace) -> tuple[int, bytes]:
    """A chunked body (RFC 9112 7.1) masked across its chunks: where it ends, and its octets."""
    begun = at
    places: list[tuple[int, int]] = []
    while True:
        size = _CHUNK.match(data, at)
        if size is None:
            # Cut off, or no chunk: what was framed so far is masked, the rest goes.
            return len(data), _placed(data, begun, at, places, coding, masker) + bytes([FILL]) * (len(data) - at)
        here = int(size[1], 16)
        at = size.end()
        if here == 0:
            break
        places.append((at, min(len(data), at + here)))
        at = min(len(data), at + here)
        at += 2 if data[at : at + 2] == b"\r\n" else 1 if data[at : at + 1] == b"\n" else 0
        if at >= len(data):
            return len(data), _placed(data, begun, len(data), places, coding, masker)
    body = _placed(data, begun, at, places, coding, masker)
    if data[at : at + 2] == b"\r\n":
        return at + 2, body + data[at : at + 2]
    ended = _HEAD_END.search(data, at, at + _HEAD_MAX)
    end = ended.end() if ended else len(data)
    return end, body + masker.head(b"\n" + data[at:end])[1:]


def _placed(data: bytes, start: int, end: int, places: list[tuple[int, int]], coding: bytes, masker: InPlace) -> bytes:
    whole = _body(b"".join(data[one:two] for one, two in places), coding, masker)
    out = bytearray(data[start:end])
    at = 0
    for one, two in places:
        out[one - start : two - start] = whole[at : at + two - one]
        at += two - one
    return bytes(out)


# Checksums: RFC 1624, eqn. 3, so that a right one stays right and a wrong one stays as wrong as it was.


def _correct(frame: Frame, old: bytes) -> None:
    picked = frame.picked
    if picked.tcp >= 0:
        _adjust(frame.data, old, picked.tcp + 16, picked.tcp)
    udp = _outer_udp(frame.data) if frame.link == 1 else -1
    if udp >= 0 and frame.data[udp + 6 : udp + 8] != b"\0\0":
        _adjust(frame.data, old, udp + 6, udp)
        if frame.data[udp + 6 : udp + 8] == b"\0\0":
            frame.data[udp + 6 : udp + 8] = b"\xff\xff"


def _adjust(data: bytearray, old: bytes, place: int, start: int) -> None:
    """Correct the checksum at `place`, which covers all from `start` on, by what changed there."""
    total = ~struct.unpack_from("!H", old, place)[0] & 0xFFFF
    total += (~_sum(old[start:]) & 0xFFFF) + _sum(bytes(data[start:]))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    struct.pack_into("!H", data, place, ~total & 0xFFFF)


def _sum(octets: bytes) -> int:
    padded = octets + bytes(len(octets) & 1)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(total)


def _outer_udp(data: bytearray) -> int:
    """Where the outermost UDP header of an Ethernet frame is (VXLAN, GENEVE and GTP checksum what they carry); -1 for none."""
    at = _ip(data)
    kind = bytes(data[at - 2 : at])
    if kind == b"\x08\x00" and len(data) >= at + 20 and data[at + 9] == 17 and not data[at + 6] & 0x3F and not data[at + 7]:
        at += (data[at] & 15) * 4
    elif kind == b"\x86\xdd" and len(data) >= at + 40 and data[at + 6] == 17:
        at += 40
    else:
        return -1
    return at if len(data) >= at + 8 else -1
