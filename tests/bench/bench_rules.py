"""What the rules cost beside the core, in one run. Run: python tests/bench/bench_rules.py CAPTURE [CALLS]

Batches go through the engine, then through the built-in rules, as in a replay; times are of the processor. The ratio is what to compare between machines and
days: a busy machine slows both.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack

import rules
from parsers.engine import Engine
from sensor.capture import open_captures
from sensor.identity import Identity
from sensor.masking import Masker
from sensor.pipeline import with_columns


def main(capture: str, most: int) -> None:
    """Read a capture until so many calls were judged."""
    now = time.process_time
    began = now()
    judges = rules.load()
    loading = now() - began
    core = judging = first = 0.0
    calls = found = 0
    identity = Identity(Masker(b"k" * 32))
    with ExitStack() as stack:
        blocks = iter(stack.enter_context(open_captures([capture])))
        engine = Engine()
        while calls < most:
            began = now()
            block = next(blocks, None)
            batches = list(engine.finish() if block is None else engine.feed(block))
            core += now() - began
            for batch in batches:
                principal, kind = identity.observe(batch)
                known = with_columns(batch, {"principal": principal, "principal_kind": kind})
                began = now()
                found += len(judges.observe(known))
                spent = now() - began
                # The first batch brings the patterns in.
                first, judging = (spent, judging) if not calls else (first, judging + spent)
                calls += batch.num_rows
            if block is None:
                break
    print(f"{calls:,} calls, {found:,} findings; loading {loading:.3f} s, first batch {first:.3f} s")
    print(f"core {core / calls * 1e6:.2f} us a call, rules {judging / calls * 1e6:.2f} us a call: rules / core {judging / core:.2f}, with the start {(loading + first + judging) / core:.2f}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000_000)
