"""Receivers that answer nonsense, and operators that write nonsense: errors of the kind that is expected, never another."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sensor.errors import SensorError
from sensor.sinks import SINKS, open_sink
from sensor.sinks.delivery import Transport
from sensor.sinks.destination import Destination, Options
from sensor.sinks.http import Http
from sensor.sinks.message import fields_of
from sensor.sinks.nats import Nats
from tests.sinks.conftest import Rsyslog, alert, until


class Babbler:
    """Takes connections and answers each with `answer`, whatever it is asked."""

    def __init__(self) -> None:
        self.answer = b""
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self.server.accept()
            except OSError:
                return
            with link:
                link.settimeout(0.05)
                try:
                    link.sendall(self.answer)
                    while link.recv(65536):
                        pass
                except OSError:
                    pass


@pytest.fixture(scope="module")
def babbler() -> Iterator[Babbler]:
    made = Babbler()
    yield made
    made.server.close()


PARTS = [
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 999\r\n", b"HTTP/9.9 200 x\r\n", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Content-Length: 99999999999999\r\n",
    b"Transfer-Encoding: chunked\r\n", b"\r\n", b"zz\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n", b'{"items":[{"create":{"status":201}}]}', b'{"items":[[]]}', b'{"items":{}}',
    b"INFO {}\r\n", b"PONG\r\n", b"PING\r\n", b"-ERR 'no'\r\n", b"+OK\r\n", b"MSG _INBOX.x.0 1 10\r\n", b"MSG\r\n", b"MSG a b -5\r\n", b"HMSG a 1 2 3\r\n",
    b"MSG x 1 999999999\r\n", b'{"stream":"A"}', b'{"error":{"code":500}}', b"\x00\xff", b"a" * 70000, b"\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n",
]  # fmt: skip
answers = st.lists(st.one_of(st.sampled_from(PARTS), st.binary(max_size=20)), max_size=8).map(b"".join)


def tell(transport: Http | Nats) -> None:
    message = transport.message(fields_of(alert(1).to_json()), alert(1).to_json(), 1)
    checked: Transport = transport
    try:
        checked.send([message, message])
        checked.confirm()
    except OSError:
        pass
    finally:
        checked.reset()


@settings(max_examples=150, deadline=None)
@given(answers, st.sampled_from(["?as=json", "?as=bulk", "?as=hec&token=x"]))
@example(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "?as=json")
@example(b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"items":[[]]}', "?as=bulk")
def test_any_answer_of_an_http_receiver_is_an_outage_or_an_answer(babbler: Babbler, answer: bytes, options: str) -> None:
    babbler.answer = answer
    destination = Destination.parse(f"http://127.0.0.1:{babbler.port}/{options}")
    tell(Http(destination, Options(destination)))


@settings(max_examples=150, deadline=None)
@given(answers)
@example(b"INFO {}\r\nPONG\r\nMSG a b -5\r\n")
@example(b"INFO {}\r\nPONG\r\nMSG _INBOX.x.0 1 2\r\n[]\r\n")
def test_any_answer_of_a_nats_server_is_an_outage_or_an_answer(babbler: Babbler, answer: bytes) -> None:
    babbler.answer = answer
    destination = Destination.parse(f"nats://127.0.0.1:{babbler.port}/a.b")
    tell(Nats(destination, Options(destination)))


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.text(max_size=60),
        st.tuples(
            st.sampled_from([*SINKS, "ftp"]), st.sampled_from(["", "h", "[::1]", "[", "h:99999", "u:p@h", "h/a b", "%00", "\x00", "é.example"]),
            st.lists(st.tuples(st.sampled_from(["size", "min", "format", "ca", "key", "hide", "rotate", "x", "spool", "framing", "secret", "detector"]),
                               st.text(max_size=6)), max_size=3),
        ).map(lambda parts: f"{parts[0]}://{parts[1]}?{'&'.join(f'{name}={value}' for name, value in parts[2])}"),
    )
)  # fmt: skip
def test_any_destination_is_opened_or_refused_with_a_sentence(tmp_path_factory: pytest.TempPathFactory, line: str) -> None:
    folder = tmp_path_factory.mktemp("any")
    if line.lower().startswith(("file:", "store:")):
        scheme, _, place = line.partition(":")
        line = f"{scheme}:{folder}/x{place.replace('/', '_').replace('%', '_')}"
    try:
        open_sink(line, folder / "spools").close(0)
    except SensorError as fault:
        assert str(fault)


@pytest.mark.parametrize("line", ["file://logs/alerts.jsonl", "store://alerts.sqlite", "unix://dev/log"])
def test_a_path_behind_two_slashes_is_not_taken_for_one_at_the_root(tmp_path: Path, line: str) -> None:
    scheme, _, place = line.partition("://")
    with pytest.raises(SensorError, match=f"{scheme}:{place} or {scheme}:///{place}"):
        open_sink(line, tmp_path)


def test_a_fault_of_ours_is_said_once_and_costs_no_alert(
    tmp_path: Path, rsyslog: Rsyslog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from sensor.sinks import network

    broken = True
    frame = network.octet_counted

    def wrong(messages: object) -> bytes:
        if broken:
            raise KeyError("a mistake")
        return frame(messages)  # type: ignore[arg-type]

    monkeypatch.setitem(network.FRAMINGS, "octet", wrong)
    sink = open_sink(f"tcp://127.0.0.1:{rsyslog.tcp}", tmp_path / "spools")
    sink.send(alert(1))
    until(lambda: sink.state().outages)
    until(lambda: "a fault of ours, see the log: KeyError" in sink.state().error)
    broken = False
    assert sink.close(60).sentence() == ""
    assert [line["all"]["alert"]["uid"] for line in rsyslog.lines(1)] == [alert(1).uid]
    assert sum("Traceback" in (record.exc_text or "") for record in caplog.records) == 1


def trickle(first: bytes, then: bytes) -> int:
    """The port of a server that begins each answer with `first` and goes on with `then`, again and again, for ever."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve(link: socket.socket) -> None:
        with link:
            try:
                link.sendall(first)
                while True:
                    link.sendall(then)
                    threading.Event().wait(0.02)
            except OSError:
                pass

    def accept() -> None:
        while True:
            threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("scheme", "first", "then"),
    [
        ("http", b"HTTP/1.1 200 OK\r\nX: ", b"a"),
        ("http", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"a"),
        ("nats", b"INFO {", b"a"),
        ("nats", b"INFO {}\r\n", b"+OK\r\n"),
    ],
)
def test_an_answer_that_never_ends_is_given_up_and_no_delivery(scheme: str, first: bytes, then: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("http", "nats"):
        monkeypatch.setattr(f"sensor.sinks.{module}.EXCHANGE_S", 0.3)
    sink = open_sink(f"{scheme}://127.0.0.1:{trickle(first, then)}/a.b", tmp_path / "spools")
    sink.send(alert(1))
    state = sink.close(0.5)
    assert (state.delivered, state.waiting, state.dropped) == (0, 1, 0)
    assert "no answer in time" in state.error
