"""Running a chore, and keeping what came of it where an operator sees it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import OperationalError
from django.db.models.functions import Now
from psycopg.errors import DeadlockDetected, LockNotAvailable

from operations.models import Chore

logger = logging.getLogger(__name__)

# Whether the worker wants to end: asked between two steps.
Stop = Callable[[], bool]
Answer = TypeVar("Answer")
# How often a step is tried that others keep from its locks, and how long they are given.
TRIES = 5
PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Report:
    """What a chore did, and what an operator should look at, if anything."""

    result: dict[str, Any] = field(default_factory=dict)
    trouble: str = ""


def run(name: str, work: Callable[[], Report]) -> dict[str, Any]:
    """The result of a chore, after keeping it, with its trouble logged."""
    chore, _ = Chore.objects.update_or_create(name=name, defaults={"began_at": Now()})
    began = time.monotonic()
    try:
        report = work()
    except Exception as error:
        _keep(name, began, Report(trouble=f"It failed: {error}"))
        raise
    _keep(name, began, report)
    # What is as wrong as the last time has had its line.
    if report.trouble and report.trouble != chore.trouble:
        logger.error("%s: %s", name, report.trouble)
    return report.result


def _keep(name: str, began: float, report: Report) -> None:
    Chore.objects.filter(name=name).update(
        seconds=time.monotonic() - began, result=report.result, trouble=report.trouble
    )


def within(seconds: float, stop: Stop) -> Stop:
    """Whether to stop, as soon as so much time has gone by too."""
    until = time.monotonic() + seconds
    return lambda: stop() or time.monotonic() > until


def insist(step: Callable[[], Answer]) -> Answer:
    """What the step gives. Others may keep it from its locks for a while: that is no trouble.

    It is a transaction, or several that may be done again.
    """
    for _ in range(TRIES - 1):
        try:
            return step()
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable | DeadlockDetected):
                raise
        time.sleep(PAUSE_SECONDS)
    return step()
