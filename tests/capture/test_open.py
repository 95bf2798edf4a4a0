"""Captures opened: whatever they are wrapped in, however many, cut, damaged or no captures at all."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import dpkt
import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.capture import SOURCES, CaptureError, NotACapture, open_captures
from sensor.errors import SensorError
from tests.capture import making

SECOND = 10**9
START = 1_700_000_000 * SECOND


def frames_of(*paths: Any, **more: Any) -> tuple[list[tuple[int, bytes, str, int]], Any]:
    """Every frame as (time, octets, file, packet), and the statistics."""
    rows = []
    with open_captures(list(paths), **more) as source:
        for block in source:
            view = memoryview(block.data)
            for i in range(len(block)):
                at, n = int(block.offset[i]), int(block.captured[i])
                name = block.file if block.source is None else block.files[int(block.source[i])]
                rows.append((int(block.ts[i]), bytes(view[at : at + n]), name, int(block.packet[i])))
            view.release()
        assert source.stats.frames == len(rows) and source.stats.octets == sum(len(row[1]) for row in rows)
    return rows, source.stats


def some(n: int, start: int = START, step: int = 1000, size: int = 60) -> list[tuple[int, bytes]]:
    return [(start + i * step, bytes([i % 251]) * (size + i % 7)) for i in range(n)]


WRAPPED = {
    "as it is": lambda data: data,
    "gzip": gzip.compress,
    "gzip members": lambda data: gzip.compress(data[:999]) + gzip.compress(data[999:]) + bytes(512),
    "zstd": zstandard.compress,
    "zstd frames": lambda data: (
        zstandard.compress(data[:999]) + b"\x50\x2a\x4d\x18\x03\0\0\0abc" + zstandard.compress(data[999:])
    ),
    "zstd checksum": lambda data: zstandard.ZstdCompressor(write_checksum=True, write_content_size=False).compress(
        data
    ),
    "xz": lzma.compress,
    "bzip2": bz2.compress,
}


@pytest.mark.parametrize("made", [making.pcap, making.pcapng])
@pytest.mark.parametrize("wrapping", WRAPPED)
def test_told_by_its_first_octets_not_by_its_name(tmp_path: Path, wrapping: str, made: Any) -> None:
    path = tmp_path / "capture.txt"
    path.write_bytes(WRAPPED[wrapping](made(some(5000))))
    rows, stats = frames_of(path)
    assert [row[:2] for row in rows] == some(5000) and [row[3] for row in rows] == list(range(1, 5001))
    assert not stats.warnings and not stats.counters


@pytest.mark.parametrize("wrapping", [name for name in WRAPPED if name != "bzip2"])
def test_what_is_cut_gives_what_came_before_and_one_warning(tmp_path: Path, wrapping: str) -> None:
    path = tmp_path / "x"
    rng = np.random.default_rng(1)
    frames = [(START + i, rng.bytes(100)) for i in range(3000)]
    frames = [(ts // 1000 * 1000, frame) for ts, frame in frames]
    data = WRAPPED[wrapping](making.pcap(frames))
    path.write_bytes(data[: len(data) * 2 // 3 + 5])
    rows, stats = frames_of(path)
    assert [row[:2] for row in rows] == frames[: len(rows)] and len(stats.warnings) == 1
    assert len(rows) > 500 or wrapping == "xz"
    assert stats.counters.get("captures_damaged", 0) + stats.counters.get("captures_cut_short", 0) == 1
    assert "cut short" in str(stats.warnings[0])


def test_a_header_cut_short_is_a_capture_without_frames(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(making.pcap([])[:20])
    rows, stats = frames_of(path)
    assert rows == [] and stats.counters == {"captures_cut_short": 1}


@pytest.mark.parametrize(
    "data,word",
    [
        (b"", "empty"),
        (b"GET / HTTP/1.1\r\n", "text"),
        (b"\x34\xcd\xb2\xa1" + bytes(40), "Kuznetzov"),
        (b"\xa1\xb2\xcd\x34" + bytes(40), "Kuznetzov"),
        (b"snoop\0\0\0" + bytes(40), "snoop"),
        (b"GMBU" + bytes(40), "Network Monitor"),
        (b"\0\0\0\0\xf0\0\0\x60\x02\x04\0\x40\0\0\0\x3c" + bytes(48), "ERF"),
        (b"PK\x03\x04" + bytes(40), "zip"),
        (b"\x0a\x0d\x0d\x0a" + bytes(40), "0a 0d"),
        (b"\x04\x22\x4d\x18" + bytes(40), "lz4"),
        (bytes(300), "00 00 00 00"),
        (gzip.compress(b"hello"), "text"),
        (gzip.compress(gzip.compress(making.pcap([]))), "unpack it once"),
        (gzip.compress(b""), "empty"),
        (gzip.compress(making.pcap(some(9)))[:12], "cut short"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 40, "damaged"),
        (making.pcap([])[:4] + b"\x09\0\0\0" + bytes(40), "version 9.0"),
    ],
)
def test_what_is_no_capture_is_refused_with_a_sentence(tmp_path: Path, data: bytes, word: str) -> None:
    path = tmp_path / "thing.pcap"
    path.write_bytes(data)
    with pytest.raises(NotACapture, match=word) as caught:
        open_captures([str(path)])
    assert "thing.pcap is not a capture" in str(caught.value) and isinstance(caught.value, SensorError)


def test_every_path_that_cannot_be_used_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(making.pcap(some(1)))
    (tmp_path / "text").write_bytes(b"text")
    (tmp_path / "hollow").mkdir()
    with pytest.raises(CaptureError) as caught:
        open_captures([tmp_path / name for name in ("good", "text", "absent", "hollow")])
    lines = str(caught.value).splitlines()
    assert len(lines) == 3 and all(name in str(caught.value) for name in ("text", "absent", "hollow"))


def test_a_directory_is_its_captures_in_time_order(tmp_path: Path) -> None:
    (tmp_path / "d" / "deep").mkdir(parents=True)
    (tmp_path / "d" / "a").write_bytes(making.pcap(some(10, START + 2 * SECOND)))
    (tmp_path / "d" / "b").write_bytes(gzip.compress(making.pcapng(some(10, START))))
    (tmp_path / "d" / "deep" / "c").write_bytes(making.pcap(some(10, START + SECOND), big=True))
    (tmp_path / "d" / "README").write_text("not one")
    (tmp_path / "d" / "same").symlink_to(tmp_path / "d" / "a")
    rows, stats = frames_of(tmp_path / "d")
    assert [row[0] for row in rows] == sorted(row[0] for row in rows) and len(rows) == 30
    assert stats.files == 3 and stats.counters == {"files_skipped": 1}
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "README").write_text("not one")
    with pytest.raises(NotACapture, match="none of the files"):
        open_captures([tmp_path / "none"])


@given(
    st.lists(st.lists(st.integers(0, 40), max_size=30), min_size=1, max_size=4),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_captures_that_overlap_are_merged_frame_by_frame(
    tmp_path_factory: Any, times: list[list[int]], zipped: bool
) -> None:
    folder = tmp_path_factory.mktemp("merge")
    files = []
    for number, own in enumerate(times):
        path = folder / f"f{number}"
        data = making.pcap([(START + t * 1000, b"%d-%d" % (number, i)) for i, t in enumerate(own)])
        path.write_bytes(gzip.compress(data) if zipped and number % 2 else data)
        files.append(str(path))
    rows, stats = frames_of(*files)
    for number, own in enumerate(times):
        mine = [row for row in rows if row[2] == files[number]]
        assert [row[1] for row in mine] == [b"%d-%d" % (number, i) for i in range(len(own))]
        assert [row[3] for row in mine] == list(range(1, len(own) + 1))
    if all(own == sorted(own) for own in times):
        assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert len(rows) == sum(map(len, times)) and stats.files == len(times)


def test_two_directions_in_two_files_interleave_without_a_block_a_packet(tmp_path: Path) -> None:
    for name, start in (("in", START), ("out", START + 1000)):
        (tmp_path / name).write_bytes(making.pcap(some(40_000, start, 2000)))
    with open_captures([tmp_path / "in", tmp_path / "out"]) as source:
        blocks = list(source)
    ts = np.concatenate([block.ts for block in blocks])
    assert len(ts) == 80_000 and bool(np.all(np.diff(ts) == 1000)) and len(blocks) < 80


def test_rotated_captures_pass_without_a_copy(tmp_path: Path) -> None:
    for number in (3, 1, 2):
        (tmp_path / f"r{number}").write_bytes(making.pcap(some(100, START + number * SECOND)))
    with open_captures([tmp_path / f"r{n}" for n in (1, 2, 3)]) as source:
        assert [type(block.data).__name__ for block in source] == ["ndarray"] * 3
        assert source.progress() == (source.progress()[1],) * 2


def test_more_captures_than_descriptors(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number}").write_bytes(making.pcap(some(20, START + number * 1000)))
    rows, stats = frames_of(tmp_path)
    assert len(rows) == 6000 and [row[0] for row in rows] == sorted(row[0] for row in rows) and stats.files == 300


@pytest.mark.parametrize("wrapping", ["as it is", "gzip", "zstd", "xz", "bzip2"])
@pytest.mark.parametrize("piece", [1000, 70_000])
def test_standard_input_is_read_as_it_comes(wrapping: str, piece: int) -> None:
    frames = some(4000)
    data = WRAPPED[wrapping](making.pcap(frames))
    out, into = os.pipe()

    def write() -> None:
        with os.fdopen(into, "wb", buffering=0) as pipe:
            for at in range(0, len(data), piece):
                pipe.write(data[at : at + piece])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        rows, stats = frames_of("-", stdin=out)
    finally:
        writer.join()
        os.close(out)
    assert [row[:3] for row in rows] == [(ts, frame, "-") for ts, frame in frames] and not stats.warnings


def test_a_frame_is_handed_out_before_the_next_one_comes() -> None:
    out, into = os.pipe()
    data = making.pcap(some(2, size=100))
    os.write(into, data[:-50])
    with open_captures(["-"], stdin=out) as source:
        assert len(next(source)) == 1 and source.progress() == (len(data) - 50, None)
        os.write(into, data[-50:])
        os.close(into)
        assert len(next(source)) == 1 and next(source, None) is None
    os.close(out)


def test_a_pipe_that_sends_nothing_is_no_capture() -> None:
    out, into = os.pipe()
    os.close(into)
    with pytest.raises(NotACapture, match="empty"):
        open_captures(["-"], stdin=out)
    os.close(out)


def test_secrets_are_there_with_the_first_block(tmp_path: Path) -> None:
    head = making.section() + making.block(10, b"KLST" + (4).to_bytes(4, "little") + b"keys")
    (tmp_path / "x").write_bytes(head + making.interface() + making.enhanced(1, b"frame"))
    with open_captures([tmp_path / "x"]) as source:
        next(source)
        assert [(secret.kind, secret.data) for secret in source.secrets] == [(0x54534C4B, b"keys")]
        assert "keys" not in repr(source.secrets)
    assert len(source.secrets) == 1


def test_a_capture_that_shrinks_while_it_is_read_ends_there(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(making.pcap(some(70_000)))
    with open_captures([path]) as source:
        n = len(next(source))
        os.truncate(path, 1000)
        assert 0 < n + sum(map(len, source)) < 70_000  # what was read before is used
    assert "shorter" in str(source.stats.warnings[0])


@given(
    st.binary(max_size=200),
    st.sampled_from(
        [b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"BZh9", b"\xfd7zXZ\0", making.section(), making.pcap([])]
    ),
)
@settings(max_examples=150, deadline=None)
def test_any_octets_are_read_or_refused(tmp_path_factory: Any, tail: bytes, head: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(head + tail)
    try:
        _, stats = frames_of(path)
    except NotACapture as refused:
        assert "is not a capture" in str(refused)
    else:
        assert len(stats.warnings) <= 1


def test_the_table_of_sources() -> None:
    assert SOURCES["file"] is open_captures


def by_dpkt(path: Path) -> list[tuple[int, int]]:
    with path.open("rb") as file:
        return [(round(float(ts) * 1e6), len(frame)) for ts, frame in dpkt.pcap.UniversalReader(file)]


def by_tshark(path: Path) -> list[tuple[int, int, int]]:
    """Number, time and captured octets of every frame that has a time."""
    fields = ["frame.number", "frame.time_epoch", "frame.cap_len"]
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", *(word for field in fields for word in ("-e", field))]
    said = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    rows = [line.split("\t") for line in said.splitlines()]
    return [(int(a), int(b.replace(".", "")), int(c)) for a, b, c in rows if b]


@pytest.mark.evaldata
def test_tshark_sees_the_same_of_the_conformance_captures(evaldata: Path) -> None:
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    for path in sorted((evaldata / "pcaps" / "gopacket").rglob("*.pcap*"))[::2]:  # half of each byte order; dpkt reads them all
        rows, _ = frames_of(path)
        theirs = {number: (ts, n) for number, ts, n in by_tshark(path)}
        ours = {row[3]: (row[0], len(row[1])) for row in rows}
        assert theirs.items() <= ours.items(), path


@pytest.mark.evaldata
def test_dpkt_sees_the_same_frames(evaldata: Path) -> None:
    compared = 0
    for path in sorted([*evaldata.rglob("*.pcap"), *evaldata.rglob("*.pcapng")]):
        rows, stats = frames_of(path)
        if stats.warnings or "frames_untimed" in stats.counters:
            continue
        try:
            theirs = by_dpkt(path)
        except Exception:
            continue  # what dpkt does not read (mixed byte orders, several interfaces) says nothing
        ours = [(round(row[0] / 1000), len(row[1])) for row in rows]
        assert len(ours) == len(theirs) and [n for _, n in ours] == [n for _, n in theirs], path
        if not all(abs(a - b) <= 1 for (a, _), (b, _) in zip(ours, theirs, strict=True)):
            # dpkt reads every interface by the clock of the first; tshark decides.
            assert [row[0] for row in rows] == [ts for _, ts, _ in by_tshark(path)], path
        compared += 1
    assert compared > 500


@pytest.mark.skipif(shutil.which("tshark") is None or shutil.which("editcap") is None, reason="tshark is not installed")
@pytest.mark.parametrize("kind", ["pcap", "nsecpcap", "pcapng"])
def test_tshark_sees_the_same_frames(tmp_path: Path, kind: str) -> None:
    (tmp_path / "made").write_bytes(making.pcap(some(50)))
    subprocess.run(
        ["editcap", "-F", kind, "-s", "64", tmp_path / "made", tmp_path / "x"], check=True, capture_output=True
    )
    rows, _ = frames_of(tmp_path / "x")
    assert [(row[3], row[0], len(row[1])) for row in rows] == by_tshark(tmp_path / "x")
