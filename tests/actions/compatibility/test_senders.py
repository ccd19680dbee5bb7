"""What the proof takes of senders, and of schemathesis, whose generator it uses."""

from __future__ import annotations

import pytest
from schemathesis.core.errors import InvalidSchema

from actions.compatibility import Kind, Report, Verdict
from actions.compatibility.comparing import compare
from actions.compatibility.reports import Finding
from actions.samples.keywords import DRAFT7, DRAFT2020
from tests.actions.compatibility import instances
from tests.actions.compatibility.cases import Case, CounterexampleError, Tally, hold
from tests.actions.compatibility.decisions import Decisions
from tests.actions.compatibility.instances import make_instances
from tests.actions.compatibility.oracles import Oracle, admitted
from tests.actions.compatibility.schemas import make_document
from tests.actions.compatibility.senders import Sender

LISTED = {"properties": {"a": {}}}


@pytest.mark.parametrize(
    ("schema", "payload", "kept"),
    [
        (LISTED, {"a": 1, "b": 2}, {"a": 1}),
        (LISTED, [{"a": 1, "b": 2}], [{"a": 1, "b": 2}]),
        ({"type": "object"}, {"b": 2}, {"b": 2}),
        ({"items": LISTED}, [{"b": 2}], [{}]),
        ({"prefixItems": [True, LISTED]}, [{"b": 2}, {"b": 2}], [{"b": 2}, {}]),
        ({"contains": LISTED | {"required": ["a"]}}, [{"b": 2}], [{"b": 2}]),
        ({"contains": LISTED | {"required": ["a"]}}, [{"a": 1, "b": 2}], [{"a": 1}]),
        (LISTED | {"required": ["b"]}, {"b": 2}, {"b": 2}),
        (LISTED | {"dependentRequired": {"a": ["b"]}}, {"b": 2}, {"b": 2}),
        (LISTED | {"dependencies": {"a": ["b"]}}, {"b": 2}, {"b": 2}),
        (LISTED | {"patternProperties": {"^b": {}}}, {"b1": 2, "c": 3}, {"b1": 2}),
        (LISTED | {"additionalProperties": {"minimum": 1}}, {"b": 2}, {"b": 2}),
        ({"additionalProperties": LISTED}, {"b": {"b": 2}}, {"b": {}}),
        # a branch declares, whether it applies or not; only what applies lists
        (LISTED | {"anyOf": [{"properties": {"b": False}}, True]}, {"b": 2}, {"b": 2}),
        ({"anyOf": [{"properties": {"b": False}}, True]}, {"b": 2, "c": 3}, {"b": 2, "c": 3}),
        ({"if": {"required": ["k"]}, "then": LISTED}, {"b": 2}, {"b": 2}),
        ({"if": {"required": ["k"]}, "then": LISTED}, {"k": 1, "b": 2}, {"k": 1}),
        ({"if": {"required": ["k"]}, "else": LISTED}, {"k": 1, "b": 2}, {"k": 1, "b": 2}),
        ({"then": LISTED}, {"b": 2}, {"b": 2}),
        ({"dependentSchemas": {"k": LISTED}}, {"b": 2}, {"b": 2}),
        (
            {"allOf": [LISTED], "unevaluatedProperties": {"properties": {"x": {}}}},
            {"a": {"y": 1}, "c": {"y": 1}},
            {"a": {"y": 1}, "c": {}},
        ),
        ({"$ref": "#/$defs/a", "$defs": {"a": LISTED}}, {"b": 2}, {}),
    ],
)  # fmt: skip
def test_a_sender_keeps_what_is_declared(schema, payload, kept):
    sender = Sender(schema, DRAFT2020)

    assert sender.keep_declared(payload) == kept
    assert sender.sends(payload) == (payload == kept)
    assert sender.sends(kept)


def test_nothing_counts_beside_a_reference_in_draft_7():
    sender = Sender({"$ref": "#/definitions/a", **LISTED, "definitions": {"a": {}}}, DRAFT7)
    assert sender.sends({"b": 2})


NUMBER, TEXT = {"properties": {"b": {"type": "number"}}}, {"properties": {"b": {"type": "string"}}}


def answering(report):
    """An engine that is right in strict mode, and says the same to everything else."""
    return lambda old, new, *, open_content=None, **how: (
        report if open_content else compare(old, new, **how)
    )


ASSUMES = Report(
    Verdict.COMPATIBLE, (Finding("PROPERTY_ADDED_TO_OPEN_CONTENT", Kind.ASSUMED, "", "", ""),)
)
SHOWS = Finding("TYPE_ADDED", Kind.BREAKS, "", "", "", "old", "new", {"b": 1})


@pytest.mark.parametrize(
    ("old", "new", "report", "what"),
    [
        (NUMBER, TEXT, ASSUMES, "called compatible"),
        (LISTED, TEXT, Report(Verdict.COMPATIBLE), "called compatible"),
        (LISTED, {"title": "a"}, ASSUMES, "lenient: assumes what it need not"),
        (LISTED, {}, Report(Verdict.INDETERMINATE), "lenient: compatible for all, but not"),
        (LISTED, TEXT, Report(Verdict.INCOMPATIBLE, (SHOWS,)), "lenient: nobody sends the sample"),
        (NUMBER, {}, Report(Verdict.INCOMPATIBLE, (SHOWS,)), "lenient: compatible for all"),
    ],
)
def test_who_is_wrong_about_senders_is_found_out(old, new, report, what):
    case = Case(Oracle(old), Oracle(new), True, [{"b": 1}], thorough=False, lenient=True)

    with pytest.raises(CounterexampleError, match=what):
        hold(answering(report), case, Tally())
    hold(compare, case, Tally())


def test_what_is_assumed_without_being_asked_for_is_found_out():
    case = Case(Oracle(LISTED), Oracle(TEXT), True, [], thorough=False)

    with pytest.raises(CounterexampleError, match="what was not asked for"):
        hold(lambda *_, **how: ASSUMES, case, Tally())


def test_schemathesis_makes_instances_that_schemas_accept_and_the_same_ones_again():
    made = [admitted(make_document(Decisions(bytes([number])))) for number in range(10)]
    oracles = [oracle for oracle in made if oracle is not None]

    found = [(oracle, make_instances(oracle, 1)) for oracle in oracles]

    judged = [oracle.accepts(one) for oracle, made in found for one in made]
    assert len(judged) > 30
    assert sum(judged) > 0.9 * len(judged)
    assert make_instances(oracles[0], 1) == found[0][1]


def test_of_what_schemathesis_cannot_do_there_are_no_instances(monkeypatch):
    def refuse(*_, **__):
        raise InvalidSchema("Anchor 'b' does not exist")

    monkeypatch.setattr(instances, "build", refuse)

    assert make_instances(Oracle({"type": "string"}), 1) == []
