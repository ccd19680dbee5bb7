"""What the domain says when it says no. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: a code, a sentence, and where (an RFC 6901 JSON Pointer).

    A `finding` is what shows that it is, where a sentence is not enough.
    """

    code: str
    message: str
    pointer: str | None = None
    finding: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The fault as the API shows it; `pointer` and `finding` only where there is one."""
        shown: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.pointer is not None:
            shown["pointer"] = self.pointer
        if self.finding is not None:
            shown["finding"] = self.finding
        return shown


class DomainError(Exception):
    """A request that breaks a rule. `config.api` turns it into the error envelope."""

    status = 422
    code = "UNPROCESSABLE"
    # In how many seconds it may be tried again, where that is known.
    retry_after: int | None = None

    def __init__(self, message: str, *, code: str = "", pointer: str | None = None) -> None:
        super().__init__(message)
        self.faults: Sequence[Fault] = (Fault(code or self.code, message, pointer),)

    @classmethod
    def of(cls, faults: Sequence[Fault]) -> DomainError:
        """One error that carries several faults, in the order in which they were found."""
        error = cls(faults[0].message)
        error.faults = tuple(faults)
        return error


class BadRequestError(DomainError):
    """The bytes or the shape of the request are wrong: 400."""

    status = 400
    code = "BAD_REQUEST"


class ForbiddenError(DomainError):
    """Whoever asks for this may not have it: 403."""

    status = 403
    code = "FORBIDDEN"


class NotFoundError(DomainError):
    """There is no such thing, or it belongs to somebody else: 404."""

    status = 404
    code = "NOT_FOUND"


class ConflictError(DomainError):
    """The request is at odds with what is stored: 409."""

    status = 409
    code = "CONFLICT"


class TooLargeError(DomainError):
    """The body, or one action of a batch, is over its limit: 413."""

    status = 413
    code = "TOO_LARGE"


class BusyError(DomainError):
    """Not now: 503, and in how many seconds to try again."""

    status = 503
    code = "BUSY"

    def __init__(self, message: str, *, retry_after: int = 1, code: str = "") -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class RuleError(DomainError):
    """Well-formed, but against a rule: 422."""


def pointer(path: Sequence[str | int]) -> str:
    """The JSON Pointer (RFC 6901) of a path of keys and indexes."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def split_pointer(pointer: str | None) -> list[str]:
    """The parts of a JSON Pointer (RFC 6901): keys, and indexes as they are written."""
    return [part.replace("~1", "/").replace("~0", "~") for part in (pointer or "").split("/")[1:]]
