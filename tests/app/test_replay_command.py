"""`api-sensor replay` as its users meet it: what it writes, what it prints, how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pyarrow import parquet

from parsers.schema import LOG_SCHEMA

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "pcaps" / "shop.pcap"


def run(*words: str | Path, state: Path, **kwargs: object) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "sensor", *map(str, words)]
    if "replay" in words:
        argv += ["--state", str(state)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(argv, capture_output=True, text=True, timeout=300, env=environment, check=False, **kwargs)  # type: ignore[call-overload,no-any-return]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


def test_standard_output_holds_the_calls_and_nothing_else(state: Path) -> None:
    done = run("replay", SHOP, "--calls", "-", "--no-rules", state=state)
    calls = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert list(calls[0]) == LOG_SCHEMA.names
    assert re.findall(r"([\d,]+) calls", done.stdout + done.stderr)[-1] == f"{len(calls):,}"


@pytest.mark.parametrize("words", [["--alerts", "-"], ["--sink", "file:-?min=high"]])
def test_standard_output_holds_the_alerts_and_nothing_else(state: Path, words: list[str]) -> None:
    done = run("replay", SHOP, *words, state=state)
    assert done.returncode == 0
    assert {json.loads(line)["state"] for line in done.stdout.splitlines()} >= {"open", "closed"}
    assert "22 endpoints, 9 alerts" in done.stderr
    done = run("replay", SHOP, *words, "--calls", "-", state=state)
    assert (done.returncode, done.stdout) == (2, "")
    assert "standard output can take the call log or the alerts, not both" in done.stderr


@pytest.mark.parametrize(("how", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_end_by_a_signal_writes_what_was_found_and_has_its_own_status(state: Path, tmp_path: Path, how: signal.Signals, status: int) -> None:
    argv = [sys.executable, "-m", "sensor", "replay", "-q", "-", "--alerts", str(tmp_path / "alerts.jsonl"), "--state", str(state)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(SHOP.read_bytes())
        process.stdin.flush()
        end = time.monotonic() + 60
        while not (tmp_path / "alerts.jsonl").exists() and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(how)
        assert "alerts from" in process.stdout.read().decode()
        assert process.wait(60) == status
    assert (tmp_path / "alerts.jsonl").read_bytes()


def test_parquet_and_json_lines_hold_the_same_and_no_credential(state: Path, tmp_path: Path) -> None:
    for name in ("calls.jsonl", "calls.parquet"):
        assert run("replay", SHOP, "-q", "--no-rules", "--headers", "--calls", tmp_path / name, state=state).returncode == 0
    lines = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    rows = parquet.read_table(tmp_path / "calls.parquet").to_pylist()
    assert rows == lines
    secrets = [v for row in rows for n, v in row["request_headers"] or () if n.lower() == "authorization"]
    assert secrets and all("masked-" in value for value in secrets)


def test_bodies_are_as_they_are_unless_masking_is_asked_for(state: Path, tmp_path: Path) -> None:
    run("replay", SHOP, "-q", "--no-rules", "--bodies", "--calls", tmp_path / "a.jsonl", state=state)
    run("replay", SHOP, "-q", "--no-rules", "--bodies", "--mask-bodies", "--calls", tmp_path / "b.jsonl", state=state)
    logins = [[json.loads(line) for line in (tmp_path / name).read_text().splitlines() if '"/api/v1/login"' in line] for name in ("a.jsonl", "b.jsonl")]
    assert all('"password":"masked' not in call["request_body"].replace(" ", "") for call in logins[0])
    assert all('"password":"masked' in call["request_body"].replace(" ", "") for call in logins[1])


def test_the_same_capture_gives_the_same_answer_twice(state: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        run("replay", SHOP, "-q", "--calls", tmp_path / f"{name}.jsonl", "--alerts", tmp_path / f"{name}.alerts.jsonl", state=state)
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    assert (tmp_path / "one.alerts.jsonl").read_bytes() == (tmp_path / "two.alerts.jsonl").read_bytes() != b""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["replay", "absent.pcap"], "absent.pcap"),
        (["replay", str(ROOT / "README.md")], "README.md"),
        (["replay", str(SHOP), "--calls", "calls.csv"], "ends in .parquet or .jsonl"),
        (["replay", str(SHOP), "--calls", "/absent/calls.jsonl"], "cannot be written"),
        (["replay", str(SHOP), "--rules", "absent.yaml"], "absent.yaml"),
    ],
)
def test_an_operators_mistake_is_a_sentence_and_status_2(words: list[str], said: str, state: Path) -> None:
    done = run(*words, state=state)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_fail_on_ends_with_status_3_when_there_is_such_an_alert(state: Path) -> None:
    assert run("replay", SHOP, "-q", "--fail-on", "low", state=state).returncode == 3
    assert run("replay", SHOP, "-q", "--no-rules", "--no-model", "--fail-on", "low", state=state).returncode == 0


def test_help_imports_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys; from sensor.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'numpy','pyarrow','torch','rich','hyperscan','yaml'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    assert done.stderr.strip() == "[]"
    assert "replay" in done.stdout


def test_a_reader_who_closes_the_pipe_has_seen_enough(state: Path) -> None:
    argv = [sys.executable, "-m", "sensor", "replay", str(SHOP), "--calls", "-", "--no-rules", "--state", str(state)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode()
        assert process.wait(60) == 0
    assert "Traceback" not in said and "fault" not in said


@pytest.mark.parametrize(("words", "status", "said"), [(["config"], 0, "# api-sensor: every setting"), (["replay", "nowhere.pcap"], 2, "nowhere.pcap")])
def test_the_command_ends_at_once_with_everything_said_and_its_status(words: list[str], status: int, said: str) -> None:
    done = subprocess.run([sys.executable, "-c", "from sensor.cli import entry; entry()", *words], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == status
    assert said in done.stdout + done.stderr
    if status == 0:
        assert "\nsinks:" in done.stdout  # its last section: the end of what was printed is there
