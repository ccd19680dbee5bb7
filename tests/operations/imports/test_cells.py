"""Cells of a table as the values that a contract wants there, and where they go."""

from __future__ import annotations

import pytest

from config.errors import BadRequestError
from operations.imports.cells import NONE, make_cell
from operations.imports.columns import Wishes, lay_out
from operations.imports.shapes import Shapes

TREE = {
    "$defs": {"tree": {"type": "object", "properties": {"next": {"$ref": "#/$defs/tree"}}}},
    "$ref": "#/$defs/tree",
}


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "integer"}, "12", 12),
        ({"type": "integer"}, " -7 ", -7),
        ({"type": "integer"}, "12.0", 12),
        ({"type": "integer"}, "1e3", 1000),
        ({"type": "integer"}, "18446744073709551615", 2**64 - 1),
        # What does not fit 64 bits, leading zeros, other digits, and what is none.
        ({"type": "integer"}, "18446744073709551616", NONE),
        ({"type": "integer"}, "007", NONE),
        ({"type": "integer"}, "٣", NONE),
        ({"type": "integer"}, "1.5", NONE),
        ({"type": "integer"}, "1_000", NONE),
        ({"type": "integer"}, "twelve", NONE),
        ({"type": "number"}, "12", 12),
        ({"type": "number"}, "12.50", 12.5),
        ({"type": "number"}, "-1e-3", -0.001),
        ({"type": "number"}, "NaN", NONE),
        ({"type": "number"}, "inf", NONE),
        ({"type": "number"}, "1e999", NONE),
        # It would be rounded.
        ({"type": "number"}, "123456789012345678901234567890", NONE),
        ({"type": "boolean"}, "TRUE", True),
        ({"type": "boolean"}, "f", False),
        ({"type": "boolean"}, "1", True),
        ({"type": "boolean"}, "2", NONE),
        ({"type": ["boolean", "integer"]}, "1", 1),
        ({"type": ["boolean", "string"]}, "yes", "yes"),
        ({"type": ["boolean", "string"]}, "true", True),
        ({"type": ["integer", "null"]}, "null", None),
        # Somebody may be called so.
        ({"type": ["string", "null"]}, "null", "null"),
        ({"type": "null"}, "x", NONE),
        ({"type": "string"}, " 12 ", " 12 "),
        ({"type": ["integer", "string"]}, "12", 12),
        ({"type": ["integer", "string"]}, "A12", "A12"),
        ({"type": "array"}, "[1, 2]", [1, 2]),
        ({"type": "array"}, '{"a": 1}', NONE),
        ({"type": "array"}, "1;2", NONE),
        ({"type": "object"}, '{"a": [1]}', {"a": [1]}),
        ({"type": ["array", "string"]}, "x", "x"),
        ({"enum": ["1", 2, None]}, "1", "1"),
        ({"enum": ["1", 2, None]}, "2", 2),
        ({"enum": ["1", 2, None]}, "null", None),
        # The contract refuses it, and says why.
        ({"enum": ["a", "b"]}, "c", "c"),
        ({"const": True}, "true", True),
        ({"const": 5}, "x", NONE),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "5", 5),
        ({"oneOf": [{"const": 5}, {"type": "string"}]}, "5", 5),
        ({"allOf": [{"type": ["integer", "string"]}, {"type": "string"}]}, "5", "5"),
        # One of them says nothing.
        ({"anyOf": [{"type": "integer"}, True]}, "5", "5"),
        ({"$ref": "#/$defs/number", "$defs": {"number": {"type": "integer"}}}, "5", 5),
        ({"$ref": "#named", "$defs": {"n": {"$anchor": "named"}}}, "5", "5"),
        # By what they say of it.
        ({"minimum": 1}, "5", 5),
        ({"pattern": "^x"}, "5", "5"),
        (True, "5", "5"),
        ({}, "5", "5"),
        ({"type": "integer", "anyOf": [{"type": "string"}]}, "5", NONE),
    ],
)
def test_a_cell_is_what_its_contract_says(schema, text, value):
    found = make_cell(Shapes(schema), schema).read(text)

    assert (type(found), found) == (type(value), value)


def read(schema, header, cells, **wishes):
    """The input, the tags and the faults of a row."""
    return lay_out(header, schema, Wishes(**wishes)).read(cells)


ORDER = {
    "type": "object",
    "properties": {
        "order": {"type": "integer"},
        "a.b": {"type": "integer"},
        "customer": {
            "anyOf": [
                {"type": "object", "properties": {"city": {"type": "string"}}},
                {"properties": {"zip/code": {"type": "integer"}}},
            ]
        },
        "lines": {"type": "array", "items": {"properties": {"sku": {"type": "string"}}}},
        "point": {
            "type": "array",
            "prefixItems": [{"type": "integer"}, {"type": "string"}],
        },
        "x": {"type": "object", "patternProperties": {"^i_": {"type": "integer"}}},
        "free": {"type": "object", "additionalProperties": {"type": "number"}},
    },
}


@pytest.mark.parametrize(
    ("header", "cells", "value"),
    [
        (["order"], ["5"], {"order": 5}),
        (["order"], [""], {}),
        (["customer.city", "/customer/zip~1code"], ["Rome", "1"],
         {"customer": {"city": "Rome", "zip/code": 1}}),
        (["customer.city", "order"], ["", "1"], {"order": 1}),
        (["a.b"], ["1"], {"a.b": 1}),
        (["lines.0.sku", "lines.1.sku"], ["A", "B"], {"lines": [{"sku": "A"}, {"sku": "B"}]}),
        (["lines.0.sku", "lines.1.sku"], ["A", ""], {"lines": [{"sku": "A"}]}),
        (["lines"], ['[{"sku": "A"}]'], {"lines": [{"sku": "A"}]}),
        (["point.1", "point.0"], ["5", "5"], {"point": [5, "5"]}),
        (["x.i_1", "free.any"], ["5", "5.5"], {"x": {"i_1": 5}, "free": {"any": 5.5}}),
    ],
)  # fmt: skip
def test_columns_go_where_their_names_say(header, cells, value):
    assert read(ORDER, header, cells) == (value, {}, [])


def test_columns_go_where_they_are_mapped_and_into_tags():
    header = ["No", "Shop", "Note", "Other"]
    places = {"No": "/order", "Other": "/customer/more"}
    wishes = {"places": places, "tags": {"shop": "Shop"}, "ignored": frozenset(["Note"])}

    told = read(ORDER, header, ["5", "Rome", "!", "x"], **wishes)
    assert told == ({"order": 5, "customer": {"more": "x"}}, {"shop": "Rome"}, [])
    assert read(ORDER, header, ["5", "", "!", "x"], **wishes)[1] == {}
    # A tag may be a property as well.
    told = read(ORDER, ["order"], ["5"], tags={"of": "order"})
    assert told == ({"order": 5}, {"of": "5"}, [])


def test_a_column_may_be_all_of_the_input():
    assert read({"type": "integer"}, ["n"], ["5"], places={"n": ""}) == (5, {}, [])
    assert read({"type": "array"}, ["0", "1"], ["a", "b"]) == (["a", "b"], {}, [])


def test_what_names_no_properties_takes_all_as_text():
    for schema in (True, {}, {"type": "object"}, {"allOf": [{}]}):
        assert read(schema, ["a", "b.c"], ["1", "x"]) == ({"a": "1", "b": {"c": "x"}}, {}, [])


def test_recursive_contracts_are_followed_as_far_as_columns_go():
    assert read(TREE, ["next.next"], ["{}"]) == ({"next": {"next": {}}}, {}, [])


def test_what_no_cell_can_be_is_told_with_column_and_pointer():
    _, _, faults = read(ORDER, ["order", "lines.0.sku", "lines.1.sku"], ["x" * 99, "", "B"])

    assert [(fault.code, fault.pointer) for fault in faults] == [
        ("INVALID_CELL", "/input/order"),
        ("INVALID_COLUMN", "/input/lines/0"),
    ]
    assert faults[0].message == f"{'x' * 60 + '…'!r} in column 'order' is no integer."


@pytest.mark.parametrize(
    ("header", "wishes", "words"),
    [
        (["order", "order"], {}, "Column 2: 'order' is there twice."),
        (["order", "oder"], {}, "Column 2 ('oder'): The contract has no such property"),
        (["customer.town"], {}, "The contract has no such property"),
        (["4711", "Rome"], {}, "Column 1 ('4711'): The contract has no such property"),
        (["order", ""], {}, "Column 2 (''): It has no name."),
        (["a"], {"places": {"a": "order"}}, "'order' is no JSON Pointer"),
        (["order"], {"places": {"b": "/order"}}, "There is no column 'b'."),
        (["order"], {"tags": {"b": "b"}}, "There is no column 'b'."),
        (["order"], {"ignored": frozenset("b")}, "There is no column 'b'."),
        (["order", "a"], {"places": {"a": "/order"}}, "'order' and 'a' are for the same place."),
        (["customer", "customer.city"], {}, "'customer.city' and 'customer' are for the same"),
        (["lines.1000.sku"], {}, "An array has at most 1,000 columns."),
        ([".".join("x" * 61)], {}, "Its place is deeper than 60."),
    ],
)
def test_a_header_that_says_nothing_sure_is_refused(header, wishes, words):
    with pytest.raises(BadRequestError) as refused:
        lay_out(header, ORDER, Wishes(**wishes))

    assert any(words in fault.message for fault in refused.value.faults)
    assert {fault.code for fault in refused.value.faults} == {"INVALID_COLUMN"}


def test_ten_thousand_columns_are_laid_out_and_read():
    header = [f"c{number}" for number in range(10_000)]
    value, _, faults = read({}, header, ["x"] * 10_000)

    assert (len(value), faults) == (10_000, [])
    with pytest.raises(BadRequestError) as refused:
        lay_out(header, ORDER, Wishes())
    assert len(refused.value.faults) == 50


def test_draft_7_tuples_are_arrays():
    schema = {
        "properties": {
            "p": {
                "type": "array",
                "items": [{"type": "integer"}],
                "additionalItems": {"type": "boolean"},
            }
        }
    }
    assert read(schema, ["p.0", "p.1"], ["1", "1"]) == ({"p": [1, True]}, {}, [])
