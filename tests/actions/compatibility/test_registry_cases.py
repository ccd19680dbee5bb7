"""Two registries' verdicts beside ours: the same ones, but for what is listed and argued."""

from __future__ import annotations

import pytest

from actions import contracts
from actions.compatibility import Direction
from actions.compatibility.comparing import compare
from tests.actions.compatibility import registries

REGISTRIES = registries.read_registries()
CASES = [case for registry in REGISTRIES for case in registry.cases]
WHICH = pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.name)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_pair_gets_the_registrys_verdict_or_the_one_that_is_argued(case):
    for schema in (case.old, case.new):
        contracts.admit(schema)

    report = compare(case.old, case.new, direction=Direction(case.direction))

    assert report.verdict.value == case.ours


@WHICH
def test_each_difference_is_argued_and_each_argument_is_about_one(registry):
    argued = {case.differs for case in registry.cases} - {None}

    assert argued == set(registry.arguments)
    for case in registry.cases:
        assert (case.ours != case.expected) is (case.differs is not None), case.name


@WHICH
def test_an_argument_is_about_one_pair_of_verdicts(registry):
    for argument in registry.arguments:
        assert len({(case.expected, case.ours) for case in registry.arguing(argument)}) == 1


def test_no_pair_is_listed_twice():
    assert len({str(case) for case in CASES}) == len(CASES)


def test_the_page_about_the_differences_is_as_the_data_say():
    assert registries.PAGE.read_text() == registries.describe(REGISTRIES)
