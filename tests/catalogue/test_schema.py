"""Schemas: what is learned from values, joined in any order, and written as JSON Schema that the values themselves pass."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.forms import FORMS, module


@pytest.fixture(params=FORMS, scope="module")
def schemas(request: pytest.FixtureRequest) -> ModuleType:
    return module("sensor.catalogue.schema", request.param)


def learned(schemas: ModuleType, *values: Any) -> Any:
    schema, room = schemas.Schema(), schemas.Room()
    for value in values:
        schemas.learn(schema, value, 0, room)
    return schema


NAMES = st.sampled_from(["id", "name", "email", "items", "state", "a", "b", "17", "2024-01-02", "c0ffee00c0ffee00"])
TEXTS = st.one_of(st.sampled_from(["open", "closed", "", "a@b.example", "2024-02-03", "192.0.2.1", "4111111111111111"]), st.text(max_size=8))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=150, deadline=None)
@given(st.lists(VALUES, max_size=4), st.lists(VALUES, max_size=4), st.lists(VALUES, max_size=4))
def test_joining_is_commutative_and_associative(form: str, first: list[Any], second: list[Any], third: list[Any]) -> None:
    schemas = module("sensor.catalogue.schema", form)
    a, b, c = (learned(schemas, *values) for values in (first, second, third))
    assert a.merge(b) == b.merge(a)
    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(b).merge(c) == learned(schemas, *first, *second, *third)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 200), max_size=90), min_size=3, max_size=3), st.lists(st.integers(0, 60), max_size=60))
def test_joining_is_associative_where_limits_bite(form: str, names: list[list[int]], words: list[int]) -> None:
    schemas = module("sensor.catalogue.schema", form)
    parts = [learned(schemas, {f"p{'x' * (n % 7)}{chr(97 + n // 10)}{chr(97 + n % 10)}": f"w{chr(97 + n % 26)}" for n in some}, *[chr(97 + n % 26) * 2 for n in words[k::3]]) for k, some in enumerate(names)]
    a, b, c = parts
    assert a.merge(b).merge(c) == a.merge(b.merge(c)) == c.merge(a).merge(b)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=150, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=6))
def test_what_was_learned_from_passes_the_schema_and_survives_being_saved(form: str, values: list[Any]) -> None:
    schemas = module("sensor.catalogue.schema", form)
    schema = learned(schemas, *values)
    assert schemas.Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema
    written = schema.to_json_schema(closed=True)
    jsonschema.Draft202012Validator.check_schema(written)
    validator = jsonschema.Draft202012Validator(written)
    for value in values:
        validator.validate(value)


def test_types_formats_required_and_bounds(schemas: ModuleType) -> None:
    schema = learned(
        schemas,
        {"id": 1, "at": "2024-01-02T03:04:05Z", "owner": {"mail": "a@b.example"}, "tags": ["x"], "ratio": 1, "note": None},
        {"id": 9, "at": "2024-01-03T03:04:05.5+01:00", "owner": None, "tags": [], "ratio": 0.5},
    )
    assert schema.to_json_schema() == {
        "type": "object",
        "properties": {
            "id": {"type": "integer", "minimum": 1, "maximum": 9},
            "at": {"type": "string", "format": "date-time"},
            "owner": {"type": ["null", "object"], "properties": {"mail": {"type": "string", "format": "email"}}, "required": ["mail"]},
            "tags": {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 1}, "minItems": 0, "maxItems": 1},
            "ratio": {"type": "number", "minimum": 0.5, "maximum": 1},
            "note": {"type": "null"},
        },
        "required": ["at", "id", "owner", "ratio", "tags"],
    }
    older = schema.to_json_schema("3.0")["properties"]
    assert older["owner"] == {"type": "object", "properties": {"mail": {"type": "string", "format": "email"}}, "required": ["mail"], "nullable": True}
    assert older["note"] == {"type": "string", "nullable": True, "enum": [None]}
    with pytest.raises(ValueError, match="dialect"):
        schema.to_json_schema("2.0")


@pytest.mark.parametrize(
    ("text", "format_"),
    [
        ("2024-02-29T10:00:00Z", "date-time"),
        ("2024-02-29", "date"),
        ("10:00:00Z", "time"),
        ("123e4567-e89b-12d3-a456-426614174000", "uuid"),
        ("a.b+c@mail.example", "email"),
        ("https://api.example/a?b=c#d", "uri"),
        ("ftp://ann:x@[2001:db8::1]:21/a%20b", "uri"),
        ("sqlite://:memory:", ""),
        ("https://api.example/{id}", ""),
        ("192.0.2.255", "ipv4"),
        ("2001:db8::1", "ipv6"),
        ("AbcdEfghIjklMnop", ""),
        ("VGhpcyBpcyBhIDEyMyB0ZXN0", "byte"),
        ("2024-13-29", ""),
        ("256.0.2.255", ""),
        ("1.2.3", ""),
        ("12:61", ""),
        ("a@b", ""),
        ("//nowhere", ""),
    ],
)
def test_formats(schemas: ModuleType, text: str, format_: str) -> None:
    assert learned(schemas, text).format == format_


def test_an_enumeration_needs_support(schemas: ModuleType) -> None:
    assert learned(schemas, *["open", "closed"] * 4).enumeration == ("closed", "open")
    assert learned(schemas, *["open", "closed"] * 3).enumeration == ()
    assert learned(schemas, *[""] * 20).enumeration == ()
    assert learned(schemas, *[f"word {'x' * n}" for n in range(30)] * 9).enumeration == ()


def test_no_value_of_a_classified_field_is_kept(schemas: ModuleType) -> None:
    people = [{"first_name": "Ann", "email": "ann@mail.example", "pin": "x", "password": "hunter"}] * 20
    text = json.dumps(learned(schemas, *people).to_json())
    assert "Ann" not in text and "ann@" not in text and "hunter" not in text


def test_objects_keyed_by_ids_are_maps(schemas: ModuleType) -> None:
    schema = learned(schemas, {"10": {"n": 1}, "11": {"n": 2}}, {"12": {"n": 3}})
    assert schema.to_json_schema() == {
        "type": "object",
        "additionalProperties": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 3}}, "required": ["n"]},
    }
    mixed = learned(schemas, {"total": 1, "10": "x"}, {"total": 2})
    assert mixed.required("total") and mixed.additional.seen == 1


def test_objects_keyed_by_many_rare_words_are_maps(schemas: ModuleType) -> None:
    schema = learned(schemas, *[{chr(97 + k) * 3: 1.5} for k in range(20)])
    assert schema.is_map and "additionalProperties" in schema.to_json_schema()


def test_text_reads_as_what_it_says_until_it_does_not(schemas: ModuleType) -> None:
    schema, room = schemas.Schema(), schemas.Room()
    schemas.learn_fields(schema, [("page", "2"), ("tag", "a"), ("tag", "b"), ("zip", "01234"), ("on", "true")], room)
    schemas.learn_fields(schema, [("page", "x"), ("ratio", "0.5")], room)
    parts = schema.properties
    assert [parts[name].types for name in ("page", "tag", "zip", "on", "ratio")] == [("string",), ("array",), ("string",), ("boolean",), ("number",)]


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_members_are_counted_as_the_fingerprint_counts_them(value: Any) -> None:
    for form in FORMS:
        structure = module("sensor.catalogue.structure", form).Structure(1, 2)
        octets = json.dumps(value).encode()
        if structure.of(octets, 0, len(octets), 1):
            assert structure.names == module("sensor.catalogue.schema", form).members(value)


def test_hostile_values_end_as_counters(schemas: ModuleType) -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [{"a": deep}]
    schema, room = schemas.Schema(), schemas.Room(1000)
    schemas.learn(schema, deep, 0, room)
    schemas.learn(schema, {f"k{'y' * (n % 90)}{n:x}z": n for n in range(100_000)}, 0, room)
    schemas.learn(schema, [{f"q{n:x}y{m:x}z": {} for m in range(40)} for n in range(300)], 0, room)
    assert room.nodes >= 0 and room.counters["too_deep"] == 1 and room.counters["properties_past_limit"] == 1 and room.counters["items_skipped"] == 1
    schemas.Schema.from_json(schema.to_json())


@pytest.mark.parametrize("data", [None, [], {"seen": "x"}, {"properties": []}, {"least": "1"}, {"items": 3}, {"values": {"a": "b"}}])
def test_a_spoiled_state_is_a_value_error(schemas: ModuleType, data: Any) -> None:
    with pytest.raises(ValueError):
        schemas.Schema.from_json(data)
