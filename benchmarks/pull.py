"""Pulling: actions a second through one web process, beside the bare loop of claim and finish.

The workers are processes of their own that pull a hundred and acknowledge a hundred; beside them
so many pulls wait, and the time of other requests is taken with and without those.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time

import psycopg

from benchmarks import loader, targets
from benchmarks.raw import CLAIM, CLAIMED, FINISH, TABLE
from benchmarks.stack import Stack

ROUNDS = 3
JOBS = 12_000
WORKERS = 4
LANES = 12
WAITING = 200
REQUESTS = 400
NAMESPACE = "bench"
# Limits start low and grow with each round of settlements: these lanes have had theirs.
WARM = "UPDATE dispatch_lane SET unsettled_limit = 1000, moved_at = now()"
NEWEST_EVENT = "SELECT coalesce(max(id), 0) FROM dispatch_actionevent"
# From the first pull to the last acknowledgement: that a process has to start is no matter.
CLOCK = """
SELECT count(*) FILTER (WHERE kind = 'succeeded'),
  extract(epoch FROM max(created_at) - min(created_at))::float8
FROM dispatch_actionevent WHERE id > %s AND kind IN ('pulled', 'succeeded')
"""


async def work(port: int, key: str) -> None:
    """Pull a hundred and acknowledge them, until there is nothing left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    pulling = loader.prepare(f"/v1/sdk/{NAMESPACE}/pull", key, b'{"max": 100}')
    while True:
        items = (await _ask(reader, writer, pulling))["items"]
        if not items:
            break
        taken = [
            {"action_record_id": one["action_record_id"], "attempt": one["attempt"]}
            for one in items
        ]
        body = json.dumps({"items": taken}).encode()
        await _ask(reader, writer, loader.prepare("/v1/sdk/ack", key, body))
    writer.close()


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> dict[str, object]:
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200"):
        raise RuntimeError(head)
    length = head[head.index(b"content-length:") + 15 :].split(b"\r\n", 1)[0]
    data: dict[str, object] = json.loads(await reader.readexactly(int(length)))["data"]
    return data


def run(stack: Stack) -> dict[str, float]:
    """Pulls and acknowledgements, raw claims, and what two hundred that wait cost the others."""
    _add_sdk(stack)
    # One process for all of it, however it shares the cores with the workers and PostgreSQL.
    if stack.web:
        stack.stop(stack.web)
    stack.start_web("--workers", "1")
    rounds = [(_pull_all(stack), _claim_all(stack)) for _ in range(ROUNDS)]
    pulled = statistics.median(ours for ours, _ in rounds)
    raw = statistics.median(claimed for _, claimed in rounds)
    waiting = [_compare_waiting(stack) for _ in range(ROUNDS)]
    return {
        "sdk pull + ack": pulled,
        "raw claim + finish": raw,
        # Of what is asked for: 3,000 a second, or half of the raw claims, whichever is lower.
        "sdk pull / target": pulled / min(3_000, raw / 2),
        "p95 beside 200 waiting / alone": statistics.median(waiting),
    }


def _add_sdk(stack: Stack) -> None:
    for variant in ("pulled", "sunk"):
        stack.call("PUT", "~/actions/definitions", {"variant": variant, "schema": {}})
    (definition,) = stack.call("GET", "~/actions/definitions?variant=pulled")["items"]
    sdk = {"label": "bench", "type": "sdk", "config": {"namespace": NAMESPACE}}
    destination = stack.call("PUT", "~/destinations", sdk)
    link = f"~/actions/definitions/{definition['id']}/destinations/{destination['id']}"
    stack.call("PUT", link, {"is_default": True})


def _pull_all(stack: Stack) -> float:
    """Actions a second, from the first pull to the last acknowledgement of all workers."""
    targets.submit(stack, ["pulled"], LANES, JOBS)
    with stack.connect() as connection:
        connection.execute(WARM)
        connection.execute("VACUUM ANALYZE dispatch_actionrecord, dispatch_lane")
    command = ("-m", "benchmarks.pull", str(stack.port), stack.facts["api_key"])
    with stack.connect() as connection:
        (before,) = connection.execute(NEWEST_EVENT).fetchone() or (0,)
    workers = [stack.start(*command) for _ in range(WORKERS)]
    for worker in workers:
        if worker.wait(targets.PATIENCE_SECONDS):
            raise RuntimeError("A worker failed.")
        stack.processes.remove(worker)
    with stack.connect() as connection:
        done, seconds = connection.execute(CLOCK, [before]).fetchone() or (0, 1)
    if done != JOBS:
        raise RuntimeError(f"{JOBS - done} actions were left.")
    return float(JOBS / seconds)


def _claim_all(stack: Stack) -> float:
    """The same by psycopg alone: a hundred claimed, a hundred finished, by as many connections."""

    async def claim_some() -> None:
        own = await psycopg.AsyncConnection.connect(stack.database_url, autocommit=True)
        async with own:
            while True:
                claimed = await own.execute(CLAIM, [CLAIMED], prepare=True)
                rows = await claimed.fetchall()
                if not rows:
                    return
                await own.execute(FINISH, [[row[0] for row in rows]], prepare=True)

    async def claim_all() -> None:
        await asyncio.gather(*(claim_some() for _ in range(WORKERS)))

    with stack.connect() as connection:
        for statement in (TABLE % {"jobs": JOBS}).split(";"):
            connection.execute(statement)
    began = time.perf_counter()
    asyncio.run(claim_all())
    return JOBS / (time.perf_counter() - began)


def _compare_waiting(stack: Stack) -> float:
    """The p95 of other requests beside two hundred pulls that wait, over that without them."""
    key = stack.facts["api_key"]
    sinking = loader.prepare("/v1/ingress/sunk", key, b'{"input": {"n": 1}}')
    body = json.dumps({"wait_seconds": 8}).encode()
    waiting = loader.prepare("/v1/sdk/nothing/pull", key, body)

    async def time_requests() -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", stack.port)
        seconds = []
        for _ in range(REQUESTS):
            began = time.perf_counter()
            await _ask(reader, writer, sinking)
            seconds.append(time.perf_counter() - began)
        writer.close()
        return statistics.quantiles(seconds, n=20)[-1]

    async def compare() -> float:
        alone = await time_requests()
        lines = [await asyncio.open_connection("127.0.0.1", stack.port) for _ in range(WAITING)]
        answers = [asyncio.create_task(_ask(*line, waiting)) for line in lines]
        await asyncio.sleep(1)
        beside = await time_requests()
        await asyncio.gather(*answers)
        for _, writer in lines:
            writer.close()
        return beside / alone

    return asyncio.run(compare())


if __name__ == "__main__":
    asyncio.run(work(int(sys.argv[1]), sys.argv[2]))
