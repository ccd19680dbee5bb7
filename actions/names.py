"""The one namespace of variants and aliases in an organization."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NoReturn

from actions.models import ActionDefinition, DefinitionName
from config.errors import ConflictError, RuleError

MAX_NAME = 255
MAX_ALIASES = 100
NAMED = DefinitionName.Kind


def check_name(name: str, *, pointer: str) -> None:
    """Refuse a variant or an alias that is not 1..255 printable characters without `/`."""
    if not 1 <= len(name) <= MAX_NAME:
        reason = f"is 1 to {MAX_NAME} characters long"
    elif "/" in name:
        reason = "has no `/`"
    elif not name.isprintable() or name in {".", ".."}:
        reason = "is printable text"
    else:
        return
    raise RuleError(f"A variant or alias {reason}.", code="INVALID_NAME", pointer=pointer)


def check_variant(*, org_id: int, variant: str) -> None:
    """Refuse a variant that is somebody's alias."""
    named = DefinitionName.objects.filter(org_id=org_id, name=variant, kind=NAMED.ALIAS)
    for held in named:
        _refuse_alias(held)


def claim_variant(*, definition: ActionDefinition) -> None:
    """Make the definition's variant a live name; 409 where it is somebody's alias."""
    held, _ = DefinitionName.objects.get_or_create(
        org_id=definition.org_id,
        name=definition.variant,
        defaults={"variant": definition.variant, "kind": NAMED.VARIANT},
    )
    if held.kind == NAMED.ALIAS:
        _refuse_alias(held)


def replace_aliases(*, definition: ActionDefinition, aliases: Sequence[str]) -> None:
    """Give the definition exactly these aliases.

    One that another version of the same variant holds moves here; one that another variant
    holds, or that is a variant, is 409.
    """
    wanted = list(dict.fromkeys(aliases))
    if len(wanted) > MAX_ALIASES:
        raise RuleError(
            f"A definition has at most {MAX_ALIASES} aliases.",
            code="INVALID_NAME",
            pointer="/alias",
        )
    for index, alias in enumerate(wanted):
        check_name(alias, pointer=f"/alias/{index}")
    held = DefinitionName.objects.filter(org_id=definition.org_id, name__in=wanted)
    _refuse_taken(held, definition, wanted)
    held.delete()
    definition.names.all().delete()
    DefinitionName.objects.bulk_create(
        DefinitionName(
            org_id=definition.org_id,
            name=alias,
            variant=definition.variant,
            kind=NAMED.ALIAS,
            definition=definition,
        )
        for alias in wanted
    )


def find_guarded(*, definition: ActionDefinition, aliases: Sequence[str]) -> list[int]:
    """Which of these are not its variant's yet, and names of variants that need approval.

    Deleted versions still say whether they do.
    """
    held = DefinitionName.objects.filter(
        org_id=definition.org_id, variant=definition.variant, name__in=aliases
    )
    guarded = ActionDefinition.objects.filter(
        org_id=definition.org_id, variant__in=aliases, requires_approval=True
    )
    found = set(guarded.values_list("variant", flat=True)) - set(
        held.values_list("name", flat=True)
    )
    return [index for index, alias in enumerate(aliases) if alias in found]


def free_names(*, definition: ActionDefinition) -> None:
    """Drop a deleted definition's aliases, and the variant with its last live version."""
    definition.names.all().delete()
    versions = ActionDefinition.objects.of_org(definition.org_id)
    if not versions.filter(variant=definition.variant).exists():
        DefinitionName.objects.filter(org_id=definition.org_id, name=definition.variant).delete()


def _refuse_alias(held: DefinitionName) -> NoReturn:
    message = f"{held.name!r} is an alias of {held.variant!r}."
    raise ConflictError(message, code="VARIANT_IS_ALIAS", pointer="/variant")


def _refuse_taken(
    held: Iterable[DefinitionName], definition: ActionDefinition, wanted: Sequence[str]
) -> None:
    for name in held:
        if name.kind == NAMED.VARIANT or name.variant != definition.variant:
            owner = "a variant" if name.kind == NAMED.VARIANT else f"an alias of {name.variant!r}"
            raise ConflictError(
                f"{name.name!r} is {owner}.",
                code="ALIAS_TAKEN",
                pointer=f"/alias/{wanted.index(name.name)}",
            )
