"""A connection of the dispatcher to the database, made again when it breaks."""

from __future__ import annotations

import psycopg
from django.db import connection as django_connection
from psycopg.pq import TransactionStatus

# What Django adds for psycopg itself; libpq does not know it.
NOT_LIBPQ = {"context", "cursor_factory", "prepare_threshold"}
# A server that is gone without a word is noticed in half a minute; the kernel takes hours.
DEFAULTS = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}


def read_conninfo() -> str:
    """Django's database as a libpq connection string."""
    known = {
        name: value
        for name, value in django_connection.get_connection_params().items()
        if name not in NOT_LIBPQ
    }
    return psycopg.conninfo.make_conninfo(
        **{**DEFAULTS, **known, "application_name": "waybill dispatch"}
    )


class Line:
    """One autocommit connection."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        self.connection: psycopg.AsyncConnection | None = None

    async def open(self) -> psycopg.AsyncConnection:
        """The connection; made anew where the last one broke or was left inside a transaction.

        Raises `psycopg.OperationalError` where the database is out of reach.
        """
        idle = TransactionStatus.IDLE
        if self.connection is None or self.connection.info.transaction_status != idle:
            await self.close()
            self.connection = await psycopg.AsyncConnection.connect(self.conninfo, autocommit=True)
        return self.connection

    async def close(self) -> None:
        """Let go of it."""
        if self.connection is not None:
            await self.connection.close()
            self.connection = None
