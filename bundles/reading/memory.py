"""How much memory what is read may take, and what each value takes of it.

The weights are what CPython 3.11 to 3.13 takes at the most on 64 bits, rounded up as its allocator
does it: with them, a process that reads stays below 300 MB, Django and all.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from bundles.reading.faults import MAX_MEMORY

ARRAY, ITEM = 112, 10
# Without what is in it; a dict has room for five members as soon as it has one.
OBJECT, MEMBER = 136, 60
# A text without its characters; those beyond ASCII take more.
TEXT, WIDE = 64, 24
NUMBER = 32
MOST_SHARED, LONGEST_SHARED = 4_096, 64


def weigh(value: Any) -> int:
    """What the arrays and objects of a value take; its texts may be there already."""
    weight, left = 0, [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            weight += OBJECT + MEMBER * len(one)
            left += one.values()
        elif isinstance(one, list):
            weight += ARRAY + ITEM * len(one)
            left += one
    return weight


@dataclass(slots=True)
class Budget:
    """The memory that may still be taken: by one file, or by all files of a folder together."""

    left: int = MAX_MEMORY

    def take(self, number: int) -> bool:
        """So much less is left; whether it was there."""
        self.left -= number
        return self.left >= 0


class Texts:
    """Texts of which the first short ones are there once, keys above all: they repeat."""

    def __init__(self) -> None:
        self._shared: dict[str, str] = {}

    def keep(self, text: str) -> tuple[str, int]:
        """The text to be used, and what it takes beside what was there."""
        shared = self._shared.get(text)
        if shared is not None:
            return shared, 0
        if len(text) <= LONGEST_SHARED and len(self._shared) < MOST_SHARED:
            self._shared[text] = text
        # Once it was written as JSON, Python keeps that, too.
        written = 0 if text.isascii() else len(text.encode())
        return text, sys.getsizeof(text) + written + 16
