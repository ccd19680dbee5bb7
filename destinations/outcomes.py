"""How one attempt ended, as a value: what a kind's `deliver` gives and the engine records.

The answer table is design section 4; the retry time a destination names is RFC 9110
section 10.2.3 (`Retry-After`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

MAX_RETRY_AFTER = 86_400
PERMANENT = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422, 431})
UNAVAILABLE = frozenset({408, 425})
SAID_LIMIT = 200
MAX_MESSAGE = 1_000


class Verdict(StrEnum):
    """What the answer means for the action."""

    ACK = "ack"
    NACK = "nack"
    WAIT = "mod_ack"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    AMBIGUOUS = "ambiguous"
    PERMANENT = "permanent"
    REFUSED = "refused"
    OURS = "ours"


# The destination has the action, and may have done it.
TAKEN = frozenset({Verdict.ACK, Verdict.WAIT})


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one attempt.

    `seconds` is the time the destination named: until redelivery, or of the settlement
    deadline; None where it named none. `said` is False where the outcome is an assumption of
    ours, like a broken connection: it does not undo what a worker said meanwhile. `sent` is
    for an attempt without an answer: whether the destination may have got it.
    """

    verdict: Verdict
    message: str = ""
    seconds: int | None = None
    status: int | None = None
    said: bool = field(default=True, compare=False)
    sent: bool | None = None
    # What the destination gave back, as JSON, where that is kept with the action.
    result: str | None = None
    # The start of the answer, for whoever tries a destination.
    answer: bytes = field(default=b"", compare=False, repr=False)
    # What is kept of the answer (`replies.keep`).
    reply: dict[str, Any] | None = field(default=None, compare=False, repr=False)

    @property
    def cause(self) -> str:
        """What hindered it, in as few words as there are: "HTTP 503", or its message."""
        failed = self.status is not None and not 200 <= self.status < 300
        return f"HTTP {self.status}" if failed else self.message

    def __post_init__(self) -> None:
        """Keeps of the message what a text column can hold."""
        if not self.message:
            return
        held = self.message.replace("\0", "").encode("utf-8", "replace").decode()
        object.__setattr__(self, "message", held[:MAX_MESSAGE])


class NoAnswerError(Exception):
    """The call has come to nothing; `outcome` is what that means for the attempt."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


def judge_answer(
    status: int, *, retry_after: str | None, said: str, date: str | None = None
) -> Outcome | None:
    """The outcome of an HTTP status by the answer table; None for a 2xx, which signals decide."""
    if 200 <= status < 300:
        return None
    message = f"HTTP {status}" + (f": {said[:SAID_LIMIT]}" if said else "")
    seconds = read_retry_after(retry_after, date)
    if status == 429:
        return Outcome(Verdict.RATE_LIMITED, message, seconds, status)
    if status >= 500 or status in UNAVAILABLE:
        return Outcome(Verdict.UNAVAILABLE, message, seconds, status)
    if status in PERMANENT:
        return Outcome(Verdict.PERMANENT, message, None, status)
    if 300 <= status < 400:
        hint = "redirects are not followed; set the destination's URL to the final address"
    else:
        hint = "the destination refuses it: check its URL and authorization"
    return Outcome(Verdict.REFUSED, f"{message} ({hint})", seconds, status)


def read_retry_after(text: str | None, date: str | None = None) -> int | None:
    """Seconds to wait, 0..86,400, from `Retry-After`; None where it is absent or senseless.

    A moment is as far ahead as the answer's own `Date` says: the clock that named it counts,
    whatever ours shows. Ours is asked only where the answer has no date.
    """
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), MAX_RETRY_AFTER)
    at = _read_date(text)
    if at is None:
        return None
    seconds = (at - (_read_date(date or "") or datetime.now(UTC))).total_seconds()
    return max(0, min(round(seconds), MAX_RETRY_AFTER))


def _read_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
