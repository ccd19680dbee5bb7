"""How the document is put together: a schema with a title becomes a component."""

from __future__ import annotations

import pytest

from config import openapi


def finish(*schemas):
    paths = {f"/{number}": schema for number, schema in enumerate(schemas)}
    return openapi.finish_document({"paths": paths}, None, None, public=True)


def test_a_titled_schema_becomes_a_component_wherever_it_stands():
    row = {"title": "Row", "type": "object"}
    page = {"title": "Page", "properties": {"items": {"items": row}}}

    document = finish(page, [row])

    assert document["paths"]["/0"] == {"$ref": "#/components/schemas/Page"}
    assert document["paths"]["/1"] == [{"$ref": "#/components/schemas/Row"}]
    assert document["components"]["schemas"] == {
        "Page": {
            "title": "Page",
            "properties": {"items": {"items": {"$ref": "#/components/schemas/Row"}}},
        },
        "Row": row,
    }


def test_a_property_that_is_called_title_is_none():
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}

    assert finish(schema)["paths"]["/0"] == schema


def test_two_different_schemas_of_one_title_are_a_mistake():
    with pytest.raises(ValueError, match="Two different schemas are titled 'Row'"):
        finish({"title": "Row", "type": "object"}, {"title": "Row", "type": "array"})
