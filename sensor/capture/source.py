"""What the caller holds: paths in, one stream of frame blocks in time order out."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType

import numpy as np

from parsers.frames import FrameBlock
from sensor import stopping
from sensor.capture.formats import CaptureError, NotACapture
from sensor.capture.merge import Waiting, merge
from sensor.capture.reading import SECRETS, Capture, CaptureStats, CaptureWarning, Secret
from sensor.errors import reason
from sensor.names import name_of


class CaptureSource:
    """An iterator of `FrameBlock`, and a context manager that closes what is open."""

    def __init__(self, waiting: list[Waiting], stats: CaptureStats, octets: int | None, held: list[Capture], files: dict[tuple[int, int], str]) -> None:
        self.stats = stats
        """What was read so far."""
        self._files = files
        self._secrets: list[Secret] = []
        self._octets = octets
        self._held = held
        self._done = 0
        self._open: list[Capture] = []
        opened = [Waiting(one.first, self._noted(one.open)) for one in waiting]
        self._blocks: Generator[FrameBlock, None, None] = merge(opened, stats, self._closed)

    def spare(self, target: str | os.PathLike[str] | None) -> None:
        """Raise CaptureError where writing to `target` would write over one of these captures."""
        try:
            about = Path(target).stat() if target else None
        except OSError:
            return
        if about is not None and (about.st_dev, about.st_ino) in self._files:
            raise CaptureError(f"{name_of(target or '')}: is one of the captures that are read ({self._files[about.st_dev, about.st_ino]}): it would be written over")

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Decryption secrets of the captures read to their end so far, and of those being read."""
        held = [secret for capture in self._open for secret in capture.secrets]
        return tuple(self._secrets + held)

    def progress(self) -> tuple[int, int | None]:
        """Octets of the files read so far, and in all; None when that cannot be known (a pipe)."""
        return self._done + sum(capture.taken for capture in self._open), self._octets

    def __iter__(self) -> Iterator[FrameBlock]:
        return self

    def __next__(self) -> FrameBlock:
        with stopping.free():
            block = next(self._blocks)
        self.stats.frames += len(block)
        self.stats.octets += int(np.add.reduce(block.captured))
        return block

    def close(self) -> None:
        """Close every file that is open; the stream ends here."""
        self._blocks.close()
        for capture in list(self._open):
            self._closed(capture)
        for capture in self._held:
            capture.close()

    def __enter__(self) -> CaptureSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _noted(self, open_it: Callable[[], Capture]) -> Callable[[], Capture]:
        def noted() -> Capture:
            capture = open_it()
            self._open.append(capture)
            return capture

        return noted

    def _closed(self, capture: Capture) -> None:
        if capture in self._open:
            self._open.remove(capture)
        room = max(0, SECRETS - len(self._secrets))
        self._secrets += capture.secrets[:room]
        if len(capture.secrets) > room:
            self.stats.count("secrets_left_out", len(capture.secrets) - room)
        self._done += capture.taken
        capture.close()


def open_captures(paths: Sequence[str | os.PathLike[str]], *, stdin: int = 0) -> CaptureSource:
    """Open captures as one stream in time order.

    A path is a file, a directory (whose captures are used, at any depth, and whose other files are counted as `files_skipped`) or "-" for
    standard input. Raises NotACapture or CaptureError, with a sentence for every path that cannot be used, before any frame is read.
    """
    with stopping.free():
        return _opened(paths, stdin)


def _opened(paths: Sequence[str | os.PathLike[str]], stdin: int) -> CaptureSource:
    stats = CaptureStats()
    found, faults, stats.warnings[:] = _expand([os.fspath(path) for path in paths])
    if not paths:
        faults.append(CaptureError("no capture is given"))
    waiting: list[Waiting] = []
    held: list[Capture] = []
    octets: int | None = 0
    alone = len(found) == 1
    useful: dict[str, bool] = {}
    files: dict[tuple[int, int], str] = {}
    for name, path, folder in found:
        try:
            capture = Capture(name, path, stdin)
        except CaptureError as fault:
            if folder:
                stats.count("files_skipped")
                useful.setdefault(folder, False)
                if not isinstance(fault, NotACapture):
                    stats.warnings.append(CaptureWarning(name, f"{fault.why}: it is left out", 0, 0))
            else:
                faults.append(fault)
            continue
        useful[folder] = True
        files[capture.inode] = name
        if capture.size is None or octets is None:
            octets = None
        else:
            octets += capture.size
        if alone or capture.size is None:
            held.append(capture)
            waiting.append(Waiting(0 if alone else capture.first_time(), partial(_same, capture)))
            continue
        try:
            waiting.append(Waiting(capture.first_time(), partial(Capture, name, path, stdin)))
        finally:
            capture.close()
    faults += [
        NotACapture(f"{folder}: none of the files in it is a capture (pcap or pcapng)")
        for folder, any_good in useful.items()
        if folder and not any_good
    ]
    if faults:
        for capture in held:
            capture.close()
        if len(faults) == 1:
            raise faults[0]
        kind = NotACapture if all(isinstance(fault, NotACapture) for fault in faults) else CaptureError
        raise kind("\n".join(str(fault) for fault in faults))
    return CaptureSource(waiting, stats, octets, held, files)


def _same(capture: Capture) -> Capture:
    return capture


def identity(paths: Sequence[str | os.PathLike[str]], settings: str = "") -> str:
    """A word that stands for these captures as they are now, read with these settings: the same files by name, size and time of change; empty where one is a
    pipe or is not there."""
    found, faults, _ = _expand([os.fspath(path) for path in paths])
    marks = [settings]
    for _, path, _ in found:
        if path is None or not stat.S_ISREG((about := path.stat()).st_mode):
            return ""
        marks.append(f"{path.resolve()} {about.st_size} {about.st_mtime_ns}")
    return hashlib.sha256("\n".join(marks).encode("utf-8", "surrogateescape")).hexdigest() if found and not faults else ""


def _expand(paths: list[str]) -> tuple[list[tuple[str, Path | None, str]], list[CaptureError], list[CaptureWarning]]:
    """Each file once, as (name, path, directory it was found in or ""), what is wrong with the paths, and what of the directories could not be looked into."""
    found: list[tuple[str, Path | None, str]] = []
    faults: list[CaptureError] = []
    warnings: list[CaptureWarning] = []
    seen: set[tuple[int, int] | str] = set()

    def add(name: str, path: Path | None, folder: str, mark: tuple[int, int] | str) -> None:
        if mark not in seen:
            seen.add(mark)
            found.append((name, path, folder))

    for given in paths:
        if given == "-":
            add(given, None, "", given)
            continue
        if not given:
            faults.append(CaptureError("a capture with an empty name is asked for: is a variable empty?"))
            continue
        path, name = Path(given), name_of(given)
        try:
            about = path.stat()
            if not path.is_dir():
                add(name, path, "", (about.st_dev, about.st_ino))
                continue
            next(path.iterdir(), None)  # raises where it may not be looked into
        except (OSError, ValueError) as error:
            faults.append(CaptureError(f"{name}: cannot be opened: {reason(error) if isinstance(error, OSError) else error}"))
            continue
        before = len(found)
        for file, inode in _inside(path, warnings):
            add(name_of(file), file, name, inode)
        if len(found) == before:
            faults.append(NotACapture(f"{name}: there is no file in this directory"))
    return found, faults, warnings


def _inside(folder: Path, warnings: list[CaptureWarning]) -> list[tuple[Path, tuple[int, int]]]:
    """The files of a directory at any depth, by name, with what they are known by. Links to directories are not followed: they may lead back."""

    def left_out(fault: OSError) -> None:
        warnings.append(CaptureWarning(name_of(fault.filename), f"cannot be opened: {reason(fault)}: what is in it is left out", 0, 0))

    found = []
    for place, _, names in os.walk(folder, onerror=left_out):
        for name in names:
            file = Path(place, name)
            try:
                about = file.stat()
            except OSError:  # a link to nothing, a file that has gone
                continue
            if stat.S_ISREG(about.st_mode):
                found.append((file, (about.st_dev, about.st_ino)))
    return sorted(found)
