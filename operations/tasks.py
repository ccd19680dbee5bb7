"""What the worker does: chores by the clock, and long jobs that somebody asked for.

A job may be stopped, killed and run twice; each is written so that this does no harm. What one
of many steps has done is committed before the next, and `context.should_abort` is looked at
between them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from asgiref.sync import async_to_sync
from django.db import InterfaceError, InternalError, OperationalError
from procrastinate import JobContext, RetryStrategy, exceptions, jobs
from procrastinate.contrib.django import app
from procrastinate.tasks import Task

from dispatch import services as dispatching
from login import services as login
from operations import (
    chores,
    lane_samples,
    measures,
    partitions,
    reconciliation,
    retention,
    services,
    usage,
)
from orgs.audit import acting

logger = logging.getLogger(__name__)

QUEUE = "chores"
# What passes by itself: the server is away, or takes no writes for now, or has ended a session that
# was idle for too long, because its worker was frozen.
PASSING = (OperationalError, InterfaceError, InternalError)
# A worker that has not been heard of for so long is dead; it is heard of four times as often.
DEAD_SECONDS = 20.0
HEARTBEAT_SECONDS = DEAD_SECONDS / 4
# A job that has cost this many workers their life is not tried on a further one.
MOST_ATTEMPTS = 10
KEPT_JOB_HOURS = 72
# Then a bulk operation lets others have their turn: chores, and other organizations.
TURN_SECONDS = 15.0
Work = Callable[[chores.Stop], chores.Report]


def chore(cron: str) -> Callable[[Work], Task]:
    """Has the workers run a function at these times (UTC): one at a time, on one of them.

    What it returns is kept as the chore's last result.
    """

    def register(work: Work) -> Task:
        name = work.__name__

        @app.periodic(cron=cron)
        @app.task(
            name=name,
            queue=QUEUE,
            lock=name,
            queueing_lock=name,
            priority=1,
            pass_context=True,
        )
        def run(context: JobContext, timestamp: int) -> dict[str, Any]:
            with acting.acting(acting.as_job(name)):
                return chores.run(name, lambda: work(context.should_abort))

        # What the help of the worker tells of it.
        run.func.__doc__ = work.__doc__
        return run

    return register


@chore("*/5 * * * *")
def make_partitions(stop: chores.Stop) -> chores.Report:
    """The partitions of payloads and events that the next actions need."""
    return chores.Report({"made": chores.insist(partitions.make_missing)})


@chore("7 * * * *")
def drop_partitions(stop: chores.Stop) -> chores.Report:
    """What every organization keeps no longer, ten million actions at a time."""
    return retention.drop_partitions(stop)


@chore("* * * * *")
def push_stranded(stop: chores.Stop) -> chores.Report:
    """What an earlier release has taken in for a type of destination that is delivered by now."""
    pushed = 0
    while count := dispatching.push_stranded():
        pushed += count
        if stop():
            break
    return chores.Report({"pushed": pushed})


@chore("* * * * *")
def roll_up_usage(stop: chores.Stop) -> chores.Report:
    """What organizations use: what has been accepted, and what has ended since the last time."""
    return usage.roll_up(stop)


@chore("*/5 * * * *")
def sample_lanes(stop: chores.Stop) -> chores.Report:
    """How the limits of lanes stand that have moved since the last time."""
    return lane_samples.take(stop)


@chore("8-59/15 * * * *")
def delete_measures(stop: chores.Stop) -> chores.Report:
    """Minutes, samples of lanes and soundings of destinations that are kept no longer."""
    return measures.delete_old(stop)


@chore("*/5 * * * *")
def delete_payloads(stop: chores.Stop) -> chores.Report:
    """Payloads that their organization keeps no longer."""
    return retention.delete_payloads(stop)


@chore("*/5 * * * *")
def delete_history(stop: chores.Stop) -> chores.Report:
    """Finished actions, and their events, that their organization keeps no longer."""
    return retention.delete_history(stop)


@chore("*/5 * * * *")
def delete_idempotency_keys(stop: chores.Stop) -> chores.Report:
    """Keys of calls that may be repeated no longer."""
    return retention.delete_idempotency_keys(stop)


@chore("53 * * * *")
def delete_senders(stop: chores.Stop) -> chores.Report:
    """Who sent which version, where that is longer ago than their organization's history."""
    return retention.delete_senders(stop)


@chore("33 * * * *")
def delete_old_sessions(stop: chores.Stop) -> chores.Report:
    """Sessions of browsers that are over."""
    return chores.Report({"deleted": chores.insist(login.delete_old_sessions)})


@chore("13 * * * *")
def reconcile(stop: chores.Stop) -> chores.Report:
    """Whether the actions of the last hours are all accounted for."""
    return reconciliation.check_since(reconciliation.LAST_HOURS, stop)


@chore("43 3 * * *")
def reconcile_days(stop: chores.Stop) -> chores.Report:
    """Whether those of the last days still are, now that most of them are over."""
    return reconciliation.check_since(reconciliation.LAST_DAYS, stop)


@chore("*/5 * * * *")
def fail_lost_operations(stop: chores.Stop) -> chores.Report:
    """Bulk operations that were tried in vain until nobody tried any more."""
    failed = services.fail_lost_operations()
    # An operator may not look for some hours.
    lately = ", ".join(map(str, services.find_lost_lately()))
    return chores.Report({"failed": failed}, f"Given up in bulk: {lately}." if lately else "")


@app.task(
    name=services.JOB,
    queue=services.QUEUE,
    pass_context=True,
    retry=RetryStrategy(
        max_attempts=MOST_ATTEMPTS,
        wait=1,
        linear_wait=5,
        retry_exceptions=PASSING,
    ),
)
def run_bulk_operation(context: JobContext, operation_id: int) -> None:
    """Goes on with a bulk operation for a while, and hands it on where there is more to do."""
    with acting.acting(acting.as_job(services.JOB, services.find_actor(operation_id))):
        _go_on_in_bulk(context, operation_id)


def _go_on_in_bulk(context: JobContext, operation_id: int) -> None:
    until = time.monotonic() + TURN_SECONDS
    try:
        while services.advance(operation_id):
            if context.should_abort() or time.monotonic() > until:
                services.hand_to_worker(operation_id)
                break
    except PASSING:
        raise
    except Exception:
        # Whoever asked for it is told where to ask, and nothing of how we store things.
        logger.exception("operation %s cannot go on", operation_id)
        error = services.BROKEN.format(operation_id)
        services.fail_operation(operation_id=operation_id, error=error)
        raise


@chore("23 * * * *")
def delete_old_jobs(stop: chores.Stop) -> chores.Report:
    """Jobs that failed three days ago; those that succeeded go at once."""
    async_to_sync(app.job_manager.delete_old_jobs)(
        nb_hours=KEPT_JOB_HOURS,
        include_failed=True,
        include_cancelled=True,
        include_aborted=True,
    )
    return chores.Report()


# Without a lock: its own job may be among the stalled, and nothing else would free it.
@app.periodic(cron="* * * * * */15")
@app.task(
    name="retry_stalled_jobs",
    queue=QUEUE,
    queueing_lock="retry_stalled_jobs",
    priority=2,
    pass_context=True,
)
async def retry_stalled_jobs(context: JobContext, timestamp: int) -> dict[str, Any]:
    """Gives the jobs of workers that are dead to those that live."""
    manager = context.app.job_manager
    retried = []
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_SECONDS):
        if job.id is None or job.id == context.job.id:
            continue
        if job.attempts >= MOST_ATTEMPTS:
            logger.error("%s has lost its worker %d times and is given up", job, job.attempts)
            await manager.finish_job(job, jobs.Status.FAILED, delete_job=False)
            continue
        try:
            await manager.retry_job(job)
        except exceptions.UniqueViolation:
            # Its next run is queued already, and waits for the lock that this one holds.
            await manager.finish_job(job, jobs.Status.ABORTED, delete_job=False)
        logger.warning("%s lost its worker", job.call_string)
        retried.append(job.id)
    return {"retried": retried}
