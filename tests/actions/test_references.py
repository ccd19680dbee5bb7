"""References inside a schema: refused where they never end or multiply, else followed."""

from __future__ import annotations

import time

import pytest

from actions.contracts import InvalidSchemaError, admit
from config import validation
from tests.actions.test_contracts import DRAFT4, DRAFT6, DRAFT7, DRAFT2019, refuse

# --- without an end -------------------------------------------------------------------------------

ENDLESS = [
    {"$ref": "#"},
    {"$id": "https://x.example/s", "$ref": "https://x.example/s"},
    {"$id": "https://x.example/s", "$ref": "s"},
    {"$anchor": "top", "$ref": "#top"},
    {"$defs": {"a": {"$ref": "#/$defs/a"}}},
    {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    {"$defs": {f"d{n}": {"$ref": f"#/$defs/d{(n + 1) % 500}"} for n in range(500)}},
    {"allOf": [{"$ref": "#"}]},
    {"anyOf": [{"type": "string"}, {"$ref": "#"}]},
    {"oneOf": [True, {"$ref": "#"}]},
    {"not": {"$ref": "#"}},
    {"if": {"$ref": "#"}},
    {"if": True, "then": {"$ref": "#"}},
    {"if": False, "else": {"$ref": "#"}},
    {"dependentSchemas": {"a": {"$ref": "#"}}},
    {"allOf": [{"anyOf": [{"oneOf": [{"not": {"if": {"then": {"$ref": "#"}, "if": True}}}]}]}]},
    {"allOf": [{"$ref": "#/allOf/0"}]},
    {"properties": {"a": {"$ref": "#/properties/a"}}},
    {"properties": {"a": {"$ref": "#/properties/b"}, "b": {"allOf": [{"$ref": "#/properties/a"}]}}},
    {"items": {"anyOf": [{"$ref": "#/items"}]}},
    # Properties whose names are keywords, in a schema and in a pointer.
    {"properties": {"default": {"$ref": "#/properties/default"}}},
    {"properties": {"const": {"$ref": "#/properties/const"}}},
    {"properties": {"enum": {"not": {"$ref": "#/properties/enum"}}}},
    {"$defs": {"examples": {"$ref": "#/$defs/examples"}}},
    {"$defs": {"a/b~c d": {"$ref": "#/$defs/a~1b~0c%20d"}}},
    {"$defs": {"": {"$ref": "#/$defs/"}}},
    # Through plain data.
    {"$ref": "#/default", "default": {"$ref": "#/default"}},
    {"$ref": "#/x-ours/0", "x-ours": [{"allOf": [{"$ref": "#/x-ours/0"}]}]},
    # Through a document inside.
    {"$id": "https://x.example/s", "$defs": {"a": {"$id": "t", "$ref": "t"}}},
    {"$id": "https://x.example/s", "$ref": "t", "$defs": {"a": {"$id": "t", "$ref": "s"}}},
    {"$defs": {"a": {"$id": "urn:example:a", "$anchor": "x", "$ref": "urn:example:a#x"}}},
    {"$defs": {"a": {"$id": "urn:example:a", "allOf": [{"$ref": "#/allOf/0"}]}}},
    {"$defs": {"a": {"id": "not-a-keyword-here", "$ref": "#/$defs/a"}}},
    # Dynamic ones.
    {"$dynamicAnchor": "n", "$dynamicRef": "#n"},
    {"$dynamicAnchor": "n", "anyOf": [{"$dynamicRef": "#n"}, True]},
    {
        "$id": "https://x.example/s",
        "$dynamicAnchor": "n",
        "$ref": "t",
        "$defs": {
            # Not by itself, but when it is reached from the outside.
            "t": {"$id": "t", "$dynamicRef": "#n", "$defs": {"n": {"$dynamicAnchor": "n"}}}
        },
    },
    {"$schema": DRAFT2019, "$recursiveRef": "#"},
    {"$schema": DRAFT2019, "$recursiveAnchor": True, "allOf": [{"$recursiveRef": "#"}]},
    {
        "$schema": DRAFT2019,
        "$id": "https://x.example/s",
        "$recursiveAnchor": True,
        "$ref": "t",
        "$defs": {"t": {"$id": "t", "$recursiveAnchor": True, "anyOf": [{"$recursiveRef": "#"}]}},
    },
    # The older dialects.
    {"$schema": DRAFT7, "definitions": {"a": {"$ref": "#/definitions/a"}}},
    {"$schema": DRAFT7, "dependencies": {"a": {"$ref": "#"}}},
    {"$schema": DRAFT7, "definitions": {"a": {"$id": "#here", "allOf": [{"$ref": "#here"}]}}},
    {"$schema": DRAFT7, "definitions": {"a": {"$id": "void", "$ref": "#/definitions/a"}}},
    {"$schema": DRAFT6, "anyOf": [{"$ref": "#"}]},
    {"$schema": DRAFT4, "id": "http://x.example/s", "allOf": [{"$ref": "s"}]},
    {"$schema": DRAFT4, "definitions": {"a": {"id": "#here", "not": {"$ref": "#here"}}}},
]


@pytest.mark.parametrize("schema", ENDLESS)
def test_a_reference_that_leads_back_on_the_same_value_is_refused(schema):
    assert "leads back to itself" in refuse(schema).message


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"$ref": "#"}, "/schema"),
        ({"properties": {"a/b": {"$ref": "#/properties/a~1b"}}}, "/schema/properties/a~1b"),
        ({"$defs": {"a": {"not": {"$ref": "#/$defs/a"}}}}, "/schema/$defs/a"),
    ],
)
def test_the_fault_is_at_the_outermost_schema_of_the_circle(schema, pointer):
    assert refuse(schema).pointer == pointer


def test_no_payload_ends_the_process_that_judges_it():
    """Should one slip through, the validator itself ends the circle."""
    for schema in ENDLESS:
        dialect = schema.get("$schema", validation.DEFAULT_DIALECT).removesuffix("#")
        validator = validation.compile_schema(schema, dialect=dialect)
        for payload in (1, "a", {"a": {"a": 1}, "default": 1}, [[[]]]):
            validation.find_faults(validator, payload, code="X")


# --- recursion with an end ------------------------------------------------------------------------

TREE = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}
LEAVES = {"children": [{"children": []}, {}]}
BAD_LEAVES = {"children": [{"children": [7]}]}


@pytest.mark.parametrize(
    ("schema", "valid", "invalid"),
    [
        (TREE, LEAVES, BAD_LEAVES),
        ({"$schema": DRAFT7} | TREE, LEAVES, BAD_LEAVES),
        ({"$schema": DRAFT4} | TREE, LEAVES, BAD_LEAVES),
        ({"type": "array", "items": {"$ref": "#"}}, [[], [[]]], [[7]]),
        ({"prefixItems": [{"$ref": "#"}], "type": "array"}, [[]], [7]),
        ({"type": "object", "additionalProperties": {"$ref": "#"}}, {"a": {}}, {"a": 7}),
        ({"type": "object", "patternProperties": {"^a": {"$ref": "#"}}}, {"a": {}}, {"a": 7}),
        (
            {"type": ["object", "null"], "properties": {"next": {"$ref": "#"}}},
            {"next": None},
            {"next": 7},
        ),
        ({"anyOf": [{"type": "null"}, {"type": "array", "items": {"$ref": "#"}}]}, [None], [7]),
        ({"type": "array", "contains": {"$ref": "#"}, "minContains": 0}, [7], 7),
        ({"propertyNames": {"$ref": "#"}, "maxLength": 1}, {"a": 1}, {"ab": 1}),
        ({"type": "object", "unevaluatedProperties": {"$ref": "#"}}, {"a": {}}, {"a": 7}),
        # Two that lead to each other, a level down each time.
        (
            {
                "$defs": {
                    "a": {"type": "object", "properties": {"b": {"$ref": "#/$defs/b"}}},
                    "b": {"type": "array", "items": {"$ref": "#/$defs/a"}},
                },
                "$ref": "#/$defs/a",
            },
            {"b": [{"b": []}]},
            {"b": [{"b": [7]}]},
        ),
        # The extensible tree of the specification.
        (
            {
                "$id": "https://x.example/strict",
                "$dynamicAnchor": "node",
                "$ref": "tree",
                "unevaluatedProperties": False,
                "$defs": {
                    "tree": {
                        "$id": "tree",
                        "$dynamicAnchor": "node",
                        "type": "object",
                        "properties": {
                            "data": True,
                            "children": {"type": "array", "items": {"$dynamicRef": "#node"}},
                        },
                    }
                },
            },
            {"children": [{"data": 1}]},
            {"children": [{"daat": 1}]},
        ),
    ],
)
def test_recursion_that_goes_down_the_value_is_followed(schema, valid, invalid):
    validator = admit(schema)
    assert validator.is_valid(valid)
    assert not validator.is_valid(invalid)


# --- what else a reference may name ---------------------------------------------------------------

STRING = {"type": "string"}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/s", "$defs": {"s": STRING}},
        {"$ref": "#s", "$defs": {"s": STRING | {"$anchor": "s"}}},
        {"$ref": "#/properties/a", "properties": {"a": STRING}},
        {"$ref": "#/x-ours/0", "x-ours": [STRING]},  # an unknown keyword
        {"$ref": "#/$defs/a~1b~0c%20d", "$defs": {"a/b~c d": STRING}},
        {"$ref": "#/$defs/%C3%A9", "$defs": {"é": STRING}},
        {"$ref": "#/%24defs/s", "$defs": {"s": STRING}},
        # An http `$id` is a name, not an address.
        {"$id": "http://x.example/s", "$ref": "#/$defs/s", "$defs": {"s": STRING}},
        {
            "$id": "http://x.example/s",
            "$ref": "http://x.example/s#/$defs/s",
            "$defs": {"s": STRING},
        },
        {"$id": "http://x.example/d/s", "$ref": "s#/$defs/s", "$defs": {"s": STRING}},
        {"$id": "http://x.example/d/s", "$ref": "/d/s#/$defs/s", "$defs": {"s": STRING}},
        {"$id": "http://x.example/d/s", "$ref": "../t", "$defs": {"s": STRING | {"$id": "/t"}}},
        {"$id": "http://x.example/s#", "$ref": "#/$defs/s", "$defs": {"s": STRING}},
        {
            "$id": "http://x.example/s",
            "$ref": "t#x",
            "$defs": {"s": {"$id": "t", "$defs": {"x": STRING | {"$anchor": "x"}}}},
        },
        {"$id": "urn:example:s", "$ref": "#/$defs/s", "$defs": {"s": STRING}},
        {
            "$id": "urn:example:s",
            "$ref": "urn:example:s#s",
            "$defs": {"s": STRING | {"$anchor": "s"}},
        },
        {"$ref": "t", "$defs": {"s": STRING | {"$id": "t"}}},  # relative to nothing
        {"$ref": "urn:example:t", "$defs": {"s": STRING | {"$id": "urn:example:t"}}},
        {"$dynamicRef": "#s", "$defs": {"s": STRING | {"$dynamicAnchor": "s"}}},
        {"$dynamicRef": "#/$defs/s", "$defs": {"s": STRING}},
        {
            "$schema": DRAFT7,
            "allOf": [{"$ref": "#s"}],
            "definitions": {"s": STRING | {"$id": "#s"}},
        },
        {
            "$schema": DRAFT7,
            "$id": "http://x.example/s",
            "allOf": [{"$ref": "t#"}],
            "definitions": {"s": STRING | {"$id": "t"}},
        },
        {
            "$schema": DRAFT4,
            "id": "http://x.example/s",
            "allOf": [{"$ref": "t"}],
            "definitions": {"s": STRING | {"id": "t"}},
        },
        {"$schema": DRAFT2019, "$ref": "#s", "$defs": {"s": STRING | {"$anchor": "s"}}},
    ],
)
def test_a_reference_into_the_schema_itself_is_followed(schema):
    validator = admit(schema)
    assert validator.is_valid("text")
    assert not validator.is_valid(7)


# --- multiplying ----------------------------------------------------------------------------------


def chain(length, link):
    """`$defs` in which each schema leads to the next one by `link`."""
    defs = {f"d{n}": link({"$ref": f"#/$defs/d{n + 1}"}) for n in range(length)}
    return {"$ref": "#/$defs/d0", "$defs": defs | {f"d{length}": {"type": "integer"}}}


FANS = [
    lambda ref: {"allOf": [ref, ref]},
    lambda ref: {"anyOf": [ref, ref, ref]},
    lambda ref: {"oneOf": [ref, {"not": ref}]},
    lambda ref: {"if": ref, "then": ref, "else": ref},
    lambda ref: {"dependentSchemas": {"a": ref, "b": ref}},
    # One level down each time: no shorter for that.
    lambda ref: {"properties": {"a": {"allOf": [ref, ref]}}},
    lambda ref: {"items": {"anyOf": [ref, ref]}},
    lambda ref: {"properties": {"a": ref}, "patternProperties": {"^a": ref}},
    lambda ref: {"patternProperties": {"^a": ref, "a$": ref}},
    lambda ref: {
        "properties": {"a": ref},
        "additionalProperties": ref,
        "unevaluatedProperties": ref,
    },
    lambda ref: {"allOf": [{"properties": {"a": ref}}, {"properties": {"a": ref}}]},
    lambda ref: {"prefixItems": [ref], "contains": ref},
]


@pytest.mark.parametrize("fan", FANS)
def test_a_chain_that_branches_at_each_step_is_refused(fan):
    started = time.monotonic()
    assert "multiply" in refuse(chain(40, fan)).message
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("fan", FANS)
def test_a_short_chain_that_branches_is_admitted(fan):
    admit(chain(4, fan))


def test_the_fault_is_at_a_schema_from_which_the_steps_are_too_many():
    pointer = refuse(chain(40, FANS[0])).pointer
    assert pointer.startswith("/schema/$defs/d")


@pytest.mark.parametrize("length", [100, 5_000])
def test_a_chain_that_does_not_branch_is_admitted(length):
    validator = admit(chain(length, lambda ref: ref))
    assert (validator.is_valid(1), validator.is_valid("a")) == (True, False)


def test_siblings_do_not_multiply():
    """Each property has a value of its own: a wide schema is no costly one."""
    wide = {f"p{n}": {"$ref": "#/$defs/d0"} for n in range(2_000)}
    admit({"properties": wide, "$defs": chain(9, FANS[0])["$defs"]})


def test_a_union_of_many_is_admitted_up_to_a_limit():
    admit({"oneOf": [{"const": n} for n in range(5_000)]})
    with pytest.raises(InvalidSchemaError):
        admit({"oneOf": [{"const": n} for n in range(10_001)]})


@pytest.mark.parametrize("fan", FANS)
def test_recursion_that_branches_is_judged_in_a_moment(fan):
    """Valid or not is soon said: what a reference that leads back gave is remembered."""
    schema = {"$defs": {"t": fan({"$ref": "#/$defs/t"}) | {"type": ["object", "array", "string"]}}}
    try:
        validator = admit(schema | {"properties": {"a": {"$ref": "#/$defs/t"}}})
    except InvalidSchemaError:
        return  # on the same value
    payload, array = "leaf", "leaf"
    for _ in range(60):
        payload, array = {"a": payload}, [array]
    started = time.monotonic()
    for value in (payload, array, {"a": array}):
        validator.is_valid(value)
    assert time.monotonic() - started < 1
