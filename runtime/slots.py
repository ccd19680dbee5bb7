"""Slots for work: how many of a web process's requests work at once, each with its connection.

A process has a thread for every request it holds, but only so many of them work: a request whose
body is there (`bodies`) takes a slot, and with it one of the few database connections that the
process keeps open. A request that waits for something to happen leaves its slot meanwhile, and with
it the connection, so that hundreds may wait beside the work of the others, each in one of the
`seats`.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import TransactionManagementError

from runtime.bodies import Bodies

Application = Callable[..., Any]
ENDINGS = (signal.SIGTERM, signal.SIGINT)


class Slots:
    """`count` slots."""

    def __init__(self, count: int) -> None:
        self.bodies = Bodies()
        # The last one that was given back is the next one taken: its connection is awake.
        self._free: queue.LifoQueue[BaseDatabaseWrapper] = queue.LifoQueue()
        for _ in range(count):
            self._free.put(_make_connection())
        self._stopping = threading.Event()

    def serve(self, application: Application) -> Application:
        """The WSGI application, each of whose requests works in a slot, with its body at hand."""

        def in_slot(environ: dict[str, Any], start_response: Any) -> Any:
            held = self.bodies.fetch(environ)
            self._take()
            self.bodies.release(held)
            try:
                return application(environ, start_response)
            finally:
                self._give_back()

        return in_slot

    @contextmanager
    def left(self) -> Iterator[None]:
        """Out of the slot for a while."""
        if connection.in_atomic_block:
            raise TransactionManagementError("An open transaction cannot be lent to others.")
        self._give_back()
        try:
            yield
        finally:
            self._take()
            # As at the start of a request: it may have gone stale.
            connection.close_if_unusable_or_obsolete()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """In a slot for a while, for a caller who has none."""
        self._take()
        try:
            connection.close_if_unusable_or_obsolete()
            yield
        finally:
            self._give_back()

    @property
    def is_stopping(self) -> bool:
        """Whether the process is to end."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """From here on nobody else begins to wait."""
        self._stopping.set()
        for call in _on_stop:
            call()

    def _take(self) -> None:
        connections[DEFAULT_DB_ALIAS] = self._free.get()

    def _give_back(self) -> None:
        mine = connections[DEFAULT_DB_ALIAS]
        del connections[DEFAULT_DB_ALIAS]
        self._free.put(mine)


_installed: list[Slots] = []
_on_stop: list[Callable[[], None]] = []
_at_end: list[Callable[[], None]] = []
_while_left: list[Callable[[], AbstractContextManager[None]]] = []


def install(slots: Slots) -> None:
    """Make them the slots of this process. Its main thread calls this, once."""
    _installed.append(slots)
    _watch_signals(slots.stop)


def on_stop(call: Callable[[], None]) -> None:
    """Have it called when a process with slots is to end, so that nobody in it waits longer."""
    _on_stop.append(call)


def at_end(call: Callable[[], None]) -> None:
    """Have it called when a process with slots ends, after its last request."""
    _at_end.append(call)


def end() -> None:
    """Call what is to be called at the end of the process."""
    for call in _at_end:
        call()


def while_left(context: Callable[[], AbstractContextManager[None]]) -> None:
    """Have this around every leaving of a slot: what a connection was told is one request's own."""
    _while_left.append(context)


@contextmanager
def left() -> Iterator[None]:
    """Without a slot and without a connection, for one who has a seat to wait in.

    In a process without slots, as under another server, the connection is closed.
    """
    with ExitStack() as stack:
        for context in _while_left:
            stack.enter_context(context())
        if _installed:
            stack.enter_context(_installed[0].left())
        elif not connection.in_atomic_block:
            connection.close()
        yield


@contextmanager
def entered() -> Iterator[None]:
    """In a slot, and with its connection: for what is read when the view has returned already."""
    with ExitStack() as stack:
        if _installed:
            stack.enter_context(_installed[0].entered())
        yield


def is_stopping() -> bool:
    """Whether this process is to end, and nobody in it is to stay."""
    return any(ours.is_stopping for ours in _installed)


def may_leave() -> bool:
    """Whether a request may leave its slot, and wait: not in a transaction, nor when all ends.

    Where there are no slots, everybody may: nothing is lent to others.
    """
    return not _installed or not (is_stopping() or connection.in_atomic_block)


def _make_connection() -> BaseDatabaseWrapper:
    made: BaseDatabaseWrapper = connections.create_connection(DEFAULT_DB_ALIAS)
    # One thread after the other has it, never two at once.
    made.inc_thread_sharing()
    return made


def _watch_signals(stop: Callable[[], None]) -> None:
    """Call `stop` when a signal to end arrives, whoever handles it.

    The server installs its own handlers after this, and tells nobody.
    """
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)

    def watch() -> None:
        while not any(number in ENDINGS for number in os.read(ours, 64)):
            pass
        stop()

    threading.Thread(target=watch, name="slots", daemon=True).start()
