"""`manage.py reconcile`: the proof that nothing was lost."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError
from django.db import OperationalError

from config.commands import PlainCommand
from operations import reconciliation
from operations.models import Chore
from operations.reconciliation import Account
from orgs.models import Organization

LESSON = """
For each organization and hour, as far back as events are kept:

  accepted = succeeded + failed + canceled + in flight

Accepted is what the events say, the rest is what the records say, and the two are matched action
by action. Named as not accounted for are: an action without an event that it was accepted, or with
several; events without their action; an action that is over while no event says so; one that is
not over and has no payload. It is exact while actions are accepted, delivered and deleted, and
takes no lock that they wait for.

exit codes:
  0  everything is accounted for
  1  something is not; it is named
  2  nothing can be told: the database is out of reach, there is no such organization, or the
     arguments make no sense

examples:
  manage.py reconcile                                   everything there is
  manage.py reconcile --since 2026-11-24T18:00:00Z      what was accepted since then
  manage.py reconcile --org 7 --hours                   the sums of each hour of one organization
  manage.py reconcile --json | jq .unsound              for a script

The worker does the same by itself: every hour for the last three, every day for the last four days.
"""


def moment(text: str) -> datetime:
    """A time as an operator writes it; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(
            f"{text!r} is not like 2026-11-24 or 2026-11-24T18:00:00Z"
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class Command(PlainCommand):
    """Proves that every action that was accepted is accounted for."""

    help = "Prove that every accepted action is accounted for. Exit code 1 when one is not."
    lesson = LESSON

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to look at, and how to tell."""
        parser.add_argument("--since", type=moment, help="only what was accepted since (UTC)")
        parser.add_argument("--org", type=int, help="only this organization's (an id)")
        parser.add_argument("--hours", action="store_true", help="tell the sums of every hour")
        parser.add_argument(
            "--json", action="store_true", help="as JSON, with what the worker found last"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Count, tell, and fail where something is missing."""
        try:
            account = self._reconcile(options["since"], options["org"])
        except OperationalError as error:
            raise CommandError(f"Database out of reach: {error}", returncode=2) from error
        if options["json"]:
            self._tell_json(account, every_hour=options["hours"])
        else:
            self._tell(account, every_hour=options["hours"])
        if account.unsound:
            raise CommandError(f"Not accounted for in {len(account.unsound)} organization-hours.")

    def _reconcile(self, since: datetime | None, org_id: int | None) -> Account:
        if org_id is not None and not Organization.objects.filter(pk=org_id).exists():
            raise CommandError(f"There is no organization {org_id}.", returncode=2)
        return reconciliation.reconcile(since=since, org_id=org_id, progress=self._show_progress)

    def _show_progress(self, done: float) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{done:4.0%}", ending="\n" if done == 1 else "")

    def _tell(self, account: Account, *, every_hour: bool) -> None:
        for hour in account.in_order if every_hour else account.unsound:
            self.stdout.write(str(hour))
        if not account.unsound:
            self.stdout.write(
                f"{account.accepted} actions in {len(account.hours)} organization-hours: "
                "all accounted for."
            )

    def _tell_json(self, account: Account, *, every_hour: bool) -> None:
        told = account.describe() | {"last": list(describe_last())}
        if every_hour:
            told["every_hour"] = [hour.describe() for hour in account.in_order]
        self.stdout.write(json.dumps(told, default=str))


def describe_last() -> Any:
    """When the worker last did the same, and what it found."""
    chores = Chore.objects.filter(name__startswith="reconcile")
    return chores.values("name", "began_at", "result", "trouble")
