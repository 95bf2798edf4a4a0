"""What grouping costs a finding: `python tests/bench/bench_alerts.py`. CPU time, the least of three runs."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sensor.alerts import FALSE_POSITIVE, AlertConfig, Alerts, Grouping, Maintenance, Verdict
from sensor.findings import Finding
from sensor.incidents import IncidentFile
from sensor.masking import Masker
from tests.alerts.test_grouping import finding

N = 100_000
BATCH = 1_000


def campaign() -> list[Finding]:
    """One client, five detectors, 700 endpoints."""
    return [finding(at / 500, detector=f"d{at % 5}", row=at % BATCH, endpoint=f"GET shop.example/p{at % 700}") for at in range(N)]


def flood() -> list[Finding]:
    """Everybody at once: 20 000 clients, each at an endpoint of its own."""
    return [finding(at / 500, client=f"10.{at % 20_000 >> 8}.0.{at & 255}", endpoint=f"GET shop.example/{at % 5000}", row=at % BATCH) for at in range(N)]


def run(findings: list[Finding], alerts: Alerts) -> float:
    start = time.process_time()
    for at in range(0, N, BATCH):
        alerts.observe(findings[at : at + BATCH])
    alerts.finish()
    return (time.process_time() - start) / N * 1e6


def main() -> None:
    windows = tuple(Maintenance(f"m{k}", client=f"192.168.{k}.0/24", daily="02:00-04:00") for k in range(20))
    verdict = Verdict("ab" * 12, FALSE_POSITIVE, ("d1",), 3, 0, 2**62)
    kinds: dict[str, Callable[[], Alerts]] = {
        "plain": lambda: Alerts(mask=Masker(b"k" * 32).text),
        "twenty maintenance windows": lambda: Alerts(AlertConfig(maintenance=windows)),
        "grouped by detector": lambda: Alerts(AlertConfig(detectors=(Grouping("d*", ("client", "detector"), 60),))),
        "a verdict in force": lambda: Alerts(verdicts=lambda: [verdict]),
        "kept on disk": lambda: Alerts(mask=Masker(b"k" * 32).text, keeper=IncidentFile(Path(tempfile.mkdtemp()))),
    }
    for name, findings in (("campaign", campaign()), ("flood", flood())):
        for how, make in kinds.items():
            print(f"{name:>10}, {how}: {min(run(findings, make()) for _ in range(3)):.2f} us a finding")


if __name__ == "__main__":
    main()
