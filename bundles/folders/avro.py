"""Avro schemas as JSON Schemas, of the values as plain JSON.

A value of a union is written as itself, without the name of its type around it; all else is as in
Avro's JSON encoding: `bytes` and `fixed` are texts of the letters U+0000 to U+00FF, and a logical
type is what it is written in (a `timestamp-millis` is an integer), named in a `$comment`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_BYTES = "^[\\u0000-\\u00ff]*$"
_PRIMITIVES: dict[str, dict[str, Any]] = {
    "null": {"type": "null"},
    "boolean": {"type": "boolean"},
    "int": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "long": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    "float": {"type": "number"},
    "double": {"type": "number"},
    "bytes": {"type": "string", "pattern": _BYTES},
    "string": {"type": "string"},
}
_NAMED = frozenset(["record", "error", "enum", "fixed"])
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")


class AvroError(ValueError):
    """It is no Avro schema, or names a type that is nowhere."""


def convert(schema: Any, others: Sequence[Any] = ()) -> dict[str, Any]:
    """The JSON Schema of an Avro schema, whose names may be defined in `others`."""
    converter = _Converter()
    for other in others:
        converter.convert(other, "")
    converter.root = _find_root(schema)
    made = converter.convert(schema, "")
    if converter.root:
        made = converter.defined.pop(converter.root)
    held = _keep_used(made, converter.defined)
    return {"$schema": DIALECT, **made, **({"$defs": held} if held else {})}


class _Converter:
    def __init__(self) -> None:
        self.root = ""
        # By their full names; a type is there, empty, while it is converted.
        self.defined: dict[str, dict[str, Any]] = {}

    def convert(self, schema: Any, space: str) -> dict[str, Any]:
        """The JSON Schema of a schema inside a namespace."""
        if isinstance(schema, str):
            return (
                dict(_PRIMITIVES[schema]) if schema in _PRIMITIVES else self._refer(schema, space)
            )
        if isinstance(schema, list):
            return self._convert_union(schema, space)
        if not isinstance(schema, dict) or "type" not in schema:
            raise AvroError(f"{str(schema)[:100]} is no Avro schema.")
        kind = schema["type"]
        if kind == "array":
            return {"type": "array", "items": self.convert(schema.get("items"), space)}
        if kind == "map":
            held = self.convert(schema.get("values"), space)
            return {"type": "object", "additionalProperties": held}
        if isinstance(kind, str) and kind in _NAMED:
            return self._define(schema, kind, space)
        return self.convert(kind, space) | _tell_logical(schema)

    def _convert_union(self, branches: list[Any], space: str) -> dict[str, Any]:
        made = [self.convert(branch, space) for branch in branches]
        if not made:
            raise AvroError("A union has no types.")
        return made[0] if len(made) == 1 else {"anyOf": made}

    def _refer(self, name: str, space: str) -> dict[str, Any]:
        full = name if "." in name or not space else f"{space}.{name}"
        # A name without a namespace is one of the namespace around it, or of none.
        found = next((one for one in (full, name) if one in self.defined), None)
        if found is None:
            raise AvroError(f"There is no type {name[:100]!r}.")
        return {"$ref": "#" if found == self.root else f"#/$defs/{found}"}

    def _define(self, schema: dict[str, Any], kind: str, space: str) -> dict[str, Any]:
        full = _full_name(schema, space)
        if full in self.defined:
            raise AvroError(f"The type {full!r} is defined twice.")
        made = self.defined[full] = {}
        inner = full.rpartition(".")[0]
        if isinstance(schema.get("doc"), str):
            made["description"] = schema["doc"]
        if kind == "enum":
            made |= {"type": "string", "enum": _read_list(schema, "symbols")}
        elif kind == "fixed":
            made |= _write_fixed(schema) | _tell_logical(schema)
        else:
            made |= self._write_record(_read_list(schema, "fields"), inner)
        return self._refer(full, "")

    def _write_record(self, fields: list[Any], space: str) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        required = []
        for one in fields:
            if not isinstance(one, dict) or not isinstance(one.get("name"), str):
                raise AvroError("A field of a record has no name.")
            held = self.convert(one.get("type"), space)
            if isinstance(one.get("doc"), str):
                held = held | {"description": one["doc"]}
            if "default" in one:
                held = held | {"default": one["default"]}
            else:
                required.append(one["name"])
            properties[one["name"]] = held
        made = {"type": "object", "properties": properties}
        return made | {"required": required, "additionalProperties": False}


def _find_root(schema: Any) -> str:
    kind = schema.get("type") if isinstance(schema, dict) else None
    return _full_name(schema, "") if isinstance(kind, str) and kind in _NAMED else ""


def _full_name(schema: dict[str, Any], space: str) -> str:
    name, own = schema.get("name"), schema.get("namespace", space)
    full = f"{own}.{name}" if own and "." not in str(name) else str(name)
    if not isinstance(name, str) or not _NAME.fullmatch(full):
        raise AvroError(f"A type is named {full[:100]!r}.")
    return full


def _read_list(schema: dict[str, Any], key: str) -> list[Any]:
    found = schema.get(key)
    if not isinstance(found, list):
        raise AvroError(f"The type {str(schema.get('name'))[:100]!r} has no {key}.")
    return found


def _write_fixed(schema: dict[str, Any]) -> dict[str, Any]:
    size = schema.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise AvroError(f"The type {str(schema.get('name'))[:100]!r} has no size.")
    return {"type": "string", "minLength": size, "maxLength": size, "pattern": _BYTES}


def _tell_logical(schema: dict[str, Any]) -> dict[str, Any]:
    logical = schema.get("logicalType")
    if not isinstance(logical, str):
        return {}
    is_uuid = logical == "uuid" and schema["type"] == "string"
    return {"$comment": logical} | ({"format": "uuid"} if is_uuid else {})


def _keep_used(made: dict[str, Any], defined: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Those definitions that are referred to, from the schema or from one that is kept."""
    kept: dict[str, Any] = {}
    left = [made]
    while left:
        for name in _references(left.pop()):
            if name in defined and name not in kept:
                kept[name] = defined[name]
                left.append(defined[name])
    return {name: one for name, one in defined.items() if name in kept}


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for inner in node:
            yield from _references(inner)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].removeprefix("#/$defs/")
        for inner in node.values():
            yield from _references(inner)
