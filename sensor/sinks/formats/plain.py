"""The alert's own JSON, and how any JSON is made to fit: whole fields go, the least decisive first, and it says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import orjson

from sensor.sinks.message import AlertFields

DECISIVE: Final = (
    "uid", "revision", "state", "severity", "severity_score", "title", "category", "confidence", "clients", "calls", "first_seen", "last_seen",
    "endpoints", "detectors", "principals", "response", "reasons", "techniques", "loss", "features", "evidence",
)  # fmt: skip
"""An alert's fields, the ones a decision needs first in front: the order in which a small message keeps them."""
_LIGHT: Final = tuple(name for name in reversed(DECISIVE) if name in {
    "endpoints", "detectors", "principals", "response", "reasons", "techniques", "loss", "features", "evidence", "clients", "title"
})  # fmt: skip


def fitted(fields: AlertFields, line: bytes, octets: int) -> bytes:
    """The alert as JSON of at most `octets` octets: whole where it fits, else with its decisive fields and `dropped`, the number of fields that
    are missing or shortened. With less than some 60 octets there is no room for an identity: then `{}`."""
    if len(line) <= octets:
        return line
    pieces: dict[str, bytes] = {}
    dropped = 0
    left = octets - len(b'{"dropped":21}')
    for name in DECISIVE:
        value = fields[name]
        piece = b'"%b":%b,' % (name.encode(), orjson.dumps(value))
        if len(piece) > left:
            dropped += 1
            if isinstance(value, list):
                while value and len(piece) > left:
                    # Half of them at a time: some, not the most possible, since evidence is long and this runs for each alert.
                    value = value[: len(value) // 2]
                    piece = b'"%b":%b,' % (name.encode(), orjson.dumps(value))
            if not value or len(piece) > left:
                continue
        pieces[name] = piece
        left -= len(piece)
    if "uid" not in pieces or "revision" not in pieces:
        return b"{}"
    return b"{" + b"".join(pieces.values()) + b'"dropped":%d}' % dropped


SHORT = 64
"""Characters that are left of a text when lists of one entry do not make an alert fit."""


def _first(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: one[:1] if isinstance(one, list) else one for name, one in value.items()}
    return value[:1] if isinstance(value, list) else value


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= SHORT else value[: SHORT - 1] + "…"
    if isinstance(value, list):
        return [_short(one) for one in value]
    return {name: _short(one) for name, one in value.items()} if isinstance(value, dict) else value


def _none(value: Any) -> Any:
    return type(value)()


def within(
    make: Callable[[AlertFields], dict[str, Any]],
    fields: AlertFields,
    octets: int,
    say: Callable[[dict[str, Any], int], None],
) -> bytes:
    """`make(fields)` as JSON of at most `octets` octets: lists are shortened to one entry, then texts are shortened, then fields are left out, the least
    decisive first each time; `say` notes how many were."""
    made = orjson.dumps(make(fields))
    if len(made) <= octets:
        return made
    fields = dict(fields)
    dropped: set[str] = set()
    for smaller, names in ((_first, _LIGHT), (_short, (*_LIGHT, "category")), (_none, _LIGHT)):
        for name in names:
            value = fields[name]
            fields[name] = smaller(value)
            if fields[name] != value:
                dropped.add(name)
                shape = make(fields)
                say(shape, len(dropped))
                made = orjson.dumps(shape)
                if len(made) <= octets:
                    return made
    return b'{"uid":%b}' % orjson.dumps(fields["uid"]) if octets >= 40 else b"{}"
