"""The report of refused lines, as JSON lines.

A batch is reported just before it is committed. What was reported of a batch that then was not
stored goes when the import goes on: so each refused line is told once.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

import orjson

from config.errors import ConflictError, Fault

# How much of a line is told.
MAX_TEXT = 2_000
# What each line begins with, but for its number.
BEGINNING = b'{"line":,"errors":['


class Refusal(NamedTuple):
    """A line that is refused, and why."""

    line: int
    text: bytes
    faults: Sequence[Fault]

    def written(self) -> bytes:
        """It, as a line of the report."""
        shown = self.text[:MAX_TEXT].decode(errors="replace").rstrip("\r\n")
        errors = [fault.as_dict() for fault in self.faults]
        told = {"line": self.line, "errors": errors, "text": shown}
        return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)


class NoReportError(ConflictError):
    """There is something else in that file."""

    code = "NOT_A_REPORT"

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} holds something else than refused lines: it is left alone.")


# Takes refused lines as they are written.
Report = Callable[[Sequence[bytes]], None]


@contextmanager
def into_file(path: str, source: IO[bytes], after: int) -> Iterator[Report]:
    """A report in a file, which goes on after that line; a new one where that is 0.

    It raises `OSError` where it cannot be written: then the batch is not to be stored either.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            if os.path.sameopenfile(descriptor, source.fileno()):
                raise NoReportError(path)
            kept = _find_end(path, descriptor, after)
            os.ftruncate(descriptor, kept)
            os.lseek(descriptor, kept, os.SEEK_SET)

        def report(refusals: Sequence[bytes]) -> None:
            left = memoryview(b"".join(refusals))
            try:
                while left:
                    left = left[os.write(descriptor, left) :]
            except OSError as error:
                raise OSError(error.errno, error.strerror, path) from error

        yield report
    finally:
        os.close(descriptor)


def _find_end(path: str, descriptor: int, after: int) -> int:
    """The size of the report up to that line; what is not all a report is not overwritten."""
    end, is_kept = 0, True
    with open(descriptor, "rb", closefd=False) as file:
        for told in file:
            line = _read_number(told)
            if line is None:
                raise NoReportError(path)
            # The last one may have been cut off.
            is_kept = is_kept and told.endswith(b"\n") and line <= after
            end += len(told) if is_kept else 0
    return end


def _read_number(told: bytes) -> int | None:
    """The number of a refused line as we write it, 0 of the beginning of one at the end; None of
    anything else."""
    try:
        value = orjson.loads(told)
    except orjson.JSONDecodeError:
        begun = re.sub(rb'^{"line":\d+', b'{"line":', told)
        is_begun = BEGINNING.startswith(begun) or begun.startswith(BEGINNING)
        return 0 if is_begun and not told.endswith(b"\n") else None
    if not isinstance(value, dict) or list(value) != ["line", "errors", "text"]:
        return None
    line, errors, text = value.values()
    is_ours = type(line) is int and isinstance(errors, list) and isinstance(text, str)
    return line if is_ours else None


def into_stream(stream: Any, most: int | None = None) -> Report:
    """A report on a stream, of the first so many."""
    left = float("inf") if most is None else most

    def report(refusals: Sequence[bytes]) -> None:
        nonlocal left
        for refusal in refusals:
            if left > 0:
                stream.write(refusal.decode(), ending="")
                left -= 1
        stream.flush()

    return report
