"""What a dispatcher survives, and how it ends: a duplicate perhaps, never a loss."""

import asyncio
import logging
import threading
import time
from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from destinations.outcomes import Outcome, Verdict
from dispatch import limits, retries, settlement
from dispatch.engine import claims, lines
from dispatch.engine import dispatcher as dispatcher_module
from dispatch.engine.dispatcher import Dispatcher
from dispatch.limits import Observation, Seen
from dispatch.models import ActionEvent, ActionRecord
from tests import factories
from tests.dispatch.background import Answer, wait_until
from tests.dispatch.proxy import Proxy

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(dispatcher_module, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(dispatcher_module, "RECONNECT_SECONDS", 0.05)


@pytest.fixture
def proxy(background):
    made = Proxy()
    background.run(made.start())
    yield made
    background.run(made.stop())


@pytest.fixture
def held(acme, delivered, receiver):
    """Three actions that reach the receiver, which answers when it is told."""
    receiver.open.clear()
    yield [factories.make_record(acme) for _ in range(3)]
    receiver.release()


def count(**columns):
    return ActionRecord.objects.filter(**columns).count()


def expire_leases():
    ActionRecord.objects.filter(status="running").update(timeout_at=timezone.now())


def strike(function):
    """Call `pg_terminate_backend` or `pg_cancel_backend` on every dispatcher's connections."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count({function}(pid)) FROM pg_stat_activity "
            "WHERE application_name = 'waybill dispatch' AND datname = current_database()"
        )
        return cursor.fetchone()[0]


# --- connections -------------------------------------------------------------------------------


def test_what_a_lane_has_learnt_outlives_a_connection_that_is_gone():
    gone = Dispatcher("host=127.0.0.1 port=1", concurrency=1, allow_private=True)
    limited = Observation(Seen.LIMITED, 1.0, 2.0, True, 30.0, "HTTP 429")
    gone.throttle.observe(4711, limits.observe_answer, limited)

    with pytest.raises(lines.OUT_OF_REACH):
        asyncio.run(gone._move_lanes())

    assert gone.throttle.moving == {4711}


@pytest.mark.parametrize("function", ["pg_terminate_backend", "pg_cancel_backend"])
def test_connections_that_are_struck_during_work_lose_nothing(
    acme, delivered, receiver, start_dispatcher, function
):
    ids = {factories.make_record(acme, tags={"t": str(n % 7)}).pk for n in range(150)}
    start_dispatcher()
    struck = 0
    for _ in range(15):
        struck += strike(function)
        ids |= {factories.make_record(acme, tags={"t": str(m)}).pk for m in range(5)}
        time.sleep(0.05)

    def all_are_over():
        # What was claimed by a transaction whose end nobody heard of.
        old = timezone.now() - timedelta(seconds=2)
        lost = ActionRecord.objects.filter(status="running", started_at__lt=old)
        lost.update(timeout_at=timezone.now())
        return count(status="succeeded") == len(ids)

    wait_until(all_are_over)

    assert struck > 15
    assert {record_id for record_id, _ in receiver.seen()} == ids
    # Each has one event that ended it; what came twice is marked as late.
    ended = ActionEvent.objects.filter(kind="succeeded").values_list("record_id", flat=True)
    assert sorted(ended) == sorted(ids)


def test_a_claim_that_is_canceled_while_it_is_prepared_can_be_made_again():
    """psycopg prepares what comes a sixth time, and trusts in it although it was canceled."""

    async def claim():
        dispatcher = Dispatcher(lines.read_conninfo(), concurrency=1, allow_private=True)
        for _ in range(5):
            await dispatcher._fetch_claim(1)
        line = await dispatcher.claimer.open()
        await line.execute("SET statement_timeout = 50")
        async with await psycopg.AsyncConnection.connect(dispatcher.claimer.conninfo) as other:
            await other.execute("LOCK TABLE dispatch_lane")
            with pytest.raises(psycopg.errors.QueryCanceled):
                await dispatcher._fetch_claim(1)
        found = await dispatcher._fetch_claim(1)
        await dispatcher.claimer.close()
        return found

    assert asyncio.run(claim()) == (0, False, [])


def test_an_outcome_outlives_the_database_that_was_gone_when_it_came(
    held, proxy, background, receiver, start_dispatcher
):
    dispatcher = start_dispatcher(conninfo=proxy.conninfo)
    wait_until(lambda: len(receiver.received) == 3)
    background.run(proxy.cut())
    receiver.release()
    wait_until(lambda: len(dispatcher.deliveries.endings) == 3)
    assert count(status="running") == 3

    background.run(proxy.mend())
    wait_until(lambda: count(status="succeeded") == 3)

    assert set(ActionRecord.objects.values_list("attempt", flat=True)) == {0}


def test_a_connection_lost_while_writing_singly_loses_no_outcome(caplog):
    caplog.set_level(logging.CRITICAL)
    written, lost = [], []

    async def finish(endings):
        if len(endings) > 1 or endings[0].record_id == 2:
            raise psycopg.DataError("one of them is poison")
        if endings[0].record_id == 3 and not lost:
            lost.append(3)
            raise psycopg.OperationalError("the connection is closed")
        written.append(endings[0].record_id)

    async def flush():
        dispatcher = Dispatcher(lines.read_conninfo(), concurrency=1, allow_private=True)
        dispatcher._finish = finish
        ack = Outcome(Verdict.ACK)
        dispatcher.deliveries.endings = [retries.end_attempt(pk, 0, 0, ack) for pk in (1, 2, 3, 4)]
        with pytest.raises(psycopg.OperationalError):
            await dispatcher._flush()
        assert [ending.record_id for ending in dispatcher.deliveries.endings] == [1, 2, 3, 4]
        assert dispatcher.deliveries.finished.is_set()
        await dispatcher._flush()
        assert dispatcher.deliveries.endings == []

    asyncio.run(flush())

    assert written == [1, 1, 3, 4]


def test_a_dispatcher_waits_for_a_database_that_is_not_there_yet(
    acme, delivered, proxy, background, start_dispatcher, caplog
):
    record = factories.make_record(acme)
    background.run(proxy.cut())
    start_dispatcher(conninfo=proxy.conninfo)
    wait_until(lambda: "Database out of reach" in caplog.text)
    assert ActionRecord.objects.get(pk=record.pk).status == "queued"

    background.run(proxy.mend())
    wait_until(lambda: count(status="succeeded") == 1)


def test_a_deadlock_is_tried_again_at_once(caplog):
    async def work():
        raise psycopg.errors.DeadlockDetected

    dispatcher = Dispatcher(lines.read_conninfo(), concurrency=1, allow_private=True)

    assert asyncio.run(dispatcher._patiently(work)) is True
    assert caplog.text == ""


# --- fencing -----------------------------------------------------------------------------------


def test_the_late_outcome_of_a_lost_lease_only_adds_an_event(
    acme, delivered, receiver, start_dispatcher
):
    receiver.open.clear()
    receiver.answers = [Answer(500, {"retry-after": "0"})]
    record = factories.make_record(acme)
    start_dispatcher()
    wait_until(lambda: receiver.received)

    # The lease runs out; somebody claims it again and is slow as well.
    expire_leases()
    wait_until(lambda: len(receiver.received) == 2)
    receiver.release()
    wait_until(lambda: record.events.count() == 4)

    assert receiver.seen() == [(record.pk, 0), (record.pk, 1)]
    record.refresh_from_db()
    assert (record.status, record.attempt, record.failures) == ("succeeded", 1, 0)
    events = list(record.events.values_list("kind", "attempt"))
    assert events[:2] == [("accepted", 0), ("lease_expired", 0)]
    assert sorted(events[2:]) == [("late", 0), ("succeeded", 1)]


def test_the_late_outcome_of_one_dispatcher_does_not_touch_the_claim_of_another(
    held, background, receiver, start_dispatcher
):
    first = start_dispatcher()
    wait_until(lambda: len(receiver.received) == 3)
    # It holds everything, so that the other one gets what returns.
    background.call(lambda: setattr(first, "free", 0))
    start_dispatcher()
    expire_leases()
    wait_until(lambda: len(receiver.received) == 6)

    receiver.release()
    wait_until(lambda: ActionEvent.objects.count() == 3 * 4)

    for record in held:
        record.refresh_from_db()
        assert (record.status, record.attempt) == ("succeeded", 1)
        assert sorted(record.events.values_list("kind", "attempt")) == [
            ("accepted", 0), ("late", 0), ("lease_expired", 0), ("succeeded", 1)
        ]  # fmt: skip


# --- ending ------------------------------------------------------------------------------------


def stop(background):
    """Seconds until every dispatcher has ended."""
    start = time.monotonic()
    background.stop_dispatchers()
    return time.monotonic() - start


def test_an_idle_dispatcher_ends_at_once(background, start_dispatcher, delivered):
    start_dispatcher()
    time.sleep(0.3)

    assert stop(background) < 5


def test_a_dispatcher_that_is_stopped_at_once_ends(background, start_dispatcher, delivered):
    for _ in range(5):
        start_dispatcher()
        assert stop(background) < 5


def test_a_stop_waits_for_what_is_under_way_and_writes_it_down(
    acme, held, background, receiver, start_dispatcher
):
    start_dispatcher()
    wait_until(lambda: len(receiver.received) == 3)
    threading.Timer(0.5, receiver.release).start()

    assert 0.4 < stop(background) < 8

    assert count(status="succeeded") == 3
    # Nothing new is claimed.
    factories.make_record(acme)
    time.sleep(0.1)
    assert count(status="queued") == 1


def test_a_stop_waits_no_longer_than_its_grace(
    held, background, receiver, start_dispatcher, monkeypatch
):
    monkeypatch.setattr(dispatcher_module, "GRACE_SECONDS", 0.3)
    start_dispatcher()
    wait_until(lambda: len(receiver.received) == 3)

    assert 0.2 < stop(background) < 8
    assert count(status="running") == 3

    # Their leases bring them back.
    receiver.release()
    expire_leases()
    start_dispatcher()
    wait_until(lambda: count(status="succeeded", attempt=1) == 3)


@pytest.mark.parametrize("trouble", ["cut", "freeze"])
def test_a_stop_ends_also_where_the_database_is_out_of_reach(
    held, proxy, background, receiver, start_dispatcher, monkeypatch, trouble
):
    monkeypatch.setattr(dispatcher_module, "WRITE_GRACE_SECONDS", 0.4)
    start_dispatcher(conninfo=proxy.conninfo)
    wait_until(lambda: len(receiver.received) == 3)
    background.run(getattr(proxy, trouble)())
    receiver.release()
    time.sleep(0.2)

    assert stop(background) < 8
    assert count(status="running") == 3


def test_a_task_that_fails_ends_the_dispatcher_in_order(
    held, background, receiver, start_dispatcher, monkeypatch
):
    start_dispatcher()
    wait_until(lambda: len(receiver.received) == 3)
    monkeypatch.setattr(claims, "PROMOTE", "SELECT nonsense")
    threading.Timer(0.2, receiver.release).start()

    with pytest.raises(psycopg.errors.UndefinedColumn):
        background.wait_dispatchers()

    assert count(status="succeeded") == 3


def test_a_writer_that_fails_ends_the_dispatcher_too(
    held, background, receiver, start_dispatcher, monkeypatch, caplog
):
    caplog.set_level(logging.CRITICAL)
    start_dispatcher()
    wait_until(lambda: len(receiver.received) == 3)

    def refuse(endings, **options):
        raise TypeError("not to be written")

    monkeypatch.setattr(settlement, "finish_parameters", refuse)
    receiver.release()

    with pytest.raises(TypeError, match="not to be written"):
        background.wait_dispatchers()
    assert count(status="running") == 3
