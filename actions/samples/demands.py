"""A schema taken apart: what it demands, one thing at a time, the same for all dialects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from actions.samples import evaluated
from actions.samples.documents import Node
from actions.samples.keywords import (
    DRAFT4,
    DRAFT6,
    DRAFT7,
    DRAFT2020,
    EQUAL_ONLY,
    FORMATS,
    REASONED,
    TYPES,
)

ALL = frozenset(TYPES)
_NUMBER, _STRING = frozenset(["number"]), frozenset(["string"])
_ARRAY, _OBJECT = frozenset(["array"]), frozenset(["object"])


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """One thing that a schema demands of values of these types; others it lets pass.

    `node` is the schema, `fragment` the keywords of it that say so, the first of them named
    last in the pointer. What `data` is depends on the kind.
    """

    kind: str
    node: Node
    types: frozenset[str]
    fragment: dict[str, Any]
    data: Any = None

    @property
    def path(self) -> tuple[str | int, ...]:
        """Where it is written."""
        keyword = next(iter(self.fragment), None)
        return self.node.path if keyword is None or self.node.text else (*self.node.path, keyword)


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit of a number; `strict` where the limit itself is beyond it."""

    value: Fraction
    strict: bool


@dataclass(frozen=True, slots=True)
class Items:
    """The schemas of an array's items: the first ones, and those after them."""

    prefix: tuple[Node, ...]
    rest: Node

    def at(self, index: int) -> Node:
        """The schema of the item at an index."""
        return self.prefix[index] if index < len(self.prefix) else self.rest


@dataclass(frozen=True, slots=True)
class Contains:
    """How many items of an array a schema accepts; None: any number more."""

    node: Node
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Properties:
    """The schemas of an object's properties; `others` for those without one."""

    named: dict[str, Node]
    patterns: dict[str, Node]
    others: Node


@dataclass(frozen=True, slots=True)
class Types:
    """Types, of which `number` may be whole ones only."""

    types: frozenset[str]
    whole: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """What holds where a condition does, and where it does not."""

    test: Node
    then: Node
    otherwise: Node


@dataclass(frozen=True, slots=True)
class Dependency:
    """What holds where a property is there."""

    name: str
    then: Node


class Reader:
    """Reads schemas, each once."""

    def __init__(self) -> None:
        self._read: dict[Node, list[Demand]] = {}

    def read(self, node: Node) -> list[Demand]:
        """What a schema demands."""
        if node not in self._read:
            self._read[node] = list(_read(node))
        return self._read[node]


def exact(number: float) -> Fraction:
    """The number as the validator sees it."""
    return Fraction(number)


def _read(node: Node) -> Iterator[Demand]:
    schema, dialect = node.schema, node.document.dialect
    if schema is False:
        yield Demand("false", node, ALL, {})
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        target = node.document.follow(schema["$ref"])
        yield Demand("ref", node, ALL, {"$ref": schema["$ref"]}, target)
        if dialect in (DRAFT4, DRAFT6, DRAFT7):
            return
    for keyword, value in schema.items():
        if keyword in EQUAL_ONLY[dialect]:
            yield from _read_content(node, keyword)
        elif keyword in REASONED[dialect] and keyword in _READERS:
            yield from _READERS[keyword](node, keyword, value)


# --- any type -------------------------------------------------------------------------------------


def _read_type(node: Node, keyword: str, value: Any) -> Iterator[Demand]:
    names = set([value] if isinstance(value, str) else value)
    whole = "integer" in names and "number" not in names
    types = frozenset(names - {"integer"} | ({"number"} if whole else set()))
    yield Demand("type", node, ALL, {keyword: value}, Types(types, whole))


def _read_enum(node: Node, keyword: str, value: Any) -> Iterator[Demand]:
    yield Demand("enum", node, ALL, {keyword: value}, value if keyword == "enum" else [value])


def _read_inner(node: Node, keyword: str, value: Any) -> Iterator[Demand]:
    yield Demand(keyword, node, ALL, {keyword: value}, node.child(keyword))


def _read_union(node: Node, keyword: str, value: Any) -> Iterator[Demand]:
    branches = [node.child(keyword, index) for index in range(len(value))]
    yield Demand(keyword, node, ALL, {keyword: value}, branches)


def _read_condition(node: Node, keyword: str, _: Any) -> Iterator[Demand]:
    named = [name for name in ("if", "then", "else") if name in node.schema]
    if len(named) > 1:
        then, otherwise = (
            node.child(name) if name in node.schema else node.make(schema=True)
            for name in ("then", "else")
        )
        fragment = {name: node.schema[name] for name in named}
        yield Demand("if", node, ALL, fragment, Condition(node.child(keyword), then, otherwise))


# --- one type -------------------------------------------------------------------------------------


def _read_bound(node: Node, keyword: str, value: Any) -> Iterator[Demand]:
    if isinstance(value, bool):
        return
    # Of draft 4, where `exclusiveMinimum` is a flag of `minimum`.
    strict_key = "exclusive" + keyword[0].upper() + keyword[1:]
    strict = keyword.startswith("exclusive")
    fragment = {keyword: value}
    if node.document.dialect == DRAFT4 and not strict:
        strict = node.schema.get(strict_key) is True
        fragment |= {strict_key: strict}
    kind = "minimum" if keyword.lower().endswith("minimum") else "maximum"
    yield Demand(kind, node, _NUMBER, fragment, Bound(exact(value), strict))


def _read_value(types: frozenset[str]) -> Callable[[Node, str, Any], Iterator[Demand]]:
    def read(node: Node, keyword: str, value: Any) -> Iterator[Demand]:
        yield Demand(keyword, node, types, {keyword: value}, value)

    return read


def _read_count(types: frozenset[str]) -> Callable[[Node, str, Any], Iterator[Demand]]:
    def read(node: Node, keyword: str, value: Any) -> Iterator[Demand]:
        yield Demand(keyword, node, types, {keyword: value}, int(value))

    return read


def _read_format(node: Node, keyword: str, value: Any) -> Iterator[Demand]:
    if value in FORMATS[node.document.dialect]:
        yield Demand(keyword, node, _STRING, {keyword: value}, value)


def _read_content(node: Node, keyword: str) -> Iterator[Demand]:
    """One demand: the type is that of what was decoded."""
    names = [name for name in node.schema if name in EQUAL_ONLY[node.document.dialect]]
    if keyword == names[0]:
        fragment = {name: node.schema[name] for name in names}
        yield Demand("opaque", node, _STRING, fragment, keyword)


def _read_unique(node: Node, keyword: str, value: Any) -> Iterator[Demand]:
    if value:
        yield Demand(keyword, node, _ARRAY, {keyword: value})


def _read_items(node: Node, keyword: str, value: Any) -> Iterator[Demand]:
    if keyword == "items" and "prefixItems" in node.schema and node.document.dialect == DRAFT2020:
        return
    if node.document.dialect == DRAFT2020:
        first, after = "prefixItems", "items"
    else:
        first, after = "items", "additionalItems"
    if keyword == "items" and not isinstance(value, list):
        rule = Items((), node.child("items"))
        yield Demand("items", node, _ARRAY, {keyword: value}, rule)
        return
    prefix = tuple(node.child(first, index) for index in range(len(value)))
    rest = node.child(after) if after in node.schema else node.make(schema=True)
    fragment = {name: node.schema[name] for name in (first, after) if name in node.schema}
    yield Demand("items", node, _ARRAY, fragment, Items(prefix, rest))


def _read_contains(node: Node, keyword: str, value: Any) -> Iterator[Demand]:
    counted = "minContains" in REASONED[node.document.dialect]
    least = int(node.schema.get("minContains", 1)) if counted else 1
    most = node.schema.get("maxContains") if counted else None
    names = ("contains", "minContains", "maxContains") if counted else ("contains",)
    fragment = {name: node.schema[name] for name in names if name in node.schema}
    rule = Contains(node.child(keyword), least, None if most is None else int(most))
    yield Demand(keyword, node, _ARRAY, fragment, rule)


_PROPERTIES = ("properties", "patternProperties", "additionalProperties")


def _read_properties(node: Node, keyword: str, _: Any) -> Iterator[Demand]:
    held = [name for name in _PROPERTIES if name in node.schema]
    if keyword != held[0]:
        return
    named = {name: node.child("properties", name) for name in node.schema.get("properties", {})}
    patterns = {
        name: node.child("patternProperties", name)
        for name in node.schema.get("patternProperties", {})
    }
    if "additionalProperties" in node.schema:
        others = node.child("additionalProperties")
    else:
        others = node.make(schema=True)
    fragment = {name: node.schema[name] for name in held}
    yield Demand("properties", node, _OBJECT, fragment, Properties(named, patterns, others))


def _read_names(node: Node, keyword: str, value: Any) -> Iterator[Demand]:
    yield Demand(keyword, node, _OBJECT, {keyword: value}, node.child(keyword))


def _read_required(node: Node, keyword: str, value: Any) -> Iterator[Demand]:
    # In draft 3 style it was a flag of the property; no validator of ours heeds that.
    if isinstance(value, list):
        for name in value:
            yield Demand(keyword, node, _OBJECT, {keyword: [name]}, name)


def _read_dependencies(node: Node, keyword: str, value: Any) -> Iterator[Demand]:
    for name, then in value.items():
        if not isinstance(then, list):
            inner = node.child(keyword, name)
            yield Demand(
                "dependency", node, _OBJECT, {keyword: {name: then}}, Dependency(name, inner)
            )
            continue
        for needed in then:
            inner = node.make({"required": [needed]}, keyword, name)
            fragment = {keyword: {name: [needed]}}
            yield Demand("dependency", node, _OBJECT, fragment, Dependency(name, inner))


def _read_unevaluated(node: Node, keyword: str, value: Any) -> Iterator[Demand]:
    """As `additionalProperties` and `items` where what is evaluated is known beforehand."""
    if keyword == "unevaluatedProperties":
        seen = evaluated.find_properties(node)
        types = _OBJECT
    else:
        seen = evaluated.find_items(node)
        types = _ARRAY
    if seen is None:
        yield Demand("opaque", node, types, {keyword: value}, keyword)
        return
    if seen.everything:
        return
    if keyword == "unevaluatedItems":
        anything = node.make(schema=True)
        items = Items((anything,) * seen.count, node.child(keyword))
        yield Demand("items", node, types, _unevaluated_items(node, seen.count, value), items)
        return
    named = {name: node.make(schema=True) for name in sorted(seen.names)}
    patterns = {name: node.make(schema=True) for name in sorted(seen.patterns)}
    fragment = {
        "additionalProperties": value,
        "properties": dict.fromkeys(named, True),
        "patternProperties": dict.fromkeys(patterns, True),
    }
    rule = Properties(named, patterns, node.child(keyword))
    yield Demand("properties", node.make(fragment, keyword), types, fragment, rule)


def _unevaluated_items(node: Node, count: int, value: Any) -> dict[str, Any]:
    if not count:
        return {"items": value}
    if node.document.dialect == DRAFT2020:
        return {"items": value, "prefixItems": [True] * count}
    return {"additionalItems": value, "items": [True] * count}


_READERS: dict[str, Callable[[Node, str, Any], Iterator[Demand]]] = {
    "type": _read_type,
    "enum": _read_enum,
    "const": _read_enum,
    "not": _read_inner,
    "allOf": _read_union,
    "anyOf": _read_union,
    "oneOf": _read_union,
    "if": _read_condition,
    "minimum": _read_bound,
    "exclusiveMinimum": _read_bound,
    "maximum": _read_bound,
    "exclusiveMaximum": _read_bound,
    "multipleOf": _read_value(_NUMBER),
    "minLength": _read_count(_STRING),
    "maxLength": _read_count(_STRING),
    "pattern": _read_value(_STRING),
    "format": _read_format,
    "items": _read_items,
    "prefixItems": _read_items,
    "minItems": _read_count(_ARRAY),
    "maxItems": _read_count(_ARRAY),
    "uniqueItems": _read_unique,
    "contains": _read_contains,
    "properties": _read_properties,
    "patternProperties": _read_properties,
    "additionalProperties": _read_properties,
    "propertyNames": _read_names,
    "minProperties": _read_count(_OBJECT),
    "maxProperties": _read_count(_OBJECT),
    "required": _read_required,
    "dependencies": _read_dependencies,
    "dependentRequired": _read_dependencies,
    "dependentSchemas": _read_dependencies,
    "unevaluatedItems": _read_unevaluated,
    "unevaluatedProperties": _read_unevaluated,
}
