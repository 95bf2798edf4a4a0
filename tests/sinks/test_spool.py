"""The spool: nothing that was appended is lost, whatever becomes of the process, the disk or the limit."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.sinks import spool as spool_module
from sensor.sinks.spool import Record, Spool, SpoolTaken


def everything(spool: Spool, after: int = 0, octets: int = 256 * 1024) -> list[Record]:
    out: list[Record] = []
    while batch := spool.read(after, octets):
        out += batch
        after = batch[-1].seq
    return out


def test_records_come_back_in_order_and_survive_reopening(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s")
    for number in range(1000):
        assert spool.append(number % 4, b"x" * number) == number + 1
    spool.ack(400)
    spool.close()
    spool = Spool(tmp_path / "s")
    assert [(one.seq, one.rank, len(one.payload)) for one in everything(spool)] == [
        (n + 1, n % 4, n) for n in range(400, 1000)
    ]
    assert spool.waiting == 600
    assert spool.append(0, b"next") == 1001


def test_numbers_go_on_after_everything_was_delivered(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s")
    for _ in range(10):
        spool.append(0, b"a")
    spool.ack(10)
    assert list((tmp_path / "s").glob("*.seg")) == []
    spool.close()
    spool = Spool(tmp_path / "s")
    assert spool.append(0, b"b") == 11


@given(st.integers(0, 2**32), st.integers(1, 400))
@settings(max_examples=40, deadline=None)
def test_a_torn_end_costs_only_the_torn_record(tmp_path_factory: pytest.TempPathFactory, seed: int, cut: int) -> None:
    folder = tmp_path_factory.mktemp("torn") / "s"
    rng = random.Random(seed)
    spool = Spool(folder)
    for _ in range(20):
        spool.append(rng.randrange(4), rng.randbytes(rng.randrange(60)))
    want = everything(spool)
    spool.close()
    segment = next(folder.glob("*.seg"))
    size = max(0, segment.stat().st_size - cut)
    os.truncate(segment, size)
    spool = Spool(folder)
    got = everything(spool)
    assert got == want[: len(got)]
    assert sum(len(one.payload) + spool_module.HEADER.size for one in want[: len(got) + 1]) > size
    spool.append(1, b"after")
    assert everything(spool)[-1].payload == b"after"
    spool.close()


@given(st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_octets_in_a_segment_are_survived(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    folder = tmp_path_factory.mktemp("junk") / "s"
    folder.mkdir()
    (folder / "0000000000000001.seg").write_bytes(junk)
    (folder / "cursor").write_bytes(junk[:12])
    spool = Spool(folder)
    number = spool.append(2, b"fine")
    assert everything(spool)[-1] == Record(number, 2, b"fine")
    spool.close()


def test_a_full_spool_gives_up_the_least_severe_and_oldest_first(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", limit=200_000)
    for number in range(10_000):
        spool.append(3 if number % 20 == 0 else number % 3, b"p" * 83)
    assert sum(path.stat().st_size for path in (tmp_path / "s").glob("*.seg")) <= 220_000
    left = everything(spool)
    assert len(left) + spool.dropped == 10_000
    assert spool.waiting == len(left)
    assert [one.seq for one in left] == sorted(one.seq for one in left)
    assert sum(one.rank == 3 for one in left) == 500
    by_rank = {rank: [one.seq for one in left if one.rank == rank] for rank in range(4)}
    # Of the low and medium ones no more is left than came after the last time that room was made.
    assert len(by_rank[0]) < 200 and len(by_rank[1]) < 200
    assert by_rank[2][0] > 5_000


def test_what_was_given_up_is_known_after_a_restart_and_after_kill_9(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", limit=100_000)
    for number in range(3_000):
        spool.append(number % 4, b"p" * 83)
    dropped = spool.dropped
    assert dropped > 500
    spool.sync()
    shutil.copytree(tmp_path / "s", tmp_path / "killed")
    for where in ("told", "untold"):
        # The second was killed after it had made room and before it said so.
        if where == "untold":
            (tmp_path / "killed" / "cursor").write_bytes(b"")
        found = Spool(tmp_path / "killed", limit=100_000)
        assert (found.dropped, found.waiting, found.last) == (dropped, 3_000 - dropped, 3_000)
        found.close()
    spool.ack(everything(spool)[-10].seq)
    spool.close()
    spool = Spool(tmp_path / "s", limit=100_000)
    assert (spool.dropped, spool.waiting) == (dropped, 9)
    # Told until the receiver has everything: then the spool begins anew.
    spool.ack(spool.last)
    spool.close()
    spool = Spool(tmp_path / "s")
    assert spool.dropped == 0
    assert spool.append(0, b"next") == 3_001
    spool.close()


def test_damage_in_the_middle_costs_the_records_it_is_in_and_no_other(tmp_path: Path) -> None:
    for when in ("closed", "open"):
        spool = Spool(tmp_path / when)
        for number in range(100):
            spool.append(0, f"alert {number}".encode() * 10)
        assert len(spool.read(0, 1)) == 1
        if when == "closed":
            spool.close()
        (segment,) = (tmp_path / when).glob("*.seg")
        octets = bytearray(segment.read_bytes())
        octets[len(octets) // 2] ^= 0xFF
        octets[len(octets) // 4] ^= 0xFF
        segment.write_bytes(octets)
        if when == "closed":
            spool = Spool(tmp_path / when)
        got = everything(spool)
        assert (len(got), spool.waiting, spool.dropped) == (98, 98, 2)
        assert all(one.payload == f"alert {one.seq - 1}".encode() * 10 for one in got)
        assert spool.append(0, b"next") == 101
        assert everything(spool)[-1].payload == b"next"
        spool.close()


def test_what_waits_in_another_spool_is_taken_over_in_order_with_its_numbers(tmp_path: Path) -> None:
    old = Spool(tmp_path / "old")
    for number in range(10):
        old.append(number % 4, b"%d" % number)
    old.ack(4)
    with pytest.raises(SpoolTaken):
        Spool(tmp_path / "new").take_over(tmp_path / "old")
    old.close()
    new = Spool(tmp_path / "third")
    assert new.take_over(tmp_path / "old") == 6
    assert not (tmp_path / "old").exists()
    assert [(one.seq, one.payload) for one in everything(new)] == [(number + 1, b"%d" % number) for number in range(4, 10)]
    other = Spool(tmp_path / "fourth")
    other.append(2, b"more")
    other.close()
    assert new.take_over(tmp_path / "fourth") == 1
    assert [(one.seq, one.rank, one.payload) for one in everything(new)][-1] == (11, 2, b"more")
    new.close()
    new = Spool(tmp_path / "third")
    assert (new.waiting, new.dropped, new.append(0, b"")) == (7, 0, 12)


def test_numbers_of_alerts_that_only_memory_held_are_not_given_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path / "s")
    spool.append(0, b"kept")
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda fd, octets: write(fd, octets[:3]))
        assert [spool.append(0, b"lost") for _ in range(3)] == [2, 3, 4]
        spool.close()
    assert spool.dropped == 3
    spool = Spool(tmp_path / "s")
    assert (spool.waiting, spool.dropped, spool.append(0, b"next")) == (1, 3, 5)


def test_the_cursor_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s")
    for _ in range(5):
        spool.append(1, b"p")
    spool.close()
    (tmp_path / "s" / "cursor").write_bytes(struct.pack("<QI", 3, crc32((3).to_bytes(8, "little"))))
    spool = Spool(tmp_path / "s")
    assert (spool.acked, spool.dropped, [one.seq for one in everything(spool)]) == (3, 0, [4, 5])
    spool.close()


def test_a_reader_in_the_middle_goes_on_after_room_was_made(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s", limit=100_000)
    position, got = 0, []
    for number in range(4_000):
        spool.append(number % 4, b"p" * 83)
        if number % 7 == 0:
            for one in spool.read(position, 300):
                got.append(one.seq)
                position = one.seq
    got += [one.seq for one in everything(spool, position)]
    assert got == sorted(set(got))
    assert got[-1] == 4_000


def test_a_record_larger_than_the_read_is_read_whole(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s")
    spool.append(0, b"a" * 5000)
    spool.append(0, b"b")
    assert [len(one.payload) for one in everything(spool, octets=100)] == [5000, 1]


def test_one_process_at_a_time(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s")
    with pytest.raises(SpoolTaken):
        Spool(tmp_path / "s")
    spool.close()
    Spool(tmp_path / "s").close()


def test_a_disk_that_takes_nothing_costs_nothing_while_memory_lasts(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s")
    spool.append(1, b"before")
    # A limit on file size is a full disk to whoever writes: first a short write, then an error.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40, hard))
        for number in range(50):
            spool.append(1, b"during %d" % number)
        assert "File too large" in spool.error or "No space" in spool.error
        assert len(everything(spool)) == 51
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    spool.append(1, b"after")
    assert spool.error == ""
    want = [b"before", *(b"during %d" % number for number in range(50)), b"after"]
    assert [one.payload for one in everything(spool)] == want
    spool.close()
    spool = Spool(tmp_path / "s")
    assert [one.payload for one in everything(spool)] == want
    spool.close()


WRITER = """
import sys
from pathlib import Path
from sensor.sinks.spool import Spool
spool = Spool(Path(sys.argv[1]))
while True:
    number = spool.append(2, b"payload %d" % spool.last)
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def test_kill_9_of_the_writer_loses_nothing_it_was_told_is_kept(tmp_path: Path) -> None:
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "s")], stdout=subprocess.PIPE)
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(500)]
        process.kill()
        told += process.stdout.read().splitlines(keepends=True)
        process.wait()
        process.stdout.close()
        last = int(told[-1] if told[-1].endswith(b"\n") else told[-2])
        spool = Spool(tmp_path / "s")
        assert spool.last >= last
        assert [one.seq for one in everything(spool)] == list(range(1, spool.last + 1))
        spool.close()
