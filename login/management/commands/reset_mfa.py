"""`manage.py reset_mfa`: a way in for somebody who has lost their second factor."""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, DjangoHelpFormatter

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


class Formatter(RawDescriptionHelpFormatter, DjangoHelpFormatter):
    """Django's help, with the lesson's lines as they are."""


class Command(BaseCommand):
    """Takes a second factor and its recovery codes away."""

    help = "Remove the second factor of somebody who has lost it, with its recovery codes."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        """The parser, whose help says what to think of."""
        given = {"epilog": LESSON, "formatter_class": Formatter} | kwargs
        return super().create_parser(prog_name, subcommand, **given)

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
