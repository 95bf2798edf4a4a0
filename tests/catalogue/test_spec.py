"""Descriptions beside the map: what is declared, shadow, zombie and unseen, and what is said about files that are wrong."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sensor.catalogue import Catalogue, Endpoint, drift, spec
from sensor.catalogue.schema import Room, learn
from sensor.errors import SensorError

PETS = """
openapi: 3.1.0
info: {title: Pets, version: "2"}
servers: [{url: "https://{tenant}.pets.example/api/v2", variables: {tenant: {default: a}}}]
paths:
  /pets: {get: {}, post: {}}
  /pets/{petId}: {get: {}, delete: {deprecated: true}}
  /pets/{petId}/photo.{format}: {get: {}}
  /owners: {$ref: "parts/owners.yaml#/item"}
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def marked(descriptions: spec.Descriptions, *names: str) -> list[str]:
    endpoints = [Endpoint(name.split()[0], *name.split()[1].split("/", 1)) for name in names]
    for endpoint in endpoints:
        endpoint.template = "/" + endpoint.template
    descriptions.mark(endpoints)
    return [endpoint.declared for endpoint in endpoints]


def test_declared_shadow_and_zombie(tmp_path: Path) -> None:
    write(tmp_path, "parts/owners.yaml", "item: {get: {}}")
    descriptions = spec.load([write(tmp_path, "pets.yaml", PETS)])
    assert marked(
        descriptions,
        "GET a.pets.example/api/v2/pets",
        "GET a.pets.example/api/v2/pets/{pet_id}",
        "GET a.pets.example/api/v2/pets/{pet_id}/photo.png",
        "GET a.pets.example/api/v2/owners",
        "DELETE a.pets.example/api/v2/pets/{pet_id}",
        "GET a.pets.example/api/v1/pets",
        "GET a.pets.example/api/v2/internal/dump",
    ) == ["declared", "declared", "declared", "declared", "zombie", "zombie", "shadow"]


def test_what_was_never_seen_is_kept(tmp_path: Path) -> None:
    write(tmp_path, "parts/owners.yaml", "item: {get: {}}")
    descriptions = spec.load([write(tmp_path, "pets.yaml", PETS)])
    unseen = descriptions.mark([Endpoint("GET", "a.pets.example", "/api/v2/pets")])
    assert ("POST", "/api/v2/pets") in {(one.method, one.path) for one in unseen}
    assert ("GET", "/api/v2/pets") not in {(one.method, one.path) for one in unseen}


def test_swagger_base_path_is_honoured(tmp_path: Path) -> None:
    text = json.dumps({"swagger": "2.0", "host": "api.example", "basePath": "/v1", "paths": {"/things/{id}": {"get": {}}}})
    descriptions = spec.load([write(tmp_path, "things.json", text)])
    assert marked(descriptions, "GET api.example/v1/things/{thing_id}", "GET api.example/things/{thing_id}") == ["declared", "shadow"]


def test_paths_decide_when_no_declared_host_was_seen(tmp_path: Path) -> None:
    text = json.dumps({"swagger": "2.0", "host": "api.example", "paths": {"/things": {"get": {}}}})
    assert marked(spec.load([write(tmp_path, "a.json", text)]), "GET 10.2.0.1:8080/things") == ["declared"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("openapi: 3.0.0\npaths: [", "wrong.yaml:3: is no YAML"),
        ("{}", "neither 'openapi' nor 'swagger'"),
        ("openapi: 4.0.0\npaths: {}", "version '4.0.0' is not known"),
        ("openapi: 3.0.0\npaths: {things: {get: {}}}", "paths.things: a path begins with a slash"),
        ("openapi: 3.0.0\npaths: {/a: {get: 1}}", "paths./a.get: must be a mapping"),
        ("openapi: 3.0.0\npaths: {/a: {$ref: 'https://evil.example/x.yaml'}}", "over the network are not followed"),
        ("openapi: 3.0.0\npaths: {/a: {$ref: '#/paths/~1a'}}", "go in a circle"),
        ("openapi: 3.0.0\npaths: {/a: {$ref: '#/nowhere'}}", "which has no 'nowhere'"),
        ("openapi: 3.0.0\npaths: {/a: {$ref: 'gone.yaml'}}", "cannot be read"),
        ("openapi: 3.0.0\nservers: [{}]\npaths: {}", "servers.0: needs a url"),
    ],
)
def test_a_wrong_description_is_told_with_its_place(tmp_path: Path, text: str, fault: str) -> None:
    path = write(tmp_path, "wrong.yaml", text)
    with pytest.raises(SensorError) as told:
        spec.load([path])
    assert fault in str(told.value)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    one = write(tmp_path, "one.yaml", "openapi: 3.0.0\npaths: {a: {}, b: {}}")
    with pytest.raises(SensorError) as told:
        spec.load([one, tmp_path / "none.yaml"])
    assert len(str(told.value).splitlines()) == 3


def test_findings_name_shadow_and_zombie_endpoints(tmp_path: Path) -> None:
    write(tmp_path, "parts/owners.yaml", "item: {get: {}}")
    endpoints = [Endpoint("POST", "a.pets.example", "/api/v2/secret", calls=3, callers=1), Endpoint("GET", "a.pets.example", "/api/v2/pets")]
    spec.load([write(tmp_path, "pets.yaml", PETS)]).mark(endpoints)
    (finding,) = spec.findings(endpoints)
    assert finding.category == "API9:2023"
    assert finding.endpoint == "POST a.pets.example/api/v2/secret"


def test_a_catalogue_marks_its_own_map(tmp_path: Path) -> None:
    catalogue = Catalogue()
    spec.load([write(tmp_path, "a.yaml", "openapi: 3.0.0\npaths: {/a: {get: {}}}")]).attach(catalogue)
    catalogue.finish()
    assert [operation.path for operation in catalogue.unseen()] == ["/a"]
    assert catalogue.findings() == []


def test_the_three_ways_of_a_zombie_have_names(tmp_path: Path) -> None:
    info = "info: {title: Pets, version: '%s'}\nservers: [{url: http://a.example}]\n"
    old = write(tmp_path, "old.yaml", "openapi: 3.0.0\n" + info % "1.9" + "paths: {/v1/pets: {get: {}}, /v1/toys: {get: {}}}")
    new = write(tmp_path, "new.yaml", "openapi: 3.0.0\n" + info % "1.10" + "paths: {/v1/pets: {get: {deprecated: true}}, /v2/pets: {get: {}, post: {}}}")
    endpoints = [Endpoint("GET", "a.example", path) for path in ("/v1/pets", "/v1/toys", "/v2/pets")] + [Endpoint("POST", "a.example", "/v1/pets")]
    for files in ([old, new], [new, old]):
        descriptions = spec.load(files)
        descriptions.mark(endpoints)
        assert [(one.declared, one.declared_in.split(":")[0]) for one in endpoints] == [
            ("zombie", "deprecated"),
            ("zombie", "removed"),
            ("declared", str(new)),
            ("zombie", "superseded"),
        ]
    assert [one.title.split(":")[0] for one in spec.findings(endpoints)] == [
        f"Retired endpoint still answers ({how})" for how in ("deprecated", "removed", "superseded")
    ]


def test_an_orphan_is_one_that_the_mirror_could_have_shown(tmp_path: Path) -> None:
    here = write(tmp_path, "here.yaml", "openapi: 3.0.0\nservers: [{url: http://a.example}]\npaths: {/seen: {get: {}}, /quiet: {get: {}}}")
    there = write(tmp_path, "there.yaml", "openapi: 3.0.0\nservers: [{url: http://b.example}]\npaths: {/far: {get: {}}}")
    descriptions = spec.load([here, there])
    found = descriptions.orphans([Endpoint("GET", "a.example", "/seen", calls=3)])
    assert [(one.path, could) for one, could in found] == [("/quiet", True), ("/far", False)]


def test_a_fault_says_its_line_and_its_cure(tmp_path: Path) -> None:
    path = write(tmp_path, "wrong.yaml", "openapi: 3.0.0\nservers:\n  - url: http://a\n  - {}\npaths:\n  /ok: {}\n  pets:\n    get: {}\n  /a:\n    get: 7\n")
    write(tmp_path, "part.yaml", "components:\n  item: {get: {}}\n")
    other = write(tmp_path, "other.json", '{"openapi": "3.0.0",\n "paths": {\n  "/b": {"$ref": "part.yaml#/components/itme"}}}')
    with pytest.raises(SensorError) as told:
        spec.load([path, other])
    assert str(told.value).splitlines() == [
        f"{path}:4: servers.1: needs a url, such as {{url: https://api.example/v1}}",
        f"{path}:7: paths.pets: a path begins with a slash: write /pets",
        f"{path}:10: paths./a.get: must be a mapping, such as {{responses: {{...}}}}",
        f"{other}:3: paths./b: refers to part.yaml#/components/itme, which has no 'itme'; did you mean 'item'?",
    ]


SHOP = """
openapi: 3.1.0
security: [{key: []}]
paths:
  /orders/{id}:
    get:
      parameters: [{name: expand, in: query, schema: {type: boolean}}]
      responses:
        '200': {content: {application/json: {schema: {$ref: 'types.yaml#/Order'}}}}
        4XX: {description: refused}
"""
TYPES = """
Order:
  type: object
  properties:
    id: {type: integer}
    total: {type: number}
    lines: {type: array, items: {$ref: '#/Line'}}
    labels: {type: object}
Line:
  allOf: [{$ref: '#/Thing'}, {type: object, properties: {count: {type: integer}, of: {$ref: '#/Order'}}}]
Thing: {type: object, properties: {sku: {type: string}}}
"""


def test_drift_is_what_was_seen_beside_what_was_declared(tmp_path: Path) -> None:
    write(tmp_path, "types.yaml", TYPES)
    descriptions = spec.load([write(tmp_path, "shop.yaml", SHOP)])
    endpoint = Endpoint("GET", "a.example", "/orders/{order_id}", calls=9, statuses={200: 7, 404: 1, 500: 1})
    body = endpoint.schema.response(200)
    assert body is not None
    good = {"id": 1, "total": 3, "lines": [{"sku": "a", "count": 1, "of": {"id": 4}}], "labels": {"any": {"thing": True}}}
    learn(body.of("application/json"), good, 0, Room())
    body.seen = body.looked = body.parsed = endpoint.schema.looked = 1
    endpoint.authentication.schemes = {"api_key_header": 7}
    assert [str(one) for one in descriptions.drift(endpoint)] == ["new status: response.500: 500 seen, 200 or 4XX expected"]
    assert drift.findings(endpoint, descriptions.drift(endpoint), "x") == []  # an undeclared error alone is no alert
    learn(body.of("application/json"), {**good, "id": "x", "lines": [{"gift": {"note": 1}}], "owner": {"email": "ann@example.com"}}, 0, Room())
    endpoint.classify()
    endpoint.authentication.schemes["none"] = 1
    assert [(one.kind, one.where) for one in descriptions.drift(endpoint)] == [
        ("authentication_lost", "authentication"),
        ("data_appeared", "response.200.owner.email"),
        ("new_type", "response.200.id"),
        ("new_status", "response.500"),
        ("new_field", "response.200.lines[].gift"),
        ("new_field", "response.200.owner"),
    ]
    (told,) = drift.findings(endpoint, descriptions.drift(endpoint), "shop.yaml")
    assert told.severity == "high"


BOMBS = {
    "aliases": "openapi: 3.0.0\na: &a {allOf: [1,1]}\n" + "".join(f"{b}: &{b} {{allOf: [{', '.join(['*' + a] * 9)}]}}\n" for a, b in zip("abcdefghijkl", "bcdefghijklm", strict=True)) + "paths: {/x: {get: {responses: {200: {content: {application/json: {schema: *m}}}}}}}",
    "a schema of itself": "openapi: 3.0.0\npaths: {/x: {get: {responses: {200: {content: {application/json: {schema: {$ref: '#/t'}}}}}}}}\nt: {allOf: [{$ref: '#/t'}, {$ref: '#/t'}], properties: {a: {$ref: '#/t'}, b: {$ref: '#/t'}}}",
    "wide": "openapi: 3.0.0\npaths: {/x: {get: {responses: {200: {content: {application/json: {schema: {properties: {" + ", ".join(f"p{n}: {{type: string}}" for n in range(20_000)) + "}}}}}}}}}",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_hostile_description_is_read_within_bounds(tmp_path: Path, text: str) -> None:
    descriptions = spec.load([write(tmp_path, "bomb.yaml", text)])
    began = time.process_time()
    assert len(descriptions.view(descriptions.operations[0]).fields) <= drift.FIELDS
    assert time.process_time() - began < 20  # unbounded it would take years


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "- " * 50_000, "openapi: 3.0.0\npaths: " + "{a: " * 3000])
def test_nesting_ends_as_a_fault(tmp_path: Path, text: str) -> None:
    with pytest.raises(SensorError):
        spec.load([write(tmp_path, "deep.yaml", text)])
