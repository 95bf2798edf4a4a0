"""What a judgement on a call points at: where in the capture to look, and what told. Judges make them, the sensor passes them on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that told: its name, the value seen, the value that is usual (both as a person reads them)."""

    name: str
    seen: str
    usual: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where to look: the connection, the capture file and the packet's number in it, and its time (ns since the epoch)."""

    uid: str
    pcap_file: str
    packet: int
    ts: int
