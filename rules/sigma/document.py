"""YAML with lines: mappings and lists that know where each of their parts stands in the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from rules.faults import Fault

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Map(dict[str, Any]):
    """A mapping; `line` is where it starts, `lines[key]` where each key stands."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}

    def __repr__(self) -> str:
        return "{...}"  # in a sentence about a fault; whole it may be endless, by aliases


class Items(list[Any]):
    """A list; `line` is where it starts, `lines[i]` where each item stands."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []

    def __repr__(self) -> str:
        return "[...]"


def documents(text: str, file: str, faults: list[Fault]) -> Iterator[Map]:
    """The documents of a YAML text that are mappings; what is not YAML or no mapping becomes a fault."""
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            value = _value(node, loader, file, faults, {})
            if isinstance(value, Map):
                yield value
            elif value is not None:
                faults.append(Fault(file, node.start_mark.line + 1, "a rule is a mapping with title, id and detection"))
    except yaml.YAMLError as error:
        mark, at = getattr(error, "problem_mark", None), getattr(error, "position", None)
        line = mark.line + 1 if mark is not None else 1 + text.count("\n", 0, at) if isinstance(at, int) else 1
        faults.append(Fault(file, line, f"not YAML: {getattr(error, 'problem', None) or str(error).splitlines()[0]}"))
    except RecursionError:
        faults.append(Fault(file, 1, "not a rule: lists or mappings nested too deep"))
    finally:
        loader.dispose()


def _value(node: Any, loader: Any, file: str, faults: list[Fault], read: dict[int, Any]) -> Any:
    """What a node stands for. What has an anchor is read once (`read`, by the node's identity) however often an alias names it: nine lists of nine aliases of
    the one before are nine lists."""
    if id(node) not in read:
        read[id(node)] = _read(node, loader, file, faults, read)
    return read[id(node)]


def _read(node: Any, loader: Any, file: str, faults: list[Fault], read: dict[int, Any]) -> Any:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        mapping = Map(line)
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                faults.append(Fault(file, key_line, "a key is a word"))
                continue
            key = str(key_node.value)
            if key in mapping:
                faults.append(Fault(file, key_line, f"'{key}' stands twice"))
            mapping[key] = _value(value_node, loader, file, faults, read)
            mapping.lines[key] = key_line
        return mapping
    if isinstance(node, yaml.SequenceNode):
        items = Items(line)
        for child in node.value:
            items.append(_value(child, loader, file, faults, read))
            items.lines.append(child.start_mark.line + 1)
        return items
    if node.tag in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:binary"):
        return str(node.value)
    try:
        return loader.construct_object(node)
    except (ValueError, yaml.YAMLError):
        faults.append(Fault(file, line, f"'{node.value}' is no value of its kind"))
        return str(node.value)
