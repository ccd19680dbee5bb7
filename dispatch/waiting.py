"""Those who wait to pull, and the one thread of a process that hears of work for them.

They wait without a database connection. A notification wakes one of those who wait for its
destination, and whoever finds more than it can take wakes the next. Nothing depends on a
notification arriving: every second the thread asks which namespaces have work.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from django.db import Error, connection

from dispatch.settlement import PULL
from runtime import slots
from runtime.seats import Seats

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
# How long the thread stays when nobody waits.
LINGER_SECONDS = 60.0
# An organization and a namespace.
Key = tuple[int, str]

# So many pulls wait in a process, half of them of one organization.
seats = Seats(400)

_OF_NAMESPACE = """d.type = 'sdk' AND d.deleted_at IS NULL
  AND md5(d.config ->> 'namespace') = md5({namespace}::text)
  AND d.config ->> 'namespace' = {namespace}::text"""
FIND = f"""
SELECT d.id FROM destinations_destination d
WHERE d.org_id = %(org)s AND {_OF_NAMESPACE.format(namespace="%(namespace)s")}
ORDER BY d.id
"""  # noqa: S608 -- constants only
# Which of these have work, be there room for it or not.
LOOK = f"""
SELECT asked.org_id, asked.namespace
FROM unnest(%(orgs)s::bigint[], %(namespaces)s::text[]) AS asked(org_id, namespace)
WHERE EXISTS (
  SELECT FROM destinations_destination d
  WHERE d.org_id = asked.org_id AND {_OF_NAMESPACE.format(namespace="asked.namespace")}
    AND EXISTS (
      SELECT FROM dispatch_actionrecord r
      WHERE r.destination_id = d.id AND r.status = 'queued' AND NOT r.push
    )
)
"""  # noqa: S608 -- constants only


def find_destinations(key: Key) -> list[int]:
    """The live destinations of a namespace."""
    with connection.cursor() as cursor:
        cursor.execute(FIND, {"org": key[0], "namespace": key[1]})
        return [destination_id for (destination_id,) in cursor.fetchall()]


class Waiter:
    """One who waits."""

    def __init__(self, org_id: int, destinations: set[int]) -> None:
        self._org_id = org_id
        self._bell = threading.Event()
        self._destinations = destinations

    @property
    def is_woken(self) -> bool:
        """Whether it has been told to look."""
        return self._bell.is_set()

    def prepare(self) -> None:
        """What wakes from here on is news: to be called before looking."""
        self._bell.clear()

    def watch(self, destinations: Sequence[int]) -> None:
        """Whose notifications are meant."""
        self._destinations.update(destinations)

    def wake(self) -> None:
        """Have it look."""
        self._bell.set()

    def wait(self, seconds: float) -> bool:
        """Whether it was woken within that time; not where there is no seat for it to wait in.

        It gives its slot and connection away.
        """
        if seconds <= 0:
            return False
        with seats.waiting(self._org_id) as may_wait:
            return may_wait and self._bell.wait(seconds)


class Room:
    """Those who wait for one namespace, and its destinations as far as they have been seen."""

    def __init__(self) -> None:
        self.destinations: set[int] = set()
        # In the order in which they are to be woken.
        self.waiters: dict[Waiter, None] = {}

    def ring(self) -> None:
        """Wake the first who is not awake; it goes to the end."""
        for waiter in self.waiters:
            if not waiter.is_woken:
                del self.waiters[waiter]
                self.waiters[waiter] = None
                waiter.wake()
                return


class Lobby:
    """Everybody in this process who waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rooms: dict[Key, Room] = {}
        self._listener: threading.Thread | None = None
        self._empty_since = 0.0
        self._closing = threading.Event()
        slots.on_stop(self.wake_all)

    @contextmanager
    def enter(self, key: Key) -> Iterator[Waiter]:
        """Someone who waits for this namespace from now on."""
        with self._lock:
            room = self._rooms.setdefault(key, Room())
            waiter = Waiter(key[0], room.destinations)
            room.waiters[waiter] = None
            self._listen()
        try:
            yield waiter
        finally:
            with self._lock:
                del room.waiters[waiter]
                if not room.waiters:
                    del self._rooms[key]
                self._empty_since = time.monotonic()
            if waiter.is_woken:
                # It will not look any more: that was for another one.
                self.ring(key)

    def ring(self, key: Key) -> None:
        """Wake one who waits for the namespace, if there is any."""
        with self._lock:
            if room := self._rooms.get(key):
                room.ring()

    def wake_all(self) -> None:
        """Wake everybody: the process is to end."""
        with self._lock:
            for room in self._rooms.values():
                for waiter in room.waiters:
                    waiter.wake()

    def count(self) -> int:
        """How many wait."""
        with self._lock:
            return sum(len(room.waiters) for room in self._rooms.values())

    def close(self) -> None:
        """End the thread, and its connection."""
        listener = self._listener
        if listener is not None:
            self._closing.set()
            listener.join()
            self._closing.clear()

    def _listen(self) -> None:
        """See that the thread runs, where somebody waits."""
        if self._listener is None:
            self._listener = threading.Thread(target=self._run, name="listener", daemon=True)
            self._listener.start()

    def _run(self) -> None:
        """Hear until it is not needed any more, from whichever connection there is."""
        try:
            while not self._hear_patiently():
                self._closing.wait(TICK_SECONDS)
        finally:
            connection.close()

    def _hear_patiently(self) -> bool:
        """Whether it may end; False where it has to begin anew, as after an outage."""
        try:
            connection.close()
            self._hear()
        except (Error, psycopg.Error) as error:
            logger.warning("Cannot hear of work to be pulled, trying again: %s", error)
        except Exception:
            # Without this thread nobody who waits in this process would be woken any more.
            logger.exception("Hearing of work to be pulled failed, trying again")
        else:
            return True
        return not self._is_needed()

    def _is_needed(self) -> bool:
        with self._lock:
            lingers = time.monotonic() < self._empty_since + LINGER_SECONDS
            needed = not self._closing.is_set() and (bool(self._rooms) or lingers)
            if not needed:
                # Under the lock: who comes now starts another one.
                self._listener = None
            return needed

    def _hear(self) -> None:
        """Ring for what is notified; every second for what may have been missed, too."""
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {PULL}")
        ticks_at = 0.0
        while self._is_needed():
            if time.monotonic() >= ticks_at:
                self._tick()
                ticks_at = time.monotonic() + TICK_SECONDS
            # The connection is busy until the last one has been given.
            for notified in list(
                connection.connection.notifies(timeout=TICK_SECONDS, stop_after=1)
            ):
                self._heed(notified.payload)

    def _tick(self) -> None:
        """What nobody may have said, once a second."""
        self._look()

    def _heed(self, payload: str) -> None:
        """Ring for a destination; for all that have work where none is named."""
        if not payload.isdigit():
            self._look()
            return
        with self._lock:
            for room in self._rooms.values():
                if int(payload) in room.destinations:
                    room.ring()

    def _look(self) -> None:
        with self._lock:
            keys = list(self._rooms)
        if not keys:
            return
        orgs, namespaces = zip(*keys, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(LOOK, {"orgs": list(orgs), "namespaces": list(namespaces)})
            found = cursor.fetchall()
        for org_id, namespace in found:
            self.ring((org_id, namespace))


lobby = Lobby()
