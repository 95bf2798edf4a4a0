"""Pattern databases, and what is worked out about patterns: made once on a machine, read back from a cache at the next start.

Compiling the patterns of the built-in rules takes a second, reading them back a few milliseconds. The cache is a convenience and never
trusted: a file counts only if it and its folder belong to this user and nobody else may write to them, if its digest over the key and the octets
is right, and, for a database, if Hyperscan itself accepts it for this version and processor. Anything else, a folder that cannot be written included,
means that everything is made as if there were no cache. Which database is used changes no verdict.
"""

from __future__ import annotations

import hashlib
import os
import platform
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import hyperscan

WORTH_KEEPING = 0.001
"""Seconds of the processor that compiling must take for a database to be kept: small ones are as quick to compile as to read."""
MOST_FILES = 128
"""Files kept; past it the ones unused longest go. A rule set needs about twenty."""
LONGEST_FILE = 256 << 20

_MAGIC = b"api-sensor patterns 1\n"


def cache_directory() -> Path | None:
    """`$XDG_CACHE_HOME/api-sensor/patterns`, by default under `~/.cache`; None where no home is known."""
    base = os.environ.get("XDG_CACHE_HOME")
    if base and Path(base).is_absolute():
        return Path(base) / "api-sensor" / "patterns"
    try:
        return Path.home() / ".cache" / "api-sensor" / "patterns"
    except RuntimeError:
        return None


def database(patterns: Sequence[tuple[bytes, int]], folder: Path | None = None) -> Any:
    """A database of (expression, flags) pairs, numbered in their order: from the cache, or compiled and kept there if that took long.
    Raises hyperscan.error for a pattern that cannot be matched."""
    folder = folder or cache_directory()
    key = _key(patterns)
    kept = _read(folder, key) if folder is not None else None
    if kept is not None:
        with suppress(hyperscan.error):
            found = hyperscan.loadb(kept, hyperscan.HS_MODE_BLOCK)
            found.scratch = hyperscan.Scratch(found)
            return found
    began = time.thread_time()
    made = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    made.compile(
        expressions=[pattern for pattern, _ in patterns],
        ids=list(range(len(patterns))),
        elements=len(patterns),
        flags=[flags for _, flags in patterns],
    )
    if folder is not None and time.thread_time() - began >= WORTH_KEEPING:
        _keep(folder, key, hyperscan.dumpb(made))
    return made


def worked_out(about: Sequence[bytes], work: Callable[[], bytes], folder: Path | None = None) -> bytes:
    """What `work` makes of `about`, which stands for everything that its result depends on, its own code included: from the cache, or made and kept."""
    folder = folder or cache_directory()
    if folder is None:
        return work()
    digest = hashlib.sha256(_MAGIC)
    for part in about:
        digest.update(b"%d\n" % len(part) + part)
    key = digest.digest()
    found = _read(folder, key)
    if found is None:
        found = work()
        _keep(folder, key, found)
    return found


def _key(patterns: Sequence[tuple[bytes, int]]) -> bytes:
    """What makes two databases the same: the patterns, their flags and order, the library and the kind of machine."""
    digest = hashlib.sha256(_MAGIC + f"{getattr(hyperscan, '__version__', '')} {platform.machine()} {platform.system()}\n".encode())
    for pattern, flags in patterns:
        digest.update(b"%d %d\n" % (len(pattern), flags) + pattern)
    return digest.digest()


def _ours(info: os.stat_result) -> bool:
    return info.st_uid == os.geteuid() and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _read(folder: Path, key: bytes) -> bytes | None:
    """What is kept under this key, or None for whatever reason."""
    try:
        if not _ours(folder.stat()):
            return None
        handle = os.open(folder / f"{key.hex()}.kept", os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
    except (OSError, AttributeError):
        return None
    try:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode) or not _ours(info) or info.st_size > LONGEST_FILE:
            return None
        with os.fdopen(os.dup(handle), "rb") as file:
            head = file.read(len(_MAGIC) + 32)
            kept = file.read()
        digest = hashlib.sha256(key)
        digest.update(kept)
        if head != _MAGIC + digest.digest():
            return None
        with suppress(OSError):
            os.utime(handle)
        return kept
    except OSError:
        return None
    finally:
        os.close(handle)


def _keep(folder: Path, key: bytes, octets: bytes) -> None:
    """Write octets, whole or not at all; not being able to is no fault."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _ours(folder.stat()):
            return
        written = folder / f".{os.getpid()}.{time.monotonic_ns()}.part"
        handle = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except (OSError, AttributeError):
        return
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_MAGIC + hashlib.sha256(key + octets).digest() + octets)
        written.replace(folder / f"{key.hex()}.kept")
        _sweep(folder)
    except OSError:
        with suppress(OSError):
            written.unlink()


def _sweep(folder: Path) -> None:
    """Remove the files unused longest, and what an interrupted run left half written."""
    found = []
    now = time.time()
    for entry in folder.iterdir():
        with suppress(OSError):
            used = entry.stat().st_mtime
            if entry.suffix == ".kept":
                found.append((used, entry))
            elif entry.suffix == ".part" and now - used > 3600:
                entry.unlink()
    for _, entry in sorted(found, key=lambda pair: (-pair[0], pair[1].name))[MOST_FILES:]:
        with suppress(OSError):
            entry.unlink()
