"""Judging a batch as ingress does, and storing it together with how far the import has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from actions import judge
from config.errors import ConflictError, Fault
from dispatch import intake, lanes
from dispatch.intake import Columns, Routed
from dispatch.sightings import sightings
from operations.imports.lines import Batch, Place
from operations.imports.rejects import Refusal, Report
from operations.models import RecordImport

Judged = list[Routed | list[Fault]]


class OvertakenError(ConflictError):
    """Another run of the same import has gone on with it."""

    code = "IMPORT_UNDER_WAY"
    sentence = "Another run of the same import is at it."


class Verdict(NamedTuple):
    """What is to become of a batch: how many are accepted, how they are stored, who is refused.

    `sent` are the ids of the definitions that the accepted ones have.
    """

    read: Place
    accepted: int
    refusals: Sequence[bytes]
    columns: Columns | None = None
    sent: frozenset[int] = frozenset()


@dataclass(slots=True)
class Foresight:
    """Says of each action whether it could have a lane, and makes none."""

    made: set[lanes.LaneKey] = field(default_factory=set)

    def place(self, org_id: int, judged: Judged) -> Judged:
        """The actions, and what is wrong with those whose lane would be one too many."""
        keys = [
            intake.lane_key(one.route, one.tags) if isinstance(one, Routed) else None
            for one in judged
        ]
        faults = lanes.foresee(org_id, {key for key in keys if key is not None}, self.made)
        return [
            [faults[key]] if key in faults else one for key, one in zip(keys, judged, strict=True)
        ]


def judge_batch(org_id: int, batch: Batch) -> Verdict:
    """What becomes of each item, ready to be stored; lanes that are new are made."""
    outcomes = intake.place_all(org_id, _judge(org_id, batch))
    accepted = [one for one in outcomes if isinstance(one, Routed)]
    columns = intake.lay_out(org_id, accepted) if accepted else None
    sent = frozenset(one.route.definition_id for one in accepted)
    return Verdict(batch.read, len(accepted), _refuse(batch, outcomes), columns, sent)


def foresee_batch(org_id: int, batch: Batch, foresight: Foresight) -> Verdict:
    """What would become of each item: nothing is stored or made."""
    outcomes = foresight.place(org_id, _judge(org_id, batch))
    refusals = _refuse(batch, outcomes)
    return Verdict(batch.read, len(outcomes) - len(refusals), refusals)


def _judge(org_id: int, batch: Batch) -> Judged:
    """Each has the time to be judged in that a call has."""
    submissions = [item.outcome for item in batch.items]
    judged = intake.judge_all(org_id, submissions, judge.set_deadline())
    while late := [number for number, one in enumerate(judged) if one == [judge.TOO_LATE]]:
        again = intake.judge_all(
            org_id, [submissions[number] for number in late], judge.set_deadline()
        )
        for number, one in zip(late, again, strict=True):
            judged[number] = one
    return judged


def _refuse(batch: Batch, outcomes: Judged) -> list[bytes]:
    pairs = zip(batch.items, outcomes, strict=True)
    return [
        Refusal(item.line, item.text, one).written() for item, one in pairs if isinstance(one, list)
    ]


def store_batch(row: RecordImport, verdict: Verdict, report: Report) -> None:
    """Store it, and `row` is as far as that. All of it or nothing.

    Raises `DestinationGoneError` where a destination was deleted since it was judged.
    """
    _store(row, verdict, report)
    sightings.note(row.org_id, verdict.sent, row.actor)
    row.line, row.offset = verdict.read
    row.stored += verdict.accepted
    row.refused += len(verdict.refusals)


@transaction.atomic
def _store(row: RecordImport, verdict: Verdict, report: Report) -> None:
    _move(row, verdict.read, verdict.accepted, len(verdict.refusals))
    if verdict.columns is not None:
        intake.store_columns(verdict.columns, actor=row.actor).close()
    # The last that can fail but the commit.
    report(verdict.refusals)


def _move(row: RecordImport, read: Place, stored: int, refused: int) -> None:
    """Whoever else is at the same import has moved it, or waits until this one has."""
    place = RecordImport.objects.filter(pk=row.pk, runs=row.runs, offset=row.offset)
    moved = place.update(
        line=read.line,
        offset=read.offset,
        stored=F("stored") + stored,
        refused=F("refused") + refused,
        updated_at=Now(),
    )
    if not moved:
        raise OvertakenError(OvertakenError.sentence)
