"""Which calls of a batch each rule matches: many patterns at once over columns, exact comparisons where a pattern hit.

Three steps. The client's input is decoded into one arena (`rules.unfold`). Hyperscan runs every literal and regular expression of every rule
over the arena, the raw heads and bodies and the dictionaries of the word columns: once over each, whatever the number of rules. Only
(comparison, row) pairs that were hit are then compared exactly, and conditions are computed on whole columns of truth values; a
condition none of whose comparisons was hit costs nothing.

Regular expressions are matched by Hyperscan alone, also in the exact step, so hostile input cannot make one take more than linear time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from typing import Any, TypeAlias

import hyperscan
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from parsers.tags import heads
from rules import columns
from rules.alphabet import holds_inside, levels_needed
from rules.databases import database
from rules.facts import Facts, Held, about_columns, number_holds
from rules.faults import Fault, RuleError
from rules.inputs import Row
from rules.readers import READERS, read_values
from rules.sigma.condition import And, Expression, Is, Not, Or
from rules.sigma.fields import Part
from rules.sigma.modifiers import Atom
from rules.sigma.rule import Rule
from rules.texts import Seen, Shelf
from rules.unfold import LEVELS, URL, URL_RAW, Unfolder, levels

Rows: TypeAlias = npt.NDArray[np.bool_]
Truth: TypeAlias = bool | Rows

HITS_A_ROW = 64
"""Pattern hits a scan may report for each row on average. Past it the rest is scanned row by row, each pattern once: a flood of
one literal costs microseconds a row, not a callback an octet."""

HEADS_KEPT = 1 << 15
"""Header blocks that are remembered as holding nothing: those of some ten thousand clients."""
ANSWERS_KEPT = 1 << 15
"""Response bodies that are remembered as holding nothing: the lists and pages that a service sends again and again."""
SHORT_ANSWER = 512
"""Octets below which a response body is searched as quickly as it is looked up."""
MOST_CLASSES = 4096
"""Classes of calls whose conditions are kept worked out."""

_CASELESS, _DOTALL = hyperscan.HS_FLAG_CASELESS, hyperscan.HS_FLAG_DOTALL
_SINGLE = hyperscan.HS_FLAG_SINGLEMATCH

_TOLD = ("ts", "uid", "client_ip", "method", "host", "path", "template", "principal", "pcap_file", "packet")
_INPUT_PARTS = (Part.URL, Part.INPUT, Part.ANYWHERE)


def _literal(text: bytes) -> bytes:
    return b"".join(b"\\x%02x" % octet for octet in text)


class Patterns:
    """A set of patterns that is scanned over a run of octets; hits come back as (pattern, end) pairs."""

    def __init__(self, patterns: Sequence[tuple[bytes, int]]) -> None:
        self.patterns = list(patterns)
        self._all: Any = None
        self._single: Any = None

    def __len__(self) -> int:
        return len(self.patterns)

    def _database(self, extra: int) -> Any:
        return database([(pattern, flags | extra) for pattern, flags in self.patterns])

    def rows(
        self,
        data: Any,
        starts: npt.NDArray[np.int64],
        ends: npt.NDArray[np.int64],
        floors: npt.NDArray[np.int64] | None = None,
        classes: npt.NDArray[np.int64] | None = None,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Distinct (pattern, row) pairs for the ascending rows data[starts[i]:ends[i]]; a hit across rows is given to one of them.
        Hits of a pattern that end at or before a row's floor for the pattern's class (floors[class, row]) do not count."""
        if not self.patterns or not len(starts) or starts[0] == ends[-1]:
            none = np.zeros(0, np.int64)
            return none, none
        if self._all is None:
            self._all = self._database(0)
        base, stop = int(starts[0]), int(ends[-1])
        ids: list[int] = []
        tos: list[int] = []
        most = HITS_A_ROW * len(starts) + 4096

        def note(identity: int, _start: int, to: int, _flags: int, _context: Any) -> bool | None:
            ids.append(identity)
            tos.append(to)
            return True if len(ids) >= most else None

        view = memoryview(data)[base:stop]
        with suppress(hyperscan.ScanTerminated):
            self._all.scan(view, match_event_handler=note)
        if not ids:
            none = np.zeros(0, np.int64)
            return none, none
        at = np.array(tos, np.int64) + base
        found = np.searchsorted(starts, at - 1, side="right") - 1
        identities = np.array(ids, np.int64)
        last = int(found[-1]) if len(found) else 0
        if floors is not None and classes is not None and len(found):
            above = at > floors[classes[identities], np.maximum(found, 0)]
            identities, found = identities[above], found[above]
        if len(ids) >= most:
            more_ids, more_rows = self._one_by_one(data, starts, ends, last)
            identities, found = np.concatenate([identities, more_ids]), np.concatenate([found, more_rows])
        pairs = np.unique(identities * len(starts) + np.maximum(found, 0))
        return pairs // len(starts), pairs % len(starts)

    def _one_by_one(
        self, data: Any, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], first: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        ids: list[int] = []
        rows: list[int] = []
        view = memoryview(data)
        for row in range(first, len(starts)):
            if ends[row] > starts[row]:
                found = self.within(view[int(starts[row]) : int(ends[row])])
                ids.extend(found)
                rows.extend([row] * len(found))
        return np.array(ids, np.int64), np.array(rows, np.int64)

    def within(self, text: Any) -> list[int]:
        """Which patterns stand in one text, each at most once."""
        if self._single is None:
            self._single = self._database(_SINGLE)
        found: list[int] = []

        def note(identity: int, _start: int, _to: int, _flags: int, _context: Any) -> None:
            found.append(identity)

        self._single.scan(text, match_event_handler=note)
        return found


class Regex:
    """One regular expression, matched exactly and in linear time; `^` and `$` are the ends of the text."""

    def __init__(self, pattern: bytes, cased: bool) -> None:
        self.pattern = pattern
        self.flags = _DOTALL | (0 if cased else _CASELESS)

    @cached_property
    def _database(self) -> Any:
        return _compiled(self.pattern, self.flags)

    def search(self, text: bytes) -> tuple[int, int] | None:
        """Where the first match to end starts and ends, or None."""
        found: list[tuple[int, int]] = []

        def note(_identity: int, start: int, to: int, _flags: int, _context: Any) -> bool:
            found.append((start, to))
            return True

        with suppress(hyperscan.ScanTerminated):
            self._database.scan(text, match_event_handler=note)
        return found[0] if found else None


def check_regexes(rules: Iterable[Rule]) -> list[Fault]:
    """A fault for every regular expression that cannot be matched in linear time, or that the empty text matches."""
    faults = []
    for rule in rules:
        for atom in rule.atoms:
            if atom.op != "regex":
                continue
            shown = atom.text.decode("utf-8", "replace")
            try:
                _compiled(atom.text, Regex(atom.text, atom.cased).flags)
                pattern, flags = _pattern(atom)
                _compiled(pattern, flags)
            except hyperscan.error as error:
                why = str(error).strip() or "not a regular expression"
                faults.append(Fault(rule.file, rule.line, f"rule '{rule.id}': the regular expression '{shown}' cannot be matched in linear time: {why}"))
    return faults


@lru_cache(maxsize=4096)
def _compiled(pattern: bytes, flags: int) -> Any:
    """One pattern's database; kept, since rule sets are made more than once (for their examples, for instance)."""
    return database([(pattern, flags)])


def unanchored(pattern: bytes, start: bytes = b"", end: bytes = b"") -> bytes:
    """A regular expression with `start` for its ^ and `end` for its $: texts stand side by side, so the first search looks for them anywhere."""
    if b"^" not in pattern and b"$" not in pattern:
        return pattern
    out = bytearray()
    i = 0
    inside = False
    while i < len(pattern):
        octet = pattern[i : i + 1]
        if octet == b"\\":
            out += pattern[i : i + 2]
            i += 2
            continue
        if inside:
            inside = octet != b"]"
        elif octet == b"[":
            inside = True
            # A ] right after [ or [^ is a plain character.
            first = i + 2 if pattern[i + 1 : i + 2] == b"^" else i + 1
            if pattern[first : first + 1] == b"]":
                out += pattern[i : first + 1]
                i = first + 1
                continue
        elif octet == b"^":
            out += start
            i += 1
            continue
        elif octet == b"$":
            out += end
            i += 1
            continue
        out += octet
        i += 1
    return bytes(out)


class _Group:
    """Atoms over text that are looked for on the same calls: all of them, or those for which one of `conditions` about columns holds."""

    def __init__(self, conditions: frozenset[Expression | bool], atoms: Sequence[Atom], chosen: Iterable[int]) -> None:
        self.conditions = conditions
        scanned: dict[str, list[tuple[int, bytes, int]]] = {}
        for i in sorted(chosen):
            for place, pattern, flags in _patterns(atoms[i]):
                scanned.setdefault(place, []).append((i, pattern, flags))
        self.places = tuple(sorted(scanned))
        self.scans = {place: Scan(rows) for place, rows in scanned.items()}

    def wanted(self, held: Held) -> bool:
        """Whether these atoms matter to a call for which these atoms about columns hold."""
        return any(condition is True or (condition is not False and _true(condition, held)) for condition in self.conditions)


class Scan:
    """Patterns and the atoms they stand for."""

    def __init__(self, rows: Iterable[tuple[int, bytes, int]]) -> None:
        kept = list(rows)
        self.rows = kept
        self.patterns = Patterns([(pattern, flags) for _, pattern, flags in kept])
        self.atoms = np.array([i for i, _, _ in kept], np.int64)

    def __len__(self) -> int:
        return len(self.rows)


_NO_SCAN = Scan(())


class Class:
    """What is known of the calls of one class before their texts are looked at."""

    __slots__ = ("base", "groups", "held", "wanted")

    def __init__(self, matcher: Matcher, held: Held) -> None:
        self.held = held
        self.base = tuple(number for number, expression in enumerate(matcher.expressions) if _true(expression, held))
        """Rules that match while no atom over text holds."""
        self.groups = tuple(group.wanted(held) for group in matcher.groups)
        wanted: set[int] = set()
        for number, expression in enumerate(matcher.expressions):
            if matcher.texts_of[number] and _possible(expression, held, matcher.about_columns) == (True, True):
                wanted |= matcher.texts_of[number]
        self.wanted = frozenset(wanted)
        """Atoms over text that may change what matches."""


class Matcher:
    """The detections of many rules, compiled once, applied to batch after batch. Between batches it keeps its buffers, and texts that were found to hold
    nothing: what they change is cost, never a verdict."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = [rule for rule in rules if rule.expression is not None]
        self.atoms: list[Atom] = []
        index: dict[Atom, int] = {}
        self.expressions: list[Expression] = []
        for rule in self.rules:
            parts: list[Expression] = []
            for atom in rule.atoms:
                # That a header is absent is found by looking for it.
                absent = atom.op == "exists" and not atom.number and not about_columns(atom)
                positive = replace(atom, number=1.0) if absent else atom
                if positive not in index:
                    index[positive] = len(self.atoms)
                    self.atoms.append(positive)
                parts.append(Not(Is(index[positive])) if absent else Is(index[positive]))
            assert rule.expression is not None
            self.expressions.append(_renumbered(rule.expression, parts))
        self.regexes = {i: Regex(atom.text, atom.cased) for i, atom in enumerate(self.atoms) if atom.op == "regex"}
        self.about_columns = frozenset(i for i, atom in enumerate(self.atoms) if about_columns(atom))
        self.facts = Facts({i: self.atoms[i] for i in sorted(self.about_columns)}, self.compared, self._search)
        self.looks = [i for i, atom in enumerate(self.atoms) if atom.op == "looks_like"]
        self.texts_of = [_atoms_of(expression) - self.about_columns for expression in self.expressions]
        """For each rule its atoms over text."""
        self.rules_of_atom: dict[int, list[int]] = {}
        for number, atoms in enumerate(self.texts_of):
            for i in atoms:
                self.rules_of_atom.setdefault(i, []).append(number)
        self._classes: dict[tuple[int, ...], Class] = {}
        self._searches: dict[tuple[int, ...], Patterns] = {}
        self._unfolder = Unfolder()
        self._reader = Unfolder()
        self._shelf = Shelf()
        self._few = Shelf()
        self._heads = Seen(HEADS_KEPT)
        self._answers = Seen(ANSWERS_KEPT, SHORT_ANSWER)
        self._build()

    def _build(self) -> None:
        """Sort the atoms over text into groups, and the patterns of what is always looked for by where and in what texts they can match."""
        conditions: dict[int, set[Expression | bool]] = {}
        statuses = frozenset(i for i, atom in enumerate(self.atoms) if atom.field.name == "status")
        answered = frozenset(i for i in statuses if number_holds(self.atoms[i], 200, partial(self.compared, i)))
        for number, atoms in enumerate(self.texts_of):
            condition = _condition(self.expressions[number], self.about_columns)
            # Calls that failed are few, so what is asked of them only is looked for on them only. Any other condition is tried after the search.
            if isinstance(condition, bool) or _possible(condition, answered, statuses)[0]:
                condition = True
            for i in atoms:
                conditions.setdefault(i, set()).add(condition)
        grouped: dict[frozenset[Expression | bool], list[int]] = {}
        always = frozenset([True])
        grouped[always] = []
        for i, atom in enumerate(self.atoms):
            if i in conditions and atom.op != "looks_like":
                # Header blocks repeat themselves and are looked at once each, for everything.
                everywhere = True in conditions[i] or any(place == "request_head" for place, _, _ in _patterns(atom))
                grouped.setdefault(always if everywhere else frozenset(conditions[i]), []).append(i)
        self.groups = [_Group(key, self.atoms, chosen) for key, chosen in grouped.items()]
        self.classes = np.array([_class(atom) for atom in self.atoms] or [0], np.int64)
        scans = self.groups[0].scans
        ours, bodies = scans.get("input", _NO_SCAN), scans.get("request_body", _NO_SCAN)
        heads = scans.get("request_head", _NO_SCAN)
        # Input and bodies share databases: most patterns are looked for in both, and compiling one takes time. A pattern is looked for only in texts
        # that have the octets it needs.
        both = sorted({*ours.rows, *bodies.rows})
        needed = levels_needed([pattern for _, pattern, _ in both], LEVELS)
        self.inputs = [Scan(row for row, its in zip(both, needed, strict=True) if its == level) for level in range(len(LEVELS))]
        self.of_input, self.of_body = (np.isin(np.arange(len(self.atoms)), scan.atoms) for scan in (ours, bodies))
        raw = [row for row in heads.rows if self.atoms[row[0]].field.name in ("request_head", "anywhere")]
        # A start line is searched by itself, since what follows it was often seen before: what may begin in it and end after it needs the whole.
        self.heads = heads
        self.start_lines = Scan(row for row in raw if not holds_inside(row[1], 10))
        self.whole_heads = Scan(row for row in raw if holds_inside(row[1], 10))
        self.answers = scans.get("response_body", _NO_SCAN)
        self.with_host = any(atom.field.name == "url" or atom.field.part is Part.ANYWHERE for atom in self.atoms)
        self.reads = 0
        for i in self.looks:
            self.reads |= READERS[self.atoms[i].text.decode()].bit

    def compared(self, i: int, text: bytes) -> bool:
        """Whether an atom holds on a text, exactly."""
        return _compared(self.atoms[i], self.regexes.get(i), text) is not None

    def _search(self, atoms: Sequence[int], texts: Sequence[bytes]) -> Iterable[tuple[int, int]]:
        """(atom, text) pairs that may hold: the patterns of these atoms over a column's words."""
        key = tuple(atoms)
        patterns = self._searches.get(key)
        if patterns is None:
            patterns = self._searches[key] = Patterns([_pattern(self.atoms[i]) for i in atoms])
        if not texts:
            return ()
        ends = np.cumsum(np.array([len(text) + 1 for text in texts], np.int64))
        starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
        ids, found = patterns.rows(b"\n".join(texts) + b"\n", starts, ends)
        return [(atoms[identity], k) for identity, k in zip(ids.tolist(), found.tolist(), strict=True)]

    def class_of(self, numbers: tuple[int, ...]) -> Class:
        """The class of calls with these sets of atoms about columns."""
        found = self._classes.get(numbers)
        if found is None:
            if len(self._classes) >= MOST_CLASSES:
                self._classes.clear()
            found = self._classes[numbers] = Class(self, self.facts.held(numbers))
        return found

    def match(self, batch: pa.RecordBatch) -> Matched:
        """Truth of every rule on every row of a batch."""
        return Matched(self, batch)


class Matched:
    """One batch, matched: `hits` has the rows of each rule that matched at all. Texts for evidence are read from the batch on demand."""

    def __init__(self, matcher: Matcher, batch: pa.RecordBatch) -> None:
        self.matcher = matcher
        self.batch = batch
        self.count = batch.num_rows
        self._rows: dict[int, Row] = {}
        self._calls: dict[int, dict[str, Any]] = {}
        self.table = columns.Table(batch)
        self.keys: dict[Any, Any] = {}
        """What correlations make of the batch's columns (see `rules.correlation`)."""
        self._texts: dict[int, set[int]] = {}
        """For each row on which one holds, the atoms over text that hold."""
        self.values: npt.NDArray[np.int64] = np.zeros((0, 5), np.int64)
        self.hits: dict[int, Rows] = {}
        if self.count:
            classes, made = matcher.facts.classes(self.table)
            self._class_of_row = classes
            self._classes = [matcher.class_of(numbers) for numbers in made]
            self._find()
            self._judge()

    @cached_property
    def ts(self) -> npt.NDArray[np.int64]:
        """When each call was seen, ns since the epoch."""
        return columns.integers(self.batch.column("ts"))

    def _class(self, row: int) -> Class:
        return self._classes[0 if self._class_of_row is None else int(self._class_of_row[row])]

    def _those(self, of_class: Sequence[bool]) -> Truth:
        """The rows of the classes for which a truth value stands; one value when it stands for all."""
        if not any(of_class):
            return False
        if all(of_class) or self._class_of_row is None:
            return True
        chosen: Rows = np.array(of_class, np.bool_)[self._class_of_row]
        return chosen

    def _find(self) -> None:
        """Search every text for the patterns that matter to its call, then compare exactly where they hit."""
        matcher = self.matcher
        self._pairs: list[npt.NDArray[np.int64]] = []
        self._survey()
        for number, group in enumerate(matcher.groups):
            if number:
                those = self._those([one.groups[number] for one in self._classes])
                if those is not False:
                    self._group(group, np.ones(self.count, np.bool_) if those is True else those)
        self._look()
        self._compare()
        self._remember()

    def _note(self, scan: Scan, rows: npt.NDArray[np.int64] | None, data: Any, starts: Any, ends: Any) -> npt.NDArray[np.int64]:
        """Search texts, and note (atom, row) for each hit; returns the numbers of the texts that were hit."""
        ids, found = scan.patterns.rows(data, starts, ends)
        if len(ids):
            self._pairs.append(scan.atoms[ids] * self.count + (found if rows is None else rows[found]))
        return found

    def _inputs(
        self,
        data: Any,
        begins: npt.NDArray[np.int64],
        stops: npt.NDArray[np.int64],
        of_level: npt.NDArray[np.uint8],
        rows: npt.NDArray[np.int64],
        inputs: int,
        floors: npt.NDArray[np.int64] | None = None,
    ) -> list[int]:
        """Look for what is wanted in texts that stand side by side, a 127 after each: so many inputs, then bodies as sent. Returns the rows of what was
        hit."""
        matcher = self.matcher
        hit: list[int] = []
        count = len(begins)
        texts: Any = data
        starts, ends = begins, stops + 1
        chosen: npt.NDArray[np.int64] | None = None
        for level, scan in enumerate(matcher.inputs):
            if level:
                some = np.flatnonzero(of_level >= level)
                if not len(some):
                    break
                if not len(scan):
                    continue
                # Of what is laid side by side already nothing is laid again.
                if floors is None and 2 * len(some) < len(starts):
                    starts, ends = matcher._few.lay(data, begins, stops, some, 127)
                    texts, ends, chosen = matcher._few.octets, ends + 1, some
            ids, found = scan.patterns.rows(texts, starts, ends, floors, matcher.classes[scan.atoms] if floors is not None else None)
            if len(ids):
                if chosen is not None:
                    found = chosen[found]
                atoms = scan.atoms[ids]
                here = matcher.of_input[atoms] if inputs == count else np.where(found < inputs, matcher.of_input[atoms], matcher.of_body[atoms])
                of_row = rows[found[here]]
                self._pairs.append(atoms[here] * self.count + of_row)
                hit += of_row.tolist()
        return hit

    def _survey(self) -> None:
        """What is looked for on every call."""
        matcher, table = self.matcher, self.table
        unfolder, shelf = matcher._unfolder, matcher._shelf
        data, starts, ends = table.spans("request_head")
        tags = heads(self.batch)
        lines = tags.begins
        self._new_heads = matcher._heads.fresh_of(tags, ends)
        unfolder.survey(
            self.count,
            table.word_spans("host"),
            table.spans("path"),
            table.spans("query"),
            table.valid("query").view(np.uint8),
            (data, lines, ends),
            self._new_heads,
            table.spans("request_body"),
            table.body_kinds(),
            matcher.with_host,
        )
        self._tainted: set[int] = set()
        self.arena = memoryview(unfolder.arena)
        self.segments: npt.NDArray[np.int64] = unfolder.segments[: unfolder.n_segments]
        # Targets and forms that stand for themselves, and bodies as sent; what was decoded.
        count = unfolder.n_plain
        if count:
            begins, stops = self._plain(count)
            self._inputs(unfolder.plain, begins, stops, unfolder.plain_levels[:count], unfolder.plain_rows[:count], unfolder.n_inputs)
        if len(self.segments):
            begins, stops = np.ascontiguousarray(self.segments[:, 0]), np.ascontiguousarray(self.segments[:, 1])
            of_level = levels(self.arena, begins, stops)
            self._tainted.update(self._inputs(self.arena, begins, stops, of_level, self.segments[:, 2], len(begins), self._floors(begins)))
        # Header blocks not met before, and start lines.
        new = np.flatnonzero(self._new_heads)
        if len(new) and len(matcher.heads):
            begins, stops = shelf.lay(data, lines, ends, new, 127)
            self._tainted.update(new[self._note(matcher.heads, new, shelf.octets, begins, stops)].tolist())
        if len(matcher.start_lines):
            begins, stops = shelf.lay(data, starts, np.minimum(lines + 1, ends), np.arange(self.count), 127)
            self._note(matcher.start_lines, None, shelf.octets, begins, stops)
        if len(matcher.whole_heads):
            self._note(matcher.whole_heads, None, data, starts, ends)
        # Responses.
        self._new_answers = self._answers_hit = np.zeros(0, np.int64)
        for place, scan in matcher.groups[0].scans.items():
            if place in ("input", "request_head", "request_body"):
                continue
            data, starts, ends = self.table.spans(place)
            if place == "response_body":
                rows = self._new_answers = np.flatnonzero(matcher._answers.fresh(data, starts, ends))
                if len(rows):
                    begins, stops = shelf.lay(data, starts, ends, rows, 127)
                    self._answers_hit = rows[self._note(scan, rows, shelf.octets, begins, stops)]
            else:
                self._note(scan, None, data, starts, ends)

    def _plain(self, count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Where the first so many of the plain texts start and end."""
        stops = self.matcher._unfolder.plain_ends[:count]
        begins = np.zeros(count, np.int64)
        np.add(stops[:-1], 1, out=begins[1:])
        return begins, stops

    def _floors(self, begins: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Where hits begin to count in each segment, for each class of atoms (see `_class`)."""
        # A URL's scheme and host stand before its target and are no input; what asks for a path wants URLs only.
        urls = (self.segments[:, 3] == URL) | (self.segments[:, 3] == URL_RAW)
        targets = np.where(urls, self.segments[:, 4], begins)
        return np.stack([begins, targets, np.where(urls, targets, 1 << 62), np.where(urls, begins, 1 << 62)])

    def _group(self, group: _Group, those: Rows) -> None:
        """What is looked for on some calls only."""
        unfolder, shelf = self.matcher._unfolder, self.matcher._shelf
        for place, scan in group.scans.items():
            if place != "input":
                data, starts, ends = self.table.spans(place)
                rows = np.flatnonzero(those & (ends > starts))
                if len(rows):
                    begins, stops = shelf.lay(data, starts, ends, rows, 127)
                    self._note(scan, rows, shelf.octets, begins, stops)
                continue
            for data, rows_of, starts, ends in (
                (unfolder.plain, unfolder.plain_rows[: unfolder.n_inputs], *self._plain(unfolder.n_inputs)),
                (unfolder.arena, np.ascontiguousarray(self.segments[:, 2]), np.ascontiguousarray(self.segments[:, 0]), np.ascontiguousarray(self.segments[:, 1])),
            ):
                chosen = np.flatnonzero(those[rows_of])
                if len(chosen):
                    begins, stops = shelf.lay(data, starts, ends, chosen, 127)
                    self._note(scan, rows_of[chosen], shelf.octets, begins, stops + 1)

    def _look(self) -> None:
        """Ask the readers about every value, where a rule wants to know."""
        unfolder = self.matcher._unfolder
        self.values = unfolder.values[: unfolder.n_values]
        if not self.matcher.looks or not len(self.values):
            return
        self.verdicts = read_values(unfolder.arena, self.values, self.matcher.reads)
        if not self.verdicts.any():
            return
        self._tainted.update(self.values[self.verdicts != 0, 2].tolist())
        for i in self.matcher.looks:
            reader = READERS[self.matcher.atoms[i].text.decode()]
            chosen = (self.verdicts & reader.bit) != 0
            places = Row.PLACES.get(self.matcher.atoms[i].field.detail)
            if places is not None:
                chosen &= np.isin(self.values[:, 3], places)
            for row in np.unique(self.values[chosen, 2]).tolist():
                self._texts.setdefault(row, set()).add(i)

    def _compare(self) -> None:
        """Compare exactly where patterns hit, if it matters."""
        pairs = self._pairs
        if not sum(map(len, pairs)):
            return
        wanted: dict[int, list[int]] = {}
        for pair in np.unique(np.concatenate(pairs)).tolist():
            i, row = divmod(pair, self.count)
            if i in self._class(row).wanted:
                wanted.setdefault(row, []).append(i)
        self._read(sorted(wanted))
        for row, atoms in wanted.items():
            for i in atoms:
                if self.where(i, row) is not None:
                    self._texts.setdefault(row, set()).add(i)

    def _remember(self) -> None:
        """Keep the header blocks and response bodies that hit nothing."""
        new = np.flatnonzero(self._new_heads)
        if len(new):
            self.matcher._heads.keep(new[~np.isin(new, list(self._tainted))] if self._tainted else new)
        new = self._new_answers
        if len(new):
            self.matcher._answers.keep(new[~np.isin(new, self._answers_hit)] if len(self._answers_hit) else new)

    def _judge(self) -> None:
        """The rows of each rule: as the class has it, but for rows on which an atom over text holds."""
        for number in sorted({number for one in self._classes for number in one.base}):
            those = self._those([number in one.base for one in self._classes])
            self.hits[number] = np.ones(self.count, np.bool_) if those is True else np.asarray(those)
        for row, atoms in self._texts.items():
            held = self._class(row).held | atoms
            for number in {number for i in atoms for number in self.matcher.rules_of_atom[i]}:
                truth = _true(self.matcher.expressions[number], held)
                rows = self.hits.get(number)
                if rows is None:
                    if not truth:
                        continue
                    rows = self.hits[number] = np.zeros(self.count, np.bool_)
                rows[row] = truth
        # A class has rows; that of what it holds nothing is left is what texts may have made of it.
        touched = {number for atoms in self._texts.values() for i in atoms for number in self.matcher.rules_of_atom[i]}
        self.hits = {number: self.hits[number] for number in sorted(self.hits) if number not in touched or self.hits[number].any()}

    def _read(self, rows: Sequence[int]) -> None:
        """Decode all of these rows, for their texts."""
        new = [row for row in rows if row not in self._rows]
        if not new:
            return
        at = np.array(new, np.int64)
        batch, reader = self.batch, self.matcher._reader

        def of(spans: columns.Spans) -> columns.Spans:
            return spans[0], np.ascontiguousarray(spans[1][at]), np.ascontiguousarray(spans[2][at])

        table = self.table
        hosts, paths, queries, heads, bodies = (
            of(spans)
            for spans in (table.word_spans("host"), *(table.spans(name) for name in ("path", "query", "request_head", "request_body")))
        )
        reader.unfold(len(new), hosts, paths, queries, table.valid("query")[at].astype(np.uint8), heads, bodies, table.body_kinds()[at])
        segments = reader.segments[: reader.n_segments].copy()
        arena = bytes(memoryview(reader.arena)[: reader.used])
        bounds = np.searchsorted(segments[:, 2], np.arange(len(new) + 1))
        for k, row in enumerate(new):
            self._rows[row] = Row(batch, row, arena, segments[bounds[k] : bounds[k + 1]])

    def tell(self, rows: npt.NDArray[np.int64]) -> None:
        """Read what matches tell of these rows, all at once."""
        names = [name for name in _TOLD if name in self.batch.schema.names]
        told: dict[str, list[Any]] = {}
        for name in names:
            column = self.batch.column(name)
            if pa.types.is_dictionary(column.type):
                dictionary, indices = columns.words(column)
                told[name] = [dictionary[i].as_py() if i >= 0 else None for i in indices[rows].tolist()]
            else:
                # Few are taken one by one: `take` is of pyarrow.compute, whose import costs a start 30 ms.
                told[name] = [column[row].as_py() for row in rows.tolist()] if len(rows) < 256 else column.take(pa.array(rows)).to_pylist()
        for k, row in enumerate(rows.tolist()):
            self._calls[row] = {name: told[name][k] for name in names}

    def call(self, row: int) -> dict[str, Any]:
        """What a match tells of a row."""
        if row not in self._calls:
            self.tell(np.array([row], np.int64))
        return self._calls[row]

    def row(self, row: int) -> Row:
        """The texts of one row."""
        if row not in self._rows:
            self._read([row])
        return self._rows[row]

    def where(self, i: int, row: int) -> tuple[bytes, int, int] | None:
        """The text an atom holds on, and from where to where."""
        atom = self.matcher.atoms[i]
        regex = self.matcher.regexes.get(i)
        for text in self.row(row).texts(atom.field):
            found = _compared(atom, regex, text)
            if found is not None:
                return text, *found
        return None

    def holds(self, i: int, row: int) -> bool:
        """Whether an atom holds on a row: as it was found, or, for one that did not matter to the verdict, compared now."""
        if i in self.matcher.about_columns:
            return i in self._class(row).held
        if i in self._texts.get(row, ()):
            return True
        if i in self._class(row).wanted or self.matcher.atoms[i].op == "looks_like":
            return False
        return self.where(i, row) is not None

    def looked(self, i: int, row: int) -> tuple[int, bytes] | None:
        """The place and text of the first value that a `looks_like` atom found in a row."""
        reader = READERS[self.matcher.atoms[i].text.decode()]
        places = Row.PLACES.get(self.matcher.atoms[i].field.detail)
        first = np.searchsorted(self.values[:, 2], row, side="left")
        last = np.searchsorted(self.values[:, 2], row, side="right")
        for k in range(int(first), int(last)):
            start, end, _, place, _ = self.values[k].tolist()
            if self.verdicts[k] & reader.bit and (places is None or place in places):
                return place, bytes(self.arena[start:end])
        return None


def _true(expression: Expression, held: Held) -> bool:
    """Whether a condition is true when exactly these atoms hold."""
    if isinstance(expression, Is):
        return expression.atom in held
    if isinstance(expression, Not):
        return not _true(expression.part, held)
    if isinstance(expression, And):
        return all(_true(part, held) for part in expression.parts)
    return any(_true(part, held) for part in expression.parts)


def _possible(expression: Expression, held: Held, about: Held) -> tuple[bool, bool]:
    """(may be true, may be false) when of the atoms `about` columns these hold, and of the others nothing is known."""
    if isinstance(expression, Is):
        if expression.atom not in about:
            return True, True
        return expression.atom in held, expression.atom not in held
    if isinstance(expression, Not):
        true, false = _possible(expression.part, held, about)
        return false, true
    parts = [_possible(part, held, about) for part in expression.parts]
    if isinstance(expression, And):
        return all(true for true, _ in parts), any(false for _, false in parts)
    return any(true for true, _ in parts), all(false for _, false in parts)


def _condition(expression: Expression, about: Held, true: bool = True) -> Expression | bool:
    """What must hold of the atoms `about` columns for a condition to be true at all (to be false at all, for `true` = False)."""
    if isinstance(expression, Is):
        if expression.atom not in about:
            return True
        return expression if true else Not(expression)
    if isinstance(expression, Not):
        return _condition(expression.part, about, not true)
    parts = [_condition(part, about, true) for part in expression.parts]
    asked = tuple(part for part in parts if not isinstance(part, bool))
    if isinstance(expression, And) == true:
        # All of them: what may be the case anyway asks for nothing.
        return False if False in parts else And(asked) if asked else True
    return True if True in parts else Or(asked) if asked else False


def _compared(atom: Atom, regex: Regex | None, text: bytes) -> tuple[int, int] | None:
    """Where in a text an atom holds, or None."""
    if regex is not None:
        return regex.search(text)
    wanted = atom.text
    held = text if atom.cased else text.lower()
    if atom.op == "contains":
        at = held.find(wanted)
        return None if at < 0 else (at, at + len(wanted))
    if atom.op == "startswith":
        return (0, len(wanted)) if held.startswith(wanted) else None
    if atom.op == "endswith":
        return (len(text) - len(wanted), len(text)) if held.endswith(wanted) else None
    if atom.op == "exists":
        return (0, len(text))
    return (0, len(text)) if held == wanted else None


def _pattern(atom: Atom) -> tuple[bytes, int]:
    """What the first search looks for: at least every row on which the atom holds."""
    flags = _DOTALL | (0 if atom.cased else _CASELESS)
    if atom.op != "regex":
        return _literal(atom.text), flags
    if atom.field.part is Part.URL and atom.field.name != "extension":
        # In the arena a path ends at its query or at the segment's end, everything else at the segment's end.
        if atom.field.name == "query":
            return unanchored(atom.text, rb"\?", rb"\x7f"), flags
        return unanchored(atom.text, b"", rb"\x7f" if atom.field.name == "target" else rb"[?\x7f]"), flags
    return unanchored(atom.text), flags


def _class(atom: Atom) -> int:
    """Where in the arena hits of an atom count: 0 anywhere, 1 not in a host, 2 in targets of URLs, 3 in URLs."""
    if atom.field.part is Part.INPUT:
        return 2 if atom.field.detail in ("path", "query") else 1
    if atom.field.part is Part.URL:
        return 3 if atom.field.name == "url" else 2
    return 0


def _patterns(atom: Atom) -> list[tuple[str, bytes, int]]:
    """The scans in which an atom over text is looked for: (column or 'input', pattern, flags)."""
    part = atom.field.part
    pattern, flags = _pattern(atom)
    if part is Part.NUMBER:
        return []
    if part in (Part.HEADER, Part.RESPONSE_HEADER):
        named = _literal(b"\n" + atom.field.detail.encode()) + rb"[ \t]*:"
        if atom.op == "exists" or not atom.text:
            pattern, flags = named, _CASELESS
        elif not atom.cased:
            pattern = named + rb"[^\n]*(?:" + pattern + b")"
        return [("request_head" if part is Part.HEADER else "response_head", pattern, flags)]
    if atom.op == "exists":
        return []
    if not atom.text:
        pattern = b"^" if part in _INPUT_PARTS else b"."
        return [("input", b"\\x68ttp", flags)] if part in _INPUT_PARTS else [(atom.field.detail, pattern, flags)]
    if part is Part.BYTES:
        return [(atom.field.detail, pattern, flags)]
    if part is Part.URL:
        return [("input", pattern, flags)] if atom.field.name != "extension" else [("input", _literal(b"." + atom.text), flags)] if atom.op == "equals" else [("input", pattern, flags)]
    found = [("input", pattern, flags)]
    # Cookies are always in the arena, other headers where something odd stands in them: `input` leaves plain ones out.
    if part is Part.ANYWHERE:
        found.append(("request_head", pattern, flags))
    if part is Part.ANYWHERE or atom.field.detail in ("any", "body", "name", "value"):
        found.append(("request_body", pattern, flags))
    return found


def _renumbered(expression: Expression, parts: Sequence[Expression]) -> Expression:
    """An expression over a rule's own atoms with each of them replaced."""
    if isinstance(expression, Is):
        return parts[expression.atom]
    if isinstance(expression, Not):
        return Not(_renumbered(expression.part, parts))
    return type(expression)(tuple(_renumbered(part, parts) for part in expression.parts))


def _atoms_of(expression: Expression) -> set[int]:
    if isinstance(expression, Is):
        return {expression.atom}
    if isinstance(expression, Not):
        return _atoms_of(expression.part)
    return set().union(*(_atoms_of(part) for part in expression.parts)) if expression.parts else set()


__all__ = ["Matched", "Matcher", "Patterns", "Regex", "RuleError", "check_regexes"]
