"""What the model reads calls by: columns, hashes, tables, calibrations. In both forms where they are compiled."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from models import fields as compiled_fields
from models import judge as compiled_judge
from models.calibrate import calibrate
from models.calls import Calls, joined_calls, read_calls, taken
from models.endpoints import learn_tree, routes
from models.features import FEATURES
from models.observe import Observation, character_tables, observe
from tests import forms

sys.path.insert(0, str(Path(__file__).parent))
from calls_by_hand import batch, call, shop


@pytest.fixture(params=forms.FORMS)
def fields(request: Any) -> ModuleType:
    return forms.module("models.fields", "python") if request.param == "python" else compiled_fields


@pytest.fixture(params=forms.FORMS)
def judge(request: Any) -> ModuleType:
    return forms.module("models.judge", "python") if request.param == "python" else compiled_judge


def test_both_forms_give_octets_the_same_hash() -> None:
    twin = forms.module("models.fields", "python")
    pick = random.Random(5)
    runs = [pick.randbytes(n) for n in range(70)]
    assert [twin.hash_octets(run) for run in runs] == [compiled_fields.hash_octets(run) for run in runs]
    data, at = np.frombuffer(b"".join(runs), np.uint8), np.cumsum([0, *map(len, runs)]).astype(np.int32)
    out = np.zeros(len(runs), np.uint64)
    compiled_fields.hash_runs(data, at, out)
    assert out.tolist() == [twin.hash_octets(run) for run in runs]


def test_octets_that_differ_anywhere_or_in_length_have_different_hashes() -> None:
    base = [bytes(n) for n in range(40)]
    changed = [run[:at] + b"\x01" + run[at + 1 :] for run in base for at in range(len(run))]
    assert len({compiled_fields.hash_octets(run) for run in base + changed}) == len(base) + len(changed)


def few(calls: list[dict[str, Any]]) -> tuple[Calls, Any]:
    read = read_calls(batch(calls))
    return read, learn_tree((route, 1) for route in routes(read))


def reader_of(fields: ModuleType, calls: Calls, tree: Any) -> Any:
    calls.root = tree.root_of(calls.method, calls.host)
    reader = fields.FieldReader(np.ones((1, 4096), np.float32), tree.keys, tree.children, len(tree.names))
    reader.open(calls)
    return reader


def read(reader: Any, rows: int) -> None:
    reader.read(np.zeros(rows, np.int32), np.zeros(rows, np.uint8), np.zeros((rows, 28), np.float32), np.zeros(rows + 1, np.int32))


@pytest.mark.parametrize("name", ["path_at", "query_at", "head_at", "body_at"])
@pytest.mark.parametrize("wrong", [-1, 10**6])
def test_offsets_that_lead_outside_their_octets_are_an_error(fields: ModuleType, name: str, wrong: int) -> None:
    calls, tree = few(shop(5))
    at = getattr(calls, name).copy()
    at[3] = wrong
    setattr(calls, name, at)
    with pytest.raises(IndexError):
        read(reader_of(fields, calls, tree), 5)


def test_a_root_or_a_media_type_that_is_not_there_is_an_error(fields: ModuleType) -> None:
    calls, tree = few(shop(5))
    reader = reader_of(fields, calls, tree)
    calls.root = np.full(5, 10_000, np.int32)
    reader.open(calls)
    with pytest.raises(IndexError):
        read(reader, 5)
    calls, _ = few(shop(5))
    calls.response_type = calls.response_type + 1000
    with pytest.raises(IndexError):
        read(reader_of(fields, calls, tree), 5)


def test_columns_of_unequal_length_are_an_error(fields: ModuleType) -> None:
    calls, tree = few(shop(5))
    calls.status = calls.status[:4]
    with pytest.raises(ValueError, match="unequal"):
        reader_of(fields, calls, tree)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("by_length", lambda a: a[:, :-1]), ("new_child", lambda a: a[:-1]), ("unit_values", lambda a: a + 10**6), ("value_keys", np.ones_like), ("nats_mean", lambda a: a[1:]),
        ("value_cost", lambda a: a[:-1]),
    ],
)  # fmt: skip
def test_a_profile_whose_tables_lead_outside_one_another_is_refused(judge: ModuleType, name: str, wrong: Any) -> None:
    model = models.learn([batch(shop(60))], models.ModelConfig(network="off"))
    reader = model.scorer.reader
    judge.Judge(reader, model.profile, model.tree.calls > 0)
    setattr(model.profile, name, np.ascontiguousarray(wrong(getattr(model.profile, name))))
    with pytest.raises(ValueError):
        judge.Judge(reader, model.profile, model.tree.calls > 0)


@settings(max_examples=60, deadline=None)
@given(held=st.lists(st.floats(0, 50, width=32), max_size=60), asked=st.lists(st.floats(-1, 200, width=32), min_size=1, max_size=30), seed=st.integers(0, 9))
def test_nats_are_those_of_the_calibration(held: list[float], asked: list[float], seed: int) -> None:
    spread = np.random.default_rng(seed).gamma(2.0, size=seed * 40).astype(np.float32)
    one = calibrate(np.concatenate([np.array(held, np.float32), spread]))
    values = np.concatenate([np.array(asked, np.float32), one.scores[:50]])
    expected = np.column_stack([one.nats(values), one.nats(values)])
    for form in forms.FORMS:
        out = np.zeros((len(values), 2), np.float32)
        forms.module("models.judge", form).Nats([one, one], [0, 0]).measured(np.column_stack([values, values]), out)
        assert np.allclose(out, expected, rtol=1e-5, atol=1e-6)


def test_keys_are_grouped_as_numpy_does_it(judge: ModuleType) -> None:
    keys = np.random.default_rng(3).integers(0, 50, 400).astype(np.uint64) << np.uint64(33)
    first, inverse, count = judge.grouped(keys)
    distinct, at, back, often = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    assert sorted(first.tolist()) == sorted(at.tolist())
    assert (keys[first][inverse] == distinct[back]).all()
    assert dict(zip(keys[first].tolist(), count.tolist(), strict=True)) == dict(zip(distinct.tolist(), often.tolist(), strict=True))
    assert [len(part) for part in judge.grouped(keys[:0])] == [0, 0, 0]


def test_calls_taken_from_batches_and_joined_are_the_same_calls() -> None:
    whole = read_calls(batch(shop(90)))
    parts = [taken(read_calls(batch(shop(90)[at : at + 30])), np.arange(30)) for at in (0, 30, 60)]
    again = joined_calls(parts)
    tree = learn_tree((route, 1) for route in routes(whole))
    assert routes(again) == routes(whole)
    tables = character_tables(whole, np.zeros(90, np.uint8), 1)
    assert (character_tables(again, np.zeros(90, np.uint8), 1) == tables).all()
    same(observe(whole, tree, tables), observe(again, tree, tables))


def same(one: Observation, two: Observation) -> None:
    assert (one.counts == two.counts).all()
    assert (one.ranges == two.ranges).all()
    for name, column in one.fields.items():
        assert (column == two.fields[name]).all(), name


def test_headers_that_were_read_before_are_the_same_as_read_again() -> None:
    rows = shop(40)
    for number in range(0, 40, 4):  # heads with more fields than a call may have, and a name twice
        rows[number] = call(number, path="/users/1", headers={f"X-{k}": str(k) for k in range(number * 8)} | {"Cookie": "a=1; b=2; a=3"})
    calls, tree = few(rows)
    other = learn_tree([(("GET elsewhere", ()), 1)])
    tables = character_tables(calls, np.zeros(40, np.uint8), 1)
    before = observe(calls, other, tables)
    same(observe(calls, tree, tables), observe(calls, tree, tables, before=before))


def test_every_feature_is_made_once() -> None:
    from models.features import RECIPE

    assert sorted(RECIPE[:, 2].tolist()) == list(range(len(FEATURES)))
    assert RECIPE[:, 0].tolist() == sorted(RECIPE[:, 0].tolist())
