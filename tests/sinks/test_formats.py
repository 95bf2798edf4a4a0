"""Every format keeps its limit and its grammar, whatever the text of an alert is. What others read in it is in test_standards."""

from __future__ import annotations

import json
from collections.abc import Iterator

import orjson
import pytest

from sensor.sinks.formats import FORMATS
from sensor.sinks.message import AlertFields
from tests.sinks.conftest import alert, worded
from tests.sinks.test_receivers import hostile_alerts

HOSTILE: list[AlertFields] = [orjson.loads(one.to_json()) for one in hostile_alerts(seed=99, count=80)]
PLAIN: AlertFields = orjson.loads(alert().to_json())


def made(name: str, fields: AlertFields, octets: int = 1 << 20) -> bytes:
    return FORMATS[name](fields, orjson.dumps(fields), octets)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("octets", [100, 300, 480, 1000, 2048, 1 << 20])
def test_text_stays_within_its_octets_on_one_line_without_controls(name: str, octets: int) -> None:
    for fields in [PLAIN, *HOSTILE]:
        text = made(name, fields, octets)
        assert len(text) <= octets
        assert b"\n" not in text and b"\r" not in text and b"\x1b" not in text and b"\x00" not in text
        text.decode()
        if name not in ("cef", "leef"):
            orjson.loads(text)


@pytest.mark.parametrize("name", ["ecs", "ocsf", "eve", "zeek"])
def test_what_does_not_fit_is_left_out_whole_and_said(name: str) -> None:
    fields = {**PLAIN, "reasons": ["r" * 900] * 5, "evidence": PLAIN["evidence"] * 32}
    document = orjson.loads(made(name, fields, 2048))
    assert b'"dropped":' in orjson.dumps(document)


def test_eve_and_zeek_carry_their_own_names() -> None:
    eve = orjson.loads(made("eve", PLAIN))
    assert (eve["event_type"], eve["src_ip"], eve["alert"]["severity"]) == ("alert", "203.0.113.9", 2)
    zeek = orjson.loads(made("zeek", PLAIN))
    assert (zeek["src"], zeek["uid"], zeek["note"]) == ("203.0.113.9", "Cx5Gh2", "ApiSensor::API1:2023")


def test_stix_is_read_by_another_library_and_the_same_each_time() -> None:
    stix2 = pytest.importorskip("stix2", reason="stix2 is not installed")
    for fields in [PLAIN, *HOSTILE]:
        text = made("stix", fields)
        assert text == made("stix", fields)
        read = stix2.parse(text.decode(), allow_custom=False)
        assert read.type == "bundle"
    kinds = [one.type for one in stix2.parse(made("stix", PLAIN).decode()).objects]
    assert kinds == ["identity", "ipv4-addr", "observed-data", "indicator", "attack-pattern", "relationship"]


def empty(place: str, value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            if not name.startswith("api_sensor") and name != "unmapped":
                yield from empty(f"{place}.{name}", one)
    elif isinstance(value, list) and value:
        for one in value:
            yield from empty(place, one)
    elif value in ("", None, [], {}):
        yield place


@pytest.mark.parametrize("name", ["ecs", "ocsf", "eve", "zeek", "stix"])
def test_no_field_of_a_standard_is_empty_whatever_an_alert_lacks(name: str) -> None:
    for lacks in (
        {"endpoints": ("CONNECT shop.example:80",)}, {"endpoints": ("GET /a",)}, {"endpoints": ("GET",)}, {"endpoints": ("",), "clients": ("",), "principals": ("",)},
        {"endpoints": (), "clients": (), "principals": (), "detectors": (), "reasons": (), "techniques": (), "evidence": (), "title": "", "category": "", "response": {}},
    ):  # fmt: skip
        made = json.loads(worded(name, alert(1, **lacks)))
        assert list(empty("", made)) == []


def test_a_port_in_a_host_header_is_no_part_of_its_name() -> None:
    for endpoint, host in (("GET 10.0.0.1:8080/a/{id}", "10.0.0.1"), ("GET [2001:db8::1]:8080/a/{id}", "2001:db8::1"), ("GET shop.example:8080/a/{id}", "shop.example")):
        made = {name: json.loads(worded(name, alert(1, endpoints=(endpoint,)))) for name in ("ecs", "ocsf", "eve")}
        assert made["ecs"]["url"] == {"domain": host, "port": 8080, "path": "/a/{id}"}
        assert made["eve"]["http"] == {"hostname": host, "http_port": 8080, "url": "/a/{id}", "http_method": "GET"}
        seen = made["ocsf"]["evidences"][0]
        assert seen["dst_endpoint"] == {"hostname" if host == "shop.example" else "ip": host, "port": 8080}
        assert seen["url"] == {"hostname": host, "port": 8080, "path": "/a/{id}"}
        assert f"dhost={host} dpt=8080 request=/a/{{id}}".encode() in worded("cef", alert(1, endpoints=(endpoint,)))
        assert f"host={host}\tdstPort=8080\turl=/a/{{id}}".encode() in worded("leef", alert(1, endpoints=(endpoint,)))


def test_each_revision_is_a_newer_version_of_its_stix_objects() -> None:
    """STIX 2.1, 3.2: the version with the latest `modified` is the current one; an incident that closes was last seen when it was before."""
    versions = []
    for revision, state in enumerate(("open", "updated", "closed"), 1):
        objects = json.loads(worded("stix", alert(1, revision=revision, state=state)))["objects"]
        versions.append({one["id"]: one["modified"] for one in objects if "modified" in one and one["type"] != "identity"})
        assert {one["last_observed"] for one in objects if one["type"] == "observed-data"} == {"2023-11-14T22:13:20.124Z"}
    assert versions[0].keys() == versions[1].keys() == versions[2].keys()
    assert all(versions[0][name] < versions[1][name] < versions[2][name] for name in versions[0])
