"""The same alerts to rsyslog and syslog-ng, over everything they listen on: each gets every field back as it was."""

from __future__ import annotations

import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from sensor.alerts import Alert, Alerts
from sensor.findings import Evidence, Feature, Finding
from sensor.sinks import open_sink
from sensor.sinks.destination import Destination, Options
from sensor.sinks.formats import FORMATS
from sensor.sinks.message import fields_of
from sensor.sinks.syslog import SEVERITY, Syslog
from tests.sinks.conftest import START, Rsyslog, SyslogNg, alert, free_port, tell, until, worded

PIECES = [
    "\x00", "\x07", "\x1b[2J", "\x1b]0;t\x07", "\n", "\r\n", "\t", "\x7f", "\x85", "\x9b31m", "\udcff", "\udc80", "\ud800", "\u202e", "\u2028",
    "\ufeff", "\U000e0041", '"', "'", "\\", "]", "[", "|", "=", "^", ",", "<13>1 ", "%s%n", "%x%x", "${jndi:ldap://x}", "{{7*7}}", "$!all-json",
    "@cee:", "&lt;", "</script>", "é", "漢", "🦊", " ", "a", "0", "12 <34>", "\\x1b", "w" * 1200, "漢" * 400, "\u2067", "\u200f", "a=b c=d ", "]\\]", "[meta sequenceId=\"9\"]", "CEF:0|a|b|", "LEEF:2.0|", "{", "}", "\\u0000", "…",
]  # fmt: skip


def hostile_alerts(seed: int, count: int) -> list[Alert]:
    """Alerts as the sensor makes them of findings whose every text a stranger chose."""
    rng = random.Random(seed)

    def text() -> str:
        return "".join(rng.choice(PIECES) for _ in range(rng.randrange(12)))

    out: list[Alert] = []
    for number in range(count):
        alerts = Alerts(loss=lambda: {"gaps": 3})
        alerts.observe(
            [
                Finding(
                    text(), at, START + number * 1_000_000, rng.choice(["low", "medium", "high", "critical"]), 5.5, 0.5, text(), text(),
                    (text(), text()), text(), text(), text(), (Evidence(text(), text(), 7, START),), (text(),), (Feature(text(), text(), text()),),
                    text(), {"kind": text(), text(): [text(), 1, None, {"deep": text()}]},
                )
                for at in range(3)
            ]
        )  # fmt: skip
        out += alerts.finish()
    return [replace(one, uid=f"{number:020x}") for number, one in enumerate(out)]


def received(receiver: Rsyslog | SyslogNg, count: int) -> list[Alert]:
    key = "msg" if isinstance(receiver, Rsyslog) else "MESSAGE"
    lines = receiver.lines(count)
    assert len(lines) == count
    return [Alert.from_json(line[key].encode()) for line in lines]


def structured(receiver: Rsyslog | SyslogNg, count: int) -> list[dict[str, str]]:
    if isinstance(receiver, Rsyslog):
        return [line["all"]["rfc5424-sd"]["alert@32473"] for line in receiver.lines(count)]
    return [line["_SDATA"]["alert@32473"] for line in receiver.lines(count)]


WAYS = ["udp", "tcp", "lf", "tls"]


def place(receiver: Rsyslog | SyslogNg, way: str, certificates: Path) -> str:
    if way == "udp":
        return f"udp://127.0.0.1:{receiver.udp}?size=60000"
    if way == "tcp":
        return f"tcp://127.0.0.1:{receiver.tcp}?size=60000"
    if way == "lf":
        port = receiver.lf if isinstance(receiver, SyslogNg) else receiver.tcp
        return f"tcp://127.0.0.1:{port}?size=60000&framing=lf"
    c = certificates
    return f"tls://localhost:{receiver.tls}?size=60000&ca={c}/ca.pem&cert={c}/client.pem&key={c}/client.key"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("which", ["rsyslog_tls", "syslog_ng"])
def test_hostile_text_arrives_as_it_was_in_every_field(
    request: pytest.FixtureRequest, tmp_path: Path, certificates: Path, which: str, way: str
) -> None:
    receiver = request.getfixturevalue(which)
    sent = hostile_alerts(seed=WAYS.index(way), count=250)
    sink = open_sink(place(receiver, way, certificates), tmp_path / "spools")
    tell(sink, receiver, sent, way == "udp")
    assert sink.close(60).sentence() == ""
    assert received(receiver, len(sent)) == sent
    for one, data in zip(sent, structured(receiver, len(sent)), strict=True):
        assert data["uid"] == one.uid
        for name, values in (("title", one.title), ("client", one.clients[0]), ("detector", one.detectors[0])):
            assert data.get(name, "") == values or data[name].endswith("…")


@pytest.mark.parametrize("which", ["rsyslog_tls", "syslog_ng"])
def test_every_format_arrives_to_the_octet(request: pytest.FixtureRequest, tmp_path: Path, certificates: Path, which: str) -> None:
    receiver = request.getfixturevalue(which)
    sent = hostile_alerts(seed=91, count=80)
    for name in FORMATS:
        sink = open_sink(place(receiver, "tls", certificates) + f"&format={name}&hostname={name}", tmp_path / "spools")
        for one in sent:
            sink.send(one)
        assert sink.close(60).sentence() == ""
    lines = receiver.lines(len(sent) * len(FORMATS))
    if which == "rsyslog_tls":  # it shows tabs, of which LEEF is full, as #011
        got = [(line["host"], line["msg"].replace("#011", "\t")) for line in lines]
    else:
        got = [(line["HOST"], line["MESSAGE"]) for line in lines]
    made = [(name, body(fields_of(one.to_json()), one.to_json(), 1 << 16).decode()) for name, body in FORMATS.items() for one in sent]
    assert got == made


@pytest.mark.parametrize("which", ["rsyslog", "syslog_ng"])
def test_every_format_arrives_to_the_octet_in_rfc_3164(request: pytest.FixtureRequest, tmp_path: Path, which: str) -> None:
    receiver = request.getfixturevalue(which)
    port = receiver.old if isinstance(receiver, SyslogNg) else receiver.tcp
    sent = hostile_alerts(seed=92, count=40)
    for name in FORMATS:
        sink = open_sink(f"tcp://127.0.0.1:{port}?rfc=3164&framing=lf&hostname={name}&size=60000&format={name}", tmp_path / "spools")
        for one in sent:
            sink.send(one)
        assert sink.close(60).sentence() == ""
    lines = receiver.lines(len(sent) * len(FORMATS))
    if which == "rsyslog":
        got = [(line["host"], line["msg"].removeprefix(" ").replace("#011", "\t")) for line in lines]
    else:
        got = [(line["HOST"], line["MESSAGE"]) for line in lines]
    assert got == [(name, worded(name, one).decode()) for name in FORMATS for one in sent]


@pytest.mark.parametrize("way", ["udp", "lf"])
@pytest.mark.parametrize("which", ["rsyslog", "syslog_ng"])
def test_old_receivers_get_rfc_3164(request: pytest.FixtureRequest, tmp_path: Path, which: str, way: str) -> None:
    receiver = request.getfixturevalue(which)
    if isinstance(receiver, SyslogNg):
        port = receiver.old
    else:
        port = receiver.udp if way == "udp" else receiver.tcp
    line = f"{'udp' if way == 'udp' else 'tcp'}://127.0.0.1:{port}?rfc=3164&hostname=sensor-1&size=60000"
    sink = open_sink(line + ("&framing=lf" if way == "lf" else ""), tmp_path / "spools")
    sent = hostile_alerts(seed=77, count=120)
    tell(sink, receiver, sent, way == "udp")
    assert sink.close(60).sentence() == ""
    lines = receiver.lines(len(sent))
    assert len(lines) == len(sent)
    for one, got in zip(sent, lines, strict=True):
        if isinstance(receiver, SyslogNg):
            head, text = (got["HOST"], got["PROGRAM"]), got["MESSAGE"]
        else:
            head, text = (got["host"], got["app"]), got["msg"].removeprefix(" ")
            assert got["pri"] == str(16 * 8 + SEVERITY[one.severity])
        assert head == ("sensor-1", "apisensor")
        assert Alert.from_json(text.encode()) == one


def test_rfc_3164_has_the_sensors_local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 3164, 4.1.2; receivers in the same zone read it so."""
    made = Syslog(Options(Destination.parse("udp://siem?rfc=3164&hostname=h")), 2048)
    for zone, stamp in (("UTC", "Nov 14 22:13:20"), ("Asia/Tokyo", "Nov 15 07:13:20")):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        one = alert(1)
        assert made.message(fields_of(one.to_json()), one.to_json(), 1).startswith(f"<132>{stamp} h apisensor[".encode())
    monkeypatch.undo()
    time.tzset()


def test_a_server_whose_certificate_does_not_fit_gets_nothing(
    rsyslog_tls: Rsyslog, certificates: Path, tmp_path: Path
) -> None:
    c = certificates
    mine = f"cert={c}/client.pem&key={c}/client.key"
    for options, why in (
        (f"ca={c}/stranger.pem&{mine}", "nobody we trust signed the receiver's certificate; give its authority's as ca=FILE"),
        (f"ca={c}/ca.pem&{mine}&name=other.test", "the receiver's certificate is for another name than other.test; say which with name="),
        (f"{mine}", "nobody we trust signed"),
        (f"fingerprint={'ab' * 32}&{mine}", "another fingerprint"),
    ):
        sink = open_sink(f"tls://localhost:{rsyslog_tls.tls}?{options}", tmp_path / "spools")
        sink.send(alert())
        state = sink.close(0.1)
        assert state.waiting == 1
        assert why in state.error
    assert not rsyslog_tls.out.exists()


def test_a_receiver_that_wants_a_client_certificate_gets_nothing_without_one(
    syslog_ng: SyslogNg, certificates: Path, tmp_path: Path
) -> None:
    sink = open_sink(f"tls://localhost:{syslog_ng.tls}?ca={certificates}/ca.pem", tmp_path / "spools")
    sink.send(alert())
    state = sink.close(0.3)
    assert (state.waiting, state.delivered) == (1, 0)
    assert "wants a client certificate: give cert=FILE and key=FILE" in state.error
    assert not syslog_ng.out.exists()


def swap(folder: Path, certificates: Path, **names: str) -> Path:
    """`folder` with certificates under other names: server="expired" is a server with the expired one."""
    folder.mkdir(exist_ok=True)
    for name in ("ca", "server", "client"):
        for suffix in ("pem", "key"):
            fresh = folder / f"{name}.{suffix}.new"
            fresh.write_bytes((certificates / f"{names.get(name, name)}.{suffix}").read_bytes())
            fresh.replace(folder / f"{name}.{suffix}")
    return folder


def test_alerts_wait_for_a_receiver_to_renew_its_certificate(tmp_path: Path, certificates: Path) -> None:
    (tmp_path / "expired").mkdir()
    swapped = swap(tmp_path / "swapped", certificates, server="expired")
    receiver = Rsyslog(tmp_path / "expired", swapped)
    receiver.start()
    try:
        sink = open_sink(place(receiver, "tls", certificates), tmp_path / "spools")
        for number in range(10):
            sink.send(alert(number))
        until(lambda: sink.state().error)
        assert "the receiver's certificate has expired; it must be renewed there" in sink.state().error
        assert (sink.state().waiting, sink.state().delivered) == (10, 0)
        receiver.stop()
        swap(swapped, certificates, server="renewed")
        receiver.start()
        assert sink.close(60).sentence() == ""
        assert len(receiver.lines(10)) == 10
    finally:
        receiver.stop(signal.SIGKILL)


def test_our_certificate_may_be_renewed_while_the_sensor_runs(syslog_ng: SyslogNg, tmp_path: Path, certificates: Path) -> None:
    mine = swap(tmp_path / "mine", certificates, client="expired")
    sink = open_sink(place(syslog_ng, "tls", mine), tmp_path / "spools")
    sink.send(alert())
    until(lambda: sink.state().error)
    assert "the receiver does not take our certificate" in sink.state().error
    (mine / "client.key").write_text("half a file")
    until(lambda: "cannot use the certificates" in sink.state().error)
    assert (sink.state().waiting, sink.state().delivered) == (1, 0)
    swap(mine, certificates, client="renewed")
    assert sink.close(60).sentence() == ""
    assert len(syslog_ng.lines(1)) == 1


@pytest.mark.parametrize(
    "place",
    [
        "udp://no-such-host.invalid:514",
        "tcp://no-such-host.invalid:514",
        "unix:///no/such/socket",
        "tcp://127.0.0.1:{port}",
        "udp://127.0.0.1:{port}",
    ],
)
def test_a_receiver_that_cannot_be_reached_neither_hangs_nor_loses(tmp_path: Path, place: str) -> None:
    sink = open_sink(place.format(port=free_port()), tmp_path / "spools")
    sink.send(alert())
    state = sink.close(0.1)
    assert (state.waiting, state.dropped) == (1, 0)
    assert "1 alert could not be delivered" in state.sentence()
