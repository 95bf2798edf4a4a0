"""Findings in, alerts out: how incidents are formed, told and closed."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.alerts import ALERT_FIELDS, CLOSED, OPEN, UPDATED, Alert, AlertConfig, Alerts, Maintenance
from sensor.findings import Evidence, Feature, Finding
from sensor.sinks.formats import FORMATS
from sensor.sinks.message import fields_of

S = 1_000_000_000
START = 1_700_000_000 * S


def finding(at: float = 0, client: str | None = "203.0.113.9", detector: str = "sqli", **more: object) -> Finding:
    made = Finding(
        detector=detector,
        row=0,
        ts=START + int(at * S),
        severity="medium",
        severity_score=5.0,
        confidence=0.8,
        title=f"{detector} seen",
        category="API8:2023",
        reasons=(f"{detector}: expected none, saw one.",),
        client=client,
        endpoint="GET shop.example/items/{item_id}",
        evidence=(Evidence("C1", "shop.pcap", 7, START + int(at * S)),),
    )
    return replace(made, **more)  # type: ignore[arg-type]


def told(alerts: Alerts, findings: list[Finding], chunk: int = 1) -> list[Alert]:
    out: list[Alert] = []
    for at in range(0, len(findings), chunk):
        out += alerts.observe(findings[at : at + chunk])
    return out + alerts.finish()


def test_the_names_are_those_of_the_alert_log() -> None:
    assert " ".join(ALERT_FIELDS) == (
        "uid revision state first_seen last_seen severity severity_score confidence title category techniques detectors clients principals "
        "endpoints calls reasons features evidence response loss"
    )


def test_a_fuzzing_campaign_of_thousands_of_findings_is_one_incident() -> None:
    rng = random.Random(7)
    campaign = [
        finding(
            at / 50,
            detector=rng.choice(["sqli", "xss", "traversal", "autoencoder", "method-scan"]),
            row=at,
            endpoint=f"GET shop.example/p{at % 700}",
            features=(Feature(f"f{at}", "1", "0"),),
            reasons=(f"reason {at}",),
        )
        for at in range(10_000)
    ]
    out = told(Alerts(), campaign)
    assert len({alert.uid for alert in out}) == 1
    assert len(out) <= 6
    last = out[-1]
    assert (last.state, last.calls, last.clients) == (CLOSED, 10_000, ("203.0.113.9",))
    assert max(len(getattr(last, name)) for name in ("endpoints", "reasons", "features", "evidence")) <= 32
    assert "10000 findings in 10000 calls by 1 client on 700 endpoints within 3 min 19 s" in last.reasons[0]


def test_revisions_count_up_and_states_go_open_updated_closed() -> None:
    out = told(Alerts(AlertConfig(update_s=10)), [finding(at) for at in range(100)])
    assert [alert.revision for alert in out] == list(range(1, len(out) + 1))
    assert [alert.state for alert in out] == [OPEN] + [UPDATED] * (len(out) - 2) + [CLOSED]
    # After 10 s, then 20, then 40: the wait doubles, and what comes at that very moment waits for the next.
    assert [(alert.last_seen - START) // S for alert in out] == [0, 9, 29, 69, 99]


@pytest.mark.parametrize("chunk", [2, 7, 100, 1000])
def test_alerts_do_not_depend_on_how_findings_were_cut_into_batches(chunk: int) -> None:
    rng = random.Random(3)
    some = [
        finding(
            at * rng.random() * 3,
            client=f"198.51.100.{rng.randrange(12)}",
            detector=rng.choice(["a", "b", "c"]),
            row=-1,
            severity=rng.choice(["low", "medium", "high"]),
        )
        for at in range(1000)
    ]
    some.sort(key=lambda one: one.ts)
    config = AlertConfig(quiet_s=40, update_s=5)
    assert told(Alerts(config), some, chunk) == told(Alerts(config), some)


def test_a_graver_finding_is_told_at_once() -> None:
    out = told(
        Alerts(), [finding(0), finding(1), finding(2, detector="takeover", severity="critical", severity_score=9.5)]
    )
    assert [(alert.state, alert.severity) for alert in out] == [
        (OPEN, "medium"),
        (UPDATED, "critical"),
        (CLOSED, "critical"),
    ]
    assert out[-1].title == "takeover seen and 1 more kind"
    assert out[-1].detectors == ("takeover", "sqli")


def test_detectors_of_different_categories_that_agree_raise_the_severity_and_say_so() -> None:
    three = [
        finding(0, detector="stuffing", category="API2:2023", severity_score=6.5),
        finding(1, detector="bola", category="API1:2023", severity_score=6.5),
    ]
    last = told(Alerts(), three)[-1]
    assert (last.severity, last.severity_score) == ("high", 7.0)
    assert last.reasons[-1] == "2 detectors of 2 categories agree, which raises the severity from medium to high."
    assert last.confidence == 0.96


def test_a_quiet_incident_closes_in_packet_time_and_a_later_one_is_new() -> None:
    alerts = Alerts(AlertConfig(quiet_s=60))
    first = alerts.observe([finding(0)])
    assert alerts.observe([], now=START + 59 * S) == []
    closed = alerts.observe([], now=START + 61 * S)
    assert [alert.state for alert in closed] == [CLOSED]
    again = alerts.observe([finding(100)])
    assert again[0].uid != first[0].uid


def test_one_group_is_one_incident_whoever_the_clients_are() -> None:
    out = told(Alerts(), [finding(at, client=f"192.0.2.{at}", group="stuffing POST /login") for at in range(50)])
    assert len({alert.uid for alert in out}) == 1
    assert len(out[-1].clients) == 32
    assert "by 50 clients" in out[-1].reasons[0]


def test_many_clients_doing_the_same_to_one_endpoint_end_in_few_incidents() -> None:
    out = told(Alerts(), [finding(at / 10, client=f"10.0.{at // 250}.{at % 250}") for at in range(2000)])
    assert len({alert.uid for alert in out}) == 9


def test_inventory_findings_are_gathered_by_host_and_not_laid_on_the_client() -> None:
    hidden = [
        finding(at, detector="shadow", category="inventory", endpoint=f"GET shop.example/hidden/{at}")
        for at in range(40)
    ]
    out = told(Alerts(), [finding(0), *hidden])
    assert len({alert.uid for alert in out}) == 2
    by_detector = {alert.detectors: alert for alert in out}
    assert by_detector[("shadow",)].calls == 40


def test_calls_found_by_several_detectors_count_once() -> None:
    alerts = Alerts()
    alerts.observe([finding(0, row=5), finding(0, row=5, detector="xss"), finding(0, row=6)])
    assert alerts.finish()[0].calls == 2


def test_a_maintenance_window_is_silent_and_counted() -> None:
    quiet = Maintenance("release", START, START + 10 * S, detector="sq*", client="203.0.*")
    alerts = Alerts(AlertConfig(maintenance=(quiet,)))
    out = told(alerts, [finding(1), finding(2, detector="xss"), finding(11)])
    assert out[-1].detectors == ("sqli", "xss")
    assert alerts.counters["silenced"] == 1
    assert alerts.silenced == {"release": 1}


def test_incidents_stay_bounded_and_a_graver_one_takes_the_place_of_a_lesser() -> None:
    alerts = Alerts(AlertConfig(open_incidents=10, wide_clients=100_000, flood=10_000))
    out = alerts.observe([finding(at / 1000, client=f"c{at}", row=at) for at in range(5000)])
    grave = alerts.observe([finding(6, client="worst", severity="critical", severity_score=9.9)])
    assert len(alerts._open) == 10
    assert [alert.state for alert in grave] == [CLOSED, OPEN]
    assert grave[1].clients == ("worst",)
    assert alerts.counters["gathered"] == 4990
    every = [alert for alert in out + grave + alerts.finish() if alert.state == CLOSED]
    assert sum(alert.calls for alert in every) == 5001


def test_text_is_masked_and_made_visible() -> None:
    loud = finding(
        title="\x1b]0;owned\x07 secret42",
        client="10.0.0.9\n",
        principal="\udcff%s%n",
        action={"kind": "block", "address": "secret42"},
    )
    alert = Alerts(mask=lambda text: text.replace("secret42", "***")).observe([loud])[0]
    assert alert.title == "\\x1b]0;owned\\x07 ***"
    assert alert.clients == ("10.0.0.9\\x0a",)
    assert alert.principals == ("\\udcff%s%n",)
    assert alert.response["actions"] == [{"kind": "block", "address": "***"}]


def test_loss_is_told_where_there_is_any() -> None:
    alert = Alerts(loss=lambda: {"gaps": 3, "dropped": 0}).observe([finding()])[0]
    assert alert.loss == {"gaps": 3}


def test_an_alert_comes_back_from_its_line() -> None:
    alert = told(
        Alerts(), [finding(features=(Feature("rate", "9", "1"),), response="Block it.", action={"kind": "block"})]
    )[-1]
    assert Alert.from_json(alert.to_json()) == alert
    for bad in (b"", b"[]", b"{}", b'{"uid":1}', b"nul"):
        with pytest.raises(ValueError, match=r"\w"):
            Alert.from_json(bad)


def test_mistaken_settings_are_all_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"identifier: 'clients' is none.*quiet_s: must be 1 or more"):
        Alerts(AlertConfig(identifier=("clients",), quiet_s=0))


@given(st.integers(0, 2**32))
@settings(max_examples=200, deadline=None)
def test_uid_and_revision_name_one_alert_whatever_is_closed_early(seed: int) -> None:
    """Receivers drop what they know by uid and revision."""
    rng = random.Random(seed)
    config = AlertConfig(
        open_incidents=rng.choice([1, 2, 1024]), flood=rng.choice([1, 100]), quiet_s=rng.choice([1, 900]), age_s=rng.choice([1, 86_400]),
        wide_clients=rng.choice([1, 8]), update_s=1, suppress_s=rng.choice([0, 3]),
    )  # fmt: skip
    alerts, told, ts = Alerts(config), [], 0
    for _ in range(20):
        batch = []
        for row in range(rng.randint(0, 6)):
            ts += rng.choice([0, 0, 1, S, 3 * S])
            for _ in range(rng.randint(1, 3)):
                batch.append(
                    finding(
                        at=max(0, ts - rng.choice([0, 0, S])) / S, row=row, detector=rng.choice("abc"), client=rng.choice(["10.0.0.1", "10.0.0.2", None]),
                        severity=rng.choice(["low", "critical"]), endpoint=rng.choice(["GET h/a", "GET h/b"]), group=rng.choice(["", "g"]),
                    )
                )  # fmt: skip
        told += alerts.observe(batch, ts)
    told += alerts.finish()
    histories: dict[str, list[Alert]] = {}
    for one in told:
        histories.setdefault(one.uid, []).append(one)
    for history in histories.values():
        assert [one.revision for one in history] == list(range(1, len(history) + 1))
        assert [one.state for one in history] == ["open", *["updated"] * (len(history) - 2), "closed"]


def test_what_is_no_number_stops_no_format() -> None:
    odd = [finding(at, client=f"10.0.0.{at}", severity_score=score, confidence=sure) for at, (score, sure) in enumerate([(float("nan"), 0.5), (float("inf"), float("nan")), (-1.0, 7.0)])]
    for one in told(Alerts(), odd):
        assert 0 <= one.severity_score <= 10 and 0 <= one.confidence <= 1
        line = one.to_json()
        assert b"null" not in line
        for make in FORMATS.values():
            assert make(fields_of(line), line, 1 << 16)
