"""Example payloads: verified, the same each time, with what lies at the limits among them."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from referencing import Registry

from actions import samples
from actions.contracts import InvalidSchemaError, admit
from actions.samples import scalars
from actions.samples.keywords import FORMATS
from config import validation
from config.validation import DEFAULT_DIALECT, DIALECTS
from tests.actions.test_random_schemas import ANYTHING, MEANT

DRAFT4, DRAFT6, DRAFT7, DRAFT2019, DRAFT2020 = DIALECTS
ORDER = {
    "type": "object",
    "required": ["id", "lines"],
    "properties": {
        "id": {"type": "string", "pattern": "^[A-Z]{2}-\\d{4}$"},
        "lines": {
            "type": "array",
            "minItems": 1,
            "maxItems": 3,
            "items": {"$ref": "#/$defs/line"},
        },
        "note": {"type": ["string", "null"], "minLength": 2, "maxLength": 5},
        "state": {"enum": ["new", "paid"]},
    },
    "$defs": {
        "line": {
            "type": "object",
            "required": ["price"],
            "properties": {"price": {"type": "number", "minimum": 1, "maximum": 9}},
            "additionalProperties": False,
        }
    },
}


def generate(schema, *, dialect=DEFAULT_DIALECT, limit=200, edges=True):
    admit(schema)
    found = list(samples.generate(schema, dialect=dialect, limit=limit, edges=edges))
    validator = validation.compile_schema(schema, dialect=dialect)
    assert all(validator.is_valid(payload) for payload in found)
    assert len({json.dumps(payload, sort_keys=True) for payload in found}) == len(found)
    return found


def holds(found, payload):
    """As JSON: `True` is not 1."""
    return json.dumps(payload) in map(json.dumps, found)


# --- what is among them ---------------------------------------------------------------------------


def test_the_first_one_is_whole():
    first, *_ = generate(ORDER)
    assert first == {
        "id": "AA-0000",
        "lines": [{"price": 5}],
        "note": "text",
        "state": "new",
    }


def test_what_may_be_absent_is_absent_in_one_and_alone_in_others():
    keys = {tuple(sorted(payload)) for payload in generate(ORDER)}
    assert ("id", "lines") in keys
    assert {("id", "lines", "note"), ("id", "lines", "state")} <= keys
    assert {("id", "lines", "note", "state"), ("id", "lines", "state")} <= keys


def test_limits_and_every_member_are_reached():
    found = generate(ORDER)
    assert {payload.get("state") for payload in found} == {"new", "paid", None}
    assert {1, 9} <= {line["price"] for payload in found for line in payload["lines"]}
    assert {len(payload["lines"]) for payload in found} == {1, 2, 3}
    notes = {payload["note"] for payload in found if "note" in payload}
    assert None in notes
    assert {2, 5} <= {len(note) for note in notes if note}


def test_undeclared_properties_are_sent_where_content_is_open_only():
    assert any(payload.keys() - ORDER["properties"] for payload in generate(ORDER))
    closed = ORDER | {"additionalProperties": False}
    assert not any(payload.keys() - ORDER["properties"] for payload in generate(closed))


@pytest.mark.parametrize(
    ("schema", "payload"),
    [
        # each type of what has none
        *[({}, value) for value in ("text", "", "é漢𝄞", 1, 0, -1, 1.5, True, False, None, [], {})],
        # each branch
        ({"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 5}]}, 5),
        ({"oneOf": [{"const": 1}, {"const": "b"}, {"const": [None]}]}, [None]),
        ({"if": {"const": 1}, "then": {"type": "integer"}, "else": {"const": "x"}}, 1),
        ({"if": {"const": 1}, "then": {"type": "integer"}, "else": {"const": "x"}}, "x"),
        # branches in branches
        ({"anyOf": [False, {"anyOf": [False, {"anyOf": [False, {"const": 7}]}]}]}, 7),
        ({"anyOf": [False, {"const": 3}], "allOf": [{"oneOf": [False, True]}]}, 3),
        # limits
        ({"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5}, 4),
        ({"type": "number", "multipleOf": 0.01, "minimum": 0.05, "maximum": 0.05}, 0.05),
        ({"type": "integer", "minimum": 2**63}, 2**63),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5}, 0.25),
        ({"type": "string", "minLength": 300}, "a" * 300),
        ({"type": "string", "maxLength": 0}, ""),
        ({"type": "array", "maxItems": 0}, []),
        ({"type": "array", "prefixItems": [{"const": 1}, {"const": "b"}], "minItems": 2}, [1, "b"]),
        ({"type": "array", "items": {"enum": [1, 2]}, "minItems": 2, "uniqueItems": True}, [1, 2]),
        ({"type": "array", "contains": {"const": 4}, "minContains": 2, "maxItems": 2}, [4, 4]),
        # objects
        ({"type": "object", "patternProperties": {"^s_": {"const": 1}}, "minProperties": 1}, None),
        ({"type": "object", "propertyNames": {"pattern": "^[a-c]$"}, "minProperties": 3}, None),
        ({"type": "object", "not": {"required": ["extra"]}, "minProperties": 2}, None),
        ({"dependentRequired": {"a": ["b"]}, "required": ["a"], "type": "object"}, None),
        ({"dependentSchemas": {"a": {"required": ["b"]}}, "required": ["a"]}, None),
        ({"properties": {"a": {"const": 1}}, "unevaluatedProperties": False}, {"a": 1}),
        ({"type": "object", "maxProperties": 1, "required": ["a"]}, {"a": "text"}),
        # what is not
        ({"not": {"type": ["string", "number", "object", "array", "null"]}}, True),
        ({"$ref": "#/$defs/%25", "$defs": {"%": {"const": "%"}}}, "%"),
        # recursion
        ({"type": "object", "properties": {"next": {"$ref": "#"}}}, {"next": {}}),
        (
            {"$defs": {"n": {"anyOf": [{"type": "null"}, {"required": ["n"], "type": "object",
             "properties": {"n": {"$ref": "#/$defs/n"}}}]}}, "$ref": "#/$defs/n"},
            {"n": None},
        ),
    ],
)  # fmt: skip
def test_it_is_found(schema, payload):
    found = generate(schema)
    assert found
    assert payload is None or holds(found, payload)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_format_has_examples(dialect):
    for name in FORMATS[dialect]:
        schema = {"$schema": dialect, "type": "string", "format": name}
        found = generate(schema, dialect=dialect)
        assert scalars.FORMATS[name][0] in found, name


@pytest.mark.parametrize(
    "pattern",
    [
        "^a{2,3}b?c*$",
        "^(red|green|blue)$",
        "^[^a-y]$",
        "^\\S+@\\S+\\.\\w{2,}$",
        "^(?<year>\\d{4})-(\\d\\d)$",
        "(a)\\1",
        "^.{3}$",
        "^[\\w.-]{1,64}$",
        "^(?!x)[a-z]+$",
        "^a+?$",
        "^\\D\\W[^b]$",
    ],
)
def test_patterns_are_matched(pattern):
    assert generate({"type": "string", "pattern": pattern})


@pytest.mark.parametrize(
    ("dialect", "schema", "payload"),
    [
        (DRAFT4, {"minimum": 3, "exclusiveMinimum": True, "type": "integer"}, 4),
        (DRAFT4, {"items": [{"enum": [1]}], "additionalItems": False, "type": "array"}, [1]),
        (DRAFT6, {"contains": {"const": 1}, "type": "array"}, [1]),
        (DRAFT7, {"dependencies": {"a": ["b"]}, "required": ["a"], "type": "object"}, None),
        (DRAFT7, {"$ref": "#/definitions/a", "type": "null", "definitions": {"a": {"const": 1}}},
         1),
        (DRAFT2019, {"items": [{"const": 1}], "unevaluatedItems": False, "minItems": 1,
                     "type": "array"}, [1]),
        (DRAFT2019, {"type": "object", "properties": {"a": {"$recursiveRef": "#"}}}, {"a": {}}),
        (DRAFT2020, {"type": "object", "properties": {"a": {"$dynamicRef": "#x"}},
                     "$dynamicAnchor": "x"}, {"a": {}}),
    ],
)  # fmt: skip
def test_each_dialect_is_read_as_it_is_meant(dialect, schema, payload):
    found = generate({"$schema": dialect, **schema}, dialect=dialect)
    assert found
    assert payload is None or holds(found, payload)


def test_a_part_of_another_dialect_is_not_taken_for_one_of_its_own():
    inner = {"$schema": DRAFT2019, "$id": "a", "contains": {"items": [True], "type": "array"}}
    found = generate({"if": inner, "else": False}, dialect=DRAFT2020)
    assert 0 in found


# --- how many -------------------------------------------------------------------------------------


def test_the_same_schema_gives_the_same():
    assert generate(ORDER) == generate(json.loads(json.dumps(ORDER)))


def test_there_are_no_more_than_asked_for():
    assert len(generate(ORDER, limit=3)) == 3
    assert generate(ORDER, limit=3) == generate(ORDER)[:3]
    assert generate(ORDER, edges=False) == generate(ORDER)[:2]


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#"}}},
        {"type": "string", "allOf": [{"type": "array"}]},
        {"type": "object", "required": ["a"], "properties": {"a": False}},
        {"enum": [1, 2], "type": "string"},
        {"type": "array", "items": {"const": 1}, "minItems": 2, "uniqueItems": True},
    ],
)
def test_a_contract_that_accepts_nothing_has_none(schema):
    assert generate(schema) == []


TREE = {"type": "object", "properties": {name: {"$ref": "#"} for name in "abcdefgh"}}
DEEP = {"type": "string"}
for _ in range(60):
    DEEP = {"type": "object", "required": ["a"], "properties": {"a": DEEP}}


@pytest.mark.parametrize(
    "schema",
    [
        # many properties
        {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(10_000)}},
        # all of them required, and each a schema with references
        {
            "required": [f"p{n}" for n in range(2_000)],
            "properties": {f"p{n}": {"$ref": "#/$defs/s"} for n in range(2_000)},
            "$defs": {"s": {"type": "string", "minLength": 3}},
        },
        TREE,
        {"type": "object", "required": ["a", "b"], "properties": TREE["properties"]},
        # each of its properties is as the whole, and there are always four
        {"additionalProperties": {"$ref": "#"}, "minProperties": 4, "maxProperties": 4},
        # branches of branches
        {"allOf": [{"anyOf": [{"type": "string"}, {"minimum": n}]} for n in range(200)]},
        {"oneOf": [{"const": n} for n in range(2_000)]},
        # more than is worth writing
        {"type": "string", "minLength": 10**9},
        {"type": "array", "minItems": 10**9},
        {"type": "object", "minProperties": 10**9},
        {"type": "array", "contains": True, "minContains": 10**9},
        {"type": "string", "pattern": "^((a{1,30}){1,30})+$"},
        {"type": "string", "pattern": "^(a+)+$", "minLength": 1_000},
        DEEP,
    ],
)
def test_a_schema_that_nobody_would_write_takes_a_moment(schema):
    began = time.process_time()
    generate(schema, limit=50)
    assert time.process_time() - began < 5


@settings(max_examples=80, deadline=None)
@given(MEANT)
def test_others_accept_what_is_given(schema):
    try:
        admit(schema)
    except InvalidSchemaError:
        return
    oracle = Draft202012Validator(schema, registry=Registry())
    assert all(oracle.is_valid(payload) for payload in generate(schema, limit=15))


@settings(max_examples=80, deadline=None)
@given(ANYTHING)
def test_every_admitted_schema_is_survived(schema):
    try:
        admit(schema)
    except InvalidSchemaError:
        return
    dialect = schema.get("$schema", DEFAULT_DIALECT) if isinstance(schema, dict) else DRAFT2020
    generate(schema, dialect=dialect.removesuffix("#"), limit=15)
