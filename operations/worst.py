"""The lanes that keep work waiting for longest, of those that may start something."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from dispatch import gauges
from dispatch.gauges import LATE_SECONDS, Gauge
from dispatch.models import Lane

SHOWN = 5
# Lanes with due work that are looked at, and what nobody has queued though it is due.
LANES_SEEN = 20_000
LEFT_SEEN = 1_000
# Lane by lane, what has been due for longest in it; whatever is in it beside that costs nothing.
# What an operator keeps from starting waits by intention.
DUE = f"""
WITH RECURSIVE pushed(lane_id, due_at, seen) AS (
  SELECT 0::bigint, NULL::timestamptz, 0
  UNION ALL
  SELECT next.lane_id, next.available_at, seen + 1 FROM pushed CROSS JOIN LATERAL (
    SELECT r.lane_id, r.available_at FROM dispatch_actionrecord r
    WHERE r.status = 'queued' AND r.push AND r.lane_id > pushed.lane_id
    ORDER BY r.lane_id, r.available_at LIMIT 1
  ) next WHERE seen < {LANES_SEEN}
), pulled(destination_id, lane_id, due_at, seen) AS (
  SELECT 0::bigint, 0::bigint, NULL::timestamptz, 0
  UNION ALL
  SELECT next.destination_id, next.lane_id, next.available_at, seen + 1
  FROM pulled CROSS JOIN LATERAL (
    SELECT r.destination_id, r.lane_id, r.available_at FROM dispatch_actionrecord r
    WHERE r.status = 'queued' AND NOT r.push
      AND (r.destination_id, r.lane_id) > (pulled.destination_id, pulled.lane_id)
    ORDER BY r.destination_id, r.lane_id, r.available_at LIMIT 1
  ) next WHERE seen < {LANES_SEEN}
), left_alone AS (
  SELECT lane_id, available_at AS due_at FROM dispatch_actionrecord
  WHERE status = 'scheduled' AND available_at < now() - interval '{LATE_SECONDS} seconds'
  ORDER BY available_at LIMIT {LEFT_SEEN}
), due AS MATERIALIZED (
  SELECT lane_id, min(due_at) AS due_at FROM (
    SELECT lane_id, due_at FROM pushed
    UNION ALL SELECT lane_id, due_at FROM pulled
    UNION ALL SELECT lane_id, due_at FROM left_alone
  ) AS all_due WHERE due_at <= now() GROUP BY lane_id
)
SELECT due.lane_id, due.due_at, extract(epoch FROM now() - due.due_at)::float8
FROM due JOIN dispatch_lane l ON l.id = due.lane_id
JOIN destinations_destination d ON d.id = l.destination_id
WHERE d.paused_at IS NULL AND d.deleted_at IS NULL
  AND coalesce(least(l.running_cap, l.unsettled_cap), 1) > 0
  AND (%(org)s::bigint IS NULL OR l.org_id = %(org)s)
ORDER BY due.due_at LIMIT {SHOWN}
"""  # noqa: S608 -- constants only


@dataclass(frozen=True, slots=True)
class Waiting:
    """Since when work has been due that may start, and the lanes that keep it waiting."""

    since: datetime | None
    seconds: float
    # Each with the seconds for which something in it has been due; the worst one first.
    lanes: list[tuple[Gauge, float]]


def find(org_id: int | None) -> Waiting:
    """What waits for longest in the lanes of an organization, or without one in all."""
    with connection.cursor() as cursor:
        cursor.execute(DUE, {"org": org_id})
        rows = cursor.fetchall()
    late = {lane_id: seconds for lane_id, _, seconds in rows if seconds > LATE_SECONDS}
    lanes = Lane.objects.filter(pk__in=late).select_related("destination", "org")
    read = gauges.read(lanes) if late else []
    worst = sorted(((one, late[one.lane.pk]) for one in read), key=lambda one: -one[1])
    return Waiting(rows[0][1] if rows else None, rows[0][2] if rows else 0.0, worst)
