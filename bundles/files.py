"""Files that an export writes: each is there as a whole, or is what it was before."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import signal
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from bundles.documents import FORMAT
from bundles.reading.writing import Format

# By how a file's name ends, what is in it.
FORMATS: dict[str, Format] = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}
# Below what any file system takes.
LONGEST_NAME = 150
# Where in a folder an export has its files.
EXPORTED = ("credentials.*", "actions/*", "destinations/*")
# What an exported file begins with.
STARTS = {".json": b'{\n  "waybill": %d,' % FORMAT, ".yaml": b"waybill: %d\n" % FORMAT}
# Which files an export wrote into a folder, as `sha256sum -c` reads it.
LISTING = ".exported"
NEW, CHANGED, REMOVED, LEFT = "+", "~", "-", "!"


@dataclass(frozen=True, slots=True)
class Compared:
    """What becomes of a file: of how many bytes it is then; no sign where it is the same."""

    path: Path
    size: int
    sign: str = ""


def name_file(name: str) -> str:
    """A file's name for any text: what is no letter is escaped, what is long is cut."""
    escaped = quote(name, safe="@+ ,=").replace(".", "%2E", name.startswith("."))
    if len(escaped) <= LONGEST_NAME:
        return escaped
    return f"{escaped[:LONGEST_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def replace_file(path: Path, pieces: Iterable[str]) -> int:
    """Write a file, and give its size: until all is written, the old one stays."""
    # A link stays one: what it leads to is replaced.
    path = Path(os.path.realpath(path))
    _check_regular(path)
    # A folder's reader passes over names with a dot before them.
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        size, _ = _write(beside, pieces, path)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return size


def replace_files(folder: Path, files: Iterable[tuple[str, Iterable[str]]]) -> Iterator[Compared]:
    """Write files of a folder, one by one: until all are written, the old ones stay.

    Those of a former export that say what is no longer there go at the end, and nobody else's:
    what may be somebody else's is given with the sign that it is left.
    """
    _remove_abandoned(folder)
    beside = folder / f".export.{os.getpid()}"
    sums: dict[str, str] = {}
    try:
        for name, pieces in files:
            _check_regular(folder / name)
            size, sums[name] = _write(beside / name, pieces, folder / name)
            yield Compared(folder / name, size)
        _write(beside / LISTING, (f"{sums[name]}  {name}\n" for name in sums), folder / LISTING)
        former = list(_judge_former(folder, sums))
        with _uninterrupted():
            for name in sums:
                (folder / name).parent.mkdir(exist_ok=True)
                (beside / name).replace(folder / name)
            for one in former:
                if one.sign == REMOVED:
                    one.path.unlink()
            # The last: what is not done by then is in nobody's listing but the former one.
            (beside / LISTING).replace(folder / LISTING)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    yield from (one for one in former if one.sign == LEFT)


def compare_file(path: Path, pieces: Iterable[str]) -> Compared:
    """What `replace_file` would do."""
    _check_regular(path)
    try:
        with path.open("rb") as file:
            size, is_same = _compare(file, pieces)
    except FileNotFoundError:
        size, _ = _compare(io.BytesIO(), pieces)
        return Compared(path, size, NEW)
    return Compared(path, size, "" if is_same else CHANGED)


def compare_files(folder: Path, files: Iterable[tuple[str, Iterable[str]]]) -> Iterator[Compared]:
    """What `replace_files` would do, file by file."""
    written = []
    for name, pieces in files:
        written.append(name)
        yield compare_file(folder / name, pieces)
    yield from _judge_former(folder, written)


def _check_regular(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no regular file", str(path))


def _write(path: Path, pieces: Iterable[str], old: Path) -> tuple[int, str]:
    """Write a file to its last byte, with the permissions that the old one has: size and digest."""
    digest = hashlib.sha256()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        if old.exists():
            path.chmod(stat.S_IMODE(old.stat().st_mode))
        for data in (piece.encode() for piece in pieces):
            file.write(data)
            digest.update(data)
        file.flush()
        os.fsync(file.fileno())
        return file.tell(), digest.hexdigest()


def _compare(file: BinaryIO, pieces: Iterable[str]) -> tuple[int, bool]:
    """How much the pieces are, and whether they are what is in the file."""
    size, is_same = 0, True
    for data in (piece.encode() for piece in pieces):
        size += len(data)
        is_same = is_same and file.read(len(data)) == data
    return size, is_same and not file.read(1)


def _judge_former(folder: Path, written: Iterable[str]) -> Iterator[Compared]:
    """What becomes of the files that look like an export's, of which this one has none.

    Those that a former export has listed go, unless they were changed since.
    """
    known = {folder / name for name in written}
    former = _read_listing(folder / LISTING)
    for pattern in EXPORTED:
        for old in sorted(folder.glob(pattern)):
            if old not in known and _looks_exported(old):
                is_former = former.get(old.relative_to(folder).as_posix()) == _digest(old)
                yield Compared(old, 0, REMOVED if is_former else LEFT)


def _read_listing(path: Path) -> dict[str, str]:
    """The digest of each file that a former export has written; none where nothing is known."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("  ") for line in lines)
    return {name: digest for digest, _, name in pairs}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _looks_exported(path: Path) -> bool:
    """Whether it begins with the format's version, as an exported file does."""
    start = STARTS.get(path.suffix)
    if start is None or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(start)) == start


def _remove_abandoned(folder: Path) -> None:
    """Remove what runs that were killed have left."""
    for left in folder.glob(".export.*"):
        number = left.name.rpartition(".")[2]
        if number.isdecimal() and not _is_running(int(number)):
            shutil.rmtree(left, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        # It is somebody else's.
        return True
    return True


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Lets Ctrl-C come after what is done inside."""
    # Python tells no other thread of it.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    former = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
    if came:
        signal.raise_signal(signal.SIGINT)
