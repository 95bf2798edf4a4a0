"""ArcSight's Common Event Format, version 0: a header of seven fields parted by bars, then ``key=value``."""

from __future__ import annotations

from sensor.sinks.formats.words import PRODUCT, RELEASE, VENDOR, address, endpoint, millis
from sensor.sinks.message import AlertFields
from sensor.terminal import printable


def _header(text: str, most: int = 512) -> str:
    # The header escapes bars and backslashes, nothing else, and no field of it may be empty.
    return printable(text)[:most].replace("\\", "\\\\").replace("|", "\\|") or "alert"


def _value(text: str, most: int) -> str:
    # The extension escapes equal signs and backslashes. Blanks at the ends are not part of a value to most readers, so they are shown.
    text = printable(text)[:most]
    if text[:1] == " ":
        text = "\\x20" + text[1:]
    if text[-1:] == " ":
        text = text[:-1] + "\\x20"
    return text.replace("\\", "\\\\").replace("=", "\\=")


def cef(alert: AlertFields, line: bytes, octets: int) -> bytes:
    """One alert as CEF. Custom strings carry reasons, detectors, endpoints, advice, techniques and evidence, each with its label."""
    clients, endpoints, principals, detectors = (
        alert["clients"],
        alert["endpoints"],
        alert["principals"],
        alert["detectors"],
    )
    place = endpoint(endpoints[0] if endpoints else "")
    client = clients[0] if clients else ""
    severity = min(10, max(0, round(alert["severity_score"])))
    # The title may take a quarter of the room, each of its characters up to four octets; without room for the header, a bare one.
    head = f"CEF:0|{VENDOR}|{PRODUCT}|{RELEASE}|{_header(alert['category'], 64)}|{_header(alert['title'], min(512, octets // 4))}|{severity}|"
    if len(head.encode()) > octets:
        head = f"CEF:0|{VENDOR}|{PRODUCT}|{RELEASE}|alert|alert|{severity}|"
    kind = address(client)
    advice = alert["response"].get("advice", [])
    pairs: list[tuple[str, str, int]] = [
        ("externalId", alert["uid"], 40),
        ("rt", str(millis(alert["last_seen"])), 20),
        ("act", alert["state"], 63),
        ("src" if kind == 4 else "c6a2" if kind == 6 else "shost", client, 1023),
        ("cnt", str(alert["calls"]), 20),
        ("cat", alert["category"], 1023),
        ("start", str(millis(alert["first_seen"])), 20),
        ("end", str(millis(alert["last_seen"])), 20),
        ("suser", principals[0] if principals else "", 1023),
        ("requestMethod", place.method, 1023),
        ("dhost", place.host, 1023),
        ("dpt", str(place.port or ""), 5),
        ("request", place.path, 1023),
        ("msg", alert["reasons"][0] if alert["reasons"] else "", 1023),
    ]
    if kind == 6:
        pairs.append(("c6a2Label", "Source IPv6 Address", 1023))
    labelled = [
        ("cn1", "revision", str(alert["revision"])),
        ("cfp1", "confidence", f"{alert['confidence']:g}"),
        ("cs2", "detectors", " ".join(detectors)),
        ("cs4", "response", " ".join(advice)),
        ("cs1", "reasons", " ".join(alert["reasons"])),
        ("cs5", "techniques", " ".join(alert["techniques"])),
        ("cs3", "endpoints", ", ".join(endpoints)),
        ("cs6", "evidence", " ".join(f"{one['uid']}:{one['pcap_file']}:{one['packet']}" for one in alert["evidence"])),
    ]
    out = [head.encode()]
    left = octets - len(out[0])
    for text in (
        *(f"{name}={_value(value, most)} " for name, value, most in pairs if value),
        *(f"{name}Label={label} {name}={_value(value, 4000)} " for name, label, value in labelled if value),
    ):
        piece = text.encode()
        if len(piece) <= left:
            out.append(piece)
            left -= len(piece)
    return b"".join(out)[:-1] if len(out) > 1 else b"".join(out)
