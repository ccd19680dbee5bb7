"""What the dispatcher asks of PostgreSQL: statements while it delivers, and while it waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from benchmarks import targets
from benchmarks.stack import Stack

JOBS = 12_000
LANES = 12
IDLE_SECONDS = 20
SETTLE_SECONDS = 3
# Statements are counted by the role that runs them: what this one asks is not.
OBSERVER = """
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
DROP ROLE IF EXISTS observer;
CREATE ROLE observer SUPERUSER;
"""
COUNT = """
SELECT coalesce(sum(calls), 0)::bigint,
       coalesce(sum(calls) FILTER (WHERE query NOT IN ('BEGIN', 'COMMIT')), 0)::bigint
FROM pg_stat_statements WHERE userid <> 'observer'::regrole
"""


@dataclass(frozen=True)
class Count:
    """Statements that were run; `working` leaves out `BEGIN` and `COMMIT`."""

    statements: int
    working: int


@dataclass
class Observer:
    """Counts what everybody but itself asks of PostgreSQL."""

    connection: psycopg.Connection

    def reset(self) -> None:
        """Count from here on."""
        self.connection.execute("SELECT pg_stat_statements_reset()")

    def count(self) -> Count:
        """What has been asked since the last reset."""
        return Count(*self.connection.execute(COUNT).fetchone() or (0, 0))

    def is_finished(self) -> bool:
        """Whether no action is open any more."""
        query = "SELECT NOT EXISTS (SELECT FROM dispatch_actionrecord WHERE completed_at IS NULL)"
        return bool((self.connection.execute(query).fetchone() or [False])[0])


@contextmanager
def observing(stack: Stack) -> Iterator[Observer]:
    """An observer; nobody is counted once it is gone."""
    with stack.connect() as connection:
        connection.execute(OBSERVER)
        connection.execute("SET ROLE observer")
        _track(connection, "all")
        try:
            yield Observer(connection)
        finally:
            _track(connection, "none")


def _track(connection: psycopg.Connection, what: str) -> None:
    connection.execute(f"ALTER SYSTEM SET pg_stat_statements.track = '{what}'")
    connection.execute("SELECT pg_reload_conf()")


def run(stack: Stack) -> dict[str, float]:
    """Statements for 1,000 deliveries, start and end of the process included; and when idle."""
    receiver = targets.start_receiver(stack)
    targets.add_webhook(stack, "counted", receiver.url)
    with observing(stack) as observer:
        # The first time to warm the lanes up; the second time counts.
        for _ in range(2):
            busy, idle = _count(stack, observer)
    return {
        "statements": busy.statements / JOBS * 1000,
        "statements without BEGIN and COMMIT": busy.working / JOBS * 1000,
        "idle statements": idle.statements / IDLE_SECONDS,
    }


def _count(stack: Stack, observer: Observer) -> tuple[Count, Count]:
    targets.submit(stack, ["counted"], LANES, JOBS)
    observer.connection.execute("ANALYZE dispatch_actionrecord")
    observer.reset()
    process = stack.start("manage.py", "dispatch")
    while not observer.is_finished():
        if process.poll() is not None:
            raise RuntimeError(f"The dispatcher ended with {process.returncode}.")
        time.sleep(0.05)
    busy = observer.count()
    time.sleep(SETTLE_SECONDS)
    observer.reset()
    time.sleep(IDLE_SECONDS)
    idle = observer.count()
    stack.stop(process)
    return busy, idle
