"""The exported description: the standard validators accept it, every call of the capture that it came from is valid by it, and a changed call is not."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest

from parsers.engine import Engine
from sensor.capture import open_captures
from sensor.catalogue import Catalogue, Endpoint
from sensor.catalogue.export import openapi
from sensor.catalogue.schema import Room, learn
from tests.catalogue.test_catalogue import mapped

PCAPS = Path(__file__).resolve().parents[2] / "pcaps"
READ = ("method", "host", "path", "query", "status", "request_type", "response_type", "request_body", "response_body", "request_encoding", "response_encoding")
Call = dict[str, Any]
VERSIONS = ["3.1.0", "3.0.3"]


@pytest.fixture(scope="module")
def shop() -> tuple[list[Endpoint], list[Call]]:
    """The endpoints and the calls of the shop's normal use."""
    catalogue, engine, calls = Catalogue(), Engine(), []
    with open_captures([str(PCAPS / "shop-normal.pcap")]) as source:
        batches = [batch for block in source for batch in engine.feed(block)]
    batches += engine.finish()
    for batch in batches:
        catalogue.observe(batch)
        calls += batch.select([name for name in READ if name in batch.schema.names]).to_pylist()
    catalogue.finish()
    return catalogue.endpoints(), calls


class Validator:
    """A call against a description, by the validators of openapi-schema-validator."""

    def __init__(self, description: dict[str, Any]) -> None:
        from openapi_schema_validator import OAS30Validator, OAS31Validator

        self.validator: Any = OAS31Validator if description["openapi"].startswith("3.1") else OAS30Validator
        self.paths = [
            (len(re.findall(r"\{", path)), re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]*\})", path))), item)
            for path, item in description["paths"].items()
        ]
        self.paths.sort(key=lambda one: one[0])

    def faults(self, call: Call) -> list[str]:
        """What is wrong with a call; nothing where it is valid."""
        item = next((item for _, pattern, item in self.paths if pattern.fullmatch(unquote(call["path"]))), None)
        if item is None:
            return [f"no path takes {call['path']}"]
        operation = item.get(call["method"].lower())
        if operation is None:
            return [f"{call['path']} takes no {call['method']}"]
        faults = []
        known = {one["name"]: one for one in operation.get("parameters", []) if one["in"] == "query"}
        given: dict[str, list[str]] = {}
        for name, value in parse_qsl(call.get("query") or "", keep_blank_values=True):
            given.setdefault(name, []).append(value)
        faults += [f"query parameter {name} is unknown" for name in given.keys() - known.keys()]
        for name, parameter in known.items():
            if name in given:
                values: Any = given[name] if len(given[name]) > 1 else given[name][0]
                faults += self._check(_as_sent(values, parameter["schema"]), parameter["schema"], f"query.{name}")
            elif parameter["required"]:
                faults.append(f"query parameter {name} is missing")
        body = operation.get("requestBody")
        faults += self._body(call, "request", body["content"] if body else {}, bool(body and body["required"]))
        if call["status"] is not None:
            response = operation["responses"].get(str(call["status"]))
            if response is None:
                faults.append(f"status {call['status']} is not declared")
            else:
                faults += self._body(call, "response", response.get("content", {}), False)
        return faults

    def _body(self, call: Call, side: str, content: dict[str, Any], required: bool) -> list[str]:
        octets = call.get(f"{side}_body")
        if not octets:
            return [f"the {side} has no body"] if required else []
        media = (call[f"{side}_type"] or "").partition(";")[0].strip().lower()
        if "json" not in media or call.get(f"{side}_encoding"):
            return []
        if media not in content:
            return [f"{side} of {media} is not declared"]
        return self._check(json.loads(octets), content[media]["schema"], side)

    def _check(self, value: Any, schema: dict[str, Any], where: str) -> list[str]:
        return [f"{where}: {error.message}" for error in self.validator(schema).iter_errors(value)]


def _as_sent(value: Any, schema: dict[str, Any]) -> Any:
    """A parameter's text as the type that its schema gives it."""
    if isinstance(value, list):
        return [_as_sent(one, schema.get("items", {})) for one in value]
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    types = types or [one.get("type") for one in schema.get("anyOf", [])]
    if "array" in types and "items" in schema:
        return [_as_sent(value, schema["items"])]
    if ("integer" in types or "number" in types) and re.fullmatch(r"-?\d+", value):
        return int(value)
    if "number" in types and re.fullmatch(r"-?\d+\.\d+", value):
        return float(value)
    if "boolean" in types and value in ("true", "false"):
        return value == "true"
    return value


@pytest.mark.parametrize("version", VERSIONS)
def test_the_standard_validators_accept_the_description(shop: tuple[list[Endpoint], list[Call]], version: str) -> None:
    from openapi_spec_validator import validate

    validate(openapi(shop[0], version))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_call_of_the_capture_is_valid_by_its_description(shop: tuple[list[Endpoint], list[Call]], version: str) -> None:
    endpoints, calls = shop
    description = openapi(endpoints, version)
    validator = Validator(description)
    assert len(calls) == 400
    assert {call["path"]: faults for call in calls if (faults := validator.faults(call))} == {}
    operations = [item[method] for item in description["paths"].values() for method in item if method != "servers"]
    assert sum("requestBody" in one for one in operations) >= 4
    assert sum("content" in response for one in operations for response in one["responses"].values()) >= 12


MUTATIONS = {
    "a path nobody serves": {"path": "/api/v9/products"},
    "a method it does not take": {"method": "TRACE"},
    "a status it never gave": {"status": 418},
    "a query parameter nobody sent": {"query": "debug=1"},
    "a response of another media type": {"response_type": "application/problem+json"},
    "a response that is no object": {"response_body": b"[]"},
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_a_changed_call_is_not_valid(shop: tuple[list[Endpoint], list[Call]], mutation: Call, version: str) -> None:
    endpoints, calls = shop
    call = next(call for call in calls if call["path"].startswith("/api/v1/users/") and call["method"] == "GET" and call["status"] == 200)
    validator = Validator(openapi(endpoints, version))
    assert validator.faults(call) == []
    assert validator.faults({**call, **mutation})


@pytest.mark.parametrize("version", VERSIONS)
def test_a_call_with_any_one_field_of_its_body_changed_is_not_valid(shop: tuple[list[Endpoint], list[Call]], version: str) -> None:
    endpoints, calls = shop
    validator = Validator(openapi(endpoints, version))
    changed = 0
    for side in ("request", "response"):
        for call in calls:
            octets = call[f"{side}_body"]
            if not octets or "json" not in (call[f"{side}_type"] or "") or call.get(f"{side}_encoding"):
                continue
            whole = json.loads(octets)
            for name, value in whole.items() if isinstance(whole, dict) else ():
                other = copy.deepcopy(whole)
                other[name] = {"odd": 1} if not isinstance(value, dict) else 7
                assert validator.faults({**call, f"{side}_body": json.dumps(other).encode()}), (call["path"], name)
                changed += 1
    assert changed > 300


def learned(template: str, *bodies: dict[str, Any], method: str = "GET", host: str = "a.example") -> Endpoint:
    endpoint = Endpoint(method, host, template, calls=len(bodies), statuses={200: len(bodies)})
    body = endpoint.schema.response(200)
    assert body is not None
    for one in bodies:
        learn(body.of("application/json"), one, 0, Room())
    body.seen = body.looked = body.parsed = len(bodies)
    return endpoint


def test_nothing_secret_is_exported() -> None:
    bodies = [{"kind": "visa", "mail": "ann@example.com"}] * 40
    text = json.dumps(openapi([learned("/x", *bodies)], mask=lambda text: text.replace("ann@example.com", "masked")))
    assert "visa" in text
    assert "ann@" not in text


@pytest.mark.parametrize("version", VERSIONS)
def test_odd_maps_are_valid_descriptions(version: str) -> None:
    from openapi_spec_validator import validate

    endpoints = mapped([("GET", f"/{{evil}}/{n}", 200) for n in range(20)] + [("GET", f"/o/Orders({n})", 200) for n in range(20)]).endpoints()
    endpoints += [learned("/users/{id}", {"a": 1}), learned("/users/{name}", {"a": "x"}, host="b.example"), learned("/t", {"a": None}, host="{tenant}.c.example")]
    endpoints[0].authentication.schemes = {"none": 1, "bearer_jwt": 4, "api_key_query": 2, "session_cookie": 3, "mtls": 1, "signature": 1}
    endpoints[0].authentication.names = {"api_key_query": ["key"], "session_cookie": ["sid<script>"]}
    description = openapi(endpoints, version)
    validate(description)
    assert "/%7Bevil%7D/{evil_id}" in description["paths"]
    both = description["paths"]["/users/{id}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert "string" in json.dumps(both) and "integer" in json.dumps(both)
