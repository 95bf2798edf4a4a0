"""`api-sensor sink test [NAME | DESTINATION]`: one marked alert, and what happened to it hop by hop. `api-sensor sink flush`: what earlier runs could not deliver.

With `--config FILE` a sink is called by the name it has there, and without a name all of the file's sinks are tested.

Hops: the destination's line, the name, the connection, TLS with both certificates, the alert and what its receiver said. Each is a sentence with what to do
where it failed, and the first failure is the last hop. Status 0 when the alert got through, 1 when it did not, 2 for a line that is no destination.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import ssl
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sensor.names import seconds

if TYPE_CHECKING:
    from sensor.sinks import Sink
    from sensor.sinks.destination import Destination

PORTS: Final = {
    "udp": 514, "tcp": 514, "tls": 6514, "http": 80, "https": 443, "kafka": 9092, "kafka+tls": 9092, "nats": 4222, "nats+tls": 4222,
}  # fmt: skip
_TAKEN: Final = {
    "udp": "sent; a datagram is not answered, so look for it at the receiver",
    "unix": "sent; a datagram is not answered, so look for it at the receiver",
    "tcp": "the receiver read it to the end and closed in order",
    "tls": "the receiver read it to the end and closed in order",
    "unix+stream": "the receiver read it to the end and closed in order",
    "http": "the receiver answered that it took it",
    "https": "the receiver answered that it took it",
    "kafka": "all in-sync replicas have it",
    "nats": "the stream has it",
    "file": "written",
    "store": "written",
}


class Hop(NamedTuple):
    """One step of the way."""

    name: str
    ok: bool
    said: str
    ms: float
    """How long it took."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `api-sensor sink`."""
    parser.add_argument(
        "what", choices=("test", "flush"), help="test: send one marked alert and say what happened; flush: deliver what earlier runs left waiting for a receiver"
    )
    parser.add_argument(
        "destination", nargs="?", help="as in --syslog: udp://host:514, tls://host:6514?ca=FILE, https://host/path, file:PATH ...; or a sink's name in --config"
    )
    parser.add_argument("--config", metavar="FILE", help="a configuration file: its sinks, or the one that is named")
    parser.add_argument("--timeout", type=seconds, default=10.0, metavar="S", help="give up when nothing moves for so many seconds (default: 10)")
    parser.add_argument("--state", metavar="DIR", help="flush: the state directory that the spools are in (default: the user's)")
    parser.add_argument("--json", action="store_true", help="one JSON object a hop (or a sink) instead of a sentence")


def run(args: argparse.Namespace) -> int:
    """Do it; status 1 when an alert did not get through."""
    import logging

    log = logging.getLogger("sensor.sinks")
    before = log.level
    log.setLevel(logging.ERROR)  # what is to be said is said here, and once
    try:
        lines = _chosen(args.destination, args.config)
        return _flush(lines, args) if args.what == "flush" else _test(lines, args)
    finally:
        log.setLevel(before)


def _test(lines: list[str], args: argparse.Namespace) -> int:
    import orjson

    import sensor.sinks  # noqa: F401 (loaded before a signal may break in)
    from sensor.stopping import freely
    from sensor.terminal import printable

    good = True
    for line in lines:
        for hop in freely(test(line, args.timeout)):
            good = good and hop.ok
            if args.json:
                print(orjson.dumps({"hop": hop.name, "ok": hop.ok, "said": hop.said, "ms": round(hop.ms, 3)}).decode(), flush=True)
            else:
                print(f"{'ok' if hop.ok else 'FAILED':>6}  {hop.name}: {printable(hop.said)} ({hop.ms:.1f} ms)", flush=True)
    return 0 if good else 1


def _flush(lines: list[str], args: argparse.Namespace) -> int:
    """Deliver what waits for these destinations; status 1 when something still does, or was given up."""
    from dataclasses import asdict

    import orjson

    from sensor.config import read
    from sensor.masking import state_directory
    from sensor.sinks import open_sinks
    from sensor.terminal import printable

    never_send = read(args.config).masking.never_send if args.config else ()
    sinks = open_sinks(lines, (Path(args.state) if args.state else state_directory()) / "spool", never_send)
    good = True
    for state in sinks.close(args.timeout):
        good = good and not state.waiting and not state.dropped
        said = state.sentence() or f"{state.name}: " + ("nothing was waiting" if not state.delivered else f"{state.delivered:,} waiting alerts delivered")
        for line in [orjson.dumps(asdict(state)).decode()] if args.json else map(printable, said.splitlines()):
            print(line, flush=True)
    for said in sinks.unclaimed:
        print(f"api-sensor: {printable(said)}", file=sys.stderr)
    return 0 if good else 1


def _chosen(asked: str | None, file: str | None) -> list[str]:
    """The destinations to test. Raises SensorError for a name that the configuration does not have."""
    from difflib import get_close_matches

    from sensor.config import read
    from sensor.errors import SensorError

    if asked is not None and ":" in asked:
        return [asked]
    if file is None:
        raise SensorError(
            f"{asked!r} is no destination (udp://siem.example:514) and no configuration was given: say which file knows it with --config"
            if asked
            else "say which destination (udp://siem.example:514), or which configuration's sinks with --config FILE"
        )
    sinks = read(file).sinks
    if not sinks:
        raise SensorError(f"{file}: names no sinks")
    if asked is None:
        return [one.line() for one in sinks]
    found = [one.line() for one in sinks if one.name == asked]
    if not found:
        names = [one.name for one in sinks if one.name]
        near = get_close_matches(asked, names, 1)
        raise SensorError(f"{file}: no sink is called {asked!r}; " + (f"did you mean {near[0]!r}?" if near else f"named are {' '.join(names) or 'none'}"))
    return found


def test(line: str, timeout: float = 10.0) -> Iterator[Hop]:
    """Hop after hop, ending at the first that failed. Raises SensorError for a line that is no destination."""
    began = time.monotonic()
    for name, ok, said in _hops(line, timeout):
        now = time.monotonic()
        yield Hop(name, ok, said, (now - began) * 1e3)
        if not ok:
            return
        began = time.monotonic()


def _hops(line: str, timeout: float) -> Iterator[tuple[str, bool, str]]:
    from sensor.sinks import open_sink
    from sensor.sinks.destination import Destination
    from sensor.sinks.sentences import sentence

    destination = Destination.parse(line)
    with tempfile.TemporaryDirectory(prefix="api-sensor-") as folder:
        # Opened first: mistakes in the line are said before anything is sent.
        sink = open_sink(line, Path(folder))
        try:
            # What was chosen, without what is secret.
            chosen = [f"{name}={value}" for name, value in destination.options.items() if name not in ("token", "secret", "password", "query")]
            yield "destination", True, " ".join((destination.name, *chosen))
            if destination.scheme.startswith("unix"):
                yield _unix(Path(destination.path))
            if destination.host:
                port = destination.port or PORTS[destination.scheme]
                try:
                    kind = socket.SOCK_DGRAM if destination.scheme == "udp" else socket.SOCK_STREAM
                    found = socket.getaddrinfo(destination.host, port, type=kind)
                except OSError as fault:
                    yield "name", False, sentence(fault, destination.host)
                    return
                yield "name", True, f"{destination.host} is {', '.join(dict.fromkeys(str(one[4][0]) for one in found))}"
                if destination.scheme != "udp":
                    yield from _stream(destination, port, timeout, Path(folder))
            yield _alert(sink, destination.scheme, timeout)
        finally:
            sink.close(0)


def _unix(path: Path) -> tuple[str, bool, str]:
    try:
        mode = path.stat().st_mode
    except OSError as fault:
        return "socket", False, f"{path}: {fault.strerror}; does the receiver run, and does it listen there?"
    if not stat.S_ISSOCK(mode):
        return "socket", False, f"{path} is no socket"
    if not os.access(path, os.W_OK):
        return "socket", False, f"{path}: we may not write to it; its owner is user {path.stat().st_uid}"
    return "socket", True, f"{path} is there and takes from us"


def _stream(destination: Destination, port: int, timeout: float, folder: Path) -> Iterator[tuple[str, bool, str]]:
    from sensor.sinks.destination import Options
    from sensor.sinks.network import Certificates
    from sensor.sinks.sentences import sentence

    try:
        link = socket.create_connection((destination.host, port), timeout)
    except OSError as fault:
        yield "connection", False, f"port {port}: {sentence(fault, destination.host)}"
        return
    with link:
        yield "connection", True, f"port {port} answers, to us at {link.getsockname()[0]}"
        # NATS begins in the clear and Kafka's library speaks for itself; both say their faults with the alert.
        if destination.scheme in ("tls", "https"):
            cert = destination.options.get("cert")
            if cert:
                yield _ours(cert)
            yield _handshake(link, Certificates(Options(destination)).context(), destination, folder, port, timeout)


def _ours(path: str) -> tuple[str, bool, str]:
    shown, until = _certificate(path)
    left = until - time.time()
    if until and left < 0:
        return "our certificate", False, f"{path} has expired: {shown}"
    return "our certificate", True, shown + (f"; only {left / 86400:.0f} days left" if until and left < 14 * 86400 else "")


def _handshake(
    link: socket.socket, context: ssl.SSLContext, destination: Destination, folder: Path, port: int, timeout: float
) -> tuple[str, bool, str]:
    from sensor.sinks.sentences import sentence

    name = destination.options.get("name") or destination.host
    wanted = destination.options.get("fingerprint", "").replace(":", "").lower()
    if wanted:
        # RFC 5425, 4.2.2: the operator names the certificate itself.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        with context.wrap_socket(link, server_hostname=name) as secure:
            der = secure.getpeercert(binary_form=True) or b""
            # In TLS 1.3 the other side's word on our certificate comes after the handshake.
            secure.settimeout(0.3)
            with contextlib.suppress(TimeoutError):
                secure.recv(1)
            shown = f"{secure.version()} {(secure.cipher() or ('', '', 0))[0]}; {_theirs(der, folder)}"
            if wanted and sha256(der).hexdigest() != wanted:
                return "TLS", False, f"the receiver's certificate has another fingerprint; {shown}"
            if context.verify_mode == ssl.CERT_NONE and not wanted:
                shown = f"not verified (verify=no), so anybody could be there; {shown}"
            return "TLS", True, shown
    except ssl.SSLCertVerificationError as fault:
        return "TLS", False, f"{sentence(fault, name)}; {_theirs(_unverified(destination.host, port, name, timeout), folder)}"
    except OSError as fault:
        return "TLS", False, sentence(fault, name)


def _unverified(host: str, port: int, name: str, timeout: float) -> bytes:
    """The certificate that is shown there, whatever it is worth: an operator wants to see which one was refused."""
    from sensor.sinks.network import Secured

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.sslsocket_class = Secured
    try:
        with socket.create_connection((host, port), timeout) as link, context.wrap_socket(link, server_hostname=name) as secure:
            return secure.getpeercert(binary_form=True) or b""
    except OSError:
        return b""


def _theirs(der: bytes, folder: Path) -> str:
    if not der:
        return "no certificate was shown"
    pem = folder / "shown.pem"
    pem.write_text(ssl.DER_cert_to_PEM_cert(der))
    return f"certificate {_certificate(str(pem))[0]}, SHA-256 {sha256(der).hexdigest()}"


def _certificate(path: str) -> tuple[str, float]:
    """A PEM file's certificate in words, and when it ends (seconds since the epoch; 0 where it cannot be read)."""
    import _ssl

    try:
        # The one decoder of the standard library; it has no public name for certificates that are not verified.
        fields: dict[str, Any] = _ssl._test_decode_cert(path)  # type: ignore[attr-defined,unused-ignore]
        names = [value for _, value in fields.get("subjectAltName", ())]
        common = {key: value for part in (*fields.get("subject", ()),) for key, value in part}.get("commonName", "")
        issuer = {key: value for part in fields.get("issuer", ()) for key, value in part}
        by = issuer.get("commonName") or issuer.get("organizationName") or "somebody without a name"
        until = ssl.cert_time_to_seconds(fields["notAfter"])
        return f"for {', '.join(names) or common or 'nobody'}, issued by {by}, valid from {fields['notBefore']} until {fields['notAfter']}", until
    except (AttributeError, KeyError, ValueError, OSError):
        return "that cannot be read", 0.0


def _alert(sink: Sink, scheme: str, timeout: float) -> tuple[str, bool, str]:
    from sensor.alerts import Alert

    now = time.time_ns()
    uid = f"test-{now:x}"
    sink.send(
        Alert(
            uid=uid,
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
        return "alert", False, "the filters of this destination (min, state, detector, endpoint, client) keep a test alert of low severity out"
    if state.delivered and not state.waiting and not state.dropped:
        return "alert", True, f"{uid}: {_TAKEN.get(scheme) or _TAKEN[scheme.partition('+')[0]]}"
    return "alert", False, state.error or "not taken"
