"""RuleSet: rules loaded, checked and compiled, applied to batch after batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from parsers.evidence import Evidence, Feature
from rules import unfold
from rules.correlation import Correlator, Counted
from rules.examples import batch_of
from rules.faults import Fault, RuleError
from rules.match import Match
from rules.matcher import Matched, Matcher, check_regexes
from rules.readers import READERS
from rules.sigma.condition import And, Expression, Is, Or
from rules.sigma.fields import Kind
from rules.sigma.rule import Example, Rule, read_rules

BUILTIN = Path(__file__).parent / "builtin"
"""The rules that ship; `load(None)` reads them."""

MOST_OF_ONE_RULE = 65_536
"""Matches of one rule in one batch that become objects; the rest is counted in `RuleSet.withheld`. More of one thing tells nobody more."""

_PLACE = {
    unfold.PATH: "path",
    unfold.QUERY_NAME: "query parameter name",
    unfold.QUERY_VALUE: "query parameter",
    unfold.HEADER: "header",
    unfold.COOKIE_NAME: "cookie name",
    unfold.COOKIE_VALUE: "cookie",
    unfold.BODY_NAME: "body field name",
    unfold.BODY_VALUE: "body field",
    unfold.BODY_TEXT: "body",
    unfold.FILENAME: "file name",
}


def load(paths: Sequence[Path] | None = None) -> RuleSet:
    """Read rules from files and folders (the built-in ones for None). Raises RuleError with every fault of every file."""
    faults: list[Fault] = []
    rules: list[Rule] = []
    files: list[Path] = []
    for path in [BUILTIN] if paths is None else paths:
        if path.is_dir():
            found = sorted(entry for entry in path.rglob("*") if entry.suffix in (".yaml", ".yml") and entry.is_file())
            if not found:
                faults.append(Fault(str(path), 1, "no .yaml or .yml file in this folder"))
            files += found
        else:
            files.append(path)
    for file in files:
        shown = f"rules/builtin/{file.name}" if file.parent == BUILTIN else str(file)
        try:
            text = file.read_text(encoding="utf-8-sig")
        except OSError as error:
            faults.append(Fault(shown, 1, f"cannot be read: {error.strerror}"))
            continue
        except UnicodeDecodeError:
            faults.append(Fault(shown, 1, "is no UTF-8 text"))
            continue
        before = len(rules), len(faults)
        rules += read_rules(text, shown, faults)
        if before == (len(rules), len(faults)):
            faults.append(Fault(shown, 1, "holds no rule"))
    # What ships is checked by its tests; compiling each of its patterns by itself would cost every start a second.
    faults += check_regexes(rule for rule in rules if not rule.file.startswith("rules/builtin/"))
    first: dict[str, Rule] = {}
    for rule in rules:
        other = first.setdefault(rule.id, rule)
        if other is not rule:
            faults.append(Fault(rule.file, rule.line, f"the id '{rule.id}' is taken by {other.file}:{other.line}"))
    names = {key for rule in rules for key in (rule.id, rule.name) if key}
    for rule in rules:
        for name in rule.counting.rules if rule.counting else ():
            if name not in names:
                faults.append(Fault(rule.file, rule.line, f"the correlation counts a rule '{name}' that is not loaded"))
    if faults:
        raise RuleError(faults)
    return RuleSet(rules)


class RuleSet:
    """Rules in force. `observe` is deterministic and in packet time: a batch cut in two gives the same matches as the whole."""

    id = "rules"

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self.hide: Callable[[bytes, int, int], tuple[bytes, int, int]] | None = None
        """Called with a text and a place in it before the place is quoted: the same with what is secret in it hidden."""
        self.withheld = 0
        """Matches that were not made into objects: more than MOST_OF_ONE_RULE of a rule in one batch."""
        self._matcher = Matcher(self.rules)
        self._numbers = {rule.id: number for number, rule in enumerate(self._matcher.rules)}
        by_name = {rule.name: rule.id for rule in self.rules if rule.name}
        self._correlators: list[tuple[Rule, Correlator, tuple[int, ...]]] = []
        silent: set[int] = set()
        for rule in self.rules:
            if rule.counting is None:
                continue
            counted = tuple(self._numbers[by_name.get(name, name)] for name in rule.counting.rules) or (self._numbers[rule.id],)
            if not rule.counting.generate:
                silent.update(counted)
            self._correlators.append((rule, Correlator(rule.counting), counted))
        self._silent = frozenset(silent)

    def observe(self, batch: pa.RecordBatch) -> list[Match]:
        """What the rules find in a batch of calls (CALL_SCHEMA; `template` and `principal` are used where they are there), in order of rows."""
        if not batch.num_rows:
            return []
        matched = self._matcher.match(batch)
        found: list[Match] = []
        told = [rows for number, rows in matched.hits.items() if number not in self._silent]
        if told:
            matched.tell(np.flatnonzero(np.logical_or.reduce(told)))
        for number, rows in matched.hits.items():
            if number in self._silent:
                continue
            rule = self._matcher.rules[number]
            at = np.flatnonzero(rows)
            if len(at) > MOST_OF_ONE_RULE:
                self.withheld += len(at) - MOST_OF_ONE_RULE
                at = at[:MOST_OF_ONE_RULE]
            found += [self._match(rule, number, matched, row) for row in at.tolist()]
        for rule, correlator, counted in self._correlators:
            hits = [matched.hits[number] for number in counted if number in matched.hits]
            if hits:
                rows = np.logical_or.reduce(hits) if len(hits) > 1 else hits[0]
                found += [self._counted(rule, matched, event) for event in correlator.observe(matched, rows)]
        found.sort(key=lambda match: (match.row, match.detector))
        return found

    def restarted(self) -> RuleSet:
        """The same rules with nothing counted yet; what was compiled is shared."""
        fresh = object.__new__(RuleSet)
        fresh.__dict__.update(self.__dict__)
        fresh.withheld = 0
        fresh._correlators = [
            (rule, Correlator(rule.counting), counted) for rule, _, counted in self._correlators if rule.counting is not None
        ]
        return fresh

    def test_examples(self, batch_maker: Callable[[Example], Iterable[pa.RecordBatch]] | None = None) -> list[str]:
        """Try every rule on its own examples; a sentence for each that is not judged as it says. `batch_maker` turns an example into batches (by
        default its text is read without a parser)."""
        wrong = []
        for rule in self.rules:
            counted = rule.counting.rules if rule.counting else ()
            alone = RuleSet([other for other in self.rules if other is rule or other.id in counted or (other.name and other.name in counted)])
            for example in rule.examples:
                fresh = alone.restarted()
                batches = [batch_of(example.calls)] if batch_maker is None else batch_maker(example)
                found = any(match.detector == rule.id for batch in batches for match in fresh.observe(batch))
                if found != example.matches:
                    must = "must match and does not" if example.matches else "must pass and matches"
                    wrong.append(f"{rule.file}:{example.line}: rule '{rule.id}': this example {must}")
        return wrong

    def _match(self, rule: Rule, number: int, matched: Matched, row: int) -> Match:
        features, reasons = self._why(rule, number, matched, row)
        return _made(rule, matched, row, reasons, features, rule.group)

    def _counted(self, rule: Rule, matched: Matched, event: Counted) -> Match:
        counting = rule.counting
        assert counting is not None
        if counting.count == 1 and rule.id in self._numbers:
            # Told once for each group: the call itself is the reason, not its number.
            features, reasons = self._why(rule, self._numbers[rule.id], matched, event.row)
            return _made(rule, matched, event.row, reasons, features, f"{rule.id}|" + "|".join(value for _, value in event.group))
        span = counting.span / 1e9
        what = {"event_count": "calls", "value_count": f"different values of {counting.value}", "steps": f"steps through {counting.value}"}[counting.kind]
        who = ", ".join(f"{name} {value}" for name, value in event.group)
        reason = f"{event.count} {what} within {span:g} s for {who}; {counting.count} or more are not expected."
        features = (Feature(f"{counting.kind} in {span:g} s", str(event.count), f"below {counting.count}"),)
        reasons = (rule.reason, reason) if rule.reason else (reason,)
        group = f"{rule.id}|" + "|".join(value for _, value in event.group)
        return _made(rule, matched, event.row, reasons, features, group)

    def _why(self, rule: Rule, number: int, matched: Matched, row: int) -> tuple[tuple[Feature, ...], tuple[str, ...]]:
        """What in the call made the condition true: the comparisons that hold, quoted."""
        features: list[Feature] = []
        for i in _holding(self._matcher.expressions[number], matched, row):
            atom = self._matcher.atoms[i]
            if atom.op == "looks_like":
                looked = matched.looked(i, row)
                if looked is not None:
                    place, text = looked
                    features.append(Feature(_PLACE.get(place, "input"), self._quoted(text, 0, len(text)), f"no {READERS[atom.text.decode()].what}"))
            elif atom.field.kind is Kind.TEXT and atom.field.part.value in ("url", "input", "header", "response_header", "bytes", "anywhere"):
                if atom.op == "exists":
                    continue
                where = matched.where(i, row)
                if where is not None:
                    features.append(Feature(atom.field.name, self._quoted(*where), f"not {atom.op} {_shown(atom.text, 0, len(atom.text))}"))
            elif atom.field.detail in matched.batch.schema.names:
                value = matched.batch.column(atom.field.detail)[row].as_py()
                features.append(Feature(atom.field.name, self._quoted(str(value).encode("utf-8", "backslashreplace"), 0, 0, 160), "another value"))
            if len(features) >= 5:
                break
        told = [f"{feature.name}: {feature.seen}" for feature in features]
        reasons = ([rule.reason] if rule.reason else [rule.description] if rule.description else []) + (["Seen in " + "; ".join(told) + "."] if told else [])
        return tuple(features), tuple(reasons) or (rule.title,)

    def _quoted(self, octets: bytes, start: int, end: int, around: int = 40) -> str:
        if self.hide is not None:
            octets, start, end = self.hide(octets, start, end)
        return _shown(octets, start, end, around)


def _holding(expression: Expression, matched: Matched, row: int) -> list[int]:
    """Atoms that hold on a row and are not negated."""
    if isinstance(expression, Is):
        return [expression.atom] if matched.holds(expression.atom, row) else []
    if isinstance(expression, And | Or):
        return [atom for part in expression.parts for atom in _holding(part, matched, row)]
    return []


def _shown(octets: bytes, start: int, end: int, around: int = 40, most: int = 160) -> str:
    """A piece of hostile text on one line: printable ASCII and other letters as they are, the rest escaped."""
    piece = octets[max(0, start - around) : min(len(octets), max(end, start) + around)][:most]
    # 127 is what the reader of inputs puts behind each text; an own one of the text's is no loss to a person.
    text = piece.replace(b"\x7f", b"").decode("utf-8", "backslashreplace")
    shown = text if text.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    before = "…" if start - around > 0 else ""
    after = "…" if max(0, start - around) + len(piece) < len(octets) else ""
    return f"{before}{shown}{after}"


def _made(rule: Rule, matched: Matched, row: int, reasons: tuple[str, ...], features: tuple[Feature, ...], group: str) -> Match:
    call = matched.call(row)
    client = call["client_ip"]
    template = call.get("template")
    action = dict(rule.action)
    if action.get("kind") == "block_address":
        action.setdefault("address", client)
    ts = call["ts"]
    return Match(
        detector=rule.id,
        row=row,
        ts=ts,
        severity=rule.severity,
        severity_score=rule.score,
        confidence=rule.confidence,
        title=rule.title,
        category=rule.category,
        reasons=reasons,
        client=client,
        principal=call.get("principal"),
        endpoint=f"{call['method']} {call['host'] or ''}{template if template is not None else call['path'] or ''}",
        evidence=(Evidence(call["uid"], call["pcap_file"], call["packet"], ts),),
        techniques=rule.techniques,
        features=features,
        response=rule.response,
        action=MappingProxyType(action),
        group=group,
    )
