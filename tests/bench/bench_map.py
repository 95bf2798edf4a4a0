"""What the endpoint map costs beside the decoding core: CPU of the core alone, with the map, and of the map's schemas, in one run over one capture.

    python tests/bench/bench_map.py CAPTURE [rounds]

Every figure is the least CPU time (user and system) of the rounds. "schemas" is what the map spends on schemas, data classes and authentication
(`Learner.observe`), told by a clock around it; `attach` is what giving them to the endpoints costs at the end.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from parsers.engine import Engine
from sensor.capture import open_captures
from sensor.catalogue import Catalogue, learning, schema, structure


def replay(name: str, catalogue: Catalogue | None) -> tuple[float, int]:
    """(CPU seconds, calls) of a replay up to the map."""
    engine, calls = Engine(), 0
    begun = time.process_time()

    def take(batch: Any) -> int:
        if catalogue is not None:
            catalogue.observe(batch)
            catalogue.label(batch)
        return int(batch.num_rows)

    with open_captures([name]) as source:
        for block in source:
            for batch in engine.feed(block):
                calls += take(batch)
    for batch in engine.finish():
        calls += take(batch)
    return time.process_time() - begun, calls


class Clocked(learning.Learner):
    """A learner with a clock around it."""

    spent = 0.0

    def observe(self, *columns: Any) -> None:
        begun = time.process_time()
        super().observe(*columns)
        self.spent += time.process_time() - begun


def main() -> None:
    name, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    if not (structure.COMPILED and schema.COMPILED):
        print("the map runs interpreted here: these figures are not those of an installation")
    core, mapped, learned, given = [], [], [], []
    for _ in range(rounds):
        spent, calls = replay(name, None)
        core.append(spent)
        catalogue = Catalogue()
        learner = catalogue._learner = Clocked(catalogue._k0, catalogue._k1)
        spent, _ = replay(name, catalogue)
        mapped.append(spent)
        learned.append(learner.spent)
        catalogue.finish()
        begun = time.process_time()
        endpoints = catalogue.endpoints()
        given.append(time.process_time() - begun)
    least, whole, schemas = min(core), min(mapped), min(learned)
    parsed = sum(body.parsed for one in endpoints for body in (one.schema.request, *one.schema.responses.values()))
    looked = sum(body.looked for one in endpoints for body in (one.schema.request, *one.schema.responses.values()))
    bodies = sum(body.seen for one in endpoints for body in (one.schema.request, *one.schema.responses.values()))
    print(f"{calls:,} calls, {len(endpoints)} endpoints; of {bodies:,} bodies {looked:,} looked at, {parsed:,} read")
    print(f"core      {least:7.2f} s  {least / calls * 1e6:6.2f} us a call")
    print(f"with map  {whole:7.2f} s  {whole / calls * 1e6:6.2f} us a call: the map is {(whole - least) / whole:.1%} of it, {(whole - least) / calls * 1e6:.2f} us a call")
    print(f"schemas   {schemas:7.2f} s  {schemas / calls * 1e6:6.2f} us a call: {schemas / whole:.1%} of the whole; attach {min(given):.3f} s")
    print(catalogue.counters())


if __name__ == "__main__":
    main()
