"""What operators ask of lanes and destinations: caps, pause and resume."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from actions.models import ActionDefinition
from config.errors import BadRequestError, Fault, NotFoundError, RuleError
from destinations.models import Destination, Kind
from dispatch import gauges, lanes, settlement
from dispatch.lanes import LaneKey, canonical_tags
from dispatch.models import Lane

logger = logging.getLogger(__name__)
CAPS = {"running_cap": "running cap", "unsettled_cap": "unsettled cap"}


@transaction.atomic
def advise_lanes(
    *,
    definition: ActionDefinition,
    tags: dict[str, str],
    caps: Mapping[str, int | None],
    destination_id: int | None = None,
    actor: str,
) -> list[int]:
    """The lanes of these tags that the definition's variant uses, with these caps.

    Its default destination's is made where it is new, or that of the one destination asked for.
    """
    key = LaneKey(0, definition.variant, canonical_tags(tags))
    used = gauges.of_definition(definition).filter(tags_digest=key.digest)
    links = definition.links.exclude(destination__type=Kind.DEFAULT_SINK)
    if destination_id is None:
        links = links.filter(is_default=True)
    else:
        used = used.filter(destination_id=destination_id)
        links = links.filter(destination_id=destination_id)
    lane_ids = set(used.values_list("pk", flat=True))
    for link in links:
        lane_ids.add(_place(definition.org_id, key._replace(destination_id=link.destination_id)))
    if not lane_ids:
        raise _no_lane(definition, destination_id)
    set_caps(lane_ids=lane_ids, caps=caps, actor=actor)
    return sorted(lane_ids)


@transaction.atomic
def set_caps(*, lane_ids: Collection[int], caps: Mapping[str, int | None], actor: str) -> int:
    """How many of the lanes had other caps. The reason they show names the actor.

    A cap that is not among `caps` stays; None lifts one. Dispatchers start at once what a
    raised cap lets start.
    """
    # Rows are locked in the order of their ids, as the dispatchers lock them.
    held = Lane.objects.select_for_update(no_key=True).filter(pk__in=lane_ids).order_by("pk")
    others = Lane.objects.filter(pk__in=[lane.pk for lane in held]).exclude(**caps)
    changed: int = others.update(
        **caps,
        reason=_describe(caps, actor),
        moved_at=Now(),
        revision=F("revision") + 1,
    )
    if changed:
        _wake()
    return changed


def pause_destination(*, destination: Destination, actor: str, reason: str = "") -> Destination:
    """The destination, paused: actions queue up, and what is under way ends as it will."""
    running = Destination.objects.live().filter(pk=destination.pk, paused_at=None)
    if running.update(paused_at=Now(), pause_reason=reason, updated_at=Now()):
        logger.info("Destination %s is paused by %s", destination.pk, actor)
    return _seen_again(destination)


@transaction.atomic
def resume_destination(*, destination: Destination, actor: str) -> Destination:
    """The destination, open again: dispatchers start at once with what has queued up.

    Pauses that its lanes have learnt end as well, be it those of a `Retry-After` by mistake.
    """
    paused = Destination.objects.live().filter(pk=destination.pk, paused_at__isnull=False)
    resumed = paused.update(paused_at=None, pause_reason="", updated_at=Now())
    if resumed + _end_pauses(destination, actor):
        logger.info("Destination %s is resumed by %s", destination.pk, actor)
        _wake()
    return _seen_again(destination)


def find_waiting_lanes(destination: Destination) -> QuerySet[Lane]:
    """The destination's lanes that have learnt to wait: for a moment, or for a good probe."""
    return destination.lanes.filter(Q(opened__gt=0) | Q(paused_until__gt=Now()))


def _end_pauses(destination: Destination, actor: str) -> int:
    waiting = find_waiting_lanes(destination).select_for_update(no_key=True).order_by("pk")
    ended: int = Lane.objects.filter(pk__in=[lane.pk for lane in waiting]).update(
        paused_until=None,
        opened=0,
        reason=f"resumed by {actor}",
        moved_at=Now(),
        revision=F("revision") + 1,
    )
    return ended


def _place(org_id: int, key: LaneKey) -> int:
    placed = lanes.make(org_id, {key})[key]
    if isinstance(placed, Fault):
        raise BadRequestError.of([placed])
    return placed


def _no_lane(definition: ActionDefinition, destination_id: int | None) -> RuleError:
    if destination_id is None:
        message = f"{definition} goes to the default sink, which has no lanes."
        return RuleError(message, code="NO_LANE")
    return RuleError(
        f"{definition} has no lane at a destination {destination_id}: it is not linked to it.",
        code="UNKNOWN_DESTINATION",
        pointer="/destination_id",
    )


def _describe(caps: Mapping[str, int | None], actor: str) -> str:
    said = [
        f"{name} lifted" if caps[column] is None else f"{name} set to {caps[column]:,}"
        for column, name in CAPS.items()
        if column in caps
    ]
    return f"{' and '.join(said)} by {actor}"


def _wake() -> None:
    with connection.cursor() as cursor:
        cursor.execute(settlement.NOTIFY)


def _seen_again(destination: Destination) -> Destination:
    destination.refresh_from_db()
    if destination.deleted_at is not None:
        raise NotFoundError(f"There is no destination {destination.pk}.")
    return destination
