"""From a JSON Schema to what django-jsonform draws of it, and from its data back to the value.

jsonform's dialect is not JSON Schema, and jsonform edits a schema in place. So it gets copies:
a map of strings becomes a list of pairs, a union that may be absent gets the branch `Not set`,
a branch's constants are hidden. It posts every input, empty or not: `read` leaves out what was
left empty, and `fill` puts it back, for jsonform knows a branch by its keys.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

JSON = Any
Schema = dict[str, Any]
NOT_SET: Schema = {"type": "object", "title": "Not set", "properties": {}}
SPELT = {"url": "URL", "id": "ID", "sla": "SLA", "ms": "(ms)", "tls": "TLS", "arn": "ARN"}


class MapError(ValueError):
    """What a drawn form has for a map is no list of pairs, or has a key twice."""


def draw(schema: Schema, example: JSON = None, *, required: bool = True) -> Schema:
    """The schema as jsonform draws it; the example's strings are placeholders."""
    if choices := _choices(schema):
        return {"type": "string", "enum": choices}
    if "anyOf" in schema:
        branches = [_draw_branch(branch) for branch in schema["anyOf"]]
        return {"anyOf": branches if required else [copy.deepcopy(NOT_SET), *branches]}
    if _is_map(schema):
        return _draw_map(schema)
    drawn = copy.deepcopy(schema)
    if schema.get("type") == "object":
        examples = example if isinstance(example, dict) else {}
        drawn["properties"] = {
            key: {
                "title": title(key),
                **draw(value, examples.get(key), required=key in schema.get("required", ())),
            }
            for key, value in schema.get("properties", {}).items()
        }
        drawn.pop("additionalProperties", None)
        if not required:
            # All of it may be left empty; its validator knows what goes together.
            drawn.pop("required", None)
    elif example is not None:
        drawn["placeholder"] = str(example)
    if drawn.pop("contentMediaType", None):
        # A text of several lines, which an input would join.
        drawn["widget"] = "textarea"
    return drawn


def title(key: str) -> str:
    """A property's name as a label: `queue_url` is `Queue URL`."""
    first, *others = (SPELT.get(word, word) for word in key.split("_"))
    return " ".join([first[:1].upper() + first[1:], *others])


def fill(value: JSON, schema: Schema) -> JSON:
    """The value as the drawn form holds it: every property is there."""
    if _is_map(schema):
        return [{"name": name, "value": text} for name, text in (value or {}).items()]
    if isinstance(value, list):
        return [fill(item, schema.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    branch = _branch(schema, value)
    known = {key: _fill_one(value, key, one) for key, one in branch.get("properties", {}).items()}
    return value | known


def read(drawn: JSON, schema: Schema) -> JSON:
    """The value behind a drawn form's data. What was left empty is absent."""
    if _is_map(schema):
        return _read_map(drawn)
    if isinstance(drawn, list):
        return [read(item, schema.get("items", {})) for item in drawn]
    if not isinstance(drawn, dict):
        return drawn
    branch = _branch(schema, drawn)
    required = branch.get("required", ())
    value = {}
    for key, item in drawn.items():
        inner = read(item, branch.get("properties", {}).get(key, {}))
        # A box that is not ticked is as empty.
        is_empty = inner is False or inner in ({}, [])
        if inner not in ("", None) and (key in required or not is_empty):
            value[key] = inner
    return value


def locate(path: Sequence[str], schema: Schema, drawn: JSON) -> list[str]:
    """Where the drawn form shows what stands at this path of the value."""
    if not path:
        return []
    key, *below = path
    if _is_map(schema):
        names = [pair["name"] for pair in drawn] if isinstance(drawn, list) else []
        return [str(names.index(key)), "value"] if key in names else []
    inner = drawn.get(key) if isinstance(drawn, dict) else None
    properties = _branch(schema, drawn).get("properties", {})
    return [key, *locate(below, properties.get(key, schema.get("items", {})), inner)]


def _draw_branch(branch: Schema) -> Schema:
    drawn = draw(branch)
    for key, constant in _constants(branch).items():
        drawn["properties"][key] = {"const": constant, "widget": "hidden"}
        drawn["title"] = {True: title(key), False: f"Not {key}"}.get(constant, str(constant))
    return drawn


def _draw_map(schema: Schema) -> Schema:
    value = {"placeholder": "value", **copy.deepcopy(schema["additionalProperties"])}
    name = {"type": "string", "placeholder": "name", **schema.get("propertyNames", {})}
    pair = {"type": "object", "required": ["name"], "properties": {"name": name, "value": value}}
    return {"type": "array", "items": pair, "maxItems": schema.get("maxProperties", 100)}


def _read_map(pairs: JSON) -> dict[str, JSON]:
    value: dict[str, JSON] = {}
    if pairs and not (isinstance(pairs, list) and all(isinstance(one, dict) for one in pairs)):
        # Read as nothing, a filter would match everything.
        raise MapError("These are no names and values.")
    for pair in pairs or []:
        name, text = pair.get("name") or "", pair.get("value")
        if name in value:
            raise MapError(f"{name!r} stands twice.")
        if name or text:
            value[name] = text or ""
    return value


def _is_map(schema: Schema) -> bool:
    return isinstance(schema.get("additionalProperties"), dict) and "properties" not in schema


def _choices(schema: Schema) -> list[str]:
    """The strings that a union of single strings admits."""
    branches = schema.get("anyOf", [])
    enums = [branch.get("enum", []) for branch in branches if branch.get("type") == "string"]
    single = all(len(enum) == 1 for enum in enums) and len(enums) == len(branches)
    return [enum[0] for enum in enums] if single else []


def _constants(branch: Schema) -> dict[str, JSON]:
    properties = branch.get("properties", {})
    return {key: one["enum"][0] for key, one in properties.items() if len(one.get("enum", ())) == 1}


def _branch(schema: Schema, value: JSON) -> Schema:
    """The branch of a union that the value's constants choose; what is no union stays itself."""
    branches: Sequence[Schema] = schema.get("anyOf", ())
    for branch in branches:
        constants = _constants(branch)
        if constants and isinstance(value, dict) and constants.items() <= value.items():
            return branch
    return schema


def _fill_one(value: dict[str, JSON], key: str, schema: Schema) -> JSON:
    if key in value or "properties" in schema or _is_map(schema):
        return fill(value.get(key, {}), schema)
    if "anyOf" in schema and not _choices(schema):
        return {}
    return [] if schema.get("type") == "array" else "" if _is_text(schema) else None


def _is_text(schema: Schema) -> bool:
    return schema.get("type") == "string" or bool(_choices(schema))
