"""Actions from CSV: a row is the payload of one, its cells read as the contract says."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from config import strictjson
from config.errors import BadRequestError, DomainError, Fault
from dispatch import serializers
from dispatch.intake import Submission
from operations.imports.columns import Wishes, lay_out
from operations.imports.lines import MAX_LINE, TOO_LONG, Item, LineReader, Place

NOT_UTF_8 = Fault("NOT_UTF_8", "The line is not UTF-8.", "")
HOLDS_NUL = Fault("MALFORMED_CSV", "A cell holds the NUL character, which cannot be stored.", "")
TOO_DEEP = Fault("MALFORMED_JSON", f"Nesting is deeper than {strictjson.MAX_DEPTH}.", "/input")
# An action has its input inside.
DEEPEST = strictjson.MAX_DEPTH - 1


@dataclass(frozen=True, slots=True)
class Target:
    """What the rows become: actions of one version of a variant, by the contract of that."""

    variant: str
    version: int
    schema: Any


class _TooLongError(Exception):
    """A record goes on for longer than an action may."""


class Table:
    """The rows of a CSV file. What is wrong with its header is raised at once."""

    def __init__(
        self, reader: LineReader, target: Target, *, delimiter: str, wishes: Wishes
    ) -> None:
        csv.field_size_limit(MAX_LINE)
        self._target = target
        self._feed = _Feed(reader)
        self._rows = csv.reader(self._feed, delimiter=delimiter, strict=True)
        header = wishes.header or self._read_header()
        self._columns = lay_out(header, target.schema, wishes)

    def _read_header(self) -> Sequence[str]:
        row = next(self._read_rows(), None)
        if isinstance(row, Fault):
            raise BadRequestError(f"The header: {row.message}", code=row.code)
        return row or ()

    def read_items(self, place: Place) -> Iterator[Item]:
        """An item for each row that is not empty, from a place on, which is after a row."""
        feed = self._feed
        if place.offset > feed.reader.place.offset:
            feed.reader.go_to(place)
        for row in self._read_rows():
            outcome = [row] if isinstance(row, Fault) else self._read(row)
            yield Item(feed.first, b"".join(feed.kept), outcome, feed.reader.place)

    def _read_rows(self) -> Iterator[list[str] | Fault]:
        """The cells of each row that is not empty, or why there are none."""
        while True:
            self._feed.begin()
            try:
                row = next(self._rows)
            except StopIteration:
                return
            except _TooLongError:
                yield TOO_LONG
            except csv.Error as error:
                yield Fault("MALFORMED_CSV", f"Not valid CSV: {error}.", "")
            else:
                if row:
                    yield self._feed.fault or row

    def _read(self, cells: list[str]) -> Submission | list[Fault]:
        columns, target = self._columns, self._target
        if len(cells) != columns.width:
            message = f"The line has {len(cells):,} cells, and the header {columns.width:,}."
            return [Fault("MALFORMED_CSV", message, "")]
        value, tags, faults = columns.read(cells)
        if faults:
            return faults
        body = {"input": value, "tags": tags, "version": target.version}
        try:
            submission = serializers.read_submission(body, {}, target.variant)
        except DomainError as error:
            return list(error.faults)
        if len(submission.body) > MAX_LINE:
            return [Fault("TOO_LARGE", f"The action is larger than {MAX_LINE} bytes.", "/input")]
        if columns.may_nest and strictjson.depth(submission.body) > DEEPEST:
            return [TOO_DEEP]
        return submission


class _Feed:
    """Lines of a file as the csv module takes them; those of the row under way are kept."""

    def __init__(self, reader: LineReader) -> None:
        self.reader = reader
        self.begin()

    def begin(self) -> None:
        """What comes now is a new row."""
        self.kept: list[bytes] = []
        self.first = self.reader.place.line + 1
        self.fault: Fault | None = None
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self.reader)
        self.kept.append(line.text)
        self._size += len(line.text)
        # A quote that nothing ends would have the rest of the file in one cell.
        if not line.is_whole or self._size > MAX_LINE:
            raise _TooLongError
        if b"\0" in line.text:
            self.fault = HOLDS_NUL
        try:
            return line.text.decode()
        except UnicodeDecodeError:
            self.fault = NOT_UTF_8
            return line.text.decode(errors="replace")
