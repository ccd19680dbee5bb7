"""The properties of a contract's payloads as rows: where, which type, and what else is said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import singledispatch

from actions.consumers.shapes import (
    Both,
    Definition,
    Either,
    Listed,
    Literals,
    Named,
    Plain,
    Record,
    Row,
    Shape,
)
from config.errors import pointer

Path = tuple[str, ...]
# What stands for each item of an array and each further property of an object.
EACH = "*"
MAX_VALUES = 20


@dataclass(frozen=True, slots=True)
class Property:
    """One property; `docs` and `limits` are those of its shape."""

    pointer: str
    type: str
    required: bool
    docs: tuple[str, ...]
    limits: tuple[str, ...]


def list_properties(definition: Definition) -> Iterator[Property]:
    """The properties within a definition, down to those of other definitions."""
    yield from _within(definition.shape, ())


@singledispatch
def tell_type(shape: Shape) -> str:
    """The type in a few words."""
    raise TypeError(shape)


@tell_type.register
def _(shape: Plain) -> str:
    return str(shape.kind)


@tell_type.register
def _(shape: Literals) -> str:
    more = [] if len(shape.values) <= MAX_VALUES else ["..."]
    return " or ".join([*shape.values[:MAX_VALUES], *more])


@tell_type.register
def _(shape: Listed) -> str:
    return f"array of {tell_type(shape.items)}"


@tell_type.register
def _(shape: Row) -> str:
    return "array"


@tell_type.register
def _(shape: Record) -> str:
    return "object"


@tell_type.register
def _(shape: Named) -> str:
    return shape.name


@tell_type.register
def _(shape: Either) -> str:
    return " or ".join(_once(shape.parts))


@tell_type.register
def _(shape: Both) -> str:
    return " and ".join(_once(shape.parts))


def _once(parts: Iterable[Shape]) -> list[str]:
    return list(dict.fromkeys(map(tell_type, parts)))


def _within(shape: Shape, path: Path) -> Iterator[Property]:
    match shape:
        case Record():
            for field in shape.fields:
                yield from _told(field.shape, (*path, field.name), required=field.required)
            yield from _each(shape.rest, path)
        case Listed():
            yield from _each(shape.items, path)
        case Row():
            for index, item in enumerate(shape.first):
                yield from _told(item, (*path, str(index)), required=index < shape.least)
            yield from _each(shape.rest, path)
        case Either() | Both():
            for part in shape.parts:
                yield from _within(part, path)


def _told(shape: Shape, path: Path, *, required: bool) -> Iterator[Property]:
    yield Property(pointer(path), tell_type(shape), required, shape.docs, shape.limits)
    yield from _within(shape, path)


def _each(shape: Shape | None, path: Path) -> Iterator[Property]:
    """What is the same for all: told where there is something to tell."""
    if shape is None:
        return
    if shape.lines:
        yield Property(pointer((*path, EACH)), tell_type(shape), False, shape.docs, shape.limits)
    yield from _within(shape, (*path, EACH))
