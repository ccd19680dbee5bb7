"""`manage.py bootstrap`: an organization that can be used at once."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.core.validators import validate_email

from config.commands import PlainCommand
from config.errors import ConflictError
from orgs import services


class Command(PlainCommand):
    """Makes (or finds) an organization and its owner, with a fresh API key."""

    help = "Make or find an organization and its owner, and print them with a fresh API key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The organization, its owner, and how to print them."""
        parser.add_argument(
            "--org", required=True, type=read_name, metavar="NAME", help="name to make or find"
        )
        parser.add_argument(
            "--email",
            type=read_email,
            default="admin@waybill.localhost",
            help="the owner's login, who sees every organization in the admin; made with a random "
            "password (default: %(default)s)",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what a script or a person needs to start."""
        try:
            made = services.bootstrap_org(name=options["org"], email=options["email"])
        except ConflictError as error:
            raise CommandError(str(error)) from error
        facts = {
            "org_id": str(made.org.pk),
            "tenant_id": str(made.org.tenant_id),
            "api_key": made.api_key,
            "signing_key": made.signing_key,
            "admin": {"email": made.email, "password": made.password},
        }
        if options["json"]:
            self.stdout.write(json.dumps(facts))
            return
        self.stdout.write(f"organization  {made.org.name} (id {made.org.pk})")
        self.stdout.write(f"API key       {made.api_key} (shown only now)")
        password = made.password or "unchanged: this login already existed"
        self.stdout.write(f"admin login   {made.email}, password {password}")
        signing = made.signing_key or "unchanged: no encryption key opens it"
        self.stdout.write(f"signing key   {signing}")


def read_name(text: str) -> str:
    """A name that an organization can have."""
    name = text.strip()
    if not 1 <= len(name) <= 255:
        raise ArgumentTypeError("a name has 1 to 255 characters")
    return name


def read_email(text: str) -> str:
    """An address that a person can log in with."""
    try:
        validate_email(text)
    except ValidationError as error:
        raise ArgumentTypeError(f"{text!r} is not an email address") from error
    return text
