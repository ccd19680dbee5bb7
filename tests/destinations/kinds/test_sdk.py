"""The nine behaviours that every kind has a test of, for work that is pulled.

Nothing is sent, so that each is what a worker does, or fails to do, over a real web process. Its
counterpart is the Python client; tests/sdk has it in processes of its own.
"""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone
from waybill_sdk import Client, Conflict, NotFound, Unauthorized

from dispatch import advice
from dispatch.models import ActionRecord, Lane
from tests import factories
from tests.dispatch.background import wait_until
from tests.dispatch.claiming import promote
from tests.dispatch.test_pulling_processes import send_pull
from tests.end_to_end.conftest import is_healthy
from tests.end_to_end.processes import find_free_port

pytestmark = pytest.mark.django_db(transaction=True)
NAMESPACE = "billing-workers"


@pytest.fixture
def destination(acme):
    made = factories.make_destination(acme, "sdk")
    factories.make_definition(acme, "any", made, schema={})
    return made


@pytest.fixture
def record(acme, destination):
    return factories.make_record(acme, "any", input={"n": 1})


@pytest.fixture
def port(start_command, transactional_db):
    port = find_free_port()
    start_command("web", f"--port={port}", "--workers=1")
    wait_until(lambda: is_healthy(port), seconds=30)
    return port


@pytest.fixture
def connect(port):
    """A client of the organization, or of whoever has the key."""
    clients = []

    def open_client(key):
        clients.append(Client(f"http://127.0.0.1:{port}", key))
        return clients[-1]

    yield open_client
    for client in clients:
        client.close()


@pytest.fixture
def worker(acme, connect):
    return connect(factories.make_key(acme))


def status(record):
    record.refresh_from_db()
    return record.status, record.attempt


def test_success(worker, record):
    (action,) = worker.pull(NAMESPACE)
    assert (action.id, action.attempt, action.input) == (str(record.pk), 0, {"n": 1})

    worker.ack(action.id, action.attempt)

    assert status(record) == ("succeeded", 0)


def test_signal(worker, record):
    (action,) = worker.pull(NAMESPACE)
    worker.modack(action.id, 0, 600)
    assert status(record) == ("ack_wait", 0)
    assert record.timeout_at > timezone.now() + timedelta(seconds=500)

    worker.nack(action.id, 0, retry_at=int(time.time()) + 60)

    assert status(record) == ("scheduled", 1)


def test_slow(worker, record):
    """Its lease runs out: the next one gets it at once, and the first one is too late."""
    worker.pull(NAMESPACE, lease_seconds=1)

    wait_until(lambda: promote()[1], seconds=10)

    (again,) = worker.pull(NAMESPACE)
    assert (again.id, again.attempt) == (str(record.pk), 1)
    with pytest.raises(Conflict):
        worker.ack(again.id, 0)


def test_refused(worker, record):
    (action,) = worker.pull(NAMESPACE)

    worker.nack(action.id, action.attempt, retry=False)

    assert status(record) == ("failed", 0)


def test_rate_limited(worker, record, destination):
    """What an operator slows: a cap of 0, and a pause, give nothing, and lose nothing."""
    advice.set_caps(lane_ids=[record.lane_id], caps={"running_cap": 0}, actor="tests")
    assert worker.pull(NAMESPACE) == []
    advice.set_caps(lane_ids=[record.lane_id], caps={"running_cap": None}, actor="tests")
    advice.pause_destination(destination=destination, actor="tests")
    assert worker.pull(NAMESPACE) == []

    advice.resume_destination(destination=destination, actor="tests")

    assert len(worker.pull(NAMESPACE)) == 1


def test_unreachable(record):
    """Nobody pulls: it waits, no failure is counted, and its lane is as it was."""
    assert promote() == (0, 0)

    assert status(record) == ("queued", 0)
    assert record.failures == 0
    lane = Lane.objects.get()
    assert (lane.opened, lane.paused_until, lane.revision) == (0, None, 0)


def test_huge(acme, worker, destination):
    """Payloads of a megabyte each come whole, and no more of them than one answer may hold."""
    for _ in range(20):
        factories.make_record(acme, "any", input="x" * 1_000_000)
    Lane.objects.update(unsettled_limit=100)

    got = [len(worker.pull(NAMESPACE, most=100)) for _ in range(3)]

    assert sum(got) == 20
    assert 1 <= got[0] <= 17
    assert ActionRecord.objects.filter(status="ack_wait").count() == 20


def test_cancelled(acme, port, worker, destination):
    """A client that goes away while it waits takes nothing with it for longer than its lease."""
    key = factories.make_key(acme)
    send_pull(port, key, 20).close()
    record = factories.make_record(acme, "any", input={"n": 1})

    def comes_back():
        """Pulled by the one that is there; what the one that left was given has had its time."""
        if status(record)[0] == "ack_wait":
            factories.move(record, timeout_at=timezone.now() - timedelta(seconds=1))
            promote()
        return worker.pull(NAMESPACE, wait_seconds=1)

    # Whether it was noticed or not, and also when it is given the action as it comes back.
    (action,) = wait_until(comes_back, seconds=20)

    assert action.id == str(record.pk)


def test_wrong_credential(globex, connect, worker, record):
    with pytest.raises(Unauthorized):
        connect("api_" + "0" * 40).pull(NAMESPACE)
    stranger = connect(factories.make_key(globex))
    assert stranger.pull(NAMESPACE) == []
    (action,) = worker.pull(NAMESPACE)

    for settle in (stranger.ack, stranger.nack):
        with pytest.raises(NotFound):
            settle(action.id, action.attempt)
    with pytest.raises(NotFound):
        stranger.modack(action.id, action.attempt, 60)

    assert status(record) == ("ack_wait", 0)
