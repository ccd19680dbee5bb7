"""A schema's next version: a few edits, each of one kind at one place, as people make them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from tests.actions.compatibility.decisions import Decisions
from tests.actions.compatibility.schemas import (
    DIALECTS,
    KEYWORDS,
    NAMES,
    TYPES,
    WORDS,
    make_schema,
    make_value,
)

HOLD_ONE = (
    *("additionalProperties", "unevaluatedProperties", "propertyNames", "items", "contains"),
    *("additionalItems", "unevaluatedItems", "not", "if", "then", "else"),
)
HOLD_MANY = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
HOLD_NAMED = (
    *("properties", "patternProperties", "dependentSchemas", "dependencies", "$defs"),
    "definitions",
)
_HOLDING = tuple(dict.fromkeys((*HOLD_ONE, *HOLD_MANY, *HOLD_NAMED)))
_NUMERIC = tuple(word for word in WORDS if word.startswith(("m", "exclusive")))
NUDGES = (1, -1, 0.5, -0.5, 2, 0)
DEEP = 3

Place = tuple[Any, Any]
Edit = Callable[[Decisions, dict[str, Any]], Any]


def mutate(decide: Decisions, schema: Any, edits: Sequence[Edit]) -> Any:
    """A version of the schema after one to three of these edits; seldom one without any effect."""
    holder = [copy.deepcopy(schema)]
    for _ in range(decide.pick((1, 1, 1, 2, 2, 3))):
        # Near the top, a change is seen more often.
        places = list(find_places(holder, 0))
        holder_of, key = decide.pick(places[:2] if decide.happens(2) else places)
        found = holder_of[key]
        edit = decide.pick(edits)
        if isinstance(found, dict):
            holder_of[key] = edit(decide, found)
        else:
            holder_of[key] = make_schema(decide, DEEP)
        _move_to_definitions(decide, holder)
    return holder[0]


def find_places(holder: Any, key: Any) -> Iterator[Place]:
    """The containers and keys of a schema and of all schemas inside it."""
    yield holder, key
    schema = holder[key]
    for word in _HOLDING:
        if isinstance(schema, dict) and word in schema:
            for place in _inside(schema, word):
                yield from find_places(*place)


def _inside(schema: dict[str, Any], word: str) -> Iterable[Place]:
    inner = schema[word]
    if isinstance(inner, list):
        return ((inner, index) for index in range(len(inner)))
    if word in HOLD_NAMED:
        return ((inner, name) for name in inner) if isinstance(inner, dict) else ()
    return [(schema, word)]


def _set(decide: Decisions, schema: dict[str, Any]) -> Any:
    word = decide.pick(WORDS)
    return schema | {word: KEYWORDS[word](decide, DEEP)}


def _change(decide: Decisions, schema: dict[str, Any]) -> Any:
    words = [word for word in schema if word in KEYWORDS]
    if not words:
        return _set(decide, schema)
    word = decide.pick(words)
    return schema | {word: KEYWORDS[word](decide, DEEP - 1)}


def _drop(decide: Decisions, schema: dict[str, Any]) -> Any:
    if not schema:
        return True
    dropped = decide.pick(list(schema))
    return {word: value for word, value in schema.items() if word != dropped}


def _nudge(decide: Decisions, schema: dict[str, Any]) -> Any:
    words = [word for word in _NUMERIC if _is_number(schema.get(word))]
    if not words:
        return _set(decide, schema)
    word = decide.pick(words)
    return schema | {word: schema[word] + decide.pick(NUDGES)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _property(decide: Decisions, schema: dict[str, Any]) -> Any:
    properties = dict(schema.get("properties", {}))
    if properties and decide.happens(2):
        del properties[decide.pick(list(properties))]
    else:
        properties[decide.pick(NAMES)] = make_schema(decide, DEEP)
    return schema | {"properties": properties}


def _require(decide: Decisions, schema: dict[str, Any]) -> Any:
    name, required = decide.pick(NAMES[:4]), list(schema.get("required", []))
    if name in required:
        required.remove(name)
    else:
        required.append(name)
    return schema | {"required": required}


def _close(decide: Decisions, schema: dict[str, Any]) -> Any:
    word = decide.pick(("additionalProperties", "additionalItems", "unevaluatedProperties"))
    return schema | {word: not schema.get(word, True)}


def _list(decide: Decisions, schema: dict[str, Any]) -> Any:
    """One more or one less in a list of values, of types or of names."""
    word = decide.pick(("enum", "enum", "type"))
    listed = schema.get(word, [])
    listed = list(listed) if isinstance(listed, list) else [listed]
    if len(listed) > 1 and decide.happens(2):
        del listed[decide.below(len(listed))]
    else:
        listed.append(decide.pick(TYPES) if word == "type" else make_value(decide))
    return schema | {word: listed}


def _wrap(decide: Decisions, schema: dict[str, Any]) -> Any:
    other = make_schema(decide, DEEP)
    return decide.pick(
        (
            {"anyOf": [schema, other]},
            {"allOf": [schema]},
            {"oneOf": [schema, other]},
            {"anyOf": [schema]},
            {"allOf": [schema, other]},
            {"oneOf": [schema]},
            {"not": {"not": schema}},
            {"not": schema},
            {"if": schema, "else": False},
            {"if": other, "then": schema, "else": schema},
            {"if": other, "then": schema},
            {"oneOf": [schema, schema]},
            {"type": "array", "items": schema},
            {"type": "object", "properties": {"a": schema}},
        )
    )


def _unwrap(decide: Decisions, schema: dict[str, Any]) -> Any:
    inner = [holder[key] for holder, key in find_places([schema], 0)]
    return copy.deepcopy(decide.pick(inner))


def _split(decide: Decisions, schema: dict[str, Any]) -> Any:
    """The same keywords, in two schemas that both have to hold."""
    first = {word: value for word, value in schema.items() if decide.happens(2)}
    rest = {word: value for word, value in schema.items() if word not in first}
    return {"allOf": [first, rest]} if decide.happens(2) else first | {"allOf": [rest]}


def _reorder(decide: Decisions, schema: dict[str, Any]) -> Any:
    return {
        word: value[::-1] if isinstance(value, list) else value
        for word, value in reversed(schema.items())
    }


def _items(decide: Decisions, schema: dict[str, Any]) -> Any:
    """A list of items becomes one schema for all of them, or the reverse."""
    items = schema.get("items", True)
    if isinstance(items, list):
        return schema | {"items": items[0] if items else True}
    return schema | decide.pick(
        (
            {"prefixItems": [items], "items": items},
            {"items": [items]},
            {"prefixItems": [items], "items": False},
            {"items": [items], "additionalItems": items},
        )
    )


def _branch(decide: Decisions, schema: dict[str, Any]) -> Any:
    """A branch comes or goes."""
    words = [word for word in HOLD_MANY if isinstance(schema.get(word), list)]
    if not words:
        return _wrap(decide, schema)
    word = decide.pick(words)
    branches = list(schema[word])
    if len(branches) > 1 and decide.happens(2):
        del branches[decide.below(len(branches))]
    else:
        branches.append(make_schema(decide, DEEP))
    return schema | {word: branches}


def _switch(decide: Decisions, schema: dict[str, Any]) -> Any:
    """One word in the place of another, with the same value."""
    pairs = (
        *(("anyOf", "oneOf"), ("oneOf", "anyOf"), ("allOf", "anyOf"), ("const", "default")),
        *(("minimum", "exclusiveMinimum"), ("exclusiveMaximum", "maximum"), ("then", "else")),
        *(("dependentRequired", "dependencies"), ("dependencies", "dependentSchemas")),
        *(("additionalProperties", "unevaluatedProperties"), ("items", "unevaluatedItems")),
        *(("$defs", "definitions"), ("items", "contains"), ("minItems", "minContains")),
    )
    possible = [(old, new) for old, new in pairs if old in schema]
    if not possible:
        return _change(decide, schema)
    old, new = decide.pick(possible)
    return {new if word == old else word: value for word, value in schema.items()}


def _dialect(decide: Decisions, schema: dict[str, Any]) -> Any:
    named = decide.pick(DIALECTS)
    plain = {word: value for word, value in schema.items() if word != "$schema"}
    return {"$schema": named, **plain} if named else plain


def _replace(decide: Decisions, schema: dict[str, Any]) -> Any:
    return make_schema(decide, DEEP)


def _move_to_definitions(decide: Decisions, holder: list[Any]) -> None:
    """Now and then, a part goes behind a reference, without any change of its meaning."""
    if not isinstance(holder[0], dict) or not decide.happens(6):
        return
    places = [place for place in find_places(holder, 0) if place[0] is not holder]
    word, name = decide.pick(("$defs", "definitions")), decide.pick(("a", "moved"))
    if places and isinstance(holder[0].setdefault(word, {}), dict):
        holder_of, key = decide.pick(places)
        if holder_of is not holder[0][word]:
            holder[0][word][name], holder_of[key] = holder_of[key], {"$ref": f"#/{word}/{name}"}


EDITS: tuple[Edit, ...] = (
    *(_change, _nudge, _property, _require, _close, _list, _set, _drop, _wrap, _branch),
    *(_change, _nudge, _property, _switch, _list, _set, _items, _split, _reorder, _unwrap),
    *(_dialect, _replace, _switch, _drop, _change, _set),
)
# What is done to open objects, mostly.
OPEN_EDITS: tuple[Edit, ...] = (
    *(_property, _property, _property, _require, _close, _branch, _change, _wrap, _split),
)
