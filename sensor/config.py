"""The configuration: every bound and setting in one YAML file, each owned by the layer it belongs to.

`api-sensor config` prints what is in force with its reasons; the same text read back (`--config FILE`) changes nothing. A file may hold a part of it only.
Every mistake of a file is said at once, with its line and what would be right, and nothing runs on half a configuration.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, get_args, get_origin, get_type_hints
from urllib.parse import urlencode

from parsers.limits import Limits
from sensor.alerts import AlertConfig
from sensor.catalogue import CatalogueLimits
from sensor.errors import SensorError
from sensor.evidence.cut import CutLimits
from sensor.evidence.gather import EvidenceLimits
from sensor.evidence.ring import RingLimits

OCTETS_MAX: Final = 1_048_576
"""Octets of a configuration file: what is larger is none."""
_SHORT: Final = 80


@dataclass(frozen=True, slots=True)
class MaskingConfig:
    """What leaves only as a keyed token, and what never leaves."""

    names: tuple[str, ...] = ()
    """Further names (of parameters, JSON members, headers, form parts) whose values are secret, such as iban or X-Employee-Id."""
    never_send: tuple[str, ...] = ()
    """Fields of an alert that no sink and no evidence bundle gets, of: techniques clients principals endpoints reasons features evidence response loss.
    Who is left out of clients and principals is named in no other field either; the packets of a bundle keep their addresses, and a uid is made of what
    groups the incident without a key, so that a guess at a client can be checked by it."""

    def faults(self) -> list[str]:
        """What is wrong with it, a sentence each."""
        from sensor.sinks.filters import OPTIONAL_FIELDS

        found = [f"never_send: {name!r} is none of {' '.join(OPTIONAL_FIELDS)}{_near(name, OPTIONAL_FIELDS)}" for name in self.never_send if name not in OPTIONAL_FIELDS]
        return found + [f"names: {name!r} must be a name of 3 to 64 visible characters" for name in self.names if not (3 <= len(name) <= 64 and name.isprintable() and " " not in name)]


@dataclass(frozen=True, slots=True)
class SinkConfig:
    """Where alerts go, and which."""

    to: str = ""
    """The destination: tls://siem.example:6514, https://hook.example/alerts, file:alerts.jsonl, store: ..."""
    format: str = ""
    """json cef leef ecs ocsf eve zeek stix; empty: the sink's own."""
    min: str = "low"
    """Severity from which on. A sink that was told of an incident is told of its end in the same run, whatever it has become by then."""
    max: str = "critical"
    state: tuple[str, ...] = ()
    """open updated closed; all of them where none is named."""
    detector: tuple[str, ...] = ()
    """Globs; any one of them is enough."""
    endpoint: tuple[str, ...] = ()
    client: tuple[str, ...] = ()
    """Globs, addresses or networks."""
    never_send: tuple[str, ...] = ()
    """Fields that this sink does not get."""
    options: dict[str, str] = field(default_factory=dict)
    """The sink's other options, such as ca, cert, key, token, rotate, spool."""
    name: str = ""
    """What `api-sensor sink test` may call it."""

    def line(self) -> str:
        """The destination as one line, as --sink takes it."""
        more = {
            "format": self.format, "min": self.min if self.min != "low" else "", "max": self.max if self.max != "critical" else "",
            "state": ",".join(self.state), "detector": ",".join(self.detector), "endpoint": ",".join(self.endpoint), "client": ",".join(self.client),
            "hide": ",".join(self.never_send), **self.options,
        }  # fmt: skip
        query = urlencode({name: value for name, value in more.items() if value})
        return self.to + (("&" if "?" in self.to else "?") + query if query else "")

    def faults(self) -> list[str]:
        """What is wrong with it, a sentence each; what only opening it can tell comes then."""
        from sensor.sinks import SINKS
        from sensor.sinks.destination import Destination

        if not self.to:
            return ["to: say where, such as tls://siem.example:6514 or file:alerts.jsonl"]
        try:
            scheme = Destination.parse(self.line()).scheme
        except SensorError as fault:
            return [f"to: {fault}"]
        return [] if scheme in SINKS else [f"to: no sink is called {scheme!r}; known are {' '.join(SINKS)}{_near(scheme, SINKS)}"]


@dataclass(frozen=True, slots=True)
class EvidenceConfig:
    """Evidence bundles."""

    bundle: EvidenceLimits = field(default_factory=EvidenceLimits)
    packets: CutLimits = field(default_factory=CutLimits)
    ring: RingLimits = field(default_factory=RingLimits)
    bundles: int = 1_000
    """Bundles that one run writes by itself (replay --evidence); past it they are counted."""
    octets: int = 67_108_864
    """Octets of these before they are packed, and one more for each 256 of traffic: to mask an octet costs a hundred times what it costs to read it."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that can be set."""

    parsers: Limits = field(default_factory=Limits)
    """The decoding core. Sizes are octets, times ns of packet time."""
    catalogue: CatalogueLimits = field(default_factory=CatalogueLimits)
    """The endpoint map."""
    alerts: AlertConfig = field(default_factory=AlertConfig)
    """How findings become alerts. Times are seconds of packet time."""
    masking: MaskingConfig = field(default_factory=MaskingConfig)
    """What leaves as a token, and what never leaves."""
    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    """Evidence bundles."""
    sinks: tuple[SinkConfig, ...] = ()
    """Where alerts go."""


# Reading.


def read(path: str | Path) -> Config:
    """The configuration of a file. Raises SensorError with every fault of it, a line each."""
    name = str(path)
    try:
        octets = Path(path).read_bytes()
        text = octets.decode("utf-8-sig")
    except OSError as fault:
        raise SensorError(f"{name}: the configuration cannot be read ({fault.strerror})") from fault
    except UnicodeDecodeError as fault:
        raise SensorError(f"{name}: the configuration is no UTF-8 text (octet {fault.start})") from fault
    return parse(text, name)


def parse(text: str, name: str) -> Config:
    """The configuration that a text holds; `name` is what it is called in faults. Raises SensorError with every fault, a line each."""
    import yaml

    if len(text) > OCTETS_MAX:
        raise SensorError(f"{name}: {len(text):,} characters are no configuration; {OCTETS_MAX:,} are the most")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark is not None else 1
        raise SensorError(f"{name}:{line}: is no YAML: {fault.problem or fault.context}") from fault
    except (yaml.YAMLError, RecursionError, ValueError) as fault:
        said = "it is nested too deep" if isinstance(fault, RecursionError) else str(fault).splitlines()[0]
        at = getattr(fault, "position", None)
        place = f"{name}:{1 + text.count(chr(10), 0, at)}" if isinstance(at, int) else name
        raise SensorError(f"{place}: is no YAML: {said}") from fault
    reader = _Reader(name)
    config = reader.build(Config, node, "") if node is not None else Config()
    reader.check(config, "")
    if reader.faults:
        raise SensorError("\n".join(f"{name}:{line}: {sentence}" for line, sentence in sorted(reader.faults)))
    assert isinstance(config, Config)
    return config


class _Reader:
    """Builds dataclasses from YAML nodes, collecting faults with their lines."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.faults: list[tuple[int, str]] = []
        self._lines: dict[str, int] = {}
        self._unread: list[tuple[int, str]] = []

    def fault(self, node: Any, where: str, sentence: str) -> None:
        self.faults.append((node.start_mark.line + 1, f"{where}: {sentence}" if where else sentence))
        self._unread.append(self.faults[-1])

    def build(self, kind: type[Any], node: Any, where: str) -> Any:
        """The dataclass that a mapping stands for."""
        import yaml

        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null":
            return kind()
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, where, f"must be settings, one `name: value` a line{self._example(kind)}")
            return kind()
        hints = _hints(kind)
        known = {one.name: one for one in fields(kind)}
        values: dict[str, Any] = {}
        for key, value in node.value:
            setting = key.value if isinstance(key, yaml.ScalarNode) else ""
            place = f"{where}.{setting}" if where else setting
            if setting not in known:
                self.fault(key, where, f"unknown setting {setting!r}{_near(setting, known) or '; known are ' + ' '.join(known)}")
            elif setting in values:
                self.fault(key, where, f"{setting!r} is given twice (first in line {self._lines[place]})")
            else:
                self._lines[place] = key.start_mark.line + 1
                values[setting] = self._value(hints[setting], value, place, known[setting].metadata, getattr(kind(), setting))
        return kind(**{name: value for name, value in values.items() if value is not _BAD})

    def _value(self, hint: Any, node: Any, where: str, metadata: Any, default: Any) -> Any:
        import yaml

        if is_dataclass(hint):
            assert isinstance(hint, type)
            return self.build(hint, node, where)
        if get_origin(hint) is tuple:
            return self._list(get_args(hint)[0], node, where)
        if get_origin(hint) is dict:
            return self._texts(node, where)
        if not isinstance(node, yaml.ScalarNode):
            self.fault(node, where, f"must be one value, such as {default!r}")
            return _BAD
        value = _moment(node.value) if metadata.get("moment") else _SCALARS[hint](node.value, node.style)
        if value is None:
            what = "a moment, such as 2026-11-25T20:00:00Z" if metadata.get("moment") else _NAMES[hint]
            self.fault(node, where, f"must be {what}, is {_clipped(node.value)!r}")
            return _BAD
        return value

    def _list(self, kind: type[Any], node: Any, where: str) -> Any:
        import yaml

        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null":
            return ()
        if isinstance(node, yaml.ScalarNode) and kind is str:
            return (node.value,)
        if not isinstance(node, yaml.SequenceNode):
            self.fault(node, where, "must be a list: [] or one `- value` a line")
            return _BAD
        out = []
        for at, one in enumerate(node.value):
            place = f"{where}[{at}]"
            self._lines[place] = one.start_mark.line + 1
            out.append(self._value(kind, one, place, {}, ""))
        return _BAD if any(one is _BAD for one in out) else tuple(out)

    def _texts(self, node: Any, where: str) -> Any:
        import yaml

        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null":
            return {}
        if not isinstance(node, yaml.MappingNode) or not all(isinstance(part, yaml.ScalarNode) for pair in node.value for part in pair):
            self.fault(node, where, "must be names with a text each: {} or one `name: text` a line")
            return _BAD
        return {key.value: value.value for key, value in node.value}

    def _example(self, kind: type[Any]) -> str:
        first = next(iter(fields(kind)), None)
        return f", such as `{first.name}: ...`" if first is not None else ""

    def check(self, value: Any, where: str) -> None:
        """What each layer says of its settings; its sentences start with the setting's name, by which the line is found."""
        for one in fields(value):
            inner = getattr(value, one.name)
            place = f"{where}.{one.name}" if where else one.name
            if is_dataclass(inner):
                self.check(inner, place)
            elif isinstance(inner, tuple):
                for at, part in enumerate(inner):
                    if is_dataclass(part) and where != "alerts":  # the alerts' settings speak for their lists themselves
                        self.check(part, f"{place}[{at}]")
            elif isinstance(value, _BOUNDED) and isinstance(inner, int):
                most = _most(getattr(type(value)(), one.name))
                if not 1 <= inner <= most:
                    self._said(f"{place}: must be from 1 to {most:,}, is {inner:,}")
        told: Callable[[], list[str]] | None = getattr(value, "faults", None)
        for sentence in told() if told is not None else ():
            self._said(sentence if where and sentence.startswith(f"{where}.") else f"{where}.{sentence}" if where else sentence)

    def _said(self, sentence: str) -> None:
        place = sentence.partition(": ")[0]
        while place and place not in self._lines:
            place = place.rpartition("[" if place.endswith("]") else ".")[0]
        line = self._lines.get(place, 1)
        # A value that could not be read stands as its default here: one fault a line is enough.
        if all(line != other for other, _ in self._unread):
            self.faults.append((line, sentence))


class _Bad:
    """Stands for a value that was no such thing; its fault is said."""


_BAD: Final = _Bad()
_BOUNDED: Final = (Limits, CatalogueLimits, EvidenceLimits, CutLimits, RingLimits, EvidenceConfig)


def _most(default: int) -> int:
    """A bound may be a thousand times what we think right; past that it is a slip of the pen (and counts fit 32 bits in the core)."""
    return 1 << 62 if default >= 1_000_000_000 else min(max(default * 1024, 1 << 20), (1 << 31) - 1)


def _whole(text: str, style: str | None) -> int | None:
    unit = {"k": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(text[-1:], 0)
    digits = (text[:-1] if unit else text).replace("_", "").replace(",", "")
    if style or not digits.lstrip("-").isdigit() or not digits.isascii() or len(digits) > 19 or digits.count("-") > 1:
        return None
    value = int(digits) * (unit or 1)
    return value if -(1 << 63) <= value < 1 << 63 else None


def _text(text: str, _style: str | None) -> str | None:
    return text if text.isprintable() else None


def _yes(text: str, style: str | None) -> bool | None:
    return None if style else {"true": True, "yes": True, "false": False, "no": False}.get(text.lower())


_SCALARS: Final[dict[Any, Callable[[str, str | None], Any]]] = {int: _whole, str: _text, bool: _yes}
_NAMES: Final[dict[Any, str]] = {int: "a whole number (k, M and G multiply by 1024)", str: "a text of visible characters", bool: "yes or no"}


def _moment(text: str) -> int | None:
    """A moment as ns since the epoch, in UTC where it names no zone; whole numbers are ns, but eight digits are a date."""
    number = _whole(text, None)
    if number is not None and len(text) != 8:
        return max(number, 0)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    ns = (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
    return min(max(ns, 0), (1 << 63) - 1)


def _near(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _clipped(text: str) -> str:
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"


def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


# Printing.


def text_of(config: Config) -> str:
    """The configuration as a file, every setting with its reason above it; `parse` makes the same configuration of it."""
    out = ["# api-sensor: every setting with its reason. A file may hold only what differs; use it with --config FILE.", ""]
    whys = dict(_documented(Config))
    for section in fields(config):
        out += [f"# {line}" for line in textwrap.wrap(whys[section.name], 140)]
        out += [*_lines(section.name, getattr(config, section.name), section, 0, _hints(Config)[section.name]), ""]
    return "\n".join(out)


def _lines(name: str, value: Any, about: Any, depth: int, hint: Any) -> Iterator[str]:
    pad = "  " * depth
    if is_dataclass(value):
        yield f"{pad}{name}:"
        yield from _settings(value, depth + 1)
    elif isinstance(value, tuple) and value and is_dataclass(value[0]):
        yield f"{pad}{name}:"
        for one in value:
            inner = list(_settings(one, depth + 1, reasons=False))
            yield f"{pad}- {inner[0].strip()}"
            yield from inner[1:]
    elif isinstance(value, dict):
        yield f"{pad}{name}: " + (_flow(value) if not value else "")
        for key, text in value.items():
            yield f"{pad}  {_flow(key)}: {_flow(text)}"
    else:
        shown = _flow(list(value) if isinstance(value, tuple) else value)
        if about.metadata.get("moment"):
            shown = _moment_text(value)
        yield f"{pad}{name}: {shown}"
        if value == () and is_dataclass(get_args(hint)[0]):
            # What an entry looks like, as comments.
            example = [line.strip() for line in _settings(get_args(hint)[0](), 0)]
            first = next(at for at, line in enumerate(example) if not line.startswith("#"))
            for at, line in enumerate(example):
                yield f"{pad}# " + (f"    {line}" if line.startswith("#") else f"{'- ' if at == first else '  '}{line}")


def _settings(value: Any, depth: int, reasons: bool = True) -> Iterator[str]:
    whys = dict(_documented(type(value)))
    for one in fields(value):
        if reasons:
            for line in textwrap.wrap(" ".join(whys.get(one.name, "").split()), 140):
                yield f"{'  ' * depth}# {line}"
        yield from _lines(one.name, getattr(value, one.name), one, depth, _hints(type(value))[one.name])


def _moment_text(ns: int) -> str:
    second, rest = divmod(ns, 1_000_000_000)
    if rest or second > 253_402_300_799:
        return f"{ns:_}"
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if second else "1970-01-01T00:00:00Z"


def _flow(value: Any) -> str:
    import yaml

    if value == "":
        return '""'
    if isinstance(value, str):
        # Always in double quotes: `on`, `1e3` and `2026-01-01` are texts here.
        return str(yaml.safe_dump(value, default_style='"', width=1_000_000, allow_unicode=True)).strip()
    if isinstance(value, list):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    return str(yaml.safe_dump(value, default_flow_style=True, width=1_000_000)).replace("\n...", "").strip()


def _documented(kind: type[Any]) -> list[tuple[str, str]]:
    """The fields of a dataclass with the string that stands under each."""
    body = ast.parse(inspect.cleandoc(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    found: list[tuple[str, str]] = []
    for statement in body.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            found.append((statement.target.id, ""))
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str) and found:
            found[-1] = (found[-1][0], statement.value.value)
    return found
