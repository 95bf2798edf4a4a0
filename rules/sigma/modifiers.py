"""Atoms: one field compared with one value, after `field|modifier|modifier: value`.

`contains`, `startswith`, `endswith`, `re`, `cidr`, `gt gte lt lte`, `exists`, `all`, `cased`, `windash`, `base64`, `base64offset`, `wide`
and `utf16` mean what they mean in Sigma; `looks_like` asks one of the readers in `rules.readers` (SQL, script, shell). Text is
compared without regard to case unless `cased`; `*` and `?` are wildcards unless a backslash stands before them.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass

from rules.faults import did_you_mean
from rules.sigma.fields import Field, Kind, Part

OPERATORS = ("contains", "startswith", "endswith", "re", "cidr", "gt", "gte", "lt", "lte", "exists", "looks_like")
TRANSFORMS = ("windash", "base64", "base64offset", "wide", "utf16", "utf16le", "utf16be", "i", "m", "s", "expand", "neq")
MODIFIERS = (*OPERATORS, *TRANSFORMS, "all", "cased")

LOOKS = ("sql", "script", "shell")
"""What `looks_like` can ask for; see rules.readers."""

_DASHES = ("-", "/", "\u2013", "\u2014", "\u2015")
_LONGEST_PATTERN = 4096


class ModifierError(ValueError):
    """A comparison that cannot be made, in a sentence."""


@dataclass(frozen=True, slots=True)
class Atom:
    """One comparison. `op` is equals, contains, startswith, endswith, regex, cidr, gt, gte, lt, lte, exists or looks_like."""

    field: Field
    op: str
    text: bytes = b""
    """What text is compared with, lower case unless `cased`; the pattern of a regex."""
    number: float = 0.0
    cased: bool = False


def split_key(key: str) -> tuple[str, list[str]]:
    """`cs-uri|contains|all` into the field's name and its modifiers."""
    name, *modifiers = key.split("|")
    for modifier in modifiers:
        if modifier.lower() not in MODIFIERS:
            raise ModifierError(f"unknown modifier '{modifier}'{did_you_mean(modifier, MODIFIERS)}")
    return name, [modifier.lower() for modifier in modifiers]


def atoms_for(field: Field, modifiers: list[str], value: object) -> list[Atom]:
    """The alternatives that one value stands for: usually one atom, several for windash and base64offset."""
    ops = [modifier for modifier in modifiers if modifier in OPERATORS]
    if len(ops) > 1:
        raise ModifierError(f"'{ops[0]}' and '{ops[1]}' cannot stand together")
    op = ops[0] if ops else "equals"
    cased = "cased" in modifiers
    if op == "exists":
        if not isinstance(value, bool):
            raise ModifierError("'exists' takes true or false")
        return [Atom(field, "exists", number=float(value))]
    if value is None:
        return [Atom(field, "exists", number=0.0)]
    if op in ("gt", "gte", "lt", "lte"):
        if field.kind is not Kind.NUMBER:
            raise ModifierError(f"'{op}' compares numbers, and '{field.name}' is {field.kind.value}")
        return [Atom(field, op, number=_number(value, field))]
    if op == "cidr":
        if field.kind is not Kind.ADDRESS:
            raise ModifierError(f"'cidr' compares addresses, and '{field.name}' is {field.kind.value}")
        try:
            network = ipaddress.ip_network(str(value), strict=False)
        except ValueError as error:
            raise ModifierError(f"'{value}' is no network such as 10.0.0.0/8") from error
        return [Atom(field, "cidr", str(network).encode())]
    if op == "looks_like":
        if field.part is not Part.INPUT:
            raise ModifierError(f"'looks_like' reads decoded input, such as 'input' or 'input.query', not '{field.name}'")
        if value not in LOOKS:
            raise ModifierError(f"nothing here reads '{value}'{did_you_mean(str(value), LOOKS)} (known: {', '.join(LOOKS)})")
        return [Atom(field, "looks_like", str(value).encode())]
    if field.kind is Kind.NUMBER:
        if op == "equals":
            return [Atom(field, "eq", number=_number(value, field))]
        if op == "re":
            raise ModifierError(f"'re' compares text, and '{field.name}' is a number")
        return [Atom(field, op, str(value).encode())]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ModifierError(f"'{value}' cannot be compared with the text of '{field.name}'")
    text = str(value)
    if op == "re":
        return [_regex(field, text, modifiers)]
    return [_literal(field, op, raw, cased) for raw in _transformed(text, modifiers)]


def _number(value: object, field: Field) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ModifierError(f"'{value}' is no number, and '{field.name}' is compared as one")
    try:
        return float(value)
    except ValueError as error:
        raise ModifierError(f"'{value}' is no number, and '{field.name}' is compared as one") from error


def _regex(field: Field, text: str, modifiers: list[str]) -> Atom:
    cased = "i" not in modifiers
    if text.startswith("(?i)"):
        text, cased = text[4:], False
    if len(text) > _LONGEST_PATTERN:
        raise ModifierError(f"the regular expression is longer than {_LONGEST_PATTERN} characters")
    return Atom(field, "regex", text.encode(), cased=cased)


def _transformed(text: str, modifiers: list[str]) -> list[tuple[str, bytes | None]]:
    """(text with wildcards, None) or ("", exact octets) for every variant that the transforms make."""
    if "windash" in modifiers:
        variants = {text} | {re.sub(r"(^|\s)[-/]", rf"\g<1>{dash}", text) for dash in _DASHES}
        return [(variant, None) for variant in sorted(variants)]
    raw: bytes | None = None
    if {"wide", "utf16", "utf16le"} & set(modifiers):
        raw = text.encode("utf-16-le")
    elif "utf16be" in modifiers:
        raw = text.encode("utf-16-be")
    if "base64" in modifiers:
        return [("", base64.b64encode(text.encode() if raw is None else raw))]
    if "base64offset" in modifiers:
        plain = text.encode() if raw is None else raw
        starts, ends = (0, 2, 3), (None, -3, -2)
        return [
            ("", base64.b64encode(b" " * i + plain)[starts[i] : ends[(len(plain) + i) % 3]]) for i in range(3)
        ]
    return [("", raw)] if raw is not None else [(text, None)]


def _literal(field: Field, op: str, variant: tuple[str, bytes | None], cased: bool) -> Atom:
    text, raw = variant
    if raw is not None:
        return Atom(field, op, raw, cased=True)
    parts = _wildcards(text)
    if all(isinstance(part, str) for part in parts):
        return _plain(field, op, "".join(map(str, parts)), cased)
    # Stars at the ends only widen the comparison; anything else is a pattern.
    open_start, open_end = op in ("contains", "endswith"), op in ("contains", "startswith")
    while parts and parts[0] is _STAR:
        open_start = True
        parts.pop(0)
    while parts and parts[-1] is _STAR:
        open_end = True
        parts.pop()
    op = {(False, False): "equals", (True, True): "contains", (False, True): "startswith", (True, False): "endswith"}[
        open_start, open_end
    ]
    if all(isinstance(part, str) for part in parts):
        return _plain(field, op, "".join(map(str, parts)), cased)
    body = "".join(".*" if part is _STAR else "." if part is _ONE else _quoted(str(part)) for part in parts)
    pattern = ("" if open_start else "^") + body + ("" if open_end else "$")
    return Atom(field, "regex", pattern.encode(), cased=cased)


def _plain(field: Field, op: str, text: str, cased: bool) -> Atom:
    raw = text.encode()
    if field.name == "user_agent" or field.part in (Part.HEADER, Part.RESPONSE_HEADER):
        # RFC 9110 5.5: white space around a field value is no part of it, so what a rule asks for there is never seen.
        raw = {"equals": raw.strip(), "startswith": raw.lstrip(), "endswith": raw.rstrip()}.get(op, raw)
        bare = raw.strip()
        if bare and bare != raw:
            # A blank at an edge means the edge of a word: the value's own end is one, too.
            before = "^" if op in ("startswith", "equals") else "(?:^| )" if raw.startswith(b" ") else ""
            after = "$" if op in ("endswith", "equals") else "(?: |$)" if raw.endswith(b" ") else ""
            return Atom(field, "regex", f"{before}{_quoted(bare.decode())}{after}".encode(), cased=cased)
    return Atom(field, op, raw if cased else raw.lower(), cased=cased)


def _quoted(text: str) -> str:
    return "".join(c if c.isalnum() or c in " _" or ord(c) > 127 else f"\\x{ord(c):02x}" for c in text)


_STAR = object()
_ONE = object()


def _wildcards(text: str) -> list[object]:
    """The text's plain stretches and wildcards, backslashes resolved as Sigma does."""
    parts: list[object] = []
    plain = ""
    i = 0
    while i < len(text):
        char = text[i]
        if char == "\\" and i + 1 < len(text) and text[i + 1] in "*?\\":
            plain += text[i + 1]
            i += 2
            continue
        if char in "*?":
            if plain:
                parts.append(plain)
                plain = ""
            parts.append(_STAR if char == "*" else _ONE)
        else:
            plain += char
        i += 1
    if plain:
        parts.append(plain)
    return parts
