"""Data classes of path segments: what stands in a path parameter is found, counted and kept nowhere, as in a field of a body."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sensor.catalogue import Catalogue, EndpointSchema
from sensor.catalogue.learning import path_classes
from sensor.catalogue.state import MapState
from sensor.masking import Masker
from tests.catalogue.labelled import samples
from tests.catalogue.test_learning import batch, call, mapped, only

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0."


def card(noise: random.Random) -> str:
    """A number of a test range with its check digit (ISO/IEC 7812-1)."""
    digits = "411111" + "".join(noise.choices("0123456789", k=9))
    total = sum(sum(divmod(int(c) * 2, 10)) if i % 2 == 0 else int(c) for i, c in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def secrets(noise: random.Random, n: int) -> list[tuple[str, str, str]]:
    """(path, the value in it, its class)."""
    letters = lambda k: "".join(noise.choices("abcdefghijKLMNOPQ0123456789", k=k))  # noqa: E731
    made = []
    for k in range(n):
        made += [
            (f"/users/ann{k}%40example.com/orders", f"ann{k}", "email"),
            (f"/mail/bob{k}@example.org", f"bob{k}", "email"),
            (f"/cards/{(number := card(noise))}", number, "payment_card"),
            (f"/verify/{JWT}{(signature := letters(43))}", signature, "jwt"),
            (f"/keys/sk_live_{(key := letters(24))};v=1", key, "secret"),
        ]
    return made


def test_personal_data_and_secrets_in_paths_are_found_and_counted() -> None:
    made = secrets(random.Random(1), 12)
    catalogue = mapped([call(path=path) for path, _, _ in made])
    found = {one.template.split("/")[1]: [(data.field, data.name, data.count, data.seen) for data in one.data_classes] for one in catalogue.endpoints()}
    assert found == {
        "users": [("path.email", "email", 12, 12)],
        "mail": [("path.email", "email", 12, 12)],
        "cards": [("path.card_id", "payment_card", 12, 12)],
        "verify": [("path.verify_id", "jwt", 12, 12)],
        "keys": [("path.key_id", "secret", 12, 12)],
    }


def test_no_value_of_a_path_is_shown() -> None:
    masker = Masker(b"k" * 32)
    for n in (1, 12):
        made = secrets(random.Random(n), n)
        catalogue = mapped([call(path=path) for path, _, _ in made] + [call(path=f"{path}/nowhere", status=404) for path, _, _ in made])
        shown = json.dumps(catalogue.to_json(masker.text))
        assert [value for _, value, _ in made if value in shown] == []
        assert not any(one.parameters[name]["examples"] for one in catalogue.endpoints() for name in one.parameters)


def test_a_single_secret_beside_names_is_a_value() -> None:
    paths = ["/hooks/list", "/hooks/ghp_abcdefghijklmnopqrstuvwxyzABCDEFGHIJ", "/hooks/list"]
    assert [one.template for one in mapped([call(path=path) for path in paths]).endpoints()] == ["/hooks/list", "/hooks/{hook_id}"]


def test_ordinary_numbers_and_names_in_paths_are_no_personal_data() -> None:
    noise = random.Random(3)
    paths = [f"/{name}/{value}" for k in range(40) for name, value in (
        ("orders", noise.randrange(10**15, 10**16)), ("parcels", noise.randrange(10**11, 10**12)), ("events", 1_700_000_000_000 + k), ("diagnoses", k), ("password/reset", k),
        ("things", f"{noise.getrandbits(128):032x}"), ("files", f"{k}.pdf"), ("users", f"user-{k}"),
    )]  # fmt: skip
    assert [(one.template, one.data_classes) for one in mapped([call(path=path) for path in paths]).endpoints() if one.data_classes] == []


def test_words_of_the_template_are_not_values() -> None:
    assert only([call(path=f"/phone/email/{k}") for k in range(9)]).data_classes == []


@pytest.mark.parametrize("values", [1, 25])
def test_precision_and_recall_on_the_labelled_set(values: int, capsys: pytest.CaptureFixture[str]) -> None:
    right = wrong = missed = 0
    mistakes: Counter[tuple[str, str, str]] = Counter()
    for sample in samples(values, values):
        texts = [str(value) for value in sample.values if isinstance(value, str | int) and not isinstance(value, bool) and str(value) and "/" not in str(value)]
        if len(texts) < len(sample.values) or sample.beside:
            continue
        schema = EndpointSchema()
        for text in texts:
            schema.looked += 1
            for number, name in path_classes(f"/{quote(sample.field, safe='')}/{quote(text, safe='@:+')}"):
                schema.classify(number, name)
        found = {one.name for one in schema.data_classes(f"/of/{{{sample.field.replace('/', '_')}}}")}
        right += sample.wanted in found
        wrong += len(found - {sample.wanted})
        missed += bool(sample.wanted) and sample.wanted not in found
        if found != ({sample.wanted} if sample.wanted else set()):
            mistakes[sample.wanted or "-", ",".join(sorted(found)) or "-", sample.field] += 1
    precision, recall = right / (right + wrong), right / (right + missed)
    with capsys.disabled():
        print(f"\ndata classes of paths, {values} values a field: precision {precision:.4f}, recall {recall:.4f}; {dict(mistakes.most_common(8))}")
    assert precision >= 0.98 and recall >= 0.98


@pytest.mark.parametrize("seed", range(3))
def test_the_same_for_any_order_and_after_a_template_came(seed: int) -> None:
    made: list[dict[str, Any]] = [call(path=f"/people/{name}{k}@example.com/{what}", ts=k) for k, name in enumerate("abcdefgh") for what in ("cards", "orders")]
    expected = [one.to_json() for one in mapped(made).endpoints()]
    random.Random(seed).shuffle(made)
    assert [one.to_json() for one in mapped(made[:5], made[5:]).endpoints()] == expected
    assert all(one["data_classes"][0]["field"] == "path.email" for one in expected)


def test_what_was_found_lasts_and_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "map.sqlite"
    told = []
    for paths in ([f"/people/{k}" for k in range(20)], [f"/people/ann{k}@example.com" for k in range(30)], [f"/people/bob{k}@example.com" for k in range(30)]):
        state = MapState(file)
        catalogue = Catalogue(key=b"k" * 16)
        state.attach(catalogue)
        catalogue.observe(batch([call(path=path) for path in paths]))
        catalogue.finish()
        told.append([reason for one in catalogue.findings() for reason in one.reasons if "data appeared" in reason])
        state.save()
        counts = [(one.endpoint.template, [(data.field, data.count) for data in one.endpoint.data_classes]) for one in state.records()]
        state.close()
    assert told[0] == [] and len(told[1]) == 1 and told[2] == []
    assert [data for _, data in counts] == [[("path." + counts[0][0].split("{")[1][:-1], 60)]]


def test_matrix_parameters_are_told_by_class_and_belong_to_their_segment() -> None:
    calls = [call("GET", f"/users;id={n};email=ann{n}%40example.com/orders", response_body=b'{"order": 1}') for n in range(20)]
    calls += [call("GET", "/users", response_body=b'{"user": 1}')] * 20
    users, orders = sorted(mapped(calls).endpoints(), key=lambda one: one.template.count("/"))
    assert (users.template, orders.template) == ("/users", "/users;id={id};email={email}/orders")
    assert [(one.field, one.name, one.count) for one in orders.data_classes] == [("path.email", "email", 20)]
    # What is learned of a path goes to its own endpoint: it was cut at the first semicolon once.
    assert [sorted(body.properties) for one in (users, orders) for body in one.schema.responses[200].content.values()] == [["user"], ["order"]]
    assert users.data_classes == []


def test_a_lasting_map_remembers_matrix_parameters(tmp_path: Path) -> None:
    for paths, template in ((["/users;id=7/orders", "/users;id=8/orders"], "/users;id={id}/orders"), (["/users;id=9/orders"], "/users;id={id}/orders"), (["/users/orders"], "/users/orders")):
        state, catalogue = MapState(tmp_path / "map.sqlite"), Catalogue()
        state.attach(catalogue)
        catalogue.observe(batch([call("GET", path) for path in paths]))
        catalogue.finish()
        assert [one.template for one in catalogue.endpoints()] == [template]
        catalogue.findings()
        state.save()
        state.close()
