"""`manage.py export`: what an organization has, as a bundle."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bundles import exports, files
from bundles.files import CHANGED, LEFT, NEW, REMOVED, Compared
from bundles.reading.writing import Format
from config.commands import Exit, TeachingCommand, UnableError
from orgs.console import find_org
from orgs.models import Organization

LESSON = """
The bundle (docs/bundles.md) has all live definitions with their versions, aliases and links, and
all destinations. It holds no secrets: credentials and signing keys stand in it by their labels.
The config of a destination, its headers among it, is written as it is.

The same organization gives the same text, and importing it changes nothing. What --to names is
replaced when all is written, a folder's files too; until then it is what it was. Of a folder, those
files go that a former export wrote and this one does not: .exported lists them. Any other is left.

examples:
  manage.py export acme > bundle.yaml
  manage.py export 7 --to bundle.json                    the file is there as a whole, or not at all
  manage.py export acme --to registry/                   a file for each action and destination
  manage.py export acme --to registry/ --json            what was written, for a script
  manage.py export acme --to registry/ --dry-run         what would be; exit code 3 if anything

exit codes:
  0    done, or nothing was to be done
  2    not all could be written, or nothing can be told: arguments, a file, the database
  3    only with --dry-run: what --to names is not there, or holds something else
  130  broken off
  141  nobody reads standard output any more
"""
STANDARD_OUTPUT = "-"
SIGNS = {NEW: "created", CHANGED: "changed", REMOVED: "removed"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where it goes: to a file, to the files of a folder, or to standard output (no path)."""

    path: Path | None
    format: Format
    is_folder: bool = False

    def __str__(self) -> str:
        return str(self.path or "standard output")


@dataclass(slots=True)
class Written:
    """How much was written, or would be; and what that changes, where it is only looked at."""

    definitions: int
    files: int = 0
    bytes: int = 0
    changes: list[Compared] = field(default_factory=list)
    left: list[Path] = field(default_factory=list)

    def add(self, size: int) -> None:
        """One file more."""
        self.files += 1
        self.bytes += size

    def take(self, one: Compared) -> None:
        """A file of a folder."""
        if one.sign == LEFT:
            self.left.append(one.path)
            return
        if one.sign != REMOVED:
            self.add(one.size)
        if one.sign:
            self.changes.append(one)

    def list_paths(self, sign: str) -> list[str]:
        """The files of which so much would become."""
        return [str(one.path) for one in self.changes if one.sign == sign]


class Command(TeachingCommand):
    """Writes what an organization has as a bundle."""

    help = "Export an organization's definitions and destinations as a bundle."
    lesson = LESSON
    interrupted = (
        "Broken off: standard output has not all of it; what --to names is what it was, or all new."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Of which organization, how, and to where."""
        parser.add_argument("org", help="the organization: its id or its slug")
        parser.add_argument(
            "--format", choices=("yaml", "json"), help="else as the file's name says; else yaml"
        )
        parser.add_argument(
            "--to",
            default=STANDARD_OUTPUT,
            help="a file if it ends in .yaml, .yml or .json and not in /, else a folder; "
            "without it, or with -, standard output",
        )
        parser.add_argument("--dry-run", action="store_true", help="tell what would be written")
        parser.add_argument(
            "--json", action="store_true", help="with --to or --dry-run: tell it as JSON"
        )

    def work(self, **options: Any) -> Exit:
        """Write it, or look what would be written."""
        place = find_place(options)
        org = find_org(options["org"])
        dry = options["dry_run"]
        try:
            with exports.snapshot():
                written = Written(exports.count(org))
                if dry:
                    self._compare(org, place, written)
                else:
                    self._write(org, place, written)
        except OSError as error:
            verb = "read" if dry else "written"
            said = f"{error.filename2 or place} cannot be {verb}: {error.strerror}."
            raise UnableError(said) from error
        if dry or place.path:
            self._tell(place, written, dry=dry, as_json=options["json"])
        return Exit.CHANGES if written.changes else Exit.DONE

    def _write(self, org: Organization, place: Place, written: Written) -> None:
        if place.path is None:
            for piece in exports.write(org, place.format):
                self.stdout.write(piece, ending="")
        elif place.is_folder:
            with self.progress("Exporting", None) as steps:
                for one in files.replace_files(place.path, exports.write_files(org, place.format)):
                    written.take(one)
                    steps.advance()
        else:
            written.add(files.replace_file(place.path, exports.write(org, place.format)))

    def _compare(self, org: Organization, place: Place, written: Written) -> None:
        if place.path is None:
            written.add(sum(len(piece.encode()) for piece in exports.write(org, place.format)))
            return
        for one in look(org, place.path, place):
            written.take(one)

    def _tell(self, place: Place, written: Written, *, dry: bool, as_json: bool) -> None:
        if as_json:
            told = {
                "dry_run": dry,
                "to": str(place),
                "files": written.files,
                "definitions": written.definitions,
                "bytes": written.bytes,
                "left": list(map(str, written.left)),
            }
            paths = {name: written.list_paths(sign) for sign, name in SIGNS.items()}
            self.tell_json(told | paths if dry else told)
            return
        for one in written.changes:
            self.stdout.write(f"{one.sign} {one.path}")
        for path in written.left:
            self.stdout.write(f"{LEFT} {path}: left, for it may be no export's")
        would = "It would be " if dry else ""
        at = f"{written.files:,} {'file' if written.files == 1 else 'files'} at {place}"
        much = f"{written.definitions:,} definitions, {written.bytes:,} bytes"
        self.stdout.write(f"{would}{at if place.path else place}: {much}.")


def find_place(options: Mapping[str, Any]) -> Place:
    """Where the options say that it goes; those that make no sense together are refused."""
    to, asked = options["to"], options["format"]
    if to == STANDARD_OUTPUT:
        if options["json"] and not options["dry_run"]:
            raise UnableError("--json tells what was written to --to; --format json writes JSON.")
        return Place(None, asked or "yaml")
    if not to:
        raise UnableError("--to is empty.")
    path = Path(to)
    named = files.FORMATS.get(path.suffix.lower())
    if named is None or to.endswith("/") or os.path.isdir(to):
        return Place(path, asked or "yaml", is_folder=True)
    if asked not in (None, named):
        raise UnableError(f"--format {asked} is at odds with {to}, whose name says {named}.")
    return Place(path, named)


def look(org: Organization, path: Path, place: Place) -> Iterator[Compared]:
    """What would become of each file."""
    if place.is_folder:
        yield from files.compare_files(path, exports.write_files(org, place.format))
    else:
        yield files.compare_file(path, exports.write(org, place.format))
