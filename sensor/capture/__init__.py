"""Captures as frames: files, compressed files, directories and pipes become one stream of `FrameBlock`s in time order.

    with open_captures(["morning/", "noon.pcapng.zst"]) as source:
        for block in source:
            ...
    source.stats.warnings

What is opened here is told by its first octets, never by its name. A file that is damaged gives every frame before the damage, one warning and
a counter; a file that is no capture is refused with a sentence (`NotACapture`), before the first frame is handed out.

`formats` knows first octets, `decompress` the codings around a capture, `reading` turns one capture into blocks, `merge` puts many in time
order, `source` is what the caller holds. `SOURCES` names the kinds of source there are; a kind is a callable that returns an iterator of
`FrameBlock` with `.stats`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sensor.capture.formats import CaptureError, NotACapture
from sensor.capture.reading import CaptureStats, CaptureWarning, Secret
from sensor.capture.source import CaptureSource, identity, open_captures

__all__ = [
    "SOURCES",
    "CaptureError",
    "CaptureSource",
    "CaptureStats",
    "CaptureWarning",
    "NotACapture",
    "Secret",
    "identity",
    "open_captures",
]

SOURCES: dict[str, Callable[..., Any]] = {"file": open_captures}
"""Kinds of capture source by name."""
