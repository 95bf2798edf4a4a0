"""Which alerts a sink takes, and what it never sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.alerts import Alert, AlertConfig, Alerts
from sensor.errors import SensorError
from sensor.findings import Feature, Finding
from sensor.sinks import open_sink, open_sinks
from tests.sinks.conftest import alert


def taken(tmp_path: Path, options: str, *alerts: Alert, never_send: tuple[str, ...] = ()) -> list[Alert]:
    path = tmp_path / "out.jsonl"
    path.unlink(missing_ok=True)
    sink = open_sink(f"file:{path}?{options}", tmp_path, never_send)
    for one in alerts:
        sink.send(one)
    sink.close()
    return [Alert.from_json(line) for line in path.read_bytes().splitlines()] if path.exists() else []


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ("min=high", ["high", "critical"]),
        ("max=medium", ["low", "medium"]),
        ("min=medium&max=high", ["medium", "high"]),
        ("client=203.0.113.0/24", ["low", "medium"]),
        ("client=198.51.*,203.0.113.1", ["medium", "high", "critical"]),
        ("client=2001:db8::/32", []),
        ("detector=stuff*", ["high"]),
        ("endpoint=POST+*", ["critical"]),
        ("state=closed", ["low"]),
    ],
)
def test_a_sink_takes_what_its_filter_says(tmp_path: Path, options: str, kept: list[str]) -> None:
    some = [
        alert(1, severity="low", clients=("203.0.113.9",), detectors=("a",), endpoints=("GET x/y",), state="closed"),
        alert(2, severity="medium", clients=("203.0.113.1",), detectors=("a",), endpoints=("GET x/y",), state="open"),
        alert(3, severity="high", clients=("198.51.100.1",), detectors=("a", "stuffing"), endpoints=("GET x/y",), state="open"),
        alert(4, severity="critical", clients=("198.51.100.2",), detectors=("a",), endpoints=("GET x/y", "POST x/z"), state="open"),
    ]
    assert [one.severity for one in taken(tmp_path, options, *some)] == kept


def test_what_is_never_sent_is_in_no_other_field(tmp_path: Path) -> None:
    full = alert(
        1,
        clients=("10.0.0.1",),
        principals=("joe@masked", "8"),
        reasons=("10.0.0.1 asked 8 times; 10.0.0.12 did not.",),
        features=(Feature("x", "10.0.0.1", "8"),),
        response={"advice": ["Block 10.0.0.1."], "actions": [{"kind": "block_address", "address": "10.0.0.1"}]},
    )
    (got,) = taken(tmp_path, "hide=loss", full, never_send=("clients", "principals"))
    assert (got.clients, got.principals, got.loss) == ((), (), {})
    assert got.reasons == ("(not sent) asked 8 times; 10.0.0.12 did not.",)
    assert got.response["actions"] == [{"kind": "block_address", "address": "(not sent)"}]
    assert b'10.0.0.1"' not in got.to_json() and b"Block (not sent)." in got.to_json()


def test_mistakes_are_all_said(tmp_path: Path) -> None:
    with pytest.raises(SensorError, match="nothing would be sent") as fault:
        open_sinks([f"file:{tmp_path}/a?min=high&max=low", f"file:{tmp_path}/b?clients=1"], tmp_path)
    assert "did you mean 'client'" in str(fault.value)


def test_a_sink_that_was_told_of_an_incident_is_told_of_its_end(tmp_path: Path) -> None:
    grows = [
        alert(1, uid="a" * 20, severity="medium", state="open"),
        alert(1, uid="a" * 20, severity="critical", state="updated", revision=2),
        alert(1, uid="a" * 20, severity="critical", state="closed", revision=3),
    ]
    other = [alert(2, uid="b" * 20, severity="critical", state="open"), alert(2, uid="b" * 20, severity="critical", state="closed", revision=2)]
    assert [(one.uid[0], one.revision) for one in taken(tmp_path, "max=medium", *grows, *other)] == [("a", 1), ("a", 3)]
    assert [(one.uid[0], one.revision) for one in taken(tmp_path, "max=medium&state=open,updated", *grows, *other)] == [("a", 1)]
    moved = [grows[0], alert(1, uid="a" * 20, state="closed", detectors=("b",), revision=2)]
    assert [one.revision for one in taken(tmp_path, "detector=bola*", *moved)] == [1, 2]


def test_filters_look_at_all_of_an_incident_not_only_at_what_is_listed(tmp_path: Path) -> None:
    alerts = Alerts(AlertConfig(wide_clients=2))
    told: list[Alert] = []
    for number in range(100):
        told += alerts.observe([finding(number, f"10.0.0.{number}", f"GET shop.example/{number}")], number)
    told += alerts.finish()
    wide = [one for one in told if one.state == "closed" and len(one.endpoints) == 32]
    assert wide
    for options in ("endpoint=*/99", "client=10.0.0.99"):
        (got,) = taken(tmp_path, f"{options}&state=closed", *wide)
        assert len(got.endpoints) == 32 and "GET shop.example/99" not in got.endpoints and "_all" not in got.to_json().decode()
    (got,) = taken(tmp_path, "state=closed", *wide, never_send=("clients",))
    assert b"10.0.0." not in got.to_json()


def finding(number: int, client: str, endpoint: str) -> Finding:
    return Finding(
        detector="probing", row=number, ts=number, severity="medium", severity_score=5.0, confidence=0.5, title="Probing", category="x",
        reasons=(f"{client} asked.",), client=client, endpoint=endpoint, group="scan", action={"kind": "block_address", "address": client},
    )  # fmt: skip
