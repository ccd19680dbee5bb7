"""What happened to one action, in order, with what is kept of each attempt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from destinations import kinds
from dispatch.models import ActionEvent, ActionPayload, ActionRecord
from dispatch.retries import LEASE_SECONDS

MOST_EVENTS = 200
Happened = ActionEvent.Kind
# With these an attempt is over, or at least answered: they are told with what came of it.
OF_ATTEMPTS = frozenset(
    {
        Happened.PULLED, Happened.DELIVERED, Happened.SUCCEEDED, Happened.NACKED, Happened.RETRIED,
        Happened.FAILED, Happened.EXTENDED, Happened.UNSETTLED, Happened.LEASE_EXPIRED,
        Happened.LATE,
    }
)  # fmt: skip
# What ends a delivery: the first of them tells what was sent, and what was answered.
OF_DELIVERIES = frozenset(
    {
        Happened.DELIVERED, Happened.SUCCEEDED, Happened.NACKED, Happened.RETRIED, Happened.FAILED,
        Happened.LEASE_EXPIRED, Happened.LATE,
    }
)  # fmt: skip
# What stands by itself beside an event, and not among what else is known of it.
TOLD = frozenset({"message", "by", "reason", "replayed_as", "bulk", "verdict", "http_status"})


@dataclass(frozen=True, slots=True)
class Moment:
    """One event, and the time before it; where it ended a delivery, what is kept of the answer.

    `sent_at` is when that was sent; None where nothing was.
    """

    event: ActionEvent
    answer: dict[str, Any] | None = None
    since_last: timedelta | None = None
    sent_at: datetime | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def is_of_attempt(self) -> bool:
        """Whether it tells of an attempt."""
        return self.event.kind in OF_ATTEMPTS

    @property
    def attempt(self) -> int:
        """Which attempt it is, from 1."""
        return self.event.attempt + 1

    @property
    def more(self) -> list[tuple[str, Any]]:
        """What else is known of it."""
        rest = (item for item in self.detail.items() if item[0] not in TOLD)
        return [(name.replace("_", " "), value) for name, value in rest]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The newest of what happened, the oldest first; `is_cut` where more had happened before."""

    moments: Sequence[Moment]
    is_cut: bool


def read(record: ActionRecord) -> Timeline:
    """The timeline of an action; what was handed in is not read."""
    newest = list(record.events.order_by("-id")[: MOST_EVENTS + 1])
    events = newest[:MOST_EVENTS][::-1]
    answers = _find_answers(record.pk)
    ends = {}
    if kinds.is_pushed(record.destination.type):
        # Of each attempt the first one: what a worker says of it comes later.
        ends = {event.attempt: event.pk for event in newest if event.kind in OF_DELIVERIES}
    before = [None, *events][: len(events)]
    moments = []
    for event, last in zip(events, before, strict=True):
        is_end = ends.get(event.attempt) == event.pk
        moments.append(
            Moment(
                event,
                answers.get(event.attempt) if is_end else None,
                event.created_at - last.created_at if last else None,
                _find_time(event) if is_end else None,
                event.detail or {},
            )
        )
    return Timeline(moments, len(newest) > MOST_EVENTS)


def find_sent(record: ActionRecord, number: int) -> datetime | None:
    """When the attempt of that number was sent; None where nothing was."""
    if not kinds.is_pushed(record.destination.type):
        return None
    ends = record.events.filter(attempt=number, kind__in=OF_DELIVERIES).order_by("id")
    event = ends.first()
    return None if event is None else _find_time(event)


def _find_time(event: ActionEvent) -> datetime | None:
    """When the delivery began that ended with it, as well as that is known."""
    if (event.detail or {}).get("sent") is False:
        return None
    if event.kind == Happened.LEASE_EXPIRED:
        return event.created_at - timedelta(seconds=LEASE_SECONDS)
    return event.created_at - timedelta(milliseconds=event.milliseconds or 0)


def _find_answers(record_id: int) -> dict[int, dict[str, Any]]:
    kept = ActionPayload.objects.filter(pk=record_id).values_list("answers", flat=True).first()
    return {answer["attempt"]: answer for answer in kept or []}
