"""The database server of an installation: looked into, held up, and struck."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from runtime.embedded_postgres import EmbeddedPostgres
from runtime.processes import end, read_command
from tests.end_to_end.processes import wait_until

CLIENTS = """
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND datname = current_database()
  AND pid <> pg_backend_pid() AND pid <> ALL(%s)
"""


class Database:
    """A server that runs from `start` to `stop`, except when it is struck."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.server = EmbeddedPostgres(home)
        self.url = ""

    def start(self) -> None:
        """Bring it up."""
        self.url = self.server.start()
        # A server that is killed must keep what it has confirmed, whatever this run's settings.
        self.rows("ALTER ROLE waybill SET synchronous_commit = on")

    def stop(self) -> None:
        """Let go of it; with nobody else left it ends."""
        self.server.stop()

    def connect(self) -> psycopg.Connection:
        """A connection that commits each statement."""
        return psycopg.connect(self.url, autocommit=True, connect_timeout=10)

    def rows(self, query: Any, parameters: Any = None) -> list[tuple[Any, ...]]:
        """What a query gives."""
        with self.connect() as connection:
            cursor = connection.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []

    # --- strikes -------------------------------------------------------------------------------

    def terminate_clients(self, *, spared: list[int] | None = None) -> int:
        """End every connection by `pg_terminate_backend`; how many there were."""
        return len(self.rows(f"SELECT pg_terminate_backend(pid) {CLIENTS}", [spared or []]))

    def restart(self, number: signal.Signals, *, away: float) -> None:
        """Stop the server by this signal, leave it down for a while, and start it again."""
        end(self._find_postmaster(), [(number, 30), (signal.SIGKILL, 5)])
        time.sleep(away)
        self.server.keep_up()

    def crash(self) -> None:
        """SIGKILL one backend: the server ends all others and recovers by itself."""
        with self.connect() as victim:
            end(victim.info.backend_pid, [(signal.SIGKILL, 5)])
            with suppress(psycopg.OperationalError):
                victim.execute("SELECT 1")
        wait_until(self._answers, seconds=30)

    @contextmanager
    def exhausted(self) -> Iterator[None]:
        """All connections that there may be are somebody else's."""
        taken = [self.connect()]
        try:
            # What is set free by force is snatched away, until nobody else has any.
            while self._count_others(taken) or self._take_more(taken):
                with suppress(psycopg.OperationalError):
                    pids = [connection.info.backend_pid for connection in taken]
                    taken[0].execute(f"SELECT pg_terminate_backend(pid) {CLIENTS}", [pids])
                self._take_more(taken)
            yield
        finally:
            for connection in taken:
                connection.close()

    @contextmanager
    def held(self, statement: Any, parameters: Any = None) -> Iterator[Hold]:
        """What the statement locks is locked until the end of the block."""
        with self.connect() as connection, connection.transaction():
            connection.execute(statement, parameters)
            yield Hold(self, connection.info.backend_pid)

    def _find_postmaster(self) -> int:
        pid = int((self.home / "postgres/data/postmaster.pid").read_text().split()[0])
        assert Path(read_command(pid)[0]).name == "postgres"
        return pid

    def _answers(self) -> bool:
        try:
            return bool(self.rows("SELECT 1"))
        except psycopg.OperationalError:
            return False

    def _take_more(self, taken: list[psycopg.Connection]) -> bool:
        """Take connections until there are no more; whether there was one."""
        before = len(taken)
        with suppress(psycopg.OperationalError):
            while True:
                taken.append(self.connect())
        return len(taken) > before

    def _count_others(self, taken: list[psycopg.Connection]) -> int:
        pids = [connection.info.backend_pid for connection in taken]
        row = taken[0].execute(f"SELECT count(*) {CLIENTS}", [pids]).fetchone()
        assert row
        return int(row[0])


class Hold:
    """A lock that others run into."""

    def __init__(self, database: Database, pid: int) -> None:
        self.database = database
        self.pid = pid

    def find_blocked(self) -> list[int]:
        """The backends that wait for it."""
        query = "SELECT pid FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
        return [pid for (pid,) in self.database.rows(query, [self.pid])]

    def wait_for_blocked(self) -> None:
        """Return when somebody has run into it."""
        wait_until(self.find_blocked, seconds=15)

    def terminate_blocked(self) -> None:
        """End those who wait: what they were about to do never happens."""
        for pid in self.find_blocked():
            self.database.rows("SELECT pg_terminate_backend(%s, 5000)", [pid])
