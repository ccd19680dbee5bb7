"""How work goes, step by step: what is counted already, and what has happened since.

Both are read in one statement, so that nothing is missing between them and nothing stands twice:
`usage` tells what is counted as accepted by its id, and keeps the ids of what is not counted as
over. Where more has happened since than a page can look through, it says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection

from config import histograms
from destinations import soundings
from operations import chores, lane_samples, minutes
from operations.chores import Report, Stop
from operations.minutes import ENDS

# What is not counted yet is looked through up to so many actions.
LOOKED_THROUGH = 10_000
# The worker counts every minute.
LATE = timedelta(minutes=3)
# For how long one kind of rows is deleted: other jobs want their turn.
RUN_SECONDS = 60.0
_COUNTS = ("accepted", *ENDS)
_SUMS = ", ".join(f"sum({one})::bigint AS {one}" for one in _COUNTS)


def _read(org: str, ours: str) -> str:
    """The statement, by how the minutes and the actions of whom it is about are told."""
    return f"""
WITH since AS MATERIALIZED (
  SELECT date_bin(%(step)s::interval, now(), 'epoch') - %(span)s::interval AS at
), fresh AS MATERIALIZED (
  SELECT {minutes.COLUMNS} FROM dispatch_actionrecord
  WHERE id > coalesce((SELECT last_id FROM operations_usageprogress WHERE id = 1), 0)
  ORDER BY id LIMIT {LOOKED_THROUGH + 1}
), waiting AS MATERIALIZED (
  SELECT w.id FROM (SELECT unfinished FROM operations_usageslice ORDER BY first_id) s
  CROSS JOIN LATERAL unnest(s.unfinished) AS w(id) LIMIT {LOOKED_THROUGH + 1}
), over AS MATERIALIZED (
  SELECT r.org_id, r.status, r.completed_at, {minutes.BUCKET} AS bucket FROM (
    SELECT {minutes.COLUMNS} FROM fresh WHERE completed_at IS NOT NULL
    UNION ALL
    SELECT {minutes.COLUMNS} FROM dispatch_actionrecord
    WHERE id = ANY(ARRAY(SELECT id FROM waiting)) AND completed_at IS NOT NULL
  ) r
), counted AS MATERIALIZED (
  SELECT * FROM operations_minute WHERE org_id {org}
    AND length = %(length)s AND minute >= (SELECT at FROM since)
), happened AS (
  SELECT minute AS moment, {", ".join(_COUNTS)} FROM counted
  UNION ALL
  SELECT created_at, 1, 0, 0, 0 FROM fresh WHERE {ours}
  UNION ALL
  SELECT completed_at, 0, {", ".join(f"(status = '{one}')::int" for one in ENDS)}
  FROM over WHERE {ours}
), summed AS (
  SELECT date_bin(%(step)s::interval, moment, 'epoch') AS at, {_SUMS} FROM happened GROUP BY 1
), took AS (
  SELECT minute AS moment, key::int AS bucket, value::bigint AS n
  FROM counted CROSS JOIN LATERAL jsonb_each_text(times)
  UNION ALL
  SELECT completed_at, bucket, 1 FROM over WHERE bucket IS NOT NULL AND {ours}
), timed AS (
  SELECT at, jsonb_object_agg(bucket, n)::text AS times FROM (
    SELECT date_bin(%(step)s::interval, moment, 'epoch') AS at, bucket, sum(n) AS n
    FROM took GROUP BY 1, 2
  ) AS buckets GROUP BY at
)
SELECT steps.at, {", ".join(f"coalesce({one}, 0)" for one in _COUNTS)}, coalesce(times, '{{}}'),
  now(), (SELECT as_of FROM operations_usageprogress WHERE id = 1),
  (SELECT count(*) > {LOOKED_THROUGH} FROM fresh) OR
  (SELECT count(*) > {LOOKED_THROUGH} FROM waiting)
FROM generate_series((SELECT at FROM since), now(), %(step)s::interval) AS steps(at)
LEFT JOIN summed USING (at) LEFT JOIN timed USING (at) ORDER BY 1
"""  # noqa: S608 -- constants only


READ_ALL = _read("IS NULL", "true")
READ_ONE = _read("= %(org)s", "org_id = %(org)s")


@dataclass(frozen=True, slots=True)
class Window:
    """How far back is looked, and in which steps."""

    name: str
    title: str
    span: timedelta
    step: timedelta


WINDOWS = {
    window.name: window
    for window in (
        Window("hour", "Last hour", timedelta(minutes=59), timedelta(minutes=1)),
        Window("day", "Last day", timedelta(minutes=60 * 24 - 15), timedelta(minutes=15)),
    )
}


@dataclass(frozen=True, slots=True)
class Step:
    """What came and what ended within a step from `at` on, and how long what succeeded took."""

    at: datetime
    accepted: int = 0
    succeeded: int = 0
    failed: int = 0
    canceled: int = 0
    times: dict[int, int] = field(default_factory=dict)

    def percentile(self, share: float) -> float | None:
        """The milliseconds within which this share of what succeeded did."""
        return histograms.find_percentile(self.times, share)


@dataclass(frozen=True, slots=True)
class Course:
    """How work went in a window; the last step is not over."""

    window: Window
    steps: Sequence[Step]
    now: datetime
    # Up to when the worker has counted; None where it never has.
    as_of: datetime | None
    # Whether more happened since than was looked through.
    is_behind: bool

    @property
    def total(self) -> Step:
        """All steps as one."""
        times: Counter[int] = Counter()
        for step in self.steps:
            times.update(step.times)
        sums = {name: sum(getattr(step, name) for step in self.steps) for name in _COUNTS}
        return Step(self.steps[0].at, **sums, times=dict(times))

    @property
    def is_late(self) -> bool:
        """Whether the worker has not counted for longer than it should."""
        return self.as_of is None or self.now - self.as_of > LATE


def read(org_id: int | None, window: Window) -> Course:
    """How the work of an organization went, or without one that of all."""
    length = window.step // timedelta(minutes=1)
    asked: dict[str, Any] = {
        "step": window.step,
        "span": window.span,
        "length": length,
        "org": org_id,
    }
    statement = READ_ALL if org_id is None else READ_ONE
    with connection.cursor() as cursor:
        cursor.execute(statement, asked)
        rows = cursor.fetchall()
    steps = [
        Step(at, accepted, succeeded, failed, canceled, _read_times(times))
        for at, accepted, succeeded, failed, canceled, times in (row[:6] for row in rows)
    ]
    return Course(window, steps, *rows[-1][6:])


def _read_times(text: str) -> dict[int, int]:
    return {int(bucket): number for bucket, number in orjson.loads(text).items()}


def delete_old(stop: Stop) -> Report:
    """Delete what is measured and kept no longer: minutes, samples of lanes, soundings.

    Each for a minute at most; the next run goes on there.
    """
    return Report(
        {
            "minutes": _delete(minutes.delete_batch, stop),
            "lane_samples": _delete(lane_samples.delete_batch, stop),
            "soundings": _delete(soundings.delete_batch, stop),
        }
    )


def _delete(batch: Callable[[], int], stop: Stop) -> int:
    deleted, stop = 0, chores.within(RUN_SECONDS, stop)
    while not stop() and (number := chores.insist(batch)):
        deleted += number
    return deleted
