"""Payloads for a pair of schemas: what they accept, what nearly, and anything near their values."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

from actions.samples import generate
from tests.actions.compatibility.decisions import Decisions
from tests.actions.compatibility.mutations import find_places
from tests.actions.compatibility.oracles import Oracle
from tests.actions.compatibility.schemas import NAMES, SCALARS, make_value

SAMPLES = 8
WALKS = 12
NEIGHBOURS = 12
PLAIN = ({}, [], None, "a", 1, 0.5, True)
MAX_DEPTH = 4
NEAR = (0, 1, -1, 0.5, -0.5)


def find_samples(oracle: Oracle) -> list[Any]:
    """A few of the samples that there are of a schema."""
    return list(generate(oracle.schema, dialect=oracle.dialect, limit=SAMPLES))


def find_payloads(decide: Decisions, samples: dict[Oracle, list[Any]]) -> list[Any]:
    """Different payloads, of every kind, for schemas whose samples are at hand."""
    found: dict[str, Any] = {}
    for payload in _all(decide, samples):
        found.setdefault(json.dumps(payload, sort_keys=True), payload)
    return list(found.values())


def _all(decide: Decisions, samples: dict[Oracle, list[Any]]) -> Iterator[Any]:
    yield from PLAIN
    for oracle, found in samples.items():
        walk = Walk(decide, oracle.schema)
        yield from itertools.islice(walk.near, NEIGHBOURS)
        for sample in found:
            yield sample
            yield walk.spoil(sample)
        yield from (walk.make(oracle.schema, 0) for _ in range(WALKS))


class Walk:
    """Payloads by a schema's own words, most of the time."""

    def __init__(self, decide: Decisions, root: Any) -> None:
        self._decide, self._root = decide, root
        self.near = list(_near(root))
        self._names = [*_names(root), *NAMES[:4]]

    def make(self, schema: Any, depth: int) -> Any:
        """A payload that the schema may accept."""
        decide = self._decide
        if not isinstance(schema, dict) or depth > MAX_DEPTH or decide.happens(12):
            return self.spoil(make_value(decide))
        if isinstance(schema.get("$ref"), str):
            return self.make(self._lead(schema["$ref"]), depth + 1)
        branches = [
            branch for word in ("anyOf", "oneOf", "allOf") for branch in _list(schema, word)
        ]
        branches += [schema[word] for word in ("then", "else", "if", "not") if word in schema]
        if branches and decide.happens(2):
            return self._join(schema, self.make(decide.pick(branches), depth + 1), depth)
        return self._own(schema, depth)

    def spoil(self, value: Any) -> Any:
        """Nearly the same value: with another one somewhere, or without a part."""
        decide = self._decide
        if isinstance(value, dict) and not decide.happens(4):
            kept = {name: inner for name, inner in value.items() if not decide.happens(6)}
            return kept | {name: self.spoil(value.get(name)) for name in [decide.pick(self._names)]}
        if isinstance(value, list) and not decide.happens(4):
            return [self.spoil(inner) for inner in value] + [
                decide.pick(value or SCALARS) for _ in range(decide.below(2))
            ]
        if isinstance(value, int | float) and decide.happens(2):
            return value + decide.pick(NEAR)
        return decide.pick(self.near or SCALARS)

    def _own(self, schema: dict[str, Any], depth: int) -> Any:
        decide = self._decide
        listed = [*_list(schema, "enum"), *([schema["const"]] if "const" in schema else [])]
        if listed and not decide.happens(4):
            return decide.pick(listed)
        types = schema.get("type", _meant(schema))
        kind = decide.pick(types) if isinstance(types, list) and types else types
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        near = [value for value in self.near if _kind(value) == kind]
        return decide.pick(near or self.near or SCALARS)

    def _object(self, schema: dict[str, Any], depth: int) -> Any:
        decide, made = self._decide, {}
        properties = _dict(schema, "properties")
        for name, inner in properties.items():
            if not decide.happens(3):
                made[name] = self.make(inner, depth + 1)
        wanted = [name for name in _list(schema, "required") if not decide.happens(8)]
        for name in [*wanted, *decide.some(self._names, 2)]:
            made.setdefault(name, self.make(properties.get(name, self._other(schema)), depth + 1))
        return made

    def _other(self, schema: dict[str, Any]) -> Any:
        patterns = list(_dict(schema, "patternProperties").values())
        return self._decide.pick([schema.get("additionalProperties"), *patterns])

    def _array(self, schema: dict[str, Any], depth: int) -> Any:
        decide, items = self._decide, schema.get("items")
        first = items if isinstance(items, list) else _list(schema, "prefixItems")
        rest = schema.get("additionalItems") if isinstance(items, list) else items
        made = [self.make(inner, depth + 1) for inner in first if not decide.happens(6)]
        more = [rest, schema.get("contains"), schema.get("unevaluatedItems")]
        made += [self.make(decide.pick(more), depth + 1) for _ in range(decide.below(4))]
        return made + made[:1] if decide.happens(6) else made

    def _join(self, schema: dict[str, Any], made: Any, depth: int) -> Any:
        """What a branch asks for, with what stands beside the branch."""
        if not isinstance(made, dict) or "properties" not in schema:
            return made
        return self._object(schema, depth) | made

    def _lead(self, reference: str) -> Any:
        found = self._root
        for part in reference.removeprefix("#").split("/")[1:]:
            found = found.get(part) if isinstance(found, dict) else None
        return found


def _near(root: Any) -> Iterator[Any]:
    """The values that a schema names, and their neighbours."""
    for holder, key in find_places([root], 0):
        schema = holder[key]
        for word, value in schema.items() if isinstance(schema, dict) else ():
            if word in ("const", "default"):
                yield value
            elif word == "enum":
                yield from _list(schema, word)
            elif isinstance(value, int | float) and not isinstance(value, bool):
                yield from _sized(word, value)


def _sized(word: str, value: float) -> Iterator[Any]:
    """Numbers beside a bound; texts of about a length."""
    if word in ("minLength", "maxLength"):
        yield from ("a" * max(0, int(value) + change) for change in (0, 1, -1))
    elif word in ("minItems", "maxItems"):
        yield from ([1] * max(0, int(value) + change) for change in (0, 1, -1))
    else:
        yield from (value + change for change in NEAR)


def _names(root: Any) -> Iterator[str]:
    for holder, key in find_places([root], 0):
        yield from _dict(holder[key], "properties")
        yield from (name for name in _list(holder[key], "required") if isinstance(name, str))


def _meant(schema: dict[str, Any]) -> str | None:
    """The type that a schema without one seems to be about."""
    if any("ropert" in word or word in ("required", "dependencies") for word in schema):
        return "object"
    if any("tems" in word or "ontains" in word for word in schema):
        return "array"
    return None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    kinds = {int: "integer", float: "number", str: "string", dict: "object", list: "array"}
    return kinds.get(type(value), "null")


def _list(schema: Any, word: str) -> list[Any]:
    value = schema.get(word) if isinstance(schema, dict) else None
    return value if isinstance(value, list) else []


def _dict(schema: Any, word: str) -> dict[str, Any]:
    value = schema.get(word) if isinstance(schema, dict) else None
    return value if isinstance(value, dict) else {}
