"""Whether work can be accepted and delivered, and what calls for somebody before it cannot.

Only what keeps a web process from its work is unavailable: without a worker, actions are accepted
and delivered all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from django.core.cache import caches
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse

from operations import partitions

OK = "ok"
# Anybody may ask, as often as they like: so long an answer is given again.
KEPT_SECONDS = 2
# Some chore runs every five minutes.
CHORES_MINUTES = 15
LATE_MINUTES = 15
LANES_SEEN = 10_000
LATE_FOUND = 100
CHORES = """
SELECT max(began_at), max(began_at) < now() - make_interval(mins => %s),
  coalesce(array_agg(name ORDER BY name) FILTER (WHERE trouble <> ''), '{}')
FROM operations_chore
"""
# Lane by lane, what has been due for longest in it. Where that is late and the lane lets it
# start, nobody seems to deliver, or not enough: the latest of them, or no row.
LATE = f"""
WITH RECURSIVE head(lane_id, available_at, is_late, found, seen) AS (
  SELECT 0::bigint, NULL::timestamptz, false, 0, 0
  UNION ALL
  SELECT next.lane_id, next.available_at, o.is_late, found + o.is_late::int, seen + 1
  FROM head CROSS JOIN LATERAL (
    SELECT r.lane_id, r.available_at FROM dispatch_actionrecord r
    WHERE r.status = 'queued' AND r.push AND r.lane_id > head.lane_id
    ORDER BY r.lane_id, r.available_at LIMIT 1
  ) next
  JOIN dispatch_lane l ON l.id = next.lane_id
  JOIN destinations_destination d ON d.id = l.destination_id
  CROSS JOIN LATERAL (
    SELECT next.available_at < now() - interval '{LATE_MINUTES} minutes'
      AND d.paused_at IS NULL AND coalesce(least(l.running_cap, l.unsettled_cap), 1) > 0
      AND l.opened = 0 AND coalesce(l.paused_until <= now(), true) AS is_late
  ) o
  WHERE found < {LATE_FOUND} AND seen < {LANES_SEEN}
)
SELECT lane_id, floor(extract(epoch FROM now() - available_at))::bigint FROM head
WHERE is_late ORDER BY available_at LIMIT 1
"""  # noqa: S608 -- constants only
# A dispatcher queues what is scheduled the moment that it is due, whatever its lane.
LEFT = f"""
SELECT floor(extract(epoch FROM now() - available_at))::bigint FROM dispatch_actionrecord
WHERE status = 'scheduled' AND available_at < now() - interval '{LATE_MINUTES} minutes'
ORDER BY available_at LIMIT 1
"""  # noqa: S608 -- constants only


@dataclass(frozen=True)
class Concern:
    """Something that calls for somebody, not now, and what it is about: where to look."""

    about: str
    text: str


@dataclass
class Health:
    """What was looked at: `ok`, or what is wrong with it; and what else calls for somebody."""

    checks: dict[str, str] = field(default_factory=dict)
    concerns: list[Concern] = field(default_factory=list)

    @property
    def is_ready(self) -> bool:
        """Whether nothing is wrong."""
        return all(found == OK for found in self.checks.values())

    def describe(self) -> dict[str, Any]:
        """It, as JSON."""
        status = OK if self.is_ready else "unavailable"
        warnings = [concern.text for concern in self.concerns]
        return {"status": status, "checks": self.checks, "warnings": warnings}


def readyz(request: HttpRequest) -> JsonResponse:
    """200 where work can go on, with what calls for somebody all the same; else 503."""
    health = cast("Health", caches["process"].get_or_set("health", examine, KEPT_SECONDS))
    return JsonResponse(health.describe(), status=200 if health.is_ready else 503)


def examine() -> Health:
    """How it is at this moment. Without a database nothing else is looked at."""
    try:
        missing, ahead = find_missing_partitions()
        writes = takes_writes()
    except Error:
        return Health({"database": "It is out of reach, or does not answer in time."})
    if not writes:
        return Health({"database": "It takes no writes."})
    names = " and no ".join(missing)
    place = f"Nothing can be accepted: there is no {names}." if missing else OK
    return Health({"database": OK, "partitions": place}, find_concerns(ahead))


def takes_writes() -> bool:
    """Whether the server does: a standby does not, nor one that is being maintained."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('transaction_read_only') = 'off'")
        return bool(cursor.fetchone()[0])


def find_missing_partitions() -> tuple[list[str], list[str]]:
    """Those that the next action needs, and those that come after these.

    Farther ones the next chore makes: that they are missing for minutes is nobody's business.
    """
    with connection.cursor() as cursor:
        cursor.execute(partitions.LOOK)
        newest, existing = cursor.fetchone()
    number = partitions.number_of(newest + 1)
    missing = partitions.find_missing(newest + 1, existing)
    now = [partition.name for partition in missing if partition.number == number]
    return now, [partition.name for partition in missing if partition.number == number + 1]


def find_concerns(partitions_ahead: list[str]) -> list[Concern]:
    """Whatever calls for somebody, as far as the database tells it in time."""
    concerns = []
    if partitions_ahead:
        names = ", ".join(partitions_ahead)
        concerns.append(Concern("partitions", f"Needed next, and not made yet: {names}."))
    try:
        return [*concerns, *find_troubled_chores(), *find_late_work()]
    except Error:
        return [*concerns, Concern("database", "What else there may be was not told in time.")]


def find_troubled_chores() -> Iterator[Concern]:
    """Whether a worker has lately begun a chore, and which chores have found something.

    What they have found is not for everybody who may ask here.
    """
    with connection.cursor() as cursor:
        cursor.execute(CHORES, [CHORES_MINUTES])
        at, is_late, troubled = cursor.fetchone()
    if at is None:
        yield Concern("worker", "No worker has ever run: start `manage.py worker`.")
    elif is_late:
        since = f"No worker has run a chore since {at:%Y-%m-%d %H:%M} UTC"
        yield Concern("worker", f"{since}: start `manage.py worker`.")
    for name in troubled:
        yield Concern("chores", f"The chore {name} has found trouble: see the admin's Chores.")


def find_late_work() -> Iterator[Concern]:
    """The longest that something has waited for no reason."""
    with connection.cursor() as cursor:
        cursor.execute(LATE)
        if found := cursor.fetchone():
            lane_id, seconds = found
            yield Concern(
                "lanes",
                f"An action has been due for {seconds:,} s although its lane {lane_id} is open: is "
                "a dispatcher running, and are they enough?",
            )
        cursor.execute(LEFT)
        if found := cursor.fetchone():
            yield Concern(
                "lanes",
                f"A retry, or a later start, has been due for {found[0]:,} s and is not queued: is "
                "a dispatcher running?",
            )
