"""The lines of a file, none longer than an action may be, and how far it is read after each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, NamedTuple

from django.conf import settings

from config.errors import Fault
from dispatch.intake import Submission

# As for the body of a request: a line of JSON is one.
MAX_LINE = settings.MAX_BODY_BYTES
PIECE = 1 << 16
BOM = b"\xef\xbb\xbf"
TOO_LONG = Fault("TOO_LARGE", f"The line is longer than {MAX_LINE} bytes.", "")


class Place(NamedTuple):
    """How far a file is read: so many lines, so many bytes."""

    line: int = 0
    offset: int = 0


class Line(NamedTuple):
    """A line with its end; of one that is too long, the beginning."""

    number: int
    text: bytes
    is_whole: bool


class Item(NamedTuple):
    """What a file says of one action: the action or what is wrong with it.

    `line` is where it begins, `text` how it stands there, `read` how far the file is read after it.
    """

    line: int
    text: bytes
    outcome: Submission | list[Fault]
    read: Place


class LineReader:
    """Gives the lines of a file, up to its `size` when that was taken."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._size = file, size
        self.go_to(Place())

    def go_to(self, place: Place) -> None:
        """Go on there."""
        self.place = place
        self._file.seek(place.offset)

    def __iter__(self) -> Iterator[Line]:
        return self

    def __next__(self) -> Line:
        line, offset = self.place
        most = MAX_LINE + len(b"\r\n")
        text = self._file.readline(min(most, self._size - offset))
        if not text:
            raise StopIteration
        is_whole = len(text.rstrip(b"\r\n")) <= MAX_LINE
        self.place = Place(line + 1, offset + len(text))
        if not is_whole:
            self._pass_the_rest(text)
        return Line(line + 1, text if offset else text.removeprefix(BOM), is_whole)

    def _pass_the_rest(self, piece: bytes) -> None:
        while piece and not piece.endswith(b"\n"):
            line, offset = self.place
            piece = self._file.readline(min(PIECE, self._size - offset))
            self.place = Place(line, offset + len(piece))


@dataclass(frozen=True, slots=True)
class Batch:
    """Some items of a file, which are stored together, and how far it is read after them."""

    items: Sequence[Item]
    read: Place


MOST_ITEMS = 2_000
MOST_BYTES = 2 * MAX_LINE


def in_batches(items: Iterator[Item], reader: LineReader) -> Iterator[Batch]:
    """The items in batches of bounded size; the last one ends where the file does."""
    batch: list[Item] = []
    size = 0
    for item in items:
        batch.append(item)
        size += len(item.text)
        if len(batch) == MOST_ITEMS or size >= MOST_BYTES:
            yield Batch(batch, item.read)
            batch, size = [], 0
    yield Batch(batch, reader.place)
