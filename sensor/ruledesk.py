"""`api-sensor rules test`: run the examples that rules carry, the built-in ones or those of a file or folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `rules`."""
    parser.add_argument("what", choices=("test",), help="test: run every rule's examples")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="rule files or folders of them (default: the built-in rules)")


def run(args: argparse.Namespace) -> int:
    """Load the rules and run their examples; status 2 for a rule that cannot be read, 3 for an example that is not judged as it says."""
    import rules
    from sensor import stopping
    from sensor.errors import SensorError
    from sensor.terminal import printable

    try:
        loaded = rules.load([Path(path) for path in args.paths] or None)
    except rules.RuleError as error:
        raise SensorError(str(error)) from error
    with stopping.free():
        wrong = loaded.test_examples()
    for sentence in wrong:
        print(printable(sentence), file=sys.stderr)
    examples = sum(len(rule.examples) for rule in loaded.rules)
    print(f"{len(loaded.rules)} rules, {examples} examples, {len(wrong)} judged otherwise than they say")
    return 3 if wrong else 0
