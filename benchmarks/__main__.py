"""`make bench`: prints rates and the ratios that say more; 1 when one misses its target."""

from __future__ import annotations

import argparse
import signal
import sys

from benchmarks import (
    backlog,
    brokers,
    console,
    dispatch,
    guard,
    imports,
    ingress,
    latency,
    pull,
    statements,
)
from benchmarks.figures import is_missed, show
from benchmarks.stack import running

PARTS = {
    "ingress": ingress.run,
    "dispatch": dispatch.run,
    "slow": dispatch.run_slow,
    "guard": guard.run,
    "brokers": brokers.run,
    "latency": latency.run,
    "statements": statements.run,
    "backlog": backlog.run,
    "pull": pull.run,
    "imports": imports.run,
    "console": console.run,
}


def main() -> None:
    """Measure what was asked for, on a stack of its own, and hold the ratios to their targets."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part only")
    only = parser.parse_args().only or list(PARTS)
    # What was started is ended in any case.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    missed = []
    for part in (name for name in PARTS if name in only):
        with running() as stack:
            stack.start_web()
            figures = PARTS[part](stack)
        for name, figure in figures.items():
            print(show(name, figure), flush=True)
        missed += [name for name, figure in figures.items() if is_missed(name, figure)]
    if missed:
        sys.exit(f"Missed: {', '.join(missed)}.")


if __name__ == "__main__":
    main()
