"""PgQueuer's side of the comparison: one job, one POST over a kept connection.

`python -m benchmarks.pgqueuer_worker` is what `pgq run --batch-size 100` does, in uvloop as
there.
"""

from __future__ import annotations

import asyncio
import os
import signal

import aiohttp
import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

ENTRYPOINT = "post"


BATCH = 100


async def work(database_url: str, url: str) -> None:
    """Deliver until the process is told to stop."""
    worker = PgQueuer(AsyncpgDriver(await asyncpg.connect(database_url)))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.shutdown.set)
    async with aiohttp.ClientSession() as session:

        @worker.entrypoint(ENTRYPOINT)
        async def post(job: Job) -> None:
            async with session.post(url, data=job.payload) as answer:
                await answer.read()

        await worker.run(batch_size=BATCH)


async def fill(database_url: str, jobs: int) -> None:
    """Its tables, made where they are missing, with so many jobs."""
    connection = await asyncpg.connect(database_url)
    try:
        queries = Queries(AsyncpgDriver(connection))
        if not await queries.has_table(queries.qbe.settings.queue_table):
            await queries.install()
        await queries.enqueue([ENTRYPOINT] * jobs, [b'{"n": 1}'] * jobs, [0] * jobs)
        await connection.execute(f"ANALYZE {queries.qbe.settings.queue_table}")
    finally:
        await connection.close()


if __name__ == "__main__":
    uvloop.run(work(os.environ["DATABASE_URL"], os.environ["BENCH_URL"]))
