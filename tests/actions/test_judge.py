"""Judgements that might take long: bounded, in a process of their own, and never in the way."""

from __future__ import annotations

import io
import resource
import sys
import time

import orjson
import pytest

from actions import contracts, judge
from actions.contracts import Validators
from config import validation
from tests import factories
from tests.client import codes

TOO_LONG = "Judging it by its contract takes too long: it is too large or too intricate."


def nest(schema, times):
    for _ in range(times):
        schema = {"anyOf": [schema, schema]}
    return schema


def dig(times):
    value = {}
    for _ in range(times):
        value = {"a": value}
    return value


def find_faults(schema, payload):
    contracts.admit(schema)
    validators = Validators()
    validators.add(1, orjson.dumps(schema))
    deadline = judge.set_deadline()
    return validators.find_faults(1, payload, orjson.dumps(payload), deadline=deadline)


BRANCHES = [{"properties": {"a": {"$ref": "#/$defs/n"}}, "required": [name]} for name in ("x", "y")]
OVERLAPPING = {
    "type": ["object", "string"],
    "properties": {"a": {"$ref": "#"}, "b": {"type": "string"}},
    "patternProperties": {"^a": {"$ref": "#"}},
    "required": ["b"],
}
RECURSIVE = {"$defs": {"n": {"anyOf": [*BRANCHES, {"const": 1}]}}, "$ref": "#/$defs/n"}


@pytest.mark.parametrize(
    ("schema", "payload"),
    [
        # a list of values that each one is compared with
        ({"items": {"enum": list(range(20_000))}}, [19999.5] * 3_000),
        # a pattern that goes over the string again from each character
        ({"pattern": "(?!b)a+c"}, "a" * 100_000),
        # half a million faults under a harmless contract
        ({"items": {"type": "string"}}, [1] * 500_000),
        # branches of branches
        ({"items": nest({"type": "string"}, 10)}, [1] * 500),
        # many steps for each of many values
        ({"items": {"allOf": [{"type": "string"}] * 9_000}}, [1] * 50_000),
        # branches that lead back up, as deep as the payload
        (RECURSIVE, dig(30)),
        # the same without a branch: two keywords for one property
        (OVERLAPPING, dig(24)),
    ],
)
def test_a_judgement_ends_in_time(schema, payload):
    began = time.monotonic()
    faults = find_faults(schema, payload)

    assert time.monotonic() - began < judge.SECONDS + 3
    assert faults
    assert {fault.code for fault in faults} == {"INVALID_INPUT"}


def test_a_large_valid_payload_is_valid():
    assert find_faults({"items": {"type": "integer"}}, list(range(150_000))) == []


def test_what_is_judged_apart_has_the_same_faults():
    schema, payload = {"items": {"type": "string"}}, [*["a"] * 9_000, 1, 2]

    faults = find_faults(schema, payload)

    assert [fault.pointer for fault in faults] == ["/input/9000", "/input/9001"]
    validator = validation.compile_schema(schema)
    assert faults == validation.find_faults(validator, payload, code="INVALID_INPUT", at=("input",))


def test_what_cannot_be_told_in_time_says_so(monkeypatch):
    monkeypatch.setattr(judge, "SECONDS", 0.001)
    (fault,) = judge.judge_apart(validation.DEFAULT_DIALECT, b"{}", b"1", judge.set_deadline())
    assert (fault.code, fault.message, fault.pointer) == ("INVALID_INPUT", TOO_LONG, "/input")


@pytest.mark.parametrize("left", [0.001, 0, -10])
def test_what_its_call_has_no_time_left_for_says_so(left):
    deadline = time.monotonic() + left
    (fault,) = judge.judge_apart(validation.DEFAULT_DIALECT, b"{}", b"1", deadline)
    assert (fault.code, fault.pointer) == ("NOT_JUDGED_IN_TIME", "/input")


def test_a_judge_that_fails_is_logged_and_not_called_slow(caplog):
    (fault,) = judge.judge_apart("no dialect", b"{}", b"1", judge.set_deadline())
    assert (fault.code, fault.pointer) == ("JUDGE_FAILED", "/input")
    assert "Traceback" in caplog.text


@pytest.mark.parametrize(
    ("payload", "codes"),
    [
        # costs next to nothing
        (["a"] * 10, []),
        ([1], ["INVALID_INPUT"]),
        # may take a while
        (["a"] * 20_000, ["NOT_JUDGED_IN_TIME"]),
    ],
)
def test_after_the_deadline_only_what_is_quick_is_judged(payload, codes):
    schema = orjson.dumps({"items": {"type": "string"}})
    contract = Validators().add(1, schema)
    over = time.monotonic()
    faults = contract.find_faults(payload, orjson.dumps(payload), over)
    assert [fault.code for fault in faults] == codes


@pytest.mark.parametrize(
    ("schema", "lines"),
    [
        # a valid payload has no faults
        ({}, [[]]),
        # an invalid one has its first one, then all of them
        (
            {"type": "string", "minimum": 5},
            [
                [["INVALID_INPUT", '1 is not of type "string"', "/input"]],
                [
                    ["INVALID_INPUT", '1 is not of type "string"', "/input"],
                    ["INVALID_INPUT", "1 is less than the minimum of 5", "/input"],
                ],
            ],
        ),
    ],
)
def test_the_process_tells_the_first_fault_before_all(monkeypatch, schema, lines):
    case = {"dialect": validation.DEFAULT_DIALECT, "schema": schema, "payload": 1}
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(orjson.dumps(case))))
    told = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(told))

    judge.main()

    found = [orjson.loads(line) for line in told.getvalue().splitlines()]
    assert [sorted(faults) for faults in found[-1:]] == [sorted(lines[-1])]
    assert len(found) == len(lines)


def test_a_fault_far_inside_points_to_the_nearest_value_that_can_be_named(api, acme):
    factories.make_definition(
        acme, "deep", schema={"additionalProperties": {"items": {"type": "string"}}}
    )
    answer = api.post("/v1/ingress/deep", {"input": {"k" * 900_000: [1] * 50}})

    assert answer.status_code == 400
    assert codes(answer) == [("INVALID_INPUT", "/input")]
    assert len(answer.content) < 1_000
