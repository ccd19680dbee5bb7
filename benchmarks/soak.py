"""`make soak`: 200 actions a second for 20 minutes, with a session idle in transaction for five.

Whoever holds a snapshot keeps PostgreSQL from removing what is dead, which is how queues in
tables fall over. Accepting must be as quick afterwards as it was before, dead tuples as few, and
every action that was accepted must have been delivered; 1 where it is not so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import loader, targets
from benchmarks.pace import Pace
from benchmarks.samples import Sample, Sampler
from benchmarks.stack import Stack, running
from benchmarks.verdict import Window, judge, show_table

RATE = 200
MINUTES = 20.0
VARIANTS = 2
LANES = 10
SAMPLES = 240
PICTURE = Path(__file__).with_name("soak.png")
PATIENCE_SECONDS = 60
# What a transaction that only reads does to everybody else, as long as it is open.
HOLD = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM dispatch_lane"


@dataclass(frozen=True)
class Plan:
    """How long, how many, and when the session is held open; all in seconds."""

    seconds: float = MINUTES * 60
    rate: float = RATE

    @property
    def held(self) -> Window:
        """From one quarter to two quarters of the time."""
        return Window(self.seconds / 4, self.seconds / 2)

    @property
    def before(self) -> Window:
        """What the rest is compared with: warm, and not yet held."""
        return Window(self.seconds / 12, self.held.start)

    @property
    def after(self) -> Window:
        """The last quarter: as long again as the session was held have the tables to recover."""
        return Window(self.seconds * 3 / 4, self.seconds)

    @property
    def every(self) -> float:
        """Seconds from one sample to the next."""
        return max(1.0, self.seconds / SAMPLES)


@dataclass
class Course:
    """What a soak has seen."""

    plan: Plan
    samples: list[Sample]
    accepted: list[str]
    arrived: list[str]
    refused: list[str]

    @property
    def lost(self) -> int:
        """Accepted and never delivered."""
        return len(set(self.accepted) - set(self.arrived))

    @property
    def doubled(self) -> int:
        """Deliveries beyond the first of an action."""
        return len(self.arrived) - len(set(self.arrived))

    def find_faults(self) -> list[str]:
        """What is not as it has to be."""
        faults = judge(self.samples, self.plan.before, self.plan.after)
        if self.lost:
            faults.append(f"{self.lost:,} actions were accepted and never delivered")
        if self.refused:
            faults.append(f"{len(self.refused):,} were not accepted, the first: {self.refused[0]}")
        return faults


def soak(stack: Stack, plan: Plan) -> Course:
    """Run a whole installation at the plan's pace. Its web is running."""
    receiver = targets.start_receiver(stack)
    variants = [f"soaked-{number}" for number in range(VARIANTS)]
    for variant in variants:
        targets.add_webhook(stack, variant, f"{receiver.url}timed")
    dispatcher = stack.start("manage.py", "dispatch")
    stack.start("manage.py", "worker")
    # Once that has arrived, all of it runs.
    stack.call("POST", f"/v1/ingress/{variants[0]}", {"input": {"n": 1}})
    while not receiver.arrivals():
        time.sleep(0.1)
    pace = Pace(stack.port, prepare(stack, variants), plan.rate, plan.seconds)
    with ExitStack() as connections:
        connection = connections.enter_context(stack.connect())
        sampler = Sampler(connection, pace, receiver, dispatcher.pid)
        sampler.prepare()
        samples = asyncio.run(_run(stack, plan, pace, sampler))
        accepted = [one.record_id for one in pace.accepted]
        _wait_for_arrivals(sampler, accepted)
    arrived = [record_id for record_id, _ in sampler.arrivals]
    return Course(plan, samples, accepted, arrived, pace.refused)


def prepare(stack: Stack, variants: Sequence[str]) -> list[bytes]:
    """A request for each lane."""
    return [
        loader.prepare(
            f"/v1/ingress/{variant}",
            stack.facts["api_key"],
            json.dumps({"input": {"n": 1}, "tags": {"lane": str(lane)}}).encode(),
        )
        for lane in range(LANES)
        for variant in variants
    ]


async def _run(stack: Stack, plan: Plan, pace: Pace, sampler: Sampler) -> list[Sample]:
    began = time.monotonic()
    # The first look has nothing to compare with.
    await asyncio.to_thread(sampler.take, 0.0)
    holding = asyncio.create_task(_hold(stack, plan.held))
    sending = asyncio.create_task(pace.run())
    samples: list[Sample] = []
    while not sending.done():
        await asyncio.sleep(began + plan.every * (len(samples) + 1) - time.monotonic())
        samples.append(await asyncio.to_thread(sampler.take, time.monotonic() - began))
    await asyncio.gather(sending, holding)
    return samples


async def _hold(stack: Stack, window: Window) -> None:
    await asyncio.sleep(window.start)
    with stack.connect() as connection:
        connection.execute(HOLD)
        await asyncio.sleep(window.end - window.start)


def _wait_for_arrivals(sampler: Sampler, accepted: Sequence[str]) -> None:
    gone = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < gone:
        sampler.arrivals += sampler.receiver.arrivals(len(sampler.arrivals))
        if len(sampler.arrivals) >= len(accepted) and not set(accepted) - {
            record_id for record_id, _ in sampler.arrivals
        }:
            return
        time.sleep(0.5)


def draw(course: Course, picture: Path) -> None:
    """The graph, where there is something to draw it with."""
    try:
        from benchmarks import graph  # noqa: PLC0415 -- only drawing needs matplotlib
    except ModuleNotFoundError as error:
        print(f"Not drawn: {error.name} is not installed here.")
        return
    graph.draw(course.samples, course.plan.held, (course.plan.before, course.plan.after), picture)
    print(f"Drawn: {picture}")


def main() -> None:
    """Soak, show, draw, and judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="default: %(default)g")
    parser.add_argument("--rate", type=float, default=RATE, help="a second (%(default)g)")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="a PNG (%(default)s)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    plan = Plan(options.minutes * 60, options.rate)
    with running() as stack:
        stack.start_web()
        course = soak(stack, plan)
    print(show_table(course.samples))
    print(
        f"{len(course.accepted):,} accepted, {course.lost:,} lost, {course.doubled:,} delivered "
        f"twice, {len(course.refused):,} not accepted."
    )
    draw(course, options.picture)
    if faults := course.find_faults():
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
