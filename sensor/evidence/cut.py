"""Cutting connections out of a capture: the frames of just those connections, in one pass, whatever the capture is made of.

A connection is known by its ends and, where the same ports were used again, by the moment of its first frame, which its uid is made of
(`parsers.batch.Connection.identify`). IP fragments go with the datagram they belong to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from parsers.batch import Connection
from parsers.frames import FrameBlock
from parsers.limits import Limits
from parsers.pick import Ends, Picked, Picker

SYN, FIN, RST, ACK = 2, 1, 4, 16
WAITING: Final = 4_096
"""IP fragments kept until their datagram is whole."""
_REORDERED: Final = 8
"""Frames of a connection that a mirror may show before its SYN."""


@dataclass(slots=True, eq=False)
class Frame:
    """A frame that was cut out."""

    file: str
    packet: int
    """Its number in that file, the first is 1."""
    ts: int
    link: int
    length: int
    """Octets on the wire."""
    data: bytearray
    picked: Picked
    masked: bool = False
    order: int = 0


@dataclass(frozen=True, slots=True)
class CutLimits:
    """What one cut may grow to."""

    frames: int = 1_000_000
    """Frames of one bundle; Wireshark opens no more with pleasure."""
    octets: int = 268_435_456
    """Octets of them: they are held in memory, since masking needs whole streams."""


@dataclass(slots=True)
class Cut:
    """What was cut out."""

    frames: list[Frame] = field(default_factory=list)
    """In the order of the capture."""
    left_out: int = 0
    """Frames past the limits."""
    octets: int = 0


class _Run:
    """The frames from one beginning of a pair of ends to the next."""

    __slots__ = ("closed", "frames", "last", "syn", "uid")

    def __init__(self, uid: str, syn: int) -> None:
        self.uid = uid
        self.syn = syn
        self.last = 0
        self.closed = False
        self.frames: list[Frame] = []


def cut(
    blocks: Iterable[FrameBlock],
    wanted: dict[Ends, frozenset[str]],
    limits: Limits | None = None,
    bounds: CutLimits | None = None,
    verify_checksums: bool = False,
) -> Cut:
    """The frames of the connections `wanted`: by ends, the uids meant. Where none of these began in the capture, all frames of the ends."""
    limits, bounds = limits or Limits(), bounds or CutLimits()
    ends = list(wanted)
    picker = Picker(ends, limits, verify_checksums)
    runs: dict[tuple[int, int], list[_Run]] = {}
    waiting: dict[tuple[int, ...], list[Frame]] = {}
    done = Cut()
    for block in blocks:
        for picked in picker.pick(block):
            if len(done.frames) >= bounds.frames or done.octets >= bounds.octets:
                done.left_out += 1
                continue
            frame = _frame(block, picked)
            if picked.connection < 0:
                if len(waiting) >= WAITING:
                    waiting.pop(next(iter(waiting)))
                waiting.setdefault(picked.datagram, []).append(frame)
                continue
            of_ends = runs.setdefault((picked.connection, picked.domain), [])
            run = _run(of_ends, ends[picked.connection], picked, frame.ts, limits)
            taken = [*waiting.pop(picked.datagram, ()), frame] if picked.last_fragment else [frame]
            for one in taken:
                one.order = len(done.frames)
                done.frames.append(one)
                done.octets += len(one.data)
                run.frames.append(one)
    kept: set[int] = set()
    for number in range(len(ends)):
        known = [run for (connection, _), some in runs.items() if connection == number for run in some]
        meant = [run for run in known if run.uid in wanted[ends[number]]] or known
        kept.update(id(frame) for run in meant for frame in run.frames)
    done.frames = [frame for frame in done.frames if id(frame) in kept]
    files = {name: at for at, name in enumerate(dict.fromkeys(frame.file for frame in done.frames))}
    # Fragments were taken when their datagram was whole: back to the order of the capture.
    done.frames.sort(key=lambda frame: (frame.ts, files[frame.file], frame.packet) if len(files) > 1 else (0, 0, frame.packet))
    return done


def _frame(block: FrameBlock, picked: Picked) -> Frame:
    k = picked.frame
    start, size = int(block.offset[k]), int(block.captured[k])
    file = block.file if block.source is None else block.files[int(block.source[k])]
    data = bytearray(memoryview(block.data)[start : start + size])
    return Frame(file, int(block.packet[k]), int(block.ts[k]), int(block.link[k]), int(block.length[k]), data, picked)


def _run(runs: list[_Run], ends: Ends, picked: Picked, ts: int, limits: Limits) -> _Run:
    """The run that a frame belongs to, begun where it begins one."""
    run = runs[-1] if runs else None
    opening = picked.flags & (SYN | ACK) == SYN
    begins = (
        run is None
        or ts - run.last > limits.idle
        or (run.closed and ts - run.last > limits.linger)
        or (opening and picked.seq != run.syn and (run.syn >= 0 or len(run.frames) > _REORDERED))
    )
    if run is None or begins:
        connection = Connection()
        connection.a_hi, connection.a_lo, connection.a_port = ends.a_hi, ends.a_lo, ends.a_port
        connection.b_hi, connection.b_lo, connection.b_port = ends.b_hi, ends.b_lo, ends.b_port
        connection.domain, connection.first_ts = picked.domain, ts
        run = _Run(connection.identify()[0], picked.seq if opening else -1)
        runs.append(run)
    elif opening and run.syn < 0:
        run.syn = picked.seq
    run.last = max(run.last, ts)
    run.closed = run.closed or bool(picked.flags & (FIN | RST))
    return run
