"""What an operator has decided about templates: pins, which win over all evidence.

* ``keep /users/me``: these names stay names, whatever stands beside them;
* ``merge /shops/{shop}``: what stands there is one parameter, of this name, whatever it looks like (names pinned with `keep` apart);
* ``split /reports/{report}``: what stands there is no parameter: each value is an endpoint of its own.

A pin is for one host (``api.example/users/me``) or, beginning with a slash, for all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from sensor.errors import SensorError

VERBS = ("keep", "merge", "split")
_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]{0,63})?\}")


@dataclass(frozen=True, slots=True)
class Pin:
    """One decision. `host` is empty for all hosts."""

    verb: str
    host: str
    template: str

    @property
    def parts(self) -> list[str]:
        """The segments of the template."""
        return self.template.strip("/").split("/")

    def __str__(self) -> str:
        return f"{self.verb} {self.host}{self.template}"


@dataclass(slots=True)
class Decisions:
    """What the pins of one host say about one place."""

    keep: set[str] = field(default_factory=set)
    merge: str | None = None
    """Name of the parameter."""
    split: bool = False


def parse(verb: str, text: str) -> Pin:
    """A pin from what an operator wrote. Raises SensorError for what is none."""
    host, slash, path = text.partition("/")
    pin = Pin(verb, host.lower(), "/" + path.rstrip("/"))
    if verb not in VERBS:
        raise SensorError(f"{verb!r} is no pin; {', '.join(VERBS)} are")
    if not slash or pin.template == "/":
        raise SensorError(f"{text!r} is no template: give a path such as /users/me, or host and path")
    for part in pin.parts:
        if ("{" in part or "}" in part) and not _PARAMETER.fullmatch(part):
            raise SensorError(f"{text!r}: {part!r} is no parameter: a pinned segment is a name, or {{name}} alone")
    last = pin.parts[-1]
    if verb == "keep" and "{" in last:
        raise SensorError(f"keep pins a name: {text!r} ends with a parameter; `merge` makes one of what stands there")
    if verb != "keep" and "{" not in last:
        raise SensorError(f"{verb} pins a parameter: {text!r} must end with {{name}}; `keep` holds on to a name")
    return pin


def of_host(pins: Iterable[Pin], host: str) -> dict[tuple[str, ...], Decisions]:
    """What the pins say about a host, by place: the segments that lead there, ``{}`` for a parameter."""
    found: dict[tuple[str, ...], Decisions] = {}
    for pin in sorted(pins, key=lambda pin: (pin.host != "", str(pin))):  # the host's own pins after those for all hosts
        if pin.host not in ("", host):
            continue
        where: tuple[str, ...] = ()
        for i, part in enumerate(pin.parts):
            at = found.setdefault(where, Decisions())
            if "{" not in part:
                at.keep.add(part)
                where = (*where, part)
                continue
            if pin.verb == "merge":
                at.merge = part[1:-1] or "id"
            elif pin.verb == "split" and i == len(pin.parts) - 1:
                at.split = True
            where = (*where, "{}")
    return found


def kept_texts(pins: Iterable[Pin]) -> set[bytes]:
    """Segments that must never fold with values beside them."""
    return {part.encode() for pin in pins for part in pin.parts if "{" not in part}
