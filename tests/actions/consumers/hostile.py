"""Contracts whose texts and structures are out to break what is written from them.

Each has payloads that it accepts, which the types have to take as well.
"""

from __future__ import annotations

import re
from typing import Any

PLANTED = "PLANTED"
# What would run, end what holds it, or give an order, if any of it came out as it went in.
TEXTS = (
    '"""\nimport os; os.environ["PLANTED"] = "1"\n"""',
    "'''\nimport os\n'''",
    "*/ export const PLANTED = 1; /*",
    "*/\nexport const PLANTED = 1;\n/*",
    "/** nested /* comments */ */",
    "@ts-expect-error",
    "\n@ts-ignore",
    "`${PLANTED}`",
    "\\",
    "a\\",
    "\\u0022",
    "x' + __import__('os').system('true') + '",
    "\u2028export const PLANTED = 1;\u2029",
    "\u202e\u2066 reordered \u2069",
    "line\r\nline",
    "{{ 7 * 7 }}{% for x in y %}",
    "# -*- coding: utf-7 -*-",
    "+AAo-import os+AAo-",
    "</script><script>alert('PLANTED')</script>",
    "[PLANTED](javascript:alert(1))",
    "![PLANTED](http://planted.example/x.png)",
    "<http://planted.example>",
    "http://planted.example www.planted.example me@planted.example",
    "|---|\n|a|b|",
    "```\n# PLANTED\n```",
    "# PLANTED\n===\n1. x\n- y\n> z",
    "&lt;b&gt; &#60;",
    "\x7f\x01",
    "\U0001f600 \U000e0041",
)
# What names of properties mean something to one of the languages, or to a generator.
NAMES = (
    "", " ", "-", "0", "1a", "a b", "a-b", "a.b", "__proto__", "constructor", "prototype",
    "toString", "_", "__", "_links", "__dunder__", "_field", "field_links", "class", "from",
    "None", "True", "def", "match", "type", "str", "int", "list", "dict", "float", "bool", "Any",
    "Literal", "TypedDict", "NotRequired", "Union", "annotations", "default", "function", "new",
    "any", "unknown", "never", "string", "$ref", "$id", "$defs", "definitions", "properties",
    "items", "enum", "title", "description", "additionalProperties", "customTypePath",
    "customBasePath", "x-python-import", "self", "cls", "copy", "keys", "schema", "json",
    "model_config", "Größe", "\u540d\u524d", "\u212a", "mark of waybill: ", "mark of waybill: a",
    *TEXTS,
)  # fmt: skip


def _named(text: str) -> dict[str, Any]:
    """A contract that says the text wherever it can."""
    return {
        "title": text,
        "description": text,
        "type": "object",
        "required": [text, "choice"],
        "properties": {
            text: {"type": "string", "title": text, "description": text, "default": text},
            "choice": {"enum": [text, 1, None]},
            "constant": {"const": text},
            "inner": {"type": "object", "title": text, "properties": {text: {"type": "integer"}}},
            "named": {"$ref": "#/$defs/named"},
            "pattern": {"type": "string", "not": {"const": text}, "examples": [text]},
        },
        "patternProperties": {"^y": {"type": "number", "description": text}},
        "$defs": {"named": {"title": text, "description": text, "enum": [text, f"{text}2"]}},
        "x-python-import": {"module": "os", "name": "system"},
        "customTypePath": "os.system",
        "customBasePath": "os.PathLike",
        "$comment": text,
    }


def _names() -> dict[str, Any]:
    """A contract with every name at once, as properties and as definitions."""
    named = [name for name in NAMES if "/" not in name and "~" not in name and "%" not in name]
    return {
        "type": "object",
        "required": list(NAMES),
        "properties": {name: {"type": "integer"} for name in NAMES}
        | {f"to {name}": {"$ref": f"#/$defs/{name}"} for name in named if _is_fragment(name)},
        "$defs": {
            name: {"type": "object", "properties": {name: {"type": "string"}}} for name in named
        },
    }


def _is_fragment(name: str) -> bool:
    return re.fullmatch("[A-Za-z0-9_.$-]+", name) is not None


def _chain(length: int) -> dict[str, Any]:
    """Unions within intersections, whose alternatives multiply."""
    choices = [{"properties": {f"p{n}": {"const": n}}, "required": [f"p{n}"]} for n in range(10)]
    return {"type": "object", "allOf": [{"anyOf": choices} for _ in range(length)]}


def _deep(depth: int) -> dict[str, Any]:
    """Objects in objects, each with further properties of its own type."""
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(depth):
        schema = {
            "type": "object",
            "properties": {"a": schema, "b": {"type": "string"}},
            "additionalProperties": {"type": "number"},
        }
    return schema


DRAFT4 = "http://json-schema.org/draft-04/schema#"
DRAFT7 = "http://json-schema.org/draft-07/schema#"
SOME_2019 = "https://json-schema.org/draft/2019-09/schema"
TREE = {
    "type": "object",
    "required": ["value"],
    "properties": {"value": {}, "left": {"$ref": "#"}, "right": {"$ref": "#"}},
    "additionalProperties": False,
}
# By name: a contract, and payloads that it accepts.
STRUCTURES: dict[str, tuple[Any, list[Any]]] = {
    "anything": (True, [1, "a", None, [], {}, {"a": [1]}]),
    "nothing": (False, []),
    "no keywords": ({}, [1, {}]),
    "properties without a type": (
        {"properties": {"a": {"type": "string"}}, "required": ["a"]},
        [{"a": "x"}, 1, "text", None, [1], {"a": "x", "more": 1}],
    ),
    "types": ({"type": ["string", "null", "integer"]}, ["a", None, 3]),
    "one and true": ({"anyOf": [{"const": 1}, {"const": True}, {"const": "1"}]}, [1, True, "1"]),
    "literals": (
        {"enum": [0, -1, 1.5, -0.5, "a", None, True, {"a": [1, {}]}, [], ["x", 1], 2**60]},
        [0, -1, 1.5, -0.5, "a", None, True, {"a": [1, {}]}, [], ["x", 1], 2**60],
    ),
    "whole numbers only": ({"enum": [-3, -2, 7]}, [-3, 7]),
    "a closed object": (
        {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
        [{}, {"a": 1}],
    ),
    "an empty closed object": ({"type": "object", "additionalProperties": False}, [{}]),
    "a map": ({"type": "object", "additionalProperties": {"type": "number"}}, [{}, {"x": 1.5}]),
    "a map with named properties": (
        {
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"type": "null"}},
            "required": ["a"],
            "additionalProperties": {"type": "number"},
        },
        [{"a": "x"}, {"a": "x", "b": None, "c": 2}],
    ),
    "patterns of names": (
        {
            "type": "object",
            "patternProperties": {"^n_": {"type": "number"}, "^s_": {"type": "string"}},
            "additionalProperties": False,
        },
        [{}, {"n_x": 1, "s_x": "a"}],
    ),
    "required and nothing else": (
        {"type": "object", "required": ["a", "b"], "anyOf": [{"required": ["c"]}, {}]},
        [{"a": 1, "b": 2}, {"a": [], "b": {}, "c": None, "d": 3}],
    ),
    "a row": (
        {
            "type": "array",
            "prefixItems": [{"type": "string"}, {"type": "integer"}],
            "items": {"type": "boolean"},
            "minItems": 1,
        },
        [["a"], ["a", 1], ["a", 1, True, False]],
    ),
    "a closed row": (
        {"type": "array", "prefixItems": [{"type": "string"}, {}], "items": False, "minItems": 2},
        [["a", 1], ["a", None]],
    ),
    "a row cut short": (
        {"type": "array", "prefixItems": [{"type": "string"}, {}], "maxItems": 1},
        [[], ["a"]],
    ),
    "no items": ({"type": "array", "items": False}, [[]]),
    "a row of draft 7": (
        {
            "$schema": DRAFT7,
            "type": "array",
            "items": [{"type": "string"}],
            "additionalItems": {"type": "integer"},
        },
        [[], ["a"], ["a", 1, 2]],
    ),
    "a row of 2019-09": (
        {"$schema": SOME_2019, "items": [{"type": "string"}], "additionalItems": False},
        [[], ["a"], 5, {}],
    ),
    "draft 4": (
        {
            "$schema": DRAFT4,
            "type": "object",
            "properties": {"n": {"type": "number", "minimum": 0, "exclusiveMinimum": True}},
        },
        [{}, {"n": 0.5}],
    ),
    "a lone reference of draft 7": (
        {
            "$schema": DRAFT7,
            "properties": {"a": {"$ref": "#/definitions/a", "type": "integer"}},
            "definitions": {"a": {"type": "string"}},
        },
        [{"a": "text"}, 3],
    ),
    "a tree": (TREE, [{"value": 1}, {"value": 1, "left": {"value": 2, "right": {"value": []}}}]),
    "lists of lists": ({"type": "array", "items": {"$ref": "#"}}, [[], [[], [[]]]]),
    "lists that lead back": (
        {
            "$ref": "#/$defs/a",
            "$defs": {
                "a": {"type": ["array", "null"], "items": {"$ref": "#/$defs/b"}},
                "b": {"type": "object", "additionalProperties": {"$ref": "#/$defs/a"}},
            },
        },
        [None, [], [{"x": [{}]}, {}]],
    ),
    "a recursive union": (
        {
            "anyOf": [
                {"type": "object", "properties": {"q": {"$ref": "#"}}, "required": ["q"]},
                {"type": "array", "items": {"$ref": "#"}},
                {"type": "string"},
            ]
        },
        ["a", [["a"]], {"q": [{"q": "a"}]}],
    ),
    "a dynamic reference": (
        {
            "$ref": "#/$defs/strict",
            "$defs": {
                "tree": {
                    "$dynamicAnchor": "node",
                    "type": "object",
                    "properties": {"children": {"items": {"$dynamicRef": "#node"}}},
                },
                "strict": {
                    "$dynamicAnchor": "node",
                    "$ref": "#/$defs/tree",
                    "required": ["name"],
                    "properties": {"name": {"type": "string"}},
                },
            },
        },
        [{"name": "a"}, {"name": "a", "children": [{"name": "b", "children": []}]}],
    ),
    "anchors and ids": (
        {
            "$id": "urn:example:order",
            "properties": {"a": {"$ref": "#line"}, "b": {"$ref": "urn:example:other"}},
            "$defs": {
                "l": {"$anchor": "line", "type": "string"},
                "o": {"$id": "urn:example:other", "type": "integer"},
            },
        },
        [{"a": "x", "b": 1}, {}],
    ),
    "all at once": (
        {
            "type": "object",
            "allOf": [
                {"properties": {"a": {"type": "string"}}, "required": ["a"]},
                {"properties": {"b": {"type": "integer"}}},
                {"$ref": "#/$defs/c"},
            ],
            "oneOf": [{"required": ["d"]}, {"required": ["e"]}],
            "$defs": {"c": {"type": "object", "properties": {"c": {"type": "boolean"}}}},
        },
        [{"a": "x", "d": 1}, {"a": "x", "b": 2, "c": True, "e": None}],
    ),
    "of several kinds at once": (
        {
            "type": ["object", "string", "null"],
            "allOf": [{"properties": {"a": {"type": "string"}}}, {"minLength": 1}],
        },
        ["x", None, {"a": "x"}, {}],
    ),
    "what types cannot say": (
        {
            "type": "object",
            "properties": {"k": {"enum": [1.5, [1], {"a": 1}, "s", True, None, 2]}},
            "if": {"required": ["a"]},
            "then": {"required": ["b"]},
            "else": {"required": ["c"]},
            "not": {"required": ["z"]},
            "dependentRequired": {"q": ["r"]},
            "dependentSchemas": {"q": {"properties": {"r": {"type": "string"}}}},
            "propertyNames": {"maxLength": 1},
            "minProperties": 1,
            "unevaluatedProperties": {"type": "integer"},
        },
        [{"a": 1, "b": 2}, {"c": 3}],
    ),
    "a union of a constant and its kind": (
        {"anyOf": [{"const": "a"}, {"type": "string", "minLength": 3}, {"enum": [None]}]},
        ["a", "abc", None],
    ),
    "one name in several places": (
        {
            "properties": {
                "a": {"$ref": "#/$defs/x/properties/inner"},
                "b": {"$ref": "#/$defs/y/properties/inner"},
                "c": {"$ref": "#/$defs/x/anyOf/0"},
            },
            "$defs": {
                "x": {"properties": {"inner": {"type": "string"}}, "anyOf": [{"type": "integer"}]},
                "y": {"properties": {"inner": {"type": "null"}}},
            },
        },
        [{"a": "x", "b": None, "c": 1}],
    ),
    "alternatives that multiply": (_chain(6), [{f"p{n}": n for n in range(10)}, {"p3": 3}]),
    "alternatives that multiply by name": (
        {
            "$ref": "#/$defs/a0",
            "$defs": {
                f"a{n}": {"allOf": [{"$ref": f"#/$defs/c{n}"}, {"$ref": f"#/$defs/a{n + 1}"}]}
                for n in range(70)
            }
            | {f"c{n}": {"anyOf": [{"required": [f"x{n}"]}, {"type": "object"}]} for n in range(70)}
            | {"a70": {"enum": [{}, {"x1": 1}]}},
        },
        [{}, {"x1": 1}],
    ),
    "deep": (_deep(20), [{}, {"a": {"a": {"b": "x", "c": 1}}, "d": 2}]),
    "every name": (_names(), [dict.fromkeys(NAMES, 1)]),
} | {
    f"text {number}": (
        _named(text),
        [{text: "x", "choice": None}, {text: "x", "choice": text, "constant": text}],
    )
    for number, text in enumerate(TEXTS)
}  # fmt: skip
