"""README says what the program does: every command, every option, every exit status."""

from __future__ import annotations

import argparse
import re
from importlib import import_module
from pathlib import Path

import pytest

from sensor.cli import COMMANDS, STATUSES, _arguments
from sensor.errors import SensorError
from sensor.sinks import SINKS, open_sink
from sensor.sinks.destination import Destination
from sensor.sinks.formats import FORMATS

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_readme_names_the_command(command: object) -> None:
    assert f"api-sensor {command.name}" in README  # type: ignore[attr-defined]


def test_readme_names_every_option_of_replay() -> None:
    parser = argparse.ArgumentParser()
    import_module("sensor.replay").add_arguments(parser)
    missing = [option for action in parser._actions for option in action.option_strings if option.startswith("--") and option not in README]
    assert missing == ["--help"]


def test_readme_names_every_exit_status() -> None:
    line = README[README.index("Exit status") :].split("\n\n")[0]
    assert all(str(status) in line for status in STATUSES)


def test_readme_names_every_sink_option_and_format(tmp_path: Path) -> None:
    section = README[README.index("## Sending alerts") : README.index("## Working on alerts")]
    for scheme in SINKS:
        place = f"{scheme}:{tmp_path}/x" if scheme in ("file", "store", "unix", "unix+stream") else f"{scheme}://user@host/x"
        with pytest.raises(SensorError) as told:
            open_sink(f"{place}?q9=1", tmp_path)
        assert f"`{scheme}:" in section, scheme
        for option in str(told.value).split("known are ")[1].split():
            assert f"`{option}=" in section, (scheme, option)
    assert all(f"`{name}`" in section for name in FORMATS)


def test_every_destination_of_readme_is_one(tmp_path: Path) -> None:
    section = README[README.index("## Sending alerts") : README.index("## Working on alerts")]
    lines = re.findall(r"`([a-z+]+:(?://)?[^`\s]*)`", section)
    assert len(lines) > 12
    for line in lines:
        if line not in ("http://", "kafka+tls://", "nats+tls://", "https://", "tcp://", "file:-", "store:"):
            assert Destination.parse(line).scheme in SINKS, line


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("sink test --config c.yaml siem", "destination", "siem"),
        ("sink test --timeout 3 udp://h", "destination", "udp://h"),
        ("alerts --min high show --json 4f0c", "uid", ["4f0c"]),
        ("alerts ack --note why 4f0c 5a", "uid", ["4f0c", "5a"]),
        ("alerts close 4f0c2a --false-positive --for 30d --note check", "uid", ["4f0c2a"]),
        ("alerts", "what", "list"),
        ("evidence -o e.zip 4f0c a.pcap --json b.pcap", "captures", ["a.pcap", "b.pcap"]),
        ("replay -q - --no-map", "captures", ["-"]),
        ("replay a.pcap --no-map b.pcap -q c.pcap", "captures", ["a.pcap", "b.pcap", "c.pcap"]),
        ("config --json c.yaml", "file", "c.yaml"),
    ],
)
def test_what_no_option_takes_may_stand_anywhere(line: str, name: str, value: object) -> None:
    assert getattr(_arguments(line.split()), name) == value


def test_words_that_nobody_takes_are_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    for line in ("sink test udp://h more", "alerts list --nothing", "frob", "check x"):
        with pytest.raises(SystemExit) as ended:
            _arguments(line.split())
        assert ended.value.code == 2
    assert "unrecognized arguments" in capsys.readouterr().err
