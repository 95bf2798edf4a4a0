"""Bundles written while the sensor runs: each alert's, from the ring of recent frames, the moment it is told. For input that cannot be read again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from parsers.limits import Limits
from sensor.alerts import CLOSED, Alert
from sensor.catalogue import CatalogueLimits
from sensor.errors import SensorError
from sensor.evidence.bundle import Source, bundle, write
from sensor.evidence.cut import CutLimits
from sensor.evidence.gather import EvidenceLimits
from sensor.evidence.ring import FrameRing
from sensor.masking import Masker

log = logging.getLogger(__name__)


class Recorder:
    """Writes `FOLDER/UID-rREVISION.zip` for every alert that opens or is updated: what its revision cites is in the ring then or never."""

    def __init__(
        self,
        folder: Path,
        ring: FrameRing,
        masker: Masker,
        judges: Callable[[Alert], Iterable[dict[str, Any]]],
        most: int = 1_000,
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
        self._bounds, self._packets = bounds, packets
        self._never_send = tuple(never_send)
        self._unmasked = unmasked
        self._source = Source(lambda: nullcontext(ring.blocks()), (), limits or Limits(), catalogue or CatalogueLimits(), verify_checksums)
        self.counters = {"bundles": 0, "bundles_left_out": 0, "bundles_empty": 0, "bundles_failed": 0}
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as fault:
            raise SensorError(f"{folder}: evidence cannot be written there ({fault.strerror})") from fault

    def tell(self, alert: Alert) -> None:
        """Write the alert's bundle. Never raises: an alert goes on without it, and the counter says so."""
        if alert.state == CLOSED:
            return
        if self.counters["bundles"] >= self._most:
            self.counters["bundles_left_out"] += 1
            return
        try:
            made = bundle(
                alert, self._source, self._masker, unmasked=self._unmasked, judges=self._judges(alert), bounds=self._bounds, cut_bounds=self._packets,
                never_send=self._never_send,
            )  # fmt: skip
            if made.empty:
                self.counters["bundles_empty"] += 1
                return
            write(made, self.folder / f"{alert.uid}-r{alert.revision}.zip")
            self.counters["bundles"] += 1
        except Exception as fault:
            if not self.counters["bundles_failed"]:
                log.warning("%s: evidence of alert %s was not written: %s", self.folder, alert.uid, fault)
            self.counters["bundles_failed"] += 1
