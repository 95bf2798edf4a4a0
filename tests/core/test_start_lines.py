"""Messages whose start is odd, read as servers and clients that do not refuse them read them. Every one is cut at every octet too."""

from __future__ import annotations

from typing import Any

import pytest

CLIENT, SERVER = 0, 1
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NAMES = ("method", "path", "query", "host", "status", "user_agent", "protocol", "response_body", "complete")


def talk(wire: Any, replay: Any, turns: list[tuple[int, bytes]], cut: int | None = None, reset: bool = False) -> list[dict[str, Any]]:
    line = wire()
    for who, octets in turns:
        line.send(who, octets, [] if cut is None else [cut])
    if reset:
        from tests.core.conftest import Frame

        line.frames.append(Frame(CLIENT, line.next[CLIENT], 0, 0x04))
    else:
        line.close()
    calls: list[dict[str, Any]] = replay(line.frames)[0]
    return calls


def every_cut(wire: Any, replay: Any, turns: list[tuple[int, bytes]], reset: bool = False) -> list[dict[str, Any]]:
    """The calls, which must be the same wherever the octets are cut."""
    whole = talk(wire, replay, turns, reset=reset)
    names = (*NAMES, "weird", "request_head", "response_head", "request_body", "response_bytes")
    for cut in range(1, max(len(octets) for _, octets in turns)):
        assert [[call[name] for name in names] for call in talk(wire, replay, turns, cut, reset)] == [[call[name] for name in names] for call in whole]
    return whole


REQUESTS = [
    # what the client sends, then method, path, query, protocol and weirds of the call
    (b"GET HTTP/1.1\r\nHost: a\r\n\r\n", ("GET", "", None, "http/1.1", {"request_line_malformed"})),
    (b"GET /a b/c?d=e f HTTP/1.1\r\nHost: a\r\n\r\n", ("GET", "/a b/c", "d=e f", "http/1.1", set())),
    (b"SOURCE /radio ICE/1.0\r\nHost: a\r\n\r\n", ("SOURCE", "/radio", None, "http/1.1", {"method_unknown", "request_line_malformed", "version_unknown"})),
    (b"GET / HTPP/1.1\r\nHost: a\r\n\r\n", ("GET", "/", None, "http/1.1", {"request_line_malformed", "version_unknown"})),
    (b"GET /a\r\n", ("GET", "/a", None, "http/0.9", {"http_0_9"})),
    (b"GET /a\nNoColon\nHost: a\nUser-Agent: u\n\n", ("GET", "/a", None, "http/0.9", {"http_0_9", "bare_lf", "header_without_colon"})),
    (b"GET /a\r\nGET /b\r\n\r\n", ("GET", "/a", None, "http/0.9", {"http_0_9", "header_without_colon"})),
    (b"GET /a\r\nB: c\r\n\r\n\r\r\n", ("GET", "/a", None, "http/0.9", {"http_0_9"})),
    (b"POST /a b\r\nHost: a\r\n\r\n", ("POST", "/a b", None, "http/0.9", {"http_0_9", "request_line_malformed"})),
]


@pytest.mark.parametrize(("sent", "expected"), REQUESTS, ids=[sent.split(b"\r")[0].split(b"\n")[0].decode() for sent, _ in REQUESTS])
def test_a_request_line_that_lenient_servers_take_is_a_request(wire: Any, replay: Any, sent: bytes, expected: tuple[Any, ...]) -> None:
    (call,) = every_cut(wire, replay, [(CLIENT, sent), (SERVER, OK)])
    assert (call["method"], call["path"], call["query"], call["protocol"], set(call["weird"])) == expected
    assert call["status"] == 200


def test_headers_after_a_line_without_version_are_the_requests(wire: Any, replay: Any) -> None:
    (call,) = every_cut(wire, replay, [(CLIENT, b"GET /a\r\nUser-Agent: u\r\nHost: h\r\n\r\n"), (SERVER, b"<p>no head</p>")])
    assert (call["user_agent"], call["host"], call["response_body"], call["status"]) == ("u", "h", b"<p>no head</p>", None)


def test_a_whole_request_line_ends_a_simple_request(wire: Any, replay: Any) -> None:
    calls = every_cut(wire, replay, [(CLIENT, b"GET /a\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n"), (SERVER, OK + OK)])
    assert [(call["path"], call["status"]) for call in calls] == [("/a", 200), ("/b", 200)]


def test_a_request_line_that_the_client_never_ended_is_half_a_call(wire: Any, replay: Any) -> None:
    for reset in (False, True):
        (call,) = every_cut(wire, replay, [(CLIENT, b"GET /v1/thi")], reset)
        assert (call["method"], call["path"], call["status"], call["complete"]) == ("GET", "/v1/thi", None, "")
        assert "connection_closed_early" in call["weird"]


def test_an_unended_request_line_may_be_answered(wire: Any, replay: Any) -> None:
    (call,) = every_cut(wire, replay, [(CLIENT, b"GET /a"), (SERVER, b"<p>hi</p>")], True)
    assert (call["method"], call["path"], call["response_body"]) == ("GET", "/a", b"<p>hi</p>")


def test_a_capture_that_ends_inside_a_request_line_says_nothing(wire: Any, replay: Any) -> None:
    line = wire()
    line.send(CLIENT, b"GET /v1/thi")
    assert replay(line.frames)[0] == []


def test_an_answer_to_half_a_head_is_that_requests(wire: Any, replay: Any) -> None:
    """A request too slow, or too long, for its server."""
    late = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    (call,) = every_cut(wire, replay, [(CLIENT, b"GET /slow HTTP/1.1\r\nHost: a\r\nX-"), (SERVER, late)])
    assert (call["path"], call["status"]) == ("/slow", 408)
    assert "response_before_request_end" in call["weird"]
    assert "request_head" not in call["complete"]


HELLO = b"\x16\x03\x01\x00\x2e\x01\x00\x00\x2a\x03\x03" + bytes(range(32, 64))


def test_an_answer_to_no_readable_request_is_half_a_call(wire: Any, replay: Any) -> None:
    refused = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno"
    (call,) = every_cut(wire, replay, [(CLIENT, HELLO), (SERVER, refused)])
    assert (call["method"], call["status"], call["response_body"], call["weird"]) == (None, 400, b"no", ["request_line_malformed"])


def test_a_readable_request_may_follow_one_that_is_not(wire: Any, replay: Any) -> None:
    turns = [(CLIENT, b"\x01\x02\x03 GET /a HTTP/1.1\r\n\r\n"), (SERVER, OK), (CLIENT, b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n"), (SERVER, OK)]
    calls = every_cut(wire, replay, turns)
    assert [(call["path"], call["status"]) for call in calls] == [(None, 200), ("/b", 200)]


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n", b"\x16\x03\x03\x00\x7a", b"RTSP/1.0 200 OK\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n", b"250 ok\r\n"])
@pytest.mark.parametrize("opening", [HELLO, b"OPTIONS rtsp://h/s RTSP/1.0\r\nCSeq: 1\r\n\r\n", b"OPTIONS / RTSP/1.0\r\n\r\n", b"EHLO a\r\nGET / HTTP/1.1\r\n\r\n", b"INVITE sip:a SIP/2.0\r\n\r\n"])
def test_other_protocols_are_silent(wire: Any, replay: Any, opening: bytes, answer: bytes) -> None:
    assert every_cut(wire, replay, [(CLIENT, opening), (SERVER, answer), (CLIENT, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")]) == []


ANSWERS = [
    (b" \r\tHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
    (b"\xef\xbb\xbfHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
    (b"RTSP/1.0 400 Bad Request\r\n\r\n", 400, b""),
    (b"ICY 200 OK\r\nicy-name: x\r\n\r\nMP3", 200, b"MP3"),
    # a length that is no number, and the connection's end as the other way to tell
    (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1 2\r\n\r\nok", 200, b"ok"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1 2\r\n\r\nok", 200, b"o"),
    # a line of white space, or of CRs, ends a head only where none goes on after it
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\n \nok", 200, b"ok"),
    (b"HTTP/1.1 200 OK\r\nContent-Type: a\r\n \r\nContent-Length: 2\r\n\r\nok!", 200, b"ok"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\r\n{}", 200, b"{}"),
    (b"HTTP/1.1 200 OK\r\nContent-Type: a\r\n\r\r\nContent-Length: 2\r\n\r\nok!", 200, b"ok"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\t\r\n\r\nok", 200, b"ok"),
    # NULs in a response's head, which some clients do not see
    (b"HTTP/1.1 200 OK\r\nTransfer\0-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, b"ok"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding:\n\0chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, b"ok"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\x0b\x00 2\r\nok\r\n\x0c0\r\n\r\n", 200, b"ok"),
    # an interim response with a body that nothing follows was the answer
    (b"HTTP/1.1 103 x\r\nContent-Length: 2\r\n\r\nok", 103, b"ok"),
    (b"HTTP/1.1 103 x\r\nContent-Length: 2\r\n\r\n" + OK, 200, b"ok"),
]


@pytest.mark.parametrize(("sent", "status", "body"), ANSWERS, ids=[repr(sent)[2:50] for sent, _, _ in ANSWERS])
def test_a_response_is_read_as_clients_that_take_it_read_it(wire: Any, replay: Any, sent: bytes, status: int, body: bytes) -> None:
    calls = every_cut(wire, replay, [(CLIENT, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), (SERVER, sent)])
    assert (calls[0]["path"], calls[0]["status"], calls[0]["response_body"]) == ("/a", status, body)


SOCKS5 = [(CLIENT, b"\x05\x02\x00\x02"), (SERVER, b"\x05\x02"), (CLIENT, b"\x01\x03bob\x02pw"), (SERVER, b"\x01\x00"), (CLIENT, b"\x05\x01\x00\x03\x05a.net\x00\x50"), (SERVER, b"\x05\x00\x00\x01\x0a\x00\x00\x01\x1f\x90")]
PREFACES = {
    "socks5": SOCKS5,
    "socks5 without password": [(CLIENT, b"\x05\x01\x00"), (SERVER, b"\x05\x00"), (CLIENT, b"\x05\x01\x00\x04" + bytes(18)), (SERVER, b"\x05\x00\x00\x04" + bytes(18))],
    "socks4": [(CLIENT, b"\x04\x01\x00\x50\x0a\x00\x00\x01bob\x00"), (SERVER, b"\x00\x5a\x00\x50\x0a\x00\x00\x01")],
    "socks4a": [(CLIENT, b"\x04\x01\x00\x50\x00\x00\x00\x01bob\x00a.net\x00"), (SERVER, b"\x00\x5a" + bytes(6))],
    "proxy 1": [(CLIENT, b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 80\r\n")],
    "proxy 1, unknown": [(CLIENT, b"PROXY UNKNOWN\r\n")],
    "proxy 2": [(CLIENT, b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\xdc\x04\x00\x50")],
}


@pytest.mark.parametrize("name", PREFACES)
def test_what_a_proxy_says_before_http_is_read_through(wire: Any, replay: Any, name: str) -> None:
    (call,) = every_cut(wire, replay, [*PREFACES[name], (CLIENT, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), (SERVER, OK)])
    assert (call["path"], call["status"], call["weird"]) == ("/a", 200, ["tunnel"] if "socks" in name else [])


def test_a_request_in_one_piece_with_the_preface(wire: Any, replay: Any) -> None:
    (call,) = every_cut(wire, replay, [(CLIENT, PREFACES["proxy 1"][0][1] + b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), (SERVER, OK)])
    assert (call["path"], call["status"]) == ("/a", 200)


@pytest.mark.parametrize("turn", range(len(SOCKS5)))
def test_a_negotiation_that_fails_or_is_none_is_silent(wire: Any, replay: Any, turn: int) -> None:
    turns = [(who, octets if k != turn else octets[:1] + b"\xff" + octets[2:]) for k, (who, octets) in enumerate(SOCKS5)]
    assert talk(wire, replay, [*turns, (CLIENT, HELLO), (SERVER, HELLO)]) == []


@pytest.mark.parametrize("piece", [b"GET /e\r\nGET /f HTTP/1.1\r\n\r\n", b"PROXY UNKNOWN\r\n"])
def test_no_repetition_makes_reading_nest(wire: Any, replay: Any, piece: bytes) -> None:
    """Interpreted, it would end as a RecursionError; compiled, it would take the stack."""
    talk(wire, replay, [(CLIENT, piece * 2000), (SERVER, b"HTTP/1.1 102 x\r\nContent-Length: 3\r\n\r\nabc" * 1500)])


def test_a_preface_begins_only_where_the_server_has_said_nothing(wire: Any, replay: Any) -> None:
    """Found by the properties: what the server had begun was forgotten."""
    assert talk(wire, replay, [(SERVER, b" "), (CLIENT, PREFACES["proxy 1"][0][1]), (SERVER, b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")]) == []


def test_an_interim_response_behind_other_lines_loses_no_request(wire: Any, replay: Any) -> None:
    """Found by the properties."""
    sent = b"not a status line\r\nHTTP/1.1 100 Continue\r\n\r\n"
    (call,) = talk(wire, replay, [(CLIENT, b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"), (SERVER, sent)])
    assert (call["path"], call["status"]) == ("/a", None)


def test_a_target_with_spaces_begins_a_connection_that_is_met_midway(wire: Any, replay: Any) -> None:
    """Scanners send such, and where nothing of the connection is known, nothing else explains the line."""
    line = wire(handshake=False)
    line.send(CLIENT, b"GET /cgi-bin/a;cat /etc/passwd|?b=c HTTP/1.1\r\nHost: a.example\r\n\r\n")
    line.send(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    calls, _ = replay(line.frames)
    assert [(call["method"], call["path"], call["status"]) for call in calls] == [("GET", "/cgi-bin/a;cat /etc/passwd|", 200)]
