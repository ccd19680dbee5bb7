"""Whether a soak has come back to where it was, as a table and in words."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import NamedTuple

from benchmarks.samples import Sample

# How much more than before is still the same level.
LEVEL = 1.5
ROWS = 24


class Window(NamedTuple):
    """Some of a soak, in seconds from its first action."""

    start: float
    end: float

    def choose(self, samples: Sequence[Sample]) -> list[Sample]:
        """Those that were taken in it."""
        return [sample for sample in samples if self.start < sample.at <= self.end + 1]


@dataclass(frozen=True)
class Measure:
    """What has to come back; less than `least` is as good as nothing."""

    name: str
    words: str
    least: float
    middle: Callable[[list[float]], float] = statistics.median

    def find_level(self, samples: Sequence[Sample]) -> float:
        """Its middle, as one stall of the machine is no level."""
        return self.middle([float(getattr(sample, self.name)) for sample in samples])


MEASURES = (
    Measure("accept_p95", "p95 of accepting, ms", 5),
    # They grow until vacuum comes round, once a minute: the mean of that is their level.
    Measure("dead_records", "dead tuples of records", 1_000, statistics.fmean),
    Measure("dead_lanes", "dead tuples of lanes", 1_000, statistics.fmean),
)


def judge(samples: Sequence[Sample], before: Window, after: Window) -> list[str]:
    """What has not come back to its level; each level is printed."""
    faults = []
    for measure in MEASURES:
        was = measure.find_level(before.choose(samples))
        now = measure.find_level(after.choose(samples))
        bound = LEVEL * max(was, measure.least)
        told = f"{measure.words}: {was:,.1f} before, {now:,.1f} after"
        print(f"{told}, at most {bound:,.1f}: {'met' if now <= bound else 'MISSED'}")
        if now > bound:
            faults.append(told)
    return faults


def show_table(samples: Sequence[Sample]) -> str:
    """Some of the samples, evenly spread, and each column's name above it."""
    step = max(1, len(samples) // ROWS)
    lines = [" ".join(f"{name:>13}" for name in Sample.names())]
    lines += [
        " ".join(f"{value:>13,.1f}" for value in astuple(sample)) for sample in samples[::step]
    ]
    return "\n".join(lines)
