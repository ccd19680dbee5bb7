"""What can happen to an action, each by the way it happens: claims, outcomes, workers, time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db import connection
from django.db.models import F

from destinations.outcomes import Outcome, Verdict
from dispatch import retries, services, settlement
from dispatch.models import IN_FLIGHT, ActionRecord
from dispatch.retries import Ending
from tests.dispatch.claiming import claim, promote

ACK = Outcome(Verdict.ACK, status=200)
NACK = Outcome(Verdict.NACK, "nack", status=200)
WAIT = Outcome(Verdict.WAIT, seconds=60, status=200)
UNAVAILABLE = Outcome(Verdict.UNAVAILABLE, "HTTP 503", status=503)
PERMANENT = Outcome(Verdict.PERMANENT, "HTTP 410", status=410)
# What a delivery can come to, as the dispatcher judges it.
OUTCOMES = {
    "ack": ACK,
    "nack": NACK,
    "nack, now": Outcome(Verdict.NACK, "nack", 0, 200),
    "mod_ack": WAIT,
    "mod_ack of no time": Outcome(Verdict.WAIT, seconds=0, status=200),
    "no signal": Outcome(Verdict.WAIT, status=200, said=False),
    "503": UNAVAILABLE,
    "503, now": Outcome(Verdict.UNAVAILABLE, "HTTP 503", 0, 503),
    "410": PERMANENT,
    "429": Outcome(Verdict.RATE_LIMITED, "HTTP 429", 30, 429),
    "401": Outcome(Verdict.REFUSED, "HTTP 401", status=401),
    "connection lost": Outcome(Verdict.UNAVAILABLE, "reset", said=False),
    "no answer": Outcome(Verdict.AMBIGUOUS, "no answer in time", said=False),
    "a fault of ours": Outcome(Verdict.OURS, "KeyError", said=False),
}


@dataclass(frozen=True)
class Stored:
    """The whole row, its payload and its events, as the database writes them."""

    record: str
    payload: str | None
    events: tuple[str, ...]


def read_stored(record_id: int) -> Stored:
    """All that is kept of an action, to be compared byte for byte."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r::text, (SELECT p::text FROM dispatch_actionpayload p WHERE record_id = r.id),"
            " ARRAY(SELECT e::text FROM dispatch_actionevent e WHERE record_id = r.id ORDER BY id)"
            " FROM dispatch_actionrecord r WHERE r.id = %s",
            [record_id],
        )
        record, payload, events = cursor.fetchone()
    return Stored(record, payload, tuple(events))


def write_outcomes(outcomes: Iterable[tuple[int, int, Outcome]]) -> None:
    """Write what deliveries of (action, attempt) came to, as a dispatcher does: in one flush."""
    write_endings([retries.end_attempt(*key, 0, outcome) for *key, outcome in outcomes])


def write_endings(endings: list[Ending]) -> None:
    """The flushes of a dispatcher, until nothing is locked any more."""
    while endings:
        parameters = settlement.finish_parameters(endings, statuses=IN_FLIGHT)
        with connection.cursor() as cursor:
            cursor.execute(settlement.FLUSH, parameters)
            locked = set(cursor.fetchall())
        endings = [one for one in endings if (one.record_id, one.attempt) in locked]


def let_time_pass(record_id: int, *columns: str) -> None:
    """The moments of these columns are over; somebody looks at the clock."""
    past = F("created_at")
    ActionRecord.objects.filter(pk=record_id).update(**dict.fromkeys(columns, past))
    promote()


def lose_lease(record_id: int) -> None:
    """Attempt 0 is claimed, and nobody hears of it again."""
    claim()
    let_time_pass(record_id, "timeout_at")


def begin_again(record_id: int) -> None:
    """Attempt 1 is under way."""
    lose_lease(record_id)
    claim()


def _answered(outcome: Outcome) -> Callable[[int], None]:
    def answer(record_id: int) -> None:
        begin_again(record_id)
        write_outcomes([(record_id, 1, outcome)])

    return answer


def be_unsettled(record_id: int) -> None:
    """Attempt 0 is delivered, and not settled in time."""
    claim()
    write_outcomes([(record_id, 0, WAIT)])
    let_time_pass(record_id, "timeout_at")


def fail_once(record_id: int) -> None:
    """Attempt 0 is answered 503."""
    claim()
    write_outcomes([(record_id, 0, UNAVAILABLE)])


def cancel_again(record_id: int) -> None:
    """Canceled in attempt 1."""
    begin_again(record_id)
    _cancel(record_id)


def cancel_at_once(record_id: int) -> None:
    """Canceled while attempt 0 is under way."""
    claim()
    _cancel(record_id)


def run_out(record_id: int) -> None:
    """The whole action is out of time while attempt 0 is under way."""
    claim()
    let_time_pass(record_id, "deadline_at")


def lose_destination(record_id: int) -> None:
    """The destination is deleted by force while attempt 0 is under way."""
    claim()
    destination = ActionRecord.objects.get(pk=record_id).destination
    services.delete_destination(destination=destination, force=True, actor="a test")


def _cancel(record_id: int) -> None:
    services.cancel_record(record=ActionRecord.objects.get(pk=record_id), actor="a test")


# Ways from an accepted action to one whose attempt 0 is over and was never acked or nacked,
# with the status and attempt that it is left in.
MOVES: dict[str, tuple[Callable[[int], None], str, int]] = {
    "queued": (lose_lease, "queued", 1),
    "queued after its settlement deadline": (be_unsettled, "queued", 1),
    "scheduled": (fail_once, "scheduled", 1),
    "running": (begin_again, "running", 1),
    "ack_wait": (_answered(WAIT), "ack_wait", 1),
    "succeeded": (_answered(ACK), "succeeded", 1),
    "failed": (_answered(PERMANENT), "failed", 1),
    "canceled": (cancel_again, "canceled", 1),
    "canceled under way": (cancel_at_once, "canceled", 0),
    "out of time": (run_out, "failed", 0),
    "without its destination": (lose_destination, "failed", 0),
}
