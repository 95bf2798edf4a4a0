"""Which alerts a sink takes, and which of their fields it must never see."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import replace
from fnmatch import translate
from re import Pattern, escape
from re import compile as pattern
from typing import Final

from orjson import dumps, loads

from sensor.alerts import CLOSED, OPEN, RANK, UPDATED, Alert, client_matcher
from sensor.findings import SEVERITIES
from sensor.sinks.destination import Options

OPTIONAL_FIELDS: Final = (
    "techniques",
    "clients",
    "principals",
    "endpoints",
    "reasons",
    "features",
    "evidence",
    "response",
    "loss",
)
"""Fields that a sink can do without; the others say which alert it is."""
_EMPTY: Final[dict[str, object]] = {"response": {}, "loss": {}}
_NAMING: Final = 4
"""Characters from which on a hidden name is looked for in other fields: a principal called 8 would take every 8 with it."""
STATES: Final = (OPEN, UPDATED, CLOSED)
TOLD: Final = 16_384
"""Incidents remembered, of which a sink was told and which have not ended."""


class Selection:
    """`min=` and `max=` (severity), `state=`, `detector=`, `endpoint=`, `client=` (names with commas between: globs, for clients networks too) say which
    alerts a sink takes; `hide=` without which fields. Who is hidden in `clients` and `principals` is not named in the other fields either. A sink that was
    told of an incident is told of its end in the same run, whatever became of it meanwhile: else it would stand open there for ever."""

    def __init__(self, options: Options) -> None:
        least, most = options.choice("min", SEVERITIES, "low"), options.choice("max", SEVERITIES, "critical")
        self._ranks = range(RANK.get(least, 0), RANK.get(most, 0) + 1)
        options.need(bool(self._ranks), f"option min={least!r} is above max={most!r}: nothing would be sent")
        states = options.text("state", ",".join(STATES)).split(",")
        options.need(set(states) <= set(STATES), f"option state takes {', '.join(STATES)}, with commas between")
        self._states = frozenset(states)
        self._detector = _globs(options.text("detector", "*"))
        self._endpoint = _globs(options.text("endpoint", "*"))
        clients = options.text("client", "*")
        self._clients = None if clients == "*" else [client_matcher(one) for one in clients.split(",")]
        self._every = len(self._ranks) == len(SEVERITIES) and self._detector is None and self._endpoint is None and self._clients is None
        self._told: OrderedDict[str, None] = OrderedDict()
        hidden = [name for name in options.text("hide").split(",") if name]
        for name in hidden:
            options.need(name in OPTIONAL_FIELDS, f"option hide={name!r} must be of {' '.join(OPTIONAL_FIELDS)}")
        self._hidden = frozenset(hidden) & set(OPTIONAL_FIELDS)

    def of(self, alert: Alert) -> Alert | None:
        """What the sink gets of an alert; None when it gets nothing."""
        if alert.state not in self._states:
            return None
        if self._every:
            return self.shown(alert)
        taken = self._takes(alert)
        if alert.state == CLOSED:
            taken = self._told.pop(alert.uid, False) is None or taken
        elif taken:
            self._told[alert.uid] = None
            if len(self._told) > TOLD:
                self._told.popitem(last=False)
        if not taken:
            return None
        return self.shown(alert)

    def shown(self, alert: Alert) -> Alert:
        """The alert without what the sink must never see."""
        return without(alert, self._hidden)

    def _takes(self, alert: Alert) -> bool:
        return (
            RANK[alert.severity] in self._ranks
            and (self._detector is None or any(self._detector.match(name) for name in alert.detectors))
            and (self._endpoint is None or any(self._endpoint.match(name) for name in alert.all("endpoints")))
            and (self._clients is None or any(matches(name) for name in alert.all("clients") for matches in self._clients))
        )


def without(alert: Alert, hidden: Collection[str]) -> Alert:
    """The alert without these of its fields; who is hidden in `clients` and `principals` is not named in the other fields either."""
    if not hidden:
        return alert
    names = {value for name in ("clients", "principals") if name in hidden for value in alert.all(name) if len(value) >= _NAMING}
    shown: Alert = replace(alert, **{name: _EMPTY.get(name, ()) for name in hidden})  # type: ignore[arg-type]
    if not names:
        return shown
    # Longest first, and whole words: 10.0.0.1 is no part of 10.0.0.12.
    known = pattern("|".join(rf"(?<![\w.]){escape(name)}(?![\w]|\.\d)" for name in sorted(names, key=lambda one: (-len(one), one))))

    def text(value: object) -> object:
        if isinstance(value, str):
            return known.sub("(not sent)", value)
        if isinstance(value, dict):
            return {name: text(one) for name, one in value.items()}
        return [text(one) for one in value] if isinstance(value, list | tuple) else value

    line = loads(shown.to_json())
    for name in ("title", "reasons", "features", "response", "endpoints", "clients", "principals"):
        line[name] = text(line[name])
    return Alert.from_json(dumps(line))


def _globs(text: str) -> Pattern[str] | None:
    return None if text == "*" else pattern("|".join(translate(glob) for glob in text.split(",")))
