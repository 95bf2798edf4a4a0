"""What changed about an endpoint: between what was declared and what was seen, or between two times.

A `View` is what one side says: fields of query, headers and bodies with their JSON types, statuses, authentication, data classes. `between` lists what
the later side has and the earlier one had not. Nothing is said about what is missing on the later side but authentication: a mirror that shows no
field has not shown that there is none.

Fields are named as data classes name them: ``request.user.email``, ``response.200.items[].price``, ``query.page``, ``header.x-trace``; ``{}`` stands
for the keys of a map.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sensor.catalogue.catalogue import Endpoint
from sensor.catalogue.schema import Schema
from sensor.findings import Finding

FIELDS = 5_000
"""Fields of one view: more are not compared."""
DEPTH = 16
STEPS = 50_000
"""Schemas looked at for one body: a description may refer to itself in many ways."""

KINDS = {
    "authentication_lost": (7.5, "calls without a credential are answered"),
    "data_appeared": (6.0, "carries personal or secret data that it did not carry"),
    "new_type": (3.5, "a field has another type"),
    "header_missing": (3.5, "lacks a header field that it must have"),
    "new_status": (3.0, "answers with another status"),
    "new_field": (3.0, "carries a field that it did not carry"),
}
"""By kind of change: severity (0-10) and what it means."""

ORDINARY_HEADERS = frozenset(
    ["accept", "accept-charset", "accept-encoding", "accept-language", "authorization", "cache-control", "connection", "content-encoding", "content-length", "content-type", "cookie", "date", "dnt", "expect", "forwarded", "from", "host", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "keep-alive", "max-forwards", "origin", "pragma", "prefer", "priority", "proxy-authorization", "range", "referer", "te", "trailer", "transfer-encoding", "upgrade", "upgrade-insecure-requests", "user-agent", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-real-ip", "x-request-id", "x-requested-with", "x-correlation-id", "traceparent", "tracestate", "baggage"]
)
"""Headers that any request may have, that are no part of an API, or that OpenAPI has other places for."""


@dataclass(slots=True)
class View:
    """What one side says about an endpoint."""

    fields: dict[str, frozenset[str]] = field(default_factory=dict)
    """JSON types by field; empty: any."""
    statuses: frozenset[str] = frozenset()
    """``200``, and of a description also ``2XX`` and ``default``."""
    schemes: frozenset[str] = frozenset()
    """Schemes of authentication that were answered or are declared; ``none`` where none is needed. Empty: not known."""
    data: frozenset[tuple[str, str]] = frozenset()
    """(field, data class)."""
    told: frozenset[str] = frozenset()
    """Parts that this side says something about (``query``, ``request``, ``response.200``): elsewhere nothing can be new."""
    free: frozenset[str] = frozenset()
    """Fields below which anything may stand."""
    text: frozenset[str] = frozenset()
    """Fields whose values travelled as text, so that what reads as a number may be text."""
    headers: dict[str, frozenset[str]] = field(default_factory=dict)
    """JSON types by header field: ``header.x-tenant``, ``response_header.200.retry-after``; empty: any."""
    needed: frozenset[str] = frozenset()
    """Of a description: header fields that must be there."""
    lacking: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of traffic, by header field (or ``header.``, ``response_header.200.`` for any other): messages without it, of those read."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    kind: str
    """One of KINDS."""
    where: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.kind.replace('_', ' ')}: {self.where}: {self.after} seen, {self.before} expected"


def between(before: View, after: View) -> list[Change]:
    """What `after` has that `before` has not, gravest first."""
    found: list[Change] = []
    if before.schemes and "none" not in before.schemes and "none" in after.schemes:
        found.append(Change("authentication_lost", "authentication", ", ".join(sorted(before.schemes)), "none"))
    for where, name in sorted(after.data - before.data):
        there = _said(before, where)
        if where.startswith("path.") and any(place.startswith("path.") and kind == name for place, kind in before.data):
            continue  # a parameter is called otherwise once more is known of it
        if there and there not in before.fields and (there, name) not in before.data:
            found.append(Change("data_appeared", where, "no such data", name))
    for where, types in sorted(after.fields.items()):
        there = _said(before, where)
        if not there or _inside(there, before.free):
            continue
        known = before.fields.get(there)
        if known is None:
            inside = _above(there)
            if inside == _part(there) or inside in before.fields:  # of a new object only the object is told, not each of its fields
                found.append(Change("new_field", where, "no such field", _words(types)))
        elif known and types and not types <= _wider(known) and not (where in after.text and "string" in known):
            found.append(Change("new_type", where, _words(known), _words(types - _wider(known))))
    found += _headers(before, after)
    if before.statuses and "default" not in before.statuses:
        for status in sorted(after.statuses - before.statuses):
            if f"{status[0]}XX" not in before.statuses and status not in ("0", "default") and not status.endswith("XX"):
                found.append(Change("new_status", f"response.{status}", _words(before.statuses), status))
    order = list(KINDS)
    return sorted(found, key=lambda change: (order.index(change.kind), change.where))


def _headers(before: View, after: View) -> list[Change]:
    """Header fields that lack though they are needed, or have another type than was said."""
    found = []
    for where, types in sorted(after.headers.items()):
        known = before.headers.get(_declared(where, before.headers), frozenset())
        if known and types and "string" not in known and not known & {"array", "object"} and not types <= _wider(known):
            if where not in before.fields:  # or it was told as a field
                found.append(Change("new_type", where, _words(known), _words(types - _wider(known))))
    statuses = {one.split(".")[1] for one in after.lacking if one.startswith("response_header.")}
    for declared in sorted(before.needed):
        part, _, name = declared.rpartition(".")
        for place in [part] if part == "header" else [f"response_header.{status}" for status in sorted(statuses)]:
            where = f"{place}.{name}"
            if _declared(where, before.headers) == declared:
                without, read = after.lacking.get(where) or after.lacking.get(f"{place}.", (0, 0))
                if without:
                    found.append(Change("header_missing", where, "required", f"none in {without:,} of {read:,} messages"))
    return found


def _declared(where: str, headers: dict[str, frozenset[str]]) -> str:
    """The name that a description has for a header field of an answer: it may speak of ``2XX`` or ``default``."""
    if where in headers or not where.startswith("response_header."):
        return where
    _, status, name = where.split(".", 2)
    others = (f"response_header.{status[0]}XX.{name}", f"response_header.default.{name}")
    return next((other for other in others if other in headers), where)


def seen(endpoint: Endpoint) -> View:
    """What traffic says about an endpoint."""
    fields: dict[str, frozenset[str]] = {}
    told = set()
    schema = endpoint.schema
    if schema.looked:
        told |= {"query", "header", "path"}
    flatten(schema.query.to_json_schema(bounds=False), "query", fields)
    flatten(schema.headers.to_json_schema(bounds=False), "header", fields)
    fields = {where.lower() if where.startswith("header.") else where: types for where, types in fields.items()}
    fields = {where: types for where, types in fields.items() if not where.startswith("header.") or where[7:] not in ORDINARY_HEADERS}
    text = set(fields)
    headers = {where: types for where, types in fields.items() if where.startswith("header.") and where.count(".") == 1}
    lacking = _lacking(schema.headers, "header")
    if schema.request.parsed or schema.request.cut:
        told.add("request")
    for media, one in schema.request.content.items():
        _contents(one, media, "request", fields, text)
    for status, body in schema.responses.items():
        if body.parsed or body.cut:
            told.add(f"response.{status}")
        for media, one in body.content.items():
            _contents(one, media, f"response.{status}", fields, text)
        if body.headers is not None:
            told.add("response_header")
            lacking.update(_lacking(body.headers, f"response_header.{status}"))
            headers.update({f"response_header.{status}.{name.lower()}": frozenset(one.types) for name, one in body.headers.properties.items()})
    return View(
        fields,
        frozenset(str(status) for status in endpoint.statuses if status),
        frozenset(name for name, calls in endpoint.authentication.schemes.items() if calls),
        frozenset((one.field, one.name) for one in endpoint.data_classes),
        frozenset(told),
        frozenset(),
        frozenset(text),
        headers,
        frozenset(),
        lacking,
    )


def _contents(schema: Schema, media: str, where: str, fields: dict[str, frozenset[str]], text: set[str]) -> None:
    """The fields of a body; those that travelled as text into `text` too."""
    found: dict[str, frozenset[str]] = {}
    flatten(schema.to_json_schema(bounds=False), where, found)
    for name, types in found.items():
        fields[name] = fields.get(name, frozenset()) | types
    if not media.endswith(("/json", "+json")):
        text.update(found)


def _lacking(headers: Schema, where: str) -> dict[str, tuple[int, int]]:
    """How many of the messages whose head was read lack each header field."""
    if not headers.objects:
        return {}
    found = {f"{where}.{name.lower()}": (headers.objects - one.seen, headers.objects) for name, one in headers.properties.items()}
    return {**found, f"{where}.": (headers.objects, headers.objects)} if not headers.partial and headers.additional is None else found


Follow = Callable[[Any, Any], tuple[Any, Any]]
"""(schema, the file it stands in) to what its references lead to, and the file of that."""


def flatten(schema: Any, where: str, fields: dict[str, frozenset[str]], follow: Follow | None = None, file: Any = None, free: set[str] | None = None) -> None:
    """Put the fields of a JSON Schema below `where` into `fields`. `follow` resolves references; `free` gets fields below which anything may stand.

    Bounded whatever the schema: DEPTH, FIELDS and STEPS; past a bound anything may stand.
    """
    todo: list[tuple[Any, str, int, Any]] = [(schema, where, 0, file)]
    steps = 0
    anywhere = free if free is not None else set()
    while todo:
        node, at, depth, file = todo.pop()
        steps += 1
        if follow is not None:
            node, file = follow(node, file)
        if not isinstance(node, dict) or depth > DEPTH or len(fields) >= FIELDS or steps > STEPS:
            anywhere.add(at)
            continue
        types = _types(node)
        if "." in at.removeprefix("response.") or "[" in at:
            fields[at] = fields.get(at, frozenset()) | types
        parts = [one for word in ("allOf", "anyOf", "oneOf") if isinstance(node.get(word), list) for one in node[word]]
        todo.extend((one, at, depth + 1, file) for one in parts)
        properties = node.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        todo.extend((one, f"{at}.{name}", depth + 1, file) for name, one in properties.items())
        if "items" in node:
            todo.append((node["items"], f"{at}[]", depth + 1, file))
        more = node.get("additionalProperties")
        if isinstance(more, dict) and more:
            todo.append((more, f"{at}.{{}}", depth + 1, file))
        elif "object" in types and not properties and more is not False and not parts:
            anywhere.add(at)
        if not types and not parts and not properties and "items" not in node:
            anywhere.add(at)


def _types(schema: dict[str, Any]) -> frozenset[str]:
    kind = schema.get("type")
    found = {str(one) for one in kind} if isinstance(kind, list) else {str(kind)} if isinstance(kind, str) else set()
    if not found and "properties" in schema:
        found = {"object"}
    if found and schema.get("nullable") is True:
        found.add("null")
    return frozenset(found)


def _wider(types: frozenset[str]) -> frozenset[str]:
    """The types that a declaration takes: a number may be an integer."""
    return types | {"integer"} if "number" in types else types


def _part(where: str) -> str:
    """``response.200`` of ``response.200.items[].id``; ``query`` of ``query.page``."""
    first, _, rest = where.partition(".")
    first = first.partition("[")[0]
    return f"{first}.{rest.partition('.')[0].partition('[')[0]}" if first == "response" else first


def _said(view: View, where: str) -> str:
    """A field's name as a view has it: a description may speak of ``response.2XX`` or of ``response.default``. Empty where it says nothing about that part."""
    part = _part(where)
    if part in view.told:
        return where
    if part.startswith("response.") and part[9:] not in view.statuses:
        for other in (f"response.{part[9]}XX", "response.default"):
            if other in view.told:
                return other + where[len(part) :]
    return ""


def _above(where: str) -> str:
    """The object or array that a field stands in."""
    return where.removesuffix("[]") if where.endswith("[]") else where.rpartition(".")[0]


def _inside(where: str, free: frozenset[str]) -> bool:
    """Whether a field stands below one that may hold anything."""
    while where:
        above = _above(where)
        if above in free:
            return True
        where = above if above != where else ""
    return False


def _words(names: frozenset[str]) -> str:
    return " or ".join(sorted(names)) or "anything"


def findings(endpoint: Endpoint, changes: list[Change], declared_in: str = "") -> list[Finding]:
    """One finding for all the changes of an endpoint; none without any, and none for errors alone: few descriptions list every one."""
    if all(change.kind == "new_status" and change.after >= "4" for change in changes):
        return []
    score = max(KINDS[change.kind][0] for change in changes)
    reasons = [str(change) for change in changes[:8]]
    if len(changes) > 8:
        reasons.append(f"and {len(changes) - 8} changes more")
    if declared_in:
        reasons.append(f"declared in {declared_in}")
    return [
        Finding(
            detector="inventory-drift",
            row=-1,
            ts=endpoint.last_seen,
            severity="high" if score >= 7.0 else "medium" if score >= 4.0 else "low",
            severity_score=score,
            confidence=round(max(0.3, min(0.95, endpoint.confidence)), 2),
            title=f"Endpoint differs from {'its description' if declared_in else 'what was seen before'}: {endpoint.name}",
            category="API2:2023" if score >= 7.0 else "API9:2023",
            reasons=tuple(reasons),
            endpoint=endpoint.name,
            response="Ask its owner whether the change was meant; then bring the description up to date or take the change back.",
            group=f"inventory drift {endpoint.name}",
        )
    ]


def new_endpoint(endpoint: Endpoint) -> Finding:
    """The finding for an endpoint that was not there before."""
    changes = endpoint.method not in ("GET", "HEAD", "OPTIONS")
    return Finding(
        detector="inventory-new",
        row=-1,
        ts=endpoint.first_seen,
        severity="low",
        severity_score=3.5 if changes else 2.5,
        confidence=round(max(0.3, min(0.95, endpoint.confidence)), 2),
        title=f"New endpoint {endpoint.name}",
        category="API9:2023",
        reasons=(f"no earlier run of this map has seen it; {endpoint.calls} calls from {endpoint.callers} callers were answered",),
        endpoint=endpoint.name,
        response="Find out who released it; accept it (`api-sensor map accept`) when it is as it should be.",
        group=f"inventory new {endpoint.name}",
    )
