"""Findings become Alerts: few, ranked, explained.

A SOC works on incidents, not on findings. What one client does, whichever detectors saw it, is one incident; so is what one detector sees many
clients do to one endpoint. An incident opens with its first finding and is told at once; it is told again when it becomes graver, and otherwise
at intervals that double; it closes when nothing was added for a while. All of it in packet time, so that a capture gives the same alerts, byte for
byte, however it was cut into batches.

Where a finding goes, in this order: the incident its `group` is already part of; for inventory findings the incident of its detector and host;
the open incident of its client; the incident of its detector and endpoint once many clients do the same; a new one. Memory stays under
`AlertConfig` whatever arrives: past `open_incidents` a new incident takes the place of a lesser one, which is closed early, or joins the one where
its detector's overflow is gathered; lists keep their gravest entries while their counts stay complete, and the first reason says them.
"""

from __future__ import annotations

import heapq
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import translate
from hashlib import blake2b
from typing import Any, Final

import orjson

from sensor.findings import SEVERITIES, Evidence, Feature, Finding
from sensor.terminal import printable

OPEN, UPDATED, CLOSED = "open", "updated", "closed"
RANK: Final = {name: rank for rank, name in enumerate(SEVERITIES)}
_SECOND = 1_000_000_000
_BANDS = (4.0, 7.0, 9.0)
"""Scores at which medium, high and critical begin: those of CVSS."""
_IDENTIFIERS = ("client", "principal", "endpoint", "detector", "category")


@dataclass(frozen=True, slots=True)
class Alert:
    """One revision of one incident; the names are those of the alert log. All text is visible text: no control character is in it."""

    uid: str
    """Stable: made of what groups the incident and of its first moment."""
    revision: int
    """1 when it opens, one more with each update."""
    state: str
    """open, updated or closed."""
    first_seen: int
    """Packet time, ns since the epoch."""
    last_seen: int
    severity: str
    severity_score: float
    confidence: float
    title: str
    category: str
    techniques: tuple[str, ...] = ()
    detectors: tuple[str, ...] = ()
    """Gravest first."""
    clients: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    calls: int = 0
    reasons: tuple[str, ...] = ()
    features: tuple[Feature, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    response: Mapping[str, Any] = field(default_factory=dict)
    """`advice`: what to do, gravest first; `actions`: the ready-made ones."""
    loss: Mapping[str, int] = field(default_factory=dict)
    """Counters of what the sensor did not see and that could change this."""

    def to_json(self) -> bytes:
        """The alert log's line, without the line's end."""
        return orjson.dumps(self)

    @classmethod
    def from_json(cls, line: bytes) -> Alert:
        """The alert of a line that `to_json` made. Raises ValueError for anything else."""
        try:
            got = orjson.loads(line)
            for name in _TUPLES:
                got[name] = tuple(got[name])
            got["features"] = tuple(Feature(**one) for one in got["features"])
            got["evidence"] = tuple(Evidence(**one) for one in got["evidence"])
            return cls(**got)
        except (TypeError, KeyError, AttributeError) as fault:
            raise ValueError(f"not an alert: {fault}") from fault


ALERT_FIELDS: Final = tuple(one.name for one in fields(Alert))
_TUPLES = ("techniques", "detectors", "clients", "principals", "endpoints", "reasons")


@dataclass(frozen=True, slots=True)
class Silence:
    """A maintenance window: findings that match all of it make no alert, and are counted. Patterns are shell globs."""

    start: int
    """Packet time, ns since the epoch."""
    end: int
    detector: str = "*"
    client: str = "*"
    endpoint: str = "*"


@dataclass(frozen=True, slots=True)
class AlertConfig:
    """How findings are grouped, and how often an incident is told. Times are seconds of packet time."""

    identifier: tuple[str, ...] = ("client",)
    """What findings of one incident share, of: client principal endpoint detector category."""
    update_s: int = 60
    """An open incident is told again after this long at the earliest, unless it became graver; the wait doubles each time."""
    update_max_s: int = 3600
    """The wait between updates grows to this."""
    quiet_s: int = 900
    """An incident closes when nothing was added for this long: slow scans pause for minutes."""
    age_s: int = 86_400
    """An incident is closed and begun anew after a day, so that each has an end."""
    wide_clients: int = 8
    """As many clients that do the same to one endpoint are one incident, not many: a release gone wrong, or a botnet."""
    open_incidents: int = 1_024
    """Incidents open at once; nobody works on more."""
    listed: int = 32
    """Entries of each of an alert's lists."""
    counted: int = 4_096
    """Clients, principals and endpoints told apart by one incident; past it the count reads "at least"."""
    text: int = 1_000
    """Characters of one text."""
    silences: tuple[Silence, ...] = ()
    """Maintenance windows."""

    def faults(self) -> list[str]:
        """What is wrong with these settings, a sentence each."""
        found = [
            f"alerts.identifier: {name!r} is none of {' '.join(_IDENTIFIERS)}"
            for name in self.identifier
            if name not in _IDENTIFIERS
        ]
        if not self.identifier:
            found.append("alerts.identifier: name at least one of " + " ".join(_IDENTIFIERS))
        for name in (
            "update_s",
            "update_max_s",
            "quiet_s",
            "age_s",
            "wide_clients",
            "open_incidents",
            "listed",
            "counted",
            "text",
        ):
            if getattr(self, name) < 1:
                found.append(f"alerts.{name}: must be 1 or more, is {getattr(self, name)}")
        return found


class _Thread:
    """What one detector says in an incident: its gravest finding whole, its number of findings."""

    __slots__ = ("evidence", "findings", "gravest", "techniques")

    def __init__(self, first: Finding) -> None:
        self.gravest = first
        self.findings = 0
        self.evidence: list[Evidence] = []
        self.techniques: dict[str, None] = {}

    def add(self, finding: Finding) -> bool:
        """Count one finding; whether it is the gravest so far."""
        self.findings += 1
        graver = _gravity(finding) > _gravity(self.gravest)
        if graver:
            self.gravest = finding
        if finding.techniques and len(self.techniques) < 16:
            self.techniques.update(dict.fromkeys(finding.techniques))
        room = _EVIDENCE - len(self.evidence)
        if room > 0:
            self.evidence.extend(finding.evidence[:room])
        elif graver:
            self.evidence[-1:] = finding.evidence[:1] or self.evidence[-1:]
        return graver or self.findings == 1


_EVIDENCE = 8
"""Places kept for each detector of an incident; the first ones, since they show how it began."""
_THREADS = 24
"""Detectors of one incident told apart; the rest are counted together."""
_GROUPS = 256
"""Groups remembered as part of one incident; findings of further groups still find it by its client."""


def _gravity(finding: Finding) -> tuple[int, float, float]:
    return (RANK[finding.severity], finding.severity_score, finding.confidence)


class _Incident:
    __slots__ = (
        "calls",
        "clients",
        "closes",
        "due",
        "endpoints",
        "findings",
        "first",
        "grave",
        "groups",
        "key",
        "last",
        "opened",
        "order",
        "others",
        "overflow",
        "principals",
        "revision",
        "rows",
        "rows_of",
        "threads",
        "told_last",
        "told_rank",
        "uid",
        "wait",
    )

    def __init__(self, key: tuple[str, ...], ts: int, order: int, wait: int) -> None:
        self.key = key
        self.order = order
        self.opened = self.first = self.last = ts
        self.uid = blake2b("\x1f".join((*key, str(ts))).encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()
        self.revision = 0
        self.findings = 0
        self.calls = 0
        self.rows: set[int] = set()
        self.rows_of = -1
        self.clients: dict[str, None] = {}
        self.principals: dict[str, None] = {}
        self.endpoints: dict[str, None] = {}
        self.overflow: set[str] = set()
        self.threads: dict[str, _Thread] = {}
        self.others = 0
        self.groups: list[str] = []
        self.due = 0
        self.wait = wait
        self.told_rank = 0
        self.told_last = 0
        self.grave: tuple[int, float, str] = (0, 0.0, "")
        self.closes = 0

    def severity(self) -> tuple[int, float, str]:
        """Rank, score, and why the score is more than the gravest finding's; `grave` keeps it."""
        rank = max(RANK[thread.gravest.severity] for thread in self.threads.values())
        score = max(thread.gravest.severity_score for thread in self.threads.values())
        categories = {thread.gravest.category for thread in self.threads.values()}
        # Detectors that look at different things and agree about one client are worth more than any of them: half a point for each
        # further category, at most one and a half, so that the gravest finding still decides most.
        more = min(len(categories) - 1, 3) * 0.5 if self.key[0] == "actor" and len(self.threads) > 1 else 0.0
        raised = min(10.0, score + more)
        band = sum(raised >= edge for edge in _BANDS)
        why = ""
        if more:
            if band > rank:
                why = (
                    f"{len(self.threads)} detectors of {len(categories)} categories agree, "
                    f"which raises the severity from {SEVERITIES[rank]} to {SEVERITIES[band]}."
                )
                rank = band
            return rank, raised, why
        return rank, score, why


class Alerts:
    """Groups findings into alerts. `loss` gives the counters of what was not seen, `mask` hides secrets in any text."""

    def __init__(
        self,
        config: AlertConfig | None = None,
        loss: Callable[[], Mapping[str, int]] | None = None,
        mask: Callable[[str], str] | None = None,
    ) -> None:
        self.config = config or AlertConfig()
        faults = self.config.faults()
        if faults:
            raise ValueError("; ".join(faults))
        self._loss = loss
        self._mask = mask
        self._open: dict[tuple[str, ...], _Incident] = {}
        self._groups: dict[str, _Incident] = {}
        self._spread: OrderedDict[tuple[str, str], dict[str, None]] = OrderedDict()
        self._timers: list[tuple[int, int, _Incident]] = []
        self._now = 0
        self._order = 0
        self._batches = 0
        self._floor: tuple[int, float] | None = None
        self._silences = [
            (one.start, one.end, _glob(one.detector), _glob(one.client), _glob(one.endpoint))
            for one in self.config.silences
        ]
        self.counters: dict[str, int] = dict.fromkeys(
            ("findings", "silenced", "opened", "updated", "closed", "withheld", "closed_early", "gathered"), 0
        )
        """`withheld`: findings not told at once, but with the incident's next update. `closed_early`, `gathered`: `open_incidents` bit."""

    def observe(self, findings: Iterable[Finding], now: int = 0) -> list[Alert]:
        """Take one batch's findings, in their order; `now` is the time of the batch's last packet. What is to be told, in order."""
        told: list[Alert] = []
        self._batches += 1
        for finding in findings:
            self.counters["findings"] += 1
            self._advance(finding.ts, told)
            if self._silences and self._silent(finding):
                self.counters["silenced"] += 1
                continue
            incident = self._place(finding, told)
            self._add(incident, finding)
            self._tell_if_due(incident, told)
        self._advance(now, told)
        return told

    def finish(self) -> list[Alert]:
        """Close every open incident, the one opened first first."""
        told: list[Alert] = []
        for incident in sorted(self._open.values(), key=lambda one: one.order):
            self._close(incident, told)
        return told

    # Where a finding goes.

    def _place(self, finding: Finding, told: list[Alert]) -> _Incident:
        group = finding.group
        if group:
            known = self._groups.get(group)
            if known is not None:
                return known
        key = self._key(finding)
        incident = self._open.get(key)
        if incident is None:
            incident = self._wide(finding, key, told)
        if group and len(incident.groups) < _GROUPS:
            self._groups[group] = incident
            incident.groups.append(group)
        return incident

    def _key(self, finding: Finding) -> tuple[str, ...]:
        if finding.category == "inventory":
            # A hidden endpoint is no deed of the client that was seen using it. (Probing for one is: that has another category.)
            method, _, place = (finding.endpoint or "").partition(" ")
            return ("inventory", finding.detector, (place or method).partition("/")[0])
        if finding.group and finding.client is None:
            return ("group", finding.group)
        values = [getattr(finding, name) for name in self.config.identifier]
        if not any(values):
            return ("detector", finding.detector, finding.endpoint or "")
        return ("actor", *("" if value is None else value for value in values))

    def _wide(self, finding: Finding, key: tuple[str, ...], told: list[Alert]) -> _Incident:
        if key[0] == "actor" and not finding.group and finding.client is not None:
            place = (finding.detector, finding.endpoint or "")
            clients = self._spread.get(place)
            if clients is None:
                clients = self._spread[place] = {}
                if len(self._spread) > self.config.counted:
                    self._spread.popitem(last=False)
            else:
                self._spread.move_to_end(place)
            if len(clients) >= self.config.wide_clients and finding.client not in clients:
                key = ("wide", *place)
                wide = self._open.get(key)
                return wide if wide is not None else self._begin(key, finding, told)
            clients[finding.client] = None
        return self._begin(key, finding, told)

    def _begin(self, key: tuple[str, ...], finding: Finding, told: list[Alert]) -> _Incident:
        if len(self._open) >= self.config.open_incidents:
            gravity = (RANK[finding.severity], finding.severity_score)
            gathered = self._open.get(("gathered", finding.detector))
            if gathered is not None and self._floor is not None and gravity <= self._floor:
                # Nothing open is lesser: no need to look at all of them again for each finding of a flood.
                self.counters["gathered"] += 1
                return gathered
            least = min(self._open.values(), key=lambda one: (one.grave[:2], one.last, one.order))
            self._floor = least.grave[:2]
            if self._floor < gravity:
                self.counters["closed_early"] += 1
                self._close(least, told)
            else:
                self.counters["gathered"] += 1
                # The gathering place of a detector may itself find no room: then the least incident takes it in.
                return gathered if gathered is not None else self._gather(least, finding)
        self._floor = None
        incident = self._open[key] = _Incident(key, finding.ts, self._order, self.config.update_s * _SECOND)
        self._order += 1
        incident.closes = finding.ts + self.config.quiet_s * _SECOND
        heapq.heappush(self._timers, (incident.closes, incident.order, incident))
        return incident

    def _gather(self, least: _Incident, finding: Finding) -> _Incident:
        del self._open[least.key]
        least.key = ("gathered", finding.detector)
        self._open[least.key] = least
        return least

    # What an incident knows.

    def _add(self, incident: _Incident, finding: Finding) -> None:
        config = self.config
        incident.findings += 1
        incident.last = max(incident.last, finding.ts)
        incident.first = min(incident.first, finding.ts)
        if finding.row < 0:
            incident.calls += len(finding.evidence)
        else:
            if incident.rows_of != self._batches:
                incident.rows_of = self._batches
                incident.rows.clear()
            if finding.row not in incident.rows:
                incident.rows.add(finding.row)
                incident.calls += 1
        for name, value in (
            ("clients", finding.client),
            ("principals", finding.principal),
            ("endpoints", finding.endpoint),
        ):
            if value is not None:
                known: dict[str, None] = getattr(incident, name)
                if value not in known:
                    if len(known) < config.counted:
                        known[value] = None
                    else:
                        incident.overflow.add(name)
        thread = incident.threads.get(finding.detector)
        if thread is None:
            if len(incident.threads) >= _THREADS:
                incident.others += 1
                # The least detector makes place for a graver one: an incident must not hide what matters most in it.
                name, least = min(incident.threads.items(), key=lambda item: _gravity(item[1].gravest))
                if _gravity(least.gravest) >= _gravity(finding):
                    return
                incident.others += least.findings - 1
                del incident.threads[name]
            thread = incident.threads[finding.detector] = _Thread(finding)
        if thread.add(finding):
            incident.grave = incident.severity()

    def _tell_if_due(self, incident: _Incident, told: list[Alert]) -> None:
        if incident.revision == 0:
            self._tell(incident, OPEN, self._now, told)
        elif incident.grave[0] > incident.told_rank:
            self._tell(incident, UPDATED, self._now, told)
        elif self._now >= incident.told_last + incident.wait:
            self._update(incident, self._now, told)
        else:
            self.counters["withheld"] += 1
            if not incident.due:
                incident.due = incident.told_last + incident.wait
                heapq.heappush(self._timers, (incident.due, incident.order, incident))

    def _update(self, incident: _Incident, at: int, told: list[Alert]) -> None:
        self._tell(incident, UPDATED, at, told)
        incident.wait = min(incident.wait * 2, self.config.update_max_s * _SECOND)

    def _advance(self, ts: int, told: list[Alert]) -> None:
        """Let packet time pass: updates that are due, incidents that fell quiet, in the order of their moments."""
        self._now = max(self._now, ts)
        timers = self._timers
        while timers and timers[0][0] <= self._now:
            at, order, incident = heapq.heappop(timers)
            if self._open.get(incident.key) is not incident:
                continue
            if incident.due and incident.due <= at:
                self._update(incident, at, told)
            if at >= incident.closes:
                # One timer an incident: it moves on when it fires, not with every finding.
                quiet = incident.last + self.config.quiet_s * _SECOND
                aged = incident.opened + self.config.age_s * _SECOND
                if min(quiet, aged) <= at:
                    self._close(incident, told)
                else:
                    incident.closes = min(quiet, aged)
                    heapq.heappush(timers, (incident.closes, order, incident))

    def _close(self, incident: _Incident, told: list[Alert]) -> None:
        del self._open[incident.key]
        for group in incident.groups:
            del self._groups[group]
        self._tell(incident, CLOSED, self._now, told)

    def _silent(self, finding: Finding) -> bool:
        return any(
            start <= finding.ts < end
            and detector.match(finding.detector)
            and client.match(finding.client or "")
            and endpoint.match(finding.endpoint or "")
            for start, end, detector, client, endpoint in self._silences
        )

    # How it is told.

    def _tell(self, incident: _Incident, state: str, at: int, told: list[Alert]) -> None:
        incident.revision += 1
        incident.told_rank = incident.grave[0]
        incident.told_last = at
        incident.due = 0
        self.counters[{OPEN: "opened", UPDATED: "updated", CLOSED: "closed"}[state]] += 1
        told.append(self._alert(incident, state))

    def _text(self, text: str) -> str:
        shown = printable(self._mask(text) if self._mask is not None else text)
        limit = self.config.text
        return shown if len(shown) <= limit else shown[: limit - 1] + "…"

    def _texts(self, values: Iterable[str]) -> tuple[str, ...]:
        out: dict[str, None] = {}
        for value in values:
            out[self._text(value)] = None
            if len(out) >= self.config.listed:
                break
        return tuple(out)

    def _alert(self, incident: _Incident, state: str) -> Alert:
        text, texts = self._text, self._texts
        threads = sorted(
            incident.threads.values(), key=lambda one: (_negated(_gravity(one.gravest)), one.gravest.detector)
        )
        top = threads[0].gravest
        rank, score, why = incident.grave
        doubt = 1.0
        for thread in threads:
            doubt *= 1.0 - min(max(thread.gravest.confidence, 0.0), 1.0)
        reasons = [self._sum(incident, threads)] if incident.findings > 1 else []
        reasons.extend(reason for thread in threads for reason in thread.gravest.reasons)
        if why:
            reasons.append(why)
        features: dict[str, Feature] = {}
        for thread in threads:
            for one in thread.gravest.features:
                features.setdefault(one.name, one)
        places = {(one.ts, one.pcap_file, one.packet, one.uid): one for thread in threads for one in thread.evidence}
        titles = dict.fromkeys(thread.gravest.title for thread in threads)
        more = f" and {len(titles) - 1} more kind{'s' if len(titles) > 2 else ''}" if len(titles) > 1 else ""
        actions: list[dict[str, Any]] = []
        for thread in threads:
            if thread.gravest.action and thread.gravest.action not in actions and len(actions) < 4:
                actions.append(thread.gravest.action)
        return Alert(
            uid=incident.uid,
            revision=incident.revision,
            state=state,
            first_seen=incident.first,
            last_seen=incident.last,
            severity=SEVERITIES[rank],
            severity_score=round(score, 1),
            confidence=round(min(0.99, max(1.0 - doubt, top.confidence)) if len(threads) > 1 else top.confidence, 3),
            title=text(top.title + more),
            category=text(top.category),
            techniques=texts(sorted({name for thread in threads for name in thread.techniques})),
            detectors=texts(thread.gravest.detector for thread in threads),
            clients=texts(incident.clients),
            principals=texts(incident.principals),
            endpoints=texts(incident.endpoints),
            calls=incident.calls,
            reasons=texts(reasons),
            features=tuple(
                Feature(text(one.name), text(one.seen), text(one.usual))
                for one in list(features.values())[: self.config.listed]
            ),
            evidence=tuple(
                Evidence(text(one.uid), text(one.pcap_file), one.packet, one.ts)
                for _, one in sorted(places.items())[: self.config.listed]
            ),
            response={
                "advice": list(texts(thread.gravest.response for thread in threads if thread.gravest.response)[:4]),
                "actions": [_plain(action, text) for action in actions],
            },
            loss=_nonzero(self._loss()) if self._loss is not None else {},
        )

    def _sum(self, incident: _Incident, threads: list[_Thread]) -> str:
        def count(name: str, word: str) -> str:
            number = len(getattr(incident, name))
            least = "at least " if name in incident.overflow else ""
            return f"{least}{number} {word}{'' if number == 1 else 's'}"

        calls = f"{incident.calls} call{'' if incident.calls == 1 else 's'}"
        who = f" by {count('clients', 'client')}" if incident.clients else ""
        where = f" on {count('endpoints', 'endpoint')}" if incident.endpoints else ""
        by = ", ".join(f"{thread.gravest.detector} {thread.findings}" for thread in threads[:8])
        rest = sum(thread.findings for thread in threads[8:]) + incident.others
        more = f", others {rest}" if rest else ""
        return f"{incident.findings} findings in {calls}{who}{where} within {_span(incident.last - incident.first)}: {by}{more}."


def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))


def _negated(values: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(-value for value in values)


def _nonzero(counters: Mapping[str, int]) -> dict[str, int]:
    return {name: value for name, value in sorted(counters.items()) if value}


def _plain(value: Any, text: Callable[[str], str], depth: int = 0) -> Any:
    """An action as data whose every text is masked and visible; what is no plain data becomes its text."""
    if isinstance(value, bool) or value is None or isinstance(value, float):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else str(value)
    if isinstance(value, dict) and depth < 4:
        return {text(str(key)): _plain(one, text, depth + 1) for key, one in list(value.items())[:32]}
    if isinstance(value, list | tuple) and depth < 4:
        return [_plain(one, text, depth + 1) for one in value[:32]]
    return text(str(value))


def _span(ns: int) -> str:
    """A duration as a person says it.

    >>> _span(192_000_000_000)
    '3 min 12 s'
    """
    if ns < _SECOND:
        return f"{ns // 1_000_000} ms"
    seconds = ns // _SECOND
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
