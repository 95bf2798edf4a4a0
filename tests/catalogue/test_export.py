"""The exported description: the standard validators accept it, every call of the capture that it came from is valid by it, and a changed call is not.

Calls are judged by openapi-core, which reads descriptions for web frameworks: paths, servers, parameters, credentials, bodies and media types.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers, ImmutableMultiDict

from parsers.engine import Engine
from sensor.capture import open_captures
from sensor.catalogue import Catalogue, Endpoint
from sensor.catalogue.export import openapi
from sensor.catalogue.schema import Room, learn
from tests.catalogue.test_catalogue import mapped

PCAPS = Path(__file__).resolve().parents[2] / "pcaps"
READ = (
    "method", "host", "path", "query", "status", "request_type", "response_type", "request_head", "response_head", "request_body", "response_body",
    "request_encoding", "response_encoding",
)  # fmt: skip
Call = dict[str, Any]
VERSIONS = ["3.1.0", "3.0.3"]


def seen(name: str) -> tuple[list[Endpoint], list[Call]]:
    """The endpoints of a capture, and the calls that they were made of."""
    catalogue, engine, calls = Catalogue(), Engine(), []
    with open_captures([str(PCAPS / name)]) as source:
        batches = [batch for block in source for batch in engine.feed(block)]
    batches += engine.finish()
    for batch in batches:
        catalogue.observe(batch)
    catalogue.finish()
    for batch in batches:
        templates = catalogue.label(batch)[0].to_pylist()
        rows = batch.select([column for column in READ if column in batch.schema.names]).to_pylist()
        calls += [call for call, template in zip(rows, templates, strict=True) if template is not None]
    return catalogue.endpoints(), calls


@pytest.fixture(scope="module")
def shop() -> tuple[list[Endpoint], list[Call]]:
    """The endpoints and the calls of the shop's normal use."""
    return seen("shop-normal.pcap")


def headers(head: bytes | None) -> Headers:
    found = Headers()
    for line in (head or b"").split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            found.add(name.decode("latin-1"), value.strip().decode("latin-1"))
    return found


@dataclass
class Request:
    """A call's request as openapi-core takes requests."""

    call: Call
    host_url: str = field(init=False)
    path: str = field(init=False)
    method: str = field(init=False)
    body: bytes | None = field(init=False)
    content_type: str = field(init=False)
    parameters: RequestParameters = field(init=False)

    def __post_init__(self) -> None:
        call = self.call
        self.host_url, self.path, self.method = f"http://{call['host']}", call["path"], call["method"].lower()
        self.body, self.content_type = call["request_body"], call["request_type"] or ""
        head = headers(call["request_head"])
        cookies = dict(part.strip().partition("=")[::2] for part in (head.get("Cookie") or "").split(";") if part)
        self.parameters = RequestParameters(query=ImmutableMultiDict(parse_qsl(call["query"] or "", keep_blank_values=True)), header=head, cookie=ImmutableMultiDict(cookies))


@dataclass
class Response:
    """A call's response as openapi-core takes responses."""

    call: Call
    data: bytes | None = field(init=False)
    status_code: int = field(init=False)
    content_type: str = field(init=False)
    headers: Headers = field(init=False)

    def __post_init__(self) -> None:
        call = self.call
        self.data, self.status_code, self.content_type, self.headers = call["response_body"], call["status"], call["response_type"] or "", headers(call["response_head"])


class Judge:
    """openapi-core, of one description."""

    def __init__(self, description: dict[str, Any]) -> None:
        self.openapi: Any = OpenAPI.from_dict(description)

    def faults(self, call: Call, requests: bool = True) -> list[str]:
        """What is wrong with a call; nothing where it is valid."""
        request: Any = Request(call)
        found = []
        for ask in ([lambda: self.openapi.validate_request(request)] if requests else []) + [lambda: self.openapi.validate_response(request, Response(call))]:
            try:
                ask()
            except OpenAPIError as fault:
                found.append(f"{type(fault).__name__}: {fault} {fault.__cause__}")
        return found


@pytest.mark.parametrize("version", VERSIONS)
def test_the_standard_validators_accept_the_description(shop: tuple[list[Endpoint], list[Call]], version: str) -> None:
    from openapi_spec_validator import validate

    validate(openapi(shop[0], version))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_call_of_the_capture_is_valid_by_its_description(shop: tuple[list[Endpoint], list[Call]], version: str) -> None:
    endpoints, calls = shop
    description = openapi(endpoints, version)
    judge = Judge(description)
    assert len(calls) == 400
    assert {call["path"]: faults for call in calls if (faults := judge.faults(call))} == {}
    operations = [item[method] for item in description["paths"].values() for method in item if method != "servers"]
    assert sum("requestBody" in one for one in operations) >= 4
    assert sum("content" in response for one in operations for response in one["responses"].values()) >= 12


@pytest.mark.parametrize("version", VERSIONS)
def test_of_a_capture_with_attacks_every_answer_and_every_request_taken_is_valid(version: str) -> None:
    endpoints, calls = seen("shop.pcap")
    judge = Judge(openapi(endpoints, version))
    assert len(calls) > 700
    assert {call["path"]: faults for call in calls if (faults := judge.faults(call, call["status"] < 400))} == {}  # what was refused teaches nothing of requests


MUTATIONS = {
    "a path nobody serves": {"path": "/api/v9/products"},
    "a method it does not take": {"method": "TRACE"},
    "no credential": {"request_head": b"GET / HTTP/1.1\r\n\r\n"},
    "a status it never gave": {"status": 418},
    "a response of another media type": {"response_type": "application/problem+json"},
    "a response that is no object": {"response_body": b"[]"},
    "a response cut off": {"response_body": b'{"id":'},
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_a_changed_call_is_not_valid(shop: tuple[list[Endpoint], list[Call]], mutation: Call, version: str) -> None:
    endpoints, calls = shop
    call = next(call for call in calls if call["path"].startswith("/api/v1/users/") and call["method"] == "GET" and call["status"] == 200)
    judge = Judge(openapi(endpoints, version))
    assert judge.faults(call) == []
    assert judge.faults({**call, **mutation})


@pytest.mark.parametrize("version", VERSIONS)
def test_a_path_with_a_value_of_another_shape_is_not_valid(version: str) -> None:
    paths = [f"/orders/{n}" for n in range(30)] + [f"/parcels/{n:08x}-0000-4000-8000-000000000000" for n in range(30)] + [f"/pages/{name}-{n}" for n, name in enumerate(["red", "blue", "pink"] * 5)]
    endpoints = mapped([("GET", path, 200) for path in paths]).endpoints()
    judge = Judge(openapi(endpoints, version))
    call: Call = dict.fromkeys(READ) | {"method": "GET", "host": "api.example", "status": 200}
    assert [path for path in paths if judge.faults({**call, "path": path})] == []
    assert judge.faults({**call, "path": "/orders/first"}) and judge.faults({**call, "path": "/parcels/17"})
    assert judge.faults({**call, "path": "/pages/green"}) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_query_with_a_value_of_another_type_is_not_valid(shop: tuple[list[Endpoint], list[Call]], version: str) -> None:
    endpoints, calls = shop
    judge = Judge(openapi(endpoints, version))
    changed = 0
    for call in calls:
        fields = parse_qsl(call["query"] or "", keep_blank_values=True)
        if any(value.isdigit() for _, value in fields):
            other = "&".join(f"{name}={'odd' if value.isdigit() else value}" for name, value in fields)
            assert judge.faults({**call, "query": other}), call["query"]
            changed += 1
    assert changed > 10


@pytest.mark.parametrize("version", VERSIONS)
def test_a_call_with_any_one_field_of_its_body_changed_is_not_valid(shop: tuple[list[Endpoint], list[Call]], version: str) -> None:
    endpoints, calls = shop
    judge = Judge(openapi(endpoints, version))
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
                assert judge.faults({**call, f"{side}_body": json.dumps(other).encode()}), (call["path"], name)
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
