"""What a translated schema lets be said of the values that it admits."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import Any

# Where a `$ref` of a translated schema leads.
LookUp = Callable[[str], Any]
# A schema of schemas of schemas, and so on, is one property beyond that, as what is no object.
DEEPEST = 150
_SAME = ("allOf", "anyOf", "oneOf")
_SAME_ONE = ("not", "if", "then", "else")
_ANNOTATIONS = frozenset(
    [
        "$comment",
        "default",
        "deprecated",
        "description",
        "examples",
        "readOnly",
        "title",
        "writeOnly",
    ]
)
# These look at no property but those that they name.
_NAMING = frozenset(
    [
        "$ref",
        "dependentRequired",
        "dependentSchemas",
        "properties",
        "required",
        "type",
        *_SAME,
        *_SAME_ONE,
    ]
)
# These look at all that `properties`, beside which they stand, does not name.
_OF_OTHERS = frozenset(["additionalProperties", "unevaluatedProperties"])
_BY_NAME = frozenset(["dependentSchemas", "patternProperties", "properties"])
_DATA = frozenset(["const", "default", "enum", "examples"])


def unfold(schema: Any, look_up: LookUp) -> Any:
    """The schema that a mere reference means, with what is said beside the references to it."""
    seen: set[str] = set()
    beside: dict[str, Any] = {}
    while isinstance(schema, dict) and "$ref" in schema and schema["$ref"] not in seen:
        own = {key: value for key, value in schema.items() if key != "$ref"}
        meant = look_up(schema["$ref"])
        if not own.keys() <= _ANNOTATIONS or not isinstance(meant, dict):
            break
        seen.add(schema["$ref"])
        beside = own | beside
        schema = meant
    return schema | beside if isinstance(schema, dict) else schema


def references(schema: Any) -> Iterator[str]:
    """The `$ref`s in a translated schema."""
    left = [schema]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            if isinstance(one.get("$ref"), str):
                yield one["$ref"]
            for key, value in one.items():
                if key in _BY_NAME:
                    left += value.values()
                elif key not in _DATA:
                    left.append(value)
        elif isinstance(one, list):
            left += one


class Shape:
    """Judges schemas whose references are looked up so, each of them once."""

    def __init__(self, look_up: LookUp) -> None:
        self._look_up = look_up
        # Whether what a reference leads to means objects; not by what leads back to itself.
        self._known: dict[str, bool] = {}

    def is_object(self, schema: Any, depth: int = 0) -> bool:
        """Whether it means objects: by its `type`, by its properties, or by its parts."""
        if not isinstance(schema, dict) or depth > DEEPEST:
            return False
        if "type" in schema:
            return bool(schema["type"] in ("object", ["object"]))
        if "properties" in schema or self._leads_to_object(schema, depth):
            return True
        if any(self.is_object(part, depth + 1) for part in schema.get("allOf", [])):
            return True
        return any(
            all(self.is_object(part, depth + 1) for part in schema[keyword])
            for keyword in ("anyOf", "oneOf")
            if schema.get(keyword)
        )

    def _leads_to_object(self, schema: dict[str, Any], depth: int) -> bool:
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return False
        if reference not in self._known:
            self._known[reference] = False
            self._known[reference] = self.is_object(self._look_up(reference), depth + 1)
        return self._known[reference]

    def leaves_alone(self, schema: dict[str, Any], names: Container[str]) -> bool:
        """Whether the schema says the same of an object that has properties of these names too.

        They are then named beside its own; what looks at others does not see them. An object that
        names none of its properties is a map, in which any name may be data.
        """
        others = [schema[keyword] for keyword in _OF_OTHERS if keyword in schema]
        is_map = not schema.get("properties") and any(one is not False for one in others)
        own = {key: value for key, value in schema.items() if key not in _OF_OTHERS}
        return not is_map and self._ignores(own, names)

    def _ignores(self, schema: dict[str, Any], names: Container[str]) -> bool:
        """Whether neither the schema nor what it says the same value is looks at these names."""
        seen: set[str] = set()
        left: list[Any] = [schema]
        while left:
            one = left.pop()
            if not isinstance(one, dict):
                continue
            judging = one.keys() - _ANNOTATIONS - _open_others(one)
            if not judging <= _NAMING or any(name in names for name in _named(one)):
                return False
            left += _parts(one)
            reference = one.get("$ref")
            if isinstance(reference, str) and reference not in seen:
                seen.add(reference)
                left.append(self._look_up(reference))
        return True


def _open_others(schema: dict[str, Any]) -> set[str]:
    """What allows all other properties."""
    return {keyword for keyword in _OF_OTHERS if schema.get(keyword) in (True, {})}


def _named(schema: dict[str, Any]) -> Iterator[str]:
    yield from schema.get("properties", {})
    yield from schema.get("required", [])
    yield from schema.get("dependentSchemas", {})
    for name, needed in schema.get("dependentRequired", {}).items():
        yield name
        yield from needed


def _parts(schema: dict[str, Any]) -> Iterator[Any]:
    """The schemas of the same value."""
    for keyword in _SAME:
        yield from schema.get(keyword, [])
    yield from (schema[keyword] for keyword in _SAME_ONE if keyword in schema)
    yield from schema.get("dependentSchemas", {}).values()
