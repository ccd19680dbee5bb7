"""Whether every accepted action is accounted for, per organization and hour.

Accepted is what the events say; what became of it is what the records say. The two are matched
id by id, a slice of ids at a time. A slice is one statement and so one snapshot, and whatever
moves an action writes record and event in one transaction: so this is exact while actions flow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

from django.db import connection, transaction

from dispatch import moments
from operations import chores, partitions
from operations.chores import Report, Stop
from operations.partitions import EVENTS

# What the worker looks at: every hour what has just come, every day also what was retried.
LAST_HOURS = timedelta(hours=3)
LAST_DAYS = timedelta(days=4)
SLICE = 20_000
# So many ids are named for each organization and hour, and so many hours in a report.
NAMED = 20
NAMED_HOURS = 20
# `late` and `replayed` tell of a status that had been reached before.
MATCH = f"""
WITH record AS MATERIALIZED (
  SELECT id, org_id, status, completed_at, created_at FROM dispatch_actionrecord
  WHERE id >= %(start)s AND id < %(end)s
), event AS MATERIALIZED (
  SELECT record_id, min(created_at) AS created_at,
    count(*) FILTER (WHERE kind = 'accepted') AS accepted,
    array_agg(status) FILTER (WHERE kind NOT IN ('late', 'replayed')) AS statuses
  FROM dispatch_actionevent WHERE record_id >= %(start)s AND record_id < %(end)s
  GROUP BY record_id
), story AS MATERIALIZED (
  SELECT coalesce(r.id, e.record_id) AS id, r.org_id, r.status,
    coalesce(r.created_at, e.created_at) AS created_at, coalesce(e.accepted, 0) AS accepted,
    CASE WHEN r.id IS NULL THEN 'it has events and no record'
      WHEN e.accepted IS NULL OR e.accepted = 0 THEN 'no event says that it was accepted'
      WHEN e.accepted > 1 THEN 'it was accepted more than once'
      WHEN r.completed_at IS NOT NULL AND r.status <> ALL(e.statuses)
        THEN 'it is ' || r.status || ' and no event says so'
      WHEN r.completed_at IS NULL AND p.record_id IS NULL THEN 'it is not over, without a payload'
    END AS fault
  FROM record r FULL JOIN event e ON e.record_id = r.id
  LEFT JOIN dispatch_actionpayload p
    ON p.record_id = r.id AND r.completed_at IS NULL
    AND p.record_id >= %(start)s AND p.record_id < %(end)s
)
SELECT org_id, date_trunc('hour', created_at, 'UTC') AS hour, sum(accepted)::bigint,
  count(*) FILTER (WHERE status = 'succeeded'), count(*) FILTER (WHERE status = 'failed'),
  count(*) FILTER (WHERE status = 'canceled'),
  count(*) FILTER (WHERE status NOT IN ('succeeded', 'failed', 'canceled')), count(fault),
  coalesce((array_agg(id || ': ' || fault ORDER BY id) FILTER (WHERE fault IS NOT NULL))
    [1:{NAMED}], '{{}}')
FROM story
WHERE created_at >= %(since)s
  -- What has no record any more is nobody's, and may be anybody's.
  AND (%(org)s::bigint IS NULL OR org_id = %(org)s OR org_id IS NULL)
GROUP BY org_id, hour
"""  # noqa: S608 -- constants only
IS_READABLE = """
SELECT FROM pg_inherits WHERE inhrelid = to_regclass(%s) AND NOT inhdetachpending
"""
SUMS = ("accepted", "succeeded", "failed", "canceled", "in_flight", "fault_count", "faults")
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
Row = tuple[Any, ...]


@dataclass
class Hour:
    """What was accepted in an hour for an organization, and what became of it.

    None is the organization of events that have no record.
    """

    org_id: int | None
    hour: datetime
    accepted: int = 0
    succeeded: int = 0
    failed: int = 0
    canceled: int = 0
    in_flight: int = 0
    fault_count: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether the sum is right, and each action by itself."""
        found = self.succeeded + self.failed + self.canceled + self.in_flight
        return self.accepted == found and not self.fault_count

    def add(self, row: Row) -> None:
        """What another slice has of the same hour."""
        accepted, succeeded, failed, canceled, in_flight, fault_count, faults = row
        self.accepted += accepted
        self.succeeded += succeeded
        self.failed += failed
        self.canceled += canceled
        self.in_flight += in_flight
        self.fault_count += fault_count
        self.faults = (self.faults + faults)[:NAMED]

    def describe(self) -> dict[str, Any]:
        """It, as JSON."""
        org_id = None if self.org_id is None else str(self.org_id)
        sums = {name: getattr(self, name) for name in SUMS}
        return {"org_id": org_id, "hour": self.hour.isoformat(), **sums}

    def __str__(self) -> str:
        whose = f"organization {self.org_id}" if self.org_id else "no organization"
        sums = (
            f"{whose}, {self.hour:%Y-%m-%d %H}:00 UTC: accepted {self.accepted}, "
            f"succeeded {self.succeeded} + failed {self.failed} + canceled {self.canceled} "
            f"+ in flight {self.in_flight}"
        )
        more = [f"{self.fault_count - len(self.faults)} more"]
        named = [f"action {fault}" for fault in self.faults]
        return "; ".join([sums, *named, *(more if self.fault_count > len(named) else [])])


@dataclass
class Account:
    """All hours that were looked at, and whether that was all that there is."""

    hours: dict[tuple[int | None, datetime], Hour] = field(default_factory=dict)
    is_complete: bool = False

    @property
    def accepted(self) -> int:
        """How many actions were accepted."""
        return sum(hour.accepted for hour in self.hours.values())

    @property
    def unsound(self) -> list[Hour]:
        """The hours in which something is not accounted for, oldest first."""
        return [hour for hour in self.in_order if not hour.is_sound]

    @property
    def in_order(self) -> list[Hour]:
        """All of them, oldest first."""
        return sorted(self.hours.values(), key=lambda hour: (hour.hour, hour.org_id or 0))

    def add(self, rows: list[Row]) -> None:
        """The hours of a slice."""
        for org_id, hour, *counts in rows:
            self.hours.setdefault((org_id, hour), Hour(org_id, hour)).add(tuple(counts))

    def describe(self) -> dict[str, Any]:
        """It, as JSON."""
        return {
            "accepted": self.accepted,
            "hours": len(self.hours),
            "sound": not self.unsound,
            "complete": self.is_complete,
            "unsound": [hour.describe() for hour in self.unsound[:NAMED_HOURS]],
        }


def check_since(age: timedelta, stop: Stop) -> Report:
    """The account of what was accepted since; what is wrong with it is an operator's business."""
    account = reconcile(since=_find_moment(age), stop=stop)
    trouble = "\n".join(str(hour) for hour in account.unsound[:NAMED_HOURS])
    return Report(account.describe(), trouble)


def reconcile(
    *,
    since: datetime | None = None,
    org_id: int | None = None,
    stop: Stop = lambda: False,
    progress: Callable[[float], None] = lambda done: None,
) -> Account:
    """The account of what was accepted since then and is still kept, of one organization or all.

    It ends early, incomplete, when `stop` says so.
    """
    account = Account()
    parameters = {"since": since or BEGINNING, "org": org_id}
    slices = list(find_slices(since))
    for number, (start, end) in enumerate(slices):
        if stop():
            return account
        account.add(chores.insist(partial(_match, parameters | {"start": start, "end": end})))
        progress((number + 1) / len(slices))
    account.is_complete = True
    return account


def find_slices(since: datetime | None) -> Iterator[tuple[int, int]]:
    """Ranges of ids from that time on whose events are kept."""
    end = moments.find_end()
    first = moments.find_bounds(since, None)["id__gte"] if since else 1
    for partition in partitions.find_all(EVENTS):
        for start in range(max(first, partition.start), min(end, partition.end), SLICE):
            yield start, min(start + SLICE, end, partition.end)


def _find_moment(age: timedelta) -> datetime:
    """The moment that long ago by the database's clock, by which rows bear their times."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now() - make_interval(secs => %s)", [age.total_seconds()])
        (moment,) = cursor.fetchone()
    return cast("datetime", moment)


def _match(parameters: dict[str, Any]) -> list[Row]:
    """The hours of a slice; none where its partition of events has been dropped meanwhile."""
    name = partitions.Partition(EVENTS, partitions.number_of(parameters["start"])).name
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(partitions.SHARE)
        cursor.execute(IS_READABLE, [name])
        if cursor.fetchone() is None:
            return []
        cursor.execute(MATCH, parameters)
        rows: list[Row] = cursor.fetchall()
        return rows
