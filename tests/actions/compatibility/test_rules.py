"""The table of rules in docs/compatibility.md: each example has its finding, and its verdict."""

from __future__ import annotations

import copy
import json
import re
import time
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry

from actions import samples
from actions.compatibility import comparing
from actions.compatibility.comparing import compare
from actions.compatibility.reports import Direction, Kind, OpenContent, Verdict
from actions.compatibility.rules import NAMES

PAGE = Path(__file__).parents[3] / "docs/compatibility.md"
ROW = re.compile(
    r"^\| `([A-Z_]+)` \| (\w*) \| (?:`(.*)`)? \| (?:`(.*)`)? \| (\w*) \|$", re.MULTILINE
)
EXAMPLES = {row[0]: row[1:] for row in ROW.findall(PAGE.read_text())}
SHOWN = {name: row for name, row in EXAMPLES.items() if row[0]}


def test_every_rule_is_in_the_table():
    listed = set(re.findall(r"^\| `([A-Z_]+)` ", PAGE.read_text(), re.MULTILINE))
    assert listed == NAMES
    assert NAMES - SHOWN.keys() == {
        *("JUDGE_FAILED", "NOT_JUDGED_IN_TIME", "TOO_INTRICATE", "ITEMS_NARROWED", "ITEMS_WIDENED"),
        *("SAMPLE_REFUSED", "SAMPLE_REFUSED_BEFORE"),
    }


@pytest.mark.parametrize("rule", sorted(SHOWN))
def test_an_example_has_its_finding(rule):
    direction, old, new, verdict = SHOWN[rule]
    old, new = json.loads(old), json.loads(new)
    report = compare(old, new, direction=Direction(direction))

    assert report.verdict == verdict
    finding = next(one for one in report.findings if one.rule == rule)
    assert finding.message.endswith(".")
    for pointer, schema in ((finding.old_pointer, old), (finding.new_pointer, new)):
        for part in pointer.split("/")[1:]:
            schema = schema[int(part) if isinstance(schema, list) else part]  # noqa: PLW2901
    if finding.kind is Kind.BREAKS:
        accepts = {"old": old, "new": new}
        assert is_valid(accepts[finding.accepted_by], finding.sample)
        assert not is_valid(accepts[finding.refused_by], finding.sample)


def is_valid(schema, value):
    checker = Draft202012Validator.FORMAT_CHECKER
    oracle = Draft202012Validator(schema, registry=Registry(), format_checker=checker)
    return oracle.is_valid(value)


def compare_backward(old, new, **options):
    return compare(old, new, direction=Direction.BACKWARD, **options)


def test_more_items_than_are_compared_are_not_proved():
    old = {"prefixItems": [{"type": "integer"}] * 201, "type": "array", "minItems": 300}
    report = compare_backward(old, old | {"prefixItems": [{"type": "number"}] * 201})
    assert report.verdict is Verdict.INDETERMINATE
    assert [one.rule for one in report.findings] == ["ITEMS_NARROWED"]


def test_more_steps_than_are_allowed_are_too_intricate():
    report = compare_backward({"type": "string"}, {"type": "string", "minLength": 0}, max_steps=2)
    assert report.verdict is Verdict.INDETERMINATE
    assert [one.rule for one in report.findings] == ["TOO_INTRICATE"]


def test_values_that_grow_with_each_level_are_not_gone_through():
    inner = {"unevaluatedProperties": {"$ref": "#"}, "minProperties": 4, "maxProperties": 4}
    item = {
        "not": {"const": [[], None]},
        "unevaluatedItems": {},
        "dependentRequired": {"$ref": ["$ref"], "b": ["a"]},
    }
    old = {"type": "object", "properties": {"c": {"type": "array", "items": item}, "b": inner}}
    new = copy.deepcopy(old)
    new["properties"]["b"]["unevaluatedProperties"]["enum"] = [True]

    began = time.process_time()
    report = compare_backward(old, new)
    assert time.process_time() - began < 5
    assert report.verdict is Verdict.INCOMPATIBLE


def test_what_only_samples_show_is_told(monkeypatch):
    monkeypatch.setattr(comparing._Comparison, "_judge", lambda *_: ([], []))
    for direction, rule in (
        (Direction.BACKWARD, "SAMPLE_REFUSED"),
        (Direction.FORWARD, "SAMPLE_REFUSED_BEFORE"),
    ):
        old, new = {"type": ["string", "null"]}, {"type": "string"}
        if direction is Direction.FORWARD:
            old, new = new, old
        report = compare(old, new, direction=direction)
        assert [one.rule for one in report.findings] == [rule]
        assert report.verdict is Verdict.INCOMPATIBLE


# --- open content ---------------------------------------------------------------------------------

OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}
WIDER = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (OPEN, WIDER, "compatible"),
        (OPEN, OPEN | {"additionalProperties": False}, "compatible"),
        # what is listed counts all the same
        (WIDER, WIDER | {"properties": {"b": {"type": "string"}}}, "incompatible"),
        (OPEN, WIDER | {"required": ["b"]}, "incompatible"),
        # a map is open because that is what it is
        ({"type": "object"}, WIDER, "incompatible"),
        # one whose other properties have a schema lists them
        (OPEN | {"additionalProperties": {"type": "number"}}, WIDER, "incompatible"),
        # in an array, and by a pattern
        ({"items": OPEN}, {"items": WIDER}, "compatible"),
        (
            {"type": "object", "patternProperties": {"^x": {}}},
            {"type": "object", "patternProperties": {"^x": {}}, "additionalProperties": False},
            "compatible",
        ),
    ],
)
def test_lenient_takes_senders_to_send_only_what_is_listed(old, new, verdict):
    report = compare_backward(old, new, open_content=OpenContent.LENIENT)
    assert report.verdict == verdict
    if verdict == "compatible":
        assert {one.kind for one in report.findings} == {Kind.ASSUMED}
    assert compare_backward(old, new).verdict is Verdict.INCOMPATIBLE


# --- what is proved -------------------------------------------------------------------------------

TREE = {
    "$defs": {
        "n": {
            "type": "object",
            "properties": {"v": {"type": "integer"}, "kids": {"items": {"$ref": "#/$defs/n"}}},
        }
    },
    "$ref": "#/$defs/n",
}
LOOSER_TREE = json.loads(json.dumps(TREE).replace("integer", "number"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (TREE, LOOSER_TREE),
        # the same, written otherwise
        ({"type": ["string", "integer"]}, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        ({"type": "integer", "exclusiveMinimum": 0, "maximum": 2}, {"enum": [1, 2]}),
        ({"const": 1}, {"enum": [1.0]}),
        ({"allOf": [{"minLength": 2}, {"type": "string"}]}, {"type": "string", "minLength": 1}),
        ({"title": "a", "type": "string"}, {"description": "b", "type": "string"}),
        ({"properties": {"title": {"const": 1}}}, {"properties": {"title": {"enum": [1, 2]}}}),
        # discriminated, and taken apart
        (
            {"properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]},
            {"anyOf": [{"properties": {"a": {"type": name}}} for name in ("string", "null")]},
        ),
        (
            {"oneOf": [{"type": "string"}, {"type": "null"}]},
            {"oneOf": [{"type": "string"}, {"type": "null"}, {"type": "array"}]},
        ),
        # what cannot be, may be anything
        ({"type": "string", "minLength": 3, "maxLength": 2}, {"const": 1}),
        ({"required": ["a"], "properties": {"a": False}, "type": "object"}, {"const": 1}),
        ({"properties": {"a": False}}, {"properties": {"a": {"const": 1}}}),
        # evaluated, wherever that is said
        (
            {"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False},
            {"properties": {"a": {}, "b": {"const": 1}}, "additionalProperties": False},
        ),
        ({"type": "string", "pattern": "^a$"}, {"type": "string", "pattern": ""}),
        ({"dependentSchemas": {"a": {"required": ["b"]}}}, {"dependentRequired": {"a": ["b"]}}),
        ({"not": {"type": "string"}}, {"not": {"const": "a"}}),
        ({"contains": {"const": 1}}, {"contains": {"type": "integer"}, "minContains": 0}),
        (
            {"$dynamicAnchor": "x", "properties": {"a": {"$dynamicRef": "#x"}}},
            {"$ref": "#/$defs/n", "$defs": {"n": {"properties": {"a": {"$ref": "#/$defs/n"}}}}},
        ),
    ],
)  # fmt: skip
def test_it_is_compatible(old, new):
    report = compare_backward(old, new)
    assert (report.verdict, report.findings) == (Verdict.COMPATIBLE, ())


def test_a_list_compares_true_and_one_as_json_does():
    assert compare_backward({"const": 1}, {"const": True}).verdict is Verdict.INCOMPATIBLE
    assert compare_backward({"enum": [0]}, {"enum": [False]}).verdict is Verdict.INCOMPATIBLE


def test_in_draft_4_a_number_with_a_fraction_of_zero_is_no_integer():
    draft4 = "http://json-schema.org/draft-04/schema#"
    report = compare_backward(
        {"$schema": draft4, "enum": [1]}, {"$schema": draft4, "type": "integer"}
    )
    assert report.verdict is Verdict.INCOMPATIBLE
    assert compare_backward({"enum": [1]}, {"type": "integer"}).verdict is Verdict.COMPATIBLE


def test_a_shared_part_of_a_schema_in_memory_does_no_harm():
    part = {"type": "string"}
    old = {"properties": {"a": part, "b": part}, "type": "object"}
    assert compare_backward(old, {"properties": {"a": part}}).verdict is Verdict.COMPATIBLE
    assert list(samples.generate(old, dialect=Draft202012Validator.META_SCHEMA["$id"], limit=1))
