"""The store and `api-sensor alerts`."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.cli import main
from sensor.errors import SensorError
from sensor.sinks import open_sink
from sensor.store import AlertStore
from tests.sinks.conftest import alert


@pytest.fixture
def place(tmp_path: Path) -> Path:
    sink = open_sink(f"store:{tmp_path}/alerts.sqlite", tmp_path)
    for number in range(1, 9):
        sink.send(alert(number, uid=f"{number:02d}" + "ab" * 9))
    assert sink.close().delivered == 8
    return tmp_path / "alerts.sqlite"


def listed(place: Path, capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, object]]:
    assert main(["alerts", *words, "--json", "--store", str(place)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_alerts_are_listed_gravest_first_and_filtered(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    got = listed(place, capsys, "list")
    assert [str(one["uid"])[:2] for one in got] == ["07", "03", "06", "02", "05", "01", "08", "04"]
    assert len(listed(place, capsys, "list", "--min", "critical")) == 2
    assert main(["alerts", "list", "--store", str(place)]) == 0
    assert "Objects of other users" in capsys.readouterr().out


def test_what_a_person_decided_stands_until_it_gets_graver(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    got = listed(place, capsys, "ack", "06", "--note", "asked the owner")
    assert (got[0]["status"], got[0]["notes"][0]["text"]) == ("acknowledged", "asked the owner")  # type: ignore[index]
    store = AlertStore(place)
    uid = "06" + "ab" * 9
    store.send(alert(6, uid=uid, revision=2))
    assert store.get(uid).status == "acknowledged"
    store.send(alert(6, uid=uid, revision=3, severity="critical"))
    assert store.get(uid).status == "new"
    store.send(alert(6, uid=uid, revision=2, title="late"))
    assert store.get(uid).alert["revision"] == 3
    store.close()
    assert [one["status"] for one in listed(place, capsys, "close", "06", "07")] == ["closed", "closed"]
    assert len(listed(place, capsys, "list", "--status", "new")) == 6


def test_filters_by_state_client_endpoint_and_time(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    everything = listed(place, capsys, "list")
    one = everything[0]
    assert listed(place, capsys, "list", "--client", str(one["clients"][0]) + "/32") == [  # type: ignore[index]
        other for other in everything if one["clients"][0] in other["clients"]  # type: ignore[index,operator]
    ]
    assert listed(place, capsys, "list", "--endpoint", "nothing *") == []
    assert listed(place, capsys, "list", "--incident", "closed") == [other for other in everything if other["state"] == "closed"]
    assert listed(place, capsys, "list", "--since", "2001-01-01T00:00") == everything
    assert listed(place, capsys, "list", "--since", "2999-01-01") == []
    assert listed(place, capsys, "--limit", "3") == everything[:3]
    assert main(["alerts", "--json", "--state", str(place.parent)]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == everything


def test_who_did_what_is_kept_and_a_verdict_changes_the_next_decision(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    got = listed(place, capsys, "close", "06", "--false-positive", "--for", "12h", "--as", "alice", "--note", "health check")[0]
    assert (got["status"], got["verdict"]) == ("closed", "false_positive")
    assert [(note["who"], note["what"], note["text"]) for note in got["notes"]] == [  # type: ignore[attr-defined]
        ("alice", "closed", "health check"),
        ("alice", "false_positive", "health check"),
    ]
    store = AlertStore(place)
    (verdict,) = store.verdicts()
    assert (verdict.who, verdict.uid, verdict.detectors) == ("alice", got["uid"], tuple(got["detectors"]))  # type: ignore[arg-type]
    assert (verdict.until - max(verdict.at * 10**9, int(str(got["last_seen"])))) == 12 * 3600 * 10**9
    # Another process takes it back: this one sees it at once.
    assert listed(place, capsys, "reopen", "06", "--as", "bob")[0]["status"] == "new"
    assert store.verdicts() == ()
    store.close()
    assert main(["alerts", "show", "06", "--store", str(place)]) == 0
    out = capsys.readouterr().out
    assert "alice: false positive, health check" in out and "bob: new" in out and "api-sensor evidence 06" in out


def test_a_store_of_the_first_version_is_brought_up(tmp_path: Path) -> None:
    import sqlite3

    from sensor.store import MIGRATIONS

    db = sqlite3.connect(tmp_path / "s")
    db.executescript(f"{MIGRATIONS[0]}; PRAGMA user_version = 1; INSERT INTO note VALUES ('x', 1, 'closed', 'old')")
    db.close()
    store = AlertStore(tmp_path / "s")
    assert store.verdicts() == ()
    store.send(alert(1))
    assert store.decide(alert(1).uid, "acknowledged", "seen").notes[0].text == "seen"
    store.close()


def test_one_alert_is_shown_whole(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alerts", "show", "03", "--store", str(place)]) == 0
    out = capsys.readouterr().out
    for part in ("critical (6.5 of 10)", "shop.pcap packet 1234", "usual is 1 to 4", "Block the client", "gaps 2"):
        assert part in out


def test_mistakes_are_sentences(place: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for words in (
        ["show", "zz"], ["show", "0"], ["show"], ["list", "03"], ["ack"], ["show", "03", "--true-positive"], ["ack", "03", "--for", "long"],
        ["list", "--since", "yesterday"],
    ):  # fmt: skip
        assert main(["alerts", *words, "--store", str(place)]) == 2
    (tmp_path / "junk").write_bytes(b"no database" * 1000)
    assert main(["alerts", "list", "--store", str(tmp_path / "junk")]) == 2
    assert main(["alerts", "list", "--store", str(tmp_path / "none")]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_the_store_is_bounded_and_what_is_done_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor.store._PRUNE_EVERY", 10)
    store = AlertStore(tmp_path / "s", limit=20)
    for number in range(15):
        store.send(alert(number))
    store.decide(alert(12).uid, "closed")
    for number in range(15, 40):
        store.send(alert(number))
    kept = {one.alert["uid"] for one in store.list(limit=100)}
    assert len(kept) == 20
    assert alert(12).uid not in kept and alert(39).uid in kept
    store.close()


def test_a_newer_store_is_refused_and_not_touched(tmp_path: Path) -> None:
    store = AlertStore(tmp_path / "s")
    store._db.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(SensorError, match="newer api-sensor"):
        AlertStore(tmp_path / "s")


def test_a_database_of_something_else_is_refused_and_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for version in (0, 1, 2):
        path = tmp_path / f"{version}.sqlite"
        database = sqlite3.connect(path)
        database.executescript(f"CREATE TABLE endpoint (name TEXT); PRAGMA user_version = {version};")
        database.close()
        before = path.read_bytes()
        with pytest.raises(SensorError, match="something else"):
            AlertStore(path)
        assert main(["alerts", "--store", str(path)]) == 2
        assert path.read_bytes() == before
    assert "fault of ours" not in capsys.readouterr().err


def test_a_full_disk_costs_the_store_nothing_while_memory_lasts(tmp_path: Path) -> None:
    store = AlertStore(tmp_path / "s")
    store.send(alert(1))
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(2, 50):
        store.send(alert(number))
    state = store.state()
    assert state.waiting + state.delivered == 49 and state.waiting > 30 and state.dropped == 0
    assert "full" in state.error
    store._db.execute("PRAGMA max_page_count = 1000000")
    store.send(alert(50))
    assert store.close().sentence() == ""
    store = AlertStore(tmp_path / "s")
    assert len(store.list(limit=100)) == 50
    store.close()


WRITER = """
import sys
from pathlib import Path
from dataclasses import replace
from sensor.alerts import Alert
from sensor.store import AlertStore
store = AlertStore(Path(sys.argv[1]))
model = Alert.from_json(sys.argv[2].encode())
for number in range(1000000):
    store.send(replace(model, uid=f"{number:020x}"))
    print(number, flush=True)
"""


def test_kill_9_loses_no_alert_that_was_sent(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "s"), alert().to_json().decode()], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    for _ in range(200):
        last = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    store = AlertStore(tmp_path / "s")
    assert len(store.list(limit=10**6)) > last
    store.close()
