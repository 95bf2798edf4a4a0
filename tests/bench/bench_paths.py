"""A million distinct paths through the endpoint map: memory, CPU and what its limits dropped.

    python tests/bench/bench_paths.py [paths]

Three mixtures: values below a few hundred real routes (what a large API sees), random words (what a scanner sends, all of them answered 200), and
deep random paths, and those again answered 404 (what a scanner gets). Each runs in a process of its own, so that memory is its own.
"""

from __future__ import annotations

import multiprocessing
import random
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pyarrow as pa

from sensor.catalogue import Catalogue

BATCH = 8_192
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def values(noise: random.Random, n: int) -> str:
    route = noise.randrange(300)
    return f"/api/v{route % 3}/things{route}/{n}/part/{noise.getrandbits(64):016x}"


def words(noise: random.Random, n: int) -> str:
    return "/" + "".join(noise.choices(LETTERS, k=14)) + f"/{LETTERS[n % 26]}"


def deep(noise: random.Random, _n: int) -> str:
    return "/" + "/".join("".join(noise.choices(LETTERS, k=6)) for _ in range(noise.randrange(1, 12)))


def run(name: str, paths: int) -> None:
    noise, make = random.Random(1), {"values": values, "words": words, "deep": deep, "probed": deep}[name]
    word = pa.dictionary(pa.int32(), pa.string())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    catalogue, spent = Catalogue(), 0.0
    for at in range(0, paths, BATCH):
        n = min(BATCH, paths - at)
        columns = {
            "ts": pa.array(range(at, at + n), pa.int64()),
            "path": pa.array([make(noise, at + i) for i in range(n)], pa.string()),
            "status": pa.array([404 if name == "probed" else 200] * n, pa.int32()),
            "server_port": pa.array([80] * n, pa.int32()),
        }
        for column, value in (("client_ip", "10.0.0.1"), ("server_ip", "10.0.0.2"), ("method", "GET"), ("host", "api.example")):
            columns[column] = pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int32()), pa.array([value])).cast(word)
        batch = pa.record_batch(columns)
        begun = time.process_time()
        catalogue.observe(batch)
        catalogue.label(batch)
        spent += time.process_time() - begun
    begun = time.process_time()
    catalogue.finish()
    endpoints = catalogue.endpoints()
    decided = time.process_time() - begun
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{name:7s} {paths:,} distinct paths: {grown:.0f} MiB more at most, {spent / paths * 1e6:.2f} us a call, {decided:.2f} s to decide, {len(endpoints):,} endpoints; {catalogue.counters()}")


def main() -> None:
    paths = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    for name in ("values", "words", "deep", "probed"):
        process = multiprocessing.get_context("spawn").Process(target=run, args=(name, paths))
        process.start()
        process.join()


if __name__ == "__main__":
    main()
