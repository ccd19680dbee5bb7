"""Changes to definitions. All of one organization's happen one after the other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now

from actions import contracts, names
from actions.models import ActionDefinition, DefinitionDestination
from config import strictjson
from config.errors import ConflictError, ForbiddenError, NotFoundError, RuleError
from destinations.models import Destination
from orgs import permissions
from orgs.models import Organization

MAX_VERSION = 2**31 - 1


@transaction.atomic
def put_definition(  # noqa: PLR0913 -- all that a definition is, by keyword
    *,
    org_id: int,
    variant: str,
    schema: Any,
    version: int | None = None,
    alias: Sequence[str] | None = None,
    description: str | None = None,
    requires_approval: bool | None = None,
    held: Collection[str] = (),
) -> ActionDefinition:
    """The definition with this schema: found, undeleted, or stored under the next version.

    Publishing never cuts a route: a new version copies the links of the highest live lower
    one. A version that holds another schema is 409. Whether actions need approval is said of all
    versions, also of deleted ones; `held` are the permissions of whoever says it.
    """
    names.check_name(variant, pointer="/variant")
    if version is not None and not 1 <= version <= MAX_VERSION:
        raise RuleError("A version is a number from 1.", code="INVALID_VERSION", pointer="/version")
    contracts.admit(schema)
    lock_definitions(org_id)
    digest = strictjson.digest(schema)
    versions = ActionDefinition.objects.filter(org_id=org_id, variant=variant)
    definition = _find_same(versions, version, digest)
    if definition is None:
        definition = _publish(versions, org_id, variant, version, schema, digest)
    elif definition.deleted_at is not None:
        _bring_to_life(definition)
    if alias is not None:
        names.replace_aliases(definition=definition, aliases=alias)
    if description is not None:
        definition.description = description
        definition.save(update_fields=["description"])
    _say_approval(definition, wanted=requires_approval, held=held)
    return _fresh(definition)


@transaction.atomic
def update_definition(
    *,
    definition: ActionDefinition,
    alias: Sequence[str] | None = None,
    description: str | None = None,
    requires_approval: bool | None = None,
    held: Collection[str] = (),
) -> ActionDefinition:
    """The definition with what may change of it; its contract never does.

    Whether actions need approval is said of all versions, also of deleted ones; `held` are the
    permissions of whoever says it. What is held already stays so, and what was accepted before
    needs no approval.
    """
    lock_definition(definition)
    if alias is not None:
        names.replace_aliases(definition=definition, aliases=alias)
    if description is not None:
        definition.description = description
    definition.updated_at = Now()
    definition.save(update_fields=["description", "updated_at"])
    _say_approval(definition, wanted=requires_approval, held=held)
    return _fresh(definition)


@transaction.atomic
def delete_definition(*, definition: ActionDefinition) -> ActionDefinition:
    """The definition, which takes no new actions; its aliases and links are gone."""
    lock_definition(definition)
    definition.deleted_at = definition.updated_at = Now()
    definition.save(update_fields=["deleted_at", "updated_at"])
    definition.links.all().delete()
    names.free_names(definition=definition)
    return _fresh(definition)


@transaction.atomic
def link_destination(
    *, definition: ActionDefinition, destination_id: int, is_default: bool | None = None
) -> ActionDefinition:
    """The definition linked to the destination; the one default moves here when asked.

    None leaves a link that is there as it is, and makes a new one that is no default.
    """
    lock_definition(definition)
    destination = (
        Destination.objects.of_org(definition.org_id)
        .select_for_update(no_key=True)
        .filter(pk=destination_id)
        .first()
    )
    if destination is None:
        raise NotFoundError(f"There is no destination {destination_id}.")
    if is_default:
        definition.links.exclude(destination=destination).update(is_default=False)
    DefinitionDestination.objects.update_or_create(
        definition=definition,
        destination=destination,
        defaults={} if is_default is None else {"is_default": is_default},
        create_defaults={"org_id": definition.org_id, "is_default": bool(is_default)},
    )
    return _fresh(definition)


@transaction.atomic
def unlink_destination(*, definition: ActionDefinition, destination_id: int) -> ActionDefinition:
    """The definition without that link; actions accepted before keep their destination."""
    lock_definition(definition)
    gone, _ = definition.links.filter(destination_id=destination_id).delete()
    if not gone:
        raise NotFoundError(f"{definition} is not linked to a destination {destination_id}.")
    return _fresh(definition)


def lock_definitions(org_id: int) -> None:
    """Wait until no other transaction changes this organization's definitions."""
    # NO KEY UPDATE: rows that merely refer to the organization are not held up.
    Organization.objects.select_for_update(no_key=True).get(pk=org_id)


def lock_definition(definition: ActionDefinition) -> None:
    """The same, and 404 where the definition was deleted meanwhile."""
    lock_definitions(definition.org_id)
    definition.refresh_from_db()
    if definition.deleted_at is not None:
        raise NotFoundError(f"There is no action definition {definition.pk}.")


def _say_approval(
    definition: ActionDefinition, *, wanted: bool | None, held: Collection[str]
) -> None:
    """Have the actions of all versions need approval, or no longer: that takes an admin.

    None leaves it as it is.
    """
    if wanted is None:
        return
    others = _versions_of(definition).exclude(requires_approval=wanted)
    may_lift = permissions.allows(held, permissions.ADMIN)
    if not wanted and not may_lift and others.exists():
        raise ForbiddenError(
            "To let actions go without approval, as to approve them, needs the permission "
            f"{permissions.ADMIN.value!r}.",
            pointer="/requires_approval",
        )
    others.update(requires_approval=wanted, updated_at=Now())


def _versions_of(definition: ActionDefinition) -> Any:
    """All versions of its variant, deleted ones, too."""
    return ActionDefinition.objects.filter(org_id=definition.org_id, variant=definition.variant)


def _find_same(versions: Any, version: int | None, digest: bytes) -> ActionDefinition | None:
    """The stored definition that a PUT means, if there is one."""
    if version is None:
        newest = versions.live().order_by("-version").first()
        return newest if newest and bytes(newest.schema_digest) == digest else None
    found: ActionDefinition | None = versions.filter(version=version).first()
    if found and bytes(found.schema_digest) != digest:
        raise ConflictError(
            f"{found} is stored with another schema. Publish a new version instead.",
            code="VERSION_IMMUTABLE",
            pointer="/version",
        )
    return found


def _publish(
    versions: Any, org_id: int, variant: str, version: int | None, schema: Any, digest: bytes
) -> ActionDefinition:
    if version is None:
        version = (versions.aggregate(highest=Max("version"))["highest"] or 0) + 1
    if version > MAX_VERSION:
        raise ConflictError("The highest version number is used; name a free one.")
    lower = _find_lower(versions, version)
    definition = ActionDefinition.objects.create(
        org_id=org_id,
        variant=variant,
        version=version,
        schema=strictjson.dumps(schema),
        schema_digest=digest,
        # As all versions have it, whatever became of them: nobody publishes a way around it.
        requires_approval=versions.filter(requires_approval=True).exists(),
    )
    names.claim_variant(definition=definition)
    _copy_links(definition, lower)
    return definition


def _bring_to_life(definition: ActionDefinition) -> None:
    definition.deleted_at = None
    definition.updated_at = Now()
    definition.save(update_fields=["deleted_at", "updated_at"])
    names.claim_variant(definition=definition)
    _copy_links(definition, _find_lower(_versions_of(definition), definition.version))


def _find_lower(versions: Any, version: int) -> ActionDefinition | None:
    """The highest live version below this one."""
    lower: ActionDefinition | None = (
        versions.live().filter(version__lt=version).order_by("-version").first()
    )
    return lower


def _copy_links(definition: ActionDefinition, lower: ActionDefinition | None) -> None:
    if lower is not None:
        DefinitionDestination.objects.bulk_create(
            DefinitionDestination(
                org_id=link.org_id,
                definition=definition,
                destination_id=link.destination_id,
                is_default=link.is_default,
            )
            for link in lower.links.all()
        )


def _fresh(definition: ActionDefinition) -> ActionDefinition:
    fresh: ActionDefinition = with_links(ActionDefinition.objects.all()).get(pk=definition.pk)
    return fresh


def with_links(definitions: Any) -> Any:
    """The definitions with what the API shows of them, in three queries for any number."""
    return definitions.prefetch_related("links__destination", "names")
