"""The map that lasts: records, what is told of them, what people decide, and that kill -9 costs nothing."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sensor.catalogue import Catalogue, spec
from sensor.catalogue.pins import Pin, parse
from sensor.catalogue.schema import Room, learn
from sensor.catalogue.state import MIGRATIONS, MapState
from sensor.errors import SensorError
from sensor.findings import Finding
from tests.catalogue.test_catalogue import batch

ROOT = Path(__file__).resolve().parents[2]
Calls = list[tuple[str, str, int | None]]


def run(path: Path, calls: Calls, description: str = "", fields: dict[str, object] | None = None, schemes: dict[str, int] | None = None) -> list[Finding]:
    """One run over these calls with the state at `path`: what was told. `fields`: a body that every endpoint answered with status 200."""
    state = MapState(path)
    catalogue = Catalogue()
    state.attach(catalogue)
    if description:
        file = path.with_suffix(".yaml")
        file.write_text(description, encoding="utf-8")
        spec.load([file]).attach(catalogue)
    catalogue.observe(batch(calls))
    catalogue.finish()
    for endpoint in catalogue.endpoints():
        if fields is not None:
            body = endpoint.schema.response(200)
            assert body is not None
            learn(body.of("application/json"), fields, 0, Room())
            body.seen = body.looked = body.parsed = 1
        if schemes is not None:
            endpoint.authentication.schemes = dict(schemes)
        endpoint.classify()
    told = catalogue.findings()
    state.save()
    state.close()
    return told


def names(path: Path) -> dict[str, tuple[str, int]]:
    state = MapState(path, make=False)
    found = {f"{one.endpoint.method} {one.endpoint.template}": (one.status, one.endpoint.calls) for one in state.records()}
    state.close()
    return found


USERS: Calls = [("GET", f"/users/{n}", 200) for n in range(30)]


def test_counts_go_on_over_runs_and_only_what_is_new_is_told(tmp_path: Path) -> None:
    path = tmp_path / "map.sqlite"
    assert run(path, USERS) == []  # to the first run everything is new
    (told,) = run(path, [*USERS, ("POST", "/users", 201)])
    assert told.detector == "inventory-new"
    assert told.endpoint == "POST api.example/users"
    assert run(path, USERS) == []
    assert names(path) == {"GET /users/{user_id}": ("new", 90), "POST /users": ("new", 1)}


def test_templates_of_one_run_are_the_evidence_of_the_next(tmp_path: Path) -> None:
    path = tmp_path / "map.sqlite"
    run(path, [("GET", f"/shops/{name}", 200) for name in ("berlin", "paris")])
    assert set(names(path)) == {"GET /shops/berlin", "GET /shops/paris"}
    state = MapState(path)
    state.decide([record.number for record in state.find("berlin")], "accepted", "ours")
    state.close()
    more = ["rome", "oslo", "bern", "kyiv", "lima", "cairo", "dakar", "quito", "sofia", "tunis", "turin", "leeds"]
    assert run(path, [("GET", f"/shops/{name}", 200) for name in more]) == []
    assert names(path) == {"GET /shops/{shop}": ("accepted", 14)}
    state = MapState(path)
    assert [text for _, _, text in state.find("shops")[0].notes] == ["ours"]


def test_shadow_is_told_once_and_not_of_what_was_accepted(tmp_path: Path) -> None:
    path = tmp_path / "map.sqlite"
    described = "openapi: 3.0.0\npaths: {'/users/{id}': {get: {}}}"
    calls: Calls = [*USERS, ("GET", "/debug", 200)]
    run(path, calls)
    state = MapState(path)
    state.decide([record.number for record in state.find("users")], "accepted")
    state.close()
    assert [one.detector for one in run(path, calls, described)] == ["inventory-shadow"]
    assert run(path, calls, described) == []
    assert [one.endpoint for one in run(path, calls, "openapi: 3.0.0\npaths: {/debug: {get: {}}}")] == ["GET api.example/users/{user_id}"]
    # what a description had and has no more is removed, not unheard of
    state = MapState(path)
    (record,) = state.find("users")
    assert record.endpoint.declared == "zombie"
    assert record.endpoint.declared_in.startswith("removed:")


def test_a_run_without_a_description_forgets_nothing_of_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "map.sqlite"
    described = "openapi: 3.0.0\npaths: {'/orders': {get: {}}}"
    assert run(path, USERS, described) != []
    assert run(path, USERS) == []
    assert run(path, USERS, described) == []


def test_drift_against_what_was_seen_before(tmp_path: Path) -> None:
    path = tmp_path / "map.sqlite"
    run(path, USERS, fields={"id": 1}, schemes={"bearer": 5})
    assert run(path, USERS, fields={"id": 2}, schemes={"bearer": 5}) == []
    (told,) = run(path, USERS, fields={"id": "x", "email": "ann@example.com"}, schemes={"bearer": 5, "none": 1})
    assert told.detector == "inventory-drift"
    assert told.severity == "high"
    assert [reason.split(":")[0] for reason in told.reasons] == ["authentication lost", "data appeared", "new type", "new field"]
    assert run(path, USERS, fields={"id": "x", "email": "bob@example.com"}, schemes={"bearer": 5, "none": 1}) == []


@pytest.mark.parametrize(
    ("verb", "template", "expected"),
    [
        ("keep", "/users/7", ["/users/7", "/users/{user_id}"]),
        ("merge", "/users/{who}", ["/users/{who}"]),
        ("merge", "/{any}/{who}", ["/{any}/{who}"]),
        ("split", "/users/{x}", ["/users/7", "/users/8", "/users/9"]),
    ],
)
def test_pins_win_over_evidence_and_are_remembered(tmp_path: Path, verb: str, template: str, expected: list[str]) -> None:
    path = tmp_path / "map.sqlite"
    state = MapState(path)
    state.pin(parse(verb, template))
    state.close()
    for _ in range(2):
        run(path, [("GET", f"/users/{n}", 200) for n in (7, 8, 9)])
    assert [name.split()[1] for name in names(path)] == expected


def test_a_kept_value_stands_beside_thousands_that_fold(tmp_path: Path) -> None:
    path = tmp_path / "map.sqlite"
    state = MapState(path)
    state.pin(parse("keep", "api.example/users/1234"))
    assert state.pins() == [Pin("keep", "api.example", "/users/1234")]
    state.close()
    run(path, [("GET", f"/users/{n}", 200) for n in range(3000)])
    assert names(path) == {"GET /users/1234": ("new", 1), "GET /users/{user_id}": ("new", 2999)}


@pytest.mark.parametrize(("verb", "text"), [("keep", "/users/{id}"), ("merge", "/users/me"), ("merge", "/a{b}"), ("keep", "users"), ("hold", "/users"), ("keep", "/")])
def test_a_pin_that_says_nothing_is_refused(verb: str, text: str) -> None:
    with pytest.raises(SensorError):
        parse(verb, text)


def test_files_that_are_no_state_are_told(tmp_path: Path) -> None:
    path = tmp_path / "map.sqlite"
    path.write_text("no database", encoding="utf-8")
    with pytest.raises(SensorError, match="cannot be used as the state"):
        MapState(path)
    with pytest.raises(SensorError, match="there is no state"):
        MapState(tmp_path / "none.sqlite", make=False)
    newer = tmp_path / "newer.sqlite"
    with sqlite3.connect(newer) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(SensorError, match="newer api-sensor"):
        MapState(newer)
    damaged = tmp_path / "damaged.sqlite"
    run(damaged, USERS)
    with sqlite3.connect(damaged) as db:
        db.execute("UPDATE evidence SET packed = x'00'")
    with pytest.raises(SensorError, match="its evidence cannot be read"):
        MapState(damaged).attach(Catalogue())


LOOP = """
import sys
from pathlib import Path
from sensor.catalogue import Catalogue
from sensor.catalogue.state import MapState
from tests.catalogue.test_catalogue import batch
calls = batch([("GET", f"/users/{n}", 200) for n in range(40)] + [("POST", "/users", 201)])
print("ready", flush=True)
while True:
    state, catalogue = MapState(Path(sys.argv[1])), Catalogue()
    state.attach(catalogue)
    catalogue.observe(calls)
    catalogue.finish()
    catalogue.findings()
    state.save()
    state.close()
"""


def test_a_killed_process_leaves_whole_runs_behind(tmp_path: Path) -> None:
    path = tmp_path / "map.sqlite"
    moments = random.Random(5)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", LOOP, str(path)], stdout=subprocess.PIPE, env=environment, cwd=ROOT) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(moments.uniform(0.02, 0.4))
            process.send_signal(signal.SIGKILL)
        with sqlite3.connect(path) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            runs = db.execute("SELECT count(*) FROM run").fetchone()[0] if "run" in tables else 0
        if runs:
            assert {name: calls for name, (_, calls) in names(path).items()} == {"GET /users/{user_id}": 40 * runs, "POST /users": runs}
            catalogue, state = Catalogue(), MapState(path)
            state.attach(catalogue)
            assert catalogue.calls == 41 * runs
            state.close()
    assert runs > 0


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "map.sqlite"
    MapState(path).close()
    assert path.stat().st_mode & 0o077 == 0


def test_the_parts_of_a_template_that_was_split_are_not_new_and_inherit_what_was_decided(tmp_path: Path) -> None:
    path = tmp_path / "map.sqlite"
    calls: Calls = [("GET", f"/reports/r{n}-{n * 7}", 200) for n in range(6)] + [("GET", "/health", 200)]
    run(path, calls)
    assert set(names(path)) == {"GET /health", "GET /reports/{report_id}"}
    state = MapState(path)
    state.decide([one.number for one in state.find("/reports/")], "accepted", "as it should be")
    state.pin(parse("split", "/reports/{report_id}"))
    state.close()
    assert run(path, [*calls, ("POST", "/reports/r1-7", 200)]) != []
    found = names(path)
    assert {name: n for name, (status, n) in found.items() if status == "accepted"} == {f"GET /reports/r{n}-{n * 7}": 2 for n in range(6)}
    assert [one.title for one in run(path, calls)] == []
    state = MapState(path)
    assert [[text for _, _, text in one.notes] for one in state.find("GET api.example/reports/r1-7")] == [["as it should be"]]
    state.unpin("", "/reports/{report_id}")
    state.close()
    assert run(path, calls) == []
    assert names(path)["GET /reports/{report_id}"] == ("accepted", 24)


def test_what_comes_beside_a_template_that_stands_is_new(tmp_path: Path) -> None:
    path = tmp_path / "map.sqlite"
    run(path, [("GET", f"/users/{n}", 200) for n in range(20)])
    assert [one.title for one in run(path, [("GET", "/users/export", 200)])] == ["New endpoint GET api.example/users/export"]
