"""Counting over calls in packet time: how many, how many different, how many in steps, for each group within a span.

State is a fixed table per rule (`rules.windows`): groups live in buckets, the one idle longest gives way, and the span is cut into slices that
fall out one by one as packet time goes on. A group reports once, and again after a whole span without a report.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rules import columns
from rules.sigma.rule import Counting
from rules.windows import Windows, hashed

if TYPE_CHECKING:
    from rules.matcher import Matched

Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Counted:
    """A group reached its threshold with this row's call."""

    row: int
    count: int
    group: tuple[tuple[str, str], ...]


class Correlator:
    """One correlation's state: feed it the rows that count, batch after batch."""

    def __init__(self, counting: Counting) -> None:
        self.counting = counting
        self.windows = Windows(counting.kind, counting.span, counting.count)

    def observe(self, matched: Matched, rows: npt.NDArray[np.bool_]) -> list[Counted]:
        """The rows on which a group reaches the threshold."""
        at = np.flatnonzero(rows)
        for name in self.counting.group_by:
            at = at[_present(matched, name, at)]
        if self.counting.value:
            at = at[_present(matched, self.counting.value, at)]
        if not len(at):
            return []
        keys = np.full(len(at), 0x9E3779B97F4A7C15, np.uint64)
        for name in self.counting.group_by:
            keys = keys * np.uint64(0x100000001B3) ^ _keys(matched, name, at)
        ts = np.asarray(matched.batch.column("ts")).astype(np.int64)[at]
        if self.counting.kind == "steps":
            values = _values(matched, self.counting.value, at)
        elif self.counting.value:
            values = _keys(matched, self.counting.value, at)
        else:
            values = np.zeros(len(at), np.uint64)
        found = self.windows.feed(np.ascontiguousarray(keys), np.ascontiguousarray(values), np.ascontiguousarray(ts))
        return [
            Counted(int(at[k]), count, tuple((name, _shown(matched, name, int(at[k]))) for name in self.counting.group_by))
            for k, count in found
        ]


def _column(matched: Matched, name: str) -> Any:
    return matched.batch.column(name)


def _key(matched: Matched, name: str) -> tuple[Keys, npt.NDArray[np.bool_]]:
    """Hash and presence of a grouping field on every row; kept for the batch."""
    cache = matched._columns
    slot = f"key:{name}"
    if slot not in cache:
        cache[slot] = _made(matched, name)
    found: tuple[Keys, npt.NDArray[np.bool_]] = cache[slot]
    return found


def _made(matched: Matched, name: str) -> tuple[Keys, npt.NDArray[np.bool_]]:
    names = matched.batch.schema.names
    count = matched.count
    if name == "caller":
        if "principal" in names:
            keys, there = _key(matched, "principal")
            address, _ = _key(matched, "client_ip")
            return np.where(there, keys, address), np.ones(count, np.bool_)
        keys, there = _key(matched, "credential")
        address, _ = _key(matched, "client_ip")
        return np.where(there, keys, address), np.ones(count, np.bool_)
    if name == "credential":
        keys = np.zeros(count, np.uint64)
        there = np.zeros(count, np.bool_)
        for column in ("cookie", "api_key", "authorization"):
            found, has = _key(matched, column)
            keys = np.where(has, found, keys)
            there |= has
        return keys, there
    if name == "endpoint":
        method, _ = _key(matched, "method")
        host, _ = _key(matched, "host")
        if "template" in names:
            shape, has = _key(matched, "template")
            fallback, _ = _key(matched, "shape")
            shape = np.where(has, shape, fallback)
        else:
            shape, _ = _key(matched, "shape")
        prime = np.uint64(0x100000001B3)
        return (method * prime ^ host) * prime ^ shape, np.ones(count, np.bool_)
    if name in ("shape", "object"):
        data, starts, ends = matched._spans("path")
        shapes, objects, has = hashed_paths(data, starts, ends)
        matched._columns["key:shape"] = (shapes, np.ones(count, np.bool_))
        matched._columns["key:object"] = (objects, has)
        found_pair: tuple[Keys, npt.NDArray[np.bool_]] = matched._columns[f"key:{name}"]
        return found_pair
    if name == "login":
        return np.zeros(count, np.uint64), np.ones(count, np.bool_)
    if name == "target":
        path, _ = _key(matched, "path")
        query, _ = _key(matched, "query")
        return path * np.uint64(0x100000001B3) ^ query, np.ones(count, np.bool_)
    if name in ("path", "query"):
        data, starts, ends = matched._spans(name)
        return hashed(data, starts, ends), np.ones(count, np.bool_)
    column = _column(matched, name)
    if name == "status":
        values, valid = columns.numbers(column)
        return values.astype(np.uint64), valid
    data, starts, ends = columns.word_spans(column)
    dictionary, indices = columns.words(column)
    word_data, word_starts, word_ends = columns.spans(dictionary)
    words = np.concatenate([hashed(word_data, word_starts, word_ends), np.zeros(1, np.uint64)])
    return words[indices], indices >= 0


def hashed_paths(data: Any, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> tuple[Keys, Keys, npt.NDArray[np.bool_]]:
    """For each path the hash of its shape (ids left out), the hash of its ids, and whether it has any."""
    from rules.windows import path_keys

    shapes = np.empty(len(starts), np.uint64)
    objects = np.empty(len(starts), np.uint64)
    has = np.empty(len(starts), np.uint8)
    path_keys(data, starts, ends, shapes, objects, has)
    return shapes, objects, has != 0


def _keys(matched: Matched, name: str, at: npt.NDArray[np.int64]) -> Keys:
    if name == "login":
        texts = [_login(matched, row) or "" for row in at.tolist()]
        raw = [text.encode("utf-8", "surrogateescape") for text in texts]
        ends = np.cumsum(np.array([len(text) for text in raw], np.int64))
        starts = ends - np.array([len(text) for text in raw], np.int64)
        keys: Keys = hashed(np.frombuffer(b"".join(raw) or b"\x00", np.uint8), starts, ends)
        return keys
    return _key(matched, name)[0][at]


def _present(matched: Matched, name: str, at: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    if name == "login":
        return np.array([_login(matched, row) is not None for row in at.tolist()], np.bool_)
    return _key(matched, name)[1][at]


def _values(matched: Matched, name: str, at: npt.NDArray[np.int64]) -> Keys:
    """Numbers to step through: the last number in the path for `object`."""
    del name
    data, starts, ends = matched._spans("path")
    from rules.windows import last_numbers

    values = np.empty(len(at), np.uint64)
    last_numbers(data, np.ascontiguousarray(starts[at]), np.ascontiguousarray(ends[at]), values)
    return values


def _shown(matched: Matched, name: str, row: int) -> str:
    names = matched.batch.schema.names
    if name == "endpoint":
        template = matched.batch.column("template")[row].as_py() if "template" in names else None
        path = template if template is not None else re.sub(r"(?<=/)(?=[^/]*\d)(?:[0-9a-fA-F-]+|(?:[^/\d]*\d){3}[^/]*|[^/]{16,})(?=/|$)", "{id}", _text(matched, "path", row))
        return f"{_text(matched, 'method', row)} {_text(matched, 'host', row)}{path}"
    if name == "caller":
        if "principal" in names and matched.batch.column("principal")[row].as_py():
            return _text(matched, "principal", row)
        return _text(matched, "client_ip", row)
    if name == "credential":
        for column in ("authorization", "api_key", "cookie"):
            value = _text(matched, column, row)
            if value:
                return f"{column} #{int(_key(matched, 'credential')[0][row]) & 0xFFFFFFFF:08x}"
        return ""
    if name == "login":
        return _login(matched, row) or ""
    if name == "object":
        return _text(matched, "path", row)
    if name == "target":
        return _text(matched, "path", row)
    return _text(matched, name, row)


def _text(matched: Matched, name: str, row: int) -> str:
    value = matched.batch.column(name)[row].as_py()
    return "" if value is None else str(value)


_LOGIN_NAMES = frozenset(
    b"user username user_name login loginid login_id userid user_id email e-mail mail account account_name identifier phone msisdn name uname usr uid "
    b"j_username log customer client_id".split()
)
_LOGIN = re.compile(rb'"([A-Za-z_-]{2,16})"\s*:\s*"((?:[^"\\]|\\.){1,200})"')


def _login(matched: Matched, row: int) -> str | None:
    """The name somebody tries to log in with: from Basic authentication, a form or a JSON member."""
    cache = matched._columns.setdefault("logins", {})
    if row not in cache:
        cache[row] = _read_login(matched, row)
    found: str | None = cache[row]
    return found


def _read_login(matched: Matched, row: int) -> str | None:
    authorization = matched.batch.column("authorization")[row].as_py()
    if authorization and authorization[:6].lower() == "basic ":
        try:
            return base64.b64decode(authorization[6:].strip() + "==").split(b":", 1)[0].decode("utf-8", "backslashreplace")[:200]
        except (ValueError, binascii.Error):
            return None
    for name, value in matched.row(row).pairs:
        if name.lower() in _LOGIN_NAMES and 0 < len(value) <= 200:
            return value.decode("utf-8", "backslashreplace").lower()
    return None


__all__ = ["Correlator", "Counted"]
