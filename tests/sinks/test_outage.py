"""The receiver is killed and started again at random, the sensor is killed with signal 9: no alert is lost, and what comes twice has the same ids."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from tests.sinks.conftest import Rsyslog, SyslogNg

# Sends alerts number `last accepted + 1` onwards and says after each hundred how far it got; what the spool has, it need not be told again.
SENDER = """
import sys
from pathlib import Path
import orjson
from sensor.alerts import RANK, Alert
from sensor.sinks import open_sink
place, spools, model, accepted, count = sys.argv[1], Path(sys.argv[2]), orjson.loads(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
sink = open_sink(place, spools)
first = sink._spool.last + 1
assert first > accepted, (first, accepted)
for number in range(first, count + 1):
    model["uid"] = f"{number:020x}"
    sink.send(Alert.from_json(orjson.dumps(model)))
    if number % 100 == 0:
        print(number, flush=True)
state = sink.close(60)
print("closed", state.waiting, state.dropped, flush=True)
"""


def outage(
    receiver: Rsyslog | SyslogNg, place: str, spools: Path, count: int, outages: int, kills: int, seed: int
) -> None:
    from tests.sinks.conftest import alert

    rng = random.Random(seed)
    model = alert().to_json().decode()
    accepted = 0
    events = ["receiver"] * outages + ["sensor"] * kills
    rng.shuffle(events)
    marks = sorted(rng.sample(range(count // 20, count), len(events)))
    process: subprocess.Popen[bytes] | None = None

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", SENDER, place, str(spools), model, str(accepted), str(count)], stdout=subprocess.PIPE
        )

    process = start()
    end = ""
    while not end:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        assert line, "the sender died"
        if line.startswith("closed"):
            end = line
            break
        accepted = int(line)
        if marks and accepted >= marks[0]:
            marks.pop(0)
            if events.pop() == "receiver":
                receiver.stop(signal.SIGKILL)
                time.sleep(rng.random() * 0.3)
                receiver.start()
            else:
                process.kill()
                rest = process.stdout.read().split()
                accepted = max([accepted, *(int(word) for word in rest if word.isdigit())])
                process.stdout.close()
                process.wait()
                process = start()
    assert end.split() == ["closed", "0", "0"]
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(10) == 0
    key = "msg" if isinstance(receiver, Rsyslog) else "MESSAGE"
    got: dict[str, set[str]] = {}
    lines = 0
    torn = 0
    for line_ in receiver.out.read_bytes().split(b"\n")[:-1]:
        try:
            one = orjson.loads(line_)
            text = one[key]
            body = orjson.loads(text)
        except orjson.JSONDecodeError:
            torn += 1  # the receiver was killed while it wrote this line; the alert comes again
            continue
        data = one["all"]["rfc5424-sd"]["meta"]["sequenceid"] if key == "msg" else one["_SDATA"]["meta"]["sequenceId"]
        lines += 1
        got.setdefault(body["uid"], set()).add(data)
    lost = [number for number in range(1, count + 1) if f"{number:020x}" not in got]
    assert lost == []
    assert all(ids == {str(int(uid, 16))} for uid, ids in got.items()), "a repeat came with another sequenceId"
    print(
        f"{count} alerts, {outages} kills of the receiver, {kills} of the sensor: 0 lost, {lines - count} repeats, {torn} torn lines"
    )


@pytest.mark.parametrize("way", ["tcp", "tls"])
def test_nothing_is_lost_when_rsyslog_and_the_sensor_are_killed(
    rsyslog_tls: Rsyslog, certificates: Path, tmp_path: Path, way: str
) -> None:
    c = certificates
    place = f"tcp://127.0.0.1:{rsyslog_tls.tcp}"
    if way == "tls":
        place = f"tls://localhost:{rsyslog_tls.tls}?ca={c}/ca.pem&cert={c}/client.pem&key={c}/client.key"
    outage(rsyslog_tls, place, tmp_path / "spools", count=6_000, outages=3, kills=2, seed=1)


def test_nothing_is_lost_when_syslog_ng_and_the_sensor_are_killed(
    syslog_ng: SyslogNg, certificates: Path, tmp_path: Path
) -> None:
    c = certificates
    place = f"tls://localhost:{syslog_ng.tls}?ca={c}/ca.pem&cert={c}/client.pem&key={c}/client.key"
    outage(syslog_ng, place, tmp_path / "spools", count=6_000, outages=3, kills=2, seed=2)


@pytest.mark.bench
@pytest.mark.skipif("API_SENSOR_BENCH" not in os.environ, reason="a benchmark: set API_SENSOR_BENCH to run it")
@pytest.mark.parametrize("way", ["tcp", "tls"])
@pytest.mark.parametrize("which", ["rsyslog_tls", "syslog_ng"])
def test_a_hundred_thousand_alerts_through_ten_outages(
    request: pytest.FixtureRequest, certificates: Path, tmp_path: Path, which: str, way: str
) -> None:
    c = certificates
    receiver = request.getfixturevalue(which)
    place = f"tcp://127.0.0.1:{receiver.tcp}"
    if way == "tls":
        place = f"tls://localhost:{receiver.tls}?ca={c}/ca.pem&cert={c}/client.pem&key={c}/client.key"
    outage(receiver, place, tmp_path / "spools", count=100_000, outages=10, kills=3, seed=3)
