"""One HTTP message while it is being read: its head as sent, spans into it, its body up to a limit, and where in the streams it stood.

Messages are taken from a pool and given back, so that reading a call allocates nothing. All spans are indices into `head`.
"""

from __future__ import annotations

from typing import Any

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

if cython.compiled:
    from cython.cimports.parsers.octets import copy
else:
    from parsers.octets import copy

COMPILED = cython.compiled

POOLED_OCTETS = cython.declare(cython.Py_ssize_t, 32_768)  # a pooled message keeps buffers up to this size


def grown(buffer: Any, used: Any, needed: Any) -> Any:
    """A buffer of at least `needed` octets that begins with the first `used` octets of `buffer`; its size doubles."""
    size: cython.Py_ssize_t = max(256, len(buffer))
    while size < needed:
        size *= 2
    larger = bytearray(size)
    if used:
        larger[:used] = bytes(buffer[:used])
    return larger


@cython.cclass
class Message:
    def __init__(self) -> None:
        self.head = bytearray(1024)
        self.body = bytearray(0)
        self.in_use = False
        self.next = None
        self.reset()

    def reset(self):
        self.is_request = True
        self.head_complete = self.body_complete = self.answered = self.damaged = False
        self.response_done = self.expects_continue = self.secure = self.unsure = self.chunked = self.closes = False
        self.keep_head = True
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
        self.head_length = self.body_kept = 0
        self.method_at = self.method_end = self.target_at = self.target_end = -1
        self.path_at = self.path_end = self.query_at = self.query_end = -1
        self.authority_at = self.authority_end = self.host_at = self.host_end = -1
        self.agent_at = self.agent_end = self.type_at = self.type_end = -1
        self.authorization_at = self.authorization_end = self.cookie_at = self.cookie_end = -1
        self.key_at = self.key_end = self.forwarded_at = self.forwarded_end = -1
        self.coding_at = self.coding_end = self.upgrade_at = self.upgrade_end = -1
        self.request = None
        self.response = None
        if len(self.head) > POOLED_OCTETS:
            self.head = bytearray(1024)
        if len(self.body) > POOLED_OCTETS:
            self.body = bytearray(0)
        return 0

    def keep(self, data, start, end, limit):
        """Keep data[start:end] of the body, as far as the limit allows."""
        room: cython.Py_ssize_t = limit - self.body_kept
        n: cython.Py_ssize_t = end - start
        if n > room:
            n = room
        if n <= 0:
            return 0
        if self.body_kept + n > len(self.body):
            self.body = grown(self.body, self.body_kept, self.body_kept + n)
        copy(self.body, self.body_kept, data, start, start + n)
        self.body_kept += n
        return 0

    def add_head(self, data, start, end):
        n: cython.Py_ssize_t = end - start
        if self.head_length + n > len(self.head):
            self.head = grown(self.head, self.head_length, self.head_length + n)
        copy(self.head, self.head_length, data, start, end)
        self.head_length += n
        return 0
