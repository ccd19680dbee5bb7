"""`manage.py worker`: the process that does what is not delivery."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

from django.core.management.base import CommandError
from procrastinate import exceptions, sql
from procrastinate.contrib.django import app
from procrastinate.jobs import DeleteJobCondition
from procrastinate.psycopg_connector import PsycopgConnector
from psycopg_pool import PoolTimeout

from config.commands import PlainCommand
from dispatch.engine import lines
from operations import tasks
from runtime import sessions

logger = logging.getLogger(__name__)

OUT_OF_REACH = (exceptions.ConnectorException, PoolTimeout)
AGAIN_SECONDS = 1.0
# A job has this long to end; then it is told to stop where it is, and goes on another time.
GRACE_SECONDS = 5.0
# Whoever asks the pool for a connection gets one in this time, or an error.
POOL_SECONDS = 5.0
# A job whose end is not written down stays "doing" for as long as its worker is heard of. So this
# lasts longer than the heartbeat, which fails, too, where there is no connection for so long, and
# has the worker begin anew: what the old one was doing is then taken from it.
INSIST_SECONDS = tasks.HEARTBEAT_SECONDS + POOL_SECONDS + 5.0
ENDINGS = (sql.queries["finish_job"], sql.queries["retry_job"])
# Waiting for a lock keeps others waiting behind it.
LIMITS = {
    "statement_timeout": "5min",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "1min",
}
# Two chores may last for long, the accounts; whatever else is one ends within a minute. So two of
# four always come free again, for bulk operations and for the jobs of dead workers.
CONCURRENCY = 4
LESSON = """
One worker is enough; more of them share the work, and go on with what a dead one held within a
minute. Without any, actions are accepted and delivered all the same, but nothing is replayed or
canceled in bulk, nothing is deleted, and after some ten million actions nothing more is accepted:
it makes the partitions that hold them. /readyz and the admin's first page tell when none runs.

by the clock (UTC; the last of six fields is seconds):
{jobs}

on demand:
  {bulk}

Exit code 0 after SIGTERM or Ctrl-C, 1 when the database is out of reach at the start. Where it
goes away later, the worker goes on by itself when it is back.
"""


class Command(PlainCommand):
    """Does chores and bulk operations until it is stopped. Any number of them may run."""

    help = "Do chores and bulk operations until SIGTERM or Ctrl-C. Any number may run."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        """The parser, whose help says what a worker does, and when."""
        given = {"epilog": describe_jobs()} | kwargs
        return super().create_parser(prog_name, subcommand, **given)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How much at once."""
        parser.add_argument(
            "--concurrency",
            type=int,
            default=CONCURRENCY,
            help="jobs at once (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal."""
        if options["concurrency"] < 1:
            raise CommandError("--concurrency is at least 1.")
        sessions.limit(**LIMITS)
        try:
            asyncio.run(work(options["concurrency"]))
        except OUT_OF_REACH as error:
            raise CommandError(f"Database out of reach: {error.__cause__ or error}.") from error


def describe_jobs() -> str:
    """What a worker does, from what is registered."""
    periodic = app.periodic_registry.periodic_tasks.values()
    lines_ = [
        f"  {one.task.name:24}{one.cron:18}{describe_task(one.task)}"
        for one in sorted(periodic, key=lambda one: one.task.name)
    ]
    bulk = f"{tasks.run_bulk_operation.name:42}{describe_task(tasks.run_bulk_operation)}"
    return LESSON.format(jobs="\n".join(lines_), bulk=bulk)


def describe_task(task: Any) -> str:
    """The first line of what it says of itself."""
    return str(task.func.__doc__).splitlines()[0]


async def work(concurrency: int) -> None:
    """Work until a signal. Where the database goes away meanwhile, begin anew when it is back."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    begun = False
    while not stopping.is_set():
        try:
            with app.replace_connector(make_connector(concurrency)):
                async with app.open_async():
                    begun = True
                    await work_on(concurrency, stopping)
        except OUT_OF_REACH as error:
            if not begun:
                raise
            logger.warning("Database out of reach, trying again: %s", error.__cause__ or error)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), AGAIN_SECONDS)


class InsistingConnector(PsycopgConnector):
    """procrastinate's, which tries again for a while to write down how a job ended."""

    async def execute_query_async(self, query: Any, **arguments: Any) -> None:
        """Raises what the last of the tries does."""
        until = time.monotonic() + INSIST_SECONDS
        while True:
            try:
                await super().execute_query_async(query, **arguments)
            except exceptions.UniqueViolation:
                raise
            except exceptions.ConnectorException:
                if query not in ENDINGS or time.monotonic() > until:
                    raise
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                return


def make_connector(concurrency: int) -> InsistingConnector:
    """New connections."""
    return InsistingConnector(
        conninfo=lines.read_conninfo("waybill worker"),
        min_size=1,
        max_size=concurrency + 2,
        timeout=POOL_SECONDS,
    )


async def work_on(concurrency: int, stopping: asyncio.Event) -> None:
    """Work until told to stop, or for as long as the connections last."""
    working = asyncio.create_task(
        app.run_worker_async(
            concurrency=concurrency,
            install_signal_handlers=False,
            shutdown_graceful_timeout=GRACE_SECONDS,
            update_heartbeat_interval=tasks.HEARTBEAT_SECONDS,
            stalled_worker_timeout=tasks.DEAD_SECONDS,
            # What a chore found is kept in its row, what an operation did in its own.
            delete_jobs=DeleteJobCondition.SUCCESSFUL,
        )
    )
    told = asyncio.create_task(stopping.wait())
    await asyncio.wait([working, told], return_when=asyncio.FIRST_COMPLETED)
    for task in (working, told):
        task.cancel()
    await asyncio.wait([working, told])
    if not working.cancelled():
        working.result()
        logger.error("The worker has stopped by itself, and begins anew; see above for why.")
