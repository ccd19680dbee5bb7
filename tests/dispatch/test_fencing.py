"""Fencing: what is said of an attempt that is over changes nothing, whoever says it."""

import time

import pytest
from django.db import transaction

from dispatch import services, settlement
from dispatch.models import OPEN, ActionEvent, ActionRecord
from tests import factories
from tests.client import codes
from tests.dispatch import lives
from tests.dispatch.claiming import claim, connected, promote

# What a worker can say of an attempt.
SAYINGS = {
    "ack": ("ack", {}),
    "nack": ("nack", {}),
    "nack, now": ("nack", {"terms": {"retry_at": 0}}),
    "nack, later": ("nack", {"terms": {"retry_at": int(time.time()) + 600}}),
    "nack, never again": ("nack", {"terms": {"retry": False}}),
    "modack": ("modack", {}),
    "modack of no time": ("modack", {"seconds": 0}),
}
OVER = [name for name, (_, status, _) in lives.MOVES.items() if status not in OPEN]
STILL_OPEN = [name for name in lives.MOVES if name not in OVER]


@pytest.fixture
def moved(request, record):
    """An action whose attempt 0 is over, and that is now in the state of the parameter."""
    move, status, attempt = lives.MOVES[request.param]
    move(record.pk)
    record.refresh_from_db()
    assert (record.status, record.attempt) == (status, attempt)
    return record


def say(api, saying, record, attempt=0):
    verb, more = SAYINGS[saying]
    body = {"action_record_id": str(record.pk), "attempt": attempt, **more}
    return api.post(f"/v1/{verb}", body)


@pytest.mark.parametrize("saying", SAYINGS)
@pytest.mark.parametrize("moved", lives.MOVES, indirect=True)
def test_a_worker_of_an_attempt_that_is_over_is_told_so_and_nothing_changes(api, moved, saying):
    before = lives.read_stored(moved.pk)

    response = say(api, saying, moved)

    assert response.status_code == 409
    assert codes(response) == [("ATTEMPT_OVER", None)]
    assert lives.read_stored(moved.pk) == before


@pytest.mark.parametrize("outcome", lives.OUTCOMES)
@pytest.mark.parametrize("moved", lives.MOVES, indirect=True)
def test_the_outcome_of_an_attempt_that_is_over_is_only_logged(moved, outcome):
    before = lives.read_stored(moved.pk)

    lives.write_outcomes([(moved.pk, 0, lives.OUTCOMES[outcome])])

    assert_only_logged(moved, before)


def assert_only_logged(record, before):
    after = lives.read_stored(record.pk)
    assert (after.record, after.payload) == (before.record, before.payload)
    assert after.events[:-1] == before.events
    late = record.events.order_by("id").last()
    now = ActionRecord.objects.get(pk=record.pk)
    assert (late.kind, late.status, late.attempt) == ("late", now.status, 0)
    assert late.available_at is None


@pytest.mark.parametrize("moved", lives.MOVES, indirect=True)
def test_nobody_settles_an_attempt_that_has_not_begun(api, moved):
    before = lives.read_stored(moved.pk)

    for saying in SAYINGS:
        assert codes(say(api, saying, moved, moved.attempt + 1)) == [("ATTEMPT_OVER", None)]
    assert lives.read_stored(moved.pk) == before


@pytest.mark.parametrize("moved", STILL_OPEN, indirect=True)
def test_time_that_is_over_for_the_old_attempt_only_moves_nothing(moved):
    before = lives.read_stored(moved.pk)

    assert promote() == (0, 0)
    assert lives.read_stored(moved.pk) == before


@pytest.mark.parametrize("moved", OVER, indirect=True)
def test_time_cancel_and_deletion_leave_what_is_over_as_it_is(api, moved):
    # Every moment it ever had has passed.
    past = moved.created_at
    factories.move(moved, timeout_at=past, deadline_at=past, available_at=past)
    before = lives.read_stored(moved.pk)

    assert promote() == (0, 0)
    assert claim() == []
    assert codes(api.post(f"~/actions/records/{moved.pk}/cancel")) == [("NOT_CANCELABLE", None)]
    if moved.destination.deleted_at is None:
        services.delete_destination(destination=moved.destination, force=True, actor="a test")
    assert lives.read_stored(moved.pk) == before


@pytest.mark.parametrize("said", ["ack", "nack", "nack, now", "nack, never again", "modack"])
@pytest.mark.parametrize("outcome", lives.OUTCOMES)
def test_what_a_worker_said_before_its_answer_was_read_stands(api, record, said, outcome):
    claim()
    api.data(say(api, said, record))
    before = lives.read_stored(record.pk)

    lives.write_outcomes([(record.pk, 0, lives.OUTCOMES[outcome])])

    if said == "modack" and lives.OUTCOMES[outcome].said:
        # The attempt goes on: the answer is the newer word, and no late one.
        assert len(lives.read_stored(record.pk).events) == len(before.events) + 1
        assert not record.events.filter(kind="late").exists()
    else:
        assert_only_logged(record, before)


@pytest.mark.parametrize("outcome", lives.OUTCOMES)
def test_an_early_ack_counts_for_its_own_attempt_only(api, record, outcome):
    # Both attempts are under way at two dispatchers, and neither has read an answer.
    lives.begin_again(record.pk)
    begun = lives.read_stored(record.pk)
    assert codes(say(api, "ack", record, 0)) == [("ATTEMPT_OVER", None)]
    assert lives.read_stored(record.pk) == begun
    api.data(say(api, "ack", record, 1))
    before = lives.read_stored(record.pk)

    lives.write_outcomes([(record.pk, 0, lives.OUTCOMES[outcome])])
    lives.write_outcomes([(record.pk, 1, lives.OUTCOMES[outcome])])

    after = lives.read_stored(record.pk)
    assert (after.record, after.payload) == (before.record, before.payload)
    late = record.events.order_by("id").values_list("kind", "attempt")[len(before.events) :]
    assert list(late) == [("late", 0), ("late", 1)]
    assert codes(say(api, "ack", record, 0)) == [("ATTEMPT_OVER", None)]


# Who won attempt 0, and what of a worker's sayings is the same said again.
WINNERS = {
    "a worker's ack": ("ack", {"ack"}),
    "a worker's nack": ("nack, now", {"nack", "nack, now", "nack, later", "nack, never again"}),
    "the answer's ack": (lives.ACK, {"ack"}),
    "the answer's nack": (
        lives.OUTCOMES["nack, now"],
        {"nack", "nack, now", "nack, later", "nack, never again"},
    ),
    "the answer's 503": (lives.OUTCOMES["503, now"], set()),
    "the answer's 410": (lives.PERMANENT, set()),
}


@pytest.mark.parametrize("winner", WINNERS)
def test_only_the_settle_that_won_may_be_repeated_also_when_the_action_has_moved_on(
    api, record, winner
):
    won, same = WINNERS[winner]
    claim()
    if isinstance(won, str):
        api.data(say(api, won, record))
    else:
        lives.write_outcomes([(record.pk, 0, won)])

    # As it was left; and, where that was not the end, in its next attempt, and after it.
    for go_on in (lambda: None, claim, lambda: lives.write_outcomes([(record.pk, 1, lives.ACK)])):
        go_on()
        before = lives.read_stored(record.pk)
        for saying in SAYINGS:
            response = say(api, saying, record)
            if saying in same:
                assert api.data(response) == {"status": "ok"}
            else:
                assert codes(response) == [("ATTEMPT_OVER", None)]
        assert lives.read_stored(record.pk) == before


def test_a_flush_that_is_written_twice_counts_once(acme, definition):
    records = [factories.make_record(acme) for _ in range(4)]
    claim()
    outcomes = [lives.ACK, lives.UNAVAILABLE, lives.WAIT, lives.PERMANENT]
    flush = [(r.pk, 0, outcome) for r, outcome in zip(records, outcomes, strict=True)]
    lives.write_outcomes(flush)
    before = [lives.read_stored(record.pk) for record in records]

    # The connection broke before the first answer came.
    lives.write_outcomes(flush)

    for index in (0, 1, 3):
        assert_only_logged(records[index], before[index])
    # A deadline that is moved is moved again.
    assert lives.read_stored(records[2].pk).record == before[2].record


def test_a_dispatcher_that_comes_back_late_ends_none_of_many(acme, definition):
    records = [factories.make_record(acme) for _ in range(4)]
    ids = [record.pk for record in records]
    claim()
    ActionRecord.objects.update(timeout_at=records[0].created_at)
    promote()
    claim()
    # Half of the newer attempts are over already.
    lives.write_outcomes((pk, 1, lives.ACK) for pk in ids[::2])
    before = {pk: lives.read_stored(pk) for pk in ids}

    lives.write_outcomes((pk, 0, lives.UNAVAILABLE) for pk in reversed(ids))

    for record in records:
        assert_only_logged(record, before[record.pk])
    assert ActionEvent.objects.filter(kind="late").count() == len(ids)


@pytest.mark.django_db(transaction=True)
def test_a_settle_that_is_late_wakes_nobody(api, record):
    with transaction.atomic():
        lives.lose_lease(record.pk)

    with connected() as listener:
        listener.execute(f"LISTEN {settlement.WAKE}")
        say(api, "ack", record)

        assert list(listener.notifies(timeout=0.3)) == []
