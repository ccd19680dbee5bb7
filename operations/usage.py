"""What organizations use: every action is counted once as accepted, and once when it is over.

Accepted: in the order of ids, up to one below which nothing more can turn up. Over: what was
accepted is kept by its id, a slice of ids to a row, until it is over and counted. So a count costs
what is under way, whatever there is beside it. Sums and positions commit together: a count may be
killed, or run twice at once.

Counts of what is over go round: each batch of slices goes on where the last one ended, and all of
them have been looked at, in however many runs, when the round is through. What had happened when it
began is counted then.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any, cast

from django.db import connection, transaction
from django.db.models import Sum

from operations import chores, minutes
from operations.chores import Report, Stop
from operations.models import COUNTS, UsageProgress, UsageSlice, VersionUsage

# Ids that are counted as accepted at once.
SLICE = 10_000
# Slices whose ends are counted at once: most have few unfinished actions, and some nothing else.
SLICES_AT_ONCE = 20
RUN_SECONDS = 45.0
# Payloads are read for their lengths, and may have a megabyte each.
ACCEPTED_AT_ONCE = 1_000
# How long those are waited for who are storing actions; it takes them milliseconds.
PATIENCE_SECONDS = 10.0
LOOK_SECONDS = 0.02
NEWEST = """
SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END
FROM dispatch_actionrecord_id_seq
"""
# Whoever takes an id of the sequence has this lock before, until the action is there or never will.
WRITERS = """
SELECT virtualtransaction FROM pg_locks
WHERE locktype = 'relation' AND relation = 'dispatch_actionrecord'::regclass
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND mode = 'RowExclusiveLock' AND granted AND pid IS DISTINCT FROM pg_backend_pid()
"""
NEXT = "SELECT min(id) FROM dispatch_actionrecord WHERE id > %s"
_ADDED = ", ".join(f"{name} = u.{name} + excluded.{name}" for name in COUNTS)
_SUMS = ", ".join(f"sum({name})::bigint" for name in COUNTS)
# What is counted of versions, of these and of their variants, on the days on which it happened.
ADD = f"""
by_version AS (
  INSERT INTO operations_versionusage AS u (org_id, variant, version, day, {", ".join(COUNTS)})
  SELECT org_id, variant, version, day, {", ".join(COUNTS)} FROM counted
  ON CONFLICT (org_id, day, variant, version) DO UPDATE SET {_ADDED}
)
INSERT INTO operations_usage AS u (org_id, variant, day, {", ".join(COUNTS)})
SELECT org_id, variant, day, {_SUMS} FROM counted GROUP BY 1, 2, 3
ON CONFLICT (org_id, day, variant) DO UPDATE SET {_ADDED}
"""  # noqa: S608 -- constants only
ACCEPTED = f"""
WITH counted AS (
  SELECT r.org_id, d.variant, d.version, (r.created_at AT TIME ZONE 'UTC')::date AS day,
    count(*) AS accepted, 0 AS delivered, 0 AS failed, 0 AS canceled,
    coalesce(sum(octet_length(p.input::text)), 0)::bigint AS payload_bytes
  FROM dispatch_actionrecord r
  JOIN actions_actiondefinition d ON d.id = r.definition_id
  LEFT JOIN dispatch_actionpayload p
    ON p.record_id = r.id AND p.record_id > %(after)s AND p.record_id <= %(last)s
  WHERE r.id > %(after)s AND r.id <= %(last)s
  GROUP BY 1, 2, 3, 4
), {minutes.ADD_ACCEPTED}, {ADD}"""  # noqa: S608 -- constants only
# What is over of the records that stand before it.
ADD_ENDS = f"""
counted AS (
  SELECT r.org_id, d.variant, d.version, (r.completed_at AT TIME ZONE 'UTC')::date AS day,
    0 AS accepted, count(*) FILTER (WHERE r.status = 'succeeded') AS delivered,
    count(*) FILTER (WHERE r.status = 'failed') AS failed,
    count(*) FILTER (WHERE r.status = 'canceled') AS canceled, 0 AS payload_bytes
  FROM record r
  JOIN actions_actiondefinition d ON d.id = r.definition_id
  WHERE r.completed_at IS NOT NULL
  GROUP BY 1, 2, 3, 4
), {minutes.ADD_ENDED}, {ADD}"""  # noqa: S608 -- constants only
# Each sees one and the same moment: what is counted as over is what is not kept, or no longer.
KEPT = f"""
WITH record AS (
  SELECT {minutes.COLUMNS} FROM dispatch_actionrecord
  WHERE id > %(after)s AND id <= %(last)s
), kept AS (
  INSERT INTO operations_usageslice AS s (first_id, unfinished)
  SELECT %(first)s, array_agg(id ORDER BY id) FROM record WHERE completed_at IS NULL
  HAVING count(*) > 0
  ON CONFLICT (first_id) DO UPDATE SET unfinished = s.unfinished || excluded.unfinished
), {ADD_ENDS}"""  # noqa: S608 -- constants only
ENDED = f"""
WITH record AS (
  SELECT s.first_id, r.*
  FROM operations_usageslice s
  JOIN LATERAL (
    SELECT {minutes.COLUMNS} FROM dispatch_actionrecord WHERE id = ANY(s.unfinished)
  ) r ON true
  WHERE s.first_id = ANY(%(firsts)s::bigint[]) AND r.completed_at IS NOT NULL
), gone AS (
  SELECT first_id, array_agg(id) AS ids FROM record GROUP BY first_id
), through AS (
  DELETE FROM operations_usageslice s USING gone g
  WHERE s.first_id = g.first_id AND cardinality(s.unfinished) = cardinality(g.ids)
), fewer AS (
  UPDATE operations_usageslice s
  SET unfinished = ARRAY(SELECT unnest(s.unfinished) EXCEPT SELECT unnest(g.ids) ORDER BY 1)
  FROM gone g
  WHERE s.first_id = g.first_id AND cardinality(s.unfinished) > cardinality(g.ids)
), {ADD_ENDS}"""  # noqa: S608 -- constants only
# Of each version; without one, what was counted of the variant by a release that did not tell
# versions apart.
BY_VERSION = f"""
SELECT variant, version, {_SUMS} FROM (
  SELECT variant, version, {", ".join(COUNTS)} FROM operations_versionusage
  WHERE org_id = %(org)s AND day BETWEEN %(first)s AND %(last)s
  UNION ALL
  SELECT variant, NULL, {", ".join(COUNTS)} FROM operations_usage
  WHERE org_id = %(org)s AND day BETWEEN %(first)s AND %(last)s
  UNION ALL
  SELECT variant, NULL, {", ".join(f"-{name}" for name in COUNTS)} FROM operations_versionusage
  WHERE org_id = %(org)s AND day BETWEEN %(first)s AND %(last)s
) used
WHERE %(variant)s::text IS NULL OR variant = %(variant)s
GROUP BY variant, version
HAVING {" OR ".join(f"sum({name}) <> 0" for name in COUNTS)}
ORDER BY variant, version LIMIT %(most)s
"""  # noqa: S608 -- constants only
NOBODY_ENDS = "Somebody has been storing actions for too long to count what is new."


def roll_up(stop: Stop) -> Report:
    """Count what has been accepted and what has ended since the last time."""
    stop = chores.within(RUN_SECONDS, stop)
    now = _read_clock()
    is_new_counted = count_accepted(stop)
    # Where one is under way, this goes on with it.
    UsageProgress.objects.filter(pk=1, next_slice=0).update(
        began_at=now if is_new_counted else None
    )
    slices = 0
    while not stop() and (number := chores.insist(_count_next_ends)):
        slices += number
    result = {"last_id": find_counted(), "slices": slices}
    return Report(result, "" if is_new_counted or stop() else NOBODY_ENDS)


def count_accepted(stop: Stop) -> bool:
    """Whether all actions that were there when it was asked for are counted as accepted."""
    horizon = _find_horizon(stop)
    if horizon is None:
        return False
    while chores.insist(partial(_count_next, horizon)):
        if stop():
            return False
    return True


def find_counted() -> int:
    """The last id up to which all actions are counted as accepted."""
    progress = UsageProgress.objects.filter(pk=1).first()
    return progress.last_id if progress else 0


def read_by_version(
    *, org_id: int, first: date, last: date, variant: str | None, most: int
) -> list[dict[str, Any]]:
    """What was used of each version on these days, at most so many; in their order."""
    asked: dict[str, Any] = {"org": org_id, "first": first, "last": last}
    with connection.cursor() as cursor:
        cursor.execute(BY_VERSION, asked | {"variant": variant, "most": most})
        return [
            dict(zip(("variant", "version", *COUNTS), row, strict=True))
            for row in cursor.fetchall()
        ]


def read_versions(*, org_id: int, variant: str, days: Sequence[date]) -> dict[int, dict[str, int]]:
    """What was used of each version of a variant on these days.

    Each day is looked up by itself: an organization may have many variants.
    """
    rows = VersionUsage.objects.filter(org_id=org_id, variant=variant, day__in=days)
    sums = {f"all_{name}": Sum(name) for name in COUNTS}
    found = rows.order_by("version").values_list("version").annotate(**sums)
    return {version: dict(zip(COUNTS, counts, strict=True)) for version, *counts in found}


@transaction.atomic
def count_ends(record_ids: Iterable[int]) -> None:
    """Count the ends of these actions, which are over and counted as accepted.

    Whoever deletes them does this before, in the same transaction.
    """
    _lock()
    _count_ends(sorted({_first_of(record_id) for record_id in record_ids}))


def _find_horizon(stop: Stop) -> int | None:
    """The last id in use. All up to it are stored or never will be; None where that takes long."""
    with connection.cursor() as cursor:
        cursor.execute(NEWEST)
        (newest,) = cursor.fetchone()
    until = time.monotonic() + PATIENCE_SECONDS
    # Those who come later take greater ids.
    writers = _find_writers()
    while writers:
        if stop() or time.monotonic() > until:
            return None
        time.sleep(LOOK_SECONDS)
        writers &= _find_writers()
    return int(newest)


def _find_writers() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(WRITERS)
        return {transaction_id for (transaction_id,) in cursor.fetchall()}


@transaction.atomic
def _count_next(horizon: int) -> bool:
    """Count the next actions, at most up to the end of a slice; whether there is more to count."""
    progress = _lock()
    if progress.last_id >= horizon:
        return False
    with connection.cursor() as cursor:
        cursor.execute(NEXT, [progress.last_id])
        (found,) = cursor.fetchone()
        if found is None or found > horizon:
            last = horizon
        else:
            end = _first_of(found) + SLICE - 1
            last = min(horizon, end, found + ACCEPTED_AT_ONCE - 1)
            span = {"after": progress.last_id, "last": last}
            cursor.execute(ACCEPTED, span)
            cursor.execute(KEPT, span | {"first": _first_of(found)})
    progress.last_id = last
    progress.save(update_fields=["last_id"])
    return last < horizon


@transaction.atomic
def _count_next_ends() -> int:
    """Count what has ended in the next slices; how many these are. None: the round is through."""
    progress = _lock()
    ahead = UsageSlice.objects.filter(first_id__gte=progress.next_slice)
    firsts = list(ahead.values_list("first_id", flat=True)[:SLICES_AT_ONCE])
    if firsts:
        _count_ends(firsts)
        progress.next_slice = firsts[-1] + 1
    else:
        progress.as_of = progress.began_at or progress.as_of
        progress.next_slice, progress.began_at = 0, None
    progress.save(update_fields=["as_of", "next_slice", "began_at"])
    return len(firsts)


def _count_ends(firsts: Sequence[int]) -> None:
    """Count what has ended in these slices, and keep the rest."""
    with connection.cursor() as cursor:
        cursor.execute(ENDED, {"firsts": list(firsts)})


def _lock() -> UsageProgress:
    """How far it is counted, to be changed by nobody else in this transaction."""
    return UsageProgress.objects.select_for_update().get_or_create(pk=1)[0]


def _first_of(record_id: int) -> int:
    return record_id - record_id % SLICE


def _read_clock() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        (now,) = cursor.fetchone()
    return cast("datetime", now)
