"""Contracts in the builder: what it shows, what it makes, and that it loses nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.contracts import InvalidSchemaError, admit
from console import differences
from console.ways import building
from tests.actions.test_random_schemas import ANYTHING, SCHEMAS, VALUES

ORDER = {
    "type": "object",
    "title": "An order",
    "description": "What somebody wants.",
    "required": ["note", "id"],
    "properties": {
        "id": {"type": "integer", "minimum": 1, "description": "Its number.", "examples": [7]},
        "note": {"type": "string", "enum": ["a", "b"], "maxLength": 9},
        "at": {"type": "string", "format": "date-time"},
        "lines": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["sku"],
                "properties": {"sku": {"type": "string", "pattern": "^[a-z]+$"}},
                "additionalProperties": False,
            },
        },
        "rest": {"oneOf": [{"type": "string"}, {"type": "null"}]},
        "anything": True,
        "paid": {"type": "boolean"},
    },
    "additionalProperties": False,
    "$defs": {"x": {"type": "string"}},
}
# Objects with properties, some of which the builder knows all about.
OBJECTS = st.fixed_dictionaries(
    {"type": st.just("object"), "properties": st.dictionaries(st.text("ab/", max_size=2), SCHEMAS)},
    optional={
        "required": st.lists(st.sampled_from(["a", "b", "c"]), unique=True),
        "additionalProperties": st.booleans() | SCHEMAS,
        "description": st.text(max_size=3),
        "title": VALUES,
    },
)


def test_a_contract_is_shown_property_by_property():
    data = building.show(ORDER).data

    assert data["description"] == "What somebody wants."
    assert data["extra"] == "refused"
    first, second, *_ = data["properties"]
    assert (first["name"], first["required"], first["description"]) == ("id", True, "Its number.")
    assert first["kind"]["type"] == "integer"
    assert first["kind"]["minimum"] == 1
    assert '"examples"' in first["kind"]["more"]
    assert second["kind"]["enum"] == ["a", "b"]
    assert '"$defs"' in data["more"]


def test_what_was_shown_and_not_touched_is_the_same_contract():
    read, reading = building.read_form(building.show(ORDER).data)

    assert read == ORDER
    assert read["required"] == ["note", "id"]
    assert reading.faults == []


def test_a_property_that_is_added_is_in_the_contract():
    data = building.show(building.NEW).data
    kind = {"type": "string", "enum": ["red", "", "blue"], "format": "", "more": ""}
    data["properties"].append(
        {"name": "colour", "required": True, "description": "Of it.", "kind": kind}
    )

    read, reading = building.read_form(data)

    assert read == {
        "type": "object",
        "properties": {
            "colour": {"type": "string", "description": "Of it.", "enum": ["red", "blue"]}
        },
        "required": ["colour"],
        "additionalProperties": False,
    }
    assert reading.faults == []


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (True, "`type` is `object`"),
        ({"type": "string"}, "`type` is `object`"),
        ({"type": "object", "properties": []}, "/properties"),
        ({"type": "object", "properties": {"": {}}}, "has no name"),
        ({"type": "object", "properties": {}, "required": ["x"]}, "/required"),
        (
            {"type": "object", "properties": {str(n): {} for n in range(201)}},
            "at most 200 properties",
        ),
    ],
)
def test_it_is_said_why_a_contract_is_edited_as_json_only(schema, told):
    shown = building.show(schema)

    assert shown.data is None
    assert told in shown.why


@given(schema=ANYTHING | OBJECTS)
def test_what_the_builder_shows_it_reads_back_without_losing_a_keyword(schema):
    shown = building.show(schema)

    if shown.why:
        assert shown.data is None
        return
    read, reading = building.read_form(shown.data)
    assert reading.faults == []
    assert differences.compare({"properties": {}} | schema, read).items == ()


@given(schema=OBJECTS)
def test_objects_with_well_named_properties_are_shown(schema):
    try:
        admit(schema)
    except InvalidSchemaError:
        return
    is_odd = "" in schema["properties"] or set(schema.get("required", ())) - set(
        schema["properties"]
    )

    assert bool(building.show(schema).why) == bool(is_odd)


@given(data=VALUES | st.fixed_dictionaries({"properties": st.lists(VALUES), "more": VALUES}))
def test_any_data_are_read_as_something(data):
    read, _ = building.read_form(data)

    assert read["type"] == "object"


@pytest.mark.parametrize(
    ("change", "at", "told"),
    [
        ({"properties": [{"name": "", "kind": {}}]}, "properties§0§name", "no name"),
        (
            {"properties": [{"name": "a"}, {"name": "a"}]},
            "properties§1§name",
            "already",
        ),
        (
            {"properties": [{"name": "a", "kind": {"type": "other", "json": "{"}}]},
            "properties§0§kind§json",
            "Not valid JSON",
        ),
        # What was typed was rounded by the browser, who knows from what.
        (
            {"properties": [{"name": "a", "kind": {"type": "integer", "minimum": 2**53}}]},
            "properties§0§kind§minimum",
            "written as JSON",
        ),
        (
            {"properties": [{"name": "a", "kind": {"type": "number", "enum": [1, -(2.0**53)]}}]},
            "properties§0§kind§enum",
            "written as JSON",
        ),
        ({"more": "[]"}, "more", "JSON object"),
        ({"more": '{"type": "string"}'}, "more", "said by an input already"),
    ],
)
def test_what_cannot_be_read_is_told_at_its_input(change, at, told):
    data = {"properties": []} | change

    _, reading = building.read_form(data)

    (fault,) = reading.faults
    assert told in fault.message
    assert building.locate(fault.pointer, data) == at


@pytest.mark.parametrize(
    ("pointer", "at"),
    [
        ("/properties/id/minimum", "properties§0§kind§minimum"),
        ("/properties/id/examples", "properties§0§kind§more"),
        ("/properties/note/enum/1", "properties§1§kind§enum§1"),
        ("/properties/note/description", "properties§1§description"),
        (
            "/properties/lines/items/properties/sku/pattern",
            "properties§3§kind§items§properties§0§kind§pattern",
        ),
        ("/properties/rest/oneOf/0", "properties§4§kind§json"),
        ("/$defs/x", "more"),
        ("", "more"),
    ],
)
def test_a_pointer_into_the_contract_leads_to_an_input(pointer, at):
    assert building.locate(pointer, building.show(ORDER).data) == at
