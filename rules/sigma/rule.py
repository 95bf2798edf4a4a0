"""Rules: read from YAML, whole or not at all, with every fault of a file at once.

A rule has a title, an id and either a `detection` (selections and a condition) or a `correlation` over calls (a detection in the same
document, or other rules by id), or both. `examples` holds raw requests that must match and that must pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from rules.faults import Fault, did_you_mean
from rules.sigma.condition import And, ConditionError, Expression, Is, Not, Or, read_condition
from rules.sigma.document import Items, Map, documents
from rules.sigma.fields import FIELDS, Part, field_of
from rules.sigma.modifiers import Atom, ModifierError, atoms_for, split_key

SEVERITIES = ("low", "medium", "high", "critical")
_SCORES = {"low": 3.0, "medium": 5.5, "high": 7.8, "critical": 9.3}
_LEVELS = {"informational": "low", "low": "low", "medium": "medium", "high": "high", "critical": "critical"}
_CATEGORY = re.compile(r"API(10|[1-9]):20(19|23)\Z|anomaly\Z|inventory\Z|protocol\Z")
_TECHNIQUE = re.compile(r"T\d{4}(\.\d{3})?\Z")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}\Z", re.IGNORECASE)
_SPAN = re.compile(r"(\d+)\s*(ms|s|m|h|d)\Z")
_NS = {"ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000, "d": 86_400_000_000_000}
_LONGEST_SPAN = 86_400_000_000_000

KEYS = frozenset(
    ["title", "id", "name", "status", "description", "references", "author", "date", "modified", "tags", "related", "logsource", "detection", "falsepositives", "level", "license", "fields", "scope", "taxonomy", "severity", "score", "confidence", "category", "techniques", "reason", "response", "action", "group", "examples", "correlation", "generate"]
)
GROUP_KEYS = ("caller", "endpoint", "object", "login", "credential", "client_ip", "server_ip", "host", "method", "path", "user_agent", "status", "target")
"""What correlations group by or count: columns, and what is derived from a call (see rules.correlation)."""


@dataclass(frozen=True, slots=True)
class Counting:
    """A threshold over calls in packet time: `count` calls, or `count` different values of `value`, in `span` ns within one group."""

    kind: str
    """event_count, value_count or steps (numbers that go up or down by small steps)."""
    group_by: tuple[str, ...]
    span: int
    count: int
    value: str = ""
    rules: tuple[str, ...] = ()
    """Ids of the rules whose matches are counted; empty when the rule has a detection of its own."""
    generate: bool = False
    """Whether the counted rules report on their own too."""


@dataclass(frozen=True, slots=True)
class Example:
    """Calls that a rule must match, or must pass."""

    calls: tuple[Mapping[str, Any], ...]
    matches: bool
    line: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, ready to be compiled into a matcher."""

    id: str
    title: str
    file: str
    line: int
    severity: str
    score: float
    confidence: float
    category: str
    techniques: tuple[str, ...]
    description: str = ""
    reason: str = ""
    response: str = ""
    action: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    group: str = ""
    expression: Expression | None = None
    atoms: tuple[Atom, ...] = ()
    counting: Counting | None = None
    examples: tuple[Example, ...] = ()
    name: str = ""
    """Sigma's short name, by which correlations may refer to the rule."""


def read_rules(text: str, file: str, faults: list[Fault]) -> list[Rule]:
    """The rules of one file. Faults are appended to `faults`; a rule with a fault is left out."""
    rules = []
    for document in documents(text, file, faults):
        before = len(faults)
        rule = _Reader(document, file, faults).rule()
        if rule is not None and len(faults) == before:
            rules.append(rule)
    return rules


class _Reader:
    """Reads one document; goes on after a fault, so that all are told."""

    def __init__(self, document: Map, file: str, faults: list[Fault]) -> None:
        self.document = document
        self.file = file
        self.faults = faults
        self.atoms: dict[Atom, int] = {}

    def fault(self, line: int, text: str) -> None:
        self.faults.append(Fault(self.file, line, text))

    def line(self, key: str) -> int:
        return self.document.lines.get(key, self.document.line)

    def rule(self) -> Rule | None:
        document = self.document
        for key in document:
            if key not in KEYS:
                self.fault(self.line(key), f"unknown key '{key}'{did_you_mean(key, KEYS)}")
        title = self.words("title")
        identity = str(document.get("id") or document.get("name") or "")
        if not title:
            self.fault(document.line, "a rule needs a title")
        if not _ID.match(identity):
            self.fault(self.line("id"), "a rule needs an id of letters, digits, '.', '_' and '-'")
        counting = self.counting()
        expression = None
        if "detection" in document:
            expression = self.detection(document["detection"])
        elif counting is None or not counting.rules:
            self.fault(document.line, "a rule needs a detection, or a correlation that names its rules")
        severity = self.severity()
        techniques, category = self.techniques(), self.category()
        examples = self.examples()
        return Rule(
            id=identity,
            title=title,
            file=self.file,
            line=document.line,
            severity=severity,
            score=self.number("score", _SCORES[severity], 10.0),
            confidence=self.number("confidence", 0.7, 1.0),
            category=category,
            techniques=techniques,
            description=self.words("description"),
            reason=self.words("reason"),
            response=self.words("response"),
            action=self.action(),
            group=self.words("group"),
            expression=expression,
            atoms=tuple(self.atoms),
            counting=counting,
            examples=examples,
            name=str(document.get("name") or ""),
        )

    def words(self, key: str) -> str:
        value = self.document.get(key)
        if value is None:
            return ""
        if isinstance(value, dict | list):
            self.fault(self.line(key), f"'{key}' is a text")
            return ""
        return " ".join(str(value).split())

    def number(self, key: str, default: float, most: float) -> float:
        value = self.document.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            self.fault(self.line(key), f"'{key}' is a number from 0 to {most:g}")
            return default
        return float(value)

    def severity(self) -> str:
        if "severity" in self.document:
            value = str(self.document["severity"])
            if value not in SEVERITIES:
                self.fault(self.line("severity"), f"severity '{value}' is none of {', '.join(SEVERITIES)}{did_you_mean(value, SEVERITIES)}")
                return "medium"
            return value
        level = str(self.document.get("level", "medium"))
        if level not in _LEVELS:
            self.fault(self.line("level"), f"level '{level}' is none of {', '.join(_LEVELS)}{did_you_mean(level, _LEVELS)}")
            return "medium"
        return _LEVELS[level]

    def category(self) -> str:
        value = str(self.document.get("category", "API8:2023"))
        if not _CATEGORY.match(value):
            self.fault(self.line("category"), f"category '{value}' is no OWASP API id such as API1:2023, nor anomaly, inventory or protocol")
        return value

    def techniques(self) -> tuple[str, ...]:
        found: list[str] = []
        for value in _list(self.document.get("techniques")):
            if not isinstance(value, str) or not _TECHNIQUE.match(value):
                self.fault(self.line("techniques"), f"technique '{value}' is no ATT&CK id such as T1190")
            else:
                found.append(value)
        for tag in _list(self.document.get("tags")):
            technique = str(tag).removeprefix("attack.").upper()
            if _TECHNIQUE.match(technique) and technique not in found:
                found.append(technique)
        return tuple(found)

    def action(self) -> Mapping[str, Any]:
        value = self.document.get("action") or {}
        if not isinstance(value, dict) or any(isinstance(item, dict | list) for item in value.values()):
            self.fault(self.line("action"), "'action' is a mapping such as {kind: block_address, seconds: 3600}")
            return MappingProxyType({})
        return MappingProxyType(dict(value))

    def detection(self, detection: Any) -> Expression | None:
        if not isinstance(detection, Map):
            self.fault(self.line("detection"), "'detection' holds selections and a condition")
            return None
        selections: dict[str, Expression] = {}
        for name, value in detection.items():
            if name in ("condition", "timeframe"):
                continue
            tree = self.selection(value, detection.lines[name])
            selections[name] = tree if tree is not None else Or(())
        condition = detection.get("condition")
        if isinstance(condition, Items):
            condition = " or ".join(f"({item})" for item in condition)
        if not isinstance(condition, str):
            self.fault(detection.line, "a detection needs a condition such as 'selection'")
            return None
        try:
            return read_condition(condition, selections)
        except ConditionError as error:
            self.fault(detection.lines["condition"], str(error))
            return None

    def selection(self, value: Any, line: int) -> Expression | None:
        """A mapping is AND, a list is OR, text is a keyword anywhere in the request."""
        if isinstance(value, Map):
            parts = [self.comparison(key, item, value.lines[key]) for key, item in value.items()]
            if not parts:
                self.fault(line, "the selection is empty")
            return _joined(And, parts)
        if isinstance(value, Items):
            parts = [self.selection(item, value.lines[i]) for i, item in enumerate(value)]
            if not parts:
                self.fault(line, "the selection is empty")
            return _joined(Or, parts)
        if value is None:
            self.fault(line, "the selection is empty")
            return None
        return self.comparison("|contains", value, line)

    def comparison(self, key: str, value: Any, line: int) -> Expression | None:
        try:
            name, modifiers = split_key(key)
            target = field_of(name) if name else FIELDS["anywhere"]
        except ModifierError as error:
            self.fault(line, str(error))
            return None
        except KeyError as error:
            self.fault(line, str(error.args[0]))
            return None
        if target.part is Part.ANYWHERE and not any(modifier in ("re", "contains") for modifier in modifiers):
            modifiers = [*modifiers, "contains"]
        values = list(value) if isinstance(value, list) else [value]
        if not values:
            self.fault(line, f"'{key}' has no value")
            return None
        lines = value.lines if isinstance(value, Items) else [line]
        parts: list[Expression | None] = []
        for i, item in enumerate(values):
            # A number among keywords is a status: access logs hold it, requests do not.
            status = target.part is Part.ANYWHERE and isinstance(item, int) and not isinstance(item, bool) and 100 <= item <= 599
            try:
                found: list[Expression | None] = [Is(self.atom(atom)) for atom in atoms_for(FIELDS["status"] if status else target, [] if status else modifiers, item)]
            except ModifierError as error:
                self.fault(lines[i], str(error))
                continue
            parts.append(_joined(Or, found))
        whole = _joined(And if "all" in modifiers else Or, parts)
        return Not(whole) if "neq" in modifiers and whole is not None else whole

    def atom(self, atom: Atom) -> int:
        return self.atoms.setdefault(atom, len(self.atoms))

    def counting(self) -> Counting | None:
        value = self.document.get("correlation")
        if value is None:
            return None
        line = self.line("correlation")
        if not isinstance(value, Map):
            self.fault(line, "'correlation' is a mapping with type, group-by, timespan and condition")
            return None
        known = ("type", "rules", "group-by", "timespan", "condition", "field", "generate")
        for key in value:
            if key not in known:
                self.fault(value.lines[key], f"unknown key '{key}' of a correlation{did_you_mean(key, known)}")
        kind = value.get("type")
        kinds = ("event_count", "value_count", "steps")
        if kind not in kinds:
            self.fault(value.lines.get("type", line), f"correlation type '{kind}' is none of {', '.join(kinds)}{did_you_mean(str(kind), kinds)}")
        group_by = tuple(map(str, _list(value.get("group-by"))))
        condition = value.get("condition")
        counted = str(value.get("field") or "")
        if isinstance(condition, dict) and condition.get("field"):
            counted = str(condition["field"])
        for name in (*group_by, *([counted] if counted else [])):
            lower = _group_key(name)
            if lower not in GROUP_KEYS:
                self.fault(value.lines.get("group-by", line), f"cannot group by or count '{name}'{did_you_mean(name, GROUP_KEYS)}")
        if kind in ("value_count", "steps") and not counted:
            self.fault(line, f"a {kind} correlation needs the field it counts")
        count = 0
        if isinstance(condition, dict):
            for key, more in (("gte", 0), ("gt", 1)):
                if isinstance(condition.get(key), int):
                    count = int(condition[key]) + more
        if not 1 <= count <= 1_000_000:
            self.fault(value.lines.get("condition", line), "a correlation's condition is {gte: N} or {gt: N}, N from 1 to 1000000")
        if kind == "value_count" and count > 1024:
            self.fault(value.lines.get("condition", line), "value_count counts up to 1024 different values")
        span = _SPAN.match(str(value.get("timespan", "")))
        ns = int(span.group(1)) * _NS[span.group(2)] if span else 0
        if not 0 < ns <= _LONGEST_SPAN:
            self.fault(value.lines.get("timespan", line), "a timespan is a number and ms, s, m, h or d, at most one day, such as 5m")
        names = tuple(map(str, _list(value.get("rules"))))
        return Counting(str(kind), tuple(map(_group_key, group_by)), ns, count, _group_key(counted) if counted else "", names, bool(value.get("generate")))

    def examples(self) -> tuple[Example, ...]:
        value = self.document.get("examples")
        if value is None:
            return ()
        if not isinstance(value, Map) or set(value) - {"match", "pass"}:
            self.fault(self.line("examples"), "'examples' holds 'match' and 'pass', lists of raw requests")
            return ()
        found = []
        for key in ("match", "pass"):
            items = value.get(key)
            if items is None:
                continue
            if not isinstance(items, Items):
                self.fault(value.lines[key], f"'{key}' is a list of raw requests")
                continue
            for i, item in enumerate(items):
                calls = self.calls(item, items.lines[i])
                if calls:
                    found.append(Example(calls, key == "match", items.lines[i]))
        return tuple(found)

    def calls(self, item: Any, line: int) -> tuple[Mapping[str, Any], ...]:
        known = ("request", "response", "client", "repeat", "every", "calls", "weird")
        if isinstance(item, str):
            return ({"request": item},)
        if not isinstance(item, Map):
            self.fault(line, "an example is a raw request, or a mapping with request, response, client, repeat, every")
            return ()
        for key in item:
            if key not in known:
                self.fault(item.lines[key], f"unknown key '{key}' of an example{did_you_mean(key, known)}")
        if "calls" in item:
            return tuple(call for i, part in enumerate(_list(item["calls"])) for call in self.calls(part, line))
        if not isinstance(item.get("request"), str):
            self.fault(line, "an example needs a request")
            return ()
        return (MappingProxyType(dict(item)),)


def _group_key(name: str) -> str:
    lower = name.lower()
    try:
        return field_of(lower).name if lower not in GROUP_KEYS else lower
    except KeyError:
        return lower


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _joined(kind: type[And] | type[Or], parts: list[Expression | None]) -> Expression | None:
    whole = tuple(part for part in parts if part is not None)
    if not whole:
        return None
    return whole[0] if len(whole) == 1 else kind(whole)
