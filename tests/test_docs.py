"""README says what the program does: every command, every option, every exit status."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

import pytest

from sensor.cli import COMMANDS, STATUSES

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
