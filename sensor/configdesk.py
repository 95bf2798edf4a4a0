"""`api-sensor config`: the settings in force as a configuration file, each with its reason; or what a file amounts to, or what is wrong with it."""

from __future__ import annotations

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `api-sensor config`."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="check this file, and print the whole configuration that it amounts to")
    parser.add_argument("--json", action="store_true", help="as JSON, without the reasons")


def run(args: argparse.Namespace) -> int:
    """Print every setting, its value and the sentence that explains it."""
    import orjson

    from sensor.config import Config, read, text_of

    config = read(args.file) if args.file else Config()
    if args.json:
        sys.stdout.write(orjson.dumps(config, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode())
    else:
        sys.stdout.write(text_of(config))
    return 0
