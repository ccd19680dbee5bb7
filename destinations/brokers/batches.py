"""Attempts at one place, joined into the calls that a broker takes many messages in."""

from __future__ import annotations

import asyncio
import functools
import importlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import orjson

from destinations import signaling
from destinations.attempts import Attempt
from destinations.keys import Secret
from destinations.outcomes import NoAnswerError, Outcome, Verdict
from destinations.outward import threads

logger = logging.getLogger(__name__)

# How long the first one waits for others. What a dispatcher claims at once comes within a tick.
WAIT_SECONDS = 0.003


@dataclass(frozen=True, slots=True)
class Account:
    """Whose client it is: equal where one client serves both."""

    credential_id: int
    version: int
    region: str = ""
    # Kept out of whatever prints it.
    secret: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where messages go. What has an order is sent one call after the other."""

    account: Account
    name: str
    order: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call takes, and how many calls to one place are under way at once."""

    messages: int
    bytes: int
    calls: int


@dataclass(frozen=True, slots=True)
class Messages:
    """What a broker takes for a message: what it takes besides, and at most, in bytes."""

    broker: str
    overhead: int
    largest: int
    no_credential: str

    def weigh(self, attempt: Attempt) -> tuple[Secret, int]:
        """The attempt's credential, and its size in bytes; `NoAnswerError` where it is refused."""
        credential = attempt.keys.credential
        if credential is None:
            raise NoAnswerError(
                Outcome(Verdict.REFUSED, self.no_credential, said=False, sent=False)
            )
        size = attempt.message_size() + self.overhead
        if size > self.largest:
            message = f"The message has {size} bytes; {self.broker} takes {self.largest}."
            raise NoAnswerError(Outcome(Verdict.PERMANENT, message, said=False, sent=False))
        return credential, size


class Entry:
    """An attempt that waits for its outcome."""

    __slots__ = ("attempt", "batch", "outcome", "size")

    def __init__(self, attempt: Attempt, size: int) -> None:
        self.attempt = attempt
        self.size = size
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.batch: Batch | None = None


class HasSent(Protocol):
    """What knows whether any of it may have left this machine."""

    sent: bool


class Batch:
    """The entries of one call."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.body: HasSent | None = None
        for entry in entries:
            entry.batch = self

    @property
    def sent(self) -> bool:
        """Whether any of it may have left this machine."""
        return self.body is not None and self.body.sent

    def seconds_left(self) -> float:
        """How long the call may take: as long as any of its attempts."""
        return max(entry.attempt.seconds_left() for entry in self.entries)


Send = Callable[[Place, Batch], Awaitable[list[Outcome]]]


class Broker(Protocol):
    """A module of `destinations.brokers`: how batches of one kind are sent."""

    async def send(self, place: Place, batch: Batch) -> list[Outcome]:
        """The outcome of each entry, in order."""

    async def close(self) -> None:
        """End its clients."""


async def send_halves(send: Send, place: Place, batch: Batch) -> list[Outcome]:
    """The outcomes where the broker refuses the whole for what may be the fault of one."""
    middle = len(batch.entries) // 2
    first = await send(place, Batch(batch.entries[:middle]))
    return first + await send(place, Batch(batch.entries[middle:]))


class Batches:
    """Everything that waits for, or is on its way to, the brokers of one kind.

    The client libraries are large, and the processes that only take actions in do without: the
    broker's module is loaded, in a thread, when something is first sent.
    """

    def __init__(self, module: str, limits: Limits) -> None:
        self.module = module
        self.limits = limits
        self._lines: dict[Place, _Line] = {}
        self._loading: asyncio.Task[Broker] | None = None

    async def deliver(self, attempt: Attempt, place: Place, size: int) -> Outcome:
        """What comes of the attempt, within its time."""
        line = self._lines.get(place)
        if line is None:
            forget = functools.partial(self._lines.pop, place, None)
            calls = 1 if place.order else self.limits.calls
            line = _Line(functools.partial(self._send, place), self.limits, calls, forget)
            self._lines[place] = line
        entry = Entry(attempt, size)
        line.take(entry)
        try:
            async with asyncio.timeout(attempt.seconds_left()):
                return await entry.outcome
        except TimeoutError:
            return judge_silence("no answer in time", sent=_is_sent(entry))

    async def _send(self, place: Place, batch: Batch) -> list[Outcome]:
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())
        broker = await asyncio.shield(self._loading)
        return await broker.send(place, batch)

    async def _load(self) -> Broker:
        try:
            module = await threads.run(importlib.import_module, self.module)
            broker: Broker = module.Broker()
        except BaseException:
            # The next attempt tries again.
            self._loading = None
            raise
        return broker

    async def close(self) -> None:
        """Give up what is under way, and end the clients."""
        loading = self._loading
        tasks = [task for line in self._lines.values() for task in line.tasks]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if loading is not None:
            await asyncio.wait([loading])
            if error := loading.exception():
                logger.error("%s could not be loaded", self.module, exc_info=error)
            else:
                await loading.result().close()


def _is_sent(entry: Entry) -> bool:
    return entry.batch is not None and entry.batch.sent


def accepted_outcome(attempt: Attempt, said: Mapping[str, Any]) -> Outcome:
    """What it means that a broker has taken the message: done, unless `signaling` says more."""
    outcome = Outcome(Verdict.ACK)
    if "signaling" in attempt.config:
        outcome = signaling.default_outcome(attempt.config)
    return replace(outcome, answer=orjson.dumps(said)) if attempt.is_test else outcome


def judge_silence(said: str, *, sent: bool) -> Outcome:
    """What it means that no answer came: whether the call was sent decides."""
    if sent:
        message = f"Sent, but {said}; it may have been done."
        return Outcome(Verdict.AMBIGUOUS, message, said=False, sent=True)
    return Outcome(Verdict.UNAVAILABLE, f"Not sent: {said}.", said=False, sent=False)


class _Line:
    """What waits for one place, and the calls to it that are under way."""

    def __init__(
        self,
        send: Callable[[Batch], Awaitable[list[Outcome]]],
        limits: Limits,
        calls: int,
        forget: Callable[[], object],
    ) -> None:
        self.send = send
        self.limits = limits
        self.calls = calls
        self.forget = forget
        self.waiting: list[Entry] = []
        self.tasks: set[asyncio.Task[list[Outcome]]] = set()
        self.timer: asyncio.TimerHandle | None = None

    def take(self, entry: Entry) -> None:
        """Send it with what else comes within a few milliseconds, or once a call is full."""
        self.waiting.append(entry)
        if len(self.waiting) >= self.limits.messages:
            self._start_calls(least=self.limits.messages)
        if self.waiting and self.timer is None:
            self.timer = asyncio.get_running_loop().call_later(WAIT_SECONDS, self._stop_waiting)

    def _stop_waiting(self) -> None:
        self.timer = None
        self._start_calls(least=1)

    def _start_calls(self, *, least: int) -> None:
        while len(self.waiting) >= least and len(self.tasks) < self.calls:
            if entries := self._cut():
                self._start_call(Batch(entries))
        if not self.waiting and not self.tasks:
            # Another line may be made for its place from here on.
            self._end_timer()
            self.forget()

    def _end_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _cut(self) -> list[Entry]:
        """The oldest that fit into one call; those that nobody waits for any more are dropped."""
        entries: list[Entry] = []
        size = seen = 0
        for entry in self.waiting:
            if not entry.outcome.done():
                size += entry.size
                if entries and (size > self.limits.bytes or len(entries) == self.limits.messages):
                    break
                entries.append(entry)
            seen += 1
        del self.waiting[:seen]
        return entries

    def _start_call(self, batch: Batch) -> None:
        task = asyncio.ensure_future(self.send(batch))
        self.tasks.add(task)
        task.add_done_callback(functools.partial(self._end_call, batch.entries))
        waited_for = {entry.outcome for entry in batch.entries}

        def give_up(outcome: asyncio.Future[Outcome]) -> None:
            waited_for.discard(outcome)
            if not waited_for:
                task.cancel()

        for entry in batch.entries:
            entry.outcome.add_done_callback(give_up)

    def _end_call(self, entries: Sequence[Entry], task: asyncio.Task[list[Outcome]]) -> None:
        self.tasks.discard(task)
        if task.cancelled():
            outcomes: Sequence[Outcome | BaseException | None] = [None] * len(entries)
        else:
            outcomes = [error] * len(entries) if (error := task.exception()) else task.result()
        for entry, outcome in zip(entries, outcomes, strict=True):
            _end(entry.outcome, outcome)
        # What came meanwhile has waited long enough.
        self._start_calls(least=1)


def _end(future: asyncio.Future[Outcome], outcome: Outcome | BaseException | None) -> None:
    if future.done():
        return
    if outcome is None:
        future.cancel()
    elif isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
