"""Many cases, made by hypothesis in runs of a few hundred, each with a seed of its own."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import FlakyFailure

from tests.actions.compatibility.cases import (
    Compare,
    CounterexampleError,
    Tally,
    hold,
    make_cases,
    shrunk,
)
from tests.actions.compatibility.decisions import SEEDS

# Of a run that is longer, hypothesis remembers more and more, and gets slower.
EXAMPLES = 100


def run(compare: Compare, *, number: int, examples: int = EXAMPLES) -> Tally:
    """What a run with this seed has seen; `CounterexampleError` with the smallest pair."""
    tally = Tally()

    @seed(number)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
    )
    @given(SEEDS)
    def holds(made: bytes) -> None:
        for case in make_cases(made):
            hold(compare, case, tally)

    try:
        holds()
    except CounterexampleError as found:
        raise shrunk(compare, found) from found
    except FlakyFailure as group:
        # Not every time: that alone is a fault.
        found = next(one for one in group.exceptions if isinstance(one, CounterexampleError))
        raise CounterexampleError(
            f"{found.what}, now and then", found.case, found.payload
        ) from group
    return tally
