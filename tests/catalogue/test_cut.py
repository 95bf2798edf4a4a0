"""Bodies of which the end was not kept: what is there is learned, what is not there proves nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.limits import Limits
from sensor.catalogue.cut import close_json
from sensor.catalogue.learning import read_body, read_xml
from sensor.catalogue.schema import Room, Schema
from sensor.catalogue.structure import FORM, JSON, MULTIPART, OTHER, XML
from tests.catalogue.test_learning import call, only

KEPT = Limits().kept_body
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e6, 1e6) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)
TEXT = b'{"a": [1, 22, {"b": "x\\"}]", "c": [[], {}]}], "d": {"e": null}, "f": "\\u00e9", "g": 12}'


def part_of(part: Any, whole: Any) -> bool:
    """Whether a value is what was read of another one before it was cut."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole and part_of(value, whole[name]) for name, value in part.items())
    if isinstance(part, list):
        return isinstance(whole, list) and len(part) <= len(whole) and all(part_of(one, other) for one, other in zip(part, whole, strict=False))
    return bool(part == whole)


def test_json_cut_anywhere_is_closed() -> None:
    whole = json.loads(TEXT)
    for end in range(1, len(TEXT) + 1):
        made, _ = close_json(TEXT[:end])
        assert part_of(json.loads(made), whole), TEXT[:end]
    assert close_json(TEXT) == (TEXT, "")
    assert close_json(TEXT[:19]) == (b'{"a": [1, 22, {}]}', "{[{")
    assert close_json(b'{"n": 1234') == (b"{}", "{")  # a number that goes on, for all one knows


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=6), st.integers(0, 400))
@settings(max_examples=300, deadline=None)
def test_whatever_the_json_and_wherever_it_is_cut(whole: dict[str, Any], end: int) -> None:
    octets = json.dumps(whole).encode()[: end + 1]
    made, _ = close_json(octets)
    assert part_of(json.loads(made), whole)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_no_octets_are_too_odd(octets: bytes) -> None:
    for kind, media in ((JSON, "application/json"), (FORM, "application/x-www-form-urlencoded"), (XML, "text/xml"), (MULTIPART, "multipart/form-data"), (OTHER, "image/png")):
        read_body(Schema(), octets, kind, media, Room(), None, True)
    read_body(Schema(), b'{"a":{"b":1},"c":2,"a":{"d":' + octets, JSON, "application/json", Room(), None, True)
    read_body(Schema(), b"<a>" + octets, XML, "text/xml", Room(), None, True)


OBJECTS = st.lists(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 99), max_size=6), min_size=1, max_size=6)


@given(OBJECTS, OBJECTS, st.lists(st.integers(1, 60), min_size=6, max_size=6))
@settings(max_examples=200, deadline=None)
def test_what_is_required_is_what_whole_ones_had(whole: list[dict[str, int]], torn: list[dict[str, int]], ends: list[int]) -> None:
    schema, room = Schema(), Room()
    for one in whole:
        read_body(schema, json.dumps({"in": one}).encode(), JSON, "application/json", room)
    for one, end in zip(torn, ends, strict=False):
        octets = json.dumps({"in": one}).encode()
        read_body(schema, octets[: min(end, len(octets) - 2)], JSON, "application/json", room, None, True)  # never to its end
    inner = schema.properties["in"]
    assert {name for name in inner.properties if inner.required(name)} == set.intersection(*map(set, whole))
    assert {name for name in schema.properties if schema.required(name)} == {"in"}
    assert Schema.from_json(schema.to_json()) == schema


def test_nothing_is_required_where_all_were_cut() -> None:
    schema = Schema()
    for _ in range(3):
        read_body(schema, b'{"id": 1, "rows": [{"x": 1}, {"x": 2}, {"x', JSON, "application/json", Room(), None, True)
    assert not schema.required("id")
    items = schema.properties["rows"].items
    assert items is not None and items.required("x") and items.objects == 6  # those of the array were seen to their end, but for the last


@pytest.mark.parametrize("count", [1, 90])
def test_a_long_answer_teaches_what_is_in_it(count: int) -> None:
    rows = [{"id": n, "mail": f"user{n}@example.com", "note": "x" * 20} for n in range(3000)]
    octets = json.dumps({"total": 3000, "rows": rows, "next": "abc"}).encode()
    assert len(octets) > 2 * KEPT
    endpoint = only([call(response_body=octets[:KEPT], ts=n) for n in range(count)] + [call(response_body=b'{"total":0,"rows":[]}', ts=200)])
    body = endpoint.schema.responses[200]
    schema = body.schema
    assert schema is not None and sorted(schema.properties) == ["rows", "total"]
    assert (body.seen, body.incomplete, body.malformed) == (count + 1, count, 0)
    assert min(count, 64) <= body.cut <= count
    assert not body.whole
    assert schema.required("total") and schema.properties["rows"].items is not None
    assert sorted(schema.properties["rows"].items.properties) == ["id", "mail", "note"]
    found = [(one.field, one.name) for one in endpoint.data_classes]
    assert found == [("response.200.rows[].mail", "email")]


def test_a_long_request_teaches_its_query_and_fields() -> None:
    octets = json.dumps({"name": "ann", "rows": list(range(40_000))}).encode()
    endpoint = only([call("POST", "/imports", 201, query="dry=1", request_body=octets[:KEPT]) for _ in range(3)])
    assert (endpoint.schema.calls, endpoint.schema.looked, endpoint.schema.request.cut) == (3, 3, 3)
    assert endpoint.schema.query.required("dry")
    body = endpoint.schema.request.schema
    assert body is not None and sorted(body.properties) == ["name", "rows"] and not body.required("name")


def test_forms_documents_and_files_that_were_cut() -> None:
    form = Schema()
    read_body(form, b"a=1&b=2", FORM, "", Room())
    read_body(form, b"a=1&b=2&c=hal", FORM, "", Room(), None, True)
    assert sorted(form.properties) == ["a", "b"] and form.required("b")
    tree: list[str] = []
    assert read_xml(b"<o><id>7</id><l><x>1</x></l><l><x>2</x><y>unfin", tree) == {"o": {"id": "7", "l": [{"x": "1"}, {"x": "2", "y": ""}]}}
    assert tree == ["o", "l", "y"]
    order = Schema()
    read_body(order, b"<o><id>7</id><l><x>1</x><y>5</y></l><end>1</end></o>", XML, "text/xml", Room())
    read_body(order, b"<o><id>7</id><l><x>1</x><y>5</y></l><l><x>2</x>", XML, "text/xml", Room(), None, True)
    inner = order.properties["o"]
    assert inner.required("end") and inner.required("id")
    files = Schema()
    head = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n'
    read_body(files, head % (b"title", b"") + b"x\r\n" + head % (b"file", b'; filename="a.bin"') + b"\0" * 500, MULTIPART, "multipart/form-data", Room(), None, True)
    assert sorted(files.properties) == ["file", "title"] and files.properties["file"].longest == -1
    assert not files.required("title")
