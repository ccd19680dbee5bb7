"""What attempts at a stored action send, or have sent, for people to look at.

Nothing is kept of it: a request follows from the action, its destination and the time, and the
audit knows what the destination was then.
"""

from __future__ import annotations

import re
import time
from datetime import datetime

from config.errors import ConflictError
from destinations import keys, kinds, past
from destinations.attempts import ATTEMPT_SECONDS, Attempt, Request
from destinations.keys import CONCEALED, NO_KEYS, Keys
from destinations.models import Destination
from destinations.outcomes import NoAnswerError
from dispatch.models import ActionRecord, Status

SHOWN_BYTES = 2_048
# Whoever has a signed request can send it: what signs it is not shown.
SIGNATURES = frozenset({"webhook-signature"})
_SEALED = re.compile(rb'"signature":"[0-9a-f]{1,64}"?')
_NOT_SEALED = f'"signature":"{CONCEALED}"'.encode()


def show_request(record: ActionRecord, payload: bytes) -> Request | None:
    """The request of its current or next attempt, as it is now, with the first 2 KB of its body.

    Nothing that is secret or signs it is in it. None for what nobody sends; `ConflictError` says
    why there is none. The record is with definition and destination.
    """
    if record.status == Status.HELD:
        message = "It waits for approval: what would be sent is not shown before."
        raise ConflictError(message, code="NEEDS_APPROVAL")
    destination = record.destination
    if not kinds.is_pushed(destination.type):
        return None
    now = keys.of_destination(destination.pk)
    attempt = _make_attempt(record, destination, payload, now, number=record.attempt)
    return _without_signatures(show_attempt(attempt))


def show_sent(record: ActionRecord, payload: bytes, *, number: int, at: datetime) -> Request:
    """The request of an attempt that was sent then, by what its destination was then.

    Like `show_request`. What a credential that is gone has added is not in it. `ConflictError` says
    why there is none.
    """
    destination = past.recall(record.destination, at)
    if destination is None:
        message = "Its destination has changed too often since: what was sent is not known."
        raise ConflictError(message, code="NOT_KNOWN")
    then = keys.of_unsaved(destination)
    attempt = _make_attempt(
        record, destination, payload, NO_KEYS if then.fault else then, number=number
    )
    attempt.claimed_at = at.timestamp()
    try:
        return _without_signatures(show_attempt(attempt))
    except ConflictError as error:
        if not then.fault:
            raise
        # Without its keys there is nothing to show: that is why.
        raise ConflictError(then.fault, code="KEYS_UNUSABLE") from error


def show_attempt(attempt: Attempt) -> Request:
    """The request of an attempt without what is secret; `ConflictError` says why there is none."""
    if attempt.keys.fault:
        raise ConflictError(attempt.keys.fault, code="KEYS_UNUSABLE")
    try:
        return kinds.show_request(attempt)
    except NoAnswerError as error:
        raise ConflictError(error.outcome.message, code="NOTHING_TO_SEND") from error


def _make_attempt(
    record: ActionRecord, destination: Destination, payload: bytes, has: Keys, *, number: int
) -> Attempt:
    return Attempt(
        record_id=record.pk,
        number=number,
        failures=record.failures,
        type=destination.type,
        config=destination.config,
        payload=payload,
        ends=time.monotonic() + ATTEMPT_SECONDS,
        variant=record.definition.variant,
        lane_id=record.lane_id or 0,
        keys=has,
        destination_id=destination.pk,
        protocol=destination.protocol,
    )


def _without_signatures(request: Request) -> Request:
    headers = {
        name: CONCEALED if name in SIGNATURES else value for name, value in request.headers.items()
    }
    body = _SEALED.sub(_NOT_SEALED, request.body[:SHOWN_BYTES])
    return request._replace(headers=headers, body=body)
