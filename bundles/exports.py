"""What an organization has, as a bundle: piece by piece, so that it may be much."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import orjson
from django.db import connection, transaction
from django.db.models import TextField
from django.db.models.functions import Cast, Length

from actions.models import ActionDefinition
from actions.services import MOMENTS, POLICY, with_links
from bundles.documents import FORMAT
from bundles.files import name_file
from bundles.reading import dump
from bundles.reading.writing import Format
from destinations.models import Destination
from orgs.models import Organization

# So many definitions are read at once, or fewer whose contracts are so long together.
READ_AT_ONCE = 500
MOST_CHARACTERS = 4_000_000
# Where a line begins that has something on it.
LINE = re.compile(r"^(?=.)", re.MULTILINE)
Action = tuple[dict[str, Any], Iterator[dict[str, Any]]]


def export(org: Organization) -> dict[str, Any]:
    """All of it as one document."""
    with snapshot():
        actions = [head | {"versions": list(versions)} for head, versions in read_actions(org)]
        return read_head(org) | {"actions": actions}


@contextmanager
def snapshot() -> Iterator[None]:
    """All reads inside see the same moment, unless a transaction is under way already."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def count(org: Organization) -> int:
    """How many definitions are in it, each version one."""
    return ActionDefinition.objects.of_org(org.pk).count()


def read_head(org: Organization) -> dict[str, Any]:
    """All of the document but the actions. Of credentials it has those that are used."""
    rows = Destination.objects.of_org(org.pk).select_related("credential", "signing_key")
    targets = list(rows.order_by("label"))
    used = {row.credential.label: row.credential.type for row in targets if row.credential}
    return {
        "waybill": FORMAT,
        "resources": {
            "credentials": [{"label": label, "type": used[label]} for label in sorted(used)],
            "destinations": [_show_destination(row) for row in targets],
        },
    }


def read_actions(org: Organization) -> Iterator[Action]:
    """The actions of the document, one by one: without their versions, and those one by one.

    The versions are gone when the next action is asked for.
    """
    for variant, grouped in itertools.groupby(_read_rows(org), key=lambda row: row.variant):
        rows = iter(grouped)
        first = next(rows)
        policy = {name: getattr(first, f"variant_{name}") for name in POLICY}
        head = {"variant": variant, "requires_approval": first.requires_approval, **policy}
        yield head, map(_show_version, itertools.chain([first], rows))


def _read_rows(org: Organization) -> Iterator[ActionDefinition]:
    """The definitions in their order, of which few are in memory where they are large."""
    ordered = ActionDefinition.objects.of_org(org.pk).order_by("variant", "version")
    sized = ordered.values_list("pk", Length(Cast("schema", TextField())))
    for keys in _portion(sized.iterator()):
        yield from with_links(ordered.filter(pk__in=keys))


def _portion(sized: Iterable[tuple[int, int]]) -> Iterator[list[int]]:
    """The keys, as many together as are read at once."""
    keys: list[int] = []
    left = MOST_CHARACTERS
    for key, size in sized:
        if keys and (size > left or len(keys) == READ_AT_ONCE):
            yield keys
            keys, left = [], MOST_CHARACTERS
        keys.append(key)
        left -= size
    if keys:
        yield keys


def write(org: Organization, format: Format) -> Iterator[str]:
    """The text of the document, piece by piece."""
    with snapshot():
        head, actions = dump(read_head(org), format), read_actions(org)
        if format == "json":
            yield head.removesuffix("\n}\n") + ',\n  "actions": ['
            for index, action in enumerate(actions):
                yield ",\n" if index else "\n"
                yield from _write_json(action)
            yield "\n  ]\n}\n"
            return
        yield head
        first = next(actions, None)
        yield "actions: []\n" if first is None else "actions:\n"
        for action in itertools.chain([first] if first else [], actions):
            yield from _write_yaml(action)


def write_files(org: Organization, format: Format) -> Iterator[tuple[str, Iterable[str]]]:
    """The same as files of a folder, each with its text: one for each action and destination.

    The text is gone when the next file is asked for.
    """
    with snapshot():
        resources = read_head(org)["resources"]
        credentials = {"credentials": resources["credentials"]}
        yield f"credentials.{format}", _write_resources(credentials, format)
        for entry in resources["destinations"]:
            path = f"destinations/{name_file(entry['label'])}.{format}"
            yield path, _write_resources({"destinations": [entry]}, format)
        for action in read_actions(org):
            path = f"actions/{name_file(action[0]['variant'])}.{format}"
            yield path, _write_file(action, format)


def _write_resources(resources: dict[str, Any], format: Format) -> list[str]:
    return [dump({"waybill": FORMAT, "resources": resources}, format)]


def _write_file(action: Action, format: Format) -> Iterator[str]:
    """The text of a document that has nothing but this action."""
    head = dump({"waybill": FORMAT}, format)
    if format == "yaml":
        yield f"{head}actions:\n"
        yield from _write_yaml(action)
        return
    yield head.removesuffix("\n}\n") + ',\n  "actions": [\n    '
    yield from map(_indent_json, _write_json(action))
    yield "\n  ]\n}\n"


def _write_json(action: Action) -> Iterator[str]:
    """An action's text, a version a piece; no piece ends with a line."""
    head, versions = action
    yield dump(head, "json").removesuffix("\n}\n") + ',\n  "versions": ['
    for index, version in enumerate(versions):
        text = dump(version, "json").removesuffix("\n")
        yield _indent_json(f"{',' if index else ''}\n{text}")
    yield "\n  ]\n}"


def _write_yaml(action: Action) -> Iterator[str]:
    """The same as an item of a list; each piece is whole lines."""
    head, versions = action
    yield dump([head], "yaml") + "  versions:\n"
    for version in versions:
        yield LINE.sub("  ", dump([version], "yaml"))


def _indent_json(text: str) -> str:
    return text.replace("\n", "\n    ")


def _show_version(row: ActionDefinition) -> dict[str, Any]:
    links = row.links.all()
    return {
        "version": row.version,
        "description": row.description,
        "aliases": sorted(name.name for name in row.names.all()),
        "destinations": sorted(link.destination.label for link in links),
        "default": next((link.destination.label for link in links if link.is_default), None),
        **{name: _show_moment(getattr(row, name)) for name in MOMENTS},
        "schema": orjson.loads(row.schema),
    }


def _show_moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _show_destination(row: Destination) -> dict[str, Any]:
    return {
        "label": row.label,
        "type": row.type,
        "config": row.config,
        "tags": row.tags,
        "credential": row.credential and row.credential.label,
        "signing_key": row.signing_key and row.signing_key.label,
        "protocol": row.protocol,
    }
