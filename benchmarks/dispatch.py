"""Delivery: the dispatcher beside a bare loop, and beside those that others would take."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks import contestants, targets
from benchmarks.contestants import CeleryWorker, PgQueuerWorker, RawLoop, Waybill
from benchmarks.stack import Stack

# A shared machine is a third faster or slower from minute to minute: what counts is the median of
# rounds in which everybody is the first in turn.
ROUNDS = 7
SLOW_ROUNDS = 3
JOBS = 12_000
# A rate is a rate, and the others would wait for most of the time.
CELERY_JOBS = 1_500
LANES = 12
# 50 ms: 200 in flight are 4,000 a second at best. A destination takes at most a quarter.
SLOW_MILLISECONDS = 50
SLOW_IN_FLIGHT = 200
SLOW_DESTINATIONS = 8
SLOW_LANES = 5


def run(stack: Stack) -> dict[str, float]:
    """Deliveries a second to a receiver that answers at once; medians of rounds in turn."""
    receiver = targets.start_receiver(stack)
    targets.add_webhook(stack, "job", receiver.url)
    waybill = Waybill(stack, receiver, ["job"], LANES)
    # Lanes start low and grow while they are served; they are warm from here on.
    waybill.deliver(JOBS)
    work: dict[str, Callable[[int], float]] = {
        "dispatch": waybill.deliver,
        "raw dispatch": RawLoop(stack, receiver).deliver,
    }
    with ExitStack() as open_until_then:
        if missing := contestants.find_missing("pgqueuer", "asyncpg"):
            print(f"PgQueuer is left out: {missing} is not installed here.")
        else:
            work["PgQueuer"] = PgQueuerWorker(stack, receiver).deliver
        lacks = contestants.find_missing("celery", "gevent", "requests", program="redis-server")
        if lacks:
            print(f"Celery is left out: {lacks} is not installed here.")
        else:
            redis_url = open_until_then.enter_context(contestants.serving_redis(stack))
            celery = CeleryWorker(stack, receiver, redis_url)
            work["Celery"] = lambda _: celery.deliver(CELERY_JOBS)
        rounds = [_deliver_in_turn(work, number) for number in range(ROUNDS)]
    figures = {name: statistics.median(one[name] for one in rounds) for name in work}
    ratios = {
        "dispatch / raw": "raw dispatch",
        "dispatch / Celery": "Celery",
        "dispatch / PgQueuer": "PgQueuer",
    }
    return figures | {
        ratio: statistics.median(one["dispatch"] / one[other] for one in rounds)
        for ratio, other in ratios.items()
        if other in work
    }


def _deliver_in_turn(work: dict[str, Callable[[int], float]], number: int) -> dict[str, float]:
    """The rate of each, in another order each time."""
    names = list(work)
    first = number % len(names)
    return {name: work[name](JOBS) for name in names[first:] + names[:first]}


def run_slow(stack: Stack) -> dict[str, float]:
    """The same to a receiver that takes 50 ms, with 200 in flight."""
    receiver = targets.start_receiver(stack, SLOW_MILLISECONDS)
    variants = [f"slow-{number}" for number in range(SLOW_DESTINATIONS)]
    for variant in variants:
        targets.add_webhook(stack, variant, receiver.url)
    waybill = Waybill(stack, receiver, variants, SLOW_LANES, concurrency=SLOW_IN_FLIGHT)
    raw = RawLoop(stack, receiver, loops=SLOW_IN_FLIGHT // 100)
    waybill.deliver(JOBS)
    rounds = [(waybill.deliver(JOBS), raw.deliver(JOBS)) for _ in range(SLOW_ROUNDS)]
    return {
        "slow dispatch": statistics.median(ours for ours, _ in rounds),
        "raw slow dispatch": statistics.median(raw for _, raw in rounds),
        "slow dispatch / raw": statistics.median(ours / raw for ours, raw in rounds),
    }
