"""Shares: how much of something that is scarce in this process each who asks for it may have."""

from __future__ import annotations

from collections import Counter
from typing import Generic, TypeVar

Who = TypeVar("Who")


class Share(Generic[Who]):
    """`count` of something, of which somebody gets more while as much is free as they then have.

    So one alone has half of it at the most, the next one half of the rest, and so on, until several
    together have all. Whoever uses it sees to its lock.
    """

    def __init__(self, count: float) -> None:
        self.count = count
        self._taken: Counter[Who] = Counter()

    def has_room(self, who: Who, size: int = 1) -> bool:
        """Whether they get so much more."""
        return self._taken[who] + size <= self.count - self._taken.total()

    def move(self, who: Who, size: int) -> None:
        """Give them so much, or take it back."""
        self._taken[who] += size
        if not self._taken[who]:
            del self._taken[who]
