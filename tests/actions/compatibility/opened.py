"""Objects of which some properties are listed and others left open, which `lenient` is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.actions.compatibility.decisions import Decisions

NAMES = ("a", "b", "c")
PLAIN = ({}, {"type": "string"}, True, {"type": ["string", "null"]}, {"type": "integer"})
MAX_DEPTH = 2


def make_open(decide: Decisions, depth: int = 0) -> Any:
    """An open object, which its branches, its properties and their items say more of."""
    schema: dict[str, Any] = {"type": "object"} if decide.happens(2) else {}
    schema["properties"] = {name: _make_inner(decide, depth) for name in decide.some(NAMES, 3)}
    for _ in range(decide.below(3) if depth < MAX_DEPTH else 0):
        word = decide.pick(tuple(WORDS))
        schema[word] = WORDS[word](decide, depth + 1)
    return schema


def _make_inner(decide: Decisions, depth: int) -> Any:
    if depth >= MAX_DEPTH or decide.happens(3):
        return decide.pick(PLAIN)
    inner = make_open(decide, depth + 1)
    return {"items": inner} if decide.happens(4) else inner


def _one(decide: Decisions, depth: int) -> Any:
    return make_open(decide, depth) if decide.happens(2) else decide.pick(PLAIN)


def _some(decide: Decisions, depth: int) -> Any:
    return [make_open(decide, depth), *(_one(decide, depth) for _ in range(decide.below(2)))]


def _named(decide: Decisions, depth: int) -> Any:
    return {decide.pick(NAMES): _one(decide, depth)}


WORDS: dict[str, Callable[[Decisions, int], Any]] = {
    **dict.fromkeys(("anyOf", "oneOf", "allOf", "prefixItems"), _some),
    **dict.fromkeys(("if", "then", "else", "not", "items", "contains"), _one),
    **dict.fromkeys(("additionalProperties", "unevaluatedProperties"), _one),
    **dict.fromkeys(("dependentSchemas", "dependencies"), _named),
    "patternProperties": lambda decide, depth: {decide.pick(("^a", "b|c")): _one(decide, depth)},
    "required": lambda decide, depth: decide.some(NAMES, 2),
    "dependentRequired": lambda decide, depth: {decide.pick(NAMES): decide.some(NAMES, 2)},
}
