"""The map as an OpenAPI description of the traffic that it came from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from sensor.catalogue.catalogue import Endpoint

DESCRIBED = frozenset({"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"})
"""Methods that an OpenAPI path item has a place for."""

_PARAMETER = re.compile(r"\{([^{}/]+)\}")


def openapi(endpoints: Iterable[Endpoint], version: str = "3.1.0") -> dict[str, Any]:
    """One description of all hosts; a path served by several hosts names its servers itself."""
    paths: dict[str, dict[str, Any]] = {}
    servers: dict[str, set[str]] = {}
    hosts: set[str] = set()
    for one in sorted(endpoints, key=lambda one: (one.template, one.method, one.host)):
        if one.method not in DESCRIBED or not one.calls:
            continue
        hosts.add(one.host)
        servers.setdefault(one.template, set()).add(one.host)
        item = paths.setdefault(one.template, {})
        operation = item.setdefault(one.method.lower(), {"responses": {}, "x-calls": 0})
        operation["x-calls"] += one.calls
        operation["x-confidence"] = one.confidence
        if one.declared:
            operation["x-declared"] = one.declared
        for status in one.statuses:
            if 100 <= status <= 599:
                operation["responses"].setdefault(str(status), {"description": _phrase(status)})
        operation["responses"] = dict(sorted(operation["responses"].items()))
        names = _PARAMETER.findall(one.template)
        if names:
            operation["parameters"] = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    for operations in paths.values():
        for operation in operations.values():
            if not operation["responses"]:
                operation["responses"] = {"default": {"description": "No response was seen"}}
    for template, of_path in servers.items():
        if of_path != hosts:
            paths[template]["servers"] = [{"url": f"http://{host}"} for host in sorted(of_path)]
    return {
        "openapi": version,
        "info": {"title": "Endpoints seen in traffic", "version": "1"},
        "servers": [{"url": f"http://{host}"} for host in sorted(hosts)] or [{"url": "/"}],
        "paths": paths,
    }


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"
