"""Every encapsulation we read, built by scapy, gives the same segment as the bare packet; and none is entered that is none.

Whatever octets come, nothing raises, indices stay in bounds, every frame is accounted for, and both forms say the same.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import dpkt
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from scapy.contrib.erspan import ERSPAN_II, ERSPAN_III
    from scapy.contrib.geneve import GENEVE
    from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
    from scapy.contrib.mpls import MPLS
    from scapy.contrib.nsh import NSH
    from scapy.layers.dot11 import Dot11, Dot11QoS, RadioTap
    from scapy.layers.inet import IP, TCP, UDP, IPOption_NOP, IPOption_Timestamp
    from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting
    from scapy.layers.l2 import GRE, GRE_PPTP, LLC, SNAP, CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q, Dot3, Ether
    from scapy.layers.ppp import HDLC, PPP, PPPoE
    from scapy.layers.vxlan import VXLAN
    from scapy.packet import Packet, Raw

from parsers.frames import FrameBlock

Form = Callable[[str], ModuleType]

BODY = b"GET /orders/7 HTTP/1.1\r\nHost: shop\r\n\r\n"
MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}


def tcp() -> Packet:
    return TCP(
        sport=40001,
        dport=8080,
        seq=0xFFFFFFF0,
        ack=7,
        flags="PA",
        window=501,
        options=[("NOP", None), ("NOP", None), ("Timestamp", (1, 2))],
    ) / Raw(BODY)


def four() -> Packet:
    return IP(src="10.1.2.3", dst="192.0.2.9", id=4711) / tcp()


def six() -> Packet:
    return IPv6(src="2001:db8::3", dst="2001:db8::9") / tcp()


def ether(kind: int | None = None) -> Packet:
    return Ether(**MACS) if kind is None else Ether(**MACS, type=kind)


def out() -> Packet:
    return ether() / IP(src="172.16.0.1", dst="172.16.0.2")


def udp(port: int, source: int = 49152) -> Packet:
    return out() / UDP(sport=source, dport=port)


def bytes_of(*parts: Packet | bytes) -> bytes:
    """Headers given as octets joined with those that scapy builds."""
    return b"".join(bytes(part) for part in parts)


def pppoe(inner: bytes) -> bytes:
    return bytes(ether(0x8864)) + struct.pack(">BBHH", 0x11, 0, 5, len(inner)) + inner


def arcnet(header: str) -> bytes:
    return bytes.fromhex(header) + bytes(four())


def radiotap_with_checksum() -> bytes:
    data = Dot11(type=2, subtype=0, FCfield=1) / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0, code=0x0800) / four()
    return struct.pack("<BBHIB", 0, 0, 9, 2, 0x10) + bytes(data) + b"\xde\xad\xbe\xef"


def dot11_padded() -> bytes:
    """A QoS data frame: its 26 octets of header padded to 28, as radiotap's flags announce."""
    header = bytes(Dot11(type=2, subtype=8, FCfield=2) / Dot11QoS())
    rest = bytes(LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0, code=0x86DD) / six())
    timer = struct.pack("<BBHIQB", 0, 0, 17, 3, 99, 0x20)
    return timer + header + b"\0\0" + rest


def nflog() -> bytes:
    packet = bytes(four())
    attributes = (
        struct.pack("<HHI", 8, 5, 1) + struct.pack("<HHHBx", 8, 1, 0x0800, 1) + struct.pack("<HH", 5, 10) + b"\0\0\0\0"
    )
    return struct.pack("BBH", 2, 0, 0) + attributes + struct.pack("<HH", 4 + len(packet), 9) + packet


def ppi() -> bytes:
    return struct.pack("<BBHI", 0, 0, 8, 1) + bytes(ether() / four())


def prism() -> bytes:
    return struct.pack("<II", 0x44, 144) + bytes(136) + dot11()


def dot11() -> bytes:
    return bytes(
        Dot11(type=2, subtype=0, FCfield=1) / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0, code=0x0800) / four()
    )


def amsdu() -> bytes:
    header = Dot11(type=2, subtype=8, FCfield=1) / Dot11QoS(A_MSDU_Present=1)
    payload = bytes(LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0, code=0x0800) / four())
    return bytes(header) + bytes(12) + struct.pack(">H", len(payload)) + payload


def erf() -> bytes:
    frame = bytes(ether() / four())
    return struct.pack("<QBBHHH", 0, 2 | 0x80, 0, 0, 0, 0) + bytes(8) + b"\0\0" + frame


def teredo(inner: bytes = b"") -> bytes:
    return bytes_of(udp(3544), b"") + inner


def with_lengths(headers: Packet, inner: bytes) -> bytes:
    """`headers` before octets that scapy cannot build."""
    return bytes(headers / Raw(inner))


FOUR: dict[str, tuple[int, bytes]] = {
    "Ethernet": (1, bytes(ether() / four())),
    "Ethernet with padding": (1, bytes(ether() / four()) + bytes(20)),
    "802.1Q": (1, bytes(ether() / Dot1Q(vlan=5) / four())),
    "802.1ad with 802.1Q": (1, bytes(ether() / Dot1AD(vlan=5) / Dot1Q(vlan=6) / four())),
    "802.1Q thrice, one 0x9100": (1, bytes(ether(0x9100) / Dot1Q(vlan=1) / Dot1Q(vlan=2) / Dot1Q(vlan=3) / four())),
    "802.3 LLC SNAP": (1, bytes(Dot3(**MACS) / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0, code=0x0800) / four())),
    "802.1Q LLC SNAP": (
        1,
        with_lengths(
            ether() / Dot1Q(vlan=5, type=len(bytes(four())) + 8),
            bytes(LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0, code=0x800) / four()),
        ),
    ),
    "802.3 LLC IP": (1, bytes(Dot3(**MACS) / LLC(dsap=6, ssap=6, ctrl=3) / four())),
    "Cisco ISL": (1, bytes.fromhex("01000c000000") + bytes(20) + bytes(ether() / four())),
    "options": (
        1,
        bytes(
            ether()
            / IP(src="10.1.2.3", dst="192.0.2.9", id=4711, options=[IPOption_NOP(), IPOption_Timestamp()])
            / tcp()
        ),
    ),
    "Linux cooked": (113, bytes(CookedLinux(proto=0x0800) / four())),
    "Linux cooked, 802.1Q": (113, bytes(CookedLinux(proto=0x8100) / Dot1Q(vlan=3) / four())),
    "Linux cooked 2": (276, bytes(CookedLinuxV2(proto=0x0800) / four())),
    "raw": (101, bytes(four())),
    "raw, BSD": (12, bytes(four())),
    "raw, OpenBSD": (14, bytes(four())),
    "IPv4": (228, bytes(four())),
    "null, little endian": (0, struct.pack("<I", 2) + bytes(four())),
    "null, big endian": (0, struct.pack(">I", 2) + bytes(four())),
    "loop": (108, struct.pack(">I", 2) + bytes(four())),
    "PPP": (9, bytes(PPP(proto=0x21) / four())),
    "PPP, short protocol": (9, b"\x21" + bytes(four())),
    "PPP, HDLC": (50, bytes(HDLC() / PPP(proto=0x21) / four())),
    "PPP, Cisco HDLC inside": (50, bytes.fromhex("0f000800") + bytes(four())),
    "PPP with direction": (204, b"\x01\xff\x03\x00\x21" + bytes(four())),
    "PPP, pppd": (166, b"\x01\x03\x00\x21" + bytes(four())),
    "PPP multilink, in one piece": (9, bytes.fromhex("ff03003dc0000001") + b"\x00\x21" + bytes(four())),
    "PPPoE": (1, bytes(ether() / PPPoE(sessionid=5) / PPP(proto=0x21) / four())),
    "PPPoE with padding": (1, pppoe(b"\x00\x21" + bytes(four())) + bytes(9)),
    "PPPoE as link": (51, pppoe(b"\x00\x21" + bytes(four()))[14:]),
    "Cisco HDLC": (104, bytes.fromhex("0f000800") + bytes(four())),
    "Cisco HDLC with direction": (205, bytes.fromhex("000f000800") + bytes(four())),
    "frame relay": (107, bytes.fromhex("184103cc") + bytes(four())),
    "frame relay, SNAP": (107, bytes.fromhex("1841030080") + bytes.fromhex("0000000800") + bytes(four())),
    "frame relay, bridged": (107, bytes.fromhex("1841030080") + bytes.fromhex("0080c20007") + bytes(ether() / four())),
    "frame relay, Cisco": (107, bytes.fromhex("18410800") + bytes(four())),
    "ATM, routed": (100, bytes.fromhex("aaaa030000000800") + bytes(four())),
    "ATM, bridged": (100, bytes.fromhex("aaaa030080c200070000") + bytes(ether() / four())),
    "ARCNET": (7, arcnet("be50d4000001")),
    "ARCNET, Linux, RFC 1201": (129, arcnet("be500000d4000001")),
    "ARCNET, Linux, RFC 1051": (129, arcnet("be500000f0")),
    "ARCNET, exception": (129, arcnet("be500000d4ffffffff000001")),
    "802.11": (105, dot11()),
    "802.11, A-MSDU": (105, amsdu()),
    "802.11, radiotap": (127, bytes(RadioTap()) + dot11()),
    "802.11, radiotap, checksum": (127, radiotap_with_checksum()),
    "802.11, Prism": (119, prism()),
    "PPI": (192, ppi()),
    "NFLOG": (239, nflog()),
    "ERF": (197, erf()),
    "token ring": (
        6,
        bytes(2)
        + bytes(6)
        + b"\x82"
        + bytes(5)
        + b"\x04\x30\x00\x10"
        + bytes.fromhex("aaaa030000000800")
        + bytes(four()),
    ),
    "FDDI": (10, bytes(13) + bytes.fromhex("aaaa030000000800") + bytes(four())),
    "IP over 1394": (138, bytes(16) + b"\x08\x00" + bytes(four())),
    "pflog": (117, bytes([61, 2]) + bytes(62) + bytes(four())),
    "enc": (109, bytes(12) + bytes(four())),
    "netANALYZER": (240, bytes(4) + bytes(ether() / four())),
    "MPLS": (1, bytes(ether(0x8847) / MPLS(label=100, s=0) / MPLS(label=101, s=1) / four())),
    "MPLS, Ethernet": (1, bytes(ether(0x8847) / MPLS(label=100, s=1)) + bytes(ether() / four())),
    "MPLS, Ethernet with control word": (
        1,
        bytes(ether(0x8847) / MPLS(label=100, s=1)) + bytes(4) + bytes(ether() / four()),
    ),
    "MPLS, Ethernet with control word in sequence": (
        1,
        bytes(ether(0x8847) / MPLS(label=100, s=1)) + b"\0\0\0\x09" + bytes(ether() / four()),
    ),
    "MPLS, Ethernet whose address looks like IP": (
        1,
        bytes(ether(0x8847) / MPLS(label=100, s=1)) + bytes(Ether(dst="46:00:00:00:00:01", src=MACS["src"]) / four()),
    ),
    "MPLS in IP": (
        1,
        bytes(out() / Raw(b""))[:14]
        + bytes(IP(src="1.1.1.1", dst="2.2.2.2", proto=137) / Raw(b"\x00\x06\x41\x40" + bytes(four()))),
    ),
    "GRE": (1, bytes(out() / GRE() / four())),
    "GRE, all options": (
        1,
        bytes(out() / GRE(chksum_present=1, key_present=1, seqnum_present=1, key=9, sequence_number=4) / four()),
    ),
    "GRE, source routes": (
        1,
        with_lengths(out() / Raw(b""), b"")[:14]
        + bytes(
            IP(src="1.1.1.1", dst="2.2.2.2", proto=47)
            / Raw(bytes.fromhex("40000800 00000000 08000004 0a000001 00000000") + bytes(four()))
        ),
    ),
    "GRE, PPTP": (
        1,
        bytes(
            out()
            / GRE_PPTP(call_id=3, seqnum_present=1, sequence_number=9, acknum_present=1, ack_number=3)
            / PPP(proto=0x21)
            / four()
        ),
    ),
    "GRE, Ethernet (NVGRE)": (1, bytes(out() / GRE(proto=0x6558, key_present=1, key=0x12345600) / ether() / four())),
    "GRE, 802.1Q": (1, bytes(out() / GRE(proto=0x8100) / Dot1Q(vlan=4) / four())),
    "GRE, MPLS": (1, bytes(out() / GRE(proto=0x8847) / MPLS(label=3, s=1) / four())),
    "GRE, WCCP": (1, bytes(out() / GRE(proto=0x883E) / Raw(bytes(4) + bytes(four())))),
    "EoIP": (
        1,
        bytes(
            ether()
            / IP(src="1.1.1.1", dst="2.2.2.2", proto=47)
            / Raw(bytes.fromhex("20016400 0000 0100") + bytes(ether() / four()))
        ),
    ),
    "GRE in UDP": (1, bytes(udp(4754) / GRE() / four())),
    "ERSPAN I": (1, bytes(out() / GRE(proto=0x88BE) / Raw(bytes(ether() / four())))),
    "ERSPAN II": (
        1,
        bytes(
            out() / GRE(proto=0x88BE, seqnum_present=1, sequence_number=3) / ERSPAN_II(session_id=7) / ether() / four()
        ),
    ),
    "ERSPAN III": (
        1,
        bytes(
            out() / GRE(proto=0x22EB, seqnum_present=1, sequence_number=3) / ERSPAN_III(session_id=7) / ether() / four()
        ),
    ),
    "IP in IP": (1, bytes(out() / four())),
    "4in6": (1, bytes(ether() / IPv6(src="2001:db8::a", dst="2001:db8::b") / four())),
    "GTP-U": (1, bytes(udp(2152, 2152) / GTP_U_Header(teid=77) / four())),
    "GTP-U, sequence": (1, bytes(udp(2152, 2152) / GTP_U_Header(teid=77, S=1, seq=5) / four())),
    "GTP-U, PDU session": (
        1,
        bytes(
            udp(2152, 2152)
            / GTP_U_Header(teid=77, E=1, next_ex=0x85)
            / GTPPDUSessionContainer(type=0, QFI=1, ExtHdrLen=1)
            / four()
        ),
    ),
    "LISP": (1, bytes(udp(4341) / Raw(bytes(8) + bytes(four())))),
    "GUE": (1, bytes(udp(6080) / Raw(b"\x00\x04\x00\x00" + bytes(four())))),
    "GUE, direct": (1, bytes(udp(6080) / four())),
    "L2TP": (
        1,
        bytes(
            udp(1701, 1701)
            / Raw(struct.pack(">HHHH", 0x4002, 12 + len(four()), 1, 2) + b"\xff\x03\x00\x21" + bytes(four()))
        ),
    ),
    "L2TPv3": (
        1,
        bytes(
            ether()
            / IP(src="1.1.1.1", dst="2.2.2.2", proto=115)
            / Raw(bytes.fromhex("00000009deadbeef") + bytes(ether() / four()))
        ),
    ),
    "EtherIP": (
        1,
        bytes(ether() / IP(src="1.1.1.1", dst="2.2.2.2", proto=97) / Raw(b"\x30\x00" + bytes(ether() / four()))),
    ),
    "TZSP": (1, bytes(udp(37008) / Raw(bytes.fromhex("01000001 0a01ff 00 01") + bytes(ether() / four())))),
    "CAPWAP": (1, bytes(udp(5247) / Raw(bytes.fromhex("0010000000000000") + bytes(ether() / four())))),
    "E-TAG": (1, bytes(ether(0x893F)) + bytes(6) + b"\x08\x00" + bytes(four())),
    "CAPWAP, 802.11 with swapped control": (
        1,
        bytes(udp(5247) / Raw(bytes.fromhex("0010020100000000") + bytes([dot11()[1], dot11()[0]]) + dot11()[2:])),
    ),
    "GRE, Aruba": (1, bytes(out() / GRE(proto=0x8200) / Raw(dot11()))),
    "NSH": (1, bytes(ether(0x894F) / NSH(nextproto=3) / ether() / four())),
    "PBB": (1, bytes(ether(0x88E7)) + bytes(4) + bytes(ether() / four())),
    "TRILL": (1, bytes(ether(0x22F3)) + bytes(6) + bytes(ether() / four())),
    "FabricPath": (1, bytes(ether(0x8903)) + bytes(2) + bytes(ether() / four())),
    "VN-tag": (1, bytes(ether(0x8926)) + bytes(4) + b"\x08\x00" + bytes(four())),
    "MACsec, not encrypted": (1, bytes(ether(0x88E5)) + bytes.fromhex("000000000001") + b"\x08\x00" + bytes(four())),
    "PPPoE with MPLS within": (1, pppoe(b"\x02\x81\x00\x06\x41\x40" + bytes(four()))),
}

SIX: dict[str, tuple[int, bytes]] = {
    "Ethernet": (1, bytes(ether() / six())),
    "802.1Q": (1, bytes(ether() / Dot1Q(vlan=5) / six())),
    "raw": (101, bytes(six())),
    "IPv6": (229, bytes(six())),
    "Linux cooked 2": (276, bytes(CookedLinuxV2(proto=0x86DD) / six())),
    "null, Linux": (0, struct.pack("<I", 10) + bytes(six())),
    "null, Windows": (0, struct.pack("<I", 23) + bytes(six())),
    "null, Darwin, big endian": (0, struct.pack(">I", 30) + bytes(six())),
    "loop, OpenBSD": (108, struct.pack(">I", 24) + bytes(six())),
    "PPP": (9, bytes(PPP(proto=0x57) / six())),
    "ARCNET": (129, bytes.fromhex("be500000c4000001") + bytes(six())),
    "802.11, padded": (127, dot11_padded()),
    "MPLS": (1, bytes(ether(0x8847) / MPLS(label=2, s=1) / six())),
    "6in4": (1, bytes(out() / six())),
    "GRE": (1, bytes(out() / GRE() / six())),
    "GTP-U": (1, bytes(udp(2152, 2152) / GTP_U_Header(teid=77) / six())),
    "Teredo": (1, bytes(udp(3544) / six())),
    "Teredo, origin and authentication": (
        1,
        bytes(
            udp(3544)
            / Raw(bytes.fromhex("0001 00 00 0000000000000000 00") + bytes.fromhex("0000 1234 7f000001") + bytes(six()))
        ),
    ),
    "AYIYA": (
        1,
        bytes(udp(5072) / Raw(bytes([0x42, 0x52, 0x11, 41]) + bytes(4) + bytes(16) + bytes(20) + bytes(six()))),
    ),
    "every extension header": (
        1,
        bytes(
            ether()
            / IPv6(src="2001:db8::3", dst="2001:db8::9")
            / IPv6ExtHdrHopByHop()
            / IPv6ExtHdrDestOpt()
            / IPv6ExtHdrRouting(segleft=0)
            / IPv6ExtHdrFragment(offset=0, m=0, id=3)
            / IPv6ExtHdrDestOpt()
            / tcp()
        ),
    ),
    "authentication header": (
        1,
        bytes(
            ether() / IPv6(src="2001:db8::3", dst="2001:db8::9", nh=51) / Raw(bytes([6, 4]) + bytes(22) + bytes(tcp()))
        ),
    ),
}

TENANTS: dict[str, bytes] = {
    "VXLAN": bytes(udp(4789) / VXLAN(vni=0x123456, flags=8) / ether() / four()),
    "VXLAN on the old port": bytes(udp(8472) / VXLAN(vni=0x123456, flags=8) / ether() / four()),
    "VXLAN-GPE": bytes(udp(4790) / Raw(bytes.fromhex("0c00000112345600") + bytes(four()))),
    "GENEVE": bytes(udp(6081) / GENEVE(vni=0x123456, proto=0x6558) / ether() / four()),
    "GENEVE with options": bytes(udp(6081) / Raw(bytes.fromhex("0200080012345600") + bytes(8) + bytes(four()))),
    "VXLAN in GRE in 802.1Q": bytes(
        ether()
        / Dot1Q(vlan=2)
        / IP()
        / GRE()
        / IP()
        / UDP(dport=4789, sport=9)
        / VXLAN(vni=0x123456, flags=8)
        / ether()
        / four()
    ),
}


def decoder(form: Form, **settings: object) -> Any:
    return form("parsers.packet").Decoder(form("parsers.limits").Limits(), **settings)


def check(form: Form, link: int, frame: bytes, addresses: tuple[str, str]) -> Any:
    it = decoder(form, verify_checksums=False)
    got = it.segment(frame, link)
    assert got is not None, it.counters()
    assert (got.src, got.dst) == addresses
    assert (got.src_port, got.dst_port, got.seq, got.ack, got.flags, got.window) == (
        40001,
        8080,
        0xFFFFFFF0,
        7,
        0x18,
        501,
    )
    assert got.payload == BODY
    assert got.payload_length == len(BODY)
    assert got.ip_id == (4711 if "." in got.src else -1)
    return got


@pytest.mark.parametrize("name", FOUR)
def test_an_ipv4_segment_is_found(form: Form, name: str) -> None:
    got = check(form, *FOUR[name], ("10.1.2.3", "192.0.2.9"))
    assert got.domain == 0


@pytest.mark.parametrize("name", SIX)
def test_an_ipv6_segment_is_found(form: Form, name: str) -> None:
    check(form, *SIX[name], ("2001:db8::3", "2001:db8::9"))


@pytest.mark.parametrize("name", TENANTS)
def test_a_virtual_network_is_told_by_its_number(form: Form, name: str) -> None:
    got = check(form, 1, TENANTS[name], ("10.1.2.3", "192.0.2.9"))
    assert got.domain == 0x123456


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, (link, _) in FOUR.items()
        if link == 1 and name.split(",")[0] in ("Ethernet", "802.1Q", "options", "IP in IP", "GRE")
    ],
)
def test_dpkt_reads_the_same(name: str) -> None:
    packet = dpkt.ethernet.Ethernet(FOUR[name][1])
    while not isinstance(packet, dpkt.tcp.TCP):
        packet = packet.data
        if isinstance(packet, bytes):
            pytest.skip("dpkt does not enter this one")
    assert (packet.sport, packet.dport, packet.seq, bytes(packet.data)) == (40001, 8080, 0xFFFFFFF0, BODY)


@pytest.mark.parametrize("name", list(FOUR) + list(TENANTS))
def test_a_frame_cut_anywhere_is_counted_and_never_misread(form: Form, name: str) -> None:
    link, frame = FOUR[name] if name in FOUR else (1, TENANTS[name])
    it = decoder(form)
    for cut in range(len(frame)):
        found = it.decode(frame[:cut], 0, cut, len(frame), link, 0)
        if found:
            assert it.payload <= it.payload_end <= cut
            assert it.payload_length == len(BODY)
            assert frame[it.payload : it.payload_end] == BODY[: it.payload_end - it.payload]
    counters = it.counters()
    assert counters["frames"] == len(frame)
    named = (
        "segments",
        "not_ip",
        "not_tcp",
        "truncated",
        "malformed",
        "unknown_link",
        "link_protected",
        "link_split",
        "too_deep",
    )
    assert sum(counters[name] for name in named) == len(frame)
    assert counters["segments"] >= len(BODY) - 1


def test_tunnels_are_entered_to_the_stated_depth_and_no_deeper(form: Form) -> None:
    it = decoder(form)
    for depth, found in ((8, True), (9, False)):
        packet = ether()
        for _ in range(depth):
            packet /= IP(src="1.1.1.1", dst="2.2.2.2")
        assert (it.segment(bytes(packet / four())) is not None) is found
    assert it.counters()["too_deep"] == 1
    assert it.counters()["encapsulated"] == 1


@pytest.mark.parametrize("port", [4789, 8472, 6081, 2152, 3544, 4754, 1701, 4341, 5072, 6080, 37008, 5247])
def test_a_port_alone_makes_no_tunnel(form: Form, port: int) -> None:
    it = decoder(form)
    for payload in (b"", b"\0", b"hello, this is a question to a name server " * 3, bytes(64), b"\xff" * 64):
        assert it.segment(bytes(udp(port) / Raw(payload))) is None
    assert it.counters()["encapsulated"] == 0


@pytest.mark.parametrize(
    ("counter", "link", "frame"),
    [
        ("not_ip", 1, bytes(ether(0x0806) / Raw(bytes(28)))),
        ("not_ip", 1, bytes(Dot3(**MACS) / LLC(dsap=0x42, ssap=0x42, ctrl=3) / Raw(bytes(38)))),
        ("not_ip", 9, b"\xff\x03\xc0\x21" + bytes(8)),
        ("not_tcp", 1, bytes(ether() / IP() / UDP() / Raw(b"x"))),
        ("not_tcp", 1, bytes(ether() / IP(proto=1) / Raw(bytes(8)))),
        ("malformed", 1, bytes(ether() / IP(ihl=4, proto=6) / Raw(bytes(40)))),
        ("malformed", 1, bytes(ether() / IP() / TCP(dataofs=4))),
        ("malformed", 1, bytes(ether() / IP() / TCP(dataofs=15))),
        ("malformed", 1, bytes(ether(0x0800) / Raw(b"\x65" + bytes(40)))),
        ("unknown_link", 147, bytes(60)),
        ("unknown_link", -5, bytes(60)),
        ("link_protected", 105, bytes(Dot11(type=2, FCfield=0x41) / Raw(bytes(40)))),
        ("link_split", 105, bytes(Dot11(type=2, FCfield=0x05) / Raw(bytes(40)))),
        ("link_split", 129, arcnet("be500000d4050001")),
        ("truncated", 1, bytes(ether() / four())[:40]),
    ],
)
def test_what_cannot_be_read_is_counted_by_its_reason(form: Form, counter: str, link: int, frame: bytes) -> None:
    it = decoder(form)
    assert it.decode(frame, 0, len(frame), 200, link, 0) == 0
    counters = it.counters()
    assert {name for name, n in counters.items() if n} == {"frames", counter}


def test_teredo_between_client_and_relay_is_told_by_its_address(form: Form) -> None:
    inner = IPv6(src="2001:0:4136:e378:8000:63bf:3fff:fdd2", dst="2001:db8::9") / tcp()
    got = decoder(form).segment(bytes(udp(32900, 3797) / inner))
    assert (got.src, got.dst, got.payload) == ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::9", BODY)
    assert decoder(form).segment(bytes(udp(32900, 3797) / six())) is None


def test_a_length_of_zero_means_to_the_end_of_the_frame(form: Form) -> None:
    """As segmentation offload shows packets that are too long for the field."""
    frame = bytearray(bytes(ether() / four()))
    frame[16:18] = b"\0\0"
    assert decoder(form).segment(bytes(frame)).payload == BODY
    frame = bytearray(bytes(ether() / six()))
    frame[18:20] = b"\0\0"
    assert decoder(form).segment(bytes(frame)).payload == BODY


def test_any_kind_of_buffer_reads_the_same(form: Form) -> None:
    frame = bytes(ether() / six())
    for data in (bytearray(frame), memoryview(frame), np.frombuffer(frame, np.uint8)):
        it = decoder(form)
        assert it.decode(data, np.int64(0), np.int64(len(frame)), np.int64(len(frame)), 1, np.int64(7)) == 1
        assert (it.src_hi, it.src_port, it.seq) == (0x20010DB8 << 32, 40001, 0xFFFFFFF0)
        assert bytes(data[it.payload : it.payload_end]) == BODY
    block = FrameBlock(
        np.frombuffer(frame * 3, np.uint8),
        np.arange(3, dtype=np.int64) * len(frame),
        *(np.full(3, len(frame), np.int64) for _ in range(2)),
        np.zeros(3, np.int64),
        np.ones(3, np.int32),
        "three",
        np.arange(1, 4, dtype=np.int64),
    )
    it = decoder(form)
    assert it.scan(block) == 3
    assert it.counters()["segments"] == 3


def test_a_frame_outside_the_buffer_is_the_callers_mistake(form: Form) -> None:
    it = decoder(form)
    for start, captured in ((-1, 4), (0, 11), (11, 0), (5, 6), (0, -1)):
        with pytest.raises(IndexError):
            it.decode(bytes(10), start, captured, 20, 1, 0)


def test_checksums_are_verified_on_request_only(form: Form) -> None:
    for packet in (four(), six()):
        frame = bytearray(bytes(ether() / packet))
        assert decoder(form, verify_checksums=True).segment(bytes(frame)) is not None
        frame[-1] ^= 1
        assert decoder(form).segment(bytes(frame)) is not None
        strict = decoder(form, verify_checksums=True)
        assert strict.segment(bytes(frame)) is None
        assert strict.counters()["bad_checksum"] == 1
    frame = bytearray(bytes(ether() / four()))
    frame[24] ^= 1
    assert decoder(form, verify_checksums=True).segment(bytes(frame)) is None


def test_no_checksum_is_judged_where_the_snap_length_cut_the_packet(form: Form) -> None:
    frame = bytes(ether() / four())
    assert decoder(form, verify_checksums=True).segment(frame[:-5], length=len(frame)) is not None


LINKS = [
    0,
    1,
    6,
    7,
    8,
    9,
    10,
    12,
    50,
    51,
    100,
    101,
    104,
    105,
    107,
    108,
    109,
    113,
    117,
    119,
    122,
    127,
    129,
    138,
    163,
    166,
    192,
    197,
]
LINKS += [204, 205, 206, 228, 229, 239, 240, 241, 274, 276, 147, -1, 70_000]
SEEDS = [*FOUR.values(), *SIX.values(), *((1, frame) for frame in TENANTS.values())]
ENDS = (
    "segments",
    "not_ip",
    "not_tcp",
    "truncated",
    "malformed",
    "unknown_link",
    "link_protected",
    "link_split",
    "too_deep",
)


def state(it: Any, found: int) -> tuple[Any, ...]:
    return (
        found,
        it.src_hi,
        it.src_lo,
        it.dst_hi,
        it.dst_lo,
        it.src_port,
        it.dst_port,
        it.seq,
        it.ack,
        it.flags,
        it.window,
        it.ip_id,
        it.domain,
        it.payload,
        it.payload_end,
        it.payload_length,
        it.counters(),
    )


def agree(forms: tuple[Form, Form], frames: list[tuple[int, bytes, int]]) -> None:
    plain, compiled = (
        form("parsers.packet").Decoder(form("parsers.limits").Limits(), verify_checksums=False) for form in forms
    )
    for n, (link, frame, more) in enumerate(frames):
        room = b"\xee" * 3 + frame + b"\xee" * 40  # neighbours that must not be read
        first = plain.decode(room, 3, len(frame), len(frame) + more, link, n)
        second = compiled.decode(room, 3, len(frame), len(frame) + more, link, n)
        assert state(plain, first) == state(compiled, second)
        if first:
            size = len(frame) + 3 if first == 1 else len(plain.assembled)
            assert 0 <= plain.payload <= plain.payload_end <= size
            assert plain.payload_end - plain.payload <= max(plain.payload_length, 0)
    counters = plain.counters()
    assert counters["frames"] == len(frames)
    pending = counters["fragments"] - counters["fragment_reassembled"]
    assert sum(counters[name] for name in ENDS) + pending == len(frames)


@given(st.lists(st.tuples(st.sampled_from(LINKS), st.binary(max_size=200), st.integers(0, 100)), max_size=5))
@settings(max_examples=300, deadline=None)
@example([(-1, b"", 0)])
def test_arbitrary_octets(forms: tuple[Form, Form], frames: list[tuple[int, bytes, int]]) -> None:
    agree(forms, frames)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(SEEDS),
            st.lists(st.tuples(st.integers(0, 250), st.integers(0, 255)), max_size=4),
            st.integers(0, 300),
        ),
        max_size=6,
    )
)
@settings(max_examples=500, deadline=None)
def test_damaged_encapsulations(forms: tuple[Form, Form], damaged: list[Any]) -> None:
    frames = []
    for (link, frame), changes, cut in damaged:
        octets = bytearray(frame)
        for at, octet in changes:
            if at < len(octets):
                octets[at] = octet
        frames.append((link, bytes(octets[:cut]), max(len(frame) - cut, 0)))
    agree(forms, frames)
