"""Suricata's EVE JSON: an `alert` event, so that what reads Suricata's alerts reads ours. EVE's severity counts down: 1 is the gravest."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from sensor.sinks.formats.plain import within
from sensor.sinks.formats.words import address, endpoint, filled, iso
from sensor.sinks.message import AlertFields


def event(alert: AlertFields) -> dict[str, Any]:
    """The EVE event of an alert."""
    detector = alert["detectors"][0] if alert["detectors"] else ""
    out: dict[str, Any] = {
        "timestamp": iso(alert["last_seen"]).replace("Z", "+0000"),
        "event_type": "alert",
        "proto": "TCP",
        "app_proto": "http",
        "alert": {
            "action": "allowed",
            "gid": 1,
            # A number for readers that key on it: stable, and outside the ranges that rule sets use.
            "signature_id": 0x40000000 | crc32(detector.encode()) >> 2,
            "rev": alert["revision"],
            "signature": alert["title"] or "alert",
            "category": alert["category"] or "alert",
            "severity": {"critical": 1, "high": 1, "medium": 2, "low": 3}[alert["severity"]],
            "metadata": {
                "detector": alert["detectors"],
                "technique": alert["techniques"],
                "state": [alert["state"]],
                "uid": [alert["uid"]],
            },
        },
        "api_sensor": {
            name: alert[name]
            for name in (
                "uid",
                "revision",
                "state",
                "severity",
                "severity_score",
                "confidence",
                "calls",
                "reasons",
                "response",
                "evidence",
            )
        },
    }
    if alert["clients"] and address(alert["clients"][0]):
        out["src_ip"] = alert["clients"][0]
    if alert["endpoints"]:
        place = endpoint(alert["endpoints"][0])
        out["http"] = {"hostname": place.host, "http_port": place.port or None, "url": place.path, "http_method": place.method}
    return filled(out)


def _say(event: dict[str, Any], dropped: int) -> None:
    event["api_sensor"]["dropped"] = dropped


def eve(alert: AlertFields, line: bytes, octets: int) -> bytes:
    """One alert as an EVE line."""
    return within(event, alert, octets, _say)
