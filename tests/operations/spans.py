"""Partitions so short that a test fills them, and what is left of them afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from operations import partitions
from operations.partitions import Partition


def look():
    """The newest record id, and the names of the attached partitions."""
    with connection.cursor() as cursor:
        cursor.execute(partitions.LOOK)
        return cursor.fetchone()


def set_next_id(number: int) -> None:
    """The next record has this id."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('dispatch_actionrecord_id_seq', %s, false)", [number])


def rows_of(partition: Partition) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {partition.name}")
        return cursor.fetchone()[0]


@contextmanager
def at_record(number: int) -> Iterator[None]:
    """The next record has this id; afterwards ids go on as before, and new partitions are gone."""
    newest, existing = look()
    set_next_id(number)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT setval('dispatch_actionrecord_id_seq', %s)", [newest])
            cursor.execute("SET lock_timeout = 0")
            for table in partitions.TABLES:
                for partition in partitions.find_all(table):
                    if partition.name not in existing:
                        for statement in partition.drop_statements():
                            cursor.execute(statement)


# Where the tiny partitions lie: far from what the migrations have made, and from what other
# tests count up to.
SPAN = 10
FAR = 3_000_000_000


@contextmanager
def tiny_partitions(monkeypatch) -> Iterator[int]:
    """The number of the first of three partitions that hold ten actions each, and are all that
    is found; the next action is the first in it."""
    find_all = partitions.find_all

    def find_far(table):
        return [one for one in find_all(table) if one.number >= FAR // SPAN]

    monkeypatch.setattr(partitions, "SPAN", SPAN)
    monkeypatch.setattr(partitions, "find_all", find_far)
    with at_record(FAR):
        partitions.make_missing()
        yield FAR // SPAN
