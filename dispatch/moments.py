"""Ids that belong to moments: ids grow with time, so that no index on it is needed."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

# Ids are given out a moment before or after the time that a row bears.
DISORDER = timedelta(minutes=10)
# By halves: the row in the middle, or the next one that is kept, tells which half to go on with.
SEARCH = """
WITH RECURSIVE half(low, high) AS (
  SELECT 1::bigint, %(end)s::bigint
  UNION ALL
  SELECT CASE WHEN next.created_at < %(since)s THEN next.id + 1 ELSE low END,
         CASE WHEN next.created_at < %(since)s THEN high ELSE (low + high) / 2 END
  FROM half LEFT JOIN LATERAL (
    SELECT id, created_at FROM dispatch_actionrecord
    WHERE id >= (low + high) / 2 ORDER BY id LIMIT 1
  ) next ON true
  WHERE low < high
)
SELECT low FROM half WHERE low >= high
"""
END = "SELECT last_value + 1 FROM dispatch_actionrecord_id_seq"


def find_end() -> int:
    """The id beyond all that have been given out."""
    with connection.cursor() as cursor:
        cursor.execute(END)
        (end,) = cursor.fetchone()
    return int(end)


def find_first_id(since: datetime, end: int) -> int:
    """The first id from that time on; `end` where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(SEARCH, {"since": since, "end": end})
        (first,) = cursor.fetchone()
    return int(first)


def find_bounds(after: datetime | None, before: datetime | None) -> dict[str, int]:
    """The bounds of the ids between two moments, for what an index gives in their order.

    Ids beyond them are none of those asked for; among those within, some are not either.
    """
    end = find_end() if after or before else 0
    bounds = {}
    if after:
        bounds["id__gte"] = find_first_id(_shifted(after, -DISORDER), end)
    if before:
        bounds["id__lt"] = find_first_id(_shifted(before, DISORDER), end)
    return bounds


def _shifted(moment: datetime, by: timedelta) -> datetime:
    """The moment, moved; one at an end of the calendar stays."""
    try:
        return moment + by
    except OverflowError:
        return moment
