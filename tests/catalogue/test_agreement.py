"""Whether bodies have the same fields: evidence that joins siblings into one endpoint, and that parts them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from sensor.catalogue import Catalogue
from sensor.catalogue.agreement import NOTHING, agree
from sensor.catalogue.state import MapState
from tests.catalogue.test_learning import batch, call, mapped


def get(path: str, body: Any, method: str = "GET", **more: Any) -> dict[str, Any]:
    return call(method, path, response_body=json.dumps(body).encode(), **more)


def templates(calls: list[dict[str, Any]]) -> list[str]:
    return sorted({one.template for one in mapped(calls).endpoints()})


def test_what_agrees() -> None:
    thing = frozenset({".id", ".name", ".price"})
    assert agree((frozenset(), thing), (frozenset(), thing | {".colour"})) is True
    assert agree((frozenset(), thing), (frozenset(), frozenset({".total", ".rows"}))) is False
    assert agree((frozenset(), thing), (frozenset(), frozenset({".ok"}))) is None
    assert agree((thing, frozenset()), (frozenset(), thing)) is None
    assert agree((thing, thing), (thing, frozenset({".total", ".rows"}))) is False
    assert agree(NOTHING, NOTHING) is None


NAMES = ["gold", "silver", "bronze", "copper", "nickel", "cobalt", "zinc", "carbon", "helium", "argon"]


def test_a_name_among_slugs_is_told_by_its_bodies() -> None:
    slugs = [get(f"/metals/{name}", {"id": n, "name": name, "price": 1}) for n, name in enumerate(NAMES)]
    assert templates(slugs) == ["/metals/{metal}"]
    assert templates([*slugs, get("/metals/platinum", {"id": 1, "name": "x", "price": 2})]) == ["/metals/{metal}"]
    assert templates([*slugs, get("/metals/summary", {"total": 1, "mean": 2})]) == ["/metals/summary", "/metals/{metal}"]
    assert templates([*slugs, get("/metals/listing", [{"id": 1, "name": "x", "price": 2}])]) == ["/metals/listing", "/metals/{metal}"]
    assert templates([*slugs, get("/metals/tin", None)]) == ["/metals/{metal}"]  # nothing is known of its bodies
    assert templates([*slugs, get("/metals/export", None)]) == ["/metals/export", "/metals/{metal}"]  # but this is what APIs call something else


def test_requests_tell_names_apart_too() -> None:
    slugs = [call("PUT", f"/metals/{name}", request_body=json.dumps({"name": name, "price": 1}).encode(), response_body=b'{"ok":true}') for name in NAMES]
    bulk = call("PUT", "/metals/bulk", request_body=b'{"items":[{"key":"a","op":"del"}],"dry_run":true}', response_body=b'{"ok":true}')
    assert templates([*slugs, bulk]) == ["/metals/bulk", "/metals/{metal}"]


def relation(bodies: dict[str, Any]) -> Catalogue:
    calls = [get(f"/{kind}/{n}{end}", bodies[kind]) for kind in bodies for n in range(20) for end in ("", "/tags")]
    calls += [get(f"/tags/{n}/{kind}", {"ids": [1], "more": False}) for kind in bodies for n in range(20)]
    return mapped(calls)


def test_a_relation_asks_whether_its_sides_have_the_same_bodies() -> None:
    same = relation({kind: {"id": 1, "label": "a"} for kind in ("users", "teams", "policies")})
    (one,) = (one for one in same.endpoints() if one.template == "/{type}/{id}/tags")
    assert any("their bodies have the same fields" in line for line in one.evidence)
    other = relation({"users": {"id": 1, "label": "a"}, "teams": {"id": 1, "label": "a"}, "policies": {"rows": [1], "total": 3}})
    assert {"/users/{user_id}/tags", "/teams/{team_id}/tags", "/policies/{policy_id}/tags"} <= {one.template for one in other.endpoints()}


@pytest.mark.parametrize("seed", range(4))
def test_the_same_for_any_order_of_the_calls(seed: int) -> None:
    calls = [get(f"/metals/{name}", {"id": n, "name": name, "price": 1}) for n, name in enumerate(NAMES)] + [get("/metals/summary", {"total": 1, "mean": 2})]
    expected = templates(calls)
    random.Random(seed).shuffle(calls)
    assert [one.template for one in mapped(calls[:3], calls[3:8], calls[8:]).endpoints()] == expected == ["/metals/summary", "/metals/{metal}"]


def test_a_lasting_map_remembers_what_parted_them(tmp_path: Path) -> None:
    first = [get(f"/metals/{name}", {"id": n, "name": name, "price": 1}) for n, name in enumerate(NAMES)] + [get("/metals/summary", {"total": 1, "mean": 2})]
    for calls in (first, [get("/metals/gold", {"id": 0, "name": "gold", "price": 1})]):
        state, catalogue = MapState(tmp_path / "map.sqlite"), Catalogue()
        state.attach(catalogue)
        catalogue.observe(batch(calls))
        catalogue.finish()
        state.save()
        found = {one.endpoint.template: one.endpoint.calls for one in state.records()}
        state.close()
    assert found == {"/metals/summary": 1, "/metals/{metal}": 11}


def listed(*names: str, field: str = "slug") -> dict[str, Any]:
    return get("/shops", [{field: name, "open": True} for name in names])


def test_words_that_responses_handed_out_are_values() -> None:
    asked = [get(f"/shops/{name}", {"open": True}) for name in ("berlin", "lima")]
    assert templates(asked) == ["/shops/berlin", "/shops/lima"]
    assert templates([listed("berlin", "lima", "oslo"), *asked]) == ["/shops", "/shops/{slug}"]
    assert templates([listed("berlin", "lima", field="shop"), *asked]) == ["/shops", "/shops/{shop}"]
    assert templates([listed("berlin", "lima", field="note"), *asked]) == ["/shops", "/shops/berlin", "/shops/lima"]
    assert templates([listed("oslo", "quito"), *asked]) == ["/shops", "/shops/berlin", "/shops/lima"]
    # What stands beside them keeps its name, handed out or not: not everything that a thing is called by is one.
    assert templates([listed("berlin", "lima", "search"), *asked, get("/shops/search", {"hits": 1})]) == ["/shops", "/shops/search", "/shops/{slug}"]


def test_names_that_responses_list_make_no_collections_one() -> None:
    tables = get("/meta/tables", [{"name": "users"}, {"name": "orders"}])
    asked = [get(f"/{kind}/{n}", {"id": n}) for kind in ("users", "orders") for n in range(9)] + [get(f"/admin/{kind}", {"ok": True}) for kind in ("users", "orders")]
    assert templates([tables, *asked]) == ["/admin/orders", "/admin/users", "/meta/tables", "/orders/{order_id}", "/users/{user_id}"]


def test_a_lasting_map_remembers_what_was_handed_out(tmp_path: Path) -> None:
    for calls in ([listed("berlin", "lima")], [get(f"/shops/{name}", {"open": True}) for name in ("berlin", "lima")]):
        state, catalogue = MapState(tmp_path / "map.sqlite"), Catalogue()
        state.attach(catalogue)
        catalogue.observe(batch(calls))
        catalogue.finish()
        catalogue.findings()
        state.save()
        state.close()
    assert [one.template for one in catalogue.endpoints()] == ["/shops", "/shops/{slug}"]
