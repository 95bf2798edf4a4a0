"""HAR 1.2 (the W3C draft that browsers and proxies write): the calls as a person opens them in a browser's network panel.

Masked like everything else: credentials in headers and cookies, secrets and personal data in the URL and in text bodies. A body that is no text cannot
be looked through and is left out, with its size.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import unquote_plus

from sensor import VERSION
from sensor.calllog import header_list
from sensor.masking import Masker
from sensor.sinks.formats.words import iso


def har(calls: Iterable[dict[str, Any]], masker: Masker, comment: str, unsaid: Collection[str] = ()) -> dict[str, Any]:
    """The HAR document of calls (rows of a call batch with heads and bodies), its entries without the members `unsaid`."""
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "api-sensor", "version": VERSION},
            "pages": [],
            "entries": [{name: value for name, value in _entry(call, masker).items() if name not in unsaid} for call in calls],
            "comment": comment,
        }
    }


def _entry(call: dict[str, Any], masker: Masker) -> dict[str, Any]:
    wait = max(0, call["ttfb"] or 0)
    receive = max(0, (call["duration"] or 0) - wait)
    return {
        "startedDateTime": iso(call["ts"]),
        "time": (wait + receive) / 1e6,
        "request": _request(call, masker),
        "response": _response(call, masker),
        "cache": {},
        "timings": {"send": 0, "wait": wait / 1e6, "receive": receive / 1e6},
        "serverIPAddress": call["server_ip"],
        "connection": call["uid"],
        "_client": f"{call['client_ip']}:{call['client_port']}",
        "_server": f"{call['server_ip']}:{call['server_port']}",
        "_endpoint": None if call["template"] is None else f"{call['method']} {call['host'] or ''}{call['template']}",
        "_principal": call["principal"],
        "_complete": call["complete"],
        "_weird": call["weird"],
        "_capture": call["pcap_file"],
        "_packet": call["packet"],
    }


def _request(call: dict[str, Any], masker: Masker) -> dict[str, Any]:
    headers = _headers(call, "request", masker)
    query = masker.text(call["query"] or "")
    path = masker.text(call["path"] or "")
    host = masker.text(call["host"] or f"{call['server_ip']}:{call['server_port']}")
    url = path if "://" in path[:16] else f"{call['scheme']}://{host}{path}"
    out = {
        "method": call["method"] or "",
        "url": url + (f"?{query}" if call["query"] is not None else ""),
        "httpVersion": call["protocol"].upper(),
        "cookies": [cookie for name, value in headers if name.lower() == "cookie" for cookie in _cookies(value)],
        "headers": [{"name": name, "value": value} for name, value in headers],
        "queryString": [
            {"name": masker.text(unquote_plus(name, errors="replace")), "value": masker.text(unquote_plus(value, errors="replace"))}
            for name, _, value in (part.partition("=") for part in query.split("&") if part)
        ],
        "headersSize": _size(call["request_head"]),
        "bodySize": _number(call["request_bytes"]),
    }
    body = call["request_body"]
    if body:
        text, coded, left_out = _text(body, masker, _whole(call, "request_body"))
        data: dict[str, Any] = {"mimeType": call["request_type"] or "", "params": [], "text": text}
        if coded:
            data["encoding"] = "base64"
        if left_out:
            data["comment"] = left_out
        out["postData"] = data
    if call["method"] is None:
        out["comment"] = "the request was not seen"
    return out


def _response(call: dict[str, Any], masker: Masker) -> dict[str, Any]:
    headers = _headers(call, "response", masker)
    body = call["response_body"]
    content: dict[str, Any] = {"size": len(body) if body is not None else 0, "mimeType": call["response_type"] or ""}
    if body:
        text, coded, left_out = _text(body, masker, _whole(call, "response_body"))
        if left_out:
            content["comment"] = left_out
        else:
            content["text"] = text
        if coded:
            content["encoding"] = "base64"
    start = (call["response_head"] or b"").split(b"\n", 1)[0].decode("latin-1").split(None, 2)
    out = {
        "status": call["status"] or 0,
        "statusText": masker.text(start[2].strip()) if len(start) == 3 else "",
        "httpVersion": call["protocol"].upper(),
        "cookies": [cookie for name, value in headers if name.lower() == "set-cookie" for cookie in _cookies(value)[:1]],
        "headers": [{"name": name, "value": value} for name, value in headers],
        "content": content,
        "redirectURL": next((value for name, value in headers if name.lower() == "location"), ""),
        "headersSize": _size(call["response_head"]),
        "bodySize": _number(call["response_bytes"]),
    }
    if call["status"] is None:
        out["comment"] = "the response was not seen"
    return out


def _headers(call: dict[str, Any], side: str, masker: Masker) -> list[tuple[str, str]]:
    head = call[f"{side}_head"]
    if not head or (masker.on and not _whole(call, f"{side}_head")):
        return []
    return [(name, masker.header(name, value)) for name, value in header_list(head)]


def _whole(call: dict[str, Any], part: str) -> bool:
    """Whether a part was seen whole: where a gap took the name, nothing says that what follows it is a secret."""
    return part in (call["complete"] or "").split()


def _cookies(value: str) -> list[dict[str, str]]:
    pairs = (part.strip().partition("=") for part in value.split(";"))
    return [{"name": name, "value": content} for name, equals, content in pairs if equals]


def _text(body: bytes, masker: Masker, whole: bool) -> tuple[str, bool, str]:
    """(text, whether it is base64, why it is left out)."""
    if masker.on and not whole:
        return "", False, f"{len(body)} octets of a body that was not seen whole: they cannot be masked and are left out"
    try:
        text = body.decode()
    except UnicodeDecodeError:
        if masker.on:
            return "", False, f"{len(body)} octets that are no UTF-8 text: they cannot be masked and are left out"
        return base64.b64encode(body).decode(), True, ""
    return masker.text(text), False, ""


def _size(head: bytes | None) -> int:
    return len(head) if head else -1


def _number(value: int | None) -> int:
    return -1 if value is None else value
