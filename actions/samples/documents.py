"""A schema as a document whose parts can be named, followed, compared and judged by.

Every reference is made absolute first, to a JSON Pointer below the document's own URI, so that
any part of it, alone or beside parts of another document, still is a schema.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from actions import references
from actions.references import Path
from actions.samples.keywords import DRAFT4
from config import validation
from config.errors import pointer

# These name schemas; nothing refers by them once references are absolute.
_NAMES = ("$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor")
_BY_NAME = (
    *("properties", "patternProperties", "$defs", "definitions"),
    *("dependentSchemas", "dependentRequired", "dependencies"),
)
_DYNAMIC = {
    "https://json-schema.org/draft/2019-09/schema": "$recursiveRef",
    "https://json-schema.org/draft/2020-12/schema": "$dynamicRef",
}
_DATA = ("enum", "const", "default", "examples")
# These say something to readers, or hold what only references reach.
_SILENT = (
    *("$defs", "definitions", "title", "description", "default", "examples", "$comment"),
    *("readOnly", "writeOnly", "deprecated", "$vocabulary"),
)


class Document:
    """An admitted schema, its references absolute.

    `dynamic` where what they mean depends on the caller, `unseen` where a part is no schema of the
    dialect, or of another: such documents are not to be taken apart.
    """

    def __init__(self, name: str, schema: Any, dialect: str) -> None:
        self.uri = f"urn:waybill:{name}"
        self.name, self.dialect = name, dialect
        # JSON, not `deepcopy`: an object that stands in two places has to become two.
        self.source = json.loads(json.dumps(schema))
        self.schema = copy.deepcopy(self.source)
        links = [
            link
            for link in references.find_links(self.source)
            if link[1] in ("$ref", _DYNAMIC.get(dialect))
        ]
        mixed = _changes_dialect(self.source, dialect)
        self.dynamic = (
            mixed
            or _is_dynamic(self.source, links)
            or (bool(links) and _names_twice(self.source, dialect))
        )
        # In a place that the metaschema knows nothing of, anything may stand.
        self.unseen = (
            mixed
            or any(
                not validation.is_schema(find(self.source, target), dialect=dialect)
                for target in {target for _, _, target in links}
            )
            or _refers_as_others_do(self.source, dialect)
        )
        self._targets: dict[str, Path] = {}
        for path, keyword, target in links:
            reference = f"{self.uri}#{quote(pointer(target))}"
            self._targets[reference] = target
            part = find(self.schema, path)
            if keyword != "$ref":
                del part[keyword]
            if keyword != "$ref" and "$ref" in part:
                part["allOf"] = [*part.get("allOf", []), {"$ref": reference}]
            else:
                part["$ref"] = reference
        _strip(self.schema)
        self.root = Node(self, (), self.schema)
        self._texts: dict[Path, str] = {}
        self._reached: dict[Path, frozenset[Path]] = {}

    def follow(self, reference: str) -> Node:
        """What an absolute reference names."""
        path = self._targets[reference]
        return Node(self, path, find(self.schema, path))

    def text_of(self, node: Node) -> str:
        """What a part demands, as text: equal for parts that differ in annotations only."""
        if node.text or node.path not in self._texts:
            text = json.dumps(self._bare(node.schema), sort_keys=True)
            if node.text:
                return text
            self._texts[node.path] = text
        return self._texts[node.path]

    def reached_from(self, node: Node) -> frozenset[Path]:
        """The paths of all that the part refers to, directly or not."""
        if node.path in self._reached and not node.text:
            return self._reached[node.path]
        seen: set[Path] = set()
        left = [node.schema]
        while left:
            for path in self._direct(left.pop()) - seen:
                seen.add(path)
                left.append(find(self.schema, path))
        found = frozenset(seen)
        if not node.text:
            self._reached[node.path] = found
        return found

    def _bare(self, schema: Any) -> Any:
        """The schema without what demands nothing, its references the same in all documents."""
        if isinstance(schema, list):
            return [self._bare(part) for part in schema]
        if not isinstance(schema, dict):
            return schema
        kept = ((key, value) for key, value in schema.items() if key not in _SILENT)
        return {key: self._bare_at(key, value) for key, value in kept}

    def _bare_at(self, key: str, value: Any) -> Any:
        if key in _DATA:
            return value
        if key == "$ref" and isinstance(value, str):
            return value.removeprefix(self.uri)
        if key in _BY_NAME and isinstance(value, dict):
            return {name: self._bare(part) for name, part in value.items()}
        return self._bare(value)

    def _direct(self, part: Any) -> set[Path]:
        named = (inner.get("$ref") for inner in _walk(part))
        return {
            self._targets[name] for name in named if isinstance(name, str) and name in self._targets
        }


@dataclass(frozen=True, slots=True)
class Node:
    """A subschema: a part of a document, or one that was made, whose `text` tells it apart."""

    document: Document = field(repr=False)
    path: Path
    schema: Any = field(compare=False)
    text: str = ""

    def child(self, *keys: str | int) -> Node:
        """A schema inside this one."""
        return Node(self.document, (*self.path, *keys), find(self.schema, keys), self.text)

    def make(self, schema: Any, *keys: str | int) -> Node:
        """A schema that is not written anywhere, but comes of what is written here."""
        text = json.dumps(schema, sort_keys=True)
        return Node(self.document, (*self.path, *keys), schema, text)

    @property
    def order(self) -> tuple[str, str, str]:
        """By which parts are sorted, so that nothing depends on how a set is walked."""
        return self.document.name, str(self.path), self.text

    @property
    def is_true(self) -> bool:
        """Whether it plainly accepts everything."""
        return self.schema is True or self.schema == {}

    @property
    def is_false(self) -> bool:
        """Whether it plainly accepts nothing."""
        return self.schema is False or self.schema == {"not": {}}


def find(schema: Any, path: Iterable[str | int]) -> Any:
    """What is at a path."""
    for key in path:
        schema = schema[key]
    return schema


def are_same(one: Node, other: Node) -> bool:
    """Whether two parts demand the same, word for word, and so does all they refer to."""
    if one == other:
        return True
    mine, yours = one.document, other.document
    if mine.text_of(one) != yours.text_of(other):
        return False
    if mine is yours:
        return True
    reached = mine.reached_from(one)
    return reached == yours.reached_from(other) and all(
        mine.text_of(_at(mine, path)) == yours.text_of(_at(yours, path)) for path in reached
    )


class Judge:
    """Judges values by any part of some documents of one dialect."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._documents = tuple(documents)
        self._dialect = self._documents[0].dialect
        held: Mapping[str, Any] = {part.uri: part.schema for part in self._documents}
        self._registry = validation.keep_schemas(held, dialect=self._dialect)
        self._validators: dict[Hashable, validation.Validator] = {}

    def accepts(self, schema: Any, value: Any, *, key: Hashable = None) -> bool:
        """Whether a schema, whose references lead into the documents, accepts the value.

        A `key` that stands for the schema saves spelling it out, each time.
        """
        key = json.dumps(schema) if key is None else key
        return bool(self._validator(key, schema).is_valid(value))

    def accept(self, nodes: Iterable[Node], value: Any) -> bool:
        """Whether all these parts accept the value."""
        return all(
            node.is_true
            or (not node.is_false and self._validator(node, node.schema).is_valid(value))
            for node in nodes
        )

    def _validator(self, key: Hashable, schema: Any) -> validation.Validator:
        if key not in self._validators:
            self._validators[key] = validation.compile_schema(
                schema, dialect=self._dialect, registry=self._registry
            )
        return self._validators[key]


def _at(document: Document, path: Path) -> Node:
    return Node(document, path, find(document.schema, path))


def _is_dynamic(schema: Any, links: Iterable[tuple[Path, str, Path]]) -> bool:
    """Whether its parts mean one thing or another by how the judgement came to them.

    A dynamic reference does not where only one schema has the anchor that it looks for.
    """
    anchors = _count_anchors(schema)
    return any(
        _is_in_data(target)
        or (keyword != "$ref" and anchors.get(_anchor_at(schema, target), 0) > 1)
        # This one may be "#" only; what a validator makes of another is its own affair.
        or (keyword == "$recursiveRef" and find(schema, path)[keyword] != "#")
        for path, keyword, target in links
    )


def _names_twice(schema: Any, dialect: str) -> bool:
    """Whether two parts have one name: which of them a reference means is a validator's choice."""
    own = "id" if dialect == DRAFT4 else "$id"
    named = [
        (keyword == own, part[keyword])
        for part in _walk(schema)
        for keyword in ("$anchor", "$dynamicAnchor", own)
        if isinstance(part.get(keyword), str)
    ]
    return len(named) > len(set(named))


def _changes_dialect(schema: Any, dialect: str) -> bool:
    """Whether a part names another dialect than the document's."""
    named = (part["$schema"] for part in _walk(schema) if "$schema" in part)
    return any(str(one).removesuffix("#") != dialect for one in named)


def _refers_as_others_do(schema: Any, dialect: str) -> bool:
    """Whether a part has a reference that the dialect does not know.

    The validator looks it up all the same for what is unevaluated.
    """
    words = {word for part in _walk(schema) for word in part}
    return (
        _DYNAMIC.get(dialect) == "$recursiveRef"
        and "$dynamicRef" in words
        and not words.isdisjoint(("unevaluatedItems", "unevaluatedProperties"))
    )


def _is_in_data(path: Path) -> bool:
    return any(
        key in _DATA and above not in _BY_NAME
        for above, key in zip(("", *path), path, strict=False)
    )


def _anchor_at(schema: Any, path: Path) -> Any:
    part = find(schema, path)
    if not isinstance(part, dict):
        return None
    return part.get("$dynamicAnchor", part.get("$recursiveAnchor") is True or None)


def _count_anchors(schema: Any) -> dict[Any, int]:
    counts: dict[Any, int] = {}
    stack = [schema]
    while stack:
        part = stack.pop()
        if isinstance(part, list):
            stack += part
        elif isinstance(part, dict):
            stack += part.values()
            for anchor in (part.get("$dynamicAnchor"), part.get("$recursiveAnchor")):
                if isinstance(anchor, str) or anchor is True:
                    counts[anchor] = counts.get(anchor, 0) + 1
    return counts


def _strip(schema: Any) -> None:
    """Take the names off, in place."""
    for part in _walk(schema):
        for name in _NAMES:
            if isinstance(part.get(name), str | bool):
                del part[name]


def _walk(schema: Any) -> Iterable[dict[str, Any]]:
    stack = [schema]
    while stack:
        part = stack.pop()
        if isinstance(part, list):
            stack += part
        elif isinstance(part, dict):
            yield part
            for key, value in part.items():
                if key in _BY_NAME and isinstance(value, dict):
                    stack += value.values()
                elif key not in _DATA:
                    stack.append(value)
