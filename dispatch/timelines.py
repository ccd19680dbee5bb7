"""What happened to one action, in order, with what is kept of each attempt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from dispatch.models import ActionEvent, ActionPayload, ActionRecord

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
# What ended an attempt that had an answer: not what happened to it before or after.
FAILED = frozenset({Happened.NACKED, Happened.RETRIED, Happened.FAILED})
# What stands by itself beside an event, and not among what else is known of it.
TOLD = frozenset({"message", "by", "reason", "replayed_as", "bulk", "verdict", "http_status"})


@dataclass(frozen=True, slots=True)
class Moment:
    """One event, what is kept of the answer that failed its attempt, and the time before it."""

    event: ActionEvent
    answer: dict[str, Any] | None = None
    since_last: timedelta | None = None
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
    before = [None, *events][: len(events)]
    moments = [
        Moment(
            event,
            answers.get(event.attempt) if event.kind in FAILED else None,
            event.created_at - last.created_at if last else None,
            event.detail or {},
        )
        for event, last in zip(events, before, strict=True)
    ]
    return Timeline(moments, len(newest) > MOST_EVENTS)


def _find_answers(record_id: int) -> dict[int, dict[str, Any]]:
    kept = ActionPayload.objects.filter(pk=record_id).values_list("answers", flat=True).first()
    return {answer["attempt"]: answer for answer in kept or []}
