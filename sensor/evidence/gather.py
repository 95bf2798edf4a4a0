"""One pass over a capture for one alert: the calls of the connections it cites, what its callers did, and what others do at the same endpoints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import numpy as np
import pyarrow as pa

from parsers.engine import Engine
from parsers.frames import FrameBlock
from parsers.limits import Limits
from parsers.pick import Ends
from sensor.alerts import Alert
from sensor.catalogue import Catalogue, CatalogueLimits
from sensor.identity import Identity, with_columns
from sensor.masking import Masker
from sensor.terminal import printable

_SECOND = 1_000_000_000
TIMELINE = (
    "ts", "uid", "client_ip", "client_port", "server_ip", "server_port", "protocol", "method", "scheme", "host", "path", "query", "template",
    "status", "request_bytes", "response_bytes", "request_type", "response_type", "user_agent", "duration", "complete", "weird", "principal",
    "principal_kind", "pcap_file", "packet",
)  # fmt: skip
_LIGHT = ("method", "host", "path", "server_ip", "server_port", "status", "request_bytes", "response_bytes", "client_ip", "ts", "query")
_WHOLE = ("request_head", "response_head", "request_body", "response_body", "ttfb")


@dataclass(frozen=True, slots=True)
class EvidenceLimits:
    """What one bundle may grow to."""

    calls: int = 10_000
    """Calls in the HAR file, and in the timeline."""
    octets: int = 134_217_728
    """Octets of heads and bodies in the HAR file."""
    context_s: int = 900
    """Packet time before and after the alert that the timeline reaches into."""
    compared: int = 2_000_000
    """Calls that the baseline is counted over."""
    endpoints: int = 200
    """Endpoints of the baseline."""


@dataclass(slots=True)
class Gathered:
    """What was found."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    """The calls of the cited connections, whole, in order."""
    timeline: list[dict[str, Any]] = field(default_factory=list)
    connections: dict[Ends, frozenset[str]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    """Cited connections that are not in this capture."""
    baseline: list[dict[str, Any]] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    packets: int = 0
    seen: int = 0
    """Calls in all."""
    secrets: set[str] = field(default_factory=set, repr=False)
    """What stood under secret names anywhere in the capture: to be masked under any name."""


def gather(
    alert: Alert,
    blocks: Iterable[FrameBlock],
    masker: Masker,
    every: bool = False,
    limits: Limits | None = None,
    bounds: EvidenceLimits | None = None,
    catalogue: CatalogueLimits | None = None,
    verify_checksums: bool = False,
) -> Gathered:
    """Read the capture. `masker` is the installation's, since principals are its tokens; `every` takes all connections of the alert's clients in its
    time, not only those it cites."""
    gathering = _Gathering(alert, masker, every, bounds or EvidenceLimits(), Catalogue(catalogue))
    engine = Engine(limits, verify_checksums)
    for block in blocks:
        gathering.found.packets += len(block)
        for batch in engine.feed(block):
            gathering.take(batch)
    for batch in engine.finish():
        gathering.take(batch)
    return gathering.finish()


class _Gathering:
    def __init__(self, alert: Alert, masker: Masker, every: bool, bounds: EvidenceLimits, catalogue: Catalogue) -> None:
        self.alert = alert
        self.every = every
        self.bounds = bounds
        self.catalogue = catalogue
        self.found = Gathered()
        self._masker = masker
        self._identity = Identity(masker)
        self._uids = {one.uid for one in alert.evidence}
        self._places = {(PurePath(one.pcap_file).name, one.packet): one.uid for one in alert.evidence}
        self._met: set[str] = set()
        self._ends: dict[Ends, set[str]] = {}
        self._cited: list[pa.RecordBatch] = []
        self._theirs: list[pa.RecordBatch] = []
        self._light: list[tuple[pa.RecordBatch, Any]] = []
        self._counted = {"calls": 0, "octets": 0, "timeline": 0, "compared": 0}

    def take(self, batch: pa.RecordBatch) -> None:
        """One batch of the capture's calls."""
        self.found.seen += batch.num_rows
        self.catalogue.observe(batch)
        self._masker.learn(batch.column("request_body"), self.found.secrets)
        principal, kind = self._identity.observe(batch)
        batch = with_columns(batch, {"principal": principal, "principal_kind": kind})
        theirs = _of(batch, "client_ip", set(self.alert.clients)) | self._of_principals(batch)
        times = batch.column("ts").to_numpy()
        cited = _of(batch, "uid", self._uids) | self._at_places(batch)
        if self.every:
            cited |= _of(batch, "client_ip", set(self.alert.clients)) & (times >= self.alert.first_seen) & (times <= self.alert.last_seen)
        self._take_cited(batch, np.flatnonzero(cited))
        context = self.bounds.context_s * _SECOND
        near = theirs & (times >= self.alert.first_seen - context) & (times <= self.alert.last_seen + context)
        rows = self._room("timeline", np.flatnonzero(near | cited), self.bounds.calls)
        if len(rows):
            names = [name for name in TIMELINE if name != "template"]
            self._theirs.append(batch.select(names).take(pa.array(rows)))
        rows = self._room("compared", np.arange(batch.num_rows), self.bounds.compared)
        if len(rows):
            self._light.append((batch.select(_LIGHT).slice(0, len(rows)), theirs[: len(rows)]))

    def _room(self, name: str, rows: Any, limit: int) -> Any:
        room = max(0, limit - self._counted[name])
        if len(rows) > room:
            self.found.left_out[name] = self.found.left_out.get(name, 0) + len(rows) - room
        self._counted[name] += min(room, len(rows))
        return rows[:room]

    def _of_principals(self, batch: pa.RecordBatch) -> Any:
        column = batch.column("principal")
        known = set(self.alert.principals)
        shown = [value is not None and printable(self._masker.text(value)) in known for value in column.dictionary.to_pylist()]
        return _rows(column, shown)

    def _at_places(self, batch: pa.RecordBatch) -> Any:
        """Rows that start at a packet the alert cites: where the capture begins later than it did then, uids differ."""
        files = [PurePath(name).name for name in batch.column("pcap_file").dictionary.to_pylist()]
        of_row = batch.column("pcap_file").indices.to_numpy(zero_copy_only=False)
        packets = batch.column("packet").to_numpy()
        found = np.zeros(batch.num_rows, bool)
        for row in np.flatnonzero(np.isin(packets, [packet for _, packet in self._places])):
            uid = self._places.get((files[of_row[row]], int(packets[row])))
            if uid is not None:
                found[row] = True
                self._met.add(uid)
        return found

    def _take_cited(self, batch: pa.RecordBatch, rows: Any) -> None:
        if not len(rows):
            return
        some = batch.take(pa.array(rows))
        slim = some.select(["uid", "client_ip", "client_port", "server_ip", "server_port"]).to_pylist()
        for row in slim:
            self._met.add(row["uid"])
            if len(self._ends) < self.bounds.calls:
                ends = Ends.of(row["client_ip"], row["client_port"], row["server_ip"], row["server_port"])
                self._ends.setdefault(ends, set()).add(row["uid"])
        rows = self._room("calls", rows, self.bounds.calls)
        if not len(rows):
            return
        whole = batch.select([*(name for name in TIMELINE if name != "template"), *_WHOLE]).take(pa.array(rows))
        self._counted["octets"] += whole.nbytes
        if self._counted["octets"] > self.bounds.octets:
            self.found.left_out["calls"] = self.found.left_out.get("calls", 0) + whole.num_rows
            return
        self._cited.append(whole)

    def finish(self) -> Gathered:
        """Everything in order, with the templates of the finished map."""
        self.catalogue.finish()
        found = self.found
        found.calls = self._labelled(self._cited)
        found.timeline = self._labelled(self._theirs)
        cited = {(call["uid"], call["packet"], call["ts"]) for call in found.calls}
        for call in found.timeline:
            call["cited"] = (call["uid"], call["packet"], call["ts"]) in cited
        found.connections = {ends: frozenset(uids) for ends, uids in self._ends.items()}
        found.missing = sorted(self._uids - self._met)
        found.baseline = self._baseline()
        return found

    def _labelled(self, batches: list[pa.RecordBatch]) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []
        for batch in batches:
            template, operation = self.catalogue.label(batch)
            calls += with_columns(batch, {"template": template, "operation": operation}).to_pylist()
        calls.sort(key=lambda call: (call["ts"], call["pcap_file"], call["packet"], call["uid"]))
        return calls

    def _baseline(self) -> list[dict[str, Any]]:
        """What the alert's callers did at each endpoint, beside what all others did there."""
        names: dict[tuple[str, str, str], int] = {}
        columns: dict[str, list[Any]] = {name: [] for name in ("endpoint", "ours", "status", "request_bytes", "response_bytes", "client")}
        clients: dict[str, int] = {}
        for batch, ours in self._light:
            template, _ = self.catalogue.label(batch)
            words = [column.cast(pa.string()).to_pylist() for column in (batch.column("method"), batch.column("host"), template)]
            codes = [
                names.setdefault((method, host or "", path), len(names)) if method is not None and path is not None else -1
                for method, host, path in zip(*words, strict=True)
            ]
            columns["endpoint"].append(np.array(codes, np.int64))
            columns["ours"].append(np.asarray(ours, bool))
            for name in ("status", "request_bytes", "response_bytes"):
                columns[name].append(batch.column(name).fill_null(-1).to_numpy(zero_copy_only=False))
            addresses = batch.column("client_ip")
            of = np.array([clients.setdefault(name, len(clients)) for name in addresses.dictionary.to_pylist()] or [0])
            columns["client"].append(of[addresses.indices.to_numpy(zero_copy_only=False)])
        if not names:
            return []
        joined = {name: np.concatenate(parts) for name, parts in columns.items()}
        order = np.argsort(joined["endpoint"], kind="stable")
        edges = np.searchsorted(joined["endpoint"][order], np.arange(len(names) + 1))
        out: list[dict[str, Any]] = []
        for (method, host, path), number in names.items():
            rows: Any = order[edges[number] : edges[number + 1]]
            ours = joined["ours"][rows]
            if not ours.any():
                continue
            out.append(
                {
                    "endpoint": f"{method} {host}{path}",
                    "observed": _figures(joined, rows[ours]),
                    "usual": _figures(joined, rows[~ours]),
                }
            )
        out.sort(key=lambda one: (-int(one["observed"]["calls"]), str(one["endpoint"])))
        if len(out) > self.bounds.endpoints:
            self.found.left_out["endpoints"] = len(out) - self.bounds.endpoints
        return out[: self.bounds.endpoints]


def _rows(column: pa.DictionaryArray, wanted: list[bool]) -> Any:
    told = np.array([*wanted, False], bool)
    return told[column.indices.fill_null(len(wanted)).to_numpy(zero_copy_only=False)]


def _of(batch: pa.RecordBatch, name: str, values: set[str]) -> Any:
    column = batch.column(name)
    return _rows(column, [value in values for value in column.dictionary.to_pylist()])


def _figures(columns: dict[str, Any], rows: Any) -> dict[str, Any]:
    """Calls, callers, statuses and sizes of these rows; the sizes as median and 95th percentile, null where none was known."""
    statuses, counts = np.unique(columns["status"][rows], return_counts=True)
    out: dict[str, Any] = {
        "calls": len(rows),
        "clients": len(np.unique(columns["client"][rows])),
        "statuses": {("none" if status < 0 else str(status)): int(n) for status, n in zip(statuses, counts, strict=True)},
    }
    for name in ("request_bytes", "response_bytes"):
        values = columns[name][rows]
        values = values[values >= 0]
        out[name] = None if not len(values) else {"median": int(np.percentile(values, 50)), "p95": int(np.percentile(values, 95))}
    return out
