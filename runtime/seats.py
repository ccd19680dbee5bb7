"""Seats: who may wait in this process at once, so that no one organization keeps others from it.

A request that waits for something to happen holds a thread of its process, and no slot. Seats are
counted for each thing that is waited for, and for all of them together. Whoever stores something
before it waits takes its seat first: where there is none, nothing has happened yet, and its caller
can simply call again.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from runtime import slots
from runtime.shares import Share

_lock = threading.Lock()


class Seats(Share[int | None]):
    """`count` seats for one kind of waiting, of which each organization has its share.

    Each that is taken is one of the process's as well.
    """

    def taken_by(self, org_id: int | None) -> int:
        """How many the organization has."""
        with _lock:
            return self._taken[org_id]

    @contextmanager
    def take(self, org_id: int | None) -> Iterator[bool]:
        """Whether there is a seat for the organization; it is given back afterwards.

        There is none where nobody may leave a slot: within a transaction, and when the process is
        to end. In a process without slots that keeps nobody.
        """
        with _lock:
            is_free = slots.may_leave() and all(one.has_room(org_id) for one in (self, _process))
            if is_free:
                self._move_both(org_id, 1)
        try:
            yield is_free
        finally:
            if is_free:
                with _lock:
                    self._move_both(org_id, -1)

    @contextmanager
    def waiting(self, org_id: int | None) -> Iterator[bool]:
        """The same, out of the slot: whether the caller may wait in here."""
        with self.take(org_id) as is_free:
            if is_free:
                with slots.left():
                    yield True
            else:
                yield False

    def _move_both(self, org_id: int | None, by: int) -> None:
        for one in (self, _process):
            one.move(org_id, by)


# Under another server there is no bound of all of them together.
_process = Seats(math.inf)


def limit(count: int) -> None:
    """Let so many wait in this process, whatever for."""
    _process.count = count
