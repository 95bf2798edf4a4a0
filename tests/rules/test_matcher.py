"""The whole rule set on hostile input: any octets, floods, and batches cut anywhere."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

import rules
from parsers.schema import CALL_SCHEMA
from rules.correlation import Correlator
from rules.examples import batch_of
from rules.matcher import Patterns
from rules.sigma.rule import Counting
from rules.windows import SETS, WAYS, Windows

RULES = rules.load()


def row(**columns: object) -> dict[str, object]:
    base = {
        "ts": 1_700_000_000_000_000_000, "uid": "C1", "client_ip": "192.0.2.1", "client_port": 1, "server_ip": "203.0.113.1", "server_port": 80,
        "protocol": "http/1.1", "scheme": "http", "complete": "request_head", "weird": [], "community_id": "", "pcap_file": "x", "packet": 1,
    }  # fmt: skip
    return base | columns


octets = st.binary(max_size=120)
text = st.text(max_size=60) | octets.map(lambda raw: raw.decode("utf-8", "backslashreplace"))
calls = st.fixed_dictionaries(
    {},
    optional={
        "method": text, "host": text, "path": text, "query": text, "status": st.integers(0, 2**31 - 1), "request_type": st.sampled_from(["application/json", "text/xml", "multipart/form-data", "application/x-www-form-urlencoded", "x"]),
        "user_agent": text, "authorization": text, "cookie": text, "request_head": octets, "response_head": octets, "request_body": octets, "response_body": octets,
        "weird": st.lists(st.sampled_from(["obs_fold", "bare_lf"]), max_size=2), "request_bytes": st.integers(0, 2**40),
    },
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(calls, max_size=6))
def test_any_columns_are_judged_without_an_error(rows: list[dict[str, object]]) -> None:
    batch = pa.RecordBatch.from_pylist([row(**columns) for columns in rows], schema=CALL_SCHEMA)
    for match in RULES.observe(batch):
        assert 0 <= match.row < len(rows)
        assert all(feature.seen.isprintable() for feature in match.features)


def traffic() -> pa.RecordBatch:
    """All examples of all rules, one after another."""
    made = [batch_of(example.calls) for rule in RULES.rules for example in rule.examples if len(example.calls) and int(example.calls[0].get("repeat", 1)) < 50]
    rows = [call for batch in made for call in batch.to_pylist()]
    for i, call in enumerate(rows):
        call["ts"] = 1_700_000_000_000_000_000 + i * 20_000_000
    return pa.RecordBatch.from_pylist(rows, schema=CALL_SCHEMA)


def told(batches: list[pa.RecordBatch]) -> list[tuple[object, ...]]:
    fresh = RULES.restarted()
    found = []
    start = 0
    for batch in batches:
        found += [(start + match.row, match.detector, match.reasons, match.features) for match in fresh.observe(batch)]
        start += batch.num_rows
    return found


def test_a_batch_cut_anywhere_gives_the_same_matches() -> None:
    batch = traffic()
    whole = told([batch])
    assert len(whole) > 100
    for size in (1, 7, 64):
        assert told([batch.slice(start, size) for start in range(0, batch.num_rows, size)]) == whole


def test_the_same_batch_twice_gives_the_same_matches() -> None:
    batch = traffic()
    assert told([batch]) == told([batch])


def test_a_flood_of_one_literal_is_cut_short_and_still_exact() -> None:
    patterns = Patterns([(b"a", 0), (b"needle", 0)])
    texts = [b"a" * 20_000, b"needle", b"x", b"needle a"]
    ends = np.cumsum(np.array([len(text) for text in texts], np.int64))
    starts = ends - np.array([len(text) for text in texts], np.int64)
    ids, found = patterns.rows(b"".join(texts), starts, ends)
    assert sorted(zip(ids.tolist(), found.tolist(), strict=True)) == [(0, 0), (0, 3), (1, 1), (1, 3)]


def test_an_attack_between_clean_calls_is_found_on_its_row() -> None:
    clean = {"request": "GET /api/items/1?page=2 HTTP/1.1\nHost: shop.example\n\n", "repeat": 500, "every": "1s"}
    attack = {"request": "GET /api/items/1?page=2'%20or%201=1-- HTTP/1.1\nHost: shop.example\n\n"}
    found = RULES.observe(batch_of([clean, attack, clean]))
    assert {match.row for match in found if match.detector == "sql-injection"} == {500}
    assert {match.row for match in found} == {500}


def test_counting_forgets_what_is_older_than_the_span() -> None:
    counting = Windows("event_count", 60_000_000_000, 10)
    key = np.full(30, 7, np.uint64)
    slow = np.arange(30, dtype=np.int64) * 10_000_000_000
    assert counting.feed(key, key, slow) == []
    fast = slow[-1] + np.arange(30, dtype=np.int64) * 1_000_000_000
    assert len(counting.feed(key, key, fast)) == 1, "a group reports once a span"


def test_different_values_are_counted_closely() -> None:
    for count in (8, 50, 500):
        counting = Windows("value_count", 60_000_000_000, count)
        values = np.arange(2 * count, dtype=np.uint64)
        found = counting.feed(np.full(2 * count, 3, np.uint64), values, np.arange(2 * count, dtype=np.int64))
        assert found and abs(found[0][0] + 1 - count) <= max(1, count // 10)
        again = Windows("value_count", 60_000_000_000, count)
        assert again.feed(np.full(5000, 3, np.uint64), values[:1].repeat(5000), np.arange(5000, dtype=np.int64)) == []


def test_a_flood_of_groups_costs_no_memory_and_is_counted() -> None:
    counting = Windows("event_count", 60_000_000_000, 10)
    many = 4 * SETS * WAYS
    keys = np.arange(many, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    counting.feed(keys, keys, np.arange(many, dtype=np.int64))
    assert counting.evicted > 0


def test_a_batch_of_one_call_is_counted() -> None:
    correlator = Correlator(Counting("value_count", ("credential",), 60_000_000_000, 2, "client_ip"))
    for n, expected in ((1, 0), (2, 1)):
        batch = batch_of([{"request": "GET /a HTTP/1.1\nHost: a\nAuthorization: Bearer x\n\n", "client": f"192.0.2.{n}"}])
        assert len(correlator.observe(RULES._matcher.match(batch), np.ones(1, np.bool_))) == expected


def test_a_correlator_groups_by_what_it_is_told() -> None:
    counting = Counting("event_count", ("client_ip",), 60_000_000_000, 5)
    request = "GET /a HTTP/1.1\nHost: a\n\n"
    spread = batch_of([{"request": request, "client": "192.0.2.{n}", "repeat": 20}])
    single = batch_of([{"request": request, "repeat": 20}])
    for batch, expected in ((spread, 0), (single, 1)):
        matched = RULES._matcher.match(batch)
        assert len(Correlator(counting).observe(matched, np.ones(20, np.bool_))) == expected
