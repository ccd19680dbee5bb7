"""What can go wrong: what Waybill refuses, what cannot be reached, and what handlers say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from waybill_sdk.models import Problem


class WaybillError(Exception):
    """Whatever this package raises of its own."""


class Unreachable(WaybillError):
    """There was no answer, however often it was tried."""


class Unreadable(WaybillError):
    """There was an answer with 200, but not one of Waybill's: a page of a proxy, as it may be."""


class ApiError(WaybillError):
    """Waybill said no: an HTTP status and what is wrong."""

    def __init__(self, status: int, problems: Sequence[Problem]) -> None:
        super().__init__(f"{status}: {'; '.join(map(str, problems))}")
        self.status = status
        self.problems = tuple(problems)

    @property
    def code(self) -> str:
        """The code of the first problem, such as `ATTEMPT_OVER`."""
        return self.problems[0].code


class BadRequest(ApiError):
    """400: malformed, of another shape, or against the contract of its variant."""


class Unauthorized(ApiError):
    """401: no live key."""


class Forbidden(ApiError):
    """403: the key's member lacks a permission."""


class NotFound(ApiError):
    """404: not there, or another organization's."""


class Conflict(ApiError):
    """409: at odds with what is stored, as a settlement that comes late."""


class Unprocessable(ApiError):
    """422: well-formed, but against a rule."""


class Unavailable(ApiError):
    """429 or 5xx: not now, however often it was tried."""


_CLASSES: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: Unprocessable,
    429: Unavailable,
}


def make_api_error(status: int, problems: Sequence[Problem]) -> ApiError:
    """The error of an answer with this status."""
    return _CLASSES.get(status, Unavailable if status >= 500 else ApiError)(status, problems)


class Permanent(Exception):
    """Raised by a handler: this action cannot succeed and is not to be tried again."""


class RetryLater(Exception):
    """Raised by a handler: to be tried again `after` so many seconds, or `at` a moment."""

    def __init__(
        self, message: str = "", *, after: float | None = None, at: datetime | None = None
    ) -> None:
        super().__init__(message)
        if after is not None and at is not None:
            raise ValueError("Say `after` or `at`, not both.")
        if at is not None and at.tzinfo is None:
            raise ValueError("`at` needs a time zone.")
        self.after = after
        self.at = at
