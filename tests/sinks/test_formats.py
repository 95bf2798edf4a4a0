"""Every format keeps its limit and its grammar, whatever the text of an alert is. What others read in it is in test_standards."""

from __future__ import annotations

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
