"""Differences between two inventories as SARIF 2.1.0 (OASIS), for code hosts and CI."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sensor import VERSION
from sensor.catalogue.compare import Difference

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
RULES = {
    "endpoint-came": ("warning", "An endpoint that the earlier inventory does not have"),
    "endpoint-went": ("warning", "An endpoint that the later inventory does not have"),
    "authentication-lost": ("error", "An endpoint answers without the authentication that it had"),
    "data-appeared": ("warning", "An endpoint carries personal or secret data that it did not carry"),
    "new-field": ("note", "An endpoint carries a field that it did not carry"),
    "new-type": ("warning", "A field has another type"),
    "new-status": ("note", "An endpoint answers with another status"),
    "gone-field": ("warning", "A field is declared no more"),
    "gone-status": ("note", "A status is declared no more"),
}
"""By id: level and what it means."""


def sarif(differences: Iterable[Difference], later: Path) -> dict[str, Any]:
    """A SARIF log with a result for every difference; results point into the later inventory."""
    order = list(RULES)
    results = []
    for one in differences:
        if one.kind == "changed":
            told = [(change.kind.replace("_", "-"), f"{one.name}: {change}") for change in one.changes]
        else:
            told = [(f"endpoint-{one.kind}", f"{one.name} {'is new' if one.kind == 'came' else 'is gone'}")]
        for rule, text in told:
            place: dict[str, Any] = {"artifactLocation": {"uri": quote(os.fsencode(later.as_posix()))}, "region": {"startLine": one.line or 1}}
            results.append(
                {
                    "ruleId": rule,
                    "ruleIndex": order.index(rule),
                    "level": RULES[rule][0],
                    "message": {"text": text},
                    "locations": [{"physicalLocation": place, "logicalLocations": [{"fullyQualifiedName": one.name, "kind": "resource"}]}],
                    "partialFingerprints": {"difference/v1": hashlib.sha256(f"{rule} {text}".encode("utf-8", "backslashreplace")).hexdigest()[:32]},
                }
            )
    rules = [{"id": name, "shortDescription": {"text": text}, "defaultConfiguration": {"level": level}} for name, (level, text) in RULES.items()]
    driver = {"name": "api-sensor", "semanticVersion": VERSION, "version": VERSION, "rules": rules}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}]}
