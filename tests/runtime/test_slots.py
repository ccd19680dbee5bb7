"""Slots: few requests work at once, each with a connection; those who leave give it to others."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction
from django.db.transaction import TransactionManagementError

from runtime import slots
from runtime.slots import Slots
from tests.dispatch.background import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def make_slots(monkeypatch):
    """Slots that are this process's; their connections end with the test."""
    monkeypatch.setattr(slots, "_installed", [])
    monkeypatch.setattr(slots, "_on_stop", [])
    made = []

    def make(count=1):
        made.append(Slots(count))
        slots._installed[:] = made
        return made[-1]

    yield make
    for one in made:
        while not one._free.empty():
            one._free.get().close()


def find_pid():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def call_in_thread(application):
    """What an application answers in a thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(application, {}, None).result(10)


def test_requests_of_all_threads_share_the_connections_of_the_slots(make_slots):
    application = make_slots(1).serve(lambda *_: find_pid())

    pids = {call_in_thread(application) for _ in range(3)}

    assert len(pids) == 1


def test_no_more_work_at_once_than_there_are_slots(make_slots):
    working, most, lock, go = [], [], threading.Lock(), threading.Event()

    def work(*_):
        with lock:
            working.append(1)
            most.append(len(working))
        go.wait(10)
        with lock:
            working.pop()

    application = make_slots(2).serve(work)
    with ThreadPoolExecutor(6) as pool:
        done = [pool.submit(application, {}, None) for _ in range(6)]
        wait_until(lambda: len(working) == 2)
        go.set()
        for one in done:
            one.result(10)

    assert max(most) == 2


def test_who_waits_has_left_slot_and_connection_to_others(make_slots):
    ours = make_slots(1)
    waits, go = threading.Event(), threading.Event()

    def wait(*_):
        before = find_pid()
        with slots.left():
            has_connection = bool(connections.all(initialized_only=True))
            waits.set()
            go.wait(10)
        return has_connection, before, find_pid()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ours.serve(wait), {}, None)
        waits.wait(10)
        assert call_in_thread(ours.serve(lambda *_: "served")) == "served"
        go.set()
        has_connection, before, after = waiting.result(10)

    assert not has_connection
    assert before == after


def test_a_request_that_fails_gives_its_slot_back(make_slots):
    ours = make_slots(1)

    def fail(*_):
        raise RuntimeError("as it was asked to")

    for _ in range(3):
        with pytest.raises(RuntimeError):
            call_in_thread(ours.serve(fail))

    assert call_in_thread(ours.serve(lambda *_: "served")) == "served"


def test_nobody_begins_to_wait_when_the_process_ends(make_slots):
    ours = make_slots()
    told = []
    slots.on_stop(lambda: told.append(1))
    assert slots.may_leave()
    assert not slots.is_stopping()

    ours.stop()

    assert told == [1]
    assert not slots.may_leave()
    assert slots.is_stopping()


def test_a_signal_to_end_stops_the_waiting_whoever_handles_it(make_slots, monkeypatch):
    ours = make_slots(1)
    monkeypatch.setattr(slots, "_installed", [])
    seen = []
    theirs = signal.signal(signal.SIGTERM, lambda *_: seen.append(1))
    try:
        slots.install(ours)
        os.kill(os.getpid(), signal.SIGTERM)
        wait_until(lambda: ours._stopping.is_set() and seen, seconds=10)
    finally:
        os.close(signal.set_wakeup_fd(-1))
        signal.signal(signal.SIGTERM, theirs)


def test_where_there_are_no_slots_the_connection_is_closed(monkeypatch):
    monkeypatch.setattr(slots, "_installed", [])
    find_pid()

    assert slots.may_leave()
    with slots.left():
        assert connection.connection is None


def test_nobody_leaves_within_a_transaction(make_slots):
    ours = make_slots(1)

    def ask(*_):
        with transaction.atomic():
            with pytest.raises(TransactionManagementError), slots.left():
                pass
            return slots.may_leave(), connection.in_atomic_block

    assert call_in_thread(ours.serve(ask)) == (False, True)
