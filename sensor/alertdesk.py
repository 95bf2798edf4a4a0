"""`api-sensor alerts`: the desk where people work on what is in the store: list, show, acknowledge, close, say what it was.

Tables for people, `--json` for programs. What is said here changes the next decision: `--false-positive` holds back what repeats it (same group, same
detectors, no graver) for a stated time, `--true-positive` makes the next one of the group more certain; both stand in that alert's reasons.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensor.names import count, text

if TYPE_CHECKING:
    from sensor.store import Stored

WHATS = ("list", "show", "ack", "close", "reopen")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `api-sensor alerts`."""
    parser.add_argument("what", choices=WHATS, nargs="?", default="list", help="list them (the default), show one whole, or say what became of it")
    parser.add_argument("uid", nargs="*", type=text, help="the alert's uid, or the beginning of it (show, ack, close, reopen)")
    parser.add_argument("--store", metavar="FILE", help="the store (default: alerts.sqlite in the state directory)")
    parser.add_argument("--state", metavar="DIR", help="the state directory (default: the user's)")
    which = parser.add_argument_group("which to list")
    which.add_argument("--status", choices=("new", "acknowledged", "closed"), default="", help="what people made of it")
    which.add_argument("--incident", choices=("open", "updated", "closed"), action="append", default=[], help="how the incident stands; repeatable")
    which.add_argument(
        "--min", "--severity", dest="min", choices=("low", "medium", "high", "critical"), default="low", help="this severity and above"
    )
    which.add_argument("--since", type=text, metavar="WHEN", default="", help="last seen since then: 2026-11-25, 2026-11-25T14:00, or 30m, 12h, 7d ago")
    which.add_argument("--client", type=text, metavar="PATTERN", action="append", default=[], help="a glob, an address or a network; repeatable")
    which.add_argument("--endpoint", type=text, metavar="GLOB", action="append", default=[], help="such as '* shop.example/login*'; repeatable")
    which.add_argument("--detector", type=text, metavar="GLOB", action="append", default=[], help="repeatable")
    which.add_argument("--limit", type=count, default=50, metavar="N", help="at most so many (default: 50)")
    said = parser.add_argument_group("what became of it")
    said.add_argument("--note", type=text, default="", metavar="TEXT", help="why (ack, close, reopen)")
    verdict = said.add_mutually_exclusive_group()
    verdict.add_argument("--false-positive", dest="verdict", action="store_const", const="false_positive", default="", help="it was none: hold back what repeats it (ack, close)")
    verdict.add_argument("--true-positive", dest="verdict", action="store_const", const="true_positive", help="it was one (ack, close)")
    said.add_argument("--for", dest="seconds", type=text, metavar="TIME", default="30d", help="how long the verdict counts: 12h, 30d, 8w (default: 30d)")
    said.add_argument("--as", dest="who", type=text, metavar="NAME", default="", help="who says so (default: the user)")
    parser.add_argument("--json", action="store_true", help="JSON, a line an alert")


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    from contextlib import closing

    from sensor.alerts import RANK
    from sensor.database import using
    from sensor.errors import SensorError
    from sensor.masking import state_directory
    from sensor.store import AlertStore

    path = Path(args.store) if args.store else (Path(args.state) if args.state else state_directory()) / "alerts.sqlite"
    if not path.exists():
        raise SensorError(f"{path}: there is no store of alerts; one is written by replay with --sink store: (or store:{path})")
    if args.what == "list" and args.uid:
        raise SensorError("alerts list takes no uid; alerts show does")
    if args.what != "list" and not args.uid:
        raise SensorError(f"alerts {args.what} needs the uid of an alert; alerts list shows them")
    if args.verdict and args.what not in ("ack", "close"):
        raise SensorError(f"alerts {args.what} takes no verdict; ack and close do")
    since, seconds = _since(args.since), _seconds(args.seconds)
    if seconds is None:
        raise SensorError(f"--for {args.seconds!r}: write a number and a unit: 12h, 30d, 8w")
    store = AlertStore(path, write=args.what not in ("list", "show"))
    with closing(store), using(path, "the store of alerts cannot be read, or written to"):
        if args.what == "list":
            found = store.list(args.status, RANK[args.min], args.limit, since, _matcher(args))
        elif args.what == "show":
            found = [store.get(uid) for uid in args.uid]
        else:
            for uid in args.uid:
                store.get(uid)  # all of them, or none
            status = {"ack": "acknowledged", "close": "closed", "reopen": "new"}[args.what]
            found = [store.decide(uid, status, args.note, args.who or _user(), args.verdict or "", seconds) for uid in args.uid]
    _print(found, args)
    return 0


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


def _seconds(text: str) -> int | None:
    """`12h` in seconds; None for what is no such thing."""
    got = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    return int(got[1]) * _UNITS[got[2]] if got else None


def _since(text: str) -> int:
    """A moment as ns since the epoch. Raises SensorError for what names none."""
    import time
    from datetime import UTC, datetime

    from sensor.errors import SensorError

    if not text:
        return 0
    ago = _seconds(text)
    if ago is not None:
        return max(0, int(time.time()) - ago) * 1_000_000_000
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as fault:
        raise SensorError(f"--since {text!r}: write a moment (2026-11-25, 2026-11-25T14:00, in UTC) or how long ago (30m, 12h, 7d)") from fault
    ns = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) * 1_000_000_000
    return min(max(ns, 0), 2**63 - 1)


def _matcher(args: argparse.Namespace) -> Callable[[dict[str, Any]], bool] | None:
    from fnmatch import fnmatchcase

    from sensor.alerts import client_matcher

    if not (args.incident or args.client or args.endpoint or args.detector):
        return None
    clients = [client_matcher(one) for one in args.client]

    def matches(alert: dict[str, Any]) -> bool:
        return (
            (not args.incident or alert["state"] in args.incident)
            and (not clients or any(inside(client) for inside in clients for client in alert["clients"]))
            and (not args.endpoint or any(fnmatchcase(name, glob) for glob in args.endpoint for name in alert["endpoints"]))
            and (not args.detector or any(fnmatchcase(name, glob) for glob in args.detector for name in alert["detectors"]))
        )

    return matches


def _print(rows: list[Stored], args: argparse.Namespace) -> None:
    import orjson

    from sensor.terminal import clipped, table, when

    if args.json:
        for one in rows:
            notes = [note._asdict() | {"status": note.what} for note in one.notes]
            sys.stdout.write(orjson.dumps({**one.alert, "status": one.status, "verdict": one.verdict or None, "notes": notes}).decode() + "\n")
        return
    if args.what != "show":
        columns = [
            ("uid", "left"), ("severity", "left"), ("score", "right"), ("status", "left"), ("state", "left"), ("calls", "right"), ("last seen (UTC)", "left"),
            ("client", "left"), ("title", "left"),
        ]  # fmt: skip
        lines = [
            (
                one.alert["uid"][:10], one.alert["severity"], f"{one.alert['severity_score']:g}",
                one.status + (f" ({one.verdict.replace('_', ' ')})" if one.verdict else ""), one.alert["state"], f"{one.alert['calls']:,}",
                when(one.alert["last_seen"]), clipped(", ".join(one.alert["clients"][:2]), 40), clipped(one.alert["title"], 80),
            )
            for one in rows
        ]  # fmt: skip
        table(f"{len(rows)} alert{'' if len(rows) == 1 else 's'}", columns, lines, sys.stdout)
        return
    for one in rows:
        _show(one)


def _show(stored: Stored) -> None:
    from sensor.terminal import printable, when

    alert = stored.alert

    def line(name: str, value: object) -> None:
        if value not in ("", None, [], {}):
            text = (
                "\n".join(f"{'':12}  {printable(str(one))}" for one in value)
                if isinstance(value, list)
                else printable(str(value))
            )
            print(f"{name:>12}: {text.lstrip() if isinstance(value, list) else text}")

    verdict = f", {stored.verdict.replace('_', ' ')}" if stored.verdict else ""
    line("alert", f"{alert['uid']} revision {alert['revision']} ({alert['state']}, {stored.status}{verdict})")
    line("title", alert["title"])
    line("severity", f"{alert['severity']} ({alert['severity_score']} of 10), confidence {alert['confidence']}")
    for name in ("first_seen", "last_seen"):
        line(name.replace("_", " "), f"{when(int(str(alert[name])))} UTC")
    for name in ("category", "techniques", "detectors", "clients", "principals", "endpoints", "calls", "reasons"):
        line(name, alert[name])
    features, evidence, response = alert["features"], alert["evidence"], alert["response"]
    assert isinstance(features, list) and isinstance(evidence, list) and isinstance(response, dict)
    line("features", [f"{one['name']}: {one['seen']}, usual is {one['usual']}" for one in features])
    line("evidence", [f"{one['pcap_file']} packet {one['packet']}, connection {one['uid']}" for one in evidence])
    line("do next", response.get("advice"))
    line("actions", [", ".join(f"{name} {value}" for name, value in one.items()) for one in response.get("actions", [])])
    loss = alert["loss"]
    assert isinstance(loss, dict)
    line("not seen", ", ".join(f"{name} {value}" for name, value in loss.items()))
    line("history", [f"{when(at * 1_000_000_000)} UTC {who or 'somebody'}: {what.replace('_', ' ')}{f', {text}' if text else ''}" for at, what, text, who in stored.notes])
    line("bundle", f"api-sensor evidence {alert['uid']}")
