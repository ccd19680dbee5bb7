"""Replaying, canceling, approving and denying in bulk: asked for, carried out, stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from operator import itemgetter
from typing import Any

from django.contrib.postgres.functions import TransactionNow
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from procrastinate.contrib.django import app

from config.errors import ConflictError, DomainError, Fault, ForbiddenError
from dispatch import approvals, services
from dispatch.audit import Cause
from dispatch.intake import DestinationGoneError
from dispatch.models import ActionEvent, ActionRecord
from operations import matching
from operations.matching import Count, Span
from operations.models import UNDER_WAY, BulkOperation

JOB = "run_bulk_operation"
QUEUE = "bulk"
# How many actions one transaction is about.
BATCH = 500
NAMED_SKIPPED = 5
# How many of the actions that match a preview names.
PREVIEWED = 20
DEFAULT_CAP = 10_000
MOST_CAP = 1_000_000
Kind = BulkOperation.Kind
# What is done one by one, as one person decides on each.
DECIDE: Mapping[str, Callable[..., None]] = {
    Kind.APPROVE: approvals.approve_record,
    Kind.DENY: approvals.deny_record,
}
Status = BulkOperation.Status
# An operation is asked for, and goes on, together with a job: without one it is lost.
FAIL_LOST = """
UPDATE operations_bulkoperation b
SET status = 'failed', finished_at = now(), updated_at = now(), error_message = %(error)s
WHERE b.status IN ('queued', 'running') AND NOT EXISTS (
  SELECT 1 FROM procrastinate_jobs j
  WHERE j.task_name = %(job)s AND j.status IN ('todo', 'doing')
    AND (j.args->>'operation_id')::bigint = b.id)
RETURNING b.id
"""
GONE = Fault("HISTORY_EXPIRED", "It is no longer kept.")
REPLAYED = Fault("ALREADY_REPLAYED", "It has been replayed before, and not asked for again.")
BROKEN = "It cannot go on: the operators find why under operation {} in the worker's log."
LOST = (
    "It was tried again and again in vain, as the worker's log tells: actions after `last_id` are "
    "as they were."
)


def count_matching(*, org_id: int, kind: str, filter: Mapping[str, Any]) -> Count:
    """How many actions an operation would be about, as far as that is counted."""
    aim = matching.read_aim(org_id, kind, filter)
    return aim.count(aim.whole_span())


@dataclass(frozen=True, slots=True)
class Terms:
    """Why an operation is asked for, for how many at most, and if for what was replayed too.

    `may_approve`: whether who asks may approve and deny actions.
    """

    reason: str
    cap: int = DEFAULT_CAP
    again: bool = False
    may_approve: bool = False


def start_operation(
    *, org_id: int, kind: str, filter: Mapping[str, Any], terms: Terms, actor: str
) -> BulkOperation:
    """The operation, whose job begins when this is committed.

    `ForbiddenError` where it approves or denies and who asks may not.
    """
    if kind in DECIDE and not terms.may_approve:
        raise ForbiddenError(f"You may not {kind} actions.", pointer="/kind")
    aim = matching.read_aim(org_id, kind, filter)
    span = aim.whole_span()
    count = aim.count(span)
    if count.exact and not count.ids:
        raise ConflictError("No action matches the filter.", code="NOTHING_MATCHES")
    operation = BulkOperation(
        org_id=org_id,
        kind=kind,
        filter=dict(filter),
        reason=terms.reason,
        actor=actor,
        cap=terms.cap,
        again=terms.again,
        found=count.number,
        found_exact=count.exact,
        first_id=span.after,
        last_id=span.after,
        newest_id=span.newest,
    )
    return _stored(operation)


def _stored(operation: BulkOperation) -> BulkOperation:
    """The stored operation, with its job; one of a kind at a time."""
    try:
        with transaction.atomic():
            operation.save(force_insert=True)
            hand_to_worker(operation.pk)
    except IntegrityError as error:
        raise ConflictError(
            f"Another {operation.kind} in bulk is under way. Wait for its end, or cancel it.",
            code="BULK_UNDER_WAY",
        ) from error
    operation.refresh_from_db()
    return operation


def hand_to_worker(operation_id: int) -> None:
    """Have a worker go on with it. Its jobs run one after the other."""
    job = app.configure_task(JOB, queue=QUEUE, lock=f"bulk/{operation_id}")
    job.defer(operation_id=operation_id)


def cancel_operation(*, operation: BulkOperation, actor: str) -> BulkOperation:
    """The operation, stopped where it is: what it has done stays done."""
    if not _end(operation.pk, Status.CANCELED, f"Canceled by {actor}."):
        raise ConflictError("The operation is over.", code="NOT_CANCELABLE")
    operation.refresh_from_db()
    return operation


def fail_operation(*, operation_id: int, error: str) -> None:
    """It cannot go on: say why."""
    _end(operation_id, Status.FAILED, error)


def _end(operation_id: int, status: str, message: str) -> bool:
    """Whether it was under way until now. Waits for the batch that somebody works on."""
    under_way = BulkOperation.objects.under_way().filter(pk=operation_id)
    return bool(
        under_way.update(status=status, error_message=message, finished_at=Now(), updated_at=Now())
    )


def find_actor(operation_id: int) -> str:
    """Who asked for it: what its job does is done in their name."""
    asked = BulkOperation.objects.filter(pk=operation_id).values_list("actor", flat=True)
    return asked.first() or "the worker"


def fail_lost_operations() -> list[int]:
    """The operations that no job goes on with any more, failed now."""
    with connection.cursor() as cursor:
        cursor.execute(FAIL_LOST, {"job": JOB, "error": LOST})
        return [operation_id for (operation_id,) in cursor.fetchall()]


def find_lost_lately() -> list[int]:
    """The operations that were failed like this in the last day."""
    lost = BulkOperation.objects.filter(status=Status.FAILED, error_message=LOST)
    lately = lost.filter(finished_at__gt=Now() - timedelta(days=1))
    return list(lately.order_by("id").values_list("id", flat=True))


def advance(operation_id: int) -> bool:
    """Whether there is more to do, after one batch: its work and its count commit together."""
    try:
        return _advance(operation_id)
    except DestinationGoneError:
        # Nothing of the batch was stored; the next one is routed as things are then.
        return True


@transaction.atomic
def _advance(operation_id: int) -> bool:
    # Whoever else works on it waits here, and then goes on from where this batch ends.
    under_way = BulkOperation.objects.under_way().select_for_update()
    operation = under_way.filter(pk=operation_id).first()
    if operation is None:
        return False
    aim = matching.read_aim(operation.org_id, operation.kind, operation.filter)
    most = min(BATCH, operation.cap - operation.done)
    found = aim.find(Span(operation.last_id, operation.newest_id), most)
    faults = _carry_out(operation, found.ids)
    # Where the payloads were too many for one batch, the next one begins with what was left.
    left = [record_id for record_id in found.ids if record_id not in faults]
    operation.last_id = left[0] - 1 if left else found.last_id
    _count(operation, {pk: one for pk, one in faults.items() if pk <= operation.last_id})
    _save_progress(operation)
    return operation.status in UNDER_WAY


def _carry_out(operation: BulkOperation, record_ids: list[int]) -> dict[int, Fault | None]:
    """For each action that was tried: None where it was done, else why not."""
    cause = Cause(operation.actor, operation.reason, operation.pk)
    if operation.kind == Kind.CANCEL:
        return services.cancel_records(record_ids=record_ids, cause=cause)
    found = ActionRecord.objects.filter(pk__in=record_ids).select_related("definition")
    records = {record.pk: record for record in found.order_by("pk")}
    faults: dict[int, Fault | None] = dict.fromkeys(set(record_ids) - records.keys(), GONE)
    if operation.kind in DECIDE:
        decide = DECIDE[operation.kind]
        return faults | {pk: _decide(decide, one, cause) for pk, one in records.items()}
    if not operation.again:
        faults |= dict.fromkeys(_find_replayed(records), REPLAYED)
    chosen = [record for pk, record in records.items() if pk not in faults]
    if chosen:
        answers = services.replay_records(org_id=operation.org_id, records=chosen, cause=cause)
        faults |= {pk: one if isinstance(one, Fault) else None for pk, one in answers.items()}
    return faults


def _decide(decide: Callable[..., None], record: ActionRecord, cause: Cause) -> Fault | None:
    """None where it was decided on, else why not."""
    try:
        decide(record=record, actor=cause.actor, reason=cause.reason, bulk_id=cause.bulk_id)
    except DomainError as refused:
        return refused.faults[0]
    return None


def _find_replayed(record_ids: Iterable[int]) -> set[int]:
    events = ActionEvent.objects.filter(record__in=record_ids, kind=ActionEvent.Kind.REPLAYED)
    return set(events.values_list("record_id", flat=True))


def _count(operation: BulkOperation, faults: Mapping[int, Fault | None]) -> None:
    for record_id, fault in sorted(faults.items(), key=itemgetter(0)):
        if fault is None:
            operation.done += 1
            continue
        skipped = operation.skipped.setdefault(fault.code, {"count": 0, "ids": []})
        skipped["count"] += 1
        if len(skipped["ids"]) < NAMED_SKIPPED:
            skipped["ids"].append(str(record_id))


def _save_progress(operation: BulkOperation) -> None:
    over = operation.last_id >= operation.newest_id or operation.done >= operation.cap
    operation.status = Status.SUCCEEDED if over else Status.RUNNING
    operation.updated_at = Now()
    operation.started_at = operation.started_at or TransactionNow()
    operation.finished_at = Now() if over else None
    operation.save()
