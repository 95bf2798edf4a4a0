"""Webhook, Splunk's collector and _bulk against a real HTTP server that checks what it gets and answers as the test wants."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sensor.errors import SensorError
from sensor.sinks import open_sink
from tests.sinks.conftest import alert, free_port, until, worded
from tests.sinks.test_receivers import hostile_alerts


class Hook:
    """Keeps what it was sent; `answers` are the statuses of the next requests, 200 afterwards."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.refuse = b""
        self.seen: set[str] = set()
        self.idle_s: float | None = None
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = hook.answers.pop(0) if hook.answers else 200
                if hook.refuse and hook.refuse in body:
                    status = 400
                answer = b"{}"
                if status == 200:
                    hook.requests.append((self.path, dict(self.headers), body))
                    if self.path.endswith("_bulk"):
                        ids = [json.loads(line)["create"]["_id"] for line in body.split(b"\n")[::2] if line]
                        items = [{"create": {"_id": one, "status": 409 if one in hook.seen else 201}} for one in ids]
                        hook.seen |= set(ids)
                        answer = json.dumps({"errors": False, "items": items}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                self.connection.settimeout(hook.idle_s)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_webhook_gets_signed_arrays(hook: Hook, tmp_path: Path) -> None:
    webhooks = pytest.importorskip("standardwebhooks.webhooks")
    (tmp_path / "secret").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    verifier = webhooks.Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    sink = open_sink(f"http://127.0.0.1:{hook.port}/alerts?secret=@{tmp_path}/secret", tmp_path / "spools")
    for number in range(50):
        sink.send(alert(number))
    assert sink.close(60).sentence() == ""
    got = []
    for path, headers, body in hook.requests:
        assert path == "/alerts"
        # Standard Webhooks' own library: right key, right octets, a time that is now.
        verifier.verify(body, headers)
        with pytest.raises(webhooks.WebhookVerificationError):
            verifier.verify(body.replace(b"open", b"shut"), headers)
        with pytest.raises(webhooks.WebhookVerificationError):
            verifier.verify(body, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 3600)})
        got += json.loads(body)
    assert got == [json.loads(alert(number).to_json()) for number in range(50)]


def test_alerts_go_where_the_line_says_and_nowhere_else(hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = free_port()
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{elsewhere}")
    sink = open_sink(f"http://127.0.0.1:{hook.port}/", tmp_path / "spools")
    sink.send(alert(1))
    assert sink.close(60).sentence() == ""
    hook.answers = [302, 302, 302]
    sink = open_sink(f"http://127.0.0.1:{hook.port}/", tmp_path / "spools")
    sink.send(alert(2))
    state = sink.close(0.1)
    assert state.waiting == 1
    assert "answered 302: it sends us elsewhere, and we do not follow" in state.error


def test_busy_answers_are_tried_again_and_nothing_is_lost(hook: Hook, tmp_path: Path) -> None:
    hook.answers = [503, 429, 401]
    sink = open_sink(f"http://127.0.0.1:{hook.port}/", tmp_path / "spools")
    sink.send(alert(1))
    state = sink.close(60)
    assert (state.delivered, state.dropped, state.waiting) == (1, 0, 0)


def test_a_receiver_that_closes_idle_connections_is_no_outage(hook: Hook, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hook.idle_s = 0.05
    sink = open_sink(f"http://127.0.0.1:{hook.port}/", tmp_path / "spools")
    for number in range(3):
        sink.send(alert(number))
        until(lambda number=number: len(hook.requests) > number)  # type: ignore[misc]
        time.sleep(0.3)
    state = sink.close(60)
    assert (state.delivered, state.outages, caplog.records) == (3, 0, [])


def test_a_receiver_that_hangs_up_instead_of_answering_is_said_to(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            with contextlib.suppress(OSError):
                while True:
                    link, _ = server.accept()
                    link.recv(65536)
                    link.close()

        threading.Thread(target=hang_up, daemon=True).start()
        sink = open_sink(f"http://127.0.0.1:{server.getsockname()[1]}/", tmp_path / "spools")
        sink.send(alert(1))
        state = sink.close(0.3)
    assert (state.waiting, state.error) == (1, "the receiver broke the connection off")


def test_one_refused_alert_does_not_stop_the_others(hook: Hook, tmp_path: Path) -> None:
    hook.refuse = b"poison"
    sink = open_sink(f"http://127.0.0.1:{hook.port}/", tmp_path / "spools")
    for number in range(5):
        sink.send(alert(number, title="poison" if number == 2 else "fine"))
    state = sink.close(60)
    assert (state.waiting, state.dropped, state.delivered) == (0, 1, 4)
    assert "given up" in state.sentence() and "400" in state.sentence()
    assert len({one["uid"] for _, _, body in hook.requests for one in json.loads(body)}) == 4


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_a_receiver_that_refuses_everything_is_waited_for(hook: Hook, tmp_path: Path, status: int) -> None:
    """A wrong index, path or manner is no fault of the alerts."""
    line = f"http://127.0.0.1:{hook.port}/"
    hook.answers = [status] * 1000
    sink = open_sink(line, tmp_path / "spools")
    for number in range(3):
        sink.send(alert(number))
    state = sink.close(0.3)
    assert (state.delivered, state.waiting, state.dropped) == (0, 3, 0)
    assert f"nothing that waits is taken: the receiver answered {status}" in state.sentence()
    hook.answers = []
    sink = open_sink(line, tmp_path / "spools")
    assert sink.close(60).sentence() == ""
    assert [one["uid"] for _, _, body in hook.requests for one in json.loads(body)] == [alert(number).uid for number in range(3)]


@pytest.mark.parametrize(("item", "left"), [({"status": 400, "error": {"type": "x", "reason": "failed to parse\x1b"}}, 0), ({"status": 429}, 2)])
def test_an_index_that_refuses_some_or_all(hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, item: dict[str, Any], left: int) -> None:
    from sensor.sinks.http import Http

    def answer(self: Http, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        ids = [json.loads(line)["create"]["_id"] for line in body.split(b"\n")[::2] if line]
        return 200, json.dumps({"items": [{"create": item if one.startswith(alert(1).uid) or not good else {"status": 201}} for one in ids]}).encode()

    monkeypatch.setattr(Http, "_exchange", answer)
    for good in (False, True):
        sink = open_sink(f"http://127.0.0.1:{hook.port}?as=bulk", tmp_path / "spools")
        if not good:
            sink.send(alert(1))
            sink.send(alert(2))
        state = sink.close(0.3)
        assert (state.waiting, state.dropped) == ((2, 0) if not good or left else (0, 1))
    assert left or "the index refused an alert (400: failed to parse\\x1b)" in state.sentence()


def test_a_path_and_a_query_are_sent_as_they_are_written(hook: Hook, tmp_path: Path) -> None:
    (tmp_path / "query").write_text("code=a%2Fb&sig=x%3D\n")
    sink = open_sink(f"http://127.0.0.1:{hook.port}/a%20b/c?query=@{tmp_path}/query", tmp_path / "spools")
    sink.send(alert(1))
    assert sink.close(60).sentence() == ""
    assert hook.requests[0][0] == "/a%20b/c?code=a%2Fb&sig=x%3D"


def test_a_message_is_no_longer_than_its_size(hook: Hook, tmp_path: Path) -> None:
    sink = open_sink(f"http://127.0.0.1:{hook.port}/?size=600", tmp_path / "spools")
    sink.send(alert(1, reasons=("long " * 500,)))
    assert sink.close(60).sentence() == ""
    (got,) = json.loads(hook.requests[0][2])
    assert len(hook.requests[0][2]) <= 602
    assert got["uid"] == alert(1).uid and got["dropped"] > 0


@pytest.mark.parametrize("name", ["json", "ecs", "ocsf", "eve", "zeek"])
@pytest.mark.parametrize("manner", ["json", "hec&token=abc", "bulk"])
def test_hostile_text_comes_as_it_was_in_every_manner_and_format(hook: Hook, manner: str, name: str, tmp_path: Path) -> None:
    sent = hostile_alerts(seed=12, count=60)
    sink = open_sink(f"http://127.0.0.1:{hook.port}?as={manner}&format={name}", tmp_path / "spools")
    for one in sent:
        sink.send(one)
    assert sink.close(60).sentence() == ""
    got = []
    for _, _, body in hook.requests:
        if manner == "json":
            got += json.loads(body)
        elif manner == "bulk":
            lines = body.split(b"\n")[:-1]
            assert [json.loads(line)["create"]["_id"] for line in lines[::2]] == [f"{one.uid}-{one.revision}" for one in sent[len(got) : len(got) + len(lines) // 2]]
            got += [json.loads(line) for line in lines[1::2]]
        else:
            rest = body.decode()
            while rest:  # one object after the other, as Splunk takes them
                event, end = json.JSONDecoder().raw_decode(rest)
                got.append(event["event"])
                rest = rest[end:]
    assert got == [json.loads(worded(name, one)) for one in sent]


def test_splunk_gets_events_with_their_time_and_token(hook: Hook, tmp_path: Path) -> None:
    sink = open_sink(f"http://127.0.0.1:{hook.port}?as=hec&token=abc", tmp_path / "spools")
    sink.send(alert(1))
    assert sink.close(60).sentence() == ""
    path, headers, body = hook.requests[0]
    assert (path, headers["Authorization"]) == ("/services/collector/event", "Splunk abc")
    event = json.loads(body)
    assert event["event"]["uid"] == alert(1).uid
    assert event["time"] == pytest.approx(1_700_000_000.124457)


def test_bulk_creates_documents_by_id_so_that_repeats_are_stored_once(hook: Hook, tmp_path: Path) -> None:
    for _ in range(2):
        sink = open_sink(f"http://127.0.0.1:{hook.port}?as=bulk&index=alerts", tmp_path / "spools")
        sink.send(alert(1))
        assert sink.close(60).sentence() == ""
    assert hook.seen == {f"{alert(1).uid}-1"}
    lines = hook.requests[0][2].split(b"\n")
    assert json.loads(lines[0]) == {"create": {"_index": "alerts", "_id": f"{alert(1).uid}-1"}}
    assert json.loads(lines[1])["event"]["kind"] == "alert"


def test_mistakes_in_a_destination_are_all_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(SensorError) as told:
        open_sink("tls://siem?siez=10&ca=/no/such&facility=moon&min=huge", tmp_path)
    text = str(told.value)
    for part in ("'siez'; did you mean 'size'?", "there is no such file", "facility='moon'", "min='huge'"):
        assert part in text
    for line in (
        "",
        "siem:514",
        "carrier-pigeon://x",
        "udp://",
        "tcp://h:99999",
        "https://h?as=hec",
        "file:",
        "unix:",
        "udp://h?a=1&a=2",
    ):
        with pytest.raises(SensorError):
            open_sink(line, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_takes_lines_rotates_and_filters(tmp_path: Path) -> None:
    place = tmp_path / "alerts.jsonl"
    sink = open_sink(f"file:{place}?rotate=4k&keep=2&min=high&hide=principals,evidence", tmp_path)
    for number in range(40):
        sink.send(alert(number))
    assert sink.close(60).sentence() == ""
    kept = [place, *(Path(f"{place}.{number}") for number in (1, 2))]
    assert not Path(f"{place}.3").exists()
    lines = [json.loads(line) for path in reversed(kept) for line in path.read_bytes().splitlines()]
    assert all(path.stat().st_size <= 4096 for path in kept)
    assert [line["uid"] for line in lines] == [alert(number).uid for number in range(40) if number % 4 > 1][
        -len(lines) :
    ]
    assert all(line["principals"] == [] and line["evidence"] == [] for line in lines)


def test_a_hook_over_tls_is_verified_by_name_and_authority(hook: Hook, certificates: Path, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    hook.server.socket = context.wrap_socket(hook.server.socket, server_side=True)
    for options, why in (
        ("", "nobody we trust signed"),
        (f"?ca={certificates}/stranger.pem", "nobody we trust signed"),
        (f"?ca={certificates}/ca.pem", ""),
    ):
        sink = open_sink(f"https://localhost:{hook.port}/{options}", tmp_path / "spools")
        sink.send(alert(1))
        state = sink.close(60 if not why else 0.1)
        assert why in state.error
        assert state.waiting == (1 if why else 0)
    assert len(hook.requests) == 1


def test_elasticsearch_with_a_name_and_a_password(hook: Hook, tmp_path: Path) -> None:
    sink = open_sink(f"http://elastic:p%40ss@127.0.0.1:{hook.port}?as=bulk", tmp_path / "spools")
    sink.send(alert(1))
    assert sink.close(60).sentence() == ""
    assert hook.requests[0][1]["Authorization"] == "Basic ZWxhc3RpYzpwQHNz"


def test_what_is_refused_and_sent_again_is_counted_once(hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sensor.sinks.http import Http

    confirms = [OSError("the receiver died"), OSError("again")]

    def confirm(self: Http) -> None:
        if confirms:
            raise confirms.pop()

    monkeypatch.setattr(Http, "confirm", confirm)
    hook.refuse = b"poison"
    sink = open_sink(f"http://127.0.0.1:{hook.port}/", tmp_path / "spools")
    for number in range(5):
        sink.send(alert(number, title="poison" if number in (1, 3) else "fine"))
    state = sink.close(60)
    assert (state.waiting, state.dropped, state.delivered) == (0, 2, 3)
