"""From an organization's JSON Schema to a form of django-jsonform's, and back to the value.

Only what jsonform is known to draw is drawn, from copies; what else a property may be gets a box
for its JSON. What a schema demands beyond its shape is left to its validator. A form never loses
what it cannot show: `Form.show` refuses values that it would read back as others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from console import differences
from console.differences import Change
from console.ways.fields import (
    ABSENT,
    JOIN,
    Choice,
    Field,
    Flag,
    Items,
    JSONBox,
    Number,
    Object,
    Reading,
    Text,
)

JSON = Any
Schema = dict[str, Any]
MAX_FIELDS = 200
MAX_DEPTH = 6
MAX_CHOICES = 200
# jsonform turns the parts of a path that look like numbers into numbers.
MISREAD = re.compile(r"\s*\Z|\s*[-+.\d]|Infinity\Z|\Z")
INDEX = re.compile(r"(0|[1-9]\d{0,8})\Z")
# What every object of a script has already: jsonform finds it where a property of that name is not.
RESERVED = frozenset(
    [
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
        "__proto__",
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
    ]
)
MAX_HELP = LONG = 400


class UndrawableError(ValueError):
    """There is no form for it; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A value in a form: its data, or why it is not shown there."""

    data: JSON = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A form that a schema is drawn as."""

    root: Field

    @property
    def drawn(self) -> Schema:
        """The form as jsonform takes it."""
        return self.root.draw()

    def show(self, value: JSON) -> Shown:
        """The value as the form holds it. Values that it would change are not shown."""
        data = self.root.fill(value)
        try:
            read = self.read(data)
        except UndrawableError as error:
            return Shown(why=str(error))
        # What is only added is what a form says of an input that nobody has touched.
        lost = (
            one for one in differences.compare(value, read).items if one.change is not Change.ADDED
        )
        first = next(lost, None)
        if first is None:
            return Shown(data)
        return Shown(why=f"The form has no way to say what stands at {first.pointer}.")

    def read(self, data: JSON) -> JSON:
        """The value behind the form's data; `Reading.faults` where a box holds no JSON."""
        value, reading = self.try_read(data)
        if reading.faults:
            raise UndrawableError(reading.faults[0].message)
        return value

    def try_read(self, data: JSON) -> tuple[JSON, Reading]:
        """The value behind the form's data, and what of it could not be read."""
        reading = Reading()
        value = self.root.read(data, reading, ())
        return (None if value is ABSENT else value), reading

    def locate(self, path: list[str]) -> str:
        """How jsonform names the input of what stands at this path, or of what it stands in."""
        return JOIN.join(self.root.locate(path))


def draw(schema: JSON) -> Form:
    """The form of a schema; `UndrawableError` where its payloads are no objects with names."""
    if isinstance(schema, bool):
        taken = "everything" if schema else "nothing"
        raise UndrawableError(f"The contract takes {taken}, whatever its shape.")
    field = _Drawing(schema).draw(schema, _Place())
    if not isinstance(field, Object):
        reason = field.why if isinstance(field, JSONBox) else "Its payloads are no objects."
        raise UndrawableError(reason)
    return Form(field)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a schema is drawn: if it has to be there, how deep, and inside which references."""

    required: bool = True
    depth: int = 0
    seen: tuple[str, ...] = ()

    def below(self, *, required: bool) -> _Place:
        return replace(self, required=required, depth=self.depth + 1)


class _Drawing:
    """The way from one document to its fields."""

    def __init__(self, document: JSON) -> None:
        self._document = document
        self._fields = 0
        self._kinds: dict[str, Callable[[Schema, _Place], Field]] = {
            "object": self._draw_object,
            "array": self._draw_array,
            "string": _draw_text,
            "integer": partial(_draw_number, "integer"),
            "number": partial(_draw_number, "number"),
            "boolean": _draw_flag,
        }

    def draw(self, schema: JSON, place: _Place) -> Field:
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise UndrawableError(f"A form of more than {MAX_FIELDS} inputs is not drawn.")
        if not isinstance(schema, dict):
            return JSONBox("Whatever is JSON." if schema is True else "Nothing fits.")
        if "$ref" in schema:
            return self._follow(schema, place)
        if choices := _choices(schema):
            return Choice(choices, place.required, _help(schema))
        kind = _kind(schema)
        draw_kind = self._kinds.get(kind)
        if draw_kind is None or place.depth > MAX_DEPTH:
            return _box(_why_not(schema, kind), schema, place)
        return draw_kind(schema, place)

    def _draw_object(self, schema: Schema, place: _Place) -> Field:
        properties = schema.get("properties")
        if not isinstance(properties, dict) or not properties:
            return _box("An object whose properties the contract does not name.", schema, place)
        if odd := next((name for name in properties if is_misread(name)), None):
            return _box(f"A form cannot have an input named {odd!r}.", schema, place)
        needed = schema.get("required")
        needed = needed if isinstance(needed, list) else []
        fields = {
            # Inside what may be left empty, everything may; the contract knows what goes together.
            name: self.draw(one, place.below(required=place.required and name in needed))
            for name, one in properties.items()
        }
        return Object(fields, place.required, _help(schema))

    def _draw_array(self, schema: Schema, place: _Place) -> Field:
        items = schema.get("items")
        if "prefixItems" in schema or isinstance(items, list):
            return _box("A list whose items have a contract each.", schema, place)
        if not isinstance(items, dict):
            return _box("A list of whatever.", schema, place)
        item = self.draw(items, place.below(required=True))
        if isinstance(item, Items):
            return _box("A list of lists.", schema, place)
        most = schema.get("maxItems")
        is_limited = isinstance(most, int) and not isinstance(most, bool)
        return Items(item, place.required, _help(schema), most if is_limited else None)

    def _follow(self, schema: Schema, place: _Place) -> Field:
        target = schema["$ref"]
        if target in place.seen:
            return _box("It may hold itself again.", schema, place)
        found = _find(self._document, target)
        if found is ABSENT:
            return _box("Its contract stands elsewhere.", schema, place)
        return self.draw(found, replace(place, seen=(*place.seen, target)))


def _draw_text(schema: Schema, place: _Place) -> Field:
    named = schema.get("format")
    known = named if isinstance(named, str) else ""
    return Text(place.required, _help(schema), is_long=_is_long(schema), format=known)


def _draw_number(type: str, schema: Schema, place: _Place) -> Field:
    return Number(type, place.required, _help(schema))


def _draw_flag(schema: Schema, place: _Place) -> Field:
    # A box that is not ticked says false; nothing at all is said by a third choice.
    if place.required:
        return Flag(_help(schema))
    return Choice([True, False], required=False, help=_help(schema))


def _box(why: str, schema: Schema, place: _Place) -> Field:
    return JSONBox(why, place.required, _help(schema))


def is_misread(name: str) -> bool:
    """Whether jsonform would take a property's name for something else."""
    if JOIN in name or name in RESERVED:
        return True
    return bool(MISREAD.match(name)) and not INDEX.match(name)


def _find(document: JSON, target: JSON) -> JSON:
    """What a reference within the document leads to, if it is a JSON Pointer."""
    if not isinstance(target, str) or not (target == "#" or target.startswith("#/")):
        return ABSENT
    place = document
    for part in _parts(target):
        if isinstance(place, dict) and part in place:
            place = place[part]
        elif isinstance(place, list) and INDEX.match(part) and int(part) < len(place):
            place = place[int(part)]
        else:
            return ABSENT
    return place


def _parts(target: str) -> Iterator[str]:
    for part in target.split("/")[1:]:
        yield part.replace("~1", "/").replace("~0", "~")


def _kind(schema: Schema) -> str:
    """The one type that is drawn; empty where there are several or none."""
    named = schema.get("type")
    types = named if isinstance(named, list) else [named]
    others = [one for one in types if one != "null"]
    if len(others) == 1 and isinstance(others[0], str):
        return others[0]
    if named is None and isinstance(schema.get("properties"), dict):
        return "object"
    return ""


def _choices(schema: Schema) -> list[JSON]:
    """What may be chosen of, where the schema lists it."""
    if "const" in schema:
        return [schema["const"]]
    listed = schema.get("enum")
    return listed if isinstance(listed, list) and len(listed) <= MAX_CHOICES else []


def _why_not(schema: Schema, kind: str) -> str:
    for keyword in ("oneOf", "anyOf", "allOf", "if", "not"):
        if keyword in schema and not kind:
            return f"It is one of several shapes (`{keyword}`)."
    return "It is nested too deep." if kind in {"object", "array"} else "It may be of any type."


def _help(schema: Schema) -> str:
    """What the schema says of it to people."""
    texts = (schema.get(name) for name in ("title", "description"))
    return " · ".join(text for text in texts if isinstance(text, str) and text)[:MAX_HELP]


def _is_long(schema: Schema) -> bool:
    most = schema.get("maxLength")
    return "contentMediaType" in schema or (isinstance(most, int) and most >= LONG)
