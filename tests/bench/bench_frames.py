"""What the frame index costs. Run: python tests/bench/bench_frames.py [CAPTURE]

Without a capture it makes one of a million frames of 800 octets. Shown: the index alone on mapped pages, and everything that
`open_captures` does (mapping, index, blocks, statistics), in ns of processor time a frame.
"""

from __future__ import annotations

import mmap
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from parsers.frames import COMPILED, PcapIndex, kind_of
from sensor.capture import open_captures


def made(path: Path, frames: int = 1_000_000, size: int = 800) -> None:
    """A pcap of equal frames."""
    record = np.zeros(
        frames, np.dtype([("s", "<u4"), ("us", "<u4"), ("c", "<u4"), ("l", "<u4"), ("frame", f"V{size}")])
    )
    record["s"] = np.arange(frames) // 1000
    record["us"] = np.arange(frames) % 1000
    record["c"] = record["l"] = size
    header = np.array([0xA1B2C3D4, 2 | 4 << 16, 0, 0, 65535, 1], "<u4")
    with path.open("wb") as file:
        file.write(header.tobytes())
        record.tofile(file)


def index_alone(path: Path) -> tuple[int, float]:
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if kind_of(data[:8]) != "pcap":
        return 0, 0.0
    best, frames = 1e9, 0
    for _ in range(4):  # the first round maps the pages
        index, frames, began = PcapIndex(data[:24]), 0, time.process_time()
        at = index.first
        while True:
            stop = index.index(data, at, len(data), 32_768)
            frames += index.count
            if not index.count:
                break
            at = stop
        best = min(best, time.process_time() - began)
    return frames, best


def opened(path: Path) -> tuple[int, float]:
    best, frames = 1e9, 0
    for _ in range(3):
        began = time.process_time()
        with open_captures([path]) as source:
            for _block in source:
                pass
        frames = source.stats.frames
        best = min(best, time.process_time() - began)
    return frames, best


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "made.pcap"
        if len(sys.argv) < 2:
            made(path)
        print("compiled" if COMPILED else "interpreted")
        for what, measure in (("index alone", index_alone), ("open_captures", opened)):
            frames, seconds = measure(path)
            if frames:
                print(
                    f"{what}: {frames} frames, {seconds / frames * 1e9:.1f} ns a frame, {path.stat().st_size / seconds / 1e9:.1f} GB/s"
                )


if __name__ == "__main__":
    main()
