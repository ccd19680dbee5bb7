"""`manage.py import_records`: actions from a file, judged and stored as ingress does."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError

from config.commands import EXIT_CODES, Exit, TeachingCommand, UnableError
from operations.imports import arguments, formats, rejects, runs, sources
from operations.imports.ahead import JudgeGoneError
from operations.imports.batches import OvertakenError, Verdict
from operations.imports.formats import Format
from operations.imports.lines import Batch, Place
from operations.imports.rejects import NoReportError, Report
from operations.imports.runs import Tally, Tell
from operations.imports.sources import ChangedError, Source
from operations.models import RecordImport
from orgs.audit import acting
from orgs.console import find_org
from orgs.models import Organization

SHOWN_REFUSALS = 20
# A file, the database, another run or a kill is in the way.
UNABLE = (
    OSError, OperationalError, InterfaceError, OvertakenError, ChangedError, JudgeGoneError,
    NoReportError,
)  # fmt: skip
LESSON = f"""
Each line of the file becomes an action: judged by its contract, routed, held where its variant
requires approval, and delivered, as if it had been sent to /v1/ingress. Lines that are refused
are told, each with its faults; the rest is stored.

  JSON lines   a line is what a request has as its body: {{"variant": "...", "input": ...}}, and
               "tags", "version", "timeout", "available_at" where they are wanted
  --variant V  the same without "variant"; with --bare a line is the input itself
  CSV          with --variant: a column for each property, by its name (`customer.city` goes
               inside, so does /customer/city), by --map COLUMN=/POINTER, or into a tag by
               --tag KEY=COLUMN. Cells become what the contract says; an empty cell is not there.

An import is known by the file's content and by how it is read. Broken off or killed, it goes on
where it was when it is run again: no line is lost, and none is stored twice. A file that is
finished is not imported again, unless --again asks for that.
{EXIT_CODES.rstrip()}
  4    done, but some lines are refused (with --dry-run: would be); the rest is stored

After 2, 130 and 141 whole batches may be stored; how much is told. Run it again for the rest.

examples:
  manage.py import_records orders.jsonl --org acme
  manage.py import_records orders.csv --org acme --variant order --rejects refused.jsonl
  manage.py import_records orders.csv --org acme --variant order --dry-run
  manage.py import_records old.csv --org acme --variant order --map "Order No=/order" \\
      --tag tenant=Shop --ignore Remarks --delimiter ";"
  zcat orders.jsonl.gz | manage.py import_records - --org acme --variant order --bare
"""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be imported, and from where on."""

    org: Organization
    source: Source
    format: Format
    digest: bytes
    place: Place

    def read(self, place: Place) -> Iterator[Batch]:
        """What is left of it after a place; what is wrong with all of it is raised at once."""
        return formats.read_batches(self.org.pk, self.source, self.format, place)


class Command(TeachingCommand):
    """Imports actions from JSON lines or CSV."""

    help = "Import actions from JSON lines or CSV. Safe to repeat and to interrupt."
    lesson = LESSON
    row: RecordImport | None = None

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, how it is read, and what is to be done."""
        arguments.add_arguments(parser)
        add = parser.add_argument
        add("--org", required=True, help="the organization: an id or a slug")
        add("--rejects", metavar="FILE", help="where refused lines are told; - for standard output")
        add("--all-or-nothing", action="store_true", help="judge all, then store all or nothing")
        add("--again", action="store_true", help="import a finished file once more")
        add("--dry-run", action="store_true", help="judge only, store nothing")
        add("--json", action="store_true", help="the result as JSON")

    def work(self, **options: Any) -> Exit:
        """Import the file, and say what became of it."""
        reading = arguments.read_format(options)
        org = find_org(options["org"])
        if options["json"] and options["rejects"] == sources.STDIN:
            raise UnableError("--json and --rejects - would both write to standard output.")
        try:
            with sources.opened(options["file"]) as source:
                ended = self._import(org, source, reading, options)
        except UNABLE as error:
            raise UnableError(f"{tell_error(error)} {self.tell_done()}".strip()) from error
        return ended

    def _import(
        self, org: Organization, source: Source, reading: Format, options: Mapping[str, Any]
    ) -> Exit:
        digest = reading.identify(source)
        row = runs.find(org=org, digest=digest)
        if row is not None and row.finished_at is not None:
            if not options["again"]:
                return self._tell_finished(row, options)
            row = None
        place = Place() if row is None else Place(row.line, row.offset)
        order = Order(org, source, reading, digest, place)
        if options["dry_run"] or options["all_or_nothing"]:
            tally = self._forecast(order, options)
            if options["dry_run"] or tally.refused:
                return self._tell_forecast(tally, options)
        return self._carry_out(order, options)

    def _forecast(self, order: Order, options: Mapping[str, Any]) -> Tally:
        found = order.read(order.place)
        with self._reporting(order, options) as report, self._metering(order) as tell:
            return runs.forecast(order.org.pk, found, report, tell)

    def _carry_out(self, order: Order, options: Mapping[str, Any]) -> Exit:
        # What is wrong with all of the file is told before anything is begun.
        order.read(order.place)
        actor = acting.who()
        began = time.monotonic()
        with self._reporting(order, options) as report, self._metering(order) as tell:
            self.row = row = runs.begin(
                org=order.org,
                digest=order.digest,
                name=order.source.name,
                actor=actor.actor if actor else "import_records",
                again=options["again"],
            )
            if row.offset != order.place.offset:
                raise OvertakenError(OvertakenError.sentence)
            runs.carry_out(row, order.read, report, tell)
        return self._tell_stored(row, order.place, time.monotonic() - began, options)

    @contextmanager
    def _reporting(self, order: Order, options: Mapping[str, Any]) -> Iterator[Report]:
        """Where refused lines are told: all of them where that is said, else the first ones."""
        path = options["rejects"]
        if path is None:
            yield rejects.into_stream(self.stderr, SHOWN_REFUSALS)
        elif path == sources.STDIN:
            yield rejects.into_stream(self.stdout)
        else:
            with rejects.into_file(path, order.source.file, order.place.line) as report:
                yield report

    @contextmanager
    def _metering(self, order: Order) -> Iterator[Tell]:
        """Tells how far it has come, and how fast that goes."""
        began, offset = time.monotonic(), order.place.offset
        with self.progress("0 lines; bytes", order.source.size) as steps:
            steps.advance(offset)

            def tell(verdict: Verdict) -> None:
                nonlocal offset
                read = verdict.read
                rate = (read.line - order.place.line) / max(time.monotonic() - began, 0.001)
                steps.rename(f"{read.line:,} lines, {rate:,.0f} a second; bytes")
                steps.advance(read.offset - offset)
                offset = read.offset

            yield tell

    def _tell_finished(self, row: RecordImport, options: Mapping[str, Any]) -> Exit:
        if options["json"]:
            self.tell_json(describe(row) | {"imported_before": True})
        else:
            self.stdout.write(
                f"Nothing to do: done on {row.finished_at:%Y-%m-%d at %H:%M:%S} UTC, with "
                f"{row.stored:,} actions stored and {row.refused:,} lines refused. "
                "--again imports it once more."
            )
        return Exit.PARTLY if row.refused else Exit.DONE

    def _tell_forecast(self, tally: Tally, options: Mapping[str, Any]) -> Exit:
        self._tell_hidden(tally.refused, options)
        if options["json"]:
            self.tell_json({"would_store": tally.accepted, "would_refuse": tally.refused})
        else:
            self.stdout.write(
                f"Nothing is stored. {tally.accepted:,} actions would be, "
                f"and {tally.refused:,} lines refused."
            )
        if not options["dry_run"]:
            return Exit.REFUSED
        if tally.refused:
            return Exit.PARTLY
        return Exit.CHANGES if tally.accepted else Exit.DONE

    def _tell_stored(
        self, row: RecordImport, place: Place, seconds: float, options: Mapping[str, Any]
    ) -> Exit:
        self._tell_hidden(row.refused, options)
        if options["json"]:
            told = {"went_on_after_line": place.line, "seconds": round(seconds, 3)}
            self.tell_json(describe(row) | {"imported_before": False} | told)
        else:
            went_on = f" It went on after line {place.line:,}." if place.line else ""
            self.stdout.write(
                f"{row.name}: {row.stored:,} actions stored, {row.refused:,} lines refused, "
                f"in {seconds:,.1f} s.{went_on}"
            )
        return Exit.PARTLY if row.refused else Exit.DONE

    def _tell_hidden(self, refused: int, options: Mapping[str, Any]) -> None:
        if options["rejects"] is None and refused > SHOWN_REFUSALS:
            self.stderr.write(f"{refused:,} lines are refused: --rejects FILE tells them all.")

    def tell_done(self) -> str:
        """What is stored by now, where anything may be."""
        if self.row is None:
            return ""
        told = f"{self.row.stored:,} actions of {self.row.line:,} lines are known to be stored"
        return f"{told}." if self.row.finished_at else f"{told}: run it again for the rest."


def describe(row: RecordImport) -> dict[str, Any]:
    """An import for scripts."""
    return {
        "import_id": str(row.pk),
        "file": row.name,
        "lines": row.line,
        "stored": row.stored,
        "refused": row.refused,
    }


def tell_error(error: Exception) -> str:
    """What is in the way."""
    if isinstance(error, OSError):
        return f"{error.filename or 'A file'}: {error.strerror}."
    if isinstance(error, OperationalError | InterfaceError):
        return f"Database out of reach: {str(error).strip().rstrip('.')}."
    return str(error)
