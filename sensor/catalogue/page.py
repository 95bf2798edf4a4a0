"""The map as a page: one HTML file that needs nothing from anywhere, and as a tree for the terminal.

Everything that comes from the network is escaped, and characters that hide or reorder text are shown as what they are. The page may run nothing but the
one script it carries (its policy names that script's hash), and load nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from html import escape
from typing import IO, Any

from sensor.catalogue import drift
from sensor.catalogue.catalogue import Endpoint
from sensor.terminal import printable, when

_STYLE = """
:root{color-scheme:light dark;--line:#d4d7dd;--soft:#667085;--card:#f7f8fa;--bad:#b42318;--warn:#b54708;--good:#067647;--mark:#175cd3}
@media(prefers-color-scheme:dark){:root{--line:#373c46;--soft:#98a2b3;--card:#1d2027;--bad:#f97066;--warn:#fdb022;--good:#47cd89;--mark:#84adff}}
body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem}h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}
p.sum{color:var(--soft);margin:.25rem 0 1rem}input{font:inherit;width:100%;padding:.5rem .75rem;border:1px solid var(--line);border-radius:.5rem;box-sizing:border-box}
details{border:1px solid var(--line);border-radius:.5rem;margin:.35rem 0}summary{cursor:pointer;padding:.5rem .75rem;display:flex;gap:.75rem;align-items:baseline;flex-wrap:wrap}
summary code{flex:1;min-width:16rem;overflow-wrap:anywhere}.in{padding:.25rem .9rem .9rem;background:var(--card)}.m{font-weight:600;min-width:4.2rem;color:var(--mark)}
.n{color:var(--soft);font-variant-numeric:tabular-nums}.b{border:1px solid currentColor;border-radius:1rem;padding:0 .6rem;font-size:.8rem}.shadow,.high{color:var(--bad)}
.zombie,.data{color:var(--warn)}.declared{color:var(--good)}table{border-collapse:collapse;width:100%;margin:.5rem 0;font-size:.9rem}th,td{text-align:left;padding:.25rem .6rem .25rem 0;
border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}th{color:var(--soft);font-weight:500}code{font:.9em ui-monospace,monospace}ul{margin:.3rem 0;padding-left:1.2rem}
"""
_SCRIPT = """
const box=document.getElementById('find');box.hidden=false;box.addEventListener('input',()=>{const w=box.value.toLowerCase();
for(const d of document.querySelectorAll('details'))d.hidden=!d.dataset.name.includes(w);
for(const s of document.querySelectorAll('section'))s.hidden=!s.querySelector('details:not([hidden])')});
"""
SHOWN = 20_000
"""Endpoints on one page."""
FIELDS_SHOWN = 200


def html(endpoints: Iterable[Endpoint], mask: Callable[[str], str] = str, probed: int = 0) -> str:
    """The page. `mask`: what text of the traffic goes through; `probed`: how many paths were asked for and are no endpoint."""

    def text(value: object) -> str:
        return escape(printable(mask(str(value))))

    found = list(endpoints)
    hosts: dict[str, list[Endpoint]] = {}
    for one in found[:SHOWN]:
        hosts.setdefault(one.host, []).append(one)
    counts = {kind: sum(one.declared == kind for one in found) for kind in ("declared", "shadow", "zombie")}
    told = [f"{len(found):,} endpoints of {len(hosts):,} hosts", f"{sum(one.calls for one in found):,} calls"]
    told += [f"{n:,} {kind}" for kind, n in counts.items() if n]
    told += [f"{probed:,} paths probed"] if probed else []
    if len(found) > SHOWN:
        told.append(f"the first {SHOWN:,} are shown")
    digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'\">",
        f"<title>Endpoint map</title><style>{_STYLE}</style></head><body><h1>Endpoint map</h1><p class=sum>{' · '.join(told)}</p>",
        "<input id=find type=search placeholder='Filter: method, host, path, shadow, email …' aria-label=Filter hidden>",
    ]
    for host, many in hosts.items():
        parts.append(f"<section><h2>{text(host)}</h2>")
        parts += [_endpoint(one, text) for one in many]
        parts.append("</section>")
    parts.append(f"<script>{_SCRIPT}</script></body></html>\n")
    return "".join(parts)


def _endpoint(one: Endpoint, text: Callable[[object], str]) -> str:
    classes = sorted({data.name for data in one.data_classes})
    kind = one.authentication.kind
    words = " ".join([one.name, one.declared, kind, *classes]).lower()
    badges = [f"<span class='b {one.declared}'>{text(one.declared)}</span>"] if one.declared else []
    badges += [f"<span class='b data'>{text(name)}</span>" for name in classes[:6]]
    if kind not in ("unknown", ""):
        badges.append(f"<span class='b{' high' if kind in ('none', 'mixed') else ''}'>auth: {text(kind)}</span>")
    statuses = " ".join(f"{status or 'none'}×{calls:,}" for status, calls in sorted(one.statuses.items()))  # noqa: RUF001
    rows = [
        ("calls", f"{one.calls:,} from {'' if one.callers_counted else 'about '}{one.callers:,} callers"),
        ("statuses", statuses),
        ("seen", f"{when(one.first_seen)} to {when(one.last_seen)} UTC"),
        ("confidence", f"{one.confidence:.2f}"),
        ("declared in", one.declared_in),
        ("operations", ", ".join(sorted(one.operations)[:50])),
        ("authentication", ", ".join(f"{name} {calls:,}" for name, calls in sorted(one.authentication.schemes.items()))),
        ("weaknesses", ", ".join(sorted(one.authentication.weaknesses))),
    ]
    inside = ["<table>", *(f"<tr><th>{name}</th><td>{text(value)}</td></tr>" for name, value in rows if value), "</table>"]
    for title, lines in (("Why this template", one.evidence), ("Differs from its description", one.drift)):
        if lines:
            inside.append(f"<b>{title}</b><ul>{''.join(f'<li>{text(line)}</li>' for line in lines[:50])}</ul>")
    if one.parameters:
        cells = (f"<tr><td><code>{{{text(name)}}}</code></td><td>{text(about.get('values') or '')}</td><td>{text(', '.join(map(str, about.get('examples', []))))}</td></tr>" for name, about in one.parameters.items())
        inside.append(f"<table><tr><th>path parameter</th><th>values</th><th>examples</th></tr>{''.join(cells)}</table>")
    fields = drift.seen(one).fields
    if fields:
        data = {each.field: each.name for each in one.data_classes}
        cells = (f"<tr><td><code>{text(where)}</code></td><td>{text(' or '.join(sorted(types)))}</td><td class=data>{text(data.get(where, ''))}</td></tr>" for where, types in sorted(fields.items())[:FIELDS_SHOWN])
        inside.append(f"<table><tr><th>field</th><th>type</th><th>data class</th></tr>{''.join(cells)}</table>")
    return (
        f"<details data-name=\"{text(words)}\"><summary><span class=m>{text(one.method)}</span><code>{text(one.template)}</code>{''.join(badges)}"
        f"<span class=n>{one.calls:,}</span></summary><div class=in>{''.join(inside)}</div></details>"
    )


def tree(endpoints: Iterable[Endpoint], out: IO[str], mask: Callable[[str], str] = str) -> None:
    """Print the map as a tree of hosts and segments, methods at their ends."""
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    root: dict[str, Any] = {}
    for one in endpoints:
        place = root.setdefault(one.host, {})
        for part in one.template.strip("/").split("/"):
            place = place.setdefault("/" + part, {})
        place.setdefault("", []).append(one)

    def shown(one: Endpoint) -> str:
        marks = [one.declared] if one.declared else []
        marks += [one.authentication.kind] if one.authentication.kind in ("none", "mixed") else []
        marks += sorted({data.name for data in one.data_classes})[:4]
        return f"{one.method} {one.calls:,} calls" + (f" [{', '.join(marks)}]" if marks else "")

    def grow(drawn: Tree, place: dict[str, Any]) -> None:
        for label in sorted(name for name in place if name):
            below = place[label]
            whole = label
            while not below.get("") and len(below) == 1:  # a segment that leads to one other only stands with it on one line
                (more,) = below
                whole, below = whole + more, below[more]
            methods = "  ".join(shown(one) for one in below.get("", []))
            grow(drawn.add(Text(printable(mask(whole) + (f"   {methods}" if methods else "")))), below)

    console = Console(file=out, highlight=False, markup=False, emoji=False, width=None if out.isatty() else 200)
    for host, place in sorted(root.items()):
        drawn = Tree(Text(printable(mask(host))))
        grow(drawn, place)
        console.print(drawn)
