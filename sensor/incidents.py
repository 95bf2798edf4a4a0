"""Open incidents on disk, so that they outlive the sensor: the same alert goes on under the same uid after a restart, kill -9 included.

One SQLite file (`incidents.sqlite` in the state directory), one transaction a batch that told something. What is written here is written *before* the
sinks are given the alert: after a kill in between, `Alerts.resume` tells it again under the next revision, so that an alert may come twice but is never
forgotten. One process at a time has it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from sensor.database import lock, ours, using
from sensor.errors import SensorError, reason, refusal

FILE = "incidents.sqlite"
VERSION = 1


class IncidentFile:
    """The incidents kept in the directory `state`. Raises SensorError where it cannot be used, or another process has it."""

    def __init__(self, state: Path) -> None:
        self.path = path = state / FILE
        try:
            state.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as fault:
            raise refusal(fault)(f"{path}: open incidents cannot be kept there ({reason(fault)}); give a directory of yours with --state") from fault
        self._lock = lock(path, "open incidents")
        try:
            with using(path, "open incidents cannot be kept there"):
                self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
                version = ours(path, self._db, "incident", "open incidents")
                if version > VERSION:
                    raise SensorError(f"{path}: made by a newer api-sensor (version {version}, this one knows {VERSION})")
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")
                self._db.executescript(
                    "CREATE TABLE IF NOT EXISTS incident (uid TEXT PRIMARY KEY, line BLOB NOT NULL) WITHOUT ROWID;"
                    "CREATE TABLE IF NOT EXISTS run (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
                    f"PRAGMA user_version = {VERSION};"
                )
                row = self._db.execute("SELECT value FROM run WHERE name = 'ended_in_order'").fetchone()
                self._in_order = row is None or bool(row[0])
                self._db.execute("INSERT OR REPLACE INTO run VALUES ('ended_in_order', 0)")
        except SensorError:
            os.close(self._lock)
            raise
        self.error = ""
        """Why something could not be kept; empty when all was."""

    def load(self) -> tuple[list[bytes], bool]:
        """What was kept, and whether the last run ended in order."""
        return [line if isinstance(line, bytes) else str(line).encode() for (line,) in self._db.execute("SELECT line FROM incident ORDER BY uid")], self._in_order

    def save(self, changed: Mapping[str, bytes], gone: Iterable[str]) -> None:
        """Keep these by uid, forget those: all of it or nothing. A full disk costs what a restart would know, and no alert."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR REPLACE INTO incident VALUES (?, ?)", changed.items())
            self._db.executemany("DELETE FROM incident WHERE uid = ?", [(uid,) for uid in gone])
            self._db.execute("COMMIT")
        except sqlite3.Error as fault:
            self.error = f"{self.path}: {fault}"
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def close(self) -> None:
        """The run ends in order."""
        try:
            self._db.execute("INSERT OR REPLACE INTO run VALUES ('ended_in_order', 1)")
        except sqlite3.Error as fault:
            self.error = f"{self.path}: {fault}"
        self._db.close()
        os.close(self._lock)
