"""`manage.py dispatch` as a process: it ends when it is told, and may be killed."""

import os
import signal
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from dispatch.dispatcher import Dispatcher
from dispatch.models import ActionRecord
from tests import factories
from tests.dispatch.background import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def start_process(tmp_path):
    """Start the command against the test's database; it is killed with the test."""
    url = urlsplit(os.environ["DATABASE_URL"])
    environment = os.environ | {
        "DATABASE_URL": url._replace(path=f"/{connection.settings_dict['NAME']}").geturl(),
        "WAYBILL_ALLOW_PRIVATE_NETWORKS": "true",
    }
    started = []

    def start():
        with (tmp_path / "dispatch.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "dispatch", "--concurrency=8"],
                cwd=settings.BASE_DIR,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def count(**columns):
    return ActionRecord.objects.filter(**columns).count()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(acme, delivered, receiver, start_process, tmp_path, number):
    receiver.open.clear()
    factories.make_record(acme)
    process = start_process()
    wait_until(lambda: receiver.received)

    process.send_signal(number)
    receiver.release()

    assert process.wait(10) == 0
    assert count(status="succeeded") == 1
    assert (tmp_path / "dispatch.log").read_text() == ""


def test_what_a_killed_one_held_is_delivered_by_the_next(acme, delivered, receiver, start_process):
    receiver.open.clear()
    ids = [factories.make_record(acme).pk for _ in range(12)]
    process = start_process()
    wait_until(lambda: len(receiver.received) == 8)
    process.kill()
    process.wait()
    assert count(status="running") == 8

    receiver.release()
    start_process()
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
