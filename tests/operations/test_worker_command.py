"""`manage.py worker` as a process: it ends when it is told, may be killed, and loses nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from contextlib import nullcontext

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.db.models import Count
from procrastinate import exceptions, sql
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.psycopg_connector import PsycopgConnector
from psycopg_pool import AsyncConnectionPool

from dispatch.models import ActionRecord
from operations.management.commands import worker
from operations.models import Chore
from tests import factories
from tests.dispatch.background import wait_until
from tests.factories import make_over, start_bulk

pytestmark = pytest.mark.django_db(transaction=True)


def execute(statement, parameters=()):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def make_failed(org, definition, count):
    """Failed actions with their payloads."""
    lane = factories.make_lane(definition.links.get().destination)
    made = factories.make_records(
        lane, definition, count, status="failed", completed_at=org.created_at
    )
    execute(
        "INSERT INTO dispatch_actionpayload (record_id, input) "
        "SELECT id, '{\"n\":1}' FROM dispatch_actionrecord"
    )
    return made


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(start_command, tmp_path, number):
    process = start_command("worker")
    # Chores whose time was a moment ago are done at once.
    wait_until(lambda: Chore.objects.exclude(seconds=None).count() >= 5, seconds=30)

    process.send_signal(number)

    assert process.wait(15) == 0
    assert (tmp_path / "worker.log").read_text() == ""


def test_what_a_killed_one_was_replaying_is_replayed_once_by_the_next(
    acme, definition, start_command, tmp_path
):
    made = make_failed(acme, definition, 4_000)
    operation = start_bulk(acme, cap=10_000)
    process = start_command("worker")

    def done():
        operation.refresh_from_db()
        return operation.done

    wait_until(lambda: done() >= 500, seconds=30)
    process.kill()
    process.wait()
    assert 500 <= done() < 4_000
    assert ProcrastinateJob.objects.get(task_name="run_bulk_operation").status == "doing"

    # Twenty seconds go by.
    execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '21 seconds'")
    start_command("worker")
    wait_until(lambda: done() == 4_000, seconds=60)

    wait_until(lambda: not ProcrastinateJob.objects.filter(status="doing").exists(), seconds=10)
    operation.refresh_from_db()
    assert (operation.status, operation.skipped) == ("succeeded", {})
    replays = ActionRecord.objects.exclude(replay_of=None)
    assert set(replays.values_list("replay_of", flat=True)) == set(made)
    twice = replays.order_by().values("replay_of").annotate(n=Count("pk")).filter(n__gt=1)
    assert not twice.exists()
    assert replays.count() == 4_000
    assert "lost its worker" in (tmp_path / "worker.log").read_text()


def test_two_workers_share_and_repeat_nothing(acme, globex, definition, start_command):
    factories.make_definition(globex, to=factories.make_destination(globex))
    operations = []
    for org in (acme, globex):
        for _ in range(20):
            make_over(org)
        operations.append(start_bulk(org))
    start_command("worker")
    start_command("worker")

    def over():
        for operation in operations:
            operation.refresh_from_db()
        return all(operation.status == "succeeded" for operation in operations)

    wait_until(over, seconds=40)
    assert [operation.done for operation in operations] == [20, 20]
    assert ActionRecord.objects.exclude(replay_of=None).count() == 40
    # What went well leaves no row.
    wait_until(lambda: not ProcrastinateJob.objects.filter(queue_name="bulk").exists(), seconds=10)


@pytest.fixture
def in_process(monkeypatch):
    """The command may run in this process: no thread of it keeps a connection."""
    # What the command sets is undone with the test.
    monkeypatch.setenv("PGOPTIONS", "")
    monkeypatch.delenv("PGOPTIONS")
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)


def test_it_carries_a_bulk_operation_out_until_it_is_told_to_end(acme, definition, in_process):
    make_over(acme)
    operation = start_bulk(acme)

    def end():
        try:
            wait_until(is_over, seconds=20)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            connections.close_all()

    def is_over():
        operation.refresh_from_db()
        return operation.status == "succeeded"

    ending = threading.Thread(target=end)
    ending.start()
    call_command("worker", concurrency=1)
    ending.join()

    assert ActionRecord.objects.get(replay_of__isnull=False).status == "queued"


def test_a_database_out_of_reach_is_told(monkeypatch, in_process):
    nowhere = "host=127.0.0.1 port=1 dbname=none connect_timeout=1"
    monkeypatch.setattr(worker.lines, "read_conninfo", lambda name: nowhere)
    # Half a minute goes by.
    monkeypatch.setattr(AsyncConnectionPool.open, "__defaults__", (False, 0.5))

    with pytest.raises(CommandError, match="Database out of reach"):
        call_command("worker")


def test_one_that_stops_by_itself_says_so_and_begins_anew(monkeypatch, in_process, caplog):
    begun = []

    async def end(**options):
        begun.append(options["concurrency"])
        if len(begun) == 2:
            raise exceptions.ConnectorException
        if len(begun) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()

    monkeypatch.setattr(app, "run_worker_async", end, raising=False)
    monkeypatch.setattr(worker, "AGAIN_SECONDS", 0.01)

    call_command("worker", concurrency=3)

    assert begun == [3, 3, 3]
    told = [record.getMessage() for record in caplog.records]
    assert [line.partition(",")[0] for line in told] == [
        "The worker has stopped by itself",
        "Database out of reach",
    ]


@pytest.mark.parametrize("moment", ["before", "in the middle"])
def test_a_worker_whose_connections_are_cut_again_and_again_goes_on(
    acme, definition, start_command, moment
):
    process = start_command("worker")
    wait_until(lambda: Chore.objects.exclude(seconds=None).count() >= 5, seconds=30)
    make_over(acme)
    operation = start_bulk(acme) if moment == "in the middle" else None

    for _ in range(4):
        execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        time.sleep(0.05)

    operation = operation or start_bulk(acme)

    def is_over():
        operation.refresh_from_db()
        return operation.status == "succeeded"

    wait_until(is_over, seconds=120)
    assert process.poll() is None
    assert ActionRecord.objects.exclude(replay_of=None).count() == operation.done > 0


@pytest.mark.parametrize(
    ("name", "error", "tries"),
    [
        ("finish_job", exceptions.ConnectorException(), 3),
        ("retry_job", exceptions.ConnectorException(), 3),
        ("retry_job", exceptions.UniqueViolation(constraint_name="a", queueing_lock=None), 1),
        ("update_heartbeat", exceptions.ConnectorException(), 1),
    ],
)
def test_how_a_job_ended_is_written_down_as_soon_as_there_is_a_connection(
    monkeypatch, name, error, tries
):
    tried = []

    async def fail_twice(self, query, **arguments):
        tried.append(arguments)
        if len(tried) < 3:
            raise error

    monkeypatch.setattr(PsycopgConnector, "execute_query_async", fail_twice)
    monkeypatch.setattr(worker, "AGAIN_SECONDS", 0.01)
    writing = worker.make_connector(1).execute_query_async(sql.queries[name], job_id=7)

    with pytest.raises(type(error)) if tries == 1 else nullcontext():
        asyncio.run(writing)

    assert tried == [{"job_id": 7}] * tries


def test_that_is_given_up_only_after_the_worker_is_no_longer_heard_of(monkeypatch):
    async def fail(self, query, **arguments):
        raise exceptions.ConnectorException

    monkeypatch.setattr(PsycopgConnector, "execute_query_async", fail)
    monkeypatch.setattr(worker, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(worker, "INSIST_SECONDS", 0.1)
    began = time.monotonic()

    with pytest.raises(exceptions.ConnectorException):
        asyncio.run(worker.make_connector(1).execute_query_async(sql.queries["finish_job"]))

    assert time.monotonic() - began > 0.1


def test_no_jobs_at_once_are_refused():
    with pytest.raises(CommandError, match="at least 1"):
        call_command("worker", concurrency=0)


def test_its_help_names_every_job_and_its_time(capsys):
    with pytest.raises(SystemExit):
        call_command("worker", "--help")

    told = capsys.readouterr().out
    for one in app.periodic_registry.periodic_tasks.values():
        assert f"{one.task.name:24}{one.cron}" in told
    assert "run_bulk_operation" in told
