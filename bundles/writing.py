"""The steps of a plan as rows: many at once, whatever each changes.

What the services of `actions` and `destinations` check of one change, planning has checked, and
that nothing has moved since is checked under the organization's lock before any of this is called.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from django.db import connection
from django.db.models.functions import Now

from actions.models import ActionDefinition, DefinitionDestination, DefinitionName
from bundles.planning.definitions import Said
from bundles.planning.states import State, Target, Version
from bundles.planning.steps import CREATE, DESTINATION, PRUNE, UPDATE, Step
from config import strictjson
from config.errors import ConflictError
from destinations.models import Destination
from dispatch import services as dispatch
from orgs.audit import acting

R = TypeVar("R", Version, Target)
P = TypeVar("P")
# Labels, each with whether it is the default.
Links = set[tuple[str, bool]]
# The rows of versions, by variant and number.
Ids = dict[tuple[str, int], int]
# In memory as rows at a time: so many links, and so many bytes of contracts.
MOST_LINKS = 5_000
MOST_BYTES = 4_000_000
# What may change of a version; its contract never does.
CHANGE = """
UPDATE actions_actiondefinition d
SET description = q.description, deprecated_at = q.deprecated_at, sunset_at = q.sunset_at,
  deleted_at = NULL, updated_at = now()
FROM unnest(%(ids)s::bigint[], %(descriptions)s::text[], %(deprecated)s::timestamptz[],
  %(sunsets)s::timestamptz[]) AS q(id, description, deprecated_at, sunset_at)
WHERE d.id = q.id
"""
FREE = """
DELETE FROM actions_definitionname n
USING unnest(%(ids)s::bigint[], %(names)s::text[]) AS q(id, name)
WHERE n.definition_id = q.id AND n.name = q.name
"""
FREE_VARIANTS = """
DELETE FROM actions_definitionname n
WHERE n.org_id = %(org)s AND n.kind = 'variant' AND n.name = ANY(%(variants)s::text[])
  AND NOT EXISTS (SELECT FROM actions_actiondefinition d WHERE d.org_id = n.org_id
    AND d.variant = n.name AND d.deleted_at IS NULL)
"""
AIM = """
UPDATE destinations_destination t
SET config = q.config::jsonb, tags = q.tags::jsonb, credential_id = q.credential_id,
  signing_key_id = q.signing_key_id, updated_at = now()
FROM unnest(%(ids)s::bigint[], %(configs)s::text[], %(tags)s::text[], %(credentials)s::bigint[],
  %(signing_keys)s::bigint[]) AS q(id, config, tags, credential_id, signing_key_id)
WHERE t.id = q.id
"""
UNLINK = """
DELETE FROM actions_definitiondestination l
USING unnest(%(ids)s::bigint[], %(labels)s::text[]) AS q(id, label), destinations_destination t
WHERE l.definition_id = q.id AND t.id = l.destination_id AND t.label = q.label
"""


class StaleError(ConflictError):
    """What is there is no longer what was planned for: 409."""

    code = "PLAN_STALE"

    def __init__(self, changed: str = "") -> None:
        named = f" ({changed})" if changed else ""
        super().__init__(f"What is there has changed since this was planned{named}: plan it anew.")


class Writer:
    """Carries out steps of a plan that was made from `planned`; `state` is the same, just read."""

    def __init__(self, org_id: int, planned: State, state: State, *, force: bool) -> None:
        self._org_id = org_id
        self._planned = planned
        self._state = state
        self._force = force

    def write(self, steps: Sequence[Step]) -> None:
        """All of it, in the order that no rule of the tables minds."""
        targets = [step for step in steps if step.kind == DESTINATION]
        self._create_targets([step for step in targets if step.op == CREATE])
        self._update_targets([step for step in targets if step.op == UPDATE])
        self._write_actions([step for step in steps if step.kind != DESTINATION])
        self._delete_targets([step for step in targets if step.op == PRUNE])

    def _create_targets(self, steps: Sequence[Step]) -> None:
        Destination.objects.bulk_create(
            Destination(
                org_id=self._org_id,
                label=step.name,
                type=target.type,
                protocol=target.protocol,
                **self._columns(target),
            )
            for step, target in _each(steps, Target)
        )

    def _update_targets(self, steps: Sequence[Step]) -> None:
        given = ((step.id, self._columns(target)) for step, target in _each(steps, Target))
        changed = [
            (
                row_id,
                json.dumps(columns["config"]),
                columns["tags"] and json.dumps(columns["tags"]),
                columns["credential_id"],
                columns["signing_key_id"],
            )
            for row_id, columns in given
        ]
        _execute(AIM, ("ids", "configs", "tags", "credentials", "signing_keys"), changed)

    def _columns(self, target: Target) -> dict[str, Any]:
        """What of a destination may change."""
        credential, key = target.credential, target.signing_key
        return {
            "config": target.config,
            "tags": target.tags,
            "credential_id": credential and self._state.credentials[credential][0],
            "signing_key_id": key and self._state.signing_keys[key],
        }

    def _delete_targets(self, steps: Sequence[Step]) -> None:
        if not steps:
            return
        actor = acting.who()
        dispatch.delete_destinations(
            destination_ids=_ids(steps),
            force=self._force,
            actor=actor.actor if actor else "an import",
        )

    def _write_actions(self, steps: Sequence[Step]) -> None:
        if not steps:
            return
        gone = [step for step in steps if step.op == PRUNE]
        rows = ActionDefinition.objects.filter(pk__in=_ids(gone))
        rows.update(deleted_at=Now(), updated_at=Now())
        ids = self._create_definitions(steps)
        self._change_definitions(steps)
        self._say_of_all(steps)
        self._write_names(steps, ids)
        self._write_links(steps, ids)

    def _create_definitions(self, steps: Sequence[Step]) -> Ids:
        """The rows of all steps that leave one, new ones among them."""
        ids = {(step.name, step.number): step.id for step in steps if step.id is not None}
        new = (pair for pair in _each(steps, Version) if pair[0].id is None)
        made = ((step, self._definition(step, version)) for step, version in new)
        for some in _portions(made, lambda one: len(one[1].schema), MOST_BYTES):
            ActionDefinition.objects.bulk_create(row for _, row in some)
            ids |= {(step.name, step.number): row.pk for step, row in some}
        return ids

    def _definition(self, step: Step, version: Version) -> ActionDefinition:
        return ActionDefinition(
            org_id=self._org_id,
            variant=step.name,
            version=step.number,
            schema=strictjson.dumps(step.entry["schema"] if step.entry else None),
            schema_digest=version.digest,
            description=version.description,
            requires_approval=version.requires_approval,
            compatibility=version.compatibility,
            open_content=version.open_content,
            deprecated_at=version.deprecated_at,
            sunset_at=version.sunset_at,
        )

    def _change_definitions(self, steps: Sequence[Step]) -> None:
        changed = [
            (step.id, one.description, one.deprecated_at, one.sunset_at)
            for step, one in _each(steps, Version)
            if step.id
        ]
        _execute(CHANGE, ("ids", "descriptions", "deprecated", "sunsets"), changed)

    def _say_of_all(self, steps: Sequence[Step]) -> None:
        """What becomes something else by being said of all versions, deleted ones have, too."""
        said: defaultdict[Said, set[str]] = defaultdict(set)
        for variant, values in {step.name: step.said for step, _ in _each(steps, Version)}.items():
            stored = self._state.variants.get(variant, {}).values()
            new = ((name, one) for name, one in values if _is_new(stored, name, one))
            said[tuple(new)].add(variant)
        said.pop((), None)
        for changed, variants in said.items():
            wanted = dict(changed)
            rows = ActionDefinition.objects.filter(org_id=self._org_id, variant__in=variants)
            rows.exclude(**wanted).update(**wanted, updated_at=Now())

    def _write_names(self, steps: Sequence[Step], ids: Ids) -> None:
        freed = [
            (step.id, name)
            for step in steps
            for name in _aliases(step.before) - _aliases(step.after)
        ]
        _execute(FREE, ("ids", "names"), freed)
        gone = [step.name for step in steps if step.op == PRUNE]
        with connection.cursor() as cursor:
            cursor.execute(FREE_VARIANTS, {"org": self._org_id, "variants": gone})
        wanted = {
            name: self._name(step, name, ids)
            for step, _ in _each(steps, Version)
            for name in (step.name, *sorted(_aliases(step.after) - _aliases(step.before)))
        }
        DefinitionName.objects.bulk_create(self._take(wanted))

    def _name(self, step: Step, name: str, ids: Ids) -> DefinitionName:
        is_alias = name != step.name
        return DefinitionName(
            org_id=self._org_id,
            name=name,
            variant=step.name,
            kind=DefinitionName.Kind.ALIAS if is_alias else DefinitionName.Kind.VARIANT,
            definition_id=ids[step.name, step.number] if is_alias else None,
        )

    def _take(self, wanted: dict[str, DefinitionName]) -> list[DefinitionName]:
        """The names that are to be made; who held one when this was planned gives it up."""
        there: dict[str, DefinitionName] = {}
        taken = []
        for held in DefinitionName.objects.filter(org_id=self._org_id, name__in=wanted):
            is_alias = held.kind == DefinitionName.Kind.ALIAS
            if held.variant == held.name == wanted[held.name].variant and not is_alias:
                there[held.name] = held
                continue
            if self._planned.names.get(held.name) != (held.variant, is_alias):
                raise StaleError
            taken.append(held.pk)
        DefinitionName.objects.filter(pk__in=taken).delete()
        return [row for name, row in wanted.items() if name not in there]

    def _write_links(self, steps: Sequence[Step], ids: Ids) -> None:
        each = (
            (ids[step.name, step.number], _links(step.before), _links(step.after)) for step in steps
        )
        for some in _portions(each, lambda one: len(one[1] ^ one[2]), MOST_LINKS):
            self._write_some(some)

    def _write_some(self, pairs: Sequence[tuple[int, Links, Links]]) -> None:
        cut = [(row_id, label) for row_id, old, new in pairs for label, _ in old - new]
        _execute(UNLINK, ("ids", "labels"), cut)
        made = [(row_id, *link) for row_id, old, new in pairs for link in sorted(new - old)]
        found = Destination.objects.of_org(self._org_id).filter(
            label__in={link[1] for link in made}
        )
        targets = dict(found.values_list("label", "pk"))
        if any(label not in targets for _, label, _ in made):
            raise StaleError
        DefinitionDestination.objects.bulk_create(
            DefinitionDestination(
                org_id=self._org_id,
                definition_id=row_id,
                destination_id=targets[label],
                is_default=is_default,
            )
            for row_id, label, is_default in made
        )


def _portions(items: Iterable[P], weigh: Callable[[P], int], most: int) -> Iterator[list[P]]:
    """All of them, a part at a time, that weighs hardly more than this."""
    some: list[P] = []
    weight = 0
    for item in items:
        some.append(item)
        weight += weigh(item)
        if weight >= most:
            yield some
            some, weight = [], 0
    if some:
        yield some


def _each(steps: Sequence[Step], kind: type[R]) -> Iterator[tuple[Step, R]]:
    """The steps that leave something of this kind, with it."""
    for step in steps:
        if isinstance(step.after, kind):
            yield step, step.after


def _is_new(stored: Iterable[Version], name: str, value: Any) -> bool:
    """Whether any of the versions has something else there."""
    return any(getattr(version, name) != value for version in stored)


def _ids(steps: Sequence[Step]) -> list[int]:
    """The rows that they are about."""
    return [step.id for step in steps if step.id is not None]


def _aliases(one: Version | Target | None) -> set[str]:
    return set(one.aliases) if isinstance(one, Version) else set()


def _links(one: Version | Target | None) -> Links:
    """The labels that it leads to, each with whether it is the default."""
    return (
        {(label, label == one.default) for label in one.links}
        if isinstance(one, Version)
        else set()
    )


def _execute(statement: str, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """A statement over lists of the same length: the columns of the rows."""
    if rows:
        columns = map(list, zip(*rows, strict=True))
        with connection.cursor() as cursor:
            cursor.execute(statement, dict(zip(names, columns, strict=True)))
