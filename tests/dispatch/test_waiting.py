"""Waiting to pull: woken at once, by one notification or none, and never in the way of others."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.db import Error, connection, connections
from django.utils import timezone

from dispatch import advice, pulls, settlement, waiting
from dispatch.models import ActionRecord, Lane
from dispatch.pulls import Order
from dispatch.waiting import Lobby, lobby
from runtime.seats import Seats
from tests import factories
from tests.dispatch.background import wait_until
from tests.dispatch.claiming import connected, promote

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sdk(acme):
    made = factories.make_destination(acme, "sdk")
    factories.make_definition(acme, to=made)
    return made


@pytest.fixture
def start_pull(acme):
    """Start a pull that waits for ten seconds; its result is (what it got, after how long)."""
    with ThreadPoolExecutor(20) as pool:

        def start(namespace="billing-workers", most=10, seconds=5.0):
            order = Order(acme.pk, namespace, most, 60, "tests")
            before = lobby.count()
            pulling = pool.submit(pull, order, seconds)
            wait_until(lambda: lobby.count() > before)
            # It has looked, and left its connection.
            wait_until(lambda: not find_others("waybill", "active"))
            time.sleep(0.1)
            return pulling

        yield start
        lobby.wake_all()
    lobby.close()
    pulls.cursors.after.clear()


def pull(order, seconds):
    began = time.monotonic()
    try:
        got = pulls.pull(order, wait_seconds=seconds)
        return [one.record_id for one in got], time.monotonic() - began
    finally:
        connections.close_all()


def find_others(name, state):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = %s AND state = %s AND pid <> pg_backend_pid()",
            [name, state],
        )
        return [pid for (pid,) in cursor.fetchall()]


@pytest.fixture
def _no_ticks(monkeypatch):
    """Only notifications wake."""
    monkeypatch.setattr(lobby, "_tick", lambda: None)


@pytest.mark.usefixtures("_no_ticks")
def test_an_accepted_action_wakes_at_once(acme, sdk, start_pull):
    pulling = start_pull()
    began = time.monotonic()

    record = factories.make_record(acme)

    assert pulling.result(10)[0] == [record.pk]
    assert time.monotonic() - began < 2


def test_nothing_in_time_is_an_empty_answer(acme, sdk, start_pull):
    got, seconds = start_pull(seconds=0.5).result(10)

    assert got == []
    assert 0.5 <= seconds < 2


def test_while_waiting_there_is_no_connection_but_the_one_that_hears(acme, sdk, start_pull):
    pullings = [start_pull() for _ in range(5)]

    assert len(find_others("waybill", "idle")) == 1
    assert find_others("waybill", "idle in transaction") == []
    records = [factories.make_record(acme).pk for _ in range(5)]
    got = [one for pulling in pullings[:1] for one in pulling.result(10)[0]]
    assert set(got) <= set(records)


@pytest.mark.usefixtures("_no_ticks")
def test_a_lane_that_gets_room_wakes(acme, sdk, start_pull):
    first, second = (factories.make_record(acme) for _ in range(2))
    Lane.objects.update(unsettled_limit=1)
    order = Order(acme.pk, "billing-workers", 10, 60, "tests")
    pulls.pull(order, wait_seconds=0)
    pulling = start_pull()

    settlement.ack(org_id=acme.pk, record_id=first.pk, attempt=0)

    assert pulling.result(5)[0] == [second.pk]


@pytest.mark.usefixtures("_no_ticks")
def test_a_settle_without_anything_due_wakes_nobody(acme, sdk, start_pull):
    record = factories.make_record(acme)
    order = Order(acme.pk, "billing-workers", 10, 60, "tests")
    pulls.pull(order, wait_seconds=0)
    with connected() as own:
        own.execute(f"LISTEN {settlement.PULL}")

        settlement.ack(org_id=acme.pk, record_id=record.pk, attempt=0)

        assert list(own.notifies(timeout=0.2)) == []


def test_pulled_work_wakes_no_dispatcher_and_pushed_work_no_worker(acme, sdk, webhook):
    factories.make_definition(acme, "pushed", webhook)
    with connected() as own:
        own.execute(f"LISTEN {settlement.WAKE}; LISTEN {settlement.PULL}")

        factories.make_record(acme)
        pulled = [(one.channel, one.payload) for one in own.notifies(timeout=0.2)]
        factories.make_record(acme, "pushed")
        pushed = [(one.channel, one.payload) for one in own.notifies(timeout=0.2)]

    assert pulled == [(settlement.PULL, str(sdk.pk))]
    assert pushed == [(settlement.WAKE, "")]


@pytest.mark.usefixtures("_no_ticks")
def test_a_nack_for_at_once_and_an_expiry_wake(acme, sdk, start_pull):
    record = factories.make_record(acme)
    order = Order(acme.pk, "billing-workers", 10, 60, "tests")
    pulls.pull(order, wait_seconds=0)
    pulling = start_pull()
    settlement.nack(org_id=acme.pk, record_id=record.pk, attempt=0, retry_at=0)
    assert pulling.result(5)[0] == [record.pk]

    pulling = start_pull()
    factories.move(record, timeout_at=timezone.now() - timedelta(seconds=1))
    promote()
    assert pulling.result(5)[0] == [record.pk]
    record.refresh_from_db()
    assert record.attempt == 2


@pytest.mark.usefixtures("_no_ticks")
def test_a_raised_cap_and_a_resumed_destination_wake(acme, sdk, start_pull):
    record = factories.make_record(acme)
    Lane.objects.update(running_cap=0)
    pulling = start_pull()
    advice.set_caps(lane_ids=[record.lane_id], caps={"running_cap": None}, actor="tests")
    assert pulling.result(5)[0] == [record.pk]

    advice.pause_destination(destination=sdk, actor="tests")
    record = factories.make_record(acme)
    pulling = start_pull()
    advice.resume_destination(destination=sdk, actor="tests")
    assert pulling.result(5)[0] == [record.pk]


def test_a_lost_notification_is_made_up_for_by_the_tick(acme, sdk, start_pull, monkeypatch):
    monkeypatch.setattr(waiting, "PULL", "nobody_says_this")
    pulling = start_pull()

    record = factories.make_record(acme)

    got, seconds = pulling.result(10)
    assert got == [record.pk]
    assert seconds < 5


def test_a_destination_made_meanwhile_is_found(acme, start_pull):
    pulling = start_pull("made-later")
    sdk = factories.make_destination(acme, "sdk", config={"namespace": "made-later"})
    factories.make_definition(acme, to=sdk)

    record = factories.make_record(acme)

    assert pulling.result(10)[0] == [record.pk]


def test_the_connection_that_hears_is_made_again(acme, sdk, start_pull):
    pulling = start_pull()
    # Now and then it is looking.
    (pid,) = wait_until(lambda: find_others("waybill", "idle"))
    with connected() as own:
        own.execute("SELECT pg_terminate_backend(%s)", [pid])

    wait_until(lambda: [one for one in find_others("waybill", "idle") if one != pid])
    record = factories.make_record(acme)

    assert pulling.result(10)[0] == [record.pk]


@pytest.mark.usefixtures("_no_ticks")
def test_one_action_wakes_one_and_many_wake_as_many_as_it_takes(acme, sdk, start_pull):
    Lane.objects.all().delete()
    pullings = [start_pull(most=1) for _ in range(4)]

    factories.make_record(acme)
    wait_until(lambda: sum(one.done() for one in pullings) == 1)
    time.sleep(0.3)
    assert sum(one.done() for one in pullings) == 1

    lane = Lane.objects.get()
    definition = ActionRecord.objects.get().definition
    factories.make_records(lane, definition, 3, push=False)
    with connected() as own:
        own.execute(f"SELECT pg_notify('{settlement.PULL}', '{sdk.pk}')")
    got = [one for pulling in pullings for one in pulling.result(10)[0]]
    assert len(got) == len(set(got)) == 4


def test_the_thread_ends_when_nobody_has_waited_for_long(acme, sdk, start_pull, monkeypatch):
    monkeypatch.setattr(waiting, "LINGER_SECONDS", 0.1)
    start_pull(seconds=0.2).result(10)

    wait_until(lambda: not any(one.name == "listener" for one in threading.enumerate()))


def test_who_leaves_awake_passes_it_on(acme):
    here = Lobby()
    here._listen = lambda: None
    key = (acme.pk, "x")
    with here.enter(key) as stays:
        with here.enter(key) as leaves:
            leaves.wake()
        assert stays.is_woken


@pytest.mark.parametrize("error", [Error("gone"), RuntimeError("a bug")])
def test_the_thread_outlives_whatever_goes_wrong(acme, sdk, monkeypatch, error):
    here = Lobby()
    failures = []

    def fail():
        failures.append(1)
        raise error

    monkeypatch.setattr(waiting, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(here, "_hear", fail)
    with here.enter((acme.pk, "x")):
        wait_until(lambda: len(failures) > 3)
        here.close()


@pytest.mark.usefixtures("_no_ticks")
def test_one_organizations_pulls_leave_seats_for_others(acme, globex, sdk, start_pull, monkeypatch):
    monkeypatch.setattr(waiting, "seats", Seats(3))
    held = [start_pull() for _ in range(2)]
    assert waiting.seats.taken_by(acme.pk) == 2

    # One too many is answered at once, and empty; another organization waits.
    assert pull(Order(acme.pk, "billing-workers", 10, 60, "tests"), 5.0)[1] < 2
    assert pull(Order(globex.pk, "billing-workers", 10, 60, "tests"), 0.3)[1] >= 0.3
    lobby.wake_all()
    for pulling in held:
        pulling.result(10)
    assert waiting.seats.taken_by(acme.pk) == waiting.seats.taken_by(globex.pk) == 0


def test_two_hundred_of_one_organization_wait_in_a_process(acme):
    with ExitStack() as held:
        while held.enter_context(waiting.seats.take(acme.pk)):
            pass
        assert waiting.seats.taken_by(acme.pk) == 200
