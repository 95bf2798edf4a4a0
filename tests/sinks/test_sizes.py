"""Receivers that cut what is longer than they take: they get it whole, with the fields that decide first."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from sensor.alerts import Alert
from sensor.sinks import open_sink
from sensor.sinks.destination import Destination, Options
from sensor.sinks.formats import FORMATS
from sensor.sinks.message import fields_of
from sensor.sinks.syslog import Syslog
from tests.sinks.conftest import Rsyslog, SyslogNg, alert
from tests.sinks.test_receivers import hostile_alerts


def long_alerts() -> list[Alert]:
    """Every list full, every text long; some of it hostile."""
    big = alert(
        3,
        title="ü\"]\\" * 250,
        endpoints=tuple(f"GET shop.example/{'p' * 150}/{n}" for n in range(32)),
        reasons=("r\"" * 450,) * 32,
        principals=("masked-jwt-" + "k" * 900,) * 32,
        detectors=tuple(f"detector-{n}" for n in range(24)),
    )
    return [big, *(replace(one, reasons=one.reasons * 16, evidence=one.evidence * 8) for one in hostile_alerts(seed=23, count=12))]


def small(kind: type[Rsyslog | SyslogNg], folder: Path, certificates: Path, octets: int) -> Rsyslog | SyslogNg:
    receiver = kind(folder, certificates)
    conf = folder / ("rsyslog.conf" if kind is Rsyslog else "syslog-ng.conf")
    text = conf.read_text()
    for old, new in (('maxMessageSize="64k"', f'maxMessageSize="{octets}" parser.escapeControlCharacterTab="off"'), ("log-msg-size(65536)", f"log-msg-size({octets})")):
        text = text.replace(old, new)
    conf.write_text(text)
    receiver.start()
    return receiver


def received(receiver: Rsyslog | SyslogNg, count: int) -> list[tuple[str, dict[str, Any], str]]:
    """(host name, structured data, message) of each."""
    if isinstance(receiver, Rsyslog):
        return [(line["host"], line["all"]["rfc5424-sd"], line["msg"]) for line in receiver.lines(count)]
    return [(line["HOST"], line["_SDATA"], line["MESSAGE"]) for line in receiver.lines(count)]


@pytest.mark.parametrize("octets", [480, 2048])
@pytest.mark.parametrize("kind", [Rsyslog, SyslogNg])
def test_a_receiver_of_small_messages_gets_them_whole(kind: type[Rsyslog | SyslogNg], tmp_path: Path, certificates: Path, octets: int) -> None:
    receiver = small(kind, tmp_path, certificates, octets)
    sent = long_alerts()
    try:
        sinks = [
            open_sink(f"{way}size={octets}&format={name}&hostname={name}", tmp_path / "spools")
            for name in FORMATS
            for way in (f"tcp://127.0.0.1:{receiver.tcp}?", f"udp://127.0.0.1:{receiver.udp}?")
        ]
        for number, one in enumerate(sent, 1):
            for sink in sinks:
                sink.send(one)
            receiver.lines(number * len(sinks))  # datagrams that overrun its buffer would be lost
        assert [sink.close(60).sentence() for sink in sinks] == [""] * len(sinks)
        got = received(receiver, len(sent) * len(sinks))
    finally:
        receiver.stop(signal.SIGKILL)
    by_uid = {(one.uid, one.state): one for one in sent}
    for name, data, text in got:
        decisive = data["alert@32473"]
        one = by_uid[decisive["uid"], decisive["state"]]
        assert decisive["severity"] == one.severity, name
        if name in ("cef", "leef"):
            assert text.startswith(("CEF:0|api-sensor|", "LEEF:2.0|api-sensor|"))
            continue
        body = orjson.loads(text)  # whole, or this raises
        if name == "json":
            assert (body["uid"], body["revision"], body["severity"]) == (one.uid, one.revision, one.severity)
            assert body["dropped"] > 0


@pytest.mark.parametrize("name", FORMATS)
def test_a_message_that_fills_the_receivers_size_to_the_octet_is_not_cut(name: str, tmp_path: Path, certificates: Path) -> None:
    """The last field ends at every octet near the limit in turn: rsyslog takes less of a message in which it finds control characters."""
    receiver = small(Rsyslog, tmp_path, certificates, 2048)
    try:
        sink = open_sink(f"tcp://127.0.0.1:{receiver.tcp}?size=2048&format={name}&hostname=h", tmp_path / "spools")
        sent = [
            alert(3, uid=f"{n:020x}", title="t", reasons=("r" * 600, "漢" * (n % 4)), techniques=(), endpoints=(f"GET shop.example/{'p' * n}",))
            for n in range(900)
        ]
        for one in sent:
            sink.send(one)
        assert sink.close(60).sentence() == ""
        got = receiver.lines(len(sent))
    finally:
        receiver.stop(signal.SIGKILL)
    whole = {line["all"]["rfc5424-sd"]["alert@32473"]["uid"]: line["msg"] for line in got}
    syslog = Syslog(Options(Destination.parse(f"tcp://siem?size=2048&format={name}&hostname=h")), 2048)
    for seq, one in enumerate(sent, 1):
        line = one.to_json()
        message = syslog.message(fields_of(line), line, seq)
        assert message.decode().endswith(whole[one.uid]), one.uid


def test_a_receiver_that_gets_more_than_it_takes_cuts_it(tmp_path: Path, certificates: Path) -> None:
    """The control: without `size=` the same receiver keeps half a JSON object."""
    receiver = small(SyslogNg, tmp_path, certificates, 480)
    try:
        sink = open_sink(f"udp://127.0.0.1:{receiver.udp}", tmp_path / "spools")
        sink.send(long_alerts()[0])
        sink.close(0.2)
        lines = receiver.lines(1)
    finally:
        receiver.stop(signal.SIGKILL)
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(lines[0]["MESSAGE"])
