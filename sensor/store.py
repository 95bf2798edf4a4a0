"""The alert store: every incident's latest revision, and what the people who work on it said, in one SQLite file.

It is a sink like the others (`store:PATH`), and what `api-sensor alerts` reads. WAL with `synchronous=NORMAL`: an alert is in the kernel's hands when
`send` returns, so kill -9 loses none and costs no fsync each. A full disk loses nothing while memory lasts. A newer revision never undoes what a person decided, but one that is graver than what the
person saw brings the incident back as new. Bounded: past `limit` incidents the oldest that are done go first, then the oldest.

Verdicts (false positive, true positive) stand here too, with who gave them and how long they count; a run that writes to this store asks for them
(`verdicts`) and decides by them (`sensor.alerts.Verdict`).
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from sensor.alerts import FALSE_POSITIVE, RANK, TRUE_POSITIVE, Alert, Verdict
from sensor.database import connect, ours, using
from sensor.errors import SensorError
from sensor.sinks.delivery import DeliveryState
from sensor.sinks.filters import Selection

STATUSES: Final = ("new", "acknowledged", "closed")
VERDICTS: Final = (FALSE_POSITIVE, TRUE_POSITIVE)
MIGRATIONS: Final = (
    """
    CREATE TABLE alert (
        uid TEXT PRIMARY KEY, revision INTEGER NOT NULL, state TEXT NOT NULL, rank INTEGER NOT NULL, score REAL NOT NULL,
        first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, line BLOB NOT NULL,
        status TEXT NOT NULL DEFAULT 'new', seen_rank INTEGER NOT NULL DEFAULT -1
    ) WITHOUT ROWID;
    CREATE INDEX alert_by_time ON alert (status, last_seen);
    CREATE TABLE note (uid TEXT NOT NULL, at INTEGER NOT NULL, status TEXT NOT NULL, text TEXT NOT NULL);
    CREATE INDEX note_by_alert ON note (uid, at);
    """,
    """
    ALTER TABLE note ADD COLUMN who TEXT NOT NULL DEFAULT '';
    CREATE TABLE verdict (
        uid TEXT PRIMARY KEY, verdict TEXT NOT NULL, detectors BLOB NOT NULL, rank INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
        at INTEGER NOT NULL, who TEXT NOT NULL, note TEXT NOT NULL
    ) WITHOUT ROWID;
    """,
)
"""One step a schema version; a store of an older version is brought up by the steps it lacks."""

_UPSERT: Final = """
    INSERT INTO alert (uid, revision, state, rank, score, first_seen, last_seen, line) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (uid) DO UPDATE SET
        status = CASE WHEN excluded.rank > seen_rank AND status <> 'new' THEN 'new' ELSE status END,
        revision = excluded.revision, state = excluded.state, rank = excluded.rank, score = excluded.score,
        first_seen = excluded.first_seen, last_seen = excluded.last_seen, line = excluded.line
    WHERE excluded.revision >= alert.revision
"""
_NEEDED: Final = {one.name for one in fields(Alert) if not one.name.startswith("_")}
_PRUNE_EVERY: Final = 10_000
WAITING_ROWS: Final = 20_000
"""Alerts held while the disk takes none, or another process has the file for longer than ten seconds."""
Row = tuple[str, int, str, int, float, int, int, bytes]
_VERDICTS: Final = 10_000
"""Verdicts asked for; the latest count."""


class Note(NamedTuple):
    """What a person did with an incident."""

    at: int
    """Seconds since the epoch."""
    what: str
    """acknowledged, closed, new (reopened), false_positive or true_positive."""
    text: str
    who: str


class Stored(NamedTuple):
    """An incident as the store has it."""

    alert: dict[str, Any]
    status: str
    notes: tuple[Note, ...] = ()
    """Oldest first."""
    verdict: str = ""


class AlertStore:
    """The store at `path`, made where it is missing; without `write` it is there, and may be one that can only be read. Raises SensorError for a file that is no store of ours."""

    def __init__(self, path: Path, limit: int = 1_000_000, selection: Selection | None = None, write: bool = True) -> None:
        self.name = f"store:{path}"
        self._path = path
        self._limit = limit
        self._selection = selection
        self._accepted = self._kept = self._pruned = self._dropped = self._outages = 0
        self._error = ""
        self._waiting: deque[Row] = deque()
        """What the disk did not take, in order."""
        self._told = -1
        self._verdicts: tuple[Verdict, ...] = ()
        with using(path, "cannot be used as a store of alerts"):
            if write:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = connect(path, write)
            self._migrate()
            if write:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")
        self._open = True

    def _migrate(self) -> None:
        version = ours(self._path, self._db, "alert", "a store of alerts")
        if version > len(MIGRATIONS):
            raise SensorError(
                f"{self._path}: made by a newer api-sensor (version {version} of the store, this one knows {len(MIGRATIONS)})"
            )
        tables = {str(name) for (name,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if (tables and not version) or (version and not {"alert", "note"} <= tables):
            raise SensorError(f"{self._path}: is a database of something else, no store of alerts")
        for number in range(version, len(MIGRATIONS)):
            try:
                # One transaction a step: a kill in the middle leaves the version before it, whole.
                self._db.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[number]}; PRAGMA user_version = {number + 1}; COMMIT;")
            except sqlite3.OperationalError:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if int(self._db.execute("PRAGMA user_version").fetchone()[0]) <= number:
                    raise
                # Another process that began at the same time has done it.

    def send(self, alert: Alert) -> None:
        """Keep this revision, unless a newer one is here."""
        chosen = alert if self._selection is None else self._selection.of(alert)
        if chosen is None:
            return
        self._accepted += 1
        row = (
            chosen.uid, chosen.revision, chosen.state, RANK[chosen.severity], chosen.severity_score, chosen.first_seen, chosen.last_seen,
            chosen.to_json(),
        )  # fmt: skip
        self._waiting.append(row)
        self._flush()
        if len(self._waiting) > WAITING_ROWS:
            self._waiting.popleft()
            self._dropped += 1

    def _flush(self) -> None:
        try:
            while self._waiting:
                self._db.execute(_UPSERT, self._waiting[0])
                self._waiting.popleft()
                self._kept += 1
                if self._kept % _PRUNE_EVERY == 0:
                    self._prune()
            self._error = ""
        except sqlite3.Error as fault:
            if not self._error:
                self._outages += 1
            self._error = str(fault)

    def _prune(self) -> None:
        over = int(self._db.execute("SELECT count(*) FROM alert").fetchone()[0]) - self._limit
        if over > 0:
            self._db.execute(
                "DELETE FROM alert WHERE uid IN (SELECT uid FROM alert ORDER BY status = 'closed' DESC, last_seen LIMIT ?)",
                (over,),
            )
            self._db.execute("DELETE FROM note WHERE uid NOT IN (SELECT uid FROM alert)")
            self._pruned += over

    def state(self) -> DeliveryState:
        """How it stands."""
        return DeliveryState(
            self.name, self._accepted, self._kept, len(self._waiting), self._dropped, self._outages, self._error, "memory only", self._error or "the disk did not take them"
        )

    def close(self, timeout: float = 10.0) -> DeliveryState:
        """Write what waits, if the disk takes it, and close the file."""
        if self._open:
            self._open = False
            self._flush()
            self._dropped += len(self._waiting)
            self._waiting.clear()
            self._db.close()
        return self.state()

    # What people ask of it.

    def list(
        self, status: str = "", least: int = 0, limit: int = 50, since: int = 0, matches: Callable[[dict[str, Any]], bool] | None = None
    ) -> list[Stored]:
        """The incidents of a status (all without one), of at least this rank, last seen at or after `since` (ns), that `matches` takes: the gravest and
        latest first."""
        rows = self._db.execute(
            "SELECT line, status, coalesce(verdict, '') FROM alert LEFT JOIN verdict USING (uid)"
            " WHERE (? = '' OR status = ?) AND alert.rank >= ? AND last_seen >= ? ORDER BY alert.rank DESC, score DESC, last_seen DESC, uid",
            (status, status, least, since),
        )
        found: list[Stored] = []
        for line, now, verdict in rows:
            if len(found) >= limit:
                break
            alert = self._read(line)
            if matches is None or matches(alert):
                found.append(Stored(alert, now, verdict=verdict))
        rows.close()
        return found

    def _read(self, line: bytes) -> dict[str, Any]:
        try:
            whole: dict[str, Any] = orjson.loads(line)
            if not (isinstance(whole, dict) and whole.keys() >= _NEEDED):
                raise ValueError("it is no alert")
        except ValueError as fault:
            raise SensorError(f"{self._path}: an alert in it cannot be read ({fault}); move it away to begin anew") from fault
        return whole

    def get(self, uid: str) -> Stored:
        """One incident by its uid or the beginning of it. Raises SensorError when none or several begin so."""
        rows = self._db.execute(
            "SELECT uid, line, status, coalesce(verdict, '') FROM alert LEFT JOIN verdict USING (uid) WHERE substr(uid, 1, ?) = ? LIMIT 2", (len(uid), uid)
        ).fetchall()
        if len(rows) != 1 or not uid:
            raise SensorError(f"{'several alerts begin' if len(rows) > 1 else 'no alert begins'} with {uid!r}")
        whole, line, status, verdict = rows[0]
        notes = self._db.execute("SELECT at, status, text, who FROM note WHERE uid = ? ORDER BY at, rowid", (whole,)).fetchall()
        return Stored(self._read(line), status, tuple(Note(int(at), what, text, who) for at, what, text, who in notes), verdict)

    def decide(self, uid: str, status: str, text: str = "", who: str = "", verdict: str = "", seconds: int = 0) -> Stored:
        """A person's word: the incident has this status now, for this reason. A `verdict` counts for `seconds` from now (or from the incident's last
        moment, where that is later); the status `new` takes an earlier one back."""
        stored = self.get(uid)
        alert = stored.alert
        whole = str(alert["uid"])
        now = int(time.time())
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("UPDATE alert SET status = ?, seen_rank = rank WHERE uid = ?", (status, whole))
        self._db.execute("INSERT INTO note VALUES (?, ?, ?, ?, ?)", (whole, now, status, text[:4000], who[:200]))
        if status == "new":
            self._db.execute("DELETE FROM verdict WHERE uid = ?", (whole,))
        if verdict:
            until = min(max(now * 1_000_000_000, int(alert["last_seen"])) + seconds * 1_000_000_000, 2**63 - 1)
            self._db.execute("INSERT INTO note VALUES (?, ?, ?, ?, ?)", (whole, now, verdict, text[:4000], who[:200]))
            self._db.execute(
                "INSERT OR REPLACE INTO verdict VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    whole, verdict, orjson.dumps(alert["detectors"]), RANK[alert["severity"]], int(alert["first_seen"]), until, now, who[:200], text[:200],
                ),
            )  # fmt: skip
        self._db.execute("COMMIT")
        self._told = -1
        return self.get(whole)

    def verdicts(self) -> tuple[Verdict, ...]:
        """What people said that the next findings are to be judged by, oldest first; read anew when another process wrote to the store."""
        try:
            version = int(self._db.execute("PRAGMA data_version").fetchone()[0])
            if version != self._told:
                rows = self._db.execute(f"SELECT * FROM (SELECT * FROM verdict ORDER BY at DESC, uid LIMIT {_VERDICTS}) ORDER BY at, uid")
                self._verdicts = tuple(
                    Verdict(uid, verdict, tuple(orjson.loads(detectors)), rank, since, until, at, who, note)
                    for uid, verdict, detectors, rank, since, until, at, who, note in rows
                )
                self._told = version
        except sqlite3.Error as fault:
            self._error = str(fault)
        return self._verdicts
