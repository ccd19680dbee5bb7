"""`manage.py export`: what an organization has, as a bundle."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from bundles import exports
from config.commands import Exit, TeachingCommand, UnableError
from orgs.console import find_org
from orgs.models import Organization

LESSON = """
The bundle (docs/bundles.md) has all live definitions with their versions, aliases and links, and
all destinations. It holds no secrets: credentials and signing keys stand in it by their labels.
The config of a destination, its headers among it, is written as it is.

The same organization gives the same text, and importing it changes nothing.

examples:
  manage.py export acme > bundle.yaml
  manage.py export 7 --format json --to bundle.json      the file is there as a whole, or not at all
  manage.py export acme --to registry/                   a file for each action and destination
  manage.py export acme --to registry/ --json            what was written, for a script

exit codes:
  0    done
  2    not all could be written, or nothing can be told: arguments, a file, the database
  130  broken off
"""


class Command(TeachingCommand):
    """Writes what an organization has as a bundle."""

    help = "Export an organization's definitions and destinations as a bundle."
    lesson = LESSON
    interrupted = "Broken off: what was written is not all of it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Of which organization, how, and to where."""
        parser.add_argument("org", help="the organization: its id or its slug")
        parser.add_argument(
            "--format", choices=("yaml", "json"), default="yaml", help="yaml unless you say json"
        )
        parser.add_argument(
            "--to",
            type=Path,
            help="a folder, or a file if it ends in .yaml or .json; else standard output",
        )
        parser.add_argument("--json", action="store_true", help="with --to: tell it as JSON")

    def work(self, **options: Any) -> Exit:
        """Write it."""
        org = find_org(options["org"])
        to: Path | None = options["to"]
        try:
            if to is None:
                self._write(org, options["format"])
            else:
                files = self._write_to(org, to, options["format"])
                self._tell(to, files, as_json=options["json"])
        except OSError as error:
            place = to or "standard output"
            raise UnableError(f"{place} cannot be written: {error.strerror}.") from error
        return Exit.DONE

    def _write(self, org: Organization, format: exports.Format) -> None:
        for piece in exports.write(org, format):
            self.stdout.write(piece, ending="")
        self.stdout.flush()

    def _write_to(self, org: Organization, to: Path, format: exports.Format) -> int:
        """How many files there are."""
        if to.suffix in exports.SUFFIXES:
            exports.replace_file(to, exports.write(org, exports.SUFFIXES[to.suffix]))
            return 1
        written = 0
        with self.progress("Exporting", None) as steps:
            for _ in exports.write_folder(org, to, format):
                written += 1
                steps.advance()
        return written

    def _tell(self, to: Path, files: int, *, as_json: bool) -> None:
        if as_json:
            self.tell_json({"to": str(to), "files": files})
        else:
            self.stdout.write(f"{files:,} {'file' if files == 1 else 'files'} at {to}.")
