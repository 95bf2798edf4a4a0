"""Batches under CALL_SCHEMA from a few lines of Python."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa

from parsers.schema import CALL_SCHEMA

BASE: dict[str, Any] = {
    "uid": "C1", "client_ip": "192.0.2.7", "client_port": 40000, "server_ip": "192.0.2.1", "server_port": 80, "protocol": "http/1.1",
    "method": "GET", "scheme": "http", "host": "api.example", "path": "/", "query": None, "status": 200, "request_bytes": 0,
    "response_bytes": 120, "response_type": "application/json", "user_agent": "app/1", "duration": 2_000_000, "ttfb": 1_000_000,
    "complete": "request_head request_body response_head response_body", "weird": [], "community_id": "1:x", "pcap_file": "x.pcap",
}  # fmt: skip


def call(number: int = 0, **columns: Any) -> dict[str, Any]:
    """One call; what is not given is usual."""
    headers = columns.pop("headers", {"Accept": "application/json"})
    row = {**BASE, "ts": 1_700_000_000_000_000_000 + number * 50_000_000, "packet": number + 1, **columns}
    target = (row["path"] or "") + ("?" + row["query"] if row["query"] is not None else "")
    lines = [f"{row['method']} {target} HTTP/1.1", f"Host: {row['host']}", f"User-Agent: {row['user_agent']}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    row["request_head"] = ("\r\n".join(lines) + "\r\n\r\n").encode()
    body = row.get("request_body")
    if body:
        row["request_bytes"] = len(body)
        row.setdefault("request_type", "application/json")
    return row


def batch(calls: list[dict[str, Any]]) -> pa.RecordBatch:
    """The calls as a batch."""
    return pa.record_batch([pa.array([row.get(f.name) for row in calls], f.type) for f in CALL_SCHEMA], schema=CALL_SCHEMA)


def shop(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Calls of a small shop: users, a search, orders as JSON."""
    pick = random.Random(seed)
    out = []
    for number in range(count):
        kind = pick.random()
        if kind < 0.4:
            out.append(call(number, path=f"/users/{pick.randint(1, 9999)}", response_bytes=pick.randint(180, 220)))
        elif kind < 0.7:
            word = pick.choice(["lamp", "chair", "table", "shelf", "rug"]) + pick.choice(["", "+red", "+blue", "+small"])
            out.append(call(number, path="/search", query=f"q={word}&page={pick.randint(1, 30)}", response_bytes=pick.randint(400, 900)))
        else:
            body = f'{{"sku": "A-{pick.randint(1, 500)}", "quantity": {pick.randint(1, 9)}, "note": "{pick.choice(["door", "desk", "garden"])}"}}'
            out.append(call(number, method="POST", path="/orders", request_body=body.encode(), status=201, response_bytes=60))
    return out
