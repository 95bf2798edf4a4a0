"""From the spool to a receiver: one thread a sink, at least once, in order, whatever happens on the other side.

What was sent is not yet received. A *checkpoint* is a number up to which the transport has confirmed everything; it counts, and the spool forgets, only
after the transport's `settle_s` went by without a sign that the receiver had died. Any fault sends again from the last checkpoint that counted. A
receiver may so get an alert twice, with the same `uid`, `revision` and `sequenceId`; it does not miss one.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sensor.alerts import RANK, Alert
from sensor.sinks.filters import Selection
from sensor.sinks.message import Render, fields_of
from sensor.sinks.sentences import sentence
from sensor.sinks.spool import Record, Spool, SpoolTaken, receiver_of

log = logging.getLogger("sensor.sinks")

CHECKPOINT_ALERTS = 5_000
"""The receiver is asked after so many: what it is sent again at most when it dies. Fewer cost a handshake more often, 20,000 no less CPU."""
LEAST_CHECKPOINT_ALERTS = 64
"""A receiver that does not answer in time is asked after fewer alerts, down to so few: a slow one cannot read thousands in time, and would get the same
ones for ever."""
READ_OCTETS = 256 * 1024
CHECKPOINT_S = 5.0
SYNC_S = 1.0
"""The commit window: a power cut may cost the alerts of this long, a crash of the sensor none."""
LINGER_S, LINGER_ALERTS = 0.005, 100
WAIT_FIRST_S, WAIT_MOST_S = 0.1, 30.0


class Transport(Protocol):
    """What a delivery needs of a protocol. Every method may raise OSError: then it is called again later, from the last checkpoint on."""

    answer: str
    """Why the receiver refused the last alert that it will never take."""
    host: str
    """Whom it speaks to, as the operator wrote it."""
    settle_s: float
    """How long after `confirm` a sign of the receiver's death still means that something may be missing; 0 where `confirm` is an answer."""

    def send(self, messages: Sequence[bytes]) -> Sequence[int]:
        """Send them in this order; the places of those that the receiver will never take."""

    def confirm(self) -> None:
        """Return when the receiver has everything that was sent."""

    def check(self) -> None:
        """Raise OSError if the receiver is seen to be away."""

    def reset(self) -> None:
        """Drop what connection there is."""

    def close(self) -> None:
        """The end."""


def _alerts(count: int) -> str:
    return "1 alert" if count == 1 else f"{count} alerts"


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """How a sink stands."""

    name: str
    accepted: int
    """Alerts given to it by this process."""
    delivered: int
    """Alerts that the receiver has taken, as far as its protocol tells."""
    waiting: int
    """Alerts in the spool, those of earlier runs with them."""
    dropped: int
    """Alerts given up: the spool was full, or the receiver will never take them."""
    outages: int
    error: str
    """What went wrong last; empty when all is well."""
    folder: str
    """Where the waiting ones are."""
    why_dropped: str = ""
    """Why alerts were given up."""

    def sentence(self) -> str:
        """What to tell the operator; empty when there is nothing to tell."""
        said = []
        if self.waiting:
            why = f" ({self.error})" if self.error else ""
            said.append(
                f"{self.name}: {_alerts(self.waiting)} could not be delivered{why}; what waits is in {self.folder} for the next run that sends there "
                "(or for api-sensor sink flush)"
            )
        if self.dropped:
            said.append(f"{self.name}: {_alerts(self.dropped)} given up ({self.why_dropped})")
        return "\n".join(said)


class Delivery:
    """A sink: alerts in, spooled, sent by a thread of its own. Never blocks its caller on the network, and never raises because of it."""

    def __init__(
        self,
        name: str,
        transport: Transport,
        message: Render,
        spool: Spool,
        selection: Selection | None = None,
    ) -> None:
        self.name = name
        self._transport = transport
        self._message = message
        self._spool = spool
        self._selection = selection
        self._accepted = 0
        self._delivered = 0
        self._refused = 0
        self._refused_at = 0
        """Number of the last alert that was refused: what is sent again is counted once."""
        self._why_refused = ""
        self._mistakes = 0
        self._outages = 0
        self._error = ""
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._deadline = 0.0
        self._patience = 10.0
        self._wait = WAIT_FIRST_S
        self._closed: DeliveryState | None = None
        self._thread = threading.Thread(target=self._run, name=f"sink {name}", daemon=True)
        self._thread.start()

    def send(self, alert: Alert) -> None:
        """Take one alert: it is on its way, and in the spool, when this returns."""
        chosen = alert if self._selection is None else self._selection.of(alert)
        if chosen is not None:
            self._accepted += 1
            self._spool.append(RANK[chosen.severity], chosen.to_json())
            if not self._wake.is_set():
                self._wake.set()

    def state(self) -> DeliveryState:
        """How it stands now."""
        if self._closed is not None:
            return self._closed
        spool = self._spool
        why = []
        if spool.dropped:
            why.append(f"{spool.dropped}: no room in the spool" + (f", {spool.error}" if spool.error else ""))
        if self._refused:
            why.append(f"{self._refused}: {self._why_refused}")
        return DeliveryState(
            self.name,
            self._accepted,
            self._delivered,
            spool.waiting,
            spool.dropped + self._refused,
            self._outages,
            "; ".join(filter(None, (self._error, spool.error))) or self._why_refused,
            str(spool.folder),
            "; ".join(why),
        )

    def finish(self, timeout: float = 10.0) -> None:
        """Begin the end that `close` waits for."""
        if not self._stopping.is_set():
            self._deadline = time.monotonic() + timeout
            self._patience = timeout
            self._stopping.set()
            self._wake.set()

    def close(self, timeout: float = 10.0) -> DeliveryState:
        """Deliver what waits, giving up when nothing moved for `timeout` seconds; what is left stays in the spool. How it ended."""
        if self._closed is None:
            self.finish(timeout)
            self._thread.join()
            self._transport.close()
            self._spool.close()
            self._closed = self.state()
        return self._closed

    def take_over(self, spools: Path) -> None:
        """Take what waits under `spools` for the same receiver where no process minds it any more: another's, or one of other options. Raises SensorError."""
        for folder in sorted(spools.iterdir()) if spools.is_dir() else ():
            if folder != self._spool.folder and receiver_of(folder) == self._spool.receiver:
                with contextlib.suppress(SpoolTaken):
                    self._spool.take_over(folder, self._shown)
        self._wake.set()

    def _shown(self, line: bytes) -> bytes:
        """What another destination of the same receiver left, without what this one hides."""
        with contextlib.suppress(ValueError):  # of another version: told as it is, or refused, when it is sent
            return line if self._selection is None else self._selection.shown(Alert.from_json(line)).to_json()
        return line

    def _run(self) -> None:
        spool, transport = self._spool, self._transport
        position = checked = spool.acked
        pending: deque[tuple[int, float, int]] = deque()
        """(number of the last alert, when its receiver confirmed it, how many there were since the one before)."""
        sent = 0
        first_unconfirmed = 0.0
        synced = time.monotonic()
        furthest = position
        most = ceiling = CHECKPOINT_ALERTS
        while True:
            self._wake.clear()
            stopping = self._stopping.is_set()
            records: Sequence[Record] = ()
            now = time.monotonic()
            try:
                records = spool.read(position, min(READ_OCTETS, most * 512))
                if records:
                    sent += self._send(records)
                    position = records[-1].seq
                    first_unconfirmed = first_unconfirmed or now
                    if position > furthest:
                        furthest = position
                        self._deadline = now + self._patience
                due = position - checked >= most or (
                    first_unconfirmed and now - first_unconfirmed >= CHECKPOINT_S
                )
                if position > checked and (due or (stopping and not records)):
                    transport.confirm()
                    first_unconfirmed = 0.0
                    checked = position
                    ceiling = min(ceiling + ceiling // 8, CHECKPOINT_ALERTS)
                    most = min(most * 2, ceiling)
                    pending.append((position, time.monotonic(), sent))
                    sent = 0
                if not records and not stopping and (pending or position > checked):
                    transport.check()
                self._settle(pending, stopping and not records)
            except Exception as fault:
                if not isinstance(fault, OSError):
                    # A mistake of ours must not end the thread, nor cost an alert: said once with its traceback, then treated as an outage.
                    if not self._mistakes:
                        log.exception("%s: a fault of api-sensor itself", self.name)
                    self._mistakes += 1
                    fault = OSError(f"a fault of ours, see the log: {type(fault).__name__}: {fault}")
                self._ill(fault)
                transport.reset()
                if isinstance(fault, TimeoutError):
                    # Slow or silent, but not seen to have died: what it confirmed still counts.
                    if position > checked:
                        ceiling = max(LEAST_CHECKPOINT_ALERTS, min(most, position - checked) // 2)
                        most = max(LEAST_CHECKPOINT_ALERTS, ceiling // 2)
                    elif records:
                        most = max(LEAST_CHECKPOINT_ALERTS, most // 2)
                    position = checked = pending[-1][0] if pending else spool.acked
                    self._settle(pending, False)
                else:
                    pending.clear()
                    position = checked = spool.acked
                first_unconfirmed = 0.0
                sent = 0
                if self._stopping.is_set() and time.monotonic() >= self._deadline:
                    return
                self._pause(self._wait)
                self._wait = min(self._wait * 2, 0.5 if self._stopping.is_set() else WAIT_MOST_S)
                continue
            if now - synced >= SYNC_S:
                synced = now
                self._sync()
            if records:
                # Alerts that come in a row go out together: the first at once, the following LINGER_S later at most (7500 to 26000 a second).
                linger = now + LINGER_S - time.monotonic()
                if linger > 0 and not stopping and len(records) < LINGER_ALERTS:
                    time.sleep(linger)
            else:
                if stopping and not pending and position <= checked:
                    return
                self._wake.wait(self._idle(pending, first_unconfirmed, position > checked))

    def _send(self, records: Sequence[Record]) -> int:
        """Send them; how many were not refused for good."""
        messages: list[bytes] = []
        numbers: list[int] = []
        refused: list[int] = []
        for record in records:
            try:
                messages.append(self._message(fields_of(record.payload), record.payload, record.seq))
                numbers.append(record.seq)
            except Exception as fault:
                # Sound by its checksum, yet no alert (written by another version), or one that a format of ours cannot tell: it must not stop the others.
                if not isinstance(fault, ValueError) and not self._mistakes:
                    log.exception("%s: a fault of api-sensor itself", self.name)
                    self._mistakes += 1
                refused.append(record.seq)
                self._why_refused = f"alert {record.seq}: {fault}"
        if messages:
            places = self._transport.send(messages)
            if places:
                refused += [numbers[place] for place in places]
                self._why_refused = self._transport.answer
        if refused:
            self._refused += sum(seq > self._refused_at for seq in refused)
            self._refused_at = max(self._refused_at, *refused)
        return len(records) - len(refused)

    def _settle(self, pending: deque[tuple[int, float, int]], ending: bool) -> None:
        settle = min(self._transport.settle_s, 0.25) if ending else self._transport.settle_s
        if pending and ending and settle:
            # The end: one last look whether the receiver outlived what it confirmed.
            time.sleep(max(0.0, pending[-1][1] + settle - time.monotonic()))
            self._transport.check()
        now = time.monotonic()
        while pending and now - pending[0][1] >= settle:
            seq, _, count = pending.popleft()
            self._delivered += count
            self._spool.ack(seq)
            # Only now: a receiver that takes connections and drops them again must not look well, nor be asked without a pause.
            self._wait = WAIT_FIRST_S
            self._deadline = now + self._patience
            self._well()

    def _idle(self, pending: deque[tuple[int, float, int]], first_unconfirmed: float, unconfirmed: bool) -> float:
        """How long nothing has to be done unless an alert comes."""
        now = time.monotonic()
        moments = [now + 3600.0]
        if pending:
            moments.append(pending[0][1] + self._transport.settle_s)
        if unconfirmed:
            moments.append(first_unconfirmed + CHECKPOINT_S)
            moments.append(now + SYNC_S)
        return max(0.001, min(moments) - now)

    def _pause(self, seconds: float) -> None:
        """Wait for a receiver that is away: not cut short by new alerts, but by the end of the sensor."""
        if self._stopping.is_set():
            time.sleep(seconds)
            return
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._stopping.wait(min(left, SYNC_S)):
            self._sync()

    def _sync(self) -> None:
        try:
            self._spool.sync()
        except OSError as fault:
            self._error = f"{self._spool.folder}: {fault.strerror}"

    def _ill(self, fault: OSError) -> None:
        said = sentence(fault, self._transport.host)
        if not self._error:
            self._outages += 1
            log.warning("%s: %s; alerts wait in %s", self.name, said, self._spool.folder)
        self._error = said

    def _well(self) -> None:
        if self._error:
            log.warning("%s: takes alerts again", self.name)
            self._error = ""
