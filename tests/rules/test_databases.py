"""The cache of compiled patterns: quick when it is right, of no effect when it is not."""

from __future__ import annotations

import os
from pathlib import Path

import hyperscan
import pytest

from rules import databases
from rules.databases import database

PATTERNS = [(b"needle", 0), (b"hay[a-z]{2,9}", hyperscan.HS_FLAG_CASELESS)]


@pytest.fixture(autouse=True)
def everything_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "WORTH_KEEPING", 0.0)


def found(made: object, text: bytes = b"a needle in a HAYstack") -> list[tuple[int, int]]:
    hits: list[tuple[int, int]] = []
    made.scan(text, match_event_handler=lambda identity, _start, to, _flags, _context: hits.append((identity, to)))  # type: ignore[attr-defined]
    return sorted(set(hits))


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with each database that is written, which only compiled ones are."""
    kept: list[int] = []
    keep = databases._keep
    monkeypatch.setattr(databases, "_keep", lambda folder, key, octets: (kept.append(len(octets)), keep(folder, key, octets)))
    return kept


def test_a_database_is_compiled_once_and_finds_the_same_when_read_back(tmp_path: Path, compiled: list[int]) -> None:
    folder = tmp_path / "a" / "b"
    fresh = found(database(PATTERNS, folder))
    assert fresh and found(database(PATTERNS, folder)) == fresh
    assert len(compiled) == 1
    assert (folder.stat().st_mode & 0o777, [path.stat().st_mode & 0o777 for path in folder.iterdir()]) == (0o700, [0o600])


def test_patterns_flags_and_their_order_make_the_key(tmp_path: Path, compiled: list[int]) -> None:
    for patterns in (PATTERNS, PATTERNS[::-1], [(b"needle", 0), (b"hay[a-z]{2,9}", 0)], [(b"needlehay", 0)]):
        database(patterns, tmp_path)
    assert len(compiled) == 4
    assert found(database(PATTERNS[::-1], tmp_path)) != found(database(PATTERNS, tmp_path))


def spoil(path: Path, how: str, other: Path) -> None:
    octets = path.read_bytes()
    if how == "cut":
        path.write_bytes(octets[:-7])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "changed":
        path.write_bytes(octets[:200] + bytes([octets[200] ^ 1]) + octets[201:])
    elif how == "another database":
        path.write_bytes(other.read_bytes())
    elif how == "writable by others":
        path.chmod(0o666)
    elif how == "link":
        real = path.with_suffix(".real")
        path.rename(real)
        path.symlink_to(real)
    elif how == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.parent.chmod(0o777)


@pytest.mark.parametrize("how", ["cut", "empty", "changed", "another database", "writable by others", "link", "folder", "folder writable by others"])
def test_a_file_that_cannot_be_trusted_counts_for_nothing(tmp_path: Path, how: str, compiled: list[int]) -> None:
    folder = tmp_path / "patterns"
    right = found(database(PATTERNS, folder))
    (path,) = folder.iterdir()
    database([(b"something else", 0)], folder)
    (other,) = [one for one in folder.iterdir() if one != path]
    spoil(path, how, other)
    before = len(compiled)
    assert found(database(PATTERNS, folder)) == right
    assert len(compiled) == before + 1, "it was compiled anew"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_or_folder_of_somebody_else_counts_for_nothing(tmp_path: Path, compiled: list[int]) -> None:
    folder = tmp_path / "patterns"
    right = found(database(PATTERNS, folder))
    os.chown(next(folder.iterdir()), 12345, 12345)
    assert found(database(PATTERNS, folder)) == right and len(compiled) == 2
    os.chown(folder, 12345, 12345)
    assert found(database(PATTERNS, folder)) == right and len(compiled) == 3


def test_a_database_of_another_processor_is_compiled_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiled: list[int]) -> None:
    right = found(database(PATTERNS, tmp_path))

    def refuse(*_: object) -> None:
        raise hyperscan.DatabasePlatformError("error code -6")

    monkeypatch.setattr(hyperscan, "loadb", refuse)
    assert found(database(PATTERNS, tmp_path)) == right and len(compiled) == 2


def test_a_folder_that_cannot_be_made_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert found(database(PATTERNS, tmp_path / "file" / "patterns"))
    assert found(database(PATTERNS, Path("/proc/nothing/here")))


def test_the_cache_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "MOST_FILES", 3)
    for n in range(6):
        database([(b"pattern %d" % n, 0)], tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_the_user_chooses_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    database(PATTERNS)
    assert list((tmp_path / "api-sensor" / "patterns").iterdir())
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    database(PATTERNS)
    assert list((tmp_path / "home" / ".cache" / "api-sensor" / "patterns").iterdir())


def test_what_was_worked_out_is_read_back_until_what_it_is_about_changes(tmp_path: Path) -> None:
    made: list[int] = []

    def work() -> bytes:
        made.append(1)
        return b"\x01\x02"

    for about in ([b"ab", b"c"], [b"ab", b"c"], [b"a", b"bc"], [b"ab", b"c"]):
        assert databases.worked_out(about, work, tmp_path) == b"\x01\x02"
    assert len(made) == 2
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"\x03")
    assert databases.worked_out([b"ab", b"c"], work, tmp_path) == b"\x01\x02" and len(made) == 3
