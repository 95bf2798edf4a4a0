"""Lines of heads that are known again: what was read before changes nothing about what is read now."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.core.conftest import CLIENT, SERVER

QUICK = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=bool(os.environ.get("CI")))

TOKEN = b"Authorization: Bearer " + b"x" * 700
STARTS = [b"GET /a HTTP/1.1\r\n", b"GET /b?c=d HTTP/1.1\r\n", b"GET http://other.example/a HTTP/1.0\r\n", b"POST /a HTTP/1.1\n", b"GET /old\r\n"]
STATUSES = [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK: fine\r\n", b"HTTP/1.0 404 Not Found\r\n", b"HTTP/1.1  500 Twice\r\n", b"HTTP/1.1 204\n", b"Content-Length: 3\r\n", b"220 mail.example ready\r\n"]
LINES = [
    b"Host: api.example\r\n", b"Host:  API.Example \r\n", b"host: api.example\r\n", b"Host : api.example\r\n", b"User-Agent: one/1.0\r\n", b"User-Agent: two/2.0\r\n",
    b"Content-Type: application/json; charset=utf-8\r\n", b"Content-Type: text/plain\r\n", b"Content-Length: 0\r\n", b"Content-Length: 00\r\n", b"Content-Length: 3\r\n",
    b"Content-Encoding: gzip\r\n", b"Content-Encoding: br\r\n", b"Cookie: a=b\r\n", b"X-Forwarded-For: 192.0.2.1\r\n", b"X-Real-IP: 192.0.2.2\r\n", b"X-API-Key: key\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"X-Folded: one\r\n two\r\n", b"X-Tab:\tvalue\r\n", b"X-Bare: line feed\n", b"no colon here\r\n", b": no name\r\n",
    b"HTTP/1.1 200 OK: fine\r\n", b"X-Nul: a\0b\r\n", b"X-Cr: a\rb and more\r\n", b"X: y\r\n", TOKEN + b"\r\n", TOKEN + b"y" * 400 + b"\r\n",
]  # fmt: skip
HEADS = st.lists(st.sampled_from(LINES), max_size=8).map(b"".join)
EXCHANGES = st.lists(st.tuples(st.sampled_from(STARTS), HEADS, st.sampled_from(STATUSES), HEADS), min_size=1, max_size=12)


def essence(calls: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    left_out = ("ts", "packet", "uid", "community_id", "duration", "ttfb")
    return sorted((call["client_port"], tuple((name, str(value)) for name, value in call.items() if name not in left_out)) for call in calls)


@QUICK
@given(exchanges=EXCHANGES, again=st.integers(1, 3), rows=st.integers(1, 5))
def test_heads_are_read_the_same_after_others_and_alone(wire: Any, replay: Any, exchanges: list[tuple[bytes, ...]], again: int, rows: int) -> None:
    from parsers.limits import Limits

    lines = []
    for number, (start, asked, status, answered) in enumerate(exchanges * again):
        line = wire(port=40_000 + number)
        line.send(CLIENT, start + asked + b"\r\n")
        line.send(SERVER, status + answered + b"\r\n")
        line.close()
        lines.append(line)
    alone = [call for line in lines for call in replay(line.frames)[0]]
    together, _ = replay([frame for line in lines for frame in line.frames], Limits(batch_rows=rows))
    assert essence(together) == essence(alone)


def test_more_lines_than_are_kept_are_read_as_well(wire: Any, replay: Any) -> None:
    line = wire()
    heads = [b"X-First: %d\r\nUser-Agent: agent/%d\r\nX-Last: %d\r\n" % (number % 700, number % 500, number) for number in range(3_000)]
    for head in heads:
        line.send(CLIENT, b"GET / HTTP/1.1\r\nHost: a.example\r\n" + head + b"\r\n")
        line.send(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    line.close()
    calls, _ = replay(line.frames)
    assert [call["user_agent"] for call in calls] == [f"agent/{number % 500}" for number in range(3_000)]
    assert all(call["weird"] == [] and call["status"] == 200 for call in calls)
