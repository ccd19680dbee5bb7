"""Delivery: the dispatcher beside a bare loop that claims, POSTs and finishes."""

from __future__ import annotations

import asyncio
import statistics
import time
import urllib.request

import aiohttp
import psycopg

from benchmarks.stack import Stack, free_port, wait_for

ROUNDS = 3
LANES = 12
ACTIONS = 12_000
CLAIMED = 100
RAW_TABLE = """
DROP TABLE IF EXISTS raw_job;
CREATE TABLE raw_job (id bigint PRIMARY KEY, status text NOT NULL, run_at timestamptz NOT NULL,
                      input json NOT NULL);
INSERT INTO raw_job SELECT n, 'queued', now(), '{"n": 1}' FROM generate_series(1, %(jobs)s) n;
CREATE INDEX ON raw_job (run_at, id) WHERE status = 'queued';
ANALYZE raw_job
"""
RAW_CLAIM = """
UPDATE raw_job SET status = 'running' WHERE id IN (
  SELECT id FROM raw_job WHERE status = 'queued' ORDER BY run_at, id
  LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING id, input::text
"""
RAW_FINISH = "UPDATE raw_job SET status = 'succeeded' WHERE id = ANY(%s)"


def run(stack: Stack) -> dict[str, float]:
    """Deliveries a second over 12 lanes, medians of three rounds taken in turn."""
    port = free_port()
    stack.start("-m", "benchmarks.receiver", str(port))
    wait_for(port)
    _register(stack, port)
    rounds = []
    for _ in range(ROUNDS):
        ours, raw = _deliver(stack, port), asyncio.run(_deliver_raw(stack, port))
        rounds.append((ours, raw))
    return {
        "dispatch": statistics.median(ours for ours, _ in rounds),
        "raw dispatch": statistics.median(raw for _, raw in rounds),
        "dispatch / raw": statistics.median(ours / raw for ours, raw in rounds),
    }


def _register(stack: Stack, port: int) -> None:
    definition = stack.call("PUT", "~/actions/definitions", {"variant": "job", "schema": {}})
    config = {"url": f"http://127.0.0.1:{port}/"}
    webhook = {"label": "bench", "type": "webhook", "config": config}
    destination = stack.call("PUT", "~/destinations", webhook)
    link = f"~/actions/definitions/{definition['id']}/destinations/{destination['id']}"
    stack.call("PUT", link, {"is_default": True})


def _deliver(stack: Stack, port: int) -> float:
    """Fill the lanes, then start a dispatcher; the clock runs from its first delivery."""
    for start in range(0, ACTIONS, 1000):
        actions = [
            {"variant": "job", "input": {"n": 1}, "tags": {"lane": str(number % LANES)}}
            for number in range(start, start + 1000)
        ]
        stack.call("POST", "/v1/batch", {"actions": actions})
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute("ANALYZE dispatch_actionrecord")
    before = _received(port)
    process = stack.start("manage.py", "dispatch")
    while _received(port) - before < LANES:
        time.sleep(0.002)
    first, began = _received(port), time.perf_counter()
    while (now := _received(port)) - before < ACTIONS:
        time.sleep(0.02)
    rate = (now - first) / (time.perf_counter() - began)
    stack.stop(process)
    return rate


def _received(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/count", timeout=10) as answer:
        return int(answer.read())


async def _deliver_raw(stack: Stack, port: int) -> float:
    """Claim 100, POST them at once, finish them in one statement, again; 16 each lane at most."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute(RAW_TABLE.replace("%(jobs)s", str(ACTIONS)))
    connection = await psycopg.AsyncConnection.connect(stack.database_url, autocommit=True)
    async with connection, aiohttp.ClientSession() as session:

        async def post(body: str) -> None:
            async with session.post(f"http://127.0.0.1:{port}/", data=body.encode()) as answer:
                await answer.read()

        began = time.perf_counter()
        while True:
            claimed = await connection.execute(RAW_CLAIM, [CLAIMED], prepare=True)
            rows = await claimed.fetchall()
            if not rows:
                return ACTIONS / (time.perf_counter() - began)
            await asyncio.gather(*(post(body) for _, body in rows))
            await connection.execute(RAW_FINISH, [[row[0] for row in rows]], prepare=True)
