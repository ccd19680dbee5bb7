"""Pausing a destination and resuming it: what starts, what ends, and what is learnt anew."""

from datetime import timedelta

import pytest
from django.utils import timezone

from config.errors import NotFoundError
from dispatch import advice
from dispatch.models import ActionRecord, Lane
from tests import factories
from tests.dispatch.background import Answer, wait_until
from tests.dispatch.claiming import claim

TAGS = {"tenant": "initech"}


@pytest.fixture
def lane(acme, definition):
    """The lane of an action that is due."""
    return factories.make_record(acme, tags=TAGS).lane


def pause(api, destination):
    return api.data(api.post(f"~/destinations/{destination.pk}/pause"))


def resume(api, destination):
    return api.data(api.post(f"~/destinations/{destination.pk}/resume"))


def test_a_pause_shows_since_when_it_holds(api, webhook):
    paused = pause(api, webhook)

    webhook.refresh_from_db()
    assert paused["paused_at"] == webhook.paused_at.isoformat()
    assert paused == api.data(api.get(f"~/destinations/{webhook.pk}"))
    assert paused["updated_at"] == paused["paused_at"]
    assert resume(api, webhook)["paused_at"] is None


def test_a_pause_is_repeated_without_effect_and_so_is_its_end(api, webhook):
    assert pause(api, webhook) == pause(api, webhook)
    assert resume(api, webhook) == resume(api, webhook)


def test_an_update_leaves_a_pause_as_it_is(api, webhook):
    paused = pause(api, webhook)

    changed = api.data(api.post(f"~/destinations/{webhook.pk}", {"label": "after"}))

    assert (changed["label"], changed["paused_at"]) == ("after", paused["paused_at"])


@pytest.mark.parametrize("change", [advice.pause_destination, advice.resume_destination])
def test_a_destination_that_was_deleted_meanwhile_is_not_there(api, webhook, change):
    api.data(api.delete(f"~/destinations/{webhook.pk}"))

    with pytest.raises(NotFoundError):
        change(destination=webhook, actor="a test")


def test_a_paused_destination_takes_actions_and_starts_none(api, acme, webhook, lane):
    pause(api, webhook)
    factories.make_record(acme, tags=TAGS)
    factories.make_record(acme)

    assert claim() == []
    page = api.data(api.get(f"~/destinations/{webhook.pk}/lanes"))
    assert [(item["state"], item["queued"]) for item in page["items"]] == [
        ("paused", 2),
        ("paused", 1),
    ]
    assert page["items"][0]["explanation"].startswith("Its destination has been paused since ")

    resume(api, webhook)
    assert len(claim()) == 3


@pytest.mark.parametrize(
    ("verb", "status"), [("ack", "succeeded"), ("nack", "queued"), ("modack", "ack_wait")]
)
def test_what_is_under_way_is_settled_during_a_pause(api, webhook, lane, verb, status):
    ((record_id, attempt, *_),) = claim()
    pause(api, webhook)

    api.data(api.post(f"/v1/{verb}", {"action_record_id": str(record_id), "attempt": attempt}))

    record = api.data(api.get(f"~/actions/records/{record_id}"))
    assert record["state"]["status"] == status


@pytest.mark.django_db(transaction=True)
def test_a_deadline_ends_an_action_and_a_retry_waits_during_a_pause(
    api, acme, delivered, receiver, start_dispatcher
):
    destination = delivered.links.get().destination
    pause(api, destination)
    due = factories.make_record(acme, timeout=1)
    retry = factories.make_record(acme)
    factories.move(retry, status="scheduled", attempt=1, failures=1)
    start_dispatcher()

    def statuses():
        return [ActionRecord.objects.get(pk=one.pk).status for one in (due, retry)]

    wait_until(lambda: statuses() == ["failed", "queued"])
    assert receiver.received == []
    assert ActionRecord.objects.get(pk=due.pk).error_message.startswith("DEADLINE_EXCEEDED")

    resume(api, destination)
    wait_until(lambda: receiver.seen() == [(retry.pk, 1)], seconds=1)


@pytest.mark.django_db(transaction=True)
def test_what_was_under_way_ends_and_nothing_follows_until_it_is_resumed(
    api, acme, delivered, receiver, start_dispatcher
):
    receiver.open.clear()
    start_dispatcher()
    first = factories.make_record(acme)
    wait_until(lambda: receiver.received)
    destination = delivered.links.get().destination
    pause(api, destination)
    receiver.release()
    wait_until(lambda: ActionRecord.objects.get(pk=first.pk).status == "succeeded")
    second = factories.make_record(acme)

    resume(api, destination)

    wait_until(lambda: len(receiver.received) == 2, seconds=1)
    assert receiver.seen() == [(first.pk, 0), (second.pk, 0)]


@pytest.mark.parametrize(
    "learnt",
    [
        {"paused_until": timezone.now() + timedelta(days=1)},
        {"paused_until": timezone.now() + timedelta(minutes=1), "opened": 4},
        # Its pause is over, and the next delivery is a probe.
        {"paused_until": timezone.now() - timedelta(minutes=1), "opened": 4},
    ],
)
def test_a_resume_ends_what_lanes_have_learnt_to_wait_for(api, acme, webhook, lane, learnt):
    Lane.objects.update(**learnt, running_limit=3)
    other = factories.make_lane(factories.make_destination(acme), **learnt)

    resume(api, webhook)

    lane.refresh_from_db()
    assert (lane.paused_until, lane.opened, lane.running_limit) == (None, 0, 3)
    assert lane.reason.startswith("resumed by ")
    assert lane.revision == 1
    assert len(claim()) == 1
    assert Lane.objects.get(pk=other.pk).revision == 0


def test_a_lane_that_does_not_wait_is_left_as_it_is(api, webhook, lane):
    pause(api, webhook)
    resume(api, webhook)

    lane.refresh_from_db()
    assert (lane.revision, lane.reason) == (0, "")


def test_a_dispatcher_goes_on_at_once_in_a_lane_that_was_resumed(
    api, acme, delivered, receiver, start_dispatcher
):
    destination = delivered.links.get().destination
    receiver.answers = [Answer(429, {"retry-after": "3600"})]
    factories.make_record(acme)
    start_dispatcher()
    wait_until(lambda: Lane.objects.get().paused_until)
    factories.make_record(acme)

    resume(api, destination)

    wait_until(lambda: len(receiver.received) == 2)
    wait_until(lambda: ActionRecord.objects.filter(status="succeeded").count() == 1)
