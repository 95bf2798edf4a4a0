"""`api-sensor diff A B`: what came, went and changed between two inventories; `sensor.catalogue.cli` answers."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two sides, and how to tell."""
    parser.add_argument("before", metavar="A", help="a map (JSON, or a state), an OpenAPI description, or a capture")
    parser.add_argument("after", metavar="B", help="the same, later")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--sarif", metavar="FILE", help="as SARIF 2.1.0 too, for CI (- for standard output, and nothing else there)")


def run(args: argparse.Namespace) -> int:
    """Compare; status 3 when anything differs."""
    from sensor.catalogue import cli

    return cli.diff(args)
