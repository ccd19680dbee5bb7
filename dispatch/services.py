"""What people do to actions and destinations: cancel, replay, delete."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import orjson
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from actions.models import DefinitionDestination
from config.errors import ConflictError, Fault, NotFoundError
from destinations import kinds
from destinations.models import Destination
from dispatch import audit, intake, lanes, settlement
from dispatch.audit import Cause
from dispatch.intake import Accepted, Route, Routed
from dispatch.models import OPEN, ActionEvent, ActionPayload, ActionRecord, Status
from dispatch.retries import Ending

NAMED_USERS = 5
# Payloads may be of 1 MB each: what a batch of replays holds in memory, and fetches at once.
MOST_REPLAYED_BYTES = 16_000_000
PAYLOADS_AT_ONCE = 50
PUSHED_AT_ONCE = 1_000
NOT_CANCELABLE = Fault("NOT_CANCELABLE", "The action is over.")
DESTINATION_DELETED = "DESTINATION_DELETED: its destination was deleted."
# Ends what a deleted destination leaves open.
END_OPEN = """
WITH open AS MATERIALIZED (
  SELECT id FROM dispatch_actionrecord
  WHERE destination_id = ANY(%(destinations)s) AND completed_at IS NULL ORDER BY id FOR UPDATE
), ended AS (
  UPDATE dispatch_actionrecord r
  SET status = 'failed', completed_at = now(), updated_at = now(), timeout_at = NULL,
      error_message = %(error)s
  FROM open WHERE r.id = open.id RETURNING r.id, r.attempt
)
INSERT INTO dispatch_actionevent (record_id, kind, status, attempt, detail)
SELECT id, 'failed', 'failed', attempt,
       jsonb_build_object('message', %(error)s::text, 'by', %(actor)s::text)
FROM ended
"""
# Each replayed action says as which one. Retention, which deletes it before its events, waits.
TELL_OF_REPLAYS = """
INSERT INTO dispatch_actionevent (record_id, kind, status, attempt, detail)
SELECT r.id, 'replayed', r.status, r.attempt,
  %(detail)s::jsonb || jsonb_build_object('replayed_as', q.made::text)
FROM unnest(%(ids)s::bigint[], %(made)s::bigint[]) AS q(id, made)
JOIN dispatch_actionrecord r ON r.id = q.id ORDER BY r.id FOR KEY SHARE OF r
"""
# What a process of an earlier release has taken in for a type that it did not know how to deliver.
# Each type's few are found by the index of what workers pull.
PUSH = f"""
WITH stranded AS MATERIALIZED (
  SELECT r.id FROM destinations_destination d CROSS JOIN LATERAL (
    SELECT r.id FROM dispatch_actionrecord r
    WHERE r.destination_id = d.id AND r.status = 'queued' AND NOT r.push LIMIT {PUSHED_AT_ONCE}
  ) r WHERE d.type = ANY(%(kinds)s::text[]) LIMIT {PUSHED_AT_ONCE}
), held AS MATERIALIZED (
  SELECT id FROM dispatch_actionrecord
  WHERE id = ANY(ARRAY(SELECT id FROM stranded)) AND status = 'queued' AND NOT push
  ORDER BY id FOR UPDATE SKIP LOCKED
)
UPDATE dispatch_actionrecord r SET push = true, updated_at = now()
FROM held WHERE r.id = held.id
"""  # noqa: S608 -- constants only


@transaction.atomic
def cancel_record(*, record: ActionRecord, actor: str) -> None:
    """End an action that is not over. A delivery under way may still happen; it changes nothing."""
    before = audit.lock_status(record)
    fault = cancel_records(record_ids=[record.pk], cause=Cause(actor))[record.pk]
    if fault:
        raise ConflictError(fault.message, code=fault.code)
    done = ActionEvent.Kind.CANCELED
    audit.tell(record, actor=actor, before=before, after=Status.CANCELED, done=done)


@transaction.atomic
def cancel_records(*, record_ids: Sequence[int], cause: Cause) -> dict[int, Fault | None]:
    """For each action: None where it was ended, else why it was not."""
    # Whatever attempt one is at by now: who cancels an action means all of it.
    held = ActionRecord.objects.filter(pk__in=record_ids).order_by("pk").select_for_update()
    endings = [
        Ending(
            record_id,
            attempt,
            ActionEvent.Kind.CANCELED,
            Status.CANCELED,
            error=f"Canceled by {cause}",
            detail=cause.as_detail(),
        )
        for record_id, attempt in held.values_list("pk", "attempt")
    ]
    parameters = settlement.finish_parameters(endings, statuses=OPEN)
    with connection.cursor() as cursor:
        cursor.execute(settlement.FINISH, parameters)
        canceled = {record_id for record_id, *_ in cursor.fetchall()}
    return {one: None if one in canceled else NOT_CANCELABLE for one in record_ids}


@transaction.atomic
def replay_record(*, record: ActionRecord, actor: str) -> Accepted:
    """A new action with the same bytes, version and tags, routed as things are now."""
    again = replay_records(org_id=record.org_id, records=[record], cause=Cause(actor))[record.pk]
    if isinstance(again, Fault):
        raise ConflictError(again.message, code=again.code)
    done = {"done": ActionEvent.Kind.REPLAYED, "replayed_as": str(again.id)}
    audit.tell(record, actor=actor, before=record.status, after=record.status, **done)
    return again


@transaction.atomic
def replay_records(
    *, org_id: int, records: Sequence[ActionRecord], cause: Cause
) -> dict[int, Accepted | Fault]:
    """For each action, by id: the new one, or why there is none.

    The actions come in the order of their ids. Where their payloads are more than one batch may
    hold, the last ones have no answer: they are left for another one.
    Raises `intake.DestinationGoneError` where a destination was deleted meanwhile.
    """
    chosen = _with_inputs(records)
    routes = intake.resolve(org_id, {_version_of(record) for record, _ in chosen})
    judged = {record.pk: _route_again(record, body, routes) for record, body in chosen}
    routed = [one for one in judged.values() if isinstance(one, Routed)]
    placed = lanes.place(org_id, {intake.lane_key(one.route, one.tags) for one in routed})
    results = {pk: _in_lane(one, placed) for pk, one in judged.items()}
    chosen_anew = [one for one in results.values() if isinstance(one, Routed)]
    stored = iter(intake.store(org_id, chosen_anew, actor=cause.actor))
    answers = {pk: next(stored) if isinstance(one, Routed) else one for pk, one in results.items()}
    _tell_of_replays(answers, cause)
    return answers


def _with_inputs(records: Sequence[ActionRecord]) -> list[tuple[ActionRecord, bytes | None]]:
    """The actions with what was handed in, from the first, as many as one batch may hold."""
    payloads = ActionPayload.objects.filter(pk__in=[record.pk for record in records])
    stored = payloads.order_by("pk").values_list("pk", "input").iterator(PAYLOADS_AT_ONCE)
    inputs: dict[int, bytes] = {}
    size, last = 0, records[-1].pk
    for record_id, body in stored:
        inputs[record_id] = body
        size += len(body)
        if size >= MOST_REPLAYED_BYTES:
            last = record_id
            break
    return [(record, inputs.get(record.pk)) for record in records if record.pk <= last]


def _version_of(record: ActionRecord) -> tuple[str, int | None]:
    return record.definition.variant, record.definition.version


def _route_again(
    record: ActionRecord, body: bytes | None, routes: Mapping[tuple[str, int | None], Route]
) -> Routed | Fault:
    """The action as it would be handed in now, or why it cannot be."""
    if record.completed_at is None:
        return Fault("NOT_OVER", "The action is not over yet.")
    route = routes.get(_version_of(record))
    if route is None:
        return Fault("DEFINITION_DELETED", f"{record.definition} is deleted.")
    if body is None:
        return Fault("PAYLOAD_EXPIRED", "Its payload is no longer kept.")
    return Routed(route, None, body, record.tags, timeout=record.timeout, replay_of=record.pk)


def _in_lane(
    one: Routed | Fault, placed: Mapping[lanes.LaneKey | None, int | Fault | None]
) -> Routed | Fault:
    if isinstance(one, Fault):
        return one
    lane = placed[intake.lane_key(one.route, one.tags)]
    return lane if isinstance(lane, Fault) else replace(one, lane_id=lane)


def _tell_of_replays(answers: Mapping[int, Accepted | Fault], cause: Cause) -> None:
    """The event of each action that has been replayed."""
    made = {pk: one.id for pk, one in answers.items() if isinstance(one, Accepted)}
    detail = orjson.dumps(cause.as_detail()).decode()
    with connection.cursor() as cursor:
        cursor.execute(
            TELL_OF_REPLAYS, {"ids": list(made), "made": list(made.values()), "detail": detail}
        )


@transaction.atomic
def push_stranded() -> int:
    """Hand to the dispatchers what was taken in for a type that they deliver only since then.

    How many, at most a thousand. Sdk destinations' actions are pulled: they stay.
    """
    pushed = [kind for kind in kinds.KINDS if kinds.is_pushed(kind)]
    with connection.cursor() as cursor:
        cursor.execute(PUSH, {"kinds": pushed})
        count: int = cursor.rowcount
        if count:
            cursor.execute(settlement.NOTIFY)
    return count


@dataclass(frozen=True)
class Users:
    """What keeps a destination from being deleted."""

    default_of: list[str]
    open_records: list[str]

    def __str__(self) -> str:
        named = []
        if self.default_of:
            named.append("the default of " + _name_some(self.default_of))
        if self.open_records:
            actions = _name_some(self.open_records)
            named.append(f"the destination of actions that are not over ({actions})")
        return " and ".join(named)


def _name_some(users: list[str]) -> str:
    more = ", …" if len(users) > NAMED_USERS else ""
    return ", ".join(users[:NAMED_USERS]) + more


def find_users(destination: Destination) -> Users:
    """The live definitions that default to it, and whether it has open work."""
    links = DefinitionDestination.objects.filter(
        Q(definition__deleted_at=None), destination=destination, is_default=True
    ).select_related("definition")
    open_records = ActionRecord.objects.filter(destination=destination, completed_at=None)
    return Users(
        default_of=[str(link.definition) for link in links[: NAMED_USERS + 1]],
        open_records=[str(record.pk) for record in open_records.order_by()[: NAMED_USERS + 1]],
    )


@transaction.atomic
def delete_destination(*, destination: Destination, force: bool, actor: str) -> Destination:
    """The destination, deleted. What uses it stops that, unless `force` ends it as failed."""
    delete_destinations(destination_ids=[destination.pk], force=force, actor=actor)
    return Destination.objects.get(pk=destination.pk)


@transaction.atomic
def delete_destinations(*, destination_ids: Sequence[int], force: bool, actor: str) -> None:
    """The same of many: all of them, or none."""
    # FOR UPDATE waits for accepting statements, which share the row's key, and they for it.
    rows = Destination.objects.live().select_for_update().filter(pk__in=destination_ids)
    held = rows.order_by("pk").in_bulk()
    for gone in set(destination_ids) - held.keys():
        raise NotFoundError(f"There is no destination {gone}.")
    if not force:
        _refuse_used(held.keys())
    DefinitionDestination.objects.filter(destination__in=held.keys()).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            END_OPEN,
            {"destinations": list(held), "error": DESTINATION_DELETED, "actor": actor},
        )
    Destination.objects.filter(pk__in=held.keys()).update(deleted_at=Now(), updated_at=Now())


def _refuse_used(held: Collection[int]) -> None:
    """Refuse where any of them has users, and name those of the first."""
    defaults = DefinitionDestination.objects.filter(
        Q(definition__deleted_at=None), destination=OuterRef("pk"), is_default=True
    )
    working = ActionRecord.objects.filter(destination=OuterRef("pk"), completed_at=None)
    used = Destination.objects.filter(Exists(defaults) | Exists(working), pk__in=held)
    if first := used.order_by("pk").first():
        raise ConflictError(
            f"{first} is {find_users(first)}. Delete it with ?force=true to end these actions "
            "as failed.",
            code="DESTINATION_IN_USE",
        )
