"""Engines that are wrong in one way each, to see that it is found out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actions.compatibility import Report, Verdict
from tests.actions.compatibility.cases import Compare
from tests.actions.compatibility.oracles import are_equal

Rewrite = Callable[[str, Any], tuple[Any, Any]]
DROPPED = object()
# That one of these is ignored shows within about a thousand cases; others take more.
OFTEN = (
    *("required", "const", "properties", "enum", "allOf", "type", "uniqueItems", "items"),
    *("maximum", "$schema", "pattern", "not", "exclusiveMaximum", "maxProperties", "maxItems"),
    *("$ref", "exclusiveMinimum", "anyOf", "unevaluatedProperties", "minimum"),
)
LIKE = (("contains", "items"),)


def ignoring(keyword: str) -> Compare:
    """It never looks at a keyword."""
    return taking_as_the_same(lambda word, value: (DROPPED if word == keyword else word, value))


def mistaking(keyword: str, other: str) -> Compare:
    """It takes a keyword for another one."""
    return taking_as_the_same(lambda word, value: (other if word == keyword else word, value))


def taking_as_the_same(rewrite: Rewrite) -> Compare:
    """Compatible is what is the same after rewriting, and of the rest it knows nothing."""

    def compare(old: Any, new: Any, **_: Any) -> Report:
        same = are_equal(_rewritten(old, rewrite), _rewritten(new, rewrite))
        return Report(Verdict.COMPATIBLE if same else Verdict.INDETERMINATE)

    return compare


def _rewritten(schema: Any, rewrite: Rewrite) -> Any:
    if isinstance(schema, list):
        return [_rewritten(inner, rewrite) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    pairs = dict(rewrite(word, _rewritten(inner, rewrite)) for word, inner in schema.items())
    pairs.pop(DROPPED, None)
    return pairs


def saying_yes(old: Any, new: Any, **_: Any) -> Report:
    """Everything is compatible with everything."""
    return Report(Verdict.COMPATIBLE)


def shrugging(old: Any, new: Any, **_: Any) -> Report:
    """It knows of nothing but what is the same."""
    return Report(Verdict.COMPATIBLE if are_equal(old, new) else Verdict.INDETERMINATE)
