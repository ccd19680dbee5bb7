"""Executing in a real web process: what is lost when it is killed, and what it holds meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.client import HTTPConnection, HTTPException

import pytest
from django.core.management import call_command
from django.utils import timezone

from destinations.models import Sounding
from dispatch import direct
from dispatch.models import ActionRecord
from tests import factories
from tests.dispatch.background import Answer, wait_until
from tests.dispatch.claiming import connected
from tests.end_to_end.conftest import is_healthy
from tests.end_to_end.processes import find_free_port

pytestmark = pytest.mark.django_db(transaction=True)
LOST = "The process that delivered it was lost; it may have been done."


@pytest.fixture
def key(acme):
    return factories.make_key(acme)


@pytest.fixture
def web(start_command, monkeypatch, delivered):
    """A web process that executes, and its port."""
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.dispatch.direct_settings")
    port = find_free_port()
    process = start_command("web", f"--port={port}", "--workers=1")
    wait_until(lambda: is_healthy(port), seconds=30)
    return process, port


@pytest.fixture
def threads():
    with ThreadPoolExecutor(64) as pool:
        yield pool


def execute(port, key, **headers):
    """(status, body, headers) of the answer; nothing where the connection was lost."""
    http = HTTPConnection("127.0.0.1", port, timeout=40)
    headers = {"x-arklow-auth": key, "content-type": "application/json"} | headers
    try:
        http.request("POST", "/v1/execute/count", '{"n": 1}', headers)
        answer = http.getresponse()
        return (
            answer.status,
            json.loads(answer.read()),
            {name.lower(): value for name, value in answer.getheaders()},
        )
    except (OSError, HTTPException):
        return None
    finally:
        http.close()


def find_child(process):
    """The process of a server that works."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True
    )
    return int(listed.stdout.split()[-1])


@pytest.mark.parametrize("with_its_server", [True, False])
def test_what_a_killed_web_process_was_at_has_failed_and_never_runs_later(
    start_command, receiver, key, web, threads, with_its_server
):
    process, port = web
    start_command("dispatch")
    receiver.open.clear()
    told = threads.submit(execute, port, key, **{"Idempotency-Key": "one"})
    wait_until(lambda: receiver.received)

    worker = find_child(process)
    if with_its_server:
        # Nobody starts another one.
        process.kill()
    os.kill(worker, signal.SIGKILL)

    assert told.result(20) is None
    record = ActionRecord.objects.get()
    assert (record.status, record.attempt) == ("running", 0)
    assert record.timeout_at - record.started_at == timedelta(seconds=40)
    # As if the lease had run out.
    factories.move(record, timeout_at=timezone.now())
    wait_until(lambda: ActionRecord.objects.get().completed_at)
    receiver.release()
    time.sleep(2)
    executed = direct.find(record.pk)
    assert (executed.status, executed.error, executed.ambiguous) == ("failed", LOST, True)
    assert [one.attempt for one in receiver.received] == [0]
    call_command("reconcile", verbosity=0)


def test_fifty_who_wait_hold_no_connection_and_the_next_is_told_when_to_try_again(
    receiver, key, web, threads
):
    _, port = web
    receiver.otherwise = Answer(body=b'{"result": "counted"}')
    receiver.open.clear()
    waiting = [threads.submit(execute, port, key) for _ in range(50)]
    wait_until(lambda: len(receiver.received) == 50)

    status, body, headers = execute(port, key)
    with connected() as own:
        connections, transactions = own.execute(
            "SELECT count(*), count(*) FILTER (WHERE xact_start IS NOT NULL) "
            "FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = 'waybill' AND pid <> pg_backend_pid()"
        ).fetchone()
    receiver.release()

    assert (status, body["errors"][0]["code"], headers["retry-after"]) == (503, "BUSY", "1")
    # Those of the slots, which others work in meanwhile, and this test's own.
    assert connections <= 5
    assert transactions == 0
    answers = [one.result(30) for one in waiting]
    assert {answer[0] for answer in answers} == {200}
    assert {answer[1]["data"]["result"] for answer in answers} == {"counted"}


def test_a_web_process_that_is_asked_to_end_answers_first(receiver, key, web, threads):
    process, port = web
    receiver.open.clear()
    told = threads.submit(execute, port, key)
    wait_until(lambda: receiver.received)

    process.terminate()
    time.sleep(1)
    receiver.release()

    assert told.result(20)[1]["data"]["status"] == "succeeded"
    assert process.wait(15) == 0


def test_how_a_destination_answered_is_written_now_and_then_and_all_of_it_at_the_end(
    receiver, key, web, threads
):
    process, port = web
    receiver.otherwise = Answer(body=b'{"result": "counted"}')
    told = [threads.submit(execute, port, key) for _ in range(20)]
    assert {one.result(30)[0] for one in told} == {200}
    wait_until(Sounding.objects.exists)

    process.terminate()
    process.wait(20)

    assert sum(Sounding.objects.values_list("succeeded", flat=True)) == 20
