"""What the importing commands share: plan, show, ask, apply, sum up."""

from __future__ import annotations

import sys
from abc import abstractmethod
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from django.db import DatabaseError
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from bundles import plans, services
from bundles.documents import LeftOut
from bundles.planning.steps import (
    CREATE,
    DESTINATION,
    KEEP,
    PRUNE,
    SIGNS,
    UPDATE,
    Step,
    preview,
    published,
)
from bundles.plans import Plan
from config.commands import Exit, TeachingCommand, UnableError, printable
from config.errors import DomainError
from orgs.console import find_org

COLORS = {CREATE: "green", UPDATE: "yellow", KEEP: "dim", PRUNE: "red"}
TITLES = {DESTINATION: "destinations", "action": "actions"}
# Of a value that changes, so much is shown.
MOST_CHARACTERS = 60


class Places(Protocol):
    """Where what was read stands."""

    def place(self, pointer: str) -> str:
        """File and line of a JSON Pointer, like `bundle.yaml:12`."""


@runtime_checkable
class PlacesAtOnce(Protocol):
    """The same of many pointers in one go, where that is quicker."""

    def places(self, pointers: Iterable[str]) -> list[str]:
        """The places, in the order of the pointers."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What a command has read: the document to import, and what of its source is not in it.

    `source` tells where the document's pointers stand; None where they stand nowhere.
    """

    document: dict[str, Any]
    left_out: Sequence[LeftOut] = ()
    source: Places | None = None


class ImportCommand(TeachingCommand):
    """A command that makes an organization have what a document says.

    A subclass says `lesson` and `help`, adds its own arguments by `add_source` and reads by
    `read_document`. `--org`, `--dry-run`, `--json`, `--verbose` and `--allow-indeterminate` are
    here; `--prune`, `--force` and `--yes` where `prunes` is True.
    """

    prunes = False

    @abstractmethod
    def add_source(self, parser: ArgumentParser) -> None:
        """The arguments that say what is imported, and how it is read."""

    @abstractmethod
    def read_document(self, options: Mapping[str, Any]) -> Imported:
        """What is to be imported; a `DomainError` or `UnableError` where it cannot be read."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The subclass's own, and those of every import."""
        self.add_source(parser)
        parser.add_argument("--org", required=True, help="the organization: its id or its slug")
        parser.add_argument("--dry-run", action="store_true", help="show what would be done")
        parser.add_argument("--json", action="store_true", help="tell it as JSON")
        parser.add_argument("--verbose", action="store_true", help="show what is kept, too")
        parser.add_argument(
            "--allow-indeterminate",
            action="store_true",
            help="publish versions, too, of which nobody can tell whether they keep the policy",
        )
        if self.prunes:
            parser.add_argument(
                "--prune", action="store_true", help="delete what is not named there; asks before"
            )
            parser.add_argument("--yes", action="store_true", help="do not ask")
            parser.add_argument(
                "--force",
                action="store_true",
                help="delete destinations that have open actions, too, which then fail",
            )

    def work(self, **options: Any) -> Exit:
        """Plan, show, ask, apply, sum up."""
        org = find_org(options["org"])
        imported = self.read_document(options)
        try:
            plan = plans.plan(
                org=org,
                document=imported.document,
                prune=options.get("prune", False),
                force=options.get("force", False),
                allow_indeterminate=options["allow_indeterminate"],
            )
        except DomainError as error:
            raise self._placed(error, imported.source) from error
        if not options["json"]:
            self._show(plan, imported, verbose=options["verbose"])
        changes = plan.changes
        if options["dry_run"]:
            self._tell(plan, imported, options, applied=False)
            return Exit.CHANGES if changes else Exit.DONE
        self._ask(plan, options)
        self._apply(plan, imported.source)
        self._tell(plan, imported, options, applied=True)
        return Exit.DONE

    def _placed(self, error: DomainError, source: Places | None) -> DomainError:
        """The error whose faults name file and line before the pointer."""
        if source is None:
            return error
        pointers = [fault.pointer or "" for fault in error.faults]
        if isinstance(source, PlacesAtOnce):
            places = source.places(pointers)
        else:
            places = [source.place(pointer) for pointer in pointers]
        told = (": ".join(filter(None, pair)) for pair in zip(places, pointers, strict=True))
        faults = [replace(fault, pointer=at) for fault, at in zip(error.faults, told, strict=True)]
        return type(error).of(faults)

    def _ask(self, plan: Plan, options: Mapping[str, Any]) -> None:
        """Have somebody agree to what is deleted."""
        pruned = plan.count(PRUNE)
        if not pruned or options.get("yes"):
            return
        if not sys.stdin.isatty() or options["json"]:
            raise UnableError(
                f"{pruned:,} would be deleted, and there is nobody to ask: say --yes, or look "
                "with --dry-run first."
            )
        self.stderr.write(f"Delete {pruned:,} of them? [y/N] ", ending="")
        self.stderr.flush()
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise UnableError("Nothing was changed.")

    def _apply(self, plan: Plan, source: Places | None) -> None:
        total = len(plan.changes)
        if not total:
            return
        try:
            with self.progress("Importing", total) as steps:
                services.apply(plan=plan, progress=steps.advance)
        except DomainError as error:
            raise self._placed(error, source) from error
        except DatabaseError as error:
            raise UnableError(f"The database did not take it: {error}") from error

    def _show(self, plan: Plan, imported: Imported, *, verbose: bool) -> None:
        stream: Any = getattr(self.stdout, "_out", self.stdout)
        console = Console(file=stream)
        shown = [step for step in plan.steps if verbose or step.op != KEEP]
        if console.is_terminal:
            if shown:
                console.print(grow_tree(str(plan.org), shown))
        else:
            for line in write_lines(shown):
                self.stdout.write(line)
        for one in imported.left_out:
            self.stdout.write(printable(f"! {one.what}: {one.reason}"))

    def _tell(
        self, plan: Plan, imported: Imported, options: Mapping[str, Any], *, applied: bool
    ) -> None:
        counts = {
            "created": plan.count(CREATE),
            "updated": plan.count(UPDATE),
            "kept": plan.count(KEEP),
            "pruned": plan.count(PRUNE),
        }
        if options["json"]:
            steps = [preview(step) for step in plan.steps if options["verbose"] or step.op != KEEP]
            left_out = [one.as_dict() for one in imported.left_out]
            self.tell_json({"applied": applied, **counts, "steps": steps, "left_out": left_out})
            return
        told = ", ".join(f"{number:,} {name}" for name, number in counts.items())
        left = f", {len(imported.left_out):,} left out" if imported.left_out else ""
        self.stdout.write(f"{'Done' if applied else 'It would be'}: {told}{left}.")


def grow_tree(title: str, steps: Sequence[Step]) -> Tree:
    """The steps as a tree for a terminal, coloured by what they do."""
    tree = Tree(Text(title))
    branches: dict[str, Tree] = {}
    for step in steps:
        if step.kind not in branches:
            branches[step.kind] = tree.add(Text(TITLES[step.kind], style="bold"))
        twig = branches[step.kind].add(Text(_headline(step), style=COLORS[step.op]))
        for line in _details(step):
            twig.add(Text(line))
    return tree


def write_lines(steps: Sequence[Step]) -> Iterator[str]:
    """The same as plain text."""
    kind = ""
    for step in steps:
        if step.kind != kind:
            kind = step.kind
            yield TITLES[kind]
        yield f"  {_headline(step)}"
        yield from (f"      {line}" for line in _details(step))


def _headline(step: Step) -> str:
    return f"{SIGNS[step.op]} {printable(str(step))}"


def _details(step: Step) -> Iterator[str]:
    """What changes of it, a line each."""
    if step.op == UPDATE:
        for name, before, after in step.changes():
            yield f"{published(name)}: {_short(before)} -> {_short(after)}"


def _short(value: Any) -> str:
    said = ", ".join(value) if isinstance(value, tuple) else value
    text = printable("" if said is None else str(said)) or "none"
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"
