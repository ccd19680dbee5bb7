"""One scenario under way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from tests.chaos.clients import Receiver, Traffic
from tests.chaos.installation import Installation
from tests.chaos.ledger import Ledger

LANES = 12


@dataclass
class Trial:
    """One scenario under way: its own action, receiver and clients, and its own dice."""

    installation: Installation
    ledger: Ledger
    traffic: Traffic
    receiver: Receiver
    dice: Random
    strikes: int
    # Unix seconds: everything works again.
    fault_over: float = 0.0
    faults: list[str] = field(default_factory=list)

    def pause(self, least: float, most: float) -> None:
        """Let some time pass."""
        time.sleep(self.dice.uniform(least, most))

    def wait_for_deliveries(self) -> None:
        """Return at some moment with deliveries under way."""
        self.receiver.wait_for_new(self.dice.randint(3, 15))

    def note_strike(self) -> None:
        """After each strike; the last one of a scenario ends its fault."""
        self.ledger.note_strike()
        self.fault_over = time.time()

    @contextmanager
    def striking(self) -> Iterator[range]:
        """How often to strike, while actions keep coming before, in between and after."""
        with self.traffic.flowing():
            self.wait_for_deliveries()
            yield range(self.strikes)
            self.fault_over = time.time()
            self.pause(0.5, 1)
