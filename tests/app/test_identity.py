"""Who calls: principals by the strongest of what a call carries, and the table that knows credentials again."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from parsers.schema import CALL_SCHEMA
from sensor import identity, remembered
from sensor.identity import Identity
from sensor.masking import Masker
from tests.forms import FORMS, module

MASKER = Masker(b"k" * 32)
COLUMNS = ("authorization", "api_key", "cookie", "client_ip")


def batch(*rows: dict[str, Any]) -> pa.RecordBatch:
    arrays = [pa.array([row.get(name) for row in rows], pa.string()).dictionary_encode() for name in COLUMNS]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema([CALL_SCHEMA.field(name).with_nullable(True) for name in COLUMNS]))


def bearer(claims: bytes) -> str:
    return "Bearer " + ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"HS256"}', claims, b"signature"))


def test_the_strongest_that_a_call_carries_says_who_it_is() -> None:
    calls = batch(
        {"authorization": bearer(b'{"sub":"u1"}'), "api_key": "k1", "client_ip": "192.0.2.1"},
        {"authorization": "Basic am9lOng=", "client_ip": "192.0.2.1"},
        {"authorization": "Bearer opaque-1", "client_ip": "192.0.2.1"},
        {"authorization": "Basic !", "api_key": "k1", "client_ip": "192.0.2.1"},
        {"cookie": "theme=x; PHPSESSID=s1", "client_ip": "192.0.2.1"},
        {"cookie": "theme=x", "client_ip": "192.0.2.1"},
        {},
    )
    principals, kinds = Identity(MASKER).observe(calls)
    assert kinds.to_pylist() == ["jwt", "user", "token", "key", "session", "address", None]
    told = ["u1", "joe", MASKER.token("token", "opaque-1"), MASKER.token("key", "k1"), MASKER.token("session", "s1"), "192.0.2.1", None]
    assert principals.to_pylist() == told
    assert len(principals.dictionary) == 6


def test_slices_and_later_batches_are_told_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "REMEMBERED", 8)
    who = Identity(MASKER)
    for start in range(0, 60, 3):  # past the limit it forgets, and finds the same again
        calls = batch(*({"authorization": f"Bearer opaque-{(start + n) % 20}", "client_ip": "192.0.2.1"} for n in range(6)))[2:5]
        assert who.observe(calls)[0].to_pylist() == [MASKER.token("token", f"opaque-{(start + n) % 20}") for n in range(2, 5)]
        assert sum(known.count for known in who._known.values()) <= 8 + 6


@pytest.mark.parametrize("form", FORMS)
def test_remembered_strings_are_told_again(form: str) -> None:
    made = module("sensor.remembered", form)
    known = made.Remembered(4)
    numbers = np.zeros(3, np.int32)
    marks = made.hashes_of(np.array([0, 1, 3, 3], np.int32), np.frombuffer(b"abb", np.uint8))
    assert known.look(marks, numbers) == [0, 1, 2]
    known.put(int(marks[1]), 5)
    assert known.look(marks, numbers) == [0, 2] and numbers.tolist() == [-1, 5, -1]
    for n in range(20):
        known.put(2 * n + 1, n)
    assert known.count <= 4


def test_words_are_hashed_once_for_a_batch_and_alike_in_all_of_them() -> None:
    one = batch({"authorization": "a"}, {"authorization": "b"})
    other = batch({"authorization": "b"}, {"api_key": "a"})
    marks = remembered.hashes(one, "authorization")
    assert remembered.hashes(one, "authorization") is marks
    assert remembered.hashes(other, "authorization").tolist() == marks[1:].tolist()
    assert remembered.hashes(other, "api_key").tolist() == marks[:1].tolist()
