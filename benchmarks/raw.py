"""The raw limit of dispatching: loops that claim rows, POST them and finish them, no more."""

from __future__ import annotations

import asyncio
import sys

import aiohttp
import psycopg
import uvloop

CLAIMED = 100
TABLE = """
DROP TABLE IF EXISTS raw_job;
CREATE TABLE raw_job (id bigint PRIMARY KEY, status text NOT NULL, run_at timestamptz NOT NULL,
                      input json NOT NULL);
INSERT INTO raw_job SELECT n, 'queued', now(), '{"n": 1}' FROM generate_series(1, %(jobs)s) n;
CREATE INDEX ON raw_job (run_at, id) WHERE status = 'queued';
ANALYZE raw_job
"""
CLAIM = """
UPDATE raw_job SET status = 'running' WHERE id IN (
  SELECT id FROM raw_job WHERE status = 'queued' ORDER BY run_at, id
  LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING id, input::text
"""
FINISH = "UPDATE raw_job SET status = 'succeeded' WHERE id = ANY(%s)"


async def deliver(database_url: str, url: str) -> None:
    """Claim 100, POST them at once, finish them in one statement; again until none is left."""
    connection = await psycopg.AsyncConnection.connect(database_url, autocommit=True)
    async with connection, aiohttp.ClientSession() as session:

        async def post(body: str) -> None:
            async with session.post(url, data=body.encode()) as answer:
                await answer.read()

        while True:
            claimed = await connection.execute(CLAIM, [CLAIMED], prepare=True)
            rows = await claimed.fetchall()
            if not rows:
                return
            await asyncio.gather(*(post(body) for _, body in rows))
            await connection.execute(FINISH, [[row[0] for row in rows]], prepare=True)


async def deliver_in(loops: int, database_url: str, url: str) -> None:
    """The same in several loops of one process: so many hundreds in flight."""
    await asyncio.gather(*(deliver(database_url, url) for _ in range(loops)))
    # Stay, as the others do, until the clock has seen the last delivery.
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(deliver_in(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
