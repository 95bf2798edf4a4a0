"""The map as an OpenAPI description of the traffic that it came from: every call it was made of is valid by it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from sensor.catalogue.catalogue import Endpoint
from sensor.catalogue.contents import Body
from sensor.catalogue.drift import ORDINARY_HEADERS
from sensor.catalogue.schema import Schema

DESCRIBED = frozenset({"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"})
"""Methods that an OpenAPI path item has a place for."""
DIALECTS = {"3.1.0": "2020-12", "3.0.3": "3.0"}

_PARAMETER = re.compile(r"\{([^{}/]+)\}")
_HTTP = {"basic": "basic", "digest": "digest", "negotiate": "negotiate", "bearer": "bearer", "bearer_jwt": "bearer"}
_PLACES = {"api_key_header": "header", "api_key_query": "query", "api_key_cookie": "cookie", "session_cookie": "cookie"}

Mask = Callable[[str], str]


def openapi(endpoints: Iterable[Endpoint], version: str = "3.1.0", mask: Mask = str) -> dict[str, Any]:
    """One description of all hosts; a path served by several hosts names its servers itself. `mask` is what text of the traffic goes through."""
    groups: dict[str, dict[str, list[Endpoint]]] = {}
    hosts: set[str] = set()
    for one in sorted(endpoints, key=lambda one: (one.template, one.method, one.host)):
        if one.method in DESCRIBED and one.calls:
            hosts.add(one.host)
            groups.setdefault(_PARAMETER.sub("{}", one.template), {}).setdefault(one.method, []).append(one)
    paths: dict[str, dict[str, Any]] = {}
    schemes: dict[str, dict[str, Any]] = {}
    for of_path in groups.values():
        first = next(iter(of_path.values()))[0]  # its parameter names stand for all
        of_hosts = {one.host for many in of_path.values() for one in many}
        item: dict[str, Any] = {}
        if of_hosts != hosts:
            item["servers"] = [_server(host) for host in sorted(of_hosts)]
        for method, many in of_path.items():
            item[method.lower()] = _operation(many, _PARAMETER.findall(first.template), version, mask, schemes)
        paths[mask(first.template)] = item
    made: dict[str, Any] = {
        "openapi": version,
        "info": {"title": "Endpoints seen in traffic", "version": "1", "description": "Made from traffic by api-sensor: what was not seen is not here."},
        "servers": [_server(host) for host in sorted(hosts)] or [{"url": "/"}],
        "paths": paths,
    }
    if schemes:
        made["components"] = {"securitySchemes": dict(sorted(schemes.items()))}
    return made


def _operation(many: list[Endpoint], names: list[str], version: str, mask: Mask, schemes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The operation of a path that one or several hosts serve."""
    whole = many[0] if len(many) == 1 else Endpoint.from_json(many[0].to_json())
    for other in many[1:]:
        whole.schema.absorb(other.schema)
        whole.authentication.absorb(other.authentication)
        for status, calls in other.statuses.items():
            whole.statuses[status] = whole.statuses.get(status, 0) + calls
    dialect = DIALECTS[version]
    schema = whole.schema
    made: dict[str, Any] = {"x-calls": sum(one.calls for one in many), "x-confidence": min(one.confidence for one in many)}
    if whole.declared:
        made["x-declared"] = whole.declared
    if whole.operations:
        made["x-operations"] = [mask(name) for name in sorted(whole.operations)]
    looked_at_all = schema.looked == schema.calls
    parameters = [{"name": name, "in": "path", "required": True, "schema": _of_shapes(many, n)} for n, name in enumerate(names)]
    for name, one in sorted(schema.query.properties.items()):
        parameters.append(_parameter(name, "query", one, looked_at_all and schema.query.required(name), dialect, looked_at_all, mask))
    for name, one in sorted(schema.headers.properties.items()):
        if name.lower() not in ORDINARY_HEADERS and name.lower() not in _credential_headers(whole):
            parameters.append(_parameter(name, "header", one, looked_at_all and schema.headers.required(name), dialect, looked_at_all, mask))
    if parameters:
        made["parameters"] = parameters
    if schema.request.content and (version != "3.0.3" or whole.method not in ("GET", "HEAD", "DELETE")):
        made["requestBody"] = {"content": _content(schema.request, dialect, mask), "required": schema.request.seen >= schema.calls > 0}
    responses: dict[str, Any] = {}
    for status in sorted(whole.statuses):
        if 100 <= status <= 599:
            responses[str(status)] = {"description": _phrase(status)}
            body = schema.responses.get(status)
            if body is not None and body.content:
                responses[str(status)]["content"] = _content(body, dialect, mask)
            if body is not None and body.headers is not None and body.headers.properties:
                whole_part = body.headers.objects == whole.statuses[status]
                responses[str(status)]["headers"] = {
                    mask(name): {"required": whole_part and body.headers.required(name), "schema": _clean(one.to_json_schema(dialect, whole_part), mask) if whole_part else {}}
                    for name, one in sorted(body.headers.properties.items())
                }
    made["responses"] = responses or {"default": {"description": "No response was seen"}}
    security = _security(whole, version, schemes)
    if security:
        made["security"] = security
    return made


def _of_shapes(many: list[Endpoint], number: int) -> dict[str, Any]:
    """What the path parameter of a number takes, by the shapes that all its values have."""
    shapes: set[str] = set()
    for one in many:
        about = one.parameters.get(_PARAMETER.findall(one.template)[number], {})
        shapes.update(about.get("shapes") or ["word"])
    if shapes == {"integer"}:
        return {"type": "integer"}
    return {"type": "string", "format": "uuid"} if shapes == {"uuid"} else {"type": "string"}


def _parameter(name: str, place: str, schema: Schema, required: bool, dialect: str, bounds: bool, mask: Mask) -> dict[str, Any]:
    return {"name": mask(name), "in": place, "required": required, "schema": _clean(schema.to_json_schema(dialect, bounds), mask)}


def _content(body: Body, dialect: str, mask: Mask) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for media, schema in sorted(body.content.items()):
        # Octets are no JSON string: OpenAPI 3.1 leaves their schema out, 3.0 has a format of its own for them.
        octets = dialect == "2020-12" and schema.format == "binary" and schema.types == ("string",)
        made[media] = {} if octets else {"schema": _clean(schema.to_json_schema(dialect, body.whole), mask)}
    return made


def _clean(schema: dict[str, Any], mask: Mask) -> dict[str, Any]:
    """A schema without enumerations that hold what must be masked."""
    words = schema.get("enum")
    if isinstance(words, list) and any(isinstance(word, str) and mask(word) != word for word in words):
        del schema["enum"]
    for name in ("properties",):
        for one in schema.get(name, {}).values():
            _clean(one, mask)
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            _clean(schema[name], mask)
    for one in schema.get("anyOf", ()):
        _clean(one, mask)
    return schema


def _credential_headers(endpoint: Endpoint) -> set[str]:
    return {name.lower() for scheme, names in endpoint.authentication.names.items() if _PLACES.get(scheme) == "header" for name in names}


def _security(endpoint: Endpoint, version: str, schemes: dict[str, dict[str, Any]]) -> list[dict[str, list[str]]]:
    """The alternatives that calls were answered by; their schemes go into `schemes`."""
    found: list[dict[str, list[str]]] = []
    for scheme, calls in sorted(endpoint.authentication.schemes.items()):
        if not calls:
            continue
        if scheme == "none":
            found.append({})
        elif scheme in _HTTP:
            schemes[scheme] = {"type": "http", "scheme": _HTTP[scheme], **({"bearerFormat": "JWT"} if scheme == "bearer_jwt" else {})}
            found.append({scheme: []})
        elif scheme in _PLACES:
            for name in endpoint.authentication.names.get(scheme, []):
                known = re.sub(r"[^A-Za-z0-9._-]", "_", f"{scheme}_{name}")
                schemes[known] = {"type": "apiKey", "in": _PLACES[scheme], "name": name}
                found.append({known: []})
        elif scheme == "mtls" and version == "3.1.0":
            schemes[scheme] = {"type": "mutualTLS"}
            found.append({scheme: []})
        else:
            schemes[scheme] = {"type": "apiKey", "in": "header", "name": "Authorization"}
            found.append({scheme: []})
    return found if any(found) else []


def _server(host: str) -> dict[str, Any]:
    names = _PARAMETER.findall(host)
    made: dict[str, Any] = {"url": f"http://{host}"}
    if names:
        made["variables"] = {name: {"default": name} for name in names}
    return made


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"
