"""`make bench`: prints rates, and the ratios that say more than they do."""

from __future__ import annotations

import argparse

from benchmarks import dispatch, ingress
from benchmarks.stack import running

TARGETS = {"batch / raw": (0.35, True), "dispatch / raw": (0.5, True)}
TARGETS["validation / request"] = (0.1, False)


def main() -> None:
    """Measure what was asked for, on a stack of its own, and hold the ratios to their targets."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=["ingress", "dispatch"], help="measure one of them")
    only = parser.parse_args().only
    figures: dict[str, float] = {}
    with running() as stack:
        stack.start_web()
        if only != "dispatch":
            figures |= ingress.run(stack)
        if only != "ingress":
            figures |= dispatch.run(stack)
    for name, figure in figures.items():
        print(f"{name:22}", _show(name, figure))


def _show(name: str, figure: float) -> str:
    if "/" not in name:
        return f"{figure:10,.0f} a second"
    if name not in TARGETS:
        return f"{figure:10.3f}"
    target, at_least = TARGETS[name]
    met = figure >= target if at_least else figure <= target
    bound = "at least" if at_least else "at most"
    return f"{figure:10.3f}   target: {bound} {target}: {'met' if met else 'MISSED'}"


if __name__ == "__main__":
    main()
