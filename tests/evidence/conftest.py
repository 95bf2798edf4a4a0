"""Alerts that cite connections of the captures, and what the tests of evidence ask of a capture."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from parsers.engine import Engine
from sensor.alerts import Alert
from sensor.capture import open_captures
from sensor.evidence.bundle import Source
from sensor.findings import Evidence

ROOT = Path(__file__).resolve().parents[2]
PCAPS = sorted((ROOT / "pcaps").glob("*.pcap*"))


def calls_of(*paths: Path) -> list[dict[str, Any]]:
    """The calls of captures, with heads and bodies."""
    engine = Engine()
    rows: list[dict[str, Any]] = []
    with open_captures([str(path) for path in paths]) as source:
        for block in source:
            for batch in engine.feed(block):
                rows += batch.to_pylist()
    for batch in engine.finish():
        rows += batch.to_pylist()
    return sorted(rows, key=lambda row: (row["ts"], row["packet"]))


def citing(calls: Iterable[dict[str, Any]], **more: Any) -> Alert:
    """An alert that cites these calls."""
    calls = list(calls)
    places = tuple(Evidence(call["uid"], call["pcap_file"], call["packet"], call["ts"]) for call in calls)
    values: dict[str, Any] = {
        "uid": "ab" * 10, "revision": 1, "state": "open", "first_seen": min(one.ts for one in places), "last_seen": max(one.ts for one in places),
        "severity": "high", "severity_score": 8.0, "confidence": 0.9, "title": "test", "category": "anomaly", "detectors": ("sqli",),
        "clients": tuple(dict.fromkeys(call["client_ip"] for call in calls)), "evidence": places, "reasons": ("one.", "two."), "calls": len(calls),
    }  # fmt: skip
    return Alert(**(values | more))


def source_of(*paths: Path) -> Source:
    names = tuple(str(path) for path in paths)
    return Source(lambda: open_captures(names), names)
