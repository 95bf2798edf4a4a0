"""Imports run one way: parsers <- rules, parsers <- models, all three <- sensor; and `parsers` touches nothing outside itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY = {"parsers": {"parsers"}, "rules": {"rules", "parsers"}, "models": {"models", "parsers"}, "sensor": {"sensor", "parsers", "rules", "models"}}
OUTSIDE = {"logging", "time", "datetime", "os", "pathlib", "configparser", "tomllib", "yaml", "subprocess", "threading", "random"}
"""What `parsers` has no business with: sockets, files, the wall clock, configuration files, loggers."""


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("package", MAY)
def test_a_layer_imports_only_what_is_below_it(package: str) -> None:
    for path in sorted((ROOT / package).rglob("*.py")):
        assert not (imported(path) & set(MAY)) - MAY[package], path


def test_parsers_know_no_socket_file_clock_configuration_or_logger() -> None:
    for path in sorted((ROOT / "parsers").rglob("*.py")):
        assert not imported(path) & OUTSIDE, path
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "socket":
                assert node.attr in ("inet_ntop", "inet_pton", "AF_INET", "AF_INET6"), f"{path}: addresses as text is all a parser wants of socket"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "open", path
