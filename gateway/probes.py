"""The request that a webhook answers before its action is registered."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from destinations import trials
from destinations.attempts import Attempt
from destinations.keys import Keys
from destinations.models import Kind, Protocol
from destinations.outcomes import Outcome, Verdict
from destinations.trials import BusyError
from gateway.errors import GatewayError
from runtime import slots

SECONDS = 30.0
# Each holds a thread and runs a loop in it; those of one organization leave room for others'.
MOST_AT_ONCE = 8
MOST_OF_ONE = 4


class Turns:
    """Who probes just now in this process. The others wait for their turn."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._probing: Counter[int] = Counter()

    @contextmanager
    def taken(self, org_id: int, seconds: float) -> Iterator[None]:
        """One turn, within so many seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_room(org_id), timeout=seconds):
                raise BusyError("Too many webhooks are being validated: try again in a minute.")
            self._probing[org_id] += 1
        try:
            yield
        finally:
            with self._changed:
                self._probing[org_id] -= 1
                self._probing += Counter()
                self._changed.notify_all()

    def _has_room(self, org_id: int) -> bool:
        return self._probing.total() < MOST_AT_ONCE and self._probing[org_id] < MOST_OF_ONE


turns = Turns()


def probe(*, org_id: int, name: str, config: dict[str, object], keys: Keys) -> None:
    """Refuse a webhook that does not answer a signed test with a 2xx within 30 seconds.

    No connection, transaction or slot is held meanwhile.
    """
    with slots.left() as may_wait:
        if not may_wait:
            raise BusyError("Too many are waiting for something just now: try again later.")
        with turns.taken(org_id, SECONDS):
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
