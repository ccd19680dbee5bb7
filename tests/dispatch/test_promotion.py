"""What time decides: retries become due, leases and settlement deadlines pass, actions run out."""

from datetime import timedelta

import pytest
from django.utils import timezone

from dispatch.engine import claims
from dispatch.models import OPEN, ActionRecord
from tests import factories
from tests.dispatch.claiming import claim, connected, promote
from tests.dispatch.concurrency import at_once


def ago():
    return timezone.now() - timedelta(hours=1)


def ahead():
    return timezone.now() + timedelta(hours=1)


def promoted(record):
    record.refresh_from_db()
    return record.status, record.attempt, record.failures


def last_event(record):
    event = record.events.order_by("id").last()
    return event.kind, event.status, event.attempt


def test_a_scheduled_action_becomes_due_at_its_time(record):
    factories.move(record, status="scheduled", available_at=ago(), attempt=1, failures=1)
    since = record.available_at

    assert promote() == (1, 1)

    assert promoted(record) == ("queued", 1, 1)
    assert record.available_at == since
    # That is no news: the event that scheduled it told when.
    assert last_event(record) == ("accepted", "queued", 0)
    assert [row[0] for row in claim()] == [record.pk]


def test_a_lost_lease_brings_the_action_back_under_the_next_attempt_uncounted(record):
    factories.move(record, status="running", timeout_at=ago(), attempt=4, failures=11)

    assert promote() == (1, 1)

    assert promoted(record) == ("queued", 5, 11)
    assert (record.timeout_at, record.completed_at) == (None, None)
    assert record.error_message == "The dispatcher that held it was lost."
    assert last_event(record) == ("lease_expired", "queued", 4)


def test_an_unsettled_attempt_is_counted_and_redelivered_at_once(record):
    factories.move(record, status="ack_wait", timeout_at=ago(), attempt=4, failures=10)

    assert promote() == (1, 1)

    assert promoted(record) == ("queued", 5, 11)
    assert record.available_at <= timezone.now()
    assert record.error_message == "Delivered, but not settled in time."
    assert last_event(record) == ("unsettled", "queued", 4)


def test_the_twelfth_unsettled_attempt_ends_the_action(record):
    factories.move(record, status="ack_wait", timeout_at=ago(), attempt=4, failures=11)

    assert promote() == (0, 1)

    assert promoted(record) == ("failed", 4, 12)
    assert record.completed_at is not None
    assert last_event(record) == ("unsettled", "failed", 4)


@pytest.mark.parametrize("status", OPEN)
@pytest.mark.parametrize(
    ("timeout_at", "push"),
    [
        # nothing else has passed
        (None, True),
        (ahead(), True),
        # its lease or settlement deadline has passed as well
        (ago(), True),
        # nobody delivers it
        (None, False),
    ],
)
def test_an_action_past_its_deadline_fails_whatever_it_does(record, status, timeout_at, push):
    factories.move(
        record,
        status=status,
        deadline_at=ago(),
        timeout_at=timeout_at,
        available_at=ago(),
        attempt=2,
        failures=3,
        push=push,
    )

    assert promote() == (0, 1)

    assert promoted(record) == ("failed", 2, 3)
    assert (record.timeout_at, record.completed_at) == (None, record.updated_at)
    assert record.error_message.startswith("DEADLINE_EXCEEDED")
    assert last_event(record) == ("deadline_exceeded", "failed", 2)


@pytest.mark.parametrize(
    "columns",
    [
        # not yet
        {"status": "queued"},
        {"status": "queued", "deadline_at": ahead()},
        {"status": "scheduled", "available_at": ahead()},
        {"status": "running", "timeout_at": ahead()},
        {"status": "ack_wait", "timeout_at": ahead()},
        # over
        {"status": "succeeded", "completed_at": ago(), "deadline_at": ago()},
        {"status": "failed", "completed_at": ago(), "deadline_at": ago(), "timeout_at": ago()},
        {"status": "canceled", "completed_at": ago(), "deadline_at": ago()},
    ],
)
def test_nothing_else_is_touched(record, columns):
    factories.move(record, **columns)
    before = ActionRecord.objects.values().get()

    assert promote() == (0, 0)

    assert ActionRecord.objects.values().get() == before
    assert record.events.count() == 1


def test_many_are_moved_at_once_and_the_rest_with_the_next_tick(webhook, definition, monkeypatch):
    lane = factories.make_lane(webhook)
    factories.make_records(lane, definition, 30, status="scheduled", available_at=ago())
    monkeypatch.setattr(
        claims, "PROMOTE", claims.PROMOTE.replace(f"LIMIT {claims.PROMOTED_AT_ONCE}", "LIMIT 20")
    )

    assert [promote(), promote(), promote()] == [(20, 20), (10, 10), (0, 0)]


@pytest.mark.django_db(transaction=True)
def test_two_promoters_never_move_an_action_twice(webhook, definition):
    lane = factories.make_lane(webhook)
    columns = {"status": "running", "timeout_at": ago()}
    ids = factories.make_records(lane, definition, 500, **columns)

    def promote_alone(_):
        with connected() as own:
            return own.execute(claims.PROMOTE).fetchone()[1]

    assert sum(at_once(promote_alone, range(4))) == 500
    assert set(ActionRecord.objects.filter(pk__in=ids).values_list("attempt", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_what_is_being_settled_is_left_alone(record):
    factories.move(record, status="ack_wait", timeout_at=ago())
    with connected() as settling, connected() as other:
        with settling.transaction():
            settling.execute(
                "UPDATE dispatch_actionrecord SET status = 'succeeded', completed_at = now()"
            )
            assert other.execute(claims.PROMOTE).fetchone()[:2] == (0, 0)
        assert other.execute(claims.PROMOTE).fetchone()[:2] == (0, 0)
    assert promoted(record) == ("succeeded", 0, 0)


@pytest.mark.parametrize(
    ("columns", "sent"),
    [
        # Nothing was sent; under way, nobody knows; delivered.
        ({"status": "queued"}, False),
        ({"status": "scheduled"}, False),
        ({"status": "running"}, None),
        ({"status": "ack_wait"}, True),
    ],
)
def test_a_deadline_tells_whether_its_attempt_was_sent(record, columns, sent):
    later = timezone.now() + timedelta(hours=1)
    factories.move(record, deadline_at=ago(), timeout_at=later, **columns)

    promote()

    event = record.events.get(kind="deadline_exceeded")
    assert event.detail == {"while": columns["status"], "sent": sent}
