"""The PostgreSQL that serves a machine whose operator has named none.

Every process that uses the server holds a shared lock on `postgres.users`; the last one to let go
stops it. The kernel drops the lock of a process that is killed, so a server left behind that way
is taken over by the next command and stopped with it. Starting and stopping take turns under an
exclusive lock on `postgres.lock`, so that nobody stops what somebody else is about to use.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from runtime.postgres_place import find_place
from runtime.postgres_server import PostgresServer


class EmbeddedPostgres:
    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self._hold: IO[str] | None = None
        self._server: PostgresServer | None = None

    def start(self) -> str:
        """Hold the server, started if need be, and return its database URL."""
        with self._turn():
            self._server = self._server or PostgresServer(find_place(self.home))
            if not self._hold:
                self._hold = (self.home / "postgres.users").open("a")
                fcntl.flock(self._hold, fcntl.LOCK_SH)
            try:
                self._server.bring_up()
            except BaseException:
                self._let_go()
                raise
            return self._server.url

    def stop(self) -> None:
        """Let go of the server, and stop it when nobody else holds it."""
        with self._turn():
            self._let_go()

    def keep_up(self) -> None:
        """Start the held server again if it has died."""
        if self._server and not self._server.is_running():
            self.start()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with (self.home / "postgres.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _let_go(self) -> None:
        if not self._hold or not self._server:
            return
        with self._hold, suppress(BlockingIOError):
            fcntl.flock(self._hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._server.shut_down()
        self._hold = None
