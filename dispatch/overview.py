"""What the admin's first page tells: how the last day went, what waits, what failed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count
from django.http import HttpRequest
from django.utils import timezone

from dispatch.models import ActionRecord, Status

# Counting stops here: the page stays as fast on a billion actions as on ten.
COUNTED = 100_000
FAILURES = 10
COLOURS = {
    Status.QUEUED: "info",
    Status.SCHEDULED: "",
    Status.HELD: "warning",
    Status.RUNNING: "primary",
    Status.ACK_WAIT: "warning",
    Status.SUCCEEDED: "success",
    Status.FAILED: "danger",
    Status.CANCELED: "",
}
# The action that is due for longest in each of up to 1,000 lanes.
OLDEST_DUE = """
WITH RECURSIVE head(lane_id, available_at, n) AS (
  (SELECT lane_id, available_at, 1 FROM dispatch_actionrecord
   WHERE status = 'queued' AND push ORDER BY lane_id, available_at LIMIT 1)
  UNION ALL
  SELECT next.lane_id, next.available_at, n + 1 FROM head CROSS JOIN LATERAL (
    SELECT r.lane_id, r.available_at FROM dispatch_actionrecord r
    WHERE r.status = 'queued' AND r.push AND r.lane_id > head.lane_id
    ORDER BY r.lane_id, r.available_at LIMIT 1
  ) next WHERE n < 1000
)
SELECT min(available_at) FROM head
"""


def show(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The first page's context (Unfold's DASHBOARD_CALLBACK)."""
    if not request.user.has_perm("dispatch.view_actionrecord"):
        return context
    failed = ActionRecord.objects.filter(status=Status.FAILED).select_related(
        "definition", "destination", "org"
    )
    overview = {
        "counts": count_by_status(),
        "counted": COUNTED,
        "oldest_due": find_oldest_due(),
        "held": count_held(),
        "failed": failed.order_by("-id")[:FAILURES],
    }
    return context | {"overview": overview}


def count_by_status() -> list[tuple[Status, int, str]]:
    """How many of the last day's actions are in each status, and the status's colour."""
    newest = ActionRecord.objects.order_by("-id").values_list("id", flat=True).first() or 0
    since = timezone.now() - timedelta(days=1)
    recent = ActionRecord.objects.filter(id__gt=newest - COUNTED, created_at__gte=since)
    counted = recent.order_by().values_list("status").annotate(Count("id"))
    counts = dict(counted)
    return [(status, counts.get(status, 0), COLOURS[status]) for status in Status]


def count_held() -> int:
    """How many actions wait for somebody to approve them, however long ago they were accepted."""
    return ActionRecord.objects.filter(status=Status.HELD).order_by()[:COUNTED].count()


def find_oldest_due() -> datetime | None:
    """Since when the action that is due for longest has been due; None where nothing is."""
    with connection.cursor() as cursor:
        cursor.execute(OLDEST_DUE)
        oldest: datetime | None = cursor.fetchone()[0]
    return oldest
