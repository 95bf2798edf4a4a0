"""What fills the schemas: reads the calls that `structure.Sampler` chose, and hands every endpoint of a decided map what is known of its calls.

What was read is kept by path, its values by shape folded into one (``/users/{}/orders``), since which template a path belongs to may change until the map
is final: `attach` asks for each path's endpoint then, so the schemas follow the templates. Counts are kept by slot of the sampler, each with one path that
it was made for.

What cannot be read is counted: `malformed` bodies, `incomplete` ones, what had no room. A body that was kept up to the limit of bodies is read as far as it goes
(`cut`): it proves what it has, and nothing by what it lacks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, unquote_plus
from xml.parsers import expat

import numpy as np
import orjson
import pyarrow as pa

from parsers.columns import codes, numbers, spans
from parsers.limits import Limits
from sensor.catalogue import agreement
from sensor.catalogue.authentication import NAMES, SCHEMES, WEAKNESSES, Authentication, Credentials
from sensor.catalogue.contents import Body, EndpointSchema
from sensor.catalogue.cut import close_json, drop_open_items, mark_open, mark_open_elements
from sensor.catalogue.data_classes import named, words_of
from sensor.catalogue.paths import MATRIX, sample_hash, shape
from sensor.catalogue.schema import Room, Schema, learn, learn_fields, learn_opaque, learn_text, learn_tree, members
from sensor.catalogue.structure import FORM, JSON, MULTIPART, OTHER, XML, Sampler

PATHS = 4_096
"""Paths whose contents are kept apart until the map says which belong together; past it they are joined by the map as it is then."""
NODES = 200_000
"""Schema nodes of all endpoints together, some 150 MB when all are used; a large API has 20 000."""
FIELDS = 256
"""Query parameters, form fields, parts and headers of one call that are read."""
ELEMENTS = 20_000
"""XML elements of one body that are read."""
XML_DEPTH = 64
_NO_ROOM = Room(0)
SEGMENTS = 32
"""Segments of one path that are looked at for data classes; the tree keeps no deeper ones."""
HANDED = 16_384
"""Values of response fields that are remembered, as hashes, to tell path parameters by the field that handed their values out."""
HANDED_OF_ONE = 64
"""Of them, those of one response."""
TEXT_KEPT = 4_096
"""Characters of one XML text that are read."""

_WORDS = frozenset({"word", "mixed"})
_IN_LINES = re.compile(r"text/event-stream|.*[/+-](?:ndjson|jsonl|jsonlines|json-seq|stream\+json)").match
LINES = 24
"""Of a body that holds one JSON value a line, so many are read."""
_ANYTHING = frozenset({"password", "health", "special_category"})
"""Classes that a field's name alone gives to its values."""
_READ = ("path", "method", "query", "request_head", "response_head", "request_body", "response_body", "request_type", "response_type")
"""Columns that calls are read from one by one."""
_COMPLETE = (("request_body", 1), ("response_body", 2))
_HANDED_TEXT = re.compile(r"[\w.@:~-]{1,64}").fullmatch
_IDENTIFYING = re.compile(r"(?:[a-z0-9_]+_)?(?:id|uuid|guid|key|number|no|code|slug|sku|token)").fullmatch
_PARAMETER_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}").fullmatch
_TEXTUAL = re.compile(r"text/|.*(?:javascript|json|xml|csv|yaml|html|graphql|x-www-form-urlencoded)").match

_COMMON_HEADER = re.compile(
    r"host|user-agent|connection|te|trailer|expect|upgrade|range|pragma|date|via|from|origin|referer|(?:set-)?cookie2?|authorization|priority|max-forwards|forwarded|dnt|keep-alive|upgrade-insecure-requests"
    r"|cache-control|transfer-encoding|traceparent|tracestate|x-real-ip|x-request-start|http2-settings|x-amzn-trace-id|x-cloud-trace-context|true-client-ip|x-client-ip|x-cluster-client-ip"
    r"|(?:accept|content|if|proxy|sec|x-forwarded|x-b3|x-envoy|cf|access-control|x-original)(?:-[a-z0-9-]+)?"
).fullmatch
"""Header fields that say nothing of an endpoint."""
_COMMON_ANSWER_HEADER = re.compile(
    r"date|server|connection|keep-alive|transfer-encoding|trailer|upgrade|via|set-cookie2?|alt-svc|vary|age|pragma|nel|report-to|reporting-endpoints|server-timing|timing-allow-origin|strict-transport-security"
    r"|(?:x-powered|x-served|x-cache|x-amz|x-envoy|x-runtime|x-content-type|x-frame|x-xss|x-permitted|x-download|x-dns|cf|content|cross-origin|access-control|referrer|permissions|proxy|traceparent|tracestate)(?:-[a-z0-9-]+)?"
).fullmatch
"""Header fields of answers that any server sends to anybody."""
HEADS = 128
"""Of each endpoint and status the header fields of so many answers are read."""
_ENDED = (b"\r\n\r\n", b"\n\n")


def told_header(name: str) -> bool:
    """Whether a request's header field (in lower case) is among those that schemas tell of: it is no credential, and not what any client sends."""
    return name not in NAMES and not _COMMON_HEADER(name)


def told_answer_header(name: str) -> bool:
    """The same of an answer's."""
    return not _COMMON_ANSWER_HEADER(name)


def kind_of(media: str) -> int:
    """How a body of a media type is read."""
    bare = media.partition(";")[0].strip()
    if bare.endswith(("/json", "+json")):
        return JSON
    if bare == "application/x-www-form-urlencoded":
        return FORM
    if bare.endswith(("/xml", "+xml")):
        return XML
    return MULTIPART if bare == "multipart/form-data" else OTHER


def folded(path: str) -> str:
    """A path with the segments that are values by their shape folded: the same for all orders of the calls, and for every map."""
    parts = (part.partition(";")[0] for part in path.split("/")) if ";" in path else path.split("/")
    return "/".join(part if not part or shape(part.encode("utf-8", "backslashreplace"))[0] in _WORDS else "{}" for part in parts)


@dataclass(slots=True)
class Origin:
    """A path that something was learned from, to find its endpoint by."""

    host: str
    path: str
    method: str
    operation: str = ""


@dataclass(slots=True)
class Learned:
    """What was read of the calls to one folded path."""

    origin: Origin
    schema: EndpointSchema = field(default_factory=EndpointSchema)


@lru_cache(maxsize=16_384)
def _handing(name: str) -> tuple[str, bool]:
    """A field's name as a parameter's (empty: none), and whether it calls itself an id."""
    called = words_of(name).strip("_")
    return (called if _PARAMETER_NAME(called) else "", _IDENTIFYING(called) is not None)


class Learner:
    """Schemas and authentication of all endpoints. `observe` takes batches, `attach` gives an endpoint's part to it."""

    def __init__(self, k0: int, k1: int, nodes: int = NODES) -> None:
        self.sampler = Sampler(k0, k1, NAMES)
        self.credentials = Credentials()
        self.room = Room(nodes)
        self.changes = 0
        self._learned: dict[tuple[str, str, str, str], Learned] = {}
        self._origins: dict[int, Origin] = {}
        self._weak: dict[tuple[int, str], int] = {}
        self._shown: dict[tuple[int, str], str] = {}
        self._names: dict[tuple[int, int], set[str]] = {}
        self._kept_body = Limits().kept_body
        self._kinds: dict[str, int] = {}
        self._handed: dict[int, set[str]] = {}
        self._handing: dict[int, bool] = {}
        """Of fields and values that responses held lately, as hashes: whether later paths may ask for them. APIs answer the same again and again."""
        self._join_past = PATHS
        self._before: dict[tuple[str, str, str], agreement.Fields] = {}
        """Of paths that earlier runs have read: their fields."""

    # Taking calls ---------------------------------------------------------------------------------------------------------------------

    def observe(self, batch: pa.RecordBatch, ids: np.ndarray[Any, Any], hosts: Any, statuses: np.ndarray[Any, Any], asked: pa.DictionaryArray, owner: Callable[[Origin], Any]) -> None:
        """Take a batch. `ids`: what makes each call's endpoint, 0 for none; `hosts`: codes and names; `asked`: the operations; `owner`: the endpoint of an origin by
        what is known now."""
        n = batch.num_rows
        names = set(batch.schema.names)
        if asked.null_count < n:  # an operation is counted and sampled for itself
            words = np.array([sample_hash(name.encode("utf-8", "backslashreplace")) for name in asked.dictionary.to_pylist()] + [0], np.uint64)
            ids = np.where(ids == 0, ids, ids ^ words[codes(asked)])
        carried = self.credentials.observe(batch)
        schemes = self.credentials.scheme[carried]
        times = numbers(batch.column("ts"), 0)
        chances = times.view(np.uint64)
        if "client_port" in names:
            chances = chances ^ (numbers(batch.column("client_port"), 0).astype(np.uint64) << np.uint64(44))
        empty = (np.zeros(n + 1, np.int32), np.zeros(1, np.uint8))
        query, head, request, response = (spans(batch.column(name)) if name in names else empty for name in ("query", "request_head", "request_body", "response_body"))
        kinds = self._kinds_of(batch, "request_type") | self._kinds_of(batch, "response_type") << 4
        take = np.zeros(n, np.uint8)
        slots = np.zeros(n, np.int32)
        fresh = self.sampler.choose(ids, statuses, chances, schemes, kinds, self._whole(batch, request, response), query, head, request, response, take, slots)
        columns = {name: batch.column(name) for name in _READ if name in names}
        path, method = columns["path"], columns["method"]

        def origin(row: int) -> Origin:
            return Origin(hosts.names[hosts.codes[row]], path[row].as_py(), method[row].as_py(), asked[row].as_py() or "")

        for row in fresh:
            self._origins[int(slots[row])] = origin(row)
        self._note_weak(carried, take, slots, statuses, times)
        for row in np.flatnonzero(take & 3).tolist():
            self._read(columns, row, int(take[row]), int(slots[row]), int(schemes[row]), int(carried[row]), int(statuses[row]), origin(row))
        self.changes += 1
        if len(self._learned) > self._join_past:
            self._join(owner)
            self._join_past = max(PATHS, len(self._learned) + PATHS // 2)  # more endpoints than that are not joined anew with every batch

    def _kinds_of(self, batch: pa.RecordBatch, name: str) -> np.ndarray[Any, Any]:
        if name not in batch.schema.names:
            return np.zeros(batch.num_rows, np.uint8)
        column = batch.column(name)
        kinds = []
        for media in column.dictionary.to_pylist():
            kind = self._kinds.get(media)
            if kind is None:
                kind = kind_of(media or "")
                if len(self._kinds) < 4096:
                    self._kinds[media] = kind
            kinds.append(kind)
        found: np.ndarray[Any, Any] = np.array([*kinds, OTHER], np.uint8)[codes(column)]
        return found

    def _whole(self, batch: pa.RecordBatch, request: Any, response: Any) -> np.ndarray[Any, Any]:
        """Bits of each call's bodies that were seen whole, and two higher, of those that were cut where bodies are."""
        whole = np.full(batch.num_rows, 3, np.uint8)
        if "complete" in batch.schema.names:
            column = batch.column("complete")
            parts = [sum(bit for part, bit in _COMPLETE if part in (text or "").split()) for text in column.dictionary.to_pylist()]
            whole = np.array([*parts, 0], np.uint8)[codes(column)]
        for (offsets, _), bit in ((request, 1), (response, 2)):
            cut = np.flatnonzero((np.diff(offsets) >= self._kept_body) & (whole & bit > 0))
            whole[cut] ^= np.uint8(5 * bit)
        return whole

    def _note_weak(self, carried: Any, take: Any, slots: Any, statuses: Any, times: Any) -> None:
        """Count the calls let in with a weak credential."""
        credentials = self.credentials
        in_the_open = take & 4 > 0
        outlived = credentials.soonest < times.max(initial=0)
        if not (credentials.any_faulty or outlived or in_the_open.any()):
            return
        entered = (statuses > 0) & (statuses < 400) & (slots >= 0)
        expired = entered & (credentials.expires[carried] < times)
        faulty = expired | (entered & credentials.faulty[carried])
        if faulty.any():
            pairs, counts = np.unique(slots[faulty].astype(np.int64) << 32 | carried[faulty], return_counts=True)
            for pair, calls in zip(pairs.tolist(), counts.tolist(), strict=True):
                one = credentials.found[pair & 0xFFFFFFFF]
                for name in one.weak:
                    self._weaken(pair >> 32, name, calls, one.shown)
            for slot, number in zip(slots[expired].tolist(), carried[expired].tolist(), strict=True):
                self._weaken(slot, "jwt_expired_accepted", 1, credentials.found[number].shown)
        shown = entered & in_the_open
        if shown.any():
            found, counts = np.unique(slots[shown], return_counts=True)
            for slot, calls in zip(found.tolist(), counts.tolist(), strict=True):
                self._weaken(slot, "key_in_query", calls, "")

    def _weaken(self, slot: int, name: str, calls: int, shown: str) -> None:
        self._weak[slot, name] = self._weak.get((slot, name), 0) + calls
        if shown:
            self._shown[slot, name] = min(self._shown.get((slot, name), shown), shown)

    # Reading --------------------------------------------------------------------------------------------------------------------------

    def _read(self, columns: dict[str, pa.Array], row: int, take: int, slot: int, scheme: int, carried: int, status: int, origin: Origin) -> None:
        """Learn from one call."""
        key = (origin.host, folded(origin.path), origin.method, origin.operation)
        learned = self._learned.get(key)
        if learned is None:
            learned = self._learned[key] = Learned(origin)
        into = learned.schema
        if take & 1:
            into.looked += 1
            for number, name in path_classes(origin.path):
                into.classify(number, name)
            query = columns["query"][row].as_py() if "query" in columns else None
            fields = form_fields(query) if query else []
            learn_fields(into.query, fields, self.room)
            head = columns["request_head"][row].as_py() if "request_head" in columns else None
            headers = header_fields(head, _request_field) if head else []
            if head and head.endswith(_ENDED):  # of a head that was cut off nobody knows what it had
                learn_fields(into.headers, [(name, value) for name, value in headers if name not in NAMES], self.room)
            self._note_names(slot, scheme, carried, fields, headers)
            if "request_body" in columns:
                self._body(into.request, columns, row, "request")
        if take & 2:
            body = into.response(status)
            if body is not None:
                if "response_body" in columns:
                    self._body(body, columns, row, "response")
                head = columns["response_head"][row].as_py() if "response_head" in columns and (body.headers is None or body.headers.objects < HEADS) else None
                if head and head.endswith(_ENDED):
                    body.headers = body.headers or Schema()
                    learn_fields(body.headers, header_fields(head, _answer_field), self.room)

    def _note_names(self, slot: int, scheme: int, carried: int, fields: list[tuple[str, str]], headers: list[tuple[str, str]]) -> None:
        """The names that carried the credential."""
        found = [f"?{name}" for name, _ in fields if NAMES.get(f"?{name.lower()}", 0) & 15 == scheme] + [name for name, _ in headers if NAMES.get(name, 0) & 15 == scheme]
        if self.credentials.found[carried].name:
            found = [self.credentials.found[carried].name]
        if scheme and found:
            kept = self._names.setdefault((slot, scheme), set())
            if len(kept) < 16:
                kept.update(name.removeprefix("?")[:80] for name in found[:4])

    def _body(self, body: Body, columns: dict[str, pa.Array], row: int, side: str) -> None:
        octets = columns[f"{side}_body"][row].as_py()
        if not octets:
            return
        cut = len(octets) >= self._kept_body
        if cut:
            body.cut += 1
        else:
            body.parsed += 1
        media = columns[f"{side}_type"][row].as_py() if f"{side}_type" in columns else None
        media = (media or "").partition(";")[0].strip()
        kind = kind_of(media)
        if kind == OTHER and octets.lstrip(b" \t\r\n\xef\xbb\xbf")[:1] in (b"{", b"["):
            kind = JSON
            if not media:
                media = "application/json"

        def also(value: Any) -> None:
            if not cut and self.sampler.structure.of(octets, 0, len(octets), JSON) and self.sampler.structure.names != members(value):
                self.room.count("duplicate_names")
            if side == "response":  # what a response holds, later paths may ask for
                self._hand_out(value)

        if not read_body(body.of(media or "application/octet-stream"), octets, kind, media, self.room, also, cut):
            body.malformed += 1

    def _hand_out(self, value: Any) -> None:
        """Remember which fields of a response hold values that later paths may ask for."""
        values = places = HANDED_OF_ONE
        stack: list[tuple[str, Any]] = [("", value)]
        while stack and values > 0 and places > 0:
            places -= 1
            name, value = stack.pop()
            for key, part in value.items() if isinstance(value, dict) else [(name, one) for one in value[:HANDED_OF_ONE]]:
                kind = part.__class__
                if kind is dict or kind is list:
                    stack.append((key, part))
                elif kind is int or kind is str:
                    mark = hash((key, part))
                    handed = self._handing.get(mark)
                    if handed is None:
                        handed = self._handing[mark] = self._hand(key, part, kind is int)
                    values -= handed
        if len(self._handed) > 2 * HANDED:  # the smallest hashes: a sample that no order of the calls changes
            for mark in sorted(self._handed)[HANDED:]:
                del self._handed[mark]
            self._handing.clear()
        elif len(self._handing) > 4 * HANDED:
            self._handing.clear()

    def _hand(self, key: str, part: int | str, number: bool) -> bool:
        """Remember that a response held `part` in the field `key`; whether later paths may ask for it."""
        called, identifies = _handing(key)
        if not called or (number and not identifies):
            return False
        text = str(part)
        if not _HANDED_TEXT(text) or (text.isdigit() and not identifies):
            return False
        fields = self._handed.setdefault(sample_hash(text.encode()), set())
        if len(fields) < 8:
            fields.add(called)
        return True

    def handed(self, text: str) -> frozenset[str]:
        """The fields of responses that held a text."""
        return frozenset(self._handed.get(sample_hash(text.encode("utf-8", "backslashreplace")), ()))

    def handed_out(self) -> list[list[Any]]:
        """What responses handed out, as plain data that `restore` reads back."""
        return [[mark, *sorted(self._handed[mark])] for mark in sorted(self._handed)[:HANDED]]

    def field_of(self, values: list[str]) -> str:
        """The field of responses that handed out most of these values, as a parameter's name; empty when there is none.

        Small numbers stand in many fields, so of numbers only a field that calls itself an id counts.
        """
        found: dict[str, int] = {}
        for text in values:
            for name in self._handed.get(sample_hash(text.encode("utf-8", "backslashreplace")), ()):
                found[name] = found.get(name, 0) + 1
        if not found:
            return ""
        best = max(found, key=lambda name: (found[name], _IDENTIFYING(name) is not None, -len(name), name))
        return best if found[best] >= 2 and 2 * found[best] >= len(values) else ""

    def fields(self, host: str, path: str, method: str) -> agreement.Fields:
        """The names of fields at a folded path, of this run and those before."""
        learned = self._learned.get((host, path, method, ""))
        before = self._before.get((host, path, method), agreement.NOTHING)
        return before if learned is None else agreement.joined([before, agreement.fields_of(learned.schema)])

    def evidence(self) -> list[list[Any]]:
        """The fields of all paths as plain data that `restore` reads back; at most PATHS of them."""
        keys = sorted({*self._before, *((host, path, method) for host, path, method, operation in self._learned if not operation)})
        found = [(key, self.fields(*key)) for key in keys]
        return [[*key, sorted(request), sorted(response)] for key, (request, response) in found if request or response][:PATHS]

    def restore(self, evidence: list[list[Any]], handed: list[list[Any]]) -> None:
        """Know again what `evidence` and `handed_out` gave."""
        for mark, *names in handed:
            self._handed.setdefault(int(mark), set()).update(map(str, names))
        for host, path, method, request, response in evidence:
            self._before[host, path, method] = (frozenset(map(str, request)), frozenset(map(str, response)))

    # Giving ---------------------------------------------------------------------------------------------------------------------------

    def _join(self, owner: Callable[[Origin], Any]) -> None:
        """Put together the paths that are one endpoint by what is known now; of what is none, half is forgotten."""
        joined: dict[Any, tuple[tuple[str, str, str, str], Learned]] = {}
        alone: list[tuple[tuple[str, str, str, str], Learned]] = []
        for key in sorted(self._learned):
            learned = self._learned[key]
            endpoint = owner(learned.origin)
            if endpoint is None:
                alone.append((key, learned))
                continue
            mark = (id(endpoint), key[3])
            if mark in joined:
                joined[mark][1].schema.absorb(learned.schema)
            else:
                joined[mark] = (key, learned)
        kept = alone[: max(0, PATHS // 2 - len(joined))]
        if len(kept) < len(alone):
            self.room.counters["paths_forgotten"] = self.room.counters.get("paths_forgotten", 0) + len(alone) - len(kept)
        self._learned = dict([*joined.values(), *kept])

    def attach(self, endpoints: list[Any], owner: Callable[[Origin], Any]) -> None:
        """Give every endpoint the schemas, data classes and authentication of its calls. `owner`: the endpoint of an origin, None where there is none."""
        for endpoint in endpoints:
            endpoint.schema = EndpointSchema()
            endpoint.authentication = Authentication()
        for key in sorted(self._learned):
            learned = self._learned[key]
            endpoint = owner(learned.origin)
            if endpoint is None:
                continue
            into = endpoint.schema.operation(learned.origin.operation) if learned.origin.operation else endpoint.schema
            if into is not None:
                into.absorb(learned.schema)
        sampler = self.sampler
        owners = {slot: owner(origin) for slot, origin in self._origins.items()}
        for slot in range(sampler.slots):
            endpoint = owners.get(int(sampler.owner[slot]))
            if endpoint is None:
                continue
            operation = self._origins[int(sampler.owner[slot])].operation
            into = endpoint.schema.operation(operation) if operation else endpoint.schema
            if into is None:
                continue
            status = int(sampler.status[slot])
            if status < 0:
                self._count(endpoint.authentication, slot)
                into.calls += int(sampler.seen[slot])
                body: Body | None = into.request
            else:
                body = into.response(status)
            if body is not None:
                body.seen += int(sampler.bodies[slot])
                body.looked += int(sampler.looked[slot])
                body.incomplete += int(sampler.incomplete[slot])
        for endpoint in endpoints:
            endpoint.classify()

    def _count(self, into: Any, slot: int) -> None:
        """Add what one slot knows of authentication."""
        one = Authentication()
        for counts, calls in ((one.schemes, self.sampler.answered[slot]), (one.refused, self.sampler.refused[slot])):
            for scheme, n in enumerate(np.asarray(calls).tolist()[: len(SCHEMES)]):
                if n:
                    counts[SCHEMES[scheme]] = n
        for name in WEAKNESSES:
            if (slot, name) in self._weak:
                one.weaknesses[name] = self._weak[slot, name]
            if (slot, name) in self._shown:
                one.examples[name] = self._shown[slot, name]
        for scheme, called in enumerate(SCHEMES):
            if (slot, scheme) in self._names:
                one.names[called] = sorted(self._names[slot, scheme])
        into.absorb(one)

    def counters(self) -> dict[str, int]:
        """What limits bit, and how often."""
        return {**self.room.counters, **{name: n for name, n in self.sampler.counters.items() if n}}


# Reading what calls carry ---------------------------------------------------------------------------------------------------------------


def path_classes(path: str) -> Iterator[tuple[str, str]]:
    """The data classes of a path's segments, each with the segment's number from 0, and of their matrix parameters (``3;email``). The segment before stands for
    a field's name (``/emails/{}``), as far as it is none of the values itself."""
    number = -1
    before = ""
    for segment in path.partition("//")[2].partition("/")[2].split("/") if path[:1] != "/" else path.split("/"):
        part, semicolon, matrix = segment.partition(";")
        if not part:
            continue
        number += 1
        if number >= SEGMENTS:
            return
        for name, value in (one.partition("=")[::2] for one in matrix.split(";", MATRIX)) if semicolon else ():
            found = _class_of(value, name)[0] if value else ""
            if found:
                yield f"{number};{name}", found
        hint, before = before, ""
        if len(part) == 36 and part[8] == part[13] == "-":
            continue
        found, is_name = _class_of(part, hint)
        before = part if is_name else ""
        if found:
            yield str(number), found


@lru_cache(maxsize=8_192)
def _class_of(part: str, hint: str) -> tuple[str, bool]:
    """The data class of a segment that stands after `hint`, and whether it is itself a word that may stand for a field's name."""
    called = named(hint) if hint else ""
    if len(part) < 16 and not called and (part.isalpha() or (len(part) < 7 and part.isdigit())):  # most segments are names or short numbers
        return "", part.isalpha()
    kind, _, stem, _ = shape(part.encode("utf-8", "backslashreplace"))
    if called in _ANYTHING and kind not in _WORDS:  # /diagnoses/17 names a record, and not what is in it
        hint = ""
    for text in (part, stem.decode("utf-8", "replace")) if kind != "word" else (part,):
        value = Schema(hint)
        learn_text(value, unquote(text), _NO_ROOM)
        if value.classes:
            return next(iter(value.classes)), kind == "word"
    return "", kind == "word"


def form_fields(text: str) -> list[tuple[str, str]]:
    """The fields of a query or an urlencoded form."""
    fields = []
    for part in text.split("&", FIELDS)[:FIELDS]:
        if part:
            name, _, value = part.partition("=")
            fields.append((unquote_plus(name), unquote_plus(value)))
    return fields


def header_fields(head: bytes, name_of: Callable[[bytes], str]) -> list[tuple[str, str]]:
    """The header fields of a message's head that `name_of` has a name for, in lower case."""
    fields = []
    for line in head.split(b"\n", FIELDS)[1:FIELDS]:
        raw, colon, value = line.partition(b":")
        if colon:
            name = name_of(raw)
            if name:
                fields.append((name, value.strip().decode("utf-8", "replace")))
    return fields


@lru_cache(maxsize=4_096)
def _request_field(raw: bytes) -> str:
    """A request field's name in lower case, where schemas tell of it or it may be a credential."""
    name = raw.strip().lower().decode("latin-1") if raw and not raw[:1].isspace() else ""
    return name if name in NAMES or not _COMMON_HEADER(name) else ""


@lru_cache(maxsize=4_096)
def _answer_field(raw: bytes) -> str:
    """The same of an answer's field."""
    name = raw.strip().lower().decode("latin-1") if raw and not raw[:1].isspace() else ""
    return name if told_answer_header(name) else ""


def read_body(schema: Schema, octets: bytes, kind: int, media: str, room: Room, also: Callable[[Any], None] | None = None, cut: bool = False) -> bool:
    """Learn from a body; returns whether it could be read as what it is said to be. `also` is given what JSON says. `cut`: its end was not kept."""
    if _IN_LINES(media):
        return _read_lines(schema, octets, room)
    if kind == JSON:
        octets, open_at = close_json(octets.removeprefix(b"\xef\xbb\xbf")) if cut else (octets.removeprefix(b"\xef\xbb\xbf"), "")
        try:
            value = orjson.loads(octets)
        except ValueError:
            return False
        open_at = drop_open_items(value, open_at)
        learn(schema, value, 0, room)
        mark_open(schema, value, open_at)
        if also is not None and isinstance(value, dict | list):
            also(value)
    elif kind == FORM:
        fields = form_fields((octets.rpartition(b"&")[0] if cut else octets).decode("utf-8", "replace").strip())
        learn_fields(schema, fields, room)
        if cut:
            mark_open(schema, dict(fields), "{")
    elif kind == XML:
        open_names: list[str] = []
        tree = read_xml(octets, open_names if cut else None)
        if tree is None:
            return False
        learn_tree(schema, tree, 0, room)
        if open_names:
            mark_open_elements(schema, tree, open_names)
    elif kind == MULTIPART:
        return _read_multipart(schema, octets, room, cut)
    else:
        learn_opaque(schema, -1 if cut else len(octets), not _TEXTUAL(media))
    return True


def _read_lines(schema: Schema, octets: bytes, room: Room) -> bool:
    """Learn from a value a line: NDJSON, RFC 7464's sequences, the data lines of server-sent events. Each value counts as one."""
    read = 0
    for line in octets.split(b"\n", 4 * LINES):
        text = line.removeprefix(b"data:").strip(b" \t\r\x1e")
        if text[:1] in (b"{", b"[") and read < LINES:
            try:
                learn(schema, orjson.loads(text), 0, room)
                read += 1
            except ValueError:
                continue
    return read > 0


def _read_multipart(schema: Schema, octets: bytes, room: Room, cut: bool) -> bool:
    """Learn from multipart/form-data (RFC 7578); its first line is the boundary. Of one that was cut the last part is a file of no known length, or nothing."""
    line = octets[:2048].lstrip(b"\r\n").partition(b"\n")[0].rstrip(b"\r")
    if not line.startswith(b"--") or len(line) > 74:
        return False
    texts: list[tuple[str, str]] = []
    files: list[tuple[str, int]] = []
    parts = octets.split(line, FIELDS)[1:FIELDS]
    for number, part in enumerate(parts, 1):
        open_part = cut and number == len(parts)
        head, blank, content = part.partition(b"\r\n\r\n")
        if not blank:
            continue
        name = re.search(rb'(?i)content-disposition:[^\r\n]*?[; ]name="?([^"\r\n;]*)', head)
        if name is None:
            continue
        called = name[1].decode("utf-8", "replace")
        content = content.removesuffix(b"\r\n")
        if re.search(rb"(?i)filename\*?=|content-type:[ \t]*(?!text/plain)", head):
            files.append((called, -1 if open_part else len(content)))
        elif not open_part:
            texts.append((called, content.decode("utf-8", "replace")))
    learn_fields(schema, texts, room)
    for called, length in files:
        child = schema.properties.get(called)
        if child is None and room.nodes > 0 and len(schema.properties) < FIELDS // 2:
            room.nodes -= 1
            child = schema.properties[called] = Schema(called)
        if child is not None:
            learn_opaque(child, length, True)
    if cut:
        mark_open(schema, dict([*texts, *((called, "") for called, _ in files)]), "{")
    return True


class _Odd(Exception):
    """What no honest XML body has, or more than is read."""


def read_xml(octets: bytes, open_names: list[str] | None = None) -> dict[str, Any] | None:
    """An XML document as nested dicts: ``@name`` for attributes, names without prefix for children, ``#text`` beside them; None for what is none.

    With `open_names` the document may end anywhere: what is open there is closed, and named, the root first.

    No entity is expanded and nothing is fetched: a document that declares one is not read.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    root: dict[str, Any] = {}
    stack: list[dict[str, Any]] = [root]
    names: list[str] = [""]
    texts: list[list[str]] = [[]]
    count = 0

    def stop(*_: Any) -> int:
        raise _Odd

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > ELEMENTS or len(stack) > XML_DEPTH:
            raise _Odd
        stack.append({f"@{attribute.rpartition(':')[2]}": value for attribute, value in attributes.items() if not attribute.startswith("xmlns")})
        names.append(name.rpartition(":")[2])
        texts.append([])

    def end(_: str) -> None:
        element, name, text = stack.pop(), names.pop(), "".join(texts.pop()).strip()[:TEXT_KEPT]
        value: Any = element
        if not element:
            value = text
        elif text:
            element["#text"] = text
        above = stack[-1]
        if name not in above:
            above[name] = value
        elif isinstance(above[name], list):
            above[name].append(value)
        else:
            above[name] = [above[name], value]

    def data(text: str) -> None:
        texts[-1].append(text)

    parser.EntityDeclHandler = stop
    parser.UnparsedEntityDeclHandler = stop
    parser.ExternalEntityRefHandler = stop
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = data
    try:
        parser.Parse(octets, open_names is None)
        if open_names is not None:
            open_names += names[1:]
            texts[-1] = []  # half a text is none
            while len(stack) > 1:
                end(names[-1])
    except (expat.ExpatError, _Odd, ValueError, LookupError):
        return None
    return root

