"""The smallest pair of schemas that still shows a fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Pair = tuple[Any, Any]
PLAINER = {str: ("", "a"), int: (0, 1), float: (0, 1, 0.5)}


def shrink(pair: Pair, fails: Callable[[Pair], bool]) -> Pair:
    """A pair that fails, and fails no more whatever is taken out of it."""
    while True:
        smaller = next((one for one in _smaller_pairs(pair) if fails(one)), None)
        if smaller is None:
            return pair
        pair = smaller


def _smaller_pairs(pair: Pair) -> Iterator[Pair]:
    """What is taken out of both where both hold it, then out of one."""
    old, new = pair
    for path, value in list(_parts(old)):
        if repr(_at(new, path)) == repr(value):
            for plainer in _plainer(value):
                yield _put(old, path, plainer), _put(new, path, plainer)
    yield from ((smaller, new) for smaller in smaller_values(old))
    yield from ((old, smaller) for smaller in smaller_values(new))


def smaller_values(value: Any) -> Iterator[Any]:
    """The value with less at one place, the largest steps first."""
    for path, part in list(_parts(value)):
        for plainer in _plainer(part):
            yield _put(value, path, plainer)


def _plainer(value: Any) -> Iterator[Any]:
    match value:
        case dict():
            yield from (inner for inner in value.values() if isinstance(inner, dict | bool))
            for name in value:
                yield {other: inner for other, inner in value.items() if other != name}
        case list():
            yield from value[:1]
            yield from (value[:index] + value[index + 1 :] for index in range(len(value)))
        case bool() | None:
            return
        case _:
            options = PLAINER[type(value)]
            known = options.index(value) if value in options else len(options)
            yield from options[:known]


def _parts(value: Any, path: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    yield path, value
    inside: Any = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    for key, inner in inside:
        yield from _parts(inner, (*path, key))


_NOWHERE = object()


def _at(value: Any, path: tuple) -> Any:
    for key in path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return _NOWHERE
    return value


def _put(value: Any, path: tuple, part: Any) -> Any:
    if not path:
        return part
    key, *rest = path
    copied = value.copy()
    copied[key] = _put(value[key], tuple(rest), part)
    return copied
