"""What an endpoint carries as lines to read: its authentication, its sensitive fields, and its schemas as an indented outline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from sensor.catalogue.authentication import WEAKNESSES
from sensor.catalogue.catalogue import Endpoint
from sensor.catalogue.contents import Body, EndpointSchema
from sensor.catalogue.data_classes import CLASSES
from sensor.catalogue.schema import Schema

FIELDS = 200
"""Lines of one schema; the JSON has all of it."""


def endpoint(one: Endpoint) -> Iterator[str]:
    """All that is known of an endpoint's contents."""
    proof = one.authentication
    if proof.schemes or proof.refused:
        parts = [f"{name} {calls:,} answered" for name, calls in sorted(proof.schemes.items())] + [f"{name} {calls:,} refused" for name, calls in sorted(proof.refused.items())]
        yield f"authentication: {proof.kind} ({', '.join(parts)})"
    for name, words in sorted(proof.names.items()):
        yield f"    {name} in {', '.join(words)}"
    for name, calls in sorted(proof.weaknesses.items()):
        shown = f", such as {proof.examples[name]}" if name in proof.examples else ""
        yield f"    weak: {WEAKNESSES.get(name, name)}, {calls:,} calls{shown}"
    for found in one.data_classes:
        detail = f" ({found.detail})" if found.detail else ""
        yield f"{CLASSES.get(found.name, ('', found.name))[1]}{detail}: {found.field}, {found.count:,} of {found.seen:,} values, confidence {found.confidence:.2f}"
    yield from _contents(one.schema, "")


def _contents(schema: EndpointSchema, indent: str) -> Iterator[str]:
    for called, fields in (("query", schema.query), ("headers", schema.headers)):
        if fields.properties or fields.additional is not None:
            yield f"{indent}{called}, {schema.looked:,} of {schema.calls:,} calls read"
            yield from _limited(_fields(fields, indent + "    "))
    yield from _body("request", schema.request, indent)
    for status, body in sorted(schema.responses.items()):
        yield from _body(f"response {status}", body, indent)
    for name, operation in sorted(schema.operations.items()):
        yield f"{indent}{name}, {operation.calls:,} calls"
        yield from _contents(operation, indent + "    ")


def _body(called: str, body: Body, indent: str) -> Iterator[str]:
    if body.headers is not None and (body.headers.properties or body.headers.additional is not None):
        yield f"{indent}{called} headers, of {body.headers.objects:,} read"
        yield from _limited(_fields(body.headers, indent + "    "))
    for media, schema in sorted(body.content.items()):
        odd = "".join(f", {n:,} {name}" for name, n in (("malformed", body.malformed), ("not seen whole", body.incomplete), ("read as far as kept", body.cut)) if n)
        yield f"{indent}{called} {media}, {body.parsed:,} of {body.seen:,} bodies read{odd}"
        yield from _limited(_outline(schema, "", False, indent + "    "))


def _limited(lines: Iterator[str]) -> Iterator[str]:
    for n, line in enumerate(lines):
        if n == FIELDS:
            yield "    ..."
            return
        yield line


def _outline(schema: Schema, name: str, required: bool, indent: str) -> Iterator[str]:
    """A place and what stands below it."""
    parts = ["|".join(schema.types) or "nothing"]
    if schema.format:
        parts.append(schema.format)
    if schema.enumeration:
        parts.append("one of " + " ".join(schema.enumeration))
    elif schema.least is not None and schema.types and schema.types[-1] in ("integer", "number"):
        parts.append(f"{schema.least} to {schema.most}")
    if name and not required:
        parts.append("optional")
    if name or not schema.objects:
        yield f"{indent}{name or 'value'}: {', '.join(parts)}"
        indent += "    "
    yield from _fields(schema, indent)
    if schema.items is not None:
        yield from _outline(schema.items, "[]", True, indent)


def _fields(schema: Schema, indent: str) -> Iterator[str]:
    if schema.is_map:
        yield from _outline(schema.map_values(), "{}", True, indent)
        return
    for name in sorted(schema.properties):
        yield from _outline(schema.properties[name], name, schema.required(name), indent)
    if schema.additional is not None:
        yield from _outline(schema.additional, "{}", True, indent)


def summary(endpoints: Iterable[Endpoint]) -> Iterator[str]:
    """Two lines on all endpoints: what sensitive data they carry, and how they authenticate."""
    classes: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    weak: Counter[str] = Counter()
    for one in endpoints:
        classes.update({found.name for found in one.data_classes})
        kinds[one.authentication.kind] += 1
        for name, calls in one.authentication.weaknesses.items():
            weak[name] += calls
    if classes:
        yield "sensitive data: " + ", ".join(f"{CLASSES[name][1] if name in CLASSES else name} at {n}" for name, n in classes.most_common()) + " endpoints"
    if set(kinds) - {"unknown"}:
        yield "authentication: " + ", ".join(f"{name} at {n}" for name, n in kinds.most_common()) + " endpoints"
    for name, calls in weak.most_common():
        yield f"    weak: {WEAKNESSES.get(name, name)}, {calls:,} calls"
