"""The one place where calls become columns: rows are written into preallocated arrays and handed to Arrow without a copy.

`Words` is a column of few distinct values (dictionary-encoded); `Text` one of many. What belongs to the connection (addresses, ports, ids) is
written once a connection and batch, and spread over the rows by numpy when the batch is handed out.
"""

from __future__ import annotations

import hashlib
import socket
import struct
import sys
from typing import Any

import numpy as np
import pyarrow as pa

from parsers.schema import CALL_SCHEMA
from parsers.weird import WEIRDS, bit

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

if cython.compiled:
    from cython.cimports.cpython.bytearray import PyByteArray_AS_STRING
    from cython.cimports.libc.string import memcmp, memcpy
    from cython.cimports.parsers.lines import BATCH, CODE, ENTRY, Lines
    from cython.cimports.parsers.message import Message, Room
    from cython.cimports.parsers.octets import copy, same
    from cython.cimports.parsers.siphash import octets_hash
else:
    from parsers.lines import BATCH, CODE, ENTRY, Lines
    from parsers.message import Message, Room
    from parsers.octets import copy, same
    from parsers.siphash import octets_hash

COMPILED = cython.compiled

BODY_GAP = cython.declare(cython.ulonglong, bit("body_gap"))
HEAD_GAP = cython.declare(cython.ulonglong, bit("head_gap"))
HEAD_LIMITED = cython.declare(cython.ulonglong, bit("head_too_long") | bit("too_many_headers"))

LOW = cython.declare(cython.ulonglong, 0xFFFFFFFF)
POOLED = cython.declare(cython.int, 4096)  # messages kept for reuse,
LARGE = cython.declare(cython.int, 256)  # and of them those with large buffers

_PARTS = ("request_head", "request_body", "response_head", "response_body")
_COMPLETE = [" ".join(part for k, part in enumerate(_PARTS) if mask >> k & 1) for mask in range(16)]
_PROTOCOLS = [f"http/{version // 10}.{version % 10}" for version in range(100)]


def readable(octets: bytes) -> str:
    """Octets as text: UTF-8, with \\xNN for what is not."""
    return octets.decode("utf-8", "backslashreplace")


def address(hi: int, lo: int) -> str:
    """An address of the flow table (128 bits, IPv4 as ::ffff:a.b.c.d) as text."""
    if hi == 0 and lo >> 32 == 0xFFFF:
        return socket.inet_ntop(socket.AF_INET, struct.pack("!I", lo & 0xFFFFFFFF))
    return socket.inet_ntop(socket.AF_INET6, struct.pack("!QQ", hi, lo))


@cython.no_gc  # what a connection holds that holds it is let go when it ends (Flow.finish)
@cython.cclass
class Connection:
    """The two ends of a connection, as the call log names them."""

    def __init__(self) -> None:
        self.a_hi = self.a_lo = self.b_hi = self.b_lo = 0
        self.a_port = self.b_port = 0
        self.client = 0
        self.domain = 0
        self.first_ts = 0
        self.batch = -1
        self.row = 0
        self.named = False

    def identify(self) -> tuple[str, str]:
        """`uid` and Community ID v1 (github.com/corelight/community-id-spec).

        The uid depends on the addresses, ports and first packet's time alone, so that the same capture gives the same ids.
        """
        if not self.named:
            self.name()
        names = bytes(self.names[:NAMES]).decode()
        return names[:UID], names[UID:]

    def name(self):
        """Make both, as octets, one behind the other in `names`."""
        # The seed of the Community ID; then the ends in order, the protocol and the ports; then what else tells this connection from others.
        whole: bytearray = bytearray(52)
        out: cython.pointer(cython.uchar)
        turn: cython.bint
        n: cython.int = 2
        if cython.compiled:
            out = cython.cast(cython.pointer(cython.uchar), PyByteArray_AS_STRING(whole))
        else:
            out = whole
        if self.a_hi != self.b_hi:
            turn = self.a_hi > self.b_hi
        elif self.a_lo != self.b_lo:
            turn = self.a_lo > self.b_lo
        else:
            turn = self.a_port > self.b_port
        n = _end(out, n, self.b_hi if turn else self.a_hi, self.b_lo if turn else self.a_lo)
        n = _end(out, n, self.a_hi if turn else self.b_hi, self.a_lo if turn else self.b_lo)
        n = _write(out, n, 0x0600, 2)
        n = _write(out, n, self.b_port if turn else self.a_port, 2)
        n = _write(out, n, self.a_port if turn else self.b_port, 2)
        community: bytes = _sha1(whole[:n], usedforsecurity=False).digest() + bytes(1)
        n = _write(out, n, cython.cast(cython.ulonglong, self.first_ts), 8)
        n = _write(out, n, self.domain, 4)
        digest: bytes = _blake2b(whole[2:n], digest_size=12).digest() + bytes(1)
        if not cython.compiled:
            self.names = bytearray(NAMES)
        # Base 32 (RFC 4648) in lower case, without padding; base 64 with it.
        self.names[0] = 67  # C
        _digits(self.names, 1, digest, 20, 5, _BASE32)
        self.names[UID] = 49  # 1:
        self.names[UID + 1] = 58
        _digits(self.names, UID + 2, community, 27, 6, _BASE64)
        self.names[NAMES - 1] = 61
        self.named = True
        return 0


def _write(out, at, number, octets):
    """Write a number's lowest `octets` octets to out[at:], which has room, the highest first; returns where they end."""
    k: cython.int
    for k in range(octets):
        out[at + k] = (number >> (8 * (octets - 1 - k))) & 255
    return at + octets


def _end(out, at, hi, lo):
    """Write an address: four octets, or sixteen."""
    if hi == 0 and lo >> 32 == 0xFFFF:
        return _write(out, at, lo, 4)
    return _write(out, _write(out, at, hi, 8), lo, 8)


UID = cython.declare(cython.int, 21)  # characters of a uid,
NAMES = cython.declare(cython.int, 51)  # and of it and a Community ID
_sha1 = hashlib.sha1
_blake2b = hashlib.blake2b
_BASE32 = cython.declare(bytes, b"abcdefghijklmnopqrstuvwxyz234567")
_BASE64 = cython.declare(bytes, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def _digits(out, at, octets, count, width, alphabet):
    """Write the first `count` digits of `width` bits of a number to out[at:]. It is given as octets, the highest first, with a zero behind them."""
    held: cython.uint = 0
    bits: cython.int = 0
    k: cython.int
    n: cython.int = 0
    for k in range(count):
        if bits < width:
            held = held << 8 | octets[n]
            n += 1
            bits += 8
        bits -= width
        out[at + k] = alphabet[held >> bits]
        held &= (1 << bits) - 1
    return 0


@cython.cclass
class Words:
    """A dictionary of octet strings in order of first sight. The table is keyed: a stranger cannot choose strings that collide."""

    def __init__(self, key: tuple[int, int]) -> None:
        self.k0, self.k1 = key
        self.scratch = bytearray(128)
        self.sent = cython.NULL
        self.hashes = np.zeros(256, np.uint32)
        self.slots = np.full(512, -1, np.int32)
        self.mask = 511
        self.start(np.empty(1024, np.uint8))

    def start(self, arena):
        """An empty dictionary, whose words go into `arena`. The table keeps the size it had: the next batch's words are mostly as many."""
        self._use(arena)
        self.used = 0
        self.sent_length = self.sent_code = -1
        self.offsets = np.empty(len(self.hashes) + 1, np.int32)
        self.offsets[0] = 0
        np.asarray(self.slots).fill(-1)
        self.count = 0
        self.last = -1
        return 0

    @cython.boundscheck(False)
    def code(self, data, start, end):
        """The index of data[start:end] in the dictionary, added when it is new."""
        n: cython.Py_ssize_t = end - start
        at: cython.int
        k: cython.int
        slot: cython.uint
        h: cython.uint
        if self.last >= 0:
            # Calls of one connection, and of one client program, repeat their words: look at the last one first.
            at = self.offsets[self.last]
            if self.offsets[self.last + 1] - at == n:
                if cython.compiled:
                    if memcmp(self.octets + at, data + start, n) == 0:
                        return self.last
                elif same(self.octets, at, data, start, end):
                    return self.last
        h = octets_hash(self.k0, self.k1, data, start, end) & LOW
        slot = h & self.mask
        while True:
            k = self.slots[slot]
            if k < 0:
                break
            if self.hashes[k] == h:
                at = self.offsets[k]
                if self.offsets[k + 1] - at == n and same(self.octets, at, data, start, end):
                    self.last = k
                    return k
            slot = (slot + 1) & self.mask
        k = self.count
        if k + 1 >= self.offsets.shape[0] or (k + 1) * 2 > self.slots.shape[0]:
            self._grow()
            slot = h & self.mask
            while self.slots[slot] >= 0:
                slot = (slot + 1) & self.mask
        if self.used + n > self.room:
            self._use(_larger(self.arena, self.used, self.used + n))
        copy(self.octets, self.room, self.used, data, start, end)
        self.used += n
        self.slots[slot] = k
        self.hashes[k] = h
        self.count += 1
        self.offsets[self.count] = self.used
        self.last = k
        return k

    def lowered(self, data, start, end, stop):
        """`code` of data[start:end] in lower case, up to the octet `stop` (0: all of it), without white space at its end."""
        n: cython.Py_ssize_t = end - start
        k: cython.Py_ssize_t
        c: cython.uchar
        scratch: cython.pointer(cython.uchar)
        if n == self.sent_length and same(self.sent, 0, data, start, end):
            self.last = self.sent_code
            return self.last
        if 2 * n > len(self.scratch):
            self.scratch = bytearray(4 * n)
            self.sent_length = -1
        if cython.compiled:
            self.sent = cython.cast(cython.pointer(cython.uchar), PyByteArray_AS_STRING(self.scratch))
            scratch = self.sent + n
        else:
            self.sent = self.scratch
            scratch = memoryview(self.scratch)[n:]
        # The first half of the scratch keeps what was sent, so that the same octets are known at sight; the second takes it in lower case.
        copy(self.sent, n, 0, data, start, end)
        self.sent_length = n
        n = 0
        for k in range(start, end):
            c = data[k]
            if stop and c == stop:
                break
            if 65 <= c <= 90:
                c |= 32
            scratch[n] = c
            n += 1
        while n > 0 and (scratch[n - 1] == 32 or scratch[n - 1] == 9):
            n -= 1
        self.sent_code = self.code(scratch, 0, n)
        return self.sent_code

    def _use(self, arena):
        self.arena = arena
        self.room = len(arena)
        if cython.compiled:
            self.octets = cython.address(self.arena[0])
        else:
            self.octets = memoryview(arena)  # numpy's integers wrap, Python's do not
        return 0

    def _grow(self):
        k: cython.int
        slot: cython.uint
        size: cython.Py_ssize_t = self.slots.shape[0] * 2
        self.offsets = np.resize(np.asarray(self.offsets), size // 2 + 1)
        self.hashes = np.resize(np.asarray(self.hashes), size // 2)
        self.slots = np.full(size, -1, np.int32)
        self.mask = size - 1
        for k in range(self.count):
            slot = self.hashes[k] & self.mask
            while self.slots[slot] >= 0:
                slot = (slot + 1) & self.mask
            self.slots[slot] = k
        return 0

    def words(self) -> list[bytes]:
        """The dictionary as octet strings."""
        offsets = np.asarray(self.offsets)[: self.count + 1].tolist()
        octets = np.asarray(self.arena)[: self.used].tobytes()
        return [octets[offsets[k] : offsets[k + 1]] for k in range(self.count)]

    def values(self) -> pa.Array:
        """The dictionary as an Arrow string array."""
        offsets = np.asarray(self.offsets)[: self.count + 1]
        arena = np.asarray(self.arena)
        if self.used and arena[: self.used].max() >= 0x80:
            return pa.array([readable(word) for word in self.words()], pa.string())
        return pa.StringArray.from_buffers(self.count, pa.py_buffer(offsets), pa.py_buffer(arena))


def _larger(arena: Any, used: int, needed: int) -> Any:
    # What is written is copied, and taking it costs a page; room that is not written to costs nothing.
    size = max(len(arena) * (2 if len(arena) < 1_048_576 else 8), needed)
    larger = np.empty(size, np.uint8)
    larger[:used] = np.asarray(arena)[:used]
    return larger


AS_IT_STANDS = cython.declare(cython.int, -1)


@cython.cfunc
@cython.inline
@cython.exceptval(-2)
def _spoken(words: Words, m: Message, at: cython.Py_ssize_t, end: cython.Py_ssize_t, stop: cython.int) -> cython.int:
    """The code of a span of the head: AS_IT_STANDS, or in lower case up to the octet `stop` (0: all of it)."""
    return words.code(m.h, at, end) if stop == AS_IT_STANDS else words.lowered(m.h, at, end, stop)


@cython.cclass
class Text:
    """A column of octet strings, one after another."""

    def __init__(self, arena: Any, offsets: Any, present: Any) -> None:
        self._use(arena)
        self.used = 0
        self.offsets = offsets
        self.offsets[0] = 0
        self.present = present
        self.any_null = False

    def _use(self, arena):
        self.arena = arena
        self.room = len(arena)
        if cython.compiled:
            self.place = cython.address(self.arena[0])
        else:
            self.place = memoryview(arena)
        return 0

    @cython.boundscheck(False)
    def add(self, row, data, start, end):
        """Write data[start:end] as row `row`, of which the caller knows that the column has it."""
        n: cython.Py_ssize_t = end - start
        if self.used + n > self.room:
            self._use(_larger(self.arena, self.used, self.used + n))
        if cython.compiled:
            if n > 0:
                memcpy(self.place + self.used, data + start, n)  # there is room, see above
        else:
            copy(self.place, self.room, self.used, data, start, end)
        self.used += n
        self.offsets[row + 1] = self.used
        return 0

    def extend(self, row, data, start, end):
        """Add to the row that was added last."""
        return self.add(row, data, start, end)

    @cython.boundscheck(False)
    def null(self, row):
        """Row `row`, which the caller has checked, as for `add`, holds nothing."""
        self.offsets[row + 1] = self.used
        if not self.any_null:
            self.any_null = True
            np.asarray(self.present).fill(1)
        self.present[row] = 0
        return 0

    def octets(self) -> int:
        """How many octets the column holds."""
        return self.used

    def column(self, rows: int, text: bool) -> pa.Array:
        offsets = np.asarray(self.offsets)[: rows + 1]
        arena = np.asarray(self.arena)
        missing = self.any_null
        present = np.asarray(self.present)[:rows]
        if text and self.used and arena[: self.used].max() >= 0x80:
            octets = arena[: self.used].tobytes()
            return pa.array([readable(octets[offsets[k] : offsets[k + 1]]) if not missing or present[k] else None for k in range(rows)], pa.string())
        valid = pa.py_buffer(np.packbits(present, bitorder="little")) if missing else None
        return pa.Array.from_buffers(
            pa.string() if text else pa.binary(), rows, [valid, pa.py_buffer(offsets), pa.py_buffer(arena)], rows - int(present.sum()) if missing else 0
        )


class _Columns:
    """Arrays one behind another in a larger one, each at a multiple of 64 octets."""

    def __init__(self, slab: Any) -> None:
        self.slab = slab
        self.used = 0

    def take(self, count: int, kind: Any) -> Any:
        start = self.used
        end = start + count * np.dtype(kind).itemsize
        self.used = (end + 63) & -64
        return self.slab[start:end].view(kind)


@cython.cclass
class Calls:
    """Calls on their way into batches. `ready` holds the batches that are full."""

    def __init__(self, limits: Any, key: tuple[int, int], decode_body: Any) -> None:
        self.limits = limits
        self.decode_body = decode_body
        self.counters = {}
        self.ready = []
        self.files = []
        self.room = Room(limits.message_bytes)
        self.pool = None
        self.pooled = 0
        self.large = 0
        self.borrower = None
        self.arenas = []
        self.rooms = [65_536, 65_536, 65_536, 1_048_576, 1_048_576, 65_536, 1_048_576]
        self.batch_number = 0
        self.total = 0
        self.capacity = limits.batch_rows
        self.budget = limits.batch_bytes
        self.body_limit = limits.kept_body
        self.head_limit = limits.head
        self.headers_limit = limits.headers
        self.waiting_limit = limits.pipelined
        self.request_lines = Lines()
        self.response_lines = Lines()
        self.ip = Words(key)
        self.communities = Words(key)
        self.scratch = bytearray(16)
        self.method = Words(key)
        self.host = Words(key)
        self.request_type = Words(key)
        self.response_type = Words(key)
        self.user_agent = Words(key)
        self.authorization = Words(key)
        self.cookie = Words(key)
        self.api_key = Words(key)
        self.forwarded_for = Words(key)
        self.request_encoding = Words(key)
        self.response_encoding = Words(key)
        self._open()

    def take(self):
        """A message to fill, from the pool where there is one."""
        m: Message
        if self.pool is not None:
            m = self.pool
            self.pool = m.next
            m.next = None
            self.pooled -= 1
            if m.large():
                self.large -= 1
        else:
            m = Message(self.room)
        m.in_use = True
        self.room.taken += 1
        return m

    def give(self, m):
        """Take a message back; it must not be used after."""
        if not m.in_use:
            raise AssertionError("a message was given back twice")
        m.in_use = False
        self.room.taken -= 1
        if self.pooled < POOLED and 2 * self.room.held < self.room.limit:
            m.reset()
            if m.large():
                if self.large < LARGE:
                    self.large += 1
                else:
                    m.shrink()
            m.next = self.pool
            self.pool = m
            self.pooled += 1
        else:
            self.room.held -= m.head_room + m.body_room
        return 0

    def lend(self, m, data, start, end):
        """Add data[start:end] to a message's body without a copy, as far as the limit allows. Good until `settle`."""
        n: cython.Py_ssize_t = end - start
        if self.borrower is not None:
            self.settle()
        if n > self.body_limit - m.body_kept:
            n = self.body_limit - m.body_kept
        if n > 0:
            m.lent = data
            m.lent_at = start
            m.lent_length = n
            self.borrower = m
        return 0

    def settle(self):
        """What was lent is about to go: the message that still needs it takes a copy."""
        m: Message = self.borrower
        if m is not None:
            self.borrower = None
            if m.lent_length > 0:
                m.settle()
        return 0

    def tidy(self):
        """Leave nothing of a row that was begun and not ended."""
        text: Text
        for text in (self.path, self.query, self.request_head, self.response_head, self.request_body, self.response_body):
            text.used = text.offsets[self.rows]
        self.weird_used = self.weird_at[self.rows]
        return 0

    def _open(self):
        words: Words
        n = self.capacity
        self.rows = 0
        self.ends = 0
        self.batch_number += 1
        # All columns of fixed width lie in one array, that is used again when its batch is gone.
        column = _Columns(self._arena(n * (6 * 8 + 27 * 4 + 9) + 4096)).take
        self.ts = column(n, np.int64)
        self.packet = column(n, np.int64)
        self.duration = column(n, np.int64)
        self.ttfb = column(n, np.int64)
        self.request_bytes = column(n, np.int64)
        self.response_bytes = column(n, np.int64)
        self.conn = column(n, np.int32)
        self.status = column(n, np.int32)
        self.file = column(n, np.int32)
        self.weird_at = column(n + 1, np.int32)
        self.weird_at[0] = 0
        self.complete = column(n, np.uint8)
        self.protocol = column(n, np.uint8)
        self.client_ip = column(n, np.int32)
        self.client_port = column(n, np.int32)
        self.server_ip = column(n, np.int32)
        self.server_port = column(n, np.int32)
        self.community = column(n, np.int32)
        self.weird = np.empty(1024, np.int8)
        self.weird_used = 0
        for words in (
            self.ip, self.communities, self.method, self.host, self.request_type, self.response_type, self.user_agent, self.authorization, self.cookie, self.api_key,
            self.forwarded_for, self.request_encoding, self.response_encoding,
        ):  # fmt: skip
            words.start(self._arena(max(1024, words.used + words.used // 8)))
        self.c_method = column(n, np.int32)
        self.c_host = column(n, np.int32)
        self.c_request_type = column(n, np.int32)
        self.c_response_type = column(n, np.int32)
        self.c_user_agent = column(n, np.int32)
        self.c_authorization = column(n, np.int32)
        self.c_cookie = column(n, np.int32)
        self.c_api_key = column(n, np.int32)
        self.c_forwarded_for = column(n, np.int32)
        self.c_request_encoding = column(n, np.int32)
        self.c_response_encoding = column(n, np.int32)
        columns = [Text(self._arena(room), column(n + 1, np.int32), column(n, np.uint8)) for room in self.rooms]
        self.uid, self.path, self.query, self.request_head, self.response_head, self.request_body, self.response_body = columns
        return 0

    def _place(self, connection):
        """A connection's first call in this batch: note its ends."""
        row: cython.int = self.ends
        one: cython.int = self._address(connection.a_hi, connection.a_lo)
        two: cython.int = self._address(connection.b_hi, connection.b_lo)
        connection.batch = self.batch_number
        connection.row = row
        self.ends += 1
        if not connection.named:
            connection.name()
        self.uid.add(row, connection.names, 0, UID)
        self.community[row] = self.communities.code(connection.names, UID, NAMES)
        if connection.client == 0:
            self.client_ip[row] = one
            self.client_port[row] = connection.a_port
            self.server_ip[row] = two
            self.server_port[row] = connection.b_port
        else:
            self.client_ip[row] = two
            self.client_port[row] = connection.b_port
            self.server_ip[row] = one
            self.server_port[row] = connection.a_port
        return 0

    def _address(self, hi, lo):
        """The code of an address's text."""
        text: bytes
        if hi == 0 and lo >> 32 == 0xFFFF:
            return self._dotted(lo)
        text = address(hi, lo).encode()
        return self.ip.code(text, 0, len(text))

    def _dotted(self, lo):
        """The code of an IPv4 address's text."""
        text: cython.pointer(cython.uchar)
        n: cython.Py_ssize_t = 0
        part: cython.int
        shift: cython.int
        if cython.compiled:
            text = cython.cast(cython.pointer(cython.uchar), PyByteArray_AS_STRING(self.scratch))
        else:
            text = self.scratch
        for shift in range(24, -1, -8):
            part = (lo >> shift) & 255
            if part >= 100:
                text[n] = 48 + part // 100
                n += 1
            if part >= 10:
                text[n] = 48 + part // 10 % 10
                n += 1
            text[n] = 48 + part % 10
            text[n + 1] = 46
            n += 2
        return self.ip.code(text, 0, n - 1)

    def _arena(self, room: int) -> Any:
        """An array of at least `room` octets: one that no batch uses any more, so that its pages need not be cleared again, or a new one. Sizes are few, four
        to an octave, so that what one batch had serves the next."""
        step = 1 << max(10, room.bit_length() - 3)
        room = -(-room // step) * step
        best = None
        for array in self.arenas:
            # Two references besides ours mean: this list, the loop's name; getrefcount's own argument is the third.
            if room <= len(array) <= 4 * room + 65_536 and (best is None or len(array) < len(best)) and sys.getrefcount(array) <= 2:
                best = array  # the smallest that will do: a larger column of this batch may want the others
        if best is not None:
            return best
        array = np.empty(room, np.uint8)
        if len(self.arenas) >= 96:
            self.arenas.pop(0)
        self.arenas.append(array)
        return array

    def _value(self, words, m, at, end, serial, stop):
        """The code of a span of the head, a value on the line of that number; -1 when it is absent. `stop` as in `_spoken`."""
        lines: Lines
        line: cython.int = -1
        if at < 0:
            return -1
        lines = self.request_lines if m.is_request else self.response_lines
        if serial >= 0:
            line = lines.numbered(serial)
        if line < 0:
            return _spoken(words, m, at, end, stop)
        if lines.entry[line * ENTRY + BATCH] != self.batch_number:
            lines.entry[line * ENTRY + CODE] = _spoken(words, m, at, end, stop)
            lines.entry[line * ENTRY + BATCH] = self.batch_number
        return lines.entry[line * ENTRY + CODE]

    def _body(self, text, row, m):
        """Write a message's body, its content coding undone (RFC 9110 8.4)."""
        if m.coding_at >= 0 and m.body_kept + m.lent_length > 0:
            m.settle()
            body, odd = self.decode_body(
                bytes(m.body[: m.body_kept]),
                bytes(m.head[m.coding_at : m.coding_end]).decode("latin-1"),
                self.body_limit,
                self.limits.inflate_ratio,
            )
            if odd is not None and not (m.body_kept >= self.body_limit and odd == "content_coding_broken"):
                m.weirds |= bit(odd)
            octets: bytes = bytes(body)
            text.add(row, octets, 0, min(len(octets), self.body_limit))
        else:
            text.add(row, m.b, 0, m.body_kept)
            if m.lent_length > 0:
                text.extend(row, m.lent, m.lent_at, m.lent_at + m.lent_length)
        return 0

    @cython.boundscheck(False)
    def add(self, connection, request, response, weird):
        """One call: a request, a response, or both. The messages stay the caller's."""
        row: cython.int = self.rows
        q: Message = request
        r: Message = response
        parts: cython.int = 0
        k: cython.int
        version: cython.int = -1
        if row < 0 or row >= self.capacity:
            raise IndexError("batch.add: no row is left")  # one check for all columns, which are as long as `capacity`
        if connection.batch != self.batch_number:
            self._place(connection)
        self.conn[row] = connection.row
        self.duration[row] = -1
        self.ttfb[row] = -1
        if q is not None:
            version = q.version
            self.ts[row] = q.first_ts
            self.packet[row] = q.packet
            self.file[row] = q.packet_file
            self.c_method[row] = self.method.code(q.h, q.method_at, q.method_end)
            if q.authority_at >= 0:
                self.c_host[row] = self.host.lowered(q.h, q.authority_at, q.authority_end, 0)
            else:
                self.c_host[row] = self._value(self.host, q, q.host_at, q.host_end, q.host_line, 0)
            if q.path_at >= 0:
                self.path.add(row, q.h, q.path_at, q.path_end)
            else:
                self.path.null(row)
            if q.query_at >= 0:
                self.query.add(row, q.h, q.query_at, q.query_end)
            else:
                self.query.null(row)
            self.c_request_type[row] = self._value(self.request_type, q, q.type_at, q.type_end, q.type_line, 59)
            self.c_user_agent[row] = self._value(self.user_agent, q, q.agent_at, q.agent_end, q.agent_line, AS_IT_STANDS)
            self.c_authorization[row] = self._value(self.authorization, q, q.authorization_at, q.authorization_end, q.authorization_line, AS_IT_STANDS)
            self.c_cookie[row] = self._value(self.cookie, q, q.cookie_at, q.cookie_end, q.cookie_line, AS_IT_STANDS)
            self.c_api_key[row] = self._value(self.api_key, q, q.key_at, q.key_end, q.key_line, AS_IT_STANDS)
            self.c_forwarded_for[row] = self._value(self.forwarded_for, q, q.forwarded_at, q.forwarded_end, q.forwarded_line, AS_IT_STANDS)
            self.c_request_encoding[row] = self._value(self.request_encoding, q, q.coding_at, q.coding_end, q.coding_line, AS_IT_STANDS)
            self.request_head.add(row, q.h, 0, q.head_length)
            self._body(self.request_body, row, q)
            weird |= q.weirds
            self.request_bytes[row] = q.body_length if q.body_complete else -1
            if q.head_complete and q.weirds & (HEAD_GAP | HEAD_LIMITED) == 0:
                parts |= 1
            if q.body_complete and q.weirds & BODY_GAP == 0:
                parts |= 2
        else:
            self.c_method[row] = self.c_host[row] = self.c_request_type[row] = self.c_user_agent[row] = -1
            self.c_authorization[row] = self.c_cookie[row] = self.c_api_key[row] = self.c_forwarded_for[row] = -1
            self.c_request_encoding[row] = -1
            self.path.null(row)
            self.query.null(row)
            self.request_head.null(row)
            self.request_body.null(row)
            self.request_bytes[row] = -1
        if r is not None:
            if q is None:
                version = r.version
                self.ts[row] = r.first_ts
                self.packet[row] = r.packet
                self.file[row] = r.packet_file
            elif r.last_ts >= q.first_ts:
                self.duration[row] = r.last_ts - q.first_ts
                if r.first_ts >= q.last_ts:
                    self.ttfb[row] = r.first_ts - q.last_ts
            self.status[row] = r.status
            self.c_response_type[row] = self._value(self.response_type, r, r.type_at, r.type_end, r.type_line, 59)
            self.c_response_encoding[row] = self._value(self.response_encoding, r, r.coding_at, r.coding_end, r.coding_line, AS_IT_STANDS)
            self.response_head.add(row, r.h, 0, r.head_length)
            self._body(self.response_body, row, r)
            weird |= r.weirds
            self.response_bytes[row] = r.body_length if r.body_complete else -1
            if r.head_complete and r.weirds & (HEAD_GAP | HEAD_LIMITED) == 0:
                parts |= 4
            if r.body_complete and r.weirds & BODY_GAP == 0:
                parts |= 8
        else:
            self.status[row] = -1
            self.c_response_type[row] = -1
            self.c_response_encoding[row] = -1
            self.response_head.null(row)
            self.response_body.null(row)
            self.response_bytes[row] = -1
        self.complete[row] = parts
        self.protocol[row] = version if 0 < version < 100 else 11
        if weird:
            if self.weird_used + 64 > len(self.weird):
                self.weird = np.resize(np.asarray(self.weird), len(self.weird) * 2)
            k = 0
            while weird:
                if weird & 1:
                    self.weird[self.weird_used] = k
                    self.weird_used += 1
                weird >>= 1
                k += 1
        self.weird_at[row + 1] = self.weird_used
        self.rows = row + 1
        self.total += 1
        if self.rows == self.capacity or self.request_head.used + self.response_head.used + self.request_body.used + self.response_body.used + self.path.used + self.query.used > self.budget:
            self.flush()
        return 0

    def flush(self) -> None:
        """Hand the rows so far out as one batch into `ready`."""
        rows = self.rows
        if rows == 0:
            return
        conn = np.asarray(self.conn)[:rows]
        ends = self.ends
        addresses = self.ip.values()
        weird_at = np.asarray(self.weird_at)[: rows + 1]
        weird = np.asarray(self.weird)[: self.weird_used].astype(np.int32)
        for code, count in enumerate(np.bincount(weird, minlength=len(WEIRDS))):
            if count:
                name = "weird." + WEIRDS[code]
                self.counters[name] = self.counters.get(name, 0) + int(count)
        columns = {
            "ts": pa.array(np.asarray(self.ts)[:rows]),
            "uid": _codes(conn, self.uid.column(ends, True)),
            "client_ip": _codes(np.asarray(self.client_ip)[:ends].take(conn), addresses),
            "client_port": pa.array(np.asarray(self.client_port)[:ends].take(conn)),
            "server_ip": _codes(np.asarray(self.server_ip)[:ends].take(conn), addresses),
            "server_port": pa.array(np.asarray(self.server_port)[:ends].take(conn)),
            "protocol": _codes(np.asarray(self.protocol)[:rows].astype(np.int32), pa.array(_PROTOCOLS)),
            "method": _codes(np.asarray(self.c_method)[:rows], self.method.values()),
            "scheme": _codes(np.zeros(rows, np.int32), pa.array(["http"])),
            "host": _codes(np.asarray(self.c_host)[:rows], self.host.values()),
            "path": self.path.column(rows, True),
            "query": self.query.column(rows, True),
            "status": _known(np.asarray(self.status)[:rows]),
            "request_bytes": _known(np.asarray(self.request_bytes)[:rows]),
            "response_bytes": _known(np.asarray(self.response_bytes)[:rows]),
            "request_type": _codes(np.asarray(self.c_request_type)[:rows], self.request_type.values()),
            "response_type": _codes(np.asarray(self.c_response_type)[:rows], self.response_type.values()),
            "user_agent": _codes(np.asarray(self.c_user_agent)[:rows], self.user_agent.values()),
            "duration": _known(np.asarray(self.duration)[:rows]),
            "ttfb": _known(np.asarray(self.ttfb)[:rows]),
            "complete": _codes(np.asarray(self.complete)[:rows].astype(np.int32), pa.array(_COMPLETE)),
            "weird": pa.ListArray.from_arrays(
                pa.array(weird_at), pa.DictionaryArray.from_arrays(pa.array(weird), pa.array(list(WEIRDS), pa.string()))
            ),
            "community_id": _codes(np.asarray(self.community)[:ends].take(conn), self.communities.values()),
            "pcap_file": _codes(np.asarray(self.file)[:rows], pa.array(self.files, pa.string())),
            "packet": pa.array(np.asarray(self.packet)[:rows]),
            "authorization": _codes(np.asarray(self.c_authorization)[:rows], self.authorization.values()),
            "cookie": _codes(np.asarray(self.c_cookie)[:rows], self.cookie.values()),
            "api_key": _codes(np.asarray(self.c_api_key)[:rows], self.api_key.values()),
            "forwarded_for": _codes(np.asarray(self.c_forwarded_for)[:rows], self.forwarded_for.values()),
            "request_encoding": _codes(np.asarray(self.c_request_encoding)[:rows], self.request_encoding.values()),
            "response_encoding": _codes(np.asarray(self.c_response_encoding)[:rows], self.response_encoding.values()),
            "request_head": self.request_head.column(rows, False),
            "response_head": self.response_head.column(rows, False),
            "request_body": self.request_body.column(rows, False),
            "response_body": self.response_body.column(rows, False),
        }
        texts = (self.uid, self.path, self.query, self.request_head, self.response_head, self.request_body, self.response_body)
        self.rooms = [max(room // 2, text.octets() + text.octets() // 8 + 4096) for room, text in zip(self.rooms, texts, strict=True)]
        self.ready.append(pa.RecordBatch.from_arrays(list(columns.values()), schema=CALL_SCHEMA))
        self._open()


def _codes(codes: Any, words: pa.Array) -> pa.DictionaryArray:
    """Codes and their dictionary as one column; -1 is null."""
    return pa.DictionaryArray.from_arrays(_known(codes), words, safe=False)


def _known(values: Any) -> pa.Array:
    """Numbers of which -1 is null."""
    known = pa.array(values)
    if len(values) and values.min() < 0:
        present = values >= 0
        valid = pa.py_buffer(np.packbits(present, bitorder="little"))
        return pa.Array.from_buffers(known.type, len(values), [valid, known.buffers()[1]], len(values) - int(np.count_nonzero(present)))
    return known
