"""`make chaos`: the kill matrix, as long as it may take; exits 1 on any loss."""

from __future__ import annotations

import argparse
import itertools
import os
import secrets
import shlex
import subprocess
import sys
import time

from tests.chaos import table
from tests.chaos.installation import installed
from tests.chaos.ledger import Account
from tests.chaos.matrix import Matrix, Round
from tests.chaos.scenarios import SCENARIOS

# A storm of all scenarios takes about this long; none is begun that would not end in time.
STORM_SECONDS = 240
PROVE = [sys.executable, "-m", "tests.hosts"]
HOSTS = {"beside": PROVE, "apart": ["unshare", "--net", *PROVE, "--apart", "--cuts=2"]}


def main() -> None:
    """First each scenario alone, until it is over; then storms of all, until the time is."""
    options = read_options()
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    table.say(f"seed {seed}: " + ", ".join(options.only or SCENARIOS))
    rows: dict[str, Account] = {}
    try:
        play(options, seed, rows)
    finally:
        table.show(rows)
    alone = options.only or options.storm
    failed = [] if alone else [name for name in find_hosts() if not prove_hosts(name)]
    sys.exit(bool(failed) or any(account.faults for account in rows.values()))


def find_hosts() -> list[str]:
    """How two of each process can be had here: beside each other, and apart."""
    if os.geteuid() == 0:
        return [*HOSTS]
    table.say("Two hosts are made of network namespaces, which takes root: left out.")
    return ["beside"]


def prove_hosts(name: str) -> bool:
    """Whether the same holds with two web processes and two dispatchers."""
    done = subprocess.run(HOSTS[name], check=False)
    if done.returncode:
        table.say(f"{name}: failed; again by: {shlex.join(HOSTS[name])}")
    return done.returncode == 0


def play(options: argparse.Namespace, seed: int, rows: dict[str, Account]) -> None:
    """Fill the table, row by row."""
    began = time.monotonic()
    names = options.only or list(SCENARIOS)
    ends = began + options.minutes * 60 - STORM_SECONDS
    with installed() as installation:
        matrix = Matrix(
            installation, lambda line: table.say(f"{time.monotonic() - began:6.0f} s  {line}")
        )
        if not options.storm:
            rows |= matrix.play(Round(0, seed, names, options.strikes, storm=False))
        for number in itertools.count(1):
            if options.only or (time.monotonic() > ends and rows):
                return
            table.say(f"storm {number}, seed {seed}")
            played = Round(number, seed, names, options.strikes, storm=True)
            rows |= {f"{name} {number}": one for name, one in matrix.play(played).items()}
            seed += 1


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="one of them, alone")
    parser.add_argument("--storm", action="store_true", help="all of them, one into the other")
    parser.add_argument("--seed", type=int, help="of a run that is to be repeated")
    parser.add_argument("--strikes", type=int, default=4, help="for each scenario (%(default)s)")
    parser.add_argument("--minutes", type=float, default=12, help="at most (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
