"""Which properties and items a schema evaluates beside `unevaluated...`, where that is the same
for every payload it accepts."""

from __future__ import annotations

from dataclasses import dataclass, field

from actions.samples.documents import Node
from actions.samples.keywords import DRAFT2020

# Whether these evaluate anything depends on the payload.
_AT_TIMES = ("anyOf", "oneOf", "if", "then", "else", "dependentSchemas", "dependencies")
_OF_OBJECTS = ("properties", "patternProperties", "additionalProperties", "unevaluatedProperties")
_OF_ARRAYS = ("prefixItems", "items", "additionalItems", "unevaluatedItems", "contains")


@dataclass(slots=True)
class Evaluated:
    """Names and patterns of properties, or a count of items; or every one of them."""

    names: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)
    count: int = 0
    everything: bool = False


def find_properties(node: Node) -> Evaluated | None:
    """The properties that are evaluated; None where that depends on the payload."""
    found = Evaluated()
    for inner in _in_place(node):
        schema = inner.schema
        if _may_evaluate(inner, _OF_OBJECTS):
            return None
        found.names |= schema.get("properties", {}).keys()
        found.patterns |= schema.get("patternProperties", {}).keys()
        if "additionalProperties" in schema or (
            "unevaluatedProperties" in schema and inner is not node
        ):
            found.everything = True
    return found


def find_items(node: Node) -> Evaluated | None:
    """How many of the first items are evaluated; None where that depends on the payload."""
    found = Evaluated()
    for inner in _in_place(node):
        schema = inner.schema
        modern = inner.document.dialect == DRAFT2020
        # The validator lets it evaluate items in 2019-09, too.
        if _may_evaluate(inner, _OF_ARRAYS) or "contains" in schema:
            return None
        first = schema.get("prefixItems" if modern else "items", [])
        if isinstance(first, list):
            found.count = max(found.count, len(first))
        if "items" in schema and (
            modern or not isinstance(first, list) or "additionalItems" in schema
        ):
            found.everything = True
        if "unevaluatedItems" in schema and inner is not node:
            found.everything = True
    return found


def _in_place(node: Node) -> list[Node]:
    """The schema and all that it applies to the same value without a condition."""
    found: list[Node] = []
    left = [node]
    while left:
        inner = left.pop()
        if inner in found or not isinstance(inner.schema, dict):
            continue
        found.append(inner)
        if "$ref" in inner.schema:
            left.append(inner.document.follow(inner.schema["$ref"]))
        left += [inner.child("allOf", index) for index in range(len(inner.schema.get("allOf", [])))]
    return found


def _may_evaluate(node: Node, keywords: tuple[str, ...]) -> bool:
    """Whether a branch of the schema could evaluate what these keywords do."""
    stack = [node.schema[keyword] for keyword in _AT_TIMES if keyword in node.schema]
    while stack:
        part = stack.pop()
        if isinstance(part, list):
            stack += part
        elif isinstance(part, dict):
            if "$ref" in part or not part.keys().isdisjoint(keywords):
                return True
            stack += part.values()
    return False
