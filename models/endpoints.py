"""The tree of known paths: where each endpoint is, and which segments are parameters.

The model keeps its own tree, learned from its own training calls, so that the same call is judged alike whatever the endpoint map knows at
that moment. Where the training batches carry a `template`, its braces decide what is a parameter; else the shape of a segment does (numbers,
UUIDs, long mixed tokens, dates), and a place that takes many values becomes one.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.calls import Calls
from models.fields import WILDCARD, hash_octets, join_hash
from models.judge import table_of

Array = np.ndarray[Any, Any]

CHILDREN = 32
"""A place with more different segments than this, most of them seen once, takes a parameter."""
NODES = 65_536
"""Nodes of the tree; a capture whose paths need more is one of scans, and the rest counts as unknown."""

_ID = re.compile(
    r"^(?:\d+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|(?=[^/]*\d)[0-9a-fA-F]{8,}|\d{4}-\d\d(?:-\d\d.*)?|(?=[^/]*\d)(?=[^/]*[A-Za-z])[A-Za-z0-9_=-]{20,}|[^/@]+@[^/@]+\.[a-z]+)$"
)


def looks_like_parameter(segment: str) -> bool:
    """Whether a segment has the shape of an identifier rather than of a word that names a resource."""
    return _ID.match(segment) is not None


@dataclass(slots=True, eq=False, repr=False)
class PathTree:
    """Nodes by number; node 0.. of each (method, host) is a root. Arrays are what the hot reader walks and what the model file holds."""

    keys: Array = field(default_factory=lambda: np.zeros(0, np.uint64))
    children: Array = field(default_factory=lambda: np.zeros(0, np.int32))
    roots: dict[str, int] = field(default_factory=dict)
    """`METHOD host` to root."""
    names: list[str] = field(default_factory=list)
    """Of each node, `METHOD host/path` with {} for parameters."""
    calls: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    """Calls that ended at each node."""
    visits: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    """Calls that ended at it or below."""
    once: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    """How many of its children only one call took: the better guess of the chance that the next call takes an unseen one."""

    def root_of(self, methods: tuple[Array, list[str]], hosts: tuple[Array, list[str]]) -> Array:
        """Roots of a batch's calls; -1 for a method and host never seen together."""
        if not len(methods[0]):
            return np.zeros(0, np.int32)
        width = len(hosts[1])
        pairs = methods[0].astype(np.int64) * width + hosts[0]
        if len(methods[1]) * width <= 4096:
            found = [self.roots.get(f"{method} {host}", -1) for method in methods[1] for host in hosts[1]]
            return np.array(found, np.int32)[pairs]
        distinct, inverse = np.unique(pairs, return_inverse=True)
        found = [self.roots.get(f"{methods[1][pair // width]} {hosts[1][pair % width]}", -1) for pair in distinct.tolist()]
        return np.array(found, np.int32)[inverse]


class _Node:
    __slots__ = ("below", "calls", "rows", "visits", "wild")

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.wild: _Node | None = None
        self.calls = 0
        self.visits = 0
        self.rows = 0


def _segments(path: str) -> list[str]:
    parts = path.split("/")
    if parts and not parts[0]:
        parts = parts[1:]
    if parts and not parts[-1]:
        parts = parts[:-1]
    # The reader treats "//" as an empty segment between two slashes, so keep inner empties.
    return parts


def _merge(into: _Node, other: _Node) -> None:
    into.calls += other.calls
    into.visits += other.visits
    into.rows += other.rows
    for name, node in other.below.items():
        mine = into.below.get(name)
        if mine is None:
            into.below[name] = node
        else:
            _merge(mine, node)
    if other.wild is not None:
        if into.wild is None:
            into.wild = other.wild
        else:
            _merge(into.wild, other.wild)


def _collapse(node: _Node) -> None:
    """Where many different segments stand and most came once, they are values of one parameter."""
    lone = [name for name, child in node.below.items() if child.rows <= 2]
    if len(node.below) > CHILDREN and len(lone) * 2 > len(node.below):
        if node.wild is None:
            node.wild = _Node()
        for name in lone:
            _merge(node.wild, node.below.pop(name))
    for child in node.below.values():
        _collapse(child)
    if node.wild is not None:
        _collapse(node.wild)


Route = tuple[str, tuple[str | None, ...]]
"""`METHOD host` and the segments of a path, None for a parameter."""


def routes(calls: Calls) -> list[Route]:
    """The route of each call: by its template's braces where it has one that fits, else by the shape of its segments."""
    shaped: dict[str, bool] = {}
    out: list[Route] = []
    roots = [[f"{method} {host}" for host in calls.host[1]] for method in calls.method[1]]
    given = [None if label is None else ["{" in part for part in _segments(label)] for label in calls.template[1]] if calls.template is not None else [None]
    labels = calls.template[0].tolist() if calls.template is not None else [0] * calls.rows
    data, at = calls.path.tobytes(), calls.path_at.tolist()
    for row, (method, host, label) in enumerate(zip(calls.method[0].tolist(), calls.host[0].tolist(), labels, strict=True)):
        parts = _segments(data[at[row] : at[row + 1]].decode("utf-8", "surrogateescape"))
        braces = given[label]
        route: list[str | None] = []
        for index, part in enumerate(parts):
            if braces is not None and len(braces) == len(parts):
                parameter = braces[index]
            elif part.isdecimal():
                parameter = True
            else:
                known = shaped.get(part)
                if known is None:
                    known = shaped[part] = looks_like_parameter(part)
                parameter = known
            route.append(None if parameter else part)
        out.append((roots[method][host], tuple(route)))
    return out


def learn_tree(calls: Iterable[tuple[Route, int]]) -> PathTree:
    """A tree from the routes of the training calls, and how many copies of each came."""
    rows: dict[Route, int] = {}
    visits: dict[Route, int] = {}
    for route, copies in calls:
        rows[route] = rows.get(route, 0) + 1
        visits[route] = visits.get(route, 0) + copies
    roots: dict[str, _Node] = {}
    for route, count in rows.items():
        copies = visits[route]
        node = roots.setdefault(route[0], _Node())
        node.visits += copies
        node.rows += count
        for part in route[1]:
            if part is None:
                if node.wild is None:
                    node.wild = _Node()
                node = node.wild
            else:
                node = node.below.setdefault(part, _Node())
            node.visits += copies
            node.rows += count
        node.calls += copies
    return _number(roots)


def _number(roots: dict[str, _Node]) -> PathTree:
    tree = PathTree()
    table: dict[int, int] = {}
    calls: list[int] = []
    visits: list[int] = []
    once: list[int] = []
    pending: deque[tuple[_Node, str, int, int]] = deque()
    for name in sorted(roots):
        _collapse(roots[name])
        tree.roots[name] = -1
        pending.append((roots[name], name, -1, 0))
    number = 0
    while pending and number < NODES:
        node, name, parent, segment = pending.popleft()
        if parent < 0:
            tree.roots[name] = number
        else:
            table[join_hash(segment, parent + 2) or 1] = number
        tree.names.append(name)
        calls.append(node.calls)
        visits.append(node.visits)
        once.append(sum(1 for child in node.below.values() if child.visits == 1))
        for part in sorted(node.below):
            pending.append((node.below[part], f"{name}/{part}", number, hash_octets(part.encode("utf-8", "surrogateescape"))))
        if node.wild is not None:
            pending.append((node.wild, f"{name}/{{}}", number, WILDCARD))
        number += 1
    tree.keys, tree.children = table_of(np.array(list(table), np.uint64), np.array(list(table.values()), np.int32))
    tree.calls, tree.visits, tree.once = np.array(calls, np.int64), np.array(visits, np.int64), np.array(once, np.int64)
    return tree
