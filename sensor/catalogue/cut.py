"""Bodies that were kept up to a limit: the part that is there, made whole, so that it can be read as any other.

JSON is cut back to the last value that is complete, and what stands open there is closed; `open_at` says how deep. XML is closed by its reader, a form
loses its last field, of multipart the part that was cut has no length. One pass, no copy but the result, whatever the octets.
"""

from __future__ import annotations

from typing import Any

from sensor.catalogue.schema import Schema
from sensor.catalogue.structure import last_whole

_OF: dict[str, Any] = {"[": list, "{": dict}
ITEMS = 64
"""Repeated elements that `schema.learn_tree` looks at."""


def close_json(octets: bytes) -> tuple[bytes, str]:
    """The JSON text up to its last complete value, closed, and what was open there, outermost first, as a text of ``{`` and ``[``.

    Empty where nothing is complete, or where the text is too deep.
    """
    end, kinds = last_whole(octets)
    return octets[:end] + bytes(125 if c == 123 else 93 for c in reversed(kinds)), kinds.decode()


def drop_open_items(value: Any, open_at: str) -> Any:
    """The value without array items that are open at its end, where others stand before them: those tell as much, and are whole. Returns what is left open."""
    left = ""
    for n, kind in enumerate(open_at):
        left += kind
        if n + 1 == len(open_at) or not value or not isinstance(value, _OF[kind]):
            break
        if kind == "[":
            if len(value) > 1:
                value.pop()
                break
            value = value[-1]
        else:
            value = value[next(reversed(value))]
    return left


def mark_open(schema: Schema, value: Any, open_at: str) -> None:
    """Let a schema that has just learned `value` know which objects were open where it was cut: what they lack proves nothing."""
    node: Schema | None = schema
    for n, kind in enumerate(open_at):
        if node is None or not isinstance(value, _OF[kind]):
            return  # what a name given twice leads to may be another thing
        if kind == "{":
            _open(node, value)
        if n + 1 == len(open_at) or not value:
            return
        if kind == "[":
            node, value = node.items, value[-1]
        else:
            name = next(reversed(value))
            node, value = node.properties.get(name), value[name]


def mark_open_elements(schema: Schema, tree: dict[str, Any], names: list[str]) -> None:
    """The same for an XML document, of which the elements `names` were open, the root first."""
    node: Schema | None = schema
    value: Any = tree
    for name in [*names, ""]:
        if node is None or not isinstance(value, dict):
            return
        _open(node, value)
        node, value = node.properties.get(name), value.get(name)
        if isinstance(value, list) and node is not None:
            if len(value) > ITEMS:
                return
            node, value = node.items, value[-1]


def _open(node: Schema, value: dict[str, Any]) -> None:
    node.cut += 1
    for name in value:
        child = node.properties.get(name)
        if child is not None:
            child.loose += 1
