"""When a request is sent again, and after how long."""

from __future__ import annotations

import random
from dataclasses import dataclass

# What says that the request was not carried out, or may be sent again.
AGAIN = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Retries:
    """Up to `attempts` in all, with pauses that double from `first_seconds` to `most_seconds`.

    Each pause is drawn between nothing and that, so that many clients do not come back at once.
    """

    attempts: int = 5
    first_seconds: float = 0.2
    most_seconds: float = 10.0

    def pause(self, attempt: int, retry_after: str | None = None) -> float:
        """Seconds to wait after that attempt, counted from 1; never less than asked for."""
        most = min(self.most_seconds, self.first_seconds * 2 ** (attempt - 1))
        drawn = random.uniform(0, most)  # noqa: S311 -- spreads load only
        asked = float(retry_after) if retry_after and retry_after.isdigit() else 0.0
        return max(drawn, min(asked, 60.0))
