"""A STIX 2.1 bundle: who was seen (observed data on addresses), what it is taken for (an indicator), which techniques it shows.

Ids are UUIDs of version 5 made of the alert's own, so the same alert makes the same objects wherever and whenever it is sent.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from sensor.sinks.formats.plain import within
from sensor.sinks.formats.words import PRODUCT, address, iso
from sensor.sinks.message import AlertFields

# The namespace that STIX 2.1 (2.9) gives for ids of cyber-observables; ours for the rest.
_OBSERVABLES = UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
_OURS = uuid5(NAMESPACE_URL, "urn:api-sensor")


def _id(kind: str, *parts: str) -> str:
    return f"{kind}--{uuid5(_OURS, chr(31).join((kind, *parts)))}"


def _time(ns: int) -> str:
    return iso(ns)[:-4] + "Z"


def _canonical(client: str) -> str:
    """As STIX wants an address: an IPv4 address that came mapped into IPv6 is one of IPv4, and a zone is left out."""
    parsed = ip_address(client.partition("%")[0])
    return str((parsed.ipv4_mapped or parsed) if isinstance(parsed, IPv6Address) else parsed)


def bundle(alert: AlertFields) -> dict[str, Any]:
    """The bundle of an alert."""
    made, seen_last = _time(alert["first_seen"]), _time(alert["last_seen"])
    # A newer version of an object is known by `modified` alone, and an incident that closes was seen last when it was before: each revision is a millisecond newer.
    changed = _time(alert["last_seen"] + (alert["revision"] - 1) * 1_000_000)
    sensor = _id("identity", PRODUCT)

    def thing(kind: str, *parts: str, **fields: Any) -> dict[str, Any]:
        return {
            "type": kind, "spec_version": "2.1", "id": _id(kind, *parts), "created_by_ref": sensor, "created": made, "modified": changed, **fields,
        }  # fmt: skip

    objects: list[dict[str, Any]] = [
        {
            "type": "identity", "spec_version": "2.1", "id": sensor, "created": "2024-01-01T00:00:00.000Z", "modified": "2024-01-01T00:00:00.000Z",
            "name": PRODUCT, "identity_class": "system",
        }
    ]  # fmt: skip
    seen = [_canonical(one) for one in alert["clients"] if address(one)]
    for one in seen:
        kind = f"ipv{address(one)}-addr"
        named = uuid5(_OBSERVABLES, f'{{"value":"{one}"}}')
        objects.append({"type": kind, "spec_version": "2.1", "id": f"{kind}--{named}", "value": one})
    about = {
        "name": alert["title"] or "alert",
        "description": " ".join(alert["reasons"]),
        "labels": [one for one in (alert["category"], alert["severity"], alert["state"]) if one],
        "confidence": round(alert["confidence"] * 100),
    }
    if seen:
        observed = thing(
            "observed-data", alert["uid"], first_observed=made, last_observed=seen_last, number_observed=max(1, min(alert["calls"], 999_999_999)),
            object_refs=[one["id"] for one in objects[1:]],
        )  # fmt: skip
        pattern = "[" + " OR ".join(f"ipv{address(one)}-addr:value = '{one}'" for one in seen) + "]"
        indicator = thing(
            "indicator",
            alert["uid"],
            pattern=pattern,
            pattern_type="stix",
            valid_from=made,
            indicator_types=["malicious-activity"],
            **about,
        )
        objects += [observed, indicator]
        for technique in alert["techniques"]:
            reference = {"source_name": "mitre-attack", "external_id": technique}
            shown = thing("attack-pattern", alert["uid"], technique, name=technique, external_references=[reference])
            link = thing(
                "relationship",
                alert["uid"],
                technique,
                relationship_type="indicates",
                source_ref=indicator["id"],
                target_ref=shown["id"],
            )
            objects += [shown, link]
    else:
        objects.append(
            thing(
                "note",
                alert["uid"],
                content=about["description"] or about["name"],
                abstract=about["name"],
                object_refs=[sensor],
            )
        )
    return {"type": "bundle", "id": _id("bundle", alert["uid"], str(alert["revision"])), "objects": objects}


def _say(bundle: dict[str, Any], dropped: int) -> None:
    last = bundle["objects"][-1]
    last["labels"] = [*last.get("labels", []), f"fields dropped: {dropped}"]


def stix(alert: AlertFields, line: bytes, octets: int) -> bytes:
    """One alert as a bundle."""
    return within(bundle, alert, octets, _say)
