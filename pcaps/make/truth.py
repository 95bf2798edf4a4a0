"""From a server's access log to the expectation beside a capture: what was called, counted by the server that answered."""

from __future__ import annotations

import collections
import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

PCAPS = Path(__file__).resolve().parent.parent

# What a row of <case>.calls.jsonl.gz may hold. A field the server's log did not have is left out, and is not checked.
FIELDS = ("client", "port", "method", "host", "target", "status", "bytes", "route", "user", "id", "whole")


def from_nginx(log: Path) -> list[dict[str, Any]]:
    """Rows from the access log that `nginx_conf` sets up. nginx counts the octets of the body as sent, so they say how long it is on the wire."""
    made = []
    for line in log.read_text().splitlines():
        said = json.loads(line)
        row = {name: said[name] for name in FIELDS if said.get(name) not in (None, "")}
        row["time"] = float(said["time"])
        row["protocol"] = said["protocol"]
        row["whole"] = said["completion"] == "OK"
        made.append(row)
    return made


def from_lines(log: Path) -> list[dict[str, Any]]:
    """Rows from the servers of this folder that write JSON lines themselves."""
    return [json.loads(line) for line in log.read_text().splitlines()]


def write(
    case: str,
    shows: str,
    log_by: str,
    rows: Iterable[dict[str, Any]],
    *,
    capture: str = "",
    endpoints: bool = False,
    **more: Any,
) -> None:
    """Writes <case>.calls.jsonl.gz and <case>.yaml. What a person adds to the YAML below `judged:` stays."""
    kept = sorted(rows, key=lambda row: (row.get("time", 0), row.get("port", 0)))
    first = kept[0].get("time", 0) if kept else 0
    calls = []
    for row in map(dict, kept):
        if "time" in row:
            row["at"] = round(row.pop("time") - first, 3)
        calls.append(row)
    with (PCAPS / f"{case}.calls.jsonl.gz").open("wb") as out, gzip.GzipFile(fileobj=out, mode="wb", mtime=0, filename="") as packed:
        for row in calls:
            packed.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    path = PCAPS / f"{case}.yaml"
    old = yaml.safe_load(path.read_text()) if path.exists() else {}

    def count(name: str) -> dict[Any, int]:
        return dict(sorted(collections.Counter(row[name] for row in calls if name in row).items(), key=lambda pair: str(pair[0])))

    said: dict[str, Any] = {
        "capture": capture or f"{case}.pcap",
        "shows": shows,
        "counted_by": log_by,
        "calls": {"total": len(calls), "methods": count("method"), "statuses": count("status")},
        **more,
    }
    if endpoints:
        served = collections.Counter((row["method"], row["route"]) for row in calls if "route" in row and row["status"] < 400)
        said["endpoints"] = [
            {"method": method, "template": route, "calls": number} for (method, route), number in sorted(served.items())
        ]
    if "judged" in old:
        said["judged"] = old["judged"]
    path.write_text(yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=140))
