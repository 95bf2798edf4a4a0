"""Declared against seen: OpenAPI descriptions (2.0, 3.0, 3.1; YAML or JSON) beside the endpoint map.

References are followed inside the file and to other files beside it, never over the network. What is wrong with a description is told all at once, each
fault with its file, line and cure. Nesting, references and the schemas read are bounded: a description may come from anybody.

An endpoint of the map is *declared* when an operation of a description covers it and *shadow* when none does. It is a *zombie* in three ways, each by
its name: *deprecated* (declared so), *superseded* (only a newer version of its path is declared), *removed* (an older description of the same API has it
and the newest has not). What was declared and never seen is *unseen*; it is an *orphan* where the mirror shows other traffic of its host: of a host
never seen nothing can be said.

How a declared endpoint differs from its operation is *drift* (`sensor.catalogue.drift`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from sensor.catalogue.drift import Change, View, between, flatten, seen
from sensor.catalogue.learning import told_answer_header, told_header
from sensor.errors import SensorError
from sensor.findings import Finding
from sensor.names import name_of

if TYPE_CHECKING:
    from sensor.catalogue.catalogue import Catalogue, Endpoint

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
LARGEST = 67_108_864
"""Octets of one description; the largest published ones have some ten million."""
DEEPEST = 32
"""References followed from one place: more is a circle."""

NESTED = 500
"""Brackets inside one another: the largest published descriptions have some forty."""
FILES = 5_000
"""Files that one description may refer to."""

_DESCRIPTION = re.compile(r"""(?m)^\s*\{?\s*["']?(?:openapi|swagger)["']?\s*:\s*["']?[0-9]\.""").search
_BRACKETS = re.compile(r"[\[\]{}]")
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
    removed_in: str = ""
    """The newer description of the same API that has it no more."""
    source: Source | None = field(default=None, compare=False, repr=False)

    @property
    def line(self) -> int:
        """The line of its file that it begins on; 0 where that cannot be told."""
        return self.source.reader._line(self.source.reader.path.resolve(), self.source.place) if self.source is not None else 0

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"method": self.method, "host": self.host, "path": self.path, "deprecated": self.deprecated, "file": self.file, "name": self.name}


@dataclass(slots=True)
class Source:
    """Where an operation stands, for what is read of it only when it is compared."""

    reader: _Reader
    file: Path
    operation: dict[str, Any]
    shared: list[Any]
    """Parameters of the path."""
    root: dict[str, Any]
    place: tuple[str, ...]


@dataclass(slots=True)
class Descriptions:
    """The operations of all descriptions given, ready to be compared with a map."""

    operations: list[Operation]
    warnings: list[str] = field(default_factory=list)
    _shapes: dict[tuple[str, int], list[tuple[tuple[str, ...], Operation]]] = field(default_factory=dict)
    _views: dict[int, View] = field(default_factory=dict)
    _any_host: bool = False

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
        best: tuple[int, int] | None = None
        found = None
        for declared, operation in self._shapes.get((method, len(parts)), ()):
            if operation.host and not any_host and not _same_host(operation.host, host):
                continue
            literal = 0
            for mine, theirs in zip(parts, declared, strict=True):
                if "{" not in mine and mine == theirs:
                    literal += 1
                elif ";" in mine and ";" not in theirs and mine.partition(";")[0] == theirs:  # matrix parameters are left out of descriptions as often as not
                    literal += 1
                elif "{" in theirs and _fits(theirs, mine):
                    continue
                else:
                    break
            else:
                rank = (literal, 0 if operation.removed_in else 1 if operation.deprecated else 2)
                if best is None or rank > best:
                    best, found = rank, operation
        return found

    def mark(self, endpoints: Iterable[Endpoint]) -> list[Operation]:
        """Set `declared` of every endpoint; returns the operations that none of them is."""
        endpoints = list(endpoints)
        hosts = {operation.host for operation in self.operations}
        # Captured behind a load balancer the Host header may be none of the servers declared: then paths alone decide.
        any_host = self._any_host = "" not in hosts and not any(_same_host(host, one.host) for host in hosts for one in endpoints)
        seen: set[Operation] = set()
        for endpoint in endpoints:
            endpoint.declared, endpoint.declared_in = "shadow", ""
            operation = self.covering(endpoint.method, endpoint.host, endpoint.template, any_host)
            if operation is not None:
                seen.add(operation)
                where = f"{operation.file}: {operation.method} {operation.path}"
                endpoint.declared, endpoint.declared_in = "declared", where
                if operation.removed_in:
                    endpoint.declared, endpoint.declared_in = "zombie", f"removed: {where} is no more in {operation.removed_in}"
                elif operation.deprecated:
                    endpoint.declared, endpoint.declared_in = "zombie", f"deprecated: {where}"
                continue
            newer = self._newer(endpoint, any_host)
            if newer is not None:
                endpoint.declared = "zombie"
                endpoint.declared_in = f"superseded: {newer.file} has {newer.method} {newer.path} in its place"
        covered = {(one.method, one.path) for one in seen}
        return [one for one in self.operations if one not in seen and (one.method, one.path) not in covered and not one.removed_in]

    def orphans(self, endpoints: Iterable[Endpoint]) -> list[tuple[Operation, bool]]:
        """The operations declared and not seen, each with whether the mirror could have shown it: it shows other calls to that host."""
        endpoints = list(endpoints)
        hosts = {one.host for one in endpoints if one.calls}
        return [(one, bool(hosts) and (self._any_host or any(_same_host(one.host, host) for host in hosts))) for one in self.mark(endpoints)]

    def drift(self, endpoint: Endpoint) -> list[Change]:
        """How an endpoint differs from the operation that declares it; nothing where none does."""
        operation = self.covering(endpoint.method, endpoint.host, endpoint.template, self._any_host)
        if operation is None or operation.source is None or operation.removed_in:
            return []
        return between(self.view(operation), seen(endpoint))

    def view(self, operation: Operation) -> View:
        """What an operation declares."""
        source = operation.source
        if source is None:
            return View()
        found = self._views.get(id(source.operation))
        if found is None:
            found = self._views[id(source.operation)] = _view(source)
        return found

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
            title = f"Retired endpoint still answers ({one.declared_in.partition(':')[0]}): {one.name}"
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
    """Read descriptions, and those that lie in directories; raises SensorError with every fault of every file."""
    faults: list[str] = []
    readers = [_Reader(one, faults) for path in paths for one in (_inside(path, faults) if path.is_dir() else [path])]
    operations = [reader.operations() for reader in readers]
    if faults:
        raise SensorError("\n".join(faults))
    return Descriptions([one for found in _removed(readers, operations) for one in found])


def _inside(folder: Path, faults: list[str]) -> list[Path]:
    """The descriptions in a directory and below it, by name; files that they refer to are none."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".yaml", ".yml", ".json") and path.is_file())[:FILES]
    found = []
    for path in files:
        try:
            with path.open(encoding="utf-8-sig", errors="replace") as file:
                text = file.read(65_536)
        except OSError as error:
            faults.append(f"{path}: cannot be read: {error.strerror}")
            continue
        if _DESCRIPTION(text):
            found.append(path)
    if not found:
        faults.append(f"{folder}: no OpenAPI description lies in it (.yaml, .yml or .json with 'openapi' or 'swagger' at its top)")
    return found


def _removed(readers: list[_Reader], operations: list[list[Operation]]) -> list[list[Operation]]:
    """Operations of older descriptions of an API (same title, same servers, lower version) that the newest has no more are marked so."""
    same: dict[tuple[str, frozenset[str]], list[int]] = {}
    for i, reader in enumerate(readers):
        if reader.title and operations[i]:
            same.setdefault((reader.title, frozenset(reader.bases)), []).append(i)
    for group in same.values():
        newest = max(group, key=lambda i: (_release(readers[i].version), i))
        current = {(one.method, one.host, _parts(one.path)) for one in operations[newest]}
        for i in group:
            if _release(readers[i].version) < _release(readers[newest].version):
                # What both have is the newest's to say.
                operations[i] = [replace(one, removed_in=name_of(readers[newest].path)) for one in operations[i] if (one.method, one.host, _parts(one.path)) not in current]
    return operations


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d{1,9}", version))


def _view(source: Source) -> View:
    """What an operation declares, read within bounds."""
    reader, operation = source.reader, source.operation
    swagger = "swagger" in source.root
    fields: dict[str, frozenset[str]] = {}
    free: set[str] = set()
    told = {"query", "request"}
    headers: dict[str, frozenset[str]] = {}
    needed: set[str] = set()

    def header(one: Any, where: str, file: Path) -> None:
        """A header field that is declared: its types, and whether it must be there."""
        declared, inside = follow(one, file)
        if isinstance(declared, dict):
            found: dict[str, frozenset[str]] = {}
            flatten(declared if swagger else declared.get("schema", {}), f"{where}", found, follow, inside, set())
            headers[where] = found.get(where, frozenset())
            if declared.get("required") is True:
                needed.add(where)

    def follow(node: Any, file: Path) -> tuple[Any, Path]:
        return reader.follow(node, (), file, [])

    def contents(content: Any, where: str, file: Path) -> None:
        for one in content.values() if isinstance(content, dict) else ():
            media, inside = follow(one, file)
            if isinstance(media, dict) and "schema" in media:
                flatten(media["schema"], where, fields, follow, inside, free)
            else:
                free.add(where)

    parameters: dict[tuple[str, str], tuple[dict[str, Any], Path]] = {}
    own = operation.get("parameters")
    for one in [*source.shared, *(own if isinstance(own, list) else [])]:
        parameter, inside = follow(one, source.file)
        if isinstance(parameter, dict):
            parameters[str(parameter.get("in")), str(parameter.get("name"))] = parameter, inside
    for (place, name), (parameter, inside) in parameters.items():
        if place == "body":
            flatten(parameter.get("schema"), "request", fields, follow, inside, free)
        elif place == "header" and told_header(name.lower()):
            header(parameter, f"header.{name.lower()}", inside)
        elif place == "formData":
            flatten(parameter, f"request.{name}", fields, follow, inside, free)
        elif place == "query":
            schema = parameter if swagger else parameter.get("schema")
            flatten(schema if schema is not None else {}, f"query.{name}", fields, follow, inside, free)
            if parameter.get("style") == "deepObject" or "content" in parameter:
                free.add(f"query.{name}")
    body, inside = follow(operation.get("requestBody"), source.file)
    if isinstance(body, dict):
        contents(body.get("content"), "request", inside)
    statuses = set()
    responses = operation.get("responses")
    for code, one in responses.items() if isinstance(responses, dict) else ():
        status = str(code) if code == "default" else str(code).upper()
        statuses.add(status)
        response, inside = follow(one, source.file)
        if not isinstance(response, dict):
            continue
        named_headers = response.get("headers")
        for name, declared in named_headers.items() if isinstance(named_headers, dict) else ():
            if told_answer_header(str(name).lower()):
                header(declared, f"response_header.{status}.{str(name).lower()}", inside)
        where = f"response.{status}"
        if swagger and "schema" in response:
            told.add(where)
            flatten(response["schema"], where, fields, follow, inside, free)
        elif isinstance(response.get("content"), dict) and response["content"]:
            told.add(where)
            contents(response["content"], where, inside)
    security = operation.get("security", source.root.get("security"))
    schemes: frozenset[str] = frozenset()
    if isinstance(security, list):
        named = {str(name) for one in security if isinstance(one, dict) for name in one}
        schemes = frozenset(named | {"none"} if not security or {} in security else named)
    return View(fields, frozenset(statuses), schemes, frozenset(), frozenset(told), frozenset(free), headers=headers, needed=frozenset(needed))


class _Reader:
    """One description and the files it refers to."""

    def __init__(self, path: Path, faults: list[str]) -> None:
        self.path = path
        self.faults = faults
        self.title = ""
        self.version = ""
        self.bases: list[str] = []
        self.documents: dict[Path, Any] = {}
        self.texts: dict[Path, str] = {}
        self.lines: dict[Path, Any] = {}

    def fault(self, place: tuple[str, ...], sentence: str, file: Path | None = None, line: int = 0) -> None:
        """Tell of a fault at a place, in the file read first or another."""
        shown = self.path if file is None or file == self.path.resolve() else file
        if not line and place:
            line = self._line(file or self.path.resolve(), place)
        where = f"{shown}:{line}" if line else f"{shown}"
        self.faults.append(f"{where}: {'.'.join(place)}: {sentence}" if place else f"{where}: {sentence}")

    def _line(self, file: Path, place: tuple[str, ...]) -> int:
        """The line on which a place of a document begins; 0 where it cannot be told."""
        import yaml

        if file not in self.lines:
            try:
                self.lines[file] = yaml.compose(self.texts.get(file, ""), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
            except (yaml.YAMLError, ValueError, RecursionError):
                self.lines[file] = None
        node = self.lines[file]
        line = 0
        for part in place:
            if node is None:
                break
            line = node.start_mark.line + 1
            below = None
            if isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    if key.value == part:
                        line, below = key.start_mark.line + 1, value
                        break
            elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
                below = node.value[int(part)]
                line = below.start_mark.line + 1
            node = below
        return int(line)

    def document(self, path: Path) -> Any:
        """A file, read once."""
        path = path.resolve()
        if path not in self.documents:
            self.documents[path] = None
            if len(self.documents) > FILES:
                self.fault((), f"refers to more than {FILES} files")
                return None
            try:
                if path.stat().st_size > LARGEST:
                    self.fault((), f"is larger than {LARGEST:,} octets, and no description is", path)
                    return None
                text = path.read_text(encoding="utf-8-sig")
            except OSError as error:
                self.fault((), f"cannot be read: {error.strerror or error}", path)
                return None
            except UnicodeDecodeError as error:
                self.fault((), f"is not UTF-8 text (octet {error.start}): save it as UTF-8", path)
                return None
            self.texts[path] = text
            self.documents[path] = self._parse(text, path)
        return self.documents[path]

    def _parse(self, text: str, path: Path) -> Any:
        if _nested(text) > NESTED:
            self.fault((), f"is nested deeper than {NESTED} brackets", path)
            return None
        if text.lstrip().startswith("{"):
            try:
                return json.loads(text)
            except RecursionError:
                self.fault((), "is nested too deeply", path)
                return None
            except ValueError as error:
                if not isinstance(error, json.JSONDecodeError):
                    self.fault((), f"is no JSON: {error}", path)
                    return None
                if path.suffix.lower() == ".json":
                    self.fault((), f"is no JSON: {error.msg} (column {error.colno})", path, error.lineno)
                    return None
        import yaml

        try:
            return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except RecursionError:
            self.fault((), "is nested too deeply", path)
        except (yaml.YAMLError, ValueError) as error:
            mark, at = getattr(error, "problem_mark", None), getattr(error, "position", None)
            line = mark.line + 1 if mark else 1 + text.count("\n", 0, at) if isinstance(at, int) else 0
            self.fault((), f"is no YAML: {getattr(error, 'problem', None) or str(error).splitlines()[0]}", path, line)
        return None

    def follow(self, node: Any, place: tuple[str, ...], file: Path, quiet: list[str] | None = None) -> tuple[Any, Path]:
        """What a node is after its references, and the file it stands in. Faults go to `quiet` where it is given."""

        def fault(sentence: str) -> None:
            if quiet is None:
                self.fault(place, sentence, file)
            else:
                quiet.append(sentence)

        for _ in range(DEEPEST):
            if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
                return node, file
            reference = node["$ref"]
            target, _, pointer = reference.partition("#")
            if urlsplit(target).scheme or target.startswith("//"):
                fault(f"refers to {reference}; references over the network are not followed: put a copy beside the file and refer to that")
                return None, file
            other = (file.parent / unquote(target)).resolve() if target else file
            node = self.document(other)
            if node is None:
                return None, file
            for part in pointer.strip("/").split("/") if pointer.strip("/") else []:
                key = unquote(part).replace("~1", "/").replace("~0", "~")
                if isinstance(node, dict) and key in node:
                    node = node[key]
                elif isinstance(node, dict) and key.isdigit() and int(key) in node:
                    node = node[int(key)]
                elif isinstance(node, list) and key.isdigit() and len(key) < 9 and int(key) < len(node):
                    node = node[int(key)]
                else:
                    near = get_close_matches(key, [str(one) for one in node], 1) if isinstance(node, dict) else []
                    fault(f"refers to {reference}, which has no {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
                    return None, file
            file = other
        fault("its references go in a circle")
        return None, file

    def operations(self) -> list[Operation]:
        """All operations of the description."""
        told = len(self.faults)
        root = self.document(self.path)
        if root is None:
            if len(self.faults) == told:
                self.fault((), "is empty")
            return []
        if not isinstance(root, dict) or not ("openapi" in root or "swagger" in root):
            self.fault((), "is no OpenAPI description: neither 'openapi' nor 'swagger' stands at its top")
            return []
        version = str(root.get("openapi", root.get("swagger")))
        if not version.startswith(("2.", "3.0", "3.1", "3.2")):
            self.fault(("openapi" if "openapi" in root else "swagger",), f"version {version!r} is not known; 2.0, 3.0 and 3.1 are")
            return []
        info = root.get("info")
        if isinstance(info, dict):
            self.title, self.version = str(info.get("title", "")).strip().lower(), str(info.get("version", ""))
        paths = root.get("paths", {})
        if not isinstance(paths, dict):
            self.fault(("paths",), "must be a mapping of paths")
            return []
        bases = self._swagger_bases(root) if version.startswith("2.") else self._servers(root, ())
        self.bases = [host + base for host, base in bases]
        found: list[Operation] = []
        for path, entry in paths.items():
            place = ("paths", str(path))
            if str(path).startswith("x-"):
                continue
            if not str(path).startswith("/"):
                self.fault(place, f"a path begins with a slash: write /{path}")
                continue
            item, file = self.follow(entry, place, self.path.resolve())
            if item is None and entry is None:
                continue
            if not isinstance(item, dict):
                if item is not None:
                    self.fault(place, f"must be a mapping of methods ({', '.join(METHODS)})")
                continue
            own = self._servers(item, place) if "servers" in item else bases
            shared = item.get("parameters")
            for method in METHODS:
                if method not in item:
                    continue
                operation, _ = self.follow(item[method], (*place, method), file)
                if not isinstance(operation, dict):
                    if not (isinstance(item[method], dict) and "$ref" in item[method]):
                        self.fault((*place, method), "must be a mapping, such as {responses: {...}}")
                    continue
                here = self._servers(operation, (*place, method)) if "servers" in operation else own
                clean = str(path).split("?")[0].split("#")[0]
                source = Source(self, file, operation, shared if isinstance(shared, list) else [], root, (*place, method))
                for host, base in here:
                    name = str(operation.get("operationId", ""))
                    found.append(Operation(method.upper(), host, base + clean, operation.get("deprecated") is True, name_of(self.path), name, source=source))
        return found

    def _swagger_bases(self, root: dict[str, Any]) -> list[tuple[str, str]]:
        return [(str(root.get("host", "")).lower(), "/" + base if (base := str(root.get("basePath") or "").strip("/")) else "")]

    def _servers(self, node: dict[str, Any], place: tuple[str, ...]) -> list[tuple[str, str]]:
        """(host, base path) of every server; variables stand as `{name}` and take anything."""
        place = (*place, "servers")
        servers = node.get("servers") or [{"url": "/"}]
        if not isinstance(servers, list):
            self.fault(place, "must be a list, such as [{url: https://api.example/v1}]")
            return [("", "")]
        found = []
        for i, server in enumerate(servers):
            url = server.get("url") if isinstance(server, dict) else None
            if not isinstance(url, str):
                self.fault((*place, str(i)), "needs a url, such as {url: https://api.example/v1}")
                continue
            hidden = _BRACES.sub("{}", url)
            try:
                split = urlsplit(hidden)
                base = split.path.strip("/")
                if not split.netloc and hidden.startswith("{}"):  # {server}/base
                    base = hidden.partition("/")[2].strip("/")
                found.append((split.netloc.lower(), "/" + base if base else ""))
            except ValueError as error:
                self.fault((*place, str(i), "url"), f"is no URL: {error}")
        return list(dict.fromkeys(found)) or [("", "")]


def _nested(text: str) -> int:
    """How deep the brackets of a text go at most; those in quotes count too, which errs on the safe side of a bound far above any description."""
    deepest = depth = 0
    for found in _BRACKETS.finditer(text):
        if found[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif depth:
            depth -= 1
    return deepest


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
