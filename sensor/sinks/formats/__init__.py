"""Alerts in the words of the SIEM that takes them. `FORMATS` says which there are; any sink takes `format=`.

A format makes the text of one alert in at most so many octets, fields left out whole where they do not fit, the least decisive first. Hostile text
cannot break out: alert text holds no control character, and each format escapes what its own grammar makes special.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sensor.sinks.formats.cef import cef
from sensor.sinks.formats.ecs import ecs
from sensor.sinks.formats.eve import eve
from sensor.sinks.formats.leef import leef
from sensor.sinks.formats.ocsf import ocsf
from sensor.sinks.formats.plain import fitted
from sensor.sinks.formats.stix import stix
from sensor.sinks.formats.zeek import zeek
from sensor.sinks.message import AlertFields

Body = Callable[[AlertFields, bytes, int], bytes]
"""(alert, its line, room in octets) -> its text in at most that many octets."""

FORMATS: Final[dict[str, Body]] = {
    "json": fitted,
    "cef": cef,
    "leef": leef,
    "ecs": ecs,
    "ocsf": ocsf,
    "eve": eve,
    "zeek": zeek,
    "stix": stix,
}
