"""What is built, shipped and called what."""

from __future__ import annotations

import tomllib
from pathlib import Path

from sensor import VERSION
from sensor.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_version_is_one() -> None:
    assert PROJECT["project"]["version"] == VERSION


def test_the_top_level_is_the_agreed_four_packages() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages == {"parsers", "rules", "models", "sensor"}
    assert all((ROOT / package / "py.typed").exists() for package in packages)


def test_every_command_has_a_module_with_the_two_functions() -> None:
    for command in COMMANDS:
        source = (ROOT / (command.module.replace(".", "/") + ".py")).read_text(encoding="utf-8")
        assert "\ndef add_arguments(" in source and "\ndef run(" in source, command.module


def test_every_pxd_stands_beside_its_module() -> None:
    for package in ("parsers", "rules", "models", "sensor"):
        for header in (ROOT / package).rglob("*.pxd"):
            assert header.with_suffix(".py").exists(), header
