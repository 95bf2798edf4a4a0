"""Writing pcapng (draft-ietf-opsawg-pcapng): one section, an interface a link type, times in nanoseconds, a comment on every packet."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_COMMENT, _APPLICATION, _RESOLUTION = 1, 4, 9
SNAPLEN: Final = 262_144
TEXT_MAX: Final = 1_000


class Packet(NamedTuple):
    """One packet to write."""

    ts: int
    """ns since the epoch."""
    link: int
    length: int
    """Octets on the wire; `data` may be fewer."""
    data: bytes | bytearray
    comment: str


def pcapng(packets: Iterable[Packet], application: str, comment: str) -> bytes:
    """The capture file of these packets; the same packets give the same octets."""
    out = [_block(_SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1), (_COMMENT, comment), (_APPLICATION, application))]
    interfaces: dict[int, int] = {}
    for packet in packets:
        number = interfaces.get(packet.link)
        if number is None:
            number = interfaces[packet.link] = len(interfaces)
            out.append(_block(_INTERFACE, struct.pack("<HHI", packet.link, 0, SNAPLEN), (_RESOLUTION, b"\x09")))
        ts = max(packet.ts, 0)
        head = struct.pack("<IIIII", number, ts >> 32, ts & 0xFFFFFFFF, len(packet.data), packet.length)
        out.append(_block(_PACKET, head + _padded(bytes(packet.data)), (_COMMENT, packet.comment)))
    return b"".join(out)


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


def _block(kind: int, body: bytes, *options: tuple[int, str | bytes]) -> bytes:
    for code, value in options:
        octets = value.encode("utf-8", "replace")[:TEXT_MAX] if isinstance(value, str) else value
        if octets:
            body += struct.pack("<HH", code, len(octets)) + _padded(octets)
    body += bytes(4)  # opt_endofopt
    total = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + total + body + total
