"""One pass over a capture, for one alert or many: the calls of the connections each cites, what its callers did, and what others do at the same endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, NamedTuple

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
_PLACED = ("method", "host", "server_ip", "server_port", "path")
"""What a call's endpoint is decided on."""
_LARGE = ("request_head", "response_head", "response_body")
_SIZES = ("status", "request_bytes", "response_bytes")
_REMEMBERED = 65_536
"""Principals of which it is remembered whether they are the alert's."""
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
    compared_octets: int = 134_217_728
    """Octets of the paths of these: they are held until the map is whole, each path once a batch."""
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
    seen: int = 0
    """Calls in all."""
    secrets: set[str] = field(default_factory=set, repr=False)
    """What stood under secret names anywhere in the capture: to be masked under any name."""


class _Compared(NamedTuple):
    """A batch's calls for the baseline, on buffers of their own: what stays of a batch for the whole run must not hold the batch itself."""

    places: pa.RecordBatch
    """The columns of `_PLACED`, each combination once."""
    place: Any
    """The row of `places` that each call stands at."""
    client: Any
    sizes: tuple[Any, ...]
    """Of `_SIZES`, null as -1."""


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
    """Read the capture for one alert, as `gather_all` does for several."""
    return next(gather_all([alert], blocks, masker, every, limits, bounds, catalogue, verify_checksums))


def gather_all(
    alerts: Sequence[Alert],
    blocks: Iterable[FrameBlock],
    masker: Masker,
    every: bool = False,
    limits: Limits | None = None,
    bounds: EvidenceLimits | None = None,
    catalogue: CatalogueLimits | None = None,
    verify_checksums: bool = False,
) -> Iterator[Gathered]:
    """Read the capture once; what was found for each of `alerts`, in their order, made as it is asked for. `masker` is the installation's, since principals are its tokens; `every` takes all
    connections of an alert's clients in its time, not only those it cites."""
    bounds = bounds or EvidenceLimits()
    traffic = _Traffic(masker, bounds, Catalogue(catalogue, contents=False))
    each = [_Gathering(alert, traffic, every, bounds) for alert in alerts]

    def take(batches: list[pa.RecordBatch]) -> None:
        # Holding none: the engine writes the next batch into the memory of one that is gone.
        while batches:
            batch = traffic.take(batches.pop(0))
            for one in each:
                one.take(batch)
            del batch

    engine = Engine(limits, verify_checksums)
    for block in blocks:
        take(engine.feed(block))
    take(engine.finish())
    traffic.finish()
    each.reverse()
    while each:
        yield each.pop().finish()


class _Traffic:
    """What is the same for every alert: who calls, the map, the secrets met, and the calls that baselines are counted over."""

    def __init__(self, masker: Masker, bounds: EvidenceLimits, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.secrets: set[str] = set()
        self.seen = 0
        self.left_out: dict[str, int] = {}
        self.shown: list[str | None] = []
        """The principals of the batch taken last as an alert shows them."""
        self.compared = 0
        """Calls of that batch that are compared."""
        self.names: dict[tuple[str, str, str], int] = {}
        """(method, host, template) of each endpoint, numbered as they are met."""
        self.columns: dict[str, Any] = {}
        """Of the calls compared: number of the endpoint, `_SIZES`, number of the client."""
        self.order: Any = None
        """The calls compared by endpoint, and where each endpoint begins."""
        self.edges: Any = None
        self._bounds = bounds
        self._masker = masker
        self._identity = Identity(masker)
        self._kept: list[_Compared] = []
        self._clients: dict[str, int] = {}
        self._known: dict[str | None, str | None] = {}
        self._counted = {"compared": 0, "octets": 0}

    def take(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """One batch of the capture's calls; it comes back with who calls."""
        self.seen += batch.num_rows
        # The map remembers the batch it saw last; what it decides on is small, and nothing else of the batch may stay.
        self.catalogue.observe(batch.select([name for name in batch.schema.names if name not in _LARGE]))
        self._masker.learn(batch.column("request_body"), self.secrets)
        principal, kind = self._identity.observe(batch)
        batch = with_columns(batch, {"principal": principal, "principal_kind": kind})
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        known, names = self._known, principal.dictionary.to_pylist()
        for name in names:
            if name not in known:
                known[name] = None if name is None else printable(self._masker.text(name))
        self.shown = [known[name] for name in names]
        self._compare(batch)
        return batch

    def _compare(self, batch: pa.RecordBatch) -> None:
        rows = min(batch.num_rows, self._bounds.compared - self._counted["compared"])
        self.compared = 0
        if rows > 0:
            batch = batch.slice(0, rows)
            first, place = _places(batch)
            places = _taken(batch.select(_PLACED), first)
            self._counted["octets"] += places.column("path").nbytes
            if self._counted["octets"] <= self._bounds.compared_octets:
                addresses = batch.column("client_ip")
                of = np.array([self._clients.setdefault(name, len(self._clients)) for name in addresses.dictionary.to_pylist()] or [0], np.int32)
                client = of[addresses.indices.to_numpy(zero_copy_only=False)]
                sizes = tuple(_narrow(batch.column(name).fill_null(-1).to_numpy(zero_copy_only=False)) for name in _SIZES)
                self._kept.append(_Compared(places, place, client, sizes))
                self.compared = rows
        self._counted["compared"] += self.compared

    def finish(self) -> None:
        """The capture is over: what the calls compared are to be counted by."""
        self.catalogue.finish()
        if self.seen > self._counted["compared"]:
            self.left_out["compared"] = self.seen - self._counted["compared"]
        parts: dict[str, list[Any]] = {name: [] for name in ("endpoint", *_SIZES, "client")}
        while self._kept:
            one = self._kept.pop(0)
            parts["endpoint"].append(self._endpoints(one))
            parts["client"].append(one.client)
            for name, values in zip(_SIZES, one.sizes, strict=True):
                parts[name].append(values)
        if self.names:
            self.columns = {name: np.concatenate(parts.pop(name)) for name in list(parts)}
            self.order = np.argsort(self.columns["endpoint"], kind="stable")
            self.edges = np.searchsorted(self.columns["endpoint"][self.order], np.arange(len(self.names) + 1))

    def _endpoints(self, some: _Compared) -> Any:
        """The number of each call's endpoint, -1 for none."""
        nothing = pa.nulls(len(some.places), pa.dictionary(pa.int32(), pa.string()))
        template, _ = self.catalogue.label(with_columns(some.places, {"operation": nothing}))
        words = [column.cast(pa.string()).to_pylist() for column in (some.places.column("method"), some.places.column("host"), template)]
        codes = [
            self.names.setdefault((method, host or "", path), len(self.names)) if method is not None and path is not None else -1
            for method, host, path in zip(*words, strict=True)
        ]
        return np.array(codes, np.int32)[some.place]


class _Gathering:
    """What is found for one alert."""

    def __init__(self, alert: Alert, traffic: _Traffic, every: bool, bounds: EvidenceLimits) -> None:
        self.alert = alert
        self.every = every
        self.bounds = bounds
        self.found = Gathered()
        self._traffic = traffic
        self._uids = {one.uid for one in alert.evidence}
        self._places = {(PurePath(one.pcap_file).name, one.packet): one.uid for one in alert.evidence}
        self._met: set[str] = set()
        self._ends: dict[Ends, set[str]] = {}
        self._cited: list[pa.RecordBatch] = []
        self._theirs: list[pa.RecordBatch] = []
        self._ours: list[Any] = []
        self._counted = {"calls": 0, "octets": 0, "timeline": 0}

    def take(self, batch: pa.RecordBatch) -> None:
        """One batch of the capture's calls, as `_Traffic.take` has given it back."""
        from_client = _of(batch, "client_ip", set(self.alert.clients))
        known = set(self.alert.principals)
        theirs = from_client | _rows(batch.column("principal"), [name is not None and name in known for name in self._traffic.shown])
        times = batch.column("ts").to_numpy()
        cited = _of(batch, "uid", self._uids) | self._at_places(batch)
        if self.every:
            cited |= from_client & (times >= self.alert.first_seen) & (times <= self.alert.last_seen)
        self._take_cited(batch, np.flatnonzero(cited))
        context = self.bounds.context_s * _SECOND
        near = theirs & (times >= self.alert.first_seen - context) & (times <= self.alert.last_seen + context)
        rows = self._room("timeline", np.flatnonzero(near | cited), self.bounds.calls)
        if len(rows):
            names = [name for name in TIMELINE if name != "template"]
            self._theirs.append(_taken(batch.select(names), rows))
        self._ours.append(theirs[: self._traffic.compared].copy())

    def _room(self, name: str, rows: Any, limit: int) -> Any:
        room = max(0, limit - self._counted[name])
        if len(rows) > room:
            self.found.left_out[name] = self.found.left_out.get(name, 0) + len(rows) - room
        self._counted[name] += min(room, len(rows))
        return rows[:room]

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
        whole = _taken(batch.select([*(name for name in TIMELINE if name != "template"), *_WHOLE]), rows)
        self._counted["octets"] += whole.nbytes
        if self._counted["octets"] > self.bounds.octets:
            self.found.left_out["calls"] = self.found.left_out.get("calls", 0) + whole.num_rows
            return
        self._cited.append(whole)

    def finish(self) -> Gathered:
        """Everything in order, with the templates of the finished map."""
        found = self.found
        found.seen, found.secrets = self._traffic.seen, self._traffic.secrets
        found.calls = self._labelled(self._cited)
        found.timeline = self._labelled(self._theirs)
        cited = {(call["uid"], call["packet"], call["ts"]) for call in found.calls}
        for call in found.timeline:
            call["cited"] = (call["uid"], call["packet"], call["ts"]) in cited
        found.connections = {ends: frozenset(uids) for ends, uids in self._ends.items()}
        found.missing = sorted(self._uids - self._met)
        found.baseline = self._baseline()
        found.left_out.update(self._traffic.left_out)
        return found

    def _labelled(self, batches: list[pa.RecordBatch]) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []
        for batch in batches:
            template, operation = self._traffic.catalogue.label(batch)
            calls += with_columns(batch, {"template": template, "operation": operation}).to_pylist()
        calls.sort(key=lambda call: (call["ts"], call["pcap_file"], call["packet"], call["uid"]))
        return calls

    def _baseline(self) -> list[dict[str, Any]]:
        """What the alert's callers did at each endpoint, beside what all others did there."""
        traffic = self._traffic
        if not traffic.names:
            return []
        theirs = np.concatenate(self._ours)
        out: list[dict[str, Any]] = []
        for (method, host, path), number in traffic.names.items():
            rows: Any = traffic.order[traffic.edges[number] : traffic.edges[number + 1]]
            ours = theirs[rows]
            if ours.any():
                figures = {"observed": _figures(traffic.columns, rows[ours]), "usual": _figures(traffic.columns, rows[~ours])}
                out.append({"endpoint": f"{method} {host}{path}", **figures})
        out.sort(key=lambda one: (-int(one["observed"]["calls"]), str(one["endpoint"])))
        if len(out) > self.bounds.endpoints:
            self.found.left_out["endpoints"] = len(out) - self.bounds.endpoints
        return out[: self.bounds.endpoints]


def _places(batch: pa.RecordBatch) -> tuple[Any, Any]:
    """(a row of each combination of what `_PLACED` names, which of these each row is)."""

    def codes(column: pa.DictionaryArray) -> Any:
        return column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64) + 1

    # Two codes as one number, and again: each is below the rows of a batch, so that none leaves 63 bits.
    asked = codes(batch.column("method")) * (len(batch.column("host").dictionary) + 1) + codes(batch.column("host"))
    served = codes(batch.column("server_ip")) * 65_536 + batch.column("server_port").to_numpy()
    together = codes(batch.column("path").dictionary_encode())
    for number in (asked, served):
        found, place = np.unique(number, return_inverse=True)
        together = together * len(found) + place
    _, first, place = np.unique(together, return_index=True, return_inverse=True)
    return first, place.astype(np.int32)


def _narrow(values: Any) -> Any:
    """Numbers in 32 bits where these hold them; a copy either way."""
    return values.astype(np.int32 if len(values) and values.max() < 1 << 31 else values.dtype)


def _taken(batch: pa.RecordBatch, rows: Any) -> pa.RecordBatch:
    """Rows of a batch on buffers of their own, dictionaries with only what these rows say."""
    some = batch.take(pa.array(rows))
    arrays = [column.dictionary_decode().dictionary_encode() if pa.types.is_dictionary(column.type) else column for column in some.columns]
    return pa.RecordBatch.from_arrays(arrays, names=some.schema.names)


def _rows(column: pa.DictionaryArray, wanted: list[bool]) -> Any:
    told = np.array([*wanted, False], bool)
    return told[column.indices.fill_null(len(wanted)).to_numpy(zero_copy_only=False)]


def _of(batch: pa.RecordBatch, name: str, values: set[str]) -> Any:
    column = batch.column(name)
    return _rows(column, [word in values for word in column.dictionary.to_pylist()])


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
