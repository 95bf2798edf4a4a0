"""Kafka, against librdkafka's mock cluster: brokers of their own process, reached over TCP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sensor.alerts import Alert
from sensor.errors import SensorError
from sensor.sinks import Sink, open_sink
from sensor.sinks.formats import FORMATS
from tests.sinks.conftest import alert, free_port, freeze, thaw, until, worded
from tests.sinks.test_receivers import hostile_alerts

kafka = pytest.importorskip("confluent_kafka")

BROKERS = """
import sys, time
from confluent_kafka import Producer
mock = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 3, "log_level": 0})
print(",".join(f"{one.host}:{one.port}" for one in mock.list_topics(timeout=10).brokers.values()), flush=True)
while True:
    time.sleep(3600)
"""


class Cluster:
    """Three brokers."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", BROKERS], stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.brokers = self.process.stdout.readline().decode().strip()

    def records(self, count: int) -> list[Any]:
        """What is in the topic, once there is so much."""
        consumer = kafka.Consumer({"bootstrap.servers": self.brokers, "group.id": "t", "auto.offset.reset": "earliest", "log_level": 0})
        consumer.subscribe(["alerts"])
        got: list[Any] = []

        def all_there() -> bool:
            record = consumer.poll(1)
            if record is not None and record.error() is None:
                got.append(record)
            return len(got) >= count

        until(all_there)
        while (record := consumer.poll(0.2)) is not None:
            got.append(record)
        consumer.close()
        return got


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.process.kill()
    made.process.wait()
    assert made.process.stdout is not None
    made.process.stdout.close()


def opened(cluster: Cluster, tmp_path: Path) -> Sink:
    return open_sink(f"kafka://{cluster.brokers.split(',')[0]}/alerts", tmp_path)


def test_every_alert_is_in_the_topic_keyed_and_in_order(cluster: Cluster, tmp_path: Path) -> None:
    sink = opened(cluster, tmp_path)
    sent = [alert(number % 3, revision=number + 1) for number in range(500)]
    for one in sent:
        sink.send(one)
    assert sink.close(60).sentence() == ""
    got: dict[bytes, list[Alert]] = {}
    for record in cluster.records(len(sent)):
        got.setdefault(record.key(), []).append(Alert.from_json(record.value()))
    for number in range(3):
        assert got[alert(number).uid.encode()] == sent[number::3]


def test_hostile_text_comes_as_it_was_in_every_format(cluster: Cluster, tmp_path: Path) -> None:
    sent = hostile_alerts(seed=13, count=40)
    for name in FORMATS:
        sink = open_sink(f"kafka://{cluster.brokers.split(',')[0]}/alerts?format={name}", tmp_path)
        for one in sent:
            sink.send(one)
        assert sink.close(60).sentence() == ""
    got = sorted((record.key(), record.value()) for record in cluster.records(len(sent) * len(FORMATS)))
    assert got == sorted((one.uid.encode(), worded(name, one)) for name in FORMATS for one in sent)


def test_brokers_that_stand_still_for_a_while_cost_nothing(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor.sinks.kafka.ANSWER_S", 1.0)
    sink = opened(cluster, tmp_path)
    sink.send(alert(0))
    until(lambda: sink.state().delivered)
    freeze(cluster.process)
    for number in range(1, 20):
        sink.send(alert(number))
    until(lambda: sink.state().outages)
    assert (sink.state().waiting, sink.state().dropped) == (19, 0)
    thaw(cluster.process)
    assert sink.close(60).sentence() == ""
    # At least once: what comes twice has the same key and is the same alert.
    got = {(record.key(), record.value()) for record in cluster.records(20)}
    assert got == {(alert(number).uid.encode(), alert(number).to_json()) for number in range(20)}


def test_absent_brokers_keep_alerts_in_the_spool_and_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor.sinks.kafka.ANSWER_S", 0.5)
    sink = open_sink(f"kafka://127.0.0.1:{free_port()}/alerts", tmp_path)
    sink.send(alert(1))
    state = sink.close(0.1)
    assert (state.waiting, state.dropped) == (1, 0)
    assert "Connection refused" in state.error or "brokers are down" in state.error


def test_an_alert_that_the_brokers_find_too_long_does_not_stop_the_others(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Small(kafka.Producer):  # type: ignore[misc]
        """librdkafka's mock brokers take anything: the answer of a topic with a lower max.message.bytes."""

        def produce(self, topic: str, value: bytes, key: bytes, on_delivery: Any) -> None:
            if len(value) < 4096:
                super().produce(topic, value, key, on_delivery=on_delivery)
            else:
                on_delivery(kafka.KafkaError(kafka.KafkaError.MSG_SIZE_TOO_LARGE), None)

    monkeypatch.setattr(kafka, "Producer", Small)
    sink = opened(cluster, tmp_path)
    for one in (alert(1), alert(2, reasons=("long " * 1000,)), alert(3)):
        sink.send(one)
    state = sink.close(60)
    assert (state.delivered, state.waiting, state.dropped) == (2, 0, 1)
    assert "max.message.bytes" in state.sentence()
    assert [record.key() for record in cluster.records(2)] == [alert(number).uid.encode() for number in (1, 3)]


def test_further_brokers_are_asked_where_the_first_is_away(cluster: Cluster, tmp_path: Path) -> None:
    brokers = cluster.brokers
    sink = open_sink(f"kafka://127.0.0.1:{free_port()}/alerts?brokers={brokers}", tmp_path)
    sink.send(alert(1))
    assert sink.close(60).sentence() == ""
    assert len(cluster.records(1)) == 1


def test_a_topic_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(SensorError, match="is no topic"):
        open_sink("kafka://h/a%20b", tmp_path)
