"""The endpoint map: what it decides on the paths that are hard, whatever the order of the calls."""

from __future__ import annotations

import random

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.catalogue import Catalogue, CatalogueLimits

WORD = pa.dictionary(pa.int32(), pa.string())


def batch(calls: list[tuple[str, str, int | None]], host: str | None = "api.example", client: str = "10.0.0.1") -> pa.RecordBatch:
    """Calls of (method, path, status) as the columns the map reads."""
    n = len(calls)
    word = lambda values: pa.array(values, pa.string()).dictionary_encode().cast(WORD)  # noqa: E731
    return pa.record_batch(
        {
            "ts": pa.array(range(1, n + 1), pa.int64()),
            "client_ip": word([client] * n),
            "server_ip": word(["10.2.0.1"] * n),
            "server_port": pa.array([8080] * n, pa.int32()),
            "method": word([call[0] for call in calls]),
            "host": word([host] * n),
            "path": pa.array([call[1] for call in calls], pa.string()),
            "status": pa.array([call[2] for call in calls], pa.int32()),
        }
    )


def mapped(calls: list[tuple[str, str, int | None]], limits: CatalogueLimits | None = None) -> Catalogue:
    catalogue = Catalogue(limits)
    catalogue.observe(batch(calls))
    catalogue.finish()
    return catalogue


def templates(paths: list[str], status: int | None = 200) -> list[str]:
    return [one.template for one in mapped([("GET", path, status) for path in paths]).endpoints()]


def test_numbers_after_a_collection_are_one_parameter() -> None:
    assert templates([f"/api/v1/users/{n}" for n in range(40)]) == ["/api/v1/users/{user_id}"]


def test_a_name_beside_ids_keeps_its_own_endpoint() -> None:
    paths = [f"/users/{n}" for n in range(40)] + ["/users/me", "/users/me"]
    assert templates(paths) == ["/users/me", "/users/{user_id}"]


def test_a_suffix_stays_outside_the_parameter() -> None:
    assert templates([f"/orders/{n}.json" for n in range(9)]) == ["/orders/{order_id}.json"]
    assert templates([f"/orders/{n}:cancel" for n in range(9)]) == ["/orders/{order_id}:cancel"]
    assert templates([f"/odata/Orders({n})" for n in range(9)]) == ["/odata/Orders({Order_id})"]


def test_version_segments_are_literals() -> None:
    paths = [f"/2.0/files/{n}" for n in range(9)] + [f"/2010-04-01/Accounts/{n}" for n in range(9)] + ["/2010-04-01/Tokens"]
    assert templates(paths) == ["/2.0/files/{file_id}", "/2010-04-01/Accounts/{Account_id}", "/2010-04-01/Tokens"]


def test_calls_answered_404_make_no_endpoint_but_count_with_one() -> None:
    catalogue = mapped([("GET", "/users/1", 200), ("GET", "/users/2", 404), ("GET", "/.env", 404), ("GET", "/wp-login.php", 404)])
    (endpoint,) = catalogue.endpoints()
    assert endpoint.statuses == {200: 1, 404: 1}
    assert sorted(one.template for one in catalogue.probed()) == ["/.env", "/wp-login.php"]


def test_a_label_is_null_where_there_is_no_endpoint() -> None:
    calls: list[tuple[str, str, int | None]] = [("GET", "/users/1", 200), ("GET", "/users/2", 404), ("GET", "/.env", 404), ("OPTIONS", "*", 200)]
    catalogue = mapped(calls)
    assert catalogue.label(batch(calls))[0].to_pylist() == ["/users/{user_id}", "/users/{user_id}", None, None]


def test_unanswered_calls_are_proof_on_a_mirror_that_shows_no_answers() -> None:
    assert templates([f"/users/{n}" for n in range(20)], status=None) == ["/users/{user_id}"]


def test_a_flood_of_random_paths_leaves_the_real_map_whole() -> None:
    noise = random.Random(1)
    junk = ["/" + "".join(noise.choices("abcdefghijklmnopqrstuvwxyz", k=12)) for _ in range(20_000)]
    calls: list[tuple[str, str, int | None]] = [("GET", path, 200) for path in junk]
    for n in range(200):
        calls.insert(noise.randrange(len(calls)), ("GET", f"/api/users/{n}", 200))
    catalogue = mapped(calls)
    found = {one.template: one.calls for one in catalogue.endpoints()}
    assert found["/api/users/{user_id}"] >= 190
    assert catalogue.counters()["nodes"] < 20_000


def test_memory_stays_bounded_whatever_the_paths() -> None:
    noise = random.Random(2)
    limits = CatalogueLimits(nodes=2_000, words=200)
    catalogue = Catalogue(limits)
    for _ in range(10):
        calls: list[tuple[str, str, int | None]] = [
            ("GET", "/" + "/".join("".join(noise.choices("abcdefgh0123", k=noise.randrange(1, 9))) for _ in range(noise.randrange(1, 7))), 200)
            for _ in range(2_000)
        ]
        catalogue.observe(batch(calls))
    assert catalogue.counters()["nodes"] <= 2_600
    assert catalogue.counters()["paths_past_node_limit"] > 0


SEGMENTS = st.sampled_from(["users", "orders", "me", "v1", "7", "12", "993", "gold-25", "gold", "a1b2c3d4e5", "x.json", "5.json", ""])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(SEGMENTS, min_size=1, max_size=4), min_size=1, max_size=80), st.randoms(use_true_random=False))
def test_the_map_is_the_same_for_any_order_of_the_calls(paths: list[list[str]], order: random.Random) -> None:
    calls: list[tuple[str, str, int | None]] = [("GET", "/" + "/".join(parts), 200) for parts in paths]
    first = mapped(calls)
    order.shuffle(calls)
    second = mapped(calls)
    assert [(one.name, one.calls, one.statuses) for one in first.endpoints()] == [(one.name, one.calls, one.statuses) for one in second.endpoints()]
    assert first.label(batch(calls))[0].to_pylist() == second.label(batch(calls))[0].to_pylist()


def test_names_of_accounts_and_documents_are_values() -> None:
    people = ["amelia", "bruno", "chandra", "dmitri", "esteban", "farah", "greta", "hiroshi", "ingrid", "jonas", "katya", "lorenzo"]
    things = ["garden", "kettle", "lantern", "marble"]
    calls = [f"/repos/{one}/{thing}/{what}" for one in people for thing in things for what in ("issues", "pulls", "commits")]
    calls += [f"/files/{one}.{kind}" for one in people for kind in ("pdf", "png")]
    calls += ["/gists/public"] * 3 + [f"/gists/{n:040x}" for n in range(1, 4 * 10**37, 10**36)]
    found = templates(calls)
    assert found[:3] == ["/files/{file}", "/gists/public", "/gists/{gist_id}"]
    assert len(found) == 6


def test_countries_and_languages_are_one_parameter() -> None:
    assert templates([f"/{code}/help" for code in ("en-US", "de-DE", "pt-BR")]) == ["/{locale}/help"]
    assert templates([f"/countries/{code}" for code in ("US", "GB", "FR", "JP")]) == ["/countries/{locale}"]
