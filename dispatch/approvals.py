"""Approving and denying what is held, by somebody else than who has handed it in.

What is approved is what was held: the version and the bytes that its event `held` names. The row
moves by compare-and-set, so that of several decisions one counts, and each is made once. Time that
runs out is the dispatchers' business (`engine.claims`).
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from django.db import connection, transaction

from config.errors import ConflictError
from dispatch import audit, settlement
from dispatch.audit import Cause
from dispatch.models import ActionEvent, ActionPayload, ActionRecord, Status
from dispatch.retries import Ending
from dispatch.settlement import PULL, WAKE
from orgs.models import ApiKey, User

# As `str(Caller)` has it, and so the events.
KEY = "key "
Happened = ActionEvent.Kind
# What leads to a sink is over with this, as it would have been when it was accepted.
APPROVE = f"""
WITH approved AS (
  UPDATE dispatch_actionrecord SET
    status = CASE WHEN lane_id IS NULL THEN 'succeeded' WHEN available_at > now() THEN 'scheduled'
      ELSE 'queued' END,
    available_at = greatest(available_at, now()),
    timeout_at = NULL,
    completed_at = CASE WHEN lane_id IS NULL THEN now() END,
    updated_at = now()
  WHERE id = %(id)s AND status = 'held' AND timeout_at > now()
    AND (deadline_at IS NULL OR deadline_at > now())
  RETURNING id, status, attempt, available_at, push, destination_id
), event AS (
  INSERT INTO dispatch_actionevent (record_id, kind, status, attempt, available_at, detail)
  SELECT id, kind, status, attempt, available_at, happened.detail FROM approved, LATERAL (
    VALUES ('{Happened.APPROVED}', %(detail)s::jsonb, true),
      ('{Happened.SUNK}', NULL, status = 'succeeded')
  ) AS happened(kind, detail, did) WHERE did
)
SELECT status, CASE WHEN status = 'queued' THEN CASE WHEN push THEN pg_notify('{WAKE}', '')
  ELSE pg_notify('{PULL}', destination_id::text) END END
FROM approved
"""  # noqa: S608 -- constants only


@transaction.atomic
def approve_record(
    *, record: ActionRecord, actor: str, reason: str, bulk_id: int | None = None
) -> None:
    """Let a held action go on its way, due now or when it was asked for."""
    held = _find_held(record)
    if _is_same_person(actor, held["by"]):
        raise ConflictError(
            "Somebody else than who has handed it in approves it.", code="SELF_APPROVAL"
        )
    if not _is_as_held(record, held):
        raise ConflictError("It is not what was held any more.", code="CHANGED_SINCE_HELD")
    told = Cause(actor, reason, bulk_id).as_detail() | {"sha256": held["sha256"]}
    with connection.cursor() as cursor:
        cursor.execute(APPROVE, {"id": record.pk, "detail": orjson.dumps(told).decode()})
        approved = cursor.fetchone()
    if approved is None:
        raise _not_held(record)
    done = {"done": Happened.APPROVED, "reason": reason}
    audit.tell(record, actor=actor, before=Status.HELD, after=approved[0], **done)


@transaction.atomic
def deny_record(
    *, record: ActionRecord, actor: str, reason: str, bulk_id: int | None = None
) -> None:
    """End a held action as canceled. Whoever handed it in may do that, too."""
    denied = Ending(
        record.pk,
        record.attempt,
        Happened.DENIED,
        Status.CANCELED,
        error=f"Denied by {actor}: {reason}",
        detail=Cause(actor, reason, bulk_id).as_detail(),
    )
    if not settlement.finish(denied, statuses=(Status.HELD,)):
        raise _not_held(record)
    done = {"done": Happened.DENIED, "reason": reason}
    audit.tell(record, actor=actor, before=Status.HELD, after=Status.CANCELED, **done)


def _find_held(record: ActionRecord) -> dict[str, Any]:
    """Who handed it in, and what it was: told by the event that holds it."""
    events = ActionEvent.objects.filter(record=record, kind=Happened.HELD)
    held = events.values_list("detail", flat=True).first()
    if held is None:
        raise _not_held(record)
    return dict(held)


def _is_same_person(actor: str, other: str) -> bool:
    """Whether both are one person: by one key, by several, or by a key and in the admin."""
    return actor == other or _find_person(actor) == _find_person(other) is not None


def _find_person(actor: str) -> int | None:
    """The person who acts by this name: that of a key, or an email address."""
    number = actor.removeprefix(KEY)
    if number != actor and number.isdecimal():
        keys = ApiKey.objects.filter(pk=int(number))
        return keys.values_list("member__user_id", flat=True).first()
    return User.objects.filter(email=actor).values_list("pk", flat=True).first()


def _is_as_held(record: ActionRecord, held: dict[str, Any]) -> bool:
    inputs = ActionPayload.objects.filter(record=record).values_list("input", flat=True)
    body = inputs.first()
    return (
        body is not None
        and hashlib.sha256(body).hexdigest() == held["sha256"]
        and str(record.definition_id) == held["definition"]
    )


def _not_held(record: ActionRecord) -> ConflictError:
    record.refresh_from_db()
    if record.status == Status.HELD:
        return ConflictError("Its time to be approved is over.", code="APPROVAL_EXPIRED")
    return ConflictError(f"The action is not held: it is {record.status}.", code="NOT_HELD")
