"""Seats: one organization's waiting leaves room for others', and every seat is given back."""

from __future__ import annotations

import itertools
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.db import connection, transaction

from agents import calls, streams
from destinations import trials
from dispatch import direct, waiting
from gateway import probes
from orgs import audit_views
from runtime import seats, slots
from runtime.seats import Seats
from runtime.slots import Slots

ACME, GLOBEX, INITECH = 1, 2, 3


@pytest.fixture(autouse=True)
def _own_process(monkeypatch):
    """Nobody else waits in this process, which lets as many wait as they like."""
    monkeypatch.setattr(seats, "_process", Seats(float("inf")))


@pytest.fixture
def slot(monkeypatch):
    """The only slot of the process."""
    ours = Slots(1)
    monkeypatch.setattr(slots, "_installed", [ours])
    return ours


def serve(slot, function):
    """What the function gives in a request of its own, which has the slot."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(slot.serve(lambda *_: function()), {}, None).result(10)


@pytest.fixture
def sit():
    """Take as many seats as there are for an organization; how many that were."""
    with ExitStack() as held:

        def take_all(of, org_id):
            before = of.taken_by(org_id)
            while held.enter_context(of.take(org_id)):
                pass
            return of.taken_by(org_id) - before

        yield take_all


@pytest.mark.parametrize(
    ("count", "each"),
    [
        (0, (0, 0, 0)),
        # The last one is somebody's, too.
        (1, (1, 0, 0)),
        (2, (1, 1, 0)),
        (3, (2, 1, 0)),
        (100, (50, 25, 13)),
        (400, (200, 100, 50)),
    ],
)
def test_one_organization_has_half_and_the_next_half_of_the_rest(sit, count, each):
    ours = Seats(count)

    assert tuple(sit(ours, org_id) for org_id in (ACME, GLOBEX, INITECH)) == each


def test_kinds_have_their_own_and_share_those_of_the_process(sit):
    pulls, executes = Seats(400), Seats(100)
    seats.limit(300)

    assert sit(executes, ACME) == 50
    # Half of all, less those.
    assert sit(pulls, ACME) == 100
    assert sit(executes, ACME) == 0
    assert sit(executes, GLOBEX) == 25
    assert sit(pulls, GLOBEX) == 50


def test_what_is_free_again_is_had_again(sit):
    ours = Seats(2)

    with ours.take(ACME) as first, ours.take(ACME) as second, ours.take(GLOBEX) as theirs:
        assert (first, second, theirs) == (True, False, True)

    assert (sit(ours, ACME), sit(ours, GLOBEX)) == (1, 1)


@pytest.mark.parametrize("way", ["take", "waiting"])
@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_a_seat_is_given_back_on_every_way_out(slot, way, error):
    ours = Seats(10)

    def wait():
        with getattr(ours, way)(ACME) as is_free:
            assert is_free
            assert (ours.taken_by(ACME), seats._process.taken_by(ACME)) == (1, 1)
            if error is not None:
                raise error

    def ask():
        with pytest.raises(error) if error else ExitStack():
            wait()

    serve(slot, ask)

    assert (ours._taken, seats._process._taken) == ({}, {})


def test_who_is_refused_keeps_its_slot(slot):
    def ask():
        with Seats(0).waiting(ACME) as may_wait:
            return may_wait, slot._free.qsize()

    assert serve(slot, ask) == (False, 0)


def test_who_waits_has_left_its_slot(slot):
    def ask():
        with Seats(2).waiting(ACME) as may_wait:
            return may_wait, slot._free.qsize()

    assert serve(slot, ask) == (True, 1)


@pytest.mark.django_db(transaction=True)
def test_there_is_no_seat_within_a_transaction(slot):
    def ask():
        with transaction.atomic(), Seats(2).waiting(ACME) as may_wait:
            return may_wait, connection.in_atomic_block

    try:
        assert serve(slot, ask) == (False, True)
    finally:
        slot._free.get().close()


def test_who_has_a_seat_may_still_wait_when_the_process_is_to_end_and_nobody_else(slot):
    ours, told = Seats(10), []

    def ask():
        with ours.take(ACME):
            slot.stop()
            with slots.left():
                told.append("waits")
            with ours.take(ACME) as is_free:
                told.append(is_free)

    serve(slot, ask)

    assert told == ["waits", False]


def test_the_page_for_operators_says_how_many_there_are(sit):
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    told = re.findall(r"^\| .+ \| (\d+) \| (\d+) \| (\d+) \| .+ \|$", page, re.MULTILINE)
    kinds = (waiting, direct, probes, calls, streams, audit_views, trials)

    def take_all(of):
        each = list(itertools.takewhile(bool, (sit(of, org_id) for org_id in itertools.count())))
        return of.count, each[0], len(each)

    assert [tuple(map(int, row)) for row in told] == [take_all(kind.seats) for kind in kinds]
