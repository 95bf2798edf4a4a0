"""The configuration file: what is printed is read back, and every mistake is said with its line."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from parsers.limits import Limits
from sensor.alerts import AlertConfig, Grouping, Maintenance
from sensor.cli import main
from sensor.config import Config, MaskingConfig, SinkConfig, parse, read, text_of
from sensor.errors import SensorError
from sensor.evidence.ring import RingLimits

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "pcaps" / "shop.pcap"

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
FULL = Config(
    parsers=Limits(flows=7),
    alerts=AlertConfig(
        identifier=("client", "endpoint"),
        detectors=(Grouping("stuff*", ("endpoint",), 3600), Grouping("on")),
        maintenance=(Maintenance("release #7: 'yes'", 1_764_100_000_000_000_000, 1_764_200_000_000_000_001, ("sat", "sun"), "22:00-02:00", client="10.0.0.0/8"),),
    ),
    masking=MaskingConfig(("iban", "1e3"), ("principals",)),
    sinks=(SinkConfig("file:/tmp/a b.jsonl", "cef", "high", client=("10.0.0.0/8", "x*"), options={"rotate": "1M", "yes": "no"}), SinkConfig("store:")),
)


def test_what_is_printed_is_read_back() -> None:
    assert parse(text_of(Config()), "c") == Config() == parse("", "c")
    assert parse(text_of(FULL), "c") == FULL
    assert text_of(parse(text_of(Config()), "c")) == text_of(Config())


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(WORDS, WORDS, st.integers(1, 2**40), st.lists(st.sampled_from(["mon", "sun"]), unique=True))
def test_any_text_comes_back_as_it_is(one: str, two: str, number: int, days: list[str]) -> None:
    config = Config(alerts=AlertConfig(quiet_s=number, maintenance=(Maintenance(one, number, days=tuple(days), detector=two),), detectors=(Grouping(two),)))
    assert parse(text_of(config), "c") == config


def test_the_printed_defaults_change_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config"]) == 0
    (tmp_path / "c.yaml").write_text(capsys.readouterr().out)
    said = []
    for more in ([], ["--config", str(tmp_path / "c.yaml")]):
        assert main(["replay", str(SHOP), "--json", "--no-model", "--state", str(tmp_path / "state"), *more]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert main(["config", str(tmp_path / "c.yaml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parsers"]["flows"] == Limits().flows


WRONG = """\
parsers:
  flow: 12
  idle: soon
  batch_rows: 0
  kept_body: 99999999999999999999999
alerts:
  quiet_s: 0
  quiet_s: 5
  identifier: [clients]
  detectors:
  - detector: a
    update_s: -1
  - b
  maintenance:
  - begins: tomorrow
    days: [monday]
  - begins: 2026-01-02
    ends: 2026-01-01T00:00:00+01:00
    client: 10.0.0.0/99
alert: {}
masking:
  never_send: [client]
sinks:
- to: udb://siem.example
- format: cef
- to: file:a
  never_send: [loss
    , clients]
  mn: high
evidence: 7
"""


def test_every_mistake_is_said_at_once_with_its_line() -> None:
    with pytest.raises(SensorError) as fault:
        parse(WRONG, "c.yaml")
    said = str(fault.value).splitlines()
    for expected in (
        "c.yaml:2: parsers: unknown setting 'flow'; did you mean 'flows'?",
        "c.yaml:3: parsers.idle: must be a whole number",
        "c.yaml:5: parsers.kept_body: must be a whole number",
        "c.yaml:8: alerts: 'quiet_s' is given twice (first in line 7)",
        "c.yaml:13: alerts.detectors[1]: must be settings",
        "c.yaml:15: alerts.maintenance[0].begins: must be a moment",
        "c.yaml:20: unknown setting 'alert'; did you mean 'alerts'?",
        "c.yaml:29: sinks[2]: unknown setting 'mn'; did you mean 'min'?",
        "c.yaml:30: evidence: must be settings",
    ):
        assert any(line.startswith(expected) for line in said), (expected, said)
    # Values that can be read are judged in the same run.
    for expected in (
        "c.yaml:4: parsers.batch_rows: must be from 1 to",
        "c.yaml:7: alerts.quiet_s: must be 1 or more, is 0",
        "c.yaml:9: alerts.identifier: 'clients' is none of",
        "c.yaml:12: alerts.detectors[0].update_s: must be 1 or more, is -1",
        "c.yaml:16: alerts.maintenance[0].days: 'monday' is none of",
        "c.yaml:18: alerts.maintenance[1].ends: must be after begins",
        "c.yaml:19: alerts.maintenance[1].client: '10.0.0.0/99' is no network",
        "c.yaml:22: masking.never_send: 'client' is none of",
        "c.yaml:24: sinks[0].to: no sink is called 'udb'; known are udp",
        "c.yaml:25: sinks[1].to: say where",
    ):
        assert any(line.startswith(expected) for line in said), (expected, said)


@pytest.mark.parametrize("text", ["a: [", "{}}", "- 1", "a: b: c", "7", "? [a]\n: b", "a: &x [*x]", "%YAML 9", "--- 1\n--- 2", "[" * 5000, "\t", "a: !!python/object:os.system {}", "parsers: {flows: !!int 'x'}"])
def test_what_is_no_configuration_is_a_sentence_with_a_line(text: str) -> None:
    with pytest.raises(SensorError, match=r"^c(:\d+)?: "):
        parse(text, "c")


@settings(max_examples=300, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.text(st.sampled_from(list("parsers:flow \n-[]{}&*!#'\"|>%@`0189.,?sinks")), max_size=60))
def test_no_text_whatever_raises_anything_else(text: str) -> None:
    try:
        config = parse(text, "c")
    except SensorError as fault:
        assert str(fault)
    else:
        assert isinstance(config, Config)


def test_mistakes_end_with_status_2_and_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.yaml").write_text("alerts:\n  quiet: 5\n")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe")
    for words in (["replay", str(SHOP), "--config", str(tmp_path / "c.yaml")], ["config", str(tmp_path / "absent.yaml")], ["config", str(tmp_path / "b.yaml")]):
        assert main(words) == 2
    said = capsys.readouterr()
    assert "c.yaml:2: alerts: unknown setting 'quiet'; did you mean 'quiet_s'?" in said.err
    assert "Traceback" not in said.err and "calls" not in said.out


@pytest.mark.parametrize("number", [1, 2, 7])
def test_the_least_bounds_that_are_allowed_break_nothing(number: int, tmp_path: Path) -> None:
    lines = ["parsers:", *(f"  {one.name}: {number}" for one in fields(Limits)), "catalogue:"]
    lines += [f"  {one.name}: {number}" for one in fields(type(Config().catalogue))]
    lines += ["alerts: {open_incidents: 1, listed: 1, counted: 1, text: 1, flood: 1, wide_clients: 1}"]
    (tmp_path / "c.yaml").write_text("\n".join(lines))
    argv = [sys.executable, "-m", "sensor", "replay", str(SHOP), "-q", "--no-model", "--config", str(tmp_path / "c.yaml"), "--state", str(tmp_path)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "fault of ours" not in done.stderr and "Traceback" not in done.stderr


def test_settings_reach_what_they_are_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.yaml").write_text(
        f"""
alerts:
  text: 60
  maintenance:
  - name: load test
    client: 10.20.66.0/24
masking:
  never_send: [reasons]
sinks:
- to: file:{tmp_path}/high.jsonl
  min: high
- to: "file:{tmp_path}/all.jsonl"
  never_send: evidence
"""
    )
    assert main(["replay", str(SHOP), "-q", "--no-model", "--config", str(tmp_path / "c.yaml"), "--state", str(tmp_path / "state")]) == 0
    assert "findings made no alert: load test" in capsys.readouterr().err
    alerts = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert alerts and all(one["reasons"] == one["evidence"] == [] and len(one["title"]) <= 60 for one in alerts)
    assert not any(client.startswith("10.20.66.") for one in alerts for client in one["clients"])
    assert {json.loads(line)["severity"] for line in (tmp_path / "high.jsonl").read_text().splitlines()} <= {"high", "critical"}
    assert read(tmp_path / "c.yaml").evidence.ring == RingLimits()
