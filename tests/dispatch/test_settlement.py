"""`/v1/ack`, `/v1/nack`, `/v1/modack`: settling the current attempt, and only that."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from destinations.outcomes import Outcome, Verdict
from dispatch import retries, settlement
from dispatch.models import OPEN, ActionEvent, ActionRecord, Status
from tests import factories
from tests.client import codes
from tests.dispatch.concurrency import at_once

IN_FLIGHT = ["running", "ack_wait"]
OVER = ["succeeded", "failed", "canceled"]


@pytest.fixture(params=IN_FLIGHT)
def flying(request, record):
    """An action in its third attempt, once running and once delivered."""
    later = timezone.now() + timedelta(seconds=30)
    return factories.move(
        record, status=request.param, attempt=2, failures=1, started_at=later, timeout_at=later
    )


def settle(api, verb, record, attempt=2, **more):
    body = {"action_record_id": str(record.pk), "attempt": attempt, **more}
    return api.post(f"/v1/{verb}", body)


def last_event(record):
    return record.events.order_by("id").last()


def seconds_ahead(moment):
    return (moment - timezone.now()).total_seconds()


def snapshot(record):
    columns = ActionRecord.objects.filter(pk=record.pk).values().get()
    return columns, list(record.events.order_by("id").values())


def test_ack_succeeds(api, flying):
    response = settle(api, "ack", flying)

    assert response.json() == {"data": {"status": "ok"}, "errors": None}
    flying.refresh_from_db()
    assert (flying.status, flying.attempt, flying.failures) == ("succeeded", 2, 1)
    assert flying.timeout_at is None
    assert flying.completed_at == flying.updated_at
    event = last_event(flying)
    assert (event.kind, event.status, event.attempt) == ("succeeded", "succeeded", 2)
    assert event.detail == {"verdict": "ack"}


def test_nack_is_retried_by_the_schedule(api, flying):
    api.data(settle(api, "nack", flying))

    flying.refresh_from_db()
    assert (flying.status, flying.attempt, flying.failures) == ("scheduled", 3, 2)
    assert (flying.timeout_at, flying.completed_at, flying.error_message) == (None, None, "nack")
    assert 20 < seconds_ahead(flying.available_at) <= 36
    event = last_event(flying)
    assert (event.kind, event.status, event.attempt) == ("nacked", "scheduled", 2)


@pytest.mark.parametrize(
    ("ahead", "status"),
    [
        # later
        (100, "scheduled"),
        (100.0, "scheduled"),
        (30 * 86_400 - 60, "scheduled"),
        # what is over means now
        (-100, "queued"),
        (-1e9, "queued"),
    ],
)
def test_nack_names_its_time(api, flying, ahead, status):
    retry_at = int(time.time()) + ahead

    api.data(settle(api, "nack", flying, terms={"retry_at": retry_at}))

    flying.refresh_from_db()
    assert (flying.status, flying.attempt, flying.failures) == (status, 3, 2)
    assert abs(seconds_ahead(flying.available_at) - max(0, ahead)) < 3


def test_a_nack_over_thirty_days_ahead_is_422_and_changes_nothing(api, flying):
    before = snapshot(flying)

    for retry_at in (int(time.time()) + 30 * 86_400 + 60, 2**53):
        response = settle(api, "nack", flying, terms={"retry_at": retry_at})
        assert response.status_code == 422
        assert [at for _, at in codes(response)] == ["/terms/retry_at"]
    assert snapshot(flying) == before


@pytest.mark.parametrize(
    "terms",
    [
        # a false `retry` ends it
        {"retry": False},
        # also beside a time
        {"retry": False, "retry_at": 4_000},
    ],
)
def test_a_nack_may_end_the_action(api, flying, terms):
    api.data(settle(api, "nack", flying, terms=terms))

    flying.refresh_from_db()
    assert (flying.status, flying.attempt, flying.failures) == ("failed", 2, 2)
    assert flying.completed_at is not None
    assert flying.error_message == "nack: not to be retried"
    assert last_event(flying).kind == "nacked"


@pytest.mark.parametrize("terms", [{}, {"retry": True}])
def test_terms_may_say_nothing(api, flying, terms):
    api.data(settle(api, "nack", flying, terms=terms))

    flying.refresh_from_db()
    assert flying.status == "scheduled"


def test_the_twelfth_counted_nack_ends_the_action(api, flying):
    factories.move(flying, failures=11)

    api.data(settle(api, "nack", flying, terms={"retry_at": 0}))

    flying.refresh_from_db()
    assert (flying.status, flying.failures, flying.attempt) == ("failed", 12, 2)


@pytest.mark.parametrize(
    ("more", "seconds"),
    [
        # a minute where nothing is said
        ({}, 60),
        # what is said, within its bounds
        ({"seconds": 0}, 0),
        ({"seconds": 300}, 300),
        ({"seconds": 300.0}, 300),
        ({"seconds": 43_200}, 43_200),
    ],
)
def test_modack_moves_the_settlement_deadline(api, flying, more, seconds):
    api.data(settle(api, "modack", flying, **more))

    flying.refresh_from_db()
    assert (flying.status, flying.attempt, flying.failures) == ("ack_wait", 2, 1)
    assert abs(seconds_ahead(flying.timeout_at) - seconds) < 3
    event = last_event(flying)
    assert (event.kind, event.status, event.attempt) == ("extended", "ack_wait", 2)
    assert event.detail == {"seconds": seconds}


def test_modack_may_be_repeated_and_then_settled(api, flying):
    for seconds in (10, 20):
        api.data(settle(api, "modack", flying, seconds=seconds))
    api.data(settle(api, "ack", flying))

    flying.refresh_from_db()
    assert flying.status == "succeeded"


@pytest.mark.parametrize("verb", ["ack", "nack", "modack"])
def test_another_attempt_is_over_and_nothing_changes(api, flying, verb):
    before = snapshot(flying)

    for attempt in (0, 1, 3, 2**31 - 1):
        response = settle(api, verb, flying, attempt)

        assert response.status_code == 409
        assert codes(response) == [("ATTEMPT_OVER", None)]
    assert snapshot(flying) == before


@pytest.mark.parametrize("status", ["queued", "scheduled", *OVER])
def test_an_attempt_that_is_not_under_way_is_over(api, record, status):
    completed = timezone.now() if status in OVER else None
    factories.move(record, status=status, completed_at=completed)
    before = snapshot(record)

    for verb in ("ack", "nack", "modack"):
        response = settle(api, verb, record, 0)

        assert response.status_code == 409
        assert codes(response) == [("ATTEMPT_OVER", None)]
    assert snapshot(record) == before


@pytest.mark.parametrize(
    ("verb", "more"), [("ack", {}), ("nack", {}), ("nack", {"terms": {"retry": False}})]
)
def test_repeating_the_settle_that_won_is_fine(api, flying, verb, more):
    api.data(settle(api, verb, flying, **more))
    before = snapshot(flying)

    assert settle(api, verb, flying, **more).json()["data"] == {"status": "ok"}
    assert snapshot(flying) == before
    # Another one is late.
    other = "nack" if verb == "ack" else "ack"
    assert codes(settle(api, other, flying)) == [("ATTEMPT_OVER", None)]
    assert snapshot(flying) == before


def test_a_settle_that_lost_to_a_cancel_is_late(api, flying):
    api.data(api.post(f"~/actions/records/{flying.pk}/cancel"))

    for verb in ("ack", "nack", "modack"):
        assert codes(settle(api, verb, flying)) == [("ATTEMPT_OVER", None)]


@pytest.mark.parametrize("verb", ["ack", "nack", "modack"])
def test_another_organizations_action_is_not_there(globex_api, flying, verb):
    before = snapshot(flying)

    response = settle(globex_api, verb, flying)

    assert response.status_code == 404
    assert codes(response) == [("NOT_FOUND", None)]
    assert snapshot(flying) == before


@pytest.mark.parametrize("verb", ["ack", "nack", "modack"])
@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        # not an object
        ([], 400, ""),
        # which action
        ({"attempt": 0}, 400, "/action_record_id"),
        ({"action_record_id": 7, "attempt": 0}, 400, "/action_record_id"),
        ({"action_record_id": "", "attempt": 0}, 400, "/action_record_id"),
        ({"action_record_id": "-7", "attempt": 0}, 400, "/action_record_id"),
        ({"action_record_id": "7\n", "attempt": 0}, 400, "/action_record_id"),
        ({"action_record_id": "\u0667", "attempt": 0}, 400, "/action_record_id"),
        # which attempt
        ({"action_record_id": "7"}, 400, "/attempt"),
        ({"action_record_id": "7", "attempt": "0"}, 400, "/attempt"),
        ({"action_record_id": "7", "attempt": -1}, 400, "/attempt"),
        ({"action_record_id": "7", "attempt": 0.5}, 400, "/attempt"),
        ({"action_record_id": "7", "attempt": False}, 400, "/attempt"),
        ({"action_record_id": "7", "attempt": 2**31}, 400, "/attempt"),
        # none of this number
        ({"action_record_id": "7", "attempt": 0.0}, 404, None),
        ({"action_record_id": "9" * 19, "attempt": 0}, 404, None),
        ({"action_record_id": "9" * 300, "attempt": 0}, 404, None),
    ],
)
def test_garbage_settles_nothing(api, verb, body, status, pointer):
    response = api.post(f"/v1/{verb}", body)

    assert response.status_code == status
    assert [at for _, at in codes(response)] == [pointer]


@pytest.mark.parametrize(
    ("verb", "more", "pointer"),
    [
        # terms
        ("nack", {"terms": []}, "/terms"),
        ("nack", {"terms": None}, "/terms"),
        ("nack", {"terms": {"retry_at": -1}}, "/terms/retry_at"),
        ("nack", {"terms": {"retry_at": 1.5}}, "/terms/retry_at"),
        ("nack", {"terms": {"retry_at": "soon"}}, "/terms/retry_at"),
        ("nack", {"terms": {"retry_at": 2**53 + 2}}, "/terms/retry_at"),
        ("nack", {"terms": {"retry": "no"}}, "/terms/retry"),
        ("nack", {"terms": {"retry": 0}}, "/terms/retry"),
        # seconds
        ("modack", {"seconds": -1}, "/seconds"),
        ("modack", {"seconds": 1.5}, "/seconds"),
        ("modack", {"seconds": "60"}, "/seconds"),
        ("modack", {"seconds": None}, "/seconds"),
        ("modack", {"seconds": 43_201}, "/seconds"),
    ],
)
def test_wrong_terms_are_400(api, verb, more, pointer):
    # Before anybody looks for the action.
    response = api.post(f"/v1/{verb}", {"action_record_id": "1", "attempt": 0, **more})

    assert response.status_code == 400
    assert codes(response) == [("INVALID_BODY", pointer)]


def test_settling_wakes_the_dispatchers(api, flying, django_assert_max_num_queries):
    with django_assert_max_num_queries(7) as queries:
        settle(api, "nack", flying)

    assert any("pg_notify('waybill_due', '')" in query["sql"] for query in queries)


@pytest.mark.parametrize("status", [Status.RUNNING, Status.ACK_WAIT])
@pytest.mark.django_db(transaction=True)
def test_of_two_settles_at_once_exactly_one_wins(acme, record, status):
    for attempt in range(10):
        factories.move(record, status=status, attempt=attempt, completed_at=None)
        endings = [
            retries.end_attempt(record.pk, attempt, 0, Outcome(Verdict.ACK)),
            retries.end_attempt(record.pk, attempt, 0, Outcome(Verdict.NACK)),
        ]

        won = at_once(settlement.finish, endings)

        assert sorted(won) == [False, True]
        winner = endings[won.index(True)]
        record.refresh_from_db()
        assert record.status == winner.status
        events = ActionEvent.objects.filter(record_id=record.pk, attempt=attempt)
        assert [e.kind for e in events if e.kind != "accepted"] == [winner.kind]


def test_several_endings_are_written_at_once_each_with_its_own_event(acme, definition):
    records = [factories.make_record(acme) for _ in range(4)]
    for record in records:
        factories.move(record, status="running", attempt=1)
    factories.move(records[3], status="ack_wait")
    current = [
        retries.end_attempt(records[0].pk, 1, 0, Outcome(Verdict.ACK)),
        retries.end_attempt(records[1].pk, 1, 0, Outcome(Verdict.NACK, "later", 5)),
    ]
    # Of the same action: an attempt before, whose lease had run out.
    late = [
        retries.end_attempt(records[0].pk, 0, 0, Outcome(Verdict.NACK)),
        retries.end_attempt(records[2].pk, 0, 0, Outcome(Verdict.ACK)),
        retries.end_attempt(records[3].pk, 1, 0, Outcome(Verdict.ACK)),
    ]
    # Of an action that is gone.
    gone = retries.end_attempt(10**12, 0, 0, Outcome(Verdict.ACK))

    write([*late, *current, gone], settlement.FLUSH)

    found = [
        [(e.kind, e.status, e.attempt) for e in record.events.order_by("id")[1:]]
        for record in records
    ]
    assert sorted(found[0]) == [("late", "running", 0), ("succeeded", "succeeded", 1)]
    assert found[1:] == [
        [("nacked", "scheduled", 1)],
        [("late", "running", 0)],
        [("late", "ack_wait", 1)],
    ]
    statuses = list(ActionRecord.objects.order_by("id").values_list("status", flat=True))
    assert statuses == ["succeeded", "scheduled", "running", "ack_wait"]
    assert not ActionEvent.objects.filter(record_id=10**12).exists()


def write(endings, statement):
    parameters = settlement.finish_parameters(endings, statuses=[Status.RUNNING])
    with settlement.connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def test_a_settle_moves_no_action_from_a_status_that_it_does_not_name(record):
    ending = retries.end_attempt(record.pk, 0, 0, Outcome(Verdict.ACK))

    assert not settlement.finish(ending)
    assert settlement.finish(ending, statuses=OPEN)
