"""Alerts into a Kafka topic, by librdkafka's idempotent producer: acknowledged by all in-sync replicas, keyed by the alert's uid, so that the revisions
of one incident stay in order in one partition. Needs the extra: ``pip install 'api-sensor[kafka]'``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from sensor.sinks.destination import Destination, Options
from sensor.sinks.formats import FORMATS
from sensor.sinks.http import secret
from sensor.sinks.message import AlertFields
from sensor.sinks.syslog import LEAST_OCTETS

ANSWER_S = 15.0
"""librdkafka tries again by itself for this long; then the spool takes over."""
PAYLOAD_OCTETS = 900 * 1024
"""Brokers take a megabyte unless told otherwise."""
MECHANISMS = ("scram-sha-512", "scram-sha-256", "plain")


class Kafka:
    """`kafka://` and `kafka+tls://`; the path is the topic."""

    settle_s = 0.0

    def __init__(self, destination: Destination, options: Options) -> None:
        self.host = destination.host
        self._topic = destination.path.strip("/") or "api-sensor-alerts"
        options.need(
            0 < len(self._topic) <= 249
            and all(one.isascii() and (one.isalnum() or one in "._-") for one in self._topic),
            f"{self._topic!r} is no topic: letters, digits, dots, dashes and underscores",
        )
        self._body = FORMATS[options.choice("format", tuple(FORMATS), "json")]
        self._octets = options.number("size", PAYLOAD_OCTETS, LEAST_OCTETS, PAYLOAD_OCTETS)
        host = f"[{destination.host}]" if ":" in destination.host else destination.host
        settings: dict[str, Any] = {
            "bootstrap.servers": ",".join(filter(None, (f"{host}:{destination.port or 9092}", options.text("brokers")))),
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 5,
            "message.timeout.ms": int(ANSWER_S * 1000),
            "client.id": "api-sensor",
            "log_level": 0,
        }
        tls = destination.scheme == "kafka+tls"
        if tls:
            for option, setting in (
                ("ca", "ssl.ca.location"),
                ("cert", "ssl.certificate.location"),
                ("key", "ssl.key.location"),
            ):
                if value := options.text(option):
                    settings[setting] = value
        if destination.user:
            settings |= {"sasl.mechanism": options.choice("sasl", MECHANISMS, MECHANISMS[0]).upper(), "sasl.username": destination.user}
            settings["sasl.password"] = destination.password or secret(options, "password")
        settings["security.protocol"] = ("sasl_" if destination.user else "") + ("ssl" if tls else "plaintext")
        settings["error_cb"] = self._trouble
        try:
            from confluent_kafka import KafkaError, Producer
        except ModuleNotFoundError:
            options.faults.append("Kafka needs a library that is not installed: pip install 'api-sensor[kafka]'")
            return
        self._too_long = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE)
        self._settings = settings
        self._make = Producer
        self._producer: Any = None
        self._said = ""
        self.answer = ""
        if not options.faults:
            try:
                self._producer = Producer(settings)
            except Exception as fault:  # KafkaException is no class of its own before the import
                options.faults.append(f"librdkafka does not take these settings: {fault}")

    def _trouble(self, fault: Any) -> None:
        # What librdkafka says by the way is the cause; what it says of a record is only that its time is over.
        self._said = str(fault.str())[:300]

    def message(self, alert: AlertFields, line: bytes, seq: int) -> bytes:
        """Key and value of one record, a NUL between them; no uid has one."""
        return str(alert["uid"]).encode() + b"\0" + self._body(alert, line, self._octets)

    def send(self, messages: Sequence[bytes]) -> Sequence[int]:
        """Produce them and wait until all are acknowledged; the places of those that are too long for the topic."""
        faults: list[str] = []
        refused: list[int] = []
        answered = 0

        def told(place: int, fault: Any, _record: Any) -> None:
            nonlocal answered
            answered += 1
            if fault is None:
                return
            if fault.code() in self._too_long:
                # It will not get shorter by waiting, and others wait behind it.
                refused.append(place)
                self.answer = "longer than the brokers or the topic take (max.message.bytes); give a smaller size="
            else:
                faults.append(str(fault.str()))

        if self._producer is None:
            self._producer = self._make(self._settings)
        producer = self._producer
        self._said = ""
        for place, message in enumerate(messages):
            key, _, value = message.partition(b"\0")
            while True:
                try:
                    producer.produce(self._topic, value, key, on_delivery=partial(told, place))
                    break
                except BufferError:
                    producer.poll(0.5)
        producer.flush(ANSWER_S + 5)
        if faults or answered < len(messages):
            raise OSError(self._said or (faults[0] if faults else "the brokers do not answer"))
        return refused

    def confirm(self) -> None:
        """Every `send` was acknowledged."""

    def check(self) -> None:
        """librdkafka minds its connections."""

    def reset(self) -> None:
        """Begin anew, with what is still under way forgotten: an idempotent producer that gave up a record would leave a gap in its numbers."""
        if self._producer is not None:
            self._producer.purge()
            self._producer.flush(1)
            self._producer = None

    def close(self) -> None:
        """Forget what is still under way; the spool has it."""
        self.reset()
