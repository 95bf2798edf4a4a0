"""A Finding is one judgement on one call (or on a window of calls that this call completes), with its evidence and its reasons.

Detectors make Findings; `sensor.alerts` groups them into Alerts. A detector is any object with an `id` and
``observe(batch) -> list[Finding]``, deterministic and in packet time: no wall clock, no randomness but a seeded one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from parsers.evidence import Evidence, Feature

SEVERITIES = ("low", "medium", "high", "critical")


@dataclass(frozen=True, slots=True)
class Finding:
    detector: str
    """Id of the rule or detector, such as `bola-enumeration`; stands in the call log's `findings`."""
    row: int
    """Row of the batch it was made on; -1 when it belongs to no row of it."""
    ts: int
    """Packet time in ns since the epoch."""
    severity: str
    """One of SEVERITIES."""
    severity_score: float
    """0 to 10."""
    confidence: float
    """0 to 1."""
    title: str
    category: str
    """OWASP API id such as `API1:2023`, or `anomaly`, `inventory`, `protocol`."""
    reasons: tuple[str, ...]
    """Sentences: what was expected, what was seen, by how much."""
    client: str | None = None
    principal: str | None = None
    endpoint: str | None = None
    """`METHOD host/template`."""
    evidence: tuple[Evidence, ...] = ()
    techniques: tuple[str, ...] = ()
    """ATT&CK ids."""
    features: tuple[Feature, ...] = ()
    response: str = ""
    """What to do next, a sentence."""
    action: dict[str, Any] = field(default_factory=dict)
    """The ready-made action where there is one, such as {"kind": "block_address", "address": "203.0.113.9", "seconds": 3600}."""
    group: str = ""
    """Findings with equal group become one alert; empty means detector + client."""


class Detector(Protocol):
    id: str

    def observe(self, batch: pa.RecordBatch) -> list[Finding]: ...


__all__ = ["SEVERITIES", "Detector", "Evidence", "Feature", "Finding"]
