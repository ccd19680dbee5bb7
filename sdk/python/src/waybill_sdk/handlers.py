"""What both workers have in common: which handler takes what, and what its failure means."""

from __future__ import annotations

import functools
import inspect
import logging
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from waybill_sdk.errors import (
    Permanent,
    RetryLater,
    Unavailable,
    Unreachable,
    Unreadable,
    WaybillError,
)
from waybill_sdk.models import Action

logger = logging.getLogger("waybill_sdk")
H = TypeVar("H", bound=Callable[..., Any])
# After a poll that came back early and empty, as from a Waybill where too many wait.
EARLY_SECONDS = 1.0
# After a poll that failed for good, before the next one.
FAULT_SECONDS = 5.0
# After settlements that got no answer, before they are sent again.
AGAIN_SECONDS = 1.0
# How long one extension of a lease may take, at most.
EXTENDING_SECONDS = 5.0
# What is no answer of Waybill's to a settlement: it is to be sent again.
UNANSWERED = (Unreachable, Unavailable, Unreadable)
MOST_PULLED = 100
MOST_ACKED = 1_000


@dataclass(frozen=True, slots=True)
class Options:
    """How a worker works.

    `wait_seconds` bounds how long an idle worker takes to stop; `grace_seconds` how long those that
    run have to end then.
    """

    namespace: str
    concurrency: int = 10
    lease_seconds: int = 60
    wait_seconds: float = 5.0
    grace_seconds: float = 25.0
    name: str = ""

    def __post_init__(self) -> None:
        if self.concurrency < 1 or self.lease_seconds < 1 or not 0 < self.wait_seconds <= 30:
            raise ValueError(
                "`concurrency` and `lease_seconds` are at least 1, `wait_seconds` at most 30."
            )

    @property
    def extend_seconds(self) -> float:
        """How often what runs is extended: twice before its lease would end."""
        return self.lease_seconds / 3

    @property
    def extend_within(self) -> float:
        """The timeout of one extension, which the next round repeats."""
        return min(EXTENDING_SECONDS, self.extend_seconds / 2)


@dataclass(frozen=True, slots=True)
class Nack:
    """How an attempt failed: again at that Unix time, by Waybill's schedule, or never."""

    retry_at: int | None = None
    retry: bool = True


class Handlers(Generic[H]):
    """Handlers by variant and version; without a version one takes those that have none."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int | None], H] = {}

    def add(self, variant: str, version: int | None, handler: H) -> None:
        """Have it take that."""
        if (variant, version) in self._known:
            raise ValueError(f"{variant} version {version or 'any'} has a handler already.")
        self._known[variant, version] = handler

    def find(self, action: Action) -> H:
        """The one that takes this action; raises `LookupError` where there is none."""
        for version in (action.version, None):
            if handler := self._known.get((action.variant, version)):
                return handler
        raise LookupError(f"Nothing here takes {action.variant} version {action.version}.")


def refuse_other_kinds(handler: Callable[..., Any], *, asynchronous: bool) -> None:
    """Raise `TypeError` for a handler that the worker could call, but not run."""
    inner: Any = handler
    while isinstance(inner, functools.partial):
        inner = inner.func
    # An object may be called, too; a class, whose call makes an object, is not meant.
    forms = (inner, getattr(type(inner), "__call__", None))  # noqa: B004 -- it is looked into
    if any(inspect.isgeneratorfunction(one) or inspect.isasyncgenfunction(one) for one in forms):
        raise TypeError(f"{handler!r} is a generator, of which nothing would ever run.")
    if any(map(inspect.iscoroutinefunction, forms)) is not asynchronous:
        its, other = ("`def`", "`Worker`") if asynchronous else ("`async def`", "`AsyncWorker`")
        raise TypeError(f"{handler!r} is made by {its}: it is for {other}, not for this worker.")


def refuse_awaitable(given: Any) -> None:
    """Raise `TypeError` where a handler has given what nobody will await."""
    if inspect.isawaitable(given):
        if inspect.iscoroutine(given):
            given.close()
        raise TypeError("The handler returned an awaitable: it belongs to an `AsyncWorker`.")


def log_fault(what: str, error: Exception) -> None:
    """Say what could not be done; with a traceback where that was not foreseen."""
    foreseen = isinstance(error, WaybillError)
    logger.error("%s: %s", what, error, exc_info=None if foreseen else error)


def judge_failure(action: Action, error: BaseException) -> Nack:
    """What a handler's exception means for its action."""
    match error:
        case Permanent():
            logger.warning("%s will not succeed: %s", action, error)
            return Nack(retry=False)
        case RetryLater(after=None, at=None):
            logger.info("%s is to be tried again: %s", action, error)
            return Nack()
        case RetryLater(after=after, at=at):
            logger.info("%s is to be tried again later: %s", action, error)
            return Nack(int(at.timestamp()) if at else int(time.time() + (after or 0.0)))
        case _:
            logger.error("%s failed", action, exc_info=error)
            return Nack()


def hand_back() -> Nack:
    """For what a worker that ends leaves to the others: at once."""
    return Nack(retry_at=0)


def own_name() -> str:
    """This process among all others."""
    return f"{socket.gethostname()}:{os.getpid()}"
