"""What the importing commands share: plan, show, ask, apply, sum up."""

from __future__ import annotations

import sys
from abc import abstractmethod
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from django.core.management.base import CommandError
from django.db import DatabaseError
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from bundles import plans, services
from bundles.documents import LeftOut
from bundles.planning.policies import Judge
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
from bundles.services import PartlyAppliedError
from config import commands
from config.commands import Exit, TeachingCommand, UnableError, printable, tell_fault
from config.errors import DomainError
from orgs.console import find_org
from orgs.models import Organization

EXIT_CODES = f"""{commands.EXIT_CODES.rstrip()}
  4    stopped between batches, of which there are some above 10,000 changes: those that are
       committed stay, how many is told, and the same command goes on from there
"""
REFUSED = "The database did not take it"
COLORS = {CREATE: "green", UPDATE: "yellow", KEEP: "dim", PRUNE: "red"}
TITLES = {DESTINATION: "destinations", "action": "actions"}
# Of a value that changes, so much is shown.
MOST_CHARACTERS = 60


class Places(Protocol):
    """Where what was read stands."""

    def places(self, pointers: Iterable[str]) -> list[str]:
        """File and line of each JSON Pointer, like `bundle.yaml:12`."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What a command has read: the document to import, and what of its source is not in it.

    `source` tells where the document's pointers stand; None where they stand nowhere. `room` are
    the bytes of memory that reading has left, where they are counted.
    """

    document: dict[str, Any]
    left_out: Sequence[LeftOut] = ()
    source: Places | None = None
    room: int | None = None


class ImportCommand(TeachingCommand):
    """A command that makes an organization have what a document says.

    A subclass says `lesson` and `help`, adds its own arguments by `add_source` and reads by
    `read_document`. `--org`, `--dry-run`, `--json`, `--verbose` and `--allow-indeterminate` are
    here; `--prune`, `--force` and `--yes` where `prunes` is True.
    """

    prunes = False
    _done = "Nothing was changed."

    def tell_done(self) -> str:
        """Whether it was applied."""
        return self._done

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
        plan = self._plan(org, imported, options)
        if not options["json"]:
            self._show(plan, imported, verbose=options["verbose"])
            # What nobody could be shown is not done.
            self.stdout.flush()
        changes = plan.changes
        if options["dry_run"]:
            self._tell(plan, imported, options, applied=False)
            return Exit.CHANGES if changes else Exit.DONE
        self._ask(plan, options)
        self._apply(plan, imported.source)
        self._done = f"Done all the same: {_sum_up(plan)}."
        self._tell(plan, imported, options, applied=True)
        return Exit.DONE

    def _plan(self, org: Organization, imported: Imported, options: Mapping[str, Any]) -> Plan:
        allowing = options["allow_indeterminate"]
        try:
            return plans.plan(
                org=org,
                document=imported.document,
                prune=options.get("prune", False),
                force=options.get("force", False),
                room=imported.room,
                judge=Judge(org.pk, allow_indeterminate=allowing, over=self._compare),
            )
        except DomainError as error:
            raise self._placed(error, imported.source) from error

    def _compare(self, judged: Sequence[Any]) -> Iterator[Any]:
        """What is judged, however long that takes: how far it has come is shown."""
        if judged:
            with self.progress("Comparing", len(judged)) as steps:
                yield from steps.over(judged)

    def _placed(self, error: DomainError, source: Places | None) -> DomainError:
        """The error whose faults name file and line before the pointer."""
        if source is None:
            return error
        pointers = [fault.pointer or "" for fault in error.faults]
        pairs = zip(source.places(pointers), pointers, strict=True)
        told = (": ".join(filter(None, pair)) for pair in pairs)
        faults = [replace(fault, pointer=at) for fault, at in zip(error.faults, told, strict=True)]
        return type(error).of(faults)

    def _ask(self, plan: Plan, options: Mapping[str, Any]) -> None:
        """Have somebody agree to what is deleted."""
        pruned = plan.count(PRUNE)
        if not pruned or options.get("yes"):
            return
        # It is None where standard input is closed.
        if sys.stdin is None or not sys.stdin.isatty() or options["json"]:
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
            raise UnableError(f"{REFUSED}: {error}") from error
        except PartlyAppliedError as error:
            told = self._tell_cause(error.__cause__, source)
            raise CommandError(f"{told}\n{error}", returncode=Exit.PARTLY) from error

    def _tell_cause(self, cause: BaseException | None, source: Places | None) -> str:
        """What stopped it between its batches."""
        if isinstance(cause, DomainError):
            return "\n".join(map(tell_fault, self._placed(cause, source).faults))
        return printable(f"{REFUSED}: {cause}")

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
        if options["json"]:
            steps = [preview(step) for step in plan.steps if options["verbose"] or step.op != KEEP]
            left_out = [one.as_dict() for one in imported.left_out]
            told = {"applied": applied, **_count(plan), "steps": steps, "left_out": left_out}
            self.tell_json(told)
            return
        left = f", {len(imported.left_out):,} left out" if imported.left_out else ""
        self.stdout.write(f"{'Done' if applied else 'It would be'}: {_sum_up(plan)}{left}.")


def _count(plan: Plan) -> dict[str, int]:
    named = {"created": CREATE, "updated": UPDATE, "kept": KEEP, "pruned": PRUNE}
    return {name: plan.count(op) for name, op in named.items()}


def _sum_up(plan: Plan) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in _count(plan).items())


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
