"""Syslog over the network: datagrams (UDP, Unix), streams (TCP, Unix) and TLS.

A stream's `send` returning says no more than that the kernel has the octets; syslog has no answers. What can be known is known by `confirm`: it closes
our half of the connection and waits for the other side to close its own, which a receiver does once it has read everything. A connection that ends in
any other way (reset, timeout, refused afterwards) says that something may be missing, and the delivery sends again. A receiver that never closes its
side looks like one that is frozen; only after `UNANSWERED` tries in a row the kernel's empty send queue has to do for it (`confirm=queue` says so from
the start, `confirm=close` forbids it).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import logging
import os
import select
import socket
import ssl
import struct
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sensor.sinks.destination import Destination, Options

log = logging.getLogger("sensor.sinks")

TIMEOUT_S = 10.0
"""A receiver that takes nothing for this long is away: half-open connections, frozen processes."""
CONFIRM_S = 5.0
"""A receiver that has not closed its side after this long is frozen, or never does."""
UNANSWERED = 3
IDLE_S = 10.0
"""A connection that was ended after it was idle for this long, with everything on it confirmed, is no sign that a receiver died: firewalls and balancers
end idle ones."""
EXCHANGE_S = 30.0
"""A question and its whole answer. One that trickles in octet by octet would never be over otherwise."""


class Lost(OSError):
    """The connection ended in a way that leaves open what the receiver got."""


class Slow(TimeoutError):
    """The receiver has not read everything in time. It may be slow, or frozen."""


def readable(link: socket.socket) -> bool:
    """Whether the other side has said something, or closed."""
    watch = select.poll()
    watch.register(link, select.POLLIN)
    return bool(watch.poll(0))


@contextlib.contextmanager
def over_within(link: socket.socket, seconds: float) -> Iterator[None]:
    """Shut a connection down under who uses it when so many seconds are over, which is a TimeoutError then."""
    over = threading.Event()

    def cut() -> None:
        over.set()
        with contextlib.suppress(OSError):
            socket.socket.shutdown(link, socket.SHUT_RDWR)  # not SSLSocket's own, which forgets what the other thread reads from

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as fault:
        if not over.is_set():
            raise
        raise TimeoutError("the answer did not come to its end in time") from fault
    finally:
        timer.cancel()
    if over.is_set():
        raise TimeoutError("the answer did not come to its end in time")


class Datagrams:
    """UDP or a Unix datagram socket. Nothing tells what arrived, but "port unreachable" tells what did not."""

    settle_s = 0.5

    def __init__(self, destination: Destination, options: Options) -> None:
        self.answer = ""
        self.host = destination.host
        self._path = destination.path if destination.scheme == "unix" else ""
        self._to = (destination.host, destination.port or 514)
        # A burst overruns the receiver's socket buffer (212 992 octets by default): what it can read out is the honest rate.
        self._rate = options.number("rate", 0 if self._path else 10_000, 0, 10_000_000)
        self._burst = 50.0
        self._allowed = self._burst
        self._since = time.monotonic()
        self._socket: socket.socket | None = None

    def send(self, messages: Sequence[bytes]) -> Sequence[int]:
        """One datagram each; those that are too long for one are refused."""
        link = self._connect()
        refused: list[int] = []
        for place, message in enumerate(messages):
            if self._rate:
                self._pace()
            try:
                link.send(message)
            except OSError as fault:
                if fault.errno != errno.EMSGSIZE:
                    raise
                # It will not get shorter by waiting, and others wait behind it.
                refused.append(place)
                self.answer = f"{len(message)} octets are more than a datagram to this receiver may have; give a smaller size="
        return refused

    def _connect(self) -> socket.socket:
        if self._socket is None:
            if self._path:
                link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                address: str | tuple[object, ...] = self._path
            else:
                family, kind, proto, _, address = socket.getaddrinfo(*self._to, type=socket.SOCK_DGRAM)[0]
                link = socket.socket(family, kind, proto)
            link.settimeout(TIMEOUT_S)
            try:
                link.connect(address)
            except OSError:
                link.close()
                raise
            self._socket = link
        return self._socket

    def _pace(self) -> None:
        now = time.monotonic()
        self._allowed = min(self._burst, self._allowed + (now - self._since) * self._rate)
        self._since = now
        if self._allowed < 1:
            time.sleep((1 - self._allowed) / self._rate)
        self._allowed -= 1

    def confirm(self) -> None:
        """Wait a moment for "port unreachable"."""
        self.check(0.02)

    def check(self, wait_s: float = 0.0) -> None:
        """Raise OSError if the network has said meanwhile that the receiver is not there."""
        if self._socket is not None:
            watch = select.poll()
            watch.register(self._socket, 0)
            if watch.poll(wait_s * 1000):
                fault = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if fault:
                    raise OSError(fault, os.strerror(fault))

    def reset(self) -> None:
        """Forget the socket; the next `send` makes a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Close the socket."""
        self.reset()


def octet_counted(messages: Sequence[bytes]) -> bytes:
    """RFC 6587, 3.4.1: each message after its length."""
    return b"".join(b"%d %b" % (len(message), message) for message in messages)


def line_feeds(messages: Sequence[bytes]) -> bytes:
    """RFC 6587, 3.4.2: each message before a line feed. No message of ours has one inside."""
    return b"\n".join(messages) + b"\n"


FRAMINGS: dict[str, Callable[[Sequence[bytes]], bytes]] = {"octet": octet_counted, "lf": line_feeds}


class Stream:
    """TCP or a Unix stream socket."""

    settle_s = 1.0
    answer = ""

    def __init__(self, destination: Destination, options: Options) -> None:
        self.host = destination.host
        self._path = destination.path if destination.scheme.startswith("unix") else ""
        self._to = (destination.host, destination.port or self.port)
        self._frame = FRAMINGS[options.choice("framing", tuple(FRAMINGS), "octet")]
        self._socket: socket.socket | None = None
        self._confirm = options.choice("confirm", ("auto", "close", "queue"), "auto")
        self._closes = self._confirm != "queue"
        self._unanswered = 0
        self._has_closed = False
        self._confirmed = float("inf")
        """When everything on the connection was confirmed; for ever from now while something is not."""

    port = 514

    def send(self, messages: Sequence[bytes]) -> Sequence[int]:
        """All of them, framed, in one go; none is ever refused."""
        if self._socket is not None and time.monotonic() - self._confirmed > IDLE_S:
            try:
                self._refuse_dead(self._socket)
            except OSError:
                self.reset()
        self._confirmed = float("inf")
        link = self._connect()
        self._refuse_dead(link)
        with self._heard(link):
            link.sendall(self._frame(messages))
        return ()

    @contextlib.contextmanager
    def _heard(self, link: socket.socket) -> Iterator[None]:
        """Where a connection breaks in our hands, what the receiver said before it broke it off is the better reason."""
        try:
            yield
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            self._refuse_dead(link)
            raise

    def _connect(self) -> socket.socket:
        if self._socket is None:
            if self._path:
                link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                try:
                    link.settimeout(TIMEOUT_S)
                    link.connect(self._path)
                except OSError:
                    link.close()
                    raise
            else:
                link = socket.create_connection(self._to, timeout=TIMEOUT_S)
            try:
                if not self._path:
                    self._prepare(link)
                self._socket = self._secure(link)
            except OSError:
                link.close()
                raise
        return self._socket

    def _prepare(self, link: socket.socket) -> None:
        """Settings of a TCP connection that was just made. Raises OSError where it is none that can be used."""
        if link.getsockname() == link.getpeername():
            # Nobody listens at a port of this machine that the kernel also gives to outgoing connections: we have met ourselves (TCP's simultaneous
            # open), and would confirm to ourselves what nobody has.
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Half-open connections: unanswered data ends the connection after this long instead of some fifteen minutes.
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(TIMEOUT_S * 1000))

    def _secure(self, link: socket.socket) -> socket.socket:
        return link

    def _refuse_dead(self, link: socket.socket) -> None:
        """A receiver sends nothing; if there is something to read, it is the end of the connection (or a TLS session ticket)."""
        watch = select.poll()
        watch.register(link, select.POLLIN)
        while watch.poll(0):
            link.settimeout(0)
            try:
                if not link.recv(4096):
                    raise Lost("the receiver closed the connection")
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            finally:
                link.settimeout(TIMEOUT_S)

    def check(self) -> None:
        """Raise OSError if the connection ended meanwhile; make it anew if there is none, so that an absent receiver is noticed."""
        self._refuse_dead(self._connect())

    def confirm(self) -> None:
        """Return when the receiver has read everything; raise OSError when that cannot be known."""
        link = self._socket
        if link is None:
            raise Lost("no connection")
        if not self._closes:
            self._refuse_dead(link)
            self._drained(link)
            self._confirmed = time.monotonic()
            return
        with self._heard(link):
            self._shut(link)
            ended = self._ended(link)
        if ended:
            self._has_closed = True
        else:
            self._unanswered += 1
            # One that closed its side before is frozen when it does not: it is not believed, however often it is asked.
            if self._unanswered < UNANSWERED or self._has_closed or self._confirm == "close":
                raise Slow("the receiver does not close its side: it is frozen, or never does (then say confirm=queue)")
            log.warning("a receiver never closes its side of a connection: delivered now means taken by its kernel")
            self._closes = False
            self._drained(link)
        self.reset()
        # A process that was killed after it had read all ends its connections the same way, but takes no new one.
        self._connect()
        self._confirmed = time.monotonic()

    def _shut(self, link: socket.socket) -> None:
        link.shutdown(socket.SHUT_WR)

    def _ended(self, link: socket.socket) -> bool:
        """Whether the other side closed in order before CONFIRM_S was over."""
        end = time.monotonic() + CONFIRM_S
        try:
            while (left := end - time.monotonic()) > 0:
                link.settimeout(left)
                if not link.recv(4096):
                    return True
        except TimeoutError:
            pass
        return False

    def _drained(self, link: socket.socket) -> None:
        end = time.monotonic() + CONFIRM_S
        while True:
            raw = fcntl.ioctl(link.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
            if struct.unpack("i", raw)[0] == 0:
                return
            if time.monotonic() > end:
                raise Slow("the receiver takes nothing")
            time.sleep(0.005)

    def reset(self) -> None:
        """Drop the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Close the connection."""
        self.reset()


class Secured(ssl.SSLSocket):
    """A TLS connection that is closed where it cannot be made: CPython's wrap_socket (3.11) asks for the peer, looks for octets where there is none,
    and loses the socket it has made when the other side has reset the connection by then."""

    def getpeername(self) -> Any:
        """The other side's address. Raises ConnectionResetError, and closes, where the connection is gone before the handshake."""
        try:
            return super().getpeername()
        except OSError as fault:
            if fault.errno != errno.ENOTCONN:
                raise
            self.close()
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)) from fault


class Tls(Stream):
    """RFC 5425: TLS 1.2 or newer; the server's certificate is verified, and ours is shown where the receiver wants one."""

    port = 6514

    def __init__(self, destination: Destination, options: Options) -> None:
        super().__init__(destination, options)
        self._name = options.text("name") or destination.host
        self.host = self._name
        self._fingerprint = options.text("fingerprint").replace(":", "").lower()
        # RFC 5425, 4.2.2: the operator may name the certificate itself by its fingerprint instead of an authority.
        self._certificates = Certificates(options, pinned=bool(self._fingerprint))
        options.need(
            not self._fingerprint
            or (len(self._fingerprint) == 64 and set(self._fingerprint) <= set("0123456789abcdef")),
            "option fingerprint must be the SHA-256 of the server's certificate, 64 hexadecimal digits",
        )

    def _secure(self, link: socket.socket) -> socket.socket:
        context = self._certificates.context()
        secure = context.wrap_socket(link, server_hostname=self._name)
        if self._fingerprint:
            certificate = secure.getpeercert(binary_form=True) or b""
            if hashlib.sha256(certificate).hexdigest() != self._fingerprint:
                secure.close()
                raise ssl.SSLCertVerificationError("the server's certificate has another fingerprint")
        return secure

    def _shut(self, link: socket.socket) -> None:
        """`_ended` does both: close_notify out, and the other side's in."""

    def _ended(self, link: socket.socket) -> bool:
        assert isinstance(link, ssl.SSLSocket)
        link.settimeout(CONFIRM_S)
        try:
            link.unwrap()
        except TimeoutError:
            return False
        except ssl.SSLError as fault:
            # Closed without close_notify, as many receivers do: no worse than TCP's own end.
            if isinstance(fault, ssl.SSLEOFError | ssl.SSLZeroReturnError) or "EOF" in str(fault):
                return True
            raise
        except OSError as fault:
            if fault.errno in (None, 0):
                return True
            raise
        return True

    def _drained(self, link: socket.socket) -> None:
        with contextlib.suppress(ValueError):
            super()._drained(link)


class Certificates:
    """What `ca=`, `cert=`, `key=` and `verify=` ask for: TLS 1.2 or newer, the server verified unless told otherwise.

    The files are read again when they have changed: certificates are renewed, and a sensor runs for longer than one of them.
    """

    def __init__(self, options: Options, pinned: bool = False) -> None:
        self._ca, self._cert, self._key = options.text("ca"), options.text("cert"), options.text("key")
        # Where the caller knows the server's certificate itself, no authority is asked for it.
        self._verify = options.flag("verify", True) and not pinned
        named = [(name, path) for name, path in (("ca", self._ca), ("cert", self._cert), ("key", self._key)) if path]
        missing = [(name, path) for name, path in named if not Path(path).is_file()]
        for name, path in missing:
            options.need(False, f"option {name}={path!r}: there is no such file")
        options.need(not self._key or bool(self._cert), "option key needs option cert: the certificate that belongs to it")
        self._files = [Path(path) for _, path in named]
        self._stamp: list[tuple[int, int]] = []
        self._made: ssl.SSLContext | None = None
        if not missing:
            try:
                self.context()
            except OSError as fault:
                options.faults.append(str(fault))

    def context(self) -> ssl.SSLContext:
        """Settings for a connection. Raises OSError with a sentence when the files cannot be used."""
        try:
            stamp = [(found.st_mtime_ns, found.st_ino) for found in (path.stat() for path in self._files)]
            if self._made is None or stamp != self._stamp:
                self._made = self._make()
                self._stamp = stamp
        except (ssl.SSLError, ValueError, OSError) as fault:
            raise OSError(f"cannot use the certificates: {fault}") from fault
        return self._made

    def _make(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.sslsocket_class = Secured
        if not self._verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self._ca:
            context.load_verify_locations(self._ca)
        if self._cert:
            context.load_cert_chain(self._cert, self._key or None, password=_no_password)
        return context


def _no_password() -> str:
    raise ValueError("the key file is protected by a password: give one that is not, readable by the sensor alone")
