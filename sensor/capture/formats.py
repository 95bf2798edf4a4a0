"""What a file is, told by its first octets, and what to say of one that cannot be read here."""

from __future__ import annotations

from sensor.errors import SensorError

HEAD = 512
"""Octets that are enough to tell: a tar archive has its mark at 257."""

_CONVERT = "`editcap -F pcapng IN OUT` makes a capture of it that can be read"


class CaptureError(SensorError):
    """A capture cannot be opened: it is not there, may not be read, or is no capture."""

    @property
    def why(self) -> str:
        """The sentence without the file's name."""
        return str(self).partition(": ")[2]


class NotACapture(CaptureError):
    """What was given holds no packets in a format known here."""


CODINGS = (
    (b"\x1f\x8b\x08", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
)
"""Compressions that are undone on the way, by the octets they start with."""

REFUSED = (
    (
        b"\xa1\xb2\xcd\x34",
        "it is a pcap of the modified (Kuznetzov) kind, whose records carry fields of their own; " + _CONVERT,
    ),
    (
        b"\x34\xcd\xb2\xa1",
        "it is a pcap of the modified (Kuznetzov) kind, whose records carry fields of their own; " + _CONVERT,
    ),
    (b"\xa1\x2b\x3c\x4d", "it is a pcap of the Navtel kind; " + _CONVERT),
    (b"\x4d\x3c\x2b\xa1", "it is a pcap of the Navtel kind; " + _CONVERT),
    (b"\x1c\x00\x01\xac", "it is an IXIA lcap capture; " + _CONVERT),
    (b"\xac\x01\x00\x1c", "it is an IXIA lcap capture; " + _CONVERT),
    (b"\x1c\x00\x01\xab", "it is an IXIA lcap capture; " + _CONVERT),
    (b"\xab\x01\x00\x1c", "it is an IXIA lcap capture; " + _CONVERT),
    (b"snoop\x00\x00\x00", "it is a snoop capture (RFC 1761); " + _CONVERT),
    (b"RTSS", "it is a Microsoft Network Monitor 1 capture; " + _CONVERT),
    (b"GMBU", "it is a Microsoft Network Monitor 2 capture; " + _CONVERT),
    (b"TRSNIFF data", "it is a Sniffer capture; " + _CONVERT),
    (b"XCP\x00", "it is a NetXray capture; " + _CONVERT),
    (b"iptrace ", "it is an AIX iptrace capture; " + _CONVERT),
    (b"ObserverPktBuffe", "it is a Network Instruments Observer capture; " + _CONVERT),
    (b"\x04\x22\x4d\x18", "it is compressed with lz4; unpack it first (`lz4 -dc FILE | api-sensor replay -`)"),
    (b"PK\x03\x04", "it is a zip archive; unpack it and give the captures in it"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive; unpack it and give the captures in it"),
    (b"Rar!\x1a\x07", "it is a rar archive; unpack it and give the captures in it"),
    (b"PAR1", "it is a Parquet file; a capture (pcap or pcapng) is wanted"),
    (b"SQLite format 3\x00", "it is an SQLite database; a capture (pcap or pcapng) is wanted"),
    (b"\x7fELF", "it is a program; a capture (pcap or pcapng) is wanted"),
)
"""What is recognised and refused, with what to do about it."""


def coding_of(head: bytes) -> str:
    """The compression that data with these first octets is in, or ""."""
    return next((name for magic, name in CODINGS if head.startswith(magic)), "")


def why_refused(head: bytes) -> str:
    """Why data with these first octets is no capture for us: the end of a sentence that starts with the file's name."""
    if not head:
        return "it is empty; a capture starts with a header even where it holds no packet"
    for magic, why in REFUSED:
        if head.startswith(magic):
            return why
    if head[257:262] == b"ustar":
        return "it is a tar archive; unpack it and give the captures in it"
    if coding_of(head):
        return f"it is {coding_of(head)} data inside compressed data; unpack it once"
    if _looks_like_text(head):
        return "it is text; a capture (pcap or pcapng, as `tcpdump -w FILE` writes it) is wanted"
    if _looks_like_erf(head):
        return "it looks like an ERF (Endace) capture; " + _CONVERT
    return f"it starts with {head[:4].hex(' ')}, and no capture format known here does (pcap and pcapng are)"


def _looks_like_erf(head: bytes) -> bool:
    """ERF has no magic number: records of 16 octets and more, with a type, a record length and a wire length that make sense together."""
    at = 0
    seen = 0
    while at + 16 <= len(head) and seen < 3:
        kind = head[at + 8] & 0x7F
        length = int.from_bytes(head[at + 10 : at + 12], "big")
        seconds = int.from_bytes(head[at + 4 : at + 8], "little")
        if not 1 <= kind <= 48 or length < 16 or seconds < 631_152_000:  # before 1990 there was no DAG card
            return False
        at += length
        seen += 1
    return seen > 0


def _looks_like_text(head: bytes) -> bool:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or head[:3] == b"\xef\xbb\xbf":
        return True
    odd = sum(octet < 32 and octet not in b"\t\n\r\f\x1b" for octet in head)
    return odd == 0
