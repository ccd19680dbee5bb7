"""What the worker does is wired: chores by the clock, bulk operations, and jobs of dead workers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import InterfaceError, InternalError, OperationalError, connection
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from dispatch.models import ActionRecord, IdempotencyKey
from operations import chores, services, tasks
from operations.models import BulkOperation, Chore
from orgs.models import AuditEntry
from tests import factories
from tests.factories import make_over, start_bulk
from tests.operations.jobs import make_context, make_job, statuses, take_job

CRONS = {
    "make_partitions": "*/5 * * * *",
    "drop_partitions": "7 * * * *",
    "delete_payloads": "*/5 * * * *",
    "delete_history": "*/5 * * * *",
    "push_stranded": "* * * * *",
    "roll_up_usage": "* * * * *",
    "delete_idempotency_keys": "*/5 * * * *",
    "sample_lanes": "*/5 * * * *",
    "delete_measures": "8-59/15 * * * *",
    "delete_senders": "53 * * * *",
    "delete_old_sessions": "33 * * * *",
    "reconcile": "13 * * * *",
    "reconcile_days": "43 3 * * *",
    "fail_lost_operations": "*/5 * * * *",
    "retry_stalled_jobs": "* * * * * */15",
    "delete_old_jobs": "23 * * * *",
}
KEPT = sorted(CRONS.keys() - {"retry_stalled_jobs"})


def test_every_periodic_job_is_wired_at_its_time_and_no_other():
    wired = {task.task.name: task.cron for task in app.periodic_registry.periodic_tasks.values()}

    assert wired == CRONS


@pytest.mark.parametrize("name", CRONS)
def test_a_job_that_waits_already_is_not_queued_again(name):
    task = app.tasks[name]

    assert task.queueing_lock == name
    assert task.queue == "chores"
    assert task.pass_context


@pytest.mark.parametrize("name", KEPT)
def test_a_chore_runs_on_one_worker_at_a_time_and_before_bulk_operations(name):
    task = app.tasks[name]

    assert task.lock == name
    assert task.priority > app.tasks["run_bulk_operation"].priority


@pytest.mark.parametrize("name", KEPT)
def test_a_chore_runs_and_its_result_is_kept(acme, name):
    result = app.tasks[name].func(make_context(), timestamp=0)

    chore = Chore.objects.get()
    assert (chore.name, chore.result, chore.trouble) == (name, result, "")
    assert chore.seconds is not None


@pytest.mark.parametrize("name", KEPT)
def test_what_a_chore_changes_is_its_own(acme, name, monkeypatch):
    def run(*_):
        factories.make_org(f"Of {name}")
        return {}

    monkeypatch.setattr(chores, "run", run)
    app.tasks[name].func(make_context(), timestamp=0)

    entry = AuditEntry.objects.filter(kind="organization").latest("pk")
    assert (entry.actor, entry.via, entry.path) == ("the worker", "job", name)


def test_a_chore_is_told_when_its_worker_ends(acme):
    IdempotencyKey.objects.create(org=acme, key="a", digest=b"")
    asked = []
    context = make_context()
    context.should_abort = lambda: asked.append(True) or True

    app.tasks["delete_idempotency_keys"].func(context, timestamp=0)
    app.tasks["drop_partitions"].func(context, timestamp=0)
    app.tasks["reconcile"].func(context, timestamp=0)

    assert asked


def test_a_bulk_operation_is_carried_out_to_its_end(acme, definition, monkeypatch):
    monkeypatch.setattr(services, "BATCH", 2)
    for _ in range(5):
        make_over(acme)
    operation = start_bulk(acme)

    app.tasks["run_bulk_operation"].func(make_context(), operation_id=operation.pk)

    operation.refresh_from_db()
    assert (operation.status, operation.done) == ("succeeded", 5)
    assert ProcrastinateJob.objects.count() == 1


@pytest.mark.parametrize(("abort", "turn"), [(True, 60.0), (False, -1.0)])
def test_it_is_handed_on_after_a_turn_and_when_its_worker_ends(
    acme, definition, monkeypatch, abort, turn
):
    monkeypatch.setattr(services, "BATCH", 2)
    monkeypatch.setattr(tasks, "TURN_SECONDS", turn)
    for _ in range(5):
        make_over(acme)
    operation = start_bulk(acme)

    for done, jobs in ((2, 2), (4, 3), (5, 3)):
        tasks.run_bulk_operation.func(make_context(abort=abort), operation_id=operation.pk)
        operation.refresh_from_db()
        assert operation.done == done
        assert ProcrastinateJob.objects.filter(lock=f"bulk/{operation.pk}").count() == jobs
    assert operation.status == "succeeded"


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("deadlock detected"),
        InterfaceError("closed"),
        # A frozen worker comes back to a session that the server has ended.
        InternalError("terminating connection due to idle-in-transaction timeout"),
    ],
)
def test_a_database_in_trouble_is_tried_again(acme, definition, monkeypatch, error):
    make_over(acme)
    operation = start_bulk(acme)

    def fail(operation_id):
        raise error

    monkeypatch.setattr(services, "advance", fail)
    with pytest.raises(type(error)):
        tasks.run_bulk_operation.func(make_context(), operation_id=operation.pk)

    operation.refresh_from_db()
    assert operation.status == "queued"
    task = app.tasks["run_bulk_operation"]
    job = ProcrastinateJob.objects.get().procrastinate_job
    assert task.get_retry_exception(error, job) is not None
    assert task.get_retry_exception(error, job.evolve(attempts=10)) is None
    assert task.get_retry_exception(ValueError(), job) is None


def test_a_fault_of_ours_fails_it_and_is_told_in_the_log(acme, definition, monkeypatch, caplog):
    make_over(acme)
    operation = start_bulk(acme)
    monkeypatch.setattr(services, "_carry_out", lambda *_: {}[0])

    with pytest.raises(KeyError):
        tasks.run_bulk_operation.func(make_context(), operation_id=operation.pk)

    operation.refresh_from_db()
    assert (operation.status, operation.error_message) == (
        "failed",
        f"It cannot go on: the operators find why under operation {operation.pk} in the worker's "
        "log.",
    )
    # What went wrong is for those who read it.
    assert f"operation {operation.pk} cannot go on" in caplog.text
    assert "KeyError: 0" in caplog.text
    assert ActionRecord.objects.count() == 1


def test_operations_that_nobody_tries_any_more_are_failed_and_told(acme, definition, caplog):
    make_over(acme)
    operation = start_bulk(acme)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")

    # Told for a day, and logged once.
    for failed in ([operation.pk], [], []):
        assert look_for_lost() == {"failed": failed}
        assert BulkOperation.objects.get().status == "failed"
        assert Chore.objects.get().trouble == f"Given up in bulk: {operation.pk}."
    assert caplog.messages == [f"fail_lost_operations: Given up in bulk: {operation.pk}."]
    BulkOperation.objects.update(finished_at=timezone.now() - timedelta(hours=25))
    look_for_lost()
    assert Chore.objects.get().trouble == ""


def look_for_lost():
    return app.tasks["fail_lost_operations"].func(make_context(), timestamp=0)


def test_old_jobs_are_deleted_however_they_ended(db):
    for name, status in (("make_partitions", "failed"), ("reconcile", "aborted")):
        job = make_job(name)
        take_job(job, None)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE procrastinate_jobs SET status = %s WHERE id = %s", [status, job.pk]
            )
    young = make_job("delete_history")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_events SET at = now() - interval '80 hours'")

    app.tasks["delete_old_jobs"].func(make_context(), timestamp=0)

    assert statuses() == {young.pk: "todo"}


def test_every_job_says_what_it_does():
    for task in app.tasks.values():
        if not task.name.startswith("builtin:") and "procrastinate" not in task.name:
            assert task.func.__doc__.splitlines()[0].endswith((".", ",")), task.name
