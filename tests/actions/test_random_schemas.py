"""Schemas that nobody would write: admitted or refused in a moment, and judged as others do."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry

from actions.contracts import InvalidSchemaError, admit
from config import validation
from config.validation import DIALECTS

NAMES = st.sampled_from(["a", "b", "c", "a/b", "~", "", "const", "properties", "$ref"])
TEXTS = st.one_of(st.text(max_size=4), st.sampled_from(["a", "ab", "1", "2026-01-01"]))
NUMBERS = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, 1.0, -1.5, 2.5, 10**15, 2**63]))
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)

# --- anything at all ------------------------------------------------------------------------------

REFERENCES = st.one_of(
    st.sampled_from(
        [
            "#",
            "#/$defs/a",
            "#/$defs/b/not",
            "#/properties/a",
            "#/allOf/0",
            "#a",
            "a",
            "b#",
            "b#/$defs/a",
            "https://x.example/a",
            "http://[",
            "urn:x",
            "//",
            "#/%zz",
            "%",
            "\\",
            "#/~3",
        ]
    ),
    st.text(max_size=6),
)
WORDS = st.one_of(VALUES, REFERENCES, st.sampled_from([*DIALECTS, "string", "date", "(", "^a+$"]))
KEYWORDS = st.sampled_from(
    [
        *("$schema", "$id", "id", "$ref", "$anchor", "$dynamicRef", "$dynamicAnchor"),
        *("$recursiveRef", "$recursiveAnchor", "$defs", "definitions", "$vocabulary", "$comment"),
        *("type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "maxLength"),
        *("pattern", "format", "maxItems", "uniqueItems", "contains", "minContains", "required"),
        *("properties", "patternProperties", "additionalProperties", "propertyNames", "items"),
        *("prefixItems", "additionalItems", "unevaluatedItems", "unevaluatedProperties"),
        *("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependencies"),
        *("dependentSchemas", "dependentRequired", "default", "examples", "contentSchema"),
        "unknown",
    ]
)
ANYTHING = st.recursive(
    st.booleans() | st.dictionaries(KEYWORDS, WORDS, max_size=3),
    lambda inner: st.dictionaries(
        KEYWORDS,
        inner
        | WORDS
        | st.lists(inner, max_size=3)
        | st.dictionaries(NAMES | KEYWORDS, inner, max_size=3),
        max_size=4,
    ),
    max_leaves=12,
)


@settings(max_examples=400)
@given(ANYTHING, VALUES)
def test_whatever_is_put_as_a_schema_is_admitted_or_refused_in_a_moment(schema, payload):
    started = time.monotonic()
    try:
        validator = admit(schema)
    except InvalidSchemaError as error:
        (fault,) = error.faults
        assert fault.pointer == "/schema" or fault.pointer.startswith("/schema/")
    else:
        validation.find_faults(validator, payload, code="X")
    assert time.monotonic() - started < 1


# --- schemas that mean something ------------------------------------------------------------------

TYPES = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
COUNTS = st.integers(0, 3)
PATTERNS = st.sampled_from(["^a", "b$", "^[a-c]{1,2}$", "a|1", "^$"])
TARGETS = st.sampled_from(["#/$defs/a", "#/$defs/b", "#b"])
PLAIN = {
    "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
    "enum": st.lists(VALUES, min_size=1, max_size=3),
    "const": VALUES,
    "multipleOf": st.sampled_from([1, 2, 0.5]),
    "maximum": st.integers(-2, 2),
    "exclusiveMaximum": st.integers(-2, 2),
    "minimum": st.integers(-2, 2),
    "exclusiveMinimum": st.integers(-2, 2),
    "maxLength": COUNTS,
    "minLength": COUNTS,
    "pattern": PATTERNS,
    "maxItems": COUNTS,
    "minItems": COUNTS,
    "uniqueItems": st.booleans(),
    "maxProperties": COUNTS,
    "minProperties": COUNTS,
    "required": st.lists(NAMES, max_size=2, unique=True),
    "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=2, unique=True)),
    "$ref": TARGETS,
    "$dynamicRef": TARGETS,
}


def some_of(strategies, size):
    """A schema with a few of these keywords."""
    return st.sets(st.sampled_from(sorted(strategies)), max_size=size).flatmap(
        lambda keywords: st.fixed_dictionaries({word: strategies[word] for word in keywords})
    )


def with_subschemas(inner):
    one, many = inner, st.lists(inner, min_size=1, max_size=2)
    named = st.dictionaries(NAMES, inner, max_size=3)
    holding = {
        **dict.fromkeys(["not", "if", "then", "else", "items", "contains", "propertyNames"], one),
        **dict.fromkeys(["additionalProperties", "unevaluatedProperties", "unevaluatedItems"], one),
        **dict.fromkeys(["allOf", "anyOf", "oneOf", "prefixItems"], many),
        **dict.fromkeys(["properties", "dependentSchemas"], named),
        "patternProperties": st.dictionaries(PATTERNS, inner, max_size=2),
        "minContains": COUNTS,
        "maxContains": COUNTS,
    }
    return some_of(PLAIN | holding, 4)


SCHEMAS = st.recursive(st.booleans() | some_of(PLAIN, 3), with_subschemas, max_leaves=6)
MEANT = st.builds(
    lambda top, a, b: {"$defs": {"a": a, "b": b | {"$dynamicAnchor": "b"}}, "allOf": [top]},
    SCHEMAS,
    SCHEMAS,
    some_of(PLAIN, 2),
)


@settings(max_examples=400)
@given(MEANT, st.lists(VALUES, min_size=3, max_size=6))
def test_a_payload_is_judged_as_an_independent_validator_judges_it(schema, payloads):
    try:
        validator = admit(schema)
    except InvalidSchemaError as error:
        # The oracle knows only what is against the metaschema; these are well-formed.
        assert "leads back" in str(error)  # noqa: PT017
        return
    oracle = Draft202012Validator(schema, registry=Registry())
    for payload in payloads:
        assert validator.is_valid(payload) is oracle.is_valid(payload)
        assert bool(validation.find_faults(validator, payload, code="X")) is not oracle.is_valid(
            payload
        )
