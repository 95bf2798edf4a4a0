"""Every bound on what a stranger can make grow, with its reason. A counter in `parsers.engine` tells when one bites."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the decoding core. All sizes are octets, all times ns of packet time."""

    flows: int = 262_144
    """Connections remembered at once; the one idle longest goes first. A SPAN port of 10 Gb/s shows some 100 000."""
    idle: int = 300_000_000_000
    """A connection silent this long is closed: five minutes, as NAT tables and Zeek do."""
    reorder_bytes: int = 1_048_576
    """Early data held for one direction: a receive window's worth; past it the hole before it counts as lost."""
    reorder_total: int = 67_108_864
    """Early data held for all connections together."""
    reorder_packets: int = 8
    """Packets of a connection after the sign that octets are missing (an acknowledgement, or later data) until they count as lost: mirrors
    reorder by a few packets, and waiting longer costs only memory."""
    reorder_time: int = 50_000_000
    """The same in time, for connections that say little: no mirror port delays by more than milliseconds."""
    linger: int = 30_000_000_000
    """A closed connection is remembered this long, so that late copies of its segments do not look like a new one."""
    head: int = 65_536
    """Start line and headers of one message: Tomcat takes 8 KiB, IIS 16 KiB; an odd header is evidence, and we only watch."""
    headers: int = 1_000
    """Header lines of one message."""
    kept_body: int = 65_536
    """Octets kept of one body, after decoding."""
    inflate_ratio: int = 200
    """Decoded octets for one coded octet: past it the body is a bomb. gzip's own limit is about 1030; honest JSON stays under 50."""
    message_bytes: int = 134_217_728
    """Heads and bodies of all messages that are being read or wait for their other half, and of the pool that they come from. Past it no head or
    body is kept further than the buffer it has (1.3 KB at least), and a connection keeps one request waiting."""
    pipelined: int = 512
    """Requests of one connection waiting for their response."""
    batch_rows: int = 32_768
    """Calls of one CallBatch."""
    batch_bytes: int = 41_943_040
    """Octets of text, heads and bodies of one CallBatch: many enough calls that what every batch costs, whatever its size, is little beside them."""
    fragments: int = 4_096
    """IP datagrams in reassembly at once."""
    fragment_bytes: int = 16_777_216
    """Octets of IP fragments held at once."""
    fragment_time: int = 30_000_000_000
    """An IP datagram not whole after this long is given up (RFC 791 asks for at least 15 s)."""
    encapsulations: int = 8
    """Headers of tunnels inside one another in one frame."""
