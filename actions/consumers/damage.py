"""A payload with one thing changed, as consumers get it wrong."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from config.errors import pointer

Path = tuple[str | int, ...]
MAX_PLACES = 200
# For a value of each type one of another.
OTHERS: dict[type, Any] = {str: -1, dict: [], list: {}, bool: "true"}
ELSE = "text"
UNKNOWN_FIELD = "not_in_the_contract"


def damage(payload: Any) -> Iterator[tuple[str, Any]]:
    """What was changed, and the payload: without a property, with one more, of other types."""
    places = list(islice(_places(payload, ()), MAX_PLACES))
    for path, _ in places:
        if path and isinstance(path[-1], str):
            yield f"without {pointer(path)}", _replaced(payload, path)
    for path, value in places:
        if isinstance(value, dict):
            told = pointer((*path, UNKNOWN_FIELD))
            yield f"with {told}", _replaced(payload, path, {**value, UNKNOWN_FIELD: True})
    for path, value in places:
        other = OTHERS.get(type(value), ELSE)
        yield f"another type at {pointer(path) or 'the top'}", _replaced(payload, path, other)


def _places(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Each value in the payload and where it is; those near the top first in each part."""
    yield path, value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _places(inner, (*path, name))
    elif isinstance(value, list) and value:
        yield from _places(value[0], (*path, 0))


def _replaced(payload: Any, path: Path, *new: Any) -> Any:
    """The payload with another value at the path, or without it."""
    if not path:
        return new[0]
    key, rest = path[0], path[1:]
    if isinstance(payload, list):
        return [_replaced(payload[0], rest, *new), *payload[1:]]
    if not rest and not new:
        return {name: inner for name, inner in payload.items() if name != key}
    return {**payload, key: _replaced(payload[key], rest, *new)}
