"""An alert as a syslog message: RFC 5424, and RFC 3164 for old receivers.

Structured data carries the decisive fields, so that a receiver can filter and route without parsing; the message is the alert as JSON. What the
standard leaves open is decided here:

- *No byte order mark.* RFC 5424 wants one before UTF-8 text, RFC 8259 forbids one before JSON, and receivers' JSON parsers stumble over it. The
  message is MSG-ANY that happens to be UTF-8; `bom=yes` adds the mark.
- *Size.* A receiver must take 480 octets and should take 2048 (RFC 5424, 6.1); most cut what is longer, and half a JSON object is none. So a message
  is made to fit: fields are left out whole, the least decisive first, and ``"dropped"`` says how many. Lists are shortened before they are left out.
- *Time* is the packet's, in UTC, with microseconds. RFC 3164 knows seconds, no year and no zone: there it is the sensor's local time, as that RFC has it and
  receivers in the same zone read it (run the sensor with TZ=UTC where they are in UTC); the JSON has it whole. `meta sequenceId` is the alert's number in the spool, so a message sent twice has it twice.
- *Enterprise number* 32473 is the one that RFC 5612 keeps for examples; `pen=` sets yours.
"""

from __future__ import annotations

import os
import re
import socket
import time
from typing import Final

from sensor.sinks.destination import Options
from sensor.sinks.formats import FORMATS
from sensor.sinks.message import AlertFields
from sensor.terminal import printable

FACILITIES: Final = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip
SEVERITY: Final = {"critical": 2, "high": 3, "medium": 4, "low": 5}
"""Alert severity -> syslog severity: critical, error, warning, notice. Emergency and alert (0, 1) ring bells; they are not ours to ring."""
LEAST_OCTETS = 480
SEQUENCE_END = 2_147_483_647

_PLAIN = re.compile(r"[ !#-Z^-~]*")
"""Printable ASCII without the three that structured data escapes: quotation mark, backslash, closing bracket."""
_SD_SPECIAL = re.compile(r'(["\\\]])')


def sd_value(text: str, octets: int = 0) -> str:
    """`text` as a PARAM-VALUE (RFC 5424, 6.3.3), its content cut to `octets` octets where given: control characters are shown, and the
    three that could end the value are escaped."""
    text = printable(text)
    if octets and len(text.encode()) > octets:
        text = text.encode()[: octets - 3].decode("utf-8", "ignore") + "…"
    return _SD_SPECIAL.sub(r"\\\1", text)


def _param(name: str, text: str) -> str:
    return f' {name}="{text}"' if text else ""


class Syslog:
    """Makes syslog messages out of alerts: settings, and what stays the same from one message to the next."""

    def __init__(self, options: Options, octets: int, most: int = 1 << 20) -> None:
        self.octets = options.number("size", octets, LEAST_OCTETS, most)
        self.rfc3164 = options.choice("rfc", ("5424", "3164"), "5424") == "3164"
        facility = options.choice("facility", FACILITIES, "local0")
        self._facility = FACILITIES.index(facility) * 8
        self._host = _word(options.text("hostname") or socket.gethostname(), 64)
        self._app = _word(options.text("app", "api-sensor"), 48)
        # RFC 3164, 5.3: the tag is alphanumeric and at most 32 long; receivers end it at the first other character.
        self._tag = "".join(one for one in self._app if one.isalnum())[:32] or "alert"
        pen = options.number("pen", 32473, 1, 2**31 - 1)
        self._sd_id = f"alert@{pen}"
        self._bom = b"\xef\xbb\xbf" if options.flag("bom", False) else b""
        self._pid = str(os.getpid())
        self._body = FORMATS[options.choice("format", tuple(FORMATS), "json")]
        self._second = -1
        self._second_text = ""
        self._words: dict[str, str] = {}

    def message(self, alert: AlertFields, line: bytes, seq: int) -> bytes:
        """One message, without framing; no line feed is in it."""
        return self._message_3164(alert, line) if self.rfc3164 else self._message_5424(alert, line, seq)

    def _message_5424(self, alert: AlertFields, line: bytes, seq: int) -> bytes:
        category = alert["category"]
        msgid = self._words.get(category)
        if msgid is None:
            msgid = _word(category, 32)
            if len(self._words) < 256:
                self._words[category] = msgid
        head = f"<{self._facility + SEVERITY[alert['severity']]}>1 {self._time(alert['last_seen'])} {self._host} {self._app} {self._pid} {msgid} "
        data = self._data(alert, seq, self.octets // 2 if self.octets < 4096 else 2048)
        out = (head + data).encode() + self._bom
        return out + self._body(alert, line, self.octets - len(out))

    def _data(self, alert: AlertFields, seq: int, octets: int) -> str:
        """Structured data of at most `octets` octets: identity always, the rest while there is room."""
        clients, endpoints, detectors, principals = alert["clients"], alert["endpoints"], alert["detectors"], alert["principals"]
        client = clients[0] if clients else ""
        detector = detectors[0] if detectors else ""
        endpoint = endpoints[0] if endpoints else ""
        principal = principals[0] if principals else ""
        uid, category, title = alert["uid"], alert["category"], alert["title"]
        calls, confidence, score = alert["calls"], alert["confidence"], alert["severity_score"]
        meta = f'[meta sequenceId="{(seq - 1) % SEQUENCE_END + 1}"] '
        several = f' clients="{len(clients)}"' if len(clients) > 1 else ""
        # Plain text of ordinary length needs no look at each value: one test for all of them (9.1 to 4.3 us a message).
        if (
            len(client) <= 64 and len(category) <= 64 and len(detector) <= 64 and len(principal) <= 64
            and len(title) <= 200 and len(endpoint) <= 200
            and _PLAIN.fullmatch(f"{uid}{client}{category}{title}{detector}{endpoint}{principal}") is not None
        ):  # fmt: skip
            data = (
                f'[{self._sd_id} uid="{uid}" revision="{alert["revision"]}" state="{alert["state"]}" severity="{alert["severity"]}" score="{score:g}"'
                f'{_param("client", client)}{_param("category", category)} calls="{calls}" confidence="{confidence:g}"'
                f'{_param("title", title)}{_param("detector", detector)}{_param("endpoint", endpoint)}{_param("principal", principal)}{several}]{meta}'
            )
            if len(data) <= octets:
                return data
        data = (
            f'[{self._sd_id} uid="{sd_value(uid, 40)}" revision="{alert["revision"]}" state="{sd_value(alert["state"])}" '
            f'severity="{sd_value(alert["severity"])}" score="{score:g}"'
        )
        left = octets - len(data) - len(meta) - 1
        for name, text, most in (
            ("client", client, 64), ("category", category, 64), ("calls", str(calls), 0), ("confidence", f"{confidence:g}", 0), ("title", title, 200),
            ("detector", detector, 64), ("endpoint", endpoint, 200), ("principal", principal, 64), ("clients", str(len(clients)) if several else "", 0),
        ):  # fmt: skip
            if text:
                param = f' {name}="{sd_value(text, most)}"'
                size = len(param.encode())
                if size <= left:
                    data += param
                    left -= size
        return data + "]" + meta

    def _time(self, ns: int) -> str:
        second, rest = divmod(ns, 1_000_000_000)
        if second != self._second:
            try:
                self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            except (OverflowError, ValueError, OSError):
                self._second_text = ""
            if len(self._second_text) != 19:
                self._second_text = ""
            self._second = second
        # A time outside the years 1 to 9999 has no TIMESTAMP: the nil value.
        return f"{self._second_text}.{rest // 1000:06d}Z" if self._second_text else "-"

    def _message_3164(self, alert: AlertFields, line: bytes) -> bytes:
        try:
            moment = time.localtime(alert["last_seen"] // 1_000_000_000)
        except (OverflowError, ValueError, OSError):
            moment = time.gmtime(0)
        month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[moment.tm_mon - 1]
        stamp = f"{month} {moment.tm_mday:2d} {moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d}"
        out = f"<{self._facility + SEVERITY[alert['severity']]}>{stamp} {self._host} {self._tag}[{self._pid}]: ".encode()
        return out + self._body(alert, line, self.octets - len(out))


def _word(text: str, most: int) -> str:
    """`text` as PRINTUSASCII without spaces, at most `most` long; the nil value when nothing is left."""
    return "".join(one for one in text if "!" <= one <= "~")[:most] or "-"
