"""Bundles written while the sensor runs, from the ring of recent frames. For input that cannot be read again.

Reading the ring costs as much as reading that much traffic, so alerts that are told one after another share a reading: the ring is read again when as
much as half of it came since it was last read. An alert after a quiet time is written at once; in a flood every frame is read some two times more than
without, however many alerts there are. Masking an octet costs some hundred times what reading it does, so that the octets written are bounded too.
Packets alone decide when, never a clock: the same input leaves the same bundles.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from parsers.frames import FrameBlock
from parsers.limits import Limits
from sensor.alerts import CLOSED, Alert
from sensor.catalogue import CatalogueLimits
from sensor.errors import SensorError
from sensor.evidence.bundle import Source, bundle, write
from sensor.evidence.cut import CutLimits
from sensor.evidence.gather import EvidenceLimits, Gathered, gather_all
from sensor.evidence.ring import FrameRing
from sensor.masking import Masker

log = logging.getLogger(__name__)


SHARE: Final = 256
"""Octets of traffic that allow for one octet of bundles, past `octets`: what makes a flood of alerts cost no more than the traffic it is found in."""


TOGETHER: Final = 16
"""Alerts that one reading of the ring serves: so much is held of each meanwhile."""
CALLS: Final = 1_000
CALL_OCTETS: Final = 8_388_608
"""What a bundle holds at most of calls, and of their heads and bodies; `api-sensor evidence` makes larger ones where there is a file."""


class Recorder:
    """Writes `FOLDER/UID-rREVISION.zip` for the alerts told, the last revision of those told between two readings of the ring. It takes the run's
    frames into `ring`."""

    def __init__(
        self,
        folder: Path,
        ring: FrameRing,
        masker: Masker,
        judges: Callable[[Alert], Iterable[dict[str, Any]]],
        most: int = 1_000,
        octets: int = 67_108_864,
        bounds: EvidenceLimits | None = None,
        packets: CutLimits | None = None,
        limits: Limits | None = None,
        catalogue: CatalogueLimits | None = None,
        never_send: Iterable[str] = (),
        unmasked: bool = False,
        verify_checksums: bool = False,
    ) -> None:
        self.folder = folder
        self.ring = ring
        self._masker = masker
        self._judges = judges
        self._most = most
        self._room = float(octets)
        bounds = bounds or EvidenceLimits()
        self._bounds = replace(bounds, calls=min(bounds.calls, CALLS), octets=min(bounds.octets, CALL_OCTETS))
        self._packets = packets
        self._never_send = tuple(never_send)
        self._unmasked = unmasked
        self._source = Source(lambda: nullcontext(ring.blocks()), (), limits or Limits(), catalogue or CatalogueLimits(), verify_checksums)
        self._waiting: dict[str, Alert] = {}
        self._came = 0
        """Octets of traffic since the ring was last read."""
        self.counters = {"bundles": 0, "bundles_left_out": 0, "bundles_empty": 0, "bundles_failed": 0}
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as fault:
            raise SensorError(f"{folder}: evidence cannot be written there ({fault.strerror})") from fault

    def add(self, block: FrameBlock) -> None:
        """Take a block of the run's frames in; before it, write what waits if it is time."""
        if self._waiting and 2 * self._came >= self.ring.octets:
            self._write()
        octets = int(block.captured.sum())
        self._came += octets
        self._room += octets / SHARE
        self.ring.add(block)

    def tell(self, alert: Alert) -> None:
        """Have the alert's bundle written."""
        if alert.state == CLOSED:
            return
        if alert.uid not in self._waiting and self.counters["bundles"] + len(self._waiting) >= self._most:
            self.counters["bundles_left_out"] += 1
            return
        self._waiting[alert.uid] = alert

    def close(self) -> None:
        """The run is over: write what waits."""
        if self._waiting:
            self._write()

    def _write(self) -> None:
        """Write what waits. Never raises: an alert goes on without its bundle, and a counter says so."""
        alerts, self._waiting, self._came = list(self._waiting.values()), {}, 0
        while alerts:
            if self._room <= 0:
                self.counters["bundles_left_out"] += len(alerts)
                return
            some, alerts = alerts[:TOGETHER], alerts[TOGETHER:]
            done = 0
            try:
                source = self._source
                gathered = gather_all(some, self.ring.blocks(), self._masker, False, source.limits, self._bounds, source.catalogue, source.verify_checksums)
                for alert, found in zip(some, gathered, strict=True):
                    done += 1
                    self._write_one(alert, found)
            except Exception as fault:
                self._failed(some[done:], fault)

    def _write_one(self, alert: Alert, found: Gathered) -> None:
        if self._room <= 0:
            self.counters["bundles_left_out"] += 1
            return
        try:
            made = bundle(
                alert, self._source, self._masker, unmasked=self._unmasked, judges=self._judges(alert), bounds=self._bounds, cut_bounds=self._packets,
                never_send=self._never_send, found=found,
            )  # fmt: skip
            self._room -= sum(map(len, made.files.values()))
            if made.empty:
                self.counters["bundles_empty"] += 1
                return
            write(made, self.folder / f"{alert.uid}-r{alert.revision}.zip")
            self.counters["bundles"] += 1
        except Exception as fault:
            self._failed([alert], fault)

    def _failed(self, alerts: list[Alert], fault: Exception) -> None:
        if not self.counters["bundles_failed"]:
            log.warning("%s: evidence of alert %s was not written: %s", self.folder, alerts[0].uid, fault)
        self.counters["bundles_failed"] += len(alerts)
