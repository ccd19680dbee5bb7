"""What a backlog costs those who have none: deliveries beside one, and in an empty table.

Two databases of one server, alike but for the backlog, are dispatched in turn.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks import targets
from benchmarks.contestants import clocked
from benchmarks.filling import Filler
from benchmarks.samples import read_memory
from benchmarks.stack import Stack, free_port
from benchmarks.targets import Receiver

ROUNDS = 5
DESTINATIONS = 10
LANES = 500
# The answer of the receiver behind the lane that is full.
SLOW_MILLISECONDS = 3_000


@dataclass(frozen=True)
class Sizes:
    """How many rows of each kind, and of those whose deliveries are measured."""

    ready: int = 1_000_000
    scheduled: int = 100_000
    dead: int = 20_000
    full: int = 50_000
    measured: int = 12_000


@dataclass
class Backlog:
    """An empty database, one with a backlog, and what both deliver to."""

    empty: Stack
    behind: Stack
    receiver: Receiver
    sizes: Sizes
    # Of the dispatcher, in MB, in the last measurement.
    memory: float = 0

    def rounds(self, name: str) -> Iterator[tuple[float, float]]:
        """Rates with the named backlog and without one, one round after the other."""
        fills: dict[str, Callable[[Filler], None]] = {
            "ready": lambda to: to.add_due("busy-%", self.sizes.ready // LANES),
            "scheduled": lambda to: to.add_later("busy-%", self.sizes.scheduled // LANES),
            "dead": lambda to: to.add_dead("dead", self.sizes.dead),
            "full": lambda to: to.add_due("full", self.sizes.full),
        }
        with self.behind.connect() as connection:
            filler = Filler(connection)
            filler.empty()
            fills[name](filler)
            filler.tidy()
        # What is ready is itself what is delivered.
        turns = [(self.behind, name != "ready"), (self.empty, True)]
        while True:
            rates = {stack.database_url: self._measure(stack, add=add) for stack, add in turns}
            yield rates[self.behind.database_url], rates[self.empty.database_url]
            # Now the other one first: a machine that is getting busier favours neither.
            turns.reverse()

    def _measure(self, stack: Stack, *, add: bool) -> float:
        if add:
            with stack.connect() as connection:
                Filler(connection).add_due("busy-%", self.sizes.measured // LANES)
                connection.execute("ANALYZE dispatch_actionrecord")
        measured = self.sizes.measured // LANES * LANES
        return clocked(
            stack,
            self.receiver,
            measured,
            lambda: stack.start("manage.py", "dispatch"),
            before_the_end=self._weigh,
        )

    def _weigh(self, pid: int) -> None:
        self.memory = read_memory(pid, "VmHWM")


def prepare(stack: Stack, sizes: Sizes) -> Backlog:
    """Both databases, without any action. The web is ended: it would hold on to the first."""
    receiver = targets.start_receiver(stack)
    slow = targets.start_receiver(stack, SLOW_MILLISECONDS)
    variants = [f"busy-{number}" for number in range(DESTINATIONS)]
    for variant in variants:
        targets.add_webhook(stack, variant, receiver.url)
    targets.submit(stack, variants, LANES // DESTINATIONS, LANES)
    targets.add_webhook(stack, "full", slow.url)
    # Nobody listens there.
    targets.add_webhook(stack, "dead", f"http://127.0.0.1:{free_port()}/")
    targets.submit(stack, ["full", "dead"], 1, 2)
    if stack.web:
        stack.stop(stack.web)
    with stack.connect() as connection:
        Filler(connection).remember()
    return Backlog(stack, stack.copy_database("backlog"), receiver, sizes)


def run(stack: Stack) -> dict[str, float]:
    """The ratio for each kind of backlog, medians of rounds, and the dispatcher's memory."""
    backlog = prepare(stack, Sizes())
    figures = {}
    for name in ("ready", "scheduled", "dead", "full"):
        rounds = backlog.rounds(name)
        rates = [next(rounds) for _ in range(ROUNDS)]
        if name == "ready":
            figures["memory"] = backlog.memory
        figures[f"{name} dispatch"] = statistics.median(beside for beside, _ in rates)
        figures[f"{name} / empty"] = statistics.median(beside / empty for beside, empty in rates)
    return figures
