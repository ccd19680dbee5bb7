"""A webhook receiver in a process of its own, which behaves as it is told and remembers.

`python receiver.py [address]` prints the port it listens at. `PUT /_conduct/{path}?as=...&work=...`
says what becomes of the requests to `/{path}` from now on; `GET /_seen/{path}` gives what came
of them.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from aiohttp import web

# How long an answer takes: long enough for a strike to find deliveries under way.
WORK_SECONDS = 0.15


class Conduct(StrEnum):
    """What becomes of a request."""

    ANSWER = "answer"
    # Kept waiting until the conduct is another one; then answered.
    HOLD = "hold"
    # Kept waiting for as long as the sender likes.
    HANG = "hang"
    # Done, but the connection ends without an answer: first attempts only.
    DROP = "drop"
    # Answered with a 503: first attempts only.
    REFUSE = "refuse"


@dataclass
class Request:
    """A request, and when its work was done and when its answer was on its way."""

    action_id: str
    attempt: int
    at: float
    # The address that it came from.
    sender: str
    done_at: float | None = None
    acked_at: float | None = None


@dataclass
class Place:
    """A path, with how it behaves and what it has seen."""

    conduct: Conduct = Conduct.ANSWER
    work: float = WORK_SECONDS
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    seen: list[Request] = field(default_factory=list)

    async def leave(self, conduct: Conduct) -> None:
        """Return when it behaves in another way."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.conduct is not conduct)


places: defaultdict[str, Place] = defaultdict(Place)


async def receive(request: web.Request) -> web.StreamResponse:
    """Remember the request, do the work, and answer, or whatever the conduct is."""
    place = places[request.match_info["path"]]
    await request.read()
    headers = request.headers
    one = Request(
        headers["x-arklow-actionid"],
        int(headers["x-arklow-attempt"]),
        time.time(),
        request.remote or "",
    )
    place.seen.append(one)
    conduct = place.conduct
    first = one.attempt == 0
    if conduct is Conduct.HANG:
        await asyncio.Event().wait()
    if conduct is Conduct.HOLD:
        await place.leave(Conduct.HOLD)
    elif conduct is Conduct.REFUSE and first:
        return web.Response(status=503)
    else:
        await asyncio.sleep(place.work)
    one.done_at = time.time()
    if conduct is Conduct.DROP and first and request.transport:
        request.transport.abort()
    else:
        one.acked_at = time.time()
    return web.Response(headers={"x-arklow-signaling": "ack"})


async def behave(request: web.Request) -> web.Response:
    """Behave differently from now on."""
    place = places[request.match_info["path"]]
    async with place.changed:
        place.conduct = Conduct(request.query["as"])
        place.work = float(request.query["work"])
        place.changed.notify_all()
    return web.json_response({"conduct": place.conduct})


async def show_seen(request: web.Request) -> web.Response:
    """What has come in, in order."""
    return web.json_response([asdict(one) for one in places[request.match_info["path"]].seen])


async def serve(address: str) -> None:
    """Listen at a free port until SIGTERM."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    app = web.Application()
    app.add_routes(
        [
            web.put("/_conduct/{path}", behave),
            web.get("/_seen/{path}", show_seen),
            web.post("/{path}", receive),
        ]
    )
    # What still hangs is not waited for.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, address, 0, backlog=1024).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await stopped.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(*(sys.argv[1:] or ["127.0.0.1"])))
