"""What the columns of words and numbers say of calls: each distinct value is compared once, and calls that compare alike are one class.

Methods, statuses, media types and the like take few values, so a batch of thousands of calls falls into a dozen classes. A condition is worked out for each
class, once in a run, not for each call. Values that hold nothing a rule asks for are remembered (`rules.texts.Seen` for long dictionaries).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rules import columns
from rules.sigma.fields import Kind, Part
from rules.sigma.modifiers import Atom
from rules.texts import Seen

Held: TypeAlias = frozenset[int]
"""Numbers of the atoms that hold."""
Codes: TypeAlias = npt.NDArray[np.int64]
Compare: TypeAlias = Callable[[int, bytes], bool]
"""Whether an atom, by its number, holds on a text, exactly."""
Search: TypeAlias = Callable[[Sequence[int], Sequence[bytes]], Iterable[tuple[int, int]]]
"""(atom, text) numbers that may hold: at least all that do."""

NOTHING: Held = frozenset()

_LARGEST_TABLE = 4096
_LONG_DICTIONARY = 256
"""Entries from which on a dictionary's values are remembered by their octets, not as Python texts."""
_FEW_BEGINNINGS = 4
_COMPARISONS = ("eq", "gt", "gte", "lt", "lte")


def about_columns(atom: Atom) -> bool:
    """Whether an atom is about a column of words or numbers, or about a column's being null: what this module compares."""
    part = atom.field.part
    if atom.op == "exists":
        return part not in (Part.HEADER, Part.RESPONSE_HEADER)
    return part in (Part.WORD, Part.LIST, Part.NUMBER)


class _Column:
    """One column's atoms; sets of them that hold are numbered as they come up."""

    def __init__(self, name: str, atoms: Mapping[int, Atom]) -> None:
        self.name = name
        self.atoms = dict(atoms)
        self.sets: list[Held] = []
        self.numbers: dict[Held, int] = {}
        self.null = self.number(frozenset(i for i, atom in self.atoms.items() if atom.op == "exists" and not atom.number))
        """What holds on a row without a value."""
        self.there = self.number(frozenset(i for i, atom in self.atoms.items() if atom.op == "exists" and atom.number))
        """What holds because there is a value."""

    def number(self, held: Held) -> int:
        found = self.numbers.get(held)
        if found is None:
            found = self.numbers[held] = len(self.sets)
            self.sets.append(held)
        return found

    def read(self, table: columns.Table) -> Codes | int:
        """For each row the number of the set that holds; one number where all rows are alike."""
        raise NotImplementedError


class _Presence(_Column):
    """A column of which it is only asked whether it is null."""

    def read(self, table: columns.Table) -> Codes | int:
        if self.name not in table:
            return self.null
        column = table.column(self.name)
        if not column.null_count:
            return self.there
        if column.null_count == len(column):
            return self.null
        return np.where(table.valid(self.name), self.there, self.null)


class _Numbers(_Column):
    def __init__(self, name: str, atoms: Mapping[int, Atom], compare: Compare) -> None:
        super().__init__(name, atoms)
        self.compare = compare
        points = [atom.number for atom in atoms.values() if atom.op in _COMPARISONS]
        plain = all(atom.op in (*_COMPARISONS, "exists") for atom in atoms.values())
        self.least = min(points, default=0.0)
        self.table: Codes | None = None
        if plain and all(0 <= point <= _LARGEST_TABLE for point in points):
            # One entry for each value up to past the largest that is asked for; everything below 0 is alike, and so is everything above.
            self.top = int(max(points, default=0)) + 1
            self.table = np.empty(self.top + 2, np.int64)
            # What holds changes at a value that is asked for, and after it.
            turns = sorted({-1, *(turn for point in points for turn in (math.ceil(point), math.floor(point) + 1)), self.top + 1})
            for value, after in pairwise(turns):
                self.table[value + 1 : after + 1] = self.number(self._held(value))
        self.plain = plain

    def _held(self, value: int) -> Held:
        return frozenset(i for i, atom in self.atoms.items() if number_holds(atom, value, lambda text, i=i: self.compare(i, text)))  # type: ignore[misc]

    def read(self, table: columns.Table) -> Codes | int:
        if self.name not in table:
            return self.null
        column = table.column(self.name)
        if column.null_count == len(column):
            return self.null
        values = columns.integers(column)
        if self.table is not None:
            codes: Codes = self.table[np.minimum(np.maximum(values, -1), self.top) + 1]
        elif self.plain and not column.null_count and int(values.max()) < self.least:
            return self.number(self._held(int(values.max())))
        else:
            distinct, inverse = np.unique(values, return_inverse=True)
            codes = np.array([self.number(self._held(value)) for value in distinct.tolist()], np.int64)[inverse]
        if column.null_count:
            codes = np.where(table.valid(self.name), codes, self.null)
        return codes


def number_holds(atom: Atom, value: int, compare: Callable[[bytes], bool]) -> bool:
    """Whether an atom holds on a number; `compare` says so of the number as text."""
    if atom.op == "exists":
        return bool(atom.number)
    if atom.op == "eq":
        return value == atom.number
    if atom.op == "gt":
        return value > atom.number
    if atom.op == "gte":
        return value >= atom.number
    if atom.op == "lt":
        return value < atom.number
    if atom.op == "lte":
        return value <= atom.number
    return compare(b"%d" % value)


class _Words(_Column):
    def __init__(self, name: str, atoms: Mapping[int, Atom], compare: Compare, search: Search) -> None:
        super().__init__(name, atoms)
        self.compare = compare
        self.search = search
        self.known: dict[str | None, int] = {}
        self.seen: Seen | None = None
        self.empty = 0
        self.equal: dict[bytes, list[int]] = {}
        self.sought: list[int] = []
        self.slow: list[int] = []
        for i, atom in atoms.items():
            if atom.op == "exists":
                continue
            if atom.op == "equals" and not atom.cased:
                self.equal.setdefault(atom.text, []).append(i)
            elif atom.op == "cidr" or (atom.op != "regex" and not atom.text):
                self.slow.append(i)
            else:
                self.sought.append(i)
        asked = [atom for atom in atoms.values() if atom.op != "exists"]
        texts = {atom.text.lower() for atom in asked if atom.op in ("startswith", "equals") and atom.text}
        plain = all(atom.op in ("startswith", "equals") and atom.text for atom in asked)
        self.begin = sorted(texts) if plain and len(texts) <= _FEW_BEGINNINGS else None
        """What words begin with on which anything holds, in lower case; None where that is not all that is asked, or too much to try one by one."""

    def judge(self, values: Sequence[bytes]) -> list[int]:
        """The number of the set that holds on each value."""
        there = self.sets[self.there]
        found: list[set[int]] = [set(there) for _ in values]
        for k, value in enumerate(values):
            found[k].update(self.equal.get(value.lower(), ()))
        if self.sought:
            for i, k in self.search(self.sought, values):
                if self.compare(i, values[k]):
                    found[k].add(i)
        for i in self.slow:
            atom = self.atoms[i]
            for k, value in enumerate(values):
                if _in_network(value, atom.text) if atom.op == "cidr" else self.compare(i, value):
                    found[k].add(i)
        return [self.number(frozenset(held)) for held in found]

    def read(self, table: columns.Table) -> Codes | int:
        if self.name not in table:
            return self.null
        column = table.column(self.name)
        nulls = column.null_count
        if nulls == len(column):
            return self.null
        of_word = self._of_words(column.dictionary if isinstance(column, pa.DictionaryArray) else table.words(self.name)[0])
        if isinstance(of_word, int):
            if not nulls or of_word == self.null:
                return of_word
            return np.where(table.words(self.name)[1] < 0, self.null, of_word)
        return np.append(of_word, self.null)[table.words(self.name)[1]]

    def _of_words(self, dictionary: pa.Array) -> Codes | int:
        """The number of the set that holds on each word; one number where all are alike."""
        if len(dictionary) < _LONG_DICTIONARY:
            words = dictionary.to_pylist()
            try:
                numbers = [self.known[word] for word in words]
            except KeyError:
                numbers = self._learn(words)
            return numbers[0] if len(set(numbers)) == 1 else np.array(numbers, np.int64)
        # A long dictionary holds credentials or addresses, of which next to none hold anything.
        if self.seen is None:
            self.seen = Seen()
            self.empty = self.judge([b""])[0]
        data, starts, ends = columns.spans(dictionary)
        if self.begin is None:
            new_words = np.flatnonzero(self.seen.fresh(data, starts, ends))
        else:
            # All that is asked for is how a word begins: that is seen from its first octets.
            parts = [columns.beginning(data, starts, ends, text) for text in self.begin]
            new_words = np.unique(np.concatenate(parts)) if len(parts) != 1 else parts[0]
        found = self.judge([data[starts[k] : ends[k]].tobytes() for k in new_words.tolist()])
        if self.empty == self.there and found.count(self.there) == len(found):
            if found and self.begin is None:
                self.seen.keep(new_words)
            return self.there
        codes = np.full(len(dictionary), self.there, np.int64)
        codes[ends <= starts] = self.empty
        codes[new_words] = found
        if self.begin is None:
            self.seen.keep(new_words[codes[new_words] == self.there])
        return codes

    def _learn(self, words: Sequence[str]) -> list[int]:
        """The numbers of words of which some are not known yet."""
        if len(self.known) > _LARGEST_TABLE:
            self.known.clear()
        new = [word for word in words if word not in self.known]
        self.known.update(zip(new, self.judge([_octets(word) for word in new]), strict=True))
        return [self.known[word] for word in words]


class _User(_Words):
    """User names of Basic authentication; 'anonymous' where a call carries no credentials at all."""

    def read(self, table: columns.Table) -> Codes | int:
        dictionary, indices = table.words("authorization")
        users = [*map(_user, dictionary.to_pylist()), b"anonymous", b""]
        bare = np.ones(table.count, np.bool_)
        for credential in ("authorization", "cookie", "api_key"):
            bare &= ~table.valid(credential)
        indices = np.where(indices >= 0, indices, np.where(bare, len(users) - 2, len(users) - 1))
        return np.array(self.judge(users), np.int64)[indices]


class _Weird(_Words):
    """A list of words on each row: what holds on any of them."""

    def read(self, table: columns.Table) -> Codes | int:
        column = table.column(self.name)
        # Seen before anything is made of it: most batches have none.
        offsets = column.offsets
        if offsets[0].as_py() == offsets[-1].as_py():
            return self.there
        words = column.flatten()
        dictionary, indices = columns.words(words)
        numbers = self._of_words(dictionary)
        held = [self.sets[number] for number in ([numbers] * len(dictionary) if isinstance(numbers, int) else numbers.tolist())]
        codes = np.full(table.count, self.there, np.int64)
        lengths = np.asarray(column.value_lengths().fill_null(0))
        rows = np.repeat(np.arange(table.count), lengths)
        on: dict[int, Held] = {}
        for row, word in zip(rows.tolist(), indices.tolist(), strict=True):
            if word >= 0 and held[word]:
                on[row] = on.get(row, NOTHING) | held[word]
        for row, atoms in on.items():
            codes[row] = self.number(atoms | self.sets[self.there])
        return codes


class Facts:
    """The atoms about columns, read batch after batch."""

    def __init__(self, atoms: Mapping[int, Atom], compare: Compare, search: Search) -> None:
        by_column: dict[str, dict[int, Atom]] = {}
        for i, atom in atoms.items():
            by_column.setdefault(_column_of(atom), {})[i] = atom
        self.columns: list[_Column] = []
        for name, of_column in sorted(by_column.items()):
            if all(atom.op == "exists" for atom in of_column.values()):
                self.columns.append(_Presence(name, of_column))
            elif any(atom.field.kind is Kind.NUMBER for atom in of_column.values()):
                self.columns.append(_Numbers(name, of_column, compare))
            elif name == "user":
                self.columns.append(_User(name, of_column, compare, search))
            elif name == "weird":
                self.columns.append(_Weird(name, of_column, compare, search))
            else:
                self.columns.append(_Words(name, of_column, compare, search))

    def classes(self, table: columns.Table) -> tuple[Codes | None, list[tuple[int, ...]]]:
        """Each row's class, and each class as the numbers of the sets that hold, one a column; (None, [class]) when all rows are one."""
        read = [column.read(table) for column in self.columns]
        varied = [(at, codes) for at, codes in enumerate(read) if not isinstance(codes, int)]
        if not varied:
            return None, [tuple(codes for codes in read if isinstance(codes, int))]
        combined = varied[0][1].copy()
        radix = len(self.columns[varied[0][0]].sets)
        for at, codes in varied[1:]:
            combined *= len(self.columns[at].sets)
            combined += codes
            radix *= len(self.columns[at].sets)
            if radix > 1 << 40:
                # Numbers that came up only stand for themselves: keep them small.
                return self._by_rows(read, table.count)
        if radix <= 1 << 16:
            present = np.flatnonzero(np.bincount(combined, minlength=radix))
            place = np.zeros(radix, np.int64)
            place[present] = np.arange(len(present))
            classes = place[combined]
        else:
            present, classes = np.unique(combined, return_inverse=True)
        made = []
        for number in present.tolist():
            rest = number
            chosen: dict[int, int] = {}
            for at, _ in reversed(varied):
                rest, chosen[at] = divmod(rest, len(self.columns[at].sets))
            made.append(tuple(chosen.get(at, codes) for at, codes in enumerate(read)))
        return classes, made  # type: ignore[return-value]

    def _by_rows(self, read: list[Codes | int], count: int) -> tuple[Codes, list[tuple[int, ...]]]:
        table = np.stack([np.full(count, codes, np.int64) if isinstance(codes, int) else codes for codes in read], axis=1)
        present, classes = np.unique(table, axis=0, return_inverse=True)
        return classes.reshape(-1), [tuple(row) for row in present.tolist()]

    def held(self, numbers: tuple[int, ...]) -> Held:
        """The atoms that hold in a class."""
        return frozenset().union(*(column.sets[number] for column, number in zip(self.columns, numbers, strict=True)))


def _column_of(atom: Atom) -> str:
    if atom.op == "exists":
        if atom.field.name in ("query", "target"):
            # Sigma writes `cs-uri-query: null` for a request without a query.
            return "query"
        if atom.field.name == "user":
            return "authorization"
    return atom.field.detail


def _octets(word: str | None) -> bytes:
    return (word or "").encode("utf-8", "surrogateescape")


def _user(authorization: str | None) -> bytes:
    if authorization and authorization[:6].lower() == "basic ":
        try:
            return base64.b64decode(authorization[6:].strip() + "==", validate=False).split(b":", 1)[0]
        except (ValueError, binascii.Error):
            return b""
    return b""


def _in_network(value: bytes, network: bytes) -> bool:
    try:
        return ipaddress.ip_address(value.decode()) in ipaddress.ip_network(network.decode())
    except ValueError:
        return False
