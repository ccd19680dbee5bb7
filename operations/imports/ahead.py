"""Judging ahead of storing, in a process of its own: one interpreter does not do both at once."""

from __future__ import annotations

import gc
import multiprocessing
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection

from django.db import InterfaceError, OperationalError, connection

from config.errors import ConflictError, DomainError
from operations.imports import batches
from operations.imports.batches import Verdict
from operations.imports.lines import Batch

# The child goes on with the file where this process has begun to read it.
FORK = multiprocessing.get_context("fork")
# What ends the child's work in order: it is raised here.
TOLD = (DomainError, OSError, OperationalError, InterfaceError)


class JudgeGoneError(ConflictError):
    """The process that judges was ended from outside."""

    code = "JUDGE_GONE"
    sentence = "The process that judges the lines was ended."


@contextmanager
def judged(org_id: int, found: Iterable[Batch]) -> Iterator[Iterator[Verdict]]:
    """The verdicts on the batches, in their order, one judged while the one before is stored.

    The child ends with this process, however that ends: nobody reads what it writes then.
    """
    here, there = FORK.Pipe(duplex=False)
    # Each of the two opens one of its own.
    connection.close()
    child = FORK.Process(target=_judge, args=(org_id, found, here, there), daemon=True)
    child.start()
    there.close()
    try:
        yield _receive(here)
    finally:
        here.close()
        # It has nothing that would have to be put in order.
        child.kill()
        child.join()


def _receive(here: Connection) -> Iterator[Verdict]:
    while True:
        try:
            told = here.recv()
        except (EOFError, OSError) as error:
            raise JudgeGoneError(JudgeGoneError.sentence) from error
        if told is None:
            return
        if isinstance(told, Exception):
            raise told
        yield told


def _judge(org_id: int, found: Iterable[Batch], here: Connection, there: Connection) -> None:
    """What the child does."""
    # Ctrl-C reaches both: the parent says what comes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    here.close()
    # What is there by now stays: it is not looked through again and again.
    gc.freeze()
    with suppress(BrokenPipeError):
        try:
            for batch in found:
                there.send(batches.judge_batch(org_id, batch))
            there.send(None)
        except TOLD as error:
            there.send(error)
