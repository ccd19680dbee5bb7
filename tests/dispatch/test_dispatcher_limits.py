"""What a dispatcher learns of its lanes while it delivers, for real."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from dispatch.engine import dispatcher as dispatcher_module
from dispatch.models import ActionRecord, Lane
from tests import factories
from tests.dispatch.background import Answer, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Ticks ten times as often, so that tests need not wait for them."""
    monkeypatch.setattr(dispatcher_module, "TICK_SECONDS", 0.05)


@pytest.fixture
def lane(delivered):
    """The lane of actions without tags, grown."""
    return factories.make_lane(delivered.links.get().destination)


def submit(org, count):
    for _ in range(count):
        factories.make_record(org)


def count(**columns):
    return ActionRecord.objects.filter(**columns).count()


def stored(lane):
    lane.refresh_from_db()
    return lane


def configure(lane, **config):
    lane.destination.config |= config
    lane.destination.save()


def test_a_lane_that_is_full_and_well_grows(acme, delivered, receiver, start_dispatcher):
    submit(acme, 120)
    start_dispatcher()
    wait_until(lambda: count(status="succeeded") == 120)

    lane = Lane.objects.get()
    assert lane.running_limit > 4
    assert lane.reason.endswith(": a round went well")
    assert lane.moved_at is not None
    assert lane.revision > 0


def test_a_429_halves_the_limit_and_pauses_the_lane_until_it_says(
    acme, lane, receiver, start_dispatcher
):
    receiver.answers = [Answer(429, {"retry-after": "30"})]
    submit(acme, 1)
    start_dispatcher()
    wait_until(lambda: stored(lane).paused_until)
    submit(acme, 1)
    time.sleep(0.5)

    assert (lane.running_limit, lane.reason) == (
        8,
        "halved from 16 to 8 and paused for 30 s: HTTP 429",
    )
    assert timedelta(seconds=25) < lane.paused_until - timezone.now() <= timedelta(seconds=30)
    assert len(receiver.received) == 1

    Lane.objects.update(paused_until=timezone.now())
    wait_until(lambda: count(status="succeeded") == 1)


def test_another_lane_of_a_destination_that_is_limited_goes_on(
    acme, lane, receiver, start_dispatcher
):
    receiver.answers = [Answer(429, {"retry-after": "30"})]
    submit(acme, 1)
    start_dispatcher()
    wait_until(lambda: stored(lane).paused_until)

    factories.make_record(acme, tags={"tenant": "initech"})

    wait_until(lambda: count(status="succeeded") == 1)


def test_repeated_failure_pauses_a_lane_and_a_probe_ends_the_pause(
    acme, lane, receiver, start_dispatcher
):
    receiver.answers = [Answer(503)] * 11
    submit(acme, 40)
    start_dispatcher()
    wait_until(lambda: stored(lane).opened)
    met = len(receiver.received)

    # What was under way ends; the eleventh failure may be that of a probe.
    wait_until(lambda: stored(lane).opened == 0)
    wait_until(lambda: count(status="succeeded") == 29)

    assert met <= 26
    pauses = [late.at - early.at for early, late in zip(*gaps(receiver), strict=True)]
    assert max(pauses) > 0.9
    assert count(status="scheduled") == 11


def gaps(receiver):
    return receiver.received[:-1], receiver.received[1:]


def test_answers_later_than_the_target_shrink_the_limit(acme, lane, receiver, start_dispatcher):
    configure(lane, response_time_sla_ms=20)
    receiver.open.clear()
    submit(acme, 12)
    start_dispatcher()
    wait_until(lambda: len(receiver.received) == 12)
    time.sleep(0.1)
    receiver.release()
    wait_until(lambda: count(status="succeeded") == 12)

    # A tenth less, and once only: all of them were of one round.
    wait_until(lambda: stored(lane).running_limit == 14)
    assert lane.reason == "lowered from 16 to 14: answered too late"


def test_what_is_not_settled_in_time_halves_the_unsettled_limit(
    acme, delivered, receiver, start_dispatcher
):
    destination = delivered.links.get().destination
    lane = factories.make_lane(destination, unsettled_limit=40)
    receiver.otherwise = Answer(headers={"x-arklow-signaling": "mod_ack"})
    submit(acme, 6)
    start_dispatcher()
    wait_until(lambda: count(status="ack_wait") == 6)

    receiver.otherwise = Answer()
    ActionRecord.objects.update(timeout_at=timezone.now())
    wait_until(lambda: count(status="succeeded") == 6)

    wait_until(lambda: stored(lane).unsettled_limit == 20)
    assert lane.running_limit == 16
    assert lane.reason == "unsettled halved from 40 to 20: not settled in time"


def test_a_fault_of_ours_says_nothing_of_a_destination(
    acme, lane, receiver, start_dispatcher, monkeypatch
):
    async def fail(*arguments):
        raise RuntimeError("a bug")

    monkeypatch.setattr("destinations.kinds.webhook.deliver", fail)
    submit(acme, 12)
    start_dispatcher()
    wait_until(lambda: count(status="scheduled", failures=0) == 12)
    time.sleep(0.1)

    assert (stored(lane).running_limit, lane.opened, lane.reason) == (16, 0, "")


@pytest.mark.parametrize("caps", [{"running_cap": 2}, {"unsettled_cap": 2}])
def test_no_more_are_under_way_than_an_operator_allows(
    acme, lane, receiver, start_dispatcher, caps
):
    Lane.objects.update(**caps)
    receiver.open.clear()
    submit(acme, 6)
    start_dispatcher()
    wait_until(lambda: len(receiver.received) == 2)
    time.sleep(0.5)

    assert len(receiver.received) == 2
    receiver.release()
    wait_until(lambda: count(status="succeeded") == 6)
    # It was full by the cap, which says nothing of the limit.
    assert stored(lane).running_limit == 16


def test_two_dispatchers_move_one_lane(acme, delivered, receiver, start_dispatcher):
    submit(acme, 200)
    for _ in range(2):
        start_dispatcher(concurrency=32)
    wait_until(lambda: count(status="succeeded") == 200)

    lane = Lane.objects.get()
    assert lane.running_limit > 4
    assert len(receiver.received) == 200


def test_every_attempt_bears_the_same_idempotency_key(acme, delivered, receiver, start_dispatcher):
    receiver.answers = [Answer(503, {"retry-after": "0"}), Answer(503, {"retry-after": "0"})]
    record = factories.make_record(acme)
    start_dispatcher()
    wait_until(lambda: count(status="succeeded") == 1)

    keys = [one.headers["idempotency-key"] for one in receiver.received]
    assert keys == [str(record.pk)] * 3
    assert [one.attempt for one in receiver.received] == [0, 1, 2]


def test_an_attempt_without_an_answer_tells_whether_it_was_sent(
    acme, delivered, receiver, background, start_dispatcher
):
    receiver.open.clear()
    sent = factories.make_record(acme)
    closed = factories.make_receiving(acme, "http://127.0.0.1:8/")
    factories.make_definition(acme, "other", to=closed)
    unsent = factories.make_record(acme, "other")
    start_dispatcher()
    wait_until(lambda: receiver.received)
    background.run(receiver.hang_up())
    wait_until(lambda: count(status="scheduled") == 2)

    details = [record.events.get(kind="retried").detail for record in (sent, unsent)]
    assert [(one["verdict"], one["sent"]) for one in details] == [
        ("ambiguous", True),
        ("unavailable", False),
    ]
