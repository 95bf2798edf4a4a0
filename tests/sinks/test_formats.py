"""Every format keeps its limit, its grammar and its fields, whatever the text of an alert is."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from sensor.sinks.formats import FORMATS
from sensor.sinks.message import AlertFields
from tests.sinks.conftest import alert
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


def _cef(text: str) -> dict[str, str]:
    """CEF as ArcSight's guide has it: bars and backslashes escaped in the header, equal signs and backslashes in the extension."""
    parts = re.split(r"(?<!\\)(?:\\\\)*\|", text)
    assert len(parts) >= 8
    header, at = [], 0
    current = ""
    while len(header) < 7:
        one = text[at]
        if one == "\\":
            current += text[at + 1]
            at += 2
            continue
        at += 1
        if one == "|":
            header.append(current)
            current = ""
        else:
            current += one
    out = {"header": "|".join(header[:1]), "signature": header[4], "name": header[5], "severity": header[6]}
    keys = list(re.finditer(r"(?:^| )(\w+)(?<!\\)=", text[at:]))
    body = text[at:]
    for number, key in enumerate(keys):
        end = keys[number + 1].start() if number + 1 < len(keys) else len(body)
        out[key[1]] = re.sub(r"\\(.)", r"\1", body[key.end() : end])
    return out


def test_cef_gives_every_field_back() -> None:
    for fields in HOSTILE:
        got = _cef(made("cef", fields).decode())
        assert got["name"] == fields["title"][:512]
        assert got["externalId"] == fields["uid"]
        for key, value in (
            ("cat", fields["category"]),
            ("cs2", " ".join(fields["detectors"])),
            ("shost", fields["clients"][0]),
        ):
            want = re.sub(r"^ | $", r"\\x20", value[:1023])
            assert got.get(key, "") == want


def test_cef_is_read_by_another_parser() -> None:
    pycef = pytest.importorskip("pycef")
    got: dict[str, Any] = pycef.parse(made("cef", PLAIN).decode())
    assert got["DeviceEventClassID"] == "API1:2023"
    assert got["Name"] == PLAIN["title"]
    assert got["src"] == "203.0.113.9"
    assert got["requestMethod"] == "GET"
    assert got["request"] == "/orders/{order_id}"
    assert got["cnt"] == "412"


def test_leef_gives_every_field_back() -> None:
    for fields in [PLAIN, *HOSTILE]:
        text = made("leef", fields).decode()
        header = text.split("|", 6)
        assert header[0] == "LEEF:2.0" and header[5] == "x09"
        got = dict(pair.split("=", 1) for pair in header[6].split("\t"))
        assert got["identifier"] == fields["uid"]
        assert got.get("title", "") == fields["title"]
        assert got.get("reasons", "") == " ".join(fields["reasons"])


def test_ocsf_has_what_a_detection_finding_requires() -> None:
    for fields in [PLAIN, *HOSTILE]:
        got = orjson.loads(made("ocsf", fields))
        required = {
            "activity_id",
            "category_uid",
            "class_uid",
            "finding_info",
            "metadata",
            "severity_id",
            "time",
            "type_uid",
        }
        assert required <= got.keys()
        assert got["type_uid"] == got["class_uid"] * 100 + got["activity_id"]
        assert {"title", "uid"} <= got["finding_info"].keys()
        assert {"product", "version"} <= got["metadata"].keys()
    assert orjson.loads(made("ocsf", PLAIN))["evidences"][0]["src_endpoint"] == {"ip": "203.0.113.9"}


def test_ecs_puts_addresses_only_where_addresses_belong() -> None:
    for fields in HOSTILE:
        assert "ip" not in orjson.loads(made("ecs", fields)).get("source", {})
    got = orjson.loads(made("ecs", PLAIN))
    assert (got["source"]["ip"], got["event"]["kind"], got["user"]["name"]) == (
        "203.0.113.9",
        "alert",
        PLAIN["principals"][0],
    )
    assert got["@timestamp"] == "2023-11-14T22:13:20.124456Z"


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
