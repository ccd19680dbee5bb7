"""What is told of a run, line by line, and in the end as a table."""

from __future__ import annotations

import sys

from tests.chaos.ledger import Account

COLUMNS = (
    "accepted",
    "unanswered",
    "replayed",
    "succeeded",
    "failed",
    "lost",
    "duplicates",
    "leases_lost",
)


def show(rows: dict[str, Account]) -> None:
    """The table."""
    say(
        f"\n{'':14}"
        + "".join(f"{name.replace('_', ' '):>13}" for name in COLUMNS)
        + "     recovery"
    )
    for name, account in rows.items():
        figures = "".join(f"{getattr(account, column):>13}" for column in COLUMNS)
        verdict = f"{len(account.faults)} FAULTS" if account.faults else ""
        say(f"{name:14}{figures}{account.recovery:>11.1f} s  {verdict}")


def say(line: str) -> None:
    """A line of progress."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
