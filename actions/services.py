"""Changes to definitions. All of one organization's happen one after the other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypedDict, Unpack

from django.db import transaction
from django.db.models import Max, OuterRef, Subquery
from django.db.models.functions import Now

from actions import contracts, names, policies
from actions.models import ActionDefinition, DefinitionDestination
from actions.policies import Asked, Judgement, Place
from config import strictjson
from config.errors import ConflictError, ForbiddenError, NotFoundError, RuleError
from destinations.models import Destination
from orgs import permissions
from orgs.models import Organization

MAX_VERSION = 2**31 - 1
# So often a version is judged again because others have published meanwhile.
TRIES = 3
MOMENTS = ("deprecated_at", "sunset_at")
# Their headers tell them in Unix seconds, without a sign.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
POLICY = ("compatibility", "open_content")


class Said(TypedDict, total=False):
    """What is said of a definition besides its contract. What is not named stays as it is.

    None says nothing either, but of the two moments, which it takes back. Need of approval and the
    policy of compatibility are said of all versions; `held` are the permissions of who says it.
    """

    alias: Sequence[str] | None
    description: str | None
    requires_approval: bool | None
    compatibility: str | None
    open_content: str | None
    deprecated_at: datetime | None
    sunset_at: datetime | None
    held: Collection[str]


class StaleJudgementError(ConflictError):
    """Others have published, deleted or set another policy since it was judged."""

    code = "JUDGEMENT_STALE"


def judge_version(
    *,
    org_id: int,
    variant: str,
    schema: Any,
    version: int | None = None,
    compatibility: str | None = None,
    open_content: str | None = None,
) -> Judgement:
    """What storing this version would do, and how it stands to the versions that are there.

    The policy is the variant's, but for what is named of it. It may take seconds: whoever has a
    transaction to store it in calls this before.
    """
    names.check_name(variant, pointer="/variant")
    if version is not None and not 1 <= version <= MAX_VERSION:
        raise RuleError("A version is a number from 1.", code="INVALID_VERSION", pointer="/version")
    contracts.admit(schema)
    names.check_variant(org_id=org_id, variant=variant)
    asked = Asked(org_id, variant, version, schema, strictjson.digest(schema))
    said: Said = {"compatibility": compatibility, "open_content": open_content}
    return policies.judge(asked, _find_place(asked, said))


def put_definition(
    *,
    org_id: int,
    variant: str,
    schema: Any,
    version: int | None = None,
    allow_indeterminate: bool = False,
    **said: Unpack[Said],
) -> ActionDefinition:
    """The definition with this schema: found, undeleted, or stored under the next version.

    Publishing never cuts a route: a new version copies the links of the highest live lower
    one. A version that holds another schema is 409, and so is one that breaks the variant's policy.
    """
    judge = partial(
        judge_version,
        org_id=org_id,
        variant=variant,
        schema=schema,
        version=version,
        compatibility=said.get("compatibility"),
        open_content=said.get("open_content"),
    )
    for _ in range(TRIES - 1):
        with suppress(StaleJudgementError):
            return store_version(judge(), allow_indeterminate=allow_indeterminate, **said)
    return store_version(judge(), allow_indeterminate=allow_indeterminate, **said)


@transaction.atomic
def store_version(
    judgement: Judgement, *, allow_indeterminate: bool = False, **said: Unpack[Said]
) -> ActionDefinition:
    """The same for a version that has been judged, which is not judged again.

    `StaleJudgementError` where it no longer stands beside the versions that it was judged beside.
    """
    judgement.check(allow_indeterminate=allow_indeterminate)
    asked = judgement.asked
    lock_definitions(asked.org_id)
    place = _find_place(asked, said)
    if (place.terms, place.beside) != (judgement.place.terms, judgement.place.beside):
        raise StaleJudgementError("The versions of this variant have changed: try again.")
    definition = place.stored
    if definition is None:
        definition = _publish(asked, place)
    elif definition.deleted_at is not None:
        _bring_to_life(definition)
    _say(definition, said)
    return _fresh(definition)


@transaction.atomic
def update_definition(*, definition: ActionDefinition, **said: Unpack[Said]) -> ActionDefinition:
    """The definition with what may change of it; its contract never does.

    Whether actions need approval is said of all versions, also of deleted ones. What is held
    already stays so, and what was accepted before needs no approval.
    """
    lock_definition(definition)
    _say(definition, said)
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


def _say(definition: ActionDefinition, said: Said) -> None:
    """Do what is said of a definition besides its contract."""
    aliases = said.get("alias")
    taken = names.find_guarded(definition=definition, aliases=aliases or ())
    if aliases is not None:
        names.replace_aliases(definition=definition, aliases=aliases)
    if (description := said.get("description")) is not None:
        definition.description = description
    for name in MOMENTS:
        setattr(definition, name, said.get(name, getattr(definition, name)))
    check_moments(definition.deprecated_at, definition.sunset_at)
    if said.keys() - {"held"}:
        definition.updated_at = Now()
        definition.save(update_fields=["description", *MOMENTS, "updated_at"])
    _say_approval(definition, said)
    _check_taken(definition, taken, said)
    _say_policy(definition, said)


def check_moments(began: datetime | None, ends: datetime | None) -> None:
    """Refuse that a version goes before it is deprecated, and what no header can tell."""
    for name, moment in zip(MOMENTS, (began, ends), strict=True):
        if moment and moment < EARLIEST:
            raise RuleError(
                f"`{name}` is not before 1970.", code="INVALID_MOMENT", pointer=f"/{name}"
            )
    if began and ends and ends < began:
        raise RuleError(
            "`sunset_at` is not before `deprecated_at`.",
            code="INVALID_SUNSET",
            pointer="/sunset_at",
        )


def _say_approval(definition: ActionDefinition, said: Said) -> None:
    """Have the actions of all versions need approval, or no longer: that takes an admin."""
    wanted = said.get("requires_approval")
    if wanted is None:
        return
    others = _versions_of(definition).exclude(requires_approval=wanted)
    if not wanted and others.exists():
        _check_lifting(said, "/requires_approval")
    others.update(requires_approval=wanted, updated_at=Now())


def _check_lifting(said: Said, pointer: str) -> None:
    if not permissions.allows(said.get("held", ()), permissions.ADMIN):
        raise ForbiddenError(
            "To let actions go without approval, as to approve them, needs the permission "
            f"{permissions.ADMIN.value!r}.",
            pointer=pointer,
        )


def _check_taken(definition: ActionDefinition, taken: Sequence[int], said: Said) -> None:
    """Whoever has a name lead to what needs no approval, when it led to what does, is an admin."""
    if taken and not _versions_of(definition).filter(requires_approval=True).exists():
        _check_lifting(said, f"/alias/{taken[0]}")


def _say_policy(definition: ActionDefinition, said: Said) -> None:
    """Have the further versions judged so; those that are there stay."""
    wanted = {name: said.get(name) for name in POLICY if said.get(name) is not None}
    if wanted:
        others = _versions_of(definition).exclude(**wanted)
        others.update(**wanted, updated_at=Now())


def _versions_of(definition: ActionDefinition) -> Any:
    """All versions of its variant, deleted ones, too."""
    return ActionDefinition.objects.filter(org_id=definition.org_id, variant=definition.variant)


def _find_place(asked: Asked, said: Said) -> Place:
    """Where the version belongs, and beside which others."""
    versions = ActionDefinition.objects.filter(org_id=asked.org_id, variant=asked.variant)
    stored = _find_same(versions, asked.version, asked.digest)
    number = stored.version if stored else _find_number(versions, asked.version)
    terms = policies.read(versions, said.get("compatibility"), said.get("open_content"))
    # What lives already is not judged again, whatever the policy has become.
    is_kept = stored is not None and stored.deleted_at is None
    beside = () if is_kept else policies.find_beside(versions, number, terms)
    return Place(number, stored, terms, beside)


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


def _find_number(versions: Any, version: int | None) -> int:
    """The version asked for, else the next one."""
    number: int = version or (versions.aggregate(highest=Max("version"))["highest"] or 0) + 1
    if number > MAX_VERSION:
        raise ConflictError("The highest version number is used; name a free one.")
    return number


def _publish(asked: Asked, place: Place) -> ActionDefinition:
    versions = ActionDefinition.objects.filter(org_id=asked.org_id, variant=asked.variant)
    definition = ActionDefinition.objects.create(
        org_id=asked.org_id,
        variant=asked.variant,
        version=place.number,
        schema=strictjson.dumps(asked.schema),
        schema_digest=asked.digest,
        # As all versions have it, whatever became of them: nobody publishes a way around it.
        requires_approval=versions.filter(requires_approval=True).exists(),
        compatibility=place.terms.policy,
        open_content=place.terms.open_content,
    )
    names.claim_variant(definition=definition)
    _copy_links(definition, _find_lower(versions, place.number))
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
    """The definitions with what the API shows of them, in three queries for any number.

    The policy is the variant's, as `policies.read` has it, whatever the row itself says.
    """
    versions = ActionDefinition.objects.filter(org=OuterRef("org"), variant=OuterRef("variant"))
    first = versions.order_by("id")
    policy = {f"variant_{name}": Subquery(first.values(name)[:1]) for name in POLICY}
    return definitions.annotate(**policy).prefetch_related("links__destination", "names")
