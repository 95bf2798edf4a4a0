"""What the model costs beside the core, in one run: core, map and identity, self-training, scoring, in CPU time.

    python tests/bench/bench_model.py CAPTURE [CALLS]

The ratio of scoring to the core is what to compare between machines and days: both are measured batch by batch in turn, under the same load.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the program does

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import models  # noqa: E402
from models import judge  # noqa: E402
from parsers.engine import Engine  # noqa: E402
from sensor.capture import open_captures  # noqa: E402
from sensor.catalogue import Catalogue  # noqa: E402
from sensor.identity import Identity, with_columns  # noqa: E402
from sensor.masking import Masker  # noqa: E402
from sensor.pipeline import TAUGHT_BY  # noqa: E402


class Clock:
    """CPU time by part."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def of(self, part: str, question):  # type: ignore[no-untyped-def]
        began = time.process_time()
        answer = question()
        self.spent[part] = self.spent.get(part, 0.0) + time.process_time() - began
        return answer


def main() -> None:
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    most = int(sys.argv[2]) if len(sys.argv) > 2 else sys.maxsize
    clock, engine, catalogue, identity = Clock(), Engine(), Catalogue(), Identity(Masker(bytes(32)))
    waiting, model, calls, scored, found = [], None, 0, 0, 0

    def judged(batch):  # type: ignore[no-untyped-def]
        nonlocal scored, found
        scored += batch.num_rows
        found += len(clock.of("model", lambda: model.observe(batch))[2])

    def taken(batch):  # type: ignore[no-untyped-def]
        catalogue.observe(batch)
        template, operation = catalogue.label(batch)
        principal, kind = identity.observe(batch)
        return with_columns(batch, {"template": template, "operation": operation, "principal": principal, "principal_kind": kind})

    with open_captures([sys.argv[1]]) as source:
        for block in source:
            for plain in clock.of("core", lambda block=block: engine.feed(block)):
                calls += plain.num_rows
                batch = clock.of("map and identity", lambda plain=plain: taken(plain))
                if model is not None:
                    judged(batch)
                    continue
                waiting.append(batch)
                if sum(one.num_rows for one in waiting) >= TAUGHT_BY:
                    model = clock.of("self-training", lambda: models.self_train(waiting))
                    for one in waiting:
                        judged(one)
            if calls >= most:
                break
    if model is None:
        raise SystemExit(f"{calls} calls are fewer than the {TAUGHT_BY} that teach")
    spent = clock.spent
    for part, seconds in spent.items():
        number = scored if part == "model" else calls
        print(f"{part:>17} {seconds:7.2f} s CPU {'' if part == 'self-training' else f'{1e9 * seconds / number:6.0f} ns a call'}")
    ratio = (spent["model"] / scored) / (spent["core"] / calls)
    print(f"{calls:,} calls; {found} findings; the model costs {ratio:.2f} of the core{'' if judge.COMPILED else ' (interpreted)'}")


if __name__ == "__main__":
    main()
