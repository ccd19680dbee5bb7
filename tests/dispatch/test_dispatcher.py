"""The dispatcher, for real: what is delivered, and what becomes of it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from actions import services as actions
from destinations.kinds import webhook as webhook_kind
from destinations.outcomes import Outcome, Verdict
from dispatch.engine import deliveries
from dispatch.engine import dispatcher as dispatcher_module
from dispatch.models import ActionPayload, ActionRecord
from tests import factories
from tests.dispatch.background import Answer, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Ticks ten times as often, so that tests need not wait for them."""
    monkeypatch.setattr(dispatcher_module, "TICK_SECONDS", 0.05)


def wait_for(record, *statuses):
    """The record when it has one of the statuses."""

    def look():
        record.refresh_from_db()
        return record.status in statuses

    wait_until(look)
    return record


def kinds_of(record):
    return list(record.events.order_by("id").values_list("kind", "status", "attempt"))


def seconds_between(start, end):
    return (end - start).total_seconds()


def test_an_action_is_delivered_as_it_was_handed_in(acme, delivered, receiver, start_dispatcher):
    actions.link_destination(
        definition=factories.make_definition(acme, "anything", schema=True),
        destination_id=delivered.links.get().destination_id,
        is_default=True,
    )
    payload = {"b": [1.0, 2**64 - 1, "é🚀"], "a": None}
    record = factories.make_record(acme, "anything", input=payload)

    start_dispatcher()
    wait_for(record, "succeeded")

    (request,) = receiver.received
    assert request.body == '{"b":[1.0,18446744073709551615,"é🚀"],"a":null}'.encode()
    assert request.headers["Content-Type"] == "application/json"
    assert (request.record_id, request.attempt) == (record.pk, 0)
    assert (record.attempt, record.failures, record.timeout_at) == (0, 0, None)
    assert record.created_at <= record.started_at <= record.completed_at
    assert kinds_of(record) == [("accepted", "queued", 0), ("succeeded", "succeeded", 0)]
    assert record.events.order_by("id").last().detail == {"verdict": "ack", "http_status": 200}


def signal(word, value=None):
    """The same signal by header and by body."""
    headers = {"x-arklow-signaling": word}
    said = f'"signal":"{word}"'
    if value is not None:
        headers["x-arklow-signaling-val"] = str(value)
        said += f',"value":{value}'
    return [Answer(headers=headers), Answer(body=b'{"__arklow__":{%s}}' % said.encode())]


@pytest.mark.parametrize(
    ("answers", "event", "status", "failures", "delay"),
    [
        # signals, by header and by body
        (signal("ack"), "succeeded", "succeeded", 0, None),
        (signal("mod_ack"), "delivered", "ack_wait", 0, 60),
        (signal("mod_ack", 300), "delivered", "ack_wait", 0, 300),
        (signal("nack", 100), "nacked", "scheduled", 1, 100),
        (signal("nack"), "nacked", "scheduled", 1, 5),
        # a success without a signal, or with an unknown one: the destination's default
        ([Answer(204), Answer(headers={"x-arklow-signaling": "what"})], "succeeded", "succeeded",
         0, None),
        # rate limited: not counted
        ([Answer(429, {"retry-after": "100"})], "retried", "scheduled", 0, 100),
        ([Answer(429)], "retried", "scheduled", 0, 5),
        # unavailable
        ([Answer(500), Answer(503), Answer(599), Answer(408), Answer(425)], "retried", "scheduled",
         1, 5),
        ([Answer(503, {"retry-after": "100"})], "retried", "scheduled", 1, 100),
        # permanent
        ([Answer(400), Answer(410), Answer(422)], "failed", "failed", 1, None),
        # refused
        ([Answer(401), Answer(404), Answer(302, {"location": "/hook"})], "retried", "scheduled",
         1, 5),
    ],
)  # fmt: skip
def test_the_answer_decides(
    acme, delivered, receiver, start_dispatcher, answers, event, status, failures, delay
):
    receiver.answers = list(answers)
    records = [factories.make_record(acme) for _ in answers]

    start_dispatcher()

    for record in records:
        wait_for(record, status)
        retried = status == "scheduled"
        assert (record.attempt, record.failures) == (int(retried), failures)
        assert kinds_of(record)[-1] == (event, status, 0)
        due = record.available_at if retried else record.timeout_at
        if delay is None:
            assert record.timeout_at is None
        else:
            planned = seconds_between(record.updated_at, due)
            assert 0.8 * delay - 0.001 <= planned <= 1.2 * delay + 0.001
    assert len(receiver.received) == len(answers)


def test_an_unsignaled_success_waits_where_the_destination_says_so(
    acme, receiver, start_dispatcher
):
    factories.make_definition(
        acme, to=factories.make_receiving(acme, receiver.url, signaling={"enabled": False})
    )
    record = factories.make_record(acme)

    start_dispatcher()
    wait_for(record, "ack_wait")

    assert round(seconds_between(record.updated_at, record.timeout_at)) == 60


def test_a_failing_receiver_gets_it_again_under_the_next_attempts(
    acme, delivered, receiver, start_dispatcher
):
    again = {"retry-after": "0"}
    receiver.answers = [Answer(500, again, b"no"), Answer(429, again), Answer(503, again)]
    record = factories.make_record(acme)

    start_dispatcher()
    wait_for(record, "succeeded")

    assert receiver.seen() == [(record.pk, attempt) for attempt in range(4)]
    assert (record.attempt, record.failures) == (3, 2)
    retried = record.events.filter(kind="retried").order_by("id")
    assert [event.detail.get("http_status") for event in retried] == [500, 429, 503]
    assert retried[0].detail["message"] == "HTTP 500: no"


def test_a_retry_comes_at_its_time(acme, delivered, receiver, start_dispatcher):
    receiver.answers = [Answer(500)]
    record = factories.make_record(acme)
    start_dispatcher()
    wait_for(record, "scheduled")

    ActionRecord.objects.update(available_at=timezone.now())
    wait_for(record, "succeeded")

    assert receiver.seen() == [(record.pk, 0), (record.pk, 1)]


def test_an_unsettled_delivery_is_made_again(acme, delivered, receiver, start_dispatcher):
    receiver.answers = signal("mod_ack", 300)[:1]
    record = factories.make_record(acme)
    start_dispatcher()
    wait_for(record, "ack_wait")

    ActionRecord.objects.update(timeout_at=timezone.now())
    wait_for(record, "succeeded")

    assert [event for event, *_ in kinds_of(record)] == [
        "accepted", "delivered", "unsettled", "succeeded"
    ]  # fmt: skip
    assert (record.attempt, record.failures) == (1, 1)


def test_an_action_past_its_deadline_is_not_started(acme, delivered, receiver, start_dispatcher):
    record = factories.make_record(acme, available_at=timezone.now() + timedelta(hours=1))
    ActionRecord.objects.update(deadline_at=timezone.now(), available_at=timezone.now())

    start_dispatcher()
    wait_for(record, "failed")

    assert record.error_message.startswith("DEADLINE_EXCEEDED")
    assert receiver.received == []


def test_what_is_not_pushed_is_left_alone(acme, delivered, receiver, start_dispatcher):
    waiting = factories.make_record(acme)
    factories.move(waiting, push=False)
    start_dispatcher()

    wait_for(factories.make_record(acme), "succeeded")

    waiting.refresh_from_db()
    assert waiting.status == "queued"
    assert len(receiver.received) == 1


def test_a_worker_may_ack_before_its_answer_is_read(
    api, acme, delivered, receiver, start_dispatcher
):
    receiver.answers = [Answer(500)]
    receiver.open.clear()
    record = factories.make_record(acme)
    start_dispatcher()
    wait_until(lambda: receiver.received)

    api.data(api.post("/v1/ack", {"action_record_id": str(record.pk), "attempt": 0}))
    receiver.release()
    wait_until(lambda: len(kinds_of(record)) == 3)

    assert kinds_of(record)[1:] == [("succeeded", "succeeded", 0), ("late", "succeeded", 0)]
    wait_for(record, "succeeded")


def test_the_outcome_of_a_canceled_action_is_only_logged(
    api, acme, delivered, receiver, start_dispatcher
):
    receiver.open.clear()
    record = factories.make_record(acme)
    start_dispatcher()
    wait_until(lambda: receiver.received)

    api.data(api.post(f"~/actions/records/{record.pk}/cancel"))
    receiver.release()
    wait_until(lambda: len(kinds_of(record)) == 3)

    assert kinds_of(record)[1:] == [("canceled", "canceled", 0), ("late", "canceled", 0)]


def test_an_action_of_a_deleted_destination_fails_unsent(
    acme, delivered, receiver, start_dispatcher
):
    record = factories.make_record(acme)
    # As if its accepting statement had been routed just before the deletion.
    record.destination.deleted_at = timezone.now()
    record.destination.save()

    start_dispatcher()
    wait_for(record, "failed")

    assert record.error_message.startswith("DESTINATION_DELETED")
    assert (record.failures, receiver.received) == (0, [])


def test_a_fault_of_ours_is_retried_and_not_counted(
    acme, delivered, receiver, start_dispatcher, monkeypatch
):
    async def deliver(attempt, session):
        raise LookupError("nobody thought of this")

    monkeypatch.setattr(webhook_kind, "deliver", deliver)
    record = factories.make_record(acme)

    start_dispatcher()
    wait_for(record, "scheduled")

    assert (record.attempt, record.failures) == (1, 0)
    assert record.error_message == "Fault of Waybill: LookupError: nobody thought of this"
    assert record.events.order_by("id").last().detail["verdict"] == "ours"


def test_an_attempt_knows_which_destination_it_is_for(
    acme, delivered, start_dispatcher, monkeypatch
):
    attempts = []

    async def deliver(attempt, session):
        attempts.append(attempt)
        return Outcome(Verdict.ACK)

    monkeypatch.setattr(webhook_kind, "deliver", deliver)
    record = factories.make_record(acme)

    start_dispatcher()
    wait_for(record, "succeeded")

    (attempt,) = attempts
    assert attempt.destination_id == delivered.links.get().destination_id


def test_an_outcome_that_cannot_be_written_loses_no_other(
    acme, delivered, start_dispatcher, monkeypatch
):
    records = [factories.make_record(acme) for _ in range(10)]
    poison = records[4].pk

    async def deliver(attempt, session):
        # No interval of PostgreSQL is that long.
        seconds = 10**18 if attempt.record_id == poison else None
        return Outcome(Verdict.WAIT if seconds else Verdict.ACK, seconds=seconds)

    monkeypatch.setattr(webhook_kind, "deliver", deliver)

    start_dispatcher()
    others = ActionRecord.objects.exclude(pk=poison)
    wait_until(lambda: others.filter(status="succeeded").count() == 9)

    # Its lease brings it back.
    assert ActionRecord.objects.get(pk=poison).status == "running"
    monkeypatch.undo()
    ActionRecord.objects.filter(pk=poison).update(timeout_at=timezone.now())
    wait_for(records[4], "succeeded")


def test_an_action_whose_payload_is_gone_fails_unsent(acme, delivered, receiver, start_dispatcher):
    record = factories.make_record(acme)
    ActionPayload.objects.filter(record_id=record.pk).delete()

    start_dispatcher()
    wait_for(record, "failed")

    assert (record.error_message, record.failures) == (deliveries.PAYLOAD_GONE, 0)
    assert receiver.received == []


def test_what_a_worker_extended_is_not_undone_by_a_broken_connection(
    api, acme, delivered, receiver, background, start_dispatcher
):
    """The worker said that it works on it; that its answer got lost says nothing."""
    receiver.open.clear()
    record = factories.make_record(acme)
    start_dispatcher()
    wait_until(lambda: receiver.received)

    body = {"action_record_id": str(record.pk), "attempt": 0, "seconds": 300}
    api.data(api.post("/v1/modack", body))
    background.run(receiver.hang_up())
    wait_until(lambda: len(kinds_of(record)) == 3)

    assert kinds_of(record)[1:] == [("extended", "ack_wait", 0), ("late", "ack_wait", 0)]


def test_what_a_worker_extended_is_settled_by_its_answer(
    api, acme, delivered, receiver, start_dispatcher
):
    receiver.answers = signal("ack")[:1]
    receiver.open.clear()
    record = factories.make_record(acme)
    start_dispatcher()
    wait_until(lambda: receiver.received)

    body = {"action_record_id": str(record.pk), "attempt": 0, "seconds": 300}
    api.data(api.post("/v1/modack", body))
    receiver.release()

    wait_for(record, "succeeded")
