"""Trials: a marked delivery to a destination, to see what happens. No action stands behind it."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import Any

import orjson

from config.errors import BusyError, RuleError
from destinations import keys, kinds
from destinations.attempts import Attempt
from destinations.models import Destination, Kind
from destinations.outcomes import Outcome, Verdict
from destinations.outward import errands
from destinations.outward.clients import Clients
from runtime.seats import Seats

SECONDS = 10.0
# For what does not end by itself when its time is up, and for closing what was opened.
GRACE_SECONDS = 2.0
SHOWN_BYTES = 2_048
VARIANT = "test"
# Each holds a thread of its process and runs a loop in it. One organization has one at a time, so
# that no other has to wait for all of its destinations.
seats = Seats(2)
# No action has such an id; each trial has its own, so that no receiver takes it for a repeated one.
FIRST_ID = 2**62
WHY_NOT = {
    Kind.SDK: "Nothing is sent to an sdk destination: its workers pull. Hand an action in instead.",
    Kind.DEFAULT_SINK: "Nothing is sent to a default_sink: it keeps what has nowhere to go.",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a trial, and how long it took."""

    outcome: Outcome
    milliseconds: int

    @property
    def answer(self) -> str | None:
        """The start of what was answered, as text; None where nothing was."""
        start = self.outcome.answer[:SHOWN_BYTES].decode("utf-8", "replace")
        return start.replace("\0", "\ufffd") or None

    @property
    def headers(self) -> dict[str, str]:
        """Those that say what was answered, or why; secrets are masked in them."""
        reply = self.outcome.reply or {}
        return dict(reply.get("headers", {}))

    @property
    def body(self) -> str | None:
        """The start of the body as it may be shown: what was sent as a secret is masked in it."""
        reply = self.outcome.reply
        return self.answer if reply is None else reply.get("body")

    @property
    def is_cut(self) -> bool:
        """Whether there was more of it."""
        reply = self.outcome.reply or {}
        return bool(reply.get("is_cut"))


def try_destination(
    *, destination: Destination, input: Any = None, variant: str = VARIANT
) -> Trial:
    """What happens to a delivery now, within ten seconds; also where the destination is paused."""
    if not kinds.is_pushed(destination.type):
        raise RuleError(WHY_NOT[Kind(destination.type)], code="NOT_TESTABLE")
    began = time.monotonic()
    attempt = make_attempt(
        SECONDS,
        type=destination.type,
        config=destination.config,
        payload=orjson.dumps({} if input is None else input),
        variant=variant,
        keys=keys.of_destination(destination.pk),
        destination_id=destination.pk,
        protocol=destination.protocol,
    )
    with seats.waiting(destination.org_id) as may_wait:
        if not may_wait:
            raise BusyError("Other destinations are being tested just now: try again in a moment.")
        outcome = run(attempt, SECONDS)
        return Trial(outcome, round(1_000 * (time.monotonic() - began)))


def make_attempt(seconds: float, **what: Any) -> Attempt:
    """An attempt that is a test of `what`, a destination's and a variant's, and has that long."""
    return Attempt(
        record_id=FIRST_ID + secrets.randbelow(FIRST_ID),
        number=0,
        failures=0,
        ends=time.monotonic() + seconds,
        is_test=True,
        **what,
    )


def run(attempt: Attempt, seconds: float) -> Outcome:
    """What comes of an attempt that has so many seconds. The caller has left its slot meanwhile."""
    return asyncio.run(_deliver(attempt, seconds))


async def _deliver(attempt: Attempt, seconds: float) -> Outcome:
    try:
        async with (
            errands.opened(seconds=seconds + GRACE_SECONDS, connections=4) as session,
            Clients(session) as clients,
        ):
            return await kinds.deliver(attempt, clients)
    except TimeoutError:
        message = f"It has not ended within {seconds + GRACE_SECONDS:.0f} seconds."
        return Outcome(Verdict.AMBIGUOUS, message, said=False, sent=True)
