"""The shapes that types can say of a contract's payloads; never fewer payloads than it takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Kind(StrEnum):
    """The plain shapes."""

    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    NULL = "null"
    UNKNOWN = "unknown"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a value looks like; `docs` are what the schema's author says of it, `limits` what else
    its schema demands and the type itself cannot say."""

    docs: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """Both."""
        return self.docs + self.limits


@dataclass(frozen=True, slots=True)
class Plain(Shape):
    """A plain one."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Literals(Shape):
    """One of these values, each of them as JSON: to Python, `1` and `true` are equal."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listed(Shape):
    """An array of any length."""

    items: Shape


@dataclass(frozen=True, slots=True)
class Row(Shape):
    """An array whose first items have shapes of their own; `least` of them are there.

    Further ones have the shape `rest`; None: there are none.
    """

    first: tuple[Shape, ...]
    least: int
    rest: Shape | None


@dataclass(frozen=True, slots=True)
class Field:
    """A property of an object."""

    name: str
    shape: Shape
    required: bool


@dataclass(frozen=True, slots=True)
class Record(Shape):
    """An object. Properties that are not among its fields have the shape `rest`; None: there
    are none."""

    fields: tuple[Field, ...]
    rest: Shape | None


@dataclass(frozen=True, slots=True)
class Either(Shape):
    """One of several shapes."""

    parts: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Both(Shape):
    """All of several shapes at once."""

    parts: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Named(Shape):
    """A shape that is defined under this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A name and what it stands for."""

    name: str
    shape: Shape


UNKNOWN = Plain(Kind.UNKNOWN)
NEVER = Plain(Kind.NEVER)
ANY_OBJECT = Record((), UNKNOWN)
ANY_ARRAY = Listed(UNKNOWN)


def bare(shape: Shape) -> Shape:
    """The shape without its lines."""
    return replace(shape, docs=(), limits=()) if shape.lines else shape


def is_unknown(shape: Shape) -> bool:
    """Whether it says nothing."""
    return isinstance(shape, Plain) and shape.kind is Kind.UNKNOWN


def is_never(shape: Shape) -> bool:
    """Whether nothing looks like that."""
    return isinstance(shape, Plain) and shape.kind is Kind.NEVER


def either(parts: Iterable[Shape]) -> Shape:
    """One of the shapes, each said once."""
    found: dict[Shape, None] = {}
    for part in parts:
        for one in part.parts if isinstance(part, Either) and not part.lines else (part,):
            if is_unknown(one):
                return UNKNOWN
            if not is_never(one):
                found[one] = None
    kept = tuple(found)
    if not kept:
        return NEVER
    return kept[0] if len(kept) == 1 else Either(kept)


def both(parts: Iterable[Shape]) -> Shape:
    """All of the shapes at once; what says nothing is left out."""
    found: dict[Shape, None] = {}
    for part in parts:
        for one in part.parts if isinstance(part, Both) and not part.lines else (part,):
            if is_never(one):
                return NEVER
            if not is_unknown(one):
                found[one] = None
    if any(not isinstance(one, Named) and one not in (ANY_OBJECT, ANY_ARRAY) for one in found):
        found.pop(ANY_OBJECT, None)
    kept = tuple(found)
    if not kept:
        return UNKNOWN
    return kept[0] if len(kept) == 1 else Both(kept)
