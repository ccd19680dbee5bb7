"""What every kind of destination has to pass, against its real counterpart.

A kind's test module subclasses `KindSuite` (as `Test...`) and says how its counterpart is
brought to behave so. The nine names and what each may come to are the same for all kinds.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings

from destinations import kinds
from destinations.attempts import Attempt
from destinations.keys import NO_KEYS, Keys, Secret
from destinations.outcomes import Outcome, Verdict
from destinations.outward import outbound
from destinations.outward.clients import Clients

RECORD_ID = 4711
NUMBER = 3
PAYLOAD = b'{"n":1,"text":"\xc3\xa4"}'
VARIANT = "orders.created"
ALLOWED = {
    "success": {Verdict.ACK},
    # Whatever the counterpart can say of an attempt that is not a success.
    "signal": {Verdict.NACK, Verdict.WAIT},
    "slow": {Verdict.AMBIGUOUS, Verdict.UNAVAILABLE},
    "refused": {Verdict.REFUSED, Verdict.PERMANENT},
    "rate_limited": {Verdict.RATE_LIMITED},
    "unreachable": {Verdict.UNAVAILABLE},
    "huge_answer": {Verdict.ACK, Verdict.AMBIGUOUS, Verdict.UNAVAILABLE, Verdict.PERMANENT},
    "wrong_credential": {Verdict.REFUSED},
}
SLOW_SECONDS = 1.0


@dataclass(frozen=True)
class Received:
    """One thing that the counterpart got."""

    record_id: str
    attempt: str
    payload: bytes


def make_attempt(kind: str, config: dict[str, Any], **fields: Any) -> Attempt:
    """An attempt at a destination of this kind, with thirty seconds to go."""
    seconds = fields.pop("seconds", 30.0)
    return Attempt(
        **{
            "record_id": RECORD_ID,
            "number": NUMBER,
            "failures": 0,
            "type": kind,
            "config": config,
            "payload": PAYLOAD,
            "ends": time.monotonic() + seconds,
            "variant": VARIANT,
            "lane_id": 12,
        }
        | fields
    )


def make_keys(type: str, /, **secret: Any) -> Keys:
    """Keys that hold a credential of this type."""
    return Keys(Secret(1, 1, type, secret))


async def deliver(*attempts: Attempt) -> list[Outcome]:
    """What the attempts come to, made at once, as a dispatcher makes them."""
    allow_private = settings.ALLOW_PRIVATE_NETWORKS
    async with (
        outbound.open_session(allow_private=allow_private, connections=100) as session,
        Clients(session) as clients,
    ):
        return list(
            await asyncio.gather(*(kinds.deliver(attempt, clients) for attempt in attempts))
        )


class KindSuite(ABC):
    """The nine tests. `counterpart` is a fixture of the subclass's module, a real server."""

    kind: str

    @abstractmethod
    def behave(self, counterpart: Any, behaviour: str) -> dict[str, Any]:
        """Bring the counterpart to behave so; what `make_attempt` takes to meet it."""

    @abstractmethod
    def received(self, counterpart: Any) -> list[Received]:
        """What the counterpart has got since `behave`."""

    def attempt(self, counterpart: Any, behaviour: str) -> Outcome:
        """What one attempt comes to."""
        asked = {"keys": NO_KEYS} | self.behave(counterpart, behaviour)
        (outcome,) = asyncio.run(deliver(make_attempt(self.kind, **asked)))
        return outcome

    def test_success(self, counterpart):
        outcome = self.attempt(counterpart, "success")

        assert outcome.verdict in ALLOWED["success"], outcome
        expected = Received(str(RECORD_ID), str(NUMBER), PAYLOAD)
        assert self.received(counterpart) == [expected]

    @pytest.mark.parametrize(
        "behaviour", ["signal", "refused", "rate_limited", "huge_answer", "wrong_credential"]
    )
    def test_what_it_says(self, counterpart, behaviour):
        outcome = self.attempt(counterpart, behaviour)

        assert outcome.verdict in ALLOWED[behaviour], outcome
        assert outcome.verdict is Verdict.ACK or outcome.message or behaviour == "signal"

    def test_slow(self, counterpart):
        began = time.monotonic()
        asked = self.behave(counterpart, "slow") | {"seconds": SLOW_SECONDS}
        (outcome,) = asyncio.run(deliver(make_attempt(self.kind, **asked)))

        assert outcome.verdict in ALLOWED["slow"], outcome
        assert SLOW_SECONDS * 0.9 < time.monotonic() - began < SLOW_SECONDS + 3

    def test_unreachable(self, counterpart):
        outcome = self.attempt(counterpart, "unreachable")

        assert outcome.verdict in ALLOWED["unreachable"], outcome
        assert outcome.sent is False

    def test_cancelled(self, counterpart):
        """A delivery that is given up ends at once, and the next one works."""
        slow = make_attempt(self.kind, **self.behave(counterpart, "slow"))

        async def cancel_and_go_on() -> list[Outcome]:
            async with (
                outbound.open_session(allow_private=True, connections=100) as session,
                Clients(session) as clients,
            ):
                task = asyncio.create_task(kinds.deliver(slow, clients))
                await asyncio.sleep(0.3)
                task.cancel()
                began = time.monotonic()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert time.monotonic() - began < 1
                good = make_attempt(self.kind, **self.behave(counterpart, "success"))
                return [await kinds.deliver(good, clients)]

        (outcome,) = asyncio.run(cancel_and_go_on())

        assert outcome.verdict is Verdict.ACK
