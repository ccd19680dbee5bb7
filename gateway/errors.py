"""How the gateway says no: a sentence, and details where there are some."""

from __future__ import annotations

from config.errors import DomainError

INVALID_REQUEST = "Invalid request format"
RATE_EXCEEDED = "Rate limit exceeded"
# Of a URL; where it leads is not told.
MAY_NOT_BE_CALLED = "leads to an address that may not be called"


class GatewayError(DomainError):
    """A refusal in the published words."""

    def __init__(
        self, message: str, *, status: int = 400, details: str = "", retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.details = details
        self.retry_after = retry_after
