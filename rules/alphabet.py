"""What a pattern can be made of: whether it may match within a set of octets, and whether it may reach across a line feed.

Most patterns need a quote, a bracket or a dollar somewhere. Told beforehand, they need not be looked for in texts that have none. A pattern that cannot be
read here counts as one that may match anything.
"""

from __future__ import annotations

import re
import re._constants as kinds
import re._parser as grammar
import sys
import warnings
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from rules.databases import worked_out

ANY = frozenset(range(256))
_DIGITS = frozenset(b"0123456789")
_BLANKS = frozenset(b" \t\n\r\f\v")
_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") | _DIGITS
_CATEGORIES = {
    kinds.CATEGORY_DIGIT: _DIGITS,
    kinds.CATEGORY_NOT_DIGIT: ANY - _DIGITS,
    kinds.CATEGORY_SPACE: _BLANKS,
    kinds.CATEGORY_NOT_SPACE: ANY - _BLANKS,
    kinds.CATEGORY_WORD: _LETTERS,
    kinds.CATEGORY_NOT_WORD: ANY - _LETTERS,
}
_REPEATS = (kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT)
_NOTHING = (kinds.AT, kinds.ASSERT, kinds.ASSERT_NOT)


class _UnreadError(ValueError):
    """A part of a pattern that this module does not know."""


@lru_cache(maxsize=4096)
def _tree(pattern: bytes) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return grammar.parse(pattern)


def _octets(op: Any, value: Any) -> frozenset[int] | None:
    """The octets that one place of a pattern takes, without regard to case; None for what is no single place."""
    if op is kinds.LITERAL:
        return frozenset((value, *bytes([value]).swapcase())) if value < 256 else frozenset()
    if op is kinds.NOT_LITERAL:
        return ANY - {value}
    if op is kinds.ANY:
        return ANY
    if op is not kinds.IN:
        return None
    inverted = value[0][0] is kinds.NEGATE
    found: set[int] = set()
    for kind, item in value[1:] if inverted else value:
        if kind is kinds.RANGE:
            found.update(range(item[0], item[1] + 1))
        elif kind is kinds.CATEGORY:
            found |= _CATEGORIES[item]
        else:
            found.add(item)
    # Case only widens what is taken: an inverted class is left as it stands.
    return ANY - found if inverted else frozenset(found) | frozenset(bytes(found).swapcase())


def _within(tree: Iterable[Any], alphabet: frozenset[int]) -> bool:
    for op, value in tree:
        taken = _octets(op, value)
        if taken is not None:
            possible = bool(taken & alphabet)
        elif op is kinds.BRANCH:
            possible = any(_within(part, alphabet) for part in value[1])
        elif op is kinds.SUBPATTERN:
            possible = _within(value[3], alphabet)
        elif op in _REPEATS:
            possible = value[0] == 0 or _within(value[2], alphabet)
        elif op in _NOTHING:
            possible = True
        else:
            raise _UnreadError(str(op))
        if not possible:
            return False
    return True


def _takes(tree: Iterable[Any], octet: int) -> bool:
    """Whether some place of a pattern may take this octet."""
    for op, value in tree:
        taken = _octets(op, value)
        if taken is not None:
            possible = octet in taken
        elif op is kinds.BRANCH:
            possible = any(_takes(part, octet) for part in value[1])
        elif op is kinds.SUBPATTERN:
            possible = _takes(value[3], octet)
        elif op in _REPEATS:
            possible = _takes(value[2], octet)
        elif op in _NOTHING:
            possible = False
        else:
            raise _UnreadError(str(op))
        if possible:
            return True
    return False


def _inside(tree: Sequence[Any], octet: int) -> bool:
    """Whether a match may hold this octet anywhere but as its last one."""
    parts = list(tree)
    while parts and parts[-1][0] in _NOTHING:
        parts.pop()
    if not parts:
        return False
    if _takes(parts[:-1], octet):
        return True
    op, value = parts[-1]
    if _octets(op, value) is not None:
        return False
    if op is kinds.BRANCH:
        return any(_inside(part, octet) for part in value[1])
    if op is kinds.SUBPATTERN:
        return _inside(value[3], octet)
    return _takes([parts[-1]], octet)


def levels_needed(patterns: Sequence[bytes], levels: Sequence[frozenset[int]]) -> bytes:
    """For each pattern the number of the first alphabet that it may match a text of, each alphabet holding the ones before; their count where it may of
    none. Kept in the cache beside the databases."""

    def work() -> bytes:
        return bytes(next((k for k, alphabet in enumerate(levels) if matches_within(pattern, alphabet)), len(levels)) for pattern in patterns)

    # Python's own parser of patterns is part of the answer.
    about = [Path(__file__).read_bytes(), sys.version.encode(), *(bytes(sorted(alphabet)) for alphabet in levels), b"", *patterns]
    found = worked_out(about, work)
    return found if len(found) == len(patterns) else work()


def matches_within(pattern: bytes, alphabet: frozenset[int]) -> bool:
    """Whether a pattern (with or without regard to case) may match a text made of these octets only."""
    try:
        return _within(_tree(pattern), alphabet)
    except (re.error, _UnreadError, OverflowError, RecursionError, KeyError):
        return True


def holds_inside(pattern: bytes, octet: int) -> bool:
    """Whether a match of a pattern may hold this octet before its end."""
    try:
        return _inside(_tree(pattern), octet)
    except (re.error, _UnreadError, OverflowError, RecursionError, KeyError):
        return True

