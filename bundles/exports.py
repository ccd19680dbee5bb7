"""What an organization has, as a bundle: piece by piece, so that it may be much."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import orjson
from django.db import connection, transaction

from actions.models import ActionDefinition
from actions.services import MOMENTS, with_links
from bundles.documents import FORMAT
from bundles.reading import dump
from destinations.models import Destination
from orgs.models import Organization

READ_AT_ONCE = 500
# Below what any file system takes.
LONGEST_NAME = 150
Format = Literal["json", "yaml"]
FOLDERS = ("actions", "destinations")
SUFFIXES: dict[str, Format] = {".json": "json", ".yaml": "yaml"}
# What an exported file begins with.
STARTS = {".json": b'{\n  "waybill": %d,' % FORMAT, ".yaml": b"waybill: %d\n" % FORMAT}


def export(org: Organization) -> dict[str, Any]:
    """All of it as one document."""
    with snapshot():
        return read_head(org) | {"actions": list(read_actions(org))}


@contextmanager
def snapshot() -> Iterator[None]:
    """All reads inside see the same moment, unless a transaction is under way already."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


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


def read_actions(org: Organization) -> Iterator[dict[str, Any]]:
    """The actions of the document, one by one."""
    rows = with_links(ActionDefinition.objects.of_org(org.pk).order_by("variant", "version"))
    found = rows.iterator(chunk_size=READ_AT_ONCE)
    for variant, grouped in itertools.groupby(found, key=lambda row: row.variant):
        versions = list(grouped)
        yield {
            "variant": variant,
            "requires_approval": versions[0].requires_approval,
            "compatibility": versions[0].compatibility,
            "open_content": versions[0].open_content,
            "versions": [_show_version(row) for row in versions],
        }


def write(org: Organization, format: Format) -> Iterator[str]:
    """The text of the document, piece by piece."""
    with snapshot():
        head, actions = dump(read_head(org), format), read_actions(org)
        if format == "json":
            yield head.removesuffix("\n}\n") + ',\n  "actions": [\n'
            for index, action in enumerate(actions):
                yield (",\n" if index else "") + dump(action, format).removesuffix("\n")
            yield "\n  ]\n}\n"
            return
        yield head
        first = next(actions, None)
        yield "actions: []\n" if first is None else "actions:\n" + dump([first], format)
        for action in actions:
            yield dump([action], format)


def write_folder(org: Organization, folder: Path, format: Format) -> Iterator[Path]:
    """Write a file for each action and destination, and one that names the credentials.

    Each is there as a whole or not at all. Files of a former export that say what is no longer
    there go at the end, and nobody else's. What is written is told file by file.
    """
    written = set()
    with snapshot():
        for path, document in _read_files(org):
            whole = folder / f"{path}.{format}"
            replace_file(whole, [dump({"waybill": FORMAT, **document}, format)])
            written.add(whole)
            yield whole
    for old in itertools.chain.from_iterable(folder.joinpath(kind).glob("*") for kind in FOLDERS):
        if old not in written and _is_exported(old):
            old.unlink()


def _is_exported(path: Path) -> bool:
    """Whether an export wrote this file: it begins with the format's version."""
    start = STARTS.get(path.suffix)
    if start is None or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(start)) == start


def _read_files(org: Organization) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each file of a folder: its path without the suffix, and what it says."""
    resources = read_head(org)["resources"]
    yield "credentials", {"resources": {"credentials": resources["credentials"]}}
    for entry in resources["destinations"]:
        path = f"destinations/{name_file(entry['label'])}"
        yield path, {"resources": {"destinations": [entry]}}
    for action in read_actions(org):
        yield f"actions/{name_file(action['variant'])}", {"actions": [action]}


def name_file(name: str) -> str:
    """A file's name for any text: what is no letter is escaped, what is long is cut."""
    escaped = quote(name, safe="@+ ,=").replace(".", "%2E", name.startswith("."))
    if len(escaped) <= LONGEST_NAME:
        return escaped
    return f"{escaped[:LONGEST_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def replace_file(path: Path, pieces: Iterable[str]) -> None:
    """Write a file as a whole: until that is done, the old one stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A folder's reader passes over names with a dot before them.
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


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
