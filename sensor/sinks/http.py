"""Alerts over HTTP: a webhook of any kind (JSON, signed), Splunk's HTTP Event Collector, Elasticsearch's and OpenSearch's `_bulk`.

Here the receiver answers, so "delivered" is what it says. 2xx is taken; what one alert of a batch is refused for (400, 413, 422) must not stop the others:
the batch is sent again one by one, and the refused one is counted. Everything else, a wrong token or path too, waits for the operator.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from sensor.sinks.destination import Destination, Options
from sensor.sinks.formats import FORMATS
from sensor.sinks.message import AlertFields
from sensor.sinks.network import TIMEOUT_S, certificates

BATCH_OCTETS = 512 * 1024
ANSWER_OCTETS = 4 * 1024 * 1024
"""An answer longer than this is read no further: the receiver is not to fill our memory."""
_REFUSED: Final = (400, 413, 422)


class Http:
    """`http://` and `https://`; `as=` says whose manners: json, hec or bulk."""

    settle_s = 0.0

    def __init__(self, destination: Destination, options: Options) -> None:
        self._destination = destination
        self._manner = options.choice("as", ("json", "hec", "bulk"), "json")
        self._body = FORMATS[
            options.choice(
                "format", ("json", "ecs", "ocsf", "eve", "zeek"), "ecs" if self._manner == "bulk" else "json"
            )
        ]
        self._index = options.text("index", "api-sensor-alerts")
        self._sourcetype = options.text("sourcetype", "api_sensor:alert")
        token = secret(options, "token")
        self._secret = secret(options, "secret").encode()
        self._tls = certificates(options) if destination.scheme == "https" else None
        standard = {"json": "/", "hec": "/services/collector/event", "bulk": "/_bulk"}[self._manner]
        self._path = destination.path if destination.path not in ("", "/") else standard
        kind = "application/x-ndjson" if self._manner == "bulk" else "application/json"
        self._headers = {"Content-Type": kind, "User-Agent": "api-sensor"}
        if token:
            scheme = {"json": "Bearer", "hec": "Splunk", "bulk": "ApiKey"}[self._manner]
            self._headers["Authorization"] = f"{scheme} {token}"
        options.need(self._manner != "hec" or bool(token), "option token is missing: Splunk's collector wants one")
        options.need(all(" " <= one <= "~" for one in token + self._path), "token and path must be plain ASCII")
        self.refused = 0
        """Alerts that the receiver said it will never take."""
        self.answer = ""
        """Why it refused the last one."""
        self._link: http.client.HTTPConnection | None = None

    def message(self, alert: AlertFields, line: bytes, seq: int) -> bytes:
        """One alert as the receiver wants it."""
        body = self._body(alert, line, BATCH_OCTETS)
        if self._manner == "hec":
            head = {
                "time": alert["last_seen"] / 1e9,
                "source": "api-sensor",
                "sourcetype": self._sourcetype,
                "host": socket.gethostname(),
            }
            return orjson.dumps(head)[:-1] + b',"event":' + body + b"}"
        if self._manner == "bulk":
            # "create" with an id of ours: what is sent twice is answered 409 and stored once.
            action = {"create": {"_index": self._index, "_id": f"{alert['uid']}-{alert['revision']}"}}
            return orjson.dumps(action) + b"\n" + body + b"\n"
        return body

    def send(self, messages: Sequence[bytes]) -> None:
        """Post them in their order, a batch a request."""
        batch: list[bytes] = []
        size = 0
        for message in messages:
            if batch and size + len(message) > BATCH_OCTETS:
                self._post(batch)
                batch, size = [], 0
            batch.append(message)
            size += len(message)
        if batch:
            self._post(batch)

    def _post(self, batch: list[bytes]) -> None:
        body = b"[" + b",".join(batch) + b"]" if self._manner == "json" else b"".join(batch)
        headers = dict(self._headers)
        if self._secret:
            headers["X-Signature-256"] = "sha256=" + hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        status, answer = self._exchange(body, headers)
        if 200 <= status < 300:
            if self._manner == "bulk":
                self._items(batch, answer)
            return
        if status not in _REFUSED:
            raise OSError(f"the receiver answered {status}")
        if len(batch) > 1:
            for message in batch:
                self._post([message])
        else:
            self.refused += 1
            self.answer = f"the receiver answered {status}"

    def _exchange(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        try:
            if self._link is None:
                host, port = self._destination.host, self._destination.port
                if self._tls is not None:
                    self._link = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=self._tls)
                else:
                    self._link = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
            self._link.request("POST", self._path, body, headers)
            answer = self._link.getresponse()
            text = answer.read(ANSWER_OCTETS)
            if not answer.isclosed():
                self.reset()
            return answer.status, text
        except http.client.HTTPException as fault:
            raise OSError(f"the receiver speaks no HTTP: {type(fault).__name__}") from fault

    def _items(self, batch: list[bytes], answer: bytes) -> None:
        """`_bulk` answers 200 and says for each alert what became of it."""
        try:
            items: list[Any] = orjson.loads(answer)["items"]
            statuses = [int(next(iter(item.values()))["status"]) for item in items]
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as fault:
            raise OSError("the receiver's answer is no _bulk answer") from fault
        if len(statuses) != len(batch):
            raise OSError("the receiver's answer is no _bulk answer: items are missing")
        if any(status == 429 or status >= 500 for status in statuses):
            raise OSError("the receiver is too busy for some of the alerts")
        for status in statuses:
            if not (200 <= status < 300 or status == 409):
                self.refused += 1
                self.answer = f"the index refused an alert ({status})"

    def confirm(self) -> None:
        """Every `send` was answered."""

    def check(self) -> None:
        """Nothing to look at between requests."""

    def reset(self) -> None:
        """Drop the connection."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def close(self) -> None:
        """Close the connection."""
        self.reset()


def secret(options: Options, name: str) -> str:
    """An option that is better read from a file: ``token=@/etc/api-sensor/token`` keeps it out of the list of processes."""
    value = options.text(name)
    if value.startswith("@"):
        try:
            return Path(value[1:]).read_text().strip()
        except (OSError, UnicodeDecodeError) as fault:
            options.faults.append(f"option {name}: cannot read {value[1:]}: {fault}")
            return ""
    return value
