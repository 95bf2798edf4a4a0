"""What `api-sensor map` and `api-sensor diff` answer.

A map is the JSON that ``api-sensor replay --json`` writes (its `map`), a state that ``replay --map-state`` keeps, or a capture, which is mapped then. `diff` compares maps, states,
descriptions and captures in any mixture, and ends with status 3 when they differ, for use in CI.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from sensor.catalogue import compare, pins
from sensor.catalogue.compare import endpoints as read_map
from sensor.catalogue.state import MapState, Record
from sensor.database import using
from sensor.errors import SensorError, reason, refusal
from sensor.mapdesk import add_arguments
from sensor.terminal import printable, table, when

__all__ = ["add_arguments", "diff", "explain", "read_map", "run"]

FOUND = 3


def run(args: argparse.Namespace) -> int:
    """Answer one question; returns the exit status."""
    if args.question == "explain":
        return explain(args, Path(args.map), args.endpoint)
    if args.question == "export":
        return _export(args)
    state = MapState(Path(args.map_state) if args.map_state else _state(args) / "map.sqlite", make=args.question == "pin", write=args.question in ("pin", "unpin", "ack", "accept"))
    with closing(state), using(state.path, "the state of the map cannot be read, or written to"):
        return _QUESTIONS[args.question](state, args)


# A map that lasts -------------------------------------------------------------------------------------------------------------------------


def _list(state: MapState, args: argparse.Namespace) -> int:
    records = state.records(args.status, args.declared)
    if args.json:
        for record in records:
            print(json.dumps(_plain(record)))
        return 0
    mask = _mask(args)
    columns = [("no", "right"), ("endpoint", "left"), ("status", "left"), ("calls", "right"), ("callers", "right"), ("declared", "left"), ("first seen", "left"), ("last seen", "left")]
    rows = [
        [str(one.number), mask(one.endpoint.name), one.status, f"{one.endpoint.calls:,}", f"{one.endpoint.callers:,}", one.endpoint.declared, when(one.endpoint.first_seen), when(one.endpoint.last_seen)]
        for one in records
    ]
    table(f"{len(rows)} endpoints", columns, rows, sys.stdout)
    return 0


def _show(state: MapState, args: argparse.Namespace) -> int:
    from sensor.catalogue import drift

    mask = _mask(args)
    for record in state.find(args.endpoint):
        if args.json:
            print(json.dumps(_plain(record)))
            continue
        one = record.endpoint
        _say(f"{mask(one.name)}  (no {record.number}, {record.status})")
        _say(f"    {one.calls:,} calls from {'' if one.callers_counted else 'about '}{one.callers:,} callers, {when(one.first_seen)} to {when(one.last_seen)} UTC, confidence {one.confidence:.2f}")
        _say("    statuses: " + " ".join(f"{status or 'none'}:{calls}" for status, calls in sorted(one.statuses.items())))
        for line in ([f"{one.declared} {one.declared_in}".rstrip()] if one.declared else []) + one.evidence + one.drift:
            _say(f"    {mask(line)}")
        if one.authentication.schemes:
            _say("    authentication: " + ", ".join(f"{name} {calls}" for name, calls in sorted(one.authentication.schemes.items())))
        classes = {data.field: data.name for data in one.data_classes}
        for where, types in sorted(drift.seen(one).fields.items()):
            _say(f"    {where}: {' or '.join(sorted(types)) or 'anything'}" + (f"  [{classes[where]}]" if where in classes else ""))
        for at, status, text in record.notes:
            _say(f"    {when(at * 1_000_000_000)} UTC {status}" + (f": {text}" if text else ""))
    return 0


def _decide(state: MapState, args: argparse.Namespace) -> int:
    status = {"ack": "acknowledged", "accept": "accepted"}[args.question]
    if bool(args.endpoint) == args.all:
        raise SensorError(f"map {args.question} needs endpoints, or --all for every endpoint that is new; `api-sensor map list` shows them")
    chosen = state.records("new") if args.all else [record for wanted in args.endpoint for record in state.find(wanted)]
    state.decide([record.number for record in chosen], status, args.note)
    for record in chosen[:20]:
        _say(f"{status}: {record.endpoint.name}")
    if len(chosen) > 20:
        print(f"... and {len(chosen) - 20} more")
    return 0


def _pin(state: MapState, args: argparse.Namespace) -> int:
    pin = pins.parse(args.verb, args.template)
    state.pin(pin)
    _say(f"pinned: {pin}; it holds from the next replay with this state on")
    return 0


def _unpin(state: MapState, args: argparse.Namespace) -> int:
    host, _, path = args.template.partition("/")
    state.unpin(host.lower(), "/" + path.rstrip("/"))
    return 0


def _pins(state: MapState, _args: argparse.Namespace) -> int:
    for pin in state.pins():
        _say(str(pin))
    return 0


_QUESTIONS: dict[str, Callable[[MapState, argparse.Namespace], int]] = {
    "list": _list, "show": _show, "ack": _decide, "accept": _decide, "pin": _pin, "unpin": _unpin, "pins": _pins,
}  # fmt: skip


def _plain(record: Record) -> dict[str, Any]:
    notes = [{"at": at, "status": status, "text": text} for at, status, text in record.notes]
    return {"number": record.number, "state": record.status, **record.endpoint.to_json(), "notes": notes}


# A map as it is ---------------------------------------------------------------------------------------------------------------------------


def explain(args: argparse.Namespace, path: Path | None, wanted: str) -> int:
    """Tell what the endpoints of a map (the one in the state directory, if none is named) were decided on that have `wanted` in their names. Returns the exit status."""
    from sensor.catalogue import describe

    path, mask = path or _state(args) / "map.sqlite", _mask(args)
    endpoints = read_map(path)
    method, _, rest = wanted.lower().partition(" ")

    def fits(name: str) -> bool:  # `GET /users` without the host too
        return wanted.lower() in name or (rest.startswith("/") and name.startswith(f"{method} ") and rest in name)

    chosen = [one for one in endpoints if fits(one.name.lower())]
    if not chosen:
        raise SensorError(f"no endpoint of the map has {wanted!r} in its name; `api-sensor map export {path} --format tree` shows them")
    for one in chosen:
        _say(f"{mask(one.name)}  confidence {one.confidence:.2f}  {one.calls} calls, {one.callers} callers")
        for line in one.evidence or ["every segment is a name: no other reading had evidence"]:
            _say(f"    {mask(line)}")
        for name, about in one.parameters.items():
            if not about.get("values"):  # of a matrix parameter no value is kept
                continue
            examples = ", ".join(str(text) for text in about.get("examples", []))
            _say(f"    {{{name}}}: {about.get('values')} values, such as {examples}")
        if one.declared:
            _say(f"    {one.declared} {one.declared_in}".rstrip())
        for line in describe.endpoint(one):
            _say(f"    {mask(line)}")
    return 0


def _export(args: argparse.Namespace) -> int:
    from sensor.catalogue import export, page

    endpoints = read_map(Path(args.map))
    mask = str if args.unmasked else _mask(args)
    if args.format == "tree" and not args.output:
        page.tree(endpoints, sys.stdout, mask)
        return 0
    if args.format == "openapi":
        text = json.dumps(export.openapi(endpoints, args.openapi, mask), indent=2, ensure_ascii=True) + "\n"
    elif args.format == "json":
        text = json.dumps({"version": 1, "endpoints": [one.to_json() for one in endpoints]}, indent=2, ensure_ascii=True) + "\n"
    elif args.format == "html":
        text = page.html(endpoints, mask)
    else:
        import io

        drawn = io.StringIO()
        page.tree(endpoints, drawn, mask)
        text = drawn.getvalue()
    _write(args.output, text)
    return 0


def diff(args: argparse.Namespace) -> int:
    """Tell what differs between two inventories; returns 3 when anything does."""
    if args.sarif and any(Path(args.sarif).exists() and Path(side).exists() and Path(args.sarif).samefile(side) for side in (args.before, args.after)):
        raise SensorError(f"{args.sarif}: is one of the two that are compared: it would be written over")
    before, after = compare.read(Path(args.before)), compare.read(Path(args.after))
    found = compare.difference(before, after)
    if args.sarif:
        from sensor.catalogue.sarif import sarif

        _write("" if args.sarif == "-" else args.sarif, json.dumps(sarif(found, after.path), indent=2) + "\n")
    counts = {kind: sum(one.kind == kind for one in found) for kind in ("came", "went", "changed")}
    if args.json:
        rows = [{"kind": one.kind, "endpoint": one.name, "changes": [{"kind": change.kind, "where": change.where, "before": change.before, "after": change.after} for change in one.changes]} for one in found]
        print(json.dumps({**counts, "differences": rows}, indent=2))
    elif args.sarif != "-":
        for sign, kind in (("+", "came"), ("-", "went"), ("~", "changed")):
            for one in found:
                if one.kind == kind:
                    _say(f"{sign} {one.name}")
                    for change in one.changes:
                        _say(f"      {change}")
        stayed = len(after.entries) - counts["came"]
        print(f"{counts['came']} came, {counts['went']} went, {counts['changed']} changed, {stayed - counts['changed']} stayed as they were")
    return FOUND if found else 0


def _state(args: argparse.Namespace) -> Path:
    from sensor.masking import state_directory

    return Path(args.state) if args.state else state_directory()


def _mask(args: argparse.Namespace) -> Callable[[str], str]:
    from sensor.masking import Masker, installation_key

    return Masker(installation_key(_state(args))).text


def _write(target: str | None, text: str) -> None:
    if not target:
        sys.stdout.write(text)
        return
    try:
        Path(target).write_text(text, encoding="utf-8")
    except BrokenPipeError:
        raise
    except OSError as error:
        raise refusal(error)(f"{target}: cannot be written: {reason(error)}") from error


def _say(line: str) -> None:
    print(printable(line))
