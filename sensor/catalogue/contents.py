"""What the calls of one endpoint carry: the schemas of its query, headers and bodies, kept with how much of the traffic they rest on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from sensor.catalogue import data_classes
from sensor.catalogue.data_classes import DataClass
from sensor.catalogue.schema import Schema

VERSION = 1
"""Of what `EndpointSchema.to_json` writes."""
MEDIA_TYPES = 8
"""Media types of one body that have a schema of their own; a stranger may send any."""
STATUSES = 32
"""Statuses of one endpoint whose bodies have a schema."""
OPERATIONS = 256
"""GraphQL, JSON-RPC and SOAP operations of one endpoint that have schemas of their own."""

_COUNTS = ("seen", "looked", "parsed", "malformed", "incomplete", "cut")
_PARAMETER = re.compile(r"\{([^{}/]+)\}")


@dataclass(slots=True)
class Body:
    """The bodies of an endpoint's requests, or of its responses with one status.

    Not every body is read. `seen` were carried by calls; `looked` had their structure compared with what is known; `parsed` had a structure that was
    new, or were taken as a sample, and are what `content` was learned from. `looked == seen` on small captures. `malformed` could not be read as what
    their media type says; `incomplete` were not seen whole. They are not read, but for `cut` ones, of which the end alone was not kept.
    """

    content: dict[str, Schema] = field(default_factory=dict)
    """By media type."""
    seen: int = 0
    looked: int = 0
    parsed: int = 0
    malformed: int = 0
    incomplete: int = 0
    cut: int = 0
    headers: Schema | None = None
    """Of responses: an object whose properties are the header fields of the first ones that were read; None where none was."""

    @property
    def schema(self) -> Schema | None:
        """The schema of the media type seen most; None where nothing was read."""
        return max(self.content.items(), key=lambda one: (one[1].seen, one[0]))[1] if self.content else None

    @property
    def whole(self) -> bool:
        """Whether every body was read, so that ranges and enumerations hold for all of them (`Schema.to_json_schema(bounds=...)`)."""
        return self.parsed == self.seen

    def of(self, media: str) -> Schema:
        """The schema of a media type, made when it is new; past MEDIA_TYPES they share one, ``*/*``."""
        found = self.content.get(media)
        if found is None:
            if len(self.content) >= MEDIA_TYPES:
                media = "*/*"
            found = self.content.setdefault(media, Schema())
        return found

    def absorb(self, other: Body) -> None:
        """Add what another has seen."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for media in sorted(other.content):
            self.of(media).absorb(other.content[media])
        if other.headers is not None:
            self.headers = self.headers or Schema()
            self.headers.absorb(other.headers)

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back."""
        made: dict[str, Any] = {name: getattr(self, name) for name in _COUNTS}
        made["content"] = {media: schema.to_json() for media, schema in sorted(self.content.items())}
        if self.headers is not None:
            made["headers"] = self.headers.to_json()
        return made

    @classmethod
    def from_json(cls, data: Any) -> Body:
        """What `to_json` wrote. Raises ValueError for what it cannot have written."""
        try:
            content = {str(media): Schema.from_json(schema) for media, schema in data.get("content", {}).items()}
            made = cls(content, headers=Schema.from_json(data["headers"]) if "headers" in data else None)
            for name in _COUNTS:
                setattr(made, name, int(data.get(name, 0)))
        except (AttributeError, TypeError) as error:
            raise ValueError(f"no body: {error}") from error
        return made


@dataclass(slots=True)
class EndpointSchema:
    """The schemas of one endpoint, or of one of its operations.

    `query` and `headers` are objects whose properties are the parameters (a query parameter is required where every call looked at had it);
    `responses` are by status. `calls` were not refused (a request answered 4xx or 5xx says nothing about those that are taken) and seen whole; `looked` of them
    were read for query, headers and request body.
    """

    query: Schema = field(default_factory=Schema)
    headers: Schema = field(default_factory=Schema)
    request: Body = field(default_factory=Body)
    responses: dict[int, Body] = field(default_factory=dict)
    path: dict[str, dict[str, int]] = field(default_factory=dict)
    """By the number of a path segment, from 0 (``3;id``: its matrix parameter `id`): how many of the calls looked at had a value of which data class there. No value is kept, and which segments are
    parameters is known to the template alone."""
    operations: dict[str, EndpointSchema] = field(default_factory=dict)
    """By GraphQL, JSON-RPC or SOAP operation, where the path is not the API."""
    calls: int = 0
    looked: int = 0

    def absorb(self, other: EndpointSchema) -> None:
        """Add what another has seen. Commutative and associative up to the limits of this module."""
        self.calls += other.calls
        self.looked += other.looked
        self.query.absorb(other.query)
        self.headers.absorb(other.headers)
        self.request.absorb(other.request)
        for status in sorted(other.responses):
            mine = self.response(status)
            if mine is not None:
                mine.absorb(other.responses[status])
        for number, classes in other.path.items():
            for name, count in classes.items():
                self.classify(number, name, count)
        for name in sorted(other.operations):
            operation = self.operation(name)
            if operation is not None:
                operation.absorb(other.operations[name])

    def classify(self, number: str, name: str, count: int = 1) -> None:
        """Count values of a data class in a segment of the path."""
        classes = self.path.setdefault(number, {})
        classes[name] = classes.get(name, 0) + count

    def response(self, status: int) -> Body | None:
        """The bodies of a status, made when it is new; None past STATUSES."""
        found = self.responses.get(status)
        if found is None and len(self.responses) < STATUSES:
            found = self.responses[status] = Body()
        return found

    def operation(self, name: str) -> EndpointSchema | None:
        """The schemas of an operation, made when it is new; None past OPERATIONS."""
        found = self.operations.get(name)
        if found is None and len(self.operations) < OPERATIONS:
            found = self.operations[name] = EndpointSchema()
        return found

    def data_classes(self, template: str = "") -> list[DataClass]:
        """The data classes of every field, of the operations too (``query Users: response.200.email``), and of the parameters of the template (``path.email``)."""
        found = []
        for number, part in enumerate(template.split("/")[1:] if self.path else ()):
            stem, *matrix = part.split(";")
            places = [(str(number), name) for name in _PARAMETER.findall(stem)]
            places += [(f"{number};{one.partition('=')[0]}", name) for one in matrix for name in _PARAMETER.findall(one)]
            for place, name in places:
                found += data_classes.of_counts(self.path.get(place, {}), self.looked, name, f"path.{name}")
        found += data_classes.below(self.query, "query") + data_classes.below(self.headers, "header")
        for _, schema in sorted(self.request.content.items()):
            found += data_classes.below(schema, "request")
        for status, body in sorted(self.responses.items()):
            for _, schema in sorted(body.content.items()):
                found += data_classes.below(schema, f"response.{status}")
            if body.headers is not None:
                found += data_classes.below(body.headers, f"response_header.{status}")
        for name, operation in sorted(self.operations.items()):
            for one in operation.data_classes(template):
                found.append(DataClass(f"{name}: {one.field}", one.name, one.count, one.seen, one.confidence, one.detail))
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain data, with its version, that `from_json` reads back."""
        made: dict[str, Any] = {
            "version": VERSION,
            "calls": self.calls,
            "looked": self.looked,
            "query": self.query.to_json(),
            "headers": self.headers.to_json(),
            "request": self.request.to_json(),
            "responses": {str(status): body.to_json() for status, body in sorted(self.responses.items())},
        }
        if self.path:
            made["path"] = {number: dict(sorted(classes.items())) for number, classes in sorted(self.path.items())}
        if self.operations:
            made["operations"] = {name: operation.to_json() for name, operation in sorted(self.operations.items())}
        return made

    @classmethod
    def from_json(cls, data: Any) -> EndpointSchema:
        """What `to_json` wrote. Raises ValueError for what it cannot have written, another version included."""
        if not isinstance(data, dict) or data.get("version") != VERSION:
            raise ValueError(f"no schemas of version {VERSION}")
        try:
            return cls(
                Schema.from_json(data.get("query", {})),
                Schema.from_json(data.get("headers", {})),
                Body.from_json(data.get("request", {})),
                {int(status): Body.from_json(body) for status, body in data.get("responses", {}).items()},
                {str(number): {str(name): int(count) for name, count in classes.items()} for number, classes in data.get("path", {}).items()},
                {str(name): cls.from_json(operation) for name, operation in data.get("operations", {}).items()},
                int(data.get("calls", 0)),
                int(data.get("looked", 0)),
            )
        except (AttributeError, TypeError) as error:
            raise ValueError(f"no schemas: {error}") from error
