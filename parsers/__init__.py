"""Octets in, API calls out: frames are decoded, TCP is put together again, HTTP is read, requests and responses are paired, calls become columns.

What is public is here; it is imported when it is first used, so that naming a limit costs no more than that.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["CALL_SCHEMA", "WEIRDS", "Engine", "FrameBlock", "Limits"]

_WHERE = {
    "CALL_SCHEMA": "parsers.schema",
    "WEIRDS": "parsers.weird",
    "Engine": "parsers.engine",
    "FrameBlock": "parsers.frames",
    "Limits": "parsers.limits",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'parsers' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)
