"""Classes of calls: what holds on a row is what each comparison says of its columns, however the values are spread."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.schema import CALL_SCHEMA
from rules import columns
from rules.facts import Facts
from rules.matcher import Matcher
from rules.sigma.rule import read_rules
from tests.rules.test_matcher import row

RULE = """
title: t
id: t
detection:
  a: {status: 404}
  b: {status|gte: 500, request_bytes|gt: 1000000}
  c: {method: [GET, HEAD]}
  d: {user_agent|contains: curl}
  e: {weird: obs_fold}
  f: {authorization|re: '^Bearer [a-z]+$'}
  g: {host: null}
  h: {client_ip|cidr: 192.0.2.0/24}
  i: {user: ann}
  j: {cookie|exists: true}
  k: {status|startswith: '5'}
  condition: 1 of them
"""


def facts() -> tuple[Matcher, Facts]:
    matcher = Matcher(read_rules(RULE, "t.yaml", []))
    return matcher, matcher.facts


def expected(call: dict[str, object], name: str, op: str, text: bytes, number: float) -> bool:
    """One comparison on one row, said as plainly as can be."""
    value = call.get(name)
    if name == "user":
        return call.get("authorization") == "Basic YW5uOng="
    if op == "exists":
        return (value is not None) == bool(number)
    if value is None:
        return False
    if name == "weird":
        return text.decode() in value  # type: ignore[operator]
    if op == "eq":
        return value == number
    if op in ("gt", "gte"):
        return value > number if op == "gt" else value >= number  # type: ignore[operator]
    shown = str(value).lower().encode()
    if op == "cidr":
        return shown.startswith(b"192.0.2.")
    if op == "regex":
        return str(value).startswith("Bearer ") and str(value)[7:].isalpha() and str(value)[7:].islower()
    return shown == text if op == "equals" else text in shown if op == "contains" else shown.startswith(text)


calls = st.fixed_dictionaries(
    {"client_ip": st.sampled_from(["192.0.2.1", "198.51.100.1"]), "weird": st.lists(st.sampled_from(["obs_fold", "bare_lf"]), max_size=2)},
    optional={
        "status": st.sampled_from([200, 404, 500, 503, 70_000, -1]), "request_bytes": st.sampled_from([0, 10**6, 10**6 + 1, 2**40]), "method": st.sampled_from(["GET", "get", "POST"]),
        "user_agent": st.sampled_from(["curl/8", "CURL", "x"]), "authorization": st.sampled_from(["Bearer abc", "Bearer ABC", "Basic YW5uOng=", ""]), "host": st.sampled_from(["a", ""]), "cookie": st.just("a=b"),
    },
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.lists(calls, min_size=1, max_size=12), st.integers(0, 5))
def test_a_class_holds_what_every_comparison_says(made: list[dict[str, object]], cut: int) -> None:
    matcher, read = facts()
    whole = pa.RecordBatch.from_pylist([row(**call) for call in made], schema=CALL_SCHEMA)
    batch = whole.slice(min(cut, len(made) - 1))
    classes, numbers = read.classes(columns.Table(batch))
    for k, call in enumerate(made[min(cut, len(made) - 1) :]):
        held = read.held(numbers[0 if classes is None else int(classes[k])])
        for i, atom in enumerate(matcher.atoms):
            assert (i in held) == expected(row(**call), atom.field.detail, atom.op, atom.text, atom.number), (atom, call)


def test_a_long_dictionary_is_remembered_and_says_the_same() -> None:
    matcher, read = facts()
    tokens = [f"Bearer {n}" for n in range(400)] + ["Bearer abc", "", None]  # type: ignore[list-item]
    batch = pa.RecordBatch.from_pylist([row(authorization=token) for token in tokens], schema=CALL_SCHEMA)
    atom = next(i for i, atom in enumerate(matcher.atoms) if atom.op == "regex")
    for _ in range(4):
        classes, numbers = read.classes(columns.Table(batch))
        assert classes is not None
        holds = np.array([atom in read.held(of_class) for of_class in numbers])[classes]
        assert np.flatnonzero(holds).tolist() == [400]


def test_how_words_begin_is_seen_in_a_long_dictionary_too() -> None:
    rule = "title: t\nid: t\ndetection:\n  a: {authorization|startswith: 'Basic '}\n  b: {authorization|cased|startswith: 'Key'}\n  c: {authorization: nothing}\n  condition: 1 of them\n"
    matcher = Matcher(read_rules(rule, "t.yaml", []))
    tokens = [f"Bearer {n}" for n in range(400)] + ["basic abc", "BASIC x", "Basic", "Key1", "key1", "NOTHING", "nothing more", "", None]  # type: ignore[list-item]
    batch = pa.RecordBatch.from_pylist([row(authorization=token) for token in tokens], schema=CALL_SCHEMA)
    for _ in range(2):
        classes, numbers = matcher.facts.classes(columns.Table(batch))
        assert classes is not None
        assert np.flatnonzero([bool(matcher.facts.held(numbers[k])) for k in classes]).tolist() == [400, 401, 403, 405]
