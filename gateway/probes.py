"""The request that a webhook answers before its action is registered."""

from __future__ import annotations

from config.errors import BusyError
from destinations import trials
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
        attempt = trials.make_attempt(
            SECONDS,
            type=Kind.WEBHOOK,
            config=config,
            payload=b"{}",
            variant=name,
            keys=keys,
            protocol=Protocol.GATEWAY,
        )
        outcome = trials.run(attempt, SECONDS)
    if outcome.status is None or not 200 <= outcome.status < 300:
        raise GatewayError(f"action validation failed: {_tell(outcome)}")


def _tell(outcome: Outcome) -> str:
    """What happened, in words that say nothing of our network."""
    if outcome.status is not None:
        return f"webhook endpoint returned status {outcome.status}"
    if outcome.verdict is Verdict.AMBIGUOUS:
        return f"webhook endpoint gave no whole answer within {SECONDS:.0f} seconds"
    return "webhook endpoint could not be reached"
