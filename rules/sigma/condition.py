"""Conditions: `selection and not 1 of filter_*`, as trees of And, Or, Not over atoms.

An expression is an `Atom` index wrapped in `Is`, or And/Or/Not of expressions. Trees are built once when rules are loaded.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from rules.faults import did_you_mean

_DEPTH = 64
"""Parentheses and nots inside one another: far more than a person writes, and far below what recursion bears."""


@dataclass(frozen=True, slots=True)
class Is:
    """The atom of this index holds."""

    atom: int


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Expression


Expression: TypeAlias = Is | And | Or | Not

_TOKEN = re.compile(r"\s*(\(|\)|[^\s()]+)")


class ConditionError(ValueError):
    """A condition that cannot be read, in a sentence."""


def read_condition(text: str, selections: Mapping[str, Expression]) -> Expression:
    """The tree for a condition over named selections. Raises ConditionError with what would be right."""
    tokens = _TOKEN.findall(text)
    if not tokens:
        raise ConditionError("the condition is empty; name a selection")
    reader = _Reader(tokens, selections)
    tree = reader.either(0)
    if reader.at < len(tokens):
        raise ConditionError(f"the condition should end before '{tokens[reader.at]}'")
    return tree


class _Reader:
    def __init__(self, tokens: list[str], selections: Mapping[str, Expression]) -> None:
        self.tokens = tokens
        self.selections = selections
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at].lower() if self.at < len(self.tokens) else ""

    def either(self, depth: int) -> Expression:
        parts = [self.both(depth)]
        while self.peek() == "or":
            self.at += 1
            parts.append(self.both(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def both(self, depth: int) -> Expression:
        parts = [self.one(depth)]
        while self.peek() == "and":
            self.at += 1
            parts.append(self.one(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def one(self, depth: int) -> Expression:
        if depth > _DEPTH:
            raise ConditionError("the condition is nested too deep")
        word = self.peek()
        if not word:
            raise ConditionError("the condition ends where a selection should stand")
        token = self.tokens[self.at]
        self.at += 1
        if word == "not":
            return Not(self.one(depth + 1))
        if token == "(":
            tree = self.either(depth + 1)
            if self.peek() != ")":
                raise ConditionError("a '(' without its ')'")
            self.at += 1
            return tree
        if word in ("1", "any", "all") and self.peek() == "of":
            self.at += 1
            return self.quantified(word)
        if token == ")" or word in ("and", "or", "of"):
            raise ConditionError(f"a selection should stand where '{token}' stands")
        if token not in self.selections:
            hint = did_you_mean(token, self.selections)
            raise ConditionError(f"no selection is called '{token}'{hint}")
        return self.selections[token]

    def quantified(self, quantity: str) -> Expression:
        if self.at >= len(self.tokens):
            raise ConditionError(f"'{quantity} of' needs a selection's name or 'them'")
        pattern = self.tokens[self.at]
        self.at += 1
        if pattern.lower() == "them":
            chosen = [name for name in self.selections if not name.startswith("_")]
        else:
            chosen = [name for name in self.selections if fnmatch.fnmatchcase(name, pattern)]
        if not chosen:
            raise ConditionError(f"no selection matches '{pattern}'{did_you_mean(pattern.rstrip('*'), self.selections)}")
        parts = tuple(self.selections[name] for name in chosen)
        if len(parts) == 1:
            return parts[0]
        return And(parts) if quantity == "all" else Or(parts)
