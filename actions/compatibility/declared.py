"""Whether a payload holds what its contract leaves open and does not declare."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from actions.samples.documents import Document, Judge, Node
from actions.samples.keywords import DRAFT4, DRAFT6, DRAFT7, REASONED

_EVERY = object()
_LISTS = ("properties", "patternProperties")
_OTHERS = ("additionalProperties", "unevaluatedProperties")


@dataclass(slots=True)
class Declared:
    """The names and patterns of properties that are declared; `others` where any name is."""

    names: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)
    others: bool = False


def find(nodes: Iterable[Node]) -> Declared:
    """What schemas, or any branch of their choices, declare for an object."""
    found = Declared()
    left, seen = list(nodes), set[Node]()
    while left:
        node = left.pop()
        if node in seen or not isinstance(node.schema, dict):
            continue
        seen.add(node)
        left += _in_place(node, _EVERY)
        schema = _heeded(node)
        found.names |= {*schema.get("properties", {}), *_needed(schema)}
        found.patterns |= schema.get("patternProperties", {}).keys()
        found.others |= any(word in schema and not node.child(word).is_true for word in _OTHERS)
    return found


def sends_more(document: Document, value: Any) -> bool:
    """Whether an object, for which properties are listed, holds others that are left open.

    Where the document is not to be taken apart nobody knows, and any payload may.
    """
    if document.unseen or document.dynamic:
        return True
    return _Walk(document).sends_more([document.root], value)


class _Walk:
    """Takes, of each choice, those branches that accept the value."""

    def __init__(self, document: Document) -> None:
        self._judge = Judge([document])

    def sends_more(self, nodes: list[Node], value: Any) -> bool:
        applied = self._applied(nodes, value)
        if isinstance(value, list):
            return any(
                self.sends_more(self._items(applied, index), item)
                for index, item in enumerate(value)
            )
        if not isinstance(value, dict):
            return False
        lists = any(keyword in _heeded(node) for node in applied for keyword in _LISTS)
        needed = {name for node in applied for name in _needed(_heeded(node))}
        for name, item in value.items():
            inner = self._properties(applied, name)
            if lists and not inner and name not in needed:
                return True
            if self.sends_more(inner, item):
                return True
        return False

    def _applied(self, nodes: list[Node], value: Any) -> list[Node]:
        found: list[Node] = []
        left = list(nodes)
        while left:
            node = left.pop()
            if not isinstance(node.schema, dict) or node in found:
                continue
            found.append(node)
            left += [one for one in _in_place(node, value) if self._judge.accept([one], value)]
        return found

    def _properties(self, nodes: list[Node], name: str) -> list[Node]:
        """The schemas of a property; those that accept anything for any name do not count."""
        found: list[Node] = []
        for node in nodes:
            schema = _heeded(node)
            here = [node.child("properties", name)] if name in schema.get("properties", {}) else []
            here += [
                node.child("patternProperties", text)
                for text in schema.get("patternProperties", {})
                if self._judge.accepts({"pattern": text}, name)
            ]
            others = [node.child(word) for word in _OTHERS if word in schema]
            found += here or [one for one in others if not one.is_true]
        return found

    def _items(self, nodes: list[Node], index: int) -> list[Node]:
        found: list[Node] = []
        for node in nodes:
            schema = _heeded(node)
            tuples = ("prefixItems", "items")
            first = next((word for word in tuples if isinstance(schema.get(word), list)), None)
            if first and index < len(schema[first]):
                found.append(node.child(first, index))
                continue
            found += [
                node.child(word)
                for word in ("items", "additionalItems", "unevaluatedItems")
                if word in schema and not isinstance(schema[word], list)
            ]
        return found


def _heeded(node: Node) -> dict[str, Any]:
    """What the schema's dialect knows of it: anything may stand elsewhere."""
    dialect = node.document.dialect
    if "$ref" in node.schema and dialect in (DRAFT4, DRAFT6, DRAFT7):
        return {"$ref": node.schema["$ref"]}
    return {word: part for word, part in node.schema.items() if word in REASONED[dialect]}


def _needed(schema: dict[str, Any]) -> set[str]:
    """What has to be there, at times: it is declared, whether it is listed or not."""
    lists = [schema.get("required", [])]
    for word in ("dependentRequired", "dependencies"):
        lists += schema.get(word, {}).values()
    return {name for names in lists if isinstance(names, list) for name in names}


def _in_place(node: Node, value: Any) -> list[Node]:
    """The schemas that apply to the same value, whether they accept it or not."""
    schema = _heeded(node)
    found = [node.document.follow(schema["$ref"])] if "$ref" in schema else []
    for word in ("allOf", "anyOf", "oneOf"):
        found += [node.child(word, index) for index in range(len(schema.get(word, [])))]
    found += [node.child(word) for word in ("if", "then", "else") if word in schema]
    for word in ("dependentSchemas", "dependencies"):
        for name, inner in schema.get(word, {}).items():
            there = value is _EVERY or (isinstance(value, dict) and name in value)
            if there and not isinstance(inner, list):
                found.append(node.child(word, name))
    return found
