"""Which frames of a capture belong to given connections: what evidence is cut by.

    picker = Picker([Ends.of("10.0.0.9", 40001, "10.0.0.1", 80)])
    for block in capture:
        for picked in picker.pick(block): ...

A frame is decoded as the engine decodes it, tunnels and fragments with it, and compared by its innermost addresses and ports. Python objects are
made for the frames picked, and for no other.
"""

from __future__ import annotations

import socket
import struct
from typing import Any, NamedTuple

import numpy as np

from parsers.limits import Limits

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

if cython.compiled:
    from cython.cimports.parsers.packet import Decoder
else:
    from parsers.packet import Decoder

COMPILED = cython.compiled


class Ends(NamedTuple):
    """The two ends of a connection in the order of the flow table: the lesser first. Addresses are 128 bits in halves, IPv4 as ::ffff:a.b.c.d."""

    a_hi: int
    a_lo: int
    a_port: int
    b_hi: int
    b_lo: int
    b_port: int

    @classmethod
    def of(cls, one: str, one_port: int, two: str, two_port: int) -> Ends:
        """The ends named by address and port, in any order."""
        first, second = sorted(((*_halves(one), one_port), (*_halves(two), two_port)))
        return cls(*first, *second)


def _halves(address: str) -> tuple[int, int]:
    if ":" in address:
        high, low = struct.unpack("!QQ", socket.inet_pton(socket.AF_INET6, address))
        return high, low
    return 0, 0xFFFF00000000 | struct.unpack("!I", socket.inet_pton(socket.AF_INET, address))[0]


class Picked(NamedTuple):
    """A frame of a wanted connection, or an IP fragment between two wanted addresses."""

    frame: int
    """Index into the block."""
    connection: int
    """Index into the connections asked for; -1 for a fragment that does not end its datagram."""
    forward: bool
    """Sent by side a."""
    domain: int
    tcp: int
    """Where the TCP header starts in the frame; -1 where it is not there (a fragment)."""
    payload: int
    """Where the payload starts in the frame, and how many octets of it were captured, and sent."""
    captured: int
    length: int
    seq: int
    flags: int
    datagram: tuple[int, int, int, int, int]
    """Addresses and identification of the datagram: what joins its fragments."""
    last_fragment: bool


class Picker:
    """Picks the frames of `connections` out of blocks, in order. Keeps no frame; bounded by `limits.fragments` like the decoder it uses."""

    def __init__(self, connections: list[Ends], limits: Limits | None = None, verify_checksums: bool = False) -> None:
        self._decoder = Decoder(limits or Limits(), verify_checksums)
        self._wanted = {ends: number for number, ends in enumerate(connections)}
        self._pairs = {(ends.a_hi, ends.a_lo, ends.b_hi, ends.b_lo) for ends in connections}
        # Most frames are somebody else's: one look into a table by the ports tells so.
        self._ports = np.zeros(65_536, np.uint8)
        for ends in connections:
            self._ports[ends.a_port ^ ends.b_port] = 1

    def pick(self, block: Any) -> list[Picked]:
        """The frames of the block that belong to a wanted connection."""
        data: cython.const[cython.uchar][::1] = memoryview(block.data)
        offset: cython.const[cython.longlong][::1] = block.offset
        captured: cython.const[cython.longlong][::1] = block.captured
        length: cython.const[cython.longlong][::1] = block.length
        times: cython.const[cython.longlong][::1] = block.ts
        link: cython.const[cython.int][::1] = block.link
        ports: cython.const[cython.uchar][::1] = self._ports
        d: Decoder = self._decoder
        k: cython.Py_ssize_t
        got: cython.int
        lost: cython.longlong
        found: list[Picked] = []
        for k in range(offset.shape[0]):
            lost = _given_up(d)
            got = d.decode(data, offset[k], captured[k], length[k], link[k], times[k])
            if got == 0:
                # Nothing in it, yet nothing given up: a fragment that waits for others.
                if lost == _given_up(d):
                    self._fragment(found, k)
            elif ports[d.src_port ^ d.dst_port]:
                self._segment(found, k, got, data, offset[k])
        return found

    def _fragment(self, found: Any, k: Any) -> None:
        d = self._decoder
        src, dst = (d.src_hi, d.src_lo), (d.dst_hi, d.dst_lo)
        if (*min(src, dst), *max(src, dst)) in self._pairs:
            found.append(Picked(k, -1, src <= dst, 0, -1, 0, 0, 0, 0, 0, (*src, *dst, d.ip_id), False))

    def _segment(self, found: Any, k: Any, got: Any, data: Any, start: Any) -> None:
        d = self._decoder
        src, dst = (d.src_hi, d.src_lo, d.src_port), (d.dst_hi, d.dst_lo, d.dst_port)
        number = self._wanted.get(Ends(*min(src, dst), *max(src, dst)))
        if number is None:
            return
        datagram = (d.src_hi, d.src_lo, d.dst_hi, d.dst_lo, d.ip_id)
        payload, tcp = 0, -1
        if got == 1:
            payload = d.payload - start
            tcp = _tcp_header(data, start, d.payload, d.src_port, d.dst_port, d.seq)
        octets = d.payload_end - d.payload if got == 1 else 0
        found.append(Picked(k, number, src <= dst, d.domain, tcp, payload, octets, d.payload_length, d.seq, d.flags, datagram, got == 2))


def _given_up(d: Decoder) -> cython.longlong:
    """How many frames the decoder has given up so far."""
    return d.not_ip + d.not_tcp + d.truncated + d.malformed + d.unknown_link + d.link_protected + d.link_split + d.bad_checksum + d.too_deep


def _tcp_header(data: Any, start: int, payload: int, src_port: int, dst_port: int, seq: int) -> int:
    """Where the header before `payload` starts, from the start of the frame: the place where ports, number and header length agree; else -1."""
    want = struct.pack("!HHI", src_port, dst_port, seq)
    for words in range(5, 16):
        at = payload - 4 * words
        if at < start:
            break
        if data[at + 12] >> 4 == words and bytes(data[at : at + 8]) == want:
            return at - start
    return -1
