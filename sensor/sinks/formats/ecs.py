"""Elastic Common Schema 8.11: an alert as a document of kind `alert`; what ECS has no name for stands under `api_sensor`."""

from __future__ import annotations

from typing import Any

from sensor.sinks.formats.plain import within
from sensor.sinks.formats.words import PRODUCT, RELEASE, VENDOR, address, endpoint, filled, iso
from sensor.sinks.message import AlertFields


def document(alert: AlertFields) -> dict[str, Any]:
    """The ECS document of an alert."""
    clients, endpoints, principals = alert["clients"], alert["endpoints"], alert["principals"]
    out: dict[str, Any] = {
        "@timestamp": iso(alert["last_seen"]),
        "ecs": {"version": "8.11.0"},
        "message": alert["title"] or "alert",
        "event": {
            "id": f"{alert['uid']}-{alert['revision']}",
            "kind": "alert",
            "category": ["intrusion_detection", "web"],
            "type": ["info"],
            "action": alert["state"],
            "module": "api_sensor",
            "dataset": "api_sensor.alert",
            "start": iso(alert["first_seen"]),
            "end": iso(alert["last_seen"]),
            "severity": {"low": 21, "medium": 47, "high": 73, "critical": 99}[alert["severity"]],
            "risk_score": alert["severity_score"] * 10,
            # Elasticsearch indexes no keyword longer than 1024; all of them stand under api_sensor.
            "reason": " ".join(alert["reasons"])[:1024],
        },
        "observer": {"vendor": VENDOR, "product": PRODUCT, "version": RELEASE, "type": "sensor"},
        "rule": {"name": alert["title"][:1024], "category": alert["category"], "id": alert["detectors"][0] if alert["detectors"] else ""},
        "api_sensor": {
            name: alert[name]
            for name in (
                "uid", "revision", "state", "severity", "severity_score", "confidence", "calls", "detectors", "endpoints", "reasons", "features",
                "evidence", "response", "loss",
            )
        },
    }  # fmt: skip
    if clients:
        out["source"] = {"address": clients[0]}
        if address(clients[0]):
            out["source"]["ip"] = clients[0]
        if related := [one for one in clients if address(one)]:
            out["related"] = {"ip": related}
    if principals:
        out["user"] = {"name": principals[0]}
        out.setdefault("related", {})["user"] = principals
    if alert["techniques"]:
        out["threat"] = {"framework": "MITRE ATT&CK", "technique": {"id": alert["techniques"]}}
    if endpoints:
        place = endpoint(endpoints[0])
        out["http"] = {"request": {"method": place.method}}
        out["url"] = {"domain": place.host, "port": place.port or None, "path": place.path}
    return filled(out)


def _say(document: dict[str, Any], dropped: int) -> None:
    document["api_sensor"]["dropped"] = dropped


def ecs(alert: AlertFields, line: bytes, octets: int) -> bytes:
    """One alert as an ECS document."""
    return within(document, alert, octets, _say)
