"""`api-sensor config`: the bounds and settings in force, as YAML, each with its reason. Each layer owns its settings; this only prints them."""

from __future__ import annotations

import argparse
import ast
import inspect
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`config` has no options of its own."""
    del parser


def run(args: argparse.Namespace) -> int:
    """Print every setting, its default and the sentence that explains it."""
    del args
    import yaml

    from parsers.limits import Limits
    from sensor.alerts import AlertConfig
    from sensor.catalogue import CatalogueLimits

    for name, kind in (("parsers", Limits), ("catalogue", CatalogueLimits), ("alerts", AlertConfig)):
        print(f"{name}:")
        for setting, why in _documented(kind):
            for line in why.splitlines():
                print(f"  # {line.strip()}")
            value = getattr(kind(), setting)
            print("  " + yaml.safe_dump({setting: list(value) if isinstance(value, tuple) else value}, default_flow_style=True, width=10_000).strip()[1:-1])
    return 0


def _documented(kind: type[Any]) -> list[tuple[str, str]]:
    """The fields of a dataclass with the string that stands under each."""
    body = ast.parse(inspect.cleandoc(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    found: list[tuple[str, str]] = []
    for statement in body.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            found.append((statement.target.id, ""))
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str) and found:
            found[-1] = (found[-1][0], statement.value.value)
    return found
