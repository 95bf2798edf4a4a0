"""What decoding one frame costs. Run: python tests/bench/bench_packet.py [frames]"""

from __future__ import annotations

import sys
import time

import numpy as np

from parsers import packet
from parsers.frames import FrameBlock
from parsers.limits import Limits


def block_of(frame: bytes, n: int) -> FrameBlock:
    """n frames, of which the octets stand 64 times."""
    size = np.full(n, len(frame), np.int64)
    offset = (np.arange(n, dtype=np.int64) % 64) * len(frame)
    return FrameBlock(
        frame * 64,
        offset,
        size,
        size,
        np.zeros(n, np.int64),
        np.ones(n, np.int32),
        "bench",
        np.arange(1, n + 1, dtype=np.int64),
    )


def main(n: int) -> None:
    """Time Decoder.scan on a few kinds of frames; best of five."""
    from scapy.contrib.gtp import GTP_U_Header
    from scapy.layers.inet import IP, TCP, UDP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Dot1Q, Ether
    from scapy.layers.vxlan import VXLAN

    inner = IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=40000, dport=80, flags="PA") / (b"x" * 1000)
    six = IPv6(src="2001:db8::1", dst="2001:db8::2") / TCP(sport=40000, dport=80, flags="PA") / (b"x" * 1000)
    kinds = {
        "Ethernet/IPv4/TCP": Ether() / inner,
        "Ethernet/IPv6/TCP": Ether() / six,
        "Ethernet/802.1Q/IPv4/TCP": Ether() / Dot1Q(vlan=5) / inner,
        "VXLAN/Ethernet/IPv4/TCP": Ether() / IP() / UDP(dport=4789, sport=1) / VXLAN(vni=7, flags=8) / Ether() / inner,
        "GTP-U/IPv4/TCP": Ether() / IP() / UDP(dport=2152, sport=2152) / GTP_U_Header(teid=1) / inner,
    }
    print(f"compiled: {packet.COMPILED}")
    for name, made in kinds.items():
        block = block_of(bytes(made), n)
        best = 1e9
        for _ in range(5):
            decoder = packet.Decoder(Limits())
            began = time.process_time()
            found = decoder.scan(block)
            best = min(best, time.process_time() - began)
            assert found == n, decoder.counters()
        print(f"{name:28} {best / n * 1e9:8.1f} ns a frame")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else (1_000_000 if packet.COMPILED else 20_000))
