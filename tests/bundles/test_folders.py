"""Folders of schemas: what becomes a definition, under which name, and what is left out."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import orjson
import pytest
from hypothesis import given

from actions import contracts
from bundles import folders, reading
from bundles.folders.finding import Choice
from bundles.folders.naming import Naming, TemplateError
from config.errors import DomainError

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
TEXT = {"type": "string"}
# As EventBridge's schema registry writes it.
EVENT = {
    "openapi": "3.0.0",
    "info": {"version": "1.0.0", "title": "OrderShipped"},
    "paths": {},
    "components": {
        "schemas": {
            "AWSEvent": {
                "type": "object",
                "required": ["detail-type", "detail", "source"],
                "x-amazon-events-detail-type": "OrderShipped",
                "x-amazon-events-source": "myapp.orders",
                "properties": {
                    "detail": {"$ref": "#/components/schemas/OrderShipped"},
                    "detail-type": TEXT,
                    "source": TEXT,
                    "time": {"type": "string", "format": "date-time"},
                },
            },
            "OrderShipped": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": TEXT,
                    "note": {"type": "string", "nullable": True, "enum": ["a"]},
                    "parent": {"$ref": "#/components/schemas/OrderShipped"},
                    "weight": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
                },
            },
        }
    },
}
# The schema that the specification of CloudEvents publishes, shortened to its shape.
CLOUD_EVENT = {
    "$schema": DRAFT_7,
    "description": "CloudEvents Specification JSON Schema",
    "type": "object",
    "properties": {
        "id": {"$ref": "#/definitions/iddef", "examples": ["A234-1234-1234"]},
        "source": {"$ref": "#/definitions/sourcedef"},
        "data": {"$ref": "#/definitions/datadef"},
    },
    "required": ["id", "source"],
    "definitions": {
        "iddef": {"type": "string", "minLength": 1},
        "sourcedef": {"type": "string", "format": "uri-reference", "minLength": 1},
        "datadef": {"type": ["object", "string", "number", "array", "boolean", "null"]},
    },
}


def write(folder, files):
    """The folder's path, with these values in files by their paths."""
    for path, value in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        data = value if isinstance(value, bytes) else orjson.dumps(value)
        target.write_bytes(data)
    return str(folder)


def convert(folder, template="{path}", match=None, **choice):
    sources = reading.read_folder(str(folder), plain_keys=True)
    return folders.convert(
        sources, root=str(folder), choice=Choice(**choice), naming=Naming(template, match)
    )


def schemas(made):
    return {one["variant"]: one["schema"] for one in made.document["actions"]}


def reasons(made):
    return [one.reason for one in made.left_out]


def judge(schema, payload):
    return contracts.admit(schema).is_valid(payload)


def test_cloud_events_are_imported(tmp_path):
    write(tmp_path, {"cloudevents.json": CLOUD_EVENT})
    made = convert(tmp_path)

    assert schemas(made) == {"cloudevents": CLOUD_EVENT}
    assert made.document["actions"][0]["description"] == CLOUD_EVENT["description"]


def test_of_an_event_bridge_export_the_event_is_imported(tmp_path):
    old = {
        "$schema": DRAFT_4,
        "title": "AWSEvent",
        "definitions": {"Detail": {"type": "object", "required": ["id"]}},
        "properties": {"detail": {"$ref": "#/definitions/Detail"}},
        "type": "object",
        "x-amazon-events-detail-type": "OrderPaid",
    }
    write(tmp_path, {"myapp.orders@OrderShipped.json": EVENT, "myapp.orders@OrderPaid.json": old})
    made = convert(tmp_path, "{stem}")

    assert schemas(made).keys() == {"myapp.orders@OrderShipped", "myapp.orders@OrderPaid"}
    shipped = schemas(made)["myapp.orders@OrderShipped"]
    assert shipped["$schema"] == DRAFT_4
    assert shipped["properties"]["detail"] == {"$ref": "#/definitions/OrderShipped"}
    whole = {"detail-type": "a", "source": "b", "detail": {"id": "1", "note": None}}
    assert judge(shipped, whole)
    assert judge(shipped, whole | {"detail": {"id": "1", "parent": {"id": "2", "weight": 1}}})
    assert not judge(shipped, whole | {"detail": {"id": "1", "parent": {}}})
    assert not judge(shipped, whole | {"detail": {"id": "1", "weight": 0}})
    assert not judge(shipped, whole | {"detail": {"id": "1", "note": "b"}})


def test_components_of_any_other_openapi_document_are_imported(tmp_path):
    yaml = (
        b"openapi: 3.1.0\ninfo: {title: Shop}\npaths: {/a: {get: {responses: {200: {}}}}}\n"
        b"components:\n  schemas:\n    A: {type: [string, 'null']}\n    B:\n      properties:\n"
        b"        a: {$ref: '#/components/schemas/A'}\n"
    )
    write(tmp_path, {"shop.yaml": yaml, "none.json": {"openapi": "3.0.0"}})
    made = convert(tmp_path, "{title}.{name}")

    assert schemas(made)["Shop.B"]["properties"] == {"a": {"$ref": "#/$defs/A"}}
    assert schemas(made)["Shop.B"]["$defs"] == {"A": {"type": ["string", "null"]}}
    assert made.places(["/actions/1/schema/properties"]) == [f"{tmp_path}/shop.yaml:7"]
    assert reasons(made) == ["This OpenAPI document has no components with schemas."]


def test_references_between_files_are_bundled_by_path_and_by_id(tmp_path):
    write(
        tmp_path,
        {
            "order.json": {
                "$id": "https://example.com/schemas/order.json",
                "properties": {
                    # by the path, although the identifier says another base
                    "item": {"$ref": "common/item.json#/$defs/item"},
                    "buyer": {"$ref": "person.json"},
                    "seller": {"$ref": "https://example.com/schemas/person.json"},
                    "email": {"$ref": "person.json#email"},
                    "parent": {"$ref": "#"},
                    "self": {"$ref": "order.json"},
                    "$ref": {"type": "string"},
                    "own": {"$ref": "#/$defs/own"},
                },
                "$defs": {"own": {"enum": [{"$ref": "data"}]}, "unused": {"$ref": "nowhere.json"}},
            },
            "common/item.json": {
                "$defs": {
                    "item": {
                        "properties": {
                            "next": {"$ref": "#/$defs/item"},
                            "price": {"$ref": "../price.json"},
                            "email": {"$ref": "../people/person.json#/$defs/email"},
                        },
                        "required": ["price"],
                    }
                }
            },
            "people/person.json": {
                "$id": "https://example.com/schemas/person.json",
                "properties": {"email": {"$ref": "#email"}, "friend": {"$ref": "#"}},
                "$defs": {"email": {"$anchor": "email", "type": "string"}},
            },
            "price.json": {"type": "number"},
        },
    )
    made = convert(tmp_path, only=["order.json"])

    order = schemas(made)["order"]
    assert order == {
        "properties": {
            "item": {"$ref": "#/$defs/item"},
            "buyer": {"$ref": "#/$defs/person"},
            "seller": {"$ref": "#/$defs/person"},
            "email": {"$ref": "#/$defs/email"},
            "parent": {"$ref": "#"},
            "self": {"$ref": "#"},
            "$ref": {"type": "string"},
            "own": {"$ref": "#/$defs/own"},
        },
        "$defs": {
            "item": {
                "properties": {
                    "next": {"$ref": "#/$defs/item"},
                    "price": {"$ref": "#/$defs/price"},
                    "email": {"$ref": "#/$defs/email"},
                },
                "required": ["price"],
            },
            "person": {
                "properties": {
                    "email": {"$ref": "#/$defs/email"},
                    "friend": {"$ref": "#/$defs/person"},
                }
            },
            "email": {"type": "string"},
            "own": {"enum": [{"$ref": "data"}]},
            "price": {"type": "number"},
        },
    }
    assert judge(order, {"item": {"price": 1, "next": {"price": 2}}, "parent": {"email": "a"}})
    assert not judge(order, {"item": {"price": 1, "next": {}}})
    assert not judge(order, {"parent": {"buyer": {"friend": {"email": 1}}}})


def test_two_definitions_of_one_name_are_kept_apart(tmp_path):
    write(
        tmp_path,
        {
            "a.json": {
                "properties": {"x": {"$ref": "b.json#/$defs/t"}, "y": {"$ref": "c/b.json#/$defs/t"}}
            },
            "b.json": {"$defs": {"t": TEXT}},
            "c/b.json": {"$defs": {"t": {"type": "number"}}},
        },
    )
    made = convert(tmp_path, without=["b.json", "c/*"])

    assert schemas(made)["a"]["$defs"] == {"t": TEXT, "t_2": {"type": "number"}}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (
            {"$ref": "https://elsewhere.example/x.json"},
            "elsewhere.example/x.json, which is not in the",
        ),
        (
            {"properties": {"a": {"$ref": "missing.json"}}},
            "missing.json, which is not in the folder",
        ),
        ({"properties": {"a": {"$ref": "other.json#/$defs/no"}}}, "which is not in the folder"),
        ({"properties": {"a": {"$ref": "old.json"}}}, "old.json, which is in another dialect"),
        ({"allOf": [{"$ref": "other.json"}, {"$dynamicRef": "#a"}]}, "A dynamic reference"),
        ({"$ref": "#/$defs/no"}, "(at /schema"),
        ({"$ref": "#"}, "leads back to itself"),
        ({"type": "objekt"}, "(at /schema/type of the contract)"),
        ({"$schema": "http://json-schema.org/draft-03/schema#"}, "`$schema` is absent or one of"),
        ({"name": "a", "version": "1.0.0"}, "It does not look like a JSON Schema"),
        ([1, 2, 3], "It does not look like a JSON Schema"),
        ("text", "It does not look like a JSON Schema"),
    ],
)
def test_what_cannot_be_a_contract_is_left_out_with_the_reason(tmp_path, schema, reason):
    write(
        tmp_path,
        {
            "a.json": schema,
            "other.json": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "string",
            },
            "old.json": {"$schema": DRAFT_7, "type": "string"},
        },
    )
    if isinstance(schema, dict) and "other.json" in str(schema):
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        write(tmp_path, {"a.json": schema})
    elif "old.json" in str(schema):
        write(tmp_path, {"a.json": {"$schema": DRAFT_4, **schema}})
    made = convert(tmp_path, only=["a.json"])

    assert made.document["actions"] == []
    assert reason in made.left_out[0].reason
    assert made.left_out[0].what == f"{tmp_path}/a.json:1"


def test_a_schema_that_is_a_boolean_is_one(tmp_path):
    write(tmp_path, {"a.json": True})

    assert schemas(convert(tmp_path)) == {"a": True}


def test_variants_are_made_of_what_is_known(tmp_path):
    schema = {"$id": "https://example.com/v1/order.schema.json", "title": "Order", "type": "object"}
    write(tmp_path, {"shop/orders/created.schema.json": schema, "shop/bare.yaml": b"type: object"})

    named = {
        template: list(schemas(convert(tmp_path, template)))
        for template in ("{path}", "x.{stem}", "{name}", "{title}", "{id}")
    }
    assert named == {
        "{path}": ["shop.bare", "shop.orders.created"],
        "x.{stem}": ["x.bare", "x.created"],
        "{name}": ["bare", "created"],
        "{title}": ["Order"],
        "{id}": ["example.com.v1.order"],
    }
    assert reasons(convert(tmp_path, "{title}")) == ["It has no title to make a variant of."]
    matched = convert(tmp_path, "{what}-{area}", r"path=(?P<area>\w+)\.(?P<what>\w+)")
    assert list(schemas(matched)) == ["bare-shop"]
    assert reasons(matched) == ["Its path 'shop.orders.created' does not match."]


@pytest.mark.parametrize(
    ("template", "match", "said"),
    [
        ("{file}", None, "There is no {file}: there are {path}"),
        ("same", None, "names all schemas alike"),
        ("{stem}", "stem", "Write FIELD=EXPRESSION"),
        ("{stem}", "file=x", "Write FIELD=EXPRESSION"),
        ("{stem}", "stem=(", "is no regular expression"),
    ],
)
def test_a_template_that_makes_no_sense_is_told(template, match, said):
    with pytest.raises(TemplateError) as refused:
        Naming(template, match)
    assert said in str(refused.value)


def test_a_name_that_no_variant_can_have_is_left_out(tmp_path):
    write(tmp_path, {"a.json": {"title": "a/b", "type": "object"}})

    assert reasons(convert(tmp_path, "{title}")) == ["'a/b': A variant or alias has no `/`."]


def test_two_files_that_give_one_variant_are_both_named(tmp_path):
    write(tmp_path, {name: {"type": "object"} for name in ("a/x.json", "b/x.json", "y.json")})

    with pytest.raises(DomainError) as refused:
        convert(tmp_path, "{stem}")
    (fault,) = refused.value.faults
    assert fault.message == f"{tmp_path}/a/x.json:1 and {tmp_path}/b/x.json:1 both give 'x'."


# What means something in a schema, in places where it does not.
WORDS = st.sampled_from(
    [
        *("$ref", "$id", "id", "$anchor", "$schema", "$defs", "properties", "type", "enum"),
        *("nullable", "openapi", "components", "schemas", "info", "schema", "subject", "version"),
        *("references", "name"),
    ]
)
TEXTS = st.sampled_from(
    [
        *("#", "a.json", "b.json#/$defs", "#/properties/type", "http://[", "urn:x", "", "3.0.0"),
        *(DRAFT_7, "JSON", "{}", "string", "#a", "%", "~2", "{"),
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(ANYTHING, ANYTHING, st.sampled_from([None, "", "/$defs", "/properties"]))
@hypothesis.settings(max_examples=100)
def test_whatever_a_folder_holds_is_converted_or_left_out(one, other, each):
    files = {"a.json": one, "b.json": other}
    sources = [reading.parse(name, orjson.dumps(value)) for name, value in files.items()]
    choice, naming = Choice(each=each), Naming("{path}.{name}")
    made = folders.convert(sources, root="", choice=choice, naming=naming)

    for action in made.document["actions"]:
        for version in action.get("versions", [action]):
            contracts.admit(version["schema"])
