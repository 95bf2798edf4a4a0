"""Who calls: the principal of every call, found from what it carries, a batch at a time.

In order of strength: the subject of a JWT, the user of HTTP Basic, an opaque bearer token, an API key, a session cookie, and else the client's
address. Every distinct credential of a batch is looked at once (columns are dictionary-encoded), whatever the number of calls. Principals made
from credentials are keyed tokens, so that the credential itself stands nowhere and equal ones stay recognisable.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from sensor.masking import Masker

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
        self._remembered: dict[tuple[str, str], tuple[int, str] | None] = {}

    def observe(self, batch: pa.RecordBatch) -> tuple[pa.DictionaryArray, pa.DictionaryArray]:
        """(principal, principal_kind) of every call of a batch, both dictionary-encoded."""
        n = batch.num_rows
        names: dict[tuple[int, str], int] = {}
        rows = np.full(n, -1, np.int32)
        for column, tell in (
            ("authorization", self._authorization),
            ("api_key", self._key),
            ("cookie", self._cookie),
            ("client_ip", lambda address: (0, address)),
        ):
            array = batch.column(column)
            told = np.full(len(array.dictionary) + 1, -1, np.int32)
            for code, value in enumerate(array.dictionary.to_pylist()):
                known = (column, value)
                if known in self._remembered:
                    found = self._remembered[known]
                else:
                    found = tell(value)
                    if len(self._remembered) >= REMEMBERED:
                        self._remembered.clear()
                    self._remembered[known] = found
                if found is not None:
                    told[code] = names.setdefault(found, len(names))
            codes = array.indices.fill_null(len(array.dictionary)).to_numpy(zero_copy_only=False)
            rows = np.where(rows < 0, told[codes], rows)
        kinds = np.array([kind for kind, _ in names], np.int32)
        principals = pa.DictionaryArray.from_arrays(
            pa.array(rows, mask=rows < 0), pa.array([name for _, name in names], pa.string())
        )
        of_rows = kinds[rows] if len(kinds) else rows
        return principals, pa.DictionaryArray.from_arrays(pa.array(of_rows, mask=rows < 0), pa.array(KINDS, pa.string()))

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
    arrays = {name: batch.column(name) for name in batch.schema.names}
    arrays.update(columns)
    return pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))
