"""Ending attempts: one compare-and-set on (record, attempt, status), with its event.

The dispatcher writes what deliveries came to (`FLUSH`), the API what workers say (`FINISH`):
the same statement. A late ending changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import orjson
from django.db import DatabaseError, connection, transaction

from config.errors import ConflictError, NotFoundError, RuleError
from destinations.outcomes import Outcome, Verdict
from dispatch import retries, rounds
from dispatch.models import IN_FLIGHT, ActionEvent, ActionRecord, Status
from dispatch.retries import Ending

logger = logging.getLogger(__name__)

WAKE = "waybill_due"
FARTHEST_RETRY = 30 * 86_400


_IS_CURRENT = """r.attempt = e.attempt AND r.status = ANY(%(open)s::text[])
    AND (e.said OR r.status = 'running')"""
# Ends every attempt that is still the record's current one and in one of the statuses `open`.
# Rows are locked in the order of their ids, as a forced deletion does: no deadlocks.
_END = f"""
WITH ending AS MATERIALIZED (
  SELECT record_id AS id, attempt, kind, status, delay, counted, error, detail, said
  FROM json_to_recordset(%(endings)s::json) AS ending(
    record_id bigint, attempt int, kind text, status text, delay float8, counted bool,
    error text, detail jsonb, said bool)
), held AS MATERIALIZED (
  SELECT e.* FROM ending e JOIN dispatch_actionrecord r ON r.id = e.id AND {_IS_CURRENT}
  ORDER BY r.id FOR UPDATE OF r {{lock}}
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
  FROM held e WHERE r.id = e.id
  RETURNING r.id, r.lane_id, e.kind, e.status, e.attempt, CASE
    WHEN e.status IN ('queued', 'scheduled') THEN r.available_at END AS available_at, e.detail
)"""  # noqa: S608 -- constants only
_WRITE = """
  INSERT INTO dispatch_actionevent (record_id, kind, status, attempt, available_at, detail)
  SELECT id, kind, status, attempt, available_at, detail FROM changed"""
# What people and workers say: waits for whoever has a row locked, and tells which ones it ended.
FINISH = f"""{_END.format(lock="")}, written AS ({_WRITE})
SELECT id, lane_id FROM changed
"""  # noqa: S608 -- constants only
# What a dispatcher writes: what is late becomes an event, and one locked row keeps no other outcome
# waiting. It tells which ones were locked.
FLUSH = f"""{_END.format(lock="SKIP LOCKED")}, missed AS MATERIALIZED (
  SELECT e.id, e.attempt, e.detail, r.status, {_IS_CURRENT} AS is_locked
  FROM ending e JOIN dispatch_actionrecord r ON r.id = e.id
  WHERE (e.id, e.attempt) NOT IN (SELECT id, attempt FROM changed)
), written AS ({_WRITE}
  UNION ALL
  SELECT id, 'late', status, attempt, NULL, detail FROM missed WHERE NOT is_locked
)
SELECT id, attempt FROM missed WHERE is_locked
"""  # noqa: S608 -- constants only
NOTIFY = f"SELECT pg_notify('{WAKE}', '')"


def finish_parameters(endings: Sequence[Ending], *, statuses: Sequence[str]) -> dict[str, Any]:
    """The parameters of `FINISH` and `FLUSH` for these endings."""
    return {
        # One text: psycopg writes arrays item by item.
        "endings": orjson.dumps(endings).decode(),
        "open": [str(status) for status in statuses],
    }


def finish(ending: Ending, *, statuses: Sequence[str] = IN_FLIGHT) -> bool:
    """Whether this ending won. Wakes the dispatchers: a lane has room, or a retry is due."""
    return _finish(ending, statuses) is not None


def _finish(ending: Ending, statuses: Sequence[str]) -> tuple[int, int | None] | None:
    """The record and the lane of the ending, where it won."""
    parameters = finish_parameters([ending], statuses=statuses)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FINISH, parameters)
        won: tuple[int, int | None] | None = cursor.fetchone()
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
    won = _finish(ending, IN_FLIGHT)
    if won is None:
        if not _already_said(record_id, attempt, ending.kind):
            raise _over(attempt)
    elif won[1] is not None:
        _count_settled(won[1])


def _count_settled(lane_id: int) -> None:
    """The settle has been committed: that the lane cannot be looked at now is no matter of it."""
    try:
        rounds.count_settled(lane_id)
    except DatabaseError:
        logger.exception("The round of lane %d is not counted", lane_id)


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
