"""What may stand on a connection before HTTP does: a SOCKS negotiation (RFC 1928, RFC 1929, SOCKS 4 and 4a), or the header by which a load balancer
names the client it speaks for (PROXY protocol, versions 1 and 2).

Read only to get past it, and strictly: what is not spelled as its specification says is some other protocol. No part is longer than its own length
fields allow (SOCKS: 519 octets, PROXY 1: 107, PROXY 2: `LONGEST`).
"""

from __future__ import annotations

LONGEST = 4096
"""Octets of a PROXY 2 header: addresses take 216, and what balancers add some hundred."""

_PROXY_1 = b"PROXY "
_PROXY_2 = b"\0\r\nQUIT\n"  # the signature without the CR LF CR LF before it, which are blank lines to whoever reads HTTP
_REFUSED, _MORE = -1, 0


def begin(octets: bytes) -> Preface | None:
    """The preface that a client's first octets open, or None. Nothing of it is read yet: give the same octets to `feed`."""
    if octets[:1] == b"\x05":
        return Socks5()
    if octets[:1] == b"\x04":
        return Socks4()
    if octets and (octets[:6] == _PROXY_1 or _PROXY_2.startswith(octets[:8])):
        return Proxy()
    return None


class Preface:
    """Reads both directions of a preface. `tunnel`: what follows is for a server behind the one that the packets name."""

    tunnel = False

    def __init__(self) -> None:
        self._buffer = {True: b"", False: b""}
        self._over = {True: False, False: False}

    def over(self, client: bool) -> bool:
        """Whether that side's part has been read."""
        return self._over[client]

    def feed(self, client: bool, octets: bytes) -> int:
        """Take a side's next octets; returns how many of them belong to the preface, or -1 when they show that this is none."""
        before = len(self._buffer[client])
        whole = self._buffer[client] + octets
        at = 0
        while at < len(whole) and not self._over[client]:
            size = self._part(client, whole[at:])
            if size == _REFUSED:
                return -1
            if size == _MORE or at + size > len(whole):
                break
            at += size
        if self._over[client]:
            self._buffer[client] = b""
            return at - before
        self._buffer[client] = whole[at:]
        return len(octets)

    def _part(self, client: bool, octets: bytes) -> int:
        """The size of the part that `octets` begin with; 0 when they do not tell it yet, -1 when it is none. When the part is here whole, it is
        noted."""
        raise NotImplementedError


class Socks5(Preface):
    """Greeting, method; user name and password, status; request, reply."""

    tunnel = True

    def __init__(self) -> None:
        super().__init__()
        self._greeted = {True: False, False: False}

    def _part(self, client: bool, octets: bytes) -> int:
        if not self._greeted[client]:
            if octets[0] != 5:
                return _REFUSED
            if len(octets) < 2:
                return _MORE
            if client:
                size = 2 + octets[1] if octets[1] else _REFUSED
            else:
                size = 2 if octets[1] in (0, 2) else _REFUSED  # GSSAPI wraps what follows; 255 refuses
            self._greeted[client] = 0 < size <= len(octets)
            return size
        if octets[0] == 1:  # RFC 1929
            if not client:
                return _MORE if len(octets) < 2 else 2 if octets[1] == 0 else _REFUSED
            name = octets[1] + 2 if len(octets) > 1 else 0
            return name + 1 + octets[name] if 0 < name < len(octets) else _MORE
        if octets[0] != 5:
            return _REFUSED
        if len(octets) < 5:
            return _MORE
        if octets[1] != (1 if client else 0) or octets[2] != 0:  # CONNECT; succeeded
            return _REFUSED
        size = {1: 10, 3: 7 + octets[4], 4: 22}.get(octets[3], _REFUSED)
        self._over[client] = 0 < size <= len(octets)
        return size


class Socks4(Preface):
    """Request with a user name, and with a host name where the address is 0.0.0.x (4a); reply."""

    tunnel = True

    def _part(self, client: bool, octets: bytes) -> int:
        if not client:
            if octets[0] != 0 or octets[1:2] not in (b"", b"\x5a"):
                return _REFUSED
            self._over[client] = len(octets) >= 8
            return 8
        if octets[1:2] not in (b"", b"\x01"):  # CONNECT
            return _REFUSED
        if len(octets) < 9:
            return _MORE
        end = 8
        for _ in range(2 if octets[4:7] == b"\0\0\0" and octets[7] else 1):
            nul = octets.find(b"\0", end, end + 256)
            if nul < 0:
                return _REFUSED if len(octets) >= end + 256 else _MORE
            end = nul + 1
        self._over[client] = True
        return end


class Proxy(Preface):
    """One header, of the client alone."""

    def __init__(self) -> None:
        super().__init__()
        self._over[False] = True

    def _part(self, client: bool, octets: bytes) -> int:
        if octets[:1] == b"P":
            line = octets[:107].partition(b"\r\n")
            if not line[1]:
                return _REFUSED if len(octets) >= 107 else _MORE
            words = line[0].split(b" ")
            if words[:2] != [b"PROXY", b"UNKNOWN"] and (len(words) != 6 or words[1] not in (b"TCP4", b"TCP6")):
                return _REFUSED
            size = len(line[0]) + 2
        else:
            if not _PROXY_2.startswith(octets[:8]):
                return _REFUSED
            if len(octets) < 12:
                return _MORE
            size = 12 + int.from_bytes(octets[10:12], "big")
            if octets[8] not in (0x20, 0x21) or size > LONGEST:
                return _REFUSED
        self._over[client] = size <= len(octets)
        return size
