"""What an endpoint's calls carry: schemas by status and operation, credentials, and bodies made to hurt."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.engine import Engine
from sensor.capture import open_captures
from sensor.catalogue import Catalogue, CatalogueLimits, Endpoint
from sensor.catalogue.authentication import Authentication, credential
from sensor.catalogue.learning import read_body, read_xml
from sensor.catalogue.schema import Room, Schema
from sensor.catalogue.structure import FORM, JSON, MULTIPART, OTHER, XML

WORD = pa.dictionary(pa.int32(), pa.string())
SHOP = Path(__file__).resolve().parents[2] / "pcaps" / "shop.pcap"


def call(method: str = "GET", path: str = "/a", status: int | None = 200, **more: Any) -> dict[str, Any]:
    return {"method": method, "path": path, "status": status, **more}


def batch(calls: list[dict[str, Any]]) -> pa.RecordBatch:
    n = len(calls)
    word = lambda name, usual: pa.array([one.get(name, usual) for one in calls], pa.string()).dictionary_encode().cast(WORD)  # noqa: E731
    octets = lambda name: pa.array([one.get(name) for one in calls], pa.binary())  # noqa: E731
    return pa.record_batch(
        {
            "ts": pa.array([one.get("ts", 1_700_000_000_000_000_000 + k * 1_000_003) for k, one in enumerate(calls)], pa.int64()),
            "client_ip": word("client_ip", "10.0.0.1"),
            "client_port": pa.array([one.get("client_port", 40_000 + k % 100) for k, one in enumerate(calls)], pa.int32()),
            "server_ip": word("server_ip", "10.2.0.1"),
            "server_port": pa.array([8080] * n, pa.int32()),
            "method": word("method", "GET"),
            "host": word("host", "api.example"),
            "path": pa.array([one["path"] for one in calls], pa.string()),
            "query": pa.array([one.get("query") for one in calls], pa.string()),
            "status": pa.array([one["status"] for one in calls], pa.int32()),
            "request_type": word("request_type", "application/json"),
            "response_type": word("response_type", "application/json"),
            "complete": word("complete", "request_head request_body response_head response_body"),
            "authorization": word("authorization", None),
            "cookie": word("cookie", None),
            "api_key": word("api_key", None),
            "request_head": octets("request_head"),
            "response_head": octets("response_head"),
            "request_body": octets("request_body"),
            "response_body": octets("response_body"),
        }
    )


def mapped(*batches: list[dict[str, Any]], limits: CatalogueLimits | None = None) -> Catalogue:
    catalogue = Catalogue(limits, key=b"k" * 16)
    for calls in batches:
        catalogue.observe(batch(calls))
    catalogue.finish()
    return catalogue


def only(*batches: list[dict[str, Any]]) -> Endpoint:
    (endpoint,) = mapped(*batches).endpoints()
    return endpoint


def test_bodies_by_status_query_and_headers() -> None:
    head = b"GET /users/1 HTTP/1.1\r\nHost: a\r\nX-Tenant: blue\r\nAccept: */*\r\nX-Api-Key: 123\r\n\r\n"
    calls = [call(path=f"/users/{n}", query=f"page={n}" if n % 2 else None, request_head=head, response_body=json.dumps({"id": n, "mail": f"u{n}@mail.example"}).encode()) for n in range(20)]
    calls += [call(path="/users/999", status=404, response_body=b'{"error":"no such user"}')]
    endpoint = only(calls)
    schema = endpoint.schema
    assert schema.responses[200].schema is not None and sorted(schema.responses[200].schema.properties) == ["id", "mail"]
    assert schema.responses[404].schema is not None and sorted(schema.responses[404].schema.properties) == ["error"]
    assert schema.query.properties["page"].types == ("integer",) and not schema.query.required("page")
    assert sorted(schema.headers.properties) == ["x-tenant"]
    assert schema.responses[200].whole and schema.responses[200].seen == 20
    assert [(one.field, one.name) for one in endpoint.data_classes] == [("response.200.mail", "email")]
    assert "mail.example" not in json.dumps(endpoint.to_json())


def test_what_was_refused_teaches_nothing_of_the_request() -> None:
    good = [call("POST", "/orders", 201, request_body=b'{"sku":"a"}')] * 5
    bad = [call("POST", "/orders", 422, request_body=b'{"sku":7,"evil":1}')] * 5
    schema = only(good + bad).schema.request.schema
    assert schema is not None and sorted(schema.properties) == ["sku"] and schema.properties["sku"].types == ("string",)
    whole = only(good + bad).schema
    assert (whole.calls, whole.looked, whole.request.seen, whole.request.parsed) == (5, 5, 5, 5)


def test_operations_have_schemas_of_their_own() -> None:
    calls = []
    for n in range(6):
        calls.append(call("POST", "/graphql", request_body=json.dumps({"query": "query Users { users { id } }"}).encode(), response_body=b'{"data":{"users":[{"id":%d}]}}' % n))
        calls.append(call("POST", "/graphql", request_body=json.dumps({"query": "mutation Pay { pay { ok } }"}).encode(), response_body=b'{"data":{"pay":{"ok":true}}}'))
    operations = only(calls).schema.operations
    assert {name: (one.calls, one.looked, one.request.seen) for name, one in operations.items()} == {"mutation Pay": (6, 6, 6), "query Users": (6, 6, 6)}
    body = operations["query Users"].responses[200].schema
    assert body is not None and list(body.properties["data"].properties) == ["users"]


@pytest.mark.parametrize("seed", range(3))
def test_contents_are_the_same_for_any_order_of_the_calls(seed: int) -> None:
    noise = random.Random(9)
    calls = [call(path=f"/users/{noise.randrange(40)}/orders/{n}", ts=n, query=noise.choice([None, "a=1", "b=x"]), response_body=json.dumps({noise.choice("abc"): n}).encode()) for n in range(60)]
    calls += [call(path=f"/users/{name}", ts=900 + k, response_body=json.dumps({"name": name}).encode()) for k, name in enumerate(["me", "7", "8", "9", "10"])]
    expected = [one.to_json() for one in mapped(calls).endpoints()]
    random.Random(seed).shuffle(calls)
    assert [one.to_json() for one in mapped(calls[:30], calls[30:]).endpoints()] == expected


def test_a_path_that_becomes_a_parameter_brings_its_contents_along() -> None:
    first = [call(path="/files/alpha-1", response_body=b'{"old":1}')]
    later = [call(path=f"/files/{name}-{n}", response_body=b'{"new":1}') for n, name in enumerate(["beta", "gamma", "delta", "omega", "sigma", "kappa", "theta", "zeta"] * 3)]
    endpoints = mapped(first, later).endpoints()
    assert len(endpoints) == 1
    body = endpoints[0].schema.responses[200].schema
    assert body is not None and sorted(body.properties) == ["new", "old"] and body.seen == 25


def test_what_is_read_of_a_real_capture_is_what_its_server_sends() -> None:
    catalogue, engine = Catalogue(), Engine()
    with open_captures([str(SHOP)]) as source:
        for block in source:
            for one in engine.feed(block):
                catalogue.observe(one)
    for one in engine.finish():
        catalogue.observe(one)
    catalogue.finish()
    endpoints = {one.name.partition(" ")[0] + one.template: one for one in catalogue.endpoints()}
    me = endpoints["GET/api/v1/users/me"]
    assert {(one.field, one.name) for one in me.data_classes} == {("response.200.email", "email"), ("response.200.name", "person_name"), ("response.200.phone", "phone")}
    assert me.authentication.kind == "bearer_jwt"
    assert endpoints["GET/api/v1/reports/sales"].authentication.names == {"api_key_header": ["x-api-key"]}
    assert endpoints["GET/api/v1/products"].authentication.kind == "mixed"
    assert endpoints["GET/api/v1/users/{user_id}"].authentication.weaknesses == {"jwt_alg_none": 12}  # one attacker forges
    assert not any("•••" not in shown for one in endpoints.values() for shown in one.authentication.examples.values())
    for one in endpoints.values():
        assert Endpoint.from_json(json.loads(json.dumps(one.to_json()))).to_json() == one.to_json()


def test_a_parameter_is_called_what_earlier_responses_called_its_values() -> None:
    numbers = [f"{n:08x}-0000-4000-8000-0123456789ab" for n in range(3, 900, 41)]
    listed = [call(path="/customers", response_body=json.dumps({"customers": [{"customerId": one, "name": "x"} for one in numbers]}).encode())]
    asked = [call(path=f"/balance/{one}", response_body=b"{}") for one in numbers]
    first, second = mapped(listed, asked).endpoints()
    assert (first.template, second.template) == ("/balance/{customer_id}", "/customers")
    assert any("responses hand its values out as `customer_id`" in line for line in first.evidence)
    assert mapped(asked).endpoints()[0].template == "/balance/{balance_id}"


def test_small_numbers_that_stand_everywhere_name_no_parameter() -> None:
    listed = [call(path="/stock", response_body=json.dumps([{"quantity": n, "id": n} for n in range(40)]).encode())]
    asked = [call(path=f"/users/{n}", response_body=b"{}") for n in range(40)]
    assert [one.template for one in mapped(listed, asked).endpoints()] == ["/stock", "/users/{user_id}"]


def test_explain_says_what_calls_carry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sensor.cli import main

    calls = [call(path=f"/users/{n}", api_key="k1234567", query="page=1", response_body=json.dumps({"id": n, "mail": f"u{n}@mail.example", "state": "on"}).encode()) for n in range(12)]
    saved = tmp_path / "map.json"
    saved.write_text(json.dumps(mapped(calls).to_json()))
    assert main(["map", "explain", str(saved), "users"]) == 0
    shown = capsys.readouterr().out
    for line in (
        "authentication: api_key_header (api_key_header 12 answered)", "e-mail addresses: response.200.mail, 12 of 12 values", "query, 12 of 12 calls read", "page: integer, 1 to 1",
        "response 200 application/json, 12 of 12 bodies read", "mail: string, email", "id: integer, 0 to 11", "state: string, one of on",
    ):
        assert line in shown
    assert "mail.example" not in shown


# Bodies --------------------------------------------------------------------------------------------------------------------------------


def test_forms_multipart_xml_and_what_is_not_read() -> None:
    room = Room()

    def learned(octets: bytes, kind: int, media: str = "") -> Any:
        schema = Schema()
        assert read_body(schema, octets, kind, media, room)
        return schema

    form = learned(b"user=ann&age=7&tag=a&tag=b", FORM)
    assert {name: part.types for name, part in form.properties.items()} == {"user": ("string",), "age": ("integer",), "tag": ("array",)}
    multipart = (
        b'--x7\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n--x7\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n\x89PNG\r\n--x7--\r\n"
    )
    parts = learned(multipart, MULTIPART)
    assert parts.properties["note"].types == ("string",) and parts.properties["file"].to_json_schema() == {"type": "string", "format": "binary"}
    xml = learned(b'<o:order xmlns:o="urn:o" id="7"><line><sku>a</sku></line><line><sku>b</sku></line></o:order>', XML)
    order = xml.properties["order"]
    assert order.properties["@id"].types == ("integer",) and order.properties["line"].items.properties["sku"].strings == 2
    for octets, media in ((b'{"a":1}\n{"a":2}\n', "application/x-ndjson"), (b'event: x\ndata: {"a":1}\n\ndata: {"a":2}\n\ndata: [DONE]\n', "text/event-stream"), (b'\x1e{"a":1}\n\x1e{"a":2}\n', "application/json-seq")):
        assert learned(octets, OTHER, media).properties["a"].integers == 2
    assert learned(b"\x89PNG....", OTHER, "image/png").to_json_schema() == {"type": "string", "format": "binary"}
    assert learned(b"plain", OTHER, "text/plain").to_json_schema() == {"type": "string", "minLength": 5, "maxLength": 5}


BOMB = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><l>&b;</l>'
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE l SYSTEM "file:///etc/passwd"><l>1</l>'


@pytest.mark.parametrize("octets", [BOMB, b"<a>" * 300 + b"</a>" * 300, b"<a>" + b"<b/>" * 30_000 + b"</a>", b"<a", b"\xff<a/>", b'<?xml version="1.0" encoding="no-such"?><a/>', b"<a>&x;</a>"])
def test_hostile_xml_is_not_read(octets: bytes) -> None:
    assert read_xml(octets) is None


def test_nothing_outside_an_xml_document_is_fetched() -> None:
    assert read_xml(OUTSIDE) == {"l": "1"}


HOSTILE = [
    b"[" * 60_000, b"[" * 200 + b"]" * 200, b'{"a":' * 30_000 + b"1" + b"}" * 30_000, b'{"a":NaN}', b'{"a":Infinity}', b'{"a":"\xff\xfe"}', b'{"a":1,"a":2}', b'{"a":1e999}', b"{" + b",".join(b'"k%x":%d' % (n, n) for n in range(4_000)) + b"}",
    b'{"' + b"n" * 50_000 + b'":1}', b'{"a":"' + b"x" * 60_000 + b'"}', b"[" + b"1," * 20_000 + b"1]", b'{"a":99999999999999999999999999}', b'{"\\ud800":1}', b'{"a":"\\u0000\\u001b[2J"}', b"null", b"", b"\xef\xbb\xbf",
]


def test_hostile_bodies_end_as_counters() -> None:
    calls = [call("POST", "/in", request_type=media, request_body=octets, response_body=octets) for octets in HOSTILE for media in ("application/json", "application/xml", "multipart/form-data", "application/x-www-form-urlencoded", "text/plain")]
    catalogue = mapped(calls)
    (endpoint,) = catalogue.endpoints()
    assert endpoint.schema.responses[200].malformed > 0 and catalogue.counters()["too_deep"] > 0
    assert catalogue.counters()["duplicate_names"] == 7  # five responses, and the two requests that say to be JSON or text
    assert len(json.dumps(endpoint.to_json())) < 2_000_000
    Endpoint.from_json(json.loads(json.dumps(endpoint.to_json())))


def test_schemas_stay_within_their_room_whatever_is_sent() -> None:
    noise = random.Random(4)
    calls = [call("POST", f"/in{noise.randrange(30)}x", request_body=json.dumps({f"{noise.randrange(10**6):x}q{n}": {f"{noise.randrange(10**6):x}z": n}}).encode()) for n in range(3_000)]
    catalogue = mapped(calls, limits=CatalogueLimits(schema_nodes=500))
    assert catalogue.counters()["nodes_past_limit"] > 0

    def nodes(schema: Any) -> int:
        return 1 + sum(map(nodes, schema.properties.values())) + sum(nodes(part) for part in (schema.additional, schema.items) if part is not None)

    assert sum(nodes(schema) for one in catalogue.endpoints() for schema in one.schema.request.content.values()) < 600


@settings(max_examples=120, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([OTHER, JSON, FORM, XML, MULTIPART]))
def test_no_body_raises(octets: bytes, kind: int) -> None:
    schema = Schema()
    read_body(schema, octets, kind, "", Room(50))
    Schema.from_json(json.loads(json.dumps(schema.to_json())))


# Authentication -----------------------------------------------------------------------------------------------------------------------


def token(claims: dict[str, Any], secret: str | None = "s3cr3t-of-32-octets-that-nobody-knows", **head: Any) -> str:
    part = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()  # noqa: E731
    algorithm = "HS256" if secret is not None else "none"
    signed = f"{part(json.dumps({'alg': algorithm, 'typ': 'JWT', **head}).encode())}.{part(json.dumps(claims).encode())}"
    return f"{signed}.{part(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()) if secret is not None else ''}"


NOW = 1_700_000_000
FRESH = {"sub": "7", "iat": NOW, "exp": NOW + 900}


@pytest.mark.parametrize(
    ("made", "weak"),
    [
        (token(FRESH), ()),
        (token(FRESH, None), ("jwt_alg_none",)),
        (token({"sub": "7"}), ("jwt_without_expiry",)),
        (token({"sub": "7", "iat": NOW, "exp": NOW + 400 * 86_400}), ("jwt_long_lived",)),
        (token(FRESH, "secret"), ("jwt_guessable_secret",)),
        (token(FRESH, jwk={"kty": "oct", "k": "AA"}), ("jwt_key_in_header",)),
        (token(FRESH, jku="https://keys.example/jwks"), ("jwt_key_in_header",)),
    ],
)
def test_weak_tokens(made: str, weak: tuple[str, ...]) -> None:
    found = credential("authorization", f"Bearer {made}")
    assert (found.scheme, found.weak) == (3, weak) and made[-8:] not in found.shown and "•••" in found.shown


@pytest.mark.parametrize(
    ("column", "value", "scheme"),
    [
        ("authorization", "Basic dXNlcjpwYXNz", "basic"), ("authorization", "Bearer 4f9b2c7d1e", "bearer"), ("authorization", 'Digest username="a"', "digest"),
        ("authorization", "Negotiate YII=", "negotiate"), ("authorization", "AWS4-HMAC-SHA256 Credential=A/B", "signature"), ("authorization", 'Signature keyId="a"', "signature"),
        ("authorization", "ApiKey abcdef", "api_key_header"), ("authorization", "Bearer", "none"), ("authorization", "Bearer eyJ.x.y", "bearer"), ("authorization", "Zorro qwerty", "other"), ("authorization", "abc123", "other"),
        ("api_key", "k-123", "api_key_header"), ("cookie", "theme=dark; PHPSESSID=abc123", "session_cookie"), ("cookie", "theme=dark", "none"), ("cookie", "auth_token=abcdef", "api_key_cookie"),
    ],
)
def test_schemes(column: str, value: str, scheme: str) -> None:
    endpoint = only([call(**{column: value})] * 3)
    assert endpoint.authentication.schemes == {scheme: 3} and endpoint.authentication.kind == scheme
    assert value.rsplit(maxsplit=1)[-1] not in json.dumps(endpoint.authentication.to_json()) or scheme == "none"


def test_credentials_forgotten_are_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor.catalogue.authentication.KEPT", 40)
    calls = [call(authorization=f"Bearer {token({'sub': str(n)})}" if n % 3 else None) for n in range(30)]
    found = only(*[calls[k : k + 5] for k in range(0, 30, 5)]).authentication
    assert found.schemes == {"bearer_jwt": 20, "none": 10} and found.weaknesses == {"jwt_without_expiry": 20}


def test_open_mixed_refused_expired_and_in_the_query() -> None:
    stale = f"Bearer {token(FRESH)}"
    calls = [call(authorization=stale, ts=(NOW + 60) * 10**9)] * 3 + [call(authorization=stale, ts=(NOW + 9_000) * 10**9)] * 2
    calls += [call(status=401)] * 4 + [call(query="access_token=0123456789abcdef")]
    found = only(calls).authentication
    assert found.schemes == {"bearer_jwt": 5, "api_key_query": 1} and found.refused == {"none": 4} and found.kind == "several"
    assert found.weaknesses == {"jwt_expired_accepted": 2, "key_in_query": 1} and found.names == {"api_key_query": ["access_token"]}
    assert only(calls + [call()]).authentication.kind == "mixed"
    nothing = only([call()]).authentication
    assert nothing.kind == "none" and nothing.weaknesses == {}


def test_authentication_is_joined_and_saved() -> None:
    one = only([call(authorization="Basic dTpw")] * 2 + [call()]).authentication
    other = only([call(api_key="k1234567")]).authentication
    both = Authentication.from_json(one.to_json())
    both.absorb(other)
    assert both.schemes == {"basic": 2, "none": 1, "api_key_header": 1}
    assert Authentication.from_json(json.loads(json.dumps(both.to_json()))) == both
    for spoiled in (None, {}, {"version": 1, "schemes": 3}, {"version": 9}):
        with pytest.raises(ValueError):
            Authentication.from_json(spoiled)
