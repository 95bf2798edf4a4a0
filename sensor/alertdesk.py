"""`api-sensor alerts`: list, show, acknowledge and close what is in the store; tables for people, `--json` for programs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sensor.store import Stored


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `api-sensor alerts`."""
    parser.add_argument(
        "what", choices=("list", "show", "ack", "close"), help="list them, show one whole, or say what became of it"
    )
    parser.add_argument("uid", nargs="*", help="the alert's uid, or the beginning of it (show, ack, close)")
    parser.add_argument("--store", metavar="FILE", help="the store (default: alerts.sqlite in the state directory)")
    parser.add_argument("--status", choices=("new", "acknowledged", "closed"), default="", help="list only these")
    parser.add_argument(
        "--min", choices=("low", "medium", "high", "critical"), default="low", help="list only this severity and above"
    )
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="list at most so many (default: 50)")
    parser.add_argument("--note", default="", metavar="TEXT", help="why (ack, close)")
    parser.add_argument("--json", action="store_true", help="JSON, a line an alert")


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    from sensor.alerts import RANK
    from sensor.errors import SensorError
    from sensor.masking import state_directory
    from sensor.store import AlertStore

    path = Path(args.store) if args.store else state_directory() / "alerts.sqlite"
    if not path.exists():
        raise SensorError(f"{path}: there is no store of alerts; one is written by the sink store:{path}")
    if args.what == "list" and args.uid:
        raise SensorError("alerts list takes no uid; alerts show does")
    if args.what != "list" and not args.uid:
        raise SensorError(f"alerts {args.what} needs the uid of an alert; alerts list shows them")
    store = AlertStore(path)
    try:
        if args.what == "list":
            found = store.list(args.status, RANK[args.min], max(args.limit, 0))
        elif args.what == "show":
            found = [store.get(uid) for uid in args.uid]
        else:
            for uid in args.uid:
                store.get(uid)  # all of them, or none
            status = {"ack": "acknowledged", "close": "closed"}[args.what]
            found = [store.decide(uid, status, args.note) for uid in args.uid]
    finally:
        store.close()
    _print(found, args)
    return 0


def _print(rows: list[Stored], args: argparse.Namespace) -> None:
    import orjson

    from sensor.terminal import clipped, table, when

    if args.json:
        for one in rows:
            notes = [{"at": at, "status": status, "text": text} for at, status, text in one.notes]
            sys.stdout.write(orjson.dumps({**one.alert, "status": one.status, "notes": notes}).decode() + "\n")
        return
    if args.what != "show":
        columns = [
            ("uid", "left"),
            ("severity", "left"),
            ("score", "right"),
            ("status", "left"),
            ("last seen", "left"),
            ("client", "left"),
        ]
        lines = [
            (
                one.alert["uid"][:10], one.alert["severity"], f"{one.alert['severity_score']:g}", one.status, when(one.alert["last_seen"]),
                clipped(", ".join(one.alert["clients"][:2]), 40), clipped(one.alert["title"], 80),
            )
            for one in rows
        ]  # fmt: skip
        table(f"{len(rows)} alerts", [*columns, ("title", "left")], lines, sys.stdout)
        return
    for one in rows:
        _show(one.alert, one.status, one.notes)


def _show(alert: dict[str, object], status: str, notes: tuple[tuple[int, str, str], ...]) -> None:
    from sensor.terminal import printable, when

    def line(name: str, value: object) -> None:
        if value not in ("", None, [], {}):
            text = (
                "\n".join(f"{'':12}  {printable(str(one))}" for one in value)
                if isinstance(value, list)
                else printable(str(value))
            )
            print(f"{name:>12}: {text.lstrip() if isinstance(value, list) else text}")

    line("alert", f"{alert['uid']} revision {alert['revision']} ({alert['state']}, {status})")
    line("title", alert["title"])
    line("severity", f"{alert['severity']} ({alert['severity_score']} of 10), confidence {alert['confidence']}")
    for name in ("first_seen", "last_seen"):
        line(name.replace("_", " "), when(int(str(alert[name]))))
    for name in ("category", "techniques", "detectors", "clients", "principals", "endpoints", "calls", "reasons"):
        line(name, alert[name])
    features, evidence, response = alert["features"], alert["evidence"], alert["response"]
    assert isinstance(features, list) and isinstance(evidence, list) and isinstance(response, dict)
    line("features", [f"{one['name']}: {one['seen']}, usual is {one['usual']}" for one in features])
    line("evidence", [f"{one['pcap_file']} packet {one['packet']}, connection {one['uid']}" for one in evidence])
    line("do next", response.get("advice"))
    line("actions", response.get("actions"))
    loss = alert["loss"]
    assert isinstance(loss, dict)
    line("not seen", ", ".join(f"{name} {value}" for name, value in loss.items()))
    line("notes", [f"{when(at * 1_000_000_000)} {then}: {text}" for at, then, text in notes])
