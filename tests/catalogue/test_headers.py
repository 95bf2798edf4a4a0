"""Header fields of requests and answers: learned, told apart from what anybody sends, and compared with what was declared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sensor.catalogue import Catalogue, EndpointSchema, spec
from sensor.catalogue.drift import Change
from sensor.catalogue.export import openapi
from tests.catalogue.test_learning import batch, call, only

DESCRIBED = """
openapi: 3.0.0
components:
  headers: {Left: {required: true, schema: {type: integer}}}
paths:
  /things:
    get:
      parameters:
        - {name: X-Tenant, in: header, required: true, schema: {type: string}}
        - {name: X-Version, in: header, schema: {type: integer}}
        - {name: Accept, in: header, required: true, schema: {type: string}}
        - {name: zip, in: query, schema: {type: string}}
      responses:
        2XX:
          description: things
          headers:
            X-Left: {$ref: '#/components/headers/Left'}
            X-Note: {schema: {type: string}}
            X-Seconds: {schema: {type: integer}}
            Date: {required: true, schema: {type: string}}
"""
SWAGGER = """
swagger: '2.0'
paths:
  /things:
    get:
      parameters: [{name: X-Tenant, in: header, required: true, type: string}, {name: X-Version, in: header, type: integer}]
      responses: {200: {description: x, headers: {X-Left: {type: integer}, X-Seconds: {type: integer}}}}
"""


def head(start: str, fields: dict[str, Any]) -> bytes:
    return "".join([start, "\r\n", *(f"{name}: {value}\r\n" for name, value in fields.items()), "\r\n"]).encode()


def thing(asked: dict[str, Any], answered: dict[str, Any], **more: Any) -> dict[str, Any]:
    return call(path="/things", request_head=head("GET /things HTTP/1.1", {"Host": "a", **asked}), response_head=head("HTTP/1.1 200 OK", {"Date": "x", "Server": "y", **answered}), response_body=b"{}", **more)


GOOD = thing({"X-Tenant": "17", "X-Version": "2"}, {"X-Left": "4", "X-Note": "8", "X-Seconds": "30"}, query="zip=12345")


def drift(tmp_path: Path, described: str, calls: list[dict[str, Any]]) -> list[Change]:
    file = tmp_path / "api.yaml"
    file.write_text(described, encoding="utf-8")
    catalogue = Catalogue()
    spec.load([file]).attach(catalogue)
    catalogue.observe(batch(calls))
    catalogue.finish()
    catalogue.findings()
    (endpoint,) = catalogue.endpoints()
    return catalogue.drift_of(endpoint)


@pytest.mark.parametrize("described", [DESCRIBED, SWAGGER], ids=["3.0", "2.0"])
def test_what_is_as_declared_is_no_drift(tmp_path: Path, described: str) -> None:
    found = drift(tmp_path, described, [GOOD] * 5)
    assert [change for change in found if "query" not in change.where] == []


def test_text_that_reads_as_a_number_is_still_text(tmp_path: Path) -> None:
    assert drift(tmp_path, DESCRIBED, [GOOD] * 5) == []


def test_required_headers_that_lack_are_told(tmp_path: Path) -> None:
    without = thing({"X-Version": "2"}, {"X-Note": "a"})
    found = drift(tmp_path, DESCRIBED, [GOOD, GOOD, without])
    assert [(one.kind, one.where, one.after) for one in found] == [
        ("header_missing", "header.x-tenant", "none in 1 of 3 messages"),
        ("header_missing", "response_header.200.x-left", "none in 1 of 3 messages"),
    ]
    never = drift(tmp_path, DESCRIBED, [without] * 4)
    assert [(one.where, one.after) for one in never if one.kind == "header_missing"] == [
        ("header.x-tenant", "none in 4 of 4 messages"),
        ("response_header.200.x-left", "none in 4 of 4 messages"),
    ]


def test_requests_that_were_refused_lack_nothing(tmp_path: Path) -> None:
    found = drift(tmp_path, DESCRIBED, [GOOD, {**thing({}, {}), "status": 400}])
    assert [one.kind for one in found] == ["new_status"]


def test_heads_that_were_not_seen_whole_lack_nothing(tmp_path: Path) -> None:
    cut = {**GOOD, "request_head": GOOD["request_head"][:40], "response_head": GOOD["response_head"][:30]}
    assert drift(tmp_path, DESCRIBED, [GOOD, cut, {**GOOD, "request_head": None, "response_head": None}]) == []


@pytest.mark.parametrize("described", [DESCRIBED, SWAGGER], ids=["3.0", "2.0"])
def test_headers_of_another_type_are_told(tmp_path: Path, described: str) -> None:
    found = drift(tmp_path, described, [thing({"X-Tenant": "a", "X-Version": "two"}, {"X-Left": "many", "X-Seconds": "1.5"})] * 3)
    assert {(one.where, one.before, one.after) for one in found if one.kind == "new_type"} == {
        ("header.x-version", "integer", "string"),
        ("response_header.200.x-left", "integer", "string"),
        ("response_header.200.x-seconds", "integer", "number"),
    }


def test_personal_data_in_headers_is_found_and_kept_nowhere() -> None:
    endpoint = only([thing({"X-User": f"ann{k}@example.com"}, {"X-Owner": f"bob{k}@example.com", "Set-Cookie": f"sid={k:032x}"}) for k in range(9)])
    assert [(one.field, one.name, one.count) for one in endpoint.data_classes] == [("header.x-user", "email", 9), ("response_header.200.x-owner", "email", 9)]
    assert "@example.com" not in json.dumps(endpoint.to_json()) and "sid" not in json.dumps(endpoint.to_json())
    assert EndpointSchema.from_json(endpoint.schema.to_json()).to_json() == endpoint.schema.to_json()


@pytest.mark.parametrize("version", ["3.1.0", "3.0.3"])
def test_headers_of_answers_are_exported(version: str) -> None:
    from openapi_spec_validator import validate

    description = openapi([only([GOOD, GOOD, thing({}, {"X-Left": "5"})])], version)
    validate(description)
    (path,) = description["paths"].values()
    found = path["get"]["responses"]["200"]["headers"]
    assert {name: (one["required"], one["schema"].get("type")) for name, one in found.items()} == {"x-left": (True, "integer"), "x-note": (False, "integer"), "x-seconds": (False, "integer")}


def test_answers_without_a_body_teach_the_schemas_of_their_headers() -> None:
    gone = [
        call("DELETE", f"/things/{n}", status=204, response_head=head("HTTP/1.1 204 No Content", {"Date": "x", "X-Left": str(n), **({"X-Owner": "ann@mail.example"} if n < 5 else {})}), response_body=None)
        for n in range(200)
    ]
    endpoint = only(gone)
    body = endpoint.schema.responses[204]
    assert (body.seen, body.looked, body.parsed, body.content) == (0, 0, 0, {})
    assert body.headers is not None and 64 <= body.headers.objects < 200
    assert {name: (one.types, body.headers.required(name)) for name, one in body.headers.properties.items()} == {"x-left": (("integer",), True), "x-owner": (("string",), False)}
    assert [(one.field, one.name) for one in endpoint.data_classes] == [("response_header.204.x-owner", "email")]
    described = openapi([endpoint])["paths"]["/things/{thing_id}"]["delete"]["responses"]["204"]
    assert set(described["headers"]) == {"x-left", "x-owner"} and "content" not in described
