"""Decoding of what clients send, in both forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rules.unfold as compiled
from rules.examples import batch_of
from rules.inputs import decoded
from rules.ruleset import RuleSet
from tests.forms import module

interpreted = module("rules.unfold", "python")
FORMS = [interpreted, compiled]


@pytest.fixture(params=FORMS, ids=["python", "as built"])
def form_of(request: pytest.FixtureRequest):
    return request.param


def spans(texts: list[bytes]):
    ends = np.cumsum(np.array([len(text) for text in texts], np.int64))
    return np.frombuffer(b"".join(texts) or b"\0", np.uint8), ends - np.array([len(text) for text in texts], np.int64), ends


def unfolded(form_of, path=b"/", query=b"", head=b"", body=b"", kind=0):
    unfolder = form_of.Unfolder()
    data = [spans([text]) for text in (b"h", path, query, head, body)]
    if not form_of.COMPILED:
        data = [(bytes(octets), starts, ends) for octets, starts, ends in data]
    unfolder.unfold(1, data[0], data[1], data[2], np.array([1], np.uint8), data[3], data[4], np.array([kind], np.uint8))
    values = [
        (int(place), bytes(unfolder.arena[start:end]))
        for start, end, _, place, _ in unfolder.values[: unfolder.n_values].tolist()
    ]
    segments = [(int(s[3]), bytes(unfolder.arena[s[0] : s[1]])) for s in unfolder.segments[: unfolder.n_segments].tolist()]
    return values, segments


@pytest.mark.parametrize(
    "sent, text",
    [
        (b"a%27b", b"a'b"), (b"a%2527b", b"a'b"), (b"a+b'", b"a b'"), (b"%u0027", b"'"), (b"%c0%27x'", b"\xc0'x'"), (b"%c0%a7'", b"''"),
        (b"&lt;a", b"<a"), (b"&#39;", b"'"), (b"&#x27", b"'"), (b"\\u0027", b"'"), (b"\\x27", b"'"), (b"%EF%BC%87", b"'"), (b"%", b"%"), (b"%4", b"%4"), (b"%zz'", b"%zz'"),
    ],
)  # fmt: skip
def test_a_parameter_is_decoded_as_servers_do(form_of, sent: bytes, text: bytes) -> None:
    sent = sent.replace(b"&", b"%26").replace(b"#", b"%23") if sent.startswith(b"&") else sent
    values, _ = unfolded(form_of, query=b"q=" + sent)
    if text not in (b"%", b"%4"):
        assert (compiled.QUERY_VALUE, text) in values


def test_values_of_a_json_body(form_of) -> None:
    body = b'{"a\\u0027": "x\\"y<", "n": 5, "list": ["it\'s", {"deep": "1=1"}], "plain": "nothing"}'
    values, _ = unfolded(form_of, body=body, kind=compiled.JSON)
    assert values[0] == (compiled.PATH, b"/") or (compiled.BODY_NAME, b"a'") in values
    assert (compiled.BODY_VALUE, b'x"y<') in values and (compiled.BODY_VALUE, b"it's") in values and (compiled.BODY_VALUE, b"1=1") in values
    assert all(text != b"nothing" for _, text in values)


def test_values_of_multipart_xml_cookies_and_headers(form_of) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a;b.php"\r\n\r\nit\'s\r\n--b--\r\n'
    values, _ = unfolded(form_of, body=body, kind=compiled.MULTIPART)
    assert (compiled.FILENAME, b"a;b.php") in values and (compiled.BODY_VALUE, b"it's") in values
    values, _ = unfolded(form_of, body=b"<a b='1=1'>x&apos;y<![CDATA[<z>]]></a>", kind=compiled.XML)
    assert {b"1=1", b"x'y", b"<z>"} <= {text for _, text in values}
    head = b"GET / HTTP/1.1\r\nCookie: a=%27x; b=2\r\nX-Odd: ${jndi:x}\r\nAccept: */*;q=0.8\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) A/1 (KHTML, like Gecko)\r\n\r\n"
    values, segments = unfolded(form_of, head=head)
    assert (compiled.COOKIE_VALUE, b"'x") in values and (compiled.HEADER, b"${jndi:x}") in values
    assert [text for place, text in segments if place == compiled.HEADER] == [b"X-Odd:${jndi:x}"]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=80), st.binary(max_size=120), st.binary(max_size=200), st.binary(max_size=200), st.integers(0, 5))
def test_both_forms_give_the_same_for_any_octets(path: bytes, query: bytes, head: bytes, body: bytes, kind: int) -> None:
    assert unfolded(interpreted, path, query, b"x\n" + head, body, kind) == unfolded(compiled, path, query, b"x\n" + head, body, kind)


def surveyed(form_of, path: bytes, query: bytes | None, body: bytes, kind: int):
    """What a survey of one call makes plain, and the values it has read."""
    unfolder = form_of.Unfolder()
    data = [spans([text]) for text in (b"h", path, query or b"", b"", body)]
    if not form_of.COMPILED:
        data = [(bytes(octets), starts, ends) for octets, starts, ends in data]
    has_query = np.array([query is not None], np.uint8)
    unfolder.survey(1, *data[:3], has_query, data[3], np.zeros(1, np.uint8), data[4], np.array([kind], np.uint8), False)
    ends = unfolder.plain_ends[: unfolder.n_plain].tolist()
    plain = [bytes(unfolder.plain[0 if k == 0 else ends[k - 1] + 1 : end]) for k, end in enumerate(ends)]
    values = [(int(place), bytes(unfolder.arena[start:end])) for start, end, _, place, _ in unfolder.values[: unfolder.n_values].tolist()]
    return plain[: unfolder.n_inputs], plain[unfolder.n_inputs :], unfolder.plain_levels[: unfolder.n_plain].tolist(), values


TARGETS = st.lists(
    st.sampled_from([b"/", b"bin/", b"usr/", b"32/", b"system32/", b"SysTEM32/", b"v2/", b"login/", b"a", b"7", b"-", b"--", b"@", b"@@", b".", b".e", b"x", b"X", b"=", b"&", b"?", b"%27", b"+", b"'", b" "]), max_size=10
).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(TARGETS, st.none() | TARGETS, TARGETS | st.binary(max_size=60), st.sampled_from([0, 1, 2]))
def test_what_is_surveyed_as_plain_holds_no_value_to_read(path: bytes, query: bytes | None, body: bytes, kind: int) -> None:
    told = [surveyed(form_of, path, query, body, kind) for form_of in FORMS]
    assert told[0] == told[1]
    inputs, bodies, levels, _ = told[1]
    assert bodies == ([body] if body else [])
    assert levels == [next(k for k, alphabet in enumerate(compiled.LEVELS) if set(text) <= alphabet) for text in [*inputs, *bodies]]
    if surveyed(compiled, path, query, b"", 0)[0]:
        assert not unfolded(compiled, path, query or b"")[0]
    if kind == compiled.FORM and body in surveyed(compiled, b"%", None, body, kind)[0]:
        assert not unfolded(compiled, body=body, kind=kind)[0]


@pytest.mark.parametrize("path, plain", [(b"/v2/users", True), (b"/login/", True), (b"/usr/bin/id", False), (b"/x/system32/a", False), (b"/432/orders", True), (b"/BIN/a", False)])
def test_folders_of_programs_are_read(form_of, path: bytes, plain: bool) -> None:
    inputs, _, _, values = surveyed(form_of, path, None, b"", 0)
    assert (inputs == [path]) is plain and bool(values) is not plain


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100), st.booleans())
def test_decoding_one_text_never_grows_it(text: bytes, plus: bool) -> None:
    assert len(decoded(text, plus)) <= len(text)


def test_a_flood_of_parameters_is_bounded(form_of) -> None:
    values, _ = unfolded(form_of, query=b"&".join(b"a=%27" for _ in range(3000)))
    assert len(values) <= compiled.MAX_VALUES + 1


def test_an_empty_rule_set_finds_nothing() -> None:
    assert RuleSet([]).observe(batch_of([{"request": "GET / HTTP/1.1\nHost: a\n\n"}])) == []
