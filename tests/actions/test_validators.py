"""The compiled contracts that a process keeps: `contracts.Validators`."""

from __future__ import annotations

import functools

import orjson
import pytest

from actions import contracts
from actions.contracts import Validators
from actions.models import ActionDefinition
from tests import factories
from tests.actions.test_concurrent_publishing import run_together
from tests.client import codes


@pytest.fixture
def few(monkeypatch):
    """Validators that keep three."""
    monkeypatch.setattr(contracts, "CACHED_VALIDATORS", 3)
    return Validators()


def make(org, count):
    """Definitions that each take one number only: their own place in the list."""
    return [factories.make_definition(org, f"v{n}", schema={"const": n}).pk for n in range(count)]


def judge(validators, pk, payload):
    deadline = contracts.judge.set_deadline()
    return validators.find_faults(pk, payload, orjson.dumps(payload), deadline=deadline)


def add(validators, *numbers):
    for number in numbers:
        validators.add(number, orjson.dumps({"const": number}))


def test_a_payload_is_judged_by_its_own_contract(few):
    add(few, 1, 2)

    assert judge(few, 1, 1) == []
    (fault,) = judge(few, 2, 1)
    assert (fault.code, fault.pointer) == ("INVALID_INPUT", "/input")


def test_the_contract_that_was_used_longest_ago_goes_first(few):
    add(few, 1, 2, 3)
    judge(few, 1, 1)

    add(few, 4)

    assert [number for number in range(6) if number in few] == [1, 3, 4]


def test_adding_a_contract_again_keeps_the_others(few):
    add(few, 1, 2, 3, 3, 3)
    assert [number for number in range(6) if number in few] == [1, 2, 3]


def test_a_contract_that_was_pushed_out_is_read_again(few, acme, django_assert_num_queries):
    first, *others = make(acme, 4)
    few.add(first, b'{"const":0}')
    add(few, *others)
    assert first not in few

    with django_assert_num_queries(1):
        assert judge(few, first, 0) == []
    with django_assert_num_queries(0):
        assert [fault.pointer for fault in judge(few, first, 1)] == ["/input"]
    assert first in few


def test_a_contract_that_was_pushed_out_and_deleted_still_judges(few, acme):
    """The action was resolved before; what comes of the definition is decided elsewhere."""
    (pk,) = make(acme, 1)
    ActionDefinition.objects.update(deleted_at="2026-01-01T00:00:00Z")
    assert judge(few, pk, 0) == []


@pytest.mark.django_db(transaction=True)
def test_threads_that_push_each_others_contracts_out_do_no_harm(few, acme):
    numbers = list(enumerate(make(acme, 8)))

    def judge_all(shift):
        for round_ in range(25):
            for n, pk in numbers[shift:] + numbers[:shift]:
                if pk not in few:
                    few.add(pk, b'{"const":%d}' % n)
                assert judge(few, pk, n) == []
                assert judge(few, pk, n + 1 + round_) != []
        return True

    assert all(run_together([functools.partial(judge_all, shift) for shift in range(8)]))
    assert sum(pk in few for _, pk in numbers) == 3


def test_a_batch_of_more_contracts_than_are_kept_is_judged_whole(monkeypatch, api, acme):
    monkeypatch.setattr(contracts, "CACHED_VALIDATORS", 3)
    monkeypatch.setattr(contracts.validators, "_kept", contracts.OrderedDict())
    make(acme, 8)
    batch = [{"variant": f"v{n}", "input": n} for n in range(8)]

    data = api.data(api.post("/v1/batch", {"actions": batch}))
    refused = api.post("/v1/ingress/v0", {"input": 1})

    assert data["accepted"] == 8
    assert codes(refused) == [("INVALID_INPUT", "/input")]
