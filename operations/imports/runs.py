"""A whole import: found again where it was, judged and stored batch by batch, finished."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.db.models import F
from django.db.models.functions import Now

from dispatch.intake import DestinationGoneError
from dispatch.sightings import sightings
from operations.imports import ahead, batches
from operations.imports.batches import Foresight, OvertakenError, Verdict
from operations.imports.lines import Batch, Place
from operations.imports.rejects import Report
from operations.models import RecordImport
from orgs.models import Organization

Tell = Callable[[Verdict], None]
# The batches of the file from a place on.
Read = Callable[[Place], Iterator[Batch]]


@dataclass(slots=True)
class Tally:
    """How many lines are accepted, and how many refused."""

    accepted: int = 0
    refused: int = 0

    def add(self, verdict: Verdict) -> None:
        """Count those of a batch."""
        self.accepted += verdict.accepted
        self.refused += len(verdict.refusals)


def find(*, org: Organization, digest: bytes) -> RecordImport | None:
    """The import, where it has begun."""
    return RecordImport.objects.filter(org=org, digest=digest).first()


def begin(*, org: Organization, digest: bytes, name: str, actor: str, again: bool) -> RecordImport:
    """The import, which goes on where it is; what is finished begins anew where that is asked."""
    defaults = {"name": name, "actor": actor}
    row, _ = RecordImport.objects.get_or_create(org=org, digest=digest, defaults=defaults)
    if again:
        finished = RecordImport.objects.filter(pk=row.pk).exclude(finished_at=None)
        finished.update(
            runs=F("runs") + 1, line=0, offset=0, stored=0, refused=0,
            actor=actor, finished_at=None, updated_at=Now(),
        )  # fmt: skip
        row.refresh_from_db()
    return row


def forecast(org_id: int, found: Iterable[Batch], report: Report, tell: Tell) -> Tally:
    """What would become of each line: nothing is stored."""
    foresight, tally = Foresight(), Tally()
    for batch in found:
        verdict = batches.foresee_batch(org_id, batch, foresight)
        report(verdict.refusals)
        tally.add(verdict)
        tell(verdict)
    return tally


def carry_out(row: RecordImport, read: Read, report: Report, tell: Tell) -> None:
    """Store what is left of the import. While a batch is stored, the next one is judged."""
    gone_at = None
    while True:
        try:
            with ahead.judged(row.org_id, read(Place(row.line, row.offset))) as verdicts:
                for verdict in verdicts:
                    batches.store_batch(row, verdict, report)
                    tell(verdict)
        except DestinationGoneError:
            # What was judged ahead is judged anew: it is routed elsewhere then.
            if row.offset == gone_at:
                raise
            gone_at = row.offset
        else:
            break
    sightings.write_down()
    _finish(row)


def _finish(row: RecordImport) -> None:
    """It is done, unless another run has begun it anew."""
    place = RecordImport.objects.filter(pk=row.pk, runs=row.runs, offset=row.offset)
    if not place.update(finished_at=Now(), updated_at=Now()):
        raise OvertakenError(OvertakenError.sentence)
