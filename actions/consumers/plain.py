"""Shapes as a plain JSON Schema: the little of it that Python's types say, all names its own.

`datamodel-code-generator` reads this, and never what a tenant wrote: of that, only the names of
properties and the values of enums are in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import singledispatchmethod
from typing import Any

from actions.consumers.naming import Names, as_name
from actions.consumers.shapes import (
    NEVER,
    UNKNOWN,
    Both,
    Definition,
    Either,
    Field,
    Kind,
    Listed,
    Literals,
    Named,
    Plain,
    Record,
    Row,
    Shape,
    bare,
    either,
    is_never,
    is_unknown,
)

# Python has no type for what is several things at once: they are merged, up to so many in all.
MAX_ALTERNATIVES = 32
Node = dict[str, Any]
_SAID = {kind: {"type": kind.value} for kind in Kind} | {Kind.UNKNOWN: {}, Kind.NEVER: {}}
_EXACT = (str, int, bool, type(None))


def simplify(definitions: Iterable[Definition]) -> Node:
    """The definitions as `$defs`: objects with properties by name, all else within them."""
    return {"$defs": _Plainer(definitions).write()}


class _Plainer:
    """The definitions of one contract."""

    def __init__(self, definitions: Iterable[Definition]) -> None:
        self._as_read = {one.name: bare(one.shape) for one in definitions}
        # What is several things at once, by `id()`, as it was merged.
        self._merged: dict[int, Shape] = {}
        self._shapes = {name: self._merge(shape) for name, shape in self._as_read.items()}
        self._names = Names()
        self._defs: Node = {self._names.give(name): {} for name in self._shapes}
        # By `id()`; all of them are kept, that no other one gets it.
        self._records = {id(one): name for name, one in self._shapes.items() if _is_class(one)}
        # The aliases inside of which we are: one that leads back to itself is no type in Python.
        self._open: list[str] = []
        self._back: dict[str, bool] = {}
        self._kept: list[Shape] = []

    def write(self) -> Node:
        """Each of them."""
        for name, shape in self._shapes.items():
            self._define(name, shape)
        return self._defs

    def _define(self, name: str, shape: Shape) -> None:
        if isinstance(shape, Record) and _is_class(shape):
            self._defs[name] = self._record(shape, name)
        else:
            self._open.append(name)
            self._defs[name] = self._write(shape, name)
            self._open.pop()

    @singledispatchmethod
    def _write(self, shape: Shape, hint: str) -> Node:
        """The shape; an object inside is named after where it is."""
        raise TypeError(shape)

    @_write.register
    def _plain(self, shape: Plain, hint: str) -> Node:
        return _SAID[shape.kind]

    @_write.register
    def _literals(self, shape: Literals, hint: str) -> Node:
        """The values, where Python has literals of them all; else what they are."""
        values = [json.loads(value) for value in shape.values]
        if all(isinstance(value, _EXACT) for value in values):
            return {"enum": values}
        return {"anyOf": [{"type": kind} for kind in dict.fromkeys(map(_kind_of, values))]}

    @_write.register
    def _listed(self, shape: Listed, hint: str) -> Node:
        return {"type": "array", "items": self._write(shape.items, f"{hint}Item")}

    @_write.register
    def _row(self, shape: Row, hint: str) -> Node:
        """A list, as JSON's arrays are in Python, of whatever its items are."""
        rest = NEVER if shape.rest is None else shape.rest
        return self._write(Listed(either([*shape.first, rest])), hint)

    @_write.register
    def _either(self, shape: Either, hint: str) -> Node:
        return {"anyOf": [self._write(part, hint) for part in shape.parts]}

    @_write.register
    def _both(self, shape: Both, hint: str) -> Node:
        return self._write(self._merge(shape), hint)

    @_write.register
    def _named(self, shape: Named, hint: str) -> Node:
        """By its name; an alias that leads back to itself is written out, once."""
        name = shape.name
        if name in self._open:
            return {}
        if _is_class(self._shapes[name]) or not self._leads_back(name):
            return _reference(name)
        self._open.append(name)
        said = self._write(self._shapes[name], hint)
        self._open.pop()
        return said

    @_write.register
    def _object(self, shape: Record, hint: str) -> Node:
        if _is_class(shape):
            return self._refer_to_record(shape, hint)
        rest = UNKNOWN if shape.rest is None else shape.rest
        return {"type": "object", "additionalProperties": self._write(rest, f"{hint}Value")}

    def _record(self, record: Record, name: str) -> Node:
        before, self._open = self._open, []
        properties = {
            field.name: self._write(field.shape, f"{name}{as_name(field.name)}")
            for field in record.fields
        }
        self._open = before
        required = [field.name for field in record.fields if field.required]
        return {"type": "object", "properties": properties, "required": required}

    def _refer_to_record(self, record: Record, hint: str) -> Node:
        if id(record) not in self._records:
            self._kept.append(record)
            name = self._records[id(record)] = self._names.give(hint)
            self._defs[name] = {}
            self._defs[name] = self._record(record, name)
        return _reference(self._records[id(record)])

    def _leads_back(self, name: str) -> bool:
        """Whether a definition leads to itself, also through classes."""
        if name not in self._back:
            seen: set[str] = set()
            waiting = [self._shapes[name]]
            while waiting:
                shape = waiting.pop()
                if isinstance(shape, Named) and shape.name not in seen:
                    seen.add(shape.name)
                    waiting.append(self._shapes[shape.name])
                waiting += _parts(shape)
            self._back[name] = name in seen
        return self._back[name]

    def _merge(self, shape: Shape) -> Shape:
        """The shape without what holds at once, the same one each time."""
        if not isinstance(shape, Both):
            return shape
        if id(shape) not in self._merged:
            self._merged[id(shape)] = either(self._alternatives(shape))
        return self._merged[id(shape)]

    def _alternatives(self, shape: Shape) -> list[Shape]:
        """What a shape may be, with everything that holds at once merged."""
        match shape:
            case Either():
                return [one for part in shape.parts for one in self._alternatives(part)]
            case Named() if isinstance(self._as_read[shape.name], Both | Either | Record):
                return self._alternatives(self._as_read[shape.name])
            case Both():
                return self._product(shape.parts)
        return [bare(shape)]

    def _product(self, parts: Iterable[Shape]) -> list[Shape]:
        found: list[Shape] = [UNKNOWN]
        for part in parts:
            others = self._alternatives(part)
            if len(found) * len(others) <= MAX_ALTERNATIVES:
                merged = [_merge(one, other) for one in found for other in others]
                found = [one for one in merged if not is_never(one)] or [NEVER]
        return found


def _is_class(shape: Shape) -> bool:
    """Whether Python has a class for it; all else are aliases."""
    return isinstance(shape, Record) and bool(shape.fields)


def _merge(one: Shape, other: Shape) -> Shape:
    """A shape that takes all that both take, and as little else as is easily said."""
    if isinstance(one, Record) and isinstance(other, Record):
        return _merge_records(one, other)
    if is_unknown(one) or isinstance(other, Literals):
        return other
    if is_unknown(other) or isinstance(one, Literals | Named):
        return one
    return one if isinstance(other, Named) or _class_of(one) == _class_of(other) else NEVER


def _merge_records(one: Record, other: Record) -> Record:
    fields = {field.name: field for field in one.fields}
    for field in other.fields:
        known = fields.get(field.name, field)
        told = field.shape if is_unknown(known.shape) else known.shape
        fields[field.name] = Field(field.name, told, known.required or field.required)
    rest = one.rest if other.rest is None or is_unknown(other.rest) else other.rest
    return Record(tuple(fields.values()), rest)


def _class_of(shape: Shape) -> object:
    if isinstance(shape, Plain):
        return "number" if shape.kind is Kind.INTEGER else shape.kind.value
    return "array" if isinstance(shape, Listed | Row) else "object"


def _parts(shape: Shape) -> Iterator[Shape]:
    match shape:
        case Either() | Both():
            yield from shape.parts
        case Listed():
            yield shape.items
        case Row():
            yield from shape.first
            yield shape.rest or NEVER
        case Record():
            yield from (field.shape for field in shape.fields)
            yield shape.rest or NEVER


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    names = {str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return names.get(type(value), "null")


def _reference(name: str) -> Node:
    return {"$ref": f"#/$defs/{name}"}
