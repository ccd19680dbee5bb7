"""The request that a webhook answers before its action is registered."""

from __future__ import annotations

import secrets
import time

from config.errors import BusyError
from destinations import trials
from destinations.attempts import Attempt
from destinations.keys import Keys
from destinations.models import Kind, Protocol
from destinations.outcomes import Outcome, Verdict
from gateway.errors import GatewayError
from runtime.seats import Seats

SECONDS = 30.0
# Each runs a loop in its thread.
seats = Seats(64)


def probe(*, org_id: int, name: str, config: dict[str, object], keys: Keys) -> None:
    """Refuse a webhook that does not answer a signed test with a 2xx within 30 seconds.

    No connection, transaction or slot is held meanwhile.
    """
    with seats.waiting(org_id) as may_wait:
        if not may_wait:
            raise BusyError("Too many webhooks are being tested just now: try again in a moment.")
        outcome = trials.run(_make_attempt(name, config, keys), SECONDS)
    if outcome.status is None or not 200 <= outcome.status < 300:
        raise GatewayError(f"action validation failed: {_tell(outcome)}")


def _make_attempt(name: str, config: dict[str, object], keys: Keys) -> Attempt:
    return Attempt(
        record_id=trials.FIRST_ID + secrets.randbelow(trials.FIRST_ID),
        number=0,
        failures=0,
        type=Kind.WEBHOOK,
        config=config,
        payload=b"{}",
        ends=time.monotonic() + SECONDS,
        variant=name,
        keys=keys,
        is_test=True,
        protocol=Protocol.GATEWAY,
    )


def _tell(outcome: Outcome) -> str:
    """What happened, in words that say nothing of our network."""
    if outcome.status is not None:
        return f"webhook endpoint returned status {outcome.status}"
    if outcome.verdict is Verdict.AMBIGUOUS:
        return f"webhook endpoint gave no whole answer within {SECONDS:.0f} seconds"
    return "webhook endpoint could not be reached"
