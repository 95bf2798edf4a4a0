"""Who calls: the principal of every call, found from what it carries, a batch at a time.

In order of strength: the subject of a JWT, the user of HTTP Basic, an opaque bearer token, an API key, a session cookie, and else the client's
address. Every distinct credential of a batch is looked at once (columns are dictionary-encoded), whatever the number of calls. Principals made
from credentials are keyed tokens, so that the credential itself stands nowhere and equal ones stay recognisable.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from parsers.columns import coded, codes
from sensor.masking import Masker
from sensor.remembered import Remembered, hashes

KINDS = ("address", "jwt", "user", "token", "key", "session")

SESSION_COOKIES = re.compile(
    r"(?:^|;\s*)((?:[\w.-]*(?:sess(?:ion)?|sid|auth|token|jwt)[\w.-]*))=([^;]+)", re.IGNORECASE
)
"""Names under which frameworks keep a session: PHPSESSID, JSESSIONID, connect.sid, sessionid, ASP.NET_SessionId, laravel_session, ..."""

SUBJECTS = ("sub", "user_id", "uid", "username", "preferred_username", "email", "client_id", "azp")

REMEMBERED = 65_536
"""Credentials whose principal is remembered: the active users of a large API; 10 MB or so."""

_JWT = re.compile(r"^[\w-]+\.([\w-]+)\.[\w-]*$")


class Identity:
    """Finds principals; what it found for a credential is remembered, for REMEMBERED of them."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._tell: dict[str, Callable[[str], tuple[int, str] | None]] = {
            "authorization": self._authorization,
            "api_key": self._key,
            "cookie": self._cookie,
            "client_ip": lambda address: (0, address),
        }
        self._forget()

    def _forget(self) -> None:
        self._known = {column: Remembered(REMEMBERED) for column in self._tell}
        """By column and credential: the number of its principal, 0 where it tells none."""
        self._numbers: dict[tuple[int, str], int] = {}
        self._kinds: list[int] = [-1]
        self._names: list[str] = [""]

    def observe(self, batch: pa.RecordBatch) -> tuple[pa.DictionaryArray, pa.DictionaryArray]:
        """(principal, principal_kind) of every call of a batch, both dictionary-encoded."""
        if sum(known.count for known in self._known.values()) >= REMEMBERED:
            self._forget()
        rows: np.ndarray[Any, Any] = np.zeros(batch.num_rows, np.int32)
        open_rows: np.ndarray[Any, Any] | None = None
        for column, known in self._known.items():
            array = batch.column(column)
            if array.null_count == len(array):
                continue
            told = self._told(column, known, hashes(batch, column), array.dictionary)
            if open_rows is None:
                rows = told[codes(array)]
            else:
                rows[open_rows] = told[codes(array)[open_rows]]
            open_rows = np.flatnonzero(rows == 0)
            if not len(open_rows):
                break
        # The batch's own dictionary: the principals it names, in the order of their numbers.
        seen = np.zeros(len(self._names), bool)
        seen[rows] = True
        seen[0] = False
        used = np.flatnonzero(seen)
        place = np.full(len(self._names), -1, np.int32)
        place[used] = np.arange(len(used), dtype=np.int32)
        principals = coded(place[rows], pa.array([self._names[number] for number in used.tolist()], pa.string()))
        return principals, coded(np.array(self._kinds, np.int32)[rows], pa.array(KINDS, pa.string()))

    def _told(self, column: str, known: Remembered, marks: np.ndarray[Any, Any], values: pa.Array) -> np.ndarray[Any, Any]:
        """The number of each value's principal, and 0 past the last for rows without a value. `marks`: the values' hashes."""
        numbers = np.zeros(len(values) + 1, np.int32)
        for i in known.look(marks, numbers[:-1]):
            numbers[i] = self._number(self._tell[column](values[i].as_py() or ""))
            known.put(int(marks[i]), int(numbers[i]))
        return numbers

    def _number(self, found: tuple[int, str] | None) -> int:
        """The number of a principal, given out when it is first met; 0 for none."""
        if found is None:
            return 0
        number = self._numbers.setdefault(found, len(self._names))
        if number == len(self._names):
            self._kinds.append(found[0])
            self._names.append(found[1])
        return number

    def _authorization(self, value: str) -> tuple[int, str] | None:
        scheme, _, credential = value.partition(" ")
        credential = credential.strip()
        if scheme.lower() == "basic":
            try:
                user = base64.b64decode(credential, validate=False).partition(b":")[0].decode("utf-8", "backslashreplace")
            except (binascii.Error, ValueError):
                return None
            return (2, self._masker.text(user)) if user else None
        if not credential:
            credential = scheme
        jwt = _JWT.match(credential)
        if jwt:
            subject = self._subject(jwt[1])
            if subject:
                return 1, self._masker.text(subject)
        return 3, self._masker.token("token", credential)

    def _subject(self, payload: str) -> str | None:
        try:
            claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        except (binascii.Error, ValueError):
            return None
        if not isinstance(claims, dict):
            return None
        return next((str(claims[name]) for name in SUBJECTS if isinstance(claims.get(name), str | int)), None)

    def _key(self, value: str) -> tuple[int, str] | None:
        return (4, self._masker.token("key", value)) if value else None

    def _cookie(self, value: str) -> tuple[int, str] | None:
        session = SESSION_COOKIES.search(value)
        return (5, self._masker.token("session", session[2].strip())) if session else None


def with_columns(batch: pa.RecordBatch, columns: dict[str, Any]) -> pa.RecordBatch:
    """The batch with columns appended, or put in the place of those of the same name."""
    for name, column in columns.items():
        place = batch.schema.get_field_index(name)
        batch = batch.append_column(name, column) if place < 0 else batch.set_column(place, name, column)
    return batch
