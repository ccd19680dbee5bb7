"""`webhook` passes the suite of all kinds, against a real HTTP server."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from destinations.keys import NO_KEYS
from destinations.outcomes import Verdict
from tests.destinations.kinds.suite import KindSuite, Received, deliver, make_attempt, make_keys
from tests.destinations.receiver import Receiver, receive, refusing

TOKEN = "s3cret-token"
ANSWERS = {
    "success": web.Response,
    "signal": lambda: web.Response(headers={"x-arklow-signaling": "nack"}),
    "refused": lambda: web.Response(status=422, text="no such order"),
    "rate_limited": lambda: web.Response(status=429, headers={"Retry-After": "7"}),
    "huge_answer": lambda: web.Response(body=b"x" * 5_000_000),
}


@dataclass
class Counterpart:
    """A server in a thread of its own, which answers as it is told."""

    loop: asyncio.AbstractEventLoop
    behaviour: str = "success"
    receiver: Receiver = field(default_factory=Receiver)
    # Where nobody listens.
    closed_url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What this behaviour answers."""
        if self.behaviour == "slow":
            await asyncio.sleep(60)
        if self.behaviour == "wrong_credential":
            accepted = request.headers.get("Authorization") == f"Bearer {TOKEN}"
            return web.Response(status=200 if accepted else 401)
        return ANSWERS[self.behaviour]()

    def run(self, work: Any) -> Any:
        """What a coroutine gives in the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)


@pytest.fixture
def counterpart(private_networks):
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made = Counterpart(loop)
    listening = receive(made.answer)
    try:
        made.receiver = made.run(listening.__aenter__())
        with refusing() as made.closed_url:
            yield made
        made.run(listening.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class TestWebhook(KindSuite):
    """The nine."""

    kind = "webhook"

    def behave(self, counterpart: Counterpart, behaviour: str) -> dict[str, Any]:
        counterpart.behaviour = behaviour
        counterpart.receiver.seen.clear()
        closed = behaviour == "unreachable"
        url = counterpart.closed_url if closed else counterpart.receiver.url
        wrong = make_keys("http_bearer", token="an0ther-token")
        return {
            "config": {"url": url, "signaling": {"enabled": True, "default": "ack"}},
            "keys": wrong if behaviour == "wrong_credential" else NO_KEYS,
        }

    def received(self, counterpart: Counterpart) -> list[Received]:
        return [
            Received(
                request.headers["x-arklow-actionid"], request.headers["x-arklow-attempt"], body
            )
            for request, body in counterpart.receiver.seen
        ]

    def test_the_right_credential(self, counterpart):
        asked = self.behave(counterpart, "wrong_credential")
        asked |= {"keys": make_keys("http_bearer", token=TOKEN)}
        (outcome,) = asyncio.run(deliver(make_attempt(self.kind, **asked)))

        assert outcome.verdict is Verdict.ACK
