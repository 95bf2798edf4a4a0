"""What is asked for where the path is not the API."""

from __future__ import annotations

import json
from urllib.parse import quote

import pyarrow as pa
import pytest

from sensor.catalogue import Catalogue, operations
from tests.catalogue.test_catalogue import batch


def graphql(document: str, **more: object) -> bytes:
    return json.dumps({"query": document, **more}).encode()


@pytest.mark.parametrize(
    ("body", "operation"),
    [
        (graphql("query Cart($id: ID!) { cart(id: $id) { total } }"), "query Cart"),
        (graphql("{ b: user(id: 1) { name } orders { id } }"), "query { orders, user }"),
        (graphql("mutation { pay(input: {sum: 3}) { ok } }"), "mutation { pay }"),
        (graphql("query A { a } mutation B { b }", operationName="B"), "mutation B"),
        (graphql('# query Lie\nquery True_ { a(text: "mutation Lie {") }'), "query True_"),
        (graphql("red shoes"), None),
        (json.dumps([{"query": "query A {a}"}, {"query": "query B {b}"}]).encode(), "query A, query B"),
        (json.dumps({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "ab" * 32}}}).encode(), "persisted " + "ab" * 8),
        (b'{"jsonrpc": "2.0", "method": "eth_call", "id": 1}', "eth_call"),
        (b'[{"jsonrpc": "2.0", "method": "a.b"}, {"jsonrpc": "2.0", "method": "c"}]', "a.b, c"),
        (b'{"jsonrpc": "2.0", "method": "<script>", "id": 1}', None),
        (b'<?xml version="1.0"?><s:Envelope xmlns:s="x"><s:Header/><s:Body><m:GetPrice xmlns:m="y"/></s:Body></s:Envelope>', "GetPrice"),
        (b'<s:Envelope xmlns:s="x"><s:Body>\n<!-- by - hand --> <!----><GetPrice/></s:Body></s:Envelope>', "GetPrice"),
        (b'{"operationName": "Long", "query": "query Long { a', "Long"),
        (b"[" * 100_000, None),
    ],
)
def test_an_operation_is_named_by_its_body(body: bytes, operation: str | None) -> None:
    assert operations.operation_of(body) == operation


def test_a_catalogue_labels_and_counts_operations() -> None:
    calls = batch([("POST", "/graphql", 200), ("POST", "/graphql", 200), ("POST", "/users", 201)])
    bodies = pa.array([graphql("query A { a }"), graphql("query A { a }"), b'{"name": "x"}'], pa.binary())
    calls = calls.append_column("request_body", bodies)
    catalogue = Catalogue()
    catalogue.observe(calls)
    catalogue.finish()
    assert catalogue.label(calls)[1].to_pylist() == ["query A", "query A", None]
    assert [one.operations for one in catalogue.endpoints()] == [{"query A": 2}, {}]


HASH = "ab" * 32
PERSISTED = quote(json.dumps({"persistedQuery": {"version": 1, "sha256Hash": HASH}}))


@pytest.mark.parametrize(
    ("query", "operation"),
    [
        ("query=%7Bme%7Bid%7D%7D", "query { me }"),
        (f"operationName=Cart&variables=%7B%7D&extensions={PERSISTED}", "Cart"),
        (f"extensions={PERSISTED}", f"persisted {HASH[:16]}"),
        ("extensions=pdf,doc", None),
        ("query=shoes", None),
    ],
)
def test_an_operation_is_named_by_the_query_string(query: str, operation: str | None) -> None:
    calls = batch([("GET", "/graphql", 200), ("GET", "/search", 200)]).append_column("query", pa.array([query, query], pa.string()))
    assert operations.column(calls).to_pylist() == [operation, None]
