"""Intake: single and batched, beside the same rows written by psycopg alone."""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg

from benchmarks import loader
from benchmarks.stack import Stack

ROUNDS = 3
CONNECTIONS = 16
SINGLES = 3_000
BATCH = 1_000
BATCHES = 12
WRITERS = 2
# 300 bytes of JSON, near enough to an order.
INPUT = {"order": 4711, "customer": "a" * 36, "lines": ["b" * 30] * 6, "note": "c" * 20}
SCHEMA = {
    "type": "object",
    "required": ["order", "customer", "lines"],
    "properties": {
        "order": {"type": "integer", "minimum": 1},
        "customer": {"type": "string", "maxLength": 64},
        "lines": {"type": "array", "items": {"type": "string"}, "maxItems": 100},
        "note": {"type": "string"},
    },
    "additionalProperties": False,
}
# The rows that an accepted action leaves: record, payload, event; same tables, same indexes.
RAW = """
WITH action AS MATERIALIZED (
  SELECT nextval('dispatch_actionrecord_id_seq') AS id, input
  FROM unnest(%(inputs)s::text[]) AS input
), record AS (
  INSERT INTO dispatch_actionrecord (id, org_id, definition_id, destination_id, lane_id, status,
    push, attempt, failures, available_at, tags, error_message)
  SELECT id, %(org)s, %(definition)s, %(destination)s, %(lane)s, 'queued', false, 0, 0, now(),
    '{}', '' FROM action
), payload AS (
  INSERT INTO dispatch_actionpayload (record_id, input) SELECT id, input::json FROM action
)
INSERT INTO dispatch_actionevent (record_id, kind, status, attempt)
SELECT id, 'accepted', 'queued', 0 FROM action
"""


def run(stack: Stack) -> dict[str, float]:
    """Rates a second, and their ratios, medians of three rounds taken in turn."""
    definition = stack.call("PUT", "~/actions/definitions", {"variant": "order", "schema": SCHEMA})
    # A type that is stored but not delivered: nothing but intake works on these rows.
    waiting = {"label": "waiting", "type": "sdk", "config": {"namespace": "bench"}}
    destination = stack.call("PUT", "~/destinations", waiting)
    link = f"~/actions/definitions/{definition['id']}/destinations/{destination['id']}"
    stack.call("PUT", link, {"is_default": True})
    record = stack.call("POST", "/v1/ingress/order", {"input": INPUT})
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        (lane,) = connection.execute(
            "SELECT lane_id FROM dispatch_actionrecord WHERE id = %s", [record["id"]]
        ).fetchone() or (None,)
    row = {
        "org": int(stack.facts["org_id"]),
        "definition": int(definition["id"]),
        "destination": int(destination["id"]),
        "lane": lane,
    }
    work: dict[str, Callable[[], float]] = {
        "single": lambda: _single(stack),
        "raw single": lambda: _raw(stack, row, rows=1, times=SINGLES // CONNECTIONS * 4),
        "batch": lambda: _batch(stack),
        "raw batch": lambda: _raw(stack, row, rows=BATCH, times=BATCHES // WRITERS * 2),
    }
    for once in work.values():
        once()
    rounds = [{name: once() for name, once in work.items()} for _ in range(ROUNDS)]
    rates = {name: statistics.median(one[name] for one in rounds) for name in work}
    return rates | {
        "single / raw": statistics.median(one["single"] / one["raw single"] for one in rounds),
        "batch / raw": statistics.median(one["batch"] / one["raw batch"] for one in rounds),
        "validation / request": _validation_share(rates["single"]),
    }


def _single(stack: Stack) -> float:
    body = json.dumps({"input": INPUT}).encode()
    request = loader.prepare("/v1/ingress/order", stack.facts["api_key"], body)
    times = SINGLES // CONNECTIONS
    return times * CONNECTIONS / loader.measure(stack.port, [request] * CONNECTIONS, times)


def _batch(stack: Stack) -> float:
    body = json.dumps({"actions": [{"variant": "order", "input": INPUT}] * BATCH}).encode()
    request = loader.prepare("/v1/batch", stack.facts["api_key"], body)
    times = BATCHES // WRITERS
    return times * WRITERS * BATCH / loader.measure(stack.port, [request] * WRITERS, times)


def _raw(stack: Stack, row: dict[str, Any], *, rows: int, times: int) -> float:
    """Rows a second of two connections that do nothing else."""
    parameters = row | {"inputs": [json.dumps(INPUT)] * rows}

    def write() -> None:
        with psycopg.connect(stack.database_url, autocommit=True) as connection:
            for _ in range(times):
                connection.execute(RAW, parameters, prepare=True)

    threads = [threading.Thread(target=write) for _ in range(WRITERS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return rows * times * WRITERS / (time.perf_counter() - began)


def _validation_share(rate: float) -> float:
    """The part of a request that judging its payload takes, by the compiled validator."""
    from config import validation  # noqa: PLC0415 -- needs no Django, but the others need none

    validator = validation.compile_schema(SCHEMA)
    began = time.perf_counter()
    for _ in range(10_000):
        validation.find_faults(validator, INPUT, code="INVALID_INPUT")
    return (time.perf_counter() - began) / 10_000 * rate
