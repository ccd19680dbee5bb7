"""How an OpenAPI document says no: as a whole, or by one of its operations."""

from __future__ import annotations

from config.errors import RuleError, pointer

Path = tuple[str | int, ...]


class UnusableError(RuleError):
    """The document as a whole cannot be imported."""

    code = "INVALID_OPENAPI"


class UnconvertibleError(Exception):
    """One operation does not become a definition; `pointer` leads to what is in the way."""

    def __init__(self, reason: str, at: Path | str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.pointer = at if isinstance(at, str) else pointer(at)


class TooLargeError(UnconvertibleError):
    """The contract is larger than one may be."""
