"""`manage.py describe_contracts`: documentation and types of an organization's contracts."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from actions.consumers import examples, folders, offers
from actions.models import ActionDefinition
from actions.services import with_links
from config.commands import EXIT_CODES, Exit, TeachingCommand, UnableError
from config.errors import DomainError
from orgs.console import find_org
from orgs.models import Organization

LESSON = """
For each variant that has a live version, FOLDER gets a page of Markdown about the newest one: what
it is for, its versions, its properties, an example, and how to send it. README.md lists them all.
With --types, the types of the newest version's payload lie beside it, in TypeScript and in Python.

A file is written whole or not at all, and only where it differs: run it again as often as you like,
also after it was broken off. Files of variants that are gone stay.

examples:
  manage.py describe_contracts acme --to docs/actions           pages
  manage.py describe_contracts 7 --to docs/actions --types      pages and types
  manage.py describe_contracts acme --to docs/actions --dry-run what would be written; 3 if anything
  manage.py describe_contracts acme --to docs/actions --json    what was written, for a script
"""


class Command(TeachingCommand):
    """Documents an organization's contracts."""

    help = "Write a Markdown page about each variant of an organization, and its types beside it."
    lesson = LESSON + EXIT_CODES
    _written = 0

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose contracts, and where to."""
        parser.add_argument("org", help="the organization, by id or slug")
        parser.add_argument("--to", required=True, type=Path, metavar="FOLDER")
        parser.add_argument("--types", action="store_true", help="write types as well")
        parser.add_argument("--dry-run", action="store_true", help="write nothing, tell what would")
        parser.add_argument("--json", action="store_true", help="tell it as JSON")

    def work(self, **options: Any) -> Exit:
        """Write what differs."""
        definitions = find_newest(find_org(options["org"]))
        told: dict[str, list[Any]] = {"written": [], "kept": [], "without_types": []}
        try:
            for path, text in self._write(definitions, types=options["types"], told=told):
                self._keep(options["to"] / path, text, dry=options["dry_run"], told=told)
        except OSError as error:
            raise UnableError(
                f"{error.filename or options['to']}: {error.strerror}. {self.tell_done()}"
            ) from error
        self._tell(told, options)
        return Exit.CHANGES if options["dry_run"] and told["written"] else Exit.DONE

    def tell_done(self) -> str:
        """How many files there are by now."""
        return f"{self._written} files are written."

    def _write(
        self, definitions: QuerySet[ActionDefinition], *, types: bool, told: dict[str, list[Any]]
    ) -> Iterator[tuple[str, str]]:
        rows = []
        with self.progress("Contracts described", definitions.count()) as steps:
            # A contract may be large: they are in memory one by one.
            for definition in definitions.iterator(chunk_size=1):
                rows.append(folders.list_definition(definition))
                name = folders.name_files(definition.variant)
                page = offers.draft_page(definition).finish(seconds=examples.SECONDS_TO_WAIT)
                yield f"{name}.md", page.text
                if types:
                    yield f"{name}.ts", offers.make_typescript(definition)
                    yield from self._write_python(f"{name}.py", definition, told)
                steps.advance()
        yield folders.INDEX, folders.write_index(rows)

    def _write_python(
        self, path: str, definition: ActionDefinition, told: dict[str, list[Any]]
    ) -> Iterator[tuple[str, str]]:
        try:
            yield path, offers.make_python(definition)
        except DomainError as error:
            # One contract that is too intricate keeps nobody from the others.
            told["without_types"].append({"variant": definition.variant, "reason": str(error)})

    def _keep(self, path: Path, text: str, *, dry: bool, told: dict[str, list[Any]]) -> None:
        if not folders.differs(path, text):
            told["kept"].append(str(path))
            return
        if not dry:
            folders.write_file(path, text)
            self._written += 1
        told["written"].append(str(path))

    def _tell(self, told: dict[str, list[Any]], options: dict[str, Any]) -> None:
        if options["json"]:
            self.tell_json({"dry_run": options["dry_run"], **told})
            return
        for path in told["written"]:
            self.stdout.write(f"+ {path}")
        for one in told["without_types"]:
            self.stderr.write(f"No Python types of {one['variant']}: {one['reason']}")
        verb = "would be written" if options["dry_run"] else "written"
        self.stdout.write(f"{len(told['written'])} {verb}, {len(told['kept'])} kept as they are.")


def find_newest(org: Organization) -> QuerySet[ActionDefinition]:
    """The newest live version of each variant."""
    live = ActionDefinition.objects.of_org(org.pk)
    newest = live.order_by("variant", "-version").distinct("variant").values("pk")
    found: QuerySet[ActionDefinition] = with_links(live.filter(pk__in=newest).order_by("variant"))
    return found
