"""A connection of the dispatcher to the database, made again when it breaks."""

from __future__ import annotations

import psycopg
from django.db import connection as django_connection
from psycopg.pq import TransactionStatus

# What Django adds for psycopg itself; libpq does not know it.
NOT_LIBPQ = {"context", "cursor_factory", "prepare_threshold"}
# What passes by itself: the server is away, or does not write for now (a failover, maintenance).
OUT_OF_REACH = (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction)
# The dispatcher's few statements read by keys and in the order of the claim indexes, however large
# the tables are. A plan is made once, and statistics from when there was nothing make it no worse:
# a bitmap of what is due is cheap as long as nothing is.
PLANNING = (
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; "
    "SET enable_bitmapscan = off; SET jit = off"
)


def read_conninfo(name: str = "waybill dispatch") -> str:
    """Django's database as a libpq connection string, for connections of that name."""
    known = {
        key: value
        for key, value in django_connection.get_connection_params().items()
        if key not in NOT_LIBPQ
    }
    return psycopg.conninfo.make_conninfo(**{**known, "application_name": name})


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
            await self.connection.execute(PLANNING)
        return self.connection

    async def close(self) -> None:
        """Let go of it."""
        if self.connection is not None:
            await self.connection.close()
            self.connection = None
