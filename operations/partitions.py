"""The range partitions of payloads and events: made ahead of the record ids, never a default one.

Making and dropping take turns, and intake goes on during both.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

logger = logging.getLogger(__name__)

# Ten million actions each: a day at 100 a second.
SPAN = 10_000_000
AHEAD = 2
PAYLOADS = "dispatch_actionpayload"
EVENTS = "dispatch_actionevent"
TABLES = (PAYLOADS, EVENTS)
NAME = re.compile(rf"({PAYLOADS}|{EVENTS})_p(\d+)")

# The number of the partition that holds the newest record id, and which partitions there are.
LOOK = """
SELECT (SELECT last_value FROM dispatch_actionrecord_id_seq),
       (SELECT coalesce(array_agg(c.relname::text), '{}') FROM pg_inherits i
        JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent IN ('dispatch_actionpayload'::regclass, 'dispatch_actionevent'::regclass))
"""
# Those of a table, with what a drop that was broken off has left: half or wholly detached.
FIND = """
SELECT c.relname::text, i.inhrelid IS NOT NULL, coalesce(i.inhdetachpending, false)
FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
WHERE c.relkind = 'r' AND c.relname LIKE %s AND c.relnamespace =
  (SELECT relnamespace FROM pg_class WHERE oid = 'dispatch_actionrecord'::regclass)
ORDER BY length(c.relname), c.relname
"""
KEY = "hashtextextended('waybill partitions', 0)"
LOCK = f"SELECT pg_advisory_xact_lock({KEY})"
# Whoever holds this one finds the same partitions until the end of the transaction.
SHARE = f"SELECT pg_advisory_xact_lock_shared({KEY})"


@dataclass(frozen=True)
class Partition:
    """One partition of one table, and what a drop has done to it so far."""

    table: str
    number: int
    is_attached: bool = True
    is_detaching: bool = False

    @property
    def name(self) -> str:
        """Its own table's name."""
        return f"{self.table}_p{self.number:05d}"

    @property
    def start(self) -> int:
        """The first record id that belongs here."""
        return self.number * SPAN

    @property
    def end(self) -> int:
        """The first record id beyond."""
        return (self.number + 1) * SPAN

    @property
    def is_readable(self) -> bool:
        """Whether what it holds is seen in its table."""
        return self.is_attached and not self.is_detaching

    def statements(self) -> list[str]:
        """Makes it beside the parent and attaches it: intake goes on meanwhile.

        Creating it as a partition at once would lock the parent against everybody.
        """
        return [
            f"CREATE TABLE {self.name} "
            f"(LIKE {self.table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
            f"ALTER TABLE {self.name} ADD CONSTRAINT {self.name}_range "
            f"CHECK (record_id >= {self.start} AND record_id < {self.end})",
            f"ALTER TABLE {self.table} ATTACH PARTITION {self.name} "
            f"FOR VALUES FROM ({self.start}) TO ({self.end})",
        ]

    def drop_statements(self) -> list[str]:
        """Takes it away from its parent while others read and write there, then drops it.

        Each is a transaction of its own; what was broken off is gone on with.
        """
        detach = f"ALTER TABLE {self.table} DETACH PARTITION {self.name}"
        detaching = []
        if self.is_attached:
            detaching = [f"{detach} FINALIZE" if self.is_detaching else f"{detach} CONCURRENTLY"]
        return [*detaching, f"DROP TABLE {self.name}"]


def number_of(record_id: int) -> int:
    """Which partition the record belongs to."""
    return record_id // SPAN


def find_missing(newest_id: int, existing: list[str]) -> list[Partition]:
    """The partitions from the newest record's to two ahead that are not there yet."""
    current = number_of(newest_id)
    wanted = [
        Partition(table, number)
        for number in range(current, current + AHEAD + 1)
        for table in TABLES
    ]
    return [partition for partition in wanted if partition.name not in existing]


def make_missing() -> list[str]:
    """Make them; their names."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK)
        cursor.execute(LOOK)
        missing = find_missing(*cursor.fetchone())
        for partition in missing:
            for statement in partition.statements():
                cursor.execute(statement)
    return [partition.name for partition in missing]


def find_all(table: str) -> list[Partition]:
    """The partitions of a table, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(FIND, [f"{table}%"])
        found = [(NAME.fullmatch(name), *state) for name, *state in cursor.fetchall()]
    return [Partition(table, int(name[2]), *state) for name, *state in found if name]


def find_full(table: str) -> list[Partition]:
    """Those that no further action goes into."""
    with connection.cursor() as cursor:
        cursor.execute(LOOK)
        newest, _ = cursor.fetchone()
    return [partition for partition in find_all(table) if partition.end <= newest]


@contextmanager
def undisturbed() -> Iterator[None]:
    """Nobody else makes or drops partitions, or counts on them, meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_lock({KEY})")
        try:
            yield
        finally:
            cursor.execute(f"SELECT pg_advisory_unlock({KEY})")


def drop(partition: Partition) -> bool:
    """Whether it is gone. Where somebody uses it for long, nobody is kept waiting for that."""
    try:
        with undisturbed(), connection.cursor() as cursor:
            for statement in partition.drop_statements():
                cursor.execute(statement)
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        logger.warning("%s is in use: it is dropped another time", partition.name)
        return False
    return True
