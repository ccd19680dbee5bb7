"""Where documents come from: files, folders of them, and standard input."""

from __future__ import annotations

import codecs
import hashlib
import os
import stat
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

from bundles.reading import jsons, places, yamls
from bundles.reading.faults import (
    MAX_BYTES,
    MAX_FILES,
    NoFileError,
    UnreadableError,
    too_large,
)
from bundles.reading.memory import Budget

SUFFIXES = frozenset([".json", ".yaml", ".yml"])
STANDARD_INPUT = "standard input"
_BOM = b"\xef\xbb\xbf"
# How much of a text is looked at together.
PIECE = 65_536
# Reads again what a document was read from.
Again = Callable[[], bytes]


class Source:
    """A document that was read, and where everything in it stands.

    What it was read from is not kept, where it can be read again.
    """

    def __init__(self, name: str, value: Any, data: bytes, again: Again, *, is_json: bool) -> None:
        self.name = name
        self.value = value
        self._again = again
        self._digest = hashlib.sha256(data).digest()
        self._is_json = is_json

    def places(self, pointers: Iterable[str]) -> list[str]:
        """`bundle.yaml:12` of each JSON Pointer; the file is gone through again, once for all.

        One that leads to nothing has the line of the nearest value above it. Of a file that has
        changed since it was read, no line is told.
        """
        asked = list(pointers)
        data = self._again()
        if hashlib.sha256(data).digest() != self._digest:
            return [self.name] * len(asked)
        walk = jsons.walk if self._is_json else yamls.walk
        lines = places.find_lines(walk(data), asked)
        return [f"{self.name}:{lines[one]}" for one in asked]

    def place(self, pointer: str) -> str:
        """The same of one JSON Pointer."""
        return self.places([pointer])[0]


def find_places(asked: Sequence[tuple[Source, str]]) -> list[str]:
    """`bundle.yaml:12` of each pointer of a source; each file is gone through again, once."""
    by_source: defaultdict[Source, list[str]] = defaultdict(list)
    for source, at in asked:
        by_source[source].append(at)
    found = {
        (source, at): place
        for source, ats in by_source.items()
        for at, place in zip(ats, source.places(ats), strict=True)
    }
    return [found[one] for one in asked]


def parse(
    name: str, data: bytes, *, budget: Budget | None = None, plain_keys: bool = False
) -> Source:
    """The document in the bytes of what is called `name`, whose suffix tells JSON from YAML.

    Without one, what begins with a bracket is JSON. With `plain_keys`, YAML's keys may be written
    like numbers, as those of OpenAPI's responses are.
    """
    budget = budget or Budget()
    return _parse(name, data, lambda: data, budget, plain_keys=plain_keys)


def read_file(path: str, *, budget: Budget | None = None, plain_keys: bool = False) -> Source:
    """The document of one regular file."""
    budget = budget or Budget()
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            said = f"{path} is not a regular file; use - to read from standard input."
            raise NoFileError(said)
        if found.st_size > MAX_BYTES:
            raise too_large(path)
        data = _read_path(path)
        # Half of a file may well be a document, too.
        if _identify(os.stat(path)) != _identify(found):
            raise UnreadableError(f"{path}: it was changed while it was read.")
    except OSError as error:
        raise NoFileError(f"{path} cannot be read: {error.strerror}.") from error
    source = _parse(path, data, partial(_read_again, path), budget, plain_keys=plain_keys)
    budget.left += len(data)
    return source


def read_input(*, budget: Budget | None = None, plain_keys: bool = False) -> Source:
    """The document on standard input."""
    if sys.stdin is None:
        raise NoFileError(f"{STANDARD_INPUT} cannot be read: it is closed.")
    try:
        data = _read(sys.stdin.buffer, STANDARD_INPUT)
    except OSError as error:
        raise NoFileError(f"{STANDARD_INPUT} cannot be read: {error.strerror}.") from error
    return parse(STANDARD_INPUT, data, budget=budget, plain_keys=plain_keys)


def read_folder(
    path: str, *, budget: Budget | None = None, plain_keys: bool = False
) -> list[Source] | None:
    """The documents of a folder and of those below it, sorted by their paths; None for a file.

    What begins with a dot is left out, and links to folders are not followed.
    """
    if not os.path.isdir(path):
        return None
    budget = budget or Budget()
    names = sorted(name for name in _list(path) if Path(name).suffix in SUFFIXES)
    if not names:
        raise NoFileError(f"{path} holds no {', '.join(sorted(SUFFIXES))} file.")
    return [read_file(name, budget=budget, plain_keys=plain_keys) for name in names]


def _list(path: str) -> Iterator[str]:
    """The files below a folder, as many as are looked at."""
    seen, left = 0, [path]
    while left:
        # One folder at a time: left alone, it calls itself for each one that is inside another.
        folder, folders, names = next(os.walk(left.pop(), onerror=_refuse))
        inner = (os.path.join(folder, name) for name in folders if not name.startswith("."))
        left += (one for one in inner if not os.path.islink(one))
        for name in names:
            seen += 1
            if seen > MAX_FILES:
                raise NoFileError(f"{path} holds more than {MAX_FILES:,} files.")
            if not name.startswith("."):
                yield os.path.join(folder, name)


def _refuse(error: OSError) -> None:
    raise NoFileError(f"{error.filename} cannot be read: {error.strerror}.") from error


def _parse(name: str, data: bytes, again: Again, budget: Budget, *, plain_keys: bool) -> Source:
    """The document, for which as much is taken of the budget as the bytes and the value need."""
    if len(data) > MAX_BYTES:
        raise too_large(name)
    if not budget.take(len(data)):
        raise too_large(name)
    text = memoryview(data)[len(_BOM) :].tobytes() if data.startswith(_BOM) else data
    _check_text(name, text)
    is_json = _is_json(name, text)
    if is_json:
        value = jsons.parse(name, text, budget)
    else:
        value = yamls.parse(name, text, budget, plain_keys=plain_keys)
    return Source(name, value, data, again, is_json=is_json)


def _identify(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _read_path(path: str) -> bytes:
    with open(path, "rb") as file:
        return _read(file, path)


def _read_again(path: str) -> bytes:
    """What is there now; nothing where it cannot be read."""
    try:
        return _read_path(path)
    except (OSError, UnreadableError):
        return b""


def _read(file: IO[bytes], name: str) -> bytes:
    """All of it, or a fault as soon as it is more than is read."""
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise too_large(name)
    return data


def _check_text(name: str, data: bytes) -> None:
    """Refuse what is empty, or no UTF-8: piece by piece, for a text may be four times its bytes."""
    if not data or data.isspace():
        raise UnreadableError(f"{name}: it is empty.")
    if data.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(data), PIECE):
        try:
            decoder.decode(data[start : start + PIECE], final=start + PIECE >= len(data))
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, start + error.start) + 1
            said = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
            raise UnreadableError(f"{name}:{line}: {said}.") from error


def _is_json(name: str, data: bytes) -> bool:
    suffix = Path(name).suffix
    if suffix in SUFFIXES:
        return suffix == ".json"
    return data.lstrip()[:1] in (b"{", b"[")
