"""`api-sensor sink test DESTINATION`: one marked alert, and what happened to it hop by hop."""

from __future__ import annotations

import argparse
import socket
import ssl
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sensor.sinks import Sink
    from sensor.sinks.destination import Destination


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `api-sensor sink`."""
    parser.add_argument("what", choices=("test",), help="test: send one marked alert and say what happened")
    parser.add_argument(
        "destination", help="as in --syslog: udp://host:514, tls://host:6514?ca=FILE, https://host/path, file:PATH ..."
    )
    parser.add_argument(
        "--timeout", type=float, default=10.0, metavar="S", help="give up after so many seconds (default: 10)"
    )


def run(args: argparse.Namespace) -> int:
    """Test it; status 3 when the alert did not get through."""
    from sensor.terminal import printable

    good = True
    for hop, ok, said in test(args.destination, args.timeout):
        good = good and ok
        print(f"{'ok' if ok else 'FAILED':>6}  {hop}: {printable(said)}")
    return 0 if good else 3


def test(line: str, timeout: float = 10.0) -> Iterator[tuple[str, bool, str]]:
    """Hop after hop: (which, whether it went well, what was seen). It ends at the first that did not."""
    from sensor.sinks import open_sink
    from sensor.sinks.destination import Destination, Options
    from sensor.sinks.network import certificates

    destination = Destination.parse(line)
    with tempfile.TemporaryDirectory(prefix="api-sensor-") as folder:
        # Opened first: mistakes in the line are said before anything is sent.
        sink = open_sink(line, Path(folder))
        try:
            yield "destination", True, destination.name
            port = destination.port or {"tls": 6514, "https": 443, "http": 80}.get(destination.scheme, 514)
            if destination.host:
                try:
                    kind = socket.SOCK_DGRAM if destination.scheme == "udp" else socket.SOCK_STREAM
                    found = socket.getaddrinfo(destination.host, port, type=kind)
                except OSError as fault:
                    yield "name", False, f"{destination.host}: {fault.strerror or fault}"
                    return
                yield "name", True, f"{destination.host} is {', '.join(dict.fromkeys(str(one[4][0]) for one in found))}"
            if destination.host and destination.scheme != "udp":
                try:
                    link = socket.create_connection((destination.host, port), timeout)
                except OSError as fault:
                    yield "connection", False, f"port {port}: {fault.strerror or fault}"
                    return
                with link:
                    yield "connection", True, f"port {port} answers, from {link.getsockname()[0]}"
                    if destination.scheme in ("tls", "https"):
                        shaken = _handshake(link, certificates(Options(destination)), destination)
                        yield shaken
                        if not shaken[1]:
                            return
            yield from _alert(sink, destination.scheme, timeout)
        finally:
            sink.close(0)


def _handshake(link: socket.socket, context: ssl.SSLContext, destination: Destination) -> tuple[str, bool, str]:
    name = destination.options.get("name") or destination.host
    # A fingerprint is compared when the alert is sent; here it is shown, so that it can be copied.
    if "fingerprint" in destination.options:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        with context.wrap_socket(link, server_hostname=name) as secure:
            certificate = secure.getpeercert() or {}
            print_ = sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()
            until = certificate.get("notAfter", "unknown, not verified")
            return "TLS", True, f"{secure.version()}, certificate valid until {until}, SHA-256 {print_}"
    except OSError as fault:
        return "TLS", False, str(fault)


def _alert(sink: Sink, scheme: str, timeout: float) -> Iterator[tuple[str, bool, str]]:
    from sensor.alerts import Alert

    now = time.time_ns()
    sink.send(
        Alert(
            uid=f"test-{now:x}",
            revision=1,
            state="open",
            first_seen=now,
            last_seen=now,
            severity="low",
            severity_score=0.1,
            confidence=1.0,
            title="Test of the delivery of alerts: no attack, nothing to do",
            category="test",
            detectors=("sink-test",),
            reasons=("An operator ran api-sensor sink test.",),
        )
    )
    state = sink.close(timeout)
    if not state.accepted:
        yield (
            "alert",
            False,
            "the filters of this destination (min, state, detector, endpoint) keep a test alert of low severity out",
        )
    elif state.delivered and not state.waiting and not state.dropped:
        sure = {
            "udp": "sent; a datagram is not answered, so look for it at the receiver",
            "unix": "sent; a datagram is not answered, so look for it at the receiver",
            "http": "the receiver answered that it took it",
            "https": "the receiver answered that it took it",
            "file": "written",
            "store": "written",
        }.get(scheme, "the receiver read it to the end and closed in order")
        yield "alert", True, f"test-{now:x}: {sure}"
    else:
        yield "alert", False, state.error or "not taken"
