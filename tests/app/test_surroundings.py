"""The command on a machine that is not friendly: streams closed or full, locales without UTF-8, names that are no text."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from pyarrow import parquet

from sensor.names import name_of, path_of
from sensor.terminal import table, unseen_escaped

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "pcaps" / "shop.pcap"
SMALL = ROOT / "pcaps" / "methods.pcap"
PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""A locale that knows ASCII only, and a Python that does not help itself to another."""


def shell(line: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """`line` as a shell reads it, `api-sensor` in it."""
    command = f"api-sensor() {{ {shlex.quote(sys.executable)} -P -m sensor \"$@\"; }}; cd {shlex.quote(str(tmp_path))}; {line}"
    env = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path / "state"), "SHOP": str(SHOP), "SMALL": str(SMALL), **environment}
    done = subprocess.run(["bash", "-c", command], capture_output=True, stdin=subprocess.DEVNULL, timeout=120, env=env, check=False)
    assert b"Traceback" not in done.stderr and b"fault of ours" not in done.stderr
    return done


@pytest.mark.parametrize("environment", [PLAIN, {"PYTHONIOENCODING": "latin-1"}, {"PYTHONIOENCODING": "ascii"}], ids=str)
def test_an_encoding_that_lacks_a_character_gets_an_escape(environment: dict[str, str], tmp_path: Path) -> None:
    done = shell("api-sensor replay $SHOP", tmp_path, **environment)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == b"794 calls, 22 endpoints, 9 alerts from 3,781 packets"
    ascii_only = "latin" not in str(environment)
    assert (b"200x39" if ascii_only else b"200\xd739") in done.stdout
    if ascii_only:
        rows = [line for line in done.stdout.splitlines() if b"GET api.shop.example" in line]
        assert rows and len({line.rfind(b"|") for line in rows if line.startswith(b"|GET")}) == 1  # columns stay in line


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("api-sensor replay $SMALL >&-", 1, "api-sensor: standard output: cannot be written: it is closed"),
        ("api-sensor --help >&-", 1, "api-sensor: standard output: cannot be written: it is closed"),
        ("api-sensor replay -q $SMALL >&- 2>&-", 1, ""),
        ("api-sensor replay -q $SMALL 2>&-", 0, ""),
        ("api-sensor replay -q absent.pcap 2>&-", 2, ""),
        ("api-sensor replay -q absent.pcap 2>/dev/full", 2, ""),
        ("api-sensor replay - <&-", 2, "api-sensor: standard input: it cannot be read on: it is closed"),
        ("api-sensor replay - <&- >&-", 2, "api-sensor: standard input: it cannot be read on: it is closed"),
        ("api-sensor replay $SMALL >/dev/full", 1, "api-sensor: standard output: cannot be written: No space left on device"),
        ("api-sensor replay -q $SMALL --json >/dev/full", 1, "api-sensor: standard output: cannot be written: No space left on device"),
        ("api-sensor --help >/dev/full", 1, "api-sensor: standard output: cannot be written: No space left on device"),
        ("api-sensor config >/dev/full", 1, "api-sensor: standard output: cannot be written: No space left on device"),
        ("api-sensor replay -q $SMALL --calls - >/dev/full", 1, "api-sensor: standard output: cannot be written: No space left on device"),
        ("api-sensor replay -q $SMALL --calls /dev/full", 2, "a call log ends in .parquet or .jsonl"),
        ("api-sensor replay -q $SMALL --alerts /dev/full", 1, "2 alerts given up (No space left on device)"),
        ("api-sensor replay ''", 2, "replay is given nothing, an empty word: is a variable empty?"),
        ("api-sensor replay -q $SMALL --calls \"$UNSET\"", 2, "--calls is given nothing, an empty word: is a variable empty?"),
        ("api-sensor replay -q $SMALL --alerts=$UNSET", 2, "--alerts= is given nothing: is a variable empty?"),
        ("api-sensor replay -q $SMALL --calls - --alerts -", 2, "standard output can take the call log or the alerts, not both"),
        ("cp $SMALL mine.jsonl; api-sensor replay -q mine.jsonl --calls mine.jsonl; cmp $SMALL mine.jsonl || exit 9; exit 2", 2, "mine.jsonl: is one of the captures that are read"),
        ("mkdir all; cp $SMALL all/a; ln -s all/a b; api-sensor learn all -o b; cmp $SMALL all/a || exit 9; exit 2", 2, "b: is one of the captures that are read (all/a)"),
        ("api-sensor sink test file:x --timeout NaN", 2, "NaN is no number of seconds from more than 0 to 86400"),
        ("api-sensor alerts --limit -1", 2, "-1 is no whole number from 1 on"),
    ],
)
def test_streams_that_are_closed_or_full(line: str, status: int, said: str, tmp_path: Path) -> None:
    done = shell(line, tmp_path)
    assert done.returncode == status
    assert said in done.stderr.decode()


def test_what_is_opened_never_stands_in_for_a_stream_that_is_closed(tmp_path: Path) -> None:
    done = shell("api-sensor replay $SMALL --alerts alerts.jsonl --calls calls.jsonl --sink store: >&- 2>&- <&-", tmp_path)
    assert done.returncode == 1
    assert len([json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]) == 23
    assert all(json.loads(line)["uid"] for line in (tmp_path / "alerts.jsonl").read_text().splitlines())


def test_a_pipe_that_closes_costs_nothing_but_what_was_to_go_through_it(tmp_path: Path) -> None:
    done = shell("api-sensor replay -q $SHOP --calls - --map-state map.sqlite --sink store: | head -c 10; echo ${PIPESTATUS[0]}; api-sensor map list --map-state map.sqlite --json", tmp_path)
    assert done.stdout.splitlines()[0].endswith(b"0") and len(done.stdout.splitlines()) == 23


# Names.


@pytest.mark.parametrize("octets", [b"plain.pcap", "caf\u00e9".encode(), b"caf\xe9", b"a\\xe9", b"a\\\xe9", b"\\x5cxe9\\", b"\\\\x41", b"line\nbreak\x1b", b"\xff" * 9, b"\\x5c\xe9\\x", b"\xed\xb3\xa9"])
def test_a_name_has_one_text_and_a_text_one_name(octets: bytes) -> None:
    text = name_of(os.fsdecode(octets))
    text.encode("utf-8")  # it is one
    assert os.fsencode(path_of(text)) == octets
    assert text == octets.decode("utf-8", "backslashreplace") or b"\\x" in octets


@pytest.mark.parametrize("environment", [{}, PLAIN], ids=["utf-8", "C"])
def test_a_capture_whose_name_is_no_text_is_named_readably_and_found_again(environment: dict[str, str], tmp_path: Path) -> None:
    folder = os.fsdecode(b"f\xe9r\\xe9")
    (tmp_path / folder).mkdir()
    (tmp_path / folder / os.fsdecode(b"sh\xffp.pcap")).write_bytes(SHOP.read_bytes())
    shown = "f\\xe9r\\x5cxe9/sh\\xffp.pcap"
    done = shell('api-sensor replay f* --json --calls calls.jsonl --alerts "$(echo f*)/alerts.jsonl" --sink store: --evidence ring', tmp_path, **environment)
    assert done.returncode == 0
    assert {one["pcap_file"] for alert in json.loads(done.stdout)["alerts"] for one in alert["evidence"]} == {shown}
    assert {json.loads(line)["pcap_file"] for line in (tmp_path / "calls.jsonl").read_text().splitlines()} == {shown}
    assert (tmp_path / folder / "alerts.jsonl").stat().st_size and list((tmp_path / "ring").iterdir())
    assert shell("api-sensor replay f*/sh* --calls calls.parquet", tmp_path, **environment).returncode == 0
    assert set(parquet.read_table(tmp_path / "calls.parquet").column("pcap_file").to_pylist()) == {shown}
    uid = json.loads((tmp_path / folder / "alerts.jsonl").read_text().splitlines()[0])["uid"]
    assert shell(f"api-sensor evidence {uid} -o bundle", tmp_path, **environment).returncode == 0
    assert json.loads((tmp_path / "bundle" / "manifest.json").read_text())["captures"][0]["sha256"]
    again = next(line for line in (tmp_path / "bundle" / "README.txt").read_text().splitlines() if "api-sensor replay" in line)
    assert shell(f"{again.strip()} -q", tmp_path, **environment).returncode == 0  # what it says to type is what a shell reads so


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("api-sensor replay -q $SHOP --spec sp*.yaml --json", 0, ""),
        ("api-sensor diff $SHOP sp*.yaml --sarif - | grep -q sp%E9c.yaml", 0, ""),
        ("api-sensor verify --json sm*.pcap", None, ""),
        ("api-sensor rules test sp*.yaml", 2, "api-sensor: sp\\xe9c.yaml:"),
        ("api-sensor config sp*.yaml", 2, "api-sensor: sp\\xe9c.yaml:"),
        ("api-sensor replay -q $SMALL --syslog \"udp://$(echo sp*)\"", 2, "no destination"),
        ("api-sensor map pin keep /a --map-state \"$(echo sp*).sqlite\"", 0, ""),
        ("api-sensor map pin keep \"/$(echo sp*)\" --map-state m", 2, "sp\\xe9c.yaml is no text in UTF-8"),
        ("api-sensor alerts show sp*", 2, "sp\\xe9c.yaml is no text in UTF-8"),
        ("api-sensor evidence sp*", 2, "sp\\xe9c.yaml is no text in UTF-8"),
    ],
)
def test_other_files_and_words_that_are_no_text(line: str, status: int | None, said: str, tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"sp\xe9c.yaml")).write_bytes((ROOT / "pcaps" / "shop.openapi.yaml").read_bytes())
    (tmp_path / os.fsdecode(b"sm\xe9ll.pcap")).write_bytes(SMALL.read_bytes())
    done = shell(line, tmp_path)
    assert status is None or done.returncode == status
    assert said in done.stderr.decode()


# A disk that takes nothing more: no file may grow past 8 KiB, which stands for it where no small disk can be made.


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("api-sensor replay $SHOP --calls calls.jsonl", "api-sensor: --calls calls.jsonl: the calls cannot be kept on disk until the map is whole"),
        ("api-sensor replay $SHOP --calls calls.parquet", "api-sensor: --calls calls.parquet: the calls cannot be kept on disk until the map is whole"),
        ("api-sensor replay $SHOP --alerts alerts.jsonl", "given up"),
        ("api-sensor replay $SHOP --sink store:alerts.sqlite", "alerts.sqlite: cannot be used as a store of alerts: "),
        ("api-sensor replay $SHOP --map-state map.sqlite", "map.sqlite: cannot be used as the state of a map: "),
        ("api-sensor replay $SHOP --continue --state there", "there/incidents.sqlite: open incidents cannot be kept there: "),
        ("api-sensor replay $SHOP --sink tcp://127.0.0.1:9", "given up"),
        ("api-sensor replay $SHOP --evidence bundles", "the bundle cannot be written (File too large)"),
        ("api-sensor replay -q $SHOP --json >map.json", "api-sensor: standard output: cannot be written: File too large"),
        ("api-sensor learn $SHOP -o model", "api-sensor: model: the model cannot be written (File too large)"),
        ("api-sensor diff $SMALL $SHOP --sarif found.sarif", "api-sensor: found.sarif: cannot be written: File too large"),
    ],
)
def test_a_full_disk_is_said_in_a_sentence_and_costs_nothing_else(line: str, said: str, tmp_path: Path) -> None:
    done = shell(f"api-sensor replay -q $SMALL >/dev/null; ulimit -f 8; {line}", tmp_path)  # the first run makes the cache of patterns
    assert done.returncode == 1
    assert said in done.stderr.decode()
    if "replay $SHOP" in line and "cannot be used" not in said and "kept there" not in said:
        assert done.stdout.endswith(b"794 calls, 22 endpoints, 9 alerts from 3,781 packets\n")
    assert not list(tmp_path.glob("**/*.part"))


def test_a_database_of_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "wiki.sqlite") as db:
        db.execute("CREATE TABLE page (text)")
    db.close()
    before = (tmp_path / "wiki.sqlite").read_bytes()
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "incidents.sqlite").write_bytes(before)
    for line in ("--sink store:wiki.sqlite", "--map-state wiki.sqlite", "--continue --state there"):
        done = shell(f"api-sensor replay -q $SMALL {line}", tmp_path)
        assert done.returncode == 2 and "is a database of something else" in done.stderr.decode()
    assert (tmp_path / "wiki.sqlite").read_bytes() == (tmp_path / "there" / "incidents.sqlite").read_bytes() == before


# Signals.


@pytest.mark.parametrize(("kind", "status", "said"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "ended by SIGTERM")])
def test_a_signal_ends_the_reading_and_nothing_that_was_found(kind: int, status: int, said: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    words = ["replay", "pipe", "--calls", "calls.jsonl", "--alerts", "alerts.jsonl", "--map-state", "map.sqlite", "--sink", "tcp://127.0.0.1:9"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path / "state")}
    argv = [sys.executable, "-P", "-m", "sensor", *words]
    process = subprocess.Popen(argv, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process, (tmp_path / "pipe").open("wb") as pipe:
        pipe.write(SHOP.read_bytes())
        pipe.flush()
        while int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder):
            time.sleep(0.05)
        time.sleep(1)  # it waits for more now
        process.send_signal(kind)
        out, errors = process.communicate(timeout=60)
    assert process.returncode == status
    assert out.endswith("794 calls, 22 endpoints, 9 alerts from 3,781 packets\n")
    assert errors.endswith(f"api-sensor: {said}: this is what was read until then\n") and "Traceback" not in errors
    assert len((tmp_path / "calls.jsonl").read_bytes().splitlines()) == 794 and (tmp_path / "alerts.jsonl").stat().st_size
    assert len(shell("api-sensor map list --json --map-state map.sqlite", tmp_path).stdout.splitlines()) == 22


def test_a_signal_while_libraries_are_loaded_ends_the_command_after_it(tmp_path: Path) -> None:
    """One that broke into the loading of a compiled module has crashed the process."""
    code = (
        "import os, signal, sys; from importlib import import_module; from sensor import cli\n"
        "def run(args):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    import numpy; print(numpy.zeros(2).sum())\n"
        "    return 0\n"
        "import_module('sensor.check').run = run\n"
        "sys.argv = ['api-sensor', 'check']; cli.entry()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stdout, done.stderr) == (130, "0.0\n", "api-sensor: interrupted\n")


# State, and what lies about.


@pytest.fixture
def unprivileged() -> str:
    """What makes a command obey permissions, whoever runs the tests."""
    if os.geteuid():
        return ""
    if shutil.which("setpriv") is None:
        pytest.skip("root may do everything, and there is no setpriv to take that away")
    return "setpriv --bounding-set=-dac_override,-dac_read_search,-fowner --inh-caps=-all "


def test_a_state_that_can_only_be_read_is_read(unprivileged: str, tmp_path: Path) -> None:
    assert shell("api-sensor replay -q $SHOP --state there --sink store:there/alerts.sqlite --map-state there/map.sqlite", tmp_path).returncode == 0
    there = tmp_path / "there"
    for file in there.iterdir():
        file.chmod(0o444)
    there.chmod(0o555)
    uid = json.loads(shell("api-sensor alerts --json --state there", tmp_path).stdout.splitlines()[0])["uid"]
    python = f"{unprivileged}{sys.executable} -P -m sensor"
    try:
        for words in (f"replay -q {SMALL} --state there", "alerts --state there", f"alerts show {uid} --state there", f"evidence {uid} {SHOP} --state there -o e.zip",
                      "map list --state there", "map show cart --state there", "map export there/map.sqlite --state there", f"diff there/map.sqlite {SHOP}"):
            done = shell(f"{python} {words}", tmp_path)
            assert done.returncode == 0, (words, done.stderr)
        for words in (f"alerts ack {uid} --state there", "map accept --all --state there", f"replay -q {SMALL} --continue --state there", f"replay -q {SMALL} --map-state there/map.sqlite"):
            done = shell(f"{python} {words}", tmp_path)
            assert done.returncode == 2 and b"there/" in done.stderr, (words, done.stderr)
    finally:
        there.chmod(0o755)


def test_what_of_a_directory_may_not_be_read_is_said(unprivileged: str, tmp_path: Path) -> None:
    for place in ("all/closed", "all/open"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "a.pcap").write_bytes(SMALL.read_bytes())
    (tmp_path / "all" / "notes.txt").write_text("no capture\n")
    (tmp_path / "all" / "b.pcap").write_bytes(SMALL.read_bytes())
    (tmp_path / "all" / "loop").symlink_to(".")
    (tmp_path / "all" / "gone.pcap").symlink_to("nothing")
    os.mkfifo(tmp_path / "all" / "pipe")
    (tmp_path / "all" / "b.pcap").chmod(0)
    (tmp_path / "all" / "closed").chmod(0)
    try:
        done = shell(f"{unprivileged}{sys.executable} -P -m sensor replay -q all", tmp_path)
        assert done.returncode == 0 and b"23 calls" in done.stdout
        assert done.stderr.decode().splitlines() == [
            "api-sensor: all/closed: cannot be opened: Permission denied: what is in it is left out",
            "api-sensor: all/b.pcap: cannot be opened: Permission denied: it is left out",
        ]
        done = shell(f"{unprivileged}{sys.executable} -P -m sensor replay -q all/closed", tmp_path)
        assert done.returncode == 2 and b"all/closed: cannot be opened: Permission denied" in done.stderr
    finally:
        (tmp_path / "all" / "closed").chmod(0o755)


def test_two_runs_never_write_one_map(tmp_path: Path) -> None:
    line = "until [ -e go ]; do sleep 0.1; done"
    done = shell(
        f"(cat $SMALL; {line}) | api-sensor replay -q - --map-state map.sqlite & until [ -e map.sqlite.lock ]; do sleep 0.1; done;"
        "api-sensor replay -q $SHOP --map-state map.sqlite; echo $?; touch go; wait; api-sensor map list --json --map-state map.sqlite | wc -l", tmp_path
    )  # fmt: skip
    assert done.stdout.splitlines() == [b"2", b"23 calls, 8 endpoints, 1 alerts from 188 packets", b"8"]
    assert b"map.sqlite: another run goes on with this map now" in done.stderr


@pytest.mark.parametrize("environment", [{"HOME": "relative"}, {"HOME": ""}, {"HOME": "/", "XDG_STATE_HOME": "relative"}], ids=str)
def test_nothing_is_left_where_nobody_asked_for_it(environment: dict[str, str], tmp_path: Path) -> None:
    done = shell("api-sensor config >/dev/null; api-sensor map pins", tmp_path, **{"XDG_STATE_HOME": "", **environment})
    assert done.returncode == 2 and (b"there is no home directory" in done.stderr or b"/.local/state/api-sensor/map.sqlite" in done.stderr)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("make", ["mkfifo", "mkdir", ": >", "head -c 3000 /dev/urandom >"])
def test_a_cache_that_is_no_cache_is_made_anew(make: str, tmp_path: Path) -> None:
    line = 'api-sensor replay -q $SMALL; for one in cache/api-sensor/patterns/*; do rm $one; ' + make + " $one; done; api-sensor replay -q $SMALL"
    done = shell(line, tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == 0 and done.stdout.count(b"23 calls") == 2 and not done.stderr


def test_a_damaged_database_is_said_by_name(tmp_path: Path) -> None:
    assert shell("api-sensor replay -q $SHOP --state . --sink store:alerts.sqlite --map-state map.sqlite --continue", tmp_path).returncode == 0
    for name in ("alerts.sqlite", "map.sqlite", "incidents.sqlite"):
        octets = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(octets[:4096] + b"\xaa" * (len(octets) - 4096))
    for words in ("alerts", "alerts show 5", "evidence 5 $SHOP", "map list", "map export map.sqlite", "replay -q $SMALL --map-state map.sqlite", "replay -q $SMALL --continue"):
        done = shell(f"api-sensor {words} --state .", tmp_path)
        assert done.returncode == 2 and b"malformed; move it away to begin anew" in done.stderr, (words, done.stderr)


def test_a_judge_without_memory_is_said_and_never_passes_for_a_run_without_alerts(tmp_path: Path) -> None:
    code = (
        "import sys, models; from sensor import cli\n"
        "def self_train(calls): raise MemoryError\n"
        "models.self_train = self_train; cli.entry()\n"
    )
    done = shell(f"{shlex.quote(sys.executable)} -P -c {shlex.quote(code)} replay -q $SHOP", tmp_path)
    assert done.returncode == 1 and b"794 calls" in done.stdout
    assert b"there is not enough memory" in done.stderr and b"the model failed on 1 batch" in done.stderr


def test_a_removed_current_directory_is_said(tmp_path: Path) -> None:
    done = shell("mkdir gone; cd gone; rmdir ../gone; api-sensor replay -q $SMALL", tmp_path)
    assert done.returncode == 2 and b"the current directory has been removed" in done.stderr


@pytest.mark.parametrize("columns", [1, 20, 40, 80, 300])
def test_a_table_is_readable_at_any_width(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    name = "GET api.shop.example/api/v1/products/{product_id}/reviews"
    table("2 endpoints", [("endpoint", "left"), ("calls", "right"), ("last seen", "left")], [[name, "7", "2026-11-24 00:23:16"], ["GET a/\x1b[2J", "8", ""]], out)
    lines = re.sub("\x1b\\[[0-9;]*m", "", out.getvalue()).splitlines()
    assert max(map(len, lines)) <= max(columns, 16) and "\x1b[2J" not in out.getvalue()
    # A name is in pieces as long as the width allows, not a few letters a line.
    assert len(lines) < 40 * 16 / min(max(columns, 16), 60)
    if columns >= 300:
        assert any(line.strip().startswith(name) and "7" in line for line in lines)


def test_a_terminal_gets_nothing_that_hides_and_json_stays_what_it_is() -> None:
    hostile = "a\x7f\x9b2J\u202e\u200b\ufeff\U000e0041\u00e9\u4e2d\U0001f600"
    shown = unseen_escaped(json.dumps([hostile], ensure_ascii=False) + "\x1b[1mours\x1b[0m")
    assert shown == '["a\\u007f\\u009b2J\\u202e\\u200b\\ufeff\\udb40\\udc41\u00e9\u4e2d\U0001f600"]\x1b[1mours\x1b[0m'
    assert json.loads(shown.partition("\x1b")[0]) == [hostile]
    assert unseen_escaped("\udce9\udc9b") == "\udce9\\u009b"


def test_a_terminal_is_protected_wherever_a_write_ends() -> None:
    code = (
        "import sys; from sensor import streams; streams.prepare()\n"
        "for octet in '\\u202e\\x9b\\u00e9'.encode(): sys.stdout.buffer.write(bytes([octet])); sys.stdout.flush()"
    )
    ours, theirs = pty.openpty()
    try:
        subprocess.run([sys.executable, "-c", code], stdout=theirs, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
        assert os.read(ours, 1000) == "\\u202e\\u009b\u00e9".encode()
    finally:
        os.close(ours)
        os.close(theirs)
