"""`make compat`: pairs of schemas and payloads, as many as asked for, against the comparison."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import secrets
import sys
import time
from collections.abc import Iterator

import django

from runtime import environment

OFTEN = 15
EVERY = 30


def main() -> None:
    """Exits 1 with the smallest pair, as JSON, that the comparison is wrong about."""
    options = read_options()
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    # As for a command that needs no database.
    with environment.prepared_for(["manage.py", "help"]):
        django.setup()
    # These ask for Django's settings when they are imported.
    from tests.actions.compatibility.cases import Tally  # noqa: PLC0415

    started, shown, tally = time.monotonic(), 0.0, Tally()
    with multiprocessing.Pool(options.processes) as pool:
        first = options.seed * 10**6
        # More than enough: a run has hundreds of cases.
        for outcome in pool.imap(_run, range(first, first + options.cases)):
            if not isinstance(outcome, Tally):
                say(json.dumps(outcome, indent=2))
                sys.exit(1)
            tally.add(outcome)
            if tally.cases >= options.cases:
                break
            if time.monotonic() - shown > EVERY:
                shown = time.monotonic()
                say(f"{tally.cases:,} of {options.cases:,} cases, {shown - started:.0f} s")
        pool.terminate()
    for line in tell(tally):
        say(line)
    say(f"{time.monotonic() - started:.0f} s, seed {options.seed}: no counterexample")


def read_options() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="make compat", description=__doc__, allow_abbrev=False)
    parser.add_argument("--cases", type=int, default=100_000, help="pairs (%(default)s)")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(10**6), help="to see the same again"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="(%(default)s)")
    return parser.parse_args()


def _run(number: int) -> object:
    """What one run has seen, or the counterexample as JSON."""
    from actions.compatibility.comparing import compare  # noqa: PLC0415
    from tests.actions.compatibility import running  # noqa: PLC0415
    from tests.actions.compatibility.cases import CounterexampleError  # noqa: PLC0415

    try:
        return running.run(compare, number=number)
    except CounterexampleError as found:
        return found.as_dict() | {"run": number}
    except Exception as error:
        error.add_note(f"in run {number}")
        raise


def tell(tally) -> Iterator[str]:
    """The figures, a line each."""
    yield f"{tally.cases:,} cases"
    for kind in ("versions", "independent"):
        counts = {verdict: count for (of, verdict), count in tally.pairs.items() if of == kind}
        total = sum(counts.values())
        shares = (f"{verdict} {count / total:.1%}" for verdict, count in sorted(counts.items()))
        yield f"{kind}: {total:,} pairs: {', '.join(shares)}"
    yield from (f"{what}: {count:,}" for what, count in sorted(tally.seen.items()))
    yield "rules that were not decided, the most frequent first:"
    yield from (f"  {rule}: {count:,}" for rule, count in tally.causes.most_common(OFTEN))


def say(line: str) -> None:
    """Print it now."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
