"""A line of Zeek's notice.log in JSON: `note`, `msg`, `sub`, `src`, times in seconds."""

from __future__ import annotations

from typing import Any

from sensor.sinks.formats.plain import within
from sensor.sinks.formats.words import address, filled
from sensor.sinks.message import AlertFields


def notice(alert: AlertFields) -> dict[str, Any]:
    """The notice of an alert."""
    out: dict[str, Any] = {
        "_path": "notice",
        "ts": alert["last_seen"] / 1e9,
        "note": f"ApiSensor::{alert['category'] or 'alert'}",
        "msg": alert["title"] or "alert",
        "sub": " ".join(alert["reasons"]),
        "n": alert["calls"],
        "actions": ["Notice::ACTION_LOG"],
        "identifier": alert["uid"],
        "revision": alert["revision"],
        "state": alert["state"],
        "severity": alert["severity"],
        "endpoints": alert["endpoints"],
    }
    if alert["evidence"]:
        out["uid"] = alert["evidence"][0]["uid"]
    if alert["clients"] and address(alert["clients"][0]):
        out["src"] = alert["clients"][0]
    return filled(out)


def _say(notice: dict[str, Any], dropped: int) -> None:
    notice["dropped"] = dropped


def zeek(alert: AlertFields, line: bytes, octets: int) -> bytes:
    """One alert as a line of notice.log."""
    return within(notice, alert, octets, _say)
