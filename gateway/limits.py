"""How many requests of an organization are answered in an hour, counted in the database.

What a key may not do is not the organization's to pay for, and counted by key in this process.

One row an organization, and one short statement a request: however many processes answer, they
count together. The hour begins with the first request after the one before it is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection

from gateway.errors import RATE_EXCEEDED, GatewayError
from orgs.guesses import Guesses

WINDOW_SECONDS = 3_600
# As guesses of keys are: so many in a minute.
denials = Guesses()
# What is left of the window, rounded up, so that whoever waits for it is not too early.
_LEFT = f"""ceil(extract(epoch FROM
  w.began_at + interval '{WINDOW_SECONDS} seconds' - clock_timestamp()))::int"""
_OVER = f"w.began_at <= now() - interval '{WINDOW_SECONDS} seconds'"
# No row where none is left: those who ask all the same cost no write.
TAKE = f"""
INSERT INTO gateway_requestwindow AS w (org_id, began_at, used) VALUES (%(org_id)s, now(), 1)
ON CONFLICT (org_id) DO UPDATE SET
  began_at = CASE WHEN {_OVER} THEN now() ELSE w.began_at END,
  used = CASE WHEN {_OVER} THEN 1 ELSE w.used + 1 END
WHERE w.used < %(most)s OR {_OVER}
RETURNING w.used, {_LEFT}
"""  # noqa: S608 -- constants only
LOOK = f"SELECT {_LEFT}, now() FROM gateway_requestwindow w WHERE org_id = %(org_id)s"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of an organization's requests, and for how long."""

    most: int
    remaining: int
    seconds: int
    # Whether this request is one too many, and until when.
    until: datetime | None = None

    def headers(self) -> dict[str, str]:
        """`RateLimit` (draft-ietf-httpapi-ratelimit-headers-10), and `Retry-After` at its end."""
        said = {"RateLimit": f'"hour";r={self.remaining};t={self.seconds}'}
        return said | ({"Retry-After": str(self.seconds)} if self.until else {})


def policy() -> str:
    """`RateLimit-Policy`, the same for everybody."""
    return f'"hour";q={settings.GATEWAY_REQUESTS_PER_HOUR};w={WINDOW_SECONDS}'


def note_denied(key: str) -> None:
    """Count that a key asked for what it may not do; 429 where it has done so too often."""
    seconds = denials.seconds_to_wait(key, b"")
    if seconds:
        details = f"This key may not do this, and has asked too often. Wait {seconds} seconds."
        raise GatewayError(RATE_EXCEEDED, status=429, details=details, retry_after=seconds)
    denials.note_wrong(key, b"")


def take(org_id: int) -> Quota:
    """Count a request of the organization; what it leaves of its quota."""
    most: int = settings.GATEWAY_REQUESTS_PER_HOUR
    asked = {"org_id": org_id, "most": most}
    with connection.cursor() as cursor:
        cursor.execute(TAKE, asked)
        row = cursor.fetchone()
        if row is not None:
            used, seconds = row
            return Quota(most, max(0, most - used), max(0, seconds))
        cursor.execute(LOOK, asked)
        seconds, now = cursor.fetchone()
    seconds = max(1, seconds)
    return Quota(most, 0, seconds, until=(now + timedelta(seconds=seconds)).astimezone(UTC))
