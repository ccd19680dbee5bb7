"""Deliveries for callers that wait: one loop in a thread of this process, which all of them share.

A caller's own thread does no more than wait. What is open between deliveries, connections and
tokens, stays open for the next ones.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings

from destinations import kinds
from destinations.attempts import Attempt
from destinations.outcomes import Outcome, Verdict
from destinations.outward import addresses, outbound
from destinations.outward.addresses import Policy
from destinations.outward.clients import Clients

# For what does not end by itself when its time is up.
GRACE_SECONDS = 1.0
CONNECTIONS = 256
RESOLVERS = 32


class Calls:
    """The loop, and what is kept open in it for each policy of where calls may go: mostly one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._clients: dict[Policy, Clients] = {}

    def deliver(self, attempt: Attempt) -> Outcome:
        """The outcome of an attempt, within its time; the calling thread waits for it."""
        delivery = self._deliver(attempt, allow_private=settings.ALLOW_PRIVATE_NETWORKS)
        outcome = asyncio.run_coroutine_threadsafe(delivery, self._start())
        try:
            return outcome.result(attempt.seconds_left() + GRACE_SECONDS)
        except TimeoutError:
            outcome.cancel()
            message = "It has not ended in time; it may have been done."
            return Outcome(Verdict.AMBIGUOUS, message, said=False, sent=True)

    def close(self) -> None:
        """End the loop and what is open in it; the next delivery begins anew."""
        with self._lock:
            loop, thread, self._loop = self._loop, self._thread, None
            if loop is None or thread is None:
                return
            with contextlib.suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(self._close(), loop).result(GRACE_SECONDS)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _start(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                resolvers = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="resolve")
                self._loop.set_default_executor(resolvers)
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="calls", daemon=True
                )
                self._thread.start()
            return self._loop

    async def _deliver(self, attempt: Attempt, *, allow_private: bool) -> Outcome:
        return await kinds.deliver(attempt, self._find_clients(allow_private=allow_private))

    def _find_clients(self, *, allow_private: bool) -> Clients:
        policy = addresses.read_policy(allow_private=allow_private)
        clients = self._clients.get(policy)
        if clients is None:
            session = outbound.open_session(allow_private=allow_private, connections=CONNECTIONS)
            clients = self._clients[policy] = Clients(session)
        return clients

    async def _close(self) -> None:
        for clients in self._clients.values():
            await clients.__aexit__()
            await clients.session.close()
        self._clients = {}


calls = Calls()
atexit.register(calls.close)
