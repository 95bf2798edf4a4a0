"""Frames as a buffer and an index: what every capture source hands to the decoder.

A `FrameBlock` is one contiguous run of octets and, for every frame in it, where it lies, how long it was on the wire, when it was seen and
which link type it has. Nothing copies a frame to look at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class FrameBlock:
    """A block of captured frames: a buffer and one entry per frame in each of the index arrays, all of one length n."""

    data: Any
    """C-contiguous buffer of octets (mmap, bytes, numpy uint8); read only for everyone but its maker."""
    offset: npt.NDArray[np.int64]
    """(n,) where each frame starts in `data`; offset + captured never exceeds len(data)."""
    captured: npt.NDArray[np.int64]
    """(n,) octets of each frame that are in `data`."""
    length: npt.NDArray[np.int64]
    """(n,) octets of each frame on the wire (>= captured)."""
    ts: npt.NDArray[np.int64]
    """(n,) capture time, ns since the epoch."""
    link: npt.NDArray[np.int32]
    """(n,) link type of each frame (the LINKTYPE_ numbers of the pcap format, such as 1 for Ethernet)."""
    file: str
    """Name of the capture the frames come from, as given by the user ('-' for standard input)."""
    packet: npt.NDArray[np.int64]
    """(n,) number of each frame in its file, the first is 1 (as Wireshark counts)."""

    def __len__(self) -> int:
        return len(self.offset)
