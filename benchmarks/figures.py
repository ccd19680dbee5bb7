"""What is measured: the unit of each figure, and the target that some of them have."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """The least or the most that a figure may be."""

    bound: float
    at_least: bool = True

    def is_met(self, figure: float) -> bool:
        """Whether the figure keeps to it."""
        return figure >= self.bound if self.at_least else figure <= self.bound

    def judge(self, figure: float) -> str:
        """The target, and whether it is met, in words."""
        words = "at least" if self.at_least else "at most"
        return f"target: {words} {self.bound:g}: {'met' if self.is_met(figure) else 'MISSED'}"


TARGETS = {
    "batch / raw": Target(0.35),
    "validation / request": Target(0.1, at_least=False),
    "dispatch / raw": Target(0.6),
    "dispatch / Celery": Target(5),
    "dispatch / PgQueuer": Target(1.2),
    "slow dispatch / raw": Target(0.8),
    "guarded / unguarded": Target(0.95),
    "address check / delivery": Target(0.05, at_least=False),
    "deliver to SQS / client": Target(0.7),
    "dispatch to SQS / raw": Target(0.7),
    "deliver to Pub/Sub / client": Target(0.7),
    "dispatch to Pub/Sub / raw": Target(0.7),
    "idle latency p50": Target(15, at_least=False),
    "idle latency p99": Target(60, at_least=False),
    "statements": Target(60, at_least=False),
    "idle statements": Target(3, at_least=False),
    "memory": Target(150, at_least=False),
    "ready / empty": Target(0.9),
    "scheduled / empty": Target(0.9),
    "dead / empty": Target(0.9),
    "full / empty": Target(0.9),
    "import / raw": Target(0.5),
    "import's memory": Target(300, at_least=False),
    "import's memory, late / early": Target(1.1, at_least=False),
    "sdk pull / target": Target(1),
    "slowest page": Target(300, at_least=False),
    "slowest statement of a page": Target(100, at_least=False),
    "pages with too many statements": Target(0, at_least=False),
    "p95 beside 200 waiting / alone": Target(1.5, at_least=False),
}
UNITS = {
    "address check": "microseconds",
    "address check of a new URL": "microseconds",
    "address check of a connection": "microseconds",
    "idle latency p50": "ms",
    "idle latency p99": "ms",
    "statements": "for 1,000 deliveries",
    "statements without BEGIN and COMMIT": "for 1,000 deliveries",
    "slowest page": "ms p95",
    "slowest statement of a page": "ms at most",
    "pages with too many statements": "",
    "memory": "MB at most (VmHWM)",
    "import's memory": "MB at most, both processes (VmHWM)",
}


def is_missed(name: str, figure: float) -> bool:
    """Whether the figure has a target and does not keep to it."""
    return name in TARGETS and not TARGETS[name].is_met(figure)


def show(name: str, figure: float) -> str:
    """A line for a figure."""
    unit = UNITS.get(name, "" if " / " in name else "a second")
    digits = 0 if figure >= 100 else 2 if figure >= 0.1 else 4
    target = TARGETS[name].judge(figure) if name in TARGETS else ""
    return f"{name:36}{figure:10,.{digits}f} {unit:22}{target}".rstrip()
