"""Coverage-guided fuzzing of content decoding. Run: python tests/fuzz/fuzz_body.py [corpus folder] [-runs=N]  (needs atheris)"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

with atheris.instrument_imports(include=["parsers.body"]):
    from parsers.body import UNDO, decode

NAMES = [*UNDO, "rot13", ""]
BUDGET = 4096


def decode_body(data: bytes) -> None:
    """Any octets under any codings: an answer within the budget."""
    given = atheris.FuzzedDataProvider(data)
    if given.ConsumeBool():
        encodings = ",".join(
            NAMES[given.ConsumeIntInRange(0, len(NAMES) - 1)] for _ in range(given.ConsumeIntInRange(0, 4))
        )
    else:
        encodings = given.ConsumeUnicodeNoSurrogates(60)
    body = given.ConsumeBytes(2000)
    octets, weird = decode(body, encodings, BUDGET, 100, given.ConsumeBool())
    assert len(octets) <= max(BUDGET, len(body))
    assert weird in {
        None,
        "content_coding_absent",
        "content_coding_broken",
        "content_coding_unknown",
        "decompression_bomb",
    }


if __name__ == "__main__":
    atheris.Setup(sys.argv, decode_body)
    atheris.Fuzz()
