"""What is there of all that a bundle speaks of, read in five queries, however much it is."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson
from django.db import connection, transaction

from actions.models import Compatibility, OpenContent

DEFINITIONS = """
SELECT d.variant, d.version, d.id, d.schema_digest, d.description, d.requires_approval,
  d.deleted_at IS NULL,
  ARRAY(SELECT n.name FROM actions_definitionname n WHERE n.definition_id = d.id),
  ARRAY(SELECT t.label FROM actions_definitiondestination l
        JOIN destinations_destination t ON t.id = l.destination_id WHERE l.definition_id = d.id),
  (SELECT t.label FROM actions_definitiondestination l
   JOIN destinations_destination t ON t.id = l.destination_id
   WHERE l.definition_id = d.id AND l.is_default),
  -- As `actions.policies.read` has it, whatever the row itself says.
  first_value(d.compatibility) OVER stored, first_value(d.open_content) OVER stored,
  d.deprecated_at, d.sunset_at
FROM actions_actiondefinition d
WHERE d.org_id = %(org)s AND (%(entire)s OR d.variant = ANY(%(variants)s::text[])
  -- An alias may be what a deleted variant was called, whose actions needed approval.
  OR (d.requires_approval AND d.variant = ANY(%(names)s::text[])))
WINDOW stored AS (PARTITION BY d.variant ORDER BY d.id)
ORDER BY d.variant, d.version
"""
NAMES = """
SELECT name, variant, kind = 'alias' FROM actions_definitionname
WHERE org_id = %(org)s AND name = ANY(%(names)s::text[])
"""
DESTINATIONS = """
SELECT t.label, t.id, t.type, t.config, t.tags, c.label, k.label, t.protocol
FROM destinations_destination t
LEFT JOIN destinations_credential c ON c.id = t.credential_id
LEFT JOIN orgs_signingkey k ON k.id = t.signing_key_id
WHERE t.org_id = %(org)s AND t.deleted_at IS NULL
  AND (%(entire)s OR t.label = ANY(%(labels)s::text[]))
ORDER BY t.id
"""
CREDENTIALS = """
SELECT label, id, type FROM destinations_credential
WHERE org_id = %(org)s AND deleted_at IS NULL AND label = ANY(%(credentials)s::text[])
"""
SIGNING_KEYS = """
SELECT label, id FROM orgs_signingkey
WHERE org_id = %(org)s AND deleted_at IS NULL AND label = ANY(%(signing_keys)s::text[])
"""
# Nobody deletes or changes what is linked to, before we are done.
HOLD = (
    "SELECT FROM destinations_destination WHERE org_id = %(org)s AND deleted_at IS NULL "
    "AND label = ANY(%(labels)s::text[]) ORDER BY id FOR NO KEY UPDATE",
    "SELECT FROM destinations_credential WHERE org_id = %(org)s AND deleted_at IS NULL "
    "AND label = ANY(%(credentials)s::text[]) ORDER BY id FOR NO KEY UPDATE",
    "SELECT FROM orgs_signingkey WHERE org_id = %(org)s AND deleted_at IS NULL "
    "AND label = ANY(%(signing_keys)s::text[]) ORDER BY id FOR NO KEY UPDATE",
)


@dataclass(frozen=True, slots=True)
class Version:
    """A definition: what is stored of it, or is to be. Its aliases and links are in order."""

    digest: bytes
    id: int | None = None
    description: str = ""
    requires_approval: bool = False
    is_live: bool = True
    aliases: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    default: str | None = None
    compatibility: str = Compatibility.NONE
    open_content: str = OpenContent.STRICT
    deprecated_at: datetime | None = None
    sunset_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A destination: what is stored of it, or is to be. Its credential and key by their labels."""

    type: str
    config: Any
    id: int | None = None
    tags: dict[str, str] | None = None
    credential: str | None = None
    signing_key: str | None = None
    protocol: str = "plain"


@dataclass(frozen=True, slots=True)
class Scope:
    """What of an organization is looked at: these names, or all there is."""

    entire: bool = False
    variants: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    credentials: frozenset[str] = frozenset()
    signing_keys: frozenset[str] = frozenset()

    def parameters(self, org_id: int) -> dict[str, Any]:
        """It, for the queries."""
        lists = ("variants", "names", "labels", "credentials", "signing_keys")
        given = {name: list(getattr(self, name)) for name in lists}
        return given | {"org": org_id, "entire": self.entire}


@dataclass(frozen=True, slots=True)
class State:
    """What is there. `names` are those that are asked for: whose each is, and whether an alias."""

    variants: dict[str, dict[int, Version]] = field(default_factory=dict)
    names: dict[str, tuple[str, bool]] = field(default_factory=dict)
    destinations: dict[str, Target] = field(default_factory=dict)
    credentials: dict[str, tuple[int, str]] = field(default_factory=dict)
    signing_keys: dict[str, int] = field(default_factory=dict)

    def digest(self) -> bytes:
        """Equal for equal states, and for no others."""
        return digest(self)

    def within(self, scope: Scope) -> State:
        """The part of it that a smaller scope would have read."""
        targets = _chosen(self.destinations, scope.labels)
        return State(
            _chosen(self.variants, scope.variants),
            _chosen(self.names, scope.names),
            targets,
            _chosen(self.credentials, scope.credentials | _used(targets, "credential")),
            _chosen(self.signing_keys, scope.signing_keys | _used(targets, "signing_key")),
        )

    def move_names(self, variants: Collection[str], taken: Collection[str]) -> None:
        """Bring it forward, when these variants have given up names, and taken these ones.

        A name that has changed hands is nobody's here: who finds it held finds something new.
        """
        lost: defaultdict[str, set[str]] = defaultdict(set)
        for name, (holder, is_alias) in list(self.names.items()):
            if holder in variants or name in taken:
                del self.names[name]
                if is_alias and holder not in variants:
                    lost[holder].add(name)
        for holder, names in lost.items():
            versions = self.variants.get(holder, {})
            for number, version in versions.items():
                kept = tuple(alias for alias in version.aliases if alias not in names)
                if kept != version.aliases:
                    versions[number] = replace(version, aliases=kept)


def digest(part: Any) -> bytes:
    """Equal for equal parts of a state, and for no others."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
    return hashlib.sha256(orjson.dumps(part, default=bytes.hex, option=options)).digest()


def read(org_id: int, scope: Scope) -> State:
    """What is there now."""
    given = scope.parameters(org_id)
    state = State()
    # Names and labels are kept once, however often they stand somewhere.
    known = {name: name for name in scope.names}
    # A cursor of the server's: here is never all of an answer at once.
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(DEFINITIONS, given)
        for variant, number, *columns in cursor:
            row = state.variants.setdefault(known.get(variant, variant), {})
            row[number] = _version(known, *columns)
        cursor.execute(NAMES, given)
        for name, variant, is_alias in cursor:
            state.names[known[name]] = known.get(variant, variant), is_alias
    with connection.cursor() as cursor:
        cursor.execute(DESTINATIONS, given)
        for label, row_id, kind, config, *columns in cursor:
            state.destinations[label] = Target(kind, json.loads(config), row_id, *_parsed(columns))
        given["credentials"] += _used(state.destinations, "credential")
        given["signing_keys"] += _used(state.destinations, "signing_key")
        cursor.execute(CREDENTIALS, given)
        state.credentials.update((label, (row_id, kind)) for label, row_id, kind in cursor)
        cursor.execute(SIGNING_KEYS, given)
        state.signing_keys.update(cursor.fetchall())
    return state


def hold(org_id: int, scope: Scope) -> None:
    """Keep others from changing destinations and their keys until the transaction ends."""
    with connection.cursor() as cursor:
        for statement in HOLD:
            cursor.execute(statement, scope.parameters(org_id))


def _version(known: dict[str, str], row_id: int, digest: Any, *columns: Any) -> Version:
    description, requires_approval, is_live, aliases, links, default, *others = columns
    return Version(
        bytes(digest),
        row_id,
        description,
        requires_approval,
        is_live,
        tuple(sorted(aliases)),
        tuple(known.setdefault(label, label) for label in sorted(links)),
        default,
        *others,
    )


def _parsed(columns: list[Any]) -> list[Any]:
    tags, *others = columns
    return [tags and json.loads(tags), *others]


def _used(targets: dict[str, Target], key: str) -> frozenset[str]:
    """The labels of the credentials, or of the signing keys, that destinations have."""
    return frozenset(filter(None, (getattr(target, key) for target in targets.values())))


def _chosen(rows: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: rows[name] for name in names if name in rows}
