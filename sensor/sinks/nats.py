"""Alerts into a NATS JetStream: published with an id, so that the stream keeps each once, and delivered when the stream has acknowledged it.

The few verbs of the client protocol that publishing needs (INFO, CONNECT, SUB, HPUB, PING) are spoken here; the library for it is asyncio's, and would
bring a loop of its own into the delivery's thread.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence
from typing import IO, Any

import orjson

from sensor import VERSION
from sensor.sinks.destination import Destination, Options
from sensor.sinks.formats import FORMATS
from sensor.sinks.http import secret
from sensor.sinks.message import AlertFields
from sensor.sinks.network import EXCHANGE_S, TIMEOUT_S, Certificates, over_within, readable
from sensor.sinks.syslog import LEAST_OCTETS

UNACKNOWLEDGED = 256
"""Published before the acknowledgements are read: a round trip for so many, not for each."""
LINE_OCTETS = 1024 * 1024
PAYLOAD_OCTETS = 512 * 1024


TOO_LONG = 10_054
"""JetStream's error code for a message that is longer than its stream takes."""


class Nats:
    """`nats://` and `nats+tls://`; the path is the subject, which a stream must be listening to."""

    settle_s = 0.0

    def __init__(self, destination: Destination, options: Options) -> None:
        self.host = destination.host
        self._to = (destination.host, destination.port or 4222)
        self._subject = destination.path.strip("/") or "api-sensor.alerts"
        options.need(
            all("!" <= one <= "~" and one not in "*>" for one in self._subject) and all(self._subject.split(".")),
            f"{self._subject!r} is no subject to publish to: words with dots between, without blanks and wildcards",
        )
        self._body = FORMATS[options.choice("format", tuple(FORMATS), "json")]
        token = secret(options, "token")
        self._login = (
            {"user": destination.user, "pass": destination.password}
            if destination.user
            else {"auth_token": token}
            if token
            else {}
        )
        self._tls = Certificates(options) if destination.scheme == "nats+tls" else None
        self._octets = options.number("size", PAYLOAD_OCTETS, LEAST_OCTETS, PAYLOAD_OCTETS)
        self._most = 0
        """Octets of header and payload that the server takes."""
        self.answer = ""
        self._link: socket.socket | None = None
        self._in: IO[bytes] | None = None
        self._inbox = ""

    def message(self, alert: AlertFields, line: bytes, seq: int) -> bytes:
        """Header and payload of one publication, after the line that says how long they are."""
        head = f"NATS/1.0\r\nNats-Msg-Id: {alert['uid']}-{alert['revision']}\r\n\r\n".encode()
        payload = self._body(alert, line, self._octets)
        return b"%d %d\r\n%b%b\r\n" % (len(head), len(head) + len(payload), head, payload)

    def send(self, messages: Sequence[bytes]) -> Sequence[int]:
        """Publish them and wait until the stream has all of them; the places of those that are too long for it."""
        if self._link is not None and readable(self._link):
            self.reset()  # idle: it asked whether we live (PING), and may have closed since
        link = self._connect()
        # The server would end the connection for one that is longer than it takes, and all others with it.
        short = [place for place, message in enumerate(messages) if int(message.partition(b"\r\n")[0].partition(b" ")[2]) <= self._most]
        refused = sorted(set(range(len(messages))) - set(short))
        if refused:
            self.answer = f"longer than the {self._most} octets that the server takes; give a smaller size="
        for start in range(0, len(short), UNACKNOWLEDGED):
            some = short[start : start + UNACKNOWLEDGED]
            with over_within(link, EXCHANGE_S):
                link.sendall(b"".join(b"HPUB %b %b.%d %b" % (self._subject.encode(), self._inbox.encode(), place, messages[place]) for place in some))
                waiting = set(some)
                while waiting:
                    place, taken = self._acknowledged()
                    if not taken and place in waiting:
                        refused.append(place)
                    waiting.discard(place)
        return refused

    def _connect(self) -> socket.socket:
        if self._link is None:
            link = socket.create_connection(self._to, timeout=TIMEOUT_S)
            try:
                with over_within(link, EXCHANGE_S):
                    self._most = _max_payload(_info(link))
                if self._tls is not None:
                    link = self._tls.context().wrap_socket(link, server_hostname=self._to[0])
                with over_within(link, EXCHANGE_S):
                    self._greet(link)
            except OSError:
                self.reset()
                link.close()
                raise
            self._link = link
        return self._link

    def _greet(self, link: socket.socket) -> None:
        hello = {"verbose": False, "pedantic": False, "lang": "python", "version": VERSION, "name": "api-sensor", "headers": True,
                 "no_responders": True, "protocol": 1, **self._login}  # fmt: skip
        self._inbox = f"_INBOX.{secrets.token_hex(8)}"
        link.sendall(b"CONNECT %b\r\nSUB %b.* 1\r\nPING\r\n" % (orjson.dumps(hello), self._inbox.encode()))
        self._link = link
        self._in = link.makefile("rb")
        while self._line() != b"PONG":
            pass

    def _line(self) -> bytes:
        assert self._in is not None and self._link is not None
        line = self._in.readline(LINE_OCTETS)
        if not line.endswith(b"\r\n"):
            raise OSError("the server closed the connection")
        line = line[:-2]
        if line == b"PING":
            self._link.sendall(b"PONG\r\n")
        elif line.startswith(b"-ERR"):
            raise OSError(f"the server says {line[5:200].decode('ascii', 'replace')}")
        return line

    def _acknowledged(self) -> tuple[int, bool]:
        """Number of the publication that the next acknowledgement is for (-1 for a line that is none), and whether the stream has taken it."""
        line = self._line()
        if not line.startswith((b"MSG ", b"HMSG ")):
            return -1, False
        words = line.split(b" ")
        assert self._in is not None
        try:
            size = int(words[-1])
            number = int(words[1].rpartition(b".")[2])
        except ValueError as fault:
            raise OSError("the server's answer is no NATS") from fault
        if not 0 <= size <= LINE_OCTETS:
            raise OSError("the server's answer is too long")
        text = self._in.read(size + 2)[:size]
        if words[0] == b"HMSG":
            raise OSError(f"no stream listens to {self._subject}: make one (nats stream add)")
        try:
            answer: dict[str, Any] = orjson.loads(text)
            failed = answer.get("error")
            if failed and failed.get("err_code") == TOO_LONG:
                self.answer = "longer than the stream takes (max-msg-size); give a smaller size="
                return number, False
        except (ValueError, AttributeError) as fault:
            raise OSError("the stream's acknowledgement cannot be read") from fault
        if failed or "stream" not in answer:
            raise OSError(f"the stream did not take it: {failed}")
        return number, True

    def confirm(self) -> None:
        """Every `send` was acknowledged."""

    def check(self) -> None:
        """Nothing to look at between publications."""

    def reset(self) -> None:
        """Drop the connection."""
        if self._in is not None:
            self._in.close()
            self._in = None
        if self._link is not None:
            self._link.close()
            self._link = None

    def close(self) -> None:
        """Close the connection."""
        self.reset()


def _info(link: socket.socket) -> bytes:
    """What the server says of itself. It comes in the clear, one line; what follows it may be TLS, so nothing beyond it must be read."""
    info = bytearray()
    while not info.endswith(b"\r\n"):
        one = link.recv(1)
        if not one or len(info) > LINE_OCTETS:
            raise OSError("the receiver is no NATS server")
        info += one
    if not info.startswith(b"INFO "):
        raise OSError("the receiver is no NATS server")
    return bytes(info[5:])


def _max_payload(info: bytes) -> int:
    """What the server says in its INFO; a megabyte, as it is unless somebody changed it, where that cannot be read."""
    try:
        return int(orjson.loads(info)["max_payload"])
    except (ValueError, KeyError, TypeError):
        return 1 << 20
