"""What is built, shipped and called what."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

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


@pytest.mark.parametrize(("compiler", "compiled"), [("", 1), ("/bin/false", 0)], ids=["a compiler", "none that works"])
def test_what_cannot_be_compiled_costs_speed_and_not_the_install(compiler: str, compiled: int, tmp_path: Path) -> None:
    pytest.importorskip("Cython")
    if not compiler and shutil.which("cc") is None:
        pytest.skip("no C compiler is here")
    shutil.copy(ROOT / "setup.py", tmp_path)
    (tmp_path / "parsers").mkdir()
    for name in ("__init__.py", "_cython.py", "octets.py", "octets.pxd"):
        shutil.copy(ROOT / "parsers" / name, tmp_path / "parsers")
    words = [sys.executable, "setup.py", "build_ext", "--inplace"]
    place = {**os.environ, "API_SENSOR_COMPILE": "parsers/octets.py", **({"CC": compiler} if compiler else {})}
    build = subprocess.run(words, cwd=tmp_path, env=place, capture_output=True, text=True, check=False, timeout=300)
    assert build.returncode == 0, build.stderr
    assert len(list((tmp_path / "parsers").glob("octets.*.so"))) == compiled
