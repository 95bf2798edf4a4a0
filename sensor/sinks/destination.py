"""Where alerts go, as one line: ``tls://siem.example:6514?ca=siem.pem&min=high``.

The scheme names the sink, the rest its place, the query its options. Every fault of the line is said at once, with what would be right.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from sensor.errors import SensorError


@dataclass(frozen=True)
class Destination:
    """A sink's line, taken apart."""

    line: str
    scheme: str
    host: str
    port: int | None
    path: str
    user: str = ""
    password: str = field(default="", repr=False)
    options: dict[str, str] = field(default_factory=dict)
    target: str = ""
    """The path as it was written, for a protocol that sends it so."""

    @classmethod
    def parse(cls, line: str) -> Destination:
        """Take a line apart. Raises SensorError for what is none."""
        scheme, colon, _ = line.partition(":")
        if not colon or not scheme.isascii() or not scheme.replace("+", "").isalnum():
            raise SensorError(
                f"{_said(line)!r} is no destination: write it as scheme://place, such as udp://siem.example:514 or file:alerts.jsonl"
            )
        if any(not one.isprintable() and not 0xDC80 <= ord(one) <= 0xDCFF for one in unquote(line, errors="surrogateescape")):
            raise SensorError(f"{_said(line)!r} is no destination: it holds a character that is not to be seen")
        if scheme in ("file", "store") and not line.startswith(f"{scheme}://"):
            path, _, query = line[len(scheme) + 1 :].partition("?")
            return cls(line, scheme, "", None, unquote(path, errors="surrogateescape"), options=_options(line, query))
        if not line.isprintable():
            raise SensorError(f"{line!r} is no destination: it is no text in UTF-8")
        try:
            parts = urlsplit(line)
            port = parts.port
        except ValueError as fault:
            raise SensorError(f"{_said(line)!r} is no destination: {fault}") from fault
        if scheme in ("file", "store", "unix", "unix+stream") and parts.netloc:
            raise SensorError(f"{_said(line)!r} is no destination: two slashes begin a host; a path is written {scheme}:{parts.netloc}{parts.path} or {scheme}:///{parts.netloc}{parts.path}")
        return cls(
            line,
            parts.scheme,
            parts.hostname or "",
            port,
            unquote(parts.path),
            unquote(parts.username or ""),
            unquote(parts.password or ""),
            _options(line, parts.query),
            parts.path,
        )

    @property
    def name(self) -> str:
        """The destination as it may be shown: without credentials and options."""
        if self.scheme in ("file", "store", "unix"):
            return f"{self.scheme}:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            f"{self.scheme}://{host}"
            + (f":{self.port}" if self.port is not None else "")
            + (self.path if len(self.path) > 1 else "")
        )


def _said(line: str) -> str:
    """A line that is wrong as it may be said: what stands before an at sign and behind a question mark can hold a secret."""
    place, query, _ = line.partition("?")
    before, at, behind = place.rpartition("@")
    return (f"{before.partition('//')[0]}//…@{behind}" if at else place) + ("?…" if query else "")


def _options(line: str, query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise SensorError(f"{_said(line)!r}: options are written as name=value&name=value, a percent sign as %25") from None
    out: dict[str, str] = {}
    for name, value in pairs:
        if name in out:
            raise SensorError(f"{_said(line)!r}: option {name!r} is given twice")
        out[name] = value
    return out


class Options:
    """Reads the options of a destination, collecting faults; `done` raises them all at once."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._left = dict(destination.options)
        self._known: list[str] = []
        self.faults: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        """The option as text."""
        self._known.append(name)
        return self._left.pop(name, default)

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """The option, one of `choices`."""
        value = self.text(name, default)
        if value not in choices:
            self.faults.append(f"option {name}={value!r} must be one of {' '.join(choices)}")
            return default
        return value

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """The option as a whole number from `least` to `most`; k, M and G multiply by 1024."""
        value = self.text(name, str(default))
        unit = {"k": 1 << 10, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(value[-1:], 0)
        digits = value[:-1] if unit else value
        if not (digits.isascii() and digits.isdigit() and least <= int(digits) * (unit or 1) <= most):
            self.faults.append(f"option {name}={value!r} must be a number from {least} to {most}")
            return default
        return int(digits) * (unit or 1)

    def flag(self, name: str, default: bool) -> bool:
        """The option as yes or no."""
        return self.choice(name, ("yes", "no"), "yes" if default else "no") == "yes"

    def need(self, ok: bool, sentence: str) -> None:
        """A fault of its own unless `ok`."""
        if not ok:
            self.faults.append(sentence)

    def done(self) -> None:
        """Raise SensorError with all faults, if there are any."""
        for name in self._left:
            near = difflib.get_close_matches(name, self._known, 1)
            what = f"did you mean {near[0]!r}?" if near else f"known are {' '.join(sorted(self._known))}"
            self.faults.append(f"unknown option {name!r}; {what}")
        if self.faults:
            raise SensorError("\n".join(f"{self._destination.name}: {fault}" for fault in self.faults))
