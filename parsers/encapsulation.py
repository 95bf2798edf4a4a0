"""What may stand before an IP packet: link layers and tunnels, one header at a time.

`step` reads the header at a cursor and answers which kind of header stands next, with the cursor moved to it; or a negative number, which is
the reason why nothing we can read follows. Every octet is read after a check against the captured end of the frame; a header that goes past
it is TRUNCATED when the wire had it and MALFORMED when not. A step always moves forward or ends, so no frame can keep the decoder busy.

Kinds are integers: an IP protocol number (0-255), `ETHERTYPE +` an ethertype, `LINK +` a LINKTYPE number of the pcap format, or one of the
names below. Tunnels over UDP have no field that announces them: they are entered when the port says so *and* the header looks right, since
any client may pick port 4789 for its DNS query.
"""

from __future__ import annotations

from typing import Any

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

COMPILED = cython.compiled

# Reasons. The decoder counts them.
NOT_IP = cython.declare(cython.int, -1)  # a protocol that carries no IP, or none that we know
TRUNCATED = cython.declare(cython.int, -2)  # the capture ends inside the header
MALFORMED = cython.declare(cython.int, -3)  # the header contradicts itself or the packet around it
NOT_TCP = cython.declare(cython.int, -4)  # IP, but what it carries is neither TCP nor a tunnel
UNKNOWN_LINK = cython.declare(cython.int, -5)  # a link type this file does not read
PROTECTED = cython.declare(cython.int, -6)  # encrypted by the link layer
SPLIT = cython.declare(cython.int, -7)  # a piece of a packet split by the link layer

# Kinds.
ETHERTYPE = cython.declare(cython.int, 0x10000)
LINK = cython.declare(cython.int, 0x20000)
IPV4 = cython.declare(cython.int, 0x10800)
IPV6 = cython.declare(cython.int, 0x186DD)
ANY_IP = cython.declare(cython.int, 0x30000)  # the version nibble tells
ETHERNET = cython.declare(cython.int, 0x30001)
ETHERTYPE_FIELD = cython.declare(cython.int, 0x30002)  # an ethertype (or 802.3 length) stands here
LLC = cython.declare(cython.int, 0x30003)
PPP = cython.declare(cython.int, 0x30004)
NLPID = cython.declare(cython.int, 0x30005)
GUESS = cython.declare(cython.int, 0x30006)  # IP, or Ethernet with or without a pseudo-wire control word (RFC 4385)
CISCO_HDLC = cython.declare(cython.int, 0x30007)
DOT11 = cython.declare(cython.int, 0x30008)
DOT11_PADDED = cython.declare(cython.int, 0x30009)  # its header padded to four octets
NSH = cython.declare(cython.int, 0x3000A)
FRAME_RELAY = cython.declare(cython.int, 0x3000B)
UDP = cython.declare(cython.int, 17)


@cython.cclass
class Cursor:
    """Where in a frame the decoder is."""

    def __init__(self) -> None:
        self.at = 0
        self.end = 0
        self.limit = 0
        self.tunnels = 0
        self.domain = 0


def lack(cur: Any, n: Any) -> Any:
    """0 when n octets stand at the cursor, else the reason why not."""
    if cur.at + n <= cur.end:
        return 0
    if cur.at + n <= cur.limit:
        return TRUNCATED
    return MALFORMED


def u16(data: Any, at: Any) -> Any:
    """Two octets, network order."""
    return (data[at] << 8) | data[at + 1]


def u32(data: Any, at: Any) -> Any:
    """Four octets, network order."""
    return (cython.cast(cython.uint, data[at]) << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3]


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _u16_little(data: cython.const[cython.uchar][::1], at: cython.Py_ssize_t) -> cython.int:
    return (data[at + 1] << 8) | data[at]


@cython.cfunc
@cython.exceptval(-1)
def _is_ethertype(value: cython.int) -> cython.int:
    """Whether a guess that this is an ethertype is a good one: the types that lead to IP, and what lives beside it."""
    return value in (0x0800, 0x86DD, 0x8100, 0x88A8, 0x9100, 0x0806, 0x8847, 0x8848, 0x8864, 0x8863, 0x88CC, 0x88E5)


@cython.cfunc
@cython.exceptval(-1)
def _looks_ethernet(cur: Cursor, data: cython.const[cython.uchar][::1], at: cython.Py_ssize_t) -> cython.int:
    if at + 14 > cur.end:
        return 0
    return _is_ethertype(u16(data, at + 12))


@cython.cfunc
@cython.exceptval(-1)
def _looks_ip(cur: Cursor, data: cython.const[cython.uchar][::1], at: cython.Py_ssize_t) -> cython.int:
    """4 or 6 where an IP header that agrees with itself and with the room stands, else 0."""
    total: cython.int
    header: cython.int
    if at + 20 > cur.end:
        return 0
    if data[at] >> 4 == 4:
        header = (data[at] & 15) * 4
        total = u16(data, at + 2)
        if header >= 20 and total >= header and at + total <= cur.limit:
            return 4
    elif data[at] >> 4 == 6 and at + 40 <= cur.end:
        if at + 40 + u16(data, at + 4) <= cur.limit:
            return 6
    return 0


def step(cur: Any, data: Any, kind: Any) -> Any:
    """The kind of the header after the one of `kind` at the cursor, which moves there; or a reason (negative)."""
    short: cython.int
    n: cython.int
    at: cython.Py_ssize_t
    if kind >= LINK and kind < ANY_IP:
        return _link(cur, data, kind - LINK)
    if kind >= ETHERTYPE and kind < LINK:
        return _ethertype(cur, data, kind - ETHERTYPE)
    if kind < ETHERTYPE:
        return _protocol(cur, data, kind)
    at = cur.at
    if kind == ETHERNET:
        short = lack(cur, 14)
        if short:
            return short
        if (
            data[at + 1] == 0
            and data[at + 2] == 0x0C
            and data[at + 3] == 0
            and data[at + 4] == 0
            and data[at] & 0xFD == 1
        ):
            cur.at = at + 26  # Cisco ISL: its own address and header, then the frame
            return ETHERNET if lack(cur, 14) == 0 else lack(cur, 14)
        cur.at = at + 12
        return ETHERTYPE_FIELD
    if kind == ETHERTYPE_FIELD:
        short = lack(cur, 2)
        if short:
            return short
        n = u16(data, at)
        cur.at = at + 2
        if n >= 0x0600:
            return ETHERTYPE + n
        if cur.at + n < cur.limit and n > 0:  # 802.3: a length, the rest is padding
            cur.limit = cur.at + n
            cur.end = min(cur.end, cur.limit)
        return LLC
    if kind == ANY_IP:
        short = lack(cur, 1)
        if short:
            return short
        n = data[at] >> 4
        if n == 4:
            return IPV4
        return IPV6 if n == 6 else NOT_IP
    if kind == LLC:
        return _llc(cur, data)
    if kind == PPP:
        return _ppp(cur, data)
    if kind == NLPID:
        short = lack(cur, 1)
        if short:
            return short
        n = data[at]
        cur.at = at + 1
        if n == 0xCC:
            return IPV4
        if n == 0x8E:
            return IPV6
        if n == 0xCF:
            return PPP
        if n == 0x80:  # SNAP: OUI and protocol follow
            return _snap(cur, data, 0)
        return NOT_IP
    if kind == GUESS:
        n = _looks_ip(cur, data, at)
        if n == 4:
            return IPV4
        if n == 6:
            return IPV6
        short = lack(cur, 14)
        if short:
            return short
        if u32(data, at) == 0 and _looks_ethernet(cur, data, at + 4):
            cur.at = at + 4
            return ETHERNET
        if _looks_ethernet(cur, data, at):
            return ETHERNET
        if data[at] >> 4 == 0:  # a control word with flags or a sequence number
            cur.at = at + 4
            return ETHERNET if _looks_ethernet(cur, data, at + 4) else NOT_IP
        return NOT_IP
    if kind == CISCO_HDLC:
        short = lack(cur, 4)
        if short:
            return short
        n = u16(data, at + 2)
        cur.at = at + 4
        return ETHERTYPE + n if n >= 0x0600 else NOT_IP
    if kind in (DOT11, DOT11_PADDED):
        return _dot11(cur, data, kind == DOT11_PADDED)
    if kind == NSH:
        short = lack(cur, 8)
        if short:
            return short
        n = (data[at + 1] & 0x3F) * 4
        if n < 8 or data[at] >> 6 != 0:
            return MALFORMED
        short = lack(cur, n)
        if short:
            return short
        cur.at = at + n
        return _next_protocol(data[at + 3])
    if kind == FRAME_RELAY:
        short = lack(cur, 4)
        if short:
            return short
        n = 2
        while at + n < cur.end and n < 4 and data[at + n - 1] & 1 == 0:
            n += 1
        cur.at = at + n
        short = lack(cur, 2)
        if short:
            return short
        if data[cur.at] != 3:  # Cisco encapsulation: an ethertype
            return ETHERTYPE_FIELD
        cur.at += 1
        if data[cur.at] == 0:  # padded
            cur.at += 1
        return NLPID
    return NOT_IP


@cython.cfunc
@cython.exceptval(-100)
def _next_protocol(n: cython.int) -> cython.int:
    """What follows VXLAN-GPE and NSH (RFC 8300)."""
    if n == 1:
        return IPV4
    if n == 2:
        return IPV6
    if n == 3:
        return ETHERNET
    if n == 4:
        return NSH
    if n == 5:
        return ETHERTYPE + 0x8847
    return NOT_IP


@cython.cfunc
@cython.exceptval(-100)
def _link(cur: Cursor, data: cython.const[cython.uchar][::1], link: cython.int) -> cython.int:
    """The first header of a frame, by LINKTYPE number (https://www.tcpdump.org/linktypes.html)."""
    short: cython.int
    n: cython.int
    i: cython.Py_ssize_t
    size: cython.Py_ssize_t
    at: cython.Py_ssize_t = cur.at
    if link == 1:
        return ETHERNET
    if link in (12, 14, 101):
        return ANY_IP
    if link == 228:
        return IPV4
    if link == 229:
        return IPV6
    if link in (0, 108):  # an address family of the capturing machine, in its byte order or the network's
        short = lack(cur, 4)
        if short:
            return short
        n = data[at] if data[at + 3] == 0 else data[at + 3]
        cur.at = at + 4
        # AF_INET; AF_INET6 of Linux, Windows, OpenBSD and NetBSD, FreeBSD, Darwin
        if n in (2, 10, 23, 24, 28, 30):
            return ANY_IP
        return NOT_IP
    if link == 113:  # Linux cooked, as `-i any` gives it
        short = lack(cur, 16)
        if short:
            return short
        n = u16(data, at + 14)
        cur.at = at + 16
        if n >= 0x0600:
            return ETHERTYPE + n
        return LLC if n in (4, 1) else NOT_IP
    if link == 276:
        short = lack(cur, 20)
        if short:
            return short
        n = u16(data, at)
        cur.at = at + 20
        if n >= 0x0600:
            return ETHERTYPE + n
        return LLC if n in (4, 1) else NOT_IP
    if link in (9, 50, 166):
        short = lack(cur, 2)
        if short:
            return short
        if (data[at] == 0x0F or data[at] == 0x8F) and data[at + 1] == 0:
            return CISCO_HDLC
        if link == 166 and data[at] != 0xFF:  # pppd writes the direction over the address
            cur.at = at + 2
        return PPP
    if link in (204, 205, 206):  # one octet says the direction
        cur.at = at + 1
        if link == 204:
            return PPP
        return CISCO_HDLC if link == 205 else FRAME_RELAY
    if link == 51:
        return ETHERTYPE + 0x8864
    if link == 104:
        return CISCO_HDLC
    if link == 107:
        return FRAME_RELAY
    if link == 100:  # ATM, RFC 2684
        return LLC
    if link == 105:
        return DOT11
    if link == 127:
        return _radiotap(cur, data)
    if link in (119, 163):  # Prism and AVS headers before 802.11
        short = lack(cur, 8)
        if short:
            return short
        if data[at] == 0x80 and data[at + 1] == 0x21:
            size = u32(data, at + 4)
        else:
            size = 144
        if size < 8 or size > 4096:
            return MALFORMED
        short = lack(cur, size)
        if short:
            return short
        cur.at = at + size
        return DOT11
    if link == 192:  # PPI
        short = lack(cur, 8)
        if short:
            return short
        size = _u16_little(data, at + 2)
        n = _u16_little(data, at + 4)
        if size < 8:
            return MALFORMED
        short = lack(cur, size)
        if short:
            return short
        cur.at = at + size
        return LINK + n
    if link in (7, 129):  # ARCNET; Linux puts two octets of packet offset before the protocol
        n = 2 if link == 7 else 4
        short = lack(cur, n + 1)
        if short:
            return short
        cur.at = at + n + 1
        n = data[at + n]
        if n == 0xF0:  # RFC 1051
            return IPV4
        if n not in (0xD4, 0xC4):
            return NOT_IP
        short = lack(cur, 3)
        if short:
            return short
        if data[cur.at] == 0xFF:  # RFC 1201 exception packet: padded
            cur.at += 4
            short = lack(cur, 3)
            if short:
                return short
        if data[cur.at] != 0:
            return SPLIT
        cur.at += 3
        return IPV4 if n == 0xD4 else IPV6
    if link == 239:  # NFLOG: attributes in the byte order of the machine; one of them is the packet
        short = lack(cur, 4)
        if short:
            return short
        i = at + 4
        while i + 4 <= cur.end:
            size = _u16_little(data, i)
            n = _u16_little(data, i + 2)
            if size < 4 or (n & 0x7FFF) > 0x100 or i + size > cur.limit:
                size = u16(data, i)
                n = u16(data, i + 2)
            if size < 4 or i + size > cur.limit:
                return MALFORMED
            if n & 0x7FFF == 9:
                cur.at = i + 4
                cur.limit = i + size
                cur.end = min(cur.end, cur.limit)
                return ANY_IP
            i += (size + 3) & ~3
        return NOT_IP
    if link == 138:  # IP over IEEE 1394 as Apple has it
        cur.at = at + 16
        return ETHERTYPE_FIELD
    if link == 6:  # token ring, with its routing field where the source address says so
        short = lack(cur, 15)
        if short:
            return short
        n = 14
        if data[at + 8] & 0x80:
            n += data[at + 14] & 0x1F
        cur.at = at + n
        return LLC
    if link == 10:  # FDDI
        cur.at = at + 13
        return LLC
    if link == 122:  # IP over Fibre Channel
        cur.at = at + 16
        return LLC
    if link == 8:  # SLIP
        cur.at = at + 16
        return ANY_IP
    if link == 109:  # OpenBSD enc(4): decrypted IPsec
        cur.at = at + 12
        return ANY_IP
    if link == 117:  # pflog(4)
        short = lack(cur, 4)
        if short:
            return short
        cur.at = at + ((data[at] + 3) & ~3)
        return ANY_IP if data[at] >= 4 else MALFORMED
    if link in (240, 241, 274):  # netANALYZER, its transparent mode, and Ethernet with preamble
        if link == 240:
            cur.at = at + 4
        else:
            cur.at = at + (12 if link == 241 else 8)
        return ETHERNET
    if link == 197:  # ERF, the records of DAG cards
        short = lack(cur, 16)
        if short:
            return short
        n = data[at + 8]
        i = at + 16
        size = n
        while size & 0x80 and i + 8 <= cur.end:
            size = data[i]
            i += 8
        if n & 0x7F != 2:
            return NOT_IP
        cur.at = i + 2
        return ETHERNET
    return UNKNOWN_LINK


@cython.cfunc
@cython.exceptval(-100)
def _ethertype(cur: Cursor, data: cython.const[cython.uchar][::1], kind: cython.int) -> cython.int:
    """What follows an ethertype other than IP's."""
    short: cython.int
    n: cython.int
    at: cython.Py_ssize_t = cur.at
    if kind in (0x8100, 0x88A8, 0x9100, 0x9200, 0x9300):
        cur.at = at + 2
        return ETHERTYPE_FIELD
    if kind in (0x8847, 0x8848):
        cur.tunnels += 1
        while True:
            short = lack(cur, 4)
            if short:
                return short
            at = cur.at
            cur.at = at + 4
            if data[at + 2] & 1:  # bottom of stack
                return GUESS
    if kind == 0x8864:
        cur.tunnels += 1
        short = lack(cur, 6)
        if short:
            return short
        if data[at] != 0x11 or data[at + 1] != 0:
            return NOT_IP
        n = u16(data, at + 4)
        cur.at = at + 6
        if n > 0 and cur.at + n < cur.limit:
            cur.limit = cur.at + n
            cur.end = min(cur.end, cur.limit)
        return PPP
    if kind == 0x6558:  # transparent Ethernet bridging
        cur.tunnels += 1
        return ETHERNET
    if kind == 0x880B:
        return PPP
    if kind in (0x88BE, 0x22EB):
        return _erspan(cur, data, kind)
    if kind == 0x88E7:  # provider backbone bridging: the service tag, then the customer's frame
        cur.tunnels += 1
        cur.at = at + 4
        return ETHERNET
    if kind == 0x8903:  # FabricPath: 16 octets, of which the ethertype was the 13th
        cur.tunnels += 1
        cur.at = at + 2
        return ETHERNET
    if kind == 0x22F3:  # TRILL
        cur.tunnels += 1
        short = lack(cur, 6)
        if short:
            return short
        cur.at = at + 6 + ((u16(data, at) >> 6) & 0x1F) * 4
        return ETHERNET
    if kind == 0x894F:
        cur.tunnels += 1
        return NSH
    if kind == 0x8909:  # Cisco metadata (TrustSec)
        cur.at = at + 6
        return ETHERTYPE_FIELD
    if kind in (0x8926, 0x892F):  # VN-tag; HSR
        cur.at = at + 4
        return ETHERTYPE_FIELD
    if kind == 0x893F:  # E-TAG (802.1BR)
        cur.at = at + 6
        return ETHERTYPE_FIELD
    if kind == 0x88E5:  # MACsec: readable only where it authenticates without encrypting
        short = lack(cur, 6)
        if short:
            return short
        if data[at] & 0x0C:
            return PROTECTED
        cur.at = at + (14 if data[at] & 0x20 else 6)
        return ETHERTYPE_FIELD
    return NOT_IP


@cython.cfunc
@cython.exceptval(-100)
def _llc(cur: Cursor, data: cython.const[cython.uchar][::1]) -> cython.int:
    """IEEE 802.2 LLC, with SNAP behind it most of the time."""
    at: cython.Py_ssize_t = cur.at
    short: cython.int = lack(cur, 3)
    if short:
        return short
    cur.at = at + 3
    if data[at] == 0xAA and data[at + 1] == 0xAA:
        return _snap(cur, data, 2)
    if data[at] == 0x06 and data[at + 2] == 0x03:  # RFC 948
        return ANY_IP
    if data[at] == 0xFE and data[at + 1] == 0xFE:
        return NLPID
    return NOT_IP


@cython.cfunc
@cython.exceptval(-100)
def _snap(cur: Cursor, data: cython.const[cython.uchar][::1], pad: cython.int) -> cython.int:
    """SNAP: an organisation and its protocol number. `pad`: octets before a bridged Ethernet frame (two on ATM, none on frame relay)."""
    at: cython.Py_ssize_t = cur.at
    n: cython.int
    short: cython.int = lack(cur, 5)
    if short:
        return short
    n = u16(data, at + 3)
    cur.at = at + 5
    if data[at] == 0 and data[at + 1] == 0x80 and data[at + 2] == 0xC2:
        if n in (1, 7):
            cur.at += pad
            return ETHERNET
        return NOT_IP
    # Encapsulated Ethernet, and the bridge tunnel's form of it (802.1H).
    if data[at] == 0 and data[at + 1] == 0 and (data[at + 2] == 0 or data[at + 2] == 0xF8) and n >= 0x0600:
        return ETHERTYPE + n
    return NOT_IP


@cython.cfunc
@cython.exceptval(-100)
def _ppp(cur: Cursor, data: cython.const[cython.uchar][::1]) -> cython.int:
    """PPP, its address and control octets and its protocol number each in the long or the short form (RFC 1661)."""
    at: cython.Py_ssize_t = cur.at
    n: cython.int
    short: cython.int = lack(cur, 2)
    if short:
        return short
    if data[at] == 0xFF and data[at + 1] == 0x03:
        at += 2
    if at + 1 > cur.end:
        cur.at = at
        return lack(cur, 1)
    if data[at] & 1:
        n = data[at]
        at += 1
    else:
        cur.at = at
        short = lack(cur, 2)
        if short:
            return short
        n = u16(data, at)
        at += 2
    cur.at = at
    if n == 0x21:
        return IPV4
    if n == 0x57:
        return IPV6
    if n in (0x281, 0x283):
        return ETHERTYPE + 0x8847
    if n == 0x31:  # bridged: flags, type of network
        cur.at = at + 2
        return ETHERNET
    if n == 0x3D:  # multilink: a packet that is first and last piece at once
        short = lack(cur, 4)
        if short:
            return short
        if data[at] & 0xC0 != 0xC0:
            return SPLIT
        cur.at = at + 4
        return PPP
    return NOT_IP


@cython.cfunc
@cython.exceptval(-100)
def _radiotap(cur: Cursor, data: cython.const[cython.uchar][::1]) -> cython.int:
    """radiotap, of which only the length and the flags (checksum at the end, padded header) matter here."""
    at: cython.Py_ssize_t = cur.at
    size: cython.Py_ssize_t
    i: cython.Py_ssize_t
    flags: cython.int = 0
    short: cython.int = lack(cur, 8)
    if short:
        return short
    size = _u16_little(data, at + 2)
    if data[at] != 0 or size < 8:
        return MALFORMED
    short = lack(cur, size)
    if short:
        return short
    i = at + 8
    while data[i - 1] & 0x80 and i + 4 <= at + size:  # further words of presence bits
        i += 4
    if data[at + 4] & 1:  # a timer of eight octets, aligned
        i = at + ((i - at + 7) & ~7) + 8
    if data[at + 4] & 2 and i < at + size:
        flags = data[i]
    cur.at = at + size
    if flags & 0x10 and cur.limit - 4 >= cur.at:
        cur.limit -= 4
        cur.end = min(cur.end, cur.limit)
    return DOT11_PADDED if flags & 0x20 else DOT11


@cython.cfunc
@cython.exceptval(-100)
def _dot11(cur: Cursor, data: cython.const[cython.uchar][::1], padded: cython.int) -> cython.int:
    """IEEE 802.11 data frames. Of an aggregate (A-MSDU) the first packet is read."""
    at: cython.Py_ssize_t = cur.at
    header: cython.int = 24
    aggregate: cython.int = 0
    control: cython.int
    flags: cython.int
    short: cython.int = lack(cur, 24)
    if short:
        return short
    control = data[at]
    flags = data[at + 1]
    if cur.tunnels > 0 and control & 0x0F != 8 and flags & 0x0F == 8:  # Cisco's and Aruba's controllers swap the two
        control = flags
        flags = data[at]
    if (control >> 2) & 3 != 2 or control & 0x40:
        return NOT_IP
    if flags & 0x40:
        return PROTECTED
    if flags & 0x04 or data[at + 22] & 0x0F:
        return SPLIT
    if flags & 3 == 3:
        header += 6
    if control & 0x80:  # QoS
        short = lack(cur, header + 2)
        if short:
            return short
        aggregate = data[at + header] & 0x80
        header += 2
        if flags & 0x80:
            header += 4
    if padded:
        header = (header + 3) & ~3
    cur.at = at + header
    if aggregate:
        cur.at += 14
    return LLC


@cython.cfunc
@cython.exceptval(-100)
def _erspan(cur: Cursor, data: cython.const[cython.uchar][::1], kind: cython.int) -> cython.int:
    """A mirrored frame: ERSPAN II and III say their version; type I has no header and is told by its GRE header (see `_gre`)."""
    at: cython.Py_ssize_t = cur.at
    n: cython.int
    short: cython.int = lack(cur, 8)
    if short:
        return short
    cur.tunnels += 1
    if kind == 0x88BE:
        if data[at] >> 4 == 1 or data[at] >> 4 == 0:
            cur.at = at + 8
            return ETHERNET
        return MALFORMED
    if data[at] >> 4 != 2:
        return MALFORMED
    short = lack(cur, 12)
    if short:
        return short
    n = 20 if data[at + 11] & 1 else 12
    cur.at = at + n
    # The frame type: 0 Ethernet, 2 IP (draft-foschiano-erspan).
    return ANY_IP if (data[at + 10] >> 2) & 0x1F == 2 else ETHERNET


@cython.cfunc
@cython.exceptval(-100)
def _gre(cur: Cursor, data: cython.const[cython.uchar][::1]) -> cython.int:
    """GRE: version 0 (RFC 2784, 2890, and the source routes of 1701), version 1 (PPTP, RFC 2637), and EoIP."""
    at: cython.Py_ssize_t = cur.at
    i: cython.Py_ssize_t
    flags: cython.int
    protocol: cython.int
    short: cython.int = lack(cur, 4)
    if short:
        return short
    flags = u16(data, at)
    protocol = u16(data, at + 2)
    i = at + 4
    cur.tunnels += 1
    if flags & 7 == 1:
        short = lack(cur, 8)
        if short:
            return short
        if protocol == 0x6400:  # MikroTik's Ethernet over IP
            cur.at = at + 8
            return ETHERNET
        if protocol != 0x880B or not flags & 0x2000:
            return MALFORMED
        if not flags & 0x1000:
            return NOT_IP  # an acknowledgement only
        cur.at = at + 12 + (4 if flags & 0x80 else 0)
        flags = u16(data, at + 4)  # length of what it carries
        if cur.at + flags < cur.limit:
            cur.limit = cur.at + flags
            cur.end = min(cur.end, cur.limit)
        return PPP if lack(cur, 1) == 0 else lack(cur, 1)
    if flags & 7 != 0:
        return MALFORMED
    if flags & 0xC000:
        i += 4
    if flags & 0x2000:
        i += 4
    if flags & 0x1000:
        i += 4
    if flags & 0x4000:  # source routes, ended by an empty one
        while True:
            cur.at = i
            short = lack(cur, 4)
            if short:
                return short
            i += 4 + data[i + 3]
            if u16(data, cur.at) == 0 and data[cur.at + 3] == 0:
                break
    cur.at = i
    if protocol == 0x88BE and not flags & 0x1000:
        return ETHERNET  # ERSPAN type I
    if protocol == 0x6558:
        return ETHERNET
    if protocol == 0x883E:  # WCCP: version 2 has four octets before the packet
        short = lack(cur, 4)
        if short:
            return short
        if data[i] >> 4 != 4:
            cur.at = i + 4
        return ANY_IP
    if protocol < 0x0600:
        return NOT_IP
    if 0x8200 <= protocol <= 0x8370 or protocol == 0x9000:  # Aruba: 802.11 between access point and controller
        return DOT11
    return ETHERTYPE + protocol


@cython.cfunc
@cython.exceptval(-100)
def _protocol(cur: Cursor, data: cython.const[cython.uchar][::1], protocol: cython.int) -> cython.int:
    """What an IP packet carries, other than TCP and the headers that belong to IP itself."""
    at: cython.Py_ssize_t = cur.at
    short: cython.int
    if protocol == UDP:
        return _udp(cur, data)
    if protocol == 47:
        return _gre(cur, data)
    if protocol == 4:
        cur.tunnels += 1
        return IPV4
    if protocol == 41:
        cur.tunnels += 1
        return IPV6
    if protocol == 137:
        return ETHERTYPE + 0x8847
    if protocol == 143:
        cur.tunnels += 1
        return ETHERNET
    if protocol == 97:  # EtherIP
        cur.tunnels += 1
        short = lack(cur, 2)
        if short:
            return short
        cur.at = at + 2
        return ETHERNET if data[at] >> 4 == 3 else NOT_TCP
    if protocol == 115:  # L2TPv3: session, perhaps a cookie, perhaps a sublayer header
        short = lack(cur, 8)
        if short:
            return short
        cur.tunnels += 1
        if u32(data, at) == 0:
            return NOT_TCP  # control
        return _l2tp3(cur, data, at + 4)
    return NOT_TCP


@cython.cfunc
@cython.exceptval(-100)
def _l2tp3(cur: Cursor, data: cython.const[cython.uchar][::1], at: cython.Py_ssize_t) -> cython.int:
    """The frame in an L2TPv3 packet. Cookie (0, 4 or 8 octets) and sublayer (0 or 4) are agreed out of band, so the first place that fits is taken."""
    skip: cython.int = 0
    while skip <= 12:
        if _looks_ethernet(cur, data, at + skip):
            cur.at = at + skip
            return ETHERNET
        skip += 4
    return NOT_TCP


@cython.cfunc
@cython.exceptval(-100)
def _udp(cur: Cursor, data: cython.const[cython.uchar][::1]) -> cython.int:
    """UDP, entered only where port and content both say tunnel."""
    at: cython.Py_ssize_t = cur.at
    source: cython.int
    to: cython.int
    n: cython.int
    short: cython.int = lack(cur, 8)
    if short:
        return short
    source = u16(data, at)
    to = u16(data, at + 2)
    n = u16(data, at + 4)
    if n >= 8 and at + n < cur.limit:
        cur.limit = at + n
        cur.end = min(cur.end, cur.limit)
    at += 8
    cur.at = at
    if to in (4789, 8472, 4790):  # VXLAN (8472: Linux before it had a number, OTV) and VXLAN-GPE
        if lack(cur, 8):
            return NOT_TCP
        if not data[at] & 0x08 or (to != 4790 and data[at + 7] != 0):
            return NOT_TCP
        cur.tunnels += 1
        cur.domain = u32(data, at + 4) >> 8
        cur.at = at + 8
        if to == 4790 and data[at] & 0x04:
            return _next_protocol(data[at + 3])
        return ETHERNET
    if to == 6081:
        if lack(cur, 8):
            return NOT_TCP
        n = u16(data, at + 2)
        if data[at] >> 6 != 0 or (n != 0x6558 and not _is_ethertype(n)) or lack(cur, 8 + (data[at] & 0x3F) * 4):
            return NOT_TCP
        cur.tunnels += 1
        cur.domain = u32(data, at + 4) >> 8
        cur.at = at + 8 + (data[at] & 0x3F) * 4
        return ETHERNET if n == 0x6558 else ETHERTYPE + n
    if to == 2152 or source == 2152:
        return _gtp(cur, data)
    if to == 3544 or source == 3544 or to == 3545 or source == 3545:
        return _teredo(cur, data)
    if to == 4754 and lack(cur, 4) == 0:  # GRE in UDP, RFC 8086
        if data[at] & 0x4F or data[at + 1]:
            return NOT_TCP
        return _gre(cur, data)
    if to == 6635:  # MPLS in UDP, RFC 7510
        return ETHERTYPE + 0x8847
    if (to == 1701 or source == 1701) and lack(cur, 12) == 0:
        n = u16(data, at)
        if n & 0x8000:
            return NOT_TCP  # control
        if n & 15 == 3:
            cur.tunnels += 1
            return _l2tp3(cur, data, at + 8)
        if n & 15 != 2 or n & 0x34F0:
            return NOT_TCP
        short = 6
        if n & 0x4000:
            short += 2
        if n & 0x0800:
            short += 4
        if n & 0x0200:
            if lack(cur, short + 2):
                return NOT_TCP
            short += 2 + u16(data, at + short)
        cur.tunnels += 1
        cur.at = at + short
        return PPP if lack(cur, 2) == 0 else NOT_TCP
    if to == 4341 and lack(cur, 8) == 0:  # LISP
        if _looks_ip(cur, data, at + 8):
            cur.tunnels += 1
            cur.at = at + 8
            return ANY_IP
        return NOT_TCP
    if (to == 5072 or source == 5072) and lack(
        cur, 12
    ) == 0:  # AYIYA: identity of 2^n octets, signature in words, next header
        n = 8 + (1 << (data[at] >> 4)) + (data[at + 1] >> 4) * 4
        if data[at + 2] & 15 != 1 or lack(cur, n) or (data[at + 3] != 41 and data[at + 3] != 4):
            return NOT_TCP
        if not _looks_ip(cur, data, at + n):
            return NOT_TCP
        cur.tunnels += 1
        cur.at = at + n
        return ANY_IP
    if to == 6080 and lack(cur, 4) == 0:  # GUE
        if data[at] >> 6 == 1:
            if _looks_ip(cur, data, at):
                cur.tunnels += 1
                return ANY_IP
        elif (
            data[at] >> 5 == 0
            and lack(cur, 4 + (data[at] & 0x1F) * 4) == 0
            and (data[at + 1] == 4 or data[at + 1] == 41)
        ):
            n = 4 + (data[at] & 0x1F) * 4
            if _looks_ip(cur, data, at + n):
                cur.tunnels += 1
                cur.at = at + n
                return ANY_IP
        return NOT_TCP
    if to == 37008 and lack(cur, 5) == 0:  # TZSP: tagged fields, then the sniffed frame
        return _tzsp(cur, data)
    if (to == 5247 or source == 5247) and lack(cur, 8) == 0:  # CAPWAP data, when it is not encrypted
        n = (data[at + 1] >> 3) * 4
        if data[at] != 0 or n < 8 or lack(cur, n) or data[at + 3] & 0x80:
            return NOT_TCP
        cur.tunnels += 1
        cur.at = at + n
        return DOT11 if data[at + 3] & 1 else ETHERNET
    # Between a Teredo client and a relay both ports are anything; the address inside says what it is (RFC 4380 2.6: 2001:0::/32).
    if (
        lack(cur, 40) == 0
        and data[at] >> 4 == 6
        and (u32(data, at + 8) == 0x20010000 or u32(data, at + 24) == 0x20010000)
    ):
        return _teredo(cur, data)
    return NOT_TCP


@cython.cfunc
@cython.exceptval(-100)
def _tzsp(cur: Cursor, data: cython.const[cython.uchar][::1]) -> cython.int:
    at: cython.Py_ssize_t = cur.at
    link: cython.int = u16(data, at + 2)
    i: cython.Py_ssize_t = at + 4
    if data[at] != 1 or data[at + 1] > 1 or (link not in (1, 0x12)):
        return NOT_TCP
    while i < cur.end:
        if data[i] == 1:
            cur.tunnels += 1
            cur.at = i + 1
            return ETHERNET if link == 1 else DOT11
        if data[i] == 0:
            i += 1
        elif i + 1 < cur.end:
            i += 2 + data[i + 1]
        else:
            return NOT_TCP
    return NOT_TCP


@cython.cfunc
@cython.exceptval(-100)
def _gtp(cur: Cursor, data: cython.const[cython.uchar][::1]) -> cython.int:
    """GTP-U version 1: a user's packet between base station and core (3GPP TS 29.281)."""
    at: cython.Py_ssize_t = cur.at
    i: cython.Py_ssize_t
    n: cython.int
    if lack(cur, 8):
        return NOT_TCP
    if data[at] & 0xF0 != 0x30 or data[at + 1] != 0xFF:
        return NOT_TCP
    n = u16(data, at + 2)
    if at + 8 + n > cur.limit:
        return NOT_TCP
    cur.limit = at + 8 + n
    cur.end = min(cur.end, cur.limit)
    i = at + 8
    if data[at] & 7:
        if lack(cur, 12):
            return NOT_TCP
        n = data[at + 11] if data[at] & 4 else 0
        i += 4
        while n:  # extension headers, each says its length in words and what comes next
            if i + 4 > cur.end:
                return NOT_TCP
            n = data[i] * 4
            if n == 0 or i + n > cur.end:
                return NOT_TCP
            i += n
            n = data[i - 1]
    if _looks_ip(cur, data, i) == 0 and not _looks_ethernet(cur, data, i):
        return NOT_TCP
    cur.at = i
    cur.tunnels += 1
    return GUESS


@cython.cfunc
@cython.exceptval(-100)
def _teredo(cur: Cursor, data: cython.const[cython.uchar][::1]) -> cython.int:
    """Teredo (RFC 4380): perhaps an authentication, perhaps an origin, then IPv6."""
    at: cython.Py_ssize_t = cur.at
    if lack(cur, 4):
        return NOT_TCP
    if data[at] == 0 and data[at + 1] == 1:
        at += 13 + data[at + 2] + data[at + 3]
        if at + 4 > cur.end:
            return NOT_TCP
    if data[at] == 0 and data[at + 1] == 0:
        at += 8
    if _looks_ip(cur, data, at) != 6:
        return NOT_TCP
    cur.tunnels += 1
    cur.at = at
    return IPV6
