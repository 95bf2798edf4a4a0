"""`api-sensor evidence UID`: the evidence bundle of one alert, from the store or a file of alerts and the captures."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensor.names import text

if TYPE_CHECKING:
    from sensor.alerts import Alert


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `api-sensor evidence`."""
    parser.add_argument("uid", type=text, help="the alert's uid, or the beginning of it")
    parser.add_argument("captures", nargs="*", metavar="CAPTURE", help="captures, or directories of them (default: the files that the alert names)")
    parser.add_argument("-o", "--output", metavar="DIR|FILE.zip", help="where to write it (default: evidence-UID.zip here)")
    parser.add_argument("--from", dest="source", metavar="FILE", help="a store of alerts, or alerts as JSON lines (default: the store in the state directory)")
    parser.add_argument("--all-connections", action="store_true", help="all connections of the alert's clients in its time, not only those it cites")
    parser.add_argument("--unmasked", action="store_true", help="packets, calls and timeline as they were, with credentials and personal data")
    parser.add_argument("--rules", metavar="PATH", action="append", default=[], help="the rules that judged, if not the built-in ones; repeatable")
    parser.add_argument("--model", metavar="FILE", help="the model that judged, if one was given")
    parser.add_argument("--config", metavar="FILE", help="the configuration that replay was given")
    parser.add_argument("--verify-checksums", action="store_true", help="as it was given to replay")
    parser.add_argument("--state", metavar="DIR", help="where this installation keeps its masking key and store (default: the user's state directory)")
    parser.add_argument("--json", action="store_true", help="print the manifest as JSON")


def run(args: argparse.Namespace) -> int:
    """Make the bundle; status 1 when nothing of what the alert cites is in the captures."""
    from sensor.capture import open_captures
    from sensor.config import Config, read
    from sensor.errors import SensorError
    from sensor.evidence.bundle import Source, bundle, write
    from sensor.masking import Masker, installation_key, state_directory
    from sensor.names import name_of, path_of

    config = read(args.config) if args.config else Config()
    state = Path(args.state) if args.state else state_directory()
    alert = find(args.uid, Path(args.source) if args.source else state / "alerts.sqlite")
    captures = args.captures or [path_of(name) for name in dict.fromkeys(one.pcap_file for one in alert.evidence)]
    if not captures or "-" in captures:
        raise SensorError(f"alert {alert.uid}: it came from standard input; name the captures that hold this traffic")
    absent = [] if args.captures else [name for name in captures if not Path(name).exists()]
    if absent:
        raise SensorError(f"alert {alert.uid}: {', '.join(absent)}: not found from here; name the captures after the uid, wherever they are now")
    masker = Masker(installation_key(state), config.masking.names)
    source = Source(lambda: open_captures(captures), tuple(captures), config.parsers, config.catalogue, args.verify_checksums)
    made = bundle(
        alert, source, masker, unmasked=args.unmasked, every=args.all_connections, judges=judges(alert, _rules(args.rules), args.model),
        bounds=config.evidence.bundle, cut_bounds=config.evidence.packets, never_send=config.masking.never_send,
    )  # fmt: skip
    place = Path(args.output) if args.output else Path(f"evidence-{alert.uid}.zip")
    if args.unmasked:
        print("api-sensor: nothing is masked: the bundle holds credentials and personal data as they were on the wire", file=sys.stderr)
    if made.empty:
        print(f"api-sensor: none of the connections that alert {alert.uid} cites is in {', '.join(map(name_of, captures))}", file=sys.stderr)
        return 1
    write(made, place)
    if args.json:
        sys.stdout.write(made.files["manifest.json"].decode())
    else:
        print(f"{place}: {made.packets:,} packets, {made.calls:,} calls, {made.timeline:,} calls of its callers")
    if made.missing:
        print(f"api-sensor: {len(made.missing)} connections that the alert cites are not in these captures", file=sys.stderr)
    return 0


def find(uid: str, place: Path) -> Alert:
    """The last revision of the alert that begins so, from a store or a file of alerts. Raises SensorError for none, or several."""
    from sensor.alerts import Alert
    from sensor.errors import SensorError

    try:
        with place.open("rb") as file:
            kind = file.read(16)
    except OSError as fault:
        raise SensorError(f"{place}: alerts cannot be read from it ({fault.strerror}); --from names a store or a file of alerts") from fault
    if kind.startswith(b"SQLite format 3"):
        import orjson

        from sensor.database import using
        from sensor.store import AlertStore

        store = AlertStore(place, write=False)
        with closing(store), using(place, "the store of alerts cannot be read"):
            line = orjson.dumps(store.get(uid).alert)
        try:
            return Alert.from_json(line)
        except ValueError as fault:
            raise SensorError(f"{place}: {fault}") from fault
    found: dict[str, Alert] = {}
    torn = ""
    with place.open("rb") as file:
        for number, line in enumerate(file, 1):
            if uid.encode() not in line:
                continue
            try:
                alert = Alert.from_json(line)
            except ValueError as fault:
                torn = torn or f"{place}:{number}: {fault}"  # the half line of a power cut, maybe: what follows it is whole
                continue
            if alert.uid.startswith(uid) and (alert.uid not in found or alert.revision >= found[alert.uid].revision):
                found[alert.uid] = alert
    if torn and not found:
        raise SensorError(torn)
    if len(found) != 1 or not uid:
        raise SensorError(f"{place}: {'several alerts begin' if found else 'no alert begins'} with {uid!r}")
    return next(iter(found.values()))


def _rules(paths: list[str]) -> Any:
    import rules
    from sensor.errors import SensorError

    try:
        return rules.load([Path(path) for path in paths] or None)
    except rules.RuleError as fault:
        raise SensorError(str(fault)) from fault


def judges(alert: Alert, ruleset: Any, model: str | None) -> list[dict[str, Any]]:
    """For every detector of an alert what it is: a rule of `ruleset` with its file's SHA-256, a model with its file's, or a part of the sensor."""
    import hashlib

    from rules import BUILTIN
    from sensor import VERSION
    from sensor.names import name_of

    known = {rule.id: rule for rule in ruleset.rules} if ruleset is not None else {}
    out: list[dict[str, Any]] = []
    for name in alert.detectors:
        rule = known.get(name)
        if rule is not None:
            path = BUILTIN / Path(rule.file).name if rule.file.startswith("rules/builtin/") else Path(rule.file)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            out.append({"detector": name, "kind": "rule", "title": rule.title, "file": name_of(rule.file), "line": rule.line, "sha256": digest})
        elif name.startswith("anomaly"):
            digest = hashlib.sha256(Path(model).read_bytes()).hexdigest() if model else ""
            out.append({"detector": name, "kind": "model", "file": name_of(model) if model else "learned from the capture itself", "sha256": digest, "version": VERSION})
        else:
            out.append({"detector": name, "kind": "sensor", "version": VERSION})
    return out
