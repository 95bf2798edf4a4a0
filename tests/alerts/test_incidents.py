"""Incidents that outlive the sensor, floods, maintenance, and what people said."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sensor.alerts import (
    CLOSED,
    FALSE_POSITIVE,
    OPEN,
    TRUE_POSITIVE,
    Alert,
    AlertConfig,
    Alerts,
    Grouping,
    Maintenance,
    Verdict,
)
from sensor.errors import SensorError
from sensor.findings import Feature, Finding
from sensor.incidents import IncidentFile
from tests.alerts.test_grouping import START, S, finding, told

HOUR = 3600


def some(number: int, seed: int) -> list[Finding]:
    rng = random.Random(seed)
    return sorted(
        (
            finding(
                rng.random() * 4000,
                client=f"198.51.100.{rng.randrange(9)}",
                principal=rng.choice(["joe", None]),
                detector=rng.choice(["a", "b", "c"]),
                row=-1,
                severity=rng.choice(["low", "medium", "high"]),
                group=rng.choice(["", "", f"g{rng.randrange(3)}"]),
                features=(Feature("rate", str(rng.random()), "1"),),
                action={"kind": "block", "seconds": 60},
                techniques=("T1110",),
            )
            for _ in range(number)
        ),
        key=lambda one: one.ts,
    )


@pytest.mark.parametrize("bounds", [{"wide_clients": 100}, {"wide_clients": 3}, {"wide_clients": 100, "flood": 6, "flood_s": 400}], ids=["free", "wide", "flood"])
@pytest.mark.parametrize("seed", range(6))
def test_a_run_cut_in_pieces_tells_what_one_run_tells(seed: int, bounds: dict[str, int], tmp_path: Path) -> None:
    findings = some(400, seed)
    config = AlertConfig(quiet_s=120, update_s=20, detectors=(Grouping("c", ("endpoint",), 600),), **bounds)  # type: ignore[arg-type]
    whole = told(Alerts(config), findings)
    cuts = sorted(random.Random(seed).sample(range(1, 400), 5))
    pieces: list[Alert] = []
    for start, end in zip([0, *cuts], [*cuts, 400], strict=True):
        keeper = IncidentFile(tmp_path)
        alerts = Alerts(config, keeper=keeper)
        assert alerts.resume() == []
        for one in findings[start:end]:
            pieces += alerts.observe([one])
        if end == 400:
            pieces += alerts.finish()
        alerts.suspend()
        keeper.close()
    assert pieces == whole
    lines, in_order = IncidentFile(tmp_path).load()
    assert in_order and [list(json.loads(line)) for line in lines] == [["spread", "opened"]]


def test_after_a_kill_every_open_incident_is_told_again_under_a_higher_revision(tmp_path: Path) -> None:
    keeper = IncidentFile(tmp_path)
    first = Alerts(AlertConfig(quiet_s=60), keeper=keeper)
    before = first.observe([finding(0), finding(1, client="192.0.2.1")])
    before += first.observe([finding(100, client="192.0.2.2")])  # the first two close here: perhaps nobody was told
    os.close(keeper._lock)  # the process is gone: nothing else is done
    keeper._db.close()
    second = Alerts(AlertConfig(quiet_s=60), keeper=IncidentFile(tmp_path))
    again = second.resume()
    assert {alert.uid for alert in again} == {alert.uid for alert in before}
    assert sorted(alert.state for alert in again) == ["closed", "closed", "updated"]
    highest = {alert.uid: alert.revision for alert in before}
    assert all(alert.revision == highest[alert.uid] + 1 for alert in again)
    on = second.observe([finding(101, client="192.0.2.2", severity="critical")])
    assert (on[0].uid, on[0].revision, on[0].calls) == (again[-1].uid, again[-1].revision + 1, 2) or on[0].uid in highest


def test_two_runs_do_not_share_incidents_and_junk_is_refused(tmp_path: Path) -> None:
    keeper = IncidentFile(tmp_path)
    with pytest.raises(SensorError, match="another run"):
        IncidentFile(tmp_path)
    keeper.save({"x": b"no incident"}, [])
    keeper.close()
    keeper = IncidentFile(tmp_path)
    alerts = Alerts(keeper=keeper)
    assert alerts.resume() == [] and alerts.counters["closed_early"] == 1
    keeper.close()
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk" / "incidents.sqlite").write_bytes(b"junk" * 1000)
    with pytest.raises(SensorError, match="move it away"):
        IncidentFile(tmp_path / "junk")


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from sensor.alerts import Alerts, AlertConfig
from sensor.incidents import IncidentFile
from tests.alerts.test_grouping import finding
alerts = Alerts(AlertConfig(update_s=1, update_max_s=1), keeper=IncidentFile(Path(sys.argv[1])))
told = alerts.resume()
at = int(sys.argv[3])
while True:
    for alert in told:
        print(alert.to_json().decode(), flush=True)
    at += 1
    told = alerts.observe([finding(at, client=f"10.0.0.{at % 7}")])
"""


def test_kill_9_again_and_again_and_the_same_uids_go_on(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    seen: dict[str, int] = {}
    for round_ in range(4):
        argv = [sys.executable, "-c", WRITER, str(tmp_path), str(root), str(round_ * 300)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(60):
                alert = json.loads(process.stdout.readline())
                assert alert["revision"] > seen.get(alert["uid"], 0)
                seen[alert["uid"]] = alert["revision"]
            os.kill(process.pid, signal.SIGKILL)
            rest = process.stdout.read().splitlines()
        for line in rest:
            if line.endswith(b"}"):
                seen[json.loads(line)["uid"]] = max(json.loads(line)["revision"], seen.get(json.loads(line)["uid"], 0))
    assert len(seen) == 7


def test_a_detector_may_be_grouped_by_other_fields_and_for_longer() -> None:
    config = AlertConfig(quiet_s=60, detectors=(Grouping("stuff*", ("endpoint",), suppress_s=HOUR, quiet_s=60),))
    findings = [finding(at * 300, client=f"10.0.0.{at}", detector="stuffing") for at in range(20)] + [finding(5999)]
    out = told(Alerts(config), findings)
    stuffing = {alert.uid for alert in out if alert.detectors == ("stuffing",)}
    # 20 findings five minutes apart on one endpoint: an incident an hour, and no finding of another detector in it.
    assert len(stuffing) == 2
    assert [alert.detectors for alert in out if alert.uid not in stuffing][-1] == ("sqli",)


def test_suppression_holds_one_identifier_in_one_alert() -> None:
    slow = [finding(at * 1000) for at in range(10)]
    assert len({alert.uid for alert in told(Alerts(), slow)}) == 10
    assert len({alert.uid for alert in told(Alerts(AlertConfig(suppress_s=3 * HOUR)), slow)}) == 1
    out = told(Alerts(AlertConfig(suppress_s=HOUR)), slow)
    assert len({alert.uid for alert in out}) == 3
    assert len({alert.uid[10:] for alert in out}) == 1  # the group stands in each uid


def test_a_flood_of_different_incidents_is_gathered_by_detector() -> None:
    flood = [finding(at / 10, client=f"10.{at // 250}.0.{at % 250}", endpoint=f"GET shop.example/{at}", detector=f"d{at % 3}") for at in range(5000)]
    alerts = Alerts()
    out = told(alerts, flood)
    assert len({alert.uid for alert in out}) == 103
    assert alerts.counters["flooded"] > 4000
    gathered = [alert for alert in out if alert.state == CLOSED and "gathered in this one" in alert.reasons[0]]
    assert len(gathered) == 3 and sum(alert.calls for alert in gathered) == 4900
    # The flood is over: the next one stands by itself.
    assert [one.state for one in alerts.observe([finding(3000, client="192.0.2.1")])] == [OPEN]


@pytest.mark.parametrize(
    ("window", "hours", "silent"),
    [
        (Maintenance(), range(48), range(48)),
        (Maintenance(daily="02:00-04:00"), range(48), [2, 3, 26, 27]),
        (Maintenance(daily="22:00-02:00", days=("wed",)), range(48), [22, 23, 24, 25]),
        (Maintenance(days=("thu",)), range(48), range(24, 48)),
        (Maintenance(client="203.0.0.0/16", daily="02:00-03:00"), range(48), [2, 26]),
        (Maintenance(client="198.51.100.0/24"), range(48), []),
        (Maintenance(endpoint="* shop.example/items/*", daily="00:00-01:00"), range(48), [0, 24]),
        (Maintenance(endpoint="POST *"), range(48), []),
        (Maintenance(detector="xss"), range(48), []),
        (Maintenance(ends=START), range(48), []),
    ],
)
def test_maintenance_by_time_of_week_client_endpoint_and_detector(window: Maintenance, hours: range, silent: list[int]) -> None:
    midnight = 1_699_999_200 * S - 1_699_999_200 % 86_400 * S + 86_400 * S  # Wednesday, 15 November 2023
    got = []
    for hour in hours:
        alerts = Alerts(AlertConfig(maintenance=(window,)))
        told_now = alerts.observe([replace(finding(), ts=midnight + hour * HOUR * S)])
        assert bool(told_now) is not bool(alerts.silenced)
        got += [] if told_now else [hour]
    assert got == list(silent)


def test_a_false_positive_is_held_back_and_the_next_alert_says_so() -> None:
    alerts = Alerts(AlertConfig(quiet_s=60))
    first = alerts.observe([finding(0)])[0]
    alerts.observe([], now=START + 100 * S)
    said = Verdict(first.uid, FALSE_POSITIVE, first.detectors, 1, first.first_seen, START + HOUR * S, 1, "alice", "health check")
    alerts = Alerts(AlertConfig(quiet_s=60), verdicts=lambda: [said])
    assert alerts.observe([finding(200), finding(900)]) == []
    assert alerts.counters["held_back"] == 2
    # Another detector, another client, and a graver finding are told as ever.
    assert [one.clients for one in alerts.observe([finding(901, client="192.0.2.7")])] == [("192.0.2.7",)]
    other = alerts.observe([finding(902, detector="xss")])
    assert other[0].detectors == ("xss",)
    assert "2 findings of sqli between 2023-11-14 22:16:40 and 2023-11-14 22:28:20 UTC made no alert: alice called alert" in other[0].reasons[-1]
    assert '("health check"), which counts until 2023-11-14 23:13:20' in other[0].reasons[-1]
    assert alerts.observe([finding(903, severity="high")])[0].severity == "high"
    # The time is over.
    alerts.observe([], now=START + 2 * HOUR * S)
    assert alerts.observe([finding(2 * HOUR + 1)])[0].state == OPEN


def test_a_confirmed_alert_makes_the_next_of_its_group_more_certain() -> None:
    first = Alerts().observe([finding(0)])[0]
    said = Verdict(first.uid, TRUE_POSITIVE, first.detectors, 1, first.first_seen, START + HOUR * S, 1, "bob")
    again = Alerts(verdicts=lambda: [said]).observe([finding(5000)])[0]
    assert again.confidence == 0.9 > first.confidence
    assert again.reasons[-1] == f"bob confirmed alert {first.uid} of the same kind."
    assert Alerts(verdicts=lambda: [said]).observe([finding(5000, detector="xss")])[0].confidence == first.confidence
