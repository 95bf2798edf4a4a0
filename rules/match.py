"""A Match: what a rule found in one call, with the names that a finding of the sensor has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from parsers.evidence import Evidence, Feature


@dataclass(frozen=True, slots=True)
class Match:
    """One judgement of a rule. Every field has the name and meaning of `sensor.findings.Finding`'s field, so one becomes the other
    field by field. `features[].seen` and `reasons` quote what the client sent: mask before they leave the sensor."""

    detector: str
    row: int
    ts: int
    severity: str
    severity_score: float
    confidence: float
    title: str
    category: str
    reasons: tuple[str, ...]
    client: str | None = None
    principal: str | None = None
    endpoint: str | None = None
    evidence: tuple[Evidence, ...] = ()
    techniques: tuple[str, ...] = ()
    features: tuple[Feature, ...] = ()
    response: str = ""
    action: Mapping[str, Any] = field(default_factory=dict)
    group: str = ""
