"""`manage.py import`: what a bundle says, made so."""  # noqa: N999 -- the command's name

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from bundles import reading
from bundles.console import EXIT_CODES, ImportCommand, Imported
from bundles.reading import NoFileError
from config.commands import UnableError

LESSON = f"""
A bundle is what an organization has as one document: definitions with their versions, aliases and
links, and destinations; credentials by their labels only (docs/bundles.md). It is YAML or JSON, a
file, standard input (-), or a folder whose files are taken together. What it does not speak of
stays as it is, unless you say --prune.

First everything is planned, and shown: + is created, ~ is changed, - is deleted, and what is kept
is counted. Where anything is at fault, all faults are told, each with file, line and pointer, and
nothing is changed. Up to 10,000 changes are one transaction: they are made, or none of them. More
are made in batches; broken off, the same command goes on where it was.

examples:
  manage.py export acme > bundle.yaml                    what is there, as a bundle
  manage.py import bundle.yaml --org acme --dry-run      what would be done; exit code 3 if anything
  manage.py import bundle.yaml --org acme                do it
  manage.py import registry/ --org acme --prune          a folder, and what it does not name goes
  manage.py import - --org 7 --prune --yes --json < bundle.json     in a script
{EXIT_CODES}"""


class Command(ImportCommand):
    """Makes an organization have what a bundle says."""

    help = "Import a bundle: plan, show, apply."
    lesson = LESSON
    prunes = True

    def add_source(self, parser: ArgumentParser) -> None:
        """Where the bundle is."""
        parser.add_argument("bundle", help="a file, a folder, or - for standard input")

    def read_document(self, options: Mapping[str, Any]) -> Imported:
        """The bundle as it is."""
        budget = reading.Budget()
        try:
            source = reading.read(options["bundle"], budget=budget)
        except NoFileError as error:
            raise UnableError(str(error)) from error
        return Imported(source.value, source=source, room=budget.left)
