"""Examples, in the process that makes them."""

from __future__ import annotations

import io
import resource
import sys

import orjson
import pytest

from actions.consumers import examples
from actions.consumers.damage import damage
from actions.contracts import admit
from config import validation
from tests.actions.consumers.hostile import STRUCTURES

SCHEMA = {
    "type": "object",
    "required": ["to", "lines"],
    "properties": {
        "to": {"type": "string"},
        "lines": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "required": ["sku"], "additionalProperties": False,
                      "properties": {"sku": {"type": "integer"}}},
        },
    },
}  # fmt: skip


def make(schema, take=10):
    return list(examples.make_examples(schema, validation.DEFAULT_DIALECT, take))


def test_what_is_refused_differs_from_what_is_accepted_by_one_change():
    found = dict(damage({"a": [{"b": 1}, 2], "c/d": None, "e": True, "f": 1.5}))

    assert found["without /a"] == {"c/d": None, "e": True, "f": 1.5}
    assert found["without /a/0/b"] == {"a": [{}, 2], "c/d": None, "e": True, "f": 1.5}
    assert found["with /not_in_the_contract"]["not_in_the_contract"] is True
    assert found["with /a/0/not_in_the_contract"]["a"][0] == {"b": 1, "not_in_the_contract": True}
    assert found["another type at the top"] == []
    assert found["another type at /a"]["a"] == {}
    assert found["another type at /c~1d"]["c/d"] == "text"
    assert found["another type at /e"]["e"] == "true"
    assert "without /a/0" not in found


def test_a_payload_that_is_no_object_is_damaged_as_well():
    assert dict(damage(1)) == {"another type at the top": "text"}
    assert dict(damage([])) == {"another type at the top": {}}


def test_each_example_says_where_it_differs():
    first, *others = [one for one in make(SCHEMA) if "differs_at" in one]

    assert first["differs_at"] == []
    assert all(
        pointer.startswith(("/to", "/lines")) or pointer.count("/") == 1
        for one in others
        for pointer in one["differs_at"]
    )
    assert examples._differ({"a": [1, {"b": 1}]}, {"a": [2, {"b": 1.0, "c": 3}], "d": 4}) == [
        "/a/0", "/a/1/b", "/a/1/c", "/d",
    ]  # fmt: skip
    assert examples._differ({"a": [1]}, {"a": [1, 2]}) == ["/a"]
    assert len(examples._differ(list(range(9)), list(range(1, 10)))) == examples.MAX_DIFFERENCES


@pytest.mark.parametrize("name", [name for name in STRUCTURES if not name.startswith("text")])
def test_valid_ones_are_valid_and_others_are_not(name):
    schema, payloads = STRUCTURES[name]
    validator = admit(schema)
    named = schema.get("$schema", "") if isinstance(schema, dict) else ""
    dialect = named.removesuffix("#") or validation.DEFAULT_DIALECT

    *told, last = examples.make_examples(schema, dialect, 5)

    valid = [one["payload"] for one in told if "faults" not in one]
    refused = [one["payload"] for one in told if "faults" in one]
    assert last == {"done": True}
    assert bool(valid) is bool(payloads)
    assert all(map(validator.is_valid, valid))
    assert not any(map(validator.is_valid, refused))
    assert max(len(valid), len(refused)) <= 5


def test_the_process_writes_one_a_line(monkeypatch):
    asked = {"schema": SCHEMA, "dialect": validation.DEFAULT_DIALECT, "take": 3, "seconds": 1}
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(orjson.dumps(asked))))
    told = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(told))

    examples.main()

    assert [orjson.loads(line) for line in told.getvalue().splitlines()] == make(SCHEMA, 3)
