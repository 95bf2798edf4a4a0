"""Readers look at single values: SQL, script, shell. `looks_like` in a rule asks for one of them by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rules import unfold
from rules.sql import SqlReader


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader's name, its bit in a verdict, and what it finds, for a person."""

    name: str
    bit: int
    what: str


READERS = {
    reader.name: reader
    for reader in (
        Reader("sql", 1, "SQL that would change a statement"),
        Reader("script", 2, "script that a browser would run"),
        Reader("shell", 4, "a command that a shell would run"),
    )
}

_sql = SqlReader()


def looks_like_sql(text: bytes) -> bool:
    """Whether a decoded value holds SQL that would change a statement it is put into."""
    data = bytearray(text)
    return bool(_sql.injected(data, 0, len(data)))


_NEEDS = {
    "sql": unfold.QUOTES | unfold.PARENTHESES | unfold.ANGLES | unfold.SEPARATORS | unfold.COMPARES | unfold.WORDY,
    "script": unfold.QUOTES | unfold.PARENTHESES | unfold.ANGLES | unfold.COMPARES,
    "shell": unfold.SEPARATORS | unfold.EXPANSIONS | unfold.PROGRAM | unfold.WORDY | unfold.BACKTICK | unfold.ANGLES | unfold.PARENTHESES,
}


def read_values(arena: Any, values: npt.NDArray[np.int64], wanted: int) -> npt.NDArray[np.uint8]:
    """For each value of the table, the bits of the readers (of those wanted) that found something in it."""
    verdicts = np.zeros(len(values), np.uint8)
    view = memoryview(arena)
    sql, script, shell = (_NEEDS[name] if wanted & READERS[name].bit else 0 for name in ("sql", "script", "shell"))
    chosen = np.flatnonzero(values[:, 4] & (sql | script | shell)).tolist()
    if not chosen:
        return verdicts
    # Compiling their patterns takes a hundredth of a second: not before there is a value to read.
    from rules.script import runs
    from rules.shell import commands

    for i in chosen:
        start, end, _, _, signs = values[i].tolist()
        verdict = 0
        if signs & sql and _sql.injected(arena, start, end):
            verdict = 1
        if signs & (script | shell):
            text = bytes(view[start:end])
            if signs & script and runs(text):
                verdict |= 2
            if signs & shell and commands(text):
                verdict |= 4
        if verdict:
            verdicts[i] = verdict
    return verdicts
