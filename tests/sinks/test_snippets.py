"""The receivers' configurations that ship with the sensor work as they stand, paths and ports aside: rsyslog's and syslog-ng's by being run. The others'
receivers are not to be had here; their files are read by what reads such files, and held against what we send."""

from __future__ import annotations

import configparser
import re
import signal
from pathlib import Path
from xml.etree import ElementTree

import orjson
import pytest
import yaml

import sensor.sinks
from sensor.alerts import ALERT_FIELDS, Alert
from sensor.sinks import open_sink
from sensor.sinks.destination import Destination, Options
from sensor.sinks.formats.ecs import document as ecs
from sensor.sinks.syslog import Syslog
from tests.sinks.conftest import Rsyslog, SyslogNg, alert, free_port, listens, until
from tests.sinks.test_receivers import hostile_alerts

SNIPPETS = Path(sensor.sinks.__file__).parent / "receivers"


@pytest.mark.parametrize("kind", [Rsyslog, SyslogNg])
def test_a_shipped_configuration_receives_alerts_over_tls(
    kind: type[Rsyslog | SyslogNg], tmp_path: Path, certificates: Path
) -> None:
    receiver = kind(tmp_path, certificates)
    name = "rsyslog" if kind is Rsyslog else "syslog-ng"
    port = free_port()
    text = (SNIPPETS / f"{name}.conf").read_text()
    for old, new in (
        ("/etc/rsyslog.d/api-sensor", str(certificates)),
        ("/etc/syslog-ng/api-sensor", str(certificates)),
        ("/var/log/api-sensor/alerts.jsonl", str(receiver.out)),
        ('port="6514"', f'port="{port}" address="127.0.0.1"'),
        ("port(6514)", f'port({port}) ip("127.0.0.1")'),
    ):
        text = text.replace(old, new)
    (tmp_path / f"{name}.conf").write_text(text)
    receiver._ready = lambda: listens(port)  # type: ignore[method-assign]
    receiver.start()
    try:
        c = certificates
        sink = open_sink(
            f"tls://localhost:{port}?ca={c}/ca.pem&cert={c}/client.pem&key={c}/client.key", tmp_path / "spools"
        )
        for number in range(20):
            sink.send(alert(number))
        assert sink.close(60).sentence() == ""
        lines = until(
            lambda: got if receiver.out.exists() and len(got := receiver.out.read_bytes().splitlines()) >= 20 else None
        )
        assert [Alert.from_json(line) for line in lines] == [alert(number) for number in range(20)]
    finally:
        receiver.stop(signal.SIGKILL)


def test_the_receivers_page_names_every_file() -> None:
    page = (SNIPPETS / "README.md").read_text()
    for path in SNIPPETS.rglob("*"):
        if path.is_file() and path.name != "README.md":
            shown = path.relative_to(SNIPPETS)
            assert f"`{shown}`" in page or f"`{shown.parent}/*" in page, shown


def test_every_destination_on_the_page_is_one(tmp_path: Path, certificates: Path) -> None:
    (tmp_path / "token").write_text("t")
    page = (SNIPPETS / "README.md").read_text()
    lines = [word for row in page.splitlines() if row.startswith("|") for word in row.split("`")[1::2] if "://" in word]
    assert len(lines) >= 7
    for shown in lines:
        line = shown
        for old, new in (
            ("HOST", "siem.invalid"),
            ("@FILE", f"@{tmp_path}/token"),
            ("ca.pem", f"{certificates}/ca.pem"),
            ("sensor.pem", f"{certificates}/client.pem"),
            ("sensor.key", f"{certificates}/client.key"),
        ):
            line = line.replace(old, new)
        open_sink(line, tmp_path / "spools").close(0)


def test_logstash_pipeline_is_one_and_its_fields_are_ours() -> None:
    parser = pytest.importorskip("logstash_pipeline_parser")
    tree = pytest.importorskip("logstash_pipeline_parser.tree")
    text = (SNIPPETS / "logstash.conf").read_text()
    assert [part for part, _ in parser.Pipeline(text).parse()] == ["input", "filter", "output"]
    with pytest.raises(tree.ParseError):
        parser.Pipeline(text.replace("codec => json", "codec =>")).parse()
    document = ecs(orjson.loads(alert().to_json()))
    assert '"%{[event][id]}"' in text
    assert document["event"]["id"] == f"{alert().uid}-1"


def test_vector_configuration_holds_together() -> None:
    made = yaml.safe_load((SNIPPETS / "vector.yaml").read_text())
    parts = [*made["sources"], *made["transforms"], *made["sinks"]]
    assert len(set(parts)) == len(parts)
    for one in [*made["transforms"].values(), *made["sinks"].values()]:
        assert set(one["inputs"]) <= set(parts)
    assert {"uid", "revision"} <= set(made["transforms"]["api_sensor_repeats"]["fields"]["match"]) <= set(ALERT_FIELDS)


def test_vectors_own_language_takes_our_alerts_in_and_others_not() -> None:
    vrl = pytest.importorskip("vrl_python")
    made = yaml.safe_load((SNIPPETS / "vector.yaml").read_text())
    condition = made["transforms"]["api_sensor_alerts"]["condition"]
    runtime = vrl.VRLRuntime()
    for one in [alert(1), *hostile_alerts(seed=17, count=60)]:
        event = orjson.loads(one.to_json())
        result = runtime.execute(condition, event)
        assert result.runtime_result is True and result.processed_event == event
    for other in ({}, {"uid": "x"}, {"message": "hello", "revision": 1}):
        assert runtime.execute(condition, other).runtime_result is False
    with pytest.raises(ValueError, match="undefined"):
        runtime.compile(condition.replace("exists(.uid)", "exist(.uid)"))


def test_splunk_files_are_read_and_name_what_we_send() -> None:
    read: dict[str, configparser.ConfigParser] = {}
    for path in sorted((SNIPPETS / "splunk").iterdir()):
        read[path.name] = configparser.ConfigParser(interpolation=None, strict=True)
        read[path.name].read_string(path.read_text())
    props = read["props.conf"]
    assert props.sections() == [read["inputs.conf"]["http://api-sensor"]["sourcetype"]] == ["api_sensor:alert"]
    for name, value in props["api_sensor:alert"].items():
        if name.startswith("fieldalias-"):
            assert value.split()[0].removesuffix("{}") in ALERT_FIELDS
    [event] = read["eventtypes.conf"].sections()
    assert read["tags.conf"].sections() == [f"eventtype={event}"]


def test_wazuh_decodes_our_lines() -> None:
    regex = pytest.importorskip("wazuhregex")
    jc = pytest.importorskip("jc")

    def tree(name: str) -> ElementTree.Element:
        # Wazuh's files have several roots.
        return ElementTree.fromstring(f"<all>{(SNIPPETS / 'wazuh' / name).read_text()}</all>")

    parent, child = tree("decoders.xml")
    assert child.findtext("parent") == parent.get("name")
    rules = {rule.get("id"): rule for rule in tree("rules.xml").iter("rule")}
    assert rules["110100"].findtext("decoded_as") == parent.get("name")
    assert {rule.findtext("if_sid") for rule in rules.values()} <= {None, "110100", "110101,110102,110103,110104"}
    assert tree("ossec.conf").find(".//remote/connection") is not None
    severities = {field.text: rule for rule in rules.values() for field in rule.iter("field") if field.get("name") == "severity"}
    maker = Syslog(Options(Destination.parse("tcp://siem?rfc=3164&framing=lf")), 8192)
    program, prematch = str(parent.findtext("program_name")), str(child.findtext("prematch"))
    assert not regex.WazuhRegex("apisensor$ ").os_regex("apisensor")[0]
    for one in [*(alert(number) for number in range(4)), *hostile_alerts(seed=31, count=60)]:
        read = jc.parse("syslog-bsd", maker.message(orjson.loads(one.to_json()), one.to_json(), 1).decode(), quiet=True)[0]
        assert regex.WazuhRegex(program).os_regex(read["tag"])[0]
        message = read["content"].partition(": ")[2]
        assert regex.WazuhRegex(prematch).os_regex(message)[0]
        decoded = orjson.loads(message)
        assert [level for level in severities if regex.WazuhRegex(str(level)).os_regex(decoded["severity"])[0]] == [f"^{one.severity}$"]
        for rule in rules.values():
            assert set(re.findall(r"\$\((\w+)\)", str(rule.findtext("description")))) <= decoded.keys()
