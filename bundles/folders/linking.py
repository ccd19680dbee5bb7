"""One schema that stands alone: what it refers to in other documents is bundled into it."""

from __future__ import annotations

import re
from collections import deque
from typing import Any

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


def bundle(entry: Entry, documents: Documents) -> Any:
    """The schema of an entry; unchanged where nothing in it leads out of it.

    Else all that it refers to stands in its `$defs`, and what refers to itself still does.
    """
    schema = resolve_pointer(entry.document.value, entry.at)
    if not isinstance(schema, dict) or (entry.at == "" and not _leads_out(schema)):
        return schema
    return _Bundle(entry, documents).make()


def _leads_out(schema: Any) -> bool:
    references = (node.get("$ref") for node, _, _ in walk(schema))
    return any(isinstance(one, str) and not one.startswith("#") for one in references)


class _Bundle:
    def __init__(self, entry: Entry, documents: Documents) -> None:
        self._documents = documents
        self._entry = entry
        self._dialect = entry.document.find_dialect()
        old = self._dialect is not None and bool(_OLD.match(self._dialect))
        self._container = "definitions" if old else "$defs"
        self._names: dict[tuple[Document, str], str] = {(entry.document, entry.at): ""}
        self._taken: set[str] = set()
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
        if isinstance(node, list):
            return [self._copy(inner, document, base) for inner in node]
        if not isinstance(node, dict):
            return node
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
            self._names[key] = f"/{self._container}/{name}"
            self._left.append((name, target))
        return f"#{self._names[key]}"

    def _find_name(self, target: Target) -> str:
        """One that nothing else has: what it is called where it stands, or that of its file."""
        said = (target.at or target.document.path.partition(".")[0]).rpartition("/")[2]
        wanted = _UNFIT.sub("_", said) or "schema"
        name, number = wanted, 2
        while name in self._taken:
            name, number = f"{wanted}_{number}", number + 1
        self._taken.add(name)
        return name


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
