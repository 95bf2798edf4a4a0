"""SQLite files of ours: whatever SQLite says of one is said of it by name, as the operator's to put right or as a disk that takes nothing more."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sensor.errors import CannotWrite, SensorError, reason, refusal

_REFUSED = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def connect(path: Path, write: bool = True) -> sqlite3.Connection:
    """The file at `path`. Without `write` one that this user may only read is read; then nothing is made, and what is asked to be written is refused."""
    if write or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
    place = path.absolute().as_uri()
    try:
        db = sqlite3.connect(f"{place}?mode=ro", uri=True, isolation_level=None, timeout=10, check_same_thread=False)
        db.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise
        # The files beside it, by which readers and writers agree, cannot be made here; nobody writes to it, so there is nothing to agree on.
        db = sqlite3.connect(f"{place}?immutable=1", uri=True, isolation_level=None, timeout=10, check_same_thread=False)
    return db


def lock(path: Path, what: str) -> int:
    """Have the file at `path` for this run alone, until the descriptor that comes back is closed. Raises SensorError where another run has it."""
    try:
        held = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as fault:
        raise refusal(fault)(f"{path}: {what} cannot be kept there ({reason(fault)})") from fault
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        os.close(held)
        raise SensorError(f"{path}: another run goes on with {what} now") from fault
    return held


def ours(path: Path, db: sqlite3.Connection, table: str, what: str) -> int:
    """The version of a database of ours; 0 for a new one. Raises SensorError for one of something else, which is left as it is."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and table not in tables:
        raise SensorError(f"{path}: is a database of something else, not {what}")
    return version


@contextmanager
def using(path: Path, what: str) -> Iterator[None]:
    """What goes wrong with the file at `path` meanwhile is said as `what`: "the map could not be saved"."""
    try:
        yield
    except sqlite3.Error as fault:
        code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
        cure = "; move it away to begin anew" if code in _DAMAGED else ""
        raise (CannotWrite if code in _REFUSED else SensorError)(f"{path}: {what}: {fault}{cure}") from fault
    except BrokenPipeError:  # what is printed meanwhile is no business of this file
        raise
    except OSError as fault:
        raise SensorError(f"{path}: {what}: {reason(fault)}") from fault
