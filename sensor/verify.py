"""`api-sensor verify`: what two independent readers make of the same captures, beside what we make of them.

tshark (through pyshark) reads the HTTP/1 calls, dpkt the TCP segments of every frame. What only one side saw is listed with the packet to look at: for
an analyst who has to defend a finding, and for anybody who suspects one of the three. A difference is no verdict; tshark pairs by order alone, reads
no tunnel that it was not told of, and dpkt knows a handful of link types.

Status 0 when all agree, 3 when something differs.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sensor.errors import SensorError
from sensor.names import name_of
from sensor.stopping import freely

SHOWN = 20
"""Differences listed of one kind; --json lists all."""


class Seen(NamedTuple):
    """One call as both readers can tell it: who asked whom for what, and the answer's status (0: none)."""

    client: str
    client_port: int
    server: str
    server_port: int
    method: str
    target: str
    status: int


@dataclass(slots=True)
class Opinions:
    """Calls and segments that both readers saw, and those that one of them did not; packet numbers say where to look."""

    both: int = 0
    ours: list[tuple[Seen, int]] = field(default_factory=list)
    theirs: list[tuple[Seen, int]] = field(default_factory=list)
    segments: int = 0
    segments_ours: int = 0
    """In frames that dpkt reads to no TCP header: tunnels, and link types it does not know."""
    segments_theirs: list[int] = field(default_factory=list)
    segments_differ: list[int] = field(default_factory=list)
    tshark: bool = True

    @property
    def agree(self) -> bool:
        return not (self.ours or self.theirs or self.segments_theirs or self.segments_differ)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `verify`."""
    parser.add_argument("captures", nargs="+", metavar="CAPTURE", help="capture files, one at a time: tshark reads each by itself")
    parser.add_argument("--json", action="store_true", help="every difference, as JSON")
    parser.add_argument("--unmasked", action="store_true", help="mask nothing in what is listed")
    parser.add_argument("--state", metavar="DIR", help="where this installation keeps its masking key (default: the user's state directory)")


def run(args: argparse.Namespace) -> int:
    """Compare the readers file by file; returns the exit status."""
    from sensor.masking import Masker, installation_key, state_directory

    masker = Masker(None if args.unmasked else installation_key(Path(args.state) if args.state else state_directory()))
    status, told = 0, {}
    for name in args.captures:
        if not Path(name).is_file():
            raise SensorError(f"{name_of(name)}: verify reads capture files, and this is none (no directories, no standard input: tshark has to read it too)")
        opinions = compare(name)
        told[name_of(name)] = opinions
        if not opinions.agree:
            status = 3
        if not args.json:
            _print(name, opinions, masker)
    if args.json:
        _print_json(told, masker)
    return status


def compare(capture: str) -> Opinions:
    """Read one capture file with all three. Raises CaptureError where it is none. Without tshark, `tshark` is False and only segments are compared."""
    opinions = Opinions(tshark=shutil.which("tshark") is not None)
    _segments(capture, opinions)
    if opinions.tshark:
        _calls(capture, opinions)
    return opinions


def _calls(capture: str, opinions: Opinions) -> None:
    ours, theirs = list(calls_by_us(capture)), list(calls_by_tshark(capture))
    both = Counter(seen for seen, _ in ours) & Counter(seen for seen, _ in theirs)
    opinions.both = both.total()
    for side, rest in ((ours, opinions.ours), (theirs, opinions.theirs)):
        left = both.copy()
        for seen, packet in side:
            if left[seen] > 0:
                left[seen] -= 1
            else:
                rest.append((seen, packet))


def calls_by_us(capture: str) -> Iterator[tuple[Seen, int]]:
    """The calls of a capture whose request was seen, with the number of their first packet."""
    from parsers.engine import Engine
    from sensor.capture import open_captures

    engine = Engine()

    def rows(batch: Any) -> Iterator[tuple[Seen, int]]:
        names = ("client_ip", "client_port", "server_ip", "server_port", "method", "path", "query", "status", "packet")
        for client, port, server, server_port, method, path, query, status, packet in zip(*(batch.column(name).to_pylist() for name in names), strict=True):
            if method is not None:
                target = (path or "") + ("" if query is None else f"?{query}")
                yield Seen(client, port, server, server_port, method, target, status or 0), packet

    with open_captures([capture]) as source:
        for block in source:
            for batch in engine.feed(block):
                yield from rows(batch)
    for batch in engine.finish():
        yield from rows(batch)


def calls_by_tshark(capture: str) -> Iterator[tuple[Seen, int]]:
    """The calls of a capture as tshark's HTTP dissector tells them, in the order of their requests."""
    import pyshark
    from pyshark.capture.capture import TSharkCrashException

    # pyshark starts tshark through asyncio and leaves its loop behind: a handler of SIGCHLD that writes to a pipe nobody reads any more.
    handler, loop = signal.getsignal(signal.SIGCHLD), asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    calls: list[list[Any]] = []
    of_packet: dict[str, list[list[Any]]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyshark and asyncio disagree about event loops; nobody here can mend that
        packets = pyshark.FileCapture(str(Path(capture).absolute()), display_filter="http", keep_packets=False, custom_parameters=["-n", "-J", "http ip ipv6 tcp"])
        try:
            for packet in freely(packets):
                tcp = packet.get_multiple_layers("tcp")[-1]
                for http in packet.get_multiple_layers("http"):
                    method, code, asked = (http.get_field(name) for name in ("request_method", "response_code", "request_in"))
                    if method is not None:
                        ends = [str(packet.layers[packet.layers.index(tcp) - 1].get_field(side)) for side in ("src", "dst")]
                        target = "" if method == "CONNECT" else _origin(str(http.get_field("request_uri") or ""))
                        call = [ends[0], int(tcp.srcport), ends[1], int(tcp.dstport), str(method), target, 0, int(packet.number)]
                        calls.append(call)
                        of_packet.setdefault(str(packet.number), []).append(call)
                    elif code is not None and asked is not None and (int(code) == 101 or not 100 <= int(code) < 200):
                        waiting = [call for call in of_packet.get(str(asked), ()) if call[6] == 0]
                        if waiting:
                            waiting[0][6] = int(code)
        except TSharkCrashException:
            pass  # it ends so on a capture that is cut off, too; what it read until then counts
        finally:
            try:
                packets.close()
            except TSharkCrashException:
                # pyshark keeps a tshark that ended with an error on its list, and would end it once more when there is no loop to do it with.
                packets._running_processes.clear()
                packets.close()
            asyncio.get_child_watcher().close()
            asyncio.set_event_loop(None)
            loop.close()
            signal.signal(signal.SIGCHLD, handler)
    for *seen, number in calls:
        yield Seen(*seen), number


def _origin(target: str) -> str:
    """A request target in absolute form as the path and query that stand in it (RFC 9112 3.2.2)."""
    scheme, found, rest = target.partition("://")
    if not found or not scheme.isalpha():
        return target
    slash = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=-1)
    return "/" if slash < 0 else rest[slash:] if rest[slash] == "/" else "/" + rest[slash:]


def _segments(capture: str, opinions: Opinions) -> None:
    """Decode every frame with our decoder and with dpkt."""
    from parsers.limits import Limits
    from parsers.packet import Decoder
    from sensor.capture import open_captures

    decoder = Decoder(Limits())
    with open_captures([capture]) as source:
        for block in source:
            data = memoryview(block.data)
            index = (block.offset.tolist(), block.captured.tolist(), block.length.tolist(), block.link.tolist(), block.ts.tolist(), block.packet.tolist())
            for at, captured, length, link, ts, number in zip(*index, strict=True):
                got = decoder.decode(data, at, captured, length, link, ts)
                us = (decoder.src_port, decoder.dst_port, decoder.seq, decoder.payload_end - decoder.payload) if got else None
                them = segment_by_dpkt(bytes(data[at : at + captured]), link) if got < 2 else us  # dpkt puts no fragments together
                if us is not None and us == them:
                    opinions.segments += 1
                elif us is not None and them is None:
                    opinions.segments_ours += 1
                elif us is None and them is not None:
                    opinions.segments_theirs.append(number)
                elif us != them:
                    opinions.segments_differ.append(number)


def segment_by_dpkt(frame: bytes, link: int) -> tuple[int, int, int, int] | None:
    """(source port, destination port, sequence number, octets of payload) of a frame as dpkt reads it; None where it finds no TCP."""
    import dpkt

    readers = {1: dpkt.ethernet.Ethernet, 113: dpkt.sll.SLL, 276: dpkt.sll2.SLL2, 0: dpkt.loopback.Loopback, 108: dpkt.loopback.Loopback}
    try:
        if link in (101, 228, 229, 12):
            layer: Any = dpkt.ip6.IP6(frame) if frame[:1] and frame[0] >> 4 == 6 else dpkt.ip.IP(frame)
        elif link in readers:
            layer = readers[link](frame)
        else:
            return None
        while not isinstance(layer, dpkt.tcp.TCP):
            if isinstance(layer, dpkt.ip.IP) and (layer.mf or layer.offset):
                return None
            layer = layer.data
            if not isinstance(layer, dpkt.Packet):
                return None
    except (dpkt.UnpackError, IndexError, ValueError, AttributeError):
        return None
    return layer.sport, layer.dport, layer.seq, len(layer.data)


def _print(name: str, opinions: Opinions, masker: Any) -> None:
    from sensor.terminal import sentence, table

    print(sentence(name))
    print(f"  segments: {opinions.segments:,} read the same by dpkt, {opinions.segments_ours:,} that dpkt does not reach, {len(opinions.segments_theirs):,} only dpkt reads, {len(opinions.segments_differ):,} read otherwise")
    for what, numbers in (("only dpkt reads", opinions.segments_theirs), ("read otherwise", opinions.segments_differ)):
        if numbers:
            print(f"    {what}: packets {', '.join(map(str, numbers[:SHOWN]))}{' ...' if len(numbers) > SHOWN else ''}")
    if not opinions.tshark:
        print("  calls: not compared, tshark is not installed", file=sys.stderr)
        return
    print(f"  calls: {opinions.both:,} read the same by tshark, {len(opinions.ours):,} only ours, {len(opinions.theirs):,} only tshark's")
    rows = [
        [who, str(packet), f"{seen.client}:{seen.client_port}", masker.text(f"{seen.method} {seen.target}"), str(seen.status or "none")]
        for who, side in (("ours", opinions.ours), ("tshark", opinions.theirs))
        for seen, packet in side[:SHOWN]
    ]
    if rows:
        table("calls that one reader has", [("reader", "left"), ("packet", "right"), ("client", "left"), ("request", "left"), ("status", "right")], rows, sys.stdout)


def _print_json(told: dict[str, Opinions], masker: Any) -> None:
    import orjson

    def one(seen: Seen, packet: int) -> dict[str, Any]:
        return {**seen._asdict(), "target": masker.text(seen.target), "packet": packet}

    whole = {
        name: {
            "agree": it.agree,
            "tshark": it.tshark,
            "calls": {"both": it.both, "ours": [one(*call) for call in it.ours], "tshark": [one(*call) for call in it.theirs]},
            "segments": {"both": it.segments, "ours": it.segments_ours, "dpkt": it.segments_theirs, "differ": it.segments_differ},
        }
        for name, it in told.items()
    }
    print(orjson.dumps(whole, option=orjson.OPT_INDENT_2).decode())
