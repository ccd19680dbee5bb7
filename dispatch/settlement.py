"""Ending attempts: one compare-and-set on (record, attempt, status), with its event.

The dispatcher writes what deliveries came to (`FLUSH`), the API what workers say (`FINISH`):
the same statement. A late ending changes nothing.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

import orjson
from django.db import DatabaseError, connection

from config.errors import ConflictError, Fault, NotFoundError, RuleError
from destinations.outcomes import Outcome, Verdict
from dispatch import retries, rounds
from dispatch.models import IN_FLIGHT, ActionEvent, ActionRecord, Status
from dispatch.retries import Ending

logger = logging.getLogger(__name__)

# Work that dispatchers deliver, and work that is pulled from a destination: the payload is its id.
WAKE = "waybill_due"
PULL = "waybill_pull"
FARTHEST_RETRY = 30 * 86_400
# As many as an action may fail by its schedule.
MOST_ANSWERS = retries.MAX_FAILURES


_IS_CURRENT = """r.attempt = e.attempt AND r.status = ANY(%(open)s::text[])
    AND (e.said OR r.status = 'running')"""
# Ends every attempt that is still the record's current one and in one of the statuses `open`.
# Rows are locked in the order of their ids, as a forced deletion does: no deadlocks.
_END = f"""
WITH ending AS MATERIALIZED (
  SELECT id, attempt, milliseconds, kind, status, delay, counted, error, detail, said, result,
    answer
  FROM json_to_recordset(%(endings)s::json) AS alike(
    records bigint[], attempts int[], times int[], kind text, status text, delay float8,
    counted bool, error text, detail jsonb, said bool, result text, answer jsonb)
  CROSS JOIN unnest(records, attempts, times) AS ending(id, attempt, milliseconds)
), held AS MATERIALIZED (
  SELECT e.* FROM ending e JOIN dispatch_actionrecord r ON r.id = e.id AND {_IS_CURRENT}
  -- By an array of keys: for a join the planner would go through all records.
  WHERE r.id = ANY(ARRAY(SELECT id FROM ending))
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
  RETURNING r.id, r.lane_id, r.push, r.destination_id, e.kind, e.status, e.attempt, CASE
    WHEN e.status IN ('queued', 'scheduled') THEN r.available_at END AS available_at, e.detail,
    e.milliseconds, e.result, e.answer
)"""  # noqa: S608 -- constants only
# By an array of keys: the planner would go through all payloads for a join.
# Of the answers the oldest makes room.
_KEEP = f""", kept AS (
  UPDATE dispatch_actionpayload p
  SET (result, answers) = (
    SELECT coalesce(c.result::json, p.result), CASE WHEN c.answer IS NULL THEN p.answers
      WHEN jsonb_array_length(p.answers) >= {MOST_ANSWERS} THEN p.answers - 0 || c.answer
      ELSE coalesce(p.answers, '[]') || c.answer END
    FROM (
      SELECT id, result, jsonb_build_object('attempt', attempt) || answer AS answer FROM changed
    ) c WHERE c.id = p.record_id
  )
  WHERE p.record_id = ANY(ARRAY(
    SELECT id FROM changed WHERE result IS NOT NULL OR answer IS NOT NULL
  ))
)"""  # noqa: S608 -- constants only
_WRITE = """
  INSERT INTO dispatch_actionevent (
    record_id, kind, status, attempt, available_at, milliseconds, detail)
  SELECT id, kind, status, attempt, available_at, milliseconds, detail FROM changed"""
# What people and workers say: waits for whoever has a row locked, and tells which ones it ended.
# A lane has room, or a retry is due: that wakes the dispatchers, and where it means something for
# what is pulled, those who wait to pull it.
_FINISH = f"""{_END.format(lock="")}{{keep}}, written AS ({_WRITE})
SELECT id, attempt, lane_id, CASE
    WHEN push THEN pg_notify('{WAKE}', '')
    WHEN status = 'queued' OR (status <> 'ack_wait' AND EXISTS (
      SELECT FROM dispatch_actionrecord r
      WHERE r.destination_id = changed.destination_id AND r.lane_id = changed.lane_id
        AND r.status = 'queued' AND NOT r.push
    )) THEN pg_notify('{PULL}', destination_id::text)
  END
FROM changed
"""  # noqa: S608 -- constants only
FINISH = _FINISH.format(keep="")
# The same where there is a result, or an answer to be kept.
FINISH_KEEPING = _FINISH.format(keep=_KEEP)
# What a dispatcher writes: what is late becomes an event, and one locked row keeps no other outcome
# waiting. It tells which ones were locked.
_FLUSH = f"""{_END.format(lock="SKIP LOCKED")}{{keep}}, left_over AS MATERIALIZED (
  SELECT * FROM ending WHERE (id, attempt) NOT IN (SELECT id, attempt FROM changed)
), missed AS MATERIALIZED (
  SELECT e.id, e.attempt, e.milliseconds, e.detail, r.status, {_IS_CURRENT} AS is_locked
  FROM left_over e JOIN dispatch_actionrecord r ON r.id = e.id
  WHERE r.id = ANY(ARRAY(SELECT id FROM left_over))
), written AS ({_WRITE}
  UNION ALL
  SELECT id, 'late', status, attempt, NULL, milliseconds, detail FROM missed WHERE NOT is_locked
)
SELECT id, attempt FROM missed WHERE is_locked
"""  # noqa: S608 -- constants only
FLUSH = _FLUSH.format(keep=_KEEP)
# The same where there is nothing to keep: an update costs each partition a look, whatever it
# finds there.
FLUSH_BARE = _FLUSH.format(keep="")
NOTIFY = f"SELECT pg_notify('{WAKE}', ''), pg_notify('{PULL}', '')"


# What of an ending is not about its record.
HOW = ("kind", "status", "delay", "counted", "error", "detail", "said", "result", "answer")
_how = attrgetter(*HOW)


def finish_parameters(endings: Sequence[Ending], *, statuses: Sequence[str]) -> dict[str, Any]:
    """The parameters of `FINISH`, `FLUSH` and `FLUSH_BARE` for these endings."""
    # Those that end alike together: reading each from JSON takes longer than ending it.
    alike: dict[bytes, dict[str, Any]] = {}
    for ending in endings:
        how = _how(ending)
        key = orjson.dumps(how)
        if key not in alike:
            alike[key] = dict(zip(HOW, how, strict=True)) | {
                "records": [],
                "attempts": [],
                "times": [],
            }
        alike[key]["records"].append(ending.record_id)
        alike[key]["attempts"].append(ending.attempt)
        alike[key]["times"].append(ending.milliseconds)
    return {
        # One text: psycopg writes arrays item by item.
        "endings": orjson.dumps([*alike.values()]).decode(),
        "open": [str(status) for status in statuses],
    }


def has_what_is_kept(endings: Sequence[Ending]) -> bool:
    """Whether any of them has something to be kept with what was handed in."""
    return any(ending.result is not None or ending.answer is not None for ending in endings)


def finish(ending: Ending, *, statuses: Sequence[str] = IN_FLIGHT) -> bool:
    """Whether this ending won."""
    return bool(_finish([ending], statuses))


def _finish(
    endings: Sequence[Ending], statuses: Sequence[str] = IN_FLIGHT
) -> dict[tuple[int, int], int | None]:
    """The (record, attempt) of those that won, and the lane of each."""
    statement = FINISH_KEEPING if has_what_is_kept(endings) else FINISH
    with connection.cursor() as cursor:
        cursor.execute(statement, finish_parameters(endings, statuses=statuses))
        return {(record_id, attempt): lane for record_id, attempt, lane, _ in cursor.fetchall()}


def tell_late(ending: Ending) -> None:
    """An event of an ending that has come too late to change anything."""
    status = ActionRecord.objects.values_list("status", flat=True).get(pk=ending.record_id)
    ActionEvent.objects.create(
        record_id=ending.record_id,
        kind=ActionEvent.Kind.LATE,
        status=status,
        attempt=ending.attempt,
        milliseconds=ending.milliseconds,
        detail=ending.detail,
    )


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
    if outcome.verdict is Verdict.ACK or (retry and not record.once):
        ending = retries.end_attempt(record_id, attempt, record.failures, outcome)
    else:
        ending = retries.fail(record_id, attempt, outcome, counted=True)
    won = _finish([ending])
    if won:
        _count_settled(won.values())
    elif not _find_said([(record_id, attempt)], ending.kind):
        raise _over(attempt)


def ack_all(*, org_id: int, attempts: Sequence[tuple[int, int]]) -> list[Fault | None]:
    """For each (record, attempt), in order: None where it has succeeded, else why it has not."""
    found = ActionRecord.objects.filter(org_id=org_id, pk__in={one for one, _ in attempts})
    ours = set(found.order_by().values_list("pk", flat=True))
    asked = [(one, attempt) for one, attempt in dict.fromkeys(attempts) if one in ours]
    acked = Outcome(Verdict.ACK)
    won = _finish([retries.end_attempt(one, attempt, 0, acked) for one, attempt in asked])
    _count_settled(won.values())
    lost = [one for one in asked if one not in won]
    settled = won.keys() | (_find_said(lost, ActionEvent.Kind.SUCCEEDED) if lost else set())
    return [
        None if one in settled else _over(one[1]).faults[0] if one[0] in ours else _missing(one[0])
        for one in attempts
    ]


def _count_settled(lane_ids: Iterable[int | None]) -> None:
    """The settles are committed: that a lane cannot be looked at now is no matter of them."""
    for lane_id, settled in Counter(lane_ids).items():
        if lane_id is not None:
            try:
                rounds.count_settled(lane_id, settled)
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


def _find_said(attempts: Sequence[tuple[int, int]], kind: str) -> set[tuple[int, int]]:
    """Those that a settle of this kind has ended: repeating it is fine."""
    said = ActionEvent.objects.filter(record_id__in={one for one, _ in attempts}, kind=kind)
    return set(said.order_by().values_list("record_id", "attempt")) & set(attempts)


def _find(org_id: int, record_id: int) -> ActionRecord:
    record = ActionRecord.objects.filter(org_id=org_id, pk=record_id).first()
    if record is None:
        raise NotFoundError.of([_missing(record_id)])
    return record


def _missing(record_id: int) -> Fault:
    return Fault(NotFoundError.code, f"There is no action {record_id}.")


def _over(attempt: int) -> ConflictError:
    return ConflictError(f"Attempt {attempt} is over, or has not begun.", code="ATTEMPT_OVER")
