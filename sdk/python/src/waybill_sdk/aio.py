"""The client and the worker for asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Self, TypeVar

import httpx2

from waybill_sdk import calls, wire
from waybill_sdk.calls import Call
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
    refuse_other_kinds,
)
from waybill_sdk.models import Action, Definition, Destination, Problem, Record, Submitted
from waybill_sdk.retries import Retries

T = TypeVar("T")
AsyncHandler = Callable[[Action], Awaitable[Any]]
F = TypeVar("F", bound=AsyncHandler)


class AsyncClient:
    """`Client`, for one event loop."""

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        org_id: str = "",
        timeout: float = 30.0,
        retries: Retries | None = None,
        connections: int = 100,
    ) -> None:
        limits = httpx2.Limits(max_connections=connections)
        self._http = httpx2.AsyncClient(base_url=base_url, limits=limits)
        self._wire = wire.Wire(key, timeout, retries or Retries())
        self._of_org = calls.Management(org_id)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """What a call gives, tried again where that is safe."""
        attempt = 0
        while True:
            attempt += 1
            options = self._wire.options(call)
            try:
                response = await self._http.request(call.method, call.path, **options)
            except httpx2.TransportError as error:
                pause = self._wire.judge_fault(call, attempt, error)
            else:
                again = self._wire.judge_answer(call, attempt, response)
                if again is None:
                    return wire.read(call, response)
                pause = again
            await asyncio.sleep(pause)

    async def submit(  # noqa: PLR0913 -- what the API takes, by keyword
        self,
        variant: str,
        input: Any,
        *,
        tags: Mapping[str, str] | None = None,
        version: int | None = None,
        timeout: int | None = None,
        available_at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> Submitted:
        """The accepted action: once, also where the answer to it was lost."""
        return await self.send(
            calls.submit(
                variant,
                input,
                tags=tags,
                version=version,
                timeout=timeout,
                available_at=available_at,
                idempotency_key=idempotency_key,
            )
        )

    async def pull(
        self,
        namespace: str,
        *,
        most: int = 10,
        wait_seconds: float = 0,
        lease_seconds: int = 60,
        worker: str = "",
    ) -> list[Action]:
        """Up to so many actions, each to be settled within its lease."""
        return await self.send(
            calls.pull(
                namespace,
                most=most,
                wait_seconds=wait_seconds,
                lease_seconds=lease_seconds,
                worker=worker,
            )
        )

    async def ack(self, action_id: str, attempt: int) -> None:
        """The action succeeded."""
        await self.send(calls.ack(action_id, attempt))

    async def ack_all(self, attempts: Sequence[tuple[str, int]]) -> list[Problem | None]:
        """Up to 1,000 actions succeeded; for each why that was refused, or None."""
        return await self.send(calls.ack_all(attempts))

    async def nack(
        self, action_id: str, attempt: int, *, retry_at: int | None = None, retry: bool = True
    ) -> None:
        """The attempt failed: again at that Unix time, by Waybill's schedule, or never."""
        await self.send(calls.nack(action_id, attempt, retry_at=retry_at, retry=retry))

    async def modack(self, action_id: str, attempt: int, seconds: int) -> None:
        """The action's deadline is so many seconds from now."""
        await self.send(calls.modack(action_id, attempt, seconds))

    async def put_definition(
        self, variant: str, schema: Any, *, version: int | None = None, alias: Sequence[str] = ()
    ) -> Definition:
        """A new version of a variant."""
        call = self._of_org.put_definition(variant, schema, version=version, alias=alias)
        return await self.send(call)

    async def list_definitions(
        self, *, variant: str | None = None, take: int = 50, skip: int = 0
    ) -> list[Definition]:
        """Definitions, or the versions of one variant."""
        return await self.send(self._of_org.list_definitions(variant, take, skip))

    async def create_destination(
        self, label: str, type: str, config: Mapping[str, Any], **more: Any
    ) -> Destination:
        """A new destination."""
        return await self.send(self._of_org.create_destination(label, type, config, **more))

    async def list_destinations(self, *, take: int = 50, skip: int = 0) -> list[Destination]:
        """Destinations."""
        return await self.send(self._of_org.list_destinations(take, skip))

    async def link(
        self, definition_id: str, destination_id: str, *, default: bool = True
    ) -> Definition:
        """The definition, whose actions go to that destination where it is the default."""
        return await self.send(self._of_org.link(definition_id, destination_id, default=default))

    async def get_record(self, record_id: str) -> Record:
        """An action with its events."""
        return await self.send(self._of_org.get_record(record_id))

    async def list_records(self, *, take: int = 50, skip: int = 0, **query: str) -> list[Record]:
        """Actions, newest first, narrowed by `status`, `variant` and the like."""
        return await self.send(self._of_org.list_records(take, skip, query))

    async def replay(self, record_id: str) -> Record:
        """A new action with the same input."""
        return await self.send(self._of_org.replay(record_id))

    async def cancel(self, record_id: str) -> Record:
        """The action, canceled."""
        return await self.send(self._of_org.cancel(record_id))


class AsyncWorker:
    """`Worker`, whose handlers are coroutine functions in one event loop."""

    def __init__(self, client: AsyncClient, namespace: str, **options: Any) -> None:
        self.client = client
        self.options = Options(namespace, **options)
        self._name = self.options.name or own_name()
        self._handlers: Handlers[AsyncHandler] = Handlers()
        self._stopping = asyncio.Event()
        self._tasks: dict[asyncio.Task[None], Action] = {}
        self._acks: asyncio.Queue[tuple[Action, asyncio.Future[None]]] = asyncio.Queue()

    def action(self, variant: str, *, version: int | None = None) -> Callable[[F], F]:
        """Decorates the handler of a variant, or of one version of it."""

        def register(handler: F) -> F:
            refuse_other_kinds(handler, asynchronous=True)
            self._handlers.add(variant, version, handler)
            return handler

        return register

    def stop(self) -> None:
        """Pull no more; `run` returns when what runs has ended, or its grace is over."""
        self._stopping.set()

    async def run(self, *, handle_signals: bool = True) -> None:
        """Work until `stop`, or until SIGTERM or SIGINT."""
        if handle_signals:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self.stop)
        acking = asyncio.create_task(self._ack_all())
        try:
            while not self._stopping.is_set():
                await self._pull_once()
            await self._end()
        finally:
            acking.cancel()

    async def _pull_once(self) -> None:
        free = self.options.concurrency - len(self._tasks)
        if not free:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED, timeout=1)
            return
        began = time.monotonic()
        try:
            actions = await self.client.pull(
                self.options.namespace,
                most=min(free, MOST_PULLED),
                wait_seconds=self.options.wait_seconds,
                lease_seconds=self.options.lease_seconds,
                worker=self._name,
            )
        except Exception as error:  # noqa: BLE001 -- a worker goes on, whatever happens to a poll
            log_fault("Cannot pull, trying again", error)
            await self._rest(FAULT_SECONDS)
            return
        for action in actions:
            if self._stopping.is_set():
                await self._nack(action, hand_back())
            else:
                task = asyncio.create_task(self._handle(action))
                self._tasks[task] = action
                task.add_done_callback(self._tasks.pop)
        early = time.monotonic() - began < min(EARLY_SECONDS, self.options.wait_seconds) / 2
        if not actions and early:
            await self._rest(EARLY_SECONDS)

    async def _rest(self, seconds: float) -> None:
        """A pause, which a stop ends."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _handle(self, action: Action) -> None:
        """Run its handler under a lease that is kept, then settle."""
        keeping = asyncio.create_task(self._keep(action))
        try:
            await self._handlers.find(action)(action)
        except asyncio.CancelledError:
            logger.warning("%s did not end in time, and is given back", action)
            await self._nack(action, hand_back())
        except GeneratorExit:
            # The loop is gone: nothing can be sent.
            raise
        except BaseException as error:  # noqa: BLE001 -- whatever it raises, its lease is not kept
            # `sys.exit()` in a handler is a failure of its action, no more.
            if isinstance(error, KeyboardInterrupt):
                self.stop()
            await self._nack(action, judge_failure(action, error))
        else:
            settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._acks.put_nowait((action, settled))
            try:
                await settled
            except asyncio.CancelledError:
                logger.error(
                    "%s succeeded, but could not be settled: it will be done again", action
                )
        finally:
            keeping.cancel()

    async def _keep(self, action: Action) -> None:
        """Extend its lease again and again, until it is lost."""
        seconds, within = self.options.lease_seconds, self.options.extend_within
        while True:
            await asyncio.sleep(self.options.extend_seconds)
            try:
                await self.client.send(calls.extend(action.id, action.attempt, seconds, within))
            except (Conflict, NotFound):
                logger.warning("%s is no longer ours: it was ended or given away", action)
                return
            except Exception as error:  # noqa: BLE001 -- the next round tries it again
                log_fault(f"{action} cannot be extended now", error)

    async def _ack_all(self) -> None:
        """Settle what has succeeded: all that has ended meanwhile, in one call."""
        while True:
            batch = [await self._acks.get()]
            while len(batch) < MOST_ACKED and not self._acks.empty():
                batch.append(self._acks.get_nowait())
            batch = [one for one in batch if not one[1].done()]
            if not await self._ack([action for action, _ in batch]):
                for one in batch:
                    self._acks.put_nowait(one)
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            for _, settled in batch:
                if not settled.done():
                    settled.set_result(None)

    async def _ack(self, actions: list[Action]) -> bool:
        """Whether that was answered; their leases are kept until it is."""
        if not actions:
            return True
        try:
            problems = await self.client.ack_all([(one.id, one.attempt) for one in actions])
            for one, problem in zip(actions, problems, strict=True):
                if problem:
                    logger.warning("%s was done in vain: %s", one, problem)
        except UNANSWERED as error:
            log_fault(f"{len(actions)} actions cannot be settled yet", error)
            return False
        except Exception as error:  # noqa: BLE001 -- their leases run out, and they come back
            log_fault(f"{len(actions)} actions cannot be settled", error)
        return True

    async def _nack(self, action: Action, nack: Nack) -> None:
        try:
            await self.client.nack(
                action.id, action.attempt, retry_at=nack.retry_at, retry=nack.retry
            )
        except Exception as error:  # noqa: BLE001 -- its lease runs out, and it comes back
            log_fault(f"{action} cannot be given back", error)

    async def _end(self) -> None:
        """Let what runs end within its grace; cancel and give back what does not."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self.options.grace_seconds)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=10)
