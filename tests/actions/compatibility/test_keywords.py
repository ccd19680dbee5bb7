"""No keyword is silently ignored: each is in one class, and the validator says the same."""

from __future__ import annotations

import jsonschema_specifications
import pytest

from actions.samples.demands import _READERS
from actions.samples.keywords import ANNOTATIONS, EQUAL_ONLY, FORMATS, REASONED, UNCHECKED
from config import validation
from config.validation import DIALECTS

DRAFT4, DRAFT6, DRAFT7, DRAFT2019, DRAFT2020 = DIALECTS
# A schema, and a value that it refuses where the keyword is checked.
REFUSING = {
    "$ref": ({"$ref": "#/definitions/a", "definitions": {"a": {"type": "null"}}}, 1),
    "$dynamicRef": ({"$dynamicRef": "#/$defs/a", "$defs": {"a": {"type": "null"}}}, 1),
    "$recursiveRef": ({"properties": {"a": {"$recursiveRef": "#"}}, "type": "object"}, {"a": 1}),
    "type": ({"type": "null"}, 1),
    "enum": ({"enum": [1]}, 2),
    "const": ({"const": 1}, 2),
    "multipleOf": ({"multipleOf": 2}, 1),
    "maximum": ({"maximum": 1}, 2),
    "minimum": ({"minimum": 1}, 0),
    "maxLength": ({"maxLength": 1}, "ab"),
    "minLength": ({"minLength": 1}, ""),
    "pattern": ({"pattern": "a"}, "b"),
    "format": ({"format": "date"}, "x"),
    "items": ({"items": {"type": "null"}}, [1]),
    "prefixItems": ({"prefixItems": [{"type": "null"}]}, [1]),
    "maxItems": ({"maxItems": 0}, [1]),
    "minItems": ({"minItems": 1}, []),
    "uniqueItems": ({"uniqueItems": True}, [1, 1]),
    "contains": ({"contains": {"enum": [1]}}, []),
    "maxProperties": ({"maxProperties": 0}, {"a": 1}),
    "minProperties": ({"minProperties": 1}, {}),
    "required": ({"required": ["a"]}, {}),
    "properties": ({"properties": {"a": {"type": "null"}}}, {"a": 1}),
    "patternProperties": ({"patternProperties": {"a": {"type": "null"}}}, {"a": 1}),
    "additionalProperties": ({"additionalProperties": False}, {"a": 1}),
    "propertyNames": ({"propertyNames": {"maxLength": 0}}, {"a": 1}),
    "dependencies": ({"dependencies": {"a": ["b"]}}, {"a": 1}),
    "dependentRequired": ({"dependentRequired": {"a": ["b"]}}, {"a": 1}),
    "dependentSchemas": ({"dependentSchemas": {"a": {"required": ["b"]}}}, {"a": 1}),
    "allOf": ({"allOf": [{"type": "null"}]}, 1),
    "anyOf": ({"anyOf": [{"type": "null"}]}, 1),
    "oneOf": ({"oneOf": [{"type": "null"}]}, 1),
    "not": ({"not": {}}, 1),
    "then": ({"if": {}, "then": {"type": "null"}}, 1),
    "else": ({"if": {"not": {}}, "else": {"type": "null"}}, 1),
    "minContains": ({"contains": {"enum": [1]}, "minContains": 2}, [1]),
    "maxContains": ({"contains": {"enum": [1]}, "maxContains": 1}, [1, 1]),
    "unevaluatedItems": ({"unevaluatedItems": {"type": "null"}}, [1]),
    "unevaluatedProperties": ({"unevaluatedProperties": {"type": "null"}}, {"a": 1}),
    "contentEncoding": ({"contentEncoding": "base64"}, "~"),
    "contentMediaType": ({"contentMediaType": "application/json"}, "{"),
}
# Read together with the keyword beside which they stand.
BESIDE = {
    *("then", "else", "minContains", "maxContains", "additionalItems", "$ref", "$dynamicRef"),
    "$recursiveRef",
}


def keywords_of(dialect):
    """What the dialect's metaschema, and those it is made of, name."""
    parts = {
        DRAFT2019: ("core", "applicator", "validation", "meta-data", "format", "content"),
        DRAFT2020: (
            *("core", "applicator", "unevaluated", "validation", "meta-data"),
            *("format-annotation", "content"),
        ),
    }.get(dialect, ())
    base = dialect.rsplit("/", 1)[0]
    uris = [dialect]
    uris += [f"{base}/meta/{part}" for part in parts]
    found = set()
    for uri in uris:
        found |= (
            jsonschema_specifications.REGISTRY.get_or_retrieve(uri)
            .value.contents["properties"]
            .keys()
        )
    return found


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_keyword_of_the_metaschema_is_in_one_class(dialect):
    classes = (REASONED[dialect], EQUAL_ONLY[dialect], UNCHECKED[dialect], ANNOTATIONS)
    keywords = keywords_of(dialect)
    assert len(keywords) > 30
    for keyword in keywords | REASONED[dialect] | EQUAL_ONLY[dialect]:
        held = [name for name in classes if keyword in name]
        assert len(held) == 1, keyword


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("keyword", sorted(REFUSING))
def test_a_keyword_is_understood_where_the_validator_checks_it(dialect, keyword):
    schema, value = REFUSING[keyword]
    checked = not validation.compile_schema(schema, dialect=dialect).is_valid(value)
    assert checked is (keyword in REASONED[dialect] | EQUAL_ONLY[dialect])


def test_each_keyword_that_is_reasoned_about_is_read():
    every = frozenset().union(*REASONED.values())
    assert every == _READERS.keys() | BESIDE


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_format_is_checked_where_it_is_said_to_be(dialect):
    odd = ["", "%", "\n", " ", "{", "(", "::", "a b", "/~", "\\", "<>", "P", "*", "["]
    for name in frozenset().union(*FORMATS.values()) | {"int32", "double", "byte", "color"}:
        validator = validation.compile_schema({"format": name}, dialect=dialect)
        checked = not all(map(validator.is_valid, odd))
        assert checked is (name in FORMATS[dialect]), name
