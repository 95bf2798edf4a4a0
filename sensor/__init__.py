"""The sensor: runs `parsers` over captures, lets `rules` and `models` judge the calls, and speaks.

Read `sensor.pipeline` first: its body is the picture of the whole.

    capture -FrameBlock-> parsers -CallBatch-> catalogue, identity -> rules, models -Finding-> alerts -Alert-> sinks
                                        \\______________ columns ______________/-> call log

Imports run one way: `parsers` <- `rules`, `parsers` <- `models`, all three <- `sensor`; nothing imports `sensor`.
"""

from __future__ import annotations

import os

__all__ = ["VERSION"]

# numpy's linear algebra starts a thread for every processor as it is imported, and each spins a while. Nothing here multiplies matrices with it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

VERSION = "0.1.0"
