"""Those who deliver the same jobs to the same receiver: Waybill, a raw loop, Celery, PgQueuer.

Each is filled first, and its process started when the clock is; each does one POST a job.
"""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks import targets
from benchmarks.stack import Stack, free_port, wait_for
from benchmarks.targets import Counting, Receiver

# Greenlets, not processes: measured, the fastest of Celery's pools for work that waits.
CELERY_WORKER = (
    *("-m", "celery", "-A", "benchmarks.celery_app", "--quiet", "worker"),
    *("--pool=gevent", "--concurrency=100", "--loglevel=ERROR"),
    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
)


@dataclass(frozen=True)
class Waybill:
    """A dispatcher, over lanes that it has met before."""

    stack: Stack
    receiver: Counting
    variants: list[str]
    lanes: int
    concurrency: int = 1_000
    program: tuple[str, ...] = ("manage.py", "dispatch")
    environment: Mapping[str, str] = field(default_factory=dict)

    def deliver(self, jobs: int) -> float:
        """Deliveries a second."""
        targets.submit(self.stack, self.variants, self.lanes, jobs)
        with self.stack.connect() as connection:
            connection.execute("ANALYZE dispatch_actionrecord")
        words = (*self.program, "--concurrency", str(self.concurrency))
        return clocked(
            self.stack,
            self.receiver,
            jobs,
            lambda: self.stack.start(*words, **self.environment),
        )


@dataclass(frozen=True)
class RawLoop:
    """Claim 100, POST them, finish them: in so many loops at once."""

    stack: Stack
    receiver: Receiver
    loops: int = 1

    def deliver(self, jobs: int) -> float:
        """Deliveries a second."""
        # Imported by name only here: it is a program, and this needs its table alone.
        from benchmarks.raw import TABLE  # noqa: PLC0415

        with self.stack.connect() as connection:
            connection.execute(TABLE.replace("%(jobs)s", str(jobs)))
        words = ("-m", "benchmarks.raw", str(self.loops), self.stack.database_url)
        return clocked(
            self.stack, self.receiver, jobs, lambda: self.stack.start(*words, self.receiver.url)
        )


@dataclass(frozen=True)
class CeleryWorker:
    """Celery with Redis, acknowledging late."""

    stack: Stack
    receiver: Receiver
    redis_url: str

    def deliver(self, jobs: int) -> float:
        """Deliveries a second."""
        environment = {
            "BENCH_REDIS": self.redis_url,
            "BENCH_URL": self.receiver.url,
            # It advises against root, at length, each time.
            "PYTHONWARNINGS": "ignore",
        }
        filled = self.stack.start("-m", "benchmarks.celery_fill", str(jobs), **environment)
        if filled.wait(targets.PATIENCE_SECONDS):
            raise RuntimeError("Celery's queue cannot be filled.")
        self.stack.processes.remove(filled)
        return clocked(
            self.stack,
            self.receiver,
            jobs,
            lambda: self.stack.start(*CELERY_WORKER, **environment),
        )


@dataclass(frozen=True)
class PgQueuerWorker:
    """PgQueuer in tables of its own in the same database."""

    stack: Stack
    receiver: Receiver

    def deliver(self, jobs: int) -> float:
        """Deliveries a second."""
        from benchmarks import pgqueuer_worker  # noqa: PLC0415 -- where it is installed

        asyncio.run(pgqueuer_worker.fill(self.stack.database_url, jobs))
        return clocked(
            self.stack,
            self.receiver,
            jobs,
            lambda: self.stack.start(
                "-m", "benchmarks.pgqueuer_worker", BENCH_URL=self.receiver.url
            ),
        )


def clocked(
    stack: Stack,
    receiver: Counting,
    jobs: int,
    start: Callable[[], subprocess.Popen[bytes]],
    before_the_end: Callable[[int], None] | None = None,
) -> float:
    """Deliveries a second of a process that is ended afterwards; its pid is shown before."""
    started = []

    def start_once() -> subprocess.Popen[bytes]:
        started.append(start())
        return started[0]

    rate = targets.clock(receiver, jobs, start_once)
    if before_the_end:
        before_the_end(started[0].pid)
    stack.stop(started[0])
    return rate


def find_missing(*modules: str, program: str | None = None) -> str:
    """What a contestant lacks here, in words; empty where it lacks nothing."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if program and not shutil.which(program):
        missing.append(program)
    return " and ".join(missing)


@contextmanager
def serving_redis(stack: Stack) -> Iterator[str]:
    """The URL of a Redis of our own, which keeps nothing on disk."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="waybill-redis-") as folder:
        process = stack.start_program(
            *("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder),
            *("--save", "", "--appendonly", "no", "--daemonize", "no", "--logfile", "/dev/null"),
        )
        wait_for(port)
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            stack.stop(process)
