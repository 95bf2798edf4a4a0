"""Alerts over HTTP: a webhook of any kind (JSON, signed), Splunk's HTTP Event Collector, Elasticsearch's and OpenSearch's `_bulk`.

A webhook is signed as Standard Webhooks 1.0 has it, so receivers find a library to check it with: `webhook-id` (made of the body, so that what is sent
twice has it twice), `webhook-timestamp` (seconds, now: the receiver refuses old ones, which keeps a recorded request from being played again) and
`webhook-signature: v1,` with the base64 of HMAC-SHA-256 over ``id.timestamp.body``. The key is the secret's octets, or what follows `whsec_` in base64.

A proxy of the environment (`https_proxy`) is not used, and a redirection is not followed: alerts go where the operator said, nowhere else.

Here the receiver answers, so "delivered" is what it says. 2xx is taken; what one alert of a batch is refused for (400, 413, 422) must not stop the others:
the batch is sent again one by one, and the refused one is counted. Everything else, a wrong token or path too, waits for the operator.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import http.client
import socket
import time
from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from sensor.sinks.destination import Destination, Options
from sensor.sinks.formats import FORMATS
from sensor.sinks.message import AlertFields
from sensor.sinks.network import TIMEOUT_S, Certificates

BATCH_OCTETS = 512 * 1024
ANSWER_OCTETS = 4 * 1024 * 1024
"""An answer longer than this is read no further: the receiver is not to fill our memory."""
_REFUSED: Final = (400, 413, 422)
_ANSWERS: Final = {
    301: ": it has moved; give its new address",
    302: ": it sends us elsewhere, and we do not follow; give the address itself",
    307: ": it sends us elsewhere, and we do not follow; give the address itself",
    308: ": it has moved; give its new address",
    401: ": it wants another token",
    403: ": the token may not do this",
    404: ": nothing is at that path",
    407: ": that is a proxy",
    429: ": too busy",
    503: ": too busy",
}


class Http:
    """`http://` and `https://`; `as=` says whose manners: json, hec or bulk."""

    settle_s = 0.0

    def __init__(self, destination: Destination, options: Options) -> None:
        self._destination = destination
        self.host = destination.host
        self._manner = options.choice("as", ("json", "hec", "bulk"), "json")
        self._body = FORMATS[
            options.choice(
                "format", ("json", "ecs", "ocsf", "eve", "zeek"), "ecs" if self._manner == "bulk" else "json"
            )
        ]
        self._index = options.text("index", "api-sensor-alerts")
        self._sourcetype = options.text("sourcetype", "api_sensor:alert")
        token = secret(options, "token")
        self._secret = _key(options)
        self._tls = Certificates(options) if destination.scheme == "https" else None
        standard = {"json": "/", "hec": "/services/collector/event", "bulk": "/_bulk"}[self._manner]
        self._path = destination.path if destination.path not in ("", "/") else standard
        kind = "application/x-ndjson" if self._manner == "bulk" else "application/json"
        self._headers = {"Content-Type": kind, "User-Agent": "api-sensor"}
        if token:
            scheme = {"json": "Bearer", "hec": "Splunk", "bulk": "ApiKey"}[self._manner]
            self._headers["Authorization"] = f"{scheme} {token}"
        elif destination.user:
            named = f"{destination.user}:{destination.password}".encode()
            self._headers["Authorization"] = f"Basic {b64encode(named).decode()}"
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
            named, now = f"msg_{hashlib.sha256(body).hexdigest()[:32]}", str(int(time.time()))
            signed = hmac.new(self._secret, b"%b.%b.%b" % (named.encode(), now.encode(), body), hashlib.sha256).digest()
            headers |= {"webhook-id": named, "webhook-timestamp": now, "webhook-signature": f"v1,{b64encode(signed).decode()}"}
        status, answer = self._exchange(body, headers)
        if 200 <= status < 300:
            if self._manner == "bulk":
                self._items(batch, answer)
            return
        if status not in _REFUSED:
            raise OSError(f"the receiver answered {status}{_ANSWERS.get(status, '')}")
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
                    self._link = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=self._tls.context())
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


def _key(options: Options) -> bytes:
    text = secret(options, "secret")
    if not text.startswith("whsec_"):
        return text.encode()
    try:
        return b64decode(text[6:], validate=True)
    except binascii.Error:
        options.need(False, "option secret begins with whsec_, and what follows is no base64")
        return b""


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
