"""The dispatcher's claim as SQL, by hand: on Django's connection or on one of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection

from dispatch.engine import claims, lines

LANE = 3


def lock(cursor: Any, after: int = 0) -> tuple[int, bool]:
    """The last lane looked at and whether there may be more, with the open ones' locks taken."""
    cursor.execute(claims.LOCK_LANES, {"after": after})
    _, last_lane, more = cursor.fetchone()
    return last_lane, more


def take(
    cursor: Any, rows: int = claims.ROWS_A_CLAIM, crowded: Sequence[int] = ()
) -> list[tuple[Any, ...]]:
    """The rows claimed from the locked lanes."""
    cursor.execute(claims.CLAIM, {"rows": rows, "crowded": list(crowded)})
    return list(cursor.fetchall())


def claim(after: int = 0, rows: int = claims.ROWS_A_CLAIM) -> list[tuple[Any, ...]]:
    """One claim in the test's own transaction."""
    with connection.cursor() as cursor:
        lock(cursor, after)
        return take(cursor, rows)


def by_lane(rows: list[tuple[Any, ...]]) -> Counter[int]:
    """How many rows of each lane."""
    return Counter(row[LANE] for row in rows)


@contextmanager
def connected() -> Iterator[psycopg.Connection]:
    """A connection of its own, as a dispatcher has it."""
    with psycopg.connect(lines.read_conninfo(), autocommit=True) as own:
        yield own


def promote() -> tuple[int, int]:
    """How many rows were promoted to `queued`, and how many changed at all."""
    with connection.cursor() as cursor:
        cursor.execute(claims.PROMOTE)
        queued, changed, *_ = cursor.fetchone()
        return queued, changed
