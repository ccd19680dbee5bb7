"""Reading lanes: whether they are open, what is in flight in them, and what waits.

A lane may have a million due rows, so counting stops at a bound; every count and every oldest
row is found by an index on unfinished rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from actions.models import ActionDefinition
from destinations import kinds
from destinations.models import Destination
from dispatch import throttle
from dispatch.models import Lane

# Counting what waits stops here.
COUNTED = 10_000
# So many of the variants that use a lane are named.
NAMED_VARIANTS = 50
# Due for so long in a lane that has room: nobody seems to claim.
LATE_SECONDS = 10
# What is due waits as `queued`, or as `scheduled` until a dispatcher promotes it. What is not
# pushed has an index of its own. What is in flight is never more than the limits let start.
# That a row is scheduled is not said by a constant: the planner would take the index of all
# scheduled rows, because they lie together, and read those of every lane for each one.
_SCHEDULED = """r.lane_id = l.id AND r.status = s.status
      AND (r.status = 'scheduled' OR (r.status = 'queued' AND NOT r.push))"""
COUNT = f"""
WITH s AS MATERIALIZED (SELECT 'scheduled' AS status)
SELECT l.id,
  CASE WHEN {throttle.IS_PAUSED} THEN 'paused' WHEN l.opened > 0 THEN 'probing' ELSE 'running' END,
  running.count, running.count + ack_wait.count, queued.count, scheduled.count, oldest.due_at,
  floor(extract(epoch FROM now() - oldest.due_at))::bigint, next.due_at,
  ARRAY(SELECT u.variant FROM dispatch_laneuse u WHERE u.lane_id = l.id
        ORDER BY u.variant LIMIT {NAMED_VARIANTS}),
  held.count
FROM dispatch_lane l
JOIN destinations_destination d ON d.id = l.destination_id
CROSS JOIN LATERAL (
  SELECT count(*) FROM dispatch_actionrecord r WHERE r.lane_id = l.id AND r.status = 'running'
) running
CROSS JOIN LATERAL (
  SELECT count(*) FROM dispatch_actionrecord r WHERE r.lane_id = l.id AND r.status = 'ack_wait'
) ack_wait
CROSS JOIN LATERAL (
  SELECT count(*) FROM (
    (SELECT FROM dispatch_actionrecord r
     WHERE r.lane_id = l.id AND r.status = 'queued' AND r.push LIMIT {COUNTED + 1})
    UNION ALL
    (SELECT FROM dispatch_actionrecord r
     WHERE r.lane_id = l.id AND r.status = 'queued' AND NOT r.push LIMIT {COUNTED + 1})
  ) counted
) queued
CROSS JOIN LATERAL (
  SELECT count(*) FROM (
    SELECT FROM dispatch_actionrecord r, s
    WHERE {_SCHEDULED} LIMIT {COUNTED + 1}
  ) counted
) scheduled
CROSS JOIN LATERAL (
  SELECT count(*) FROM (
    SELECT FROM dispatch_actionrecord r
    WHERE r.lane_id = l.id AND r.status = 'held' LIMIT {COUNTED + 1}
  ) counted
) held
CROSS JOIN LATERAL (
  SELECT min(available_at) AS due_at FROM (
    (SELECT r.available_at FROM dispatch_actionrecord r
     WHERE r.lane_id = l.id AND r.status = 'queued' AND r.push
     ORDER BY r.available_at LIMIT 1)
    UNION ALL
    (SELECT r.available_at FROM dispatch_actionrecord r
     WHERE r.lane_id = l.id AND r.status = 'queued' AND NOT r.push
     ORDER BY r.available_at LIMIT 1)
    UNION ALL
    (SELECT r.available_at FROM dispatch_actionrecord r, s
     WHERE {_SCHEDULED} AND r.available_at <= now()
     ORDER BY r.available_at LIMIT 1)
  ) first
) oldest
LEFT JOIN LATERAL (
  SELECT r.available_at AS due_at FROM dispatch_actionrecord r, s
  WHERE {_SCHEDULED} AND r.available_at > now()
  ORDER BY r.available_at LIMIT 1
) next ON true
WHERE l.id = ANY(%s::bigint[])
"""  # noqa: S608 -- constants only

# So many lanes of a destination are looked through for what is due, by indexes.
LANES_SEEN = 20_000
_DUE = f"""
  SELECT FROM dispatch_actionrecord r WHERE r.lane_id = l.id AND r.status = 'queued' AND r.push
  UNION ALL
  SELECT FROM dispatch_actionrecord r
  WHERE r.destination_id = %(destination)s AND r.lane_id = l.id
    AND r.status = 'queued' AND NOT r.push
  UNION ALL
  SELECT FROM dispatch_actionrecord r, s WHERE {_SCHEDULED} AND r.available_at <= now()"""  # noqa: S608 -- constants only
COUNT_DUE = f"""
WITH s AS MATERIALIZED (SELECT 'scheduled' AS status), l AS MATERIALIZED (
  SELECT id FROM dispatch_lane
  WHERE destination_id = %(destination)s
    AND (%(all)s OR opened > 0 OR paused_until > now())
  LIMIT {LANES_SEEN}
)
SELECT
  (SELECT count(*) FROM (
    SELECT FROM l CROSS JOIN LATERAL ({_DUE}
      LIMIT {COUNTED + 1}) due
    LIMIT {COUNTED + 1}) counted),
  (SELECT count(*) FROM l WHERE EXISTS ({_DUE}))
"""  # noqa: S608 -- constants only


class State(StrEnum):
    """Whether a lane is open for work."""

    RUNNING = "running"
    PAUSED = "paused"
    PROBING = "probing"


# Which lanes are in a state, as `COUNT` judges it; `running` is what remains.
_PAUSED = (
    Q(destination__paused_at__isnull=False)
    | Q(running_cap=0)
    | Q(unsettled_cap=0)
    | Q(paused_until__isnull=False, paused_until__gt=Now())
)
IN_STATE = {
    State.RUNNING: ~_PAUSED & Q(opened=0),
    State.PAUSED: _PAUSED,
    State.PROBING: ~_PAUSED & Q(opened__gt=0),
}


@dataclass(frozen=True, slots=True)
class Gauge:
    """A lane, and what is in it at this moment by the database's clock.

    `queued`, `scheduled` and `held` are exact up to 10,000; one more stands for any number more.
    """

    lane: Lane
    state: State
    running: int
    unsettled: int
    queued: int
    scheduled: int
    oldest_due_at: datetime | None
    oldest_due_seconds: int | None
    next_due_at: datetime | None
    variants: Sequence[str]
    held: int = 0

    @property
    def room(self) -> int:
        """How many more deliveries its limits and caps let start, if it is not paused.

        What a worker has pulled is under way in its hands, so that both caps bound it.
        """
        lane = self.lane
        if self.is_pulled:
            return max(
                0,
                _least(_least(lane.unsettled_limit, lane.unsettled_cap), lane.running_cap)
                - self.unsettled,
            )
        running_limit = 1 if self.state == State.PROBING else lane.running_limit
        running = _least(running_limit, lane.running_cap) - self.running
        unsettled = _least(lane.unsettled_limit, lane.unsettled_cap) - self.unsettled
        return max(0, min(running, unsettled))

    @property
    def is_pulled(self) -> bool:
        """Whether workers take its actions, and no dispatcher delivers them."""
        return not kinds.is_pushed(self.lane.destination.type)

    @property
    def explanation(self) -> str:
        """Why nothing more starts in it, or how much more may."""
        return _explain_pause(self) or _explain_probing(self) or _explain_room(self)


def of_definition(definition: ActionDefinition) -> QuerySet[Lane]:
    """The lanes that a definition's variant uses, of destinations that are there."""
    return Lane.objects.filter(
        uses__org_id=definition.org_id,
        uses__variant=definition.variant,
        destination__deleted_at=None,
    ).select_related("destination")


def of_destination(destination: Destination) -> QuerySet[Lane]:
    """The lanes of a destination."""
    return Lane.objects.filter(destination=destination).select_related("destination")


def read(lanes: Iterable[Lane]) -> list[Gauge]:
    """The gauges of these lanes, in their order: one statement for any number of lanes."""
    by_id = {lane.pk: lane for lane in lanes}
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [list(by_id)])
        counted = {row[0]: row[1:] for row in cursor.fetchall()}
    return [
        Gauge(lane, State(counted[lane_id][0]), *counted[lane_id][1:])
        for lane_id, lane in by_id.items()
    ]


def count_due(destination: Destination) -> tuple[int, int]:
    """How many actions wait that a resume lets start, and in how many lanes.

    Of a destination that is not paused itself, those of its lanes that have learnt to wait. The
    actions are exact up to 10,000; one more stands for any number more.
    """
    asked = {"destination": destination.pk, "all": destination.paused_at is not None}
    with connection.cursor() as cursor:
        cursor.execute(COUNT_DUE, asked)
        actions, lanes = cursor.fetchone()
    return int(actions), int(lanes)


def _least(limit: int, cap: int | None) -> int:
    return limit if cap is None else min(limit, cap)


def _explain_pause(gauge: Gauge) -> str:
    lane, destination = gauge.lane, gauge.lane.destination
    if destination.deleted_at is not None:
        return "Its destination is deleted."
    if destination.paused_at is not None:
        why = f": {destination.pause_reason}" if destination.pause_reason else ""
        return f"Its destination has been paused since {_moment(destination.paused_at)}{why}."
    capped = [
        name
        for name, cap in (("running", lane.running_cap), ("unsettled", lane.unsettled_cap))
        if cap == 0
    ]
    if capped:
        return f"Its {' and '.join(capped)} cap is 0: nothing starts until that is raised."
    if gauge.state == State.PAUSED and lane.paused_until is not None:
        return f"Paused until {_moment(lane.paused_until)}{_because(lane)}"
    return ""


def _explain_probing(gauge: Gauge) -> str:
    if gauge.state != State.PROBING:
        return ""
    tells = "a probe is under way" if gauge.running else "the next delivery is a probe"
    return f"One delivery at a time until one succeeds; {tells}{_because(gauge.lane)}"


def _explain_room(gauge: Gauge) -> str:
    lane = gauge.lane
    if gauge.is_pulled:
        return _explain_pulled(gauge)
    if gauge.running >= (most := _least(lane.running_limit, lane.running_cap)):
        return f"Full: {gauge.running:,} deliveries are under way, and {most:,} may be."
    if gauge.unsettled >= (most := _least(lane.unsettled_limit, lane.unsettled_cap)):
        return f"Full: {gauge.unsettled:,} are not settled, and {most:,} may be."
    if (late := gauge.oldest_due_seconds or 0) > LATE_SECONDS:
        return (
            f"Room for {gauge.room:,} more, and work has been due for {late:,} s: is a dispatcher "
            "running, and has it time for this destination?"
        )
    return f"Open: room for {gauge.room:,} more."


def _explain_pulled(gauge: Gauge) -> str:
    if not gauge.room:
        return f"Full: {gauge.unsettled:,} are with workers, and no more may be."
    if (late := gauge.oldest_due_seconds or 0) > LATE_SECONDS:
        return (
            f"Room for {gauge.room:,} more, and work has been due for {late:,} s: does a worker "
            "pull?"
        )
    return f"Open: workers may take {gauge.room:,} more."


def _because(lane: Lane) -> str:
    return f": {lane.reason}." if lane.reason else "."


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
