"""What becomes of schemas: 2020-12, with all that they refer to in `$defs`."""

from __future__ import annotations

import orjson
import pytest

from actions import contracts
from bundles.openapi import conversion, convert
from tests.bundles.openapi.described import (
    JSON,
    UNLINKED,
    contract_of,
    describe,
    parameter,
    post,
    reason_of,
)


def translate(schema, version="3.0.3", **rest):
    """What a schema has become: that of a body which is no object."""
    paths = post({"type": "array", "items": schema})
    return contract_of(describe(version=version, paths=paths, **rest))["properties"]["body"][
        "items"
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        # As 3.0.3 has it: it says something of a type in the same schema, and of nothing else.
        ({"nullable": True, "enum": ["a"]}, {"enum": ["a"]}),
        ({"type": "string", "nullable": False}, {"type": "string"}),
        ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        ({"maximum": 1, "exclusiveMaximum": False}, {"maximum": 1}),
        ({"exclusiveMaximum": True}, {}),
        ({"type": "file"}, {"type": "string"}),
        ({"type": "string", "format": "int32"}, {"type": "string", "format": "int32"}),
        ({"example": 0}, {"examples": [0]}),
        ({"discriminator": {"propertyName": "a"}, "xml": {}, "externalDocs": {}, "x-a": 1}, {}),
        # What judges nothing goes where it is not what it has to be.
        ({"description": 5, "title": None, "examples": {}, "deprecated": "yes"}, {}),
        (
            {"items": [{}, True], "additionalItems": False},
            {"prefixItems": [{}, True], "items": False},
        ),
        ({"properties": {"description": {"x-a": 1}}}, {"properties": {"description": {}}}),
        ({"not": {"xml": {}}, "anyOf": [{"xml": {}}]}, {"not": {}, "anyOf": [{}]}),
    ],
)
def test_schemas_of_3_0_become_those_of_2020_12(old, new):
    assert translate(old) == new


def test_what_only_answers_have_is_required_of_nobody():
    schema = {
        "required": ["id", "name", "at"],
        "properties": {
            "id": {"readOnly": True, "type": "integer"},
            "name": {"type": "string"},
            "at": {"$ref": "#/components/schemas/At"},
        },
    }
    components = {"schemas": {"At": {"type": "string", "readOnly": True}}}
    assert translate(schema, components=components)["required"] == ["name"]
    # In 3.1 `readOnly` is a word of JSON Schema, which lets it be required.
    assert translate(schema, "3.1.0", components=components)["required"] == ["id", "name", "at"]


def test_what_stands_beside_a_reference_counts_since_3_1():
    schema = {"$ref": "#/components/schemas/A", "maxLength": 2, "description": "Short."}
    components = {"schemas": {"A": {"type": "string"}}}
    assert translate(schema, components=components) == {"$ref": "#/$defs/A"}
    assert translate(schema, "3.1.0", components=components) == {
        "$ref": "#/$defs/A",
        "maxLength": 2,
        "description": "Short.",
    }


def test_schemas_of_3_1_are_kept():
    schema = {
        "type": ["string", "null"],
        "exclusiveMinimum": 1,
        "const": "a",
        "if": {"minLength": 1},
        "then": True,
        "dependentSchemas": {"a": False},
        "patternProperties": {"^a": {"examples": ["b"]}},
        "unevaluatedProperties": False,
        "contentMediaType": "image/png",
    }
    # `nullable` is no word of it any more.
    assert translate(schema | {"nullable": True}, "3.1.0") == schema


@pytest.mark.parametrize(
    "named",
    [
        "https://json-schema.org/draft/2020-12/schema",
        "https://spec.openapis.org/oas/3.1/dialect/base",
        "https://spec.openapis.org/oas/3.2/dialect/2025-09-17",
    ],
)
def test_the_dialect_of_openapi_is_2020_12(named):
    assert translate({"$schema": named, "type": "null"}, "3.1.0") == {"type": "null"}
    assert translate({"type": "null"}, "3.1.0", jsonSchemaDialect=named) == {"type": "null"}


def test_a_schema_of_draft_7_is_read_as_one():
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "dependencies": {"a": ["b"], "c": {"required": ["d"]}},
        "properties": {"e": {"$ref": "#/components/schemas/A", "type": "null"}},
    }
    assert translate(schema, "3.1.0", components={"schemas": {"A": {}}}) == {
        "dependentRequired": {"a": ["b"]},
        "dependentSchemas": {"c": {"required": ["d"]}},
        "properties": {"e": {"$ref": "#/$defs/A"}},
    }


def test_another_dialect_is_told():
    said = "Its schemas are of a dialect that is not known: urn:mine"
    assert reason_of(describe(version="3.1.0", paths=post({"$schema": "urn:mine"})))[0] == said
    document = describe(version="3.1.0", paths=post({}), jsonSchemaDialect="urn:mine")
    with pytest.raises(conversion.UnusableError, match=said):
        convert(document)


@pytest.mark.parametrize("keyword", ["$dynamicRef", "$recursiveRef"])
def test_a_reference_that_depends_on_who_follows_it_is_told(keyword):
    said, at = reason_of(describe(version="3.1.0", paths=post({"not": {keyword: "#a"}})))
    assert said == f"What its `{keyword}` means depends on who refers to it."
    assert at == f"/paths/~1pets/post/requestBody/content/application~1json/schema/not/{keyword}"


# --- references -----------------------------------------------------------------------------------


def test_what_is_reachable_is_bundled_and_nothing_else():
    components = {
        "schemas": {
            "Pet": {
                "type": "object",
                "properties": {"owner": {"$ref": "#/components/schemas/Man"}},
            },
            "Man": {"type": "string"},
            "Unused": {"type": "null"},
        }
    }
    body = {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}
    assert contract_of(describe(paths=post(body), components=components)) == {
        "type": "object",
        "properties": {"body": {"type": "array", "items": {"$ref": "#/$defs/Pet"}}},
        "required": ["body"],
        "$defs": {
            "Man": {"type": "string"},
            "Pet": {"type": "object", "properties": {"owner": {"$ref": "#/$defs/Man"}}},
        },
    }


def test_recursion_stays_a_reference():
    node = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}}
    body = {"$ref": "#/components/schemas/Node"}
    contract = contract_of(describe(paths=post(body), components={"schemas": {"Node": node}}))
    assert contract == {
        "type": "object",
        "properties": {"next": {"$ref": "#/$defs/Node"}},
        "$defs": {
            "Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}},
        },
    }
    assert not contracts.admit(contract).is_valid({"next": {"next": 1}})


@pytest.mark.parametrize(
    ("reference", "named"),
    [
        ("#/components/schemas/Caf%C3%A9%20~1%22~0", "#/$defs/Caf%C3%A9%20~01%22~00"),
        ("#/components/schemas/A/properties/b", "#/$defs/components~1schemas~1A~1properties~1b"),
        (
            "#/paths/~1else~1%7Bid%7D/get/parameters/0/schema",
            "#/$defs/paths~1~01else~01%7Bid%7D~1get~1parameters~10~1schema",
        ),
        ("#/x-mine/~0", "#/$defs/x-mine~1~00"),
    ],
)
def test_references_lead_anywhere_in_the_document(reference, named):
    text = {"type": "string", "minLength": 3}
    components = {"schemas": {'Café /"~': text, "A": {"properties": {"b": text}}}}
    paths = post({"type": "array", "items": {"$ref": reference}})
    paths["/else/{id}"] = {"get": {"parameters": [parameter("id", "path", text)]}}
    document = describe(paths=paths, components=components) | {"x-mine": {"~": text}}
    contract = convert(document, UNLINKED).document["actions"][0]["schema"]
    assert contract["properties"]["body"]["items"] == {"$ref": named}
    assert list(contract["$defs"].values()) == [text]
    judge = contracts.admit(contract)
    assert judge.is_valid({"body": ["abc"]})
    assert not judge.is_valid({"body": ["ab"]})


def test_names_depend_on_nothing_but_the_place():
    components = {"schemas": {"A": {"type": "string"}, "a": {"type": "null"}}}
    body = {"type": "array", "items": {"$ref": "#/components/schemas/A"}}
    alone = contract_of(describe(paths=post(body), components=components))
    more = {"schemas": {"AA": {}, "components.schemas.A": {}} | components["schemas"]}
    assert contract_of(describe(paths=post(body), components=more)) == alone


def test_parameters_bodies_and_paths_may_be_references():
    components = {
        "parameters": {"Id": parameter("id", "path")},
        "requestBodies": {
            "Pet": {"required": True, "content": {JSON: {"schema": {"required": ["a"]}}}}
        },
        "pathItems": {
            "Pets": {
                "parameters": [{"$ref": "#/components/parameters/Id"}],
                "post": {"requestBody": {"$ref": "#/components/requestBodies/Pet"}},
            }
        },
    }
    paths = {"/pets/{id}": {"$ref": "#/components/pathItems/Pets"}}
    contract = contract_of(describe(version="3.1.0", paths=paths, components=components))
    assert contract["required"] == ["id", "body"]


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        (
            "pets.yaml#/Pet",
            "It refers to another document, pets.yaml#/Pet: nothing is fetched.",
        ),
        (
            "https://e.example/a#/b",
            "It refers to another document, https://e.example/a#/b: nothing is fetched.",
        ),
        ("#/components/schemas/No", "Its `$ref` leads to nothing: #/components/schemas/No"),
        ("#no", "Its `$ref` leads to nothing: #no"),
        ("#/paths/~1pets/post/parameters/3", "Its `$ref` leads to nothing: "),
    ],
)
def test_a_reference_that_leads_elsewhere_is_told(reference, said):
    found, at = reason_of(describe(paths=post({"items": {"$ref": reference}})))
    assert found.startswith(said)
    assert at.endswith("/schema/items/$ref")


def test_all_that_need_a_schema_with_a_fault_say_so():
    components = {"schemas": {"A": {"$ref": "#/components/schemas/No"}}}
    paths = post({"$ref": "#/components/schemas/A"})
    paths["/dogs"] = paths["/pets"]
    left_out = convert(describe(paths=paths, components=components), UNLINKED).left_out
    assert [one.pointer for one in left_out] == ["/components/schemas/A/$ref"] * 2


def test_schemas_that_only_lead_to_each_other_are_told():
    ref = "#/components/schemas/"
    schemas = {"A": {"$ref": ref + "B"}, "B": {"$ref": ref + "A"}}
    document = describe(paths=post({"$ref": ref + "A"}), components={"schemas": schemas})
    said, _ = reason_of(document)
    assert "leads back to itself" in said


@pytest.mark.parametrize("kind", ["parameters", "requestBodies", "pathItems"])
def test_anything_else_that_leads_back_to_itself_is_told(kind):
    ref = {"$ref": f"#/components/{kind}/A"}
    paths = {
        "parameters": {"/a": {"post": {"parameters": [ref]}}},
        "requestBodies": {"/a": {"post": {"requestBody": ref}}},
        "pathItems": {"/a": ref},
    }[kind]
    document = describe(version="3.1.0", paths=paths, components={kind: {"A": ref}})
    assert reason_of(document) == ("A `$ref` leads back to itself.", f"/components/{kind}/A")


def test_schemas_with_an_id_or_an_anchor_are_found_by_it():
    components = {
        "schemas": {
            "Pet": {
                "$id": "https://e.example/pet",
                "type": "object",
                "properties": {"a": {"$ref": "#/$defs/a"}, "b": {"$ref": "#b"}},
                "$defs": {"a": {"type": "string"}, "b": {"$anchor": "b", "type": "null"}},
            },
        }
    }
    body = {"type": "array", "items": {"$ref": "https://e.example/pet"}}
    document = describe(version="3.1.0", paths=post(body), components=components)
    contract = contract_of(document)
    at = "components~1schemas~1Pet~1$defs~1"
    assert contract["$defs"] == {
        "Pet": {
            "type": "object",
            "properties": {
                "a": {"$ref": f"#/$defs/{at.replace('$', '%24')}a"},
                "b": {"$ref": f"#/$defs/{at.replace('$', '%24')}b"},
            },
        },
        "components/schemas/Pet/$defs/a": {"type": "string"},
        "components/schemas/Pet/$defs/b": {"type": "null"},
    }
    assert not contracts.admit(contract).is_valid({"body": [{"b": 1}]})


def test_a_document_of_3_2_knows_its_own_address():
    components = {"schemas": {"A": {"type": "null"}}}
    body = {"type": "array", "items": {"$ref": "https://e.example/api#/components/schemas/A"}}
    document = describe(version="3.2.0", paths=post(body), components=components)
    document["$self"] = "https://e.example/api"
    assert contract_of(document)["$defs"] == components["schemas"]


# --- limits ---------------------------------------------------------------------------------------


def test_a_contract_that_is_too_large_goes_without_its_annotations():
    body = {"type": "object", "properties": {"a": {"type": "string", "description": "a" * 2**20}}}
    components = {"schemas": {"A": {"type": "string", "title": "a" * 2**20}}}
    assert contract_of(describe(paths=post(body)))["properties"] == {"a": {"type": "string"}}
    body = {"type": "array", "items": {"$ref": "#/components/schemas/A"}}
    contract = contract_of(describe(paths=post(body), components=components))
    assert contract["$defs"] == {"A": {"type": "string"}}


def test_one_that_is_too_large_all_the_same_is_told():
    body = {"enum": ["a" * 2**20]}
    assert reason_of(describe(paths=post(body)))[0] == (
        "Its contract is larger than an action's definition may be."
    )


def test_all_contracts_together_are_bounded(monkeypatch):
    monkeypatch.setattr(conversion, "MAX_BYTES", 1_000)
    with pytest.raises(conversion.UnusableError, match="Import it in parts"):
        convert(describe(paths=post({"const": "a" * 1_000})), UNLINKED)


def test_a_schema_that_no_payload_can_be_judged_by_is_told():
    said, at = reason_of(describe(paths=post({"type": "array", "pattern": "("})))
    assert said.startswith("Its contract is refused, at /schema/properties/body/pattern: ")
    assert at == "/paths/~1pets/post"


@pytest.mark.parametrize("body", [{"allOf": {}}, {"properties": []}, {"items": "a"}])
def test_a_keyword_without_schemas_is_told(body):
    said, _ = reason_of(describe(paths=post(body)))
    assert said.startswith(("`allOf` has no", "`properties` has no", "A schema is missing"))


def test_translations_are_shared_and_never_changed():
    components = {"schemas": {"A": {"type": "object", "required": ["a"], "title": "A"}}}
    paths = post({"$ref": "#/components/schemas/A"}, parameters=[parameter("b", required=True)])
    paths["/dogs"] = {"post": paths["/pets"]["post"] | {"operationId": "dogs"}}
    document = describe(paths=paths, components=components)
    before = orjson.dumps(document)
    first, second = convert(document, UNLINKED).document["actions"]
    assert first["schema"] == second["schema"]
    assert orjson.dumps(document) == before


def test_what_is_no_uri_leads_nowhere():
    named = {"A": {"$id": "http://[x"}, "B": {"$id": "https://a.example/b"}}
    for reference in ("http://[y#/a", "https://[/"):
        document = describe(
            version="3.1.0",
            paths=post({"properties": {"a": {"$ref": reference}}}),
            components={"schemas": named},
            **{"$self": "http://[z"},
        )
        assert reason_of(document)[0].startswith(f"It refers to another document, {reference}:")
