"""Whether the bodies at two places of a site have the same make: evidence for and against their being one endpoint.

Two values of one parameter lead to bodies with the same fields; an export, a search or a count that stands beside them does not. What is compared are the
names of fields that hold values (``data.id``, ``[].name``), of JSON requests and of answers that were no refusal. Bodies agree where a third of the smaller
one's names are shared, so that optional fields and kinds of one thing do not part what belongs together; one name alone says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sensor.catalogue.contents import Body, EndpointSchema
from sensor.catalogue.schema import Schema

NAMES = 64
"""Names of one side that are compared."""
DEEP = 3
"""Objects and arrays inside one another that are looked into."""

Fields = tuple[frozenset[str], frozenset[str]]
"""Names of fields of requests and of responses; empty where none is known."""

NOTHING: Fields = (frozenset(), frozenset())


def fields_of(schema: EndpointSchema) -> Fields:
    """The names of fields of an endpoint's bodies."""
    responses = [body for status, body in sorted(schema.responses.items()) if 200 <= status < 300]
    return _names([schema.request]), _names(responses)


def _names(bodies: Iterable[Body]) -> frozenset[str]:
    found: set[str] = set()
    for body in bodies:
        for _, schema in sorted(body.content.items()):
            _below(schema, "", 0, found)
    return frozenset(sorted(found)[:NAMES])


def _below(schema: Schema, where: str, depth: int, found: set[str]) -> None:
    if schema.properties and not schema.is_map and depth < DEEP:
        for name in sorted(schema.properties)[:NAMES]:
            _below(schema.properties[name], f"{where}.{name}", depth + 1, found)
    elif schema.items is not None and depth < DEEP:
        _below(schema.items, f"{where}[]", depth + 1, found)
    elif where and schema.seen > schema.nulls:
        found.add(where)


def joined(many: Iterable[Fields]) -> Fields:
    """All names of several."""
    requests: set[str] = set()
    responses: set[str] = set()
    for request, response in many:
        requests |= request
        responses |= response
    return frozenset(requests), frozenset(responses)


def agree(one: Fields, other: Fields) -> bool | None:
    """Whether two places' bodies have the same make; None where too little is known."""
    said = None
    for mine, theirs in zip(one, other, strict=True):
        if len(mine) >= 2 and len(theirs) >= 2:
            if len(mine & theirs) * 3 < min(len(mine), len(theirs)):
                return False
            said = True
    return said


class Known:
    """What is known of the bodies of one site's paths, and of the values that responses handed out."""

    def __init__(self, ask: Callable[[str, str, str], Fields], hosts: Sequence[str], handed: Callable[[str], frozenset[str]] = lambda _: frozenset()) -> None:
        self._ask = ask
        self.handed = handed
        """The fields of responses that held a text."""
        self._hosts = hosts[:16]
        self._asked: dict[tuple[str, str], Fields] = {}

    def of(self, paths: Iterable[str], method: str) -> Fields:
        """The fields of calls with a method to any of these paths (values by shape folded, as `learning.folded` does)."""
        found = []
        for path in paths:
            if (path, method) not in self._asked:
                self._asked[path, method] = joined(self._ask(host, path, method) for host in self._hosts)
            found.append(self._asked[path, method])
        return joined(found)
