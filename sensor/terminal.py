"""What a person reads on a terminal: tables, alerts, progress, all of it safe against hostile text.

Everything that comes from the network goes through `printable` before it is printed: control characters, terminal escapes, and the characters
that reorder text (bidirectional overrides) or hide in it are shown as what they are. `rich` draws the tables and is imported only for that.
"""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
import time
from collections.abc import Iterable, Sequence
from typing import IO, Any

# C0 and C1 controls, DEL, line and paragraph separators, bidirectional marks and overrides, zero-width characters, the byte-order mark,
# variation selectors, tag characters, lone surrogates, private use: nothing of it is text a person can check by looking.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f\u205f-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\ud800-\udfff\ue000-\uf8ff\U000e0000-\U0010ffff]"
)


SHOWN = "api-sensor-shown"
"""The name by which `escaped` is registered with the codecs."""
_PLAIN = {"\u00d7": "x", "\u2026": "~"}
"""What we ourselves write beyond ASCII, a character each."""


_UNSEEN_BEYOND_ASCII = re.compile("(?=[^\x00-\x7e])(?![\ud800-\udc7f\udca0-\udfff])" + _UNSEEN.pattern)


def unseen_escaped(text: str) -> str:
    """What a terminal is given at last, our own control sequences in it: every other character that is no visible text as JSON writes it, so that JSON stays
    what it is. Octets that are no UTF-8 pass (the terminal may have another encoding), but for C1 controls."""

    def escape(match: re.Match[str]) -> str:
        code = ord(match[0])
        if code > 0xFFFF:
            return "".join(f"\\u{unit:04x}" for unit in (0xD7C0 + (code >> 10), 0xDC00 + (code & 0x3FF)))
        return f"\\u{code - 0xDC00 if code >= 0xDC80 and code < 0xDCA0 else code:04x}"

    return _UNSEEN_BEYOND_ASCII.sub(escape, text)


def _shown(match: re.Match[str]) -> str:
    return _escape(ord(match[0]))


def _escape(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def escaped(fault: UnicodeError) -> tuple[str, int]:
    """A codec's error handler: what an encoding lacks, as an escape."""
    if not isinstance(fault, UnicodeEncodeError):
        raise fault
    return "".join(_PLAIN.get(one) or _octet_or(one) for one in fault.object[fault.start : fault.end]), fault.end


def _octet_or(one: str) -> str:
    """An octet of a file's name that is no text as that octet, any other character by its number."""
    return _escape(ord(one) - 0xDC00 if "\udc80" <= one <= "\udcff" else ord(one))


def sentence(text: str) -> str:
    """`printable` for a sentence of ours: names of files in it are readable where they are no text."""
    return printable(re.sub("[\udc80-\udcff]", lambda match: _octet_or(match[0]), text))


def printable(text: str) -> str:
    """`text` on one line, with every character that is no visible text shown as an escape.

    >>> printable("GET /\\x1b[2J\\n")
    'GET /\\\\x1b[2J\\\\x0a'
    """
    return text if text.isascii() and text.isprintable() else _UNSEEN.sub(_shown, text)


def json_visible(octets: bytes) -> bytes:
    """The same JSON with every character that is no visible text as an escape of JSON's own: it means what it did, and does nothing to a terminal."""
    return octets if octets.isascii() and b"\x7f" not in octets else _UNSEEN.sub(_escaped, octets.decode()).encode()


def _escaped(match: re.Match[str]) -> str:
    if match[0] < " ":
        return match[0]  # of the document's own layout: inside a text these are escaped already
    octets = match[0].encode("utf-16-be")
    return "".join(f"\\u{octets[at]:02x}{octets[at + 1]:02x}" for at in range(0, len(octets), 2))


def clipped(text: str, width: int) -> str:
    """`printable(text)`, cut to `width` characters with an ellipsis where it is longer."""
    text = printable(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def when(ts: int) -> str:
    """A packet time (ns since the epoch) as UTC, to the second: `2024-05-01 12:00:00`."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(ts // 1_000_000_000))
    except (OverflowError, ValueError, OSError):
        return f"{ts} ns"


def count(n: int) -> str:
    """1277778 as 1,277,778."""
    return f"{n:,}"


NARROW = 60
"""Columns of a terminal below which a table has none."""


def table(title: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]], out: IO[str], width: int | None = None) -> None:
    """Print a table: `columns` are (heading, 'left' or 'right'). Cells are escaped here; `width` is the terminal's where it is not given.

    On a pipe nothing is cut: the table is as wide as what stands in it.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=Text(printable(title)), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, side in columns:
        drawn.add_column(heading, justify="right" if side == "right" else "left", overflow="fold", no_wrap=side == "right")
    cells = [[_held(printable(cell), out) for cell in row] for row in rows]
    for row in cells:
        drawn.add_row(*(Text(cell) for cell in row))
    if width is None and out.isatty() and (have := shutil.get_terminal_size().columns) < NARROW:
        _records(title, columns, cells, out, max(have, 16))
        return
    if width is None and not out.isatty():
        widest = [max((len(row[i]) for row in cells), default=0) for i in range(len(columns))]
        width = max(80, sum(max(w, len(h)) + 2 for w, (h, _) in zip(widest, columns, strict=True)) + 2)
    console = Console(file=out, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)
    console.print(drawn)


def _held(text: str, out: IO[str]) -> str:
    """`text` as `out` will show it, so that columns stay in line: what its encoding lacks is an escape already."""
    encoding, errors = getattr(out, "encoding", None), getattr(out, "errors", None)
    return text if errors != SHOWN or text.isascii() else text.encode(encoding or "utf-8", SHOWN).decode(encoding or "utf-8")


def _records(title: str, columns: Sequence[tuple[str, str]], cells: list[list[str]], out: IO[str], width: int) -> None:
    """The rows one below the other, where there is no room for columns: the longest text of a row first, what else is said of it indented."""
    first = max(range(len(columns)), key=lambda i: sum(len(row[i]) for row in cells), default=0)
    print("\n".join([*textwrap.wrap(printable(title), width), ""]), file=out)
    for row in cells:
        rest = ", ".join(f"{heading} {cell}" for i, ((heading, _), cell) in enumerate(zip(columns, row, strict=True)) if i != first and cell)
        print("\n".join([*textwrap.wrap(row[first], width), *textwrap.wrap(rest, width, initial_indent="  ", subsequent_indent="  ")]), file=out)
    print(file=out)


class Progress:
    """A line on standard error that says how far a long job is; silent where standard error is no terminal, or the job is short."""

    def __init__(self, quiet: bool, out: IO[str] | None = None, every_s: float = 0.2) -> None:
        self._out = sys.stderr if out is None else out
        self._on = not quiet and self._out.isatty()
        self._every_s = every_s
        self._next = time.monotonic() + 1.0 if self._on else float("inf")
        self._shown = False

    def show(self, **figures: Any) -> None:
        """Print the figures if it is time to: `show(packets=1000, calls=10)`."""
        if not self._on or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._every_s
        self._shown = True
        line = ", ".join(f"{value:,} {name}" if isinstance(value, int) else f"{name} {value}" for name, value in figures.items())
        self._out.write(f"\r\x1b[K{printable(line)}")
        self._out.flush()

    def close(self) -> None:
        """Wipe the line."""
        if self._shown:
            self._out.write("\r\x1b[K")
            self._out.flush()
            self._shown = False
