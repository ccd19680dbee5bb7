"""Clients of brokers that many calls share, each made once and closed when nobody needs it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

C = TypeVar("C")
K = TypeVar("K", bound=Hashable)
MOST_CLIENTS = 256
IDLE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Client(Generic[C]):
    """A client, how it is closed, and when it is of no use any more (by the monotonic clock)."""

    itself: C
    close: Callable[[], Awaitable[None]]
    until: float = float("inf")


@dataclass(eq=False, slots=True)
class _Held(Generic[C]):
    making: asyncio.Task[Client[C]]
    users: int = 0
    # Closed with its last user.
    is_retired: bool = False
    used_at: float = field(default_factory=time.monotonic)


class Pool(Generic[K, C]):
    """At most so many clients, by key. What is not used for five minutes is closed."""

    def __init__(self, make: Callable[[K], Awaitable[Client[C]]], most: int = MOST_CLIENTS) -> None:
        self._make = make
        self._most = most
        # The one that was used last is the last.
        self._held: dict[K, _Held[C]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._held)

    @contextlib.asynccontextmanager
    async def use(self, key: K) -> AsyncIterator[C]:
        """The client of this key, made if need be; it is not closed meanwhile."""
        held = self._find(key)
        held.users += 1
        try:
            # Whoever gives up does not spoil it for the others.
            yield (await asyncio.shield(held.making)).itself
        finally:
            held.users -= 1
            held.used_at = time.monotonic()
            if held.is_retired and not held.users:
                self._start_closing(held)
            self._close_unneeded()

    def _find(self, key: K) -> _Held[C]:
        held = self._held.pop(key, None)
        if held is not None and _is_over(held.making):
            self._retire(held)
            held = None
        if held is None:
            held = _Held(asyncio.ensure_future(self._make(key)))
            # What went wrong is told to whoever waits, and is nobody's fault where nobody does.
            held.making.add_done_callback(_has_failed)
        self._held[key] = held
        return held

    def _close_unneeded(self) -> None:
        idle_since = time.monotonic() - IDLE_SECONDS
        for key, held in list(self._held.items()):
            if held.used_at > idle_since and len(self._held) <= self._most:
                break
            if not held.users:
                del self._held[key]
                self._retire(held)

    def _retire(self, held: _Held[C]) -> None:
        held.is_retired = True
        if not held.users:
            self._start_closing(held)

    def _start_closing(self, held: _Held[C]) -> None:
        task = asyncio.ensure_future(_close(held))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close all of them, whoever uses them."""
        for held in self._held.values():
            self._start_closing(held)
        self._held.clear()
        await asyncio.gather(*self._closing)


async def _close(held: _Held[C]) -> None:
    held.making.cancel()
    await asyncio.wait([held.making])
    if not _has_failed(held.making):
        await held.making.result().close()


def _has_failed(making: asyncio.Task[Client[C]]) -> bool:
    return making.cancelled() or making.exception() is not None


def _is_over(making: asyncio.Task[Client[C]]) -> bool:
    """Whether another one must be made: this one has failed, or has had its time."""
    if not making.done():
        return False
    return _has_failed(making) or making.result().until <= time.monotonic()
