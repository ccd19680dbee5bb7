"""Streams that say when the list of tools has changed: few, for a while, without a connection.

Each keeps a thread of its process, and so one of the seats of those who wait.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

from agents import catalog
from agents.catalog import Key
from agents.lookouts import Lookout, Watcher
from runtime import slots
from runtime.seats import Seats

LASTS_SECONDS = 300.0
# A comment now and then shows whether there is still somebody.
SILENCE_SECONDS = 5.0

changes: Lookout[Key] = Lookout("changes of tools", catalog.find_states, tick=1.0)
# So many are open in a process, half of them of one organization.
seats = Seats(32)


class TooManyStreamsError(Exception):
    """There is no seat for one more stream."""


class Stream:
    """The body of an answer: `first`, `change` for each change, `last` when its time is over."""

    def __init__(self, key: Key, *, first: bytes, change: bytes, last: bytes) -> None:
        self._first, self._change, self._last = first, change, last
        self._held = ExitStack()
        with ExitStack() as taken:
            if not taken.enter_context(seats.take(key[0])):
                raise TooManyStreamsError
            (self._seen,) = catalog.find_states([key]).values()
            self._watcher: Watcher = taken.enter_context(changes.watch(key, self._seen))
            self._held = taken.pop_all()

    def __iter__(self) -> Iterator[bytes]:
        ends_at = time.monotonic() + LASTS_SECONDS
        yield self._first
        while (left := ends_at - time.monotonic()) > 0 and not slots.is_stopping():
            self._watcher.wait(min(left, SILENCE_SECONDS))
            # Also what changed before, while the client was slow to read.
            known = self._watcher.known
            if known is None:
                # The key is dead: it hears nothing more.
                return
            yield b": still here\n\n" if known == self._seen else self._change
            self._seen = known
        yield self._last

    def close(self) -> None:
        """Give back what it keeps; the server calls this, however it ends."""
        self._held.close()
