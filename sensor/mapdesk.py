"""`api-sensor map`: questions to an endpoint map; `sensor.catalogue.cli` answers them.

It stands apart so that `--help` need not import what the answers need.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`explain`, `diff` and `export` as subcommands."""
    commands = parser.add_subparsers(dest="question", required=True, metavar="QUESTION")
    explain = commands.add_parser("explain", help="what an endpoint's template was decided on")
    explain.add_argument("map", metavar="MAP", help="JSON of `replay --json`")
    explain.add_argument("endpoint", metavar="ENDPOINT", help="part of METHOD host/template, such as 'GET api.example/users'")
    diff = commands.add_parser("diff", help="which endpoints came and went between two maps or descriptions; status 3 when any did")
    diff.add_argument("before", metavar="A")
    diff.add_argument("after", metavar="B")
    diff.add_argument("--json", action="store_true", help="as JSON")
    export = commands.add_parser("export", help="the map as OpenAPI")
    export.add_argument("map", metavar="MAP", help="JSON of `replay --json`")
    export.add_argument("--openapi", choices=("3.1.0", "3.0.3"), default="3.1.0", help="version of the description")
    export.add_argument("-o", "--output", metavar="FILE", help="where to write it (default: standard output)")


def run(args: argparse.Namespace) -> int:
    """Answer one question; returns the exit status."""
    from sensor.catalogue import cli

    return cli.run(args)
