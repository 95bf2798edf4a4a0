"""What several formats need of an alert: times, addresses, the parts of an endpoint."""

from __future__ import annotations

import re
import time
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from sensor import VERSION

VENDOR: Final = "api-sensor"
PRODUCT: Final = "api-sensor"
RELEASE: Final = VERSION
_PORT: Final = re.compile(r"([^:\[\]]+|\[[^\[\]]+\]):([0-9]{1,5})")


def millis(ns: int) -> int:
    """Nanoseconds as milliseconds."""
    return ns // 1_000_000


def iso(ns: int) -> str:
    """Nanoseconds since the epoch as ISO 8601 in UTC, with microseconds; the epoch's start for what is no time."""
    second, rest = divmod(ns, 1_000_000_000)
    try:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
    except (OverflowError, ValueError, OSError):
        text = ""
    return f"{text}.{rest // 1000:06d}Z" if len(text) == 19 else "1970-01-01T00:00:00.000000Z"


def address(text: str) -> int:
    """4 or 6 when `text` is an IP address, else 0."""
    try:
        return ip_address(text).version
    except ValueError:
        return 0


class Place(NamedTuple):
    """Where an endpoint is. What it does not name is empty, or 0."""

    method: str = ""
    host: str = ""
    port: int = 0
    path: str = ""


def endpoint(text: str) -> Place:
    """`METHOD host:port/template` taken apart; an IPv6 address without its brackets."""
    method, _, place = text.partition(" ")
    host, slash, path = place.partition("/")
    named = _PORT.fullmatch(host)
    if named is not None and 0 < int(named[2]) < 65_536:
        return Place(method, named[1].strip("[]"), int(named[2]), slash + path)
    return Place(method, host.strip("[]"), 0, slash + path)


def filled(value: dict[str, Any]) -> dict[str, Any]:
    """The members that say something: an empty text or list under a name that a receiver knows is worse than none."""
    out = {}
    for name, one in value.items():
        inner = filled(one) if isinstance(one, dict) else [each for each in one if each != ""] if isinstance(one, list) else one
        if inner not in ("", [], {}, None):
            out[name] = inner
    return out
