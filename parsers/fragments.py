"""IP fragments put together again, within bounds.

Overlaps: the first copy of an octet stays, in IPv4, and `overlap` counts it (`conflict` where the copies differ: honest senders never do that).
IPv6 forbids overlaps, so there the whole datagram is dropped (RFC 5722), but for a fragment that repeats octets already held: mirrors
show packets twice. A datagram that is not whole after `limits.fragment_time` of packet time is given up; past `limits.fragments` datagrams or
`limits.fragment_bytes` octets the oldest goes first. The table is keyed with SipHash, since a stranger chooses all that makes the key.

What the snap length cut off is missing here too: the datagram is then as long as it was on the wire, and its captured octets end at the first hole.
"""

from __future__ import annotations

import secrets
from bisect import bisect_right
from typing import Any

from parsers.limits import Limits
from parsers.siphash import hash_flow

LARGEST = 65_535
MOST_PIECES = 2_048
"""Fragments of one datagram: the smallest legal MTU (68) makes 1366 of them; more are made to cost us time."""
PIECE_COST = 160
"""Octets of memory that a held fragment costs beside its own, so that a flood of tiny ones is bounded too."""


class Datagram:
    """What is held of one datagram."""

    __slots__ = ("covered", "dead", "held", "key", "pieces", "protocol", "since", "starts", "total")

    def __init__(self, key: tuple[Any, ...], since: int) -> None:
        self.key = key
        self.since = since
        self.total = -1
        self.covered = 0
        self.held = PIECE_COST
        self.protocol = -1
        self.dead = False
        self.starts: list[int] = []
        self.pieces: list[tuple[int, int, bytes]] = []  # start, end on the wire, captured octets; sorted, disjoint


class Fragments:
    """The fragments of all datagrams on their way."""

    def __init__(self, limits: Limits, key: tuple[int, int] | None = None) -> None:
        self.limits = limits
        self.k0, self.k1 = key or (secrets.randbits(64), secrets.randbits(64))
        self.table: dict[int, Datagram] = {}
        self.held = 0
        self.whole = b""
        """Octets of the datagram that `add` last completed, up to the first that was not captured."""
        self.length = 0
        """Its length on the wire."""
        self.protocol = 0
        """The protocol it carries."""
        self.counts = {
            "fragments": 0,
            "fragment_reassembled": 0,
            "fragment_overlap": 0,
            "fragment_conflict": 0,
            "fragment_timeout": 0,
            "fragment_evicted": 0,
            "fragment_malformed": 0,
        }

    def add(
        self,
        src_hi: int,
        src_lo: int,
        dst_hi: int,
        dst_lo: int,
        ident: int,
        protocol: int,
        domain: int,
        six: bool,
        offset: int,
        octets: bytes,
        length: int,
        more: bool,
        ts: int,
    ) -> bool:
        """Take a fragment: `octets` captured of `length` at `offset`. True when that makes its datagram whole, which then stands in `whole`."""
        counts = self.counts
        counts["fragments"] += 1
        self._expire(ts)
        if more and length % 8:
            if six:  # RFC 8200 4.5: discarded
                counts["fragment_malformed"] += 1
                return False
            length &= ~7
            octets = octets[:length]
        end = offset + length
        if end > LARGEST or (more and length == 0):
            counts["fragment_malformed"] += 1
            return False
        # IPv4 tells datagrams apart by protocol too; IPv6 takes the protocol from the first fragment.
        key = (src_hi, src_lo, dst_hi, dst_lo, ident, -1 if six else protocol, domain)
        slot = hash_flow(
            self.k0, self.k1, (src_hi, src_lo, dst_hi, dst_lo ^ domain << 40, ident << 9 | (256 if six else protocol))
        )
        datagram = self.table.get(slot)
        if datagram is not None and datagram.key != key:
            self._drop(slot)
            counts["fragment_evicted"] += 1
            datagram = None
        if datagram is None:
            if len(self.table) >= self.limits.fragments:
                self._evict()
            datagram = self.table[slot] = Datagram(key, ts)
            self.held += datagram.held
        if datagram.dead:
            return False
        if offset == 0:
            datagram.protocol = protocol
        last = datagram.pieces[-1][1] if datagram.pieces else 0
        if more:
            bad = datagram.total >= 0 and end > datagram.total
        else:
            bad = last > end or (datagram.total >= 0 and datagram.total != end)
            if not bad:
                datagram.total = end
        if bad:
            counts["fragment_conflict"] += 1
            if six:
                self._kill(datagram)
            return False
        self._insert(datagram, offset, end, octets, six)
        while self.held > self.limits.fragment_bytes and self.table:
            self._evict()
        if (
            datagram.dead
            or datagram.total < 0
            or datagram.covered < datagram.total
            or self.table.get(slot) is not datagram
        ):
            return False
        self._drop(slot)
        self._assemble(datagram)
        counts["fragment_reassembled"] += 1
        return True

    def _insert(self, datagram: Datagram, start: int, end: int, octets: bytes, six: bool) -> None:
        """Keep of [start, end) what no earlier fragment brought."""
        pieces = datagram.pieces
        new: list[tuple[int, int, bytes]] = []
        overlap = conflict = False
        at = start
        i = max(bisect_right(datagram.starts, start) - 1, 0)
        while i < len(pieces) and pieces[i][0] < end:
            low, high, held = pieces[i]
            i += 1
            if high <= at:
                continue
            if at < low:
                new.append((at, low, octets[at - start : low - start]))
                at = low
            upto = min(high, end)
            overlap = True
            first = held[at - low : upto - low]
            second = octets[at - start : upto - start]
            n = min(len(first), len(second))
            conflict = conflict or first[:n] != second[:n]
            at = upto
        if at < end:
            new.append((at, end, octets[at - start :]))
        if overlap:
            self.counts["fragment_overlap"] += 1
            if conflict:
                self.counts["fragment_conflict"] += 1
            if six and (conflict or new):
                self._kill(datagram)
                return
        for piece in new:
            place = bisect_right(datagram.starts, piece[0])
            datagram.starts.insert(place, piece[0])
            pieces.insert(place, piece)
            datagram.covered += piece[1] - piece[0]
            cost = len(piece[2]) + PIECE_COST
            datagram.held += cost
            self.held += cost
        if len(pieces) > MOST_PIECES:
            self.counts["fragment_evicted"] += 1
            self._kill(datagram)

    def _assemble(self, datagram: Datagram) -> None:
        parts: list[bytes] = []
        for start, end, octets in datagram.pieces:
            parts.append(octets)
            if len(octets) < end - start:
                break
        self.whole = b"".join(parts)
        self.length = datagram.total
        self.protocol = datagram.protocol

    def _kill(self, datagram: Datagram) -> None:
        """Give a datagram up but remember it, so that its further fragments do not start it anew."""
        datagram.dead = True
        datagram.covered = 0
        self.held -= datagram.held - PIECE_COST
        datagram.held = PIECE_COST
        datagram.pieces.clear()
        datagram.starts.clear()

    def _drop(self, slot: int) -> None:
        self.held -= self.table.pop(slot).held

    def _evict(self) -> None:
        self._drop(next(iter(self.table)))
        self.counts["fragment_evicted"] += 1

    def _expire(self, ts: int) -> None:
        while self.table:
            slot = next(iter(self.table))
            datagram = self.table[slot]
            if ts - datagram.since <= self.limits.fragment_time:
                return
            if not datagram.dead:
                self.counts["fragment_timeout"] += 1
            self._drop(slot)
