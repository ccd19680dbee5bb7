"""Shapes take every payload that their contract takes, whatever the contract is."""

from __future__ import annotations

import json
from functools import singledispatch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.consumers.plain import simplify
from actions.consumers.reading import read_shapes
from actions.consumers.shapes import (
    NEVER,
    Both,
    Either,
    Kind,
    Listed,
    Literals,
    Named,
    Plain,
    Record,
    Row,
)
from actions.consumers.typescript import write_typescript
from actions.contracts import InvalidSchemaError, admit
from config import validation
from tests.actions.consumers.hostile import STRUCTURES
from tests.actions.test_random_schemas import ANYTHING, MEANT, VALUES
from tests.end_to_end import github

KINDS = {
    Kind.STRING: lambda value: isinstance(value, str),
    Kind.NUMBER: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    Kind.INTEGER: lambda value: isinstance(value, int | float) and value == value // 1,
    Kind.BOOLEAN: lambda value: isinstance(value, bool),
    Kind.NULL: lambda value: value is None,
    Kind.UNKNOWN: lambda value: True,
    Kind.NEVER: lambda value: False,
}


@singledispatch
def takes(shape, value, shapes):
    """Whether a value looks like that: what the shapes mean, said once more."""
    raise TypeError(shape)


@takes.register
def _(shape: Plain, value, shapes):
    return KINDS[shape.kind](value)


@takes.register
def _(shape: Literals, value, shapes):
    # In JSON `1` and `1.0` are one number, and no boolean is any.
    return any(
        isinstance(known, bool) is isinstance(value, bool) and known == value
        for known in map(json.loads, shape.values)
    )


@takes.register
def _(shape: Listed, value, shapes):
    return isinstance(value, list) and all(takes(shape.items, item, shapes) for item in value)


@takes.register
def _(shape: Row, value, shapes):
    if not isinstance(value, list) or len(value) < shape.least:
        return False
    rest = NEVER if shape.rest is None else shape.rest
    wanted = [*shape.first, *[rest] * (len(value) - len(shape.first))]
    return all(takes(one, item, shapes) for one, item in zip(wanted, value, strict=False))


@takes.register
def _(shape: Record, value, shapes):
    if not isinstance(value, dict):
        return False
    named = {field.name: field.shape for field in shape.fields}
    rest = NEVER if shape.rest is None else shape.rest
    return all(field.name in value for field in shape.fields if field.required) and all(
        takes(named.get(name, rest), inner, shapes) for name, inner in value.items()
    )


@takes.register
def _(shape: Either, value, shapes):
    return any(takes(part, value, shapes) for part in shape.parts)


@takes.register
def _(shape: Both, value, shapes):
    return all(takes(part, value, shapes) for part in shape.parts)


@takes.register
def _(shape: Named, value, shapes):
    return takes(shapes[shape.name], value, shapes)


def check(schema, payloads):
    """Each of the valid payloads by the shapes, and by what Python's generator reads of them."""
    definitions = read_shapes(schema, "payload")
    shapes = {one.name: one.shape for one in definitions}
    plain = validation.compile_schema({"$ref": "#/$defs/Payload", **simplify(definitions)})
    assert write_typescript(definitions, [])
    for payload in payloads:
        assert takes(shapes["Payload"], payload, shapes)
        assert plain.is_valid(payload)


@settings(max_examples=300)
@given(MEANT, st.lists(VALUES, min_size=3, max_size=8))
def test_of_contracts_that_mean_something(schema, payloads):
    try:
        validator = admit(schema)
    except InvalidSchemaError:
        return
    check(schema, filter(validator.is_valid, payloads))


@settings(max_examples=200)
@given(ANYTHING, st.lists(VALUES, min_size=1, max_size=4))
def test_of_whatever_is_admitted(schema, payloads):
    try:
        validator = admit(schema)
    except InvalidSchemaError:
        return
    check(schema, filter(validator.is_valid, payloads))


@pytest.mark.parametrize("name", STRUCTURES)
def test_of_hostile_ones(name):
    schema, payloads = STRUCTURES[name]
    validator = admit(schema)

    assert [payload for payload in payloads if not validator.is_valid(payload)] == []
    check(schema, payloads)


def test_of_githubs_webhooks():
    for event, schema in github.read_schemas().items():
        check(schema, [one.payload for one in github.read_examples_of(event) if one.faults == []])
