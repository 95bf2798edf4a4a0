"""`api-sensor check`: how this installation stands."""

from __future__ import annotations

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`check` has no options of its own."""
    del parser


def run(args: argparse.Namespace) -> int:
    """Print what is compiled and who owns the package names; status 1 when another distribution owns one of them."""
    del args
    import pkgutil
    from importlib import import_module
    from importlib.metadata import packages_distributions

    import parsers

    status = 0
    modules = (import_module(f"parsers.{one.name}") for one in pkgutil.iter_modules(parsers.__path__) if not one.name.startswith("_"))
    slow = [module.__name__ for module in modules if not getattr(module, "COMPILED", True)]
    print("decoding core: " + (f"interpreted, slow: {', '.join(slow)}" if slow else "compiled"))
    owners = packages_distributions()
    for name in ("parsers", "rules", "models", "sensor"):
        others = sorted(set(owners.get(name, ())) - {"api-sensor"})
        if others:
            print(f"package {name}: also shipped by {', '.join(others)}; install api-sensor in a virtual environment of its own", file=sys.stderr)
            status = 1
        else:
            print(f"package {name}: ours")
    return status
