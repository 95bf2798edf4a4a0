"""A frame becomes a TCP segment: link layer, tunnels, IP, fragments, TCP.

`Decoder.decode_at` walks one frame in place and leaves what it found in its own fields; it makes no object a frame. Whatever stands before IP is
read by `parsers.encapsulation`, one header a step, nested up to `limits.encapsulations`. Nothing a frame holds can raise: what cannot be read
is counted under the name of its reason, and `decode_at` returns 0.

The innermost IP packet counts: its addresses, its identification, its lengths. Padding after it is not payload. A total length of 0 (a
packet too long for the field, as segmentation offload shows them) means up to the end of the frame. Checksums are not looked at unless asked
for, since a capture on the sending host sees them before the network card fills them in.
"""

from __future__ import annotations

from typing import Any, NamedTuple

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

from parsers.encapsulation import Cursor
from parsers.fragments import Fragments
from parsers.frames import FrameBlock
from parsers.limits import Limits

if cython.compiled:
    from cython.cimports.parsers.encapsulation import step
else:
    from parsers.encapsulation import step

COMPILED = cython.compiled

_IPV4 = cython.declare(cython.int, 0x10800)
_IPV6 = cython.declare(cython.int, 0x186DD)
_ETHERTYPE = cython.declare(cython.int, 0x10000)
_LINK = cython.declare(cython.int, 0x20000)
_TCP = cython.declare(cython.int, 6)
_MAPPED = cython.declare(cython.ulonglong, 0xFFFF00000000)

# Extension headers of IP: they may stand anywhere before TCP.
_HOP_BY_HOP = cython.declare(cython.int, 0)
_ROUTING = cython.declare(cython.int, 43)
_FRAGMENT = cython.declare(cython.int, 44)
_AUTHENTICATION = cython.declare(cython.int, 51)
_DESTINATION = cython.declare(cython.int, 60)
_MOBILITY = cython.declare(cython.int, 135)
_HIP = cython.declare(cython.int, 139)
_SHIM6 = cython.declare(cython.int, 140)

_TRUNCATED = cython.declare(cython.int, -2)
_MALFORMED = cython.declare(cython.int, -3)
_NOT_TCP = cython.declare(cython.int, -4)
_UNKNOWN_LINK = cython.declare(cython.int, -5)
_BAD_CHECKSUM = cython.declare(cython.int, -20)
_TOO_DEEP = cython.declare(cython.int, -21)


class Segment(NamedTuple):
    """A decoded segment, for those who want to look at one (tests, evidence); the engine reads the decoder's fields."""

    src: str
    dst: str
    src_port: int
    dst_port: int
    seq: int
    ack: int
    flags: int
    window: int
    ip_id: int
    domain: int
    payload: bytes
    payload_length: int


# Numbers in network order. The octets are there: `decode` checks each header's room against the captured end of the frame before it reads it.


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _u16(data: cython.pointer(cython.const[cython.uchar]), at: cython.Py_ssize_t) -> cython.int:
    return (data[at] << 8) | data[at + 1]


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _u32(data: cython.pointer(cython.const[cython.uchar]), at: cython.Py_ssize_t) -> cython.uint:
    return (cython.cast(cython.uint, data[at]) << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3]


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _u64(data: cython.pointer(cython.const[cython.uchar]), at: cython.Py_ssize_t) -> cython.ulonglong:
    return (cython.cast(cython.ulonglong, _u32(data, at)) << 32) | _u32(data, at + 4)


@cython.final
@cython.cclass
class Decoder:
    """Decodes frames, one at a time; remembers only IP fragments and counters."""

    def __init__(self, limits: Limits, verify_checksums: bool = False) -> None:
        self.limits = limits
        self.verify = verify_checksums
        self.tunnels = limits.encapsulations
        self.fragments = Fragments(limits)
        self.cursor = Cursor()
        self.assembled = b""
        self.six = False
        self.routed = False
        self.inside = False
        self.nested = 0
        self.src_hi = self.src_lo = self.dst_hi = self.dst_lo = 0
        self.src_port = self.dst_port = self.seq = self.ack = self.domain = self.flags = self.window = self.ip_id = 0
        self.payload = self.payload_end = self.payload_length = 0
        self.segment_octets = cython.NULL
        self.open(b"")
        self.frames = self.segments = self.not_ip = self.not_tcp = self.truncated = self.malformed = 0
        self.unknown_link = self.link_protected = self.link_split = 0
        self.bad_checksum = self.encapsulated = self.too_deep = self.snapped = 0

    def open(self, data: Any) -> Any:
        """The buffer that the frames lie in from now on."""
        if not cython.compiled and not isinstance(data, (bytes, bytearray, memoryview)):
            data = memoryview(data)  # numpy's integers wrap, Python's do not
        self.view = data
        self.size = len(data)
        if cython.compiled:
            self.octets = cython.address(self.view[0]) if self.size > 0 else cython.NULL
        else:
            self.octets = data
        return 0

    def decode(self, data: Any, start: Any, captured: Any, length: Any, link: Any, ts: Any) -> Any:
        """Open `data` and decode one frame in it; see `decode_at`."""
        self.open(data)
        return self.decode_at(start, captured, length, link, ts)

    def decode_at(self, start: Any, captured: Any, length: Any, link: Any, ts: Any) -> Any:
        """Decode the frame [start:start + captured] of the open buffer, `length` octets long on the wire, of LINKTYPE `link`, seen at `ts` (ns).

        0: no TCP segment in it (counted why). 1: one, its payload at [payload:payload_end] of the buffer. 2: one made whole by this fragment, its
        payload at assembled[payload:payload_end]. `segment_octets` is where the payload's indices count from. Raises IndexError for a frame outside the buffer, which is the caller's mistake: this is the
        check that all reading of the frame rests on, here and in the parsers that are given its payload.
        """
        data: cython.pointer(cython.const[cython.uchar]) = self.octets
        header: cython.int
        total: cython.int
        field: cython.int
        protocol: cython.int
        kind: cython.int
        pseudo: cython.ulonglong
        at: cython.Py_ssize_t = start
        end: cython.Py_ssize_t
        limit: cython.Py_ssize_t
        cursor: Cursor = self.cursor
        if start < 0 or captured < 0 or start > self.size or captured > self.size - start:
            raise IndexError("Decoder.decode: frame outside the buffer")
        if not cython.compiled:
            start, captured, length = int(start), int(captured), int(length)
            at = start
        length = max(length, captured)
        end = start + captured  # of the captured octets
        limit = start + length  # of the packet on the wire
        if self.inside:  # a datagram made whole, which `_fragment` sends back here with its protocol
            self.inside = False
            kind = link
        elif link < 0 or link > 0xFFFF:
            self.frames += 1
            return self._give_up(_UNKNOWN_LINK)
        else:
            self.frames += 1
            self.nested = 0
            cursor.tunnels = 0
            cursor.domain = 0
            kind = _LINK + link
            if (
                captured >= 54 and link == 1 and not self.verify
                and data[start + 12] == 8 and data[start + 13] == 0  # IPv4
                and data[start + 14] == 0x45 and data[start + 23] == 6  # without options, TCP
                and _u16(data, start + 20) & 0x3FFF == 0  # no fragment
                and (data[start] & 0xFD != 1 or data[start + 1] != 0)  # not ISL
            ):  # fmt: skip
                # What nearly every frame is, in one go. What is odd about it is left to the steps below.
                total = _u16(data, start + 16)
                header = (data[start + 46] >> 4) * 4
                if header >= 20 and total >= 20 + header:
                    at = start + 34
                    limit = start + 14 + total
                    if end > limit:
                        end = limit
                    if at + 20 <= end:
                        self.src_hi = self.dst_hi = 0
                        self.src_lo = _MAPPED | _u32(data, start + 26)
                        self.dst_lo = _MAPPED | _u32(data, start + 30)
                        self.ip_id = _u16(data, start + 18)
                        self.six = False
                        self.routed = False
                        self._tcp(data, at, header, end, limit)
                        return 1
                    at = start
                    end = start + captured
                    limit = start + length
            if link == 1 and captured >= 18:  # nearly every frame: spare it the steps through `encapsulation`
                kind = _u16(data, start + 12)
                at = start + 14
                if kind == 0x8100:
                    kind = _u16(data, start + 16)
                    at = start + 18
                if kind < 0x0600 or (data[start] & 0xFD == 1 and data[start + 1] == 0):  # 802.3, ISL
                    kind = _LINK + link
                    at = start
                else:
                    kind += _ETHERTYPE
        while True:
            if kind == _TCP:
                if at + 20 > end:
                    return self._give_up(_TRUNCATED if at + 20 <= limit else _MALFORMED)
                header = (data[at + 12] >> 4) * 4
                if header < 20 or at + header > limit:
                    return self._give_up(_MALFORMED)
                if self.verify and end == limit and not self.routed:
                    pseudo = 6 + limit - at
                    pseudo += (self.src_lo & 0xFFFFFFFF) + (self.dst_lo & 0xFFFFFFFF)
                    if self.six:
                        pseudo += (self.src_lo >> 32) + (self.dst_lo >> 32)
                        pseudo += (
                            (self.src_hi & 0xFFFFFFFF)
                            + (self.src_hi >> 32)
                            + (self.dst_hi & 0xFFFFFFFF)
                            + (self.dst_hi >> 32)
                        )
                    if not self._checksum_holds(data, at, end, pseudo):
                        return self._give_up(_BAD_CHECKSUM)
                self._tcp(data, at, header, end, limit)
                return 1
            if kind == _IPV4:
                if at + 20 > end:
                    return self._give_up(_TRUNCATED if at + 20 <= limit else _MALFORMED)
                header = (data[at] & 15) * 4
                total = _u16(data, at + 2)
                if data[at] >> 4 != 4 or header < 20 or (total < header and total != 0):
                    return self._give_up(_MALFORMED)
                if total != 0:
                    limit = at + total  # what the sender says, also where that is more than the frame had
                    end = min(end, limit)
                if at + header > end:
                    return self._give_up(_TRUNCATED if at + header <= limit else _MALFORMED)
                if self.verify and not self._checksum_holds(data, at, at + header, 0):
                    return self._give_up(_BAD_CHECKSUM)
                self.src_hi = 0
                self.src_lo = _MAPPED | _u32(data, at + 12)
                self.dst_hi = 0
                self.dst_lo = _MAPPED | _u32(data, at + 16)
                self.ip_id = _u16(data, at + 4)
                self.six = False
                self.routed = False
                field = _u16(data, at + 6)
                kind = data[at + 9]
                at += header
                if field & 0x3FFF:  # more fragments, or an offset
                    return self._fragment(
                        data, at, end, limit, self.ip_id, kind, (field & 0x1FFF) * 8, field & 0x2000 != 0, ts
                    )
            elif kind == _IPV6:
                if at + 40 > end:
                    return self._give_up(_TRUNCATED if at + 40 <= limit else _MALFORMED)
                if data[at] >> 4 != 6:
                    return self._give_up(_MALFORMED)
                total = _u16(data, at + 4)
                kind = data[at + 6]
                if total != 0:
                    limit = at + 40 + total
                    end = min(end, limit)
                self.src_hi = _u64(data, at + 8)
                self.src_lo = _u64(data, at + 16)
                self.dst_hi = _u64(data, at + 24)
                self.dst_lo = _u64(data, at + 32)
                self.ip_id = -1
                self.six = True
                self.routed = False
                at += 40
            elif kind in (_HOP_BY_HOP, _ROUTING, _DESTINATION, _MOBILITY, _HIP, _SHIM6):
                if not self.six:
                    return self._give_up(_NOT_TCP)
                if at + 8 > end:
                    return self._give_up(_TRUNCATED if at + 8 <= limit else _MALFORMED)
                # Still on its way: its destination is not the one of the checksum.
                if kind == _ROUTING and data[at + 3] != 0:
                    self.routed = True
                header = (data[at + 1] + 1) * 8
                kind = data[at]
                at += header
            elif kind == _AUTHENTICATION:
                if at + 8 > end:
                    return self._give_up(_TRUNCATED if at + 8 <= limit else _MALFORMED)
                header = (data[at + 1] + 2) * 4
                kind = data[at]
                at += header
            elif kind == _FRAGMENT:
                if not self.six:
                    return self._give_up(_NOT_TCP)
                if at + 8 > end:
                    return self._give_up(_TRUNCATED if at + 8 <= limit else _MALFORMED)
                field = _u16(data, at + 2)
                protocol = data[at]
                if field & 0xFFF9:
                    return self._fragment(
                        data, at + 8, end, limit, _u32(data, at + 4), protocol, field & 0xFFF8, field & 1, ts
                    )
                kind = protocol  # whole in one "atomic" fragment (RFC 6946)
                at += 8
            else:
                cursor.at = at
                cursor.end = end
                cursor.limit = limit
                kind = step(cursor, self.view, kind)
                if kind < 0:
                    return self._give_up(kind)
                if cursor.tunnels > self.tunnels:
                    return self._give_up(_TOO_DEEP)
                at = cursor.at
                end = cursor.end
                limit = cursor.limit

    def _tcp(self, data: Any, at: Any, header: Any, end: Any, limit: Any) -> Any:
        """Take the segment whose TCP header, of `header` octets, stands at `at`: twenty octets of it at least were captured."""
        self.src_port = _u16(data, at)
        self.dst_port = _u16(data, at + 2)
        self.seq = _u32(data, at + 4)
        self.ack = _u32(data, at + 8)
        self.flags = data[at + 13]
        self.window = _u16(data, at + 14)
        self.domain = self.cursor.domain
        self.segment_octets = data
        self.payload = at + header
        self.payload_length = limit - self.payload
        self.payload_end = end
        self.payload = min(self.payload, end)  # the capture may end inside the options
        if end < limit:
            self.snapped += 1
        if self.cursor.tunnels > 0:
            self.encapsulated += 1
        self.segments += 1
        return 0

    def _give_up(self, reason: Any) -> Any:
        """Count why the frame has no segment for us."""
        if reason == -1:
            self.not_ip += 1
        elif reason == -2:
            self.truncated += 1
        elif reason == -3:
            self.malformed += 1
        elif reason == -4:
            self.not_tcp += 1
        elif reason == -5:
            self.unknown_link += 1
        elif reason == -6:
            self.link_protected += 1
        elif reason == -7:
            self.link_split += 1
        elif reason == _BAD_CHECKSUM:
            self.bad_checksum += 1
        else:
            self.too_deep += 1
        return 0

    def _fragment(
        self, data: Any, at: Any, end: Any, limit: Any, ident: Any, protocol: Any, offset: Any, more: Any, ts: Any
    ) -> Any:
        """Keep a fragment; where it makes its datagram whole, read on in that."""
        if at > end or at > limit:
            return self._give_up(_MALFORMED)
        fragments = self.fragments
        if not fragments.add(
            self.src_hi,
            self.src_lo,
            self.dst_hi,
            self.dst_lo,
            ident,
            protocol,
            self.cursor.domain,
            self.six,
            offset,
            bytes(data[at:end]),
            limit - at,
            more,
            ts,
        ):
            return 0
        self.nested += 1
        if self.nested > self.tunnels:  # a datagram whole by the fragment in a datagram whole by a fragment ...
            return self._give_up(_TOO_DEEP)
        whole: cython.const[cython.uchar][::1] = fragments.whole
        size: cython.Py_ssize_t = len(whole)
        length: cython.Py_ssize_t = fragments.length
        found: cython.int
        frame: cython.const[cython.uchar][::1] = self.view
        self.assembled = whole
        self.inside = True
        self.open(whole)
        found = self.decode_at(0, size, length, fragments.protocol, ts)
        self.open(frame)
        return 2 if found else 0

    def _checksum_holds(self, data: Any, at: Any, end: Any, total: Any) -> Any:
        """Whether the Internet checksum over data[at:end], started with `total`, comes out right (RFC 1071)."""
        while at + 1 < end:
            total += (data[at] << 8) | data[at + 1]
            at += 2
        if at < end:
            total += data[at] << 8
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        return total == 0xFFFF

    def counters(self) -> dict[str, int]:
        """What became of the frames so far, by name; every name is there from the start."""
        return {
            "frames": self.frames,
            "segments": self.segments,
            "not_ip": self.not_ip,
            "not_tcp": self.not_tcp,
            "truncated": self.truncated,
            "malformed": self.malformed,
            "unknown_link": self.unknown_link,
            "link_protected": self.link_protected,
            "link_split": self.link_split,
            "bad_checksum": self.bad_checksum,
            "encapsulated": self.encapsulated,
            "too_deep": self.too_deep,
            "snapped": self.snapped,
            **self.fragments.counts,
        }

    def scan(self, block: FrameBlock) -> int:
        """Decode every frame of a block for the counters alone; how many segments it held."""
        offset: cython.const[cython.longlong][::1] = block.offset
        captured: cython.const[cython.longlong][::1] = block.captured
        length: cython.const[cython.longlong][::1] = block.length
        ts: cython.const[cython.longlong][::1] = block.ts
        link: cython.const[cython.int][::1] = block.link
        before: cython.longlong = self.segments
        i: cython.Py_ssize_t
        self.open(block.data)
        for i in range(len(offset)):
            self.decode_at(offset[i], captured[i], length[i], link[i], ts[i])
        return int(self.segments - before)

    def segment(self, frame: bytes, link: int = 1, ts: int = 0, length: int = -1) -> Segment | None:
        """The TCP segment in one frame, or None."""
        found = self.decode(frame, 0, len(frame), max(length, len(frame)), link, ts)
        if not found:
            return None
        data = frame if found == 1 else bytes(self.assembled)
        return Segment(
            address(self.src_hi, self.src_lo),
            address(self.dst_hi, self.dst_lo),
            self.src_port,
            self.dst_port,
            self.seq,
            self.ack,
            self.flags,
            self.window,
            self.ip_id,
            self.domain,
            data[self.payload : self.payload_end],
            self.payload_length,
        )


def address(hi: int, lo: int) -> str:
    """Text of an address as the decoder has it: two halves, IPv4 as ::ffff:a.b.c.d."""
    import ipaddress

    if hi == 0 and lo >> 32 == 0xFFFF:
        return str(ipaddress.IPv4Address(lo & 0xFFFFFFFF))
    return str(ipaddress.IPv6Address(hi << 64 | lo))
