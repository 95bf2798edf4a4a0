"""The texts of one call that a comparison reads: made only for rows on which a pattern hit."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rules import unfold
from rules.sigma.fields import Field, Part

_MOST_NAMES = 1024


def decoded(text: bytes, plus: bool) -> bytes:
    """Percent-encoding and its layers undone, as `rules.unfold` does."""
    data = bytearray(text)
    end = unfold.percent(data, 0, len(data), plus)
    for _ in range(unfold.ROUNDS - 1):
        before = bytes(data[:end])
        end = unfold.escapes(data, 0, unfold.entities(data, 0, unfold.percent(data, 0, end, False)))
        if bytes(data[:end]) == before:
            break
    return bytes(data[:end])


class Row:
    """One row of a batch as texts, each made on demand."""

    PLACES: ClassVar[dict[str, tuple[int, ...]]] = {
        "path": (unfold.PATH,),
        "query": (unfold.QUERY_NAME, unfold.QUERY_VALUE),
        "header": (unfold.HEADER,),
        "cookie": (unfold.COOKIE_NAME, unfold.COOKIE_VALUE),
        "body": (unfold.BODY_NAME, unfold.BODY_VALUE, unfold.BODY_TEXT, unfold.FILENAME),
        "name": (unfold.QUERY_NAME, unfold.COOKIE_NAME, unfold.BODY_NAME),
        "value": (unfold.QUERY_VALUE, unfold.COOKIE_VALUE, unfold.BODY_VALUE),
    }

    def __init__(self, batch: pa.RecordBatch, row: int, arena: Any, segments: npt.NDArray[np.int64]) -> None:
        self.batch = batch
        self.row = row
        self.arena = arena
        self.segments = segments.tolist()
        self._texts: dict[str, list[bytes]] = {}

    def texts(self, field: Field) -> list[bytes]:
        """Every form of the field's text: as sent and decoded."""
        found = self._texts.get(field.name)
        if found is None:
            found = self._texts[field.name] = self._read(field)
        return found

    def binary(self, name: str) -> bytes:
        """A binary column's value, empty for null."""
        return self.batch.column(name)[self.row].as_py() or b""

    def _read(self, field: Field) -> list[bytes]:
        part = field.part
        if part is Part.URL:
            return self._urls(field.name)
        if part is Part.BYTES:
            text = self.batch.column(field.detail)[self.row].as_py()
            if text is not None and field.name == "headers":
                text = text.partition(b"\n")[2]
            return [] if text is None else [text]
        if part is Part.HEADER:
            return [value for name, value in self.headers if name == field.detail.encode()]
        if part is Part.RESPONSE_HEADER:
            return [value for name, value in _headers(self.binary("response_head")) if name == field.detail.encode()]
        if part is Part.ANYWHERE:
            return [*self._urls("url"), self.binary("request_head"), self.binary("request_body"), *self._segments(unfold.BODY_TEXT)]
        return self._inputs(field.detail)

    def _urls(self, name: str) -> list[bytes]:
        found = []
        for start, end, _, place, target, query in self.segments:
            if place not in (unfold.URL, unfold.URL_RAW):
                continue
            asked = query > target and self.arena[query - 1] == 63
            path = bytes(self.arena[target : query - 1 if asked else query])
            if name == "url":
                # Proxies log a whole URL, servers a target or a path: an exact comparison may mean any of them.
                found += [bytes(self.arena[start:end]), bytes(self.arena[target:end]), path]
            elif name == "target":
                found.append(bytes(self.arena[target:end]))
                if asked:
                    found.append(bytes(self.arena[query:end]))
            elif name == "query":
                if asked:
                    found.append(bytes(self.arena[query:end]))
            elif name == "extension":
                last = path.rsplit(b"/", 1)[-1]
                found.append(last.rsplit(b".", 1)[1] if b"." in last else b"")
            else:
                found.append(path)
        return found

    def _segments(self, *places: int) -> list[bytes]:
        return [bytes(self.arena[inner:end]) for start, end, _, place, inner, _ in self.segments if place in places]

    def _inputs(self, detail: str) -> list[bytes]:
        if detail == "path":
            return self._urls("path")
        if detail == "query":
            return self._urls("query")
        if detail == "name":
            return [name for name, _ in self.pairs]
        if detail == "value":
            return [value for _, value in self.pairs]
        found: list[bytes] = []
        if detail == "any":
            found += self._urls("target")
        if detail in ("any", "header"):
            found += self._segments(unfold.HEADER)
            found += [value for name, value in self.headers if name != b"cookie"]
        if detail in ("any", "cookie"):
            found += self._segments(unfold.COOKIE_VALUE)
            found += [value for name, value in self.headers if name == b"cookie"]
        if detail in ("any", "body"):
            found += self._segments(unfold.BODY_TEXT)
            found.append(self.binary("request_body"))
        return found

    @cached_property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The request's headers, names in lower case."""
        return _headers(self.binary("request_head"))

    @cached_property
    def pairs(self) -> list[tuple[bytes, bytes]]:
        """Names and values of query parameters, cookies, form fields and JSON members, decoded."""
        query = self.batch.column("query")[self.row].as_py()
        found = _form(query.encode("utf-8", "surrogateescape"), b"&", True) if query else []
        for name, value in self.headers:
            if name == b"cookie":
                found += _form(value, b";", False)
        body = self.binary("request_body")
        media_type = str(self.batch.column("request_type")[self.row].as_py() or "")
        if body[:1] in (b"{", b"["):
            found += _members(body)
        elif "urlencoded" in media_type or not media_type:
            found += _form(body, b"&", True)
        elif "multipart" in media_type:
            found += [(name, b"") for name in re.findall(rb'name="([^"\r\n]{1,200})"', body[:262144])][:_MOST_NAMES]
        return found


def _headers(head: bytes) -> list[tuple[bytes, bytes]]:
    found = []
    for line in head.split(b"\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            found.append((name.strip().lower(), value.strip()))
    return found


def _form(text: bytes, between: bytes, plus: bool) -> list[tuple[bytes, bytes]]:
    found = []
    for part in text.split(between, _MOST_NAMES)[:_MOST_NAMES]:
        name, _, value = part.partition(b"=")
        found.append((decoded(name.strip(), plus), decoded(value, plus)))
    return found


_MEMBER = re.compile(rb'"((?:[^"\\]|\\.){0,200})"\s*:\s*(?:"((?:[^"\\]|\\.){0,4096})"|([^\s,}\]{\["]{1,40}))?')


def _members(body: bytes) -> list[tuple[bytes, bytes]]:
    """Members of JSON objects at any depth; read leniently, so that cut bodies give what they have."""
    found = []
    for match in _MEMBER.finditer(body):
        name, text, plain = match.groups()
        found.append((decoded(name, False), decoded(text or plain or b"", False)))
        if len(found) >= _MOST_NAMES:
            break
    return found
