"""What people do to actions and destinations: cancel, replay, delete."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from actions.models import DefinitionDestination
from config.errors import ConflictError, NotFoundError
from destinations.models import Destination
from dispatch import intake, lanes, settlement
from dispatch.intake import Accepted, Routed
from dispatch.models import OPEN, ActionEvent, ActionPayload, ActionRecord, Status
from dispatch.retries import Ending

NAMED_USERS = 5
DESTINATION_DELETED = "DESTINATION_DELETED: its destination was deleted."
# Ends what a deleted destination leaves open.
END_OPEN = """
WITH open AS MATERIALIZED (
  SELECT id FROM dispatch_actionrecord
  WHERE destination_id = %(destination)s AND completed_at IS NULL ORDER BY id FOR UPDATE
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


@transaction.atomic
def cancel_record(*, record: ActionRecord, actor: str) -> None:
    """End an action that is not over. A delivery under way may still happen; it changes nothing."""
    # Whatever attempt it is at by now: who cancels an action means all of it.
    held = ActionRecord.objects.select_for_update().get(pk=record.pk)
    ending = Ending(
        held.pk,
        held.attempt,
        ActionEvent.Kind.CANCELED,
        Status.CANCELED,
        error=f"Canceled by {actor}.",
        detail={"by": actor},
    )
    if not settlement.finish(ending, statuses=OPEN):
        raise ConflictError("The action is over.", code="NOT_CANCELABLE")


@transaction.atomic
def replay_record(*, record: ActionRecord, actor: str) -> Accepted:
    """A new action with the same bytes, version and tags, routed as things are now."""
    if record.completed_at is None:
        raise ConflictError("The action is not over yet.", code="NOT_OVER")
    definition = record.definition
    asked = (definition.variant, definition.version)
    route = intake.resolve(record.org_id, [asked]).get(asked)
    if route is None:
        raise ConflictError(f"{definition} is deleted.", code="DEFINITION_DELETED")
    key = intake.lane_key(route, record.tags)
    lane = lanes.place(record.org_id, {key})[key]
    if not isinstance(lane, int | None):
        raise ConflictError(lane.message, code=lane.code)
    payload = ActionPayload.objects.get(record_id=record.pk)
    routed = Routed(
        route, lane, payload.input, record.tags, timeout=record.timeout, replay_of=record.pk
    )
    (accepted,) = intake.store(record.org_id, [routed])
    ActionEvent.objects.create(
        record_id=record.pk,
        kind=ActionEvent.Kind.REPLAYED,
        status=record.status,
        attempt=record.attempt,
        detail={"by": actor, "replayed_as": str(accepted.id)},
    )
    return accepted


@dataclass(frozen=True)
class Users:
    """What keeps a destination from being deleted."""

    default_of: list[str]
    open_records: list[str]

    def __bool__(self) -> bool:
        return bool(self.default_of or self.open_records)

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
    # FOR UPDATE waits for accepting statements, which share the row's key, and they for it.
    held = Destination.objects.live().select_for_update().filter(pk=destination.pk).first()
    if held is None:
        raise NotFoundError(f"There is no destination {destination.pk}.")
    users = find_users(held)
    if users and not force:
        raise ConflictError(
            f"{held} is {users}. Delete it with ?force=true to end these actions as failed.",
            code="DESTINATION_IN_USE",
        )
    held.links.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(
            END_OPEN,
            {"destination": held.pk, "error": DESTINATION_DELETED, "actor": actor},
        )
    held.deleted_at = held.updated_at = Now()
    held.save(update_fields=["deleted_at", "updated_at"])
    held.refresh_from_db()
    return held
