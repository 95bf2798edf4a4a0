"""Secrets leave memory as keyed tokens, and clean text as it is."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.cards import PATTERN, card_number, luhn
from sensor.errors import SensorError
from sensor.masking import KEY_FILE, Masker, installation_key
from tests.forms import FORMS, module

MASKER = Masker(b"k" * 32)

SECRET = [
    ("/v1/reset?access_token=abcdefgh12", "abcdefgh12"),
    ("user=joe&password=x1&b=2", "x1"),
    ('{"user_password": "a\\"b", "k": 1}', 'a\\"b'),
    ("Authorization: Bearer abc.def.ghi12345", "abc.def"),
    ("X-API-Key: 0123456789abcdef", "0123456789abcdef"),
    ("cookie: theme=darkblue1; session=deadbeef", "deadbeef"),
    ("the call sent Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ("https://user:pw@host.example/x", "user:pw"),
    ("/users/joe%40example.com/x", "joe"),
    ("from a.b+c@d-e.co.uk.", "a.b"),
    ("paid with 4111 1111 1111 1111 today", "1111 1111"),
    ("/cards/5105105105105100", "5105105105105100"),
    ("t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.abc-def", "eyJzdWIi"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIabc", "MIIabc"),
    ("/accounts/DE89370400440532013000/balance", "0532013000"),
    ("send it to GB82 WEST 1234 5698 7654 32, please", "7654 32"),
    ("/transfer?to=NL91%20ABNA%200417%201643%2000", "1643"),
    ("/lookup/+4930901820123", "4930901820123"),
    ("/lookup/%2B4930901820123/name", "4930901820123"),
    ("call +1 (415) 555-2671 or come by", "555-2671"),
    ("hf_abcdefghijklmnopqrstuvwxyzABCDEFGH and on", "abcdefghij"),
    ("id AKIAABCDEFGHIJKLMNOP here", "AKIAABCDEFGHIJKLMNOP"),
    ('{"pin": 4711, "n": 1}', "4711"),
    ('{"api_key" :\n  "abcdefgh1234"}', "abcdefgh1234"),
    ('{"payload":"{\\"password\\":\\"x1y\\"}"}', "x1y"),
    ('{"payload":"{\\"cvv\\":737}"}', "737"),
    ("user%5Bpassword%5D=x1y", "x1y"),
    ('--b\r\nContent-Disposition: form-data; name="user_password"\r\n\r\nx1y\r\n--b--', "x1y"),
    ('--b\r\nContent-Disposition: form-data; name="pin"\r\nContent-Type: text/plain\r\n\r\n4711\r\n--b--', "4711"),
    ('<s:Body><w:userPassword type="t">x1y</w:userPassword></s:Body>', "x1y"),
    ("<pin>4711</pin>", "4711"),
    ('mutation { login(user: "joe", password: "x1y") { id } }', "x1y"),
    ('{"query": "mutation { login(password:\\"x1y\\") }"}', "x1y"),
    ("{password: 'x1y'}", "x1y"),
    ('<Credential user="joe" password="x1y"/>', "x1y"),
    ("password[]=x1y&password[]=z2", "x1y"),
    ("db:\n  user: joe\n  db_password:  x1 y\n", "x1 y"),
    ("https://s3.example/o?X-Amz-Signature=5d672d79c15b13162d92&x=1", "5d672d79c15b13162d92"),
]

CLEAN = [
    "/accounts/DE89370400440532013001/balance",  # its check digits are wrong
    "DE89 is a motorway, GB82 a route, 2025-05-01T10:00:00+01:00 a time",
    "/search?q=order+4711081512345",
    "1.5e+12345678901 +999123456789",
    "/api/v1/orders/1700000000000?page=3&limit=20",
    "/articles/basic-authentication",
    "Basic authentication is used",
    "page_token=abcdefghijkl&max_tokens=100000000",
    "assid=12345678901",
    "order 1234567812345678",
    "user@localhost",
    "token=71150",
    '{"token": 71150, "pins": 3, "author": "joe"}',
    "<spinner>large</spinner>",
    'Content-Disposition: form-data; name="comment"\r\n\r\nhello',
    "token: a sentence about tokens",
    "password=' OR '1'='1",
    "",
]


@pytest.mark.parametrize(("text", "secret"), SECRET)
def test_a_secret_becomes_a_token(text: str, secret: str) -> None:
    masked = MASKER.text(text)
    assert secret not in masked
    assert "masked-" in masked


@pytest.mark.parametrize("text", CLEAN)
def test_clean_text_comes_back_as_it_is(text: str) -> None:
    assert MASKER.text(text) == text


def test_the_operators_names_are_masked_wherever_they_stand() -> None:
    own = Masker(b"k" * 32, ("badge_no", "x-employee"))
    for text in ("?badge_no=B1", '{"badge_no": 12}', "X-Employee: joe", "<badge_no>B1</badge_no>"):
        assert "masked-" in own.text(text), text
        assert MASKER.text(text) == text
    assert own.header("X-Employee", "joe smith").startswith("joe masked-") or own.header("X-Employee", "joe smith").startswith("masked-")
    assert own.column(pa.array(["/a?badge_no=B1"])).to_pylist() == [own.text("/a?badge_no=B1")]


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("JSON field user.password", "hunter2", "hunter2"), ("form field password", "q!", "q!"), ("query parameter api_key", "abcdefgh12", "abcdefgh12"),
        ("cookie connect.sid", "s%3Aabcdefgh12", "abcdefgh12"), ("header x-api-key", "abcdefgh12", "abcdefgh12"),
        ("header.authorization", "Bearer abcdefgh12", "abcdefgh12"), ("header.cookie", "a=b; connect.sid=abcdefgh12", "abcdefgh12"),
        ("JSON field cards[0].cvv", "123", "123"), ("JSON field pin", "4711", "4711"),
    ],
)  # fmt: skip
def test_a_value_is_masked_by_the_name_that_a_judge_gives_it(name: str, value: str, secret: str) -> None:
    assert secret not in MASKER.field(name, value)
    assert "masked-" in MASKER.field(name, value)
    assert MASKER.field(name, MASKER.field(name, value)) == MASKER.field(name, value)
    assert Masker(None).field(name, value) == value


def test_values_of_other_names_are_shown() -> None:
    for name, value in (("query parameter q", "' OR 1=1"), ("user_agent", "sqlmap/1.8"), ("path segment", "etc"), ("header user-agent", "curl/8"), ("JSON field page_token", "abcdefgh12")):
        assert MASKER.field(name, value) == value


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 5000))
@settings(max_examples=100, deadline=None)
def test_what_is_quoted_is_masked_before_it_is_cut(before: int, behind: int, far: int) -> None:
    text = f"{'x' * far} {{\"password\": \"hunter2secret\", \"a\": \"{'b' * before}' OR 1=1{'c' * behind}\", \"api_key\": \"abcdefgh12345\"}}".encode()
    start = text.index(b"' OR 1=1")
    shown, at, end = MASKER.around(text, start, start + 8)
    assert shown[at:end] == b"' OR 1=1"
    assert b"hunter2" not in shown and b"abcdefgh" not in shown
    assert shown[at - before : end + behind] == text[start - before : start + 8 + behind]


def test_equal_values_have_equal_tokens_and_another_key_gives_others() -> None:
    assert MASKER.token("jwt", "v") == Masker(b"k" * 32).token("jwt", "v") != Masker(b"l" * 32).token("jwt", "v")


def test_without_a_key_nothing_is_masked() -> None:
    assert all(Masker(None).text(text) == text for text, _ in SECRET)
    assert Masker(None).header("Authorization", "Bearer abcdefghij") == "Bearer abcdefghij"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Authorization", "Bearer abcdefghij", "Bearer masked-secret-"),
        ("authorization", "abcdefghij", "masked-secret-"),
        ("Cookie", "sid=abcdefghij; theme=darkblue1", "sid=masked-secret-"),
        ("Set-Cookie", "sid=abcdefghij; Path=/; HttpOnly", "; Path=/; HttpOnly"),
        ("Accept", "text/html", "text/html"),
    ],
)
def test_credential_headers_keep_scheme_and_names(name: str, value: str, shown: str) -> None:
    masked = MASKER.header(name, value)
    assert shown in masked
    assert "abcdefghij" not in masked


def test_a_column_is_masked_where_needed_and_is_itself_where_not() -> None:
    clean = pa.array(["/a", None, "", "/b"])
    assert MASKER.column(clean) is clean
    mixed = pa.array(["/skipped", "/a", None, "/users/joe%40example.com", "x", "token=abcdefghijk"])[1:]
    assert MASKER.column(mixed).to_pylist() == [None if v is None else MASKER.text(v) for v in mixed.to_pylist()]
    words = pa.array(["a", "password=abc", "a", None]).dictionary_encode()
    assert MASKER.column(words).to_pylist() == ["a", MASKER.text("password=abc"), "a", None]


PIECES = st.sampled_from(
    [*(text for text, _ in SECRET), *CLEAN, "&", "=", " ", "\n", "@", "%40", "token", "sid", "4111-1111-1111-1111", "é", ";", ":", '"', "eyJ", ".", "<", ">", "name=\"", "\r\n\r\n", "123", "\\", "_", "badge_no"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.none(), st.lists(PIECES, max_size=5).map("".join), st.text(max_size=30)), max_size=6))
def test_the_scan_over_columns_misses_nothing_that_masking_changes(rows: list[str | None]) -> None:
    rows = [None if row is None else row.encode("utf-8", "replace").decode() for row in rows]
    for masker in (MASKER, Masker(b"k" * 32, ("badge_no",))):
        assert masker.column(pa.array(rows, pa.string())).to_pylist() == [None if row is None else masker.text(row) for row in rows]


@pytest.mark.parametrize("digits", ["4111111111111111", "378282246310005", "5555555555554444", "6011111111111117", "30569309025904"])
def test_test_card_numbers_of_the_schemes_are_cards(digits: str) -> None:
    assert luhn(digits) and card_number(digits)


DIGITS = st.sampled_from(["4", "4111", "378282246310005", "0", "9", " ", "+", "-", "%20", "%", ".", "a", "F", "g", "é", "5", "60"])


@settings(max_examples=500, deadline=None)
@given(rows=st.lists(st.lists(DIGITS, max_size=8).map("".join), max_size=5))
def test_no_row_that_may_hold_a_card_number_is_missed_in_either_form(rows: list[str]) -> None:
    column = pa.array(["", *rows], pa.string())
    offsets, octets = np.frombuffer(column.buffers()[1], np.int32), np.frombuffer(column.buffers()[2] or b"\0", np.uint8)
    found = [module("sensor.cards", form).may_hold(offsets[: len(column) + 1], octets) for form in FORMS]
    assert found[0] == found[1]
    matching = {row for row, text in enumerate(column.to_pylist()) if re.search(PATTERN, text)}
    assert matching <= set(found[0]) <= {row for row, text in enumerate(column.to_pylist()) if re.search(r"[2-6]\d{12}|[2-6]\d{3}([ +-]|%)", text)}


@pytest.mark.parametrize("digits", ["4111111111111112", "1700000000000", "0000000000000000", "9999999999999995"])
def test_other_numbers_are_no_cards(digits: str) -> None:
    assert not card_number(digits)


def test_the_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    key = installation_key(tmp_path / "state")
    assert len(key) == 32 and installation_key(tmp_path / "state") == key
    assert stat.S_IMODE((tmp_path / "state" / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "state").iterdir()] == [KEY_FILE]


def test_a_damaged_key_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"short")
    with pytest.raises(SensorError, match="remove it"):
        installation_key(tmp_path)
