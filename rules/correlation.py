"""Counting over calls in packet time: how many, how many different, how many in steps, for each group within a span.

State is a fixed table per rule (`rules.windows`): groups live in buckets, the one idle longest gives way, and the span is cut into slices that
fall out one by one as packet time goes on. A group reports once, and again after a whole span without a report.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rules import columns
from rules.sigma.rule import Counting
from rules.texts import digests
from rules.windows import Windows, hashed, path_keys

if TYPE_CHECKING:
    from rules.matcher import Matched

Keys = npt.NDArray[np.uint64]
_SEED, _PRIME = np.uint64(0x9E3779B97F4A7C15), np.uint64(0x100000001B3)
_LONG = ("authorization", "cookie", "api_key", "principal")


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
        if not len(at):
            return []
        counting = self.counting
        asked = (*counting.group_by, counting.value) if counting.value else counting.group_by
        for name in asked:
            there = _there(matched, name, at)
            if there is not None:
                at = at[there[at]]
        if not len(at):
            return []
        if "login" in asked:
            # Read from the calls themselves, so only where it counts.
            matched.keys["login"] = (_logins(matched, at), None)
        if counting.value in ("path", "query") and counting.value not in matched.keys:
            values = np.zeros(matched.count, np.uint64)
            data, starts, ends = matched.table.spans(counting.value)
            values[at] = hashed(data, starts[at], ends[at])
        elif counting.kind == "steps":
            values = _paths(matched)[2]
        else:
            values = np.ascontiguousarray(_key(matched, counting.value)[0]) if counting.value else matched.ts.view(np.uint64)
        return [
            Counted(row, count, tuple((name, _shown(matched, name, row)) for name in counting.group_by))
            for row, count in self.windows.feed(_group(matched, counting.group_by), values, matched.ts, at)
        ]


def _group(matched: Matched, names: tuple[str, ...]) -> Keys:
    """One number for each row's group; kept for the batch, but where it is by login."""
    found: Keys | None = matched.keys.get(names)
    if found is None:
        found = np.full(matched.count, _SEED, np.uint64)
        for name in names:
            found *= _PRIME
            found ^= _key(matched, name)[0]
        if "login" not in names:
            matched.keys[names] = found
    return found


def _key(matched: Matched, name: str) -> tuple[Keys, npt.NDArray[np.bool_] | None]:
    """Hash and presence (None: everywhere) of a grouping field on every row; kept for the batch. One hash may stand for all rows: a view, not to be written."""
    if name not in matched.keys:
        matched.keys[name] = _made(matched, name)
    found: tuple[Keys, npt.NDArray[np.bool_] | None] = matched.keys[name]
    return found


def _made(matched: Matched, name: str) -> tuple[Keys, npt.NDArray[np.bool_] | None]:
    table = matched.table
    count = matched.count
    if name == "caller":
        keys, there = _key(matched, "principal" if "principal" in table else "credential")
        if there is None:
            return keys, None
        return np.where(there, keys, _key(matched, "client_ip")[0]), None
    if name == "credential":
        carried = [column for column in ("cookie", "api_key", "authorization") if table.column(column).null_count < count]
        if len(carried) == 1:
            return _key(matched, carried[0])
        keys = np.zeros(count, np.uint64)
        there = np.zeros(count, np.bool_)
        for column in carried:
            found, has = _key(matched, column)
            if has is None:
                return found, None
            keys = np.where(has, found, keys)
            there |= has
        return keys, there
    if name == "endpoint":
        method, host = _key(matched, "method")[0], _key(matched, "host")[0]
        shape: Keys
        if "template" not in table:
            shape = _key(matched, "shape")[0]
        else:
            shape, has = _key(matched, "template")
            if has is not None:
                shape = np.where(has, shape, _key(matched, "shape")[0])
        return (method * _PRIME ^ host) * _PRIME ^ shape, None
    if name == "shape":
        return _paths(matched)[0], None
    if name == "object":
        return _paths(matched)[1], _paths(matched)[3]
    if name == "target":
        return _key(matched, "path")[0] * _PRIME ^ _key(matched, "query")[0], None
    if name in ("path", "query"):
        return hashed(*table.spans(name)), None
    column = table.column(name)
    if name == "status":
        return columns.integers(column).astype(np.uint64), table.valid(name) if column.null_count else None
    if column.null_count == count:
        return np.zeros(count, np.uint64), np.zeros(count, np.bool_)
    dictionary = column.dictionary if isinstance(column, pa.DictionaryArray) else table.words(name)[0]
    # Credentials are long and are grouped by only.
    hashes = (digests if name in _LONG else hashed)(*columns.spans(dictionary))
    if len(dictionary) == 1 and not column.null_count:
        return np.broadcast_to(hashes, count), None
    codes = table.words(name)[1]
    return np.append(hashes, np.uint64(0))[codes], codes >= 0 if column.null_count else None


def _paths(matched: Matched) -> tuple[Keys, Keys, Keys, npt.NDArray[np.bool_]]:
    """Of each path the hash of its shape (not to be used where every call has a template), the hash of its ids, its last number, and whether it has
    ids; kept for the batch."""
    if "paths" not in matched.keys:
        table = matched.table
        shapeless = "template" in table and not table.column("template").null_count
        shapes, objects, numbers = (np.empty(matched.count, np.uint64) for _ in range(3))
        has = np.empty(matched.count, np.uint8)
        path_keys(*table.spans("path"), None if shapeless else shapes, objects, numbers, has)
        matched.keys["paths"] = (shapes, objects, numbers, has.view(np.bool_))
    found: tuple[Keys, Keys, Keys, npt.NDArray[np.bool_]] = matched.keys["paths"]
    return found


def _logins(matched: Matched, at: npt.NDArray[np.int64]) -> Keys:
    """The hashes of the names tried on some rows."""
    raw = [(_login(matched, row) or "").encode("utf-8", "surrogateescape") for row in at.tolist()]
    lengths = np.array([len(text) for text in raw], np.int64)
    ends = np.cumsum(lengths)
    keys = np.zeros(matched.count, np.uint64)
    keys[at] = hashed(np.frombuffer(b"".join(raw) or b"\x00", np.uint8), ends - lengths, ends)
    return keys


def _there(matched: Matched, name: str, at: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_] | None:
    """On which rows a field is there, as far as these rows go; None for all of them."""
    if name in ("path", "query", "target", "endpoint", "caller", "shape"):
        return None
    if name == "login":
        there = np.zeros(matched.count, np.bool_)
        there[at] = [_login(matched, row) is not None for row in at.tolist()]
        return there
    return _key(matched, name)[1]


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
                return f"{column} #{_shown_hash(matched, row):08x}"
        return ""
    if name == "login":
        return _login(matched, row) or ""
    if name == "object":
        return _text(matched, "path", row)
    if name == "target":
        return _text(matched, "path", row)
    return _text(matched, name, row)


def _shown_hash(matched: Matched, row: int) -> int:
    """What a credential is called where it must not be shown: the last of those that a call carries."""
    for column in ("authorization", "api_key", "cookie"):
        value = matched.batch.column(column)[row].as_py()
        if value is not None:
            octets = value.encode("utf-8", "surrogateescape")
            found = hashed(np.frombuffer(octets or b"\x00", np.uint8), np.zeros(1, np.int64), np.array([len(octets)], np.int64))
            return int(found[0]) & 0xFFFFFFFF
    return 0


def _text(matched: Matched, name: str, row: int) -> str:
    value = matched.batch.column(name)[row].as_py()
    return "" if value is None else str(value)


_LOGIN_NAMES = frozenset(
    b"user username user_name login loginid login_id userid user_id email e-mail mail account account_name identifier phone msisdn name uname usr uid "
    b"j_username log customer client_id".split()
)


def _login(matched: Matched, row: int) -> str | None:
    """The name somebody tries to log in with: from Basic authentication, a form or a JSON member."""
    cache = matched.keys.setdefault("logins", {})
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
