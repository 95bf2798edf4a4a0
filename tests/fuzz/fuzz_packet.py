"""Coverage-guided fuzzing of frame decoding. Run: python tests/fuzz/fuzz_packet.py [corpus folder] [-runs=N]  (needs atheris)

The input is a list of frames (link type, length on the wire, octets), so that fragments meet. Everything here runs interpreted: that is where
coverage shows; the compiled form is held to the same answers by the tests.
"""

from __future__ import annotations

import importlib.machinery
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

with atheris.instrument_imports(include=["parsers"]):
    from parsers.limits import Limits
    from parsers.packet import COMPILED, Decoder

assert not COMPILED

LINKS = [
    0,
    1,
    6,
    7,
    8,
    9,
    10,
    50,
    51,
    100,
    101,
    104,
    105,
    107,
    108,
    109,
    113,
    117,
    119,
    122,
    127,
    129,
    138,
    163,
    166,
    192,
    197,
    204,
    205,
]
LINKS += [206, 228, 229, 239, 240, 241, 274, 276]
LIMITS = Limits(fragments=4, fragment_bytes=4000)


def decode_frames(data: bytes) -> None:
    """Decode whatever frames the input makes; indices must lie within the buffer."""
    given = atheris.FuzzedDataProvider(data)
    it = Decoder(LIMITS, given.ConsumeBool())
    for ts in range(given.ConsumeIntInRange(1, 4)):
        link = LINKS[given.ConsumeIntInRange(0, len(LINKS) - 1)]
        more = given.ConsumeIntInRange(0, 64)
        frame = given.ConsumeBytes(given.ConsumeIntInRange(0, 400))
        found = it.decode(frame, 0, len(frame), len(frame) + more, link, ts)
        if found:
            size = len(frame) if found == 1 else len(it.assembled)
            assert 0 <= it.payload <= it.payload_end <= size, (it.payload, it.payload_end, size)
            assert it.payload_length >= 0
        assert it.fragments.held == sum(datagram.held for datagram in it.fragments.table.values())


if __name__ == "__main__":
    atheris.Setup(sys.argv, decode_frames)
    atheris.Fuzz()
