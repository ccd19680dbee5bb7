"""Decisions out of a few bytes that hypothesis makes: a whole case for the price of one draw."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
DECISIONS = 8_000
# Hypothesis makes each of them once in a run.
SEEDS = st.binary(min_size=8, max_size=8)


class Decisions:
    """What one case decides, byte by byte; the first option is the plainest."""

    def __init__(self, seed: bytes) -> None:
        self._left = iter(hashlib.shake_128(seed).digest(DECISIONS))

    def below(self, count: int) -> int:
        """A number from zero on, below the count."""
        return next(self._left, 0) % count

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]

    def happens(self, one_in: int) -> bool:
        """Whether something comes to pass that does so once in so many times."""
        return self.below(one_in) == one_in - 1

    def some(self, options: Sequence[T], most: int) -> list[T]:
        """A few different ones of the options."""
        found: list[T] = []
        for _ in range(self.below(most + 1)):
            option = self.pick(options)
            if option not in found:
                found.append(option)
        return found
