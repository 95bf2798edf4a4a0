"""Small captures, made by hand octet by octet, so that a test shows what is in them."""

from __future__ import annotations

import struct
from collections.abc import Iterable

Frame = tuple[int, bytes]
"""Time in ns, octets."""


def pcap(
    frames: Iterable[Frame],
    *,
    big: bool = False,
    nano: bool = False,
    link: int = 1,
    snaplen: int = 65535,
    minor: int = 4,
) -> bytes:
    order = ">" if big else "<"
    out = [struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, minor, 0, 0, snaplen, link)]
    for ts, frame in frames:
        fraction = ts % 10**9 if nano else ts % 10**9 // 1000
        out.append(struct.pack(order + "IIII", ts // 10**9, fraction, len(frame), len(frame)) + frame)
    return b"".join(out)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    total = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + total + body + total


def section(order: str = "<", major: int = 1) -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, major, 0, -1), order)


def interface(link: int = 1, snaplen: int = 0, options: bytes = b"", order: str = "<") -> bytes:
    return block(1, struct.pack(order + "HHI", link, 0, snaplen) + options, order)


def enhanced(
    units: int, frame: bytes, number: int = 0, length: int | None = None, options: bytes = b"", order: str = "<"
) -> bytes:
    wire = len(frame) if length is None else length
    head = struct.pack(order + "IIIII", number, units >> 32, units & 0xFFFFFFFF, len(frame), wire)
    return block(6, head + frame + bytes(-len(frame) % 4) + options, order)


def pcapng(frames: Iterable[Frame], order: str = "<") -> bytes:
    options = option(9, b"\x09", order)
    return (
        section(order)
        + interface(options=options, order=order)
        + b"".join(enhanced(ts, f, order=order) for ts, f in frames)
    )
