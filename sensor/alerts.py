"""Findings become Alerts: few, ranked, explained.

A SOC works on incidents, not on findings. What one client does, whichever detectors saw it, is one incident; so is what one detector sees many
clients do to one endpoint. An incident opens with its first finding and is told at once; it is told again when it becomes graver, and otherwise
at intervals that double; it closes when nothing was added for a while. All of it in packet time, so that a capture gives the same alerts, byte for
byte, however it was cut into batches.

Where a finding goes, in this order: the incident its `group` is already part of; for inventory findings the incident of its detector and host;
the open incident of its client; the incident of its detector and endpoint once many clients do the same; a new one. Memory stays under
`AlertConfig` whatever arrives: past `open_incidents` a new incident takes the place of a lesser one, which is closed early, or joins the one where
its detector's overflow is gathered; lists keep their gravest entries while their counts stay complete, and the first reason says them.
So that a flood is a few incidents, past `flood` new ones within `flood_s` the further ones are gathered by detector too.

What people said of an incident changes the next decision (`Verdict`, from the store): findings that repeat a false positive are held back for the time
it was given, and the next alert of that group says so; a confirmed one makes the next of its group more certain. What is open outlives the sensor
(`sensor.incidents`): `resume` goes on with the incidents of the last run, under the same uids.
"""

from __future__ import annotations

import heapq
import re
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from fnmatch import translate
from hashlib import blake2b
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from math import isnan
from typing import Any, Final, Protocol

import orjson

from sensor.findings import SEVERITIES, Evidence, Feature, Finding
from sensor.terminal import printable, when

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
    _all: Callable[[str], Iterable[str]] | None = field(default=None, repr=False, compare=False)
    """All clients, principals and endpoints of the incident, where the lists hold the first of them; in no line, since its name begins so (orjson)."""

    def all(self, name: str) -> Iterable[str]:
        """All `clients`, `principals` or `endpoints` of the incident that are known here: those of the list first."""
        listed: tuple[str, ...] = getattr(self, name)
        yield from listed
        if self._all is not None:
            yield from (one for one in self._all(name) if one not in listed)

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


ALERT_FIELDS: Final = tuple(one.name for one in fields(Alert) if not one.name.startswith("_"))
_TUPLES = ("techniques", "detectors", "clients", "principals", "endpoints", "reasons")


DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 86_400 * _SECOND
_NEVER = 0x7FFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A maintenance window: findings that match all of it make no alert, and are counted. Names are shell globs."""

    name: str = ""
    """What it is for; the counter is called so."""
    begins: int = field(default=0, metadata={"moment": True})
    """Packet time, ns since the epoch; in a configuration file 2026-11-25T20:00:00Z."""
    ends: int = field(default=_NEVER, metadata={"moment": True})
    """The first moment that is no longer part of it."""
    days: tuple[str, ...] = ()
    """Days of the week it begins on (mon tue wed thu fri sat sun, in UTC); every day where none is named."""
    daily: str = ""
    """Hours of those days, in UTC: 22:00-02:00 ends on the next day. Empty: all day."""
    detector: str = "*"
    client: str = "*"
    """A glob, an address or a network (10.20.0.0/16)."""
    endpoint: str = "*"
    """`METHOD host/template`."""

    def faults(self) -> list[str]:
        """What is wrong with it, a sentence each."""
        found = [f"days: {day!r} is none of {' '.join(DAYS)}" for day in self.days if day not in DAYS]
        if self.ends <= self.begins:
            found.append("ends: must be after begins")
        if self.daily and hours_of(self.daily) is None:
            found.append(f"daily: {self.daily!r} must be two times of day, such as 22:00-02:00")
        if "/" in self.client and network_of(self.client) is None:
            found.append(f"client: {self.client!r} is no network")
        return found


def hours_of(text: str) -> tuple[int, int] | None:
    """`22:00-02:00` as ns since midnight and how long; None for what is none."""
    got = re.fullmatch(r"([01]?\d|2[0-4]):([0-5]\d)-([01]?\d|2[0-4]):([0-5]\d)", text)
    if got is None:
        return None
    start, end = int(got[1]) * 60 + int(got[2]), int(got[3]) * 60 + int(got[4])
    if max(start, end) > 1440 or start == end:
        return None
    return start * 60 * _SECOND, (end - start) % 1440 * 60 * _SECOND or _DAY


def network_of(text: str) -> IPv4Network | IPv6Network | None:
    """The network that a text names, None for what names none."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def client_matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a client's address is meant by a glob, an address or a network."""
    network = network_of(pattern) if "/" in pattern else None
    if network is None:
        glob = _glob(pattern)
        return lambda client: glob.match(client) is not None

    def inside(client: str) -> bool:
        try:
            return ip_address(client) in network
        except ValueError:
            return False

    return inside


@dataclass(frozen=True, slots=True)
class Grouping:
    """How the findings of some detectors are grouped, where that differs from the rest: they make incidents of their own."""

    detector: str = "*"
    """A glob; the first that matches counts."""
    identifier: tuple[str, ...] = ("client",)
    """What findings of one incident share, of: client principal endpoint detector category."""
    suppress_s: int = 0
    """Findings with the same identifier within this long of the first are the same incident, however quiet it was meanwhile."""
    update_s: int = 60
    quiet_s: int = 900

    def faults(self) -> list[str]:
        """What is wrong with it, a sentence each."""
        found = _identifier_faults(self.identifier)
        found += [f"{name}: must be 1 or more, is {getattr(self, name)}" for name in ("update_s", "quiet_s") if getattr(self, name) < 1]
        if self.suppress_s < 0:
            found.append(f"suppress_s: must be 0 or more, is {self.suppress_s}")
        return found


def _identifier_faults(names: tuple[str, ...]) -> list[str]:
    found = [f"identifier: {name!r} is none of {' '.join(_IDENTIFIERS)}" for name in names if name not in _IDENTIFIERS]
    if not names:
        found.append("identifier: name at least one of " + " ".join(_IDENTIFIERS))
    return found


@dataclass(frozen=True, slots=True)
class AlertConfig:
    """How findings are grouped, and how often an incident is told. Times are seconds of packet time."""

    identifier: tuple[str, ...] = ("client",)
    """What findings of one incident share, of: client principal endpoint detector category."""
    suppress_s: int = 0
    """Findings with the same identifier within this long of the first are the same incident, however quiet it was meanwhile."""
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
    flood: int = 100
    """Incidents that may open within flood_s; past it each detector's further findings are gathered in one."""
    flood_s: int = 600
    """Nobody reads a hundred alerts in ten minutes."""
    listed: int = 32
    """Entries of each of an alert's lists."""
    counted: int = 4_096
    """Clients, principals and endpoints told apart by one incident; past it the count reads "at least"."""
    text: int = 1_000
    """Characters of one text."""
    detectors: tuple[Grouping, ...] = ()
    """Detectors that are grouped otherwise."""
    maintenance: tuple[Maintenance, ...] = ()
    """Maintenance windows."""

    def faults(self) -> list[str]:
        """What is wrong with these settings, a sentence each."""
        found = [f"alerts.{fault}" for fault in _identifier_faults(self.identifier)]
        for name in (
            "update_s",
            "update_max_s",
            "quiet_s",
            "age_s",
            "wide_clients",
            "open_incidents",
            "flood",
            "flood_s",
            "listed",
            "counted",
            "text",
        ):
            if getattr(self, name) < 1:
                found.append(f"alerts.{name}: must be 1 or more, is {getattr(self, name)}")
        if self.suppress_s < 0:
            found.append(f"alerts.suppress_s: must be 0 or more, is {self.suppress_s}")
        found += [f"alerts.detectors[{at}].{fault}" for at, one in enumerate(self.detectors) for fault in one.faults()]
        found += [f"alerts.maintenance[{at}].{fault}" for at, one in enumerate(self.maintenance) for fault in one.faults()]
        return found


FALSE_POSITIVE, TRUE_POSITIVE = "false_positive", "true_positive"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person said of an incident, and what follows from it for the next findings of its group."""

    uid: str
    """The incident."""
    verdict: str
    """false_positive or true_positive."""
    detectors: tuple[str, ...]
    """Whose findings it is about; another detector's are told as ever."""
    rank: int
    """Severity (index into SEVERITIES) up to which; what is graver is told as ever."""
    since: int
    """Packet time, ns: from the incident's first moment."""
    until: int
    """Packet time, ns."""
    at: int = 0
    """When it was said, seconds since the epoch."""
    who: str = ""
    note: str = ""

    @property
    def group(self) -> str:
        """What the incident is grouped by, as it stands in its uid."""
        return self.uid[_MOMENT:]


class Keeper(Protocol):
    """Keeps open incidents across runs (`sensor.incidents`)."""

    def load(self) -> tuple[list[bytes], bool]:
        """What was kept, and whether the last run ended in order."""

    def save(self, changed: Mapping[str, bytes], gone: Iterable[str]) -> None:
        """Keep these by uid, forget those: all of it or nothing."""


_MOMENT = 10
"""The first characters of a uid are made of the group and the moment, the rest of the group alone."""
_SAVE_S = 5
"""What changed without being told is kept after this long in packet time."""
_COUNTS: Final = "counts"
"""Under which what incidents are opened by is kept: no uid is so short."""


def group_of(key: tuple[str, ...]) -> str:
    """The part of a uid that all incidents of a group share."""
    return blake2b("\x1f".join(key).encode("utf-8", "surrogatepass"), digest_size=7).hexdigest()


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

    def state(self, mask: Callable[[str], str]) -> dict[str, Any]:
        gravest = {name: _plain(value, mask) if name in _TEXTS else value for name, value in asdict(self.gravest).items()}
        return {"gravest": gravest, "findings": self.findings, "evidence": self.evidence, "techniques": list(self.techniques)}

    @classmethod
    def of(cls, state: dict[str, Any]) -> _Thread:
        made = dict(state["gravest"])
        for name in ("reasons", "techniques"):
            made[name] = tuple(made[name])
        made["evidence"] = tuple(Evidence(**one) for one in made["evidence"])
        made["features"] = tuple(Feature(**one) for one in made["features"])
        thread = cls(Finding(**made))
        thread.findings = state["findings"]
        thread.evidence = [Evidence(**one) for one in state["evidence"]]
        thread.techniques = dict.fromkeys(state["techniques"])
        return thread


_TEXTS: Final = ("title", "reasons", "features", "response", "action", "client", "principal", "endpoint", "group")
"""What of a finding may hold what a stranger sent."""
_EVIDENCE = 8
"""Places kept for each detector of an incident; the first ones, since they show how it began."""
_THREADS = 24
"""Detectors of one incident told apart; the rest are counted together."""
_BEGUN = 16_384
"""Beginnings of incidents remembered, so that no uid is given twice."""
_GROUPS = 256
"""Groups remembered as part of one incident; findings of further groups still find it by its client."""


def _gravity(finding: Finding) -> tuple[int, float, float]:
    return (RANK[finding.severity], finding.severity_score, finding.confidence)


class _Incident:
    __slots__ = (
        "calls",
        "changed",
        "clients",
        "closes",
        "due",
        "endpoints",
        "findings",
        "first",
        "grave",
        "group",
        "groups",
        "held",
        "key",
        "last",
        "least",
        "opened",
        "order",
        "others",
        "overflow",
        "principals",
        "quiet",
        "revision",
        "rows",
        "rows_of",
        "threads",
        "told_last",
        "told_rank",
        "uid",
        "wait",
    )

    def __init__(self, key: tuple[str, ...], ts: int, order: int, wait: int, quiet: int, least: int) -> None:
        self.key = key
        self.order = order
        self.opened = self.first = self.last = ts
        self.quiet = quiet
        self.least = least
        """It stays open at least this long."""
        self.group = group_of(key)
        self.uid = group_of((*key, str(ts)))[:_MOMENT] + self.group
        self.held: dict[str, str] = {}
        """What to say of findings that were held back, and of confirmed incidents of the same group."""
        self.changed = True
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

    _PLAIN: Final = (
        "key", "order", "opened", "first", "last", "quiet", "least", "group", "uid", "held", "revision", "findings", "calls", "others", "groups", "wait", "due",
        "told_rank", "told_last", "grave",
    )  # fmt: skip
    _NAMES: Final = ("clients", "principals", "endpoints", "overflow")

    def state(self, closed: bool, mask: Callable[[str], str]) -> bytes:
        """All of it, texts masked, so that `of` makes it again."""
        out = {name: getattr(self, name) for name in self._PLAIN} | {name: list(getattr(self, name)) for name in self._NAMES}
        out["threads"] = {name: thread.state(mask) for name, thread in self.threads.items()}
        out["closed"] = closed
        return orjson.dumps(out, default=str, option=orjson.OPT_NON_STR_KEYS)

    @classmethod
    def of(cls, line: bytes) -> tuple[_Incident, bool]:
        """The incident that `state` kept, and whether it was closed. Raises ValueError for what is none."""
        try:
            got = orjson.loads(line)
            made = cls(tuple(got["key"]), got["opened"], got["order"], got["wait"], got["quiet"], got["least"])
            for name in cls._PLAIN:
                setattr(made, name, got[name])
            made.key, made.grave = tuple(got["key"]), tuple(got["grave"])
            for name in ("clients", "principals", "endpoints"):
                setattr(made, name, dict.fromkeys(got[name]))
            made.overflow = set(got["overflow"])
            made.threads = {name: _Thread.of(one) for name, one in got["threads"].items()}
            return made, bool(got["closed"])
        except (KeyError, TypeError, AttributeError) as fault:
            raise ValueError(f"no incident: {fault}") from fault

    def end(self, age: int) -> int:
        """When it closes if nothing is added."""
        return min(max(self.last + self.quiet, self.opened + self.least), self.opened + age)

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
        keeper: Keeper | None = None,
        verdicts: Callable[[], Sequence[Verdict]] | None = None,
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
        self._grouped = [(_glob(one.detector), one) for one in self.config.detectors]
        self._groupings: dict[str, Grouping | None] = {}
        self._silences = [_Window(one, at) for at, one in enumerate(self.config.maintenance)]
        self._opened: deque[int] = deque()
        self._begun: OrderedDict[str, int] = OrderedDict()
        """How often incidents began with the same uid, of the latest ones."""
        self._counted = False
        """Whether `_spread` or `_opened` changed since they were kept."""
        self._keeper = keeper
        self._closed: dict[str, _Incident] = {}
        self._gone: list[str] = []
        self._saved = 0
        self._ask = verdicts
        self._verdicts: dict[str, list[Verdict]] = {}
        self._held: dict[str, dict[str, list[int]]] = {}
        self.counters: dict[str, int] = dict.fromkeys(
            ("findings", "silenced", "held_back", "opened", "updated", "closed", "withheld", "closed_early", "gathered", "flooded"), 0
        )
        """`withheld`: findings not told at once, but with the incident's next update. `closed_early`, `gathered`: `open_incidents` bit; `flooded`:
        `flood` did. `silenced`: by a maintenance window; `held_back`: by a person's verdict."""
        self.silenced: dict[str, int] = {}
        """Findings that made no alert, by maintenance window."""

    def observe(self, findings: Iterable[Finding], now: int = 0) -> list[Alert]:
        """Take one batch's findings, in their order; `now` is the time of the batch's last packet. What is to be told, in order."""
        told: list[Alert] = []
        self._batches += 1
        self._verdicts = {}
        for verdict in self._ask() if self._ask is not None else ():
            self._verdicts.setdefault(verdict.group, []).append(verdict)
        for one in findings:
            # What is kept on disk is masked like all that leaves memory, and is found again by its masked names.
            finding = one if self._keeper is None or self._mask is None else self._masked(one)
            self.counters["findings"] += 1
            self._advance(finding.ts, told)
            if self._silences and self._silent(finding):
                self.counters["silenced"] += 1
                continue
            if self._verdicts and self._hold_back(finding):
                self.counters["held_back"] += 1
                continue
            incident = self._place(finding, told)
            self._add(incident, finding)
            self._tell_if_due(incident, told)
        self._advance(now, told)
        if self._keeper is not None:
            self._save(bool(told))
        return told

    def _masked(self, finding: Finding) -> Finding:
        """The finding with its names masked, by which incidents are found."""
        names = ("client", "principal", "endpoint", "group")
        mask = self._mask
        assert mask is not None
        changed: dict[str, Any] = {name: mask(value) for name in names if (value := getattr(finding, name))}
        return finding if all(getattr(finding, name) == value for name, value in changed.items()) else replace(finding, **changed)

    def resume(self) -> list[Alert]:
        """Go on with the incidents that the last run left open. Where it did not end in order, each is told again: what it told last may be lost."""
        if self._keeper is None:
            return []
        told: list[Alert] = []
        lines, in_order = self._keeper.load()
        kept = []
        for line in lines:
            try:
                if line.startswith(b'{"spread":'):
                    self._restore(line)
                else:
                    kept.append(_Incident.of(line))
            except ValueError:
                self.counters["closed_early"] += 1  # another version's: begun anew
        for incident, closed in sorted(kept, key=lambda one: one[0].order):
            self._open[incident.key] = incident
            self._begun[incident.uid] = 1
            for group in incident.groups:
                self._groups[group] = incident
            self._order = max(self._order, incident.order + 1)
            self._now = max(self._now, incident.last)
            incident.closes = incident.end(self.config.age_s * _SECOND)
            heapq.heappush(self._timers, (incident.closes, incident.order, incident))
            if incident.due:
                heapq.heappush(self._timers, (incident.due, incident.order, incident))
            if closed:
                self._close(incident, told)
            elif not in_order:
                self._tell(incident, UPDATED, incident.told_last, told)
        self._save(True)
        return told

    def suspend(self) -> None:
        """The run is over and everybody was told; what is open is kept as it is for the next one, what is closed is forgotten."""
        if self._keeper is not None:
            self._save(True)
            self._save(True)

    def _save(self, now: bool) -> None:
        """Keep what changed, before anybody is told of it: an alert may be told twice, never be forgotten."""
        assert self._keeper is not None
        if not now and self._now < self._saved + _SAVE_S * _SECOND:
            return
        self._saved = self._now
        mask = self._mask or str
        changed = {one.uid: one.state(False, mask) for one in self._open.values() if one.changed}
        changed |= {uid: one.state(True, mask) for uid, one in self._closed.items()}
        if self._counted:
            self._counted = False
            spread = [[detector, endpoint, list(clients)] for (detector, endpoint), clients in self._spread.items()]
            changed[_COUNTS] = orjson.dumps({"spread": spread, "opened": list(self._opened)[-self.config.flood :]})
        gone, self._gone = self._gone, list(self._closed)
        if changed or gone:
            self._keeper.save(changed, [uid for uid in gone if uid not in changed])
        self._closed.clear()
        for one in self._open.values():
            one.changed = False

    def _restore(self, line: bytes) -> None:
        """Which clients did the same, and when incidents opened, as `_save` kept it. Raises ValueError for what is none of ours."""
        try:
            got = orjson.loads(line)
            spread = [((str(detector), str(endpoint)), dict.fromkeys(map(str, clients))) for detector, endpoint, clients in got["spread"]]
            opened = [int(at) for at in got["opened"]]
        except (KeyError, TypeError) as fault:
            raise ValueError(f"no counts: {fault}") from fault
        self._spread = OrderedDict(spread[-self.config.counted :])
        self._opened = deque(opened)

    def tell_with(self, loss: Callable[[], Mapping[str, int]], mask: Callable[[str], str]) -> None:
        """Where the counters of what was not seen come from, and what hides secrets."""
        self._loss, self._mask = loss, mask

    def end(self) -> list[Alert]:
        """The input is over: every open incident closes, except where they are kept for the next run."""
        return [] if self._keeper is not None else self.finish()

    def finish(self) -> list[Alert]:
        """Close every open incident, the one opened first first."""
        told: list[Alert] = []
        for incident in sorted(self._open.values(), key=lambda one: one.order):
            self._close(incident, told)
        if self._keeper is not None:
            self._save(True)
        return told

    # Where a finding goes.

    def _place(self, finding: Finding, told: list[Alert]) -> _Incident:
        group = finding.group
        if group and self._grouped and self._grouping(finding.detector) is not None:
            group = ""
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
        own = self._grouping(finding.detector)
        if own is not None:
            shared = [getattr(finding, name) for name in own.identifier]
            return ("own", own.detector, *("" if value is None else value for value in shared))
        if finding.group and finding.client is None:
            return ("group", finding.group)
        values = [getattr(finding, name) for name in self.config.identifier]
        if not any(values):
            return ("detector", finding.detector, finding.endpoint or "")
        return ("actor", *("" if value is None else value for value in values))

    def _grouping(self, detector: str) -> Grouping | None:
        """How this detector's findings are grouped, where that differs from the rest."""
        if not self._grouped:
            return None
        if detector not in self._groupings:
            self._groupings[detector] = next((one for glob, one in self._grouped if glob.match(detector)), None)
        return self._groupings[detector]

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
            self._counted = True
        return self._begin(key, finding, told)

    def _begin(self, key: tuple[str, ...], finding: Finding, told: list[Alert]) -> _Incident:
        opened = self._opened
        while opened and opened[0] <= self._now - self.config.flood_s * _SECOND:
            opened.popleft()
        if len(opened) >= self.config.flood and key[0] in ("actor", "own", "group", "detector"):
            self.counters["flooded"] += 1
            key = ("gathered", finding.detector)
            gathered = self._open.get(key)
            if gathered is not None:
                return gathered
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
        how = self._grouping(finding.detector) or self.config
        incident = self._open[key] = _Incident(
            key, finding.ts, self._order, how.update_s * _SECOND, how.quiet_s * _SECOND, how.suppress_s * _SECOND
        )
        self._distinguish(incident)
        self._order += 1
        opened.append(self._now)
        self._counted = True
        incident.closes = incident.end(self.config.age_s * _SECOND)
        heapq.heappush(self._timers, (incident.closes, incident.order, incident))
        return incident

    def _distinguish(self, incident: _Incident) -> None:
        """A uid of its own for an incident that begins at the very moment of one that was closed early: receivers drop what they know by uid and revision."""
        first = incident.uid
        again = self._begun.pop(first, 0)
        if again:
            incident.uid = group_of((*incident.key, str(incident.opened), str(again)))[:_MOMENT] + incident.group
        self._begun[first] = again + 1
        if len(self._begun) > _BEGUN:
            self._begun.popitem(last=False)

    def _gather(self, least: _Incident, finding: Finding) -> _Incident:
        del self._open[least.key]
        least.key = ("gathered", finding.detector)
        self._open[least.key] = least
        return least

    # What an incident knows.

    def _add(self, incident: _Incident, finding: Finding) -> None:
        config = self.config
        incident.changed = True
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
                end = incident.end(self.config.age_s * _SECOND)
                if end <= at:
                    self._close(incident, told)
                else:
                    incident.closes = end
                    heapq.heappush(timers, (incident.closes, order, incident))

    def _close(self, incident: _Incident, told: list[Alert]) -> None:
        del self._open[incident.key]
        for group in incident.groups:
            del self._groups[group]
        self._tell(incident, CLOSED, self._now, told)
        if self._keeper is not None:
            self._closed[incident.uid] = incident

    def _silent(self, finding: Finding) -> bool:
        for window in self._silences:
            if window.covers(finding):
                self.silenced[window.name] = self.silenced.get(window.name, 0) + 1
                return True
        return False

    def _hold_back(self, finding: Finding) -> bool:
        """Whether a person has said that this is a false positive."""
        known = self._groups.get(finding.group) if finding.group else None
        keys = [known.key if known is not None else self._key(finding)]
        keys += [("wide", finding.detector, finding.endpoint or ""), ("gathered", finding.detector)]
        for group in [known.group] if known is not None else map(group_of, keys):
            for verdict in self._verdicts.get(group, ()):
                if (
                    verdict.verdict == FALSE_POSITIVE
                    and finding.detector in verdict.detectors
                    and RANK[finding.severity] <= verdict.rank
                    and verdict.since <= finding.ts < verdict.until
                ):
                    counted = self._held.setdefault(group, {}).setdefault(verdict.uid, [0, finding.ts, finding.ts])
                    counted[0] += 1
                    counted[2] = finding.ts
                    return True
        return False

    def _said(self, incident: _Incident) -> None:
        """What people said of this group so far, in sentences."""
        verdicts = self._verdicts.get(incident.group, ())
        held = self._held.pop(incident.group, {})
        for verdict in verdicts:
            note = f' ("{verdict.note}")' if verdict.note else ""
            who = verdict.who or "somebody"
            if verdict.uid in held:
                number, first, last = held[verdict.uid]
                incident.held[verdict.uid] = (
                    f"{number} finding{'' if number == 1 else 's'} of {', '.join(verdict.detectors[:4])} between {when(first)} and {when(last)} UTC made no alert: "
                    f"{who} called alert {verdict.uid} a false positive{note}, which counts until {when(verdict.until)} UTC."
                )
            elif verdict.verdict == TRUE_POSITIVE and verdict.uid != incident.uid and verdict.since <= incident.last:
                if any(name in incident.threads for name in verdict.detectors):
                    incident.held[verdict.uid] = f"{who} confirmed alert {verdict.uid} of the same kind{note}."
        while len(incident.held) > 8:
            del incident.held[next(iter(incident.held))]

    # How it is told.

    def _tell(self, incident: _Incident, state: str, at: int, told: list[Alert]) -> None:
        incident.revision += 1
        incident.told_rank = incident.grave[0]
        incident.told_last = at
        incident.due = 0
        incident.changed = True
        if self._verdicts:
            self._said(incident)
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
        if incident.key[0] == "gathered":
            reasons.insert(0, f"So many incidents opened at once that all further findings of {incident.key[1]} are gathered in this one.")
        # At the end, and never cut off by the number of reasons.
        reasons[max(0, self.config.listed - len(incident.held)) :] = incident.held.values()
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
            severity_score=round(_within(score, 10.0), 1),
            confidence=round(_within(self._confidence(incident, min(0.99, max(1.0 - doubt, top.confidence)) if len(threads) > 1 else top.confidence), 1.0), 3),
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
            _all=lambda name: map(text, getattr(incident, name)),
        )

    def _confidence(self, incident: _Incident, found: float) -> float:
        """Half the doubt is gone where a person confirmed the last one of the group."""
        confirmed = any(verdict.verdict == TRUE_POSITIVE and verdict.uid in incident.held for verdict in self._verdicts.get(incident.group, ()))
        return min(0.99, 1.0 - (1.0 - found) / 2) if confirmed else found

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


class _Window:
    """A maintenance window, ready to be asked."""

    def __init__(self, about: Maintenance, number: int) -> None:
        self.name = about.name or f"maintenance {number + 1}"
        self._about = about
        self._detector, self._endpoint = _glob(about.detector), _glob(about.endpoint)
        self._client = client_matcher(about.client)
        self._days = {DAYS.index(day) for day in about.days} or set(range(7))
        self._from, self._long = hours_of(about.daily) or (0, _DAY)

    def covers(self, finding: Finding) -> bool:
        """Whether the finding falls into it."""
        ts = finding.ts
        if not self._about.begins <= ts < self._about.ends:
            return False
        if self._about.days or self._about.daily:
            day, clock = divmod(ts - self._from, _DAY)
            # 1 January 1970 was a Thursday.
            if clock >= self._long or (day + 3) % 7 not in self._days:
                return False
        return (
            self._detector.match(finding.detector) is not None
            and self._endpoint.match(finding.endpoint or "") is not None
            and self._client(finding.client or "")
        )


def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))


def _within(value: float, most: float) -> float:
    """A number from 0 to `most`; 0 for what is no number, since JSON has none and no format knows what to make of it."""
    return 0.0 if isnan(value) else min(max(value, 0.0), most)


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
