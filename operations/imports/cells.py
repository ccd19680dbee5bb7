"""The text of a cell as the JSON value that a contract wants there."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from config import strictjson
from config.errors import DomainError
from operations.imports.shapes import NUMBERS, Shapes, Types, type_of

INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,19})", re.ASCII)
NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,308})(\.[0-9]{1,350})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
YES = frozenset({"true", "t", "yes", "y", "1"})
NO = frozenset({"false", "f", "no", "n", "0"})
# What no cell reads as.
NONE = object()
Read = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """How a cell of a column is read: the first of `reads` that can is right.

    `listed` are the values that the contract lists, by how they are written.
    """

    listed: dict[str, Any]
    reads: tuple[Read, ...]
    wanted: str
    may_nest: bool

    def read(self, text: str) -> Any:
        """The value, or `NONE`."""
        if text in self.listed:
            return self.listed[text]
        for read in self.reads:
            value = read(text)
            if value is not NONE:
                return value
        return NONE


def make_cell(shapes: Shapes, schema: Any) -> Cell:
    """How a value of that schema is read. Where it says nothing, a text is what it is."""
    types = shapes.types(schema)
    if types is None:
        types = frozenset({"string"})
    listed = {_written(member): member for member in shapes.members(schema)}
    return Cell(listed, tuple(_reads(types)), _name(types), bool(types & {"array", "object"}))


def _reads(types: Types) -> list[Read]:
    """From the narrowest to the widest; a text is the last that anything is."""
    reads: list[Read] = []
    if "number" in types:
        reads += [_read_digits, _read_number]
    elif "integer" in types:
        reads += [_read_digits, _read_whole]
    if "boolean" in types:
        # Where a text or a number may stand as well, only what is surely meant so.
        alone = not types & (NUMBERS | {"string"})
        reads.append(_read_any_boolean if alone else _read_boolean)
    if "null" in types and "string" not in types:
        reads.append(lambda text: None if text.strip().lower() == "null" else NONE)
    reads += [_reader_of_json(name) for name in ("array", "object") if name in types]
    if "string" in types:
        reads.append(lambda text: text)
    return reads


def _read_digits(text: str) -> Any:
    stripped = text.strip()
    if not INTEGER.fullmatch(stripped):
        return NONE
    number = int(stripped)
    return number if number in strictjson.INTEGERS else NONE


def _read_whole(text: str) -> Any:
    """A whole number as it is written by what knows no integers: 12.0 or 1e3."""
    number = _read_number(text)
    is_whole = number is not NONE and number.is_integer() and abs(number) < 2**53
    return int(number) if is_whole else NONE


def _read_number(text: str) -> Any:
    stripped = text.strip()
    # More digits than fit are not rounded.
    if not NUMBER.fullmatch(stripped) or stripped.lstrip("-").isdigit():
        return NONE
    number = float(stripped)
    return number if math.isfinite(number) else NONE


def _read_boolean(text: str) -> Any:
    return {"true": True, "false": False}.get(text.strip().lower(), NONE)


def _read_any_boolean(text: str) -> Any:
    word = text.strip().lower()
    return True if word in YES else False if word in NO else NONE


def _reader_of_json(name: str) -> Read:
    def read(text: str) -> Any:
        try:
            value = strictjson.parse(text.encode())
        except DomainError:
            return NONE
        return value if type_of(value) == name else NONE

    return read


def _written(value: Any) -> str:
    return value if isinstance(value, str) else strictjson.dumps(value).decode()


def _name(types: Types) -> str:
    """The types in words."""
    told = sorted(types - {"integer"} if "number" in types else types)
    return " or ".join(told) or "value that its contract would admit"
