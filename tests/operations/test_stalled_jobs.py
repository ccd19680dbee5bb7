"""Jobs of dead workers go to those that live, unless they have cost too many their life."""

from __future__ import annotations

import asyncio

import pytest
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.psycopg_connector import PsycopgConnector

from dispatch.engine import lines
from dispatch.models import ActionRecord
from operations import services, tasks
from tests.factories import make_over, start_bulk
from tests.operations.jobs import make_context, make_job, make_worker, statuses, take_job

pytestmark = pytest.mark.django_db(transaction=True)


def retry_stalled(job=None):
    """What the job gives, run as a worker runs it."""

    async def run():
        with app.replace_connector(PsycopgConnector(conninfo=lines.read_conninfo())):
            async with app.open_async():
                return await tasks.retry_stalled_jobs.func(make_context(job), timestamp=0)

    return asyncio.run(run())


def test_jobs_of_dead_workers_are_given_to_those_that_live(db, caplog):
    lost = make_job("make_partitions")
    gone = make_job("reconcile")
    held = make_job("delete_history")
    take_job(lost, make_worker(silent_for=60))
    # Whose row has been cleared away.
    take_job(gone, None)
    take_job(held, make_worker(silent_for=5))

    assert retry_stalled() == {"retried": [lost.pk, gone.pk]}

    assert statuses() == {lost.pk: "todo", gone.pk: "todo", held.pk: "doing"}
    assert ProcrastinateJob.objects.get(pk=lost.pk).attempts == 1
    assert "make_partitions" in caplog.text
    assert "lost its worker" in caplog.text


def test_a_bulk_operation_of_a_dead_worker_goes_on(acme, definition, monkeypatch):
    monkeypatch.setattr(services, "BATCH", 1)
    made = [make_over(acme) for _ in range(3)]
    operation = start_bulk(acme)
    job = ProcrastinateJob.objects.get()
    take_job(job, make_worker(silent_for=60))
    services.advance(operation.pk)

    retry_stalled()
    assert services.fail_lost_operations() == []
    tasks.run_bulk_operation.func(make_context(job), operation_id=operation.pk)

    replays = ActionRecord.objects.exclude(replay_of=None).order_by("pk")
    assert [one.replay_of for one in replays] == [one.pk for one in made]


def test_a_job_whose_next_run_waits_already_is_ended(db):
    lost = make_job("make_partitions")
    take_job(lost, make_worker(silent_for=60))
    waiting = make_job("make_partitions")

    retry_stalled()

    assert statuses() == {lost.pk: "aborted", waiting.pk: "todo"}


def test_a_job_that_has_cost_too_many_workers_is_given_up(acme, definition, caplog):
    make_over(acme)
    operation = start_bulk(acme)
    job = ProcrastinateJob.objects.get()
    take_job(job, make_worker(silent_for=60), attempts=10)

    assert retry_stalled() == {"retried": []}

    assert statuses() == {job.pk: "failed"}
    assert "is given up" in caplog.text
    assert services.fail_lost_operations() == [operation.pk]


def test_the_job_that_looks_for_the_lost_is_not_lost_itself(db):
    own = make_job("retry_stalled_jobs")
    take_job(own, make_worker(silent_for=60))

    assert retry_stalled(own) == {"retried": []}
    assert statuses() == {own.pk: "doing"}


def test_a_dead_worker_is_found_soon_enough():
    # Heard of several times before it is taken for dead, and replaced well within a minute.
    assert tasks.HEARTBEAT_SECONDS * 3 < tasks.DEAD_SECONDS
    assert tasks.DEAD_SECONDS + 15 < 45
