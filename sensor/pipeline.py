"""The page to read first: what happens to a capture, from frames to alerts.

    capture -FrameBlock-> Engine -CallBatch-> catalogue, identity -> rules, model -Finding-> alerts -Alert-> sinks
                                                      \\______ columns ______/-> call log

Time is the packets' own everywhere, so the same capture gives the same answer. A fault of ours in one judge costs that judge that batch: it is
counted, its traceback is logged once, and the calls go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from parsers.engine import Engine
from parsers.limits import Limits
from sensor.alerts import Alert, Alerts
from sensor.calllog import CallLog
from sensor.catalogue import Catalogue, CatalogueLimits, Endpoint
from sensor.errors import SensorError, unforeseen
from sensor.findings import Feature, Finding
from sensor.identity import Identity, with_columns
from sensor.masking import Masker

if TYPE_CHECKING:
    from sensor.evidence.recorder import Recorder

LOSSES = ("gaps", "gap_octets", "snapped_octets", "evicted", "held_limited", "bad_checksum", "truncated", "fragment_timeout", "fragment_evicted")
"""Counters of what was not seen: they stand in every alert, since a claim may rest on it."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Summary:
    """What a run found, in numbers and in full."""

    calls: int = 0
    packets: int = 0
    first_ts: int = 0
    last_ts: int = 0
    endpoints: list[Endpoint] = field(default_factory=list)
    probed: list[Endpoint] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    """The last revision of each alert, gravest first; at most ALERTS_KEPT."""
    alerts_told: int = 0
    counters: dict[str, int] = field(default_factory=dict)
    loss: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    """Our mistakes: batches that a judge failed on, by judge; connections that the core failed on."""
    interrupted: bool = False


_WORD = pa.dictionary(pa.int32(), pa.string())
_NO_MARKS = pa.DictionaryArray.from_arrays(pa.array([], pa.int32()), pa.array([], pa.string()))
ALERTS_KEPT = 10_000
TAUGHT_BY = 8_192
"""Calls that are kept back in a run that was given no model, to teach it: so many of the first ones, two batches at most."""
TAUGHT_MOST = 16_384
"""Of those kept back so many teach, whatever the size of a batch: more would change the scores little, and cost."""


class Pipeline:
    """One run. `rules` and `model` may be None; `tell` gets every alert as it is raised or updated; `recorder` takes the frames in and
    writes evidence from them."""

    def __init__(
        self,
        masker: Masker,
        rules: Any = None,
        model: Any = None,
        call_log: CallLog | None = None,
        tell: Callable[[Alert], None] | None = None,
        limits: Limits | None = None,
        verify_checksums: bool = False,
        catalogue: bool = True,
        self_train: bool = False,
        catalogue_limits: CatalogueLimits | None = None,
        alerts: Alerts | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.engine = Engine(limits, verify_checksums)
        self.catalogue = Catalogue(catalogue_limits) if catalogue else None
        self.identity = Identity(masker)
        self.rules = rules
        if rules is not None:
            rules.hide = masker.around
        self._masker = masker
        self.model = model
        self.call_log = call_log
        self.alerts = alerts or Alerts()
        self.alerts.tell_with(self.loss, masker.text)
        self._recorder = recorder
        self.summary = Summary()
        self._tell = tell
        self._untaught: list[pa.RecordBatch] | None = [] if self_train else None
        self._last: dict[str, Alert] = {}

    def loss(self) -> dict[str, int]:
        """What was not seen so far, by name; nothing when everything was."""
        counters = self.engine.counters
        return {name: counters[name] for name in LOSSES if counters.get(name)}

    def run(self, blocks: Iterable[Any], progress: Callable[[Summary], None] | None = None) -> Summary:
        """Read every block to the end; returns the summary. An interrupt ends the reading, not the writing of what was found."""
        summary = self.summary
        for alert in self.alerts.resume():
            self._told(alert)
        try:
            for block in blocks:
                summary.packets += len(block)
                if self._recorder is not None:
                    self._recorder.add(block)
                self._take(self.engine.feed(block))
                self._say_fault()
                if progress is not None:
                    progress(summary)
        except KeyboardInterrupt:
            summary.interrupted = True
            self._take(self.engine.pending())
            self._teach()
            if self.catalogue is not None and self.catalogue.state is not None:
                # What is still open here would go on in the captures: the next run over them counts it, whole.
                self.catalogue.hold()
        self._take(self.engine.finish())
        self._say_fault()
        self._teach()
        self._finish()
        return summary

    def _take(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Judge batches, or keep them back until there are enough calls for the capture to be judged by itself. No name holds a batch past its turn: the
        core fills its memory again, while the processor's cache still has it."""
        for batch in batches:
            if self._untaught is None:
                self._judge(batch)
                continue
            self._untaught.append(batch)
            if sum(one.num_rows for one in self._untaught) >= TAUGHT_BY:
                self._teach()

    def _teach(self) -> None:
        """Learn from the calls kept back, then judge them in their order."""
        waiting, self._untaught = self._untaught, None
        if waiting:
            import models

            learned = self._ask("model", lambda: [models.self_train(_first(waiting, TAUGHT_MOST))])
            self.model = learned[0] if learned else None
        for batch in waiting or ():
            self._judge(batch)

    def _judge(self, batch: pa.RecordBatch) -> None:
        """Everything that happens to a batch of calls."""
        summary = self.summary
        summary.calls += batch.num_rows
        times = batch.column("ts").to_numpy()
        first, last = int(times.min()), int(times.max())
        summary.first_ts = first if summary.first_ts == 0 else min(first, summary.first_ts)
        summary.last_ts = max(last, summary.last_ts)
        n = batch.num_rows
        template = operation = pa.nulls(n, _WORD)
        if self.catalogue is not None:
            self.catalogue.observe(batch)
            template, operation = self.catalogue.label(batch)
        principal, kind = self.identity.observe(batch)
        batch = with_columns(batch, {"template": template, "operation": operation, "principal": principal, "principal_kind": kind})
        findings: list[Finding] = []
        if self.rules is not None:
            findings += self._ask("rules", lambda: [as_finding(match, self._masker) for match in self.rules.observe(batch)])
        score: Any = pa.nulls(n, pa.float32())
        p: Any = score
        if self.model is not None:
            judged = self._ask("model", lambda: [self.model.observe(batch)])
            if judged:
                scores, values, found = judged[0]
                score, p = pa.array(scores, pa.float32()), pa.array(values, pa.float32())
                findings += [as_finding(one, self._masker) for one in found]
        findings.sort(key=lambda finding: (finding.row, finding.detector))
        for alert in self.alerts.observe(findings, last):
            self._told(alert)
        if self.call_log is not None:
            marks = {"findings": _marks(findings, n), "anomaly_score": score, "anomaly_p": p}
            self.call_log.add(batch, marks, self.catalogue.generation if self.catalogue is not None else -1)

    def _ask(self, judge: str, question: Callable[[], list[Any]]) -> list[Any]:
        try:
            return question()
        except SensorError as fault:  # what it works with cannot be used: no fault of ours
            log.warning("%s", fault)
            return []
        except (MemoryError, ImportError) as fault:
            if judge not in self.summary.faults:
                log.warning("%s: the %s cannot judge a batch; its calls go on without", unforeseen(fault), judge)
        except Exception:
            if judge not in self.summary.faults:
                log.exception("the %s failed on a batch: a fault of ours; its calls go on without", judge)
        self.summary.faults[judge] = self.summary.faults.get(judge, 0) + 1
        return []

    def _say_fault(self) -> None:
        if self.engine.fault and "core" not in self.summary.faults:
            log.error("the core failed on a connection: a fault of ours; the other connections go on\n%s", self.engine.fault)
        if self.engine.fault:
            self.summary.faults["core"] = self.engine.counters["faults"]

    def _told(self, alert: Alert) -> None:
        self.summary.alerts_told += 1
        if alert.uid in self._last or len(self._last) < ALERTS_KEPT:
            self._last[alert.uid] = replace(alert, _all=None)  # its incident may go
        if self._tell is not None:
            self._tell(alert)

    def _finish(self) -> None:
        summary = self.summary
        if self.catalogue is not None:
            self.catalogue.finish()
            summary.endpoints = self.catalogue.endpoints()
            summary.probed = self.catalogue.probed()
            for alert in self.alerts.observe(self._ask("map", self.catalogue.findings), summary.last_ts):
                self._told(alert)
        for alert in self.alerts.end():
            self._told(alert)
        self.alerts.suspend()
        if self._recorder is not None:
            self._recorder.close()
        if self.call_log is not None:
            if self.catalogue is not None:
                self.call_log.finish(self.catalogue.label, self.catalogue.generation)
            else:
                self.call_log.finish(lambda batch: (batch.column("template"), batch.column("operation")))
        summary.alerts = sorted(self._last.values(), key=lambda alert: (-alert.severity_score, -alert.confidence, alert.first_seen, alert.uid))
        summary.counters = self.engine.counters
        summary.loss = self.loss()


def _first(batches: Iterable[pa.RecordBatch], calls: int) -> Iterable[pa.RecordBatch]:
    """So many of the first calls of these batches."""
    for batch in batches:
        if calls > 0:
            yield batch.slice(0, calls)
        calls -= batch.num_rows


def as_finding(match: Any, masker: Masker) -> Finding:
    """A judge's own record (rules.Match and the like share the field names) as a Finding. What stands under a secret name is masked here, where the name still
    stands beside it; the rest of its texts when it is told."""
    features, reasons = [], tuple(match.reasons)
    for one in match.features:
        seen = masker.field(one.name, one.seen)
        if seen != one.seen:
            reasons = tuple(reason.replace(f"{one.name}: {one.seen}", f"{one.name}: {seen}") for reason in reasons)
        features.append(Feature(one.name, seen, one.usual))
    return Finding(
        detector=match.detector,
        row=int(match.row),
        ts=int(match.ts),
        severity=match.severity,
        severity_score=float(match.severity_score),
        confidence=float(match.confidence),
        title=match.title,
        category=match.category,
        reasons=reasons,
        client=match.client,
        principal=match.principal,
        endpoint=match.endpoint,
        evidence=match.evidence,
        techniques=tuple(match.techniques),
        features=tuple(features),
        response=match.response,
        action=dict(match.action),
        group=match.group,
    )


def _marks(findings: list[Finding], rows: int) -> pa.ListArray:
    """The call log's `findings`: ids by row."""
    if not findings:
        return pa.ListArray.from_arrays(pa.array(np.zeros(rows + 1, np.int32)), _NO_MARKS)
    names: dict[str, int] = {}
    marked = sorted({(finding.row, names.setdefault(finding.detector, len(names))) for finding in findings if 0 <= finding.row < rows})
    counts = np.zeros(rows + 1, np.int32)
    for row, _ in marked:
        counts[row + 1] += 1
    codes = pa.DictionaryArray.from_arrays(pa.array([code for _, code in marked], pa.int32()), pa.array(list(names), pa.string()))
    return pa.ListArray.from_arrays(pa.array(np.cumsum(counts, dtype=np.int32)), codes)
