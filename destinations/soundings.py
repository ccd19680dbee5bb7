"""How destinations answer: what each process has seen of that, summed up and written now and then.

Nobody writes anything for one delivery: neither a dispatcher, nor a web process whose caller waits.
A process that is killed takes some seconds of it along; that is why nothing but the health of
destinations is read of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection

from config import histograms
from destinations.models import Sounding
from destinations.outcomes import Outcome, Verdict

WRITE_SECONDS = 10.0
STEP_MINUTES = 5
KEPT_DAYS = 2
BATCH = 10_000
MOST_ERROR = 300
LISTED = 50
GOOD = frozenset({Verdict.ACK, Verdict.WAIT})
# In the order of ids: several who write do not wait for each other in a circle.
ADD = f"""
INSERT INTO destinations_sounding AS s
  (destination_id, at, succeeded, failed, late, times, error, error_at)
SELECT d.id, date_bin('{STEP_MINUTES} minutes', now(), 'epoch'), succeeded, failed, late, times,
  coalesce(error, ''), CASE WHEN error <> '' THEN now() END
FROM json_to_recordset(%(seen)s::json) AS seen(
  id bigint, succeeded bigint, failed bigint, late bigint, times jsonb, error text)
JOIN destinations_destination d ON d.id = seen.id
ORDER BY d.id
ON CONFLICT (destination_id, at) DO UPDATE SET
  succeeded = s.succeeded + excluded.succeeded, failed = s.failed + excluded.failed,
  late = s.late + excluded.late, times = {histograms.merge_in_sql("s")},
  error = CASE WHEN excluded.error <> '' THEN excluded.error ELSE s.error END,
  error_at = coalesce(excluded.error_at, s.error_at)
"""  # noqa: S608 -- constants only
# Each step of each destination, nothing or not. By their keys, however many there are of others.
READ = f"""
SELECT wanted.id AS destination_id, steps.at, coalesce(s.id, 0) AS id,
  coalesce(s.succeeded, 0) AS succeeded, coalesce(s.failed, 0) AS failed,
  coalesce(s.late, 0) AS late, s.times, s.error, s.error_at
FROM unnest(%(ids)s::bigint[]) AS wanted(id)
CROSS JOIN generate_series(
  date_bin('{STEP_MINUTES} minutes', now(), 'epoch') - %(span)s::interval
    + interval '{STEP_MINUTES} minutes', now(), interval '{STEP_MINUTES} minutes') AS steps(at)
LEFT JOIN destinations_sounding s ON s.destination_id = wanted.id AND s.at = steps.at
ORDER BY wanted.id, steps.at
"""  # noqa: S608 -- constants only
FAILING = f"""
SELECT s.destination_id FROM destinations_sounding s
JOIN destinations_destination d ON d.id = s.destination_id
WHERE s.at > now() - interval '1 hour' AND s.failed > 0 AND d.deleted_at IS NULL
  AND (%(org)s::bigint IS NULL OR d.org_id = %(org)s)
GROUP BY s.destination_id ORDER BY sum(s.failed) DESC, s.destination_id LIMIT {LISTED}
"""  # noqa: S608 -- constants only
DELETE = f"""
DELETE FROM destinations_sounding WHERE id = ANY(ARRAY(
  SELECT id FROM destinations_sounding WHERE at < now() - interval '{KEPT_DAYS} days'
  ORDER BY at LIMIT {BATCH}))
"""  # noqa: S608 -- constants only


@dataclass(slots=True)
class Seen:
    """What has been seen of a destination."""

    succeeded: int = 0
    failed: int = 0
    late: int = 0
    times: Counter[int] = field(default_factory=Counter)
    error: str = ""


class Soundings:
    """What a process has seen and not written yet."""

    def __init__(self) -> None:
        self.seen: dict[int, Seen] = {}

    def note(
        self, destination_id: int, outcome: Outcome, *, milliseconds: float, sla: int | None
    ) -> None:
        """What came of a delivery to the destination, and how long that took."""
        seen = self.seen.get(destination_id)
        if seen is None:
            seen = self.seen[destination_id] = Seen()
        if outcome.verdict in GOOD:
            seen.succeeded += 1
        else:
            seen.failed += 1
            seen.error = outcome.message[:MOST_ERROR] or str(outcome.verdict)
        # What is no fault of the destination, and was not sent, says nothing of how fast it is.
        if outcome.verdict is not Verdict.OURS:
            seen.times[histograms.bucket_of(milliseconds)] += 1
            seen.late += sla is not None and milliseconds > sla

    def take(self) -> dict[str, Any] | None:
        """The parameters of `ADD`, and nothing is left; None where nothing was."""
        if not self.seen:
            return None
        seen, self.seen = self.seen, {}
        rows = [
            {
                "id": destination_id,
                "succeeded": one.succeeded,
                "failed": one.failed,
                "late": one.late,
                "times": {str(bucket): n for bucket, n in one.times.items()},
                "error": one.error,
            }
            for destination_id, one in seen.items()
        ]
        return {"seen": orjson.dumps(rows).decode()}

    def write(self) -> None:
        """Write what has been seen at once."""
        if seen := self.take():
            with connection.cursor() as cursor:
                cursor.execute(ADD, seen)


@dataclass(frozen=True, slots=True)
class Step:
    """How a destination answered from `at` on, within one step."""

    at: datetime
    succeeded: int = 0
    failed: int = 0
    late: int = 0
    times: Counter[int] = field(default_factory=Counter)
    error: str = ""
    error_at: datetime | None = None

    def percentile(self, share: float) -> float | None:
        """The milliseconds within which this share of the answers came."""
        return histograms.find_percentile(self.times, share)


def read(destination_ids: Collection[int], span: timedelta) -> dict[int, list[Step]]:
    """How each destination answered in a span up to now, by steps of five minutes, none missing."""
    rows = Sounding.objects.raw(READ, {"ids": list(destination_ids), "span": span})
    found: dict[int, list[Step]] = {destination_id: [] for destination_id in destination_ids}
    for row in rows:
        times = Counter({int(bucket): n for bucket, n in (row.times or {}).items()})
        step = Step(
            row.at, row.succeeded, row.failed, row.late, times, row.error or "", row.error_at
        )
        found[row.destination_id].append(step)
    return found


def add_up(steps: Sequence[Step]) -> Step:
    """Several steps as one, which begins with the first and has the error of the last."""
    times: Counter[int] = Counter()
    for step in steps:
        times.update(step.times)
    erring = next((step for step in reversed(steps) if step.error), None)
    return Step(
        steps[0].at,
        succeeded=sum(step.succeeded for step in steps),
        failed=sum(step.failed for step in steps),
        late=sum(step.late for step in steps),
        times=times,
        error=erring.error if erring else "",
        error_at=erring.error_at if erring else None,
    )


def find_failing(org_id: int | None) -> list[int]:
    """The destinations that failed most in the last hour, up to a page of them."""
    with connection.cursor() as cursor:
        cursor.execute(FAILING, {"org": org_id})
        return [destination_id for (destination_id,) in cursor.fetchall()]


def delete_batch() -> int:
    """How many were deleted that are kept no longer; there may be more of them."""
    with connection.cursor() as cursor:
        cursor.execute(DELETE)
        return int(cursor.rowcount)
