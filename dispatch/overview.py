"""What calls for a person among an organization's actions, or among all: held ones, failed ones."""

from __future__ import annotations

from django.db import connection

from dispatch.models import ActionRecord

# Counting stops here: a page stays as fast on a billion actions as on ten.
COUNTED = 1_000
LANES_SEEN = 10_000
FAILURES = 5
# Lane by lane that has any, so that those of other organizations are passed by at once; and what
# leads to a sink, which has no lane.
HELD = f"""
WITH RECURSIVE lane(lane_id, org_id, seen) AS (
  SELECT 0::bigint, NULL::bigint, 0
  UNION ALL
  SELECT next.lane_id, next.org_id, seen + 1 FROM lane CROSS JOIN LATERAL (
    SELECT r.lane_id, r.org_id FROM dispatch_actionrecord r
    WHERE r.status = 'held' AND r.lane_id > lane.lane_id ORDER BY r.lane_id, r.id LIMIT 1
  ) next WHERE seen < {LANES_SEEN}
), held AS (
  SELECT 1 FROM lane CROSS JOIN LATERAL (
    SELECT FROM dispatch_actionrecord r
    WHERE r.status = 'held' AND r.lane_id = lane.lane_id LIMIT {COUNTED + 1}
  ) counted
  WHERE lane.lane_id > 0 AND (%(org)s::bigint IS NULL OR lane.org_id = %(org)s)
  UNION ALL
  SELECT 1 FROM dispatch_actionrecord r
  WHERE r.status = 'held' AND r.lane_id IS NULL AND (%(org)s::bigint IS NULL OR r.org_id = %(org)s)
)
SELECT count(*) FROM (SELECT FROM held LIMIT {COUNTED + 1}) bounded
"""  # noqa: S608 -- constants only
# Those that failed last, by the index that each organization's have.
FAILED = f"""
SELECT last.id FROM orgs_organization o CROSS JOIN LATERAL (
  SELECT r.id, r.completed_at FROM dispatch_actionrecord r
  WHERE r.org_id = o.id AND r.status = 'failed' ORDER BY r.completed_at DESC LIMIT {FAILURES}
) last
WHERE %(org)s::bigint IS NULL OR o.id = %(org)s
ORDER BY last.completed_at DESC, last.id DESC LIMIT {FAILURES}
"""  # noqa: S608 -- constants only


def count_held(org_id: int | None) -> int:
    """How many actions wait for approval: exact up to 1,000, one more stands for any number."""
    with connection.cursor() as cursor:
        cursor.execute(HELD, {"org": org_id})
        (held,) = cursor.fetchone()
    return int(held)


def find_failed(org_id: int | None) -> list[ActionRecord]:
    """The actions that have failed last, with what a list tells of them."""
    with connection.cursor() as cursor:
        cursor.execute(FAILED, {"org": org_id})
        ids = [record_id for (record_id,) in cursor.fetchall()]
    rows = ActionRecord.objects.filter(pk__in=ids).order_by("-completed_at", "-id")
    related = ("definition", "destination", "org")
    columns = ("status", "error_message", "completed_at", "attempt", "failures")
    names = ("definition__variant", "definition__version", "destination__label", "org__name")
    return list(rows.select_related(*related).only(*columns, *names))
