"""Schemas out of decisions: what people write, and every keyword beside every other one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.actions.compatibility.decisions import Decisions

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
# None is 2020-12 without saying so; the last ones are admitted, too, and are seldom met.
DIALECTS = (
    None,
    "https://json-schema.org/draft/2020-12/schema",
    DRAFT_7,
    DRAFT_7.removesuffix("#"),
    None,
    DRAFT_7,
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-06/schema#",
    "http://json-schema.org/draft-04/schema#",
)
NAMES = ("a", "b", "c", "a", "b", "ab", "x-1", "", "a/b", "$ref", "properties")
TYPES = ("string", "integer", "number", "object", "array", "boolean", "null")
TEXTS = ("", "a", "b", "ab", "1", "aaa", "é", "😀", "a\n", "2026-01-01", "x@y.example")
NUMBERS = (0, 1, 2, 3, -1, 0.5, 1.0, 1.5, -2.5, 10, 100, 2**53, 2**53 + 1, 2**64, 1e300, 0.1)
BOUNDS = (0, 1, 2, 3, -1, 0.5, 1.0, 1.5, 10, 2**53)
STEPS = (1, 2, 3, 0.5, 0.1, 4, 1.5, 6, 0.01, 1e-9)
COUNTS = (0, 1, 2, 3, 4, 1.0)
PATTERNS = (
    "^a",
    "b$",
    "a",
    "^[a-c]{1,2}$",
    "a|1",
    "^$",
    "^x-",
    "",
    "^a+$",
    ".",
    r"^\d+$",
    "^(a|b)",
)
FORMATS = ("date", "email", "uuid", "ipv4", "date-time", "uri", "regex", "no-such-format", "time")
REFERENCES = ("#/$defs/a", "#/$defs/b", "#/definitions/a", "#", "#b", "#/properties/a")
SCALARS = (None, True, False, *NUMBERS, *TEXTS)
MAX_DEPTH = 3

Make = Callable[[Decisions, int], Any]


def make_document(decide: Decisions) -> Any:
    """A whole schema, with a dialect and what its references may lead to."""
    dialect = decide.pick(DIALECTS)
    schema = make_topic(decide) if decide.happens(2) else make_schema(decide, 0)
    if not isinstance(schema, dict):
        return schema
    if dialect:
        schema = {"$schema": dialect, **schema}
    text = json.dumps(schema)
    for word in ("$defs", "definitions"):
        if f"#/{word}/a" in text or decide.happens(20):
            schema.setdefault(word, {})["a"] = make_schema(decide, 2)
    if "#/$defs/b" in text or '"#b"' in text:
        schema.setdefault("$defs", {})["b"] = {"$anchor": "b", "type": decide.pick(TYPES)}
    return schema


def make_topic(decide: Decisions) -> Any:
    """A small schema about one keyword, with what gives that a meaning."""
    word = decide.pick(WORDS)
    kind = next((kind for kind, words in _ABOUT.items() if word in words), None)
    words = (*_COMPANIONS.get(word, ()), word)
    schema = {"type": kind} if kind and decide.happens(2) else {}
    schema |= {each: KEYWORDS[each](decide, MAX_DEPTH - 1) for each in words}
    if word == "additionalItems":
        schema["items"] = _many(decide, MAX_DEPTH)
    if kind and decide.happens(3):
        other = decide.pick(_ABOUT[kind])
        schema.setdefault(other, KEYWORDS[other](decide, MAX_DEPTH))
    return decide.pick(
        (
            schema,
            {"type": "object", "properties": {"a": schema}, "required": ["a"]},
            schema,
            {"type": "array", "items": schema},
            {"$ref": "#/$defs/c", "$defs": {"c": schema}},
        )
    )


def make_schema(decide: Decisions, depth: int) -> Any:
    """A schema of one of the usual kinds, or one that is none of them."""
    kinds = _DEEP if depth >= MAX_DEPTH else _KINDS
    return decide.pick(kinds)(decide, depth)


def make_value(decide: Decisions, depth: int = 0) -> Any:
    """A JSON value, near what schemas ask for."""
    if depth < 2 and decide.happens(5):
        return [make_value(decide, depth + 1) for _ in range(decide.below(4))]
    if depth < 2 and decide.happens(4):
        return {name: make_value(decide, depth + 1) for name in decide.some(NAMES, 3)}
    return decide.pick(SCALARS)


def _object(decide: Decisions, depth: int) -> Any:
    names = decide.some(NAMES, 3)
    schema: dict[str, Any] = {"type": "object"}
    if names:
        schema["properties"] = {name: make_schema(decide, depth + 1) for name in names}
    if decide.happens(2) and names:
        schema["required"] = decide.some(names, 2)
    if decide.happens(2):
        schema["additionalProperties"] = decide.pick((False, False, True, {"type": "string"}))
    return schema | _more(decide, depth, _OBJECT_WORDS)


def _array(decide: Decisions, depth: int) -> Any:
    schema: dict[str, Any] = {"type": "array", "items": make_schema(decide, depth + 1)}
    return schema | _more(decide, depth, _ARRAY_WORDS)


def _string(decide: Decisions, depth: int) -> Any:
    return {"type": "string"} | _more(decide, depth, _STRING_WORDS)


def _number(decide: Decisions, depth: int) -> Any:
    return {"type": decide.pick(("integer", "number"))} | _more(decide, depth, _NUMBER_WORDS)


def _type(decide: Decisions, depth: int) -> Any:
    return {"type": decide.pick(TYPES)}


def _listed(decide: Decisions, depth: int) -> Any:
    if decide.happens(2):
        return {"const": make_value(decide)}
    return {"enum": [decide.pick(SCALARS), *decide.some(SCALARS, 3)]}


def _whole(decide: Decisions, depth: int) -> Any:
    return decide.pick(({}, True, {}, True, False))


def _combined(decide: Decisions, depth: int) -> Any:
    keyword = decide.pick(("anyOf", "oneOf", "allOf", "not", "if"))
    return {keyword: KEYWORDS[keyword](decide, depth)} | _more(decide, depth, WORDS)


def _reference(decide: Decisions, depth: int) -> Any:
    return {"$ref": decide.pick(REFERENCES)} | (
        _more(decide, depth, WORDS) if decide.happens(4) else {}
    )


def _anything(decide: Decisions, depth: int) -> Any:
    return _more(decide, depth, WORDS) | _more(decide, depth, WORDS)


def _more(decide: Decisions, depth: int, words: tuple[str, ...]) -> dict[str, Any]:
    return {word: KEYWORDS[word](decide, depth) for word in decide.some(words, 3)}


def _one(decide: Decisions, depth: int) -> Any:
    return make_schema(decide, depth + 1)


def _many(decide: Decisions, depth: int) -> Any:
    return [make_schema(decide, depth + 1) for _ in range(1 + decide.below(3))]


def _by_name(decide: Decisions, depth: int) -> Any:
    names = [decide.pick(NAMES), *decide.some(NAMES, 2)]
    return {name: make_schema(decide, depth + 1) for name in names}


def _of(options: tuple[Any, ...]) -> Make:
    return lambda decide, depth: decide.pick(options)


def _names(decide: Decisions, depth: int) -> Any:
    return [decide.pick(NAMES[:4]), *decide.some(NAMES[4:], 1)]


KEYWORDS: dict[str, Make] = {
    "type": lambda decide, depth: (
        decide.pick(TYPES) if decide.happens(2) else [decide.pick(TYPES[:2]), *TYPES[4:6]]
    ),
    "enum": lambda decide, depth: [make_value(decide) for _ in range(1 + decide.below(3))],
    "const": lambda decide, depth: make_value(decide),
    **dict.fromkeys(("maximum", "exclusiveMaximum"), _of(BOUNDS)),
    **dict.fromkeys(("minimum", "exclusiveMinimum"), _of(BOUNDS)),
    "multipleOf": _of(STEPS),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _of(COUNTS)),
    **dict.fromkeys(("minProperties", "maxProperties"), _of(COUNTS)),
    **dict.fromkeys(("minContains", "maxContains"), _of(COUNTS)),
    "pattern": _of(PATTERNS),
    "format": _of(FORMATS),
    "contentEncoding": _of(("base64", "hex")),
    "contentMediaType": _of(("application/json", "text/plain")),
    "uniqueItems": _of((True, False)),
    "required": _names,
    "properties": _by_name,
    "patternProperties": lambda decide, depth: {
        pattern: make_schema(decide, depth + 1)
        for pattern in [decide.pick(PATTERNS), *decide.some(PATTERNS, 1)]
    },
    **dict.fromkeys(("additionalProperties", "unevaluatedProperties", "propertyNames"), _one),
    **dict.fromkeys(("items", "contains", "additionalItems", "unevaluatedItems"), _one),
    "prefixItems": _many,
    "dependentRequired": lambda decide, depth: {
        name: [decide.pick(NAMES)] for name in [decide.pick(NAMES), *decide.some(NAMES, 1)]
    },
    "dependentSchemas": _by_name,
    "dependencies": lambda decide, depth: {
        name: [decide.pick(NAMES)] if decide.happens(2) else make_schema(decide, depth + 1)
        for name in [decide.pick(NAMES), *decide.some(NAMES, 1)]
    },
    **dict.fromkeys(("allOf", "anyOf", "oneOf"), _many),
    **dict.fromkeys(("not", "if", "then", "else"), _one),
    "$ref": _of(REFERENCES),
    "$dynamicRef": _of(REFERENCES),
    "$anchor": _of(("b", "c")),
    "$dynamicAnchor": _of(("b", "c")),
    "$id": _of(("https://example.com/a", "a")),
    "title": _of(TEXTS),
    "default": lambda decide, depth: make_value(decide),
    "x-unknown": lambda decide, depth: make_value(decide),
}
WORDS = tuple(KEYWORDS)
_OBJECT_WORDS = (
    *("required", "patternProperties", "additionalProperties", "minProperties", "maxProperties"),
    *("propertyNames", "dependentRequired", "dependentSchemas", "dependencies", "title"),
    *("unevaluatedProperties", "anyOf", "allOf", "oneOf", "if", "then", "not", "properties"),
)
_ARRAY_WORDS = (
    *("prefixItems", "items", "additionalItems", "minItems", "maxItems", "uniqueItems"),
    *("contains", "minContains", "maxContains", "unevaluatedItems", "anyOf", "not"),
)
_STRING_WORDS = ("minLength", "maxLength", "pattern", "format", "enum", "const", "title", "anyOf")
_NUMBER_WORDS = (
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "enum", "not"),
)
_ABOUT = {
    "object": (*_OBJECT_WORDS[:9], "unevaluatedProperties", "properties"),
    "array": _ARRAY_WORDS[:10],
    "string": _STRING_WORDS[:4],
    "number": _NUMBER_WORDS[:5],
}
_COMPANIONS = {
    **dict.fromkeys(("minContains", "maxContains"), ("contains",)),
    **dict.fromkeys(("then", "else"), ("if",)),
    "if": ("then", "else"),
    "unevaluatedItems": ("prefixItems",),
    "unevaluatedProperties": ("properties",),
    "additionalProperties": ("properties",),
}
_DEEP: tuple[Make, ...] = (_type, _string, _number, _listed, _whole)
_KINDS: tuple[Make, ...] = (
    *(_type, _object, _array, _string, _number, _object, _listed, _whole, _combined),
    *(_object, _reference, _anything, _object, _array, _combined),
)
