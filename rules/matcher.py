"""Which calls of a batch each rule matches: many patterns at once over columns, exact comparisons where a pattern hit.

Three steps. The client's input is decoded into one arena (`rules.unfold`). Hyperscan runs every literal and regular expression of every rule
over the arena, the raw heads and bodies and the dictionaries of the word columns: once over each, whatever the number of rules. Only
(comparison, row) pairs that were hit are then compared exactly, and conditions are computed on whole columns of truth values; a
condition none of whose comparisons was hit costs nothing.

Regular expressions are matched by Hyperscan alone, also in the exact step, so hostile input cannot make one take more than linear time.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

import hyperscan
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rules import columns
from rules.databases import database
from rules.faults import Fault, RuleError
from rules.inputs import Row
from rules.readers import READERS, read_values
from rules.sigma.condition import And, Expression, Is, Not
from rules.sigma.fields import Kind, Part
from rules.sigma.modifiers import Atom
from rules.sigma.rule import Rule
from rules.unfold import URL, URL_RAW, Unfolder

Rows: TypeAlias = npt.NDArray[np.bool_]
Truth: TypeAlias = bool | Rows

HITS_A_ROW = 64
"""Pattern hits a scan may report for each row on average. Past it the rest is scanned row by row, each pattern once: a flood of
one literal costs microseconds a row, not a callback an octet."""

_CASELESS, _DOTALL = hyperscan.HS_FLAG_CASELESS, hyperscan.HS_FLAG_DOTALL
_SINGLE = hyperscan.HS_FLAG_SINGLEMATCH

_TOLD = ("ts", "uid", "client_ip", "method", "host", "path", "template", "principal", "pcap_file", "packet")
_INPUT_PARTS = (Part.URL, Part.INPUT, Part.ANYWHERE)
_BINARY = {"request_head": "head", "request_body": "body", "response_head": "response_head", "response_body": "response_body"}


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


class Matcher:
    """The detections of many rules, compiled once, applied to batch after batch. Holds no state between batches but its buffers."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = [rule for rule in rules if rule.expression is not None]
        self.atoms: list[Atom] = []
        index: dict[Atom, int] = {}
        self.expressions: list[Expression] = []
        for rule in self.rules:
            for atom in rule.atoms:
                if atom not in index:
                    index[atom] = len(self.atoms)
                    self.atoms.append(atom)
            assert rule.expression is not None
            self.expressions.append(_renumbered(rule.expression, [index[atom] for atom in rule.atoms]))
        self.regexes = {i: Regex(atom.text, atom.cased) for i, atom in enumerate(self.atoms) if atom.op == "regex"}
        self.lazy = [_needs_hit(expression, self.atoms) for expression in self.expressions]
        by_atom: dict[int, list[int]] = {}
        for number, expression in enumerate(self.expressions):
            for i in _atoms_of(expression):
                by_atom.setdefault(i, []).append(number)
        self.rules_of_atom = by_atom
        self._unfolder = Unfolder()
        self._build()

    def _build(self) -> None:
        scanned: dict[str, list[tuple[int, bytes, int]]] = {}
        self.words: dict[str, list[int]] = {}
        self.looks: list[int] = []
        for i, atom in enumerate(self.atoms):
            if atom.op == "looks_like":
                self.looks.append(i)
            elif atom.field.part in (Part.WORD, Part.LIST):
                if atom.op != "exists":
                    self.words.setdefault(atom.field.detail, []).append(i)
            else:
                for place, pattern, flags in _patterns(atom):
                    scanned.setdefault(place, []).append((i, pattern, flags))
        self.classes = np.array([_class(atom) for atom in self.atoms] or [0], np.int64)
        # Input and bodies share one database: most patterns are looked for in both, and compiling one takes time. Heads have their
        # own, since what is odd in a parameter (a line end before a header's name) is what heads are made of.
        shared = {place: scanned.pop(place) for place in ("input", "request_body") if place in scanned}
        self.scans: dict[str, tuple[Patterns, npt.NDArray[np.int64], Rows]] = {
            place: (
                Patterns([(pattern, flags) for _, pattern, flags in rows]),
                np.array([i for i, _, _ in rows], np.int64),
                np.ones(len(rows), np.bool_),
            )
            for place, rows in scanned.items()
        }
        merged = sorted({row for rows in shared.values() for row in rows})
        patterns = Patterns([(pattern, flags) for _, pattern, flags in merged])
        numbers = np.array([i for i, _, _ in merged], np.int64)
        for place, rows in shared.items():
            here = set(rows)
            self.scans[place] = (patterns, numbers, np.array([row in here for row in merged], np.bool_))
        self.word_scans: dict[str, tuple[dict[bytes, list[int]], Patterns, list[int], list[int]]] = {}
        for name, atoms in self.words.items():
            equal: dict[bytes, list[int]] = {}
            scan: list[int] = []
            slow: list[int] = []
            for i in atoms:
                atom = self.atoms[i]
                if atom.op == "equals" and not atom.cased:
                    equal.setdefault(atom.text, []).append(i)
                elif atom.op == "cidr" or (atom.op != "regex" and not atom.text):
                    slow.append(i)
                else:
                    scan.append(i)
            patterns = Patterns([_pattern(self.atoms[i]) for i in scan])
            self.word_scans[name] = (equal, patterns, scan, slow)

    def match(self, batch: pa.RecordBatch) -> Matched:
        """Truth of every rule on every row of a batch."""
        return Matched(self, batch)


class Matched:
    """One batch, matched: `rows(rule)` for each rule that matched at all. Texts for evidence are read from the batch on demand."""

    def __init__(self, matcher: Matcher, batch: pa.RecordBatch) -> None:
        self.matcher = matcher
        self.batch = batch
        self.count = batch.num_rows
        self._rows: dict[int, Row] = {}
        self._calls: dict[int, dict[str, Any]] = {}
        self._truth: dict[int, Truth] = {}
        self._columns: dict[str, Any] = {}
        self.touched: set[int] = set()
        if self.count:
            self._unfold()
            self._scan()
            self._look()
            self._read_words()
        self.hits: dict[int, Rows] = {}
        if self.count:
            self._judge()

    def _spans(self, name: str) -> columns.Spans:
        key = f"spans:{name}"
        if key not in self._columns:
            self._columns[key] = columns.spans(self.batch.column(name))
        found: columns.Spans = self._columns[key]
        return found

    def _unfold(self) -> None:
        batch = self.batch
        query = batch.column("query")
        body = self._spans("request_body")
        self.unfolder = self.matcher._unfolder
        self.unfolder.unfold(
            self.count,
            columns.word_spans(batch.column("host")),
            self._spans("path"),
            self._spans("query"),
            columns.valid_rows(query).astype(np.uint8),
            self._spans("request_head"),
            body,
            columns.body_kinds(batch.column("request_type"), body),
        )
        self.arena = memoryview(self.unfolder.arena)
        self.segments: npt.NDArray[np.int64] = self.unfolder.segments[: self.unfolder.n_segments]
        self.values: npt.NDArray[np.int64] = self.unfolder.values[: self.unfolder.n_values]

    def _scan(self) -> None:
        """Run the patterns, then compare exactly where they hit."""
        pairs: list[npt.NDArray[np.int64]] = []
        for place, (patterns, atoms, wanted) in self.matcher.scans.items():
            if place == "input":
                if not len(self.segments):
                    continue
                starts, ends = np.ascontiguousarray(self.segments[:, 0]), np.ascontiguousarray(self.segments[:, 1])
                # A URL's scheme and host stand before its target and are no input; what asks for a path wants URLs only.
                urls = (self.segments[:, 3] == URL) | (self.segments[:, 3] == URL_RAW)
                targets = np.where(urls, self.segments[:, 4], starts)
                floors = np.stack([starts, targets, np.where(urls, targets, 1 << 62), np.where(urls, starts, 1 << 62)])
                ids, found = patterns.rows(self.arena, starts, ends + 1, floors, self.matcher.classes[atoms])
                rows = self.segments[found, 2]
            else:
                data, starts, ends = self._spans(place)
                ids, rows = patterns.rows(data, starts, ends)
            here = wanted[ids]
            pairs.append(atoms[ids[here]] * self.count + rows[here])
        if not pairs:
            return
        truth = self._truth
        for pair in np.unique(np.concatenate(pairs)).tolist():
            i, row = divmod(pair, self.count)
            if self.holds(i, row):
                known = truth.get(i)
                if known is None or isinstance(known, bool):
                    known = truth[i] = np.zeros(self.count, np.bool_)
                    self.touched.add(i)
                known[row] = True

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
                told[name] = column.take(pa.array(rows)).to_pylist()
        for k, row in enumerate(rows.tolist()):
            self._calls[row] = {name: told[name][k] for name in names}

    def call(self, row: int) -> dict[str, Any]:
        """What a match tells of a row."""
        if row not in self._calls:
            self.tell(np.array([row], np.int64))
        return self._calls[row]

    def row(self, row: int) -> Row:
        """The texts of one row."""
        found = self._rows.get(row)
        if found is None:
            first = np.searchsorted(self.segments[:, 2], row, side="left")
            last = np.searchsorted(self.segments[:, 2], row, side="right")
            found = self._rows[row] = Row(self.batch, row, self.arena, self.segments[first:last])
        return found

    def holds(self, i: int, row: int) -> bool:
        """Whether an atom over text holds on a row, compared exactly."""
        return self.where(i, row) is not None

    def where(self, i: int, row: int) -> tuple[bytes, int, int] | None:
        """The text an atom holds on, and from where to where."""
        atom = self.matcher.atoms[i]
        regex = self.matcher.regexes.get(i)
        for text in self.row(row).texts(atom.field):
            found = _compared(atom, regex, text)
            if found is not None:
                return text, *found
        return None

    def _look(self) -> None:
        """Ask the readers about every value, where a rule wants to know."""
        if not self.matcher.looks or not len(self.values):
            return
        wanted = 0
        for i in self.matcher.looks:
            wanted |= READERS[self.matcher.atoms[i].text.decode()].bit
        self.verdicts = read_values(self.unfolder.arena, self.values, wanted)
        if not self.verdicts.any():
            return
        for i in self.matcher.looks:
            reader = READERS[self.matcher.atoms[i].text.decode()]
            chosen = (self.verdicts & reader.bit) != 0
            places = Row.PLACES.get(self.matcher.atoms[i].field.detail)
            if places is not None:
                chosen &= np.isin(self.values[:, 3], places)
            if chosen.any():
                rows = np.zeros(self.count, np.bool_)
                rows[self.values[chosen, 2]] = True
                self._truth[i] = rows
                self.touched.add(i)

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

    def _read_words(self) -> None:
        """Compare dictionary columns by their distinct values."""
        for name, (equal, patterns, scan, slow) in self.matcher.word_scans.items():
            column = self._word_column(name)
            if column is None:
                continue
            values, indices = column
            lower = [value.lower() for value in values]
            found: dict[int, list[int]] = {}
            for k, value in enumerate(lower):
                for i in equal.get(value, ()):
                    found.setdefault(i, []).append(k)
            if scan and values:
                lengths = np.array([len(value) + 1 for value in values], np.int64)
                ends = np.cumsum(lengths)
                ids, rows = patterns.rows(b"\n".join(values) + b"\n", ends - lengths, ends)
                for identity, k in zip(ids.tolist(), rows.tolist(), strict=True):
                    i = scan[identity]
                    if _compared(self.matcher.atoms[i], self.matcher.regexes.get(i), values[k]) is not None:
                        found.setdefault(i, []).append(k)
            for i in slow:
                atom = self.matcher.atoms[i]
                for k, value in enumerate(values):
                    holds = _in_network(value, atom.text) if atom.op == "cidr" else _compared(atom, None, value) is not None
                    if holds:
                        found.setdefault(i, []).append(k)
            for i, chosen in found.items():
                mask = np.zeros(len(values) + 1, np.bool_)
                mask[chosen] = True
                if name == "weird":
                    rows_with = np.zeros(self.count, np.bool_)
                    rows_with[self._columns["weird:rows"][mask[indices]]] = True
                    self._truth[i] = rows_with
                else:
                    self._truth[i] = mask[indices]
                self.touched.add(i)

    def _word_column(self, name: str) -> tuple[list[bytes], npt.NDArray[np.int64]] | None:
        if name == "user":
            return _users(self.batch)
        if name not in self.batch.schema.names:
            return None
        column = self.batch.column(name)
        if name == "weird":
            self._columns["weird:rows"] = np.asarray(column.value_parent_indices()) if hasattr(column, "value_parent_indices") else np.repeat(
                np.arange(self.count), np.asarray(column.value_lengths().fill_null(0))
            )
            column = column.flatten()
        dictionary, indices = columns.words(column)
        return [(value or "").encode("utf-8", "surrogateescape") for value in dictionary.to_pylist()], indices

    def _numeric(self, atom: Atom) -> Truth:
        if atom.field.detail not in self.batch.schema.names:
            return False
        key = f"numbers:{atom.field.detail}"
        if key not in self._columns:
            self._columns[key] = columns.numbers(self.batch.column(atom.field.detail))
        values: npt.NDArray[np.float64] = self._columns[key][0]
        valid: Rows = self._columns[key][1]
        if atom.op == "exists":
            return valid if atom.number else ~valid
        if atom.op == "eq":
            equal: Rows = valid & (values == atom.number)
            return equal
        if atom.op in ("gt", "gte", "lt", "lte"):
            compare = {"gt": np.greater, "gte": np.greater_equal, "lt": np.less, "lte": np.less_equal}[atom.op]
            compared: Rows = valid & np.asarray(compare(values, atom.number))
            return compared
        distinct, inverse = np.unique(values, return_inverse=True)
        holds = np.array([_compared(atom, None, b"%d" % int(value)) is not None for value in distinct], np.bool_)
        chosen: Rows = valid & holds[inverse]
        return chosen

    def _exists(self, i: int, atom: Atom) -> Truth:
        part = atom.field.part
        if part is Part.HEADER or part is Part.RESPONSE_HEADER:
            there = self._truth.get(i, False)
            return there if atom.number else _negated(there)
        name = "query" if part is Part.URL and atom.field.name == "query" else atom.field.detail
        if atom.field.name == "target":
            # Sigma writes `cs-uri-query: null` for a request without a query.
            name = "query"
        if name == "user":
            name = "authorization"
        if name not in self.batch.schema.names:
            return not atom.number
        valid = columns.valid_rows(self.batch.column(name))
        return valid if atom.number else ~valid

    def truth(self, i: int) -> Truth:
        """On which rows an atom holds; False when on none."""
        known = self._truth.get(i)
        atom = self.matcher.atoms[i]
        if atom.op == "exists":
            return self._exists(i, atom)
        if known is not None:
            return known
        if atom.field.kind is Kind.NUMBER:
            result = self._truth[i] = self._numeric(atom)
            return result
        return False

    def _judge(self) -> None:
        """Conditions of the rules that can hold, given which comparisons were hit."""
        waiting: set[int] = {number for number, lazy in enumerate(self.matcher.lazy) if not lazy}
        for i in self.touched:
            waiting.update(self.matcher.rules_of_atom.get(i, ()))
        for number in sorted(waiting):
            result = self._evaluate(self.matcher.expressions[number])
            if result is True:
                result = np.ones(self.count, np.bool_)
            if result is not False and isinstance(result, np.ndarray) and result.any():
                self.hits[number] = result

    def _evaluate(self, expression: Expression) -> Truth:
        if isinstance(expression, Is):
            return self.truth(expression.atom)
        if isinstance(expression, Not):
            return _negated(self._evaluate(expression.part))
        whole: Truth = isinstance(expression, And)
        for part in expression.parts:
            result = self._evaluate(part)
            if isinstance(expression, And):
                if result is False:
                    return False
                whole = result if whole is True else whole if result is True else whole & result
            else:
                if result is True:
                    return True
                whole = result if whole is False else whole if result is False else whole | result
        return whole


def _negated(truth: Truth) -> Truth:
    return (not truth) if isinstance(truth, bool) else ~truth


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


def _in_network(value: bytes, network: bytes) -> bool:
    try:
        return ipaddress.ip_address(value.decode()) in ipaddress.ip_network(network.decode())
    except ValueError:
        return False


def _users(batch: pa.RecordBatch) -> tuple[list[bytes], npt.NDArray[np.int64]]:
    """User names of Basic authentication; 'anonymous' where a call carries no credentials at all."""
    dictionary, indices = columns.words(batch.column("authorization"))
    users: list[bytes] = []
    for value in dictionary.to_pylist():
        name = b""
        if value and value[:6].lower() == "basic ":
            try:
                name = base64.b64decode(value[6:].strip() + "==", validate=False).split(b":", 1)[0]
            except (ValueError, binascii.Error):
                name = b""
        users.append(name)
    bare = np.ones(batch.num_rows, np.bool_)
    for credential in ("authorization", "cookie", "api_key"):
        bare &= ~columns.valid_rows(batch.column(credential))
    users += [b"anonymous", b""]
    indices = np.where(indices >= 0, indices, np.where(bare, len(users) - 2, len(users) - 1))
    return users, indices


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
        return [("input", b"\\x68ttp", flags)] if part in _INPUT_PARTS else [(atom.field.name, pattern, flags)]
    if part is Part.BYTES:
        return [(atom.field.name, pattern, flags)]
    if part is Part.URL:
        return [("input", pattern, flags)] if atom.field.name != "extension" else [("input", _literal(b"." + atom.text), flags)] if atom.op == "equals" else [("input", pattern, flags)]
    found = [("input", pattern, flags)]
    # Cookies are always in the arena, other headers where something odd stands in them: `input` leaves plain ones out.
    if part is Part.ANYWHERE:
        found.append(("request_head", pattern, flags))
    if part is Part.ANYWHERE or atom.field.detail in ("any", "body", "name", "value"):
        found.append(("request_body", pattern, flags))
    return found


def _renumbered(expression: Expression, numbers: Sequence[int]) -> Expression:
    if isinstance(expression, Is):
        return Is(numbers[expression.atom])
    if isinstance(expression, Not):
        return Not(_renumbered(expression.part, numbers))
    return type(expression)(tuple(_renumbered(part, numbers) for part in expression.parts))


def _atoms_of(expression: Expression) -> set[int]:
    if isinstance(expression, Is):
        return {expression.atom}
    if isinstance(expression, Not):
        return _atoms_of(expression.part)
    return set().union(*(_atoms_of(part) for part in expression.parts)) if expression.parts else set()


def _needs_hit(expression: Expression, atoms: Sequence[Atom]) -> bool:
    """Whether an expression is certainly false while no text or word comparison was hit."""

    def possible(part: Expression) -> tuple[bool, bool]:
        """(may be true, may be false) when no comparison was hit."""
        if isinstance(part, Is):
            atom = atoms[part.atom]
            open_ended = atom.field.kind is Kind.NUMBER or atom.op == "exists"
            return open_ended, True
        if isinstance(part, Not):
            true, false = possible(part.part)
            return false, true
        results = [possible(inner) for inner in part.parts]
        if isinstance(part, And):
            return all(true for true, _ in results), any(false for _, false in results) or not results
        return any(true for true, _ in results), all(false for _, false in results)

    return not possible(expression)[0]


__all__ = ["Matched", "Matcher", "Patterns", "Regex", "RuleError", "check_regexes"]
