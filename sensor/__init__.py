"""The sensor: runs `parsers` over captures, lets `rules` and `models` judge the calls, and speaks.

Read `sensor.pipeline` first: its body is the picture of the whole.

    capture -FrameBlock-> parsers -CallBatch-> catalogue, identity -> rules, models -Finding-> alerts -Alert-> sinks
                                        \\______________ columns ______________/-> call log

Imports run one way: `parsers` <- `rules`, `parsers` <- `models`, all three <- `sensor`; nothing imports `sensor`.
"""

from __future__ import annotations

__all__ = ["VERSION"]

VERSION = "0.1.0"
