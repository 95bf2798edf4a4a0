"""Receivers that are there and yet are not: frozen, deaf, or never closing."""

from __future__ import annotations

import signal
import socket
import threading
from pathlib import Path

import pytest

from sensor.sinks import open_sink
from tests.sinks.conftest import Rsyslog, alert, freeze, until


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor.sinks.network.CONFIRM_S", 0.2)
    monkeypatch.setattr("sensor.sinks.network.TIMEOUT_S", 1.0)


@pytest.mark.parametrize("way", ["tcp", "tls"])
def test_what_a_frozen_receiver_never_read_is_not_delivered(
    rsyslog_tls: Rsyslog, certificates: Path, tmp_path: Path, way: str
) -> None:
    c = certificates
    place = f"tcp://127.0.0.1:{rsyslog_tls.tcp}"
    if way == "tls":
        place = f"tls://localhost:{rsyslog_tls.tls}?ca={c}/ca.pem&cert={c}/client.pem&key={c}/client.key"
    sink = open_sink(place, tmp_path / "spools")
    sink.send(alert(1))
    rsyslog_tls.lines(1)
    freeze(rsyslog_tls.process)
    for number in range(2, 12):
        sink.send(alert(number))
    state = sink.close(0.3)
    assert state.waiting >= 10
    assert state.dropped == 0
    rsyslog_tls.stop(signal.SIGKILL)
    rsyslog_tls.start()
    assert open_sink(place, tmp_path / "spools").close(60).sentence() == ""
    assert {line["all"]["alert"]["uid"] for line in rsyslog_tls.lines(11)} == {
        alert(number).uid for number in range(1, 12)
    }


def test_a_receiver_that_never_closes_gets_its_alerts_and_is_believed_in_the_end(tmp_path: Path) -> None:
    got: list[bytes] = []
    links: list[socket.socket] = []

    def keep(link: socket.socket) -> None:
        while data := link.recv(65536):
            got.append(data)

    def serve() -> None:
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            links.append(link)
            threading.Thread(target=keep, args=(link,), daemon=True).start()

    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, daemon=True).start()
    port = server.getsockname()[1]
    for options, least in (("", 3), ("?confirm=queue", 1)):
        got.clear()
        sink = open_sink(f"tcp://127.0.0.1:{port}{options}", tmp_path / "spools")
        sink.send(alert(1))
        state = sink.close(60)
        assert (state.waiting, state.delivered) == (0, 1)
        until(lambda least=least: b"".join(got).count(alert(1).uid.encode() + b'","revision"') >= least)
    server.close()
    for link in links:
        link.close()
