"""The controller of a lane's limits, as a table: a state and what was seen give the next state."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch import limits
from dispatch.limits import (
    BREAK_AFTER,
    HOLD_ROUNDS,
    HOLD_SECONDS,
    LONGEST_PAUSE,
    MOST_OPENED,
    MOST_RUNNING,
    MOST_UNSETTLED,
    START,
    WEIGHT,
    LaneState,
    Limit,
    Observation,
    Seen,
)

NOW = 1_700_000_000.0


def seen(what=Seen.GOOD, *, started=NOW, took=1.0, full=True, pause=None, cause=""):
    return Observation(what, started, started + took, full, pause, cause)


def answers(state, *observed):
    for one in observed:
        state = limits.observe_answer(state, one)
    return state


def running(size, **fields):
    return LaneState(running=Limit(size, **fields))


# --- growing --------------------------------------------------------------------------------------


def test_a_new_lane_starts_small():
    state = LaneState()

    assert (state.running.size, state.unsettled.size) == (START, START) == (4, 4)
    assert (state.opened, state.paused_until, state.reason) == (0, 0.0, "")


@pytest.mark.parametrize("size", [1, 2, 4, 16, 300])
def test_a_round_of_successes_of_a_full_lane_raises_its_limit_by_one(size):
    before = answers(running(size), *[seen()] * (size - 1))
    after = answers(before, seen())

    assert before.running.size == size
    assert after.running == Limit(size + 1)
    assert after.reason == f"raised from {size} to {size + 1}: a round went well"


def test_a_lane_that_is_not_full_does_not_grow():
    assert answers(running(4), *[seen(full=False)] * 100) == running(4)


def test_a_success_between_failures_in_a_row_starts_their_count_anew():
    state = answers(running(100), *[seen(Seen.BAD)] * 4, seen(full=False))

    assert state.streak == 0


@pytest.mark.parametrize(
    ("observe", "field", "most"),
    [
        (limits.observe_answer, "running", MOST_RUNNING),
        (limits.observe_settlement, "unsettled", MOST_UNSETTLED),
    ],
)
def test_no_limit_grows_for_ever(observe, field, most):
    state = LaneState(**{field: Limit(most - 1, good=most - 2)})
    for _ in range(3 * most):
        state = observe(state, seen())

    assert getattr(state, field).size == most


@pytest.mark.parametrize(
    ("limit", "good", "waited", "size"),
    [
        # Far below its ceiling it takes half of the way back with every round.
        (Limit(10, ceiling=31), 10, 0, 20),
        (Limit(20, ceiling=31), 20, 0, 25),
        (Limit(29, ceiling=31), 29, 0, 30),
        # Just below it holds, for so many rounds
        (Limit(30, ceiling=31), 30, HOLD_SECONDS, 30),
        (Limit(30, ceiling=31), HOLD_ROUNDS * 30 - 1, HOLD_SECONDS, 30),
        # and so many seconds.
        (Limit(30, ceiling=31), HOLD_ROUNDS * 30, HOLD_SECONDS - 1, 30),
        (Limit(30, ceiling=31), HOLD_ROUNDS * 30, HOLD_SECONDS, 31),
        # Beyond it, it grows as if there had been none.
        (Limit(31, ceiling=31), 31, HOLD_SECONDS, 32),
        # A ceiling of one leaves one.
        (Limit(1, ceiling=1), 1, 0, 1),
        (Limit(1, ceiling=1), HOLD_ROUNDS, HOLD_SECONDS, 2),
    ],
)
def test_the_way_back_to_a_size_that_was_too_much(limit, good, waited, size):
    limit = limit._replace(decreased_at=NOW)

    assert limits.next_size(limit, good, NOW + waited) == size


# --- shrinking ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "half"), [(2, 1), (5, 2), (40, 20)])
def test_too_many_requests_halve_the_limit_at_once(size, half):
    state = answers(running(size), seen(Seen.LIMITED, cause="HTTP 429"))

    assert state.running == Limit(half, ceiling=size, decreased_at=NOW + 1, barren=True)
    assert state.reason == f"halved from {size} to {half}: HTTP 429"


def test_a_limit_of_one_stays_and_its_round_starts_again():
    state = answers(running(1, good=0), seen(Seen.LIMITED))

    assert state.running == Limit(1, decreased_at=NOW + 1, barren=True)
    assert state.reason == "kept at 1: too many requests"


@pytest.mark.parametrize(
    ("what", "size"),
    [
        # Failures halve the limit.
        (Seen.BAD, 20),
        # Late answers take a tenth.
        (Seen.SLOW, 36),
    ],
)
def test_a_few_failures_or_late_answers_are_weighed_against_the_good_ones(what, size):
    few = answers(running(40), *[seen(what)] * 4)
    many = answers(few, seen(what))

    assert few.running.size == 40
    assert many.running == Limit(size, ceiling=40, decreased_at=NOW + 1, barren=True)


def test_good_answers_make_up_for_a_failure_before_the_round_goes_on():
    state = answers(running(40), seen(Seen.BAD), *[seen()] * WEIGHT)
    assert state.running == Limit(40)

    assert answers(state, seen()).running == Limit(40, good=1)


def test_a_background_of_failures_does_not_keep_a_lane_small():
    # One in ten fails whatever the load is.
    state = answers(running(40), *([seen()] * 9 + [seen(Seen.BAD)]) * 100)

    assert state.running.size >= 40


def test_there_is_one_decrease_a_round():
    fell = answers(running(40), seen(Seen.LIMITED))
    # These started before the decrease: they say nothing new.
    same = answers(fell, *[seen(Seen.LIMITED, started=NOW - 5, took=10)] * 5)
    again = answers(same, seen(Seen.LIMITED, started=NOW + 1.5))

    assert same.running == fell.running
    assert again.running.size == 10


def test_what_fails_after_whole_rounds_at_a_size_does_not_fail_for_its_size():
    state = answers(running(30, ceiling=80, good=30), seen(Seen.LIMITED))

    assert state.running == Limit(15, ceiling=80, decreased_at=NOW + 1, barren=True)


def test_decreases_with_nothing_good_between_them_leave_the_ceiling_where_it_was():
    first = answers(running(40), seen(Seen.LIMITED))
    outage = answers(first, seen(Seen.LIMITED, started=NOW + 2))
    overload = answers(first, seen(started=NOW + 2), seen(Seen.LIMITED, started=NOW + 2))

    assert (outage.running.size, outage.running.ceiling) == (10, 40)
    assert (overload.running.size, overload.running.ceiling) == (10, 20)


# --- pauses and the breaker -----------------------------------------------------------------------


def test_a_429_with_a_time_pauses_the_lane_until_then():
    state = answers(running(8), seen(Seen.LIMITED, pause=30.0, cause="HTTP 429"))

    assert state.paused_until == NOW + 1 + 30
    assert state.reason == "halved from 8 to 4 and paused for 30 s: HTTP 429"


def test_a_pause_is_never_made_shorter():
    state = answers(LaneState(paused_until=NOW + 100), seen(Seen.LIMITED, pause=5.0))

    assert state.paused_until == NOW + 100


def test_an_attempt_from_before_the_pause_can_make_it_longer():
    state = answers(LaneState(paused_until=NOW + 10), seen(Seen.LIMITED, pause=30.0))

    assert (state.running.size, state.paused_until) == (START, NOW + 31)
    assert state.reason == "paused for 30 s: too many requests"


def test_failures_in_a_row_open_the_breaker():
    nearly = answers(running(1), *[seen(Seen.BAD, cause="HTTP 503")] * (BREAK_AFTER - 1))
    opened = answers(nearly, seen(Seen.BAD, started=NOW + 2, cause="HTTP 503"))

    assert (nearly.opened, nearly.paused_until) == (0, 0)
    assert (opened.opened, opened.paused_until) == (1, NOW + 3 + 1)
    assert opened.reason == "paused for 1 s after 10 failures in a row: HTTP 503"


@pytest.mark.parametrize(
    ("opened", "seconds"),
    [(1, 2.0), (2, 4.0), (5, 32.0), (6, LONGEST_PAUSE), (98, LONGEST_PAUSE), (99, LONGEST_PAUSE)],
)
def test_each_failed_probe_doubles_the_pause(opened, seconds):
    state = answers(
        LaneState(opened=opened, paused_until=NOW - 1), seen(Seen.BAD, cause="HTTP 500")
    )

    assert (state.opened, state.paused_until) == (opened + 1, NOW + 1 + seconds)
    assert state.reason == f"paused for {seconds:g} s as the probe failed: HTTP 500"


def test_a_probe_that_is_limited_waits_for_as_long_as_it_is_told():
    state = answers(LaneState(opened=1), seen(Seen.LIMITED, pause=500.0))

    assert state.paused_until == NOW + 1 + 500


@pytest.mark.parametrize("what", [Seen.GOOD, Seen.SLOW])
def test_a_probe_that_is_answered_ends_the_pause(what):
    owing = running(7, bad=24, slow=6, barren=True)
    state = answers(owing._replace(opened=3, paused_until=NOW - 1, streak=4), seen(what))

    assert state == running(7)._replace(reason="resumed at 7: the probe was answered")


def test_what_started_before_the_pause_is_no_probe():
    paused = LaneState(opened=1, paused_until=NOW + 5)

    assert answers(paused, seen(Seen.GOOD), seen(Seen.BAD)) == paused


def test_a_destination_that_is_dead_for_years_is_counted_no_further():
    state = answers(LaneState(opened=MOST_OPENED), seen(Seen.BAD))

    assert (state.opened, state.paused_until) == (MOST_OPENED, NOW + 1 + LONGEST_PAUSE)


# --- settlement -----------------------------------------------------------------------------------


def test_settlements_in_time_raise_the_unsettled_limit_only():
    state = LaneState()
    for _ in range(START):
        state = limits.observe_settlement(state, seen())

    assert (state.running.size, state.unsettled.size) == (START, START + 1)
    assert state.reason == "unsettled raised from 4 to 5: a round went well"


def test_missed_settlement_deadlines_halve_the_unsettled_limit_only():
    state = LaneState(unsettled=Limit(40))
    for _ in range(5):
        state = limits.observe_settlement(state, seen(Seen.BAD, cause="not settled in time"))

    assert (state.running.size, state.unsettled.size) == (START, 20)
    assert state.reason == "unsettled halved from 40 to 20: not settled in time"


# --- what always holds ----------------------------------------------------------------------------

OBSERVATIONS = st.builds(
    Observation,
    st.sampled_from(Seen),
    started=st.floats(0, 100),
    ended=st.floats(0, 200),
    saturated=st.booleans(),
    pause=st.none() | st.floats(0, 86_400),
    what=st.text(max_size=5),
)


@given(st.lists(st.tuples(st.booleans(), OBSERVATIONS), max_size=80))
def test_whatever_is_seen_limits_stay_within_bounds_and_each_move_has_a_reason(history):
    state = LaneState()
    for is_answer, one in history:
        observe = limits.observe_answer if is_answer else limits.observe_settlement
        before, state = state, observe(state, one)

        assert 1 <= state.running.size <= MOST_RUNNING
        assert 1 <= state.unsettled.size <= MOST_UNSETTLED
        assert state.running.size <= before.running.size + max(1, before.running.ceiling or 0)
        if not state.same_stored(before):
            assert state.reason
        if state.running.size < before.running.size:
            assert one.seen is not Seen.GOOD
            assert one.started > before.running.decreased_at
