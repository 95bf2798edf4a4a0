"""Coverage-guided fuzzing of the frame index. Run: python tests/fuzz/fuzz_frames.py [corpus folder] [-runs=N]  (needs atheris)

Whatever the octets are: nothing is raised, no frame reaches outside the buffer, numbers grow, and reading in small windows and short runs
gives the frames that reading at once gives. It runs interpreted, where coverage shows; tests hold the compiled form to the same answers.
"""

from __future__ import annotations

import importlib.machinery
import itertools
import sys
from pathlib import Path

import atheris

FINDER = importlib.machinery.FileFinder.path_hook(
    (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES)
)


def sources_only(folder: str) -> object:
    """Finds the interpreted form of our parsers, whatever stands compiled beside it."""
    if Path(folder).name != "parsers":
        raise ImportError
    return FINDER(folder)


sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path_hooks.insert(0, sources_only)

with atheris.instrument_imports(include=["parsers.frames"]):
    from parsers.frames import COMPILED, PcapIndex, PcapngIndex, kind_of

assert not COMPILED

Row = tuple[int, int, int, int, int]


def rows_of(data: bytes, window: int, room: int) -> tuple[list[Row], str]:
    """Every frame as (offset, captured, time, link, number), and the damage."""
    index = PcapIndex(data[:24]) if kind_of(data) == "pcap" else PcapngIndex()
    at = index.first
    rows: list[Row] = []
    while at <= len(data):
        end = min(len(data), at + max(window, index.need))
        stop = index.index(data, at, end, room)
        assert at <= stop <= end
        made = index.block(data, "")
        for i in range(len(made)):
            offset, captured = int(made.offset[i]), int(made.captured[i])
            assert 0 <= offset and 0 <= captured <= made.length[i] and offset + captured <= stop  # noqa: SIM300
            rows.append((offset, captured, int(made.ts[i]), int(made.link[i]), int(made.packet[i])))
        at = stop
        if index.damage or (index.need and end == len(data)):
            break
    assert all(a[4] < b[4] and a[0] < b[0] for a, b in itertools.pairwise(rows))
    return rows, index.damage


def one(data: bytes) -> None:
    """One input of the fuzzer."""
    if kind_of(data) == "pcap":
        try:
            PcapIndex(data[:24])
        except ValueError:
            return
    assert rows_of(data, 1 << 30, 1 << 12) == rows_of(data, 13, 3)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
