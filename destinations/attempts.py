"""One attempt at one action, as a kind's `deliver` gets it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from destinations import keys
from destinations.keys import NO_KEYS, Keys

ATTEMPT_SECONDS = 30.0


class Request(NamedTuple):
    """What one attempt sends, but for what its credential gives.

    `headers` are ours, by lower-case names, and win over all others; `configured` are the
    destination's, and give way. Of a message for a broker, `method` is the operation that takes it,
    `url` the queue or topic, and `headers` are its attributes.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    configured: Mapping[str, str]
    body: bytes


# Freezing takes three times as long to make one, and each delivery makes one.
@dataclass(slots=True)
class Attempt:
    """What is delivered, to where, and until when.

    `payload` are the stored bytes of the input, sent as they are. `ends` is a reading of
    this process's monotonic clock: 30 s after the claim.
    """

    record_id: int
    number: int
    failures: int
    type: str
    config: dict[str, Any]
    payload: bytes
    ends: float
    # Only for those kinds that name it (`kinds.needs_variant`), else empty.
    variant: str = ""
    lane_id: int = 0
    keys: Keys = NO_KEYS
    # Whether somebody only wants to see what happens: no action stands behind it.
    is_test: bool = False
    # Whether somebody waits for what is answered.
    wants_answer: bool = False
    # Whether what is answered is kept also where that is a success.
    wants_reply: bool = False
    # When it was claimed, in Unix time by the database's clock; 0 where nobody has claimed it.
    claimed_at: float = 0.0
    destination_id: int = 0
    # How a webhook is spoken to (`models.Protocol`).
    protocol: str = "plain"
    # The tokens fetched with the credential for it, as secret as the credential itself.
    granted: set[str] = field(default_factory=set, repr=False, compare=False)

    def unix_now(self) -> int:
        """The time, by the database's clock where it is known: this machine's may be wrong."""
        if not self.claimed_at:
            return int(time.time())
        return int(self.claimed_at + ATTEMPT_SECONDS - self.seconds_left())

    def seconds_left(self) -> float:
        """How long this attempt may still take."""
        return max(0.001, self.ends - time.monotonic())

    def conceal(self, text: str) -> str:
        """The text without what is secret: a destination may send back what it was sent."""
        return keys.conceal(self.keys, text, self.granted)

    def attributes(self) -> dict[str, str]:
        """What a message says of itself beside its payload."""
        said = {"actionid": str(self.record_id), "attempt": str(self.number)}
        if self.variant:
            said["variant"] = self.variant
        if self.is_test:
            said["test"] = "true"
        return said

    def order(self) -> dict[str, str]:
        """What it bears for a queue of SQS that keeps an order, which is that of its lane."""
        return {
            "MessageGroupId": str(self.lane_id),
            "MessageDeduplicationId": f"{self.record_id}-{self.number}",
        }

    def message_size(self) -> int:
        """The bytes of the payload and of the attributes."""
        said = self.attributes().items()
        return len(self.payload) + sum(len(name) + len(value.encode()) for name, value in said)
