"""Open Cybersecurity Schema Framework 1.5 (and so 1.4 to 1.8): a Detection Finding (class 2004) with its evidences."""

from __future__ import annotations

from typing import Any

from sensor.sinks.formats.plain import within
from sensor.sinks.formats.words import PRODUCT, RELEASE, VENDOR, address, endpoint, filled, millis
from sensor.sinks.message import AlertFields

_ACTIVITY = {"open": (1, "Create"), "updated": (2, "Update"), "closed": (3, "Close")}
_STATUS = {"open": (1, "New"), "updated": (2, "In Progress"), "closed": (4, "Resolved")}
_SEVERITY = {"low": (2, "Low"), "medium": (3, "Medium"), "high": (4, "High"), "critical": (5, "Critical")}


def finding(alert: AlertFields) -> dict[str, Any]:
    """The Detection Finding of an alert."""
    activity, activity_name = _ACTIVITY[alert["state"]]
    status, status_name = _STATUS[alert["state"]]
    severity, severity_name = _SEVERITY[alert["severity"]]
    actor: dict[str, Any] = {}
    if alert["clients"]:
        client = alert["clients"][0]
        actor["src_endpoint"] = {"ip": client} if address(client) else {"hostname": client}
    if alert["principals"]:
        actor["actor"] = {"user": {"name": alert["principals"][0]}}
    if alert["endpoints"]:
        place = endpoint(alert["endpoints"][0])
        if operation := f"{place.method} {place.path}".strip():
            actor["api"] = {"operation": operation, "service": {"name": place.host}}
        if place.path:  # without one there is no URL (CONNECT)
            actor["url"] = {"hostname": place.host, "port": place.port or None, "path": place.path}
        actor["dst_endpoint"] = {"ip" if address(place.host) else "hostname": place.host, "port": place.port or None if place.host else None}
    actor = filled(actor)
    evidences = [
        {
            **actor,
            "data": {"connection": one["uid"], "file": one["pcap_file"], "packet": one["packet"], "ts": one["ts"]},
        }
        for one in alert["evidence"]
    ] or ([actor] if actor else [])
    out: dict[str, Any] = {
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "activity_id": activity,
        "activity_name": activity_name,
        "type_uid": 200400 + activity,
        "type_name": f"Detection Finding: {activity_name}",
        "severity_id": severity,
        "severity": severity_name,
        "status_id": status,
        "status": status_name,
        "time": millis(alert["last_seen"]),
        "start_time": millis(alert["first_seen"]),
        "end_time": millis(alert["last_seen"]),
        "count": alert["calls"],
        "is_alert": True,
        "confidence_score": round(alert["confidence"] * 100),
        "risk_score": round(alert["severity_score"] * 10),
        "message": alert["title"] or "alert",
        "metadata": {
            "version": "1.5.0",
            "uid": f"{alert['uid']}-{alert['revision']}",
            "product": {"name": PRODUCT, "vendor_name": VENDOR, "version": RELEASE},
        },
        "finding_info": {
            "uid": alert["uid"],
            "title": alert["title"] or "alert",
            "desc": " ".join(alert["reasons"]) or alert["title"] or "alert",
            "types": [alert["category"] or "alert"],
            "first_seen_time": millis(alert["first_seen"]),
            "last_seen_time": millis(alert["last_seen"]),
            "data_sources": ["network capture"],
        },
        "unmapped": {
            name: alert[name]
            for name in ("revision", "detectors", "clients", "principals", "endpoints", "features", "loss")
        },
    }
    if alert["detectors"]:
        out["finding_info"]["analytic"] = {
            "name": alert["detectors"][0],
            "uid": alert["detectors"][0],
            "type_id": 1,
            "type": "Rule",
        }
    if alert["techniques"]:
        out["finding_info"]["attacks"] = [{"technique": {"uid": one}, "version": "16"} for one in alert["techniques"]]
    if evidences:
        out["evidences"] = evidences
    if advice := alert["response"].get("advice"):
        out["remediation"] = {"desc": " ".join(advice)}
    return out


def _say(finding: dict[str, Any], dropped: int) -> None:
    finding["unmapped"]["dropped"] = dropped


def ocsf(alert: AlertFields, line: bytes, octets: int) -> bytes:
    """One alert as a Detection Finding."""
    return within(finding, alert, octets, _say)
