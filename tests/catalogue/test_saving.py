"""A map that is saved while a long replay runs: what kill -9 costs, and that nothing is counted twice afterwards."""

from __future__ import annotations

import os
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parsers.limits import Limits
from sensor import stopping
from sensor.capture import identity, open_captures
from sensor.catalogue import Catalogue
from sensor.catalogue.state import MapState
from sensor.masking import Masker
from sensor.pipeline import Pipeline, Summary
from tests.catalogue.test_catalogue import batch

ROOT = Path(__file__).resolve().parents[2]
NORMAL = ROOT / "pcaps" / "shop-normal.pcap"


def repeated(capture: bytes, times: int) -> bytes:
    """A little-endian pcap so many times over, one after the other in time."""
    at, packets = 24, []
    while at < len(capture):
        seconds, fraction, kept, length = struct.unpack_from("<IIII", capture, at)
        packets.append((seconds, fraction, length, capture[at + 16 : at + 16 + kept]))
        at += 16 + kept
    span = packets[-1][0] - packets[0][0] + 600
    parts = [capture[:24]]
    for n in range(times):
        parts += [struct.pack("<IIII", seconds + n * span, fraction, len(frame), length) + frame for seconds, fraction, length, frame in packets]
    return b"".join(parts)


def command(capture: Path, state: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "sensor", "replay", str(capture), "--map-state", str(state), "--continue", "-q", "--no-model", "--state", str(state.parent / "own"), *more]


def counted(path: Path) -> dict[str, tuple[int, dict[int, int], int]]:
    """Calls, calls by status and response bodies of every endpoint."""
    state = MapState(path, make=False)
    endpoints = [one.endpoint for one in state.records()]
    state.close()
    return {one.name: (one.calls, one.statuses, sum(body.seen for body in one.schema.responses.values())) for one in endpoints}


def all_calls(path: Path) -> int:
    return sum(calls for calls, _, _ in counted(path).values())


def test_a_replay_killed_in_its_middle_goes_on_and_counts_nothing_twice(tmp_path: Path) -> None:
    capture = tmp_path / "long.pcap"
    capture.write_bytes(repeated(NORMAL.read_bytes(), 300))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    config = tmp_path / "config.yaml"
    config.write_text("catalogue:\n  save_seconds: 1\n", encoding="utf-8")
    whole = tmp_path / "whole.sqlite"
    subprocess.run(command(capture, whole), env=environment, cwd=ROOT, check=True, capture_output=True, timeout=300)
    cut = tmp_path / "cut.sqlite"
    taken = 0
    for _ in range(2):  # killed once, and once more while it goes on
        with subprocess.Popen(command(capture, cut, "--config", str(config)), env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                # It runs for a seventh of the time, so that its clock saves in the middle however fast the machine is, and stands still while we look.
                time.sleep(0.03)
                if not cut.exists():
                    continue
                process.send_signal(signal.SIGSTOP)
                time.sleep(0.2)
                try:
                    with sqlite3.connect(cut, timeout=0.1) as db:
                        ready = db.execute("SELECT count(*) FROM pragma_table_info('run') WHERE name = 'ended'").fetchone()[0]
                        rows = db.execute("SELECT taken FROM run WHERE NOT ended").fetchall() if ready else []
                except sqlite3.OperationalError:  # it stands still with the lock in its hand
                    rows = []
                process.send_signal(signal.SIGKILL if rows and rows[0][0] > taken else signal.SIGCONT)
                if rows and rows[0][0] > taken:
                    break
        assert process.returncode == -signal.SIGKILL, "the replay was over before it was killed"
        taken = rows[0][0]
    assert 0 < all_calls(cut) < all_calls(whole)
    done = subprocess.run(command(capture, cut), env=environment, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300)
    assert f"goes on behind the {taken:,} calls" in done.stderr
    assert counted(cut) == counted(whole)
    with sqlite3.connect(cut) as db:
        assert db.execute("SELECT count(*), sum(ended), sum(calls) FROM run").fetchone() == (1, 1, all_calls(cut))


@pytest.mark.parametrize("judging", [False, True])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_replay_that_was_interrupted_goes_on_and_counts_nothing_twice(tmp_path: Path, sent: signal.Signals, judging: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    capture = tmp_path / "long.pcap"
    capture.write_bytes(repeated(NORMAL.read_bytes(), 100))

    def run(path: Path, after: int) -> tuple[Summary, int]:
        """Replay, interrupted after so many blocks; the calls that an earlier run has counted."""
        state, pipeline = MapState(path), Pipeline(Masker(None), limits=Limits(batch_rows=8_192))
        assert pipeline.catalogue is not None
        passed = state.attach(pipeline.catalogue, identity([capture]))

        def blocks(source: Iterable[Any]) -> Iterator[Any]:
            for n, block in enumerate(source):
                if n == after and not judging:
                    os.kill(os.getpid(), sent)
                yield block

        observe, batches = pipeline.catalogue.observe, 0

        def interrupted(batch: Any) -> None:
            nonlocal batches
            batches += 1
            if batches == after and judging:
                os.kill(os.getpid(), sent)
            observe(batch)

        monkeypatch.setattr(pipeline.catalogue, "observe", interrupted)
        before = stopping.take()
        try:
            with stopping.held(), open_captures([capture]) as source:
                summary = pipeline.run(blocks(source))
        finally:
            stopping.give_back(before)
        state.save(summary.interrupted)
        state.close()
        return summary, passed

    run(tmp_path / "whole.sqlite", -1)
    cut = tmp_path / "cut.sqlite"
    taken = 0
    for after in (1, 2) if judging else (20, 30):
        summary, passed = run(cut, after)
        assert (summary.interrupted, passed) == (True, taken)
        with sqlite3.connect(cut) as db:
            ((taken, calls),) = db.execute("SELECT taken, calls FROM run WHERE NOT ended").fetchall()
        assert 0 < all_calls(cut) == calls <= taken
    assert all_calls(cut) < all_calls(tmp_path / "whole.sqlite")
    assert run(cut, -1)[1] == taken
    assert counted(cut) == counted(tmp_path / "whole.sqlite")


def test_a_replay_says_by_its_status_what_interrupted_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "feed")
    for sent, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        words = command(tmp_path / "feed", tmp_path / "map.sqlite")
        with subprocess.Popen(words, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process, (tmp_path / "feed").open("wb", buffering=0) as pipe:
            pipe.write(NORMAL.read_bytes()[:1_000])  # it has opened the pipe, and waits for the rest
            time.sleep(0.3)
            process.send_signal(sent)
            process.communicate(timeout=60)
        assert process.returncode == status


def calls(first: int, n: int, path: str = "/users/{}") -> list[tuple[str, str, int | None]]:
    return [("GET", path.format(k), 200) for k in range(first, first + n)]


def begin(path: Path, captures: str) -> tuple[MapState, Catalogue]:
    state, catalogue = MapState(path), Catalogue()
    state.attach(catalogue, captures)
    return state, catalogue


def end(state: MapState, catalogue: Catalogue) -> list[str]:
    catalogue.finish()
    told = [one.title for one in catalogue.findings()]
    state.save()
    state.close()
    return told


def test_what_a_run_found_that_was_cut_off_is_told_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "map.sqlite"
    state, catalogue = begin(path, "day 1")
    catalogue.observe(batch(calls(0, 20)))
    assert end(state, catalogue) == []
    state, catalogue = begin(path, "day 2")
    catalogue.observe(batch([*calls(0, 20), ("POST", "/users", 201)]))
    assert state.save_on_the_way(0)
    state.close()  # and here it was killed
    state, catalogue = begin(path, "day 2")
    catalogue.observe(batch([*calls(0, 20), ("POST", "/users", 201), *calls(50, 5)]))
    assert end(state, catalogue) == ["New endpoint POST api.example/users"]
    assert {name: n for name, (n, _, _) in counted(path).items()} == {"GET api.example/users/{user_id}": 45, "POST api.example/users": 1}
    state, catalogue = begin(path, "day 3")
    catalogue.observe(batch([("POST", "/users", 201)]))
    assert end(state, catalogue) == []


def test_other_captures_are_counted_beside_what_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "map.sqlite"
    for captures in ("day 1", "day 2", "", ""):  # a pipe is never the same
        state, catalogue = begin(path, captures)
        catalogue.observe(batch(calls(0, 10)))
        assert state.save_on_the_way(0)
        state.close()
    assert all_calls(path) == 40


@pytest.mark.parametrize("cuts", [[5], [3, 4, 9], [1] * 12])
def test_saves_on_the_way_leave_what_one_at_the_end_does(tmp_path: Path, cuts: list[int]) -> None:
    shops = calls(0, 12, "/shops/{}/orders") + [("GET", f"/shops/{name}", 200) for name in ("berlin-1", "paris-2", "rome-3", "oslo-4", "bern-5", "kyiv-6", "lima-7", "cairo-8")]
    once, often = tmp_path / "once.sqlite", tmp_path / "often.sqlite"
    for path, ends in ((once, [len(shops)]), (often, [*cuts, len(shops)])):
        state, catalogue = begin(path, "x")
        at = 0
        for n in ends:
            catalogue.observe(batch(shops[at : at + n]))
            at += n
            state.save_on_the_way(0)
        end(state, catalogue)
    assert counted(often) == counted(once)


def test_labels_do_not_depend_on_saves(tmp_path: Path) -> None:
    paths = [("GET", f"/shops/{name}", 200) for name in ("berlin", "paris", "rome", "oslo", "bern", "kyiv", "lima", "cairo", "dakar", "quito")]
    seen = []
    for saves in (False, True):
        state, catalogue = begin(tmp_path / f"{saves}.sqlite", "x")
        labels = []
        for one in paths:
            catalogue.observe(batch([one]))  # type: ignore[list-item]
            labels.append((catalogue.label(batch([one]))[0].to_pylist(), catalogue.generation))  # type: ignore[list-item]
            if saves:
                state.save_on_the_way(0)
        state.close()
        seen.append(labels)
    assert seen[0] == seen[1]
