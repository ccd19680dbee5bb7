"""Changes to destinations. What their deletion means for open work is decided in `dispatch`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from config.errors import (
    ConflictError,
    DomainError,
    Fault,
    NotFoundError,
    RuleError,
    pointer,
)
from destinations import kinds
from destinations.models import Destination, Kind
from orgs.models import Organization

SINK_LABEL = "default_sink"
LARGEST_NUMBER = 2**63


def create_destination(
    *,
    org_id: int,
    label: str,
    type: str,
    config: dict[str, Any],
    tags: dict[str, str] | None = None,
    credential_id: str | None = None,
) -> Destination:
    """A new destination; 422 with pointers where the config breaks its type's schema."""
    check_config(type, config)
    check_credential(credential_id)
    destination = Destination(org_id=org_id, label=label, type=type, config=config, tags=tags)
    return _saved(destination)


@transaction.atomic
def update_destination(*, destination: Destination, changes: Mapping[str, Any]) -> Destination:
    """The destination with label, config or tags replaced; open work uses the new config."""
    locked = Destination.objects.select_for_update(no_key=True)
    destination.refresh_from_db(from_queryset=locked)
    if destination.deleted_at is not None:
        raise NotFoundError(f"There is no destination {destination.pk}.")
    if changes.get("type", destination.type) != destination.type:
        raise RuleError(
            "The type of a destination never changes: create another one.",
            code="TYPE_IMMUTABLE",
            pointer="/type",
        )
    check_credential(changes.get("credential_id"))
    for name in changes.keys() & {"label", "config", "tags"}:
        setattr(destination, name, changes[name])
    check_config(destination.type, destination.config)
    destination.updated_at = Now()
    return _saved(destination)


def check_config(kind: str, config: Any) -> None:
    """Refuse a config that its type does not admit."""
    faults = kinds.find_config_faults(kind, config) or list(_find_huge(config, ("config",)))
    if faults:
        raise DomainError.of(faults)


def _find_huge(value: Any, path: tuple[str | int, ...]) -> Iterator[Fault]:
    """The numbers that would come back as integers of more than 64 bits."""
    inner = value.items() if isinstance(value, dict) else []
    for key, one in enumerate(value) if isinstance(value, list) else inner:
        yield from _find_huge(one, (*path, key))
    if isinstance(value, float) and abs(value) >= LARGEST_NUMBER:
        yield Fault("INVALID_CONFIG", "This number does not fit 64 bits.", pointer(path))


def check_credential(credential_id: str | None) -> None:
    """Refuse a credential that the organization does not have."""
    if credential_id is not None:
        raise RuleError(
            f"There is no credential {credential_id}.",
            code="UNKNOWN_CREDENTIAL",
            pointer="/credential_id",
        )


def ensure_sink(*, org_id: int) -> Destination:
    """The organization's oldest live `default_sink`, made when there is none."""
    sinks = Destination.objects.of_org(org_id).filter(type=Kind.DEFAULT_SINK)
    return sinks.first() or _make_sink(org_id)


@transaction.atomic
def _make_sink(org_id: int) -> Destination:
    # One at a time for an organization, so that concurrent first actions make one sink.
    Organization.objects.select_for_update(no_key=True).get(pk=org_id)
    live = Destination.objects.of_org(org_id)
    sink: Destination | None = live.filter(type=Kind.DEFAULT_SINK).first()
    if sink is None:
        taken = set(live.filter(label__startswith=SINK_LABEL).values_list("label", flat=True))
        numbered = (f"{SINK_LABEL} {number}" for number in itertools.count(2))
        label = next(name for name in itertools.chain([SINK_LABEL], numbered) if name not in taken)
        sink = Destination.objects.create(
            org_id=org_id, label=label, type=Kind.DEFAULT_SINK, config={}
        )
    return sink


def _saved(destination: Destination) -> Destination:
    try:
        with transaction.atomic():
            destination.save()
    except IntegrityError as error:
        raise ConflictError(
            f"A destination is already labelled {destination.label!r}.",
            code="LABEL_TAKEN",
            pointer="/label",
        ) from error
    destination.refresh_from_db()
    return destination
