"""One HTTP message while it is being read: its head as sent, spans into it, its body up to a limit, and where in the streams it stood.

Messages are taken from a pool and given back, so that reading a call allocates nothing. All spans are indices into `head`. `h` and `b` are where
the octets of `head` and `body` lie (`parsers.octets`): of h the first head_length can be read, of b the first body_kept.
"""

from __future__ import annotations

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

if cython.compiled:
    from cython.cimports.cpython.bytearray import PyByteArray_AS_STRING
    from cython.cimports.libc.string import memcpy
    from cython.cimports.parsers.octets import copy
else:
    from parsers.octets import copy

COMPILED = cython.compiled

POOLED_OCTETS = cython.declare(cython.Py_ssize_t, 32_768)  # buffers beyond this are large: few pooled messages keep such


@cython.cclass
class Room:
    """What the buffers of all messages may take together, those of the pool included. Past `limit` none of them grows."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = self.most = self.refused = 0
        self.taken = 0

    def add(self, octets):
        self.held += octets
        if self.held > self.most:
            self.most = self.held
        return 0


@cython.no_gc  # the pairs that messages make are taken apart before they are given back
@cython.cclass
class Message:
    def __init__(self, room: Room) -> None:
        self.room = room
        self.head_room = self.body_room = 0
        self.head_length = self.body_kept = 0
        self.lent = cython.NULL
        self.lent_at = 0
        self.widen_head(1024)
        self.widen_body(256)
        self.in_use = False
        self.next = None
        self.reset()

    def reset(self):
        self.is_request = True
        self.head_complete = self.body_complete = self.answered = self.damaged = self.clean = self.dirty = False
        self.response_done = self.final = self.answers = self.secure = self.unsure = self.chunked = self.closes = False
        self.status = -1
        self.version = -1
        self.headers = 0
        self.content_codings = 0
        self.packet_file = 0
        self.weirds = 0
        self.start = self.end = self.ack = self.reply_at = 0
        self.first_ts = self.last_ts = self.packet = 0
        self.body_length = -1
        self.content_length = -1
        self.transfer = 0
        self.head_length = self.body_kept = self.lent_length = 0
        self.method_at = self.method_end = self.target_at = self.target_end = -1
        self.path_at = self.path_end = self.query_at = self.query_end = -1
        self.authority_at = self.authority_end = self.host_at = self.host_end = -1
        self.agent_at = self.agent_end = self.type_at = self.type_end = -1
        self.authorization_at = self.authorization_end = self.cookie_at = self.cookie_end = -1
        self.key_at = self.key_end = self.forwarded_at = self.forwarded_end = -1
        self.coding_at = self.coding_end = -1
        self.host_line = self.agent_line = self.type_line = self.authorization_line = -1
        self.cookie_line = self.key_line = self.forwarded_line = self.coding_line = -1
        self.request = None
        self.response = None
        return 0

    def large(self):
        """Whether the buffers are larger than most messages need."""
        return self.head_room > POOLED_OCTETS or self.body_room > POOLED_OCTETS

    def shrink(self):
        """Let large buffers go; the message holds nothing."""
        self.room.held -= self.head_room + self.body_room
        self.head_room = self.body_room = 0
        self.widen_head(1024)
        self.widen_body(256)
        return 0

    def widen_head(self, needed):
        """Have room for a head of that many octets."""
        size: cython.Py_ssize_t = max(256, self.head_room)
        while size < needed:
            size *= 2
        larger = bytearray(size)
        if self.head_length:
            larger[: self.head_length] = memoryview(self.head)[: self.head_length]
        self.head = larger
        self.room.add(size - self.head_room)
        self.head_room = size
        if cython.compiled:
            # Good as long as `head` is this object, which is never resized.
            self.h = cython.cast(cython.pointer(cython.uchar), PyByteArray_AS_STRING(larger))
        else:
            self.h = larger
        return 0

    def widen_body(self, needed):
        """Have room for that many octets of the body."""
        size: cython.Py_ssize_t = max(256, self.body_room)
        while size < needed:
            size *= 2
        larger = bytearray(size)
        if self.body_kept:
            larger[: self.body_kept] = memoryview(self.body)[: self.body_kept]
        self.body = larger
        self.room.add(size - self.body_room)
        self.body_room = size
        if cython.compiled:
            self.b = cython.cast(cython.pointer(cython.uchar), PyByteArray_AS_STRING(larger))
        else:
            self.b = larger
        return 0

    def keep(self, data, start, end, limit):
        """Keep data[start:end] of the body, as far as the limit allows."""
        room: cython.Py_ssize_t = limit - self.body_kept
        n: cython.Py_ssize_t = end - start
        if n > room:
            n = room
        if n <= 0:
            return 0
        if self.body_kept + n > self.body_room:
            if self.room.held >= self.room.limit:
                self.room.refused += 1
                n = self.body_room - self.body_kept
            else:
                self.widen_body(self.body_kept + n)
        copy(self.b, self.body_room, self.body_kept, data, start, start + n)
        self.body_kept += n
        return 0

    def settle(self):
        """Take what was lent into the body: the buffer it lies in may go."""
        n: cython.Py_ssize_t = self.lent_length
        self.lent_length = 0
        if self.body_kept + n > self.body_room:
            if self.room.held >= self.room.limit:
                self.room.refused += 1
                n = self.body_room - self.body_kept
            else:
                self.widen_body(self.body_kept + n)
        copy(self.b, self.body_room, self.body_kept, self.lent, self.lent_at, self.lent_at + n)
        self.body_kept += n
        return 0

    def add_head(self, data, start, end):
        n: cython.Py_ssize_t = end - start
        if self.head_length + n > self.head_room:
            self.widen_head(self.head_length + n)
        if cython.compiled:
            if n > 0:
                memcpy(self.h + self.head_length, data + start, n)  # there is room, see above
        else:
            copy(self.h, self.head_room, self.head_length, data, start, end)
        self.head_length += n
        return 0
