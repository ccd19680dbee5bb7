"""The worker of threads: pulls, runs handlers, keeps their leases, and settles."""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from waybill_sdk import calls
from waybill_sdk.client import Client
from waybill_sdk.errors import Conflict, NotFound
from waybill_sdk.handlers import (
    AGAIN_SECONDS,
    EARLY_SECONDS,
    FAULT_SECONDS,
    MOST_ACKED,
    MOST_PULLED,
    UNANSWERED,
    Handlers,
    Nack,
    Options,
    hand_back,
    judge_failure,
    log_fault,
    logger,
    own_name,
    refuse_awaitable,
    refuse_other_kinds,
)
from waybill_sdk.models import Action

Handler = Callable[[Action], Any]
F = TypeVar("F", bound=Handler)
# One extension that hangs must not keep the others' leases from being extended.
MOST_EXTENDED_AT_ONCE = 10


class Worker:
    """Runs handlers for the actions of a namespace, up to `concurrency` at a time, in threads.

    While a handler runs, its lease is extended. A handler that returns has succeeded; one that
    raises has failed: `Permanent` for good, `RetryLater` until then, all else by the schedule.
    """

    def __init__(self, client: Client, namespace: str, **options: Any) -> None:
        self.client = client
        self.options = Options(namespace, **options)
        self._name = self.options.name or own_name()
        self._handlers: Handlers[Handler] = Handlers()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        # Changed under the lock; told of each end.
        self._ended = threading.Condition(self._lock)
        self._running: dict[tuple[str, int], Action] = {}
        # Those of them that have succeeded, and are to be settled.
        self._done: set[tuple[str, int]] = set()
        self._work: queue.SimpleQueue[Action | None] = queue.SimpleQueue()
        self._acks: queue.SimpleQueue[Action | None] = queue.SimpleQueue()
        self._leases: queue.Queue[Action | None] = queue.Queue()
        self._over = threading.Event()

    def action(self, variant: str, *, version: int | None = None) -> Callable[[F], F]:
        """Decorates the handler of a variant, or of one version of it."""

        def register(handler: F) -> F:
            refuse_other_kinds(handler, asynchronous=False)
            self._handlers.add(variant, version, handler)
            return handler

        return register

    def stop(self) -> None:
        """Pull no more; `run` returns when what runs has ended, or its grace is over."""
        self._stopping.set()

    def run(self, *, handle_signals: bool = True) -> None:
        """Work until `stop`, or until SIGTERM or SIGINT where this is the main thread."""
        if handle_signals and threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self.stop())
        handling = [self._start(self._handle_all) for _ in range(self.options.concurrency)]
        acking = self._start(self._ack_all)
        self._start(self._extend_all)
        extending = min(self.options.concurrency, MOST_EXTENDED_AT_ONCE)
        for _ in range(extending):
            self._start(self._extend_each)
        while not self._stopping.is_set():
            self._pull_once()
        self._end(handling, acking)
        self._over.set()
        for _ in range(extending):
            self._leases.put(None)

    def _start(self, target: Callable[[], None]) -> threading.Thread:
        # Daemons: a handler that hangs must not keep the process when its grace is over.
        thread = threading.Thread(target=target, daemon=True)
        thread.start()
        return thread

    # --- pulling ---------------------------------------------------------------------------------

    def _pull_once(self) -> None:
        """Start what one poll gives, when there is room for it."""
        with self._ended:
            free = self.options.concurrency - len(self._running)
            if not free:
                # A stop, which comes by a signal, tells nobody.
                self._ended.wait(0.5)
                return
        began = time.monotonic()
        try:
            actions = self._poll(min(free, MOST_PULLED))
        except Exception as error:  # noqa: BLE001 -- a worker goes on, whatever happens to a poll
            log_fault("Cannot pull, trying again", error)
            self._stopping.wait(FAULT_SECONDS)
            return
        if self._stopping.is_set():
            for action in actions:
                self._nack(action, hand_back())
            return
        for action in actions:
            with self._lock:
                self._running[action.id, action.attempt] = action
            self._work.put(action)
        early = time.monotonic() - began < min(EARLY_SECONDS, self.options.wait_seconds) / 2
        if not actions and early:
            self._stopping.wait(EARLY_SECONDS)

    def _poll(self, most: int) -> list[Action]:
        return self.client.pull(
            self.options.namespace,
            most=most,
            wait_seconds=self.options.wait_seconds,
            lease_seconds=self.options.lease_seconds,
            worker=self._name,
        )

    # --- handling and settling -------------------------------------------------------------------

    def _handle_all(self) -> None:
        while (action := self._work.get()) is not None:
            self._handle(action)

    def _handle(self, action: Action) -> None:
        try:
            refuse_awaitable(self._handlers.find(action)(action))
        except BaseException as error:  # noqa: BLE001 -- whatever it raises, its lease is not kept
            self._fail(action, error)
        else:
            # It stays among the running ones, and its lease is kept, until it is settled.
            with self._lock:
                self._done.add((action.id, action.attempt))
            self._acks.put(action)

    def _fail(self, action: Action, error: BaseException) -> None:
        """Give it back; `sys.exit()` in a handler is a failure of its action, no more."""
        mine = self._release(action)
        try:
            nack = judge_failure(action, error)
            if mine:
                self._nack(action, nack)
        except Exception as fault:  # noqa: BLE001 -- the next action is to be handled
            log_fault(f"{action} cannot be given back", fault)
        self._tell_end()
        if isinstance(error, KeyboardInterrupt):
            self.stop()

    def _ack_all(self) -> None:
        """Settle what has succeeded: all that has ended meanwhile, in one call."""
        while (action := self._acks.get()) is not None:
            actions = [action]
            ends = False
            while len(actions) < MOST_ACKED and not self._acks.empty():
                more = self._acks.get()
                if more is None:
                    ends = True
                    break
                actions.append(more)
            self._ack(actions)
            if ends:
                return

    def _ack(self, actions: list[Action]) -> None:
        """Settle those, or have them settled again: each is released when it is answered."""
        with self._lock:
            mine = [one for one in actions if (one.id, one.attempt) in self._running]
        try:
            problems = self.client.ack_all([(one.id, one.attempt) for one in mine]) if mine else []
            for one, problem in zip(mine, problems, strict=True):
                if problem:
                    logger.warning("%s was done in vain: %s", one, problem)
        except UNANSWERED as error:
            log_fault(f"{len(mine)} actions cannot be settled yet", error)
            for one in mine:
                self._acks.put(one)
            self._over.wait(AGAIN_SECONDS)
            return
        except Exception as error:  # noqa: BLE001 -- their leases run out, and they come back
            log_fault(f"{len(mine)} actions cannot be settled", error)
        # All at once: the next poll is to fill all that has become free.
        with self._ended:
            for one in mine:
                self._done.discard((one.id, one.attempt))
                self._running.pop((one.id, one.attempt), None)
            self._ended.notify_all()

    def _nack(self, action: Action, nack: Nack) -> None:
        try:
            self.client.nack(action.id, action.attempt, retry_at=nack.retry_at, retry=nack.retry)
        except Exception as error:  # noqa: BLE001 -- its lease runs out, and it comes back
            log_fault(f"{action} cannot be given back", error)

    def _release(self, action: Action) -> bool:
        """Whether it is still this worker's to settle, which it is once."""
        with self._lock:
            self._done.discard((action.id, action.attempt))
            return self._running.pop((action.id, action.attempt), None) is not None

    def _tell_end(self) -> None:
        with self._ended:
            self._ended.notify_all()

    # --- leases ----------------------------------------------------------------------------------

    def _extend_all(self) -> None:
        """Extend what runs, again and again; a lease that is lost is somebody else's."""
        while not self._over.wait(self.options.extend_seconds):
            with self._lock:
                running = list(self._running.values())
            for action in running:
                self._leases.put(action)
            self._leases.join()

    def _extend_each(self) -> None:
        while (action := self._leases.get()) is not None:
            with self._lock:
                runs = (action.id, action.attempt) in self._running
            if runs:
                self._extend(action)
            self._leases.task_done()

    def _extend(self, action: Action) -> None:
        seconds, within = self.options.lease_seconds, self.options.extend_within
        try:
            self.client.send(calls.extend(action.id, action.attempt, seconds, within))
        except (Conflict, NotFound):
            if self._release(action):
                logger.warning("%s is no longer ours: it was ended or given away", action)
                self._tell_end()
        except Exception as error:  # noqa: BLE001 -- the next round tries it again
            log_fault(f"{action} cannot be extended now", error)

    # --- the end ---------------------------------------------------------------------------------

    def _end(self, handling: list[threading.Thread], acking: threading.Thread) -> None:
        """Let what runs end within its grace; give back what does not."""
        for _ in handling:
            self._work.put(None)
        ends = time.monotonic() + self.options.grace_seconds
        with self._ended:
            self._ended.wait_for(lambda: not self._running, self.options.grace_seconds)
            # Not what has succeeded: that is still being settled.
            left = [one for key, one in self._running.items() if key not in self._done]
        for action in left:
            if self._release(action):
                logger.warning("%s did not end in time, and is given back", action)
                self._nack(action, hand_back())
        self._acks.put(None)
        acking.join(max(1.0, ends - time.monotonic()))
        for action in list(self._running.values()):
            self._release(action)
            logger.error("%s succeeded, but is not settled: it will be done again", action)
