"""`api-sensor explain endpoint`: what an endpoint of a map was decided on; `sensor.catalogue.cli` answers."""

from __future__ import annotations

import argparse

from sensor.names import text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is to be explained, and of which map."""
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    endpoint = what.add_parser("endpoint", help="why a template is as it is: evidence, confidence, examples; and what its calls carry")
    endpoint.add_argument("endpoint", metavar="ENDPOINT", nargs="+", type=text, help="part of METHOD host/template, such as GET /users")
    endpoint.add_argument("--map", metavar="MAP", help="JSON of `replay --json`, a state of `replay --map-state`, or a capture (default: map.sqlite in the state directory)")
    endpoint.add_argument("--state", metavar="DIR", help="where this installation keeps its masking key and its map (default: the user's state directory)")


def run(args: argparse.Namespace) -> int:
    """Explain; returns the exit status."""
    from pathlib import Path

    from sensor.catalogue.cli import explain

    return explain(args, Path(args.map) if args.map else None, " ".join(args.endpoint))
