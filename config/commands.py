"""What the commands of `manage.py` share: help that teaches, progress, JSON, and exit codes."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import IntEnum
from typing import Any, NoReturn, TypeVar

import orjson
from django.core.management.base import (
    BaseCommand,
    CommandError,
    DjangoHelpFormatter,
    SystemCheckError,
)
from django.db import OperationalError, ProgrammingError
from psycopg.errors import UndefinedColumn, UndefinedTable
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from config.errors import DomainError, Fault
from config.streams import Complaints, LostError, Output

T = TypeVar("T")
# Where there is no terminal, a line is written at most as often.
SECONDS_BETWEEN_LINES = 5.0


class Exit(IntEnum):
    """How a command ends; a script may rely on it."""

    DONE = 0
    # What was handed in is at fault, or in conflict with what is there. Nothing was changed.
    REFUSED = 1
    # Nothing could be told: arguments, files, the network, the database or standard output.
    UNABLE = 2
    # With --dry-run: there is something to do.
    CHANGES = 3
    # Some of it is done and stays; the rest was refused, or could not be.
    PARTLY = 4
    INTERRUPTED = 130
    # Whoever read standard output has gone; it is what a shell says of other tools then.
    UNREAD = 141


EXIT_CODES = """
exit codes:
  0    done, or nothing was to be done
  1    refused: what was handed in is at fault, or conflicts with what is there; nothing is changed
  2    nothing can be told: arguments, a file, the network, the database or standard output;
       nothing is changed, or standard error says what
  3    only with --dry-run: something would be changed
  130  broken off
  141  nobody reads standard output any more (`| head`); standard error says what is changed
"""
OLDER = "The database is older than this release: run manage.py migrate."


class Formatter(RawDescriptionHelpFormatter, DjangoHelpFormatter):
    """Django's help, with the lesson's lines as they are."""


class UnableError(CommandError):
    """The command cannot begin: exit code 2."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message), returncode=Exit.UNABLE)


class PlainCommand(BaseCommand):
    """A command that says in a sentence what stops it, and ends in order when its output is lost.

    Its help ends with the lesson.
    """

    lesson = ""
    _tells = False

    def __init__(self, stdout: Any = None, stderr: Any = None, **given: Any) -> None:
        streams: Any = Output(stdout or sys.stdout), Complaints(stderr or sys.stderr)
        super().__init__(*streams, **given)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        """The parser, whose help ends with the lesson."""
        given = {"epilog": self.lesson, "formatter_class": Formatter} | kwargs
        return super().create_parser(prog_name, subcommand, **given)

    def run_from_argv(self, argv: list[str]) -> None:
        """Run it as `manage.py` does; help, too, may be lost on its way."""
        self._tells = True
        try:
            super().run_from_argv(argv)
        except SystemExit:
            try:
                self.stdout.flush()
            except LostError as error:
                self._stop(self._judge(error))
            raise

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run it. At the command line, what stops it is told here, without Django's class names."""
        try:
            return self._execute(*args, **options)
        except SystemCheckError:
            raise
        except CommandError as error:
            with suppress(LostError):
                self.stdout.flush()
            if not self._tells or options["traceback"]:
                raise
            self._stop(error)

    def _execute(self, *args: Any, **options: Any) -> str | None:
        try:
            told = super().execute(*args, **options)
            self.stdout.flush()
        except LostError as error:
            raise self._judge(error) from error
        return told

    def _judge(self, error: LostError) -> CommandError:
        ended = Exit.UNREAD if error.unread else Exit.UNABLE
        return CommandError(f"{error} {self.tell_done()}".strip(), returncode=ended)

    def _stop(self, error: CommandError) -> NoReturn:
        self.stderr.write(str(error))
        raise SystemExit(error.returncode) from error

    def tell_done(self) -> str:
        """What is changed by now, in a sentence: for standard error, where the output is lost."""
        return ""


class TeachingCommand(PlainCommand, ABC):
    """A command whose faults end with the right exit code.

    A `DomainError` that leaves `work` is told fault by fault, and ends with 1; a database out of
    reach, or without tables of this release, with 2; Ctrl-C with 130.
    """

    interrupted = "Broken off. Run it again for the rest."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the work, and say how it ended."""
        try:
            ended = self.work(**options)
            self.stdout.flush()
        except DomainError as error:
            told = "\n".join(tell_fault(fault) for fault in error.faults)
            raise CommandError(told, returncode=Exit.REFUSED) from error
        except OperationalError as error:
            raise UnableError(f"Database out of reach: {error}") from error
        except ProgrammingError as error:
            if isinstance(error.__cause__, UndefinedTable | UndefinedColumn):
                raise UnableError(OLDER) from error
            raise
        except KeyboardInterrupt as error:
            raise CommandError(self.interrupted, returncode=Exit.INTERRUPTED) from error
        if ended is not Exit.DONE:
            raise SystemExit(ended)

    @abstractmethod
    def work(self, **options: Any) -> Exit:
        """What the command does, with the options of its parser."""

    def tell_json(self, value: Any) -> None:
        """Write a result for scripts: one JSON value on standard output."""
        self.stdout.write(orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2).decode())

    @contextmanager
    def progress(self, what: str, total: int | None) -> Iterator[Steps]:
        """Shows how far it has come on standard error: a bar on a terminal, else plain lines."""
        # Django wraps it; rich asks the stream itself whether it is a terminal.
        stream: Any = getattr(self.stderr, "_out", self.stderr)
        console = Console(file=stream)
        if not console.is_terminal:
            yield Lines(self.stderr, what, total)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console) as bar:
            yield Bar(bar, what, total)


class Steps(ABC):
    """Something to tell how many more are done."""

    @abstractmethod
    def advance(self, number: int = 1) -> None:
        """So many more are done."""

    @abstractmethod
    def rename(self, what: str) -> None:
        """Say from now on that it is this that is done."""

    def over(self, items: Sequence[T]) -> Iterator[T]:
        """The items, each counted when the next one is asked for."""
        for item in items:
            yield item
            self.advance()


class Bar(Steps):
    """A bar on a terminal."""

    def __init__(self, progress: Progress, what: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(what, total=total)

    def advance(self, number: int = 1) -> None:
        """Move the bar."""
        self._progress.advance(self._task, number)

    def rename(self, what: str) -> None:
        """Write something else before the bar."""
        self._progress.update(self._task, description=what)


class Lines(Steps):
    """A plain line now and then."""

    def __init__(self, stream: Any, what: str, total: int | None) -> None:
        self._stream, self._what, self._total = stream, what, total
        self._done = 0
        self._next = time.monotonic() + SECONDS_BETWEEN_LINES

    def rename(self, what: str) -> None:
        """Begin the lines with something else."""
        self._what = what

    def advance(self, number: int = 1) -> None:
        """Count, and write a line where the last one is some time ago."""
        self._done += number
        if time.monotonic() >= self._next:
            of = "" if self._total is None else f" of {self._total:,}"
            self._stream.write(f"{self._what}: {self._done:,}{of}")
            self._next = time.monotonic() + SECONDS_BETWEEN_LINES


def tell_fault(fault: Fault) -> str:
    """A fault on one line: where, what, and its code."""
    at = f"{fault.pointer}: " if fault.pointer else ""
    return printable(f"{at}{fault.message} [{fault.code}]")


def printable(text: str) -> str:
    """What a terminal takes for text, on one line, whoever wrote it."""
    return "".join(one if one.isprintable() else " " for one in text)
