"""Batches made from raw requests: what a rule's examples are tested on when no capture is at hand.

`batch_of` reads well-formed text leniently: line ends may be LF, Content-Length may be missing. It is no HTTP parser (that is `parsers`); it
turns an example in a rule file into the row that the parser would make of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from parsers.schema import CALL_SCHEMA

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)\Z")
_NS = {"ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000}
_START = 1_700_000_000_000_000_000
_CODES = {"200": "OK", "201": "Created", "401": "Unauthorized", "403": "Forbidden", "404": "Not Found", "500": "Internal Server Error"}


def batch_of(calls: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """The rows of an example's calls, `repeat` and `{n}` expanded, `every` apart in time."""
    return pa.RecordBatch.from_pylist([_row(*call) for call in expanded(calls)], schema=CALL_SCHEMA)


def expanded(calls: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, str | None, str, int, int, tuple[str, ...]]]:
    """(request, response, client, ts, number, weird) of every call; `{n}` counts the repetitions of its call."""
    ts = _START
    number = 0
    for call in calls:
        step = _SPAN.match(str(call.get("every", "10ms")))
        every = int(float(step.group(1)) * _NS[step.group(2)]) if step else 10_000_000
        for n in range(int(call.get("repeat", 1))):
            response = call.get("response")
            if isinstance(response, int):
                response = f"HTTP/1.1 {response} {_CODES.get(str(response), 'Status')}\n\n"
            client = str(call.get("client", "198.51.100.7")).replace("{n}", str(n))
            weird = tuple(call.get("weird") or ())
            yield (
                str(call["request"]).replace("{n}", str(n)),
                None if response is None else str(response).replace("{n}", str(n)),
                client,
                ts,
                number,
                weird,
            )
            ts += every
            number += 1


def octets(message: str) -> bytes:
    """A message's octets: CRLF line ends in the head, Content-Length where a body needs one."""
    head, body = _split(message)
    lines = head.split("\n")
    if body and not re.search(r"(?im)^(content-length|transfer-encoding)\s*:", head):
        lines.append(f"Content-Length: {len(body)}")
    elif not body and lines[0].startswith("HTTP/") and not re.search(r"(?im)^(content-length|transfer-encoding)\s*:", head):
        lines.append("Content-Length: 0")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def _split(message: str) -> tuple[str, bytes]:
    text = message.replace("\r\n", "\n").lstrip("\n")
    head, _, body = text.partition("\n\n")
    return head.rstrip("\n"), (body[:-1] if body.endswith("\n") else body).encode("utf-8", "surrogateescape")


def _headers(head: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in head.split("\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def _media(value: str | None) -> str | None:
    return value.split(";")[0].strip().lower() or None if value else None


def _row(request: str, response: str | None, client: str, ts: int, number: int, weird: tuple[str, ...]) -> dict[str, Any]:
    head, body = _split(request)
    words = head.split("\n")[0].split(" ")
    method, target = words[0], " ".join(words[1:-1]) if len(words) > 2 else "".join(words[1:])
    headers = _headers(head)
    host = headers.get("host", "shop.example")
    absolute = re.match(r"(https?)://([^/?#]*)(.*)", target)
    if absolute:
        host, target = absolute.group(2), absolute.group(3)
    path, mark, query = target.partition("?")
    row: dict[str, Any] = {
        "ts": ts,
        "uid": f"C{number}",
        "client_ip": client,
        "client_port": 40000 + number % 20000,
        "server_ip": "203.0.113.10",
        "server_port": 80,
        "protocol": "http/1.1",
        "method": method,
        "scheme": "http",
        "host": host.lower(),
        "path": path,
        "query": query if mark else None,
        "request_bytes": len(body),
        "request_type": _media(headers.get("content-type")),
        "user_agent": headers.get("user-agent"),
        "complete": "request_head request_body" + (" response_head response_body" if response else ""),
        "weird": list(weird),
        "community_id": "",
        "pcap_file": "example",
        "packet": number + 1,
        "authorization": headers.get("authorization"),
        "cookie": headers.get("cookie"),
        "api_key": headers.get("x-api-key"),
        "forwarded_for": headers.get("x-forwarded-for"),
        "request_head": octets(request)[: -len(body) or None],
        "request_body": body or None,
    }
    if response:
        response_head, response_body = _split(response)
        response_headers = _headers(response_head)
        row |= {
            "status": int(response_head.split(" ")[1]),
            "response_bytes": len(response_body),
            "response_type": _media(response_headers.get("content-type")),
            "duration": 2_000_000,
            "ttfb": 1_000_000,
            "response_head": octets(response)[: -len(response_body) or None],
            "response_body": response_body or None,
        }
    return row
