"""What a validator finds, as faults a client can act on."""

from __future__ import annotations

import time

import pytest
from jsonschema_rs import ValidationError

from config import validation

SIGNALING = {
    "anyOf": [
        {
            "type": "object",
            "required": ["enabled", "default"],
            "properties": {"enabled": {"enum": [True]}, "default": {"type": "string"}},
            "additionalProperties": False,
        },
        {
            "type": "object",
            "required": ["enabled"],
            "properties": {"enabled": {"enum": [False]}, "default": {"type": "string"}},
            "additionalProperties": False,
        },
    ]
}
TYPED = {
    "oneOf": [
        {
            "required": ["type", "config"],
            "properties": {
                "type": {"const": kind},
                "config": {"required": [key], "properties": {key: {"format": "uri"}}},
            },
        }
        for kind, key in (("webhook", "url"), ("aws_sqs", "queue_url"))
    ]
}
# A look-ahead keeps it from the linear-time engine, and the nesting makes it exponential.
COSTLY = r"^(?:(?=a)a+)+$"


def find(schema, value, **options):
    faults = validation.find_faults(
        validation.compile_schema(schema), value, code="WRONG", **options
    )
    assert {fault.code for fault in faults} <= {"WRONG"}
    return [(fault.pointer, fault.message) for fault in faults]


@pytest.mark.parametrize(
    ("schema", "value", "pointer", "message"),
    [
        # A missing key is a fault of that key.
        ({"required": ["a"]}, {}, "/a", "This field is required."),
        # The same where another key asks for it.
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "/b", "This field is required."),
        # An unknown key as well.
        (
            {"type": "object", "properties": {}, "additionalProperties": False},
            {"x/y": 1},
            "/x~1y",
            "This field is not known.",
        ),
        # Tildes and slashes in keys are escaped,
        (
            {"properties": {"a/b~c": {"type": "integer"}}},
            {"a/b~c": "x"},
            "/a~1b~0c",
            '"x" is not of type "integer"',
        ),
        # in missing ones, too.
        ({"required": ["a/b~c"]}, {}, "/a~1b~0c", "This field is required."),
        # An item of a list has its index.
        (
            {"items": {"type": "integer"}},
            [1, "x"],
            "/1",
            '"x" is not of type "integer"',
        ),
        # The value itself is the empty pointer.
        ({"type": "object"}, [], "", '[] is not of type "object"'),
        # In a union the branch whose constants fit is judged,
        (SIGNALING, {"enabled": True}, "/default", "This field is required."),
        (
            SIGNALING,
            {"enabled": False, "more": 1},
            "/more",
            "This field is not known.",
        ),
        # however deep the fault lies in it.
        (
            TYPED,
            {"type": "aws_sqs", "config": {"queue_url": "a queue"}},
            "/config/queue_url",
            '"a queue" is not a "uri"',
        ),
        (TYPED, {"type": "webhook", "config": {}}, "/config/url", "This field is required."),
        # Where no branch is nearer than another, the union is named as a whole.
        (
            {"oneOf": [{"type": "string"}, {"type": "integer"}]},
            True,
            "",
            "true is not valid under any of the schemas listed in the 'oneOf' keyword",
        ),
        # A value that several branches of a oneOf take.
        (
            {"oneOf": [{"type": "integer"}, {"minimum": 3}]},
            5,
            "",
            "5 is valid under more than one of the schemas listed in the 'oneOf' keyword",
        ),
        # What takes too long counts as a fault, as a value, as a key, and in a union.
        ({"pattern": COSTLY}, "a" * 60 + "!", "", validation.TOO_COSTLY),
        (
            {"patternProperties": {COSTLY: False}},
            {"a" * 60 + "!": 1},
            "",
            validation.TOO_COSTLY,
        ),
        ({"anyOf": [{"pattern": COSTLY}, {"type": "null"}]}, "a" * 60, "", None),
    ],
)
def test_a_fault_names_its_place_and_says_what_is_wrong(schema, value, pointer, message):
    expected = [] if message is None else [(pointer, message)]

    assert find(schema, value) == expected


def test_pointers_start_where_the_value_lies():
    assert find({"required": ["n"]}, {}, at=("input", 0)) == [
        ("/input/0/n", "This field is required.")
    ]


def test_every_fault_is_found_and_each_only_once():
    schema = {"allOf": [{"required": ["a", "b"]}, {"required": ["b", "c"]}]}

    assert [pointer for pointer, _ in find(schema, {})] == ["/a", "/b", "/c"]


def test_at_most_fifty_faults_are_told():
    found = find({"items": {"type": "integer"}}, ["x"] * 60)

    assert [pointer for pointer, _ in found] == [f"/{index}" for index in range(50)]


def test_a_long_message_is_cut():
    ((_, message),) = find({"type": "integer"}, "x" * 1000)

    assert len(message) == validation.MAX_MESSAGE
    assert message.endswith("…")


def test_a_costly_pattern_is_given_up_quickly():
    started = time.monotonic()

    find({"items": {"pattern": COSTLY}}, ["a" * 5000 + "!"] * 50)

    # Tens of milliseconds; without the limit on backtracking, for ever.
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("dialect", validation.DIALECTS)
def test_a_dialect_checks_formats_and_fetches_nothing(dialect):
    validator = validation.compile_schema({"format": "email"}, dialect=dialect)

    assert not validator.is_valid("nobody")
    with pytest.raises(ValidationError, match="cannot fetch"):
        validation.compile_schema({"$ref": "https://schemas.example.com/x.json"}, dialect=dialect)


@pytest.mark.parametrize(
    "schema",
    [
        # Breaks its metaschema.
        {"type": "text"},
        # Its pattern is none.
        {"pattern": "("},
    ],
)
def test_a_schema_that_is_none_is_not_compiled(schema):
    with pytest.raises(ValidationError):
        validation.compile_schema(schema)
