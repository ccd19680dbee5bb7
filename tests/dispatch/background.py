"""What runs beside a test in a loop of its own: a real receiver, and dispatchers."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from django.db import connections

from dispatch import settlement
from dispatch.engine import lines
from dispatch.engine.dispatcher import Dispatcher
from dispatch.models import IN_FLIGHT

PATIENCE = 20.0


def wait_until(look: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """What `look` gives as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return found


@dataclass
class Received:
    """A request as it arrived."""

    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def record_id(self) -> int:
        return int(self.headers["x-arklow-actionid"])

    @property
    def attempt(self) -> int:
        return int(self.headers["x-arklow-attempt"])


@dataclass
class Answer:
    """What the receiver answers."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Receiver:
    """Answers as it is told, first `answers` in order, then `otherwise`; remembers all."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.otherwise = Answer()
        self.received: list[Received] = []
        # While this is not set, nobody gets an answer.
        self.open = asyncio.Event()
        self.open.set()
        self.url = ""

    async def start(self) -> None:
        self.loop = asyncio.get_running_loop()
        app = web.Application()
        app.router.add_post("/hook", self.take)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        port = self.runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}/hook"

    async def stop(self) -> None:
        self.open.set()
        await self.runner.cleanup()

    async def take(self, request: web.Request) -> web.Response:
        got = Received(dict(request.headers), await request.read(), time.monotonic())
        self.received.append(got)
        answer = self.answers.pop(0) if self.answers else self.otherwise
        await self.open.wait()
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    async def hang_up(self) -> None:
        """Close every connection without an answer."""
        for connection in list(self.runner.server.connections):
            connection.force_close()

    def release(self) -> None:
        """Answer those who wait."""
        self.loop.call_soon_threadsafe(self.open.set)

    def seen(self) -> list[tuple[int, int]]:
        """(action, attempt) of each request, in order of arrival."""
        return [(one.record_id, one.attempt) for one in self.received]


class Background:
    """A loop in a thread, and the dispatchers that run in it."""

    def __enter__(self) -> Background:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.dispatchers: list[tuple[Dispatcher, Future[None]]] = []
        return self

    def __exit__(self, *error: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of a coroutine in the loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE)

    def call(self, function: Callable[[], Any]) -> None:
        """Call a function in the loop."""

        async def calling() -> None:
            function()

        self.run(calling())

    def start_dispatcher(self, *, concurrency: int = 64, conninfo: str = "") -> Dispatcher:
        """A dispatcher that has taken up its work."""
        dispatcher = Dispatcher(
            conninfo or lines.read_conninfo(), concurrency=concurrency, allow_private=True
        )
        running = asyncio.run_coroutine_threadsafe(dispatcher.run(), self.loop)
        self.dispatchers.append((dispatcher, running))
        return dispatcher

    def stop_dispatchers(self) -> None:
        """Stop all of them; what one raised is raised here."""
        for dispatcher, _ in self.dispatchers:
            self.loop.call_soon_threadsafe(dispatcher.stop)
        self.wait_dispatchers()

    def wait_dispatchers(self) -> None:
        """Wait until all of them have ended by themselves."""
        ending, self.dispatchers = self.dispatchers, []
        for _, running in ending:
            running.result(PATIENCE)


@contextlib.contextmanager
def dispatching() -> Iterator[Dispatcher]:
    """A dispatcher that runs beside, and is stopped."""
    with Background() as background:
        dispatcher = background.start_dispatcher()
        try:
            yield dispatcher
        finally:
            background.stop_dispatchers()


def flush(*endings):
    """Write them as a dispatcher does."""
    with connections["default"].cursor() as cursor:
        parameters = settlement.finish_parameters(endings, statuses=IN_FLIGHT)
        cursor.execute(settlement.FLUSH, parameters)
