"""TCP as a mirror port shows it: segments go in as they were captured, octets of both directions come out once each, in causal order.

Causal order means: a segment is read only after the octets of the other direction that its sender had received (its acknowledgement number). So
a request is always read before its response, however the mirror shuffled them, and what an acknowledgement covers but the capture lacks is known
to be lost: after `limits.reorder_packets` more packets of the connection (a mirror reorders by a few) it is a gap, no timeout.

Overlapping copies of octets: the first copy counts; a later one that differs is the weird `retransmission_differs`, since honest stacks send the
same octets again. Positions are 64-bit offsets of a direction's stream; a 32-bit sequence number becomes one in `position`, and nowhere else.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

from parsers.weird import bit

if cython.compiled:
    from cython.cimports.cpython.bytearray import PyByteArray_AS_STRING
    from cython.cimports.parsers.batch import Calls, Connection
    from cython.cimports.parsers.http1 import Http1
    from cython.cimports.parsers.octets import copy, same
else:
    from parsers.batch import Connection
    from parsers.http1 import Http1
    from parsers.octets import copy, same

COMPILED = cython.compiled

DIFFERS = cython.declare(cython.ulonglong, bit("retransmission_differs"))

FIN = cython.declare(cython.int, 0x01)
SYN = cython.declare(cython.int, 0x02)
RST = cython.declare(cython.int, 0x04)
ACK = cython.declare(cython.int, 0x10)

ORIGIN = cython.declare(cython.longlong, 0x1_0000_0000_0000)  # first positions lie this high, so that none is ever negative
LOW = cython.declare(cython.longlong, 0xFFFFFFFF)
HALF = cython.declare(cython.longlong, 0x8000_0000)
TURN = cython.declare(cython.longlong, 0x1_0000_0000)  # by name, since a number this large in the text is a Python object to Cython
WINDOW = cython.declare(cython.longlong, 0x4000_0000)  # RFC 7323 2.3: no window is larger than 1 GiB
NEAR = cython.declare(cython.longlong, 0x10_0000)  # octets by which a receiver may be ahead of what the mirror showed
REMEMBERED = cython.declare(cython.longlong, 4_194_304)  # octets of captured frames, back to which retransmissions are compared with what was delivered
RING = cython.declare(cython.longlong, 1_048_576)  # octets of delivered data that no longer lie in the capture's own buffers, kept for the same
RING_ENTRIES = cython.declare(cython.longlong, 16_384)
ENTRY = cython.declare(cython.int, 8)  # numbers of an entry, a line of the cache: the stream position, where it lies (in a block, or how much was
POS = cython.declare(cython.int, 0)  # written to the ring before it), which block (-1: the ring), octets of frames seen when it came, the half's entry
AT = cython.declare(cython.int, 1)  # before it, its length
BLOCK = cython.declare(cython.int, 2)
SEEN = cython.declare(cython.int, 3)
BEFORE = cython.declare(cython.int, 4)
SIZE = cython.declare(cython.int, 5)
LOOK_BACK = cython.declare(cython.int, 16)  # delivered segments a retransmission is compared with


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def position(seq: cython.uint, near: cython.longlong) -> cython.longlong:
    """The stream position of a sequence number: the one of its 2^32 possible ones that is nearest to `near`."""
    here: cython.longlong = seq
    ahead: cython.longlong = (here - near) & LOW
    if ahead >= HALF:
        ahead -= TURN
    return near + ahead


@cython.cclass
class Counts:
    """What reassembly counts; `as_dict` names it."""

    NAMES = (
        "segments", "payload_octets", "retransmissions", "duplicates", "retransmissions_differ", "gaps", "gap_octets", "held_most", "held_limited",
        "out_of_window", "connections", "reused", "evicted", "expired", "snapped_octets", "faults",
    )  # fmt: skip

    def __init__(self) -> None:
        self.segments = self.payload_octets = self.retransmissions = self.duplicates = self.retransmissions_differ = 0
        self.gaps = self.gap_octets = self.held_most = self.held_now = self.held_limited = self.out_of_window = 0
        self.connections = self.reused = self.evicted = self.expired = self.snapped_octets = self.faults = 0

    def as_dict(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.NAMES}


@cython.no_gc
@cython.cclass
class Block:
    """A buffer of captured frames that is remembered."""

    def __init__(self, data: Any) -> None:
        self.view = data
        self.last = 0
        if cython.compiled:
            self.octets = cython.address(self.view[0]) if len(data) > 0 else cython.NULL
        else:
            self.octets = data


@cython.cclass
class Recent:
    """The octets delivered last, of all connections: what a retransmission is compared with.

    Most stay where they were captured: the buffers of the last REMEMBERED octets of frames are held on to. What came another way (held back, or made
    whole from fragments) is copied into a ring. Both are bounded, and how far back they reach does not depend on how the frames were cut into blocks.
    """

    def __init__(self) -> None:
        self.ring = bytearray(RING)
        if cython.compiled:
            self.octets = cython.cast(cython.pointer(cython.uchar), PyByteArray_AS_STRING(self.ring))
        else:
            self.octets = self.ring
        self.entries = np.full(RING_ENTRIES * ENTRY, -1, np.int64)
        self.next = 0
        self.written = 0
        self.seen = 0
        self.blocks = []
        self.first_block = 0
        self.here = Block(b"")

    def open(self, data):
        """The frames from now on lie in `data`."""
        one: Block
        self.here.last = self.seen
        while len(self.blocks) > 0:
            one = self.blocks[0]
            if one.last + REMEMBERED > self.seen:
                break
            self.blocks.pop(0)
            self.first_block += 1
        self.here = Block(data)
        self.blocks.append(self.here)
        return 0

    @cython.boundscheck(False)  # all indices are masked
    def put(self, data, start, end, pos, before):
        """Remember data[start:end], delivered at `pos`; `before` is the half's entry before it. Returns the new entry."""
        n: cython.Py_ssize_t = end - start
        k: cython.Py_ssize_t = (self.next & (RING_ENTRIES - 1)) * ENTRY
        at: cython.longlong
        if data == self.here.octets if cython.compiled else data is self.here.octets:
            self.entries[k + BLOCK] = self.first_block + len(self.blocks) - 1
            self.entries[k + AT] = start
        else:
            if n > RING // 4:
                start = end - RING // 4
                pos += n - RING // 4
                n = RING // 4
            at = self.written & (RING - 1)
            if at + n > RING:
                self.written += RING - at
                at = 0
            copy(self.octets, RING, at, data, start, end)
            self.entries[k + BLOCK] = -1
            self.entries[k + AT] = self.written
            self.written += n
        self.entries[k + SEEN] = self.seen
        self.entries[k + POS] = pos
        self.entries[k + SIZE] = n
        self.entries[k + BEFORE] = before
        self.next += 1
        return self.next - 1

    def differs(self, last, data, start, end, pos):
        """Compare data[start:end], which claims to stand at `pos`, with what was delivered there and is still remembered."""
        hop: cython.int
        k: cython.Py_ssize_t
        one: cython.longlong
        two: cython.longlong
        here: cython.longlong
        stop: cython.longlong = pos + (end - start)
        at: cython.longlong
        number: cython.longlong
        block: Block
        for hop in range(LOOK_BACK):
            if last < 0 or last + RING_ENTRIES <= self.next:
                return 0
            k = (last & (RING_ENTRIES - 1)) * ENTRY
            at = self.entries[k + AT]
            here = self.entries[k + POS]
            number = self.entries[k + BLOCK]
            if self.entries[k + SEEN] + REMEMBERED <= self.seen or (number < 0 and at + RING < self.written + RING // 4):
                return 0
            one = pos if pos > here else here
            two = here + self.entries[k + SIZE]
            if stop < two:
                two = stop
            if one < two:
                if number < 0:
                    if not same(self.octets, (at & (RING - 1)) + (one - here), data, start + (one - pos), start + (two - pos)):
                        return 1
                else:
                    block = self.blocks[number - self.first_block]
                    if not same(block.octets, at + (one - here), data, start + (one - pos), start + (two - pos)):
                        return 1
            last = self.entries[k + BEFORE]
        return 0


@cython.no_gc
@cython.cclass
class Held:
    """A segment that came early."""

    def __init__(self) -> None:
        self.pos = self.ack = self.ts = self.packet = self.arrival = 0
        self.length = 0
        self.packet_file = 0
        self.data = b""


@cython.no_gc
@cython.cclass
class Half:
    """One direction of a connection."""

    def begin(self):
        self.begun = self.closed = self.reset = False
        self.expected = ORIGIN
        self.first = self.fin = self.recent = -1
        self.acked = 0
        self.packets = 0
        self.held = None
        self.held_octets = 0
        self.mark = self.mark_packet = self.mark_ts = 0
        self.last_seq = self.last_id = -1
        return 0


@cython.cclass
class Streams:
    """What all connections share: limits, counters, the ring of delivered octets, and where calls go."""

    def __init__(self, limits: Any, calls: Calls) -> None:
        self.limits = limits
        self.calls = calls
        self.counts = Counts()
        self.recent = Recent()
        self.reorder_packets = limits.reorder_packets
        self.reorder_time = limits.reorder_time
        self.reorder_octets = limits.reorder_bytes
        self.reorder_total = limits.reorder_total


@cython.no_gc
@cython.cclass
class Flow(Connection):
    """Both directions of one TCP connection, and the protocol read from it."""

    def begin(self):
        if cython.compiled:
            self.batch = -1  # C leaves all else as Connection would
        else:
            Connection.__init__(self)
        self.half0 = Half.__new__(Half)
        self.half0.begin()
        self.half1 = Half.__new__(Half)
        self.half1.begin()
        self.http = None
        self.over = self.reset = False
        self.syn_side = self.asked = -1
        self.asked_ts = 0
        self.syn_seq = 0
        self.packets = 0
        self.last_ts = 0
        self.touched = self.last_segment = 0
        return 0

    def segment(self, who, data, start, end, length, seq, ack, flags, ip_id, ts, packet_file, packet, streams):
        """One TCP segment of side `who`: data[start:end] of its `length` octets were captured. Returns 1 when it opens a new connection on the same
        ports, which the caller must then begin; else 0."""
        me: Half = self.half0 if who == 0 else self.half1
        peer: Half = self.half1 if who == 0 else self.half0
        pos: cython.longlong
        apos: cython.longlong
        cut: cython.longlong
        if flags & SYN:
            pos = position(seq, me.expected) + 1
            if me.begun and pos != me.first and (me.first >= 0 or pos != me.expected):
                if flags & ACK == 0:
                    self.syn_seq = seq
                    if self.over or peer.packets == 0 or peer.fin >= 0 or peer.reset or me.closed:
                        self.asked = -1
                        return 1
                    self.asked = who
                    self.asked_ts = ts
                elif self.syn_seq and ack == ((self.syn_seq + 1) & LOW):
                    return 1
                return 0
            if me.first < 0:
                if not me.begun:
                    me.begun = True
                    me.expected = ORIGIN + ((seq + 1) & LOW)
                me.first = me.expected
                if self.syn_side < 0:
                    self.syn_side = who if flags & ACK == 0 else 1 - who
                if flags & ACK == 0:
                    self.syn_seq = seq
            seq = (seq + 1) & LOW
        elif self.asked == 1 - who and flags & ACK:
            # The side that was asked for a new connection while this one was open tells by what it acknowledges which of the two it has.
            if -WINDOW < position(ack, peer.expected) - peer.expected <= NEAR:
                self.asked = -1
            elif 0 <= position(ack, self.syn_seq + 1) - (self.syn_seq + 1) < WINDOW:
                return 1
        self.packets += 1
        self.last_ts = ts
        me.packets += 1
        if self.over:
            return 0
        if self.http is not None and self.http.dead:
            # Somebody else's protocol: only its end is of interest, since the ports may be used again.
            if flags & FIN:
                me.fin = me.expected
            elif flags & RST:
                self.reset = me.reset = True
            return 0
        if not me.begun:
            me.begun = True
            me.expected = ORIGIN + seq
        pos = position(seq, me.expected)
        if flags & ACK:
            if not peer.begun:
                peer.begun = True
                peer.expected = ORIGIN + ack
                if flags & SYN:
                    peer.first = peer.expected
            apos = position(ack, peer.expected)
            if peer.closed and peer.fin + 1 < apos <= peer.fin + WINDOW:
                self._reopen(1 - who, peer)
            if apos - peer.expected > WINDOW:
                apos = peer.expected  # of nothing that can have been sent: to wait for it would be to hold all that follows
            elif apos > peer.acked:
                peer.acked = apos
        else:
            apos = peer.expected
        if flags & RST:
            self.reset = me.reset = True
            self._advance(ts, False, streams)
            return 0
        if length > 0 and me.closed and pos + length > me.fin:
            if me.held_octets <= streams.reorder_octets and streams.counts.held_now <= streams.reorder_total:
                self._hold(me, data, start, end, length, pos, apos, ts, packet_file, packet, streams)
            else:
                streams.counts.out_of_window += 1
        elif length > 0:
            if pos == me.expected and me.held is None and apos <= peer.expected:
                self._deliver(who, me, data, start, end, length, apos, ts, packet_file, packet, streams)
            elif pos + length <= me.expected:
                self._again(who, me, data, start, end, pos, ip_id, streams)
            elif pos - me.expected > WINDOW:
                streams.counts.out_of_window += 1
            else:
                if pos < me.expected:
                    cut = me.expected - pos
                    self._again(who, me, data, start, start + cut if start + cut < end else end, pos, -2, streams)
                    start = start + cut if start + cut < end else end
                    length -= cut
                    pos = me.expected
                self._hold(me, data, start, end, length, pos, apos, ts, packet_file, packet, streams)
            me.last_seq = seq
            me.last_id = ip_id
        if flags & FIN:
            pos += length
            if me.fin < 0 and pos >= me.expected:
                me.fin = pos
        if me.fin >= 0 or peer.fin >= 0 or me.held is not None or peer.held is not None or me.acked > me.expected or peer.acked > peer.expected:
            self._advance(ts, False, streams)
        return 0

    def _deliver(self, who, half, data, start, end, length, ack, ts, packet_file, packet, streams):
        """Hand the next `length` octets of a side on; those that the snap length cut off are a gap."""
        if self.http is None:
            self._open(streams)
        if half.fin >= 0 and half.expected + length > half.fin:
            # Octets after the end of the stream are no part of it.
            length = half.fin - half.expected
            if end - start > length:
                end = start + length
            if length <= 0:
                return 0
        if end > start:
            if not self.http.dead:
                half.recent = streams.recent.put(data, start, end, half.expected, half.recent)
                self.http.feed(who, data, start, end, half.expected, ack, ts, packet_file, packet)
            streams.counts.payload_octets += end - start
        if end - start < length:
            self.http.gap(who, length - (end - start), half.expected + (end - start))
            streams.counts.snapped_octets += length - (end - start)
        half.expected += length
        return 0

    def _open(self, streams):
        self.http = Http1.__new__(Http1)
        self.http.begin(streams.calls, self, self.syn_side, self.syn_side >= 0)
        if self.syn_side >= 0:
            self.http.server_start = self.half1.first if self.syn_side == 0 else self.half0.first
        return 0

    def _again(self, who, half, data, start, end, pos, ip_id, streams):
        """Octets that were delivered before: a mirror's duplicate, a retransmission, a keep-alive, or something else under an old number."""
        if ip_id >= 0 and ip_id == half.last_id:
            streams.counts.duplicates += 1
        else:
            streams.counts.retransmissions += 1
        if end - start == 1 and pos + 1 == half.expected:
            return 0  # RFC 9293 3.8.4: a keep-alive may carry one octet of garbage
        if half.recent >= 0 and end > start and streams.recent.differs(half.recent, data, start, end, pos):
            streams.counts.retransmissions_differ += 1
            if self.http is not None:
                self.http.odd(who, DIFFERS)
        return 0

    def _hold(self, half, data, start, end, length, pos, ack, ts, packet_file, packet, streams):
        """Keep an early segment, in order of position."""
        item: Held
        other: Held
        k: cython.Py_ssize_t
        if half.held is None:
            half.held = []
        k = len(half.held)
        while k > 0:
            other = half.held[k - 1]
            if other.pos <= pos:
                break
            k -= 1
        if k > 0:
            other = half.held[k - 1]
            if other.pos == pos and other.length >= length:
                streams.counts.retransmissions += 1
                if bytes(data[start:end]) != other.data[: end - start] and len(other.data) >= end - start:
                    streams.counts.retransmissions_differ += 1
                    if self.http is None:
                        self._open(streams)
                    self.http.odd(0 if half is self.half0 else 1, DIFFERS)
                if ack < other.ack:
                    # The copy that acknowledged less was sent before, or the other was a lie that its receiver dropped.
                    other.ack = ack
                    if len(other.data) == end - start:
                        other.data = bytes(data[start:end])
                return 0
        item = Held()
        item.pos = pos
        item.ack = ack
        item.ts = ts
        item.packet = packet
        item.packet_file = packet_file
        item.arrival = self.packets
        item.length = length
        item.data = bytes(data[start:end])
        half.held.insert(k, item)
        half.held_octets += end - start + 128
        streams.counts.held_now += end - start + 128
        if streams.counts.held_now > streams.counts.held_most:
            streams.counts.held_most = streams.counts.held_now
        return 0

    def _advance(self, ts, last, streams):
        """Deliver what can be delivered, declare lost what is lost, until neither is left to do."""
        half: Half
        other: Half
        item: Held
        who: cython.int
        moved: cython.bint = True
        until: cython.longlong
        skip: cython.longlong
        cut: cython.Py_ssize_t
        octets: bytes
        while moved:
            moved = False
            for who in range(2):
                half = self.half0 if who == 0 else self.half1
                other = self.half1 if who == 0 else self.half0
                while half.held is not None and not half.closed:
                    item = half.held[0]
                    if item.pos > half.expected or (item.ack > other.expected and not self._settled(other, item.ack)):
                        break
                    half.held.pop(0)
                    if len(half.held) == 0:
                        half.held = None
                    octets = item.data
                    half.held_octets -= len(octets) + 128
                    streams.counts.held_now -= len(octets) + 128
                    moved = True
                    skip = half.expected - item.pos
                    cut = len(octets) if skip > len(octets) else skip
                    if skip > 0:
                        self._again(who, half, octets, 0, cut, item.pos, -2, streams)
                    if item.length > skip:
                        self._deliver(who, half, octets, cut, len(octets), item.length - skip, item.ack, item.ts, item.packet_file, item.packet, streams)
                self._closing(who, half)
            if moved:
                continue
            for who in range(2):
                half = self.half0 if who == 0 else self.half1
                other = self.half1 if who == 0 else self.half0
                until = self._lost(half, other, ts, last, streams)
                if until > half.expected:
                    moved = True
                    if until - half.expected == 1 and half.held is None and half.fin < 0 and half.acked == until:
                        # One octet acknowledged and nothing after it: the FIN was lost, not data.
                        half.fin = half.expected
                        self._closing(who, half)
                        break
                    if self.http is None:
                        self._open(streams)
                    if half.packets > 0:
                        streams.counts.gaps += 1
                        streams.counts.gap_octets += until - half.expected
                    skip = until - half.expected
                    half.expected = until
                    self.http.gap(who, skip, until - skip)
                    break
            if not moved:
                moved = self._circular()
        if self.half0.closed and self.half1.closed:
            self.finish(streams)
        return 0

    def _circular(self):
        """Whether each side's next octets waited for the other's. No honest ends say so (RFC 9293 3.10.7.4: what acknowledges something not yet sent
        is dropped), and waiting would be for ever: what came first goes on without."""
        one: Held
        two: Held
        if self.half0.held is None or self.half1.held is None or self.half0.closed or self.half1.closed:
            return False
        one = self.half0.held[0]
        two = self.half1.held[0]
        if one.pos > self.half0.expected or two.pos > self.half1.expected:
            return False
        if one.arrival < two.arrival:
            one.ack = self.half1.expected
        else:
            two.ack = self.half0.expected
        return True

    def _settled(self, other, ack):
        """Whether waiting for the other side's octets up to `ack` is pointless: it has ended, or only its FIN lies before them."""
        return other.closed or (other.fin >= 0 and other.expected >= other.fin and ack <= other.fin + 1)

    def _closing(self, who, half):
        if half.fin >= 0 and half.expected >= half.fin and not half.closed:
            half.closed = True
            half.expected = half.fin + 1
            if self.http is not None:
                self.http.close(who)
        return 0

    def _reopen(self, who, half):
        """The other side has received octets behind what looked like this one's end: it was none (a FIN that its receiver dropped)."""
        half.closed = False
        half.expected = half.fin
        half.fin = -1
        if self.http is not None:
            self.http.reopen(who)
        return 0

    def _lost(self, half, other, ts, last, streams):
        """The position up to which octets of `half` that were not seen count as lost now; -1 when none do."""
        item: Held
        aged: cython.bint
        until: cython.longlong
        pressed: cython.bint = last or half.held_octets > streams.reorder_octets or other.held_octets > streams.reorder_octets
        if streams.counts.held_now > streams.reorder_total:
            pressed = True
        if pressed and not last:
            streams.counts.held_limited += 1
        if half.closed:
            return -1
        if half.held is not None:
            item = half.held[0]
            if item.pos <= half.expected:
                return -1  # nothing is missing here: it waits for the other side
        if half.acked > half.expected:
            if half.mark <= half.expected:
                half.mark = half.acked
                half.mark_packet = self.packets
                half.mark_ts = ts
            aged = (
                pressed
                or self.packets - half.mark_packet >= streams.reorder_packets
                or ts - half.mark_ts > streams.reorder_time
                or (half.packets == 0 and self.packets > streams.reorder_packets)
            )
            if not aged:
                return -1
            until = half.mark
            if half.held is not None:
                item = half.held[0]
                if item.pos < until:
                    until = item.pos
            if half.fin >= half.expected and half.fin < until:
                until = half.fin
            if other.held is not None:
                item = other.held[0]
                if half.expected < item.ack < until:
                    until = item.ack
            return until
        if half.held is not None:
            # Later octets were seen, but their receiver acknowledges none of the hole: the network lost it and it will come again; or the
            # receiver's direction is not in the capture.
            item = half.held[0]
            if pressed or (other.packets == 0 and self.packets - item.arrival >= streams.reorder_packets) or ts - item.ts > 20 * streams.reorder_time:
                return item.pos
        elif half.fin > half.expected and (last or other.packets == 0):
            return half.fin
        return -1

    def _lacks(self, half):
        """Whether octets of `half` are known to have been sent that were neither seen nor given up."""
        return half.begun and not half.closed and (half.acked > half.expected or half.fin > half.expected)

    def finish(self, streams):
        """The connection is over, or forgotten."""
        if self.over:
            return 0
        self.over = True  # before what may end the connection once more
        if self.half0.held is not None or self.half1.held is not None or self._lacks(self.half0) or self._lacks(self.half1):
            self._advance(self.last_ts, True, streams)
        if self.http is not None:
            self.http.finish(self.reset)
        return self.abandon(streams)

    def abandon(self, streams):
        """Nothing more is read of this connection."""
        self.over = True
        self.http = None
        self.half0.held = self.half1.held = None
        streams.counts.held_now -= self.half0.held_octets + self.half1.held_octets
        self.half0.held_octets = self.half1.held_octets = 0
        return 0
