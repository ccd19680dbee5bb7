"""What follows from an outcome: the next state, when, and whether it counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.outcomes import Outcome, Verdict
from dispatch import retries
from dispatch.models import ActionEvent, Status

COUNTED = {Verdict.NACK, Verdict.UNAVAILABLE, Verdict.AMBIGUOUS, Verdict.REFUSED}


def end(verdict, failures=0, seconds=None):
    return retries.end_attempt(7, 3, failures, Outcome(verdict, "said", seconds, 418))


def test_every_verdict_is_settled_or_retried():
    settled = {Verdict.ACK, Verdict.WAIT, Verdict.PERMANENT}

    assert settled | COUNTED | retries.UNCOUNTED == set(Verdict)


@pytest.mark.parametrize(
    ("verdict", "seconds", "kind", "status", "delay"),
    [
        # done
        (Verdict.ACK, None, "succeeded", "succeeded", 0),
        (Verdict.ACK, 5, "succeeded", "succeeded", 0),
        # delivered: 60 s to settle unless it says more, 0 s too
        (Verdict.WAIT, None, "delivered", "ack_wait", 60),
        (Verdict.WAIT, 0, "delivered", "ack_wait", 0),
        (Verdict.WAIT, 43_200, "delivered", "ack_wait", 43_200),
    ],
)
def test_a_good_answer_ends_or_holds_the_attempt(verdict, seconds, kind, status, delay):
    ending = end(verdict, seconds=seconds)

    assert (ending.record_id, ending.attempt) == (7, 3)
    assert (ending.kind, ending.status, ending.delay) == (kind, status, delay)
    assert (ending.counted, ending.error) == (False, "")


@pytest.mark.parametrize("failures", range(12))
def test_a_permanent_answer_ends_the_action(failures):
    ending = end(Verdict.PERMANENT, failures, seconds=5)

    assert (ending.kind, ending.status, ending.counted) == ("failed", "failed", True)
    assert ending.error == "said"


@pytest.mark.parametrize("verdict", sorted(COUNTED))
@pytest.mark.parametrize("failures", range(11))
def test_a_failure_is_retried_by_the_schedule(verdict, failures):
    ending = end(verdict, failures)

    assert ending.kind == ("nacked" if verdict is Verdict.NACK else "retried")
    assert (ending.status, ending.counted) == ("scheduled", True)
    planned = retries.SCHEDULE[failures]
    assert 0.8 * planned <= ending.delay <= 1.2 * planned
    assert ending.error == "said"


@pytest.mark.parametrize("verdict", sorted(COUNTED))
@pytest.mark.parametrize("failures", [11, 12, 40])
def test_the_twelfth_counted_failure_ends_the_action(verdict, failures):
    # Also where the destination names a time.
    for seconds in (None, 5):
        ending = end(verdict, failures, seconds)

        assert ending.kind == ("nacked" if verdict is Verdict.NACK else "failed")
        assert (ending.status, ending.counted, ending.delay) == ("failed", True, 0)


@pytest.mark.parametrize("verdict", sorted(retries.UNCOUNTED))
@pytest.mark.parametrize("failures", [0, 11, 12, 40])
@pytest.mark.parametrize(
    ("attempt", "planned"),
    [
        # its attempts lead along the schedule, but not far
        (0, 5),
        (1, 30),
        (2, 120),
        (3, 600),
        (40, 600),
    ],
)
def test_what_does_not_count_never_ends_the_action(verdict, failures, attempt, planned):
    ending = retries.end_attempt(7, attempt, failures, Outcome(verdict, "said"))

    assert (ending.kind, ending.status, ending.counted) == ("retried", "scheduled", False)
    assert 0.8 * planned <= ending.delay <= 1.2 * planned


@pytest.mark.parametrize("verdict", sorted(retries.UNCOUNTED))
@pytest.mark.parametrize(
    ("attempt", "seconds", "delay"),
    [
        # what a destination names is heard
        (0, 5, 5),
        (9, 86_400, 86_400),
        # but never goes round as fast as it can: the least wait grows to a minute
        (0, 0, 1),
        (9, 5, 10),
        (59, 0, 60),
        (1_000, 0, 60),
    ],
)
def test_what_does_not_count_waits_ever_longer(verdict, attempt, seconds, delay):
    ending = retries.end_attempt(7, attempt, 0, Outcome(verdict, "said", seconds))

    assert (ending.status, ending.delay) == ("scheduled", delay)


@pytest.mark.parametrize("verdict", sorted(COUNTED))
@pytest.mark.parametrize(
    ("seconds", "status"),
    [
        # at once, and outside the promoter
        (0, "queued"),
        # at the time that the destination names, without jitter
        (1, "scheduled"),
        (86_400, "scheduled"),
    ],
)
def test_a_named_time_wins_over_the_schedule(verdict, seconds, status):
    ending = end(verdict, 5, seconds)

    assert (ending.status, ending.delay) == (status, seconds)


def test_the_schedule_is_the_published_one():
    assert retries.SCHEDULE == (
        5, 30, 2 * 60, 10 * 60, 30 * 60, 3600, 3 * 3600, 6 * 3600, 10 * 3600, 10 * 3600, 10 * 3600
    )  # fmt: skip
    assert retries.MAX_FAILURES == 12


@given(st.integers(min_value=0, max_value=10**6))
def test_jitter_stays_within_a_fifth(failures):
    planned = retries.SCHEDULE[min(failures, 10)]

    assert 0.8 * planned <= retries.next_delay(failures) <= 1.2 * planned


def test_jitter_spreads():
    delays = [retries.next_delay(0) for _ in range(1000)]

    assert min(delays) < 4.2
    assert max(delays) > 5.8
    assert len(set(delays)) > 900


@pytest.mark.parametrize(
    ("outcome", "detail"),
    [
        # only what there is
        (Outcome(Verdict.ACK), {"verdict": "ack"}),
        (
            Outcome(Verdict.RATE_LIMITED, "HTTP 429", 0, 429),
            {"verdict": "rate_limited", "http_status": 429, "message": "HTTP 429", "seconds": 0},
        ),
    ],
)
def test_an_outcome_is_described_in_its_event(outcome, detail):
    assert retries.describe(outcome) == detail


def test_every_ending_is_of_a_kind_and_status_that_the_database_knows():
    for verdict in Verdict:
        for failures in range(13):
            ending = end(verdict, failures)
            assert ending.kind in ActionEvent.Kind.values
            assert ending.status in Status.values
