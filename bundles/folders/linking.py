"""One schema that stands alone: what it refers to in other documents is bundled into it."""

from __future__ import annotations

import re
from collections import deque
from typing import Any

import orjson
from django.conf import settings

from bundles.folders.finding import Entry
from bundles.folders.references import (
    BY_NAME,
    DATA,
    Document,
    Documents,
    SkippedError,
    Target,
    find_base,
    resolve_pointer,
    walk,
)
from bundles.folders.room import Room
from bundles.reading import memory

TOO_LARGE = "With all that it refers to, it is larger than an action's definition may be."
_DYNAMIC = ("$dynamicRef", "$recursiveRef")
# What identifies a schema, or holds others only to be referred to: no reference is left to them.
_DROPPED = frozenset(
    [
        "$id",
        "id",
        "$schema",
        "$anchor",
        "$dynamicAnchor",
        "$recursiveAnchor",
        "$defs",
        "definitions",
    ]
)
_UNFIT = re.compile(r"[^A-Za-z0-9_.$-]+")
# Where a dialect keeps what is referred to; it is `$defs` since 2019-09.
_OLD = re.compile(r"https?://json-schema\.org/draft-0")


def bundle(entry: Entry, documents: Documents, room: Room) -> Any:
    """The schema of an entry; unchanged where nothing in it leads out of it.

    Else all that it refers to stands in its `$defs`, and what refers to itself still does.
    """
    schema = resolve_pointer(entry.document.value, entry.at)
    if not isinstance(schema, dict) or (entry.at == "" and not _leads_out(schema)):
        return schema
    made = _Bundle(entry, documents, room).make()
    size = len(orjson.dumps(made))
    if size > settings.MAX_BODY_BYTES:
        raise SkippedError(TOO_LARGE)
    room.take_bytes(size)
    return made


def _leads_out(schema: Any) -> bool:
    references = (node.get("$ref") for node, _, _ in walk(schema))
    return any(isinstance(one, str) and not one.startswith("#") for one in references)


class _Bundle:
    def __init__(self, entry: Entry, documents: Documents, room: Room) -> None:
        self._documents = documents
        self._room = room
        # Of its texts and keys, which are written once more for each bundle.
        self._size = 0
        self._entry = entry
        self._dialect = entry.document.find_dialect()
        old = self._dialect is not None and bool(_OLD.match(self._dialect))
        self._container = "definitions" if old else "$defs"
        self._names: dict[tuple[Document, str], str] = {(entry.document, entry.at): "#"}
        # Each name that is taken, and the number that its next bearer has.
        self._taken: dict[str, int] = {}
        self._left: deque[tuple[str, Target]] = deque()

    def make(self) -> dict[str, Any]:
        """The schema, and after it what it refers to, in the order in which it does."""
        made: dict[str, Any] = {"$schema": self._dialect} if self._dialect else {}
        made |= self._copy_target(Target(self._entry.document, self._entry.at))
        held: dict[str, Any] = {}
        while self._left:
            name, target = self._left.popleft()
            held[name] = self._copy_target(target)
        return made | ({self._container: held} if held else {})

    def _copy_target(self, target: Target) -> Any:
        return self._copy(target.schema, target.document, target.find_base())

    def _copy(self, node: Any, document: Document, base: str) -> Any:
        if isinstance(node, str):
            self._grow(len(node))
        if isinstance(node, list):
            self._room.take(memory.ARRAY + memory.ITEM * len(node))
            return [self._copy(inner, document, base) for inner in node]
        if not isinstance(node, dict):
            return node
        self._take(node)
        base = find_base(node, base)
        if any(keyword in node for keyword in _DYNAMIC):
            said = "A dynamic reference cannot be bundled with what it means elsewhere."
            raise SkippedError(said)
        copied = {
            key: self._copy_keyword(key, inner, document, base)
            for key, inner in node.items()
            if key not in _DROPPED
        }
        return _allow_null(copied) if document.has_nullable else copied

    def _copy_keyword(self, key: str, value: Any, document: Document, base: str) -> Any:
        if key == "$ref" and isinstance(value, str):
            return self._refer(value, document, base)
        if key in DATA:
            return value
        if key in BY_NAME and isinstance(value, dict):
            self._take(value)
            return {name: self._copy(one, document, base) for name, one in value.items()}
        return self._copy(value, document, base)

    def _refer(self, reference: str, document: Document, base: str) -> str:
        """The reference to what it means, inside the bundle."""
        target = self._documents.find(document, reference, base)
        if target is None:
            raise SkippedError(
                f"It refers to {reference[:300]}, which is not in the folder; nothing is fetched."
            )
        dialect = target.document.find_dialect() or self._dialect
        if _bare(dialect) != _bare(self._dialect):
            raise SkippedError(f"It refers to {reference[:300]}, which is in another dialect.")
        key = target.document, target.at
        if key not in self._names:
            name = self._find_name(target)
            self._room.take(memory.TEXT + len(name))
            self._names[key] = f"#/{self._container}/{name}"
            self._left.append((name, target))
        return self._names[key]

    def _find_name(self, target: Target) -> str:
        """One that nothing else has: what it is called where it stands, or that of its file."""
        said = (target.at or target.document.path.partition(".")[0]).rpartition("/")[2]
        wanted = _UNFIT.sub("_", said) or "schema"
        name = wanted
        while name in self._taken:
            number = self._taken[wanted]
            name, self._taken[wanted] = f"{wanted}_{number}", number + 1
        self._taken[name] = 2
        return name

    def _take(self, node: dict[str, Any]) -> None:
        """An object is copied."""
        self._room.take(memory.OBJECT + memory.MEMBER * len(node))
        self._grow(sum(map(len, node)))

    def _grow(self, number: int) -> None:
        self._size += number
        if self._size > settings.MAX_BODY_BYTES:
            raise SkippedError(TOO_LARGE)


def _bare(dialect: str | None) -> str:
    return (dialect or "").removesuffix("#")


def _allow_null(schema: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI 3.0 says by `nullable`, said by a union."""
    if schema.pop("nullable", False) is not True:
        return schema
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
        return schema
    return {"anyOf": [schema, {"type": "null"}]}
