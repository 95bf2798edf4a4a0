"""`api-sensor learn`: learn from captures of normal traffic what normal looks like, and write it to a model file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `learn`."""
    parser.add_argument("captures", nargs="+", metavar="CAPTURE", help="captures of normal traffic, as in replay")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the model file to write (tensors and a JSON header, no code)")
    parser.add_argument("--verify-checksums", action="store_true", help="drop packets whose IPv4 or TCP checksum is wrong")
    parser.add_argument("--state", metavar="DIR", help="where this installation keeps its masking key (default: the user's state directory)")
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress")


def run(args: argparse.Namespace) -> int:
    """Learn and write; returns the exit status."""
    import models
    from parsers.engine import Engine
    from sensor.capture import open_captures
    from sensor.errors import SensorError, refusal
    from sensor.identity import with_columns
    from sensor.masking import Masker, installation_key, state_directory
    from sensor.replay import say_if_slow
    from sensor.terminal import Progress, sentence

    say_if_slow()
    place = Path(args.output)
    if place.is_dir() or not place.parent.is_dir():  # said before the learning, which may take long
        raise SensorError(f"{place}: the model cannot be written there: {'it is a folder' if place.is_dir() else 'there is no such folder'}")
    masker = Masker(installation_key(Path(args.state) if args.state else state_directory()))
    engine = Engine(None, args.verify_checksums)
    progress = Progress(args.quiet)
    calls = packets = 0

    with open_captures(args.captures) as source:
        source.spare(args.output)

        def kept(batch: Any) -> Any:
            # A model remembers paths (values it keeps as hashes): a secret in one must not leave in the model file.
            return with_columns(batch, {"path": masker.column(batch.column("path"))})

        def batches() -> Iterator[Any]:
            nonlocal calls, packets
            for block in source:
                packets += len(block)
                for batch in engine.feed(block):
                    calls += batch.num_rows
                    yield kept(batch)
                progress.show(packets=packets, calls=calls)
            for batch in engine.finish():
                calls += batch.num_rows
                yield kept(batch)

        try:
            model = models.learn(batches())
            model.save(args.output)
        except models.ModelError as error:
            refused = error.__cause__
            raise (refusal(refused) if isinstance(refused, OSError) else SensorError)(str(error)) from error
        finally:
            progress.close()
        for warning in source.stats.warnings:
            print(f"api-sensor: {sentence(str(warning))}", file=sys.stderr)
    if engine.fault:
        print(f"api-sensor: {engine.counters['faults']:,} connections were given up, a fault of ours; please report it:\n{engine.fault}", file=sys.stderr)
    print(f"{sentence(args.output)}: learned from {calls:,} calls in {packets:,} packets")
    return 0
