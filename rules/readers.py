"""Readers look at single values: SQL, script, shell. `looks_like` in a rule asks for one of them by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rules import unfold
from rules.script import runs
from rules.shell import commands
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


_TESTS: dict[int, Callable[[bytes], bool]] = {2: runs, 4: commands}

# A path is no place for a shell's blanks, and slashes and dots in it are its own.
_SKIPPED = {unfold.HEADER: 0}


def read_values(arena: Any, values: npt.NDArray[np.int64], wanted: int) -> npt.NDArray[np.uint8]:
    """For each value of the table, the bits of the readers (of those wanted) that found something in it."""
    verdicts = np.zeros(len(values), np.uint8)
    view = memoryview(arena)
    reader = SqlReader()
    for i, (start, end, _, _place) in enumerate(values.tolist()):
        verdict = 0
        if wanted & 1 and reader.injected(arena, start, end):
            verdict = 1
        if wanted & 6:
            text = bytes(view[start:end])
            if wanted & 2 and runs(text):
                verdict |= 2
            if wanted & 4 and commands(text):
                verdict |= 4
        if verdict:
            verdicts[i] = verdict
    return verdicts
