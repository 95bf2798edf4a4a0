"""The command line: one table of subcommands, each a module with `add_arguments(parser)` and `run(args) -> int`.

Only the module of the subcommand asked for is imported, and none of them imports numpy, pyarrow or torch before `run`: `api-sensor --help`
answers at once. Exit statuses stand in `STATUSES`; an operator's mistake is a sentence and status 2, a mistake of ours one line and status 1
(`--debug` shows the traceback), and a reader who closes the pipe has simply seen enough.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, NoReturn

from sensor import VERSION, stopping, streams
from sensor.errors import SensorError, unforeseen
from sensor.streams import close_output
from sensor.terminal import sentence as readable

OK, FAULT, USAGE, FOUND = 0, 1, 2, 3
INTERRUPTED, TERMINATED = stopping.Interrupted.status, stopping.Terminated.status

STATUSES = {
    OK: "done",
    FAULT: "what was asked for could not be written, the machine refused (memory, a full disk), or a fault of ours; --debug shows its traceback",
    USAGE: "something the operator can put right, said in a sentence",
    FOUND: "done, and there is what --fail-on (or the command) looks for",
    INTERRUPTED: "interrupted by Ctrl-C; what was found until then was written",
    TERMINATED: "ended by SIGTERM; what was found until then was written",
}


MAY_BE_EMPTY = ("--note", "--as")
"""Options that may be given an empty word; anywhere else it is a variable that was not set, and what was asked for would silently not be done."""


class Command(NamedTuple):
    """One subcommand: its name, the module that holds `add_arguments` and `run`, and a line on what it does."""

    name: str
    module: str
    about: str


COMMANDS = (
    Command("replay", "sensor.replay", "read captures: the calls in them, the endpoint map, alerts"),
    Command("map", "sensor.mapdesk", "ask an endpoint map: list, show, accept, pin, explain a decision, export OpenAPI or a page"),
    Command("explain", "sensor.explaindesk", "what an endpoint's template was decided on: evidence, confidence, examples"),
    Command("diff", "sensor.diffdesk", "what came, went and changed between two maps, descriptions or captures; SARIF for CI"),
    Command("learn", "sensor.learn", "learn from captures of normal traffic what normal is; write a model file"),
    Command("rules", "sensor.ruledesk", "run the examples that rules carry"),
    Command("alerts", "sensor.alertdesk", "list, show, acknowledge and close the alerts of the store"),
    Command("evidence", "sensor.evidence.cli", "the evidence bundle of one alert: packets, calls, timeline, manifest"),
    Command("sink", "sensor.sinks.probe", "test a destination with one marked alert, hop by hop; deliver what waits for it"),
    Command("verify", "sensor.verify", "read captures a second time with tshark and dpkt, and say where they and we differ"),
    Command("config", "sensor.configdesk", "print the configuration in force with its reasons, or check a file"),
    Command("check", "sensor.check", "say how this installation stands: compiled or not, who owns the package names"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    before = stopping.take()
    try:
        with stopping.held():
            args = _arguments(words)
            _somewhere()
            status: int = args.run(args)
            sys.stdout.flush()
        if (asked := stopping.asked()) is not None and status != asked.status:
            return _say(asked.said, asked.status)
        return status
    except SensorError as error:
        return _say(str(error), error.status)
    except BrokenPipeError:
        close_output()
        return OK
    except stopping.Interrupted as asked:
        return _say(asked.said, asked.status)
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except Exception as error:
        if "--debug" in words:
            raise
        return _say(unforeseen(error), FAULT)
    finally:
        stopping.give_back(before)


def entry() -> NoReturn:
    """The command `api-sensor`: `main`, and an end at once. Taking apart all that a process has made before it ends costs it 0.04 s and more."""
    streams.prepare()
    try:
        status = main()
    except SystemExit as end:  # argparse: help, the version, a wrong word
        status = end.code if isinstance(end.code, int) else USAGE
    except KeyboardInterrupt:
        status = INTERRUPTED
    except Exception:
        status = FAULT
        if "--debug" in sys.argv:
            traceback.print_exc()
        else:  # not even that could be put into words
            with contextlib.suppress(OSError):
                os.write(2, b"api-sensor: there is not enough memory for this (--debug shows where)\n")
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    except SensorError as error:
        if status == OK:
            status = _say(str(error), error.status)
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(status)


def _arguments(words: list[str]) -> argparse.Namespace:
    """The words as arguments. What an option does not take may stand anywhere, also behind options, where argparse by itself looks for nothing."""
    parser, asked = _parser(words)
    for before, word in zip(["", *words], words, strict=False):
        if (not word and before not in MAY_BE_EMPTY) or (word.startswith("--") and word.endswith("=") and word[:-1] not in MAY_BE_EMPTY):
            parser.error(f"{before or 'an argument'} is given nothing, an empty word: is a variable empty?" if not word else f"{word} is given nothing: is a variable empty?")
    if asked is not None and words[0] == asked.prog.split()[-1] and not any(isinstance(action, argparse._SubParsersAction) for action in asked._actions):
        return asked.parse_intermixed_args(words[1:])
    args, rest = parser.parse_known_args(words)
    captures = getattr(args, "captures", None)
    if rest and isinstance(captures, list) and not any(word.startswith("-") and word != "-" for word in rest):
        captures += rest
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return args


def _somewhere() -> None:
    """Raises SensorError where the current directory has been removed: names of files mean nothing then, to us and to the libraries that we load."""
    try:
        Path.cwd()
    except FileNotFoundError as fault:
        raise SensorError("the current directory has been removed: change to one that is there") from fault


def _say(sentence: str, status: int) -> int:
    for line in sentence.splitlines():
        print(f"api-sensor: {readable(line)}", file=sys.stderr)
    return status


def _parser(words: Sequence[str]) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser | None]:
    """The whole table by name and line, and the parser of the one command that `words` ask for."""
    parser = argparse.ArgumentParser(
        prog="api-sensor",
        description="A passive API security sensor: packets in, API calls, an endpoint map and explained alerts out.",
        epilog="exit status: " + "; ".join(f"{status} {what}" for status, what in STATUSES.items()),
    )
    parser.add_argument("--version", action="version", version=f"api-sensor {VERSION}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    asked = next((word for word in words if not word.startswith("-")), None)
    of_asked = None
    for command in COMMANDS:
        sub = commands.add_parser(command.name, help=command.about, description=command.about)
        if command.name == asked:
            module = import_module(command.module)
            module.add_arguments(sub)
            sub.add_argument("--debug", action="store_true", help="show the traceback of a fault of ours")
            sub.set_defaults(run=module.run)
            of_asked = sub
    return parser, of_asked
