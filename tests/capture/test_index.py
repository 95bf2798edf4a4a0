"""The index of frames: what every record of the two formats means, in both forms, and that no octets whatever can raise."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import forms
from tests.capture import making

FRAMES = [
    (1_700_000_000_123_456_000, b"one"),
    (1_700_000_001_000_000_000, b""),
    (1_700_000_002_999_999_000, b"three" * 20),
]


def run(frames: Any, data: bytes, room: int = 1000, window: int | None = None) -> tuple[list[Any], Any]:
    """Everything an index says of the octets, in windows of that many octets."""
    kind = frames.kind_of(data)
    index = frames.PcapngIndex() if kind != "pcap" else frames.PcapIndex(data[:24])
    at, rows = index.first, []
    while at <= len(data):
        end = len(data) if window is None else min(len(data), at + max(window, index.need))
        stop = index.index(data, at, end, room)
        made = index.block(data, "x")
        for i in range(len(made)):
            a, n = int(made.offset[i]), int(made.captured[i])
            assert a >= 0 and a + n <= len(data) and made.length[i] >= n
            rows.append(
                (int(made.ts[i]), bytes(data[a : a + n]), int(made.length[i]), int(made.link[i]), int(made.packet[i]))
            )
        at = stop
        if index.damage or (index.need and end == len(data)):
            break
    return rows, index


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("nano", [False, True])
def test_pcap_of_both_orders_and_resolutions(hot: Any, big: bool, nano: bool) -> None:
    data = making.pcap(FRAMES, big=big, nano=nano, link=113)
    rows, index = run(hot("parsers.frames"), data)
    assert [(ts, frame) for ts, frame, *_ in rows] == FRAMES
    assert {link for _, _, _, link, _ in rows} == {113} and [row[4] for row in rows] == [1, 2, 3]
    assert index.damage == ""


@pytest.mark.parametrize("room", [1, 2, 3])
@pytest.mark.parametrize("window", [1, 17, 64, None])
def test_runs_and_windows_of_any_size_give_the_same_frames(hot: Any, room: int, window: int | None) -> None:
    frames = hot("parsers.frames")
    for data in (making.pcap(FRAMES), making.pcapng(FRAMES)):
        assert run(frames, data, room, window)[0] == run(frames, data)[0]


def test_lengths_of_an_old_pcap_are_the_other_way_round(hot: Any) -> None:
    data = bytearray(making.pcap([(0, b"abc")], minor=2))
    struct.pack_into("<II", data, 32, 60, 3)
    assert run(hot("parsers.frames"), bytes(data))[0] == [(0, b"abc", 60, 1, 1)]


@pytest.mark.parametrize("length", [262_145, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_length_no_frame_can_have_is_damage(hot: Any, length: int) -> None:
    data = making.pcap(FRAMES) + struct.pack("<IIII", 0, 0, length, length) + bytes(100)
    rows, index = run(hot("parsers.frames"), data)
    assert len(rows) == 3 and str(length) in index.damage


def test_a_frame_beyond_the_snap_length_is_used_and_counted(hot: Any) -> None:
    rows, index = run(hot("parsers.frames"), making.pcap(FRAMES, snaplen=4))
    assert len(rows) == 3 and index.counters() == {"over_snaplen": 1}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "resolution,units,ns",
    [
        (b"", 1_500_000, 1_500_000_000),
        (b"\x00", 3, 3_000_000_000),
        (b"\x03", 1_500, 1_500_000_000),
        (b"\x09", 1_500_000_001, 1_500_000_001),
        (b"\x0c", 1_500_000_000_999, 1_500_000_000),
        (b"\x1b", 2**64 - 1, 18),
        (b"\x7f", 2**64 - 1, 0),
        (b"\x80", 7, 7_000_000_000),
        (b"\x8a", 1536, 1_500_000_000),
        (b"\xa0", 3 << 31, 1_500_000_000),
        (b"\xbf", 3 << 62, 1_500_000_000),
        (b"\xc0", 1 << 63, 500_000_000),
        (b"\xff", 2**64 - 1, 0),
        (b"\x00", 2**63, 2**63 - 1),
        (b"\x80", 2**63, 2**63 - 1),
    ],
)
def test_every_clock_of_a_pcapng_interface(hot: Any, order: str, resolution: bytes, units: int, ns: int) -> None:
    options = making.option(9, resolution, order) if resolution else b""
    data = (
        making.section(order)
        + making.interface(options=options, order=order)
        + making.enhanced(units, b"x", order=order)
    )
    assert run(hot("parsers.frames"), data)[0][0][0] == ns


@pytest.mark.parametrize("offset", [5, -5, 2**62, -(2**63)])
def test_time_offset_of_an_interface(hot: Any, offset: int) -> None:
    options = making.option(9, b"\x00") + making.option(14, struct.pack("<q", offset))
    rows, _ = run(
        hot("parsers.frames"), making.section() + making.interface(options=options) + making.enhanced(10, b"x")
    )
    held = max(-9_000_000_000, min(9_000_000_000, offset))
    assert rows[0][0] == (10 + held) * 10**9


def test_sections_of_both_orders_each_with_its_interfaces(hot: Any) -> None:
    data = (
        making.section()
        + making.interface(1)
        + making.interface(113)
        + making.enhanced(1, b"a", 1)
        + making.enhanced(2, b"b")
    )
    data += making.section(">") + making.interface(101, order=">") + making.enhanced(3, b"c", order=">")
    data += making.enhanced(4, b"lost", 1, order=">")
    rows, index = run(hot("parsers.frames"), data)
    assert [(frame, link) for _, frame, _, link, _ in rows] == [(b"a", 113), (b"b", 1), (b"c", 101)]
    assert index.counters() == {"frames_without_interface": 1} and index.packets == 4


def test_every_other_block(hot: Any) -> None:
    data = making.section() + making.interface(1, snaplen=4)
    data += (
        making.block(4, bytes(8))
        + making.block(0x77777777, b"unknown")
        + making.block(9, b"journal")
        + making.block(0xBAD, bytes(8))
    )
    data += making.block(10, struct.pack("<II", 0x544C534B, 5) + b"CLIEN")
    data += making.enhanced(
        1_000_000, b"abc", options=making.option(1, b"comment") + making.option(4, struct.pack("<Q", 7))
    )
    data += making.block(3, struct.pack("<I", 9) + b"abcd")  # simple packet, cut by the interface's snap length
    data += making.block(2, struct.pack("<HHIIII", 0, 2, 0, 3_000_000, 2, 60) + b"zz")
    data += making.block(
        5,
        struct.pack("<III", 0, 0, 0) + making.option(5, struct.pack("<Q", 11)) + making.option(7, struct.pack("<Q", 1)),
    )
    rows, index = run(hot("parsers.frames"), data)
    assert rows == [
        (10**9, b"abc", 3, 1, 3),
        (10**9, b"abcd", 9, 1, 4),
        (3 * 10**9, b"zz", 60, 1, 5),
    ]
    assert index.secrets == [(0x544C534B, b"CLIEN")]
    assert index.counters() == {"capture_drops": 7 + 2 + 11 + 1, "frames_untimed": 1}


@pytest.mark.parametrize(
    "bad",
    [
        struct.pack("<II", 6, 4),
        struct.pack("<II", 6, 0x7FFFFFF0),
        struct.pack("<II", 6, 33) + bytes(40),
        struct.pack("<II", 6, 32) + bytes(20) + struct.pack("<I", 36),
        struct.pack("<II", 6, 32) + struct.pack("<IIIII", 0, 0, 0, 1, 1) + struct.pack("<I", 32),
        struct.pack("<II", 1, 16) + bytes(4) + struct.pack("<I", 16),
        struct.pack("<III", 0x0A0D0D0A, 28, 0xDEADBEEF) + bytes(40),
    ],
)
def test_damage_ends_a_pcapng_after_what_came_before(hot: Any, bad: bytes) -> None:
    good = making.pcapng(FRAMES)
    rows, index = run(hot("parsers.frames"), good + bad + bytes(8) + making.pcapng(FRAMES))
    assert [row[:2] for row in rows] == FRAMES and index.damage


def test_a_range_outside_the_buffer_is_our_mistake(hot: Any) -> None:
    frames = hot("parsers.frames")
    for index in (frames.PcapIndex(making.pcap([])), frames.PcapngIndex()):
        for at, end in ((-1, 2), (3, 2), (0, 5)):
            with pytest.raises(IndexError):
                index.index(b"four", at, end, 1)


captures = st.lists(
    st.tuples(st.integers(0, 2**32 * 10**9 - 1).map(lambda ns: ns // 1000 * 1000), st.binary(max_size=40)), max_size=6
).flatmap(
    lambda frames: st.sampled_from(
        [
            making.pcap(frames),
            making.pcap(frames, big=True, nano=True),
            making.pcapng(frames),
            making.pcapng(frames, ">"),
        ]
    )
)


@given(captures, st.data())
@settings(max_examples=150, deadline=None)
def test_any_truncation_gives_a_prefix(data: bytes, draw: st.DataObject) -> None:
    frames = forms.module("parsers.frames", "compiled")
    whole, _ = run(frames, data)
    cut = draw.draw(st.integers(24, len(data)))
    part, index = run(frames, data[:cut])
    assert part == whole[: len(part)] and index.damage == ""


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(captures))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(12, max(12, len(data) - 1)))
        data[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(data) + draw(st.binary(max_size=60))


@given(st.one_of(mangled(), st.binary(max_size=300).map(lambda tail: making.section() + making.interface() + tail)))
@settings(max_examples=300, deadline=None)
def test_both_forms_agree_on_any_octets(data: bytes) -> None:
    def said(form: str) -> object:
        frames = forms.module("parsers.frames", form)
        try:
            rows, index = run(frames, data)
        except ValueError as error:
            return str(error)
        return rows, index.damage, index.need, index.counters(), index.packets, getattr(index, "secrets", None)

    assert said("python") == said("compiled")
