"""Whether a payload holds what its contract leaves open and does not declare."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from actions.compatibility.obstacles import Facts
from actions.samples.documents import Document, Judge, Node
from actions.samples.keywords import DRAFT4, DRAFT6, DRAFT7, REASONED

_EVERY = object()
_LISTS = ("properties", "patternProperties")
_FIRST = ("prefixItems", "items")
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
    for node in spread(nodes):
        schema = _heeded(node)
        found.names |= {*schema.get("properties", {}), *_needed(schema)}
        found.patterns |= schema.get("patternProperties", {}).keys()
        found.others |= any(word in schema and not node.child(word).is_true for word in _OTHERS)
    return found


def spread(nodes: Iterable[Node]) -> list[Node]:
    """The schemas, and those that apply in their place in whichever branches hold."""
    found: dict[Node, None] = {}
    left = list(nodes)
    while left:
        node = left.pop()
        if node not in found and isinstance(node.schema, dict):
            found[node] = None
            left += _in_place(node, _EVERY)
    return list(found)


def find_sent(sender: Document | None, facts: Facts) -> list[Node]:
    """What the sender's contract has for a value, in whichever branches hold."""
    given = [node for node in facts.given if node.document is sender]
    return spread([*given, *facts.maybe]) if sender else []


def find_in_property(judge: Judge, nodes: Iterable[Node], name: str) -> list[Node]:
    """The schemas that these have for a property, but for those that take any for any name."""
    found: list[Node] = []
    for node in nodes:
        schema = _heeded(node)
        here = [node.child("properties", name)] if name in schema.get("properties", {}) else []
        here += [
            node.child("patternProperties", text)
            for text in schema.get("patternProperties", {})
            if judge.accepts({"pattern": text}, name)
        ]
        others = [node.child(word) for word in _OTHERS if word in schema]
        found += here or [one for one in others if not one.is_true]
    return found


def find_in_other_properties(nodes: Iterable[Node], but: Declared) -> list[Node]:
    """The schemas that these have for properties, but for some names and patterns."""
    found: list[Node] = []
    for node in nodes:
        schema = _heeded(node)
        for word, known in zip(_LISTS, (but.names, but.patterns), strict=True):
            found += [node.child(word, one) for one in schema.get(word, {}) if one not in known]
        found += [node.child(word) for word in _OTHERS if word in schema]
    return found


def find_in_item(nodes: Iterable[Node], index: int, *, later: bool = False) -> list[Node]:
    """The schemas that these have for an item, or for all `later` ones, too."""
    found: list[Node] = []
    for node in nodes:
        schema = _heeded(node)
        first = next((word for word in _FIRST if isinstance(schema.get(word), list)), "")
        count = len(schema.get(first, []))
        until = count if later else min(index + 1, count)
        found += [node.child(first, at) for at in range(index, until)]
        if later or index >= count:
            found += _having(node, "items", "unevaluatedItems")
            found += _having(node, "additionalItems") if first == "items" else []
    return found


def find_contained(nodes: Iterable[Node]) -> list[Node]:
    """The schemas that these have for some of the items."""
    return [one for node in nodes for one in _having(node, "contains")]


def sends_more(document: Document, value: Any) -> bool:
    """Whether an object, for which properties are listed, holds others that are left open.

    Where the document is not to be taken apart nobody knows, and any payload may.
    """
    if document.unseen or document.dynamic:
        return True
    return _Walk(document).sends_more([document.root], [], value)


class _Walk:
    """Those branches that accept the value apply to it; those that do not still declare."""

    def __init__(self, document: Document) -> None:
        self._judge = Judge([document])

    def sends_more(self, nodes: list[Node], maybe: list[Node], value: Any) -> bool:
        applied, every = self._applied(nodes, value), spread([*nodes, *maybe])
        if isinstance(value, list):
            return any(
                self.sends_more(
                    [
                        *find_in_item(applied, index),
                        *self._accepting(find_contained(applied), item),
                    ],
                    [*find_in_item(every, index), *find_contained(every)],
                    item,
                )
                for index, item in enumerate(value)
            )
        if not isinstance(value, dict):
            return False
        lists = any(keyword in _heeded(node) for node in applied for keyword in _LISTS)
        declared = find(every)
        for name, item in value.items():
            if lists and not self._is_declared(name, declared):
                return True
            inner, more = (find_in_property(self._judge, one, name) for one in (applied, every))
            if self.sends_more(inner, more, item):
                return True
        return False

    def _is_declared(self, name: str, found: Declared) -> bool:
        return (
            found.others
            or name in found.names
            or any(self._judge.accepts({"pattern": text}, name) for text in found.patterns)
        )

    def _applied(self, nodes: list[Node], value: Any) -> list[Node]:
        found: list[Node] = []
        left = list(nodes)
        while left:
            node = left.pop()
            if not isinstance(node.schema, dict) or node in found:
                continue
            found.append(node)
            left += self._accepting(_in_place(node, value), value)
        return found

    def _accepting(self, nodes: Iterable[Node], value: Any) -> list[Node]:
        return [node for node in nodes if self._judge.accept([node], value)]


def _having(node: Node, *words: str) -> list[Node]:
    schema = _heeded(node)
    return [
        node.child(word) for word in words if word in schema and not isinstance(schema[word], list)
    ]


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
    if "if" in schema:
        found += [node.child(word) for word in ("if", "then", "else") if word in schema]
    for word in ("dependentSchemas", "dependencies"):
        for name, inner in schema.get(word, {}).items():
            there = value is _EVERY or (isinstance(value, dict) and name in value)
            if there and not isinstance(inner, list):
                found.append(node.child(word, name))
    return found
