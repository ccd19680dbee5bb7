"""Large contracts are read in a time that grows as they do."""

from __future__ import annotations

import time

import pytest

from actions.consumers.naming import Names
from actions.consumers.reading import MAX_MEANINGS, read_shapes

COUNT = 20_000


def test_names_that_are_all_wanted_are_given_in_turn():
    names, started = Names(), time.process_time()

    given = [names.give("a-b") for _ in range(COUNT)]

    assert given[:3] == ["AB", "AB2", "AB3"]
    assert len({*given, names.give("AB2"), names.give("aB")}) == COUNT + 2
    assert time.process_time() - started < 2


def test_many_required_properties_do_not_take_long():
    named = [f"p{number}" for number in range(COUNT)]
    started = time.process_time()

    read_shapes({"properties": dict.fromkeys(named, True), "required": named}, "payload")

    assert time.process_time() - started < 2


@pytest.mark.parametrize("count", [MAX_MEANINGS, MAX_MEANINGS + 1])
def test_what_may_mean_too_many_things_is_not_told(count):
    schema = {
        "properties": {"a": {"$dynamicRef": "#x"}},
        "$defs": {f"d{n}": {"$id": f"urn:d{n}", "$dynamicAnchor": "x"} for n in range(count - 1)},
        "$dynamicAnchor": "x",
    }

    definitions = read_shapes(schema, "payload")

    assert len(definitions) == (count if count <= MAX_MEANINGS else 1)
