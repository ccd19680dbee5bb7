"""Pairs of schemas that nobody thought of: no payload shows a verdict to be wrong.

`make compat` does the same for 100,000 pairs.
"""

from __future__ import annotations

import json

import pytest

from actions.compatibility.comparing import compare
from tests.actions.compatibility import planted
from tests.actions.compatibility.cases import Case, CounterexampleError, Tally, hold, make_cases
from tests.actions.compatibility.oracles import Oracle
from tests.actions.compatibility.running import run
from tests.actions.compatibility.shrinking import shrink

RUNS = 3
PLANTED = 240


def test_no_payload_shows_a_verdict_to_be_wrong():
    tally = Tally()
    for number in range(RUNS):
        tally.add(run(compare, number=number))

    assert tally.cases > 1_200
    assert {verdict for _, verdict in tally.pairs} == {
        "compatible",
        "incompatible",
        "indeterminate",
    }
    assert tally.seen["payloads accepted"] > 4_000
    assert tally.seen["samples"] > 300


def test_whoever_always_says_yes_is_found_out_and_the_smallest_pair_is_shown():
    with pytest.raises(CounterexampleError) as caught:
        run(planted.saying_yes, number=1, examples=20)

    shown = json.loads(str(caught.value))
    assert shown["what"] == "called compatible"
    assert Oracle(shown["old"]).accepts(shown["payload"])
    assert not Oracle(shown["new"]).accepts(shown["payload"])
    assert len(json.dumps([shown["old"], shown["new"]])) < 150
    assert found_out(planted.saying_yes, caught.value.case)


def test_an_engine_that_ignores_a_keyword_is_found_out():
    engines = {word: planted.ignoring(word) for word in planted.OFTEN}
    engines |= {f"{one} as {other}": planted.mistaking(one, other) for one, other in planted.LIKE}

    for number in range(PLANTED):
        for case in make_cases(number.to_bytes(8, "big")):
            for name in [name for name in engines if found_out(engines[name], case)]:
                del engines[name]

    assert not engines


def found_out(engine, case):
    try:
        hold(engine, case, Tally())
    except CounterexampleError as found:
        return found.what == "called compatible"
    return False


def test_an_engine_that_raises_is_found_out():
    def compare(old, new, **_):
        raise KeyError("minimum")

    with pytest.raises(CounterexampleError, match="raised KeyError"):
        hold(compare, CASE, Tally())


def test_an_engine_that_forgets_the_other_direction_is_found_out():
    def compare(old, new, *, direction):
        return planted.shrugging(old, new if direction == "backward" else old)

    with pytest.raises(CounterexampleError, match="backward and forward differ"):
        hold(compare, CASE, Tally())


CASE = Case(Oracle({"type": "string"}), Oracle({"minLength": 1}), True, ["", "a"], True)


def test_what_is_shrunk_still_fails_and_nothing_can_be_taken_out():
    old = {"type": "object", "properties": {"a": {"minimum": 3}, "b": True}, "title": "t"}
    new = {"type": "object", "properties": {"a": {"minimum": 7}, "b": True}, "title": "t"}

    smallest = shrink((old, new), lambda pair: all("minimum" in json.dumps(one) for one in pair))

    assert smallest == ({"minimum": 0}, {"minimum": 0})
