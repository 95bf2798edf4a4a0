"""What the values of one place look like: types, formats, bounds, enumerations, what an object holds and how often.

`Schema` is learned value by value (`learn` for JSON, `learn_text` and `learn_fields` for what travels as text: queries, forms, headers, XML), joined
with `Schema.merge`, written as JSON Schema 2020-12 or the dialect of OpenAPI 3.0 (`to_json_schema`), and kept as plain data (`to_json`, `from_json`).

`merge` is commutative and associative, so that state can be saved, joined and split over workers: counts add up, bounds widen, and a limit is passed
by what the whole set of values holds, never by the order they came in. The one exception is `Room`, which bounds all schemas of a map together and
counts what found no room.

A property is *required* when every object had it. A name that is a value by its shape (a number, a UUID, a date, an address) is no property: it makes
its object a map, whose values share one schema (`additional`). Of a string no value is kept unless it can be a word of an enumeration: short, few, no
address, no long number, and in a field that holds no personal data (`data_classes`).
"""

from __future__ import annotations

import math
import re
from typing import Any

from sensor.catalogue import data_classes

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

COMPILED = cython.compiled

VERSION = 1
"""Of what `to_json` writes."""
DEEPEST = cython.declare(cython.int, 16)  # objects and arrays inside one another; published APIs stay under ten
WIDEST = cython.declare(cython.int, 128)  # properties of one object; past it the object is a map
ITEMS = cython.declare(cython.int, 64)  # items of one array that are looked at: the first half, and as many spread over the rest
WORDS = cython.declare(cython.int, 24)  # distinct words of an enumeration
LONGEST_WORD = cython.declare(cython.int, 40)
LONGEST_NAME = cython.declare(cython.int, 128)  # of a property; longer names are values
ALIKE = 12
"""Properties that are all rare and alike make an object a map, from so many on: currencies, languages, user names."""

FORMATS = ("date-time", "date", "time", "uuid", "email", "uri", "ipv4", "ipv6", "byte", "binary")
"""Formats told from text, and `binary` for files; a field has one when all its strings do."""

_DATE = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,9})?"
_IS_DATE_TIME = re.compile(rf"{_DATE}[Tt]{_TIME}(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)").fullmatch  # RFC 3339 5.6
_IS_DATE = re.compile(_DATE).fullmatch
_IS_TIME = re.compile(rf"{_TIME}(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)").fullmatch
_IS_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}").fullmatch  # RFC 9562 4
_IS_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?){1,8}").fullmatch
_PCHAR = r"[A-Za-z0-9._~:@!$&'()*+,;=/-]|%[0-9A-Fa-f]{2}"
_IS_URI = re.compile(  # RFC 3986, those with an authority
    r"[A-Za-z][A-Za-z0-9+.-]{1,31}://(?:(?:[A-Za-z0-9._~:!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*@)?(?:\[[0-9A-Fa-fVv:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::\d*)?"
    rf"(?:/(?:{_PCHAR})*)?(?:\?(?:{_PCHAR}|\?)*)?(?:#(?:{_PCHAR}|\?)*)?"
).fullmatch
_IS_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}").fullmatch
_IS_IPV6 = re.compile(r"[0-9A-Fa-f:]{2,39}(?:(?:\d{1,3}\.){3}\d{1,3})?").fullmatch
_IS_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?").fullmatch  # RFC 4648 4
_IS_WORD = re.compile(r"[^\W\d_][\w .:/+-]{0,39}|\d{1,4}").fullmatch
_IS_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,17})").fullmatch
_IS_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,17})\.\d{1,17}(?:[eE][+-]?\d{1,3})?").fullmatch
_IS_KEY = re.compile(  # a property name that is a value
    rf"\d+|[0-9A-Fa-f]{{8}}(?:-[0-9A-Fa-f]{{4}}){{3}}-[0-9A-Fa-f]{{12}}|(?=[a-f]*\d)[0-9a-f]{{12,}}|{_DATE}(?:[Tt].*)?|[^@\s]+@[^@\s]+\.[^@\s]+"
    r"|(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?|[A-Za-z]{1,6}[-_:]\d{3,}|(?=[A-Za-z]*\d)(?=(?:[^A-Z]*[A-Z]){2})(?=(?:[^\d]*\d){3})[A-Za-z0-9_-]{16,}"
).fullmatch


@cython.cclass
class Room:
    """How many schema nodes a map may still make, and what found no room: `nodes_past_limit`, `too_deep`, `items_skipped`,
    `properties_past_limit`, and `duplicate_names`: JSON bodies that have a member twice, of which two parsers may take different ones."""

    def __init__(self, nodes: int = 200_000) -> None:
        self.nodes = nodes
        self.counters = {}

    def count(self, name: str) -> None:
        self.counters[name] = self.counters.get(name, 0) + 1


@cython.cclass
class Schema:
    """What was seen at one place of a message. `hint`: the name of the field, which says what its values may be.

    `seen` values, of them `nulls booleans integers numbers strings arrays objects`. `least` and `most`: bounds of the numbers (None: none seen);
    `shortest` and `longest`: of the strings, in characters (-1: none); `fewest` and `largest`: of the arrays, in items. `formats`: strings by format.
    `values`: strings by value as long as they can be an enumeration, else `crowded`. `classes`: values by data class. `text`: the values travelled as
    text, their types are what they read as. `cut`: objects whose end was not kept, `loose`: values that stood in such objects. `partial`: not all that stood below was looked at, for its depth, its number or for want of room.
    """

    def __init__(self, hint: str = "") -> None:
        self.hint = hint
        self.seen = self.nulls = self.booleans = self.integers = self.numbers = self.strings = self.arrays = self.objects = 0
        self.cut = self.loose = 0
        self.least = None
        self.most = None
        self.shortest = self.longest = self.fewest = self.largest = -1
        self.formats = {}
        self.values = {}
        self.classes = {}
        self.crowded = False
        self.properties = {}
        self.additional = None
        self.items = None
        self.folded = False
        self.text = False
        self.partial = False

    def merge(self, other: Schema) -> Schema:
        """The schema of both sets of values; neither is changed."""
        made = Schema(self.hint if self.hint == other.hint else "")
        _add(made, self)
        _add(made, other)
        return made

    def absorb(self, other: Schema) -> None:
        """As `merge`, into this one."""
        if self.hint != other.hint:
            self.hint = ""
        _add(self, other)

    @property
    def types(self) -> tuple[str, ...]:
        """JSON types seen, in one order; an integer beside other numbers is a number."""
        found = []
        for name, count in (
            ("array", self.arrays), ("boolean", self.booleans), ("integer", 0 if self.numbers else self.integers), ("null", self.nulls),
            ("number", self.numbers), ("object", self.objects), ("string", self.strings),
        ):
            if count:
                found.append(name)
        if self.text and len(found) > 1:  # a text field that reads as a number only sometimes is text
            return ("number",) if set(found) <= {"integer", "number"} else ("string",)
        return tuple(found)

    @property
    def format(self) -> str:
        """The format that all strings have; empty when they differ, or when other types were seen in a text field."""
        if self.text and self.strings != self.seen:
            return ""
        return next((name for name, count in sorted(self.formats.items()) if count == self.strings), "")

    @property
    def enumeration(self) -> tuple[str, ...]:
        """The words the strings are taken from, when there is enough support for it: each was seen four times on average, eight in all."""
        n = len(self.values)
        if self.crowded or self.classes or not any(self.values) or self.strings < max(8, 4 * n) or self.format or (self.text and self.strings != self.seen):
            return ()
        return tuple(sorted(self.values))

    def required(self, name: str) -> bool:
        """Whether every object had the property, of those seen to their end: there must be one."""
        found = self.properties.get(name)
        return found is not None and found.seen - found.loose == self.objects - self.cut and self.objects > self.cut

    @property
    def is_map(self) -> bool:
        """Whether the object is a map: its names are values, or many of one make and each rare."""
        return self.folded or (self.additional is not None and not self.properties) or self._alike()

    def _alike(self) -> bool:
        if len(self.properties) < ALIKE:
            return False
        rare = sum(2 * one.seen <= self.objects for one in self.properties.values())
        makes = {(one.types, tuple(sorted(one.properties))) for one in self.properties.values()}
        return rare * 10 >= 9 * len(self.properties) and len(makes) == 1

    def map_values(self) -> Schema:
        """Of a map: the schema of all its values."""
        whole = Schema(self.hint)
        parts = [self.properties[name] for name in sorted(self.properties)]
        if self.additional is not None:
            parts.append(self.additional)
        for part in parts:
            _add(whole, part)
        return whole

    def to_json_schema(self, dialect: str = "2020-12", bounds: bool = True, closed: bool = False) -> dict[str, Any]:
        """JSON Schema of what was seen. `dialect`: ``2020-12`` (OpenAPI 3.1) or ``3.0`` (OpenAPI 3.0's own).

        `bounds`: with ranges, lengths and enumerations as constraints, right when every value was looked at; without, a value that was not looked at
        may lie outside, so they are left out. `closed`: objects hold no property but those seen. Raises ValueError for another dialect.
        """
        if dialect not in ("2020-12", "3.0"):
            raise ValueError(f"no dialect {dialect!r}: 2020-12 or 3.0")
        types = self.types
        parts = [(kind, self._typed(kind, dialect, bounds, closed)) for kind in types if kind != "null"]
        if dialect == "2020-12":
            if not types:
                return {}
            made: dict[str, Any] = {"type": types[0] if len(types) == 1 else list(types)}
            for _, part in parts:
                made.update(part)
            if "enum" in made and len(types) > 1:
                if set(types) == {"string", "null"}:
                    made["enum"] = [*made["enum"], None]
                else:
                    del made["enum"]
            return made
        nullable = {"nullable": True} if "null" in types else {}  # of 3.0: it says something beside a `type` only
        if not parts:
            return {"type": "string", **nullable, "enum": [None]} if nullable else {}
        if len(parts) == 1:
            kind, part = parts[0]
            if nullable and "enum" in part:
                part["enum"] = [*part["enum"], None]
            return {"type": kind, **part, **nullable}
        return {"anyOf": [{"type": kind, **part, **nullable} for kind, part in parts]}

    def _typed(self, kind: str, dialect: str, bounds: bool, closed: bool) -> dict[str, Any]:
        """The keywords of one type."""
        made: dict[str, Any] = {}
        below = bounds and not self.partial
        if kind in ("integer", "number"):
            if bounds and self.least is not None:
                made["minimum"], made["maximum"] = self.least, self.most
        elif kind == "string":
            if self.format == "byte" and dialect == "2020-12":
                made["contentEncoding"] = "base64"
            elif self.format:
                made["format"] = self.format
            words = self.enumeration
            if bounds and words:
                made["enum"] = list(words)
            elif bounds and not made and self.longest >= 0 and not self.text:
                made["minLength"], made["maxLength"] = self.shortest, self.longest
        elif kind == "array":
            made["items"] = self.items.to_json_schema(dialect, below, closed) if self.items is not None else {}
            if bounds:
                made["minItems"], made["maxItems"] = self.fewest, self.largest
        elif kind == "object":
            if self.is_map:
                made["additionalProperties"] = self.map_values().to_json_schema(dialect, below, closed)
            else:
                if self.properties:
                    made["properties"] = {name: self.properties[name].to_json_schema(dialect, below, closed) for name in sorted(self.properties)}
                required = [name for name in sorted(self.properties) if self.required(name)]
                if required:
                    made["required"] = required
                if self.additional is not None:
                    made["additionalProperties"] = self.additional.to_json_schema(dialect, below, closed)
                elif closed and not self.partial:
                    made["additionalProperties"] = False
        return made

    def to_json(self) -> dict[str, Any]:
        """Everything known, as plain data that `from_json` reads back; what is nought or empty is left out."""
        made: dict[str, Any] = {}
        for name in _COUNTS:
            count = getattr(self, name)
            if count:
                made[name] = count
        for name in _BOUNDS:
            bound = getattr(self, name)
            if bound is not None:
                made[name] = bound
        for name in _LENGTHS:
            bound = getattr(self, name)
            if bound >= 0:
                made[name] = bound
        for name in ("hint", "crowded", "folded", "text", "partial"):
            if getattr(self, name):
                made[name] = getattr(self, name)
        for name in ("formats", "classes"):
            if getattr(self, name):
                made[name] = dict(sorted(getattr(self, name).items()))
        if self.values and not self.crowded:
            made["values"] = dict(sorted(self.values.items()))
        if self.properties:
            made["properties"] = {name: self.properties[name].to_json() for name in sorted(self.properties)}
        if self.additional is not None:
            made["additional"] = self.additional.to_json()
        if self.items is not None:
            made["items"] = self.items.to_json()
        return made

    @classmethod
    def from_json(cls, data: Any) -> Schema:
        """What `to_json` wrote. Raises ValueError for what it cannot have written."""
        return _from_json(data, 0)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Schema({self.hint!r}, {self.seen} values of {' '.join(self.types) or 'no type'})"


_COUNTS = ("seen", "nulls", "booleans", "integers", "numbers", "strings", "arrays", "objects", "cut", "loose")
_BOUNDS = ("least", "most")
_LENGTHS = ("shortest", "longest", "fewest", "largest")


@cython.cfunc
@cython.exceptval(-1)
def _fold(schema: Schema) -> cython.int:
    """Make an object with too many properties a map: all of them share one schema."""
    whole: Schema = Schema(schema.hint)
    for name in schema.properties:
        _add(whole, schema.properties[name])
    if schema.additional is not None:
        _add(whole, schema.additional)
    whole.hint = schema.hint
    schema.properties = {}
    schema.additional = whole
    schema.folded = True
    return 0


def _add(to: Schema, other: Schema) -> None:
    """Add what `other` has seen to `to`, all but the hint."""
    for name in _COUNTS:
        setattr(to, name, getattr(to, name) + getattr(other, name))
    if other.least is not None:
        to.least = other.least if to.least is None else min(to.least, other.least)
        to.most = other.most if to.most is None else max(to.most, other.most)
    for low, high in (("shortest", "longest"), ("fewest", "largest")):
        least, most = getattr(other, low), getattr(other, high)
        if least >= 0:
            setattr(to, low, least if getattr(to, low) < 0 else min(least, getattr(to, low)))
            setattr(to, high, max(most, getattr(to, high)))
    for name in ("formats", "classes"):
        counts = getattr(to, name)
        for key, count in getattr(other, name).items():
            counts[key] = counts.get(key, 0) + count
    to.text = to.text or other.text
    to.partial = to.partial or other.partial
    to.crowded = to.crowded or other.crowded
    if not to.crowded:
        for key, count in other.values.items():
            to.values[key] = to.values.get(key, 0) + count
        to.crowded = len(to.values) > WORDS
    if to.crowded:
        to.values = {}
    for name, part in other.properties.items():
        mine = to.properties.get(name)
        if mine is None:
            mine = to.properties[name] = Schema(part.hint)
        mine.absorb(part)
    if other.additional is not None:
        if to.additional is None:
            to.additional = Schema(other.additional.hint)
        to.additional.absorb(other.additional)
    if other.items is not None:
        if to.items is None:
            to.items = Schema(other.items.hint)
        to.items.absorb(other.items)
    if other.folded or to.folded or len(to.properties) > WIDEST:
        _fold(to)


def _from_json(data: Any, depth: int) -> Schema:
    if not isinstance(data, dict):
        raise ValueError(f"a schema is an object, not {type(data).__name__}")
    if depth > 4 * DEEPEST:
        raise ValueError("a schema deeper than any that is learned")
    made: Schema = Schema()
    try:
        for name in (*_COUNTS, *_LENGTHS):
            if name in data:
                if not isinstance(data[name], int):
                    raise ValueError(f"{name}: is no whole number")
                setattr(made, name, data[name])
        for name in _BOUNDS:
            bound = data.get(name)
            if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int | float)):
                raise ValueError(f"{name}: is no number")
            setattr(made, name, bound)
        made.hint = str(data.get("hint", ""))
        for name in ("crowded", "folded", "text", "partial"):
            setattr(made, name, data.get(name) is True)
        for name in ("formats", "classes", "values"):
            setattr(made, name, {str(key): int(count) for key, count in data.get(name, {}).items()})
        made.properties = {str(name): _from_json(part, depth + 1) for name, part in data.get("properties", {}).items()}
        if data.get("additional") is not None:
            made.additional = _from_json(data["additional"], depth + 1)
        if data.get("items") is not None:
            made.items = _from_json(data["items"], depth + 1)
    except (AttributeError, TypeError, OverflowError) as error:
        raise ValueError(f"no schema: {error}") from error
    return made


# Learning -----------------------------------------------------------------------------------------------------------------------------


def learn(schema: Schema, value: Any, depth: cython.int, room: Room) -> None:
    """Take a JSON value (as `orjson.loads` makes it) that stands `depth` objects and arrays deep."""
    schema.seen += 1
    if value is None:
        schema.nulls += 1
    elif isinstance(value, str):
        schema.strings += 1
        _string(schema, value)
    elif isinstance(value, bool):
        schema.booleans += 1
    elif isinstance(value, int):
        schema.integers += 1
        _number(schema, value)
    elif isinstance(value, float):
        schema.numbers += 1
        _number(schema, value)
    elif isinstance(value, dict):
        schema.objects += 1
        _object(schema, value, depth, room)
    elif isinstance(value, list):
        schema.arrays += 1
        _array(schema, value, depth, room)


def members(value: Any) -> int:
    """How many members all objects of a JSON value have."""
    found: cython.longlong = 0
    stack: list[Any] = [value]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            found += len(value)
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
    return found


def learn_text(schema: Schema, value: str, room: Room) -> None:
    """Take a value that travelled as text: numbers and booleans are what reads as such."""
    schema.text = True
    schema.seen += 1
    if len(value) <= 40:
        if _IS_INTEGER(value):
            schema.integers += 1
            _number(schema, int(value))
            _text_length(schema, value)
            return
        if _IS_NUMBER(value) and math.isfinite(float(value)):
            schema.numbers += 1
            _number(schema, float(value))
            _text_length(schema, value)
            return
        if value in ("true", "false"):
            schema.booleans += 1
            _text_length(schema, value)
            return
    schema.strings += 1
    _string(schema, value)


def learn_tree(schema: Schema, value: Any, depth: int, room: Room) -> None:
    """Take an XML element: text, or a dict of its attributes and children, a list where a child stands more than once."""
    if isinstance(value, str):
        learn_text(schema, value, room)
        return
    schema.seen += 1
    if isinstance(value, list):
        schema.arrays += 1
        _items_seen(schema, len(value))
        if schema.items is None:
            if room.nodes <= 0:
                room.count("nodes_past_limit")
                schema.partial = True
                return
            room.nodes -= 1
            schema.items = Schema(schema.hint)
        schema.partial = schema.partial or len(value) > ITEMS
        for part in value[:ITEMS]:
            learn_tree(schema.items, part, depth + 1, room)
        return
    schema.objects += 1
    if depth >= DEEPEST:
        room.count("too_deep")
        schema.partial = True
        return
    for name, part in value.items():
        child = _child(schema, name, room)
        if child is not None:
            learn_tree(child, part, depth + 1, room)


def learn_opaque(schema: Schema, octets: int, binary: bool) -> None:
    """Take a body or a file that is not read: its length in octets, -1 where that is not known."""
    schema.seen += 1
    schema.strings += 1
    if octets >= 0:
        _length_seen(schema, octets)
    if binary:
        schema.formats["binary"] = schema.formats.get("binary", 0) + 1


def learn_fields(schema: Schema, fields: list[tuple[str, str]], room: Room) -> None:
    """Take (name, value) pairs of text as one object; a name used twice is an array."""
    by_name: dict[str, list[str]] = {}
    for name, value in fields:
        by_name.setdefault(name, []).append(value)
    schema.seen += 1
    schema.objects += 1
    part: Schema
    for name, values in by_name.items():
        child: Schema = _child(schema, name, room)
        if child is None:
            continue
        if len(values) == 1:
            learn_text(child, values[0], room)
            continue
        child.seen += 1
        child.arrays += 1
        child.text = True
        _items_seen(child, len(values))
        if child.items is None:
            if room.nodes <= 0:
                room.count("nodes_past_limit")
                child.partial = True
                continue
            room.nodes -= 1
            child.items = Schema(child.hint)
        part = child.items
        child.partial = child.partial or len(values) > ITEMS
        for value in values[:ITEMS]:
            learn_text(part, value, room)


@cython.cfunc
@cython.exceptval(-1)
def _object(schema: Schema, value: dict, depth: cython.int, room: Room) -> cython.int:  # type: ignore[type-arg]
    if depth >= DEEPEST:
        room.count("too_deep")
        schema.partial = True
        return 0
    person: cython.bint = "name" in value and not data_classes.PERSON_FIELDS.isdisjoint(value)
    child: Schema
    left: cython.int = 4 * WIDEST
    for name, part in value.items():
        if left == 0:
            room.count("properties_past_limit")
            schema.partial = True
            break
        left -= 1
        child = _child(schema, name, room)
        if child is not None:
            learn(child, part, depth + 1, room)
            if person and name == "name" and isinstance(part, str) and data_classes.is_name(part):
                _classify(child, "person_name")
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _array(schema: Schema, value: list, depth: cython.int, room: Room) -> cython.int:  # type: ignore[type-arg]
    n: cython.Py_ssize_t = len(value)
    _items_seen(schema, n)
    if n == 0:
        return 0
    if depth >= DEEPEST:
        room.count("too_deep")
        schema.partial = True
        return 0
    if schema.items is None:
        if room.nodes <= 0:
            room.count("nodes_past_limit")
            schema.partial = True
            return 0
        room.nodes -= 1
        schema.items = Schema(schema.hint)
    items: Schema = schema.items
    i: cython.Py_ssize_t = 0
    step: cython.Py_ssize_t = 1
    half: cython.Py_ssize_t = ITEMS // 2
    if n > ITEMS:
        step = (n - half) // half
        room.count("items_skipped")
        schema.partial = True
    while i < n:
        learn(items, value[i], depth + 1, room)
        i += 1 if i < half else step
    return 0


@cython.cfunc
def _child(schema: Schema, name: str, room: Room) -> Schema | None:
    """The schema of a property, made when it is new and there is room; None when there is not."""
    found = schema.properties.get(name)
    if found is not None:
        return found
    if not schema.folded and not (len(name) > LONGEST_NAME or _IS_KEY(name)):
        if room.nodes <= 0:
            room.count("nodes_past_limit")
            schema.partial = True
            return None
        room.nodes -= 1
        found = schema.properties[name] = Schema(name)
        if len(schema.properties) <= WIDEST:
            return found
        # This object's earlier properties are folded in as they are; its others go to the map's values one by one.
        _fold(schema)
        return schema.additional
    if schema.additional is None:
        if room.nodes <= 0:
            room.count("nodes_past_limit")
            schema.partial = True
            return None
        room.nodes -= 1
        schema.additional = Schema(schema.hint)
    return schema.additional


def _items_seen(schema: Schema, n: int) -> None:
    schema.fewest = n if schema.fewest < 0 else min(schema.fewest, n)
    schema.largest = max(schema.largest, n)


def _text_length(schema: Schema, value: str) -> None:
    _length_seen(schema, len(value))


def _length_seen(schema: Schema, n: int) -> None:
    schema.shortest = n if schema.shortest < 0 else min(schema.shortest, n)
    schema.longest = max(schema.longest, n)
    schema.values = {}
    schema.crowded = True


@cython.cfunc
@cython.exceptval(-1)
def _number(schema: Schema, value: Any) -> cython.int:
    if schema.least is None:
        schema.least = value
        schema.most = value
    elif value < schema.least:
        schema.least = value
    elif value > schema.most:
        schema.most = value
    if (isinstance(value, int) and not -10_000_000 < value < 10_000_000) or data_classes.named(schema.hint):
        found = data_classes.of_number(value, schema.hint)
        if found:
            _classify(schema, found)
    return 0


def _classify(schema: Schema, name: str) -> None:
    schema.classes[name] = schema.classes.get(name, 0) + 1
    schema.values = {}
    schema.crowded = True


@cython.cfunc
@cython.exceptval(-1)
def _string(schema: Schema, value: str) -> cython.int:
    n: cython.Py_ssize_t = len(value)
    if schema.shortest < 0 or n < schema.shortest:
        schema.shortest = n
    if n > schema.longest:
        schema.longest = n
    i: cython.Py_ssize_t
    digits: cython.int = 0
    lower: cython.int = 0
    upper: cython.int = 0
    ats: cython.int = 0
    dots: cython.int = 0
    colons: cython.int = 0
    c: cython.Py_UCS4
    for i in range(min(n, 64)):
        c = value[i]
        if "0" <= c <= "9":
            digits += 1
        elif "a" <= c <= "z":
            lower += 1
        elif "A" <= c <= "Z":
            upper += 1
        elif c == "@":
            ats += 1
        elif c == ".":
            dots += 1
        elif c == ":":
            colons += 1
    form = ""
    if n > 2048:
        pass
    elif ats == 1 and dots > 0:
        if _IS_EMAIL(value):
            form = "email"
    elif digits >= 8 and n >= 10 and value[4] == "-" and value[7] == "-":
        if n == 10:
            if _IS_DATE(value):
                form = "date"
        elif _IS_DATE_TIME(value):
            form = "date-time"
    elif n == 36 and value[8] == "-":
        if _IS_UUID(value):
            form = "uuid"
    elif colons > 0 and lower > 1 and "://" in value:
        if _IS_URI(value):
            form = "uri"
    elif dots == 3 and 4 <= digits == n - 3:
        if _IS_IPV4(value):
            form = "ipv4"
    elif colons >= 2 and n <= 45:
        if _IS_TIME(value):
            form = "time"
        elif _IS_IPV6(value) and _is_ipv6(value):
            form = "ipv6"
    elif n >= 16 and n % 4 == 0 and upper > 0 and lower > 0 and digits > 0 and _IS_BASE64(value):
        form = "byte"
    if form:
        schema.formats[form] = schema.formats.get(form, 0) + 1
    named = data_classes.named(schema.hint)
    if named or form == "email" or form == "ipv4" or form == "ipv6" or digits >= 7 or n >= 16:
        found = data_classes.of_text(value, form, digits, schema.hint)
        if found:
            _classify(schema, found)
    if not schema.crowded:
        if named or form or n > LONGEST_WORD or (n > 0 and not _IS_WORD(value)) or digits > 3:  # an enumeration has words, not numbered things
            schema.crowded = True
            schema.values = {}
        else:
            count = schema.values.get(value)
            schema.values[value] = 1 if count is None else count + 1
            if len(schema.values) > WORDS:
                schema.crowded = True
                schema.values = {}
    return 0


def _is_ipv6(value: str) -> bool:
    import socket

    try:
        socket.inet_pton(socket.AF_INET6, value)
    except OSError:
        return False
    return True
