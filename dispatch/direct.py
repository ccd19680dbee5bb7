"""Delivering an action while its caller waits: one attempt, now, by the process that takes it in.

The record is stored as `running` under attempt 0, so that no dispatcher ever claims it, and is
marked as tried once: whatever ends that attempt ends the action. Where this process is lost, the
lease runs out and the action has failed, ambiguously. No connection is held while it waits.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
from django.db import DatabaseError, transaction

from actions import judge
from config.errors import BadRequestError, BusyError, ConflictError, NotFoundError, RuleError
from destinations import kinds
from destinations.attempts import Attempt, Request
from destinations.calls import calls
from destinations.outcomes import Outcome
from dispatch import (
    admission,
    answers,
    idempotency,
    intake,
    rounds,
    sendings,
    settlement,
    throttle,
)
from dispatch.admission import Begun
from dispatch.echoes import echoes
from dispatch.idempotency import Call
from dispatch.intake import Routed, Submission
from dispatch.limits import Observation, Seen
from dispatch.models import ActionEvent, ActionPayload, ActionRecord, Status
from dispatch.sightings import sightings
from runtime import slots
from runtime.seats import Seats

logger = logging.getLogger(__name__)
T = TypeVar("T")

# The answer comes within 30 s, all included; the rest is for judging, storing and settling.
SECONDS = 27.0
# For so long after that it is tried to write down what came of it.
SETTLING_SECONDS = 2.0
LOOK_SECONDS = 0.2
# So many wait in a process, half of them of one organization.
seats = Seats(100)
NO_SEAT = (
    "Too many actions are being executed just now. This call has stored and sent nothing: call "
    "again in a second, under the same Idempotency-Key if there is one."
)
UNKNOWN = (
    "The database is away, and does not know yet what came of it: it may have been done. Ask for "
    "its record before you call again."
)
UNFINISHED = {
    Status.HELD: "It waits for approval: ask for its record.",
    Status.RUNNING: "It is under way: ask for its record.",
    Status.ACK_WAIT: "It was taken and is not settled yet: ask for its record.",
    # What was held and has been approved.
    Status.QUEUED: "It waits for its turn: ask for its record.",
    Status.SCHEDULED: "It waits for its time: ask for its record.",
}
# What is told of an action that is over.
AFTERWARDS = (ActionEvent.Kind.LATE, ActionEvent.Kind.REPLAYED)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done now, for whom, and who asks."""

    org_id: int
    name: str
    input: Any
    actor: str
    version: int | None = None
    tags: dict[str, str] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """All that it asks for, to be compared under an idempotency key."""
        return {
            "execute": self.name,
            "version": self.version,
            "tags": self.tags,
            "input": self.input,
        }

    def call_under(self, key: str | None) -> Call | None:
        """The call that it is under an idempotency key, which must be one."""
        return None if key is None else Call.of(self.org_id, key, self.content())


@dataclass(frozen=True, slots=True)
class Executed:
    """What has become of an action by now; `error` is empty where it has succeeded.

    `ambiguous`: it has failed or was canceled, and may have been done all the same. What is
    `held`, `running` or in `ack_wait` is not over: ask for the record. `unsent`: where nothing was
    sent, the verdict on that.
    """

    record_id: int
    status: str
    result: Any = None
    error: str = ""
    ambiguous: bool = False
    unsent: str = ""


def execute(order: Order, *, key: str | None = None) -> Executed:
    """What comes of an action that is delivered now.

    The same order under the same idempotency key is one action: whoever comes later waits for it.
    Raises `BusyError` where there is no seat to wait in, before anything is stored.
    """
    call = order.call_under(key)
    ends = time.monotonic() + SECONDS
    with seats.take(order.org_id) as is_seated:
        if not is_seated:
            raise BusyError(NO_SEAT)
        known = None if call is None else idempotency.find(call)
        begun = _begin(order, call, ends) if known is None else _read_id(known)
        if isinstance(begun, int):
            return _wait(begun, ends)
        return _end(begun, *_deliver(begun.attempt))


def dry_run(order: Order, *, key: str | None = None) -> Request:
    """The request that would be sent, without what is secret. Nothing is stored or sent.

    The action has no id yet: 0 stands for it. What needs approval is not shown: it is signed, and
    whoever has it could send it themselves.
    """
    order.call_under(key)
    judged = _judge(order)
    if judged.route.requires_approval:
        message = "Its actions need approval: what would be sent is not shown before."
        raise ConflictError(message, code="NEEDS_APPROVAL")
    attempt = admission.preview(judged, ends=time.monotonic() + SECONDS)
    return sendings.show_attempt(attempt)


def find(record_id: int) -> Executed:
    """What has become of an action by now."""
    record = ActionRecord.objects.prefetch_related("payload").get(pk=record_id)
    payload: ActionPayload | None = getattr(record, "payload", None)
    result = orjson.loads(payload.result) if payload and payload.result else None
    if record.status == Status.SUCCEEDED:
        return Executed(record_id, record.status, result)
    if record.completed_at is None:
        return Executed(record_id, record.status, result, UNFINISHED[Status(record.status)])
    last = record.events.exclude(kind__in=AFTERWARDS).order_by("-id")
    detail = last.values_list("detail", flat=True).first() or {}
    # What no answer has ended may have been done, once it was begun.
    ambiguous = detail.get("ambiguous", "verdict" not in detail and record.started_at is not None)
    unsent = detail["verdict"] if detail.get("sent") is False else ""
    return Executed(record_id, record.status, result, record.error_message, ambiguous, unsent)


# --- beginning -----------------------------------------------------------------------------------


def _read_id(known: idempotency.Answer) -> int:
    return int(orjson.loads(known.data)["action_record_id"])


def _judge(order: Order) -> Routed:
    """The action, which may be delivered, with its lane."""
    submission = Submission(order.name, order.input, order.tags, order.version)
    (judged,) = intake.judge_all(order.org_id, [submission], judge.set_deadline())
    if isinstance(judged, list):
        refused = NotFoundError if judged[0].code == "UNKNOWN_VARIANT" else BadRequestError
        raise refused.of(judged)
    if judged.route.kind is None or not kinds.is_pushed(judged.route.kind):
        message = "Its actions go to no destination that could be called now."
        raise RuleError(message, code="NOT_EXECUTABLE")
    return judged


def _begin(order: Order, call: Call | None, ends: float) -> Begun | int:
    """The action, stored; or the id of one that is not to be delivered here."""
    (placed,) = intake.place_all(order.org_id, [_judge(order)])
    if isinstance(placed, list):
        raise BadRequestError.of(placed)
    with transaction.atomic():
        faster = None if call is None else idempotency.take(call)
        if faster is not None:
            return _read_id(faster)
        begun = _store(order, placed, ends)
        sightings.note(order.org_id, [placed.route.definition_id], order.actor)
        if call is not None:
            record_id = begun if isinstance(begun, int) else begun.attempt.record_id
            idempotency.keep(call, orjson.dumps({"action_record_id": str(record_id)}))
        return begun


def _store(order: Order, placed: Routed, ends: float) -> Begun | int:
    """The action; of one that is held the id, for nobody waits for it until it is approved."""
    if placed.route.requires_approval:
        (accepted,) = intake.store(order.org_id, [placed], actor=order.actor)
        return accepted.id
    return admission.store(order.org_id, placed, actor=order.actor, ends=ends)


# --- waiting and ending --------------------------------------------------------------------------


def _deliver(attempt: Attempt) -> tuple[Outcome, float]:
    """What has come of it, and how many seconds that took; without a connection meanwhile."""
    began = time.monotonic()
    with slots.left():
        outcome = calls.deliver(attempt)
        seconds = time.monotonic() - began
    return outcome, seconds


def _end(begun: Begun, outcome: Outcome, seconds: float) -> Executed:
    """What has come of it, once that is written down.

    Something may have been sent: however long the database is away, nobody is told to try again.
    """
    record_id = begun.attempt.record_id
    until = begun.attempt.ends + SETTLING_SECONDS
    try:
        _insist(lambda: _settle(begun, outcome, seconds), until)
        return _insist(lambda: find(record_id), until)
    except DatabaseError:
        logger.exception("What came of action %d could not be written down", record_id)
        return Executed(record_id, Status.FAILED, error=UNKNOWN, ambiguous=True)


def _insist(work: Callable[[], T], until: float) -> T:
    """What the work gives, as soon as the database does it; it is tried at least once."""
    while True:
        try:
            return work()
        except DatabaseError as error:
            if time.monotonic() >= until:
                raise
            logger.warning("Database out of reach or too slow, tried again: %s", error)
        with slots.left():
            time.sleep(LOOK_SECONDS)


def _settle(begun: Begun, outcome: Outcome, seconds: float) -> None:
    """Write down how it ended. What somebody has ended meanwhile stays so."""
    ending = answers.end(begun.attempt.record_id, outcome)
    ending.milliseconds = round(seconds * 1_000)
    if not settlement.finish(ending):
        settlement.tell_late(ending)
    milliseconds, sla = seconds * 1_000, begun.attempt.config.get("response_time_sla_ms")
    seen = throttle.judge_answer(outcome, milliseconds=milliseconds, sla=sla)
    echoes.note(begun.attempt.destination_id, outcome, milliseconds=milliseconds, sla=sla)
    if seen is not None:
        pause = outcome.seconds if seen is Seen.LIMITED else None
        ended = begun.started + seconds
        answer = Observation(seen, begun.started, ended, begun.is_filling, pause, outcome.cause)
        _observe(begun.attempt.lane_id, answer)


def _observe(lane_id: int, answer: Observation) -> None:
    """The ending is committed: that a lane cannot be moved now is no matter of it."""
    try:
        rounds.observe_answer(lane_id, answer)
    except DatabaseError:
        logger.exception("What was seen of lane %d is not counted", lane_id)


def _wait(record_id: int, ends: float) -> Executed:
    """What has become of an action that another call delivers, once that is known."""
    while True:
        executed = find(record_id)
        is_over = executed.status != Status.RUNNING
        if is_over or time.monotonic() >= ends or slots.is_stopping():
            return executed
        with slots.left():
            time.sleep(LOOK_SECONDS)
