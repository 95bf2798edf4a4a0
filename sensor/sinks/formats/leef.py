"""QRadar's Log Event Extended Format 2.0, its attributes parted by tabs (which no text of an alert holds).

A relay must leave tabs alone: rsyslog does with ``global(parser.escapeControlCharacterTab="off")``. It then copies a message that holds control
characters and stops three octets before the size it takes, whatever follows; so three octets stay free here.
"""

from __future__ import annotations

from typing import Final

from sensor.sinks.formats.words import PRODUCT, RELEASE, VENDOR, endpoint, millis
from sensor.sinks.message import AlertFields
from sensor.terminal import printable

RSYSLOG_KEEPS_FREE: Final = 3


def leef(alert: AlertFields, line: bytes, octets: int) -> bytes:
    """One alert as LEEF. The header knows no escape, so a bar in the event's id is shown as ``\\x7c``."""
    endpoints, principals = alert["endpoints"], alert["principals"]
    place = endpoint(endpoints[0] if endpoints else "")
    event = printable(alert["category"])[:64].replace("|", "\\x7c") or "alert"
    head = f"LEEF:2.0|{VENDOR}|{PRODUCT}|{RELEASE}|{event}|x09|".encode()
    if len(head) > octets:
        head = f"LEEF:2.0|{VENDOR}|{PRODUCT}|{RELEASE}|alert|x09|".encode()
    out = [head]
    left = octets - len(out[0]) - RSYSLOG_KEEPS_FREE
    for name, value in (
        ("identifier", alert["uid"]),
        ("devTime", str(millis(alert["last_seen"]))),
        ("sev", str(min(10, max(1, round(alert["severity_score"]))))),
        ("cat", alert["category"]),
        ("state", alert["state"]),
        ("revision", str(alert["revision"])),
        ("src", alert["clients"][0] if alert["clients"] else ""),
        ("title", alert["title"]),
        ("calls", str(alert["calls"])),
        ("usrName", principals[0] if principals else ""),
        ("method", place.method),
        ("host", place.host),
        ("dstPort", str(place.port or "")),
        ("url", place.path),
        ("confidence", f"{alert['confidence']:g}"),
        ("detectors", " ".join(alert["detectors"])),
        ("response", " ".join(alert["response"].get("advice", []))),
        ("reasons", " ".join(alert["reasons"])),
        ("techniques", " ".join(alert["techniques"])),
        ("clients", " ".join(alert["clients"])),
        ("endpoints", ", ".join(endpoints)),
        ("evidence", " ".join(f"{one['uid']}:{one['pcap_file']}:{one['packet']}" for one in alert["evidence"])),
    ):
        piece = f"{name}={printable(value)}\t".encode()
        if value and len(piece) <= left:
            out.append(piece)
            left -= len(piece)
    return b"".join(out).removesuffix(b"\t")
