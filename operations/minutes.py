"""What happens in each minute, of an organization and of all: fragments of what counts usage.

Whatever `usage` counts, it counts into a minute as well, in the same statement: once when it comes
and once when it ends, whoever is killed meanwhile. What came or ended longer ago than minutes are
kept, as what is imported may have, is counted into none.
"""

from __future__ import annotations

from django.db import connection

from config import histograms

# Minutes for the last hour; quarters of an hour, so that a day is read from few rows. Of each
# length so many times what is read is kept, however late it is counted.
KEPT = {1: "3 hours", 15: "2 days"}
BATCH = 10_000
ENDS = ("succeeded", "failed", "canceled")
_COUNTS = ("accepted", *ENDS)
# How long something took, as its bucket: from when it could first be started, as far as its row
# still says, to its success. What a sink has taken in took no time, and has none.
_BEGAN = """CASE WHEN r.attempt = 0
  THEN least(greatest(r.available_at, r.created_at), r.completed_at) ELSE r.created_at END"""
_BUCKET = histograms.bucket_in_sql(f"extract(epoch FROM r.completed_at - {_BEGAN})")
BUCKET = (
    f"""CASE WHEN r.status = 'succeeded' AND r.completed_at > r.created_at THEN {_BUCKET} END"""
)
_ADDED = ", ".join(f"{name} = m.{name} + excluded.{name}" for name in _COUNTS)
_ADD = f"""
  INSERT INTO operations_minute AS m (org_id, length, minute, {", ".join(_COUNTS)}, times)
  SELECT org_id, length, minute, {", ".join(_COUNTS)}, times FROM of_minute
  ON CONFLICT (org_id, length, minute) DO UPDATE SET
    {_ADDED}, times = {histograms.merge_in_sql("m")}
"""  # noqa: S608 -- constants only
_LENGTHS = ", ".join(f"({length}, interval '{kept}')" for length, kept in KEPT.items())
# In rows of each length that is kept for so long.
_INTO = f"JOIN (VALUES {_LENGTHS}) AS of(length, kept) ON moment > now() - kept"
_FLOOR = "date_bin(make_interval(mins => length), moment, 'epoch')"
# Of the actions in a span of ids, which are few minutes. All organizations together have the
# minutes without one.
ADD_ACCEPTED = f"""
came AS (
  SELECT r.org_id, date_bin('1 minute', r.created_at, 'epoch') AS moment, count(*) AS n
  FROM dispatch_actionrecord r
  WHERE r.id > %(after)s AND r.id <= %(last)s
  GROUP BY 1, 2
), of_minute AS (
  SELECT org_id, length, {_FLOOR} AS minute, sum(n) AS accepted,
    0 AS succeeded, 0 AS failed, 0 AS canceled, '{{}}'::jsonb AS times
  FROM came {_INTO}
  GROUP BY GROUPING SETS ((1, 2, 3), (2, 3))
), by_minute AS ({_ADD})"""  # noqa: S608 -- constants only
# Of what is over of the records that stand before it.
ADD_ENDED = f"""
went AS (
  SELECT r.org_id, date_bin('1 minute', r.completed_at, 'epoch') AS moment, r.status,
    {BUCKET} AS bucket, count(*) AS n
  FROM record r WHERE r.completed_at IS NOT NULL
  GROUP BY 1, 2, 3, 4
), ended AS (
  SELECT org_id, length, {_FLOOR} AS minute, status, bucket, sum(n) AS n
  FROM went {_INTO}
  GROUP BY GROUPING SETS ((1, 2, 3, 4, 5), (2, 3, 4, 5))
), of_minute AS (
  SELECT org_id, length, minute, 0 AS accepted,
    {", ".join(f"coalesce(sum(n) FILTER (WHERE status = '{one}'), 0) AS {one}" for one in ENDS)},
    coalesce(jsonb_object_agg(bucket, n) FILTER (WHERE bucket IS NOT NULL), '{{}}') AS times
  FROM ended GROUP BY org_id, length, minute
), by_minute AS ({_ADD})"""  # noqa: S608 -- constants only
# What they are read of.
COLUMNS = "id, org_id, definition_id, status, attempt, created_at, available_at, completed_at"
# By an index of their ages that is of no use to whoever reads minutes: of two, the planner might
# think of the wrong one.
_AGE = "minute AT TIME ZONE 'UTC'"
_OLD = " UNION ALL ".join(
    f"""(
  SELECT id FROM operations_minute
  WHERE length = {length} AND {_AGE} < (now() - interval '{kept}') AT TIME ZONE 'UTC'
  ORDER BY {_AGE} LIMIT {BATCH})"""  # noqa: S608 -- constants only
    for length, kept in KEPT.items()
)
DELETE = f"DELETE FROM operations_minute WHERE id = ANY(ARRAY({_OLD} LIMIT {BATCH}))"  # noqa: S608 -- constants only


def delete_batch() -> int:
    """How many were deleted that are kept no longer; there may be more of them."""
    with connection.cursor() as cursor:
        cursor.execute(DELETE)
        return int(cursor.rowcount)
