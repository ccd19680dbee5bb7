"""When a dispatcher looks for work: at once when there is some, hardly ever when there is none."""

import asyncio
import statistics
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from dispatch import settlement
from dispatch.engine import claims, lines
from dispatch.engine import dispatcher as dispatcher_module
from dispatch.engine.dispatcher import Dispatcher
from dispatch.models import ActionRecord
from tests import factories
from tests.dispatch.background import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def observe(statements, seconds):
    """What was executed within so many seconds, from now on."""
    before = Counter(statements)
    time.sleep(seconds)
    return Counter(statements) - before


def settle_down(statements):
    """Wait until the dispatcher has seen that there is nothing to do."""
    wait_until(lambda: statements[claims.PROMOTE] and statements[claims.CLAIM])
    time.sleep(0.2)


def time_delivery(receiver, submit):
    """Seconds from the call that accepts an action to its arrival."""
    seen = len(receiver.received)
    start = time.monotonic()
    submit()
    wait_until(lambda: len(receiver.received) > seen)
    return receiver.received[-1].at - start


def test_an_action_accepted_while_idle_is_delivered_at_once(
    acme, delivered, receiver, start_dispatcher, statements
):
    start_dispatcher()
    settle_down(statements)

    seconds = [time_delivery(receiver, lambda: factories.make_record(acme)) for _ in range(7)]

    # The middle one: a busy machine may hold up some of them.
    assert statistics.median(seconds) < 0.2


def test_a_retry_at_once_and_a_settle_wake_it_too(
    api, acme, delivered, receiver, start_dispatcher, statements
):
    record = factories.make_record(acme)
    factories.move(record, status="running", timeout_at=timezone.now() + timedelta(minutes=1))
    start_dispatcher()
    settle_down(statements)

    body = {"action_record_id": str(record.pk), "attempt": 0, "terms": {"retry_at": 0}}
    assert time_delivery(receiver, lambda: api.data(api.post("/v1/nack", body))) < 1


def test_a_lost_notification_is_made_up_for_within_the_sweep(
    acme, delivered, receiver, start_dispatcher, statements, monkeypatch
):
    monkeypatch.setattr(settlement, "WAKE", "nobody_says_this")
    start_dispatcher()
    settle_down(statements)

    assert time_delivery(receiver, lambda: factories.make_record(acme)) < 3


def test_listening_is_taken_up_again_now_and_then(
    acme, delivered, receiver, start_dispatcher, statements, monkeypatch
):
    monkeypatch.setattr(dispatcher_module, "LISTEN_SECONDS", 0.05)
    monkeypatch.setattr(dispatcher_module, "SWEEP_TICKS", 1_000)
    start_dispatcher()
    settle_down(statements)

    wait_until(lambda: statements[f"LISTEN {settlement.WAKE}"] > 3)
    assert time_delivery(receiver, lambda: factories.make_record(acme)) < 1


def test_an_idle_dispatcher_hardly_asks(start_dispatcher, statements, delivered):
    start_dispatcher()
    settle_down(statements)

    asked = observe(statements, 2.5)

    # Twice a second what has become due, and nothing else.
    assert set(asked) == {claims.PROMOTE}
    assert 1 <= asked[claims.PROMOTE] <= 6


def test_full_lanes_with_much_waiting_work_keep_nobody_busy(
    acme, delivered, receiver, start_dispatcher, statements
):
    """More of them than a claim looks at, so that each look takes several claims."""
    destination = delivered.links.get().destination
    soon = timezone.now() + timedelta(minutes=1)
    for number in range(claims.LANES_A_CLAIM * 2 + 2):
        lane = factories.make_lane(destination, tags={"tenant": str(number)}, running_limit=1)
        factories.make_records(lane, delivered, 1, status="running", timeout_at=soon)
        factories.make_records(lane, delivered, 40)
    start_dispatcher()
    settle_down(statements)

    asked = observe(statements, 2.5)

    # Three claims a look, a look every two seconds.
    assert asked[claims.CLAIM] <= 6
    assert receiver.received == []
    assert ActionRecord.objects.filter(status="running").count() == 130


def test_one_full_lane_keeps_nobody_busy(acme, delivered, receiver, start_dispatcher, statements):
    factories.make_record(acme)
    lane = ActionRecord.objects.get().lane
    factories.make_records(lane, delivered, 5_000)
    lane.running_limit = 1
    lane.save()
    receiver.open.clear()
    start_dispatcher()
    wait_until(lambda: receiver.received)
    settle_down(statements)

    asked = observe(statements, 2)

    assert asked[claims.CLAIM] <= 2
    ActionRecord.objects.filter(status="queued").delete()
    receiver.release()


def test_a_wake_up_while_the_lanes_are_looked_at_is_not_forgotten(statements):
    """The look is past the lane whose action was just accepted: it has to begin again."""
    asked = []

    async def look():
        dispatcher = Dispatcher(lines.read_conninfo(), concurrency=64, allow_private=True)

        async def fetch(wanted):
            asked.append(dispatcher.after_lane)
            if len(asked) == 1:
                return 100, True, []
            if len(asked) == 2:
                dispatcher.wake.set()
                return 200, True, []
            if len(asked) == 4:
                dispatcher.stop()
            return 300, False, []

        dispatcher._fetch_claim = fetch
        await asyncio.wait_for(dispatcher._claim(None), 5)

    asyncio.run(look())

    assert asked == [0, 100, 200, 0]
