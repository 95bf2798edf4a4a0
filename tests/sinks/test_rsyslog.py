"""Syslog, proven against a real rsyslog."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensor.alerts import Alert
from sensor.sinks import open_sink
from sensor.sinks.syslog import SEVERITY
from tests.sinks.conftest import Rsyslog, alert

HOSTILE = [
    'a "quoted" [bracket] back\\slash \\" \\] ]',
    "pipes | equals = carets ^ tabs",
    "%s%n%x ${jndi:ldap://x} {{7*7}} $!all-json %msg%",
    "<13>1 2024-01-01T00:00:00Z forged line - - -",
    "é ü 漢字 🦊 \\x1b[2J \\u202e",
    "'; DROP TABLE alerts; -- &lt;script&gt;",
    '@cee: {"forged": true}',
    "",
]


def places(rsyslog: Rsyslog) -> dict[str, str]:
    return {
        "udp": f"udp://127.0.0.1:{rsyslog.udp}?size=65000",
        "tcp": f"tcp://127.0.0.1:{rsyslog.tcp}",
        "lf": f"tcp://127.0.0.1:{rsyslog.tcp}?framing=lf",
        "unix": f"unix://{rsyslog.unix}",
    }


@pytest.mark.parametrize("way", ["udp", "tcp", "lf", "unix"])
def test_rsyslog_gets_every_field_of_every_alert(rsyslog: Rsyslog, tmp_path: Path, way: str) -> None:
    sink = open_sink(
        places(rsyslog)[way] + ("&" if "?" in places(rsyslog)[way] else "?") + "hostname=sensor-1", tmp_path / "spools"
    )
    sent = [
        alert(number, title=text, clients=(text,), endpoints=(text,), reasons=(text, text), category=text)
        for number, text in enumerate(HOSTILE)
    ]
    for one in sent:
        sink.send(one)
    state = sink.close(60)
    assert (state.accepted, state.delivered, state.waiting, state.dropped, state.sentence()) == (
        len(sent),
        len(sent),
        0,
        0,
        "",
    )
    got = rsyslog.lines(len(sent))
    assert len(got) == len(sent)
    for number, (one, line) in enumerate(zip(sent, got, strict=True)):
        assert line["parsed"] == "OK"
        assert Alert.from_json(json.dumps(line["all"]["alert"]).encode()) == one
        assert json.loads(line["msg"]) == json.loads(one.to_json())
        assert line["pri"] == str(16 * 8 + SEVERITY[one.severity])
        assert (line["host"], line["app"]) == ("sensor-1", "api-sensor")
        assert (
            line["time"].startswith("2023-11-14T22:13:20.") and line["time"][19:26] == f".{123456 + number * 1000:06d}"
        )
        data = line["all"]["rfc5424-sd"]
        assert data["meta"] == {"sequenceid": str(number + 1)}
        fields = data["alert@32473"]
        assert fields["uid"] == one.uid
        assert fields["severity"] == one.severity
        if one.title:
            assert (fields["title"], fields["endpoint"]) == (one.title, one.title)


def test_small_messages_keep_the_decisive_fields_and_whole_json(rsyslog: Rsyslog, tmp_path: Path) -> None:
    long = alert(
        3,
        title="ü" * 400,
        endpoints=tuple(f"GET shop.example/{'p' * 150}/{n}" for n in range(30)),
        reasons=("r" * 900,) * 30,
    )
    for size in (480, 600, 1024, 2048, 8192):
        sink = open_sink(f"udp://127.0.0.1:{rsyslog.udp}?size={size}&hostname={'h' * 80}", tmp_path / "spools")
        sink.send(long)
        sink.close()
    for size, line in zip((480, 600, 1024, 2048, 8192), rsyslog.lines(5), strict=True):
        assert line["all"]["rfc5424-sd"]["alert@32473"]["uid"] == long.uid, size
        body = json.loads(line["msg"])
        assert (body["uid"], body["revision"]) == (long.uid, 1)
        assert body["dropped"] >= 1
        for name, value in body.items():
            if isinstance(value, list):
                assert list(json.loads(long.to_json())[name][: len(value)]) == value


def test_alerts_of_an_outage_arrive_once_the_receiver_is_back(rsyslog: Rsyslog, tmp_path: Path) -> None:
    rsyslog.stop()
    place = f"tcp://127.0.0.1:{rsyslog.tcp}"
    sink = open_sink(place, tmp_path / "spools")
    for number in range(100):
        sink.send(alert(number))
    state = sink.close(timeout=0.2)
    assert state.waiting == 100
    assert "100 alerts could not be delivered (nothing listens at that port (connection refused)); what waits is in" in state.sentence()
    rsyslog.start()
    sink = open_sink(place, tmp_path / "spools")
    sink.send(alert(100))
    state = sink.close(60)
    assert (state.waiting, state.delivered) == (0, 101)
    assert [line["all"]["alert"]["uid"] for line in rsyslog.lines(101)] == [alert(number).uid for number in range(101)]
    assert list((tmp_path / "spools").glob("*/*.seg")) == []  # the number that comes next stays
