"""Where a value stands in a file: asked only when a fault must be told, and then in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum, auto
from typing import NamedTuple

from config.errors import pointer


class Kind(Enum):
    """What a step through a document comes to."""

    OBJECT = auto()
    ARRAY = auto()
    END = auto()
    KEY = auto()
    VALUE = auto()


class Step(NamedTuple):
    """The start or the end of an array or an object, a key, or any other value."""

    kind: Kind
    line: int
    key: str = ""


class _Open:
    """An array or an object that has not ended. Without a pointer, nothing inside is wanted."""

    def __init__(self, at: str | None, *, is_array: bool) -> None:
        self.at = at
        self._next = 0 if is_array else None

    def step(self) -> str | None:
        """The part of a pointer that leads to the next item; None in an object."""
        if self._next is None:
            return None
        self._next += 1
        return str(self._next - 1)


def find_lines(steps: Iterable[Step], pointers: Iterable[str]) -> dict[str, int]:
    """The line of each pointer; of the nearest value above it where it leads to nothing."""
    asked = list(pointers)
    wanted = {above for one in asked for above in lines_above(one)}
    found = dict(_walk(steps, wanted))
    return {one: next((found[up] for up in lines_above(one) if up in found), 1) for one in asked}


def lines_above(at: str) -> Iterator[str]:
    """The pointer and all those above it, the nearest first."""
    yield at
    while at:
        at = at.rpartition("/")[0]
        yield at


def _walk(steps: Iterable[Step], wanted: set[str]) -> Iterator[tuple[str, int]]:
    """The lines of what is wanted; a member's is that of its key."""
    stack: list[_Open] = []
    left = len(wanted)
    at: str | None = ""
    for kind, line, key in steps:
        if kind is Kind.END:
            stack.pop()
            continue
        part = key if kind is Kind.KEY else stack[-1].step() if stack else None
        if part is not None:
            at = _find(stack[-1].at, part, wanted)
        if at is not None and (part is not None or not stack):
            yield at, line
            left -= 1
        if not left:
            return
        if kind in (Kind.OBJECT, Kind.ARRAY):
            stack.append(_Open(at, is_array=kind is Kind.ARRAY))


def _find(above: str | None, part: str, wanted: set[str]) -> str | None:
    """The pointer of a part of what is wanted, where it is wanted itself."""
    at = None if above is None else above + pointer([part])
    return at if at in wanted else None
