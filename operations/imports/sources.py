"""What is imported from: a file, or a copy of what comes by a pipe, known by its content.

An import is recognized when it is repeated, and that takes the whole of it: so standard input
is written to a temporary file first.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from config.errors import ConflictError, RuleError

STDIN = "-"
PIECE = 1 << 20
MAX_NAME = 255
UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class ChangedError(ConflictError):
    """The file is not any more what it was when the import began."""

    code = "FILE_CHANGED"


@dataclass(frozen=True, slots=True)
class Source:
    """A file that can be read from anywhere, its size, and the digest of its content."""

    name: str
    file: IO[bytes]
    size: int
    digest: bytes
    written: int

    def check_unchanged(self) -> None:
        """Raises where somebody has written to it since it was opened."""
        status = os.fstat(self.file.fileno())
        if (status.st_size, status.st_mtime_ns) != (self.size, self.written):
            raise ChangedError(f"{self.name} was changed while it was read.")


@contextmanager
def opened(path: str) -> Iterator[Source]:
    """The file of that path; `-` is standard input. An `OSError` says why it cannot be read."""
    if path == STDIN:
        if sys.stdin is None:
            raise OSError(errno.EBADF, "it is closed", "standard input")
        with _copied(sys.stdin.buffer) as file:
            yield _known("standard input", file)
        return
    with Path(path).open("rb", PIECE) as file:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            yield _known(Path(path).name, file)
            return
        with _copied(file) as copy:
            yield _known(Path(path).name, copy)


@contextmanager
def _copied(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """A copy, which is gone with this process, however that ends."""
    with tempfile.TemporaryFile(buffering=PIECE, prefix="waybill-import-") as file:
        while piece := stream.read(PIECE):
            file.write(piece)
        file.flush()
        yield file


def _known(name: str, file: IO[bytes]) -> Source:
    file.seek(0)
    if file.read(2) in UTF_16:
        raise RuleError(f"{name} is UTF-16: make it UTF-8 first.", code="NOT_UTF_8")
    file.seek(0)
    digest = hashlib.sha256()
    size = 0
    while piece := file.read(PIECE):
        digest.update(piece)
        size += len(piece)
    written = os.fstat(file.fileno()).st_mtime_ns
    shown = name.encode(errors="replace").decode()[:MAX_NAME]
    return Source(shown, file, size, digest.digest(), written)
