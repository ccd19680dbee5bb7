"""What a contract says of a place in its payloads: which types, which values, which properties.

`$ref` to a place in the contract, `allOf`, `anyOf` and `oneOf` are looked through, for properties
`then` and `else` as well. It is only asked how a text is to be read: what is admitted, the
contract judges.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from jsonschema_rs import ValidationError

from config import validation
from config.errors import split_pointer

Types = frozenset[str]
NUMBERS = frozenset({"integer", "number"})
BRANCHES = ("anyOf", "oneOf")
# What a schema without a type is about.
IMPLIED = {
    "properties": "object",
    "required": "object",
    "additionalProperties": "object",
    "items": "array",
    "prefixItems": "array",
    "minimum": "number",
    "maximum": "number",
    "multipleOf": "number",
    "pattern": "string",
    "minLength": "string",
    "maxLength": "string",
    "format": "string",
}


def type_of(value: Any) -> str:
    """The name of a JSON value's type."""
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return "null" if value is None else names.get(type(value), "object")


class Shapes:
    """Looks at the schemas of one contract. Each is a part of it, or made of such parts."""

    def __init__(self, root: Any) -> None:
        self.root = root

    def types(self, schema: Any) -> Types | None:
        """The types that a value may have; None where nothing is said of that."""
        if not isinstance(schema, dict):
            return None
        found = _own_types(schema)
        for part in self._all_of(schema):
            found = _both(found, self.types(part))
        for branches in _branches(schema, BRANCHES):
            of_each = [self.types(branch) for branch in branches]
            told = [types for types in of_each if types is not None]
            if len(told) == len(of_each):
                found = _both(found, frozenset().union(*told))
        return found

    def members(self, schema: Any) -> list[Any]:
        """The values that are listed, by `enum` or `const`."""
        if not isinstance(schema, dict):
            return []
        found = list(schema.get("enum", ()))
        found += [schema["const"]] if "const" in schema else []
        for part in self._same(schema, BRANCHES):
            found += self.members(part)
        return found

    def inside(self, schema: Any, part: str | int) -> Any:
        """The schema of a property or an item; None where it is not spoken of."""
        if not isinstance(schema, dict):
            return None
        own = _item(schema, part) if isinstance(part, int) else _property(schema, part)
        found = [own]
        found += [self.inside(inner, part) for inner in self._all_of(schema)]
        for branches in _branches(schema, (*BRANCHES, "then", "else")):
            inner = [self.inside(branch, part) for branch in branches]
            told = [one for one in inner if one is not None]
            found.append({"anyOf": told} if told else None)
        said = [one for one in found if one is not None]
        return {"allOf": said} if said else None

    def is_open(self, schema: Any) -> bool:
        """Whether it names no properties at all and admits any."""
        if not isinstance(schema, dict):
            return schema is not False
        names = "properties" in schema or schema.get("additionalProperties") is False
        inner = self._same(schema, (*BRANCHES, "then", "else"))
        return not names and all(self.is_open(part) for part in inner)

    def _same(self, schema: dict[str, Any], words: tuple[str, ...]) -> Iterator[Any]:
        """All the schemas that speak of the same value."""
        yield from self._all_of(schema)
        for branches in _branches(schema, words):
            yield from branches

    def _all_of(self, schema: dict[str, Any]) -> Iterator[Any]:
        yield from schema.get("allOf", ())
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference.startswith("#"):
            yield self._find(reference[1:])

    def _find(self, pointer: str) -> Any:
        """What a pointer leads to; True, which says nothing, for a name."""
        found = self.root
        for key in split_pointer(unquote(pointer)) if pointer.startswith("/") else ():
            found = found[int(key)] if isinstance(found, list) else found[key]
        return found if pointer.startswith("/") or not pointer else True


def _branches(schema: dict[str, Any], words: tuple[str, ...]) -> Iterator[list[Any]]:
    for word in words:
        if word in schema:
            yield schema[word] if word in BRANCHES else [schema[word]]


def _own_types(schema: dict[str, Any]) -> Types | None:
    named = schema.get("type")
    listed = list(schema.get("enum", ())) + ([schema["const"]] if "const" in schema else [])
    if named is not None:
        types = {named} if isinstance(named, str) else set(named)
    elif listed:
        types = {type_of(value) for value in listed}
    else:
        types = {IMPLIED[word] for word in schema.keys() & IMPLIED.keys()}
    return frozenset(types | NUMBERS if "number" in types else types) or None


def _both(some: Types | None, others: Types | None) -> Types | None:
    if some is None or others is None:
        return others if some is None else some
    return some & others


def _property(schema: dict[str, Any], name: str) -> Any:
    if name in schema.get("properties", ()):
        return schema["properties"][name]
    for pattern, inner in schema.get("patternProperties", {}).items():
        if _matches(pattern, name):
            return inner
    # Where it is only admitted by silence, it is not spoken of.
    rest = schema.get("additionalProperties", False)
    return None if rest is False else rest


def _matches(pattern: str, name: str) -> bool:
    try:
        return bool(validation.compile_schema({"pattern": pattern}).is_valid(name))
    except ValidationError:
        return False


def _item(schema: dict[str, Any], index: int) -> Any:
    first = schema.get("prefixItems")
    items = schema.get("items")
    if isinstance(items, list):
        # Until draft 2019-09.
        first, items = items, schema.get("additionalItems")
    if first and index < len(first):
        return first[index]
    return items
