"""What follows from an outcome: the next state, when, and whether it counts. Pure values."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from destinations.outcomes import Outcome, Verdict
from dispatch.models import ActionEvent, Status

# Seconds until each retry, +-20 %: twelve counted failures end an action.
SCHEDULE = (5, 30, 120, 600, 1800, 3600, 10_800, 21_600, 36_000, 36_000, 36_000)
MAX_FAILURES = len(SCHEDULE) + 1
JITTER = 0.2
SETTLE_SECONDS = 60
# Longer than any attempt takes: whoever has it then is lost, and will not be heard of again.
LEASE_SECONDS = 40
# How far along the schedule such a retry gets, and the least wait that many of them end at.
UNCOUNTED_STEPS = 3
MOST_UNCOUNTED_SECONDS = 60
# Faults that are not the destination's do not bring an action nearer to its end.
UNCOUNTED = frozenset({Verdict.RATE_LIMITED, Verdict.OURS})
Happened = ActionEvent.Kind


# Freezing takes three times as long to make one, and each delivery makes one.
@dataclass(slots=True)
class Ending:
    """How an attempt ends: compared and set on (record, attempt) by `settlement.finish`.

    `delay` is in seconds from now: until the next attempt, or until the settlement deadline.
    What nobody `said` ends a running attempt only, not one that a worker has extended.
    """

    record_id: int
    attempt: int
    kind: str
    status: str
    delay: float = 0.0
    counted: bool = False
    error: str = ""
    detail: dict[str, Any] | None = None
    said: bool = True
    # What the destination gave back, as JSON.
    result: str | None = None
    # What is kept of the answer, and how long the delivery took.
    answer: dict[str, Any] | None = None
    milliseconds: int | None = None


def end_attempt(record_id: int, attempt: int, failures: int, outcome: Outcome) -> Ending:
    """What becomes of an action whose attempt had this outcome."""
    detail = describe(outcome)
    match outcome.verdict:
        case Verdict.ACK:
            return Ending(
                record_id,
                attempt,
                Happened.SUCCEEDED,
                Status.SUCCEEDED,
                detail=detail,
                result=outcome.result,
                answer=outcome.reply,
            )
        case Verdict.WAIT:
            seconds = SETTLE_SECONDS if outcome.seconds is None else outcome.seconds
            return Ending(
                record_id,
                attempt,
                Happened.DELIVERED,
                Status.ACK_WAIT,
                seconds,
                detail=detail,
                said=outcome.said,
                answer=outcome.reply,
            )
        case Verdict.PERMANENT:
            return fail(record_id, attempt, outcome, counted=True)
    counted = outcome.verdict not in UNCOUNTED
    if counted and failures + 1 >= MAX_FAILURES:
        return fail(record_id, attempt, outcome, counted=True)
    before = failures if counted else min(attempt, UNCOUNTED_STEPS)
    delay = next_delay(before) if outcome.seconds is None else outcome.seconds
    if not counted:
        # What is never counted would otherwise go round for ever, as fast as it can.
        delay = max(delay, min(attempt + 1, MOST_UNCOUNTED_SECONDS))
    kind = Happened.NACKED if outcome.verdict is Verdict.NACK else Happened.RETRIED
    status = Status.SCHEDULED if delay else Status.QUEUED
    return Ending(
        record_id,
        attempt,
        kind,
        status,
        delay,
        counted=counted,
        error=outcome.message,
        detail=detail,
        said=outcome.said,
        answer=outcome.reply,
    )


def fail(record_id: int, attempt: int, outcome: Outcome, *, counted: bool) -> Ending:
    """The end of an action that cannot succeed; kept, and replayable."""
    kind = Happened.NACKED if outcome.verdict is Verdict.NACK else Happened.FAILED
    return Ending(
        record_id,
        attempt,
        kind,
        Status.FAILED,
        counted=counted,
        error=outcome.message,
        detail=describe(outcome),
        said=outcome.said,
        answer=outcome.reply,
    )


def next_delay(failures: int) -> float:
    """Seconds until the retry after this many counted failures before it, jittered."""
    seconds = SCHEDULE[min(failures, len(SCHEDULE) - 1)]
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 -- spreads load only


def describe(outcome: Outcome) -> dict[str, Any]:
    """The outcome as an event's detail."""
    detail: dict[str, Any] = {"verdict": outcome.verdict.value}
    if outcome.status is not None:
        detail["http_status"] = outcome.status
    if outcome.message:
        detail["message"] = outcome.message
    if outcome.seconds is not None:
        detail["seconds"] = outcome.seconds
    if outcome.sent is not None:
        detail["sent"] = outcome.sent
    return detail
