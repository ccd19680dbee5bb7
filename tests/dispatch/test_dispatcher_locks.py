"""Rows that somebody has locked, and limits that cannot be written, keep no other work waiting."""

import time

import pytest

from dispatch import throttle
from dispatch.engine import dispatcher as dispatcher_module
from dispatch.limits import MOST_OPENED
from dispatch.models import ActionRecord, Lane
from tests import factories
from tests.dispatch.background import Answer, wait_until
from tests.dispatch.claiming import connected

pytestmark = pytest.mark.django_db(transaction=True)

LOCK_RECORD = "SELECT FROM dispatch_actionrecord WHERE id = %s FOR UPDATE"
LOCK_LANE = "SELECT FROM dispatch_lane WHERE id = %s FOR NO KEY UPDATE"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Ticks ten times as often, so that tests need not wait for them."""
    monkeypatch.setattr(dispatcher_module, "TICK_SECONDS", 0.05)


def count(**columns):
    return ActionRecord.objects.filter(**columns).count()


def test_an_outcome_whose_record_is_locked_is_written_when_it_is_free(
    acme, delivered, receiver, start_dispatcher
):
    receiver.open.clear()
    held, *others = (factories.make_record(acme) for _ in range(4))
    start_dispatcher()
    wait_until(lambda: len(receiver.received) == 4)
    with connected() as somebody, somebody.transaction():
        somebody.execute(LOCK_RECORD, [held.pk])
        receiver.release()
        wait_until(lambda: count(status="succeeded") == 3)
        # It is not late: its attempt is not over.
        time.sleep(0.3)
        assert list(held.events.values_list("kind", flat=True)) == ["accepted"]
    wait_until(lambda: count(status="succeeded") == 4)

    assert [one.attempt for one in (held, *others)] == [0] * 4
    assert held.events.order_by("id").last().kind == "succeeded"


def test_what_was_canceled_under_that_lock_is_late(acme, delivered, receiver, start_dispatcher):
    receiver.open.clear()
    record = factories.make_record(acme)
    start_dispatcher()
    wait_until(lambda: receiver.received)
    with connected() as somebody, somebody.transaction():
        somebody.execute(
            "UPDATE dispatch_actionrecord SET status = 'canceled', completed_at = now()"
        )
        receiver.release()
        time.sleep(0.3)
        assert list(record.events.values_list("kind", flat=True)) == ["accepted"]
    wait_until(lambda: record.events.filter(kind="late").exists())

    assert count(status="canceled") == 1


def test_a_limit_whose_lane_is_locked_is_moved_when_it_is_free(
    acme, delivered, receiver, start_dispatcher
):
    lane = factories.make_lane(delivered.links.get().destination)
    receiver.answers = [Answer(429)]
    with connected() as somebody, somebody.transaction():
        somebody.execute(LOCK_LANE, [lane.pk])
        for _ in range(3):
            factories.make_record(acme)
        start_dispatcher()
        wait_until(lambda: count(status="succeeded") == 2)
        assert Lane.objects.get().running_limit == 16

    wait_until(lambda: Lane.objects.get().running_limit == 8)


def test_a_limit_that_cannot_be_written_stops_no_delivery(
    acme, delivered, receiver, start_dispatcher, monkeypatch, caplog
):
    factories.make_lane(delivered.links.get().destination)
    monkeypatch.setattr(throttle, "MOVE", "SELECT 1 / 0 WHERE %(ids)s::bigint[] IS NOT NULL")
    receiver.answers = [Answer(429)]
    for _ in range(3):
        factories.make_record(acme)

    start_dispatcher()
    wait_until(lambda: count(status="succeeded") == 2)
    wait_until(lambda: "The limits of 1 lanes cannot be written" in caplog.text)

    factories.make_record(acme)
    wait_until(lambda: count(status="succeeded") == 3)


def test_a_destination_that_is_dead_for_months_stops_no_other(
    acme, delivered, receiver, start_dispatcher
):
    closed = factories.make_receiving(acme, "http://127.0.0.1:8/")
    dead = factories.make_lane(closed, opened=32_767)
    factories.make_definition(acme, "other", to=closed)
    factories.make_record(acme, "other")
    start_dispatcher()
    wait_until(lambda: count(status="scheduled") == 1)

    factories.make_record(acme)
    wait_until(lambda: count(status="succeeded") == 1)

    wait_until(lambda: Lane.objects.get(pk=dead.pk).opened == MOST_OPENED)


@pytest.mark.alone
def test_a_database_that_takes_no_writes_for_a_while_loses_no_outcome(
    acme, delivered, receiver, start_dispatcher, caplog
):
    receiver.open.clear()
    for _ in range(3):
        factories.make_record(acme)
    start_dispatcher()
    wait_until(lambda: len(receiver.received) == 3)
    with connected() as somebody:
        (name,) = somebody.execute("SELECT current_database()").fetchone()
        set_read_only(somebody, name, "on")
        try:
            receiver.release()
            wait_until(lambda: "read-only transaction" in caplog.text)
        finally:
            set_read_only(somebody, name, "off")
    wait_until(lambda: count(status="succeeded", attempt=0) == 3)


def set_read_only(somebody, name, to):
    """For the whole server, whose sessions hear of it at once."""
    somebody.execute("SET default_transaction_read_only = off")
    somebody.execute(f"ALTER SYSTEM SET default_transaction_read_only = {to}")
    somebody.execute("SELECT pg_reload_conf()")
