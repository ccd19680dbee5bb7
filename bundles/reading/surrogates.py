r"""The events of YAML, with JSON's pairs of surrogates in it, like "\ud83d\ude00".

JSON is YAML, and many write it so; the parser refuses each half. So it is given other digits in
their place, of the same length, that every other part of the file can hold as well; the scalars
that had a pair then get back what was written, each as its quotes mean it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from yaml._yaml import CParser
from yaml.error import Mark, MarkedYAMLError
from yaml.events import ScalarEvent

from bundles.reading.faults import MAX_TEXT

# One of `yaml.events`.
Event = Any
PAIR = re.compile(rb"\\u[dD]([89abAB][0-9a-fA-F]{2})\\u[dD]([c-fC-F][0-9a-fA-F]{2})")
_DISGUISE = rb"\\u0\1\\u0\2"
# The same with the digits that the parser is given, or as it was.
_WRITTEN = re.compile(r"\\u[0dD][89abAB][0-9a-fA-F]{2}\\u[0dD][c-fC-F][0-9a-fA-F]{2}")
_ESCAPES = re.compile(
    rb"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_LENGTH = 12
_PIECE = 65_536
# What goes on with a character that has begun.
_NO_BEGINNINGS = bytes(range(0x80, 0xC0))
# In bytes, of what a text is written in: as many pairs as it may have characters, and quotes.
_LONGEST = _LENGTH * MAX_TEXT + len('""')
_TOO_LONG = f"what is written between two values is longer than {_LONGEST:,} bytes"


def read_events(data: bytes) -> Iterator[Event]:
    """What the parser finds; its errors are raised where it comes to them."""
    places = _Places(data) if PAIR.search(data) else None
    feed = _Feed(data, is_disguised=places is not None)
    for event in _parse(feed):
        feed.follow(event)
        if places is not None and isinstance(event, ScalarEvent):
            start, end = places.find(event)
            if PAIR.search(data, start, end) is not None:
                event.value = _restore(event, data, start, end)
        yield event


def _parse(source: Any) -> Iterator[Event]:
    parser = CParser(source)
    while (event := parser.get_event()) is not None:
        yield event


class _Feed:
    """A file of the bytes, read no farther than one text may be long."""

    def __init__(self, data: bytes, *, is_disguised: bool) -> None:
        self._data = data
        self._is_disguised = is_disguised
        self._at = self._followed = 0
        self._mark: Any = None

    def follow(self, event: Event) -> None:
        """So far the parser has come."""
        self._followed, self._mark = self._at, event.end_mark

    def read(self, size: int) -> bytes:
        """About so many bytes, that end within no pair."""
        if self._at - self._followed > _LONGEST:
            # The parser would take several times its bytes before it could be told.
            raise MarkedYAMLError(problem=_TOO_LONG, problem_mark=self._mark)
        start, end = self._at, self._at + size
        if not self._is_disguised:
            self._at = end
            return self._data[start:end]
        cut = PAIR.search(self._data, max(start, end - _LENGTH + 1), end + _LENGTH - 1)
        if cut is not None and cut.start() < end:
            end = cut.end()
        self._at = end
        return PAIR.sub(_DISGUISE, self._data[start:end])


class _Places:
    """Where the characters of UTF-8 begin, asked in their order."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._byte = self._character = 0

    def find(self, event: Event) -> tuple[int, int]:
        """The bytes between which it is written."""
        return self._seek(event.start_mark.index), self._seek(event.end_mark.index)

    def _seek(self, character: int) -> int:
        while self._character < character:
            end = self._byte + min(character - self._character, _PIECE)
            piece = self._data[self._byte : end]
            self._byte = end
            self._character += len(piece.translate(None, _NO_BEGINNINGS))
        while self._byte < len(self._data) and self._data[self._byte] in _NO_BEGINNINGS:
            self._byte += 1
        return self._byte


def _restore(event: Event, data: bytes, start: int, end: int) -> str:
    """The text that a scalar with pairs in it is."""
    if end - start > _LONGEST:
        raise MarkedYAMLError(problem=_TOO_LONG, problem_mark=event.start_mark)
    written = data[start:end]
    if event.style == '"':
        return _unquote(written, event.start_mark)
    # No escape means anything here. A comment with pairs in it may stand before the text.
    there = len(_WRITTEN.findall(event.value))
    pairs = iter(_WRITTEN.findall(written.decode())[-there:])
    return _WRITTEN.sub(lambda _: next(pairs), event.value)


def _unquote(written: bytes, start: Any) -> str:
    """What stands between double quotes."""
    try:
        events = list(_parse(_ESCAPES.sub(_join, written)))
    except MarkedYAMLError as error:
        at: Any = error.problem_mark
        column = at.column + (0 if at.line else start.column)
        at = Mark(at.name, at.index, start.line + at.line, column, None, at.pointer)
        raise MarkedYAMLError(error.context, None, error.problem, at) from error
    return next(str(one.value) for one in events if isinstance(one, ScalarEvent))


def _join(escape: re.Match[bytes]) -> bytes:
    """The character of a pair; any other escape as it is."""
    if escape[1] is None:
        return escape[0]
    high, low = int(escape[1], 16), int(escape[2], 16)
    return b"\\U%08X" % (0x10000 + ((high - 0xD800) << 10) + low - 0xDC00)
