"""How much may be made of the schemas of a folder together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bundles.folders.references import SkippedError
from bundles.reading import Budget
from config.errors import TooLargeError

# Of contracts that were made of several schemas, all together.
MAX_BYTES = 64 * 1024 * 1024
# What is made and left out again is no longer in memory, and has taken its time all the same.
MAX_WORK = 300_000_000


class Room:
    """What is left for what refers to others, and is made with a copy of them.

    `budget` is what reading the files has left. A `TooLargeError` says that it is too much.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._bytes = MAX_BYTES
        self._work = MAX_WORK

    def take(self, weight: int) -> None:
        """Something of this weight is made."""
        self.take_work(weight)
        if not self.budget.take(weight):
            raise _too_much()

    def take_work(self, weight: int) -> None:
        """The same of what is not kept."""
        self._work -= weight
        if self._work < 0:
            raise _too_much()

    def take_bytes(self, number: int) -> None:
        """A contract of so many bytes is made."""
        self._bytes -= number
        if self._bytes < 0:
            raise _too_much()

    @contextmanager
    def trying(self) -> Iterator[None]:
        """Has the memory again where nothing comes of what is made meanwhile."""
        before = self.budget.left
        try:
            yield
        except SkippedError:
            self.budget.left = before
            raise


def _too_much() -> TooLargeError:
    return TooLargeError(
        "What the schemas refer to is copied into each of them, and all of them together are too "
        f"large then: contracts made so are {MAX_BYTES // 2**20} MiB at the most. Import them in "
        "parts, by --only or --except, or by --variant-match."
    )
