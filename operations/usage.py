"""What organizations use: every action is counted once as accepted, and once when it is over.

Accepted: in the order of ids, up to one below which nothing more can turn up. Over: by slices of
ids. A slice is counted again and again, and what is new since the last time is added, until all
of it is over. Sums and position commit together: a count may be killed, or run twice at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, cast

import orjson
from django.db import connection, transaction

from operations import chores
from operations.chores import Report, Stop
from operations.models import UsageProgress, UsageSlice

# Ids that are counted at once.
SLICE = 10_000
RUN_SECONDS = 45.0
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
ACCEPTED = """
SELECT r.org_id, d.variant, (r.created_at AT TIME ZONE 'UTC')::date, count(*),
  coalesce(sum(octet_length(p.input::text)), 0)::bigint
FROM dispatch_actionrecord r
JOIN actions_actiondefinition d ON d.id = r.definition_id
LEFT JOIN dispatch_actionpayload p
  ON p.record_id = r.id AND p.record_id > %(after)s AND p.record_id <= %(last)s
WHERE r.id > %(after)s AND r.id <= %(last)s
GROUP BY 1, 2, 3
"""
# What is over and what is not, at one and the same moment: the day of what is not is none.
ENDED = """
SELECT r.org_id, d.variant, (r.completed_at AT TIME ZONE 'UTC')::date,
  count(*) FILTER (WHERE r.status = 'succeeded'), count(*) FILTER (WHERE r.status = 'failed'),
  count(*) FILTER (WHERE r.status = 'canceled')
FROM dispatch_actionrecord r
JOIN actions_actiondefinition d ON d.id = r.definition_id
WHERE r.id >= %(first)s AND r.id < %(end)s AND r.id <= %(last)s
GROUP BY 1, 2, 3
"""
ADD = """
INSERT INTO operations_usage AS u
  (org_id, variant, day, accepted, delivered, failed, canceled, payload_bytes)
SELECT org_id, variant, day, coalesce(accepted, 0), coalesce(delivered, 0), coalesce(failed, 0),
  coalesce(canceled, 0), coalesce(payload_bytes, 0)
FROM json_to_recordset(%s::json) AS new(org_id bigint, variant text, day date, accepted bigint,
  delivered bigint, failed bigint, canceled bigint, payload_bytes bigint)
ON CONFLICT (org_id, day, variant) DO UPDATE SET
  accepted = u.accepted + excluded.accepted, delivered = u.delivered + excluded.delivered,
  failed = u.failed + excluded.failed, canceled = u.canceled + excluded.canceled,
  payload_bytes = u.payload_bytes + excluded.payload_bytes
"""
NOBODY_ENDS = "Somebody has been storing actions for too long to count what is new."


class Of(NamedTuple):
    """Whose, of what, and when."""

    org_id: int
    variant: str
    day: str


class Ends(NamedTuple):
    """How many actions ended in which way."""

    delivered: int = 0
    failed: int = 0
    canceled: int = 0

    def minus(self, other: Ends) -> Ends:
        """How many more these are."""
        return Ends(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))


Counted = dict[Of, Ends]


def roll_up(stop: Stop) -> Report:
    """Count what has been accepted and what has ended since the last time."""
    stop = chores.within(RUN_SECONDS, stop)
    as_of = _read_clock()
    is_new_counted = count_accepted(stop)
    slices, is_complete = _recount_all(stop)
    if is_new_counted and is_complete:
        UsageProgress.objects.filter(pk=1).update(as_of=as_of)
    progress = UsageProgress.objects.filter(pk=1).first()
    result = {"last_id": progress.last_id if progress else 0, "slices": slices}
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


@contextmanager
def kept(record_ids: Iterable[int]) -> Iterator[None]:
    """Deletes inside, of actions that are over and counted as accepted, change no count.

    It is part of the transaction that deletes them.
    """
    progress = _lock()
    firsts = {_first_of(record_id) for record_id in record_ids}
    slices = list(UsageSlice.objects.filter(pk__in=firsts))
    for each in slices:
        _recount(each, progress)
    yield
    # Those that have just been closed are none any more.
    for each in UsageSlice.objects.filter(pk__in=[each.pk for each in slices]):
        each.counted = _written(_count_ends(each.pk, progress.last_id)[0])
        each.save()


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
    """Count up to the end of a slice; whether there is more to count."""
    progress = _lock()
    if progress.last_id >= horizon:
        return False
    with connection.cursor() as cursor:
        cursor.execute(NEXT, [progress.last_id])
        (found,) = cursor.fetchone()
        if found is None or found > horizon:
            last = horizon
        else:
            last = min(horizon, _first_of(found) + SLICE - 1)
            cursor.execute(ACCEPTED, {"after": progress.last_id, "last": last})
            _add(
                {"org_id": org_id, "variant": variant, "day": day}
                | {"accepted": accepted, "payload_bytes": size}
                for org_id, variant, day, accepted, size in cursor.fetchall()
            )
            UsageSlice.objects.get_or_create(first_id=_first_of(found))
    progress.last_id = last
    progress.save(update_fields=["last_id"])
    return last < horizon


def _recount_all(stop: Stop) -> tuple[int, bool]:
    """How many slices were counted, and whether those were all that may have changed."""
    begins = UsageProgress.objects.filter(pk=1).values_list("next_slice", flat=True).first() or 0
    firsts = list(UsageSlice.objects.values_list("first_id", flat=True))
    # Where the last run was stopped, and then from the beginning.
    firsts.sort(key=lambda first: (first < begins, first))
    for number, first in enumerate(firsts):
        if stop():
            UsageProgress.objects.filter(pk=1).update(next_slice=first)
            return number, False
        chores.insist(partial(_recount_slice, first))
    return len(firsts), True


@transaction.atomic
def _recount_slice(first: int) -> None:
    progress = _lock()
    found = UsageSlice.objects.filter(pk=first).first()
    if found is not None:
        _recount(found, progress)


def _recount(found: UsageSlice, progress: UsageProgress) -> None:
    """Add what has ended in a slice since it was counted; one that is all over is done with."""
    ends, is_over = _count_ends(found.pk, progress.last_id)
    before = _read(found.counted)
    more = {of: ends.get(of, Ends()).minus(before.get(of, Ends())) for of in ends | before}
    news = {of: each for of, each in more.items() if any(each)}
    _add(of._asdict() | each._asdict() for of, each in news.items())
    if is_over and found.pk + SLICE <= progress.last_id + 1:
        found.delete()
    elif news:
        found.counted = _written(ends)
        found.save()


def _count_ends(first: int, last: int) -> tuple[Counted, bool]:
    """What of a slice is over, up to the last id that counts, and whether all of it is."""
    with connection.cursor() as cursor:
        cursor.execute(ENDED, {"first": first, "end": first + SLICE, "last": last})
        rows = cursor.fetchall()
    ends = {
        Of(org_id, variant, day.isoformat()): Ends(*counts)
        for org_id, variant, day, *counts in rows
        if day is not None
    }
    return ends, all(day is not None for _, _, day, *_ in rows)


def _add(counts: Iterable[dict[str, Any]]) -> None:
    """Add them to the sums, in one order for all who do."""
    ordered = sorted(counts, key=lambda one: (one["org_id"], str(one["day"]), one["variant"]))
    if ordered:
        with connection.cursor() as cursor:
            cursor.execute(ADD, [orjson.dumps(ordered).decode()])


def _lock() -> UsageProgress:
    """How far it is counted, to be changed by nobody else in this transaction."""
    return UsageProgress.objects.select_for_update().get_or_create(pk=1)[0]


def _first_of(record_id: int) -> int:
    return record_id - record_id % SLICE


def _written(counted: Counted) -> list[list[Any]]:
    return [[*of, *ends] for of, ends in counted.items()]


def _read(written: Sequence[Sequence[Any]]) -> Counted:
    return {Of(*row[:3]): Ends(*row[3:]) for row in written}


def _read_clock() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        (now,) = cursor.fetchone()
    return cast("datetime", now)
