"""IP fragments: any order, any cut; overlaps by the stated policy; bounded whatever comes."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from scapy.layers.inet import IP, TCP, UDP
    from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
    from scapy.layers.l2 import GRE, Ether
    from scapy.layers.vxlan import VXLAN
    from scapy.packet import Packet, Raw

import itertools

from parsers.fragments import MOST_PIECES, Fragments
from parsers.limits import Limits

Form = Callable[[str], ModuleType]
SECOND = 1_000_000_000
BODY = bytes(random.Random(1).choices(range(256), k=3000))
MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}


def decoder(form: Form, **limits: int) -> Any:
    return form("parsers.packet").Decoder(form("parsers.limits").Limits(**limits))


def pieces4(whole: bytes, cuts: Sequence[int], ident: int = 9, protocol: int = 6) -> list[bytes]:
    """The IPv4 fragments of `whole`, cut at `cuts` (multiples of 8)."""
    edges = [0, *cuts, len(whole)]
    return [
        bytes(
            Ether(**MACS)
            / IP(
                src="10.0.0.1",
                dst="10.0.0.2",
                id=ident,
                proto=protocol,
                flags="MF" if b < len(whole) else 0,
                frag=a // 8,
            )
            / Raw(whole[a:b])
        )
        for a, b in itertools.pairwise(edges)
    ]


def pieces6(whole: bytes, cuts: Sequence[int], ident: int = 9) -> list[bytes]:
    edges = [0, *cuts, len(whole)]
    return [
        bytes(
            Ether(**MACS)
            / IPv6(src="2001:db8::1", dst="2001:db8::2")
            / IPv6ExtHdrFragment(nh=6, id=ident, m=int(b < len(whole)), offset=a // 8)
            / Raw(whole[a:b])
        )
        for a, b in itertools.pairwise(edges)
    ]


def segment(body: bytes = BODY, port: int = 80) -> bytes:
    return bytes(TCP(sport=4000, dport=port, seq=77, flags="PA") / Raw(body))


def feed(it: Any, frames: Sequence[bytes], ts: int = 0) -> list[Any]:
    return [got for frame in frames if (got := it.segment(frame, 1, ts)) is not None]


@pytest.mark.parametrize("cut", [pieces4, pieces6])
@pytest.mark.parametrize("order", ["as sent", "backwards", "shuffled", "twice"])
def test_a_datagram_comes_out_once_it_is_whole(form: Form, cut: Any, order: str) -> None:
    frames = cut(segment(), range(8, 3000, 1480))
    if order == "backwards":
        frames.reverse()
    elif order == "shuffled":
        random.Random(2).shuffle(frames)
    elif order == "twice":
        frames = [frame for frame in frames for _ in (0, 1)][:-1]
    it = decoder(form)
    got = feed(it, frames)
    assert [(one.src_port, one.dst_port, one.seq, one.payload, one.payload_length) for one in got] == [
        (4000, 80, 77, BODY, 3000)
    ]
    counters = it.counters()
    assert counters["fragments"] == len(frames)
    assert counters["fragment_reassembled"] == 1
    assert counters["fragment_conflict"] == 0
    assert counters["frames"] == len(frames)


@given(st.lists(st.integers(1, 374), unique=True, max_size=40), st.randoms(use_true_random=False), st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_cuts_in_any_order_give_the_same_segment(cuts: list[int], shuffle: random.Random, six: bool) -> None:
    from parsers.packet import Decoder

    frames = (pieces6 if six else pieces4)(segment(), sorted(cut * 8 for cut in cuts))
    shuffle.shuffle(frames)
    got = feed(Decoder(Limits()), frames)
    assert [one.payload for one in got] == [BODY]


def test_interleaved_datagrams_do_not_mix(form: Form) -> None:
    bodies = [bytes([n]) * 2000 for n in range(20)]
    frames = [frame for n, body in enumerate(bodies) for frame in pieces4(segment(body), [800, 1600], ident=n)]
    random.Random(3).shuffle(frames)
    assert sorted(one.payload for one in feed(decoder(form), frames)) == bodies


def test_a_tunnel_in_fragments_is_read_on(form: Form) -> None:
    inner: Packet = Ether(**MACS) / IP(src="192.168.0.1", dst="192.168.0.2") / TCP(sport=1, dport=2) / Raw(BODY)
    vxlan = bytes(UDP(sport=9, dport=4789) / VXLAN(vni=7, flags=8) / inner)
    (got,) = feed(decoder(form), pieces4(vxlan, [1400, 2800], protocol=17))
    assert (got.src, got.domain, got.payload) == ("192.168.0.1", 7, BODY)
    gre = bytes(GRE() / IP(src="192.168.0.1", dst="192.168.0.2") / TCP(sport=1, dport=2) / Raw(BODY))
    (got,) = feed(decoder(form), pieces6(gre, [1400, 2800])[:0] + pieces4(gre, [1400, 2800], protocol=47))
    assert (got.src, got.payload) == ("192.168.0.1", BODY)


def test_an_overlap_keeps_the_first_copy_and_is_counted(form: Form) -> None:
    whole = segment(b"A" * 200)
    other = segment(b"B" * 200)
    frames = pieces4(whole, [104])
    it = decoder(form)
    second = pieces4(other, [56, 160])[1]  # of other octets, in the middle
    (got,) = feed(it, [frames[0], second, frames[1]])
    assert got.payload == b"A" * (104 - 20) + b"B" * (160 - 104) + b"A" * (220 - 160)
    assert it.counters()["fragment_overlap"] == 2
    assert it.counters()["fragment_conflict"] == 2


def test_ipv6_drops_a_datagram_whose_fragments_overlap(form: Form) -> None:
    whole = segment(b"A" * 200)
    frames = pieces6(whole, [104])
    it = decoder(form)
    assert feed(it, [frames[0], pieces6(whole, [56, 160])[1], frames[1], *frames]) == []
    assert it.counters()["fragment_overlap"] == 1


def test_two_different_ends_are_a_conflict(form: Form) -> None:
    it = decoder(form)
    frames = pieces4(segment(b"A" * 200), [104])
    shorter = pieces4(segment(b"A" * 120), [104])
    assert len(feed(it, [frames[1], shorter[1], frames[0]])) == 1
    assert it.counters()["fragment_conflict"] == 1


def test_a_datagram_not_whole_in_time_is_given_up(form: Form) -> None:
    it = decoder(form)
    first, last = pieces4(segment(), [1480])
    assert feed(it, [first], 0) == []
    assert feed(it, [last], 31 * SECOND) == []
    assert it.counters()["fragment_timeout"] == 1
    assert len(feed(it, [first], 32 * SECOND)) == 1


def test_what_the_snap_length_cut_is_missing_and_the_rest_is_there(form: Form) -> None:
    first, last = pieces4(segment(), [1480])
    it = decoder(form)
    assert it.decode(first[:500], 0, 500, len(first), 1, 0) == 0
    assert it.decode(last, 0, len(last), len(last), 1, 0) == 2
    assert it.payload_length == 3000
    assert bytes(it.assembled[it.payload : it.payload_end]) == BODY[: 500 - 34 - 20]


def test_a_flood_of_fragments_stays_within_its_bounds() -> None:
    limits = Limits(fragments=100, fragment_bytes=50_000)
    fragments = Fragments(limits)
    for n in range(3000):
        fragments.add(0, n, 0, 1, n, 6, 0, False, 8 * (n % 50), bytes(1000), 1000, True, n)
        assert len(fragments.table) <= 100
        assert fragments.held <= 50_000
        assert fragments.held == sum(datagram.held for datagram in fragments.table.values())
    assert fragments.counts["fragment_evicted"] > 2000


def test_a_datagram_of_countless_pieces_is_given_up() -> None:
    fragments = Fragments(Limits())
    for n in range(MOST_PIECES + 500):
        fragments.add(0, 1, 0, 2, 3, 6, 0, False, 16 * n, bytes(8), 8, True, 0)
    (datagram,) = fragments.table.values()
    assert datagram.dead
    assert not datagram.pieces
    assert fragments.held < 1000


@pytest.mark.parametrize(
    ("offset", "length", "more", "six"),
    [(65_528, 8, False, False), (65_000, 1000, True, False), (0, 0, True, False), (0, 9, True, True)],
)
def test_impossible_fragments_are_counted(offset: int, length: int, more: bool, six: bool) -> None:
    fragments = Fragments(Limits())
    assert not fragments.add(0, 1, 0, 2, 3, 6, 0, six, offset, bytes(length), length, more, 0)
    assert fragments.counts["fragment_malformed"] == 1
    assert not fragments.table


def test_fragments_made_whole_within_one_another_end(form: Form) -> None:
    """A datagram whose last fragment lies in a datagram whose last fragment lies in ...: each level costs a stranger eight octets only."""
    it = decoder(form)
    depth = 200
    head = lambda ident, offset, more: bytes([44, 0]) + (offset | more).to_bytes(2, "big") + ident.to_bytes(4, "big")  # noqa: E731
    ip = IPv6(src="2001:db8::1", dst="2001:db8::2", nh=44)
    for ident in range(depth):
        frame = bytes(Ether(**MACS) / ip / Raw(head(ident, 0, 1) + head(ident + 1, 8, 0)))
        assert it.decode(frame, 0, len(frame), len(frame), 1, 0) == 0
    frame = bytes(Ether(**MACS) / ip / Raw(head(0, 8, 0)))
    assert it.decode(frame, 0, len(frame), len(frame), 1, 0) == 0
    counters = it.counters()
    assert counters["fragment_reassembled"] <= Limits().encapsulations + 1
    assert sum(counters[name] for name in ("too_deep", "malformed", "not_tcp", "truncated")) == 1


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(0, 40), st.integers(0, 80), st.booleans(), st.booleans(), st.integers(0, 80)
        ),
        max_size=40,
    )
)
@settings(max_examples=200, deadline=None)
def test_books_are_kept_whatever_comes(events: list[tuple[int, int, int, bool, bool, int]]) -> None:
    fragments = Fragments(Limits(fragments=3, fragment_bytes=3000, fragment_time=20))
    for ts, (ident, offset, length, more, six, cut) in enumerate(events):
        if fragments.add(0, 1, 0, 2, ident, 6, 0, six, offset * 8, bytes(min(length, cut)), length, more, ts):
            assert len(fragments.whole) <= fragments.length
        assert fragments.held == sum(datagram.held for datagram in fragments.table.values())
        assert len(fragments.table) <= 3
        for datagram in fragments.table.values():
            edges = [edge for piece in datagram.pieces for edge in piece[:2]]
            assert edges == sorted(edges)
            assert datagram.covered == sum(end - start for start, end, _ in datagram.pieces)
            assert datagram.starts == [piece[0] for piece in datagram.pieces]
