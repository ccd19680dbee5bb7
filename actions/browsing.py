"""Looking through definitions: names page by page, and what is told of each variant.

A page is read from an index, from where the last one ended; of a variant, only its newest versions
are looked at. So it takes as long, however many there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from actions.models import ActionDefinition, DefinitionDestination, DefinitionName

PAGE = 50
# Of a variant, so many of its newest versions are told of; beyond, there are "more".
MOST_VERSIONS = 20
MOST_ALIASES = 20
# Behind all text of one beginning: no character comes after it.
LAST = "\U0010ffff"
# What begins with a text stands from it on, and before the last that could. Each limit is one of
# the index by itself: where a pair of columns is compared with a pair, a plan for any values may
# read all of it for each organization.
_OF_ONE = """
SELECT n.org_id, n.name, n.variant, n.kind FROM actions_definitionname n
WHERE n.org_id = {org}
  AND n.name COLLATE "C" >
    CASE WHEN {org} = %(after_org)s THEN %(after)s::text ELSE '' END COLLATE "C"
  AND n.name COLLATE "C" >= %(begins)s::text COLLATE "C"
  AND n.name COLLATE "C" <= %(ends)s::text COLLATE "C"
  AND (n.kind = 'variant' OR %(begins)s::text <> '')
ORDER BY n.org_id, n.name COLLATE "C" LIMIT %(most)s
"""
OF_ONE = _OF_ONE.format(org="%(org)s::bigint")
OF_ALL = f"""
SELECT n.* FROM (
  SELECT id FROM orgs_organization WHERE id >= %(after_org)s ORDER BY id
) o CROSS JOIN LATERAL ({_OF_ONE.format(org="o.id")}) n LIMIT %(most)s
"""  # noqa: S608 -- constants only
NEWEST = f"""
SELECT q.org_id, q.variant, d.id, d.version, d.created_at, d.deprecated_at, d.sunset_at,
  d.requires_approval
FROM unnest(%(orgs)s::bigint[], %(variants)s::text[]) AS q(org_id, variant)
CROSS JOIN LATERAL (
  SELECT * FROM actions_actiondefinition a
  WHERE a.org_id = q.org_id AND a.variant = q.variant AND a.deleted_at IS NULL
  ORDER BY a.version DESC LIMIT {MOST_VERSIONS + 1}
) d
ORDER BY q.org_id, q.variant, d.version DESC
"""  # noqa: S608 -- constants only


@dataclass(frozen=True, slots=True)
class Name:
    """A variant, or an alias of one of its versions."""

    org_id: int
    name: str
    variant: str
    kind: str

    @property
    def is_alias(self) -> bool:
        """Whether it is another name of a version."""
        return self.kind == DefinitionName.Kind.ALIAS


@dataclass(frozen=True, slots=True)
class Version:
    """A live version of a variant."""

    id: int
    version: int
    created_at: datetime
    deprecated_at: datetime | None
    sunset_at: datetime | None
    requires_approval: bool


@dataclass(slots=True)
class Variant:
    """What is told of a variant: its newest versions, and what leads to them and on from them."""

    org_id: int
    variant: str
    versions: list[Version] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    # Those of the newest version, the default first.
    links: list[DefinitionDestination] = field(default_factory=list)
    has_more: bool = False

    @property
    def newest(self) -> Version | None:
        """What is sent without naming a version."""
        return self.versions[0] if self.versions else None


def list_names(
    *,
    org_ids: Sequence[int] | None,
    begins: str = "",
    after: tuple[int, str] = (0, ""),
    most: int = PAGE,
) -> list[Name]:
    """Names in their order, from behind `after` (an organization's id and a name) on.

    Variants only, or, of those that begin with a text, aliases as well; of one organization, or,
    for None, of all.
    """
    asked: dict[str, Any] = {
        "begins": begins, "ends": begins + LAST, "after_org": after[0], "after": after[1],
        "most": most,
    }  # fmt: skip
    found: list[Name] = []
    with connection.cursor() as cursor:
        for org_id in [None] if org_ids is None else org_ids:
            cursor.execute(OF_ALL if org_id is None else OF_ONE, asked | {"org": org_id})
            found += [Name(*row) for row in cursor.fetchall()]
    return found[:most]


def describe(names: Iterable[tuple[int, str]]) -> dict[tuple[int, str], Variant]:
    """What is told of these variants, each an organization's id and a name; in three queries."""
    described = {key: Variant(*key) for key in names}
    with connection.cursor() as cursor:
        orgs, variants = [org for org, _ in described], [name for _, name in described]
        cursor.execute(NEWEST, {"orgs": orgs, "variants": variants})
        for org_id, name, *version in cursor.fetchall():
            described[org_id, name].versions.append(Version(*version))
    for one in described.values():
        one.has_more = len(one.versions) > MOST_VERSIONS
        del one.versions[MOST_VERSIONS:]
    _add_aliases(described.values())
    _add_links(described.values())
    return described


def _add_aliases(variants: Iterable[Variant]) -> None:
    owners = {version.id: one for one in variants for version in one.versions}
    found = aliases_of(owners)
    for definition_id in sorted(found):
        one = owners[definition_id]
        # A version has at most a hundred.
        one.aliases = [*one.aliases, *found[definition_id]][:MOST_ALIASES]


def _add_links(variants: Iterable[Variant]) -> None:
    owners = {one.newest.id: one for one in variants if one.newest}
    rows = DefinitionDestination.objects.filter(definition_id__in=owners)
    for link in rows.select_related("destination").order_by("-is_default", "id"):
        owners[link.definition_id].links.append(link)


def list_versions(org_id: int, variant: str, *, most: int = 100) -> list[ActionDefinition]:
    """The newest versions of a variant, deleted ones, too, without their contracts."""
    rows = ActionDefinition.objects.filter(org_id=org_id, variant=variant)
    return list(rows.order_by("-version").defer("schema", "description")[:most])


def aliases_of(definition_ids: Iterable[int]) -> dict[int, list[str]]:
    """The aliases of each of these definitions, by its id."""
    rows = DefinitionName.objects.filter(definition__in=list(definition_ids))
    found: dict[int, list[str]] = defaultdict(list)
    for definition_id, name in rows.order_by("id").values_list("definition_id", "name"):
        found[definition_id or 0].append(name)
    return dict(found)
