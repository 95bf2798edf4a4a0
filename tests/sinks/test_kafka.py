"""Kafka, against librdkafka's mock cluster."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from sensor.alerts import Alert
from sensor.errors import SensorError
from sensor.sinks import open_sink
from sensor.sinks.delivery import Delivery
from tests.sinks.conftest import alert, free_port

kafka = pytest.importorskip("confluent_kafka")


def test_every_alert_is_in_the_topic_keyed_and_in_order(tmp_path: Path) -> None:
    sink = open_sink("kafka://mock/alerts?mock=3", tmp_path)
    assert isinstance(sink, Delivery)
    producer = sink._transport._producer  # type: ignore[attr-defined]
    brokers = ",".join(f"{one.host}:{one.port}" for one in producer.list_topics(timeout=10).brokers.values())
    sent = [alert(number % 3, revision=number + 1) for number in range(500)]
    for one in sent:
        sink.send(one)
    for _ in range(2000):
        if sink.state().waiting == 0:
            break
        sink._wake.wait(0.01)
    consumer = kafka.Consumer(
        {"bootstrap.servers": brokers, "group.id": "t", "auto.offset.reset": "earliest", "log_level": 0}
    )
    consumer.subscribe(["alerts"])
    got: dict[bytes, list[Alert]] = {}
    count = 0
    for _ in range(600):
        record = consumer.poll(1)
        if record is not None and record.error() is None:
            got.setdefault(record.key(), []).append(Alert.from_json(record.value()))
            count += 1
        if count == len(sent):
            break
    consumer.close()
    assert sink.close().sentence() == ""
    for number in range(3):
        assert got[alert(number).uid.encode()] == sent[number::3]


def test_absent_brokers_keep_alerts_in_the_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor.sinks.kafka.ANSWER_S", 0.5)
    sink = open_sink(f"kafka://127.0.0.1:{free_port()}/alerts", tmp_path)
    sink.send(alert(1))
    state = sink.close(0.1)
    assert (state.waiting, state.dropped) == (1, 0)
    assert orjson.loads(alert(1).to_json())["uid"] == alert(1).uid


def test_a_topic_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(SensorError, match="is no topic"):
        open_sink("kafka://h/a%20b", tmp_path)
