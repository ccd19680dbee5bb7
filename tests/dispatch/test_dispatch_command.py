"""`manage.py dispatch` as a process: it ends when it is told, and may be killed."""

import signal

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from dispatch.engine.dispatcher import Dispatcher
from dispatch.models import ActionRecord
from tests import factories
from tests.dispatch.background import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def count(**columns):
    return ActionRecord.objects.filter(**columns).count()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(acme, delivered, receiver, start_command, tmp_path, number):
    receiver.open.clear()
    factories.make_record(acme)
    process = start_command("dispatch", "--concurrency=8")
    wait_until(lambda: receiver.received)

    process.send_signal(number)
    receiver.release()

    assert process.wait(10) == 0
    assert count(status="succeeded") == 1
    assert (tmp_path / "dispatch.log").read_text() == ""


def test_what_a_killed_one_held_is_delivered_by_the_next(acme, delivered, receiver, start_command):
    receiver.open.clear()
    factories.make_lane(delivered.links.get().destination)
    ids = [factories.make_record(acme).pk for _ in range(12)]
    process = start_command("dispatch", "--concurrency=8")
    wait_until(lambda: len(receiver.received) == 8)
    process.kill()
    process.wait()
    assert count(status="running") == 8

    receiver.release()
    start_command("dispatch", "--concurrency=8")
    wait_until(lambda: count(status="succeeded") == 4)
    # Forty seconds go by.
    ActionRecord.objects.filter(status="running").update(timeout_at=timezone.now())
    wait_until(lambda: count(status="succeeded") == 12)

    assert count(attempt=1) == 8
    assert {record_id for record_id, _ in receiver.seen()} == set(ids)
    assert len(receiver.seen()) == len(set(receiver.seen())) == 20


def test_no_deliveries_at_once_are_refused():
    with pytest.raises(CommandError, match="at least 1"):
        call_command("dispatch", concurrency=0)


def test_the_command_runs_a_dispatcher_until_it_is_stopped(monkeypatch):
    ran = []

    async def run(self):
        ran.append(self.concurrency)

    monkeypatch.setattr(Dispatcher, "run", run)

    call_command("dispatch", concurrency=3)

    assert ran == [3]
