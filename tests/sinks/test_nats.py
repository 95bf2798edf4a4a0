"""NATS JetStream, against Debian's nats-server."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

import orjson
import pytest

from sensor.sinks import open_sink
from sensor.sinks.formats import FORMATS
from tests.sinks.conftest import Receiver, alert, free_port, listens, worded
from tests.sinks.test_receivers import hostile_alerts


class Server(Receiver):
    def __init__(self, folder: Path, *more: str) -> None:
        unpacked = os.environ.get("API_SENSOR_NATS", "")
        binary = str(Path(unpacked, "usr/sbin/nats-server")) if unpacked else shutil.which("nats-server")
        if not binary or not Path(binary).is_file():
            pytest.skip("nats-server is neither installed nor unpacked where API_SENSOR_NATS says")
        self.port = free_port()
        argv = [
            binary,
            "-js",
            "-sd",
            str(folder / "js"),
            "-a",
            "127.0.0.1",
            "-p",
            str(self.port),
            "--user",
            "sensor",
            "--pass",
            "pa:ss@",
            *more,
        ]
        super().__init__(folder, argv, lambda: listens(self.port))

    def ask(self, subject: str, request: object) -> dict[str, object]:
        """One request to JetStream's own API, as a client of another kind would make it."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as link:
            lines: IO[bytes] = link.makefile("rb")
            body = orjson.dumps(request)
            link.sendall(b'CONNECT {"verbose":false,"user":"sensor","pass":"pa:ss@"}\r\nSUB in 1\r\n')
            link.sendall(b"PUB %b in %d\r\n%b\r\n" % (subject.encode(), len(body), body))
            while not (line := lines.readline()).startswith(b"MSG"):
                assert line and not line.startswith(b"-ERR"), line
            answer: dict[str, object] = orjson.loads(lines.read(int(line.split()[-1])))
            lines.close()
            return answer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "nats"
    folder.mkdir()
    made = Server(folder)
    made.start()
    yield made
    made.stop(signal.SIGKILL)


def test_each_alert_is_in_the_stream_once_whatever_was_killed(server: Server, tmp_path: Path) -> None:
    place = f"nats://sensor:pa%3Ass%40@127.0.0.1:{server.port}/api.alerts"
    sink = open_sink(place, tmp_path / "spools")
    sink.send(alert(0))
    state = sink.close(0.2)
    assert state.waiting == 1
    assert "no stream listens to api.alerts" in state.error
    made = server.ask("$JS.API.STREAM.CREATE.ALERTS", {"name": "ALERTS", "subjects": ["api.>"], "storage": "file"})
    assert "error" not in made
    sink = open_sink(place, tmp_path / "spools")
    for number in range(1, 1000):
        sink.send(alert(number))
        if number in (300, 600):
            server.stop(signal.SIGKILL)
            server.start()
    assert sink.close(60).sentence() == ""
    sink = open_sink(place, tmp_path / "spools")
    sink.send(alert(7))  # a repeat
    assert sink.close(60).sentence() == ""
    info = server.ask("$JS.API.STREAM.INFO.ALERTS", {})
    assert info["state"]["messages"] == 1000  # type: ignore[index]
    first = server.ask("$JS.API.STREAM.MSG.GET.ALERTS", {"seq": 8})
    assert first["message"]["subject"] == "api.alerts"  # type: ignore[index]


def test_hostile_text_comes_as_it_was_in_every_format(server: Server, tmp_path: Path) -> None:
    made = server.ask("$JS.API.STREAM.CREATE.ALERTS", {"name": "ALERTS", "subjects": ["api.>"], "storage": "memory"})
    assert "error" not in made
    sent = hostile_alerts(seed=14, count=25)
    for name in FORMATS:
        sink = open_sink(f"nats://sensor:pa%3Ass%40@127.0.0.1:{server.port}/api.{name}?format={name}", tmp_path / "spools")
        # The stream drops what has an id that it knows.
        for one in sent:
            sink.send(replace(one, uid=f"{name}-{one.uid}"))
        assert sink.close(60).sentence() == ""
    for at, (name, one) in enumerate((name, one) for name in FORMATS for one in sent):
        message: dict[str, str] = server.ask("$JS.API.STREAM.MSG.GET.ALERTS", {"seq": at + 1})["message"]  # type: ignore[assignment]
        assert message["subject"] == f"api.{name}"
        assert base64.b64decode(message["data"]) == worded(name, replace(one, uid=f"{name}-{one.uid}"))
        assert f"Nats-Msg-Id: {name}-{one.uid}-{one.revision}\r\n".encode() in base64.b64decode(message["hdrs"])


def test_an_alert_that_server_or_stream_finds_too_long_does_not_stop_the_others(tmp_path: Path) -> None:
    folder = tmp_path / "nats"
    folder.mkdir()
    (folder / "conf").write_text("max_payload: 8192\n")
    server = Server(folder, "-c", str(folder / "conf"))
    server.start()
    try:
        about = {"name": "ALERTS", "subjects": ["api.>"], "storage": "memory", "max_msg_size": 4096}
        assert "error" not in server.ask("$JS.API.STREAM.CREATE.ALERTS", about)
        place = f"nats://sensor:pa%3Ass%40@127.0.0.1:{server.port}/api.alerts"
        sent = [alert(1), alert(2, reasons=("long " * 1000,)), alert(3, reasons=("long " * 3000,)), alert(4)]
        for options, stored, refused in (("", 2, 2), ("?size=3000", 4, 0)):
            sink = open_sink(place + options, tmp_path / "spools")
            for one in sent:
                sink.send(one)
            state = sink.close(60)
            assert (state.waiting, state.dropped) == (0, refused)
            assert not refused or ("takes" in state.sentence() and "give a smaller size=" in state.sentence())
            assert server.ask("$JS.API.STREAM.INFO.ALERTS", {})["state"]["messages"] == stored  # type: ignore[index]
    finally:
        server.stop(signal.SIGKILL)


def test_wrong_credentials_are_said(server: Server, tmp_path: Path) -> None:
    sink = open_sink(f"nats://sensor:hunter2@127.0.0.1:{server.port}/api.alerts", tmp_path / "spools")
    sink.send(alert(0))
    state = sink.close(0.2)
    assert "Authorization Violation" in state.error
    assert "hunter2" not in state.sentence()


def test_tls_with_client_certificates(tmp_path: Path, certificates: Path) -> None:
    folder = tmp_path / "nats"
    folder.mkdir()
    c = certificates
    server = Server(folder, "--tls", "--tlscert", f"{c}/server.pem", "--tlskey", f"{c}/server.key", "--tlscacert", f"{c}/ca.pem", "--tlsverify")
    server.start()
    try:
        place = f"nats+tls://sensor:pa%3Ass%40@localhost:{server.port}/api.alerts?ca={c}/ca.pem"
        for options, why in (("", "wants one and got none: see cert= and key="), (f"&cert={c}/client.pem&key={c}/client.key", "no stream listens to api.alerts")):
            sink = open_sink(place + options, tmp_path / "spools")
            sink.send(alert(0))
            state = sink.close(0.2)
            assert (state.waiting, state.delivered) == (1, 0)
            assert why in state.error
        sink = open_sink(place.replace("ca.pem", "stranger.pem"), tmp_path / "spools")
        sink.send(alert(0))
        assert "nobody we trust signed" in sink.close(0.1).error
    finally:
        server.stop(signal.SIGKILL)
