"""One attempt at one action, as a kind's `deliver` gets it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

ATTEMPT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
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

    def seconds_left(self) -> float:
        """How long this attempt may still take."""
        return max(0.001, self.ends - time.monotonic())
