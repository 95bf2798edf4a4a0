"""The spool: alerts on disk between the sensor and one receiver, so that none is lost while it is away.

An append-only log of segment files, each record with its length, a checksum, its severity and its number; and a cursor, the number up to which the
receiver has everything. An alert is in the kernel's hands when `append` returns (one `write`), so kill -9 of the sensor loses nothing; `sync` makes
it survive a power cut and is called once per commit window, not once per alert. A torn last record is cut off when the spool is opened again.

Why not SQLite: a queue needs only "append", "read on from here" and "forget up to here". A log does each in one system call, needs no
checkpoint that stalls a writer, and its space comes back by unlinking a file (3 µs an append here, against 12 µs in a WAL with batched commits).

It is bounded: past `limit` octets the least severe alerts go first and, among these, the oldest; `dropped` counts them. A disk that is full or broken
costs nothing while memory lasts: such alerts are kept there (`MEMORY_RECORDS`), in order, and are read like the others. Octets that the disk gives back
otherwise than they were written cost the records that they stand in; the next sound one is found by its checksum.

The folder stays when everything was delivered, so that numbers go on and none is given twice. It says which receiver its alerts are for: where the
destination's options are changed (the certificate that was wrong, say), or two processes sent there and one is gone, the next spool for that receiver
takes over what waits (`take_over`).
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import struct
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from sensor.errors import SensorError, reason

log = logging.getLogger("sensor.sinks")

HEADER = struct.Struct("<IIQB")
"""Payload octets, CRC-32 of what follows it and the payload, number, severity rank."""
_AFTER_CRC = struct.Struct("<QB")
CURSOR = struct.Struct("<QQQI")
"""Number up to which the receiver has everything, alerts given up, number of the newest alert as far as it is in no segment, CRC-32 of these."""
_EARLIER_CURSORS = (struct.Struct("<QQI"), struct.Struct("<QI"))
"""As it was before it told the newest number, and before it told what was given up."""
RECEIVER = "receiver"
"""The file that names whom the alerts are for."""
SEGMENT_BYTES = 4 * 1024 * 1024
"""A segment is the unit in which space comes back."""
MEMORY_RECORDS = 20_000
"""Alerts held in memory while the disk takes none."""
MOST_MISSING = 1_000_000
"""Numbers that may be missing between two records: what looks further away is no record."""
UNSYNCED_SEGMENTS = 8
"""Full segments that may wait to be synced; more of them only where nobody calls `sync`."""
RANKS = 4


class Record(NamedTuple):
    """One alert in the spool."""

    seq: int
    """1 for the first ever in this spool, one more for each: what `meta sequenceId` is made of."""
    rank: int
    """Index into SEVERITIES."""
    payload: bytes


class _Segment:
    __slots__ = ("counts", "last", "path", "size", "start")

    def __init__(self, path: Path, start: int) -> None:
        self.path = path
        self.start = start
        self.last = start - 1
        self.size = 0
        self.counts = [0] * RANKS

    def holds(self, records: list[Record]) -> None:
        """It has these records now and no others."""
        self.size = sum(HEADER.size + len(record.payload) for record in records)
        self.counts = [0] * RANKS
        for record in records:
            self.counts[record.rank] += 1
        if records:
            self.last = records[-1].seq


class SpoolTaken(Exception):
    """Another process has this spool open."""


class Spool:
    """The spool in `folder` (made where it is missing). One process at a time; any number of threads."""

    def __init__(self, folder: Path, limit: int = 1 << 30, receiver: str = "") -> None:
        self.folder = folder
        self.limit = limit
        self.receiver = receiver
        self._segment_bytes = min(SEGMENT_BYTES, max(limit // 16, 4096))
        self.dropped = 0
        """Alerts given up because the spool was full, least severe first; those of earlier runs with them, since the spool was empty last."""
        self.damaged = 0
        """Octets that could not be read back after a crash or a fault of the disk."""
        self.error = ""
        """Why the disk did not take the last alert; empty while it does."""
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock_fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as fault:
            raise SensorError(f"{folder}: cannot hold a spool: {fault.strerror}") from fault
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            os.close(self._lock_fd)
            raise SpoolTaken(str(folder)) from fault
        self._guard = threading.RLock()
        self.acked = 0
        """Everything up to this number has been taken by the receiver."""
        self._segments: list[_Segment] = []
        self._memory: deque[Record] = deque()
        self._write_fd = -1
        self._read_fd = -1
        self._read_segment: _Segment | None = None
        self._read_at = 0
        self._read_seq = -1
        self._dirty = False
        self._unsynced: list[int] = []
        self.last = 0
        """Number of the newest alert."""
        try:
            self._cursor_fd = os.open(folder / "cursor", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._read_cursor()
            self._recover()
            with contextlib.suppress(OSError):  # a full disk: what comes now waits in memory
                # Now, so that a disk that fills up later has its octets already.
                self._write_cursor()
                if receiver and receiver_of(folder) != receiver:
                    (folder / RECEIVER).write_text(receiver)
        except OSError as fault:
            os.close(self._lock_fd)
            raise SensorError(f"{folder}: cannot hold a spool: {fault.strerror}") from fault

    # Opening.

    def _read_cursor(self) -> None:
        raw = os.pread(self._cursor_fd, CURSOR.size, 0)
        form = next((form for form in (CURSOR, *_EARLIER_CURSORS) if len(raw) == form.size), None)
        if form is not None and crc32(raw[:-4]) == form.unpack(raw)[-1]:
            self.acked, self.dropped, self.last, *_ = *form.unpack(raw)[:-1], 0, 0

    def _write_cursor(self) -> None:
        raw = CURSOR.pack(self.acked, self.dropped, self.last, 0)
        os.pwrite(self._cursor_fd, raw[:-4] + crc32(raw[:-4]).to_bytes(4, "little"), 0)

    def _recover(self) -> None:
        for path in self.folder.glob("*.new"):
            path.unlink()  # room was being made when the process was killed; the segment it was to replace is still whole
        for path in sorted(self.folder.glob("*.seg")):
            if not path.stem.isdigit():
                continue
            segment = _Segment(path, int(path.stem))
            data = path.read_bytes()
            sound = _sound(data, segment.start - 1)
            segment.holds(sound)
            if segment.size < len(data):
                self._say_damaged(segment, len(data) - segment.size)
                if sound == [record for record, _ in _records(data)]:
                    os.truncate(path, segment.size)  # a torn end; a full disk allows that
                else:
                    self._replace(segment, sound)
            if segment.last <= self.acked or not sound:
                path.unlink()
            else:
                self._segments.append(segment)
                self.last = max(self.last, segment.last)
        self.last = max(self.last, self.acked)
        # A number that is missing was given up, even where the process was killed before it could say so.
        self.dropped = max(self.dropped, self.last - self.acked - self.waiting)

    def _replace(self, segment: _Segment, records: list[Record]) -> None:
        """Other records for a segment: all of them or none."""
        fresh = segment.path.with_suffix(".new")
        fresh.write_bytes(b"".join(map(_octets, records)))
        fresh.replace(segment.path)
        segment.holds(records)

    def _say_damaged(self, segment: _Segment, octets: int) -> None:
        self.damaged += octets
        log.warning("%s: %d of its octets could not be read back as they were written and are left out", segment.path, octets)

    # Writing.

    def append(self, rank: int, payload: bytes) -> int:
        """Keep one alert; its number. It is in the kernel's hands when this returns."""
        with self._guard:
            return self._append(Record(self.last + 1, rank, payload))

    def _append(self, record: Record) -> int:
        self.last = record.seq
        try:
            if self._memory:
                self._spill()
            self._write(record)
            self.error = ""
        except OSError as fault:
            self.error = f"{self.folder}: {fault.strerror}"
            self._remember(record)
        return record.seq

    def _write(self, record: Record) -> None:
        octets = _octets(record)
        segment = self._segments[-1] if self._segments else None
        if segment is None or self._write_fd < 0 or segment.size + len(octets) > self._segment_bytes:
            segment = self._roll(record.seq)
        done = os.write(self._write_fd, octets)
        if done != len(octets):
            # A short write is a full disk: take the piece back, so that the log ends with a whole record.
            os.ftruncate(self._write_fd, segment.size)
            raise OSError(28, "No space left on device")
        segment.size += len(octets)
        segment.last = record.seq
        segment.counts[record.rank] += 1
        self._dirty = True

    def _roll(self, seq: int) -> _Segment:
        self._close_writer()
        segment = _Segment(self.folder / f"{seq:016d}.seg", seq)
        self._write_fd = os.open(
            segment.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC | os.O_CLOEXEC, 0o600
        )
        self._segments.append(segment)
        if self.octets() > self.limit:
            self._make_room()
        return segment

    def _close_writer(self) -> None:
        if self._write_fd >= 0:
            self._unsynced.append(self._write_fd)
            self._write_fd = -1
            if len(self._unsynced) > UNSYNCED_SEGMENTS:
                self.sync()

    def _remember(self, record: Record) -> None:
        self._memory.append(record)
        if len(self._memory) > MEMORY_RECORDS:
            least = min(one.rank for one in self._memory)
            gone = next(at for at, one in enumerate(self._memory) if one.rank == least)
            del self._memory[gone]
            self.dropped += 1
        with contextlib.suppress(OSError):  # the number is used, though no segment tells it: over old octets, which a full disk takes
            self._write_cursor()

    def _spill(self) -> None:
        """The disk may have room again: what memory held goes first, so that the log stays in order."""
        while self._memory:
            if self._memory[0].seq > self.acked:
                self._write(self._memory[0])
            self._memory.popleft()

    def _make_room(self) -> None:
        """Rewrite the oldest segments without their least severe alerts until a tenth of the limit is free."""
        before = self.dropped
        self._give_up()
        with contextlib.suppress(OSError):  # told again with the next acknowledgement
            self._write_cursor()
        if before == 0 and self.dropped:
            log.warning("%s: the spool is full (%d octets): alerts are given up, the least severe and oldest first", self.folder, self.limit)

    def _give_up(self) -> None:
        goal = self.limit - self.limit // 10
        for rank in range(RANKS):
            for segment in self._segments[:-1]:
                if self.octets() <= goal:
                    return
                if segment.counts[rank] == 0:
                    continue
                waiting = [record for record in _sound(segment.path.read_bytes(), segment.start - 1) if record.seq > self.acked]
                kept = [record for record in waiting if record.rank != rank]
                self._forget_reader(segment)
                if kept:
                    self._replace(segment, kept)
                else:
                    segment.path.unlink()
                    self._segments.remove(segment)
                self.dropped += len(waiting) - len(kept)

    def octets(self) -> int:
        """Octets on disk."""
        return sum(segment.size for segment in self._segments)

    def sync(self) -> None:
        """End of a commit window: what was appended survives a power cut."""
        with self._guard:
            waiting, self._unsynced = self._unsynced, []
            if self._dirty and self._write_fd >= 0:
                self._dirty = False
                waiting.append(os.dup(self._write_fd))
        # Without the guard: a disk takes its time, and who appends must not wait for it (p99 of an append 0.5 to 5.2 ms, now 0.07).
        faults = []
        for fd in waiting:
            try:
                os.fdatasync(fd)
            except OSError as fault:
                faults.append(fault)
            finally:
                os.close(fd)
        if faults:
            raise faults[0]

    # Reading.

    def read(self, after: int, octets: int = 256 * 1024) -> list[Record]:
        """The alerts that follow number `after`, oldest first, some `octets` of them; empty when there is none."""
        with self._guard:
            if after >= self.last:
                return []
            after = max(after, self.acked)
            out: list[Record] = []
            healed: list[_Segment] = []
            if self._read_seq != after or self._read_segment is None:
                self._seek(after)
            while not out and self._read_segment is not None:
                data = (
                    os.pread(self._read_fd, octets, self._read_at) if self._read_at < self._read_segment.size else b""
                )
                used = 0
                for record, end in _records(data):
                    used = end
                    if record.seq > after:
                        out.append(record)
                if used:
                    self._read_at += used
                elif self._read_at < self._read_segment.size:
                    need = self._whole(data)
                    if need > octets:
                        octets = need
                        continue
                    if self._read_segment in healed:
                        self._read_at = self._read_segment.size
                        continue
                    healed.append(self._read_segment)
                    self._heal(self._read_segment)
                    self._seek(after)
                elif not self._next_segment():
                    break
            if not out:
                out = [record for record in self._memory if record.seq > after][:1000]
            if out:
                self._read_seq = out[-1].seq
            return out

    def _heal(self, segment: _Segment) -> None:
        """The disk gave back something else than was written: what can still be read of a segment is kept, the rest counted as given up."""
        if segment is self._segments[-1]:
            self._close_writer()
        before, size = sum(segment.counts), segment.size
        sound = _sound(segment.path.read_bytes(), segment.start - 1)
        self._forget_reader(segment)
        self._replace(segment, sound)
        self._say_damaged(segment, size - segment.size)
        self.dropped += max(0, before - len(sound))

    def _whole(self, data: bytes) -> int:
        return HEADER.size + (int(HEADER.unpack_from(data)[0]) if len(data) >= HEADER.size else 0)

    def _seek(self, after: int) -> None:
        self._forget_reader(self._read_segment)
        for segment in self._segments:
            if segment.last > after:
                self._open_reader(segment)
                return

    def _next_segment(self) -> bool:
        at = self._segments.index(self._read_segment) if self._read_segment in self._segments else -1
        if 0 <= at < len(self._segments) - 1:
            following = self._segments[at + 1]
            self._forget_reader(self._read_segment)
            self._open_reader(following)
            return True
        return False

    def _open_reader(self, segment: _Segment) -> None:
        self._read_fd = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
        self._read_segment = segment
        self._read_at = 0

    def _forget_reader(self, segment: _Segment | None) -> None:
        if segment is not None and segment is self._read_segment:
            os.close(self._read_fd)
            self._read_fd, self._read_segment, self._read_seq = -1, None, -1

    def ack(self, seq: int) -> None:
        """The receiver has everything up to `seq`: forget it."""
        with self._guard:
            if seq <= self.acked:
                return
            self.acked = seq
            self._write_cursor()
            while self._memory and self._memory[0].seq <= seq:
                self._memory.popleft()
            while self._segments and self._segments[0].last <= seq:
                segment = self._segments.pop(0)
                self._forget_reader(segment)
                if not self._segments and self._write_fd >= 0:
                    os.close(self._write_fd)
                    self._write_fd = -1
                segment.path.unlink(missing_ok=True)

    @property
    def waiting(self) -> int:
        """Alerts that the receiver does not have yet (those given up left out)."""
        with self._guard:
            if self.acked >= self.last:
                return 0
            first = self._segments[0] if self._segments else None
            inside = sum(sum(segment.counts) for segment in self._segments) + len(self._memory)
            if first is not None and first.start <= self.acked:
                inside -= sum(record.seq <= self.acked for record, _ in _records(first.path.read_bytes()[: first.size]))
            return inside

    def take_over(self, folder: Path, shown: Callable[[bytes], bytes] | None = None) -> int:
        """Take what waits in another spool for the same receiver, in its order and as `shown` shows it, and remove that one; how many there were. Where
        nothing waits here its numbers stay as they were. Killed in between, some come twice. Raises SpoolTaken where its process is alive, SensorError where it cannot be read."""
        other = Spool(folder, self.limit)
        count = 0
        try:
            with self._guard:
                if self.acked == self.last:
                    self.acked = self.last = max(self.last, other.acked)
                    after, same = other.acked, self.last == other.acked
                else:
                    after, same = other.acked, False
                while records := other.read(after):
                    for record in records:
                        payload = record.payload if shown is None else shown(record.payload)
                        self._append(Record(record.seq if same else self.last + 1, record.rank, payload))
                    count += len(records)
                    after = records[-1].seq
                if self.acked == self.last:
                    self.acked = self.last = max(self.last, other.last)
                self.dropped += other.dropped
                self._write_cursor()
            if not self.error:
                self.sync()
                other.ack(other.last)
        except OSError as fault:
            raise SensorError(f"{folder}: what waits there could not be taken over: {fault.strerror}") from fault
        finally:
            gone = other.acked == other.last
            other.close()
        if gone:
            for path in (*folder.glob("*.seg"), *(folder / name for name in ("cursor", RECEIVER, "lock"))):
                path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # something of another's lies in it
                folder.rmdir()
        return count

    def close(self) -> None:
        """Sync and release the spool; what waits stays for the next one who opens it, except what only memory holds: that is given up."""
        with self._guard:
            if self._memory:
                try:
                    self._spill()
                except OSError as fault:
                    self.error = f"{self.folder}: {reason(fault)}"
                self.dropped += sum(record.seq > self.acked for record in self._memory)
                self._memory.clear()
            self._forget_reader(self._read_segment)
            self._close_writer()
            with contextlib.suppress(OSError):
                self.sync()
            told = self.dropped
            with contextlib.suppress(OSError):
                if not self.waiting:
                    # What was given up is told by this run; the next one begins without it.
                    self.acked, self.dropped = self.last, 0
                self._write_cursor()
                os.fdatasync(self._cursor_fd)
            self.dropped = told
            os.close(self._cursor_fd)
            os.close(self._lock_fd)


def receiver_of(folder: Path) -> str:
    """Whom the alerts in a spool's folder are for; empty where it does not say."""
    try:
        return (folder / RECEIVER).read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _octets(record: Record) -> bytes:
    seq, rank, payload = record
    return HEADER.pack(len(payload), crc32(payload, crc32(_AFTER_CRC.pack(seq, rank))), seq, rank) + payload


def _sound(data: bytes, after: int) -> list[Record]:
    """All sound records of a segment, those behind damaged octets too; `after` is the number before its first."""
    out: list[Record] = []
    at = 0
    while at < len(data):
        some = _records(data[at:])
        out += [record for record, _ in some]
        at = _resume(data, at + (some[-1][1] if some else 0), out[-1].seq if out else after)
    return out


def _resume(data: bytes, at: int, after: int) -> int:
    """Where the next sound record with a number above `after` begins, from `at` on; the end where there is none."""
    view = memoryview(data)
    for start in range(at, len(data) - HEADER.size + 1):
        size, check, seq, rank = HEADER.unpack_from(data, start)
        end = start + HEADER.size + size
        # Most places are ruled out by length and number; only the rest is worth a checksum.
        if end <= len(data) and rank < RANKS and after < seq <= after + MOST_MISSING and crc32(view[start + 8 : end]) == check:
            return start
    return len(data)


def _records(data: bytes | bytearray) -> list[tuple[Record, int]]:
    """The whole and sound records at the start of `data`, each with the index where it ends."""
    out: list[tuple[Record, int]] = []
    at, end = 0, len(data)
    view = memoryview(data)
    while at + HEADER.size <= end:
        size, check, seq, rank = HEADER.unpack_from(data, at)
        after = at + HEADER.size + size
        if after > end or rank >= RANKS or crc32(view[at + 8 : after]) != check:
            break
        out.append((Record(seq, rank, bytes(view[at + HEADER.size : after])), after))
        at = after
    return out
