"""How soon an action that comes alone is on its way: from its POST sent to its POST received."""

from __future__ import annotations

import http.client
import json
import random
import statistics
import time

from benchmarks import targets
from benchmarks.stack import Stack

ACTIONS = 400
WARMING_UP = 20
# So far apart that nothing of the one before is left, and in step with no clock of ours.
APART_SECONDS = (0.05, 0.2)


def run(stack: Stack) -> dict[str, float]:
    """Milliseconds, median and 99th percentile, of single actions while all is idle."""
    receiver = targets.start_receiver(stack)
    targets.add_webhook(stack, "single", f"{receiver.url}timed")
    process = stack.start("manage.py", "dispatch")
    sent = send_apart(stack, "single", WARMING_UP + ACTIONS)
    time.sleep(1)
    arrivals = dict(receiver.arrivals())
    stack.stop(process)
    # One that never arrived is a fault, not a fast one.
    took = [(arrivals[record_id] - at) * 1000 for record_id, at in sent[WARMING_UP:]]
    return {
        "idle latency p50": statistics.median(took),
        "idle latency p99": statistics.quantiles(took, n=100)[98],
    }


def send_apart(stack: Stack, variant: str, count: int) -> list[tuple[str, float]]:
    """The ids of so many actions, each with the moment before it was sent."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=30)
    headers = {"x-arklow-auth": stack.facts["api_key"], "content-type": "application/json"}
    seeded = random.Random(7)
    sent = []
    for _ in range(count):
        time.sleep(seeded.uniform(*APART_SECONDS))
        at = time.monotonic()
        connection.request("POST", f"/v1/ingress/{variant}", b'{"input": {"n": 1}}', headers)
        with connection.getresponse() as answer:
            sent.append((json.load(answer)["data"]["id"], at))
    connection.close()
    return sent
