"""How destinations answer: what each process has seen of that, summed up and written now and then.

Nothing is written for a delivery. A process that is killed takes some seconds of it along; that is
why nothing but the health of destinations is read of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db import connection

from config import histograms
from destinations.outcomes import Outcome, Verdict

WRITE_SECONDS = 10.0
STEP_MINUTES = 5
KEPT_DAYS = 2
BATCH = 10_000
MOST_ERROR = 300
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


def delete_batch() -> int:
    """How many were deleted that are kept no longer; there may be more of them."""
    with connection.cursor() as cursor:
        cursor.execute(DELETE)
        return cursor.rowcount
