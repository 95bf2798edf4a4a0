"""`api-sensor replay`: read captures, print what is in them, write and send what was asked for."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sensor import stopping
from sensor.errors import SensorError

SEVERITIES = ("low", "medium", "high", "critical")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `replay`."""
    parser.add_argument("captures", nargs="+", metavar="CAPTURE", help="pcap or pcapng files (gzip, zstd too), directories of them, or - for standard input")
    out = parser.add_argument_group("what to write")
    out.add_argument("--calls", metavar="FILE", help="the call log: FILE.parquet, FILE.jsonl, or - for JSON lines on standard output")
    out.add_argument("--headers", action="store_true", help="with header fields in the call log (credentials masked)")
    out.add_argument("--bodies", action="store_true", help="with header fields and bodies in the call log (bodies as they are)")
    out.add_argument("--mask-bodies", action="store_true", help="mask secrets and personal data in those bodies too")
    out.add_argument("--unmasked", action="store_true", help="mask nothing anywhere")
    out.add_argument("--alerts", metavar="FILE.jsonl", help="every alert and update as a JSON line, added to the file; - for standard output, where nothing else goes then")
    out.add_argument("--syslog", "--sink", dest="syslog", metavar="URL", action="append", default=[], help="send alerts by syslog (RFC 5424): udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT, unix:///dev/log; or to another sink, such as store:alerts.sqlite; repeatable")
    out.add_argument("--evidence", metavar="DIR", help="write each alert's evidence bundle soon after it is told, from a ring of recent frames (for standard input; with files, `api-sensor evidence` has all of them)")
    out.add_argument("--json", action="store_true", help="print the whole result as one JSON document instead of tables")
    out.add_argument("-q", "--quiet", action="store_true", help="print the summary line only")
    judge = parser.add_argument_group("how to judge")
    judge.add_argument("--spec", metavar="FILE", action="append", default=[], help="OpenAPI description to compare the map with, or a directory of them; repeatable")
    judge.add_argument("--rules", metavar="PATH", action="append", default=[], help="rules to use instead of the built-in ones; repeatable")
    judge.add_argument("--no-rules", action="store_true", help="judge by no rules")
    judge.add_argument("--model", metavar="FILE", help="a model that `api-sensor learn` wrote (without one the capture is judged by itself)")
    judge.add_argument("--no-model", action="store_true", help="score no anomalies")
    judge.add_argument("--map-state", metavar="FILE", help="a map that lasts: go on from what FILE knows of earlier runs, tell what has changed, and keep what was learned (made where it is missing)")
    judge.add_argument("--no-map", action="store_true", help="make no endpoint map")
    judge.add_argument("--fail-on", choices=SEVERITIES, help="end with status 3 when an alert is at least this severe")
    judge.add_argument("--verify-checksums", action="store_true", help="drop packets whose IPv4 or TCP checksum is wrong (captures made on an end host look wrong all over)")
    judge.add_argument("--config", metavar="FILE", help="a configuration file; `api-sensor config` prints one")
    judge.add_argument("--continue", dest="go_on", action="store_true", help="go on with the incidents that the last such run left open, and leave open what is open at the end")
    judge.add_argument("--state", metavar="DIR", help="where this installation keeps its masking key and spools (default: the user's state directory)")


def run(args: argparse.Namespace) -> int:
    """Replay; returns the exit status."""
    # Arrow takes its memory where numpy gives it back, instead of keeping a store of its own: fewer pages to clear, 40 MB less.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    gc.disable()  # what is imported and set up lives as long as the run does: to look through it for garbage costs a tenth of a start
    try:
        return _replay(args)
    finally:
        gc.unfreeze()
        gc.enable()


def _replay(args: argparse.Namespace) -> int:
    import logging

    from sensor.alerts import Alerts
    from sensor.calllog import CallLog
    from sensor.capture import open_captures
    from sensor.config import Config, read
    from sensor.incidents import IncidentFile
    from sensor.masking import Masker, installation_key, state_directory
    from sensor.pipeline import Pipeline, Summary
    from sensor.terminal import Progress

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="api-sensor: %(message)s")
    say_if_slow()
    config = read(args.config) if args.config else Config()
    state = Path(args.state) if args.state else state_directory()
    masker = Masker(None if args.unmasked else installation_key(state), config.masking.names)
    if args.unmasked:
        print("api-sensor: nothing is masked: what is written and sent may hold credentials and personal data", file=sys.stderr)
    rules = None
    if not args.no_rules:
        import rules as rule_package

        try:
            rules = rule_package.load([Path(path) for path in args.rules] or None)
        except rule_package.RuleError as error:
            raise SensorError(str(error)) from error
    model = _model(args)
    spec = _spec(args)
    refused: list[str] = []
    with open_captures(args.captures) as source:
        for target in (args.calls, args.alerts, args.map_state):
            source.spare(target)
        call_log = CallLog(args.calls, masker, args.headers, args.bodies, args.mask_bodies) if args.calls else None
        sinks = _sinks(args, state, config)
        kept = IncidentFile(state) if args.go_on else None
        recorder = _recorder(args, state, masker, config, rules)
        pipeline = Pipeline(
            masker,
            rules,
            model,
            call_log,
            _tell(sinks, recorder),
            config.parsers,
            verify_checksums=args.verify_checksums,
            catalogue=not args.no_map,
            self_train=model is None and not args.no_model,
            catalogue_limits=config.catalogue,
            alerts=Alerts(config.alerts, keeper=kept, verdicts=sinks.verdicts if sinks is not None else None),
            recorder=recorder,
        )
        if spec is not None and pipeline.catalogue is not None:
            spec.attach(pipeline.catalogue)
        map_state = _map_state(args, config, pipeline.catalogue)
        progress = Progress(args.quiet)
        gc.freeze()
        gc.enable()

        def block_done(so_far: Summary) -> None:
            progress.show(packets=so_far.packets, calls=so_far.calls, alerts=so_far.alerts_told)
            if map_state is not None:
                try:
                    map_state.save_on_the_way(config.catalogue.save_seconds)
                except SensorError as fault:  # it is tried again, and counts at the end
                    _say(str(fault))

        try:
            summary = pipeline.run(source, block_done)
        finally:
            progress.close()
        if map_state is not None:  # after the alerts were told: a kill in between tells them again rather than never
            try:
                map_state.save(summary.interrupted)
            except SensorError as fault:
                refused.append(str(fault))
            map_state.close()
        warnings = list(source.stats.warnings)
        if kept is not None:
            kept.close()
    for warning in warnings:
        _say(str(warning))
    if call_log is not None and call_log.error:
        refused.append(call_log.error)
    refused += _say_of_alerts(pipeline.alerts, recorder, kept)
    for judge, count in summary.faults.items():
        what = "connection" if judge == "core" else "batch"
        refused.append(f"the {judge} failed on {count:,} {what}{'' if count == 1 else 'es' if what == 'batch' else 's'}, see above: what it would have found there is missing")
    delivery = _delivered(sinks)
    to_stdout = args.calls == "-" or any(map(_is_stdout, _destinations(args, config)))
    out = sys.stderr if to_stdout else sys.stdout
    if args.json:
        _print_json(summary, pipeline, warnings, masker, out)
    elif not args.quiet:
        _print_tables(summary, masker, out)
        if spec is not None and pipeline.catalogue is not None:
            _print_unseen(pipeline.catalogue.orphans(), summary, out)
    for sentence in [line for one in delivery for line in one.sentence().splitlines()] + refused:
        _say(sentence)
    for sentence in sinks.unclaimed if sinks is not None else ():
        _say(sentence)
    _print_summary(summary, sys.stderr if args.json else out)
    if (asked := stopping.asked()) is not None:
        _say(asked.said + (": this is what was read until then" if summary.interrupted else ""))
        return asked.status
    if refused or any(one.dropped for one in delivery):
        return 1
    if args.fail_on and any(SEVERITIES.index(alert.severity) >= SEVERITIES.index(args.fail_on) for alert in summary.alerts):
        return 3
    return 0


def _say(said: str) -> None:
    from sensor.terminal import sentence

    for line in said.splitlines():
        print(f"api-sensor: {sentence(line)}", file=sys.stderr)


def say_if_slow() -> None:
    """Say once that the interpreted form runs, where it does."""
    from parsers import engine, http1

    if not (engine.COMPILED and http1.COMPILED):
        _say("the decoding core runs interpreted, some hundred times slower: no C compiler was there when this was installed")


def _model(args: argparse.Namespace) -> Any:
    if args.no_model or not args.model:
        return None
    import models

    try:
        return models.load(args.model)
    except models.ModelError as error:
        raise SensorError(str(error)) from error


def _spec(args: argparse.Namespace) -> Any:
    if not args.spec:
        return None
    from sensor.catalogue import spec

    return spec.load([Path(path) for path in args.spec])


def _map_state(args: argparse.Namespace, config: Any, catalogue: Any) -> Any:
    if not args.map_state:
        return None
    if catalogue is None:
        raise SensorError("--map-state keeps the map, and --no-map makes none: leave one of them out")
    from sensor.capture import identity
    from sensor.catalogue.state import MapState

    state = MapState(Path(args.map_state))
    passed = state.attach(catalogue, identity(args.captures, repr((config.parsers, args.verify_checksums))))
    if passed:
        _say(f"{args.map_state}: the last run over these captures was cut off; the map goes on behind the {passed:,} calls that it has counted")
    return state


def _tell(sinks: Any, recorder: Any) -> Any:
    """What every alert is given to: the sinks, then the recorder of evidence."""
    takers = [taker for taker in (sinks.send if sinks is not None else None, recorder.tell if recorder is not None else None) if taker is not None]
    if len(takers) < 2:
        return takers[0] if takers else None

    def tell(alert: Any) -> None:
        for taker in takers:
            taker(alert)

    return tell


def _recorder(args: argparse.Namespace, state: Path, masker: Any, config: Any, rules: Any) -> Any:
    if not args.evidence:
        return None
    from sensor.evidence.cli import judges
    from sensor.evidence.recorder import Recorder
    from sensor.evidence.ring import FrameRing
    from sensor.masking import Masker, installation_key

    about = config.evidence
    return Recorder(
        Path(args.evidence), FrameRing(about.ring), masker if masker.on else Masker(installation_key(state), config.masking.names),
        lambda alert: judges(alert, rules, args.model), about.bundles, about.octets, about.bundle, about.packets, config.parsers, config.catalogue,
        config.masking.never_send, args.unmasked, args.verify_checksums,
    )  # fmt: skip


def _delivered(sinks: Any) -> list[Any]:
    """How each sink ended. A signal ends the waiting for a receiver: what waits stays in the spool."""
    if sinks is None:
        return []
    try:
        with stopping.free(late=False):
            return list(sinks.close())
    except KeyboardInterrupt:
        return list(sinks.state())


def _say_of_alerts(alerts: Any, recorder: Any, kept: Any) -> list[str]:
    """Say what an operator must know of findings that made no alert, and of evidence that could not be had; returns what could not be written."""
    for name, count in sorted(alerts.silenced.items()):
        _say(f"{count:,} findings made no alert: {name}")
    if held := alerts.counters["held_back"]:
        _say(f"{held:,} findings made no alert: somebody called such alerts false positives (api-sensor alerts list shows which)")
    refused = [f"open incidents were not kept: {kept.error}"] if kept is not None and kept.error else []
    if recorder is not None:
        missed = {name: count for name, count in recorder.counters.items() if count and name != "bundles"}
        if missed:
            said = f"{recorder.folder}: {recorder.counters['bundles']:,} bundles; " + ", ".join(f"{name} {count:,}" for name, count in missed.items())
            if "bundles_failed" in missed:
                refused.append(said)
            else:
                _say(said)
    return refused


def _destinations(args: argparse.Namespace, config: Any) -> list[str]:
    destinations = [*(one.line() for one in config.sinks), *args.syslog]
    if args.alerts:
        destinations.append("file:-" if args.alerts == "-" else f"file:{quote(os.fsencode(Path(args.alerts).absolute()))}")
    return destinations


def _is_stdout(destination: str) -> bool:
    return destination.partition("?")[0] == "file:-"


def _sinks(args: argparse.Namespace, state: Path, config: Any) -> Any:
    destinations = _destinations(args, config)
    if (args.calls == "-") + sum(map(_is_stdout, destinations)) > 1:
        raise SensorError("standard output can take the call log or the alerts, not both (nor alerts twice): write one of them to a file")
    if not destinations:
        return None
    from sensor.sinks import open_sinks

    return open_sinks(destinations, state / "spool", config.masking.never_send)


def _print_json(summary: Any, pipeline: Any, warnings: list[Any], masker: Any, out: Any) -> None:
    import orjson

    whole = {
        "calls": summary.calls,
        "packets": summary.packets,
        "first_seen": summary.first_ts,
        "last_seen": summary.last_ts,
        "map": pipeline.catalogue.to_json(masker.text) if pipeline.catalogue is not None else None,
        "alerts": [orjson.Fragment(alert.to_json()) for alert in summary.alerts],
        "counters": summary.counters,
        "loss": summary.loss,
        "warnings": [masker.text(str(warning)) for warning in warnings],
        "faults": summary.faults,
    }
    out.write(orjson.dumps(whole, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_INDENT_2).decode() + "\n")


def _print_tables(summary: Any, masker: Any, out: Any) -> None:
    from sensor import terminal
    from sensor.catalogue import describe

    declared = any(endpoint.declared for endpoint in summary.endpoints)
    columns = [("endpoint", "left"), ("calls", "right"), ("callers", "right"), ("statuses", "left"), ("first seen (UTC)", "left"), ("last seen (UTC)", "left")]
    rows = []
    for endpoint in summary.endpoints[:200]:
        statuses = " ".join(f"{status or 'none'}×{count}" for status, count in sorted(endpoint.statuses.items()))
        row = [masker.text(endpoint.name), f"{endpoint.calls:,}", f"{'' if endpoint.callers_counted else '~'}{endpoint.callers:,}", statuses, terminal.when(endpoint.first_seen), terminal.when(endpoint.last_seen)]
        rows.append([*row, endpoint.declared] if declared else row)
    terminal.table(f"{len(summary.endpoints)} endpoints", [*columns, ("declared", "left")] if declared else columns, rows, out)
    if len(summary.endpoints) > len(rows):
        print(f"... and {len(summary.endpoints) - len(rows)} more endpoints (--json gives all)", file=out)
    for line in describe.summary(summary.endpoints):
        print(terminal.printable(masker.text(line)), file=out)
    if summary.probed:
        print(f"{len(summary.probed)} paths were asked for and are no endpoint ({sum(one.calls for one in summary.probed):,} calls)\n", file=out)
    for alert in summary.alerts[:50]:
        print(terminal.printable(f"[{alert.severity}] {alert.title}" + (f" ({alert.calls} calls, {', '.join(alert.clients) or 'no client'})" if alert.calls else "")), file=out)
        for reason in alert.reasons[:4]:
            print(terminal.printable(f"    {reason}"), file=out)
        for advice in list(alert.response.get("advice", ()))[:2]:
            print(terminal.printable(f"    -> {advice}"), file=out)
    if len(summary.alerts) > 50:
        print(f"... and {len(summary.alerts) - 50} more alerts (--alerts FILE.jsonl or --json gives all)", file=out)
    if summary.loss:
        print("not seen: " + ", ".join(f"{name} {count:,}" for name, count in summary.loss.items()), file=out)


def _print_unseen(unseen: list[Any], summary: Any, out: Any) -> None:
    """What was declared and not seen: a claim that rests on absence, so it says what was lost."""
    from sensor.terminal import printable

    orphans = [f"{one.method} {one.path}" for one, could in unseen if could]
    if orphans:
        more = f" and {len(orphans) - 8} more" if len(orphans) > 8 else ""
        lost = f"; the mirror lost calls that may have been among them ({', '.join(summary.loss)})" if summary.loss else ""
        print(printable(f"declared and not seen: {', '.join(orphans[:8])}{more}{lost}"), file=out)
    if len(unseen) > len(orphans):
        print(f"{len(unseen) - len(orphans)} declared operations are of hosts that this mirror shows nothing of", file=out)


def _print_summary(summary: Any, out: Any) -> None:
    print(f"{summary.calls:,} calls, {len(summary.endpoints):,} endpoints, {len(summary.alerts):,} alerts from {summary.packets:,} packets", file=out)
