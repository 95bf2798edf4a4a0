"""Events made for a rule: a call on which its condition holds, worked out from the condition itself."""

from __future__ import annotations

import re
import warnings
from typing import Any

from rules.sigma import Rule
from rules.sigma.condition import And, Expression, Is, Not
from rules.sigma.fields import Kind, Part
from rules.sigma.modifiers import Atom

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sre_parse


def event_for(rule: Rule) -> dict[str, Any]:
    """The parts of a call that make the rule's condition true."""
    assert rule.expression is not None
    event: dict[str, Any] = {
        "method": "GET", "host": "host.example", "target": [], "start": "", "end": "", "headers": {}, "status": 200, "agent": "agent/1.0",
        "body": "", "query": [], "client": "192.0.2.1", "server": "203.0.113.10",
    }  # fmt: skip
    for atom, wanted in choices(rule.expression, rule.atoms, True):
        apply(event, atom, wanted)
    return event


def choices(expression: Expression, atoms: tuple[Atom, ...], wanted: bool) -> list[tuple[Atom, bool]]:
    """Which atoms to make true or false: all parts of an And, the first of an Or."""
    if isinstance(expression, Is):
        return [(atoms[expression.atom], wanted)]
    if isinstance(expression, Not):
        return choices(expression.part, atoms, not wanted)
    every = isinstance(expression, And) == wanted
    if every:
        return [choice for part in expression.parts for choice in choices(part, atoms, wanted)]
    return choices(expression.parts[0], atoms, wanted)


def apply(event: dict[str, Any], atom: Atom, wanted: bool) -> None:
    """Put one comparison into the event; what need not hold is left out of it."""
    field = atom.field
    if not wanted:
        if field.name == "target" and atom.op == "exists":
            event["asked"] = True
        if field.name == "header.referer" and atom.op == "exists":
            event["headers"]["referer"] = "http://elsewhere.example/"
        return
    text = sample(atom.text.decode(), event) if atom.op == "regex" else atom.text.decode("utf-8", "surrogateescape")
    if atom.op == "exists":
        if not atom.number and field.name == "user_agent":
            event["agent"] = None
        elif not atom.number and field.name == "header.referer":
            event["headers"].pop("referer", None)
        return
    if field.kind is Kind.NUMBER:
        event[field.name] = int(atom.number) if atom.op == "eq" else int(atom.text or 200)
    elif field.kind is Kind.ADDRESS:
        event["server" if field.name == "server_ip" else "client"] = text.split("/")[0].rsplit(".", 1)[0] + ".9"
    elif field.name == "method":
        event["method"] = text.upper()
    elif field.name == "host":
        event["host"] = {"endswith": "host" + text, "startswith": text + "x.example"}.get(atom.op, text)
    elif field.name == "user_agent":
        event["agent"] = text
    elif field.name == "cookie":
        event["headers"]["cookie"] = text
    elif field.name == "user":
        event["user"] = {"endswith": "name" + text}.get(atom.op, text)
    elif field.part is Part.HEADER:
        event["headers"][field.detail] = text
    elif field.name == "extension":
        event["end"] = "/file." + text
    elif field.name == "query":
        event["query"].append(text)
    elif field.part in (Part.URL, Part.ANYWHERE):
        url = re.match(r"(?:https?)?://([^/?]*)(.*)", text)
        if field.name == "url" and url:
            event["host"], text = url.group(1) or event["host"], url.group(2)
        elif field.name == "url" and re.match(r"[\w.-]+\.[a-z]{2,6}(?:/|$)", text) and not text.startswith("/"):
            event["host"], _, rest = text.partition("/")
            text = "/" + rest
        if atom.op == "startswith" and field.name == "target" and not text.startswith("/"):
            event["query"].insert(0, text)
        elif atom.op == "startswith":
            event["start"] = text
        elif atom.op == "endswith":
            event["end"] = text
        elif atom.op == "equals":
            event["target"] = [text]
            event["whole"] = True
        elif event.get("whole") and field.name == "target" and not text.startswith("/"):
            event["query"].append(text)
        elif field.part is Part.ANYWHERE and text in ("POST", "GET", "post", "get"):
            event["method"] = text.upper()
        elif text not in event["target"]:
            event["target"].append(text)


def request_of(event: dict[str, Any]) -> str:
    """The event as a raw request."""
    target = event["start"] + "".join(event["target"]) + event["end"]
    if event["query"]:
        target += ("&" if "?" in target else "?") + "&".join(event["query"])
    elif event.get("asked") and "?" not in target:
        target += "?x=1"
    target = target.replace(" ", "%20")
    if not target.startswith("/"):
        target = "/" + target if not target.startswith("?") else "/x" + target
    headers = dict(event["headers"])
    if event["agent"] is not None:
        headers["user-agent"] = event["agent"]
    if event.get("user") and event["user"] != "anonymous":
        import base64

        headers["authorization"] = "Basic " + base64.b64encode(f"{event['user']}:x".encode()).decode()
    lines = [f"{event['method']} {target} HTTP/1.1", f"host: {event['host']}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\n".join(lines) + "\n\n"


def sample(pattern: str, _event: dict[str, Any]) -> str:
    """A text that a simple pattern matches."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _walk(sre_parse.parse(pattern))


def _walk(tree: Any) -> str:
    out = ""
    for op, value in tree:
        name = str(op)
        if name == "LITERAL":
            out += chr(value)
        elif name in ("ANY", "NOT_LITERAL"):
            out += "a"
        elif name == "IN":
            kind, detail = value[0]
            if str(kind) == "RANGE":
                out += chr(detail[0])
            elif str(kind) == "LITERAL":
                out += chr(detail)
            else:
                out += {"CATEGORY_DIGIT": "7", "CATEGORY_SPACE": " "}.get(str(detail), "a")
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            out += _walk(value[2]) * max(value[0], 1)
        elif name == "SUBPATTERN":
            out += _walk(value[3])
        elif name == "BRANCH":
            out += _walk(value[1][0])
    return out
