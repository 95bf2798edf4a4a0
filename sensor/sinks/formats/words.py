"""What several formats need of an alert: times, addresses, the parts of an endpoint."""

from __future__ import annotations

import time
from ipaddress import ip_address
from typing import Final

from sensor import VERSION

VENDOR: Final = "api-sensor"
PRODUCT: Final = "api-sensor"
RELEASE: Final = VERSION


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


def endpoint(text: str) -> tuple[str, str, str]:
    """`METHOD host/template` as (method, host, template)."""
    method, _, place = text.partition(" ")
    host, slash, path = place.partition("/")
    return method, host, slash + path
