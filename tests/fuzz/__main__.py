"""`make fuzz`: schemathesis over the whole OpenAPI document, as long as it may take."""

from __future__ import annotations

import argparse
import secrets
import sys

from tests.fuzz import stage
from tests.fuzz.running import fuzz


def main() -> None:
    """Exits 1 when a check has failed, or a process of ours has reported an error."""
    options, more = read_options()
    with stage.set_up() as ready:
        runs = fuzz(ready, seconds=options.seconds, seed=options.seed, more=more, show=True)
        errors = ready.read_errors()
    sys.stdout.write("".join(f"{line}\n" for line in errors))
    sys.exit(bool(errors) or any(done.returncode for done in runs.values()))


def read_options() -> tuple[argparse.Namespace, list[str]]:
    """What was asked for; all that is not ours goes to schemathesis as it is."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__, allow_abbrev=False)
    parser.add_argument("--seconds", type=int, default=900, help="in all (%(default)s)")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(10**6), help="to see the same again"
    )
    parser.add_argument(
        "--operation", action="append", default=[], metavar="ID", help="only this one, or these"
    )
    options, more = parser.parse_known_args()
    return options, [*(f"--include-operation-id={name}" for name in options.operation), *more]


if __name__ == "__main__":
    main()
