"""SQLite files of ours: whatever SQLite says of one is said of it by name, as the operator's to put right or as a disk that takes nothing more."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sensor.errors import CannotWrite, SensorError, reason

_REFUSED = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


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
