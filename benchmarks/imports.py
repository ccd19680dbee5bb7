"""Importing a file of 1,000,000 lines, beside the same rows inserted by psycopg alone.

Half of the bare rows are inserted before the import, half after it: a machine that is getting
busier favours neither. What is timed of the import is the whole command, its start included.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.ingress import INPUT, RAW, SCHEMA
from benchmarks.samples import read_family_memory
from benchmarks.stack import Stack
from dispatch import arrays

LINES = 1_000_000
# Where memory is measured first.
EARLY = 100_000
BATCH = 2_000
LOOK_SECONDS = 0.05


def run(stack: Stack, lines: int = LINES, early: int = EARLY) -> dict[str, float]:
    """Rates of both, their ratio, and what memory the import had early on and at most."""
    row = prepare(stack)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "orders.jsonl")
        write(file, lines)
        before = insert(stack, row, lines // 2)
        seconds, memory, most = import_file(stack, file, early)
        after = insert(stack, row, lines // 2)
    raw = lines // 2 * 2 / (before + after)
    return {
        "raw rows": raw,
        "import": lines / seconds,
        "import / raw": lines / seconds / raw,
        "import's memory": most,
        "import's memory, late / early": most / memory,
    }


def prepare(stack: Stack) -> dict[str, Any]:
    """A variant whose actions go where nobody works on them, and the columns of such rows."""
    definition = stack.call("PUT", "~/actions/definitions", {"variant": "order", "schema": SCHEMA})
    waiting = {"label": "waiting", "type": "sdk", "config": {"namespace": "bench"}}
    destination = stack.call("PUT", "~/destinations", waiting)
    link = f"~/actions/definitions/{definition['id']}/destinations/{destination['id']}"
    stack.call("PUT", link, {"is_default": True})
    record = stack.call("POST", "/v1/ingress/order", {"input": INPUT})
    with stack.connect() as connection:
        query = "SELECT lane_id FROM dispatch_actionrecord WHERE id = %s"
        (lane,) = connection.execute(query, [record["id"]]).fetchone() or (None,)
    return {
        "org": int(stack.facts["org_id"]),
        "definition": int(definition["id"]),
        "destination": int(destination["id"]),
        "lane": lane,
    }


def write(file: Path, lines: int) -> None:
    """A file of so many orders, each with a number of its own."""
    with file.open("w") as written:
        for number in range(lines):
            order = {"variant": "order", "input": INPUT | {"order": number + 1}}
            written.write(json.dumps(order, separators=(",", ":")) + "\n")


def insert(stack: Stack, row: dict[str, Any], rows: int) -> float:
    """Seconds that so many rows take by one connection that does nothing else."""
    # Ready for the wire: nothing of the time goes to the driver.
    inputs = arrays.of_texts([json.dumps(INPUT, separators=(",", ":"))] * BATCH)
    parameters = row | {"inputs": inputs}
    began = time.perf_counter()
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        for _ in range(rows // BATCH):
            connection.execute(RAW, parameters, prepare=True)
    return time.perf_counter() - began


def import_file(stack: Stack, file: Path, early: int) -> tuple[float, float, float]:
    """Seconds that it takes, and the most memory that it had early on and all in all."""
    began = time.perf_counter()
    words = "manage.py", "import_records", str(file), "--org", str(stack.facts["org_id"])
    process = stack.start(*words)
    at_first = most = 0.0
    with stack.connect() as connection:
        while process.poll() is None:
            try:
                most = max(most, read_family_memory(process.pid, "VmHWM"))
            except (FileNotFoundError, ProcessLookupError, StopIteration):
                # One of them ends just now.
                continue
            if not at_first and _count_lines(connection) >= early:
                at_first = most
            time.sleep(LOOK_SECONDS)
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, words)
    stack.processes.remove(process)
    return time.perf_counter() - began, at_first or most, most


def _count_lines(connection: psycopg.Connection) -> int:
    query = "SELECT coalesce(max(line), 0) FROM operations_recordimport"
    return int((connection.execute(query).fetchone() or [0])[0])
