"""How the gateway says no: a sentence, and details where there are some."""

from __future__ import annotations

from config.errors import DomainError

INVALID_REQUEST = "Invalid request format"


class GatewayError(DomainError):
    """A refusal in the published words."""

    def __init__(self, message: str, *, status: int = 400, details: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.details = details
