"""Declared against seen: OpenAPI descriptions (2.0, 3.0, 3.1; YAML or JSON) beside the endpoint map.

Of a description only what says which operations exist is read: servers or basePath, paths, methods, `deprecated`. References are followed inside
the file and to other files beside it, never over the network. What is wrong with a description is told all at once, each fault with its file and
the place in it.

An endpoint of the map is *declared* when an operation of a description covers it, *shadow* when none does, and a *zombie* when it is declared
deprecated, or when only a newer version of its path is declared. What was declared and never seen is kept as *unseen*: what the mirror did not
show is no proof of absence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from sensor.errors import SensorError
from sensor.findings import Finding

if TYPE_CHECKING:
    from sensor.catalogue.catalogue import Catalogue, Endpoint

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
LARGEST = 67_108_864
"""Octets of one description; the largest published ones have some ten million."""
DEEPEST = 32
"""References followed from one place: more is a circle."""

_BRACES = re.compile(r"\{[^{}/]*\}")
_VERSION = re.compile(r"(?i)v?(\d{1,3}(?:\.\d{1,3}){0,2}|\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True, slots=True)
class Operation:
    """One declared operation, with the base path of a server in front of its path."""

    method: str
    host: str
    """Empty: on any host."""
    path: str
    deprecated: bool
    file: str
    name: str = ""
    """operationId, where there is one."""


@dataclass(slots=True)
class Descriptions:
    """The operations of all descriptions given, ready to be compared with a map."""

    operations: list[Operation]
    warnings: list[str] = field(default_factory=list)
    _shapes: dict[tuple[str, int], list[tuple[tuple[str, ...], Operation]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for operation in self.operations:
            parts = _parts(operation.path)
            self._shapes.setdefault((operation.method, len(parts)), []).append((parts, operation))

    def attach(self, catalogue: Catalogue) -> None:
        """Let the map's endpoints be marked by these descriptions."""
        catalogue.compare(self)

    def covering(self, method: str, host: str, template: str, any_host: bool = False) -> Operation | None:
        """The operation that covers an endpoint: the most literal one that fits; current before deprecated."""
        parts = _parts(template)
        best: tuple[int, bool] | None = None
        found = None
        for declared, operation in self._shapes.get((method, len(parts)), ()):
            if operation.host and not any_host and not _same_host(operation.host, host):
                continue
            literal = 0
            for mine, theirs in zip(parts, declared, strict=True):
                if mine == theirs and "{" not in mine:
                    literal += 1
                elif "{" in theirs and _fits(theirs, mine):
                    continue
                else:
                    break
            else:
                rank = (literal, not operation.deprecated)
                if best is None or rank > best:
                    best, found = rank, operation
        return found

    def mark(self, endpoints: Iterable[Endpoint]) -> list[Operation]:
        """Set `declared` of every endpoint; returns the operations that none of them is."""
        endpoints = list(endpoints)
        hosts = {operation.host for operation in self.operations}
        # Captured behind a load balancer the Host header may be none of the servers declared: then paths alone decide.
        any_host = "" not in hosts and not any(_same_host(host, one.host) for host in hosts for one in endpoints)
        seen: set[Operation] = set()
        for endpoint in endpoints:
            operation = self.covering(endpoint.method, endpoint.host, endpoint.template, any_host)
            if operation is not None:
                seen.add(operation)
                endpoint.declared = "zombie" if operation.deprecated else "declared"
                endpoint.declared_in = f"{operation.file}: {operation.method} {operation.path}" + (", deprecated" if operation.deprecated else "")
                continue
            newer = self._newer(endpoint, any_host)
            if newer is not None:
                endpoint.declared = "zombie"
                endpoint.declared_in = f"{newer.file}: superseded by {newer.method} {newer.path}"
            else:
                endpoint.declared = "shadow"
                endpoint.declared_in = ""
        covered = {(one.method, one.path) for one in seen}
        return [one for one in self.operations if one not in seen and (one.method, one.path) not in covered]

    def _newer(self, endpoint: Endpoint, any_host: bool) -> Operation | None:
        """An operation that differs from the endpoint by a higher version segment alone."""
        parts = _parts(endpoint.template)
        for declared, operation in self._shapes.get((endpoint.method, len(parts)), ()):
            if operation.host and not any_host and not _same_host(operation.host, endpoint.host):
                continue
            risen = False
            for mine, theirs in zip(parts, declared, strict=True):
                if mine == theirs or ("{" in theirs and _fits(theirs, mine)):
                    continue
                old, new = _VERSION.fullmatch(mine), _VERSION.fullmatch(theirs)
                if old and new and _number(new[1]) > _number(old[1]) and not risen:
                    risen = True
                    continue
                break
            else:
                if risen:
                    return operation
        return None


def findings(endpoints: Iterable[Endpoint]) -> list[Finding]:
    """A finding for every shadow and zombie endpoint."""
    found = []
    for one in endpoints:
        if one.declared not in ("shadow", "zombie"):
            continue
        changes = one.method not in ("GET", "HEAD", "OPTIONS")
        score = (5.5 if changes else 4.0) if one.declared == "shadow" else 5.0
        if one.declared == "shadow":
            why = f"no description covers it; {one.calls} calls from {one.callers} callers were answered"
            title = f"Undocumented endpoint {one.name}"
            do = "Find its owner; add it to the API description, or take it out of service."
        else:
            why = f"{one.declared_in}; {one.calls} calls from {one.callers} callers were still answered"
            title = f"Retired endpoint still answers: {one.name}"
            do = "Move its callers to the current version, then switch it off."
        found.append(
            Finding(
                detector=f"inventory-{one.declared}",
                row=-1,
                ts=one.first_seen,
                severity="medium" if score >= 4.0 else "low",
                severity_score=score,
                confidence=round(max(0.3, min(0.95, one.confidence)), 2),
                title=title,
                category="API9:2023",
                reasons=(why,),
                endpoint=one.name,
                response=do,
                group=f"inventory {one.name}",
            )
        )
    return found


def load(paths: Sequence[Path]) -> Descriptions:
    """Read descriptions; raises SensorError with every fault of every file."""
    faults: list[str] = []
    operations: list[Operation] = []
    for path in paths:
        operations.extend(_Reader(path, faults).operations())
    if faults:
        raise SensorError("\n".join(faults))
    return Descriptions(operations)


class _Reader:
    """One description and the files it refers to."""

    def __init__(self, path: Path, faults: list[str]) -> None:
        self.path = path
        self.faults = faults
        self.documents: dict[Path, Any] = {}

    def fault(self, place: str, sentence: str, file: Path | None = None) -> None:
        self.faults.append(f"{file or self.path}: {place}: {sentence}" if place else f"{file or self.path}: {sentence}")

    def document(self, path: Path) -> Any:
        path = path.resolve()
        if path not in self.documents:
            self.documents[path] = None
            shown = self.path if path == self.path.resolve() else path
            try:
                if path.stat().st_size > LARGEST:
                    self.fault("", f"larger than {LARGEST} octets", shown)
                    return None
                text = path.read_text(encoding="utf-8-sig")
            except OSError as error:
                self.fault("", f"cannot be read: {error.strerror or error}", shown)
                return None
            except UnicodeDecodeError as error:
                self.fault("", f"is not UTF-8 text (octet {error.start})", shown)
                return None
            self.documents[path] = self._parse(text, shown)
        return self.documents[path]

    def _parse(self, text: str, shown: Path) -> Any:
        if text.lstrip().startswith("{"):
            try:
                return json.loads(text)
            except RecursionError:
                self.fault("", "is nested too deeply", shown)
                return None
            except ValueError as error:
                if not isinstance(error, json.JSONDecodeError):
                    self.fault("", f"is no JSON: {error}", shown)
                    return None
                if shown.suffix.lower() == ".json":
                    self.fault(f"line {error.lineno}", f"is no JSON: {error.msg}", shown)
                    return None
        import yaml

        try:
            return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except RecursionError:
            self.fault("", "is nested too deeply", shown)
        except (yaml.YAMLError, ValueError) as error:
            mark = getattr(error, "problem_mark", None)
            self.fault(f"line {mark.line + 1}" if mark else "", f"is no YAML: {getattr(error, 'problem', None) or error}", shown)
        return None

    def follow(self, node: Any, place: str, file: Path) -> tuple[Any, Path]:
        """What a node is after its references."""
        for _ in range(DEEPEST):
            if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
                return node, file
            reference = node["$ref"]
            target, _, pointer = reference.partition("#")
            if urlsplit(target).scheme or target.startswith("//"):
                self.fault(place, f"refers to {reference}; references over the network are not followed, put a copy beside the file", file)
                return None, file
            if target:
                file = (file.parent / unquote(target)).resolve()
            node = self.document(file)
            if node is None:
                return None, file
            for part in pointer.strip("/").split("/") if pointer.strip("/") else []:
                key = unquote(part).replace("~1", "/").replace("~0", "~")
                if isinstance(node, dict) and key in node:
                    node = node[key]
                elif isinstance(node, list) and key.isdigit() and int(key) < len(node):
                    node = node[int(key)]
                else:
                    self.fault(place, f"refers to {reference}, which has no {key!r}", file)
                    return None, file
        self.fault(place, "its references go in a circle", file)
        return None, file

    def operations(self) -> list[Operation]:
        root = self.document(self.path)
        if root is None:
            if not any(fault.startswith(f"{self.path}:") for fault in self.faults):
                self.fault("", "is empty")
            return []
        if not isinstance(root, dict) or not ("openapi" in root or "swagger" in root):
            self.fault("", "is no OpenAPI description: neither 'openapi' nor 'swagger' stands at its top")
            return []
        version = str(root.get("openapi", root.get("swagger")))
        if not version.startswith(("2.", "3.0", "3.1", "3.2")):
            self.fault("openapi", f"version {version!r} is not known; 2.0, 3.0 and 3.1 are")
            return []
        paths = root.get("paths", {})
        if not isinstance(paths, dict):
            self.fault("paths", "must be a mapping of paths")
            return []
        bases = self._swagger_bases(root) if version.startswith("2.") else self._servers(root, "servers")
        found: list[Operation] = []
        for path, entry in paths.items():
            place = f"paths.{path}"
            if str(path).startswith("x-"):
                continue
            if not str(path).startswith("/"):
                self.fault(place, "a path begins with a slash")
                continue
            item, file = self.follow(entry, place, self.path.resolve())
            if item is None and entry is None:
                continue
            if not isinstance(item, dict):
                if item is not None:
                    self.fault(place, "must be a mapping of methods")
                continue
            own = self._servers(item, f"{place}.servers") if "servers" in item else bases
            for method in METHODS:
                if method not in item:
                    continue
                operation, _ = self.follow(item[method], f"{place}.{method}", file)
                if not isinstance(operation, dict):
                    self.fault(f"{place}.{method}", "must be a mapping")
                    continue
                here = self._servers(operation, f"{place}.{method}.servers") if "servers" in operation else own
                clean = str(path).split("?")[0].split("#")[0]
                for host, base in here:
                    name = str(operation.get("operationId", ""))
                    found.append(Operation(method.upper(), host, base + clean, operation.get("deprecated") is True, str(self.path), name))
        return found

    def _swagger_bases(self, root: dict[str, Any]) -> list[tuple[str, str]]:
        return [(str(root.get("host", "")).lower(), "/" + base if (base := str(root.get("basePath") or "").strip("/")) else "")]

    def _servers(self, node: dict[str, Any], place: str) -> list[tuple[str, str]]:
        """(host, base path) of every server; variables stand as `{name}` and take anything."""
        servers = node.get("servers") or [{"url": "/"}]
        if not isinstance(servers, list):
            self.fault(place, "must be a list")
            return [("", "")]
        found = []
        for i, server in enumerate(servers):
            url = server.get("url") if isinstance(server, dict) else None
            if not isinstance(url, str):
                self.fault(f"{place}.{i}", "needs a url")
                continue
            hidden = _BRACES.sub("{}", url)
            try:
                split = urlsplit(hidden)
                base = split.path.strip("/")
                if not split.netloc and hidden.startswith("{}"):  # {server}/base
                    base = hidden.partition("/")[2].strip("/")
                found.append((split.netloc.lower(), "/" + base if base else ""))
            except ValueError as error:
                self.fault(f"{place}.{i}.url", f"is no URL: {error}")
        return list(dict.fromkeys(found)) or [("", "")]


def _parts(path: str) -> tuple[str, ...]:
    parts = unquote(path).strip("/").split("/")
    return tuple(_BRACES.sub("{}", part) for part in parts)


def _fits(declared: str, mine: str) -> bool:
    """Whether a declared segment with parameters takes a segment of the map (which may be a template itself)."""
    if declared == "{}":
        return True
    pattern = ".+".join(re.escape(part) for part in declared.split("{}"))
    return re.fullmatch(pattern, mine) is not None or mine == "{}"


def _same_host(declared: str, host: str) -> bool:
    if not declared:
        return True
    bare = re.sub(r":(80|443)$", "", declared)
    if bare == host or bare == re.sub(r":\d+$", "", host):
        return True
    if "{}" not in bare:
        return False
    pattern = "[^/]+".join(re.escape(part) for part in bare.split("{}"))
    return re.fullmatch(pattern, host) is not None


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.split(r"[.-]", version))
