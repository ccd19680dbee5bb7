"""How much a claim takes from a lane: what its limits and caps leave, and nothing in a pause."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from dispatch import throttle
from dispatch.engine import claims
from tests import factories
from tests.dispatch import simulation
from tests.dispatch.claiming import by_lane, claim, lock, take

LATER = timezone.now() + timedelta(hours=1)


@pytest.mark.parametrize(
    ("limits", "in_flight", "room"),
    [
        # nothing under way
        ({}, {}, 16),
        # the running limit counts what runs
        ({}, {"running": 10}, 6),
        ({}, {"running": 16}, 0),
        ({}, {"running": 20}, 0),
        ({"running_limit": 0}, {}, 0),
        ({"running_limit": 1}, {"ack_wait": 5}, 1),
        # the unsettled limit counts what runs and what waits for its settlement
        ({"unsettled_limit": 10}, {}, 10),
        ({"unsettled_limit": 10}, {"running": 3, "ack_wait": 4}, 3),
        ({"unsettled_limit": 10}, {"ack_wait": 10}, 0),
        ({"unsettled_limit": 10}, {"ack_wait": 12}, 0),
        ({"unsettled_limit": 10, "running_limit": 2}, {"running": 1, "ack_wait": 4}, 1),
        # never above a cap, which is no lower bound either
        ({"running_cap": 5}, {"running": 3}, 2),
        ({"running_cap": 2}, {"running": 3}, 0),
        ({"unsettled_cap": 6}, {"running": 3, "ack_wait": 2}, 1),
        ({"running_cap": 0}, {}, 0),
        ({"unsettled_cap": 0}, {}, 0),
        ({"running_limit": 4, "running_cap": 100, "unsettled_cap": 100}, {"running": 3}, 1),
        # paused; and with an open breaker a probe, while there is none
        ({"paused_until": LATER}, {}, 0),
        ({"paused_until": LATER, "opened": 1}, {}, 0),
        ({"opened": 2}, {}, 1),
        ({"opened": 2}, {"running": 1}, 0),
        ({"opened": 2, "running_cap": 0}, {}, 0),
    ],
)
def test_a_lane_never_exceeds_its_limits(make_lanes, definition, limits, in_flight, room):
    (lane,) = make_lanes(1, **limits)
    later = timezone.now() + timedelta(minutes=1)
    for status, count in in_flight.items():
        factories.make_records(lane, definition, count, status=status, timeout_at=later)
    factories.make_records(lane, definition, 40)

    if not limits.keys() & {"running_cap", "unsettled_cap"}:
        assert simulated_room(lane, in_flight) == room
    assert len(claim()) == room
    assert claim() == []


def simulated_room(lane, in_flight):
    """What the simulation of the limits takes for the lane's room: it must be the claim's."""
    _, *columns = read(lane)
    simulated = simulation.Lane(
        None,
        throttle.read_state(columns),
        running=in_flight.get("running", 0),
        unsettled=sum(in_flight.values()),
    )
    return simulation.learnt_room(simulated, timezone.now().timestamp())


def read(lane):
    with connection.cursor() as cursor:
        cursor.execute(throttle.READ, [[lane.pk]])
        return cursor.fetchone()[1:]


@pytest.mark.parametrize(
    "closed",
    [
        {"paused_until": timezone.now() + timedelta(hours=1)},
        {"paused_until": timezone.now() + timedelta(hours=1), "opened": 1},
        {"running_cap": 0},
        {"unsettled_cap": 0},
    ],
)
def test_lanes_that_are_paused_take_no_place_of_those_that_are_open(
    make_lanes, definition, closed, monkeypatch
):
    shut = make_lanes(claims.LANES_A_CLAIM + 6, **closed)
    (open_lane,) = make_lanes(1)
    for lane in [*shut, open_lane]:
        factories.make_records(lane, definition, 1)

    with connection.cursor() as cursor:
        assert lock(cursor) == (open_lane.pk, False)
        assert list(by_lane(take(cursor))) == [open_lane.pk]


@pytest.mark.parametrize(
    "reopened",
    [
        # The pause is over; with its breaker open, too: one probe.
        {"paused_until": timezone.now() - timedelta(hours=1)},
        {"paused_until": timezone.now() - timedelta(hours=1), "opened": 1},
        {"running_cap": 1},
        {"running_cap": 1, "unsettled_cap": 1},
    ],
)
def test_lanes_that_let_something_start_are_open(make_lanes, definition, reopened):
    (lane,) = make_lanes(1, **reopened)
    factories.make_records(lane, definition, 1)

    assert list(by_lane(claim())) == [lane.pk]


def test_of_thousands_of_paused_lanes_some_are_looked_at_at_once(
    make_lanes, definition, monkeypatch
):
    lanes = make_lanes(9, running_cap=0)
    for lane in lanes:
        factories.make_records(lane, definition, 1)
    sql = claims.LOCK_LANES.replace(f"seen < {claims.LANES_SEEN}", "seen < 5").replace(
        f"max(seen) = {claims.LANES_SEEN}", "max(seen) = 5"
    )
    monkeypatch.setattr(claims, "LOCK_LANES", sql)

    with connection.cursor() as cursor:
        assert lock(cursor) == (lanes[4].pk, True)
        assert lock(cursor, after=lanes[4].pk) == (lanes[8].pk, False)
