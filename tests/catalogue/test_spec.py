"""Descriptions beside the map: what is declared, shadow, zombie and unseen, and what is said about files that are wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensor.catalogue import Catalogue, Endpoint, spec
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
        ("openapi: 3.0.0\npaths: [", "line"),
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
