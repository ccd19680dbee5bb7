"""Payload forms: what is drawn of a contract, and that a form never changes what it shows."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions import samples
from actions.contracts import InvalidSchemaError, admit, dialect_of
from console import differences
from console.differences import Change
from console.ways import drawing
from console.ways.drawing import UndrawableError
from tests.actions.test_random_schemas import ANYTHING, SCHEMAS, VALUES

ORDER = {
    "type": "object",
    "required": ["id", "state", "gift"],
    "properties": {
        "id": {"type": "integer", "description": "Its number."},
        "state": {"enum": ["new", 2, None]},
        "gift": {"type": "boolean"},
        "fast": {"type": "boolean"},
        "note": {"type": ["string", "null"], "maxLength": 500},
        "to": {"$ref": "#/$defs/address"},
        "lines": {
            "type": "array",
            "items": {"type": "object", "required": ["sku"], "properties": {"sku": {}}},
        },
        "size": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "integer"}]},
        "parent": {"$ref": "#"},
    },
    "$defs": {"address": {"type": "object", "properties": {"street": {"type": "string"}}}},
}
FULL = {
    "id": 7,
    "state": 2,
    "gift": True,
    "fast": False,
    "note": "Ring twice.",
    "to": {"street": "High Street"},
    "lines": [{"sku": "a"}, {"sku": {"b": 1}}],
    "size": [3, 4],
    "parent": {"id": 6},
}
# With names that nobody would choose, and many that somebody would.
PAYLOADS = st.fixed_dictionaries(
    {
        "type": st.just("object"),
        "properties": st.dictionaries(
            st.sampled_from(["a", "b", "", "0", "01", "1.0", " ", "§", "__proto__", "é"]), SCHEMAS
        ),
    },
    optional={"required": st.lists(st.sampled_from(["a", "b"]), unique=True)},
)


def test_a_payload_is_in_the_form_and_comes_out_of_it_as_it_was():
    form = drawing.draw(ORDER)

    shown = form.show(FULL)

    assert shown.why == ""
    assert form.read(shown.data) == FULL


def test_what_was_left_empty_is_absent_and_a_box_that_is_there_says_false():
    form = drawing.draw(ORDER)

    assert form.read(form.show({}).data) == {"gift": False}


def test_what_no_input_is_drawn_for_is_written_as_json():
    drawn = drawing.draw(ORDER).drawn["properties"]

    assert drawn["size"]["widget"] == "textarea"
    assert "a contract each" in drawn["size"]["helpText"]
    assert "may hold itself again" in drawn["parent"]["properties"]["parent"]["helpText"]


def test_a_box_that_holds_no_json_is_told_at_its_place():
    form = drawing.draw(ORDER)
    data = form.show(FULL).data | {"size": "[1,"}

    value, reading = form.try_read(data)

    assert "size" not in value
    assert [fault.pointer for fault in reading.faults] == ["/size"]


def test_a_number_that_a_browser_may_have_rounded_is_told_and_not_taken_for_what_was_typed():
    form = drawing.draw(ORDER)

    for number in (2**53, -(2**53), 2.0**60):
        _, reading = form.try_read(form.show(FULL).data | {"id": number})
        assert [fault.pointer for fault in reading.faults] == ["/id"], number
    for number in (2**53 - 1, -7):
        value, reading = form.try_read(form.show(FULL).data | {"id": number})
        assert (value["id"], reading.faults) == (number, [])


@pytest.mark.parametrize(
    ("payload", "at"),
    [
        ({"id": 7, "unknown": 1}, "/unknown"),
        ({"id": "seven"}, "/id"),
        ({"id": 2**60}, "/id"),
        # Others are rounded to it.
        ({"id": 2**53}, "/id"),
        ({"note": ""}, "/note"),
        ({"to": {}}, "/to"),
        ([1], "/"),
        (None, "/"),
    ],
)
def test_a_payload_that_the_form_would_change_is_not_shown_in_it(payload, at):
    shown = drawing.draw(ORDER).show(payload)

    assert shown.data is None
    assert shown.why.endswith(f"stands at {at}.")


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (True, "everything"),
        (False, "nothing"),
        ({}, "any type"),
        ({"type": "string"}, "no objects"),
        ({"type": "array", "prefixItems": [{}]}, "a contract each"),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, "several shapes"),
        ({"type": "object"}, "does not name"),
        ({"type": "object", "properties": {"__proto__": {}}}, "__proto__"),
        ({"$ref": "#"}, "may hold itself again"),
        # What was never admitted.
        ({"type": "object", "$schema": 1}, "does not name"),
        ({"type": "object", "properties": []}, "does not name"),
        ({"type": {"a": 1}, "$ref": 5}, "stands elsewhere"),
        (
            {"type": "object", "properties": {str(n): {"type": "string"} for n in range(300)}},
            "more than 200 inputs",
        ),
    ],
)
def test_it_is_said_why_there_is_no_form(schema, why):
    with pytest.raises(UndrawableError, match=why):
        drawing.draw(schema)


@pytest.mark.parametrize(
    ("pointer", "at"),
    [
        (["id"], "id"),
        (["lines", "1", "sku", "b"], "lines§1§sku"),
        (["size", "0"], "size"),
        (["unknown"], ""),
        ([], ""),
    ],
)
def test_a_pointer_into_the_payload_leads_to_an_input(pointer, at):
    assert drawing.draw(ORDER).locate(pointer) == at


@given(schema=ANYTHING | SCHEMAS | PAYLOADS, value=VALUES)
def test_any_schema_is_drawn_or_it_is_said_why_not(schema, value):
    try:
        form = drawing.draw(schema)
    except UndrawableError:
        return
    json.dumps(form.drawn)
    shown = form.show(value)
    if not shown.why:
        lost = [
            one
            for one in differences.compare(value, form.read(shown.data)).items
            if one.change is not Change.ADDED
        ]
        assert lost == []


@settings(max_examples=50)
@given(schema=PAYLOADS)
def test_what_a_contract_accepts_a_form_does_not_even_add_to(schema):
    try:
        validator = admit(schema)
        form = drawing.draw(schema)
    except (InvalidSchemaError, UndrawableError):
        return
    for payload in samples.generate(schema, dialect=dialect_of(schema), limit=5):
        shown = form.show(payload)
        if not shown.why:
            read = form.read(shown.data)
            assert validator.is_valid(read)
            assert differences.compare(payload, read).items == ()


@given(data=VALUES)
def test_any_data_are_read_as_something(data):
    form = drawing.draw(ORDER)

    form.try_read(data)
    form.try_read(dict.fromkeys(FULL, data))
