"""The map that lasts: endpoints as records with what people decided about them, in one SQLite file.

A `MapState` gives a `Catalogue` the evidence of earlier runs (`attach`), says what has changed once the map is decided (`findings`), and keeps both
the evidence and the records (`save`, one transaction: after kill -9 the file holds the state before or after a save, never half of one).

A long run saves on its way too (`save_on_the_way`): such a save says how many calls of which captures it counts, so a run over the same captures goes on
behind them, and nothing is counted twice. A run that was interrupted leaves such a save. What changed in a run that was cut off is told by the next one: a record keeps what was last told of it until a run ends.
WAL with
``synchronous=NORMAL``: what was saved outlives the process; a power failure may cost the last save. The evidence holds samples of path segments as they
were sent, without which no template could be decided anew; so the file is its owner's alone to read.

Endpoints come as `new`; people *acknowledge* (seen, to be dealt with) or *accept* them (as it should be). Alerts are made of changes only: an endpoint
that was not there, one that turned out undocumented or retired, a drift. The first run of a state tells of no new endpoints: to it all are.
Where a template is decided anew by more evidence (``/shops/berlin`` becomes ``/shops/{shop}``), the records it now covers become one, and what was
decided about them stays; so it does where a template is split into its parts, which are not told as new.

Bounded by the map's own limits and by RECORDS: past it records not seen for longest go, those nobody decided about first.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from sensor.catalogue import drift
from sensor.catalogue.catalogue import Catalogue, Endpoint
from sensor.catalogue.pins import Pin
from sensor.database import connect, lock, ours, using
from sensor.errors import SensorError
from sensor.findings import Finding

STATUSES: Final = ("new", "acknowledged", "accepted")
RECORDS: Final = 200_000
MIGRATIONS: Final = (
    """
    CREATE TABLE endpoint (
        id INTEGER PRIMARY KEY, method TEXT NOT NULL, host TEXT NOT NULL, template TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'new',
        first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, calls INTEGER NOT NULL, declared TEXT NOT NULL DEFAULT '', whole BLOB NOT NULL,
        UNIQUE (method, host, template)
    );
    CREATE INDEX endpoint_by_time ON endpoint (status, last_seen);
    CREATE TABLE note (endpoint INTEGER NOT NULL, at INTEGER NOT NULL, status TEXT NOT NULL, text TEXT NOT NULL);
    CREATE INDEX note_by_endpoint ON note (endpoint, at);
    CREATE TABLE pin (verb TEXT NOT NULL, host TEXT NOT NULL, template TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (host, template)) WITHOUT ROWID;
    CREATE TABLE evidence (part TEXT PRIMARY KEY, packed BLOB NOT NULL);
    CREATE TABLE run (number INTEGER PRIMARY KEY, first_ts INTEGER NOT NULL, last_ts INTEGER NOT NULL, calls INTEGER NOT NULL);
    """,
    """
    ALTER TABLE endpoint ADD COLUMN told BLOB;
    ALTER TABLE run ADD COLUMN captures TEXT NOT NULL DEFAULT '';
    ALTER TABLE run ADD COLUMN taken INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE run ADD COLUMN ended INTEGER NOT NULL DEFAULT 1;
    """,
)
"""One step a schema version; a state of an older version is brought up by the steps it lacks."""


class Record(NamedTuple):
    """An endpoint as the state has it."""

    number: int
    status: str
    endpoint: Endpoint
    notes: tuple[tuple[int, str, str], ...] = ()
    """(seconds since the epoch, status then given, text)."""
    told: Endpoint | None = None
    """The endpoint as it was last told, where a run since then was cut off or has not ended."""
    known: bool = True
    """Whether any run that ended has told of it."""
    base: Endpoint | None = None
    """The endpoint as it was when this run began; None for one that came since."""


@dataclass(slots=True)
class _Changes:
    """Every endpoint of a map with its record and what has changed about it; records that are one with another (gone, kept)."""

    endpoints: list[tuple[Endpoint, Record | None, list[drift.Change]]] = field(default_factory=list)
    gone: list[tuple[int, int]] = field(default_factory=list)
    parts: dict[tuple[str, str, str], Record] = field(default_factory=dict)
    """Endpoints (method, host, template) without a record that are a part of one which is none any more: somebody split it, or evidence did."""


class MapState:
    """The state at `path`, made where it is missing; without `write` it may be one that can only be read. Raises SensorError for a file that is none of ours."""

    def __init__(self, path: Path, make: bool = True, write: bool = True) -> None:
        self.path = path
        self._runs = 0
        self._run = 0
        self._captures = ""
        self._catalogue: Catalogue | None = None
        self._changes: _Changes | None = None
        self._calls_before = 0
        self._taken_before = 0
        self._based = False
        self._saved_at = time.monotonic()
        self._saving_took = 0.0
        self._lock = -1
        if not make and not path.exists():
            raise SensorError(f"{path}: there is no state of a map here; `api-sensor replay --map-state {path} CAPTURE` makes one")
        with using(path, "cannot be used as the state of a map"):
            if write:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                path.touch(mode=0o600)  # it holds segments of paths as they were sent
            self._db = connect(path, write)
            self._migrate()
            if write:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")

    def _migrate(self) -> None:
        version = ours(self.path, self._db, "endpoint", "the state of a map")
        if version > len(MIGRATIONS):
            raise SensorError(f"{self.path}: made by a newer api-sensor (version {version} of the state, this one knows {len(MIGRATIONS)})")
        for number in range(version, len(MIGRATIONS)):
            # One transaction a step: a kill in the middle leaves the version before it, whole.
            self._db.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[number]} PRAGMA user_version = {number + 1}; COMMIT;")

    def close(self) -> None:
        """Close the file."""
        self._db.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # One run ------------------------------------------------------------------------------------------------------------------------------

    def attach(self, catalogue: Catalogue, captures: str = "") -> int:
        """Give a catalogue that has seen no calls yet the evidence of earlier runs and the pins.

        `captures`: what this run reads, as a word that is the same for the same files only; empty where that cannot be known. Where the last run read the same
        and was cut off, the catalogue passes by the calls that it counted; returns how many.
        """
        with using(self.path, "cannot be used as the state of a map"):
            return self._attach(catalogue, captures)

    def _attach(self, catalogue: Catalogue, captures: str) -> int:
        self._lock = lock(self.path, "this map")
        self._catalogue = catalogue
        self._captures = captures
        catalogue.pin(self.pins())
        catalogue.state = self
        self._runs = int(self._db.execute("SELECT count(*) FROM run WHERE ended").fetchone()[0])
        last = self._db.execute("SELECT number, captures, taken, calls FROM run WHERE NOT ended ORDER BY number DESC LIMIT 1").fetchone()
        calls_of_run = 0
        if last is not None and last[1] == captures != "":
            self._run, _, self._taken_before, calls_of_run = last
            catalogue.pass_by(self._taken_before)
        try:
            for _, packed in self._db.execute("SELECT part, packed FROM evidence ORDER BY part"):
                catalogue.restore(orjson.loads(zlib.decompress(packed)))
        except (ValueError, TypeError, zlib.error) as fault:
            raise SensorError(f"{self.path}: its evidence cannot be read ({fault}); move the file away to begin anew") from fault
        self._calls_before = catalogue.calls - calls_of_run
        return self._taken_before

    def findings(self) -> list[Finding]:
        """What has changed since the last run that ended, of the catalogue attached: nothing of what was there before, or was accepted."""
        found: list[Finding] = []
        parts = self._update().parts
        for endpoint, record, changes in self._update().endpoints:
            if (record is None or not record.known) and self._runs and (endpoint.method, endpoint.host, endpoint.template) not in parts:
                found.append(drift.new_endpoint(endpoint))
            told = record.told if record is not None and record.known else None
            before = told.declared if told is not None else ""
            accepted = record is not None and record.status == "accepted"
            if endpoint.declared != before and (endpoint.declared == "zombie" or (endpoint.declared == "shadow" and not accepted)):
                from sensor.catalogue.spec import findings

                found += findings([endpoint])
            drifted = set(told.drift) if told is not None else set()
            declared = [change for change in self._catalogue.drift_of(endpoint) if str(change) not in drifted] if self._catalogue is not None else []
            found += drift.findings(endpoint, declared, endpoint.declared_in) or drift.findings(endpoint, changes)
        return found

    def _update(self) -> _Changes:
        """`_compare` of the final map, once: what was known is added to what was seen."""
        assert self._catalogue is not None
        if self._changes is None:
            self._changes = self._compare(self._catalogue.endpoints())
        return self._changes

    def _compare(self, endpoints: list[Endpoint]) -> _Changes:
        """Every endpoint with its record and what has changed about it; what was known when this run began is added to what it has seen."""
        assert self._catalogue is not None
        made = _Changes()
        names = {(one.method, one.host, one.template): i for i, one in enumerate(endpoints)}
        shapes: dict[tuple[str, str, int], list[int]] = {}
        for i, one in enumerate(endpoints):
            shapes.setdefault((one.method, one.host, one.template.count("/")), []).append(i)
        mine: dict[int, list[Record]] = {}
        whole: dict[tuple[str, str, int], list[Record]] = {}
        for record in self._records_of_run():
            key = (record.endpoint.method, record.endpoint.host, record.endpoint.template)
            at = names.get(key)
            if at is None:
                fits = [i for i in shapes.get((key[0], key[1], key[2].count("/")), ()) if covers(endpoints[i].template, key[2])]
                at = max(fits, key=lambda i: (-endpoints[i].template.count("{"), endpoints[i].template), default=None)
            if at is not None:
                mine.setdefault(at, []).append(record)
            elif "{" in key[2]:
                whole.setdefault((key[0], key[1], key[2].count("/")), []).append(record)
        for i, endpoint in enumerate(endpoints):
            records = mine.get(i, [])
            chief = min(records, key=lambda one: (one.endpoint.template != endpoint.template, -STATUSES.index(one.status), one.number), default=None)
            if chief is None:
                made.endpoints.append((endpoint, None, []))
                beside = whole.get((endpoint.method, endpoint.host, endpoint.template.count("/")), ())
                of = next((record for record in beside if covers(record.endpoint.template, endpoint.template)), None)
                if of is not None:
                    made.parts[endpoint.method, endpoint.host, endpoint.template] = of
                continue
            for record in records:
                if record.base is not None:
                    endpoint.schema.absorb(record.base.schema)
                    endpoint.authentication.absorb(record.base.authentication)
                if record is not chief:
                    made.gone.append((record.number, chief.number))
            endpoint.classify()
            changes = drift.between(drift.seen(chief.told), drift.seen(endpoint)) if chief.told is not None and len(records) == 1 else []
            was = chief.told or chief.endpoint
            if not self._catalogue.described:  # a run without descriptions says nothing about them
                endpoint.declared, endpoint.declared_in, endpoint.drift = was.declared, was.declared_in, was.drift
            elif endpoint.declared == "shadow" and (was.declared == "declared" or was.declared_in.startswith("removed")):
                endpoint.declared = "zombie"
                endpoint.declared_in = was.declared_in if was.declared == "zombie" else f"removed: {was.declared_in} is there no more"
            status = max((record.status for record in records), key=STATUSES.index)
            made.endpoints.append((endpoint, chief._replace(status=status), changes))
        return made

    def _records_of_run(self) -> list[Record]:
        """The records as they stand, with what they were when this run began and what was last told of them."""
        base = "base.whole FROM endpoint LEFT JOIN base ON base.id = endpoint.id" if self._based else "endpoint.whole FROM endpoint"
        found = []
        for number, status, whole, told, begun in self._db.execute(f"SELECT endpoint.id, status, endpoint.whole, told, {base} ORDER BY host, template, method"):
            now = self._endpoint(whole)
            known = told is None or len(told) > 0
            at_begin = now if begun == whole else self._endpoint(begun) if begun is not None else None
            found.append(Record(number, status, now, (), now if told is None else self._endpoint(told) if known else None, known, at_begin))
        return found

    def save_on_the_way(self, every_s: float) -> bool:
        """Save what a run has seen so far, where the last save was so long ago (and twenty times as long as it took); returns whether it was."""
        assert self._catalogue is not None
        begun = time.monotonic()
        if begun - self._saved_at < max(every_s, 20 * self._saving_took):
            return False
        try:
            with using(self.path, "the map could not be saved on the way"):
                if not self._based:  # until now the records were as they had been when this run began
                    self._db.execute("CREATE TEMP TABLE base AS SELECT id, whole FROM endpoint")
                    self._db.execute("CREATE UNIQUE INDEX temp.base_by_id ON base (id)")
                    self._based = True
                self._write(self._compare(self._catalogue.snapshot()), ended=False, told=False)
        finally:
            self._saved_at = time.monotonic()
            self._saving_took = self._saved_at - begun
        return True

    def save(self, interrupted: bool = False) -> None:
        """Keep the catalogue's evidence and its endpoints, all or nothing, at the end of a run. Raises SensorError when the file cannot be written.

        A run that was `interrupted` has told what it found, but the next one over the same captures goes on behind what it has counted.
        """
        with using(self.path, "the map could not be saved"):
            self._write(self._update(), ended=not interrupted, told=True)

    def _write(self, changes: _Changes, ended: bool, told: bool) -> None:
        assert self._catalogue is not None
        catalogue = self._catalogue
        status_of = {key: record.status for key, record in changes.parts.items()}
        rows = [
            (one.method, one.host, one.template, record.status if record else status_of.get((one.method, one.host, one.template), "new"), one.first_seen, one.last_seen, one.calls, one.declared, orjson.dumps(one.to_json(), option=orjson.OPT_NON_STR_KEYS), record.number if record else None)
            for one, record, _ in changes.endpoints
        ]
        packed = zlib.compress(orjson.dumps(catalogue.evidence()), 1)
        first = min((one.first_seen for one, _, _ in changes.endpoints), default=0)
        last = max((one.last_seen for one, _, _ in changes.endpoints), default=0)
        run = (first, last, catalogue.calls - self._calls_before, self._captures, self._taken_before + catalogue.taken, ended)
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for gone, into in changes.gone:
                self._db.execute("UPDATE note SET endpoint = ? WHERE endpoint = ?", (into, gone))
                self._db.execute("DELETE FROM endpoint WHERE id = ?", (gone,))
            if not told:  # what is not told now stays to be told
                self._db.execute("UPDATE endpoint SET told = whole WHERE told IS NULL")
            self._db.executemany(
                "UPDATE endpoint SET method = ?, host = ?, template = ?, status = ?, first_seen = ?, last_seen = ?, calls = ?, declared = ?, whole = ? WHERE id = ?",
                [row for row in rows if row[-1] is not None],
            )
            self._db.executemany(
                "INSERT INTO endpoint (method, host, template, status, first_seen, last_seen, calls, declared, whole, told) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, x'')",
                [row[:-1] for row in rows if row[-1] is None],
            )
            for key, record in changes.parts.items():  # what was decided about the whole was decided about its parts
                of_part = "FROM endpoint WHERE method = ? AND host = ? AND template = ?"
                self._db.execute(f"INSERT INTO note SELECT id, at, note.status, text {of_part.replace(' WHERE', ', note WHERE note.endpoint = ? AND')}", (record.number, *key))
                self._db.execute(f"UPDATE endpoint SET told = NULL WHERE id = (SELECT id {of_part})", key)
            for whole in {record.number for record in changes.parts.values()}:
                self._db.execute("DELETE FROM note WHERE endpoint = ?", (whole,))
                self._db.execute("DELETE FROM endpoint WHERE id = ?", (whole,))
            if told:
                self._db.execute("UPDATE endpoint SET told = NULL WHERE told IS NOT NULL")
            if ended:
                self._db.execute("UPDATE run SET ended = 1 WHERE NOT ended")
            self._db.execute("INSERT OR REPLACE INTO evidence VALUES ('all', ?)", (packed,))
            number = self._run
            if number:
                self._db.execute("UPDATE run SET first_ts = ?, last_ts = ?, calls = ?, captures = ?, taken = ?, ended = ? WHERE number = ?", (*run, number))
            else:
                number = int(self._db.execute("INSERT INTO run (first_ts, last_ts, calls, captures, taken, ended) VALUES (?, ?, ?, ?, ?, ?)", run).lastrowid or 0)
            over = int(self._db.execute("SELECT count(*) FROM endpoint").fetchone()[0]) - RECORDS
            if over > 0:
                self._db.execute("DELETE FROM endpoint WHERE id IN (SELECT id FROM endpoint ORDER BY status <> 'new', last_seen LIMIT ?)", (over,))
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk has ended it already
                self._db.execute("ROLLBACK")
            raise
        self._run = number

    # What people ask of it ----------------------------------------------------------------------------------------------------------------

    def records(self, status: str = "", declared: str = "") -> list[Record]:
        """The records of a status (all without one) that were declared so, by host, template and method."""
        rows = self._db.execute(
            "SELECT id, status, whole FROM endpoint WHERE (? = '' OR status = ?) AND (? = '' OR declared = ?) ORDER BY host, template, method",
            (status, status, declared, declared),
        )
        return [Record(number, now, self._endpoint(whole)) for number, now, whole in rows]

    def find(self, wanted: str) -> list[Record]:
        """The records whose ``METHOD host/template`` holds `wanted`. Raises SensorError when there is none."""
        low = wanted.lower()
        exact = [one for one in self.records() if one.endpoint.name.lower() == low or str(one.number) == wanted]
        found = exact or [one for one in self.records() if low in one.endpoint.name.lower()]
        if not found:
            raise SensorError(f"no endpoint of {self.path} has {wanted!r} in its name; `api-sensor map list` shows them")
        notes = "SELECT at, status, text FROM note WHERE endpoint = ? ORDER BY at"
        return [one._replace(notes=tuple(self._db.execute(notes, (one.number,)).fetchall())) for one in found]

    def decide(self, numbers: Iterable[int], status: str, text: str = "") -> None:
        """A person's word: these endpoints have this status now, for this reason."""
        now = int(time.time())
        self._db.execute("BEGIN IMMEDIATE")
        for number in numbers:
            self._db.execute("UPDATE endpoint SET status = ? WHERE id = ?", (status, number))
            self._db.execute("INSERT INTO note VALUES (?, ?, ?, ?)", (number, now, status, text[:4000]))
        self._db.execute("COMMIT")

    def pins(self) -> list[Pin]:
        """What operators have pinned."""
        return [Pin(*row) for row in self._db.execute("SELECT verb, host, template FROM pin ORDER BY host, template")]

    def pin(self, pin: Pin) -> None:
        """Remember a pin; it takes the place of another of the same template."""
        self._db.execute("INSERT OR REPLACE INTO pin VALUES (?, ?, ?, ?)", (pin.verb, pin.host, pin.template, int(time.time())))

    def unpin(self, host: str, template: str) -> None:
        """Forget a pin. Raises SensorError when there is none."""
        if not self._db.execute("DELETE FROM pin WHERE host = ? AND template = ?", (host, template)).rowcount:
            raise SensorError(f"nothing is pinned at {host}{template}; `api-sensor map pins` shows what is")

    def _endpoint(self, whole: bytes) -> Endpoint:
        try:
            return Endpoint.from_json(orjson.loads(whole))
        except ValueError as fault:
            raise SensorError(f"{self.path}: a record cannot be read: {fault}") from fault


def covers(template: str, other: str) -> bool:
    """Whether a template takes the paths of another one: each segment is the same, or a parameter."""
    mine, theirs = template.split("/"), other.split("/")
    return len(mine) == len(theirs) and all(a == b or "{" in a for a, b in zip(mine, theirs, strict=True))
