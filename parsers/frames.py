"""Frames as a buffer and an index: what every capture source hands to the decoder.

A `FrameBlock` is one contiguous run of octets and, for every frame in it, where it lies, how long it was on the wire, when it was seen and
which link type it has. Nothing copies a frame to look at it.

`PcapIndex` and `PcapngIndex` make the index out of the octets of a capture, a run of bounded length at a time, and know no file: the caller
gives a buffer (a mapped file, or what came through a pipe so far) and a range, and is told where the run stopped and why:

- the run is full (`room` frames),
- `need`: the buffer ends inside a record, which needs so many octets from where the run stopped,
- `damage`: a sentence; what stands there can be no record. What came before is good, what comes after is not guessed at.

Whatever the octets are, nothing is raised and no frame reaches outside the buffer.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

COMPILED = cython.compiled

FRAME_MAX = 262_144
"""Octets of one captured frame. libpcap (MAXIMUM_SNAPLEN) and Wireshark draw the line here for every network link type: a record that says
more is damage, whatever the file's snapshot length."""
BLOCK_MAX = 16_777_216
"""Octets of one pcapng block, as Wireshark has it: a larger number is a damaged length rather than a block."""
INTERFACES = 65_536
"""Interfaces of one pcapng section: 20 octets make one, and each costs us 40. The obsolete Packet Block can name no more than these."""
SECRETS_MAX = 16_777_216
"""Octets of decryption secrets kept of one capture: a TLS key log line is some 200 octets, so these are 80 000 connections."""

_FRAME_MAX = cython.declare(cython.longlong, FRAME_MAX)
_BLOCK_MAX = cython.declare(cython.longlong, BLOCK_MAX)
_LATEST = cython.declare(cython.longlong, 0x7FFFFFFFFFFFFFFF)
_BILLION = cython.declare(cython.longlong, 1_000_000_000)

# Columns of the interface table.
_LINK = cython.declare(cython.int, 0)
_SNAPLEN = cython.declare(cython.int, 1)
_SCALE = cython.declare(cython.int, 2)
_FACTOR = cython.declare(cython.int, 3)
_TSOFFSET = cython.declare(cython.int, 4)
_WIDTH = cython.declare(cython.int, 5)

# What _SCALE says: how a time in units of the interface becomes nanoseconds.
_TIMES = cython.declare(cython.int, 0)
_DIVIDED = cython.declare(cython.int, 1)
_BINARY = cython.declare(cython.int, 2)

# How a pcap record orders its two lengths.
_CAPTURED_FIRST = cython.declare(cython.int, 0)
_WIRE_FIRST = cython.declare(cython.int, 1)
_SMALLER_FIRST = cython.declare(cython.int, 2)


@dataclass(frozen=True, slots=True, eq=False)
class FrameBlock:
    """A block of captured frames: a buffer and one entry per frame in each of the index arrays, all of one length n."""

    data: Any
    """C-contiguous buffer of octets (mmap, bytes, numpy uint8); read only for everyone but its maker."""
    offset: npt.NDArray[np.int64]
    """(n,) where each frame starts in `data`; offset + captured never exceeds len(data)."""
    captured: npt.NDArray[np.int64]
    """(n,) octets of each frame that are in `data`."""
    length: npt.NDArray[np.int64]
    """(n,) octets of each frame on the wire (>= captured)."""
    ts: npt.NDArray[np.int64]
    """(n,) capture time, ns since the epoch."""
    link: npt.NDArray[np.int32]
    """(n,) link type of each frame (the LINKTYPE_ numbers of the pcap format, such as 1 for Ethernet)."""
    file: str
    """Name of the capture the frames come from, as given by the user ('-' for standard input)."""
    packet: npt.NDArray[np.int64]
    """(n,) number of each frame in its file, the first is 1 (as Wireshark counts)."""
    files: tuple[str, ...] = ()
    """Names of the captures whose frames are merged here, `source` points into it; empty when all frames are of `file`."""
    source: npt.NDArray[np.int32] | None = None
    """(n,) for merged captures: which of `files` each frame is from; None when all frames are of `file`."""

    def __len__(self) -> int:
        return len(self.offset)

    def part(self, start: int, end: int) -> FrameBlock:
        """The frames [start, end) of this block, on the same buffer."""
        return FrameBlock(
            self.data,
            self.offset[start:end],
            self.captured[start:end],
            self.length[start:end],
            self.ts[start:end],
            self.link[start:end],
            self.file,
            self.packet[start:end],
            self.files,
            None if self.source is None else self.source[start:end],
        )


def u16(data: Any, at: Any, big: Any) -> Any:
    """The 16-bit number at data[at:]. Raises IndexError when it is not all inside the buffer."""
    if at < 0 or at + 2 > len(data):
        raise IndexError("frames.u16: outside the buffer")
    if cython.compiled:
        p: cython.pointer[cython.const[cython.uchar]] = cython.address(data[at])
        a: cython.uint = p[0]
        b: cython.uint = p[1]
        return (a << 8 | b) if big else (b << 8 | a)
    else:
        return int.from_bytes(data[at : at + 2], "big" if big else "little")


def u32(data: Any, at: Any, big: Any) -> Any:
    """The 32-bit number at data[at:]. Raises IndexError when it is not all inside the buffer."""
    if at < 0 or at + 4 > len(data):
        raise IndexError("frames.u32: outside the buffer")
    if cython.compiled:
        p: cython.pointer[cython.const[cython.uchar]] = cython.address(data[at])
        a: cython.uint = p[0]
        b: cython.uint = p[1]
        c: cython.uint = p[2]
        d: cython.uint = p[3]
        return (a << 24 | b << 16 | c << 8 | d) if big else (d << 24 | c << 16 | b << 8 | a)
    else:
        return int.from_bytes(data[at : at + 4], "big" if big else "little")


def _load(p: Any, big: Any) -> Any:
    """The 32-bit number at a pointer whose four octets the caller has checked; compiled only."""
    a: cython.uint = p[0]
    b: cython.uint = p[1]
    c: cython.uint = p[2]
    d: cython.uint = p[3]
    return (a << 24 | b << 16 | c << 8 | d) if big else (d << 24 | c << 16 | b << 8 | a)


def u64(data: Any, at: Any, big: Any) -> Any:
    """The 64-bit number at data[at:]. Raises IndexError when it is not all inside the buffer."""
    first: cython.ulonglong = u32(data, at, big)
    second: cython.ulonglong = u32(data, at + 4, big)
    return (first << 32 | second) if big else (second << 32 | first)


def copy_frames(to: Any, place: Any, data: Any, offset: Any, captured: Any) -> None:
    """Copy every frame of an index to its place in another buffer. Raises IndexError when a range lies outside its buffer."""
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    room: cython.Py_ssize_t = len(to)
    size: cython.Py_ssize_t = len(data)
    for i in range(len(offset)):
        target: cython.longlong = place[i]
        start: cython.longlong = offset[i]
        n: cython.longlong = captured[i]
        if n < 0 or start < 0 or target < 0 or n > size or n > room or start > size - n or target > room - n:
            raise IndexError("frames.copy_frames: range outside the buffer")
        if cython.compiled:
            if n:
                goes: cython.pointer[cython.uchar] = cython.address(to[target])
                comes: cython.pointer[cython.const[cython.uchar]] = cython.address(data[start])
                for j in range(n):
                    goes[j] = comes[j]
        else:
            to[target : target + n] = np.frombuffer(data, np.uint8, n, start) if n else ()


def kind_of(head: bytes) -> str:
    """Which index reads a capture that begins with these octets (eight are enough): "pcap", "pcapng", or "" for neither."""
    if head[:4] in (b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1"):
        return "pcap"
    if head[:4] == b"\x0a\x0d\x0d\x0a":
        return "pcapng"
    return ""


def _ten_to(exponent: Any) -> Any:
    power: cython.longlong = 1
    for _ in range(exponent):
        power *= 10
    return power


class FrameIndex:
    """What the two formats share: the columns of the run being indexed, and what was met so far."""

    def __init__(self) -> None:
        self.count = 0
        self.need = 0
        self.first = 0
        self.damage = ""
        self.packets = 0
        self.backwards = 0
        self.over_snaplen = 0
        self._last = 0
        self._arrays: Any = None
        self.start(0)

    def start(self, room: int) -> None:
        """Make room for a run of that many frames."""
        arrays = tuple(np.empty(room, np.int64) for _ in range(5)) + (np.empty(room, np.int32),)
        self._arrays = arrays
        self._offset, self._captured, self._length, self._ts, self._packet, self._link = arrays
        self.count = 0
        self.need = 0

    def _add(self, at: Any, captured: Any, length: Any, ts: Any, link: Any) -> Any:
        n: cython.Py_ssize_t = self.count
        self._offset[n] = at
        self._captured[n] = captured
        self._length[n] = length if length > captured else captured
        self._ts[n] = ts
        self._packet[n] = self.packets
        self._link[n] = link
        self.count = n + 1
        if ts < self._last:
            self.backwards += 1
        self._last = ts
        return 0

    def block(self, data: Any, file: str) -> FrameBlock:
        """The run last indexed as a block on `data`."""
        n = self.count
        offset, captured, length, ts, packet, link = (array[:n] for array in self._arrays)
        return FrameBlock(data, offset, captured, length, ts, link, file, packet)

    def counters(self) -> dict[str, int]:
        """What was odd so far, by name; only what is not zero."""
        return {name: n for name, n in self._odd() if n}

    def _odd(self) -> list[tuple[str, int]]:
        return [("time_backwards", self.backwards), ("over_snaplen", self.over_snaplen)]


class PcapIndex(FrameIndex):
    """The classic format, of either byte order, in microseconds or nanoseconds: `PcapIndex(first 24 octets of the file)`."""

    def __init__(self, header: bytes) -> None:
        super().__init__()
        if len(header) < 24 or kind_of(header) != "pcap":
            raise ValueError("a pcap file starts with a header of 24 octets")
        self.big = header[0] == 0xA1
        self.nano = header[2:4] == b"\x3c\x4d" or header[:2] == b"\x4d\x3c"
        order = "big" if self.big else "little"
        major = int.from_bytes(header[4:6], order)  # type: ignore[arg-type]
        minor = int.from_bytes(header[6:8], order)  # type: ignore[arg-type]
        self.snaplen = int.from_bytes(header[16:20], order)  # type: ignore[arg-type]
        # The upper half of the field tells of frame check sequences and is reserved otherwise.
        self.link = int.from_bytes(header[20:24], order) & 0xFFFF  # type: ignore[arg-type]
        if major not in {2, 543}:
            raise ValueError(f"pcap version {major}.{minor} is not known; 2.4 is what everything writes")
        # Before 2.3 the wire length came first; 2.3 and 543.0 (DG/UX tcpdump) were written both ways.
        if major == 543 or minor == 3:
            self._lengths = _SMALLER_FIRST
        else:
            self._lengths = _WIRE_FIRST if minor < 3 else _CAPTURED_FIRST
        self.first = 24

    def index(self, data: Any, at: Any, end: Any, room: Any) -> Any:
        """Index up to `room` frames of data[at:end]; returns where the run stopped."""
        if at < 0 or end > len(data) or at > end:
            raise IndexError("frames.index: range outside the buffer")
        self.start(room)
        if self.damage:
            return at
        big: cython.bint = self.big
        unit: cython.longlong = 1 if self.nano else 1000
        snaplen: cython.longlong = self.snaplen if self.snaplen else _LATEST
        order: cython.int = self._lengths
        link: cython.int = self.link
        # Columns and counts in locals: this loop is what every captured frame goes through (24 ns a frame with _add, see bench_frames).
        offsets: cython.longlong[::1] = self._offset
        captureds: cython.longlong[::1] = self._captured
        lengths: cython.longlong[::1] = self._length
        times: cython.longlong[::1] = self._ts
        packets: cython.longlong[::1] = self._packet
        links: cython.int[::1] = self._link
        count: cython.Py_ssize_t = 0
        packet: cython.longlong = self.packets
        last: cython.longlong = self._last
        backwards: cython.longlong = 0
        over: cython.longlong = 0
        ts: cython.longlong
        fraction: cython.longlong
        captured: cython.longlong
        length: cython.longlong
        while count < room:
            if end - at < 16:
                self.need = 16
                break
            if cython.compiled:
                # The 16 octets are there (end - at, above). u32 takes the whole view by value, which costs more than the reading.
                p: cython.pointer[cython.const[cython.uchar]] = cython.address(data[at])
                ts = _load(p, big)
                fraction = _load(p + 4, big)
                captured = _load(p + 8, big)
                length = _load(p + 12, big)
            else:
                ts = u32(data, at, big)
                fraction = u32(data, at + 4, big)
                captured = u32(data, at + 8, big)
                length = u32(data, at + 12, big)
            if order != _CAPTURED_FIRST and (order == _WIRE_FIRST or captured > length):
                captured, length = length, captured
            if captured > _FRAME_MAX:
                self.damage = f"a frame of {captured} octets, where {FRAME_MAX} are the most"
                break
            if captured > end - at - 16:
                self.need = 16 + captured
                break
            if captured > snaplen:
                over += 1
            ts = ts * _BILLION + fraction * unit
            if ts < last:
                backwards += 1
            last = ts
            packet += 1
            offsets[count] = at + 16
            captureds[count] = captured
            lengths[count] = length if length > captured else captured
            times[count] = ts
            packets[count] = packet
            links[count] = link
            count += 1
            at += 16 + captured
        self.count = count
        self.packets = packet
        self._last = last
        self.backwards += backwards
        self.over_snaplen += over
        return at


class PcapngIndex(FrameIndex):
    """pcapng: sections of either byte order, interfaces each with its link type and clock, packets in three kinds of block, secrets.

    Interfaces are per section, so that state here is small: a table of the current section's interfaces, and the secrets kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sections = 0
        self.untimed = 0
        self.clamped = 0
        self.orphans = 0
        self.oversized = 0
        self.drops = 0
        self.secrets_left_out = 0
        self.secrets: list[tuple[int, bytes]] = []
        self.interfaces = 0
        self._secret_octets = 0
        self._big = False
        self._table = array("q", [0] * (8 * _WIDTH))
        self._dropped: dict[int, int] = {}

    def index(self, data: Any, at: Any, end: Any, room: Any) -> Any:
        """Index up to `room` frames of data[at:end]; returns where the run stopped."""
        if at < 0 or end > len(data) or at > end:
            raise IndexError("frames.index: range outside the buffer")
        self.start(room)
        if self.damage:
            return at
        kind: cython.uint
        total: cython.longlong
        mark: cython.uint
        while self.count < room:
            if end - at < 12:
                self.need = 12
                break
            kind = u32(data, at, self._big)
            if (
                kind == 0x0A0D0D0A
            ):  # Section Header Block; its type reads alike in both orders, the magic number tells which it is
                mark = u32(data, at + 8, False)
                if mark == 0x1A2B3C4D:
                    self._big = False
                elif mark == 0x4D3C2B1A:
                    self._big = True
                else:
                    self.damage = "a section header without its byte-order magic"
                    break
            elif self.sections == 0:
                self.damage = "a block before any section header"
                break
            total = u32(data, at + 4, self._big)
            if total < 12 or total > _BLOCK_MAX or total & 3:
                self.damage = f"a block that says it is {total} octets long"
                break
            if total > end - at:
                self.need = total
                break
            if u32(data, at + total - 4, self._big) != total:
                self.damage = f"a block whose two lengths differ ({total} before, {u32(data, at + total - 4, self._big)} after it)"
                break
            if kind == 6:
                self._enhanced(data, at, total, False)
            elif kind == 3:
                self._simple(data, at, total)
            elif kind == 2:
                self._enhanced(data, at, total, True)
            elif kind == 0x0A0D0D0A:
                self._section(data, at, total)
            elif kind == 1:
                self._interface(data, at, total)
            elif kind == 5:
                self._statistics(data, at, total)
            elif kind == 10:
                self._secret(data, at, total)
            elif kind in (0xBAD, 0x40000BAD, 9, 0x204, 0x208, 0x216, 0x221):
                # Custom blocks, journal entries and system calls hold no frame, but Wireshark gives them numbers.
                self.packets += 1
            if self.damage:
                break
            at += total
        return at

    def _section(self, data: Any, at: Any, total: Any) -> Any:
        if total < 28:
            self.damage = "a section header too short for its fields"
            return 0
        major: cython.uint = u16(data, at + 12, self._big)
        if major != 1:
            self.damage = (
                f"a section of pcapng version {major}.{u16(data, at + 14, self._big)}, where 1.x is what is known"
            )
            return 0
        self.drops = min(self._drops_so_far(), 1 << 62)
        self._dropped.clear()
        self.sections += 1
        self.interfaces = 0
        return 0

    def _interface(self, data: Any, at: Any, total: Any) -> Any:
        if total < 20:
            self.damage = "an interface description too short for its fields"
            return 0
        if self.interfaces >= INTERFACES:
            self.damage = f"more than {INTERFACES} interfaces in one section"
            return 0
        row: cython.Py_ssize_t = self.interfaces * _WIDTH
        if row + _WIDTH > len(self._table):
            grown = array("q", self._table)
            grown.extend([0] * len(grown))
            self._table = grown
        end: cython.Py_ssize_t = at + total - 4
        scale: cython.longlong = _TIMES
        factor: cython.longlong = 1000
        place: cython.Py_ssize_t = self._option(data, at + 16, end, 9, 1)  # if_tsresol
        if place >= 0:
            exponent: cython.int = data[place] & 0x7F
            if data[place] & 0x80:
                scale = _BINARY
                factor = exponent
            elif exponent <= 9:
                factor = _ten_to(9 - exponent)
            elif exponent <= 27:
                scale = _DIVIDED
                factor = _ten_to(exponent - 9)
            else:  # so fine that 64 bits count nothing of a nanosecond, as in the finest binary clock
                scale = _BINARY
                factor = 0x7F
        offset: cython.longlong = 0
        place = self._option(data, at + 16, end, 14, 8)  # if_tsoffset, signed seconds
        if place >= 0:
            seconds: cython.ulonglong = u64(data, place, self._big)
            before: cython.bint = seconds >> 63 != 0
            if before:
                seconds = (seconds ^ 0xFFFFFFFFFFFFFFFF) + 1
            # An offset of centuries is nobody's clock; held so that the sum below stays inside 64 bits.
            offset = 9_000_000_000 if seconds > 9_000_000_000 else seconds
            offset = -offset * _BILLION if before else offset * _BILLION
        self._table[row + _LINK] = u16(data, at + 8, self._big)
        self._table[row + _SNAPLEN] = u32(data, at + 12, self._big)
        self._table[row + _SCALE] = scale
        self._table[row + _FACTOR] = factor
        self._table[row + _TSOFFSET] = offset
        self.interfaces += 1
        return 0

    def _time(self, row: Any, units: Any) -> Any:
        """A time stamp of the interface in ns since the epoch; what does not fit becomes the latest time there is."""
        factor: cython.longlong = self._table[row + _FACTOR]
        offset: cython.longlong = self._table[row + _TSOFFSET]
        scale: cython.longlong = self._table[row + _SCALE]
        limit: cython.ulonglong = _LATEST
        ns: cython.ulonglong = 0
        if scale == _TIMES:
            if units > limit // cython.cast(cython.ulonglong, factor):
                self.clamped += 1
                return _LATEST
            ns = units * cython.cast(cython.ulonglong, factor)
        elif scale == _DIVIDED:
            ns = units // cython.cast(cython.ulonglong, factor)
        else:
            part: cython.ulonglong = units
            if factor < 64:
                ns = units >> factor
                part = units ^ (ns << factor)
            if ns > 9_223_372_035:
                self.clamped += 1
                return _LATEST
            # part / 2^factor of a second; past 34 bits it is cut there (60 ps), so that the product stays inside 64 bits.
            if factor > 34:
                part = part >> (factor - 34) if factor - 34 < 64 else 0
                factor = 34
            ns = ns * 1_000_000_000 + (part * 1_000_000_000 >> factor)
        if ns > limit or (offset > 0 and ns > limit - cython.cast(cython.ulonglong, offset)):
            self.clamped += 1
            return _LATEST
        return cython.cast(cython.longlong, ns) + offset

    def _enhanced(self, data: Any, at: Any, total: Any, obsolete: Any) -> Any:
        """Enhanced Packet Block, and the obsolete Packet Block, which differs in its first eight octets only."""
        big: cython.bint = self._big
        self.packets += 1
        if total < 32:
            self.damage = "a packet block too short for its fields"
            return 0
        captured: cython.longlong = u32(data, at + 20, big)
        if captured > total - 32:
            self.damage = f"a packet of {captured} octets in a block that has room for {total - 32}"
            return 0
        interface: cython.longlong
        lost: cython.longlong = 0
        if obsolete:
            interface = u16(data, at + 8, big)
            lost = u16(data, at + 10, big)
            if lost == 0xFFFF:  # not known
                lost = 0
        else:
            interface = u32(data, at + 8, big)
            end: cython.Py_ssize_t = at + total - 4
            options: cython.Py_ssize_t = at + 28 + (captured + 3 & ~3)
            if end - options >= 12:
                place: cython.Py_ssize_t = self._option(data, options, end, 4, 8)  # epb_dropcount
                if place >= 0:
                    lost = u64(data, place, big) & 0xFFFFFFFF
        self.drops += lost
        if interface >= self.interfaces:
            self.orphans += 1
            return 0
        if captured > _FRAME_MAX:  # the block is whole, so that what follows it can be trusted
            self.oversized += 1
            return 0
        row: cython.Py_ssize_t = interface * _WIDTH
        snaplen: cython.longlong = self._table[row + _SNAPLEN]
        if snaplen and captured > snaplen:
            self.over_snaplen += 1
        units: cython.ulonglong = u32(data, at + 12, big)
        units = units << 32 | u32(data, at + 16, big)
        self._add(at + 28, captured, u32(data, at + 24, big), self._time(row, units), self._table[row + _LINK])
        return 0

    def _simple(self, data: Any, at: Any, total: Any) -> Any:
        """Simple Packet Block: of the first interface, without a time of its own, so that it gets the time of the frame before it."""
        self.packets += 1
        if total < 16:
            self.damage = "a packet block too short for its fields"
            return 0
        if self.interfaces == 0:
            self.orphans += 1
            return 0
        length: cython.longlong = u32(data, at + 8, self._big)
        snaplen: cython.longlong = self._table[_SNAPLEN]
        captured: cython.longlong = total - 16
        captured = min(captured, length)
        if snaplen and captured > snaplen:
            captured = snaplen
        if captured > _FRAME_MAX:
            self.oversized += 1
            return 0
        self.untimed += 1
        self._add(at + 12, captured, length, self._last, self._table[_LINK])
        return 0

    def _statistics(self, data: Any, at: Any, total: Any) -> Any:
        """Interface Statistics Block: how many frames the capturing side lost. The numbers count from the start of the capture."""
        if total < 24:
            return 0
        interface: cython.longlong = u32(data, at + 8, self._big)
        if interface >= self.interfaces:
            return 0
        end: cython.Py_ssize_t = at + total - 4
        lost: cython.longlong = 0
        place: cython.Py_ssize_t = self._option(data, at + 20, end, 5, 8)  # isb_ifdrop
        if place >= 0:
            lost += u64(data, place, self._big) & 0xFFFFFFFF
        place = self._option(data, at + 20, end, 7, 8)  # isb_osdrop
        if place >= 0:
            lost += u64(data, place, self._big) & 0xFFFFFFFF
        self._dropped[interface] = lost
        return 0

    def _drops_so_far(self) -> int:
        return self.drops + sum(self._dropped.values())

    def _secret(self, data: Any, at: Any, total: Any) -> Any:
        """Decryption Secrets Block: kept as it stands for whoever can use it."""
        if total < 20:
            return 0
        size: cython.longlong = u32(data, at + 12, self._big)
        if size > total - 20:
            return 0
        if self._secret_octets + size + 64 > SECRETS_MAX:
            self.secrets_left_out += 1
            return 0
        self._secret_octets += size + 64
        self.secrets.append((u32(data, at + 8, self._big), bytes(data[at + 16 : at + 16 + size])))
        return 0

    def _option(self, data: Any, at: Any, end: Any, code: Any, size: Any) -> Any:
        """Where the value of the first option of that code and size lies, -1 where there is none. What reaches past the block ends the list."""
        while end - at >= 4:
            found: cython.uint = u16(data, at, self._big)
            length: cython.uint = u16(data, at + 2, self._big)
            if found == 0 or length > end - at - 4:
                return -1
            if found == code and length == size:
                return at + 4
            at += 4 + (length + 3 & ~3)
        return -1

    def _odd(self) -> list[tuple[str, int]]:
        return [
            *super()._odd(),
            ("capture_drops", self._drops_so_far()),
            ("frames_untimed", self.untimed),
            ("times_clamped", self.clamped),
            ("frames_without_interface", self.orphans),
            ("frames_oversized", self.oversized),
            ("secrets_left_out", self.secrets_left_out),
        ]
