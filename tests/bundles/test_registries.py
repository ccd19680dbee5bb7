"""What a schema registry answered, kept in files: JSON and Avro, with their version numbers."""

from __future__ import annotations

import hypothesis.strategies as st
import orjson
import pytest
from hypothesis import given, settings

from actions import contracts
from bundles.folders import avro, room
from bundles.folders.avro import AvroError
from config.errors import DomainError, TooLargeError
from tests.bundles.test_folders import DRAFT_7, convert, reasons, schemas, write

ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "com.example",
    "doc": "An order.",
    "fields": [
        {"name": "id", "type": "long", "doc": "Which one."},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
        {"name": "prices", "type": {"type": "map", "values": "double"}},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW", "PAID"]}},
        {"name": "before", "type": ["null", "State"], "default": None},
        {"name": "parent", "type": ["null", "Order"], "default": None},
        {"name": "digest", "type": {"type": "fixed", "name": "Digest", "size": 2}},
        {"name": "raw", "type": "bytes", "default": ""},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "key", "type": {"type": "string", "logicalType": "uuid"}, "default": ""},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 4}},
    ],
}
PAYLOAD = {
    "id": 1,
    "prices": {"a": 1.5},
    "state": "NEW",
    "digest": "\u00ff\u0001",
    "at": 1_700_000_000_000,
    "amount": "\u0000",
}


def answer(subject, version, schema, **more):
    """As `GET /subjects/{subject}/versions/{version}` answers."""
    text = schema if isinstance(schema, str) else orjson.dumps(schema).decode()
    return {"subject": subject, "version": version, "id": 7, "schema": text, **more}


def json(subject, version, schema, **more):
    return answer(subject, version, schema, schemaType="JSON", **more)


def test_the_versions_of_a_subject_are_imported_with_their_numbers(tmp_path):
    one, two = {"type": "object"}, {"$schema": DRAFT_7, "type": "object", "required": ["a"]}
    write(
        tmp_path,
        {
            "orders-2.json": json("orders-value", 2, two),
            "list.json": [json("orders-value", 5, one), answer("ids-value", 1, '"long"')],
        },
    )
    made = convert(tmp_path, "{topic}", r"subject=(?P<topic>.+)-value")

    assert made.left_out == []
    ids, orders = made.document["actions"]
    assert ids["variant"] == "ids"
    assert orders == {
        "variant": "orders",
        "versions": [{"version": 2, "schema": two}, {"version": 5, "schema": one}],
    }
    asked = "/actions/1/versions/0/schema", "/actions/1/versions/1"
    assert made.places(asked) == [f"{tmp_path}/orders-2.json:1", f"{tmp_path}/list.json:1"]


def test_subjects_refer_to_each_other(tmp_path):
    person = {"type": "record", "name": "Person", "fields": [{"name": "name", "type": "string"}]}
    team = {
        "type": "record",
        "name": "Team",
        "fields": [{"name": "members", "type": {"type": "array", "items": "Person"}}],
    }
    club = {"type": "record", "name": "Club", "fields": [{"name": "team", "type": "Team"}]}

    def refer(name, subject):
        return {"references": [{"name": name, "subject": subject, "version": 1}, "x"]}

    write(
        tmp_path,
        {
            "a.json": [
                json("order", 1, {"$ref": "item.json#/$defs/item"}, **refer("item.json", "item")),
                json("item", 1, {"$defs": {"item": {"type": "number"}}}),
                answer("club", 1, club, **refer("Team", "team")),
                answer("team", 1, team, **refer("Person", "person")),
                answer("person", 1, person),
                answer("lost", 1, club, **refer("Team", "nowhere")),
            ]
        },
    )
    made = convert(tmp_path, "{subject}")
    known = {one["variant"]: one["versions"][0]["schema"] for one in made.document["actions"]}

    assert contracts.admit(known["order"]).is_valid(1)
    assert not contracts.admit(known["order"]).is_valid("a")
    judge = contracts.admit(known["club"])
    assert judge.is_valid({"team": {"members": [{"name": "a"}]}})
    assert not judge.is_valid({"team": {"members": [{}]}})
    assert reasons(made) == ["It is no Avro schema that can be converted: There is no type 'Team'."]


def test_subjects_that_refer_to_each_other_in_a_circle_are_read_once(tmp_path):
    def refer(subject):
        return {"references": [{"name": subject, "subject": subject, "version": 1}]}

    ring = {"a": "b", "b": "c", "c": "a"}
    answers = [
        answer(name, 1, {"type": "record", "name": name, "fields": []}, **refer(other))
        for name, other in ring.items()
    ]
    write(tmp_path, {"a.json": answers})
    made = convert(tmp_path, "{subject}")

    assert {one["variant"] for one in made.document["actions"]} == set(ring)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (
            answer("a", 1, "message A {}", schemaType="PROTOBUF"),
            "A schema of PROTOBUF describes no",
        ),
        (json("a", 1, "{"), "Not valid JSON"),
        (json("a", 1, '{"a": 1, "a": 2}'), "the key 'a' is there twice"),
        (json("a", 1, {"type": "objekt"}), "(at /schema/type of the contract)"),
        (json("a", 0, {}), "Its version 0 is none."),
        (json("a", True, {}), "Its version True is none."),
        (json(None, 1, {}), "It does not say its subject."),
        (answer("a", 1, {"type": "recrod"}), "There is no type 'recrod'."),
    ],
)
def test_what_cannot_be_a_contract_is_left_out_with_the_reason(tmp_path, one, reason):
    write(tmp_path, {"a.json": [one, json("b", 1, {}), "text"]})
    made = convert(tmp_path, "{subject}")

    assert [action["variant"] for action in made.document["actions"]] == ["b"]
    assert sorted(one.pointer for one in made.left_out) == ["/0", "/2"]
    said = {one.pointer: one.reason for one in made.left_out}
    assert reason in said["/0"]
    assert said["/2"] == "It has no schema."


def test_one_version_of_a_subject_is_there_once(tmp_path):
    write(tmp_path, {"a.json": json("a", 1, {}), "b.json": [json("a", 1, {"type": "object"})]})

    with pytest.raises(DomainError) as refused:
        convert(tmp_path, "{subject}")
    said = f"{tmp_path}/a.json:1 and {tmp_path}/b.json:1 both give version 1 of 'a'."
    assert refused.value.faults[0].message == said


def test_a_subject_without_versions_is_a_schema(tmp_path):
    write(
        tmp_path, {"a.json": {"subject": "a", "schemaType": "JSON", "schema": '{"type":"object"}'}}
    )

    assert schemas(convert(tmp_path, "{name}")) == {"a": {"type": "object"}}


def test_an_avro_schema_is_a_contract_of_plain_json():
    judge = contracts.admit(avro.convert(ORDER))

    assert judge.is_valid(PAYLOAD)
    assert judge.is_valid(PAYLOAD | {"note": "a", "parent": PAYLOAD, "before": "PAID"})
    assert judge.is_valid(PAYLOAD | {"key": "0f0e0d0c-0000-4000-8000-000000000000"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": 2**63},
        {"id": 1.5},
        {"note": {"string": "a"}},
        {"tags": [1]},
        {"prices": {"a": "b"}},
        {"state": "OLD"},
        {"parent": {}},
        {"digest": "a"},
        {"digest": "ab\u0100"},
        {"raw": "\u0100"},
        {"at": "2020-01-01T00:00:00Z"},
        {"key": "no"},
        {"more": 1},
    ],
)
def test_a_payload_that_avro_could_not_write_is_refused(wrong):
    assert not contracts.admit(avro.convert(ORDER)).is_valid(PAYLOAD | wrong)


def test_the_whole_of_a_converted_schema():
    tree = {
        "type": "record",
        "name": "a.Tree",
        "fields": [
            {"name": "left", "type": ["null", "Tree"]},
            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["X"]}},
        ],
    }
    assert avro.convert(tree) == {
        "$schema": avro.DIALECT,
        "type": "object",
        "properties": {
            "left": {"anyOf": [{"type": "null"}, {"$ref": "#"}]},
            "kind": {"$ref": "#/$defs/a.Kind"},
        },
        "required": ["left", "kind"],
        "additionalProperties": False,
        "$defs": {"a.Kind": {"type": "string", "enum": ["X"]}},
    }
    assert avro.convert(["string"]) == {"$schema": avro.DIALECT, "type": "string"}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("order", "There is no type 'order'"),
        ([], "A union has no types"),
        (7, "is no Avro schema"),
        ({"name": "a"}, "is no Avro schema"),
        ({"type": "array"}, "is no Avro schema"),
        ({"type": "record", "name": "a"}, "The type 'a' has no fields"),
        ({"type": "record", "name": "a", "fields": [{"type": "int"}]}, "has no name"),
        ({"type": "record", "name": "a/b", "fields": []}, "A type is named 'a/b'"),
        ({"type": "record", "name": "a", "namespace": "b/c", "fields": []}, "A type is named"),
        ({"type": "enum", "name": "a"}, "The type 'a' has no symbols"),
        ({"type": "fixed", "name": "a", "size": -1}, "The type 'a' has no size"),
        ([{"type": "fixed", "name": "a", "size": 1}] * 2, "The type 'a' is defined twice"),
    ],
)
def test_what_is_no_avro_schema_is_told(schema, said):
    with pytest.raises(AvroError, match=said):
        avro.convert(schema)


def nest(inner):
    return (
        inner.map(lambda items: {"type": "array", "items": items})
        | inner.map(lambda values: {"type": "map", "values": values})
        | inner.map(lambda one: {"type": one, "logicalType": "x"})
        | st.lists(inner, min_size=1, max_size=2)
    )


@given(st.recursive(st.sampled_from(["null", "boolean", "int", "bytes"]), nest, max_leaves=6))
@settings(max_examples=30)
def test_every_schema_without_names_converts_to_a_contract(schema):
    contracts.admit(avro.convert(schema))


def test_what_all_subjects_would_be_together_is_limited(tmp_path, monkeypatch):
    def record(index):
        fields = [{"name": "next", "type": f"R{index + 1}"}] if index < 20 else []
        named = (
            [{"name": f"R{index + 1}", "subject": f"s{index + 1}", "version": 1}] if fields else []
        )
        return answer(
            f"s{index}", 1, {"type": "record", "name": f"R{index}", "fields": fields},
            references=named,
        )  # fmt: skip

    write(tmp_path, {"list.json": [record(index) for index in range(21)]})
    assert len(convert(tmp_path, "{subject}").document["actions"]) == 21
    for limit in ("MAX_BYTES", "MAX_WORK"):
        with monkeypatch.context() as patch:
            patch.setattr(room, limit, 20_000)
            with pytest.raises(TooLargeError, match="in parts"):
                convert(tmp_path, "{subject}")
