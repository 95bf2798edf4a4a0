"""The CallBatch: one row an API call, columns under a versioned schema.

`CALL_SCHEMA` is what `parsers` makes. What judges a call appends its own columns (`JUDGEMENTS`), in this order and by these names, so that the
whole is the call log (`LOG_SCHEMA`). Low-cardinality strings are dictionary-encoded; text that is not UTF-8 on the wire is shown with \\xNN.
"""

from __future__ import annotations

import pyarrow as pa

SCHEMA_VERSION = "1"

_word = pa.dictionary(pa.int32(), pa.string())


def _field(name: str, kind: pa.DataType, what: str, nullable: bool = True) -> pa.Field:
    return pa.field(name, kind, nullable, {"doc": what})


CALL_SCHEMA = pa.schema(
    [
        _field("ts", pa.int64(), "when the first octet of the call was seen, ns since the epoch", False),
        _field("uid", _word, "the connection, stable for the same capture", False),
        _field("client_ip", _word, "address of the side that sends requests", False),
        _field("client_port", pa.int32(), "", False),
        _field("server_ip", _word, "", False),
        _field("server_port", pa.int32(), "", False),
        _field("protocol", _word, "http/0.9, http/1.0, http/1.1, later http/2, grpc, websocket", False),
        _field("method", _word, "null when no request was seen"),
        _field("scheme", _word, "http or https", False),
        _field("host", _word, "authority without userinfo, as sent, lower case; port kept when it was sent"),
        _field("path", pa.string(), "path of the request target as sent, without the query"),
        _field("query", pa.string(), "after the ?, null when there is none"),
        _field("status", pa.int32(), "null when no response was seen"),
        _field("request_bytes", pa.int64(), "entity body length after transfer decoding; null when unknown"),
        _field("response_bytes", pa.int64(), "entity body length after transfer decoding; null when unknown"),
        _field("request_type", _word, "media type, lower case, no parameters"),
        _field("response_type", _word, "media type, lower case, no parameters"),
        _field("user_agent", _word, ""),
        _field("duration", pa.int64(), "ns from the first request octet to the last response octet; null when either is missing"),
        _field("ttfb", pa.int64(), "ns from the last request octet to the first response octet; null when either is missing"),
        _field("complete", _word, "the parts seen whole, of: request_head request_body response_head response_body", False),
        _field("weird", pa.list_(_word), "names of parsers.weird.WEIRDS", False),
        _field("community_id", _word, "Community ID v1 of the connection", False),
        _field("pcap_file", _word, "where the call's first packet is", False),
        _field("packet", pa.int64(), "its number in that file, the first is 1", False),
        # In memory only: the log writer leaves these out, or masks them (sensor.calllog).
        _field("authorization", _word, "Authorization header value as sent"),
        _field("cookie", _word, "Cookie header value as sent"),
        _field("api_key", _word, "value of X-API-Key, Api-Key, X-Auth-Token or the like, as sent"),
        _field("forwarded_for", _word, "X-Forwarded-For, Forwarded or X-Real-IP, as sent"),
        _field("request_encoding", _word, "Content-Encoding of the request"),
        _field("response_encoding", _word, "Content-Encoding of the response"),
        _field("request_head", pa.binary(), "the request's start line and header block as sent (up to a limit); null when not seen"),
        _field("response_head", pa.binary(), "the response's start line and header block as sent (up to a limit); null when not seen"),
        _field("request_body", pa.binary(), "entity body after transfer and content decoding, up to limits.kept_body; null when not seen"),
        _field("response_body", pa.binary(), "entity body after transfer and content decoding, up to limits.kept_body; null when not seen"),
    ],
    metadata={"api_sensor.call_schema": SCHEMA_VERSION},
)

MEMORY_ONLY = (
    "authorization",
    "cookie",
    "api_key",
    "forwarded_for",
    "request_encoding",
    "response_encoding",
    "request_head",
    "response_head",
    "request_body",
    "response_body",
)
"""Columns that never reach a log unless asked for."""

JUDGEMENTS = pa.schema(
    [
        _field("template", _word, "path of the endpoint, parameters in braces; null for what is no endpoint"),
        _field("operation", _word, "GraphQL, JSON-RPC, gRPC or SOAP operation"),
        _field("principal", _word, "who calls, as a keyed token where it comes from a credential"),
        _field("principal_kind", _word, "jwt, key, session, user, address"),
        _field("findings", pa.list_(_word), "ids of the rules and detectors that found something in this call"),
        _field("anomaly_score", pa.float32(), "larger is stranger"),
        _field("anomaly_p", pa.float32(), "calibrated p-value"),
    ]
)

LOG_SCHEMA = pa.schema(
    [field for field in CALL_SCHEMA if field.name not in MEMORY_ONLY] + list(JUDGEMENTS), metadata=CALL_SCHEMA.metadata
)
