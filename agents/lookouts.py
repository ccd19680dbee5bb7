"""Those who wait for something in the database to change, and the threads that look for them.

Who waits has no connection: for all of them in a process one thread looks, now and then, in one
statement. It runs while somebody waits.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from django.db import Error, connection

from runtime import slots

logger = logging.getLogger(__name__)
Key = TypeVar("Key")

# After a look that took long a thread rests for nine times as long, so that a tenth of its time
# goes to looking, however much there is to be seen; but nobody waits longer than this for that.
RESTS = 9
MOST_REST_SECONDS = 5.0


class Watcher:
    """One who waits, and the state of things that it knows of."""

    def __init__(self, known: Any) -> None:
        self.known = known
        self._bell = threading.Event()

    def tell(self, state: Any) -> None:
        """Wake it where this is news."""
        if state != self.known:
            self.known = state
            self._bell.set()

    def wake(self) -> None:
        """Wake it in any case."""
        self._bell.set()

    def wait(self, seconds: float) -> bool:
        """Whether it was woken within that time."""
        woken = self._bell.wait(max(0.0, seconds))
        self._bell.clear()
        return woken


class Lookout(Generic[Key]):
    """Looks at the keys that are watched, every `tick` seconds; `look` tells the state of each."""

    def __init__(
        self, name: str, look: Callable[[Sequence[Key]], Mapping[Key, Any]], *, tick: float
    ) -> None:
        self._name, self._look, self._tick = name, look, tick
        self._lock = threading.Lock()
        self._watchers: dict[Watcher, Key] = {}
        self._thread: threading.Thread | None = None
        self._nudge = threading.Event()
        slots.on_stop(self.wake_all)

    @contextmanager
    def watch(self, key: Key, known: Any = None) -> Iterator[Watcher]:
        """Someone who is woken when the state of `key` is not `known` any more."""
        watcher = Watcher(known)
        with self._lock:
            self._watchers[watcher] = key
        try:
            self._ensure_thread()
            yield watcher
        finally:
            with self._lock:
                del self._watchers[watcher]

    def _ensure_thread(self) -> None:
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                # Where it cannot be started, the next one tries again.
                thread.start()
                self._thread = thread

    def wake_all(self) -> None:
        """Wake everybody: the process is to end."""
        with self._lock:
            for watcher in self._watchers:
                watcher.wake()

    def count(self) -> int:
        """How many wait."""
        with self._lock:
            return len(self._watchers)

    def close(self) -> None:
        """Wait for the thread's end. Nobody waits any more."""
        thread = self._thread
        if thread is not None:
            self._nudge.set()
            thread.join()

    def _run(self) -> None:
        try:
            while self._is_needed():
                began = time.monotonic()
                self._look_patiently()
                self._nudge.wait(self._find_rest(time.monotonic() - began))
        finally:
            connection.close()

    def _find_rest(self, looked: float) -> float:
        """The seconds until the next look, after one that took so many."""
        return max(self._tick, min(RESTS * looked, MOST_REST_SECONDS))

    def _is_needed(self) -> bool:
        with self._lock:
            if not self._watchers:
                # Under the lock: who comes now starts another one.
                self._thread = None
                self._nudge.clear()
            return bool(self._watchers)

    def _look_patiently(self) -> None:
        with self._lock:
            watched = dict(self._watchers)
        try:
            states = self._look(list(dict.fromkeys(watched.values())))
        except Error as error:
            logger.warning("Cannot look for %s, trying again: %s", self._name, error)
            connection.close()
            return
        except Exception:
            # Without this thread nobody who waits in this process would be woken any more.
            logger.exception("Looking for %s failed, trying again", self._name)
            connection.close()
            return
        for watcher, key in watched.items():
            watcher.tell(states.get(key))
