"""How the limits of lanes have moved: every five minutes a sample of each lane that did."""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection

from operations.chores import Report, Stop
from operations.models import LaneSample

KEPT_DAYS = 2
# A bit more than a day of a lane that moves all the time.
SHOWN = 300
BATCH = 10_000
# Moves are committed a moment after the time that they bear. What is there already stays.
TAKE = """
INSERT INTO operations_lanesample
  (lane_id, at, revision, running_limit, unsettled_limit, opened, reason)
SELECT id, moved_at, revision, running_limit, unsettled_limit, opened, reason
FROM dispatch_lane
WHERE moved_at > coalesce((SELECT max(at) FROM operations_lanesample), '-infinity')
  - interval '1 minute'
ON CONFLICT (lane_id, revision) DO NOTHING
"""
# The last one of a lane stays: it says since when its limits are what they are.
DELETE = f"""
DELETE FROM operations_lanesample WHERE id = ANY(ARRAY(
  SELECT s.id FROM operations_lanesample s
  WHERE s.at < now() - interval '{KEPT_DAYS} days' AND EXISTS (
    SELECT FROM operations_lanesample newer
    WHERE newer.lane_id = s.lane_id AND newer.revision > s.revision)
  ORDER BY s.at LIMIT {BATCH}))
"""  # noqa: S608 -- constants only
# The last ones of each lane, oldest first: the planner looks each lane up, however many there are.
LAST = f"""
SELECT s.* FROM unnest(%s::bigint[]) AS wanted(lane_id) CROSS JOIN LATERAL (
  SELECT * FROM operations_lanesample one WHERE one.lane_id = wanted.lane_id
  ORDER BY one.revision DESC LIMIT {SHOWN}
) s ORDER BY s.lane_id, s.revision
"""  # noqa: S608 -- constants only


def take(stop: Stop) -> Report:
    """Take a sample of each lane whose limits have moved since the last time."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE)
        return Report({"taken": cursor.rowcount})


def delete_batch() -> int:
    """How many were deleted that are kept no longer; there may be more of them."""
    with connection.cursor() as cursor:
        cursor.execute(DELETE)
        return int(cursor.rowcount)


def find_last(lane_ids: Collection[int]) -> dict[int, list[LaneSample]]:
    """The last samples of each of these lanes, oldest first."""
    found: dict[int, list[LaneSample]] = {lane_id: [] for lane_id in lane_ids}
    for sample in LaneSample.objects.raw(LAST, [list(lane_ids)]):
        found[sample.lane_id].append(sample)
    return found
