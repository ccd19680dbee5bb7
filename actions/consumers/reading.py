"""From a contract's JSON Schema to shapes, of whichever draft it is.

The shapes take every payload that the contract takes. Where types cannot say a keyword, they take
more, and a line says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson

from actions import references
from actions.consumers import notes
from actions.consumers.naming import Names
from actions.consumers.shapes import (
    ANY_ARRAY,
    ANY_OBJECT,
    NEVER,
    UNKNOWN,
    Definition,
    Field,
    Kind,
    Listed,
    Literals,
    Named,
    Plain,
    Record,
    Row,
    Shape,
    both,
    either,
)

Node = dict[str, Any]
EVERY = ("string", "number", "boolean", "null", "array", "object")
IN_OBJECTS = frozenset(["properties", "required", "patternProperties", "additionalProperties"])
MAX_MEANINGS = 100
IN_ARRAYS = frozenset(["items", "prefixItems", "additionalItems"])


def read_shapes(schema: Any, name: str) -> list[Definition]:
    """The definitions of an admitted schema; the first one is the payload's, named like this."""
    return list(_Reader(schema, name).read())


class _Reader:
    """One schema, whose references become names."""

    def __init__(self, schema: Any, name: str) -> None:
        self._schema = schema
        self._targets = references.Targets(schema)
        dialect = schema.get("$schema", "") if isinstance(schema, dict) else ""
        # Up to draft 7 a `$ref` makes its neighbours void; the newest draft has `prefixItems`.
        self._lone_ref = "/draft-0" in dialect
        self._prefix = "items" if self._lone_ref or "2019-09" in dialect else "prefixItems"
        self._names = Names()
        self._known = {id(schema): self._names.give(name)}
        self._waiting = [schema]

    def read(self) -> Iterator[Definition]:
        """Each definition, in the order in which they are first referred to."""
        for node in self._waiting:
            yield Definition(self._known[id(node)], self._shape(node))

    def _shape(self, node: Any, kinds: tuple[str, ...] = EVERY) -> Shape:
        """The shape of the values of these kinds that a subschema takes."""
        if node is False:
            return NEVER
        if not isinstance(node, dict):
            return self._open(kinds)
        if self._lone_ref and "$ref" in node:
            return both(self._referred(node))
        kinds = _narrow(kinds, node.get("type"))
        if "const" in node or "enum" in node:
            shape = _literals(node, kinds)
        else:
            own = either(self._own(node, kind) for kind in kinds)
            if kinds == EVERY and not node.keys() & (IN_OBJECTS | IN_ARRAYS):
                own = UNKNOWN
            shape = both([own, *self._referred(node), *self._applied(node, kinds)])
        return _with_lines(shape, tuple(notes.describe(node)), tuple(notes.constrain(node)))

    def _open(self, kinds: tuple[str, ...]) -> Shape:
        return UNKNOWN if kinds == EVERY else either(self._own({}, kind) for kind in kinds)

    def _own(self, node: Node, kind: str) -> Shape:
        """What the schema's own keywords say of values of one kind."""
        if kind == "object":
            return self._record(node) if node.keys() & IN_OBJECTS else ANY_OBJECT
        if kind == "array":
            return self._array(node) if node.keys() & IN_ARRAYS else ANY_ARRAY
        named = node.get("type")
        whole = named == "integer" or (isinstance(named, list) and "number" not in named)
        return Plain(Kind.INTEGER if kind == "number" and whole else Kind(kind))

    def _record(self, node: Node) -> Shape:
        additional = node.get("additionalProperties", True)
        others = [self._shape(inner) for inner in node.get("patternProperties", {}).values()]
        rest = either([*others, self._shape(additional)])
        properties = node.get("properties", {})
        required = dict.fromkeys(node.get("required", ()))
        fields = [
            Field(name, self._shape(inner), name in required) for name, inner in properties.items()
        ]
        fields += [Field(name, rest, True) for name in required if name not in properties]
        return Record(tuple(fields), None if rest == NEVER else rest)

    def _array(self, node: Node) -> Shape:
        first = node.get(self._prefix)
        after = "additionalItems" if self._prefix == "items" else "items"
        if not isinstance(first, list):
            items = self._shape(node.get("items", True))
            return Row((), 0, None) if items == NEVER else Listed(items)
        most, least = node.get("maxItems", len(first)), node.get("minItems", 0)
        rest = (
            NEVER
            if most <= len(first) and "maxItems" in node
            else self._shape(node.get(after, True))
        )
        shapes = tuple(self._shape(inner) for inner in first[: int(most)])
        return Row(shapes, min(int(least), len(shapes)), None if rest == NEVER else rest)

    def _applied(self, node: Node, kinds: tuple[str, ...]) -> Iterator[Shape]:
        """What further schemas say of the same value."""
        for inner in node.get("allOf", ()):
            yield self._shape(inner, kinds)
        for keyword in ("anyOf", "oneOf"):
            if keyword in node:
                yield either(self._shape(inner, kinds) for inner in node[keyword])

    def _referred(self, node: Node) -> Iterator[Shape]:
        for meanings in self._targets.of(node):
            # Of too many that a dynamic one may mean, what they have in common is not told.
            few = len(meanings) <= MAX_MEANINGS
            yield either(map(self._named, meanings)) if few else UNKNOWN

    def _named(self, target: Any) -> Shape:
        if not isinstance(target, dict):
            return self._shape(target)
        if id(target) not in self._known:
            self._known[id(target)] = self._names.give(self._name_of(target))
            self._waiting.append(target)
        return Named(self._known[id(target)])

    def _name_of(self, target: Node) -> str:
        words = [str(part) for part in self._targets.path_of(target)]
        return words[-1] if words and not words[-1].isdecimal() else "-".join(words[-2:])


def _with_lines(shape: Shape, docs: tuple[str, ...], limits: tuple[str, ...]) -> Shape:
    if not docs and not limits:
        return shape
    return replace(shape, docs=docs + shape.docs, limits=limits + shape.limits)


def _narrow(kinds: tuple[str, ...], named: Any) -> tuple[str, ...]:
    """Those of the kinds that `type` names."""
    if named is None:
        return kinds
    wanted = {named} if isinstance(named, str) else set(named)
    if "integer" in wanted:
        wanted.add("number")
    return tuple(kind for kind in kinds if kind in wanted)


def _literals(node: Node, kinds: tuple[str, ...]) -> Shape:
    values = [node["const"]] if "const" in node else node["enum"]
    fitting = tuple(orjson.dumps(value).decode() for value in values if _kind_of(value) in kinds)
    return Literals(fitting) if fitting else NEVER


def _kind_of(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}
    return names.get(type(value), "object")
