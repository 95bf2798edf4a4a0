"""The endpoint map: every API endpoint of the calls seen, decided from all of them together.

`observe` takes the calls of a batch at column speed; `label` says which endpoint each call of a batch is, by what is known then; `finish` freezes
the map, so that every later `label` uses the final one. The map depends on the calls, not on their order.

What makes an endpoint is an answer that shows the route exists. A call answered 404 (or 405, 400 and their like) makes none; nor does a redirect or
a refusal alone, since a gateway sends those for any path. Such calls are counted with the endpoint when other calls prove it, and stand apart as
*probed* when none does. Calls without an answer count as proof only on a mirror that shows no answers.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import ref

import numpy as np
import pyarrow as pa

from parsers.columns import coded, codes, numbers, present, spans
from sensor.catalogue import operations
from sensor.catalogue.agreement import Known
from sensor.catalogue.authentication import Authentication
from sensor.catalogue.contents import EndpointSchema
from sensor.catalogue.data_classes import DataClass
from sensor.catalogue.hosts import tenants
from sensor.catalogue.learning import Learner, Origin, folded
from sensor.catalogue.paths import KINDS, Matcher, PathTable, path_keys, sample_hash, shape
from sensor.catalogue.pins import Pin, kept_texts, of_host
from sensor.catalogue.templates import Param, Place, Templates

if TYPE_CHECKING:
    from sensor.catalogue.drift import Change
    from sensor.catalogue.spec import Descriptions, Operation
    from sensor.catalogue.state import MapState
    from sensor.findings import Finding

PROBES = frozenset({400, 404, 405, 410, 414, 421, 431, 501, 505})
"""Answers that say no such route, or no such request."""

WEAK = frozenset({301, 302, 307, 308, 401, 403, 407, 429, 502, 503, 504})
"""Answers that a proxy or gateway gives for any path."""
UNKNOWN = -2
"""A cell of the tree whose template was not asked for yet."""
_STATE = np.zeros(1000, np.int8)
"""By status: 0 proves a route, 1 proves none, 2 no answer was seen."""
_STATE[list(PROBES | WEAK)] = 1
_STATE[0] = 2
_NAMES = re.compile(r"\{([^{}/]+)\}")
BARE = frozenset({"id", "uuid", "guid", "key", "number", "no", "code", "token", "value", "name", "key_id"})
"""Field names that say less than the path does."""
NEW_PATHS = 256
"""Calls of one batch to paths that the map does not know yet whose contents are learned."""


_Seen: TypeAlias = "ref[pa.RecordBatch]"


@dataclass(frozen=True, slots=True)
class CatalogueLimits:
    """What the map may grow to."""

    hosts: int = 4_096
    """Hosts with a map of their own; the Host header is a stranger's to choose, later ones share one map."""
    nodes: int = 65_536
    """Segments remembered for all hosts together: some 300 MB with all that is decided from them, where every path is another. A large API has 5 000."""
    probe_nodes: int = 16_384
    """The same for paths that no answer has proved: enough to show what a scanner asks for."""
    words: int = 1_024
    """Words remembered below one prefix; the largest flat API known has some 500."""
    values: int = 16
    """Values of one shape remembered one by one below one prefix; then they fold into one."""
    callers: int = 32
    """Callers counted exactly for one endpoint; then the number is an estimate."""
    depth: int = 32
    """Segments of a path."""
    schema_nodes: int = 200_000
    """Fields of all schemas together: some 150 MB. A large API has 20 000."""
    operations: int = 8_192
    """GraphQL, JSON-RPC and SOAP operations counted, each below the path it was sent to."""
    save_seconds: int = 60
    """Seconds between two saves of a map that lasts while a run goes on (twenty times what a save takes, where that is longer): so much is lost to kill -9."""


@dataclass(slots=True)
class Endpoint:
    """One endpoint of the map."""

    method: str
    host: str
    template: str
    calls: int = 0
    callers: int = 0
    callers_counted: bool = True
    """False: `callers` is an estimate from a sketch."""
    statuses: dict[int, int] = field(default_factory=dict)
    """Calls by status; 0 stands for no answer seen."""
    first_seen: int = 0
    last_seen: int = 0
    confidence: float = 1.0
    evidence: list[str] = field(default_factory=list)
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By name: shapes, how many values, masked examples."""
    declared: str = ""
    """`declared`, `shadow`, `zombie`; empty without a description to compare with."""
    declared_in: str = ""
    drift: list[str] = field(default_factory=list)
    """How it differs from what was declared, a sentence each."""
    operations: dict[str, int] = field(default_factory=dict)
    """Calls by GraphQL, JSON-RPC or SOAP operation, where the path is not the API."""
    schema: EndpointSchema = field(default_factory=EndpointSchema)
    """Of query, headers, request and responses by status."""
    data_classes: list[DataClass] = field(default_factory=list)
    """Personal, payment, secret and special data, by field."""
    authentication: Authentication = field(default_factory=Authentication)

    def to_json(self) -> dict[str, Any]:
        """The endpoint as plain data that `from_json` reads back."""
        parts = ("schema", "data_classes", "authentication")
        made = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in parts}
        made["schema"] = self.schema.to_json()
        made["data_classes"] = [one.to_json() for one in self.data_classes]
        made["authentication"] = self.authentication.to_json()
        return made

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Endpoint:
        """What `to_json` wrote, names unknown left out. Raises ValueError for what it cannot have written."""
        known = {one.name for one in fields(cls)}
        try:
            endpoint = cls(**{name: value for name, value in data.items() if name in known})
            endpoint.statuses = {int(status): calls for status, calls in endpoint.statuses.items()}
        except (AttributeError, TypeError) as error:
            raise ValueError(f"no endpoint: {error}") from error
        if "schema" in data:
            endpoint.schema = EndpointSchema.from_json(data["schema"])
        if "data_classes" in data:
            endpoint.data_classes = [DataClass.from_json(one) for one in data["data_classes"]]
        if "authentication" in data:
            endpoint.authentication = Authentication.from_json(data["authentication"])
        return endpoint

    def classify(self) -> None:
        """Make `data_classes` anew from the schema, and forget the examples of parameters that hold such data."""
        self.data_classes = self.schema.data_classes(self.template)
        for one in self.data_classes:
            if one.field.startswith("path."):
                self.parameters.get(one.field[5:], {})["examples"] = []

    @property
    def name(self) -> str:
        return f"{self.method} {self.host}{self.template}"


class Catalogue:
    """The map of all hosts of a capture or a running sensor. Without `contents` it learns which endpoints there are and reads no message: no schemas,
    no sensitive fields, no authentication."""

    def __init__(self, limits: CatalogueLimits | None = None, key: bytes | None = None, contents: bool = True) -> None:
        self.pins: tuple[Pin, ...] = ()
        self.state: MapState | None = None
        """What outlives the run, where something does (`MapState.attach` sets it)."""
        self.limits = limits = limits or CatalogueLimits()
        secret = key or secrets.token_bytes(16)
        self._k0 = int.from_bytes(secret[:8], "little")
        self._k1 = int.from_bytes(secret[8:16], "little")
        self._proved = self._table(limits.nodes)
        self._weak = self._table(limits.probe_nodes)
        self._silent = self._table(limits.probe_nodes)
        self._tables = (self._proved, self._weak, self._silent)
        self._hosts: dict[str, int] = {}
        self._tenant_of: dict[str, str] = {}
        """Of a service that each tenant has a name of: the name without its first label, and one that is known."""
        self._answered: dict[str, list[int]] = {}
        self._callers: dict[str, int] = {}
        self._frozen = False
        self._held = False
        self._map: _Map | None = None
        self._mapped_at = -1
        self.generation = 0
        """Grows whenever the map is decided anew and labels some path otherwise: what was labelled under one generation need not be labelled again
        under it."""
        self.calls = 0
        self.taken = 0
        """Calls of this run that were counted, those without a path included."""
        self._passing = 0
        self._descriptions: Descriptions | None = None
        self._unseen: list[Operation] = []
        self._drift: dict[str, list[Change]] = {}
        self._asked: dict[tuple[str, str, str, str], int] = {}
        # What was found of the batch observed last. Weakly, for the core fills the memory of a batch again as soon as nobody holds it.
        self._last: tuple[_Seen, pa.DictionaryArray] | None = None
        self._keyed: tuple[_Seen, np.ndarray[Any, Any]] | None = None
        self._placed: tuple[_Seen, np.ndarray[Any, Any], np.ndarray[Any, Any]] | None = None
        """The batch observed last, which table each of its calls went to (-1: none) and which cell."""
        self._labelled: tuple[_Seen, _Map, np.ndarray[Any, Any]] | None = None
        self._contents = contents
        self._learner = Learner(self._k0, self._k1, limits.schema_nodes)
        self._attached: tuple[_Map, int] | None = None

    def _table(self, nodes: int) -> PathTable:
        limits = self.limits
        return PathTable(self._k0, self._k1, limits.values, limits.words, limits.callers, nodes, limits.depth)

    # Taking calls ---------------------------------------------------------------------------------------------------------------------

    def observe(self, batch: pa.RecordBatch) -> None:
        """Take the evidence of a batch's calls."""
        if self._frozen:
            raise RuntimeError("the map is finished and takes no more calls")
        if self._held:
            return
        if self._passing:
            passed = min(self._passing, batch.num_rows)
            self._passing -= passed
            batch = batch.slice(passed)
        if batch.num_rows == 0:
            return
        self.taken += batch.num_rows
        columns = _Columns(batch)
        hosts = columns.hosts(self._host_name)
        requested = self._note_operations(batch, hosts)
        statuses = columns.statuses()
        methods, method_names = columns.words("method")
        callers, caller_names = columns.words("client_ip")
        asked = columns.paths_seen & (methods >= 0)
        hashes = np.array([self._caller(name) for name in caller_names] + [0], np.uint64)[callers]
        of_row = _STATE[statuses]
        of_row[~asked] = -1
        self.calls += int(np.count_nonzero(asked))
        keys = self._keys_of(columns)
        times = columns.times
        cells = np.full(batch.num_rows, -1, np.int32)
        self._placed = ref(batch), of_row, cells
        for row_state, table in enumerate(self._tables):
            rows = np.flatnonzero(of_row == row_state)
            if not len(rows):
                continue
            codes = hosts.codes[rows]
            roots = np.zeros(len(hosts.names) + 1, np.int32)
            for code, n in enumerate(np.bincount(codes, minlength=len(hosts.names))):
                if n:
                    roots[code] = table.root(hosts.names[code])
                    self._answered.setdefault(hosts.names[code], [0, 0, 0])[row_state] += int(n)
            numbers = np.array([table.method(name) for name in method_names] + [0], np.int32)
            table.observe(rows, keys, columns.offsets, columns.octets, roots[hosts.codes], numbers[methods], statuses, times, hashes, cells)
        decided = self._current()
        if not self._contents:
            return
        leaves = decided.leaves(batch)
        self._labelled = ref(batch), decided, leaves
        self._learner.observe(batch, decided.ids(columns, hosts, leaves, of_row == 0), hosts, statuses, requested, decided.owner)

    def _keys_of(self, columns: _Columns) -> np.ndarray[Any, Any]:
        """The keyed hash of every path, taken once for a batch that is observed and then labelled."""
        octets = columns.octets
        if self._keyed is None or self._keyed[0]() is not columns.batch:
            self._keyed = ref(columns.batch), path_keys(self._k0, self._k1, columns.offsets, octets)
        return self._keyed[1]

    def _note_operations(self, batch: pa.RecordBatch, hosts: _Hosts) -> pa.DictionaryArray:
        """Count the operations asked for below each path; the path finds its endpoint when the map is decided."""
        asked = operations.column(batch)
        self._last = ref(batch), asked
        if asked.null_count == batch.num_rows:
            return asked
        path, method = batch.column("path"), batch.column("method")
        for row in np.flatnonzero(present(asked)):
            if not (path[row].is_valid and method[row].is_valid):
                continue
            key = (hosts.names[hosts.codes[row]], path[row].as_py(), method[row].as_py(), asked[row].as_py())
            if key in self._asked or len(self._asked) < self.limits.operations:
                self._asked[key] = self._asked.get(key, 0) + 1
        return asked

    def _host_name(self, host: str | None, server: str) -> str:
        name = host if host else server
        if name.endswith((":80", ":443")):
            name = name[: name.rindex(":")]
        if name not in self._hosts:
            if len(self._hosts) >= self.limits.hosts:
                # One more name of a service that is known by many stands with one of them.
                return self._tenant_of.get(name.partition(".")[2], "(other)")
            self._hosts[name] = len(self._hosts)
        return name

    def _caller(self, name: str) -> int:
        found = self._callers.get(name)
        if found is None:
            if len(self._callers) > 65_536:
                self._callers.clear()
            found = self._callers[name] = sample_hash(name.encode())
        return found

    def pin(self, pins: Iterable[Pin]) -> None:
        """Let an operator's decisions win over the evidence; to be called before the first calls are observed."""
        self.pins = tuple(pins)
        for table in self._tables:
            table.kept = kept_texts(self.pins)

    # Saving ---------------------------------------------------------------------------------------------------------------------------

    def pass_by(self, calls: int) -> None:
        """Count none of the next `calls` calls: an earlier run has counted them, and `restore` brought them."""
        self._passing = calls

    def hold(self) -> None:
        """Count no call from here on; calls are labelled as before."""
        self._held = True

    def snapshot(self) -> list[Endpoint]:
        """The endpoints as they would be if no call came any more. What calls are labelled with stays as it is: it must not depend on when somebody asks."""
        tenant_of = dict(self._tenant_of)
        decided = _Map(self)
        self._tenant_of = tenant_of
        if self._descriptions is not None:
            self._descriptions.mark(decided.endpoints)
        self._learner.attach(decided.endpoints, decided.owner)
        return decided.endpoints

    def evidence(self) -> dict[str, Any]:
        """Everything that templates are decided on, as plain data that `restore` reads back."""
        return {
            "trees": [{host: table.dump(root) for host, root in sorted(table.roots.items())} for table in self._tables],
            "answered": self._answered,
            "fields": self._learner.evidence(),
            "handed": self._learner.handed_out(),
            "asked": [[*key, calls] for key, calls in sorted(self._asked.items())],
            "calls": self.calls,
        }

    def restore(self, evidence: dict[str, Any]) -> None:
        """Add what an earlier run has seen; to be called before the first calls are observed. Raises ValueError for what `evidence` cannot have given."""
        try:
            for table, trees in zip(self._tables, evidence["trees"], strict=True):
                for host, tree in trees.items():
                    self._host_name(host, "")
                    table.load(table.root(host), tree)
            for host, counts in evidence["answered"].items():
                mine = self._answered.setdefault(host, [0, 0, 0])
                for i in range(3):
                    mine[i] += int(counts[i])
            for host, path, method, operation, calls in evidence["asked"]:
                self._asked[host, path, method, operation] = int(calls)
            self._learner.restore(evidence.get("fields", []), evidence.get("handed", []))
            self.calls += int(evidence["calls"])
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, UnicodeEncodeError) as error:
            raise ValueError(f"no evidence of a map: {error}") from error

    # Deciding -------------------------------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Freeze the map: what is known now is final."""
        if not self._frozen:
            self._map = self._decide()
            self._frozen = True

    def _current(self) -> _Map:
        """The map by what is known now; decided anew when the tree has grown by a quarter since (a large one: by two thirds), so that
        all decisions together cost a few times the last one."""
        size = self._proved.nodes + self._silent.nodes
        if self._map is None or (not self._frozen and size > self._mapped_at * (1.25 if self._mapped_at < 4_000 else 1.67)):
            self._map = self._decide()
            self._mapped_at = size
        return self._map

    def _decide(self) -> _Map:
        decided = _Map(self)
        if self._map is None or decided.fingerprint != self._map.fingerprint:
            self.generation += 1
        if self._descriptions is not None:
            self._unseen = self._descriptions.mark(decided.endpoints)
        return decided

    def compare(self, descriptions: Descriptions) -> None:
        """Mark the endpoints by what was declared, now and whenever the map is decided anew."""
        self._descriptions = descriptions
        if self._map is not None:
            self._unseen = descriptions.mark(self._map.endpoints)

    # Asking ---------------------------------------------------------------------------------------------------------------------------

    def label(self, batch: pa.RecordBatch) -> tuple[pa.DictionaryArray, pa.DictionaryArray]:
        """(template, operation) of every call of a batch; a null template is a call of no endpoint."""
        return self._current().label(batch)

    def endpoints(self) -> list[Endpoint]:
        """All endpoints, by host, template and method, with what is known of their contents."""
        decided = self._current()
        if self._attached != (decided, self._learner.changes):
            self._learner.attach(decided.endpoints, decided.owner)
            self._attached = (decided, self._learner.changes)
        return decided.endpoints

    def probed(self) -> list[Endpoint]:
        """What was asked for and is no endpoint, most asked first."""
        return self._current().probed

    def unseen(self) -> list[Operation]:
        """What was declared and not seen. The mirror may not have shown it."""
        self._current()
        return self._unseen

    @property
    def described(self) -> bool:
        """Whether there is a description to compare the map with."""
        return self._descriptions is not None

    def orphans(self) -> list[tuple[Operation, bool]]:
        """What was declared and not seen, each with whether the mirror could have shown it."""
        return self._descriptions.orphans(self.endpoints()) if self._descriptions is not None else []

    def findings(self) -> list[Finding]:
        """What is to be said about the map itself: endpoints that are undeclared or retired, and drift, where there is a description; with a state what is
        new about them, and endpoints that are new."""
        if self._descriptions is not None:
            for endpoint in self.endpoints():
                self._drift[endpoint.name] = self._descriptions.drift(endpoint)
                endpoint.drift = [str(change) for change in self._drift[endpoint.name]]
        if self.state is not None:
            return self.state.findings()
        if self._descriptions is None:
            return []
        from sensor.catalogue import drift, spec

        found = spec.findings(self.endpoints())
        for endpoint in self.endpoints():
            found += drift.findings(endpoint, self._drift[endpoint.name], endpoint.declared_in)
        return found

    def drift_of(self, endpoint: Endpoint) -> list[Change]:
        """How an endpoint differs from what was declared, as `findings` found it."""
        return self._drift.get(endpoint.name, [])

    def counters(self) -> dict[str, int]:
        """Which limits bit, and how often."""
        total: dict[str, int] = {}
        for table in (self._proved, self._weak, self._silent):
            for name, n in table.dropped.items():
                total[name] = total.get(name, 0) + n
        for name, n in self._learner.counters().items():
            total[name] = total.get(name, 0) + n
        total["endpoints"] = len(self._map.endpoints) if self._map else 0
        total["nodes"] = self._proved.nodes + self._weak.nodes + self._silent.nodes
        return total

    def to_json(self, mask: Callable[[str], str] = str) -> dict[str, Any]:
        """The whole map as plain data; `mask` is what paths and hosts go through."""
        return {
            "version": 1,
            "endpoints": [{**endpoint.to_json(), "host": mask(endpoint.host), "template": mask(endpoint.template)} for endpoint in self.endpoints()],
            "probed": [
                {"method": one.method, "host": mask(one.host), "path": mask(one.template), "calls": one.calls, "callers": one.callers, "statuses": one.statuses}
                for one in self.probed()[:1000]
            ],
            "unseen": [{**operation.to_json(), "orphan": could} for operation, could in self.orphans()],
            "counters": self.counters(),
        }


class _Columns:
    """The columns of a batch as the tables take them."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        path = batch.column("path")
        self.offsets, self.octets = spans(path)
        self.paths_seen = present(path)

    def words(self, name: str) -> tuple[np.ndarray[Any, Any], list[str]]:
        """(index of each row, -1 for null; the words)."""
        column = self.batch.column(name)
        return codes(column), [word if word is not None else "" for word in column.dictionary.to_pylist()]

    @property
    def times(self) -> np.ndarray[Any, Any]:
        return numbers(self.batch.column("ts"), 0)

    def statuses(self) -> np.ndarray[Any, Any]:
        status = numbers(self.batch.column("status"), 0).astype(np.int32, copy=False)
        if status.min(initial=0) < 0 or status.max(initial=0) > 999:
            return np.where((status < 0) | (status > 999), np.int32(0), status)
        return status

    def hosts(self, name_of: Any) -> _Hosts:
        """The host of each row: the authority asked for, or the server's address where none was named."""
        codes, names = self.words("host")
        hosts = [name_of(name, "") if name else "" for name in names]
        missing = codes < 0
        if names and "" in names:
            missing |= np.isin(codes, [i for i, name in enumerate(names) if not name])
        if missing.any():
            server, servers = self.words("server_ip")
            ports = numbers(self.batch.column("server_port"), 0)
            index: dict[tuple[int, int], int] = {}
            codes = codes.copy()
            for row in np.flatnonzero(missing):
                key = (int(server[row]), int(ports[row]))
                if key not in index:
                    address = servers[key[0]]
                    index[key] = len(hosts)
                    hosts.append(name_of(None, f"[{address}]:{key[1]}" if ":" in address else f"{address}:{key[1]}"))
                codes[row] = index[key]
        return _Hosts(codes, hosts)


@dataclass(slots=True)
class _Hosts:
    codes: np.ndarray[Any, Any]
    names: list[str]


class _Map:
    """A decided map: endpoints, and the matcher that labels calls with them."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.matcher = Matcher(catalogue._k0, catalogue._k1, catalogue.limits.depth)
        self.roots: dict[str, int] = {}
        self.templates: list[str] = []
        self.index: dict[str, int] = {}
        self.methods: list[set[str]] = []
        self.leaf_of_cell = [np.zeros(0, np.int32) for _ in catalogue._tables]
        self.vague: set[str] = set()
        """Hosts with a literal that has the shape of the values beside it."""
        self.answers: dict[str, np.ndarray[Any, Any]] = {}
        """By method: which leaves answer to it."""
        self.found: dict[tuple[str, str, str], Endpoint] = {}
        self.places: dict[str, Templates] = {}
        self.leaf_key: list[tuple[str, str]] = []
        self.leaf_ids: np.ndarray[Any, Any] | None = None
        self.probed: list[Endpoint] = []
        silent = {
            host for host, (proved, weak, unanswered) in catalogue._answered.items() if unanswered > proved + weak
        }
        answered = set(catalogue._proved.roots) | (set(catalogue._silent.roots) & silent)
        of_tenant = tenants(answered, [catalogue._proved, catalogue._silent])
        for host in sorted(of_tenant, reverse=True):
            catalogue._tenant_of[host.partition(".")[2]] = host
        together: dict[str, list[str]] = {}
        for host in sorted(answered):
            together.setdefault(of_tenant.get(host, host), []).append(host)
        for name, members in sorted(together.items()):
            self._host(name, members, silent)
        self._unproved(silent)
        for (host, path, method, operation), calls in sorted(catalogue._asked.items()):
            leaf = self._leaf(host, path.encode("utf-8", "replace"))
            endpoint = self.found.get((*self.leaf_key[leaf], method)) if leaf >= 0 else None
            if endpoint is not None:
                endpoint.operations[operation] = endpoint.operations.get(operation, 0) + calls
        for leaf, names in enumerate(self.methods):
            for name in names:
                self.answers.setdefault(name, np.zeros(len(self.templates), bool))[leaf] = True
        self._dictionary = pa.array(self.templates, pa.string())
        told = repr((sorted(self.roots.items()), self.templates, [sorted(names) for names in self.methods]))
        self.fingerprint = self.matcher.fingerprint() + hashlib.sha256(told.encode("utf-8", "backslashreplace")).digest()
        self.endpoints = [self.found[key] for key in sorted(self.found)]
        self.probed.sort(key=lambda one: (-one.calls, one.host, one.template, one.method))

    def _host(self, name: str, members: list[str], silent: set[str]) -> None:
        """Decide the map of a host, or of several that are one service."""
        table = self.catalogue._proved
        if len(members) > 1 or (members[0] in silent and members[0] in self.catalogue._silent.roots):
            table = _joined(self.catalogue, name, members, silent)
        if name not in table.roots:
            return
        templates = self.places[name] = Templates(table, table.roots[name], of_host(self.catalogue.pins, name), Known(self.catalogue._learner.fields, members, self.catalogue._learner.handed))
        root = self.roots[name] = self.matcher.add_node()
        for member in members:
            self.roots[member] = root
        self._grow(name, table, templates.top, root, [], [], 1.0, [])

    def _grow(
        self,
        host: str,
        table: PathTable,
        place: Place,
        node: int,
        parts: list[str],
        params: list[Param],
        confidence: float,
        evidence: list[str],
    ) -> None:
        if place.known_as:
            parts, params, evidence = _known_as(place, parts, params, evidence)
        whole, also = _with_matrix(place, parts, params) if place.matrix else (parts, params)
        template = "/" + "/".join(whole)
        for cell in place.cells:
            self._endpoint(host, table, cell, template, node, also, confidence, evidence)
        for text, below in place.literals.items():
            sure, why = place.evidence.get(text, (1.0, ""))
            made = self.matcher.add_literal(node, text.encode("utf-8", "backslashreplace"))
            shown = text.replace("{", "%7B").replace("}", "%7D")  # braces of a path are no parameter of a template
            self._grow(
                host, table, below, made, [*parts, shown], params, confidence * sure, evidence + ([f"{text}: {why}"] if why else [])
            )
        if place.params and any(shape(text.encode("utf-8", "backslashreplace"))[0] != "word" for text in place.literals):
            self.vague.update(name for name, root in self.roots.items() if root == self.roots[host])
        for param in place.params:
            base, reasons = self._called(param)
            name = _free(base, params)
            named = replace(param, name=name, evidence=reasons)
            made = self.matcher.add_param(node, param.kinds, param.prefix.encode(), param.suffix.encode(), param.anything)
            part = f"{param.prefix}{{{name}}}{param.suffix}"
            self._grow(
                host,
                table,
                param.place,
                made,
                [*parts, part],
                [*params, named],
                confidence * param.confidence,
                evidence + [f"{{{name}}}: {line}" for line in reasons],
            )

    def _endpoint(
        self,
        host: str,
        table: PathTable,
        cell: int,
        template: str,
        node: int,
        params: list[Param],
        confidence: float,
        evidence: list[str],
    ) -> None:
        method = table.method_names[table.cell_method[cell]]
        key = (host, template, method)
        endpoint = self.found.get(key)
        if endpoint is None:
            endpoint = self.found[key] = Endpoint(
                method, host, template, first_seen=2**63 - 1, last_seen=-(2**63), confidence=round(confidence, 3), evidence=evidence
            )
            endpoint.parameters = {
                param.name: {
                    "shapes": [kind for bit, kind in enumerate(KINDS) if param.anything or param.kinds >> bit & 1],
                    "values": param.distinct,
                    "examples": [masked(text) for text in param.examples[:3]],
                    "confidence": round(param.confidence, 3),
                }
                for param in params
            }
        _count(endpoint, table, cell)
        if self.matcher.leaf[node] < 0:
            self.matcher.leaf[node] = len(self.templates)
            self.templates.append(template)
            self.leaf_key.append((host, template))
            self.methods.append(set())
        self.methods[int(self.matcher.leaf[node])].add(method)

    def _unproved(self, silent: set[str]) -> None:
        """Count what no answer proved with the endpoints it belongs to; the rest was probed."""
        catalogue = self.catalogue
        for table, is_silent in ((catalogue._weak, False), (catalogue._silent, True)):
            for host, root in table.roots.items():
                if is_silent and host in silent:
                    continue
                self._unproved_below(host, table, root, [])

    def _unproved_below(self, host: str, table: PathTable, node: int, parts: list[bytes]) -> None:
        stack = [(node, parts)]
        while stack:
            node, parts = stack.pop()
            for child in table.children[node]:
                frame = table.frames[child]
                if frame is None:
                    part = table.texts[child]
                else:
                    part = min(table.value_texts[child].values(), default=b"")
                stack.append((child, [*parts, part]))
            for cell in table.cells_of[node]:
                method = table.method_names[table.cell_method[cell]]
                leaf = self._leaf(host, b"/" + b"/".join(parts))
                endpoint = self.found.get((*self.leaf_key[leaf], method)) if leaf >= 0 else None
                if endpoint is None:
                    path = (b"/" + b"/".join(parts)).decode("utf-8", "backslashreplace")
                    endpoint = Endpoint(method, host, path, first_seen=2**63 - 1, last_seen=-(2**63), confidence=0.0)
                    self.probed.append(endpoint)
                _count(endpoint, table, cell)

    def _leaf(self, host: str, path: bytes) -> int:
        leaves = np.full(1, -1, np.int32)
        root = self.roots.get(host, -1)
        octets = np.frombuffer(path or b"/", np.uint8)
        offsets = np.array([0, len(octets)], np.int32)
        keys = path_keys(self.catalogue._k0, self.catalogue._k1, offsets, octets)
        self.matcher.match(keys, offsets, octets, np.array([root], np.int32), leaves)
        return int(leaves[0])

    def _called(self, param: Param) -> tuple[str, list[str]]:
        """A parameter's name and its evidence: the field of earlier responses that handed its values out says more than what stands before it, unless it is
        a bare `id`."""
        if param.anything:  # an operator named it
            return param.name, param.evidence
        handed = self.catalogue._learner.field_of(param.examples)
        if not handed:
            return param.name, param.evidence
        name = param.name if handed in BARE or param.name in ("date", "email", "locale") else handed
        return name, [*param.evidence, f"responses hand its values out as `{handed}`"]

    def owner(self, origin: Origin) -> Endpoint | None:
        """The endpoint that a path belongs to."""
        leaf = self._leaf(origin.host, origin.path.encode("utf-8", "backslashreplace"))
        return self.found.get((*self.leaf_key[leaf], origin.method)) if leaf >= 0 else None

    def ids(self, columns: _Columns, hosts: _Hosts, leaves: np.ndarray[Any, Any], proved: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """A word for every call that stands for its endpoint, whatever the map that it was decided in; 0 for what is none. A path that an answer has just
        proved and that the map does not know yet stands for itself."""
        if self.leaf_ids is None or len(self.leaf_ids) != len(self.leaf_key) + 1:
            self.leaf_ids = np.array([sample_hash(f"{host} {template}".encode()) | 1 for host, template in self.leaf_key] + [0], np.uint64)
        ids = self.leaf_ids[leaves]
        codes, names = columns.words("method")
        new = np.flatnonzero(proved & (leaves < 0))
        for row in new[:NEW_PATHS]:
            path = columns.batch.column("path")[row].as_py()
            ids[row] = sample_hash(f"{hosts.names[hosts.codes[row]]} {folded(path)}".encode("utf-8", "backslashreplace")) | 1
        of_method = np.array([sample_hash(name.encode()) for name in names] + [0], np.uint64)
        return np.where((ids == 0) | (codes < 0), np.uint64(0), ids ^ of_method[codes])

    def leaves(self, batch: pa.RecordBatch) -> np.ndarray[Any, Any]:
        """The leaf of every call of a batch, -1 for a call of no endpoint."""
        labelled, placed = self.catalogue._labelled, self.catalogue._placed
        if batch.num_rows == 0:
            return np.zeros(0, np.int32)
        if labelled is not None and labelled[0]() is batch and labelled[1] is self:
            return labelled[2]
        if placed is not None and placed[0]() is batch:
            return self._leaves_of_cells(batch, placed[1], placed[2])
        return self._leaves(batch)

    def _leaves(self, batch: pa.RecordBatch, rows: np.ndarray[Any, Any] | None = None) -> np.ndarray[Any, Any]:
        """The leaf of every call of a batch, or of those in `rows`; -1 for a call of no endpoint."""
        columns = _Columns(batch)
        hosts = columns.hosts(self.catalogue._host_name)
        of_host = np.array([self.roots.get(name, -1) for name in hosts.names] + [-1], np.int32)
        roots = of_host[hosts.codes]
        methods, names = columns.words("method")
        roots[~columns.paths_seen | (methods < 0)] = -1
        if rows is not None:
            chosen = np.full(batch.num_rows, -1, np.int32)
            chosen[rows] = roots[rows]
            roots = chosen
        leaves = np.full(batch.num_rows, -1, np.int32)
        self.matcher.match(self.catalogue._keys_of(columns), columns.offsets, columns.octets, roots, leaves)
        known = np.zeros((len(names) + 1, len(self.templates) + 1), bool)
        for row, name in enumerate(names):
            if name in self.answers:
                known[row, :-1] = self.answers[name]
        leaves[~known[methods, leaves]] = -1
        return leaves

    def _leaves_of_cells(self, batch: pa.RecordBatch, of_row: np.ndarray[Any, Any], cells: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """`_leaves` of the batch observed last: a cell of the tree has one leaf, which is looked up once."""
        leaves = np.full(batch.num_rows, -1, np.int32)
        open_rows = []
        for state, table in enumerate(self.catalogue._tables):
            rows = np.flatnonzero((of_row == state) & (cells >= 0))
            if not len(rows):
                continue
            known = self.leaf_of_cell[state]
            if len(known) < table.cells:
                known = self.leaf_of_cell[state] = np.concatenate([known, np.full(2 * table.cells - len(known), UNKNOWN, np.int32)])
            leaves[rows] = known[cells[rows]]
            open_rows.append(rows[leaves[rows] == UNKNOWN])
        unplaced = np.flatnonzero((of_row >= 0) & (cells < 0))  # past a limit of the tree; a template may take them yet
        rows = np.concatenate([*open_rows, unplaced])
        if len(rows):
            leaves[rows] = self._leaves(batch, rows)[rows]
            for row in rows[np.unique(cells[rows], return_index=True)[1]]:
                if cells[row] >= 0 and self._exact(self.catalogue._tables[of_row[row]], int(cells[row])):
                    self.leaf_of_cell[of_row[row]][cells[row]] = leaves[row]
        return leaves

    def _exact(self, table: PathTable, cell: int) -> bool:
        """Whether all paths of a cell have one template: it stands for one path, or for values that no literal beside them may be."""
        node = int(table.cell_node[cell])
        folded = False
        while table.parents[node] >= 0:
            if table.frames[node] is not None:
                folded = True
                if KINDS[table.kinds[node]] == "word":
                    return False
            node = table.parents[node]
        return not folded or table.texts[node].decode("utf-8", "replace") not in self.vague

    def label(self, batch: pa.RecordBatch) -> tuple[pa.DictionaryArray, pa.DictionaryArray]:
        leaves = self.leaves(batch)
        template = coded(leaves, self._dictionary)
        last = self.catalogue._last
        if last is not None and last[0]() is batch:
            operation = last[1]
        elif "operation" in batch.schema.names:  # labelled before: the bodies may be gone since
            operation = batch.column("operation")
        else:
            operation = operations.column(batch)
        return template, operation


def _with_matrix(place: Place, parts: list[str], params: list[Param]) -> tuple[list[str], list[Param]]:
    """The template's parts and parameters with the matrix parameters that all its paths have."""
    parts, params = list(parts), list(params)
    for number, called in place.matrix:
        if number < len(parts):
            name = _free(called, params)
            parts[number] += f";{called}={{{name}}}"
            params.append(Param(name, "", "", 1 << KINDS.index("word"), place, 0, [], 1.0, []))
    return parts, params


def _free(wanted: str, params: list[Param]) -> str:
    """A parameter's name, with a number where one before it in the path has that name."""
    taken = {param.name for param in params}
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    return name


def _known_as(place: Place, parts: list[str], params: list[Param], evidence: list[str]) -> tuple[list[str], list[Param], list[str]]:
    """The template, parameters and evidence of a place that is one with others."""
    kept = parts[: -len(place.known_as)]
    inside = params[sum("{" in part for part in kept) :]
    params = params[: len(params) - len(inside)]
    for part in place.known_as:
        found = _NAMES.findall(part)
        for name in found:
            known = place.known_params.get(name)
            params = [*params, known if known is not None else replace(inside.pop(0), name=name)]
    return [*kept, *place.known_as], params, evidence + [line for one in place.known_params.values() for line in one.evidence]


def _count(endpoint: Endpoint, table: PathTable, cell: int) -> None:
    endpoint.calls += int(table.cell_calls[cell])
    endpoint.first_seen = min(endpoint.first_seen, int(table.cell_first[cell]))
    endpoint.last_seen = max(endpoint.last_seen, int(table.cell_last[cell]))
    n, counted = table.callers(cell)
    endpoint.callers = max(endpoint.callers, n)
    endpoint.callers_counted = endpoint.callers_counted and counted
    for status, calls in sorted(table.statuses(cell).items()):
        endpoint.statuses[status] = endpoint.statuses.get(status, 0) + calls


def _joined(catalogue: Catalogue, name: str, members: list[str], silent: set[str]) -> PathTable:
    """One tree of several hosts. Of a host whose mirror shows no answers every call counts, the answered and the unanswered."""
    table = catalogue._table(catalogue.limits.nodes)
    table.kept = kept_texts(catalogue.pins)
    for host in members:
        for source in (catalogue._proved, catalogue._silent) if host in silent else (catalogue._proved,):
            if host in source.roots:
                table.copy_tree(source, source.roots[host], table.root(name))
    return table


def masked(text: str) -> str:
    """An example that shows a value's make and not the value: letters and digits past the second are dots unless it is a short word or number."""
    kind, _, _, _ = shape(text.encode("utf-8", "backslashreplace"))
    if len(text) <= 4 or (kind == "word" and len(text) <= 12 and text.isalpha()):
        return text
    kept = 0
    out = []
    for c in text:
        if c.isalnum():
            kept += 1
            out.append(c if kept <= 2 else "•")
        else:
            out.append(c)
    return "".join(out)
