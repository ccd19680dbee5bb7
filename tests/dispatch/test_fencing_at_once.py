"""Fencing where two ends of one attempt meet at the same moment: one of them is taken."""

import pytest
from django.db import transaction

from config.errors import ConflictError
from dispatch import settlement
from dispatch.models import ActionRecord
from tests import factories
from tests.dispatch import lives
from tests.dispatch.claiming import claim, promote
from tests.dispatch.concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 5
# What is no end of an attempt.
NO_END = {"accepted", "late"}


def settle(verb, **more):
    """A worker's word; whether it was taken."""

    def say(record):
        try:
            verb(org_id=record.org_id, record_id=record.pk, attempt=0, **more)
        except ConflictError as error:
            return error.faults[0].code != "ATTEMPT_OVER"
        return True

    return say


def answer(outcome):
    """What a dispatcher writes of its answer; whether it was more than late."""

    def write(record):
        lives.write_outcomes([(record.pk, 0, outcome)])
        return not record.events.filter(kind="late").exists()

    return write


def expire(record):
    """Whether its time was over."""
    return promote()[1] == 1


ENDS = {
    "ack": settle(settlement.ack),
    "nack": settle(settlement.nack),
    "nack, never again": settle(settlement.nack, retry=False),
    "modack": settle(settlement.extend, seconds=60),
    "the answer's ack": answer(lives.ACK),
    "the answer's mod_ack": answer(lives.WAIT),
    "the answer's 503": answer(lives.UNAVAILABLE),
    "the answer's 410": answer(lives.PERMANENT),
}
FINAL = [name for name in ENDS if "mod" not in name]


def meet(acme, first, second, *, expired):
    """A new action, its attempt 0 ended in two ways at once, and which of them was taken."""
    # In a lane of its own, which no earlier one has filled.
    record = factories.make_record(acme, tags={"round": str(ActionRecord.objects.count())})
    with transaction.atomic():
        assert [row[0] for row in claim()] == [record.pk]
    if expired:
        factories.move(record, timeout_at=record.created_at)
    taken = at_once(lambda end: end(record), [first, second])
    # Nothing of this one is in the way of the next.
    ActionRecord.objects.filter(pk=record.pk).update(push=False)
    return record, taken


def assert_one_end(record):
    """The kinds of the action's events, of which one has ended its attempt."""
    kinds = list(record.events.values_list("kind", flat=True))
    assert len([kind for kind in kinds if kind not in NO_END]) == 1
    return kinds


@pytest.mark.parametrize("name", ENDS)
def test_an_attempt_is_ended_or_out_of_time_and_never_both(acme, definition, name):
    for _ in range(ROUNDS):
        record, taken = meet(acme, ENDS[name], expire, expired=True)

        assert sorted(taken) == [False, True]
        kinds = assert_one_end(record)
        assert ("lease_expired" in kinds) == taken[1]


@pytest.mark.parametrize("answered", [name for name in FINAL if "answer" in name])
@pytest.mark.parametrize("said", [name for name in FINAL if "answer" not in name])
def test_of_a_workers_word_and_the_answer_one_is_taken(acme, definition, said, answered):
    for _ in range(ROUNDS):
        record, _ = meet(acme, ENDS[said], ENDS[answered], expired=False)

        assert_one_end(record)


@pytest.mark.parametrize("name", [name for name in FINAL if "answer" in name])
def test_an_outcome_that_is_written_twice_at_once_counts_once(acme, definition, name):
    for _ in range(ROUNDS):
        record, _ = meet(acme, ENDS[name], ENDS[name], expired=False)

        kinds = assert_one_end(record)
        assert kinds.count("late") == 1
        record.refresh_from_db()
        assert record.failures <= 1
