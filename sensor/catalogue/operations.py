"""Operations where the path is not the API: GraphQL, JSON-RPC and SOAP.

`column` finds them for a whole batch: `signs` picks the rows that may carry one, and only those are read.
What an operation is called comes from a stranger, so a name has a largest length, and odd characters make it no operation.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pyarrow as pa

from parsers.columns import coded, spans
from sensor.catalogue.signs import in_bodies, in_queries

LONGEST_NAME = 120
BATCH_NAMED = 8
"""Operations of one batched request that are named."""

_OPERATION = re.compile(r"\b(query|mutation|subscription)\b\s*([_A-Za-z]\w*)?")
_STRINGS = re.compile(r'"""(?:[^"]|"(?!""))*"""|"(?:[^"\\\n]|\\.)*"|#[^\n]*')
_SOAP_BODY = re.compile(r"<(?:[A-Za-z_][\w.-]*:)?Body(?:\s[^<>]*)?>\s*(?:<!--(?:[^-]|-(?!->))*+-->\s*)*+<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)")
_NAME = re.compile(r"[A-Za-z_$][\w.$/:-]*")


def column(batch: pa.RecordBatch) -> pa.DictionaryArray:
    """The operation of every call of a batch; null where the path says it all."""
    n = batch.num_rows
    found: dict[int, str | None] = {}
    names = set(batch.schema.names)
    if n and "request_body" in names:
        body = batch.column("request_body")
        for row in in_bodies(*spans(body)) if body.null_count < n else ():
            found[int(row)] = operation_of(body[row].as_py() or b"")
    if n and "query" in names:
        query, path = batch.column("query"), batch.column("path")
        for row in in_queries(*spans(query)) if query.null_count < n else ():
            if not found.get(int(row)) and "graphql" in (path[row].as_py() or "").lower():
                found[int(row)] = _from_query(query[row].as_py() or "")
    texts: dict[str, int] = {}
    codes = np.full(n, -1, np.int32)
    for row, text in found.items():
        if text:
            codes[row] = texts.setdefault(text, len(texts))
    return coded(codes, pa.array(list(texts), pa.string()))


@lru_cache(maxsize=4096)
def operation_of(body: bytes) -> str | None:
    """The operation that a request body asks for, or None."""
    text = body.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("<"):
        soap = _SOAP_BODY.search(text)
        return soap[1][:LONGEST_NAME] if soap else None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return _torn(text)
    many = data if isinstance(data, list) else [data]
    names = [name for name in (_of_object(one) for one in many[:BATCH_NAMED]) if name]
    return ", ".join(dict.fromkeys(names)) or None


def _torn(text: str) -> str | None:
    """A body longer than what was kept: its beginning still says the operation."""
    name = re.search(r'"operationName"\s*:\s*"([_A-Za-z]\w*)"', text)
    if name:
        return name[1][:LONGEST_NAME]
    query = re.search(r'"query"\s*:\s*"((?:[^"\\]|\\.)*)', text)
    if query:
        return _of_document(query[1].replace("\\n", "\n").replace('\\"', '"'))
    rpc = re.search(r'"jsonrpc"[^{}]*"method"\s*:\s*"([^"\\]+)"|"method"\s*:\s*"([^"\\]+)"[^{}]*"jsonrpc"', text)
    return _clean(rpc[1] or rpc[2]) if rpc else None


def _of_object(data: Any) -> str | None:
    if not isinstance(data, dict):
        return None
    if "jsonrpc" in data and isinstance(data.get("method"), str):
        return _clean(data["method"])
    document = data.get("query")
    if isinstance(document, str):
        name = data.get("operationName")
        return _of_document(document, name if isinstance(name, str) else "")
    extensions = data.get("extensions")
    if isinstance(extensions, dict) and isinstance(extensions.get("persistedQuery"), dict):
        name = data.get("operationName")
        if isinstance(name, str) and name:
            return _clean(name)
        digest = extensions["persistedQuery"].get("sha256Hash")
        return f"persisted {digest[:16]}" if isinstance(digest, str) and re.fullmatch(r"[0-9a-fA-F]{16,64}", digest) else None
    return None


def _of_document(document: str, wanted: str = "") -> str | None:
    """``query Name`` of a GraphQL document, or ``query { field, field }`` where it has no name; None for what is no GraphQL."""
    bare = _STRINGS.sub(" ", document).strip()
    if not bare.startswith(("{", "query", "mutation", "subscription", "fragment")) or "{" not in bare:
        return None
    kind, name, at = "query", "", 0
    for found in _OPERATION.finditer(bare) if not bare.startswith("{") else ():
        if bare.count("{", 0, found.start()) != bare.count("}", 0, found.start()):
            continue
        if (not name and at == 0) or found[2] == wanted:
            kind, name, at = found[1], found[2] or "", found.end()
    if name:
        return f"{kind} {name}"[:LONGEST_NAME]
    fields = _root_fields(bare, at)
    return f"{kind} {{ {', '.join(fields)} }}"[:LONGEST_NAME] if fields else None


def _root_fields(bare: str, at: int) -> list[str]:
    """The fields of the first selection set at or after `at`, aliases resolved."""
    fields: list[str] = []
    braces = round_ = 0
    for token in re.finditer(r"[{}()]|\.\.\.\s*\w*|[_A-Za-z]\w*\s*:\s*[_A-Za-z]\w*|[_A-Za-z]\w*|@\w+", bare[at : at + 65_536]):
        text = token[0]
        if text == "(":
            round_ += 1
        elif text == ")":
            round_ -= 1
        elif round_ > 0:
            continue
        elif text == "{":
            braces += 1
        elif text == "}":
            braces -= 1
            if braces == 0:
                break
        elif braces == 1 and not text.startswith(("@", ".")):
            fields.append(text.split(":")[-1].strip())
    return sorted(dict.fromkeys(fields))[:BATCH_NAMED]


def _from_query(query: str) -> str | None:
    try:
        values = parse_qs(query, max_num_fields=64)
    except ValueError:
        return None
    document, name = values.get("query", [""])[0], values.get("operationName", [""])[0]
    if document:
        return _of_document(document, name)
    try:  # a persisted query has no document
        return _of_object({"operationName": name, "extensions": json.loads(values.get("extensions", [""])[0])})
    except (ValueError, RecursionError):
        return None


def _clean(name: str) -> str | None:
    return name if len(name) <= LONGEST_NAME and _NAME.fullmatch(name) else None
