"""How processes learn of a lane's limits and move them: by compare-and-set, of which one wins."""

import pytest
from django.db import connection

from destinations.outcomes import Outcome, Verdict
from dispatch import limits, throttle
from dispatch.limits import LaneState, Limit, Observation, Seen
from dispatch.models import Lane
from dispatch.throttle import Throttle
from tests import factories

NOW = 1_700_000_000.0


@pytest.fixture
def lane(webhook):
    return factories.make_lane(webhook, running_limit=8, unsettled_limit=8)


def read(lane, *processes):
    """Let the processes learn what the lane's row holds."""
    with connection.cursor() as cursor:
        cursor.execute(throttle.READ, [[lane.pk]])
        for lane_id, *columns in cursor.fetchall():
            for process in processes:
                process.learn(lane_id, columns)


def observe(process, lane, seen, *, started=NOW, full=True, count=1, pause=None, what=""):
    for _ in range(count):
        one = Observation(seen, started, started + 1, full, pause, what)
        process.observe(lane.pk, limits.observe_answer, one)


def write(process):
    """Write what the process has to write; which lanes it lost. None where there is nothing."""
    moves = process.start_moves()
    if moves is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(throttle.MOVE, moves.parameters)
        return process.end_moves(moves, [lane_id for (lane_id,) in cursor.fetchall()])


def stored(lane):
    lane.refresh_from_db()
    return lane.running_limit, lane.revision, lane.reason


def test_what_a_lane_learns_is_stored_with_its_reason(lane):
    process = Throttle()
    read(lane, process)

    observe(process, lane, Seen.GOOD, count=8)

    assert write(process) == []
    assert stored(lane) == (9, 1, "raised from 8 to 9: a round went well")
    assert lane.moved_at is not None
    assert write(process) is None


def test_all_that_outlives_a_process_is_read_again_as_it_was(lane):
    process, later = Throttle(), Throttle()
    read(lane, process)
    observe(process, lane, Seen.LIMITED, pause=30.0, what="HTTP 429")
    write(process)

    read(lane, later)

    state = later.lanes[lane.pk].state
    assert state == LaneState(
        running=Limit(4, ceiling=8, decreased_at=NOW + 1),
        unsettled=Limit(8),
        paused_until=NOW + 31,
        reason="halved from 8 to 4 and paused for 30 s: HTTP 429",
    )


def test_counting_alone_writes_nothing(lane):
    process = Throttle()
    read(lane, process)

    observe(process, lane, Seen.GOOD, count=7)
    observe(process, lane, Seen.BAD)

    assert write(process) is None
    assert process.lanes[lane.pk].seen == []


def test_of_two_processes_one_moves_the_limit_and_the_other_goes_on_from_there(lane):
    first, second = Throttle(), Throttle()
    read(lane, first, second)
    observe(first, lane, Seen.LIMITED, what="HTTP 429")
    observe(second, lane, Seen.LIMITED, what="HTTP 429")

    assert write(first) == []
    assert write(second) == [lane.pk]
    read(lane, second)

    # Its attempt was of the same round as that which the first has halved the limit for.
    assert write(second) is None
    assert stored(lane)[:2] == (4, 1)
    assert second.lanes[lane.pk].state.running.size == 4


def test_what_was_seen_since_is_not_lost_with_a_lost_move(lane):
    first, second = Throttle(), Throttle()
    read(lane, first, second)
    observe(first, lane, Seen.LIMITED)
    observe(second, lane, Seen.LIMITED, started=NOW + 5, what="HTTP 429")
    write(first)
    assert write(second) == [lane.pk]

    read(lane, second)

    assert write(second) == []
    assert stored(lane) == (2, 2, "halved from 4 to 2: HTTP 429")


def test_caps_set_meanwhile_are_left_alone(lane):
    process = Throttle()
    read(lane, process)
    observe(process, lane, Seen.GOOD, count=8)
    Lane.objects.filter(pk=lane.pk).update(running_cap=3, revision=1)

    assert write(process) == [lane.pk]
    read(lane, process)
    assert write(process) == []

    lane.refresh_from_db()
    assert (lane.running_cap, lane.running_limit, lane.revision) == (3, 9, 2)


def test_news_that_are_older_than_what_is_known_change_nothing(lane):
    process = Throttle()
    read(lane, process)
    with connection.cursor() as cursor:
        cursor.execute(throttle.READ, [[lane.pk]])
        _, *old = cursor.fetchone()
    observe(process, lane, Seen.LIMITED)
    write(process)

    process.learn(lane.pk, old)

    assert process.lanes[lane.pk].state.running.size == 4


def test_what_was_counted_for_a_decrease_is_not_counted_again_where_it_is_read_back(lane):
    process = Throttle()
    read(lane, process)
    observe(process, lane, Seen.BAD, count=5)
    moves = process.start_moves()
    with connection.cursor() as cursor:
        cursor.execute(throttle.MOVE, moves.parameters)
        won = [lane_id for (lane_id,) in cursor.fetchall()]
    # A claim reads the row before we have heard that it is written.
    read(lane, process)
    process.end_moves(moves, won)

    observe(process, lane, Seen.BAD, started=NOW + 5)

    assert process.lanes[lane.pk].state.running == Limit(
        4, ceiling=8, decreased_at=NOW + 1, bad=limits.WEIGHT, barren=True
    )
    assert write(process) is None


def test_lanes_that_are_forgotten_are_learnt_anew(lane):
    process = Throttle()
    read(lane, process)
    observe(process, lane, Seen.LIMITED)

    process.forget([lane.pk])

    assert write(process) is None
    assert process.lanes == {}


def test_a_move_that_could_not_be_written_is_tried_again(lane):
    process = Throttle()
    read(lane, process)
    observe(process, lane, Seen.LIMITED)

    # The connection broke: nobody knows whether it was written.
    assert process.end_moves(process.start_moves(), []) == [lane.pk]
    read(lane, process)

    assert write(process) == []
    assert stored(lane)[:2] == (4, 1)


def test_a_process_forgets_lanes_rather_than_grow_without_end(monkeypatch, webhook):
    monkeypatch.setattr(throttle, "MOST_LANES", 3)
    made = [factories.make_lane(webhook, tags={"n": str(n)}) for n in range(4)]
    process = Throttle()
    observe(process, made[0], Seen.LIMITED)
    for lane in made[1:]:
        read(lane, process)

    # What is still to be written is kept.
    assert set(process.lanes) == {made[0].pk, made[3].pk}


@pytest.mark.parametrize(
    ("outcome", "milliseconds", "sla", "seen"),
    [
        # An answer is good however it settles, unless it is late.
        (Outcome(Verdict.ACK), 10, None, Seen.GOOD),
        (Outcome(Verdict.WAIT), 10, 10, Seen.GOOD),
        (Outcome(Verdict.ACK), 10.1, 10, Seen.SLOW),
        (Outcome(Verdict.NACK), 10, 50, Seen.GOOD),
        (Outcome(Verdict.PERMANENT), 60, 50, Seen.SLOW),
        (Outcome(Verdict.REFUSED, "HTTP 404", None, 404), 10, None, Seen.GOOD),
        # 429, and what says that it is out of order.
        (Outcome(Verdict.RATE_LIMITED), 10, None, Seen.LIMITED),
        (Outcome(Verdict.UNAVAILABLE), 10, None, Seen.BAD),
        (Outcome(Verdict.AMBIGUOUS), 30_000, 10, Seen.BAD),
        # Nobody has asked the destination.
        (Outcome(Verdict.OURS), 10, None, None),
        (Outcome(Verdict.REFUSED, "private address", said=False), 10, None, None),
    ],
)
def test_what_an_outcome_says_of_its_destination(outcome, milliseconds, sla, seen):
    assert throttle.judge_answer(outcome, milliseconds=milliseconds, sla=sla) is seen
