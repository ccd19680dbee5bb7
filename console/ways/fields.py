"""The inputs of a drawn form: how jsonform draws each, what it holds of a value, and what is read.

`fill` copes with any value, and `read` with any data: what does not fit is left as it is, or
left empty, and the caller looks whether anything was lost.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from config import strictjson
from config.errors import DomainError, Fault, pointer

JSON = Any
Schema = dict[str, Any]
Path = tuple[str | int, ...]
# Beyond it, a browser's numbers are not exact: the next one is also what others are rounded to.
MAX_EXACT = 2**53 - 1
# So much of indents is no matter.
MAX_SPACED = 10_000
# What jsonform joins the parts of a path by.
JOIN = "§"
PLACEHOLDERS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "email": "someone@example.com",
    "time": "12:00:00Z",
    "uri": "https://example.com/",
    "uuid": "123e4567-e89b-12d3-a456-426614174000",
}


class Absent:
    """What is not there at all, which null is."""


ABSENT = Absent()


@dataclass(slots=True)
class Reading:
    """What could not be read of a form's data."""

    faults: list[Fault] = field(default_factory=list)

    def refuse(self, at: Path, message: str) -> None:
        """Note what is wrong with the input at this path of the value."""
        self.faults.append(Fault("UNREADABLE", message, pointer(at)))

    def take(self, at: Path, value: JSON) -> JSON:
        """The value of an input; noted where it is a number that a browser may have rounded."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and abs(value) > MAX_EXACT:
            self.refuse(at, f"Empty this: a number beyond {MAX_EXACT} is written as JSON.")
        return value


class Field(ABC):
    """An input; leaves know no path below themselves."""

    required = False

    @abstractmethod
    def draw(self) -> Schema:
        """It as jsonform takes it."""

    @abstractmethod
    def fill(self, value: JSON) -> JSON:
        """What the form holds of the value, or of `ABSENT`."""

    @abstractmethod
    def read(self, data: JSON, reading: Reading, at: Path) -> JSON:
        """The value behind the data; `ABSENT` where it was left empty."""

    def locate(self, path: Sequence[str]) -> list[str]:
        """The way to the input of what stands at this path."""
        return []


@dataclass(frozen=True, slots=True)
class Text(Field):
    """A line, or several."""

    required: bool = False
    help: str = ""
    is_long: bool = False
    format: str = ""

    def draw(self) -> Schema:
        """A text."""
        drawn = {"type": "string", "helpText": self.help}
        if self.is_long:
            drawn["widget"] = "textarea"
        if self.format in PLACEHOLDERS:
            drawn["placeholder"] = PLACEHOLDERS[self.format]
        return drawn

    def fill(self, value: JSON) -> JSON:
        """The text."""
        return value if isinstance(value, str) else ""

    def read(self, data: JSON, reading: Reading, at: Path) -> JSON:
        """The text; an empty one only where there has to be one."""
        return ABSENT if data in ("", None) and not self.required else "" if data is None else data


@dataclass(frozen=True, slots=True)
class Number(Field):
    """A number."""

    type: str
    required: bool = False
    help: str = ""

    def draw(self) -> Schema:
        """A number."""
        return {"type": self.type, "helpText": self.help}

    def fill(self, value: JSON) -> JSON:
        """The number, where a browser has it exactly."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return value if is_number and abs(value) <= MAX_EXACT else None

    def read(self, data: JSON, reading: Reading, at: Path) -> JSON:
        """The number."""
        return ABSENT if data in ("", None) else reading.take(at, data)


@dataclass(frozen=True, slots=True)
class Flag(Field):
    """A box to tick, which is always there."""

    help: str = ""
    required: bool = True

    def draw(self) -> Schema:
        """A box."""
        return {"type": "boolean", "helpText": self.help}

    def fill(self, value: JSON) -> JSON:
        """Whether it is ticked."""
        return value is True

    def read(self, data: JSON, reading: Reading, at: Path) -> JSON:
        """Whether it is ticked."""
        return False if data in (None, "") else data


@dataclass(frozen=True, slots=True)
class Choice(Field):
    """One of several values, whatever they are."""

    values: Sequence[JSON]
    required: bool = False
    help: str = ""

    def draw(self) -> Schema:
        """A menu, with a first line for none of them."""
        lines = [{"title": "—", "value": ""}]
        for value in self.values:
            text = _write(value)
            lines.append({"title": value if isinstance(value, str) else text, "value": text})
        return {"type": "string", "enum": lines, "helpText": self.help}

    def fill(self, value: JSON) -> JSON:
        """The line of the value; where only one will do, that one."""
        if value is ABSENT and self.required and len(self.values) == 1:
            return _write(self.values[0])
        text = "" if value is ABSENT else _write(value)
        return text if text in self._known() else ""

    def read(self, data: JSON, reading: Reading, at: Path) -> JSON:
        """The value of the line."""
        if data in ("", None):
            return ABSENT
        return self._known().get(data, data) if isinstance(data, str) else data

    def _known(self) -> dict[str, JSON]:
        return {_write(value): value for value in self.values}


@dataclass(frozen=True, slots=True)
class JSONBox(Field):
    """A box for the JSON of what no input is drawn for."""

    why: str
    required: bool = False
    help: str = ""

    def draw(self) -> Schema:
        """A text of several lines."""
        told = " · ".join(text for text in (self.help, f"As JSON. {self.why}") if text)
        return {"type": "string", "widget": "textarea", "helpText": told}

    def fill(self, value: JSON) -> JSON:
        """The JSON of the value."""
        if value is ABSENT:
            return ""
        return indent(value)

    def read(self, data: JSON, reading: Reading, at: Path) -> JSON:
        """The value of the JSON."""
        if data is None or (isinstance(data, str) and not data.strip()):
            return ABSENT
        if not isinstance(data, str):
            return data
        try:
            return strictjson.parse(data.encode("utf-8", "surrogatepass"))
        except DomainError as error:
            reading.refuse(at, str(error))
            return ABSENT


@dataclass(frozen=True, slots=True)
class Object(Field):
    """Inputs by name."""

    fields: dict[str, Field]
    required: bool = False
    help: str = ""

    def draw(self) -> Schema:
        """A group of inputs."""
        drawn = {name: {"title": name, **one.draw()} for name, one in self.fields.items()}
        needed = [name for name, one in self.fields.items() if one.required]
        return {"type": "object", "properties": drawn, "required": needed, "helpText": self.help}

    def fill(self, value: JSON) -> JSON:
        """What each input holds: none is missing."""
        held = value if isinstance(value, dict) else {}
        return {name: one.fill(held.get(name, ABSENT)) for name, one in self.fields.items()}

    def read(self, data: JSON, reading: Reading, at: Path) -> JSON:
        """What was said in any of them."""
        if not isinstance(data, dict):
            return ABSENT if data is None else data
        read = {
            name: one.read(data.get(name), reading, (*at, name))
            for name, one in self.fields.items()
        }
        said = {name: value for name, value in read.items() if value is not ABSENT}
        return said if said or self.required else ABSENT

    def locate(self, path: Sequence[str]) -> list[str]:
        """The way to the input, by its name."""
        if not path or path[0] not in self.fields:
            return []
        return [path[0], *self.fields[path[0]].locate(path[1:])]


@dataclass(frozen=True, slots=True)
class Items(Field):
    """Any number of the same inputs."""

    item: Field
    required: bool = False
    help: str = ""
    most: int | None = None

    def draw(self) -> Schema:
        """A list to add to."""
        drawn = {"type": "array", "items": self.item.draw(), "helpText": self.help}
        return drawn if self.most is None else drawn | {"maxItems": self.most}

    def fill(self, value: JSON) -> JSON:
        """What each item holds."""
        return [self.item.fill(one) for one in value] if isinstance(value, list) else []

    def read(self, data: JSON, reading: Reading, at: Path) -> JSON:
        """The items; one that was left empty is null, so that the others keep their places."""
        if not isinstance(data, list):
            return ABSENT if data in (None, "") else data
        if not data and not self.required:
            return ABSENT
        read = (self.item.read(one, reading, (*at, place)) for place, one in enumerate(data))
        return [None if value is ABSENT else value for value in read]

    def locate(self, path: Sequence[str]) -> list[str]:
        """The way to the item, by its place."""
        return [path[0], *self.item.locate(path[1:])] if path else []


def indent(value: JSON) -> str:
    """The JSON as a person reads it; in one line where the indents would be nearly all of it."""
    text, packed = orjson.dumps(value, option=orjson.OPT_INDENT_2), orjson.dumps(value)
    return (text if len(text) <= MAX_SPACED + 8 * len(packed) else packed).decode()


def _write(value: JSON) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
