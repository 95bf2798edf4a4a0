"""What came, went and changed between two inventories: maps, states of maps, descriptions or captures, in any mixture."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sensor.catalogue import drift
from sensor.catalogue.catalogue import Endpoint
from sensor.catalogue.drift import Change, View
from sensor.database import using
from sensor.errors import SensorError

SQLITE = b"SQLite format 3\0"
CAPTURES = (b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1", b"\x0a\x0d\x0d\x0a", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zX", b"BZh")
"""What pcap and pcapng files begin with, and those that are compressed."""


FAULTS = 20
"""Faults of one file that are told."""
_SAID: dict[Any, str] = {int: "a whole number", (int, float): "a number", list: "a list", dict: "a mapping", str: "text"}
_KINDS: dict[str, Any] = {
    "calls": int, "callers": int, "first_seen": int, "last_seen": int, "confidence": (int, float), "statuses": dict, "evidence": list, "parameters": dict,
    "operations": dict, "declared": str, "declared_in": str, "drift": list,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Key:
    """What makes two endpoints the same: parameter names do not count. `host` is empty where a side cannot tell."""

    method: str
    host: str
    template: str


@dataclass(slots=True)
class Entry:
    """One endpoint of a side."""

    name: str
    view: View
    line: int = 0


@dataclass(slots=True)
class Side:
    """One inventory."""

    path: Path
    kind: str
    """``map``, ``state``, ``description`` or ``capture``."""
    entries: dict[Key, Entry] = field(default_factory=dict)


@dataclass(slots=True)
class Difference:
    """One endpoint that came, went or changed."""

    kind: str
    """``came``, ``went``, ``changed``."""
    name: str
    changes: list[Change] = field(default_factory=list)
    line: int = 0
    """Where it stands in the later side, when that is a description."""


def read(path: Path) -> Side:
    """Any inventory. Raises SensorError for what is none."""
    top = _top(path)
    if top.startswith(CAPTURES):
        return Side(path, "capture", _entries(of_captures(path)))
    text = top.decode("utf-8-sig", "replace")
    if not top.startswith(SQLITE) and (path.suffix.lower() in (".yaml", ".yml") or '"openapi"' in text or '"swagger"' in text or text.startswith(("openapi:", "swagger:"))):
        return Side(path, "description", _of_description(path))
    return Side(path, "state" if top.startswith(SQLITE) else "map", _entries(endpoints(path)))


def _top(path: Path) -> bytes:
    """What a file begins with; a directory is one of captures."""
    if path.is_dir():
        return CAPTURES[0]
    try:
        with path.open("rb") as file:
            return file.read(4096)
    except OSError as error:
        raise SensorError(f"{path}: cannot be read: {error.strerror}") from error


def endpoints(path: Path) -> list[Endpoint]:
    """The endpoints of a map: JSON, the state of one, or captures. Raises SensorError for what is none."""
    import orjson

    if _top(path).startswith(CAPTURES):
        return of_captures(path)
    try:
        octets = path.read_bytes()[: 1 << 31]
    except OSError as error:
        raise SensorError(f"{path}: cannot be read: {error.strerror}") from error
    if octets.startswith(SQLITE):
        from sensor.catalogue.state import MapState

        state = MapState(path, make=False, write=False)
        with closing(state), using(path, "the state of the map cannot be read"):
            return [record.endpoint for record in state.records()]
    try:
        data: Any = orjson.loads(octets)
    except ValueError as error:
        raise SensorError(f"{path}: is no endpoint map (the JSON of `api-sensor replay --json`, or a state of `replay --map-state`): {error}") from error
    if isinstance(data, dict) and isinstance(data.get("map"), dict):
        data = data["map"]
    rows = data.get("endpoints") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise SensorError(f"{path}: is no endpoint map: it has no list `endpoints`; `api-sensor replay --json` writes one")
    found, faults = [], []
    for i, row in enumerate(rows):
        fault = _fault(row)
        if not fault:
            try:
                found.append(Endpoint.from_json(row))
            except ValueError as error:
                fault = str(error)
        if fault:
            faults.append(f"{path}: endpoints.{i}: {fault}")
    if faults:
        raise SensorError("\n".join(faults[:FAULTS]))
    return found


def _fault(row: Any) -> str:
    """What is wrong with a row of a map's JSON; empty where nothing is."""
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in ("method", "host", "template")):
        return "needs method, host and template"
    for name, kind in _KINDS.items():
        if name in row and (not isinstance(row[name], kind) or (isinstance(row[name], bool) and kind is int)):
            return f"{name} must be {_SAID[kind]}, and is {row[name]!r:.40}"
    if not all(isinstance(calls, int) for calls in row.get("statuses", {}).values()):
        return "statuses must be calls by status"
    if not all(isinstance(about, dict) for about in row.get("parameters", {}).values()):
        return "parameters must be mappings by name"
    return ""


def of_captures(path: Path) -> list[Endpoint]:
    """The endpoints of a capture, mapped by itself."""
    from sensor.capture import open_captures
    from sensor.masking import Masker
    from sensor.pipeline import Pipeline

    with open_captures([str(path)]) as source:
        return Pipeline(Masker(None)).run(source).endpoints


def difference(before: Side, after: Side) -> list[Difference]:
    """What came, went and changed, by name."""
    old, new = before.entries, after.entries
    if any(not key.host for key in old.keys() | new.keys()):  # a description whose servers are variables stands on one side
        old = {Key(key.method, "", key.template): entry for key, entry in old.items()}
        new = {Key(key.method, "", key.template): entry for key, entry in new.items()}
    old, new = _paired(old, new), dict(new)
    found = [Difference("came", new[key].name, [], new[key].line) for key in new.keys() - old.keys()]
    found += [Difference("went", old[key].name) for key in old.keys() - new.keys()]
    for key in old.keys() & new.keys():
        changes = drift.between(old[key].view, new[key].view)
        if before.kind == after.kind == "description":
            gone = drift.between(new[key].view, old[key].view)
            changes += [Change(one.kind.replace("new_", "gone_"), one.where, one.after, "nothing") for one in gone if one.kind in ("new_field", "new_status")]
        if changes:
            found.append(Difference("changed", new[key].name, changes, new[key].line))
    return sorted(found, key=lambda one: (one.kind, one.name))


def _paired(old: dict[Key, Entry], new: dict[Key, Entry]) -> dict[Key, Entry]:
    """The old entries under the new ones' keys, where a template on one side stands for a path of the other (``/a/{id}`` and ``/a/7``)."""
    from sensor.catalogue.state import covers

    open_new: dict[tuple[str, str, int], list[Key]] = {}
    for key in new.keys() - old.keys():
        open_new.setdefault((key.method, key.host, key.template.count("/")), []).append(key)
    paired: dict[Key, Entry] = {}
    for key, entry in sorted(old.items(), key=lambda one: (one[0].method, one[0].host, one[0].template)):
        if key in new:
            paired[key] = entry
            continue
        beside = sorted(open_new.get((key.method, key.host, key.template.count("/")), ()), key=lambda one: one.template)
        fits = [one for one in beside if one not in paired and (covers(one.template, key.template) or covers(key.template, one.template))]
        paired[fits[0] if fits else key] = entry
    return paired


def _entries(found: Iterable[Endpoint]) -> dict[Key, Entry]:
    return {Key(one.method, one.host, _bare(one.template)): Entry(one.name, drift.seen(one)) for one in found if one.calls}


def _of_description(path: Path) -> dict[Key, Entry]:
    from sensor.catalogue import spec

    descriptions = spec.load([path])
    found = {}
    for one in descriptions.operations:
        host = "" if "{" in one.host else one.host
        found[Key(one.method, host, _bare(one.path))] = Entry(f"{one.method} {one.host}{one.path}", descriptions.view(one), one.line)
    return found


def _bare(template: str) -> str:
    from sensor.catalogue.spec import _BRACES

    return _BRACES.sub("{}", template)
