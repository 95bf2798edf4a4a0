"""What others' parsers and schemas make of our messages, for plain alerts and for hostile ones.

| format | judge |
|---|---|
| RFC 5424, RFC 3164 | jc, syslog-rfc5424-parser; rsyslog and syslog-ng in test_receivers |
| CEF | liblognorm's parser (lognormalizer), which knows every escape; jc and pycef, which do not, for plain alerts |
| LEEF 2.0 | rsyslog's mmfields; syslog-ng's csv-parser and kv-parser (no LEEF library is in a registry) |
| OCSF | the OCSF's own schema (ocsf-json-schema) by jsonschema, versions 1.4 to 1.8 |
| ECS | every field of Elastic's own package @elastic/ecs, with type, length, arrays, allowed values |
| STIX 2.1 | OASIS' stix2-validator, patterns included, besides stix2 in test_formats |
| Zeek | parsezeeklogs |
| webhook | standardwebhooks, in test_http |
| EVE | fever, Debian's router of Suricata's events; no registry has Suricata's schema: what it demands of an alert is asked for below |
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.alerts import Alert, Alerts
from sensor.findings import Evidence, Feature, Finding
from sensor.sinks.destination import Destination, Options
from sensor.sinks.formats import FORMATS
from sensor.sinks.message import AlertFields, fields_of
from sensor.sinks.syslog import Syslog
from tests.sinks.conftest import START, Rsyslog, SyslogNg, alert, until, worded
from tests.sinks.test_receivers import PIECES, hostile_alerts

ADDRESSES = ["203.0.113.9", "2001:db8::1", "::ffff:192.0.2.1", "not an address"]


def fields(one: Alert) -> AlertFields:
    return fields_of(one.to_json())


SAMPLES: list[AlertFields] = [
    fields(one)
    for one in (
        alert(),
        *(alert(number, clients=(client,), state=state) for number, client in enumerate(ADDRESSES) for state in ("open", "updated", "closed")),
        alert(2, clients=(), endpoints=(), principals=(), detectors=(), reasons=(), evidence=(), techniques=(), features=(), title=""),
        *hostile_alerts(seed=5, count=40),
    )
]


def made(name: str, one: AlertFields, octets: int = 1 << 20) -> str:
    return FORMATS[name](one, orjson.dumps(one), octets).decode()


texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=8).map("".join)


@st.composite
def alerts(draw: st.DrawFn) -> AlertFields:
    """An alert of a finding whose every text is hostile, as the sensor makes it."""
    maker = Alerts()
    finding = Finding(
        draw(texts), 3, START, draw(st.sampled_from(["low", "medium", "high", "critical"])), 6.5, 0.5, draw(texts), draw(texts), (draw(texts),),
        draw(st.one_of(texts, st.sampled_from(ADDRESSES))), draw(texts), draw(texts), (Evidence(draw(texts), draw(texts), 7, START),),
        (draw(texts), draw(texts)), (Feature(draw(texts), draw(texts), draw(texts)),), draw(texts), {"kind": draw(texts)},
    )  # fmt: skip
    maker.observe([finding])
    return fields(maker.finish()[0])


def everything(judge: Any) -> Any:
    """Run `judge` on every sample and on what Hypothesis thinks of."""

    @settings(max_examples=30, deadline=None)
    @given(alerts())
    def drawn(one: AlertFields) -> None:
        judge(one)

    for one in SAMPLES:
        judge(one)
    drawn()


def syslog(options: str = "") -> Syslog:
    return Syslog(Options(Destination.parse(f"tls://siem{options}")), 8192)


def test_rfc_5424_is_read_by_two_parsers() -> None:
    jc = pytest.importorskip("jc")
    rfc5424 = pytest.importorskip("syslog_rfc5424_parser")
    maker = syslog("?hostname=sensor-1&size=100000")

    def judge(one: AlertFields) -> None:
        line = orjson.dumps(one)
        text = maker.message(one, line, 7).decode()
        read = rfc5424.SyslogMessage.parse(text)
        sd = read.sd["alert@32473"]
        assert read.sd["meta"] == {"sequenceId": "7"}
        assert (sd["uid"], sd["severity"], sd["revision"]) == (one["uid"], one["severity"], str(one["revision"]))
        assert read.msg.encode() == line
        if len(one["title"].encode()) <= 190:
            assert sd.get("title", "").replace('\\"', '"').replace("\\]", "]").replace("\\\\", "\\") == one["title"]
        got = jc.parse("syslog", text, quiet=True)[0]
        assert (got["hostname"], got["appname"]) == ("sensor-1", "api-sensor")
        if b"\\" not in line:  # it undoes the escapes of structured data in the message too
            assert got["message"] == line.decode()
        assert got["priority"] == 128 + {"critical": 2, "high": 3, "medium": 4, "low": 5}[one["severity"]]

    everything(judge)


def test_rfc_3164_is_read_by_another_parser() -> None:
    jc = pytest.importorskip("jc")
    maker = syslog("?rfc=3164&hostname=sensor-1&size=100000")

    def judge(one: AlertFields) -> None:
        got = jc.parse("syslog-bsd", maker.message(one, orjson.dumps(one), 7).decode(), quiet=True)[0]
        assert (got["hostname"], got["tag"], got["date"][:3]) == ("sensor-1", "apisensor", "Nov")
        assert orjson.loads(got["content"].partition(": ")[2]) == one

    everything(judge)


def lognormalizer() -> tuple[str, dict[str, str]]:
    """liblognorm's program, from the path or unpacked where API_SENSOR_SYSLOG_NG says; and the environment it wants."""
    unpacked = Path(os.environ.get("API_SENSOR_SYSLOG_NG", "/nowhere"), "usr")
    if found := shutil.which("lognormalizer"):
        return found, dict(os.environ)
    if not (unpacked / "bin/lognormalizer").is_file():
        pytest.skip("lognormalizer (liblognorm-utils) is neither installed nor unpacked where API_SENSOR_SYSLOG_NG says")
    return str(unpacked / "bin/lognormalizer"), {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, unpacked.glob("lib/*-linux-gnu")))}


def test_cef_is_read_to_the_octet_by_liblognorm(tmp_path: Path) -> None:
    program, env = lognormalizer()
    (tmp_path / "cef.rb").write_text("version=2\nrule=:%cef:cef%\n")
    drawn: list[AlertFields] = []

    @settings(max_examples=300, deadline=None)
    @given(alerts())
    def draw(one: AlertFields) -> None:
        drawn.append(one)

    draw()
    sent = [*SAMPLES, *map(fields, hostile_alerts(seed=17, count=400)), *drawn]
    lines = "".join(made("cef", one) + "\n" for one in sent)
    got = subprocess.run([program, "-r", tmp_path / "cef.rb", "-e", "json"], input=lines.encode(), env=env, capture_output=True, check=True).stdout
    read = [orjson.loads(line)["cef"] for line in got.splitlines()]
    assert len(read) == len(sent)

    def shown(text: str) -> str:
        # Blanks at the ends are no part of a value to a reader of CEF, so we show them.
        return re.sub(r"^ | $", r"\\x20", text)

    for one, cef in zip(sent, read, strict=True):
        assert (cef["SignatureID"], cef["Name"]) == (one["category"][:64] or "alert", one["title"][:512] or "alert")
        # liblognorm 2 eats the first letter of the first key.
        more = cef["Extensions"]
        assert more["xternalId"] == one["uid"]
        client = "".join(one["clients"][:1])
        for key, value in (
            ("act", one["state"]),
            ("cat", one["category"][:1023]),
            ("suser", "".join(one["principals"][:1])[:1023]),
            ("msg", "".join(one["reasons"][:1])[:1023]),
            ("cs1", " ".join(one["reasons"])[:4000]),
            ("cs2", " ".join(one["detectors"])[:4000]),
            ("cs3", ", ".join(one["endpoints"])[:4000]),
            ("cs5", " ".join(one["techniques"])[:4000]),
            ("src" if client == ADDRESSES[0] else "c6a2" if client in ADDRESSES[1:3] else "shost", client),
        ):
            assert more.get(key, "") == shown(value), key


def test_cef_of_plain_alerts_is_read_by_jc_and_pycef() -> None:
    jc, pycef = pytest.importorskip("jc"), pytest.importorskip("pycef")

    for one in SAMPLES[: 2 + 3 * len(ADDRESSES)]:
        text = made("cef", one)
        got = jc.parse("cef", text, quiet=True)[0]
        assert got["externalId"] == one["uid"]
        assert got["deviceVendor"] == got["deviceProduct"] == "api-sensor"
        other = pycef.parse(text)
        assert other["externalId"] == one["uid"]
        assert other["act"] == got["act"] == one["state"]
        assert got["name"] == other["Name"] == (one["title"] or "alert")
        assert got.get("reasons", "") == other.get("reasons", "") == " ".join(one["reasons"])


@pytest.mark.parametrize("version", ["1.4.0", "1.5.0", "1.6.0", "1.7.0", "1.8.0"])
def test_ocsf_is_a_detection_finding_by_its_own_schema(version: str) -> None:
    ocsf, jsonschema = pytest.importorskip("ocsf_json_schema"), pytest.importorskip("jsonschema")
    schema = ocsf.OcsfJsonSchemaEmbedded(ocsf.get_ocsf_schema(version)).get_class_schema("detection_finding", profiles=[])
    validator = jsonschema.Draft202012Validator(schema)

    def judge(one: AlertFields) -> None:
        document = orjson.loads(made("ocsf", one))
        assert document["metadata"]["version"] == "1.5.0"
        document["metadata"]["version"] = version
        assert [f"{list(fault.path)}: {fault.message}" for fault in validator.iter_errors(document)] == []
        assert len(document.get("evidences", [])) >= len(one["evidence"])

    for one in SAMPLES:
        judge(one)
    if version == "1.5.0":
        everything(judge)
    # The judge must be able to say no.
    wrong = orjson.loads(made("ocsf", SAMPLES[0]))
    wrong["severity_id"] = "grave"
    assert list(validator.iter_errors(wrong))


def test_ocsf_made_small_is_still_one() -> None:
    ocsf, jsonschema = pytest.importorskip("ocsf_json_schema"), pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(
        ocsf.OcsfJsonSchemaEmbedded(ocsf.get_ocsf_schema("1.5.0")).get_class_schema("detection_finding", profiles=[])
    )
    for one in SAMPLES:
        for octets in (1600, 2048, 4096):
            document = orjson.loads(made("ocsf", one, octets))
            assert [fault.message for fault in validator.iter_errors(document)] == []
            assert document["finding_info"]["uid"] == one["uid"]


_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def leaves(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from leaves(f"{place}.{name}" if place else name, one)
    else:
        yield place, value


@pytest.fixture(scope="module")
def ecs_schema() -> dict[str, dict[str, Any]]:
    """Every field of ECS as Elastic's package @elastic/ecs has it, unpacked in the folder that API_SENSOR_ECS names."""
    place, node = os.environ.get("API_SENSOR_ECS", ""), shutil.which("node")
    if not (place and node and Path(place, "generated/ecs_flat.js").is_file()):
        pytest.skip("Elastic's package @elastic/ecs is not unpacked where API_SENSOR_ECS says, or there is no node to read it with")
    script = "console.log(JSON.stringify(require(process.argv[1]).EcsFlat))"
    shown = subprocess.run([node, "-e", script, str(Path(place, "generated/ecs_flat.js").absolute())], capture_output=True, check=True)
    schema: dict[str, dict[str, Any]] = orjson.loads(shown.stdout)
    assert len(schema) > 1_500
    return schema


def misfit(field: dict[str, Any], value: Any) -> str:
    """Why a value is none of its ECS field, as an index of that template and ECS's own guidelines have it; empty where it is one."""
    if isinstance(value, list) != ("array" in field["normalize"]):
        return "an array where ECS has none, or none where it has one"
    for one in value if isinstance(value, list) else [value]:
        match field["type"]:
            case "keyword" | "constant_keyword" | "wildcard":
                good = isinstance(one, str) and len(one) <= field.get("ignore_above", 1 << 15)
            case "match_only_text" | "text":
                good = isinstance(one, str)
            case "date":
                good = _DATE.fullmatch(one) is not None
            case "ip":
                good = bool(ip_address(one))
            case "long":
                good = type(one) is int and -(1 << 63) <= one < 1 << 63
            case "float" | "scaled_float":
                good = type(one) in (int, float)
            case "boolean":
                good = type(one) is bool
            case kind:
                return f"of type {kind}, which is no leaf of ours"
        if not good:
            return f"no {field['type']}: {one!r}"
        if "allowed_values" in field and one not in [allowed["name"] for allowed in field["allowed_values"]]:
            return f"not allowed: {one!r}"
    return ""


def test_ecs_by_the_whole_published_schema(ecs_schema: dict[str, dict[str, Any]]) -> None:
    expected = {one["name"]: set(one["expected_event_types"]) for one in ecs_schema["event.category"]["allowed_values"]}
    required = [name for name, field in ecs_schema.items() if field.get("required")]
    assert {"@timestamp", "ecs.version"} <= set(required)

    def judge(one: AlertFields) -> None:
        for octets in (1600, 1 << 20):
            fields = {name: value for name, value in leaves("", orjson.loads(made("ecs", one, octets))) if not name.startswith("api_sensor.")}
            faults = [f"{name}: {misfit(ecs_schema[name], value) if name in ecs_schema else 'no field of ECS'}" for name, value in fields.items()]
            assert [fault for fault in faults if not fault.endswith(": ")] == []
            assert set(required) <= fields.keys()
            assert all(set(fields["event.type"]) <= expected[category] for category in fields["event.category"])

    everything(judge)


def test_stix_is_valid_by_oasis_validator() -> None:
    validator = pytest.importorskip("stix2validator")
    # 103: it would like random ids. Ours are made of the alert, so that what is sent twice is one object (STIX 2.1, 2.9 allows version 5).
    options = validator.ValidationOptions(version="2.1", disabled="103")

    def judge(one: AlertFields) -> None:
        result = validator.validate_instance(orjson.loads(made("stix", one)), options)
        assert result.is_valid, [str(fault) for fault in result.errors]

    everything(judge)
    patterns = pytest.importorskip("stix2patterns.validator")
    for one in SAMPLES:
        for thing in orjson.loads(made("stix", one))["objects"]:
            if thing["type"] == "indicator":
                assert patterns.run_validator(thing["pattern"], stix_version="2.1") == []


def test_zeek_lines_are_read_by_a_zeek_reader(tmp_path: Path) -> None:
    zeek = pytest.importorskip("parsezeeklogs")
    log = tmp_path / "notice.log"
    log.write_text("".join(made("zeek", one) + "\n" for one in SAMPLES), encoding="utf-8")
    got = list(zeek.read_zeek(log))
    assert len(got) == len(SAMPLES)
    for one, record in zip(SAMPLES, got, strict=True):
        assert (record["identifier"], record["msg"], record["n"]) == (one["uid"], one["title"] or "alert", one["calls"])
        document = zeek.to_ecs(dict(record), "notice")
        assert document["event"]["kind"] == "alert"
        if one["clients"] and one["clients"][0] in ADDRESSES[:3]:
            assert ip_address(document["source"]["ip"]) == ip_address(one["clients"][0])


def test_eve_lines_have_what_suricata_demands_of_an_alert() -> None:
    def judge(one: AlertFields) -> None:
        got = orjson.loads(made("eve", one))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d{4}", got["timestamp"])
        alert_ = got["alert"]
        assert (got["event_type"], alert_["action"]) == ("alert", "allowed")
        assert all(isinstance(alert_[name], int) and alert_[name] >= 0 for name in ("gid", "signature_id", "rev", "severity"))
        assert all(isinstance(alert_[name], str) for name in ("signature", "category"))
        assert all(isinstance(item, str) for values in alert_["metadata"].values() for item in values)
        assert alert_["signature_id"] < 1 << 32

    everything(judge)


def test_eve_lines_are_routed_by_a_reader_of_suricatas(tmp_path: Path) -> None:
    """Debian's fever takes Suricata's events apart and passes its alerts on. It drops what comes while it is busy, so each is sent until it has passed."""
    unpacked = Path(os.environ.get("API_SENSOR_SYSLOG_NG", "/nowhere"), "usr/bin/fever")
    binary = shutil.which("fever") or (str(unpacked) if unpacked.is_file() else None)
    if binary is None:
        pytest.skip("fever is neither installed nor unpacked where API_SENSOR_SYSLOG_NG says")
    sent = [worded("eve", one) for one in [alert(1), *hostile_alerts(seed=5, count=40)]]
    other = sent[0].replace(b'"event_type":"alert"', b'"event_type":"http"')
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as link, (tmp_path / "log").open("wb") as log:
        server.bind(str(tmp_path / "out"))
        server.listen()
        server.settimeout(60)
        argv = [binary, "run", "-i", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--mgmt-socket", str(tmp_path / "mgmt"), "--dummy"]
        fever = subprocess.Popen(argv, stdout=log, stderr=log, env={**os.environ, "HOME": str(tmp_path)})
        try:
            passed, _ = server.accept()
            with passed:
                passed.settimeout(0.5)
                until((tmp_path / "in").exists)
                until(lambda: link.connect_ex(str(tmp_path / "in")) == 0)
                got = bytearray()

                def through(line: bytes) -> bool:
                    link.sendall(line + b"\n")
                    try:
                        while line + b"\n" not in got:
                            got.extend(passed.recv(65536))
                    except TimeoutError:
                        return False
                    return True

                for line in sent:
                    until(lambda line=line: through(line))
                assert not any(through(other) for _ in range(3))  # it is no alert
        finally:
            fever.kill()
            fever.wait()
    assert set(bytes(got).split(b"\n")) == {*sent, b""}


def test_leef_is_taken_apart_by_syslog_ng(tmp_path: Path, certificates: Path) -> None:
    from sensor.sinks import open_sink

    receiver = SyslogNg(tmp_path, certificates)
    conf = tmp_path / "syslog-ng.conf"
    # As QRadar would: the header by its bars, the attributes by tab and the first equal sign.
    conf.write_text(
        conf.read_text().replace("destination d {", f"""
            parser p_leef {{
                csv-parser(columns("H.leef", "H.vendor", "H.product", "H.version", "H.event", "H.delimiter", "H.attributes") delimiters("|") flags(greedy)
                           quote-pairs(''));
                kv-parser(prefix("L.") pair-separator("\\t") template("${{H.attributes}}"));
            }};
            destination d_leef {{ file("{tmp_path}/leef" template("$(format-json --key H.* --key L.*)\\n")); }};
            log {{ source(s_new); parser(p_leef); destination(d_leef); }};
            destination d {{""", 1)
    )  # fmt: skip
    receiver.start()
    try:
        sent = [alert(1), *(alert(number + 2, clients=(client,)) for number, client in enumerate(ADDRESSES)), *hostile_alerts(seed=8, count=60)]
        sink = open_sink(f"tcp://127.0.0.1:{receiver.tcp}?format=leef&size=60000", tmp_path / "spools")
        for one in sent:
            sink.send(one)
        assert sink.close(60).sentence() == ""
        lines = until(lambda: got if len(got := (tmp_path / "leef").read_bytes().splitlines()) >= len(sent) else None)
    finally:
        receiver.stop(9)
    plain = 0
    for one, line in zip(sent, map(orjson.loads, lines), strict=True):
        head, body = line["H"], line["L"]
        quoted = bool(set("\"'") & set(head["attributes"]))
        assert (head["leef"], head["vendor"], head["delimiter"]) == ("LEEF:2.0", "api-sensor", "x09")
        assert head["event"] == (one.category[:64].replace("|", "\\x7c") or "alert")
        for name, value in (("identifier", one.uid), ("title", one.title), ("src", "".join(one.clients[:1])), ("reasons", " ".join(one.reasons))):
            # kv-parser strips blanks around a value, minds what looks like a key, and quotation marks in any; rsyslog's mmfields, below, has the rest.
            if value.strip() == value and "=" not in value and not quoted:
                plain += 1
                assert body.get(name, "") == value
    assert plain > 20, "the judge must have had something to judge"


def test_leef_is_taken_apart_to_the_octet_by_rsyslog(tmp_path: Path) -> None:
    from sensor.sinks import open_sink

    receiver = Rsyslog(tmp_path)
    conf = tmp_path / "rsyslog.conf"
    conf.write_text(
        # A relay that shows tabs as #011, as rsyslog does unless told otherwise, makes LEEF unreadable.
        conf.read_text().replace('module(load="mmjsonparse")', 'module(load="mmfields") global(parser.escapeControlCharacterTab="off")').replace(
            'action(type="mmjsonparse" cookie="" container="!alert")', 'action(type="mmfields" separator="\t" jsonRoot="!leef")'
        )
    )  # fmt: skip
    receiver.start()
    try:
        sent = [alert(1), *hostile_alerts(seed=9, count=120)]
        sink = open_sink(f"tcp://127.0.0.1:{receiver.tcp}?format=leef&size=60000", tmp_path / "spools")
        for one in sent:
            sink.send(one)
        assert sink.close(60).sentence() == ""
        lines = receiver.lines(len(sent))
    finally:
        receiver.stop(9)
    for one, line in zip(sent, lines, strict=True):
        attributes = [line["all"]["leef"][f"f{number + 1}"] for number in range(len(line["all"]["leef"]))]
        attributes[0] = attributes[0].split("|", 6)[6]
        got = dict(attribute.split("=", 1) for attribute in attributes)
        for name, value in (
            ("identifier", one.uid),
            ("title", one.title),
            ("cat", one.category),
            ("src", "".join(one.clients[:1])),
            ("usrName", "".join(one.principals[:1])),
            ("reasons", " ".join(one.reasons)),
            ("detectors", " ".join(one.detectors)),
            ("endpoints", ", ".join(one.endpoints)),
        ):
            assert got.get(name, "") == value, name
