"""Host templates: hosts that are one service under many names, such as ``acme.api.example`` and ``globex.api.example``.

Sites that give each customer a name of their own would make as many maps as they have customers. Hosts are one service, ``{tenant}.api.example``,
when they differ in their first label alone, are many, and lead to the same things: what a host answers below its root must mostly be answered by
others of the group too. Hosts that lead to different things (``auth.example``, ``files.example``) stay apart, however many they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from sensor.catalogue.paths import PathTable, shape
from sensor.catalogue.shapes import numbered, wordness

FEW = 3
"""Hosts that make a group where their names are values by their shape (``t-4711``, ``9f86d081``)."""
MANY = 8
"""Hosts that make a group where their names read as words."""
_ADDRESS = re.compile(r"[0-9.]+(:\d+)?|\[.*")


def tenants(hosts: Iterable[str], tables: Iterable[PathTable]) -> dict[str, str]:
    """The host template of every host that has one."""
    tables = list(tables)
    groups: dict[str, list[str]] = {}
    for host in hosts:
        label, dot, rest = host.partition(".")
        if dot and "." in rest and label and not _ADDRESS.fullmatch(host):
            groups.setdefault(rest, []).append(host)
    found: dict[str, str] = {}
    for rest, members in sorted(groups.items()):
        if len(members) < FEW:
            continue
        valued = sum(_valued(host.partition(".")[0]) for host in members)
        if len(members) < MANY and valued * 4 < len(members) * 3:
            continue
        answered = {host: _routes(host, tables) for host in members}
        common = Counter(route for routes in answered.values() for route in routes)
        alike = [
            host
            for host, routes in answered.items()
            if routes and sum(common[route] >= 2 for route in routes) * 4 >= len(routes) * 3 and _company(routes, common, len(members))
        ]
        if len(alike) >= FEW and len(alike) * 4 >= len(members) * 3:
            found.update((host, "{tenant}." + rest) for host in alike)
    return found


def _valued(label: str) -> bool:
    """Whether a label is a value by its shape or reads as none."""
    kind = shape(label.encode("utf-8", "replace"))[0]
    return kind != "word" or numbered(label) is not None or (len(label) >= 5 and wordness(label) < -0.5)


def _company(routes: set[tuple[str, ...]], common: Counter[tuple[str, ...]], members: int) -> bool:
    """Whether a host leads somewhere that a good part of the group leads to."""
    return max(common[route] for route in routes) * 4 >= members


def _routes(host: str, tables: list[PathTable]) -> set[tuple[str, ...]]:
    """What a host leads to, two segments deep; a value stands as its shape."""
    found: set[tuple[str, ...]] = set()
    for table in tables:
        root = table.roots.get(host)
        if root is None:
            continue
        for child in table.children[root]:
            first = _name(table, child)
            below = [(first, _name(table, one)) for one in table.children[child]]
            found.update(below or [(first,)])
        if table.cells_of[root]:
            found.add(())
    return found


def _name(table: PathTable, node: int) -> str:
    if table.frames[node] is not None or table.kinds[node]:
        return "*"
    text: bytes = table.texts[node]
    return text.decode("utf-8", "replace")
