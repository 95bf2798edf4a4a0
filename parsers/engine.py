"""From frame blocks to call batches: the one compiled pass.

    engine = Engine()
    for block in capture:
        for batch in engine.feed(block): ...
    for batch in engine.finish(): ...

Nothing in the octets raises out of here. Should a mistake of ours raise all the same, it costs the connection it was met on: `engine.fault` has the
traceback of the first, the counter `faults` how many there were.

Time is the packets' own. The table of connections is hashed with a random key (nobody can choose addresses that collide), bounded by
`limits.flows`, and forgets by packet time; what it forgets still becomes a call.
"""

from __future__ import annotations

import secrets
import traceback
from typing import Any

import numpy as np
import pyarrow as pa

from parsers.body import decode as decode_body
from parsers.limits import Limits

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

if cython.compiled:
    from cython.cimports.parsers.batch import Calls
    from cython.cimports.parsers.packet import Decoder
    from cython.cimports.parsers.reassembly import Flow, Recent, Streams
    from cython.cimports.parsers.siphash import flow_hash, pair_hash
else:
    from parsers.batch import Calls
    from parsers.packet import Decoder
    from parsers.reassembly import Flow, Recent, Streams
    from parsers.siphash import flow_hash, pair_hash

COMPILED = cython.compiled

LOW = cython.declare(cython.ulonglong, 0xFFFFFFFF)
ALIVE = cython.declare(cython.int, 0)
OVER = cython.declare(cython.int, 1)
TOUCH = cython.declare(cython.longlong, 1_000_000_000)  # ns in which a connection's packets count as one for the order of forgetting


@cython.cclass
class FlowTable:
    """Connections by their addresses and ports, and in order of their last packet (to the second, TOUCH): those alive and those over, each in a list
    of its own. An entry of the hash table is a hash and a slot plus one; 0 is empty."""

    def __init__(self, limit: int, key: tuple[int, int]) -> None:
        self.k0, self.k1 = key
        self.limit = limit
        self.flows = []
        self.free = []
        self.table = np.zeros(4096, np.uint64)
        self.mask = 4095
        self.hashes = np.zeros(2048, np.uint32)
        self.newer = np.full(2048, -1, np.int32)
        self.older = np.full(2048, -1, np.int32)
        self.queue = np.zeros(2048, np.uint8)
        self.newest0 = self.oldest0 = self.newest1 = self.oldest1 = -1
        self.count = 0

    @cython.boundscheck(False)  # `at` is masked, and slots in the table are those of `flows`
    def find(self, d, h, forward):
        """The slot of the connection of the segment last decoded, or -1. `forward` says that its source is the connection's side a."""
        slot: cython.int
        at: cython.uint = h & self.mask
        entry: cython.ulonglong
        flow: Flow
        while True:
            entry = self.table[at]
            if entry == 0:
                return -1
            if entry >> 32 == h:
                slot = (entry & LOW) - 1
                flow = cython.cast(Flow, self.flows[slot])
                if flow.domain == d.domain:
                    if forward:
                        if flow.a_lo == d.src_lo and flow.b_lo == d.dst_lo and flow.a_port == d.src_port and flow.b_port == d.dst_port and flow.a_hi == d.src_hi and flow.b_hi == d.dst_hi:
                            return slot
                    elif flow.b_lo == d.src_lo and flow.a_lo == d.dst_lo and flow.b_port == d.src_port and flow.a_port == d.dst_port and flow.b_hi == d.src_hi and flow.a_hi == d.dst_hi:
                        return slot
            at = (at + 1) & self.mask

    def add(self, flow, h):
        """Take a connection in; returns its slot."""
        slot: cython.int
        if self.free:
            slot = self.free.pop()
            self.flows[slot] = flow
        else:
            slot = len(self.flows)
            self.flows.append(flow)
            if slot >= self.hashes.shape[0]:
                self._widen()
        self.hashes[slot] = h
        self._enter(slot)
        self.count += 1
        self._link(slot, ALIVE)
        return slot

    def _enter(self, slot):
        h: cython.ulonglong = self.hashes[slot]
        at: cython.uint = h & self.mask
        if not cython.compiled:
            h = int(h)
        while self.table[at] != 0:
            at = (at + 1) & self.mask
        self.table[at] = (h << 32) | cython.cast(cython.ulonglong, slot + 1)
        return 0

    def remove(self, slot):
        at: cython.uint = self.hashes[slot] & self.mask
        hole: cython.uint
        home: cython.uint
        other: cython.ulonglong
        while (self.table[at] & LOW) != cython.cast(cython.ulonglong, slot + 1):
            at = (at + 1) & self.mask
        # Close the hole, so that no search stops at it (Knuth 6.4, algorithm R).
        hole = at
        while True:
            at = (at + 1) & self.mask
            other = self.table[at]
            if other == 0:
                break
            home = (other >> 32) & self.mask
            if ((at - home) & self.mask) >= ((at - hole) & self.mask):
                self.table[hole] = other
                hole = at
        self.table[hole] = 0
        self._unlink(slot)
        self.flows[slot] = None
        self.free.append(slot)
        self.count -= 1
        return 0

    def _widen(self):
        slot: cython.int
        n: cython.Py_ssize_t = self.hashes.shape[0] * 2
        self.hashes = np.resize(np.asarray(self.hashes), n)
        self.newer = np.resize(np.asarray(self.newer), n)
        self.older = np.resize(np.asarray(self.older), n)
        self.queue = np.resize(np.asarray(self.queue), n)
        self.table = np.zeros(2 * n, np.uint64)
        self.mask = 2 * n - 1
        for slot in range(n // 2):
            if self.flows[slot] is not None:
                self._enter(slot)
        return 0

    def touch(self, slot, queue):
        """This connection's packet is the newest of its list."""
        if self.queue[slot] == queue and (self.newest0 if queue == ALIVE else self.newest1) == slot:
            return 0
        self._unlink(slot)
        self._link(slot, queue)
        return 0

    def oldest(self, queue):
        return self.oldest0 if queue == ALIVE else self.oldest1

    def _link(self, slot, queue):
        last: cython.int = self.newest0 if queue == ALIVE else self.newest1
        self.queue[slot] = queue
        self.newer[slot] = -1
        self.older[slot] = last
        if last >= 0:
            self.newer[last] = slot
        elif queue == ALIVE:
            self.oldest0 = slot
        else:
            self.oldest1 = slot
        if queue == ALIVE:
            self.newest0 = slot
        else:
            self.newest1 = slot
        return 0

    def _unlink(self, slot):
        one: cython.int = self.older[slot]
        two: cython.int = self.newer[slot]
        if one >= 0:
            self.newer[one] = two
        elif self.queue[slot] == ALIVE:
            self.oldest0 = two
        else:
            self.oldest1 = two
        if two >= 0:
            self.older[two] = one
        elif self.queue[slot] == ALIVE:
            self.newest0 = one
        else:
            self.newest1 = one
        return 0


@cython.cclass
class Engine:
    """Frame blocks in, batches of calls out.

    `verify_checksums` drops segments with a wrong IPv4 or TCP checksum; off by default, since a host's own captures show checksums that its
    network card has yet to fill in. `key` fixes the hash tables' key; tests only.
    """

    def __init__(self, limits: Any = None, verify_checksums: bool = False, key: tuple[int, int] | None = None) -> None:
        self.limits = limits or Limits()
        key = key or (secrets.randbits(64), secrets.randbits(64))
        self.calls = Calls(self.limits, key, decode_body)
        self.streams = Streams(self.limits, self.calls)
        self.decoder = Decoder(self.limits, verify_checksums)
        self.table = FlowTable(self.limits.flows, key)
        self.clock = 0
        self.reading = -1
        self.fault = ""

    def feed(self, block: Any) -> list[pa.RecordBatch]:
        """Read a FrameBlock; returns the batches that became full (none, mostly)."""
        offset: cython.const[cython.longlong][::1] = block.offset
        captured: cython.const[cython.longlong][::1] = block.captured
        length: cython.const[cython.longlong][::1] = block.length
        times: cython.const[cython.longlong][::1] = block.ts
        link: cython.const[cython.int][::1] = block.link
        packets: cython.const[cython.longlong][::1] = block.packet
        decoder: Decoder = self.decoder
        recent: Recent = self.streams.recent
        k: cython.Py_ssize_t
        n: cython.Py_ssize_t = offset.shape[0]
        ts: cython.longlong
        packet_file: cython.int
        of_frame: cython.const[cython.int][::1] = None
        packet_file = self._file(block.file)
        # Through a memoryview, since interpreted arithmetic on the elements of an array would wrap at 256.
        octets = memoryview(block.data)
        decoder.open(octets)
        recent.open(octets)
        if block.source is not None:
            # Frames of several captures, merged by time: each names its own.
            numbers = np.array([self._file(name) for name in block.files], np.int32)
            of_frame = numbers[block.source]
        k = 0
        while k < n:
            try:
                while k < n:
                    ts = times[k]
                    if of_frame is not None:
                        packet_file = of_frame[k]
                    recent.seen += captured[k]
                    if decoder.decode_at(offset[k], captured[k], length[k], link[k], ts):
                        self._packet(ts, packet_file, packets[k])
                    k += 1
            except MemoryError:
                raise  # no connection's doing: to go on without most of them would be to lose them in silence
            except Exception as fault:
                self._give_up(fault)
                k += 1
        return self._take()

    def _file(self, name):
        """The number of a capture file, given out when it is first met."""
        files = self.calls.files
        if files and files[len(files) - 1] == name:
            return len(files) - 1
        if name not in files:
            files.append(name)
        return files.index(name)

    def _packet(self, ts, packet_file, packet):
        """The segment that was just decoded."""
        d: Decoder = self.decoder
        forward: cython.bint
        h: cython.uint
        slot: cython.int
        flow: Flow
        table: FlowTable = self.table
        who: cython.int
        if ts > self.clock:
            self.clock = ts
        if d.src_hi != d.dst_hi:
            forward = d.src_hi < d.dst_hi
        elif d.src_lo != d.dst_lo:
            forward = d.src_lo < d.dst_lo
        else:
            forward = d.src_port <= d.dst_port
        if d.src_hi | d.dst_hi == 0 and d.src_lo >> 32 == 0xFFFF and d.dst_lo >> 32 == 0xFFFF:
            # IPv4: four octets of each address, two of each port.
            if forward:
                h = pair_hash(table.k0, table.k1, ((d.src_lo & LOW) << 32) | (d.dst_lo & LOW), cython.cast(cython.uint, d.src_port) << 16 | d.dst_port) & LOW
            else:
                h = pair_hash(table.k0, table.k1, ((d.dst_lo & LOW) << 32) | (d.src_lo & LOW), cython.cast(cython.uint, d.dst_port) << 16 | d.src_port) & LOW
        elif forward:
            h = flow_hash(table.k0, table.k1, d.src_hi, d.src_lo, d.dst_hi, d.dst_lo, cython.cast(cython.uint, d.src_port) << 16 | d.dst_port) & LOW
        else:
            h = flow_hash(table.k0, table.k1, d.dst_hi, d.dst_lo, d.src_hi, d.src_lo, cython.cast(cython.uint, d.dst_port) << 16 | d.src_port) & LOW
        self.streams.counts.segments += 1
        slot = table.find(d, h, forward)
        who = 0 if forward else 1
        began: cython.longlong = ts
        while True:
            if slot < 0:
                self._expire()
                flow = Flow.__new__(Flow)  # without the detour over Python's arguments
                flow.begin()
                if forward:
                    flow.a_hi, flow.a_lo, flow.b_hi, flow.b_lo = d.src_hi, d.src_lo, d.dst_hi, d.dst_lo
                    flow.a_port, flow.b_port = d.src_port, d.dst_port
                else:
                    flow.a_hi, flow.a_lo, flow.b_hi, flow.b_lo = d.dst_hi, d.dst_lo, d.src_hi, d.src_lo
                    flow.a_port, flow.b_port = d.dst_port, d.src_port
                flow.domain = d.domain
                flow.first_ts = began
                flow.touched = ts
                slot = table.add(flow, h)
                self.streams.counts.connections += 1
            else:
                flow = cython.cast(Flow, table.flows[slot])
            self.reading = slot
            if flow.segment(who, d.segment_octets, d.payload, d.payload_end, d.payload_length, d.seq, d.ack, d.flags, d.ip_id, ts, packet_file, packet, self.streams) == 0:
                break
            # The same ports again: what was known of them belongs to a connection that is over.
            self.streams.counts.reused += 1
            if flow.asked >= 0:
                began = flow.asked_ts  # its SYN came then, and waited for the server's word
            self._forget(slot)
            slot = -1
        self.reading = -1
        flow.last_segment = self.streams.counts.segments
        who = OVER if flow.over or flow.reset else ALIVE
        # To the second is near enough for what is forgotten after many; every packet would cost three cold cache lines.
        if ts - flow.touched > TOUCH or table.queue[slot] != who:
            flow.touched = ts
            table.touch(slot, who)
        return 0

    def _expire(self):
        """Forget what has been silent for too long, and the oldest when the table is full."""
        table: FlowTable = self.table
        flow: Flow
        slot: cython.int
        idle: cython.longlong = self.limits.idle
        linger: cython.longlong = self.limits.linger
        while True:
            slot = table.oldest1
            if slot < 0:
                break
            flow = table.flows[slot]
            if self.clock - flow.last_ts <= linger and table.count < table.limit:
                break
            self._forget(slot)
        while True:
            slot = table.oldest0
            if slot < 0:
                break
            flow = table.flows[slot]
            if self.clock - flow.last_ts <= idle:
                if table.count < table.limit:
                    break
                self.streams.counts.evicted += 1
            else:
                self.streams.counts.expired += 1
            self._forget(slot)
        return 0

    def _forget(self, slot):
        flow: Flow = self.table.flows[slot]
        try:
            flow.finish(self.streams)
        except MemoryError:
            raise
        except Exception as fault:
            self.reading = slot
            self._give_up(fault)
        self.table.remove(slot)
        return 0

    def _give_up(self, fault):
        """A mistake of ours costs the connection it was met on, and no other: it is over, and what was being read of it gone. It is counted, and the
        first is kept in `fault`."""
        flow: Flow
        self.streams.counts.faults += 1
        if not self.fault:
            self.fault = "".join(traceback.format_exception(fault))
        self.calls.settle()
        self.calls.tidy()
        if self.reading >= 0:
            flow = self.table.flows[self.reading]
            if flow.http is not None:
                flow.http.abandon()
            flow.abandon(self.streams)
            self.table.touch(self.reading, OVER)
            self.reading = -1
        return 0

    def _take(self):
        ready = self.calls.ready
        self.calls.ready = []
        return ready

    def pending(self) -> list[pa.RecordBatch]:
        """The calls that are whole by now and stand in no full batch yet; connections stay as they are."""
        self.calls.flush()
        return self._take()

    def finish(self) -> list[pa.RecordBatch]:
        """The capture is over: every connection ends as it is. Returns the remaining batches."""
        table: FlowTable = self.table
        flow: Flow
        slot: cython.int
        order = []
        for slot in range(len(table.flows)):
            flow = table.flows[slot]
            if flow is not None:
                order.append((table.queue[slot] == ALIVE, flow.last_segment, slot))
        for _, _, slot in sorted(order):
            self._forget(slot)
        self.calls.flush()
        return self._take()

    @property
    def counters(self) -> dict[str, int]:
        """What was seen, what was missing and which bounds bit, by name."""
        counts = dict(self.decoder.counters())
        counts.update(self.streams.counts.as_dict())
        counts["calls"] = self.calls.total
        counts["message_octets_most"] = self.calls.room.most
        counts["messages_limited"] = self.calls.room.refused
        counts["connections_open"] = self.table.count
        counts.update(sorted(self.calls.counters.items()))
        return counts
