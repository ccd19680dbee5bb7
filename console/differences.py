"""Where two JSON documents differ, by JSON Pointer.

Arrays are compared by position, once what is equal at their beginning and their end is left out:
so an item that is put in or taken out is one difference, and the time it takes is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice, takewhile
from typing import Any

import orjson

from config.errors import pointer

JSON = Any
Path = tuple[str | int, ...]
MOST = 500
SHOWN_CHARACTERS = 2_000


class Change(StrEnum):
    """What became of a value."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: where in the old document, or, of what was added, in the new one."""

    change: Change
    path: Path
    old: JSON = None
    new: JSON = None

    @property
    def pointer(self) -> str:
        """Where it is; `/` stands for the whole document, whose JSON Pointer is empty."""
        return pointer(self.path) or "/"

    @property
    def old_text(self) -> str:
        """What was there, as JSON to be read."""
        return "" if self.change is Change.ADDED else write(self.old)

    @property
    def new_text(self) -> str:
        """What is there, as JSON to be read."""
        return "" if self.change is Change.REMOVED else write(self.new)


@dataclass(frozen=True, slots=True)
class Differences:
    """The differences in the order of the documents; `is_whole` says whether these are all."""

    items: tuple[Difference, ...]
    is_whole: bool

    def count(self, change: Change) -> int:
        """How many of one kind there are."""
        return sum(one.change is change for one in self.items)

    @property
    def summary(self) -> str:
        """How many of each kind there are, in words."""
        counted = [(self.count(change), change) for change in Change]
        told = ", ".join(f"{number} {change}" for number, change in counted if number)
        return told if self.is_whole else f"{told}, and more"


def compare(old: JSON, new: JSON, *, most: int = MOST) -> Differences:
    """What became of the old document in the new one, at most so much of it."""
    found = tuple(islice(_compare(old, new, ()), most + 1))
    return Differences(found[:most], len(found) <= most)


def write(value: JSON) -> str:
    """The value as a person reads it, cut where it is endless."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _compare(old: JSON, new: JSON, path: Path) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _compare_objects(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _compare_arrays(old, new, path)
    elif not _are_same(old, new):
        yield Difference(Change.CHANGED, path, old, new)


def _compare_objects(
    old: dict[str, JSON], new: dict[str, JSON], path: Path
) -> Iterator[Difference]:
    for name, value in old.items():
        if name in new:
            yield from _compare(value, new[name], (*path, name))
        else:
            yield Difference(Change.REMOVED, (*path, name), old=value)
    for name, value in new.items():
        if name not in old:
            yield Difference(Change.ADDED, (*path, name), new=value)


def _compare_arrays(old: list[JSON], new: list[JSON], path: Path) -> Iterator[Difference]:
    shorter = min(len(old), len(new))
    start = _count_same(zip(old, new, strict=False))
    ends = zip(reversed(old), reversed(new), strict=False)
    end = _count_same(islice(ends, shorter - start))
    old_end, new_end = len(old) - end, len(new) - end
    common = min(old_end, new_end)
    for index in range(start, common):
        yield from _compare(old[index], new[index], (*path, index))
    for index in range(common, old_end):
        yield Difference(Change.REMOVED, (*path, index), old=old[index])
    for index in range(common, new_end):
        yield Difference(Change.ADDED, (*path, index), new=new[index])


def _count_same(pairs: Iterator[tuple[JSON, JSON]]) -> int:
    return sum(1 for _ in takewhile(lambda pair: _are_same(*pair), pairs))


def _are_same(one: JSON, other: JSON) -> bool:
    """Whether two values are written alike, but for the order of keys: 1 is not true."""
    sort = orjson.OPT_SORT_KEYS
    return orjson.dumps(one, option=sort) == orjson.dumps(other, option=sort)
