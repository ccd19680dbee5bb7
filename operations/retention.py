"""Deleting what organizations keep no longer: by partitions, and where that is not enough, by rows.

Every step is short and stands for itself: a stop or a crash between two of them harms nothing.
A record disappears together with its events or after them, and nothing of an unfinished one
disappears.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import connection, transaction

from operations import chores, partitions, usage
from operations.chores import Report, Stop
from operations.models import Chore
from operations.partitions import EVENTS, PAYLOADS, Partition

# Rows looked at in one transaction, and for how long a run goes on: other jobs want their turn.
BATCH = 1_000
RUN_SECONDS = 60.0
# A full partition whose youngest action gets too old within so many days is left alone by the
# sweeps of rows: it is dropped whole, which costs nothing. What holds that up for longer than
# as many days does so no more.
SPARED_DAYS = 2
# Whether all that a partition holds is over and older than that. Most are judged by their
# youngest action; only what is likely to go is looked through.
IS_OVER = """
SELECT CASE WHEN (
    SELECT created_at > now() - make_interval(days => %(days)s) FROM dispatch_actionrecord
    WHERE id >= %(start)s AND id < %(end)s ORDER BY id DESC LIMIT 1)
  THEN false
  ELSE NOT EXISTS (
    SELECT FROM dispatch_actionrecord WHERE id >= %(start)s AND id < %(end)s
    AND (completed_at IS NULL OR completed_at > now() - make_interval(days => %(days)s)))
END
"""
IS_SPARED = """
SELECT created_at BETWEEN now() - make_interval(days => %(days)s + %(spared)s)
                      AND now() - make_interval(days => %(days)s - %(spared)s)
FROM dispatch_actionrecord WHERE id >= %(start)s AND id < %(end)s ORDER BY id DESC LIMIT 1
"""
DELETE_KEYS = f"""
DELETE FROM dispatch_idempotencykey WHERE id = ANY(ARRAY(
  SELECT id FROM dispatch_idempotencykey WHERE created_at < now() - interval '24 hours'
  ORDER BY created_at LIMIT {BATCH} FOR UPDATE SKIP LOCKED))
"""  # noqa: S608 -- constants only
# Few rows, all of which are looked at.
DELETE_SENDERS = """
DELETE FROM dispatch_sender s USING orgs_organization o
WHERE o.id = s.org_id AND s.last_at < now() - make_interval(days => o.history_days)
"""


@dataclass(frozen=True)
class Sweep:
    """Rows in the order of their ids, and how long an organization keeps them (a column of it).

    There is no index that finds old rows, nor a need for one: ids grow with time.
    """

    name: str
    days: str
    table: str
    seen: str
    deletes: tuple[str, ...]

    @property
    def look(self) -> str:
        """The next rows: which of them are over, the last one, and if it is too young for all."""
        return f"""
            WITH seen AS MATERIALIZED ({self.seen})
            SELECT count(*), max(s.id),
              coalesce(array_agg(s.id ORDER BY s.id) FILTER (
                WHERE r.completed_at < now() - make_interval(days => o.{self.days})), '{{}}'),
              coalesce((array_agg(r.created_at ORDER BY s.id DESC))[1]
                > now() - make_interval(days => %(least)s), false)
            FROM seen s
            LEFT JOIN dispatch_actionrecord r ON r.id = s.id
            LEFT JOIN orgs_organization o ON o.id = r.org_id
        """  # noqa: S608 -- constants only


PAYLOAD_SWEEP = Sweep(
    name="delete_payloads",
    days="payload_days",
    table=PAYLOADS,
    seen=f"""
        SELECT record_id AS id FROM dispatch_actionpayload
        WHERE record_id > %(cursor)s AND record_id < %(end)s ORDER BY record_id LIMIT {BATCH}
    """,  # noqa: S608 -- constants only
    deletes=(
        "SELECT FROM dispatch_actionpayload WHERE record_id = ANY(%s::bigint[]) "
        "ORDER BY record_id FOR UPDATE",
        "DELETE FROM dispatch_actionpayload WHERE record_id = ANY(%s::bigint[])",
    ),
)
HISTORY_SWEEP = Sweep(
    name="delete_history",
    days="history_days",
    table=EVENTS,
    seen=f"""
        SELECT id FROM dispatch_actionrecord
        WHERE id > %(cursor)s AND id < %(end)s ORDER BY id LIMIT {BATCH}
    """,  # noqa: S608 -- constants only
    # The record first: this waits for a replay, whose event is then deleted with the others.
    # In the order of ids, as a replay does it: else each could wait for the other.
    deletes=(
        "SELECT FROM dispatch_actionrecord WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE",
        "SELECT FROM dispatch_actionpayload WHERE record_id = ANY(%s::bigint[]) "
        "ORDER BY record_id FOR UPDATE",
        "DELETE FROM dispatch_actionrecord WHERE id = ANY(%s::bigint[])",
        "DELETE FROM dispatch_actionevent WHERE record_id = ANY(%s::bigint[])",
        "DELETE FROM dispatch_actionpayload WHERE record_id = ANY(%s::bigint[])",
    ),
)


def drop_partitions(stop: Stop) -> Report:
    """Drop the partitions that no organization needs: those of payloads, then those of events."""
    dropped: list[str] = []
    stop = chores.within(RUN_SECONDS, stop)
    end = _find_end(stop)
    for sweep in (PAYLOAD_SWEEP, HISTORY_SWEEP):
        for partition in _find_over(sweep, end):
            if stop() or not partitions.drop(partition):
                # It may be half detached; of a table, no other one can be until it is whole.
                break
            dropped.append(partition.name)
    return Report({"dropped": dropped})


def _find_end(stop: Stop) -> int:
    """The id at which what is not counted begins: nothing goes before its usage is counted."""
    usage.count_accepted(stop)
    return usage.find_counted() + 1


def _find_over(sweep: Sweep, end: int) -> Iterator[Partition]:
    """The partitions that may go, one after the other: what can be replayed keeps its events.

    First those that a drop has begun with, whatever is kept for how long by now: nobody sees what
    they hold, and of a table one at a time can be half detached. Then the oldest.
    """
    full = partitions.find_full(sweep.table)
    yield from (each for each in full if not each.is_readable)
    held = set()
    if sweep is not PAYLOAD_SWEEP:
        held = {partition.number for partition in partitions.find_all(PAYLOADS)}
    counted = (each for each in full if each.end <= end)
    whole = (each for each in counted if each.is_readable and each.number not in held)
    yield from (each for each in whole if _is_over(each, sweep))


def delete_payloads(stop: Stop) -> Report:
    """Delete payloads that their organization keeps no longer."""
    return _go_on(PAYLOAD_SWEEP, stop)


def delete_history(stop: Stop) -> Report:
    """Delete finished actions that their organization keeps no longer, with all they have."""
    return _go_on(HISTORY_SWEEP, stop)


def delete_idempotency_keys(stop: Stop) -> Report:
    """Delete the keys that are over."""
    deleted, stop = 0, chores.within(RUN_SECONDS, stop)
    with connection.cursor() as cursor:
        while True:
            cursor.execute(DELETE_KEYS)
            deleted += cursor.rowcount
            if stop() or cursor.rowcount < BATCH:
                return Report({"deleted": deleted})


def delete_senders(stop: Stop) -> Report:
    """Delete who sent a version so long ago that the history of that is gone."""
    with connection.cursor() as cursor:
        cursor.execute(DELETE_SENDERS)
        return Report({"deleted": cursor.rowcount})


@dataclass(frozen=True, slots=True)
class Batch:
    """How many rows were looked at and deleted, and how far that is; 0 where all have been."""

    looked_at: int
    deleted: int
    position: int


@dataclass(frozen=True, slots=True)
class Span:
    """Ids beyond `position` and below `end`, and whether none of greater ids are looked at."""

    position: int
    end: int
    is_last: bool


def _go_on(sweep: Sweep, stop: Stop) -> Report:
    """Go on where the last run ended. A sweep that has come to the young rows begins anew."""
    position = Chore.objects.filter(name=sweep.name).values_list("cursor", flat=True).first() or 0
    least, _ = _read_days(sweep)
    spared = [each for each in partitions.find_full(sweep.table) if _is_spared(each, sweep)]
    looked_at = deleted = 0
    stop = chores.within(RUN_SECONDS, stop)
    farthest = _find_end(stop)
    while least is not None and not stop():
        span = _skip(spared, position, farthest)
        step = partial(_delete_batch, sweep, span, least)
        batch = chores.insist(step)
        looked_at, deleted = looked_at + batch.looked_at, deleted + batch.deleted
        position = batch.position
        if position == 0:
            break
    return Report({"looked_at": looked_at, "deleted": deleted, "cursor": position})


@transaction.atomic
def _delete_batch(sweep: Sweep, span: Span, least: int) -> Batch:
    """Delete what is over of the next rows. How far that is, is kept together with it."""
    with connection.cursor() as cursor:
        within = {"cursor": span.position, "end": span.end, "least": least}
        cursor.execute(sweep.look, within)
        seen, last, over, is_young = cursor.fetchone()
    if over:
        _delete(sweep, over)
    reached = last if seen == BATCH else span.end - 1
    if is_young or (span.is_last and seen < BATCH):
        reached = 0
    Chore.objects.update_or_create(name=sweep.name, defaults={"cursor": reached})
    return Batch(seen, len(over), reached)


def _delete(sweep: Sweep, record_ids: list[int]) -> None:
    if sweep is HISTORY_SWEEP:
        usage.count_ends(record_ids)
    with connection.cursor() as cursor:
        for statement in sweep.deletes:
            cursor.execute(statement, [record_ids])


def _skip(spared: list[Partition], position: int, farthest: int) -> Span:
    """What may be looked at next: beyond what is spared, up to where the next that is begins."""
    by_number = {partition.number: partition for partition in spared}
    while here := by_number.get(partitions.number_of(position + 1)):
        position = here.end - 1
    ahead = [partition.start for partition in spared if position < partition.start < farthest]
    return Span(position, min(ahead, default=farthest), is_last=not ahead)


def _read_days(sweep: Sweep) -> tuple[Any, Any]:
    """The shortest and the longest that an organization keeps such rows; None without any."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT min({sweep.days}), max({sweep.days}) FROM orgs_organization")  # noqa: S608 -- constants only
        least, most = cursor.fetchone()
    return least, most


def _is_over(partition: Partition, sweep: Sweep) -> bool:
    return _judge(IS_OVER, partition, sweep)


def _is_spared(partition: Partition, sweep: Sweep) -> bool:
    return partition.is_readable and _judge(IS_SPARED, partition, sweep)


def _judge(question: str, partition: Partition, sweep: Sweep) -> bool:
    _, most = _read_days(sweep)
    parameters = {"days": most, "start": partition.start, "end": partition.end}
    if most is None:
        return False
    with connection.cursor() as cursor:
        cursor.execute(question, parameters | {"spared": SPARED_DAYS})
        answer = cursor.fetchone()
    return bool(answer and answer[0])
