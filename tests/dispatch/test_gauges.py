"""Gauges: what a lane says of itself, and what reading it costs."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from destinations.models import Destination
from dispatch import gauges
from dispatch.gauges import Gauge, State
from dispatch.models import Lane, Status
from tests import factories
from tests.dispatch import plans

THEN = datetime(2026, 3, 1, 3, 0, 5, tzinfo=UTC)
NAMED = "2026-03-01 03:00:05 UTC"
EMPTY = Gauge(
    lane=Lane(),
    state=State.RUNNING,
    running=0,
    unsettled=0,
    queued=0,
    scheduled=0,
    oldest_due_at=None,
    oldest_due_seconds=None,
    next_due_at=None,
    variants=(),
)


def gauge(state=State.RUNNING, lane=None, destination=None, **counts):
    to = Destination(type="webhook", **destination or {})
    columns = {"running_limit": 4, "unsettled_limit": 8, "reason": ""} | (lane or {})
    return replace(EMPTY, lane=Lane(destination=to, **columns), state=state, **counts)


@pytest.mark.parametrize(
    ("shown", "explanation"),
    [
        (gauge(), "Open: room for 4 more."),
        (gauge(running=3, unsettled=3), "Open: room for 1 more."),
        # Just due: a dispatcher is about to take it.
        (gauge(queued=1, oldest_due_seconds=2), "Open: room for 4 more."),
        (
            gauge(queued=1, oldest_due_seconds=4_000),
            "Room for 4 more, and work has been due for 4,000 s: is a dispatcher running, and has "
            "it time for this destination?",
        ),
        # Full, by a limit or by a cap below it.
        (gauge(running=4, unsettled=4), "Full: 4 deliveries are under way, and 4 may be."),
        (
            gauge(lane={"running_cap": 2}, running=3, unsettled=3),
            "Full: 3 deliveries are under way, and 2 may be.",
        ),
        (gauge(unsettled=8), "Full: 8 are not settled, and 8 may be."),
        (
            gauge(lane={"unsettled_cap": 5}, running=1, unsettled=5),
            "Full: 5 are not settled, and 5 may be.",
        ),
        # Probing.
        (
            gauge(State.PROBING, lane={"reason": "no answer in time"}),
            "One delivery at a time until one succeeds; the next delivery is a probe: "
            "no answer in time.",
        ),
        (
            gauge(State.PROBING, running=1, unsettled=1),
            "One delivery at a time until one succeeds; a probe is under way.",
        ),
        # Paused, by whom and until when.
        (
            gauge(State.PAUSED, lane={"paused_until": THEN, "reason": "429 asked for 30 s"}),
            f"Paused until {NAMED}: 429 asked for 30 s.",
        ),
        (
            gauge(State.PAUSED, lane={"running_cap": 0}),
            "Its running cap is 0: nothing starts until that is raised.",
        ),
        (
            gauge(State.PAUSED, lane={"running_cap": 0, "unsettled_cap": 0, "paused_until": THEN}),
            "Its running and unsettled cap is 0: nothing starts until that is raised.",
        ),
        (
            gauge(State.PAUSED, lane={"running_cap": 0}, destination={"paused_at": THEN}),
            f"Its destination has been paused since {NAMED}.",
        ),
        (
            gauge(destination={"deleted_at": THEN, "paused_at": THEN}),
            "Its destination is deleted.",
        ),
        # A pause that is over does not hold it any more.
        (gauge(lane={"paused_until": THEN}), "Open: room for 4 more."),
    ],
)
def test_a_lane_explains_why_nothing_more_starts(shown, explanation):
    assert shown.explanation == explanation


@pytest.mark.parametrize(
    ("shown", "room"),
    [
        (gauge(), 4),
        (gauge(lane={"running_cap": 3}), 3),
        (gauge(lane={"unsettled_cap": 2}, unsettled=1), 1),
        (gauge(lane={"running_cap": 9}), 4),
        (gauge(running=6, unsettled=6), 0),
        (gauge(State.PROBING), 1),
        (gauge(State.PROBING, running=1, unsettled=1), 0),
    ],
)
def test_room_is_what_limits_and_caps_leave(shown, room):
    assert shown.room == room


def test_no_lanes_have_no_gauges(db):
    assert gauges.read([]) == []


def test_gauges_come_in_the_order_of_their_lanes(webhook):
    lanes = [factories.make_lane(webhook, tags={"n": str(n)}) for n in range(5)]

    assert [one.lane for one in gauges.read(reversed(lanes))] == lanes[::-1]


@pytest.fixture
def busy(acme, webhook, definition):
    """Twenty lanes: 30,000 due, 15,000 scheduled and 20,000 finished actions in the first one."""
    lanes = [factories.make_lane(webhook, tags={"n": str(n)}) for n in range(20)]
    later = timezone.now() + timedelta(hours=1)
    over = {"status": Status.SUCCEEDED, "completed_at": timezone.now()}
    for lane in lanes[1:]:
        factories.make_records(lane, definition, 50, **over)
    factories.make_records(lanes[0], definition, 20_000, **over)
    factories.make_records(lanes[0], definition, 30_000)
    factories.make_records(lanes[0], definition, 15_000, status="scheduled", available_at=later)
    factories.make_records(lanes[0], definition, 500, status="running", timeout_at=later)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE dispatch_actionrecord, dispatch_lane")
    return lanes


def test_counting_a_lane_reads_the_indexes_of_unfinished_rows_only_up_to_its_bound(busy):
    with connection.cursor() as cursor:
        cursor.execute(
            f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {gauges.COUNT}",
            [[lane.pk for lane in busy]],
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "Seq Scan on dispatch_actionrecord" not in plan
    for index in ("record_due", "record_waiting", "record_in_flight"):
        assert f"using {index} on dispatch_actionrecord" in plan or f"on {index} " in plan
    for other in ("record_scheduled", "record_open", "record_newest", "pkey on dispatch_action"):
        assert other not in plan

    started = time.monotonic()
    (first, *others) = gauges.read(busy)
    assert time.monotonic() - started < 2
    assert (first.queued, first.scheduled) == (10_001, 10_001)
    assert (first.running, first.unsettled) == (500, 500)
    assert {(one.queued, one.scheduled, one.running) for one in others} == {(0, 0, 0)}


def test_counting_what_waits_for_a_resume_stops_at_its_bound(busy, webhook):
    Destination.objects.update(paused_at=timezone.now())
    webhook.refresh_from_db()
    asked = {"destination": webhook.pk, "all": True}

    plan = plans.read(gauges.COUNT_DUE, asked)

    assert gauges.count_due(webhook) == (10_001, 1)
    assert plan.indexes("dispatch_actionrecord") <= {
        "record_due", "record_pullable", "record_waiting"
    }  # fmt: skip
    assert plan.rows("dispatch_actionrecord") < 10_100


def test_what_waits_for_a_resume_is_due(acme, webhook, definition):
    due, empty, learnt = (factories.make_lane(webhook, tags={"n": str(n)}) for n in range(3))
    other = factories.make_lane(factories.make_destination(acme))
    now, later = timezone.now(), timezone.now() + timedelta(hours=1)
    Lane.objects.filter(pk=learnt.pk).update(paused_until=later)
    over = {"status": Status.SUCCEEDED, "completed_at": now}
    for lane, count, columns in (
        (due, 3, {}),
        (due, 2, {"push": False}),
        (due, 1, {"status": "scheduled", "available_at": now - timedelta(minutes=1)}),
        (due, 5, {"status": "scheduled", "available_at": later}),
        (due, 5, {"status": "running", "timeout_at": later}),
        (empty, 5, over),
        (learnt, 4, {}),
        (other, 9, {}),
    ):
        factories.make_records(lane, definition, count, **columns)

    # Where it is not paused itself, the others have never stopped.
    assert gauges.count_due(webhook) == (4, 1)
    webhook.paused_at = now
    assert gauges.count_due(webhook) == (10, 2)
