"""The innermost TCP of every frame, as we read it and as tshark does, over captures of real traffic and of other projects' test suites."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from parsers.limits import Limits
from parsers.packet import Decoder

ROOT = Path(__file__).parents[2]
OURS = sorted((ROOT / "pcaps").glob("*.pcap"))
THEIRS = [path for path in sorted((ROOT.parent / "shared" / "eval").rglob("*.pcap")) if path.stat().st_size < 300_000]
if not os.environ.get("API_SENSOR_EVERY_CAPTURE"):
    THEIRS = THEIRS[::6]  # tshark takes a quarter of a second to start
SHARE = 40
"""Captures of one test: a failure names its folder's share, and tshark starts often enough as it is."""

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="needs tshark")


def frames(path: Path) -> Iterator[tuple[int, bytes, int, int, int]]:
    """Number, octets, wire length, link type and time of every frame of a pcap file; nothing of what is none."""
    data = path.read_bytes()
    order = {
        b"\xd4\xc3\xb2\xa1": "<",
        b"\x4d\x3c\xb2\xa1": "<",
        b"\xa1\xb2\xc3\xd4": ">",
        b"\xa1\xb2\x3c\x4d": ">",
    }.get(data[:4])
    if order is None:
        return
    link = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF
    at, number = 24, 0
    while at + 16 <= len(data):
        seconds, fraction, captured, length = struct.unpack_from(order + "IIII", data, at)
        at += 16
        if captured > 262_144 or at + captured > len(data):
            return
        number += 1
        yield number, data[at : at + captured], length, link, seconds * 1_000_000_000 + fraction * 1000
        at += captured


def by_us(path: Path) -> dict[int, tuple[int, ...]]:
    it = Decoder(Limits())
    return {
        number: (it.src_port, it.dst_port, it.seq, it.payload_length)
        for number, frame, length, link, ts in frames(path)
        if it.decode(frame, 0, len(frame), length, link, ts)
    }


def by_tshark(path: Path) -> dict[int, tuple[int, ...]]:
    fields = ["frame.number", "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.len"]
    command = [
        "tshark",
        "-n",
        "-r",
        str(path),
        "-Y",
        "tcp",
        "-T",
        "fields",
        "-E",
        "occurrence=l",
        "-o",
        "tcp.desegment_tcp_streams:FALSE",
    ]
    out = subprocess.run(
        [*command, *(word for field in fields for word in ("-e", field))],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    ).stdout
    found = {}
    for line in out.splitlines():
        values = line.split("\t")
        if all(values):
            number, *rest = (int(value) for value in values)
            found[number] = tuple(rest)
    return found


@needs_tshark
@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_our_captures_read_the_same(path: Path) -> None:
    assert by_us(path) == by_tshark(path)


@needs_tshark
@pytest.mark.evaldata
@pytest.mark.skipif(not THEIRS, reason="no evaluation data beside the checkout")
@pytest.mark.parametrize("share", range(-(-len(THEIRS) // SHARE)))
def test_other_projects_captures_read_the_same(share: int) -> None:
    different = {}
    for path in THEIRS[share * SHARE : (share + 1) * SHARE]:
        us, tshark = by_us(path), by_tshark(path) if next(frames(path), None) else {}
        if us != tshark:
            numbers = [number for number in sorted(us.keys() | tshark.keys()) if us.get(number) != tshark.get(number)]
            different[path.name] = [(number, us.get(number), tshark.get(number)) for number in numbers[:3]]
    assert not different
