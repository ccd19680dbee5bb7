"""Ending attempts: one compare-and-set on (record, attempt, status), with its event.

The dispatcher writes what deliveries came to, the API what workers say; both go through
`FINISH`. A late ending changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from django.db import connection, transaction

from config.errors import ConflictError, NotFoundError, RuleError
from destinations.outcomes import Outcome, Verdict
from dispatch import retries
from dispatch.models import IN_FLIGHT, ActionEvent, ActionRecord, Status
from dispatch.retries import Ending

WAKE = "waybill_due"
FARTHEST_RETRY = 30 * 86_400
# Ends every attempt that is still the record's current one and in one of the statuses `open`.
# Rows are locked in the order of their ids, as a forced deletion does: no deadlocks.
FINISH = """
WITH ending AS MATERIALIZED (
  SELECT * FROM unnest(
    %(ids)s::bigint[], %(attempts)s::int[], %(kinds)s::text[], %(statuses)s::text[],
    %(delays)s::float8[], %(counted)s::bool[], %(errors)s::text[], %(details)s::text[],
    %(said)s::bool[]
  ) AS ending(id, attempt, kind, status, delay, counted, error, detail, said)
), held AS MATERIALIZED (
  SELECT r.id, r.attempt FROM dispatch_actionrecord r
  JOIN ending e ON r.id = e.id AND r.attempt = e.attempt
  WHERE r.status = ANY(%(open)s::text[]) AND (e.said OR r.status = 'running')
  ORDER BY r.id FOR UPDATE OF r
), changed AS (
  UPDATE dispatch_actionrecord r SET
    status = e.status,
    attempt = r.attempt + CASE WHEN e.status IN ('queued', 'scheduled') THEN 1 ELSE 0 END,
    failures = r.failures + CASE WHEN e.counted THEN 1 ELSE 0 END,
    available_at = CASE WHEN e.status IN ('queued', 'scheduled')
      THEN now() + e.delay * interval '1 second' ELSE r.available_at END,
    timeout_at = CASE WHEN e.status = 'ack_wait' THEN now() + e.delay * interval '1 second' END,
    completed_at = CASE WHEN e.status IN ('succeeded', 'failed', 'canceled') THEN now() END,
    error_message = e.error,
    updated_at = now()
  FROM held h JOIN ending e USING (id, attempt)
  WHERE r.id = h.id
  RETURNING r.id, e.attempt, CASE WHEN r.status IN ('queued', 'scheduled')
    THEN r.available_at END AS available_at
), written AS (
  INSERT INTO dispatch_actionevent (record_id, kind, status, attempt, available_at, detail)
  SELECT e.id, CASE WHEN c.id IS NULL THEN 'late' ELSE e.kind END,
    CASE WHEN c.id IS NULL THEN r.status ELSE e.status END, e.attempt, c.available_at,
    e.detail::jsonb
  FROM ending e
  LEFT JOIN changed c ON c.id = e.id AND c.attempt = e.attempt
  LEFT JOIN dispatch_actionrecord r ON c.id IS NULL AND r.id = e.id
  WHERE c.id IS NOT NULL OR (%(log_late)s AND r.id IS NOT NULL)
)
SELECT id FROM changed
"""
NOTIFY = f"SELECT pg_notify('{WAKE}', '')"


def finish_parameters(
    endings: Sequence[Ending], *, statuses: Sequence[str], log_late: bool
) -> dict[str, Any]:
    """The parameters of `FINISH` for these endings."""
    return {
        "ids": [ending.record_id for ending in endings],
        "attempts": [ending.attempt for ending in endings],
        "kinds": [ending.kind for ending in endings],
        "statuses": [ending.status for ending in endings],
        "delays": [float(ending.delay) for ending in endings],
        "counted": [ending.counted for ending in endings],
        "errors": [ending.error for ending in endings],
        "details": [
            None if ending.detail is None else orjson.dumps(ending.detail).decode()
            for ending in endings
        ],
        "open": [str(status) for status in statuses],
        "said": [ending.said for ending in endings],
        "log_late": log_late,
    }


def finish(ending: Ending, *, statuses: Sequence[str] = IN_FLIGHT) -> bool:
    """Whether this ending won. Wakes the dispatchers: a lane has room, or a retry is due."""
    parameters = finish_parameters([ending], statuses=statuses, log_late=False)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FINISH, parameters)
        won = cursor.fetchone() is not None
        if won:
            cursor.execute(NOTIFY)
    return won


def ack(*, org_id: int, record_id: int, attempt: int) -> None:
    """The action succeeded."""
    _settle(org_id, record_id, attempt, Outcome(Verdict.ACK))


def nack(
    *, org_id: int, record_id: int, attempt: int, retry_at: int | None = None, retry: bool = True
) -> None:
    """The attempt failed: again at `retry_at` (Unix seconds), by the schedule, or never."""
    message = "nack" if retry else "nack: not to be retried"
    delay = None if retry_at is None else _seconds_until(retry_at)
    _settle(org_id, record_id, attempt, Outcome(Verdict.NACK, message, delay), retry=retry)


def extend(*, org_id: int, record_id: int, attempt: int, seconds: int) -> None:
    """The settlement deadline is `seconds` from now."""
    _find(org_id, record_id)
    ending = Ending(
        record_id,
        attempt,
        ActionEvent.Kind.EXTENDED,
        Status.ACK_WAIT,
        seconds,
        detail={"seconds": seconds},
    )
    if not finish(ending):
        raise _over(attempt)


def _settle(
    org_id: int, record_id: int, attempt: int, outcome: Outcome, *, retry: bool = True
) -> None:
    record = _find(org_id, record_id)
    if retry:
        ending = retries.end_attempt(record_id, attempt, record.failures, outcome)
    else:
        ending = retries.fail(record_id, attempt, outcome, counted=True)
    if not finish(ending) and not _already_said(record_id, attempt, ending.kind):
        raise _over(attempt)


def _seconds_until(moment: int) -> int:
    """By the database's clock, for all due times are judged by it; the past is now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT ceil(%s - extract(epoch FROM now()))::bigint", [moment])
        seconds = int(cursor.fetchone()[0])
    if seconds > FARTHEST_RETRY:
        raise RuleError("`retry_at` is at most 30 days ahead.", pointer="/terms/retry_at")
    return max(0, seconds)


def _already_said(record_id: int, attempt: int, kind: str) -> bool:
    """Whether the settle that won this attempt was of the same kind: repeating it is fine."""
    return ActionEvent.objects.filter(record_id=record_id, attempt=attempt, kind=kind).exists()


def _find(org_id: int, record_id: int) -> ActionRecord:
    record = ActionRecord.objects.filter(org_id=org_id, pk=record_id).first()
    if record is None:
        raise NotFoundError(f"There is no action {record_id}.")
    return record


def _over(attempt: int) -> ConflictError:
    return ConflictError(f"Attempt {attempt} is over, or has not begun.", code="ATTEMPT_OVER")
