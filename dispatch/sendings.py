"""What an attempt at a stored action would send now, for people to look at."""

from __future__ import annotations

import re
import time

from config.errors import ConflictError
from destinations import keys, kinds
from destinations.attempts import ATTEMPT_SECONDS, Attempt, Request
from destinations.authorizing.authorization import NoAnswerError
from destinations.keys import CONCEALED
from dispatch.models import ActionRecord, Status

SHOWN_BYTES = 2_048
# Whoever has a signed request can send it: what signs it is not shown.
SIGNATURES = frozenset({"webhook-signature"})
_SEALED = re.compile(rb'"signature":"[0-9a-f]{1,64}"?')
_NOT_SEALED = f'"signature":"{CONCEALED}"'.encode()


def show_request(record: ActionRecord, payload: bytes) -> Request | None:
    """The request of its current or next attempt, as it is now, with the first 2 KB of its body.

    Nothing that is secret or signs it is in it. None for what is no single request, or is sent by
    nobody; `ConflictError` says why there is none. The record is with definition and destination.
    """
    if record.status == Status.HELD:
        message = "It waits for approval: what would be sent is not shown before."
        raise ConflictError(message, code="NEEDS_APPROVAL")
    if not kinds.is_pushed(record.destination.type):
        return None
    request = show_attempt(_make_attempt(record, payload))
    return request and _without_signatures(request)


def show_attempt(attempt: Attempt) -> Request | None:
    """The request of an attempt without what is secret; `ConflictError` says why there is none.

    None for what is no single request.
    """
    if attempt.keys.fault:
        raise ConflictError(attempt.keys.fault, code="KEYS_UNUSABLE")
    try:
        return kinds.show_request(attempt)
    except NoAnswerError as error:
        raise ConflictError(error.outcome.message, code="NOTHING_TO_SEND") from error


def _make_attempt(record: ActionRecord, payload: bytes) -> Attempt:
    destination = record.destination
    return Attempt(
        record_id=record.pk,
        number=record.attempt,
        failures=record.failures,
        type=destination.type,
        config=destination.config,
        payload=payload,
        ends=time.monotonic() + ATTEMPT_SECONDS,
        variant=record.definition.variant,
        lane_id=record.lane_id or 0,
        keys=keys.of_destination(destination.pk),
        destination_id=destination.pk,
        protocol=destination.protocol,
    )


def _without_signatures(request: Request) -> Request:
    headers = {
        name: CONCEALED if name in SIGNATURES else value for name, value in request.headers.items()
    }
    body = _SEALED.sub(_NOT_SEALED, request.body[:SHOWN_BYTES])
    return request._replace(headers=headers, body=body)
