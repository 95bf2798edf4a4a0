"""Where alerts go. A sink takes alerts by `send` and ends with `close`; `SINKS` says which there are, by the scheme of their destination.

    udp://siem.example:514                       syslog RFC 5424, a datagram each
    tcp://siem.example:601?framing=octet         syslog RFC 5424, octet-counted (framing=lf: a line each)
    tls://siem.example:6514?ca=ca.pem            the same under TLS (RFC 5425); cert= and key= show a client certificate
    unix:///dev/log                              the machine's own syslog (unix+stream:// for a stream socket)
    https://hook.example/alerts?secret=@FILE     a webhook: JSON arrays, signed with HMAC-SHA-256
    https://splunk.example:8088?as=hec&token=@FILE      Splunk's HTTP Event Collector
    https://elastic.example:9200?as=bulk&token=@FILE    Elasticsearch's or OpenSearch's _bulk, stored once by id
    kafka://broker.example:9092/alerts           a Kafka topic, keyed by uid (needs the extra `kafka`)
    nats://nats.example:4222/api.alerts          a NATS JetStream, each alert once by its id
    file:alerts.jsonl?rotate=100M&keep=5         lines in a file
    store:alerts.sqlite                          the store that `api-sensor alerts` reads (store: alone is the one in the state directory)

README's "Sending alerts" has every option.

Every network sink has a spool on disk before it (`sensor.sinks.spool`): an outage of the receiver costs nothing but time. Sinks are the only thing of
the sensor that sends, and they send only here, never to what is watched.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol

from sensor.alerts import Alert, Verdict
from sensor.errors import CannotWrite, SensorError
from sensor.sinks.delivery import Delivery, DeliveryState
from sensor.sinks.destination import Destination, Options
from sensor.sinks.file import AlertFile
from sensor.sinks.filters import Selection
from sensor.sinks.formats import FORMATS
from sensor.sinks.formats.plain import fitted
from sensor.sinks.http import Http
from sensor.sinks.kafka import Kafka
from sensor.sinks.message import fields_of
from sensor.sinks.nats import Nats
from sensor.sinks.network import Datagrams, Stream, Tls
from sensor.sinks.spool import Spool, SpoolTaken, receiver_of
from sensor.sinks.syslog import Syslog

__all__ = ["SINKS", "DeliveryState", "Destination", "Sink", "Sinks", "open_sink", "open_sinks"]

log = logging.getLogger(__name__)

SPOOL_BYTES = 1 << 30
DATAGRAM_OCTETS = 65_487
"""What a UDP datagram can carry in IPv6 (65 507 in IPv4)."""


class Sink(Protocol):
    """Takes alerts. `send` neither blocks on a network nor raises because of one."""

    name: str

    def send(self, alert: Alert) -> None:
        """Take one alert."""

    def state(self) -> DeliveryState:
        """How it stands."""

    def close(self, timeout: float = 10.0) -> DeliveryState:
        """Deliver what is left, giving up when nothing moves for `timeout` seconds; how it ended."""


Opener = Callable[[Destination, Options, Path], Sink]


def _spool_for(destination: Destination, spools: Path, limit: int) -> Spool:
    """The destination's spool. Where another process has it (two replays at once), the next free one beside it; what that one leaves is taken over."""
    stem = f"{destination.scheme}-{hashlib.sha256(destination.line.encode()).hexdigest()[:12]}"
    for number in range(1000):
        try:
            return Spool(spools / (stem if number == 0 else f"{stem}.{number}"), limit, destination.name)
        except SpoolTaken:
            continue
    raise SensorError(f"{spools}: a thousand processes spool to {destination.name} at once")


def _network(destination: Destination, options: Options, spools: Path) -> Sink:
    datagrams = destination.scheme in ("udp", "unix")
    local = destination.scheme.startswith("unix")
    if local:
        options.need(bool(destination.path), f"say which socket: {destination.scheme}:///dev/log")
    else:
        options.need(bool(destination.host), f"say which host: {destination.scheme}://siem.example:514")
    # rsyslog takes 8 KiB unless told otherwise and cuts the rest; a datagram should stay below 2048 octets (RFC 5424, 6.1).
    syslog = Syslog(options, *((2048, DATAGRAM_OCTETS) if destination.scheme == "udp" else (8192, 1 << 20)))
    selection = Selection(options)
    limit = options.number("spool", SPOOL_BYTES, 65_536, 1 << 50)
    transport: Datagrams | Stream
    if datagrams:
        transport = Datagrams(destination, options)
    elif destination.scheme == "tls":
        transport = Tls(destination, options)
    else:
        transport = Stream(destination, options)
    options.done()
    spool = _spool_for(destination, spools, limit)
    return Delivery(destination.name, transport, syslog.message, spool, selection)


def _answering(destination: Destination, options: Options, spools: Path) -> Sink:
    options.need(bool(destination.host), f"say which host: {destination.scheme}://siem.example/path")
    transport: Http | Kafka | Nats
    if destination.scheme.startswith("kafka"):
        transport = Kafka(destination, options)
    elif destination.scheme.startswith("nats"):
        transport = Nats(destination, options)
    else:
        transport = Http(destination, options)
    selection = Selection(options)
    limit = options.number("spool", SPOOL_BYTES, 65_536, 1 << 50)
    options.done()
    spool = _spool_for(destination, spools, limit)
    return Delivery(destination.name, transport, transport.message, spool, selection)


def _file(destination: Destination, options: Options, spools: Path) -> Sink:
    options.need(bool(destination.path), "say which file: file:alerts.jsonl")
    selection = Selection(options)
    rotate = options.number("rotate", 0, 0, 1 << 50)
    keep = options.number("keep", 5, 0, 10_000)
    body = FORMATS[options.choice("format", tuple(FORMATS), "json")]
    options.done()

    def line(alert: Alert) -> bytes:
        made = alert.to_json()
        return made if body is fitted else body(fields_of(made), made, 1 << 30)

    return AlertFile(destination.path, line, selection, rotate, keep)


def _store(destination: Destination, options: Options, spools: Path) -> Sink:
    from sensor.store import AlertStore

    selection = Selection(options)
    limit = options.number("limit", 1_000_000, 1, 1 << 40)
    options.done()
    # `store:` alone is the store that `api-sensor alerts` reads when it is told nothing else.
    return AlertStore(Path(destination.path) if destination.path else spools.parent / "alerts.sqlite", limit, selection)


SINKS: Final[dict[str, Opener]] = {
    "udp": _network,
    "tcp": _network,
    "tls": _network,
    "unix": _network,
    "unix+stream": _network,
    "http": _answering,
    "https": _answering,
    "kafka": _answering,
    "kafka+tls": _answering,
    "nats": _answering,
    "nats+tls": _answering,
    "file": _file,
    "store": _store,
}


def open_sink(line: str, spools: Path, never_send: Iterable[str] = ()) -> Sink:
    """The sink of a destination line; its spool lies under `spools`; it never sees the alert's fields `never_send`. Raises SensorError for a line that
    names none."""
    destination = Destination.parse(line)
    hidden = [*filter(None, destination.options.get("hide", "").split(",")), *never_send]
    if hidden:
        destination.options["hide"] = ",".join(dict.fromkeys(hidden))
    opener = SINKS.get(destination.scheme)
    if opener is None:
        raise SensorError(f"{destination.name}: no sink is called {destination.scheme!r}; known are {' '.join(SINKS)}")
    return opener(destination, Options(destination), spools)


class Sinks:
    """Several sinks as one; `unclaimed` says of alerts that wait for receivers which none of them sends to."""

    def __init__(self, sinks: Iterable[Sink], unclaimed: Sequence[str] = ()) -> None:
        self._sinks = list(sinks)
        self.unclaimed = tuple(unclaimed)

    def send(self, alert: Alert) -> None:
        """Give the alert to every sink."""
        for sink in self._sinks:
            sink.send(alert)

    def verdicts(self) -> list[Verdict]:
        """What people said of alerts in the stores among them."""
        from sensor.store import AlertStore

        return [verdict for sink in self._sinks if isinstance(sink, AlertStore) for verdict in sink.verdicts()]

    def state(self) -> list[DeliveryState]:
        """How each stands."""
        return [sink.state() for sink in self._sinks]

    def close(self, timeout: float = 10.0) -> list[DeliveryState]:
        """Close all of them; how each ended. What an operator must know of it is in each one's `sentence()`."""
        for sink in self._sinks:
            if isinstance(sink, Delivery):
                sink.finish(timeout)  # all at once: several receivers that are away are waited for no longer than one
        return [sink.close(timeout) for sink in self._sinks]


def open_sinks(lines: Iterable[str], spools: Path, never_send: Sequence[str] = ()) -> Sinks:
    """The sinks of several destination lines, none of which sees the fields `never_send`. Raises SensorError with the faults of all of them."""
    sinks: list[Sink] = []
    faults: list[SensorError] = []
    for line in lines:
        try:
            sinks.append(open_sink(line, spools, never_send))
        except SensorError as fault:
            faults.append(fault)
    if faults:
        for sink in sinks:
            sink.close(0)
        kind = CannotWrite if all(isinstance(fault, CannotWrite) for fault in faults) else SensorError
        raise kind("\n".join(map(str, faults)))
    # Only now: what waits for one of these sinks is not another's.
    for sink in sinks:
        if isinstance(sink, Delivery):
            try:
                sink.take_over(spools)
            except SensorError as fault:
                log.warning("%s", fault)  # what comes now is delivered all the same
    return Sinks(sinks, _unclaimed(sinks, spools))


def _unclaimed(sinks: Iterable[Sink], spools: Path) -> list[str]:
    known = {sink.name for sink in sinks}
    folders = sorted({segment.parent for segment in spools.glob("*/*.seg")})
    named = [(folder, receiver_of(folder) or "a receiver that an earlier version did not name") for folder in folders]
    return [f"alerts of earlier runs wait in {folder} for {receiver}, where nothing of this run sends" for folder, receiver in named if receiver not in known]
