"""The command line: one table of subcommands, each a module with `add_arguments(parser)` and `run(args) -> int`.

Only the module of the subcommand asked for is imported, and none of them imports numpy, pyarrow or torch before `run`: `api-sensor --help`
answers at once. Exit statuses stand in `STATUSES`; an operator's mistake is a sentence and status 2, a mistake of ours one line and status 1
(`--debug` shows the traceback), and a reader who closes the pipe has simply seen enough.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple, NoReturn

from sensor import VERSION
from sensor.errors import SensorError

OK, FAULT, USAGE, FOUND, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 130, 143

STATUSES = {
    OK: "done",
    FAULT: "a fault of ours; --debug shows its traceback",
    USAGE: "something the operator can put right, said in a sentence",
    FOUND: "done, and there is what --fail-on (or the command) looks for",
    INTERRUPTED: "interrupted by Ctrl-C; what was found until then was written",
    TERMINATED: "ended by SIGTERM; what was found until then was written",
}


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
    Command("sink", "sensor.sinks.probe", "send one marked alert to a destination and say what happened, hop by hop"),
    Command("verify", "sensor.verify", "read captures a second time with tshark and dpkt, and say where they and we differ"),
    Command("config", "sensor.configdesk", "print the configuration in force with its reasons, or check a file"),
    Command("check", "sensor.check", "say how this installation stands: compiled or not, who owns the package names"),
)


class Terminated(KeyboardInterrupt):
    """SIGTERM: the same orderly end as Ctrl-C, with a status of its own."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    args = _arguments(words)
    previous = _terminate_in_order()
    try:
        status: int = args.run(args)
        sys.stdout.flush()
        return status
    except SensorError as error:
        return _say(f"{error}", USAGE)
    except BrokenPipeError:
        # Python flushes standard output once more on its way out; it must not meet the closed pipe again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Terminated:
        return _say("ended by SIGTERM", TERMINATED)
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except Exception as error:
        if args.debug:
            raise
        kind = type(error).__name__
        return _say(f"this is a fault of ours: {kind}: {error} (--debug shows where; please report it)", FAULT)
    finally:
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)


def entry() -> NoReturn:
    """The command `api-sensor`: `main`, and an end at once. Taking apart all that a process has made before it ends costs it 0.04 s and more."""
    status = main()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def _arguments(words: list[str]) -> argparse.Namespace:
    """The words as arguments. Captures may stand anywhere, also after options, where argparse looks for none."""
    parser = _parser(words)
    args, rest = parser.parse_known_args(words)
    captures = getattr(args, "captures", None)
    if rest and isinstance(captures, list) and not any(word.startswith("-") and word != "-" for word in rest):
        captures += rest
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return args


def _say(sentence: str, status: int) -> int:
    from sensor.terminal import printable

    for line in sentence.splitlines():
        print(f"api-sensor: {printable(line)}", file=sys.stderr)
    return status


def _terminate_in_order() -> Any:
    def end(_signal: int, _frame: Any) -> NoReturn:
        raise Terminated

    try:
        return signal.signal(signal.SIGTERM, end)
    except ValueError:  # not the main thread: whoever runs us there minds the signals
        return None


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The whole table by name and line, and the options of the one command that `words` ask for."""
    parser = argparse.ArgumentParser(
        prog="api-sensor",
        description="A passive API security sensor: packets in, API calls, an endpoint map and explained alerts out.",
        epilog="exit status: " + "; ".join(f"{status} {what}" for status, what in STATUSES.items()),
    )
    parser.add_argument("--version", action="version", version=f"api-sensor {VERSION}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    asked = next((word for word in words if not word.startswith("-")), None)
    for command in COMMANDS:
        sub = commands.add_parser(command.name, help=command.about, description=command.about)
        if command.name == asked:
            module = import_module(command.module)
            module.add_arguments(sub)
            sub.add_argument("--debug", action="store_true", help="show the traceback of a fault of ours")
            sub.set_defaults(run=module.run)
    return parser
