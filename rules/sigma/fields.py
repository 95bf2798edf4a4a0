"""The fields a rule can name: the call log's columns, decoded input, single headers, and Sigma's names for the same things.

`FIELDS` says for each field what kind it is and which part of a call it reads; `ALIASES` maps the names of Sigma's webserver and proxy
taxonomies onto them. Text fields are matched as sent and decoded: either counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rules.faults import did_you_mean


class Kind(Enum):
    """How the values of a field are compared."""

    TEXT = "text"
    NUMBER = "number"
    ADDRESS = "address"
    WORDS = "words"


class Part(Enum):
    """Where a field's text is found."""

    WORD = "word"
    """a dictionary column of the batch"""
    URL = "url"
    """the request's URL or a part of it, as sent and decoded"""
    INPUT = "input"
    """decoded values a client controls"""
    HEADER = "header"
    """one header of the request"""
    RESPONSE_HEADER = "response_header"
    """one header of the response"""
    BYTES = "bytes"
    """a binary column as it stands"""
    ANYWHERE = "anywhere"
    """URL, headers and body of the request: Sigma's keywords"""
    NUMBER = "number"
    """a numeric column"""
    LIST = "list"
    """a list column"""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the rule language."""

    name: str
    kind: Kind
    part: Part
    what: str
    detail: str = ""
    """The column, the header, or the piece of the URL or input it reads."""


def _text(name: str, part: Part, what: str, detail: str = "") -> Field:
    return Field(name, Kind.TEXT, part, what, detail or name)


_ALL = [
    *(
        _text(name, Part.WORD, "the column of that name")
        for name in ["protocol", "method", "scheme", "host", "request_type", "response_type", "user_agent", "complete", "uid", "authorization", "api_key", "forwarded_for", "request_encoding", "response_encoding", "principal", "principal_kind", "operation", "template"]
    ),
    _text("cookie", Part.WORD, "the Cookie header as sent"),
    Field("client_ip", Kind.ADDRESS, Part.WORD, "who calls", "client_ip"),
    Field("server_ip", Kind.ADDRESS, Part.WORD, "who answers", "server_ip"),
    *(
        Field(name, Kind.NUMBER, Part.NUMBER, "the column of that name", name)
        for name in ["client_port", "server_port", "status", "request_bytes", "response_bytes", "duration", "ttfb"]
    ),
    Field("weird", Kind.WORDS, Part.LIST, "names of what was odd in the traffic", "weird"),
    _text("url", Part.URL, "scheme, host, path and query, as sent and decoded"),
    _text("target", Part.URL, "path and query, as sent and decoded"),
    _text("path", Part.URL, "path of the target, as sent and decoded"),
    _text("query", Part.URL, "what follows the ?, as sent and decoded"),
    _text("extension", Part.URL, "what follows the last dot of the path's last segment"),
    _text("user", Part.WORD, "user name of Basic authentication; 'anonymous' when a call carries no credentials", "user"),
    _text("request_head", Part.BYTES, "start line and header block as sent"),
    _text("headers", Part.BYTES, "the request's header block as sent, without its start line", "request_head"),
    _text("response_head", Part.BYTES, "status line and header block as sent"),
    _text("request_body", Part.BYTES, "the request's body as sent"),
    _text("response_body", Part.BYTES, "the response's body"),
    _text("anywhere", Part.ANYWHERE, "URL, headers and body of the request"),
    _text("input", Part.INPUT, "every decoded value a client sent: path, parameters, headers, cookies, body", "any"),
    _text("input.path", Part.INPUT, "the decoded path", "path"),
    _text("input.query", Part.INPUT, "decoded query parameters: names and values", "query"),
    _text("input.header", Part.INPUT, "header values, decoded; plain ones are left out", "header"),
    _text("input.cookie", Part.INPUT, "decoded cookies", "cookie"),
    _text("input.body", Part.INPUT, "decoded form fields, JSON and XML texts, multipart parts", "body"),
    _text("input.name", Part.INPUT, "names of parameters, cookies, form fields and JSON members", "name"),
    _text("input.value", Part.INPUT, "values of parameters, cookies, form fields and JSON members", "value"),
]

FIELDS: dict[str, Field] = {field.name: field for field in _ALL}

ALIASES: dict[str, str] = {
    "cs-method": "method",
    "c-method": "method",
    "c-uri": "url",
    "cs-uri": "url",
    "uri": "url",
    # Web server rules write path and query into one string under this name, so it reads the whole target.
    "cs-uri-query": "target",
    "c-uri-query": "query",
    "cs-uri-stem": "path",
    "c-uri-stem": "path",
    "c-uri-extension": "extension",
    "cs-user-agent": "user_agent",
    "c-useragent": "user_agent",
    "cs-useragent": "user_agent",
    "cs-host": "host",
    "c-host": "host",
    "r-dns": "host",
    "cs-referer": "header.referer",
    "cs-referrer": "header.referer",
    "c-referer": "header.referer",
    "cs-cookie": "cookie",
    "c-cookie": "cookie",
    "cs-content-type": "header.content-type",
    "cs-username": "user",
    "c-username": "user",
    "cs-version": "protocol",
    "sc-status": "status",
    "cs-bytes": "request_bytes",
    "sc-bytes": "response_bytes",
    "c-ip": "client_ip",
    "src_ip": "client_ip",
    "s-ip": "server_ip",
    "dst_ip": "server_ip",
    "r-ip": "server_ip",
    "c-port": "client_port",
    "src_port": "client_port",
    "s-port": "server_port",
    "dst_port": "server_port",
    "r-port": "server_port",
    "cs-body": "request_body",
    "post-body": "request_body",
}


def field_of(name: str) -> Field:
    """The field of this name, an alias or `header.NAME` included. Raises KeyError with a hint."""
    lower = name.lower()
    lower = ALIASES.get(lower, lower)
    found = FIELDS.get(lower)
    if found is not None:
        return found
    for prefix, part in (("header.", Part.HEADER), ("response_header.", Part.RESPONSE_HEADER)):
        if lower.startswith(prefix) and len(lower) > len(prefix):
            return Field(lower, Kind.TEXT, part, "one header", lower[len(prefix) :])
    raise KeyError(f"unknown field '{name}'{did_you_mean(name, [*FIELDS, *ALIASES, 'header.', 'response_header.'])}")
