"""How a dispatcher shares out what it can do: among lanes, destinations and dispatchers."""

import pytest
from django.db.models import F

from dispatch.models import ActionRecord
from tests import factories
from tests.dispatch.background import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_destination_that_hangs_slows_no_other(acme, delivered, receiver, start_dispatcher):
    receiver.open.clear()
    factories.make_lane(delivered.links.get().destination)
    for _ in range(40):
        factories.make_record(acme)
    start_dispatcher(concurrency=64)
    wait_until(lambda: len(receiver.received) == 16)

    # A destination of its own that refuses connections: all of them are tried.
    closed = factories.make_receiving(acme, "http://127.0.0.1:8/")
    factories.make_definition(acme, "other", to=closed)
    for _ in range(8):
        factories.make_record(acme, "other")
    tried = ActionRecord.objects.filter(definition__variant="other", attempt=1)
    wait_until(lambda: tried.count() == 8)

    assert len(receiver.received) == 16
    assert ActionRecord.objects.filter(status="running").count() == 16
    receiver.release()


def test_a_dispatcher_has_only_so_many_deliveries_under_way(
    acme, delivered, receiver, start_dispatcher
):
    receiver.open.clear()
    for number in range(3):
        for _ in range(4):
            factories.make_record(acme, tags={"tenant": str(number)})
    start_dispatcher(concurrency=5)
    wait_until(lambda: len(receiver.received) == 5)

    wait_until(lambda: ActionRecord.objects.filter(status="running").count() == 5)
    receiver.release()
    wait_until(lambda: ActionRecord.objects.filter(status="succeeded").count() == 12)


def test_more_lanes_than_a_claim_looks_at_are_all_served(
    acme, delivered, receiver, start_dispatcher
):
    for _ in range(2):
        for number in range(150):
            factories.make_record(acme, tags={"tenant": str(number)})

    start_dispatcher()
    wait_until(lambda: ActionRecord.objects.filter(status="succeeded").count() == 300)

    assert sorted(receiver.seen()) == sorted(
        (pk, 0) for pk in ActionRecord.objects.values_list("pk", flat=True)
    )


def test_two_dispatchers_deliver_each_action_once(acme, delivered, receiver, start_dispatcher):
    for number in range(200):
        factories.make_record(acme, tags={"tenant": str(number % 5)})

    for _ in range(2):
        start_dispatcher(concurrency=20)
    wait_until(lambda: ActionRecord.objects.filter(status="succeeded").count() == 200)

    assert len(receiver.received) == len(set(receiver.seen())) == 200
    assert not ActionRecord.objects.exclude(attempt=F("failures")).exists()


def test_a_destination_with_many_lanes_takes_no_more_than_its_share(
    acme, delivered, receiver, start_dispatcher
):
    receiver.open.clear()
    for number in range(20):
        for _ in range(3):
            factories.make_record(acme, tags={"tenant": str(number)})
    dispatcher = start_dispatcher(concurrency=64)
    wait_until(lambda: len(receiver.received) >= dispatcher.deliveries.share)
    closed = factories.make_receiving(acme, "http://127.0.0.1:8/")
    factories.make_definition(acme, "other", to=closed)
    factories.make_record(acme, "other")
    wait_until(lambda: ActionRecord.objects.filter(definition__variant="other", attempt=1).exists())

    # The claim that fills its share up may go over it, once.
    assert dispatcher.deliveries.share == 16
    assert 16 <= len(receiver.received) < 32
    receiver.release()
    wait_until(lambda: ActionRecord.objects.filter(status="succeeded").count() == 60)
    assert dispatcher.deliveries.busy == {}
