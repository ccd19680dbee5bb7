"""What the contract of an operation is: its parameters and its body as one object."""

from __future__ import annotations

import pytest

from actions import contracts
from tests.bundles.openapi.described import (
    JSON,
    contract_of,
    describe,
    parameter,
    post,
    reason_of,
)

PET = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
}
PET_ID = parameter("petId", "path")


def judge(document, value):
    """Whether the contract of the document's one operation admits the value."""
    return contracts.admit(contract_of(document)).is_valid(value)


def test_parameters_are_properties_by_their_names():
    paths = post(
        parameters=[
            parameter("petId", "path"),
            parameter("limit", "query", {"type": "integer"}, description="How many.", example=3),
            parameter("X-Trace", "header", required=True),
            parameter("session", "cookie", deprecated=True),
        ]
    )
    assert contract_of(describe(paths=paths)) == {
        "type": "object",
        "properties": {
            "petId": {"type": "string", "$comment": "in path"},
            "limit": {
                "type": "integer",
                "description": "How many.",
                "examples": [3],
                "$comment": "in query",
            },
            "X-Trace": {"type": "string", "$comment": "in header"},
            "session": {"type": "string", "deprecated": True, "$comment": "in cookie"},
        },
        "required": ["petId", "X-Trace"],
    }


def test_an_objects_properties_stand_beside_the_parameters():
    assert contract_of(describe(paths=post(PET, parameters=[PET_ID]))) == {
        "type": "object",
        "properties": {
            "petId": {"type": "string", "$comment": "in path"},
            "name": {"type": "string"},
            "age": {"type": "integer"},
        },
        "required": ["petId", "name"],
    }


@pytest.mark.parametrize(
    ("body", "valid", "invalid"),
    [
        # No object.
        ({"type": "array"}, {"petId": "7", "body": []}, {"petId": "7", "body": {}}),
        ({"type": "object", "nullable": True}, {"petId": "7", "body": None}, {"petId": "7"}),
        ({}, {"petId": "7", "body": 1}, {"petId": "7"}),
        # One of its properties is called like the parameter.
        (
            {"type": "object", "properties": {"petId": {"type": "integer"}}},
            {"petId": "7", "body": {"petId": 7}},
            {"petId": 7},
        ),
        # A map, all of whose names are data.
        (
            {"type": "object", "additionalProperties": {"type": "integer"}},
            {"petId": "7", "body": {"petId": 7}},
            {"petId": "7", "body": {"a": "b"}},
        ),
        # What counts or names all properties would see the parameter.
        ({"type": "object", "minProperties": 1}, {"petId": "7", "body": {"a": 1}}, {"petId": "7"}),
        (
            {"allOf": [PET | {"additionalProperties": False}]},
            {"petId": "7", "body": {"name": "a"}},
            {"petId": "7", "name": "a"},
        ),
    ],
)
def test_another_body_is_one_property(body, valid, invalid):
    document = describe(paths=post(body, parameters=[PET_ID]))
    assert contract_of(document)["properties"].keys() == {"petId", "body"}
    assert judge(document, valid)
    assert not judge(document, invalid)


@pytest.mark.parametrize(
    ("body", "valid", "invalid"),
    [
        # The parameter is named beside the others.
        (
            PET | {"additionalProperties": False},
            {"petId": "7", "name": "a"},
            {"petId": "7", "name": "a", "x": 1},
        ),
        # An object that has nothing in it.
        ({"type": "object", "additionalProperties": False}, {"petId": "7"}, {"petId": "7", "x": 1}),
        # Parts that look at nothing but what they name.
        (
            {"allOf": [PET, {"anyOf": [{"required": ["age"]}, {"required": ["size"]}]}]},
            {"petId": "7", "name": "a", "age": 1},
            {"petId": "7", "name": "a"},
        ),
    ],
)
def test_what_looks_at_its_own_properties_only_stays_beside(body, valid, invalid):
    document = describe(paths=post(body, parameters=[PET_ID]))
    assert "body" not in contract_of(document)["properties"]
    assert judge(document, valid)
    assert not judge(document, invalid)


def test_without_parameters_any_object_is_the_contract():
    document = describe(paths=post({"type": "object", "minProperties": 1}))
    assert contract_of(document) == {"type": "object", "properties": {}, "minProperties": 1}


def test_a_body_that_may_be_missing_is_there_in_full_or_not_at_all():
    document = describe(paths=post(PET, parameters=[PET_ID], required=False))
    assert judge(document, {"petId": "7"})
    assert judge(document, {"petId": "7", "name": "a"})
    assert not judge(document, {"petId": "7", "age": 1})
    assert not judge(document, {"name": "a"})


def test_one_that_is_alone_and_may_be_missing_leaves_nothing():
    document = describe(paths=post(PET, required=False))
    assert judge(document, {})
    assert not judge(document, {"age": 1})


def test_a_body_that_is_one_property_need_not_be_there_either():
    document = describe(paths=post({"type": "array"}, parameters=[PET_ID], required=False))
    assert contract_of(document)["required"] == ["petId"]


def test_the_name_of_a_parameter_is_kept_by_the_one_in_the_path():
    listed = [parameter("id", "header"), parameter("id", "query"), parameter("id", "path")]
    properties = contract_of(describe(paths=post(parameters=listed)))["properties"]
    assert {name: one["$comment"] for name, one in properties.items()} == {
        "id": "in path",
        "query_id": "in query, where it is id",
        "header_id": "in header, where it is id",
    }


def test_a_body_makes_way_for_a_parameter_of_its_name():
    document = describe(paths=post({"type": "array"}, parameters=[parameter("body")]))
    assert contract_of(document)["properties"].keys() == {"body", "request_body"}


@pytest.mark.parametrize(
    ("listed", "body", "said"),
    [
        (
            [parameter("id"), parameter("query_id", "path"), parameter("id", "path")],
            None,
            "Two of its parameters would be 'query_id'.",
        ),
        ([parameter("id"), parameter("id")], None, "It has two parameters 'id' in query."),
        (
            [parameter("body"), parameter("request_body")],
            {"type": "array"},
            "Its parameters are called body and request_body: none is left for its body.",
        ),
        ([{"in": "query"}], None, "A parameter has no name."),
        ([{"name": "a", "in": "query"}], None, "The parameter 'a' has no schema."),
        ([parameter("a", "formData")], None, "The parameter 'a' is in no place that is known."),
        ([parameter("a", schema=[])], None, "A schema is missing, or is no object."),
    ],
)
def test_what_cannot_be_told_apart_is_left_out(listed, body, said):
    assert reason_of(describe(paths=post(body, parameters=listed)))[0] == said


def test_an_operations_parameter_stands_for_that_of_its_path():
    paths = post(parameters=[parameter("a", schema={"type": "integer"})])
    paths["/pets"]["parameters"] = [parameter("a"), parameter("b")]
    properties = contract_of(describe(paths=paths))["properties"]
    assert {name: one["type"] for name, one in properties.items()} == {
        "a": "integer",
        "b": "string",
    }


def test_headers_that_belong_to_others_are_void():
    listed = [parameter(name, "header") for name in ("Accept", "content-type", "Authorization")]
    assert contract_of(describe(paths=post(parameters=listed)))["properties"] == {}


@pytest.mark.parametrize("described", [{"schema": {"type": "integer"}}, {}])
def test_a_parameter_may_have_content_instead_of_a_schema(described):
    listed = [{"name": "a", "in": "query", "content": {JSON: described}}]
    expected = described.get("schema", {}) | {"$comment": "in query"}
    assert contract_of(describe(paths=post(parameters=listed)))["properties"]["a"] == expected


@pytest.mark.parametrize(
    "media",
    [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/merge-patch+json",
        "*/*",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ],
)
def test_json_and_forms_are_taken(media):
    assert contract_of(describe(paths=post(PET, media=media)))["required"] == ["name"]


def test_text_is_the_body():
    document = describe(paths=post({"type": "string"}, media="text/plain"))
    assert contract_of(document)["properties"] == {"body": {"type": "string"}}


def test_of_several_media_types_json_comes_first():
    paths = post({"type": "object", "title": "form"}, media="multipart/form-data")
    content = paths["/pets"]["post"]["requestBody"]["content"]
    content |= {"application/xml": {}, "application/hal+json": {"schema": PET}}
    assert contract_of(describe(paths=paths))["required"] == ["name"]


def test_bytes_are_no_payload():
    document = describe(paths=post({"type": "string"}, media="application/octet-stream"))
    assert reason_of(document) == (
        "Its body is application/octet-stream: a payload is JSON, a form or text.",
        "/paths/~1pets/post/requestBody/content",
    )


def test_a_stream_is_no_payload():
    paths = post({}, media=JSON)
    paths["/pets"]["post"]["requestBody"]["content"][JSON] = {"itemSchema": {}}
    said, _ = reason_of(describe(version="3.2.0", paths=paths))
    assert said == "Its body is a stream of values, no payload."


def test_a_media_type_without_a_schema_is_anything():
    paths = post({}, media=JSON)
    paths["/pets"]["post"]["requestBody"]["content"][JSON] = {}
    assert contract_of(describe(paths=paths))["properties"] == {"body": True}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "Its request body has no `content`."),
        ([], "Its request body has no `content`."),
        ({"content": {JSON: []}}, "A media type is no object."),
    ],
)
def test_a_body_that_is_none_is_told(body, said):
    assert reason_of(describe(paths=post(requestBody=body)))[0] == said


def test_a_body_of_no_media_type_is_none():
    assert contract_of(describe(paths=post(requestBody={"content": {}})))["properties"] == {}


def test_references_that_multiply_or_are_a_long_chain_are_looked_at_once():
    def body(number, times):
        """Schemas of which each refers to the next one, so many times."""
        parts = {
            f"A{index}": {"allOf": [{"$ref": f"#/components/schemas/A{index + 1}"}] * times}
            for index in range(number)
        }
        parts[f"A{number}"] = {"properties": {"a": {}}}
        paths = post({"$ref": "#/components/schemas/A0"}, parameters=[parameter("q")])
        return describe(paths=paths, components={"schemas": parts})

    assert list(contract_of(body(50, 1))["properties"]) == ["q"]
    assert list(contract_of(body(1_000, 1))["properties"]) == ["q", "body"]
    assert "Its references multiply" in reason_of(body(40, 2))[0]
