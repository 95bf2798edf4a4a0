"""`explain`, `diff` and `export` over a map's JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from sensor import diffdesk, mapdesk
from sensor.catalogue import cli, spec
from sensor.catalogue.export import openapi
from sensor.cli import main
from sensor.errors import SensorError
from tests.catalogue.test_catalogue import mapped


def asked(*words: str) -> int:
    parser = argparse.ArgumentParser()
    desk = diffdesk if words[0] == "diff" else mapdesk
    desk.add_arguments(parser)
    return desk.run(parser.parse_args(list(words[1:] if words[0] == "diff" else words)))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    catalogue = mapped([("GET", f"/users/{n}", 200) for n in range(30)] + [("POST", "/users", 201), ("GET", "/users/me", 200)])
    path = tmp_path / "map.json"
    path.write_text(json.dumps({"map": catalogue.to_json()}), encoding="utf-8")
    return path


def test_explain_shows_evidence_and_masked_examples(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked("explain", str(saved), "GET api.example/users/{") == 0
    shown = capsys.readouterr().out
    assert "values of shape integer" in shown
    assert "confidence" in shown


def test_a_map_does_not_differ_from_itself(saved: Path) -> None:
    assert asked("diff", str(saved), str(saved)) == 0


def test_diff_with_a_description_tells_what_came_and_went(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    description = tmp_path / "api.yaml"
    description.write_text("openapi: 3.0.0\npaths: {'/users/{id}': {get: {}}, /gone: {get: {}}}", encoding="utf-8")
    assert asked("diff", str(description), str(saved)) == 3
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("+ GET api.example/users/me")
    assert shown[1:] == ["+ POST api.example/users", "- GET /gone", "2 came, 1 went, 0 changed, 1 stayed as they were"]


def test_the_exported_description_declares_every_endpoint_it_came_from(saved: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert asked("export", str(saved), "-o", str(out)) == 0
    endpoints = cli.read_map(saved)
    assert spec.load([out]).mark(endpoints) == []
    assert {one.declared for one in endpoints} == {"declared"}


def test_an_export_names_each_parameter_of_a_path() -> None:
    endpoints = mapped([("GET", f"/users/{n}/orders/{n * 7 + 100}", 200) for n in range(30)]).endpoints()
    (operation,) = (item["get"] for item in openapi(endpoints)["paths"].values())
    assert [one["name"] for one in operation["parameters"]] == ["user_id", "order_id"]


@pytest.mark.parametrize(("text", "fault"), [("{", "is no endpoint map"), ("[]", "is no endpoint map"), ('{"endpoints": [{}]}', "endpoints.0: needs method"), ('{"endpoints": [{"method": "GET", "host": "a", "template": "/", "calls": "7"}]}', "calls must be a whole number"), ('{"endpoints": [{"method": "GET", "host": "a", "template": "/", "schema": 3}]}', "no schemas")])
def test_a_file_that_is_no_map_is_told(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SensorError, match=fault):
        asked("explain", str(path), "x")


SHOP = Path(__file__).resolve().parents[2] / "pcaps" / "shop-normal.pcap"


def test_a_capture_is_explained_and_exported_as_a_map_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "endpoint", "--map", str(SHOP), "GET", "/api/v1/orders/{"]) == 0
    shown = capsys.readouterr().out
    assert "GET api.shop.example/api/v1/orders/{order_id}  confidence" in shown and "values of shape integer" in shown
    assert asked("explain", str(SHOP), "GET api.shop.example/api/v1/orders/{") == 0
    assert capsys.readouterr().out == shown
    assert asked("export", str(SHOP), "-o", str(tmp_path / "out.json")) == 0
    assert "/api/v1/orders/{order_id}" in json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["paths"]


def test_a_directory_of_descriptions_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "one.yaml").write_text("# shop\nopenapi: 3.0.0\npaths: {/one: {$ref: parts/item.yaml}}", encoding="utf-8")
    (tmp_path / "two.json").write_text('{\n  "swagger": "2.0", "paths": {"/two": {"get": {}}}}', encoding="utf-8")
    (tmp_path / "parts" / "item.yaml").write_text("get: {responses: {}}", encoding="utf-8")
    (tmp_path / "package.json").write_text('{"name": "x", "dependencies": {"openapi": "1"}}', encoding="utf-8")
    assert sorted(one.path for one in spec.load([tmp_path]).operations) == ["/one", "/two"]
    with pytest.raises(SensorError, match="no OpenAPI description lies in it"):
        spec.load([tmp_path / "parts"])
