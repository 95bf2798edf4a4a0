"""`api-sensor map explain`, `map diff`, `map export`: questions to an endpoint map.

A map is the JSON that ``api-sensor replay --json`` writes (its `map`), or an OpenAPI description. `diff` compares two of them, in any mixture, and ends with
status 3 when they differ, for use in CI; `explain` shows what an endpoint's template was decided on; `export` writes OpenAPI.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from sensor.catalogue.catalogue import Endpoint
from sensor.errors import SensorError
from sensor.mapdesk import add_arguments

__all__ = ["add_arguments", "run"]

FOUND = 3


def run(args: argparse.Namespace) -> int:
    """Answer one question; returns the exit status."""
    if args.question == "explain":
        return _explain(read_map(Path(args.map)), args.endpoint)
    if args.question == "diff":
        return _diff(names(Path(args.before)), names(Path(args.after)), args.json)
    from sensor.catalogue.export import openapi

    text = json.dumps(openapi(read_map(Path(args.map)), args.openapi), indent=2, ensure_ascii=True) + "\n"
    if args.output:
        try:
            Path(args.output).write_text(text, encoding="utf-8")
        except OSError as error:
            raise SensorError(f"{args.output}: cannot be written: {error.strerror}") from error
    else:
        sys.stdout.write(text)
    return 0


def read_map(path: Path) -> list[Endpoint]:
    """The endpoints of a map's JSON; raises SensorError for a file that is none."""
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SensorError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise SensorError(f"{path}: is no JSON: {error}") from error
    if isinstance(data, dict) and isinstance(data.get("map"), dict):
        data = data["map"]
    rows = data.get("endpoints") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise SensorError(f"{path}: is no endpoint map: it has no list `endpoints`; `api-sensor replay --json` writes one")
    found = []
    for i, row in enumerate(rows):
        if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in ("method", "host", "template")):
            raise SensorError(f"{path}: endpoints.{i}: needs method, host and template")
        try:
            found.append(Endpoint.from_json(row))
        except ValueError as error:
            raise SensorError(f"{path}: endpoints.{i}: {error}") from error
    return found


def names(path: Path) -> set[tuple[str, str, str]]:
    """(method, host, template without parameter names) of a map or a description."""
    from sensor.catalogue import spec

    if path.suffix.lower() in (".yaml", ".yml") or _is_description(path):
        return {(one.method, "", _bare(one.path)) for one in spec.load([path]).operations}
    return {(one.method, one.host, _bare(one.template)) for one in read_map(path)}


def _is_description(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            top = file.read(4096)
    except OSError as error:
        raise SensorError(f"{path}: cannot be read: {error.strerror}") from error
    return '"openapi"' in top or '"swagger"' in top or top.startswith(("openapi:", "swagger:"))


def _bare(template: str) -> str:
    from sensor.catalogue.spec import _BRACES

    return _BRACES.sub("{}", template)


def _diff(before: set[tuple[str, str, str]], after: set[tuple[str, str, str]], as_json: bool) -> int:
    if any(not host for _, host, _ in before | after):  # a description stands on one side: its hosts may be variables
        before = {(method, "", template) for method, _, template in before}
        after = {(method, "", template) for method, _, template in after}
    came, went = sorted(after - before), sorted(before - after)
    if as_json:
        shown = {"came": [list(one) for one in came], "went": [list(one) for one in went]}
        print(json.dumps(shown, indent=2))
    else:
        for sign, rows in (("+", came), ("-", went)):
            for method, host, template in rows:
                print(_printable(f"{sign} {method} {host}{template}"))
        print(f"{len(came)} came, {len(went)} went, {len(before & after)} stayed")
    return FOUND if came or went else 0


def _explain(endpoints: list[Endpoint], wanted: str) -> int:
    chosen = [one for one in endpoints if wanted.lower() in one.name.lower()]
    if not chosen:
        raise SensorError(f"no endpoint of the map has {wanted!r} in its name")
    for one in chosen:
        print(_printable(f"{one.name}  confidence {one.confidence:.2f}  {one.calls} calls, {one.callers} callers"))
        for line in one.evidence or ["every segment is a name: no other reading had evidence"]:
            print(_printable(f"    {line}"))
        for name, about in one.parameters.items():
            examples = ", ".join(str(text) for text in about.get("examples", []))
            print(_printable(f"    {{{name}}}: {about.get('values')} values, such as {examples}"))
        if one.declared:
            print(_printable(f"    {one.declared} {one.declared_in}".rstrip()))
    return 0


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
