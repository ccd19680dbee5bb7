"""Jobs of workers, as rows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob


def make_worker(*, silent_for: float = 0.0) -> int:
    """A worker that was last heard of so many seconds ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) "
            "VALUES (now() - make_interval(secs => %s)) RETURNING id",
            [silent_for],
        )
        return cursor.fetchone()[0]


def take_job(job: ProcrastinateJob, worker_id: int | None, *, attempts: int = 0) -> None:
    """The worker has begun the job."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s, attempts = %s "
            "WHERE id = %s",
            [worker_id, attempts, job.pk],
        )


def make_job(name: str, **options: Any) -> ProcrastinateJob:
    """A job that waits to be done."""
    job_id = app.configure_task(name, **options).defer(timestamp=0)
    return ProcrastinateJob.objects.get(pk=job_id)


def make_context(job: ProcrastinateJob | None = None, *, abort: bool = False) -> Any:
    """What a job is called with; a worker that ends wants it to `abort`."""
    own = SimpleNamespace(id=0) if job is None else job.procrastinate_job
    return SimpleNamespace(app=app, job=own, should_abort=lambda: abort)


def statuses() -> dict[int, str]:
    """Where each job is."""
    return dict(ProcrastinateJob.objects.values_list("pk", "status"))
