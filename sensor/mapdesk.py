"""`api-sensor map` and `api-sensor diff`: questions to an endpoint map; `sensor.catalogue.cli` answers them.

It stands apart so that `--help` need not import what the answers need.
"""

from __future__ import annotations

import argparse

from sensor.names import text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The questions as subcommands."""
    commands = parser.add_subparsers(dest="question", required=True, metavar="QUESTION")
    keyed = argparse.ArgumentParser(add_help=False)
    keyed.add_argument("--state", metavar="DIR", help="where this installation keeps its masking key and its map (default: the user's state directory)")
    kept = argparse.ArgumentParser(add_help=False, parents=[keyed])
    kept.add_argument("--map-state", metavar="FILE", help="the state that `replay --map-state` keeps (default: map.sqlite in the state directory)")
    listed = commands.add_parser("list", parents=[kept], help="the endpoints of a map that lasts")
    listed.add_argument("--status", choices=("new", "acknowledged", "accepted"), default="", help="only these")
    listed.add_argument("--declared", choices=("declared", "shadow", "zombie"), default="", help="only these")
    listed.add_argument("--json", action="store_true", help="as JSON, a line an endpoint")
    show = commands.add_parser("show", parents=[kept], help="an endpoint whole: counts, evidence, fields, data classes, authentication, notes")
    show.add_argument("endpoint", metavar="ENDPOINT", type=text, help="part of METHOD host/template, or the endpoint's number")
    show.add_argument("--json", action="store_true", help="as JSON, a line an endpoint")
    for name, what in (("ack", "endpoints are seen and to be dealt with"), ("accept", "endpoints are as they should be: they raise no alert for being undocumented")):
        decide = commands.add_parser(name, parents=[kept], help=what)
        decide.add_argument("endpoint", metavar="ENDPOINT", type=text, nargs="*", help="part of METHOD host/template, or the endpoint's number")
        decide.add_argument("--all", action="store_true", help="every endpoint that is new")
        decide.add_argument("--note", default="", type=text, metavar="TEXT", help="why")
    pin = commands.add_parser("pin", parents=[kept], help="decide a template yourself: keep a name, merge what stands at {name}, split it; remembered, and wins")
    pin.add_argument("verb", choices=("keep", "merge", "split"))
    pin.add_argument("template", metavar="TEMPLATE", type=text, help="such as /users/me, /shops/{shop}, or with its host api.example/shops/{shop}")
    unpin = commands.add_parser("unpin", parents=[kept], help="forget a pin")
    unpin.add_argument("template", metavar="TEMPLATE", type=text)
    commands.add_parser("pins", parents=[kept], help="what is pinned")
    explain = commands.add_parser("explain", parents=[keyed], help="what an endpoint's template was decided on, and what its calls carry")
    explain.add_argument("map", metavar="MAP", help="JSON of `replay --json`, a state of `replay --map-state`, or a capture")
    explain.add_argument("endpoint", metavar="ENDPOINT", type=text, help="part of METHOD host/template, such as 'GET api.example/users'")
    export = commands.add_parser("export", parents=[keyed], help="the map as OpenAPI, JSON, an HTML page or a tree")
    export.add_argument("map", metavar="MAP", help="JSON of `replay --json`, a state of `replay --map-state`, or a capture")
    export.add_argument("--format", choices=("openapi", "json", "html", "tree"), default="openapi", help="what to write (default: openapi)")
    export.add_argument("--openapi", choices=("3.1.0", "3.0.3"), default="3.1.0", help="version of the description (default: 3.1.0)")
    export.add_argument("--unmasked", action="store_true", help="mask no secrets and personal data in it")
    export.add_argument("-o", "--output", metavar="FILE", help="where to write it (default: standard output)")


def run(args: argparse.Namespace) -> int:
    """Answer one question; returns the exit status."""
    from sensor.catalogue import cli

    return cli.run(args)
