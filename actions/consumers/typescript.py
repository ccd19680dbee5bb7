"""A contract's payloads as TypeScript types: no generator of them is to be had in Python."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import singledispatchmethod
from math import prod
from typing import Any

from actions.consumers.shapes import (
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
    is_unknown,
)
from actions.consumers.texts import clean, quote

# The compiler multiplies intersections of unions out, and gives up at a hundred times as many.
MAX_ALTERNATIVES = 1_000
MAX_DEPTH = 50
# What an index signature repeats of the properties beside it, in characters.
MAX_REPEATED = 500
_IDENTIFIER = re.compile("[A-Za-z_$][A-Za-z0-9_$]*")
_WORDS = {Kind.INTEGER: "number"}
_NOTHING = "{ [key: string]: never }"


def write_typescript(definitions: Iterable[Definition], heading: Iterable[str]) -> str:
    """A module that exports each of the definitions."""
    definitions = list(definitions)
    writer = _Writer(definitions)
    parts = [_comment(heading)]
    for definition in definitions:
        lines, shape = definition.shape.lines, bare(definition.shape)
        parts.append(
            f"{_comment(lines)}export type {definition.name} = {writer.write(shape, '')};\n"
        )
    return "\n".join(parts)


class _Writer:
    """Writes shapes, of which some are named."""

    def __init__(self, definitions: Iterable[Definition]) -> None:
        self._shapes = {definition.name: definition.shape for definition in definitions}
        self._widths: dict[str, int] = {}

    def write(self, shape: Shape, indent: str) -> str:
        """The shape as a type, with its lines in front."""
        docs = f"/** {_in_comment('; '.join(shape.lines))} */ " if shape.lines else ""
        return docs + self._write(shape, indent)

    @singledispatchmethod
    def _write(self, shape: Shape, indent: str) -> str:
        raise TypeError(shape)

    @_write.register
    def _plain(self, shape: Plain, indent: str) -> str:
        return _WORDS.get(shape.kind, shape.kind.value)

    @_write.register
    def _literals(self, shape: Literals, indent: str) -> str:
        return " | ".join(_write_value(json.loads(value)) for value in shape.values)

    @_write.register
    def _listed(self, shape: Listed, indent: str) -> str:
        return f"{self._enclosed(shape.items, indent)}[]"

    @_write.register
    def _row(self, shape: Row, indent: str) -> str:
        parts = [self._enclosed(item, indent) for item in shape.first]
        parts[shape.least :] = [f"{part}?" for part in parts[shape.least :]]
        if shape.rest is not None:
            parts.append(f"...{self._enclosed(shape.rest, indent)}[]")
        return f"[{', '.join(parts)}]"

    @_write.register
    def _record(self, shape: Record, indent: str) -> str:
        inner = indent + "  "
        types = [self.write(bare(field.shape), inner) for field in shape.fields]
        lines = [
            _comment(field.shape.lines, inner) + f"{inner}{_key(field)}: {told};\n"
            for field, told in zip(shape.fields, types, strict=True)
        ]
        if shape.rest is not None:
            rest = self._index(shape, types, inner)
            if not lines:
                return f"{{ [key: string]: {rest} }}"
            lines.append(f"{inner}[key: string]: {rest};\n")
        return f"{{\n{''.join(lines)}{indent}}}" if lines else _NOTHING

    @_write.register
    def _either(self, shape: Either, indent: str) -> str:
        return " | ".join(self._enclosed(part, indent) for part in shape.parts)

    @_write.register
    def _both(self, shape: Both, indent: str) -> str:
        kept: list[Shape] = []
        width = 1
        for part in shape.parts:
            wider = width * self._width(part)
            if wider <= MAX_ALTERNATIVES:
                kept.append(part)
                width = wider
        omitted = len(shape.parts) - len(kept)
        note = f"/** and {omitted} more, of too many alternatives */ " if omitted else ""
        return note + (" & ".join(self._enclosed(part, indent) for part in kept) or "unknown")

    @_write.register
    def _named(self, shape: Named, indent: str) -> str:
        return shape.name

    def _enclosed(self, shape: Shape, indent: str) -> str:
        text = self.write(shape, indent)
        several = isinstance(shape, Either | Both | Literals) or shape.lines
        return f"({text})" if several else text

    def _index(self, shape: Record, types: list[str], indent: str) -> str:
        """The type of all properties together: a signature holds for the named ones as well."""
        if shape.rest is None or is_unknown(shape.rest):
            return "unknown"
        parts = [self.write(shape.rest, indent), *types]
        if any(not field.required for field in shape.fields):
            parts.append("undefined")
        told = " | ".join(dict.fromkeys(parts))
        if not shape.fields or len(told) <= MAX_REPEATED:
            return told
        return "unknown"

    def _width(self, shape: Shape, depth: int = 0) -> int:
        """Of how many alternatives the compiler takes the shape to be; too many where names lead
        too far to tell."""
        if depth > MAX_DEPTH:
            return MAX_ALTERNATIVES + 1
        match shape:
            case Either():
                return sum(self._width(part, depth) for part in shape.parts)
            case Both():
                widths = (self._width(part, depth) for part in shape.parts)
                return min(prod(widths), MAX_ALTERNATIVES)
            case Literals():
                return len(shape.values)
            case Named():
                return self._width_of(shape.name, depth)
        return 2 if isinstance(shape, Plain) and shape.kind is Kind.BOOLEAN else 1

    def _width_of(self, name: str, depth: int) -> int:
        if name not in self._widths:
            self._widths[name] = 1
            self._widths[name] = self._width(self._shapes[name], depth + 1)
        return self._widths[name]


def _key(field: Field) -> str:
    name = field.name if _IDENTIFIER.fullmatch(field.name) else quote(field.name)
    return name if field.required else f"{name}?"


def _write_value(value: Any) -> str:
    """The type of which this value is the only one."""
    if isinstance(value, list):
        return f"[{', '.join(map(_write_value, value))}]"
    if isinstance(value, dict):
        told = [f"{quote(name)}: {_write_value(inner)}" for name, inner in value.items()]
        return f"{{ {'; '.join(told)} }}" if told else _NOTHING
    return quote(value) if isinstance(value, str) else json.dumps(value)


def _comment(lines: Iterable[str], indent: str = "") -> str:
    told = [_in_comment(line) for text in lines for line in text.split("\n")]
    if not told:
        return ""
    if len(told) == 1:
        return f"{indent}/** {told[0]} */\n"
    return "".join(
        [
            f"{indent}/**\n",
            *(f"{indent} * {line}".rstrip() + "\n" for line in told),
            f"{indent} */\n",
        ]
    )


def _in_comment(text: str) -> str:
    """The text where it ends no comment, and gives neither tools nor the compiler an order."""
    shown = clean(text.replace("\n", " ")).replace("*/", "*\\/").replace("/*", "/\\*")
    return re.sub(r"(?<!\\)@", r"\\@", shown).strip()
