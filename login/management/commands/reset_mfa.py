"""`manage.py reset_mfa`: a way in for somebody who has lost their second factor."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from config.commands import PlainCommand
from login import services
from orgs.models import User

LESSON = """
Make sure that it is them who ask: whoever has the password can log in afterwards. With
WAYBILL_REQUIRE_MFA they are led to enrol a new second factor before anything else. Sessions that
are open stay open.

exit codes:
  0    they have no second factor (any more)
  1    nobody logs in with that address

example:
  manage.py reset_mfa grace@example.com
"""


class Command(PlainCommand):
    """Takes a second factor and its recovery codes away."""

    help = "Remove the second factor of somebody who has lost it, with its recovery codes."
    lesson = LESSON

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose."""
        parser.add_argument("email", metavar="EMAIL", help="the address they log in with")

    def handle(self, *args: Any, **options: Any) -> None:
        """Remove it, and tell."""
        user = User.objects.filter(email=options["email"].lower()).first()
        if user is None:
            raise CommandError(f"Nobody logs in with {options['email']}.")
        had_one = services.remove_second_factor(user=user, actor="manage.py reset_mfa")
        self.stdout.write(
            f"{user.email} logs in with the password alone now."
            if had_one
            else f"{user.email} had no second factor."
        )
