"""Names of files as text that anything can hold (JSON, Parquet, a syslog line), and back.

A file's name is octets. Those that are no UTF-8 come out as `\\xNN`; a backslash that would read as the beginning of one comes out as `\\x5c`, so that
every name has one text and every text one name, whatever the locale is.
"""

from __future__ import annotations

import os
import re
from argparse import ArgumentTypeError

_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")


def name_of(path: str | os.PathLike[str]) -> str:
    """The text of a file's name.

    >>> name_of("caf\\udce9.pcap")
    'caf\\\\xe9.pcap'
    """
    return _ESCAPE.sub(rb"\\x5cx\1", os.fsencode(path)).decode("utf-8", "backslashreplace")


def path_of(text: str) -> str:
    """The file's name that is shown so."""
    return os.fsdecode(_ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), text.encode("utf-8", "surrogateescape")))


def seconds(word: str) -> float:
    """A `type` for argparse: a time of more than nothing, and less than a day."""
    try:
        found = float(word)
    except ValueError:
        found = 0.0
    if not 0 < found <= 86_400:
        raise ArgumentTypeError(f"{name_of(word)} is no number of seconds from more than 0 to 86400")
    return found


def count(word: str) -> int:
    """A `type` for argparse: a whole number from 1 on."""
    if not (word.isascii() and word.isdigit() and len(word) <= 18 and int(word)):
        raise ArgumentTypeError(f"{name_of(word)} is no whole number from 1 on")
    return int(word)


def text(word: str) -> str:
    """An argument that is no file's name, as the text it is in UTF-8, whatever the locale is: a `type` for argparse."""
    try:
        return os.fsencode(word).decode("utf-8")
    except UnicodeDecodeError as fault:
        raise ArgumentTypeError(f"{name_of(word)} is no text in UTF-8") from fault
