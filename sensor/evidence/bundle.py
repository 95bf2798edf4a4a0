"""The evidence bundle: everything about one alert that another person needs to check it, in a folder or a ZIP file.

    README.txt       what happened, what is here, the commands that make it again
    alert.json       the alert
    flows.pcapng     the packets of its connections and no others, each with its place in the original capture
    calls.har        the decoded calls (HAR 1.2)
    timeline.jsonl   what its callers did, before, during and after
    baseline.json    what was seen beside what is usual: the alert's features, and each endpoint's figures for these callers and for all others
    judges.json      which rules and which model judged, with their versions
    manifest.json    every file's size and SHA-256, and those of the captures it was made from
    SHA256SUMS       the same for `sha256sum -c`

The same alert, captures and masking key give the same octets, so that no clock of ours is in it.
"""

from __future__ import annotations

import hashlib
import io
import os
import shlex
import zipfile
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from parsers.frames import FrameBlock
from parsers.limits import Limits
from sensor import VERSION
from sensor.alerts import Alert
from sensor.catalogue import CatalogueLimits
from sensor.errors import SensorError, reason, refusal
from sensor.evidence.cut import Cut, CutLimits, cut
from sensor.evidence.gather import EvidenceLimits, Gathered, gather
from sensor.evidence.har import har
from sensor.evidence.inplace import mask_frames
from sensor.evidence.pcapng import Packet, pcapng
from sensor.masking import Masker
from sensor.names import name_of, path_of
from sensor.sinks.filters import without
from sensor.sinks.formats.words import iso
from sensor.terminal import json_visible

_SAYING = {"clients": ("client_ip", "client_port", "_client"), "principals": ("principal", "principal_kind", "_principal")}
"""What else says who called, where an alert's field is never to be sent."""
_STILL = " The packets and what the calls carried are as they were: addresses of senders stand in every packet's head."

Frames = Callable[[], AbstractContextManager[Iterable[FrameBlock]]]
"""Opens the capture from its start, as often as it is called."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a bundle is made from."""

    frames: Frames
    captures: tuple[str, ...] = ()
    """Paths, for the manifest and the commands; empty where the frames come from a ring."""
    limits: Limits = field(default_factory=Limits)
    catalogue: CatalogueLimits = field(default_factory=CatalogueLimits)
    verify_checksums: bool = False


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files of a bundle by name, and what it says of itself."""

    files: dict[str, bytes]
    packets: int
    calls: int
    timeline: int
    missing: tuple[str, ...]
    """Connections that the alert cites and the captures do not have."""
    left_out: dict[str, int]

    @property
    def empty(self) -> bool:
        """Nothing of what the alert cites was found."""
        return not self.packets


def bundle(
    alert: Alert,
    source: Source,
    masker: Masker,
    *,
    unmasked: bool = False,
    every: bool = False,
    judges: Iterable[dict[str, Any]] = (),
    bounds: EvidenceLimits | None = None,
    cut_bounds: CutLimits | None = None,
    never_send: Iterable[str] = (),
    found: Gathered | None = None,
) -> Bundle:
    """Make the bundle of an alert. `masker` is the installation's; `unmasked` shows everything as it was on the wire all the same; `found` is what was
    gathered for it, where that was done already."""
    if found is None:
        with source.frames() as blocks:
            found = gather(alert, blocks, masker, every, source.limits, bounds, source.catalogue, source.verify_checksums)
    shown = Masker(None) if unmasked else Masker(masker.key, masker.names, found.secrets)
    done = Cut()
    if found.connections:
        with source.frames() as blocks:
            done = cut(blocks, found.connections, source.limits, cut_bounds, source.verify_checksums)
    changed = mask_frames(done.frames, shown)
    left_out = dict(found.left_out)
    if done.left_out:
        left_out["packets"] = done.left_out
    about = f"api-sensor alert {alert.uid} revision {alert.revision}" + ("" if unmasked else ", secrets and personal data masked")
    packets = [
        Packet(
            frame.ts, frame.link, frame.length, bytes(frame.data), f"{shown.text(frame.file)} packet {frame.packet}" + (", payload masked" if frame.masked else "")
        )
        for frame in done.frames
    ]  # fmt: skip
    gone = set(never_send)
    # The run that raised it may have been told to mask nothing, or to keep nothing back; this bundle was not.
    alert = without(Alert.from_json(orjson.dumps(_each(orjson.loads(alert.to_json()), shown.text))), gone)
    unsaid = frozenset(name for field, names in _SAYING.items() if field in gone for name in names)
    plain = {name: value for name, value in orjson.loads(alert.to_json()).items() if name not in gone}
    files = {
        "alert.json": _json(plain),
        "flows.pcapng": pcapng(packets, f"api-sensor {VERSION}", about),
        "calls.har": _json(har(found.calls, shown, about, unsaid)),
        "timeline.jsonl": _timeline(found.timeline, shown, unsaid),
        "baseline.json": _json(
            {"features": alert.features, "reasons": alert.reasons, "endpoints": [] if "endpoints" in gone else [_masked(one, shown) for one in found.baseline]}
        ),
        "judges.json": _json({"sensor": VERSION, "detectors": list(judges)}),
    }
    captures = [_capture(name) for name in source.captures]
    files["README.txt"] = _readme(alert, found, len(packets), changed, captures, unmasked, every, left_out, sorted(gone)).encode()
    manifest = {
        "alert": alert.uid,
        "revision": alert.revision,
        "sensor": VERSION,
        "masked": not unmasked,
        "packets": len(packets),
        "packets_masked": changed,
        "calls": len(found.calls),
        "timeline": len(found.timeline),
        "connections": len(found.connections),
        "connections_missing": found.missing,
        "left_out": left_out,
        "captures": captures,
        "files": [_listed(name, files[name]) for name in sorted(files)],
    }
    files["manifest.json"] = _json(manifest)
    files["SHA256SUMS"] = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)).encode()
    return Bundle(files, len(packets), len(found.calls), len(found.timeline), tuple(found.missing), left_out)


def write(made: Bundle, place: Path) -> None:
    """Write a bundle to a folder, or to a file whose name ends in .zip; for its owner's eyes. Raises SensorError where that cannot be."""
    try:
        if place.suffix.lower() == ".zip":
            octets = zipped(made)
            place.parent.mkdir(parents=True, exist_ok=True)
            _put(place, octets)
            return
        if place.exists() and not place.is_dir():
            raise SensorError(f"{place}: is a file; name a folder, or a file that ends in .zip")
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, octets in made.files.items():
            _put(place / name, octets)
    except OSError as fault:
        raise refusal(fault)(f"{place}: the bundle cannot be written ({reason(fault)})") from fault


def zipped(made: Bundle) -> bytes:
    """The bundle as a ZIP file, the same octets every time."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(made.files):
            about = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = 0o600 << 16
            about.create_system = 3
            archive.writestr(about, made.files[name])
    return out.getvalue()


def _put(path: Path, octets: bytes) -> None:
    """Whole or not at all: a half-written bundle is worse than none."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(octets)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _json(value: Any) -> bytes:
    return json_visible(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _each(value: Any, text: Callable[[str], str]) -> Any:
    """Plain data with every text of it put through `text`."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {name: _each(one, text) for name, one in value.items()}
    return [_each(one, text) for one in value] if isinstance(value, list) else value


def _listed(name: str, octets: bytes) -> dict[str, Any]:
    return {"name": name, "octets": len(octets), "sha256": hashlib.sha256(octets).hexdigest()}


def _capture(path: str) -> dict[str, Any]:
    name = name_of(path)
    try:
        with Path(path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return {"name": name, "octets": file.tell(), "sha256": digest}
    except OSError:
        return {"name": name, "octets": None, "sha256": None}


def _masked(one: dict[str, Any], shown: Masker) -> dict[str, Any]:
    return {**one, "endpoint": shown.text(one["endpoint"])}


def _timeline(calls: list[dict[str, Any]], shown: Masker, unsaid: Collection[str]) -> bytes:
    """The calls as lines of JSON. Each is let go as its line is made: in pieces they take four times the room."""
    out = bytearray()
    for at, call in enumerate(calls):
        calls[at] = {}
        line = _shown(call, shown)
        for name in unsaid:
            line.pop(name, None)
        out += json_visible(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    return bytes(out)


def _shown(call: dict[str, Any], shown: Masker) -> dict[str, Any]:
    """A line of the timeline: the time also as a person reads it; everything a stranger chose is masked."""
    line = {"time": iso(call["ts"]), **call}
    for name in ("method", "host", "path", "query", "template", "operation", "user_agent", "principal", "pcap_file"):
        if line.get(name) is not None:
            line[name] = shown.text(line[name])
    return line


def _word(name: str) -> str:
    """A file's name as a shell takes it: octets that are no text by their escapes."""
    path = path_of(name)
    return shlex.quote(name) if path == name else "$'" + "".join(chr(one) if 32 <= one < 127 and one not in b"\\'" else f"\\x{one:02x}" for one in os.fsencode(path)) + "'"


def _readme(
    alert: Alert, found: Gathered, packets: int, changed: int, captures: list[dict[str, Any]], unmasked: bool, every: bool, left_out: dict[str, int],
    gone: list[str],
) -> str:  # fmt: skip
    options = (" --all-connections" if every else "") + (" --unmasked" if unmasked else "")
    names = " ".join(_word(one["name"]) for one in captures)
    lines = [
        f"Evidence for alert {alert.uid}, revision {alert.revision} ({alert.state})",
        "",
        f"{alert.title}",
        f"{alert.severity} ({alert.severity_score} of 10), confidence {alert.confidence}; {iso(alert.first_seen)} to {iso(alert.last_seen)}",
        *(f"- {reason}" for reason in alert.reasons),
        "",
        f"flows.pcapng    {packets} packets of {len(found.connections)} connections; each packet's comment is its place in the original capture",
        f"calls.har       {len(found.calls)} calls of these connections (open it in a browser's network panel)",
        f"timeline.jsonl  {len(found.timeline)} calls of the alert's callers, in order",
        "baseline.json   what was seen beside what is usual",
        "judges.json     the rules and the model that judged",
        "manifest.json, SHA256SUMS   check with: sha256sum -c SHA256SUMS",
        "",
    ]
    if unmasked:
        lines.append("NOT MASKED: this holds credentials and personal data as they were on the wire.")
    else:
        lines += [
            "Secrets and personal data are masked: in text by keyed tokens (equal values, equal tokens), in packets by as many characters, with checksums",
            f"corrected ({changed} packets). Bodies that could not be read are written over. Lengths, sequence numbers and times are as they were.",
        ]
    lines += [f"Not here: {name}, {count} past the limit." for name, count in left_out.items()]
    if gone:
        lines.append(f"Not here, since it is never to be sent: {', '.join(gone)} of the alert." + _STILL * bool(_SAYING.keys() & set(gone)))
    if found.missing:
        lines.append(f"Not in the captures: {len(found.missing)} of the connections that the alert cites ({', '.join(found.missing[:8])}).")
    if alert.loss:
        lines.append("Not seen by the sensor: " + ", ".join(f"{name} {count}" for name, count in alert.loss.items()))
    lines += ["", "To make it again:"]
    if captures:
        lines += [
            f"  api-sensor replay {names} --alerts alerts.jsonl",
            f"  api-sensor evidence {alert.uid} {names} --from alerts.jsonl{options} -o bundle",
        ]
    else:
        lines.append("  the packets came from the sensor's memory of recent traffic; what is left of them is flows.pcapng")
    lines += ["  api-sensor replay flows.pcapng --calls -", "  tshark -r flows.pcapng"]
    return "\n".join(lines) + "\n"
