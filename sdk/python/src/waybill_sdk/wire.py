"""What both clients have in common: how a call is sent, and what its answer means."""

from __future__ import annotations

from typing import Any, TypeVar

import httpx2

from waybill_sdk.calls import Call
from waybill_sdk.errors import ApiError, Unreachable, Unreadable, make_api_error
from waybill_sdk.models import Problem
from waybill_sdk.retries import AGAIN, Retries

T = TypeVar("T")
# Of these it is known that nothing was sent.
NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


class Wire:
    """How calls are sent with one key to one Waybill."""

    def __init__(self, key: str, timeout: float, retries: Retries) -> None:
        self.key = key
        self.timeout = timeout
        self.retries = retries

    def options(self, call: Call[Any]) -> dict[str, Any]:
        """The arguments of httpx's `request`."""
        timeout = self.timeout if call.once_within is None else call.once_within
        options: dict[str, Any] = {
            "headers": {"x-arklow-auth": self.key, **call.headers},
            "timeout": httpx2.Timeout(timeout, read=timeout + call.patience),
        }
        if call.query:
            options["params"] = dict(call.query)
        if call.body is not None:
            options["json"] = call.body
        return options

    def judge_fault(self, call: Call[Any], attempt: int, error: httpx2.TransportError) -> float:
        """Seconds until it is tried again; raises `Unreachable` where it is not."""
        may_repeat = call.repeatable or isinstance(error, NOT_SENT)
        if may_repeat and attempt < self._most(call):
            return self.retries.pause(attempt)
        raise Unreachable(f"{type(error).__name__}: {error}") from error

    def judge_answer(
        self, call: Call[Any], attempt: int, response: httpx2.Response
    ) -> float | None:
        """Seconds until it is tried again; None where it was answered. Raises what it refuses."""
        if response.status_code == 200:
            return None
        may_repeat = response.status_code in AGAIN and (
            call.repeatable or response.status_code == 429
        )
        if may_repeat and attempt < self._most(call):
            return self.retries.pause(attempt, response.headers.get("retry-after"))
        raise read_error(response)

    def _most(self, call: Call[Any]) -> int:
        """How often it may be sent in all."""
        return self.retries.attempts if call.once_within is None else 1


def read(call: Call[T], response: httpx2.Response) -> T:
    """What an answer with 200 gives; raises `Unreadable` where that is not Waybill's."""
    try:
        return call.read(response.json()["data"])
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        said = response.text[:200] or "no body"
        raise Unreadable(f"{call.method} {call.path} was answered with: {said}") from error


def read_error(response: httpx2.Response) -> ApiError:
    """What a refusal says; whoever refused."""
    try:
        problems = [Problem.read(error) for error in response.json()["errors"]]
    except (ValueError, KeyError, TypeError):
        problems = []
    said = problems or [Problem("HTTP_ERROR", response.text[:200] or "no body")]
    return make_api_error(response.status_code, said)
