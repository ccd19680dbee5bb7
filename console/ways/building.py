"""A contract in a form: its properties one by one, and what the form does not know as JSON.

Each part of a schema has the inputs of its type. Keywords that they cannot say exactly stand in
the part's box `more`, so that none is lost; `show` looks whether that is so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from config.errors import split_pointer
from console import differences
from console.ways.drawing import Shown
from console.ways.fields import JOIN, Path, Reading
from console.ways.words import (
    JSON_ONLY,
    KINDS,
    MORE,
    OTHER,
    Kind,
    read_json,
    read_more,
    write,
)

JSON = Any
Schema = dict[str, Any]
MAX_PROPERTIES = 200
MAX_DEPTH = 5
ALLOWED, REFUSED = "allowed", "refused"
NEW: Schema = {"type": "object", "properties": {}, "additionalProperties": False}
_EXTRA: Schema = {
    "type": "string",
    "title": "Other properties",
    "enum": [{"title": "Allowed", "value": ALLOWED}, {"title": "Refused", "value": REFUSED}],
    "default": ALLOWED,
}
# In which order the required names stood, so that looking at them does not change it.
_ORDER: Schema = {"type": "string", "widget": "hidden"}
_PROPERTIES: Schema = {
    "type": "array",
    "title": "Properties",
    "items": {"$ref": "#/$defs/property"},
}


def draw() -> Schema:
    """The builder as jsonform takes it."""
    branches = [_draw_kind(name, kind) for name, kind in KINDS.items()]
    other = {"type": {"const": OTHER, "widget": "hidden"}, "json": JSON_ONLY}
    branches.append({"type": "object", "title": "Other", "properties": other})
    item = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "title": "Name", "required": True},
            "description": {"type": "string", "title": "Description"},
            "required": {"type": "boolean", "title": "Required"},
            "kind": {"title": "Type", "$ref": "#/$defs/kind"},
        },
    }
    return {
        "type": "object",
        "properties": {
            "description": {"type": "string", "title": "Description of the payload"},
            **_draw_object(),
            "more": MORE,
        },
        "$defs": {"property": item, "kind": {"anyOf": branches}},
    }


def _draw_object() -> dict[str, Schema]:
    return {"properties": _PROPERTIES, "extra": _EXTRA, "order": _ORDER}


def _draw_kind(name: str, kind: Kind) -> Schema:
    drawn: dict[str, Schema] = {"type": {"const": name, "widget": "hidden"}, **kind.drawn}
    if name == "object":
        drawn |= _draw_object()
    if name == "array":
        drawn |= {"items": {"title": "Of", "$ref": "#/$defs/kind"}}
    return {"type": "object", "title": kind.title, "properties": {**drawn, "more": MORE}}


# --- showing -------------------------------------------------------------------------------------


class UnbuildableError(ValueError):
    """The builder does not show it; the sentence says why."""


def show(schema: JSON) -> Shown:
    """The contract as the builder's form holds it, or why it is edited as JSON only."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return Shown(why="The builder makes contracts of objects, whose `type` is `object`.")
    # An object that names no property yet is shown as one with none.
    description, rest = _split_description({"properties": {}} | schema)
    try:
        shown = _Showing().show_kind(rest, depth=0)
    except UnbuildableError as error:
        return Shown(why=str(error))
    if shown.pop("type") == OTHER:
        return Shown(why="The builder has no way to say what stands at /properties.")
    data = {"description": description, **shown}
    read, reading = read_form(data)
    lost = differences.compare({"properties": {}} | schema, read, most=1).items
    if reading.faults or lost:
        at = lost[0].pointer if lost else reading.faults[0].pointer
        return Shown(why=f"The builder has no way to say what stands at {at}.")
    return Shown(data)


class _Showing:
    def __init__(self) -> None:
        self._properties = 0

    def show_kind(self, schema: JSON, *, depth: int) -> dict[str, JSON]:
        name = schema.get("type") if isinstance(schema, dict) else None
        kind = KINDS.get(name) if isinstance(name, str) else None
        if name is None or kind is None or depth > MAX_DEPTH or _is_open(name, schema):
            return {"type": OTHER, "json": write(schema)}
        data, rest = kind.show({key: one for key, one in schema.items() if key != "type"})
        if name == "object":
            data |= self._show_object(rest, depth=depth)
        if name == "array":
            data["items"] = self.show_kind(rest.pop("items"), depth=depth + 1)
        return {"type": name, **data, "more": write(rest)}

    def _show_object(self, rest: Schema, *, depth: int) -> dict[str, JSON]:
        """The object's inputs; what they say is taken out of the rest."""
        properties = rest.pop("properties")
        needed = rest.pop("required", None)
        names = needed if isinstance(needed, list) else []
        if "" in properties:
            raise UnbuildableError("The builder has no way to say that a property has no name.")
        is_closed = rest.get("additionalProperties") is False
        if is_closed:
            del rest["additionalProperties"]
        return {
            "properties": [
                self._show_property(name, one, required=name in names, depth=depth)
                for name, one in properties.items()
            ],
            "extra": REFUSED if is_closed else ALLOWED,
            "order": "" if needed is None else write([names]),
        }

    def _show_property(
        self, name: str, schema: JSON, *, required: bool, depth: int
    ) -> dict[str, JSON]:
        self._properties += 1
        if self._properties > MAX_PROPERTIES:
            raise UnbuildableError(f"The builder shows at most {MAX_PROPERTIES} properties.")
        description, rest = _split_description(schema)
        kind = self.show_kind(rest, depth=depth + 1)
        return {"name": name, "required": required, "description": description, "kind": kind}


def _split_description(schema: JSON) -> tuple[str, JSON]:
    """What a schema says of itself, and the rest of it."""
    said = schema.get("description") if isinstance(schema, dict) else None
    if not isinstance(said, str) or not said:
        return "", schema
    return said, {name: one for name, one in schema.items() if name != "description"}


def _is_open(name: str, schema: Schema) -> bool:
    """Whether it is an object or a list of which nothing is said that the inputs could show."""
    if name == "object":
        return not isinstance(schema.get("properties"), dict)
    return name == "array" and not isinstance(schema.get("items"), dict | bool)


# --- reading -------------------------------------------------------------------------------------


def read_form(data: JSON) -> tuple[Schema, Reading]:
    """The contract that the form's data stand for, and what of them could not be read.

    What is wrong is told by the pointer of the part that it would become.
    """
    reading = Reading()
    held = data if isinstance(data, dict) else {}
    return _read_part({**held, "type": "object"}, held.get("description"), reading, ()), reading


def _read_part(data: JSON, description: JSON, reading: Reading, at: Path) -> JSON:
    held = data if isinstance(data, dict) else {}
    name = held.get("type")
    told = {"description": str(description)} if description else {}
    if not isinstance(name, str) or name not in KINDS:
        other = read_json(held.get("json"), reading, at)
        if not told:
            return other
        if not isinstance(other, dict):
            reading.refuse(at, "What is no JSON object has no description.")
            return other
        return told | other
    said: Schema = {"type": name, **told, **KINDS[name].read(held)}
    for word, value in said.items():
        for one in value if isinstance(value, list) else [value]:
            reading.take((*at, word), one)
    if name == "object":
        said |= _read_object(held, reading, at)
    if name == "array":
        said["items"] = _read_part(held.get("items"), "", reading, (*at, "items"))
    return said | read_more(held.get("more"), said, reading, at)


def _read_object(data: dict[str, JSON], reading: Reading, at: Path) -> Schema:
    listed = data.get("properties")
    properties: Schema = {}
    needed: list[str] = []
    for place, one in enumerate(listed if isinstance(listed, list) else []):
        held = one if isinstance(one, dict) else {}
        name = str(held.get("name") or "")
        if not name or name in properties:
            problem = f"There is a property {name!r} already." if name else "It has no name."
            # It is nowhere in the contract: its place in the form stands for it.
            reading.refuse((*at, "properties", f"#{place}"), problem)
            continue
        inner = (*at, "properties", name)
        properties[name] = _read_part(held.get("kind"), held.get("description"), reading, inner)
        if held.get("required") is True:
            needed.append(name)
    order = read_json(data.get("order"), Reading(), ())
    said: Schema = {"properties": properties}
    if needed or order:
        said["required"] = _arrange(needed, order)
    if data.get("extra") == REFUSED:
        said["additionalProperties"] = False
    return said


def _arrange(needed: list[str], order: JSON) -> list[str]:
    """The names as they stood before, and those that are new behind them."""
    before = order[0] if isinstance(order, list) and order and isinstance(order[0], list) else []
    # Whatever somebody sends: no name is looked for in a list.
    asked = set(needed)
    kept = dict.fromkeys(name for name in before if isinstance(name, str) and name in asked)
    return list(kept | dict.fromkeys(needed))


# --- pointing ------------------------------------------------------------------------------------


def locate(at: str | None, data: JSON) -> str:
    """How jsonform names the input of what stands at this pointer into the contract."""
    return JOIN.join(_locate_part(split_pointer(at), {"type": "object", **_as_dict(data)}))


def _locate_part(path: Sequence[str], part: dict[str, JSON]) -> list[str]:
    if part.get("type") == OTHER:
        return ["json"]
    if not path:
        return ["more"]
    first, *rest = path
    listed = part.get("properties")
    if first == "properties" and rest and isinstance(listed, list):
        return _locate_property(rest, listed)
    if first == "items" and isinstance(part.get("items"), dict):
        return ["items", *_locate_part(rest, part["items"])]
    if first == "enum" and rest and isinstance(part.get("enum"), list):
        return ["enum", rest[0]]
    return [first] if first in part and first not in {"type", "properties"} else ["more"]


def _locate_property(path: Sequence[str], listed: list[JSON]) -> list[str]:
    name, *rest = path
    places = [place for place, one in enumerate(listed) if _as_dict(one).get("name") == name]
    if name.startswith("#") and name[1:].isdigit() and not places:
        return ["properties", name[1:], "name"]
    if not places:
        return ["more"]
    above = ["properties", str(places[0])]
    if rest[:1] == ["description"]:
        return [*above, "description"]
    return [*above, "kind", *_locate_part(rest, _as_dict(_as_dict(listed[places[0]]).get("kind")))]


def _as_dict(value: JSON) -> dict[str, JSON]:
    return value if isinstance(value, dict) else {}
