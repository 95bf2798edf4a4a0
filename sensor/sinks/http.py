"""Alerts over HTTP: a webhook of any kind (JSON, signed), Splunk's HTTP Event Collector, Elasticsearch's and OpenSearch's `_bulk`.

A webhook is signed as Standard Webhooks 1.0 has it, so receivers find a library to check it with: `webhook-id` (made of the body, so that what is sent
twice has it twice), `webhook-timestamp` (seconds, now: the receiver refuses old ones, which keeps a recorded request from being played again) and
`webhook-signature: v1,` with the base64 of HMAC-SHA-256 over ``id.timestamp.body``. The key is the secret's octets, or what follows `whsec_` in base64.

A proxy of the environment (`https_proxy`) is not used, and a redirection is not followed: alerts go where the operator said, nowhere else.

Here the receiver answers, so "delivered" is what it says. 2xx is taken. What one alert is refused for (any other 4xx: too long, a field that an index does
not take, a firewall before the receiver that finds an attack in it) must not stop the others: the batch is sent again one by one, and what is refused
while others are taken is given up and counted. Where nothing is taken it is not the alerts that are wrong, but the receiver's settings or ours: then all
of them wait for the operator, as they do when it is away, busy, or wants another token.
"""

from __future__ import annotations

import binascii
import errno
import hashlib
import hmac
import http.client
import os
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
from sensor.sinks.network import EXCHANGE_S, TIMEOUT_S, Certificates, over_within, readable
from sensor.sinks.syslog import LEAST_OCTETS
from sensor.terminal import printable

BATCH_OCTETS = 512 * 1024
ANSWER_OCTETS = 4 * 1024 * 1024
"""An answer longer than this is read no further: the receiver is not to fill our memory."""
SAID_CHARACTERS = 200
"""What is shown of an answer."""
_NOT_YET: Final = (401, 407, 408, 421, 425, 429)
"""4xx that say nothing of the alert."""
_ANSWERS: Final = {
    301: ": it has moved; give its new address",
    302: ": it sends us elsewhere, and we do not follow; give the address itself",
    307: ": it sends us elsewhere, and we do not follow; give the address itself",
    308: ": it has moved; give its new address",
    401: ": it wants another token",
    403: ": the token may not do this",
    404: ": nothing is at that path",
    413: ": that is too long; give a smaller size=",
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
        self._path = destination.target if destination.target not in ("", "/") else standard
        if query := secret(options, "query"):
            self._path += f"?{query}"
        self._octets = options.number("size", BATCH_OCTETS, LEAST_OCTETS, BATCH_OCTETS)
        kind = "application/x-ndjson" if self._manner == "bulk" else "application/json"
        self._headers = {"Content-Type": kind, "User-Agent": "api-sensor"}
        if token:
            scheme = {"json": "Bearer", "hec": "Splunk", "bulk": "ApiKey"}[self._manner]
            self._headers["Authorization"] = f"{scheme} {token}"
        elif destination.user:
            named = f"{destination.user}:{destination.password}".encode()
            self._headers["Authorization"] = f"Basic {b64encode(named).decode()}"
        options.need(self._manner != "hec" or bool(token), "option token is missing: Splunk's collector wants one")
        options.need(all("!" <= one <= "~" for one in self._path) and all(" " <= one <= "~" for one in token), "token, path and query must be plain ASCII, path and query without blanks (%20)")
        self.answer = ""
        """Why the receiver refused the last alert that it will never take."""
        self._link: http.client.HTTPConnection | None = None

    def message(self, alert: AlertFields, line: bytes, seq: int) -> bytes:
        """One alert as the receiver wants it."""
        body = self._body(alert, line, self._octets)
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

    def send(self, messages: Sequence[bytes]) -> Sequence[int]:
        """Post them in their order, a batch a request; the places of those that are refused while others are taken."""
        refused: list[int] = []
        first = size = 0
        for place, message in enumerate(messages):
            if place > first and size + len(message) > BATCH_OCTETS:
                refused += [first + one for one in self._post(messages[first:place])]
                first, size = place, 0
            size += len(message)
        return refused + [first + one for one in self._post(messages[first:])]

    def _post(self, batch: Sequence[bytes]) -> list[int]:
        refusals = self._refusals(batch)
        if len(refusals) == len(batch) > 1:
            refusals = {place: why for place, message in enumerate(batch) for why in self._refusals([message]).values()}
        if refusals:
            *_, self.answer = refusals.values()
            if len(refusals) == len(batch):
                raise OSError(f"nothing that waits is taken: {self.answer}")
        return list(refusals)

    def _refusals(self, batch: Sequence[bytes]) -> dict[int, str]:
        """Post a batch; which of it the receiver refuses (all or none, but for an index), and why. Raises OSError for an answer that says nothing of the alerts."""
        body = b"[" + b",".join(batch) + b"]" if self._manner == "json" else b"".join(batch)
        headers = dict(self._headers)
        if self._secret:
            named, now = f"msg_{hashlib.sha256(body).hexdigest()[:32]}", str(int(time.time()))
            signed = hmac.new(self._secret, b"%b.%b.%b" % (named.encode(), now.encode(), body), hashlib.sha256).digest()
            headers |= {"webhook-id": named, "webhook-timestamp": now, "webhook-signature": f"v1,{b64encode(signed).decode()}"}
        status, answer = self._exchange(body, headers)
        if 200 <= status < 300:
            return self._items(len(batch), answer) if self._manner == "bulk" else {}
        text = printable(answer.decode("utf-8", "replace").strip())
        why = f"the receiver answered {status}{_ANSWERS.get(status, '')}" + (f" ({text[:SAID_CHARACTERS]})" if text else "")
        if not 400 <= status < 500 or status in _NOT_YET:
            raise OSError(why)
        return dict.fromkeys(range(len(batch)), why)

    def _exchange(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        try:
            if self._link is not None and self._link.sock is not None and readable(self._link.sock):
                self.reset()  # a receiver has nothing to say between requests: it has closed an idle connection
            if self._link is None:
                host, port = self._destination.host, self._destination.port
                if self._tls is not None:
                    self._link = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=self._tls.context())
                else:
                    self._link = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
            if self._link.sock is None:
                self._link.connect()
            with over_within(self._link.sock, EXCHANGE_S):
                self._link.request("POST", self._path, body, headers)
                answer = self._link.getresponse()
                text = answer.read(ANSWER_OCTETS)
            if not answer.isclosed():
                self.reset()
            return answer.status, text
        except http.client.RemoteDisconnected as fault:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)) from fault
        except http.client.HTTPException as fault:
            raise OSError(f"the receiver speaks no HTTP: {type(fault).__name__}") from fault

    def _items(self, count: int, answer: bytes) -> dict[int, str]:
        """`_bulk` answers 200 and says for each alert what became of it."""
        try:
            items: list[Any] = orjson.loads(answer)["items"]
            statuses = [int(next(iter(item.values()))["status"]) for item in items]
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as fault:
            raise OSError("the receiver's answer is no _bulk answer") from fault
        if len(statuses) != count:
            raise OSError("the receiver's answer is no _bulk answer: items are missing")
        if any(status in _NOT_YET or status >= 500 for status in statuses):
            raise OSError("the receiver is too busy for some of the alerts")
        return {place: _index_said(items[place]) for place, status in enumerate(statuses) if not (200 <= status < 300 or status == 409)}

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


def _index_said(item: Any) -> str:
    outcome = next(iter(item.values()))
    error = outcome.get("error")
    text = printable(str(error.get("reason", "")) if isinstance(error, dict) else str(error or ""))
    return f"the index refused an alert ({outcome['status']}" + (f": {text[:SAID_CHARACTERS]}" if text else "") + ")"


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
