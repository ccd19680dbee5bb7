"""A webhook receiver in a process of its own: answers by path and attempt, and remembers.

`python receiver.py` prints the port it listens at. `GET /_seen?after=N` gives what came after
the first N requests.
"""

from __future__ import annotations

import asyncio
import base64
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Answer:
    """What an attempt is answered, and after how many seconds."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    after: float = 0.0


def signaling(word: str, seconds: int | None = None) -> dict[str, str]:
    """The headers of a signal."""
    value = {} if seconds is None else {"x-arklow-signaling-val": str(seconds)}
    return {"x-arklow-signaling": word} | value


ACK = Answer(headers=signaling("ack"))
# By path: the answers to attempts 0, 1, 2, ...; the last one is also that to all later ones.
ANSWERS: dict[str, list[Answer]] = {
    "/ok": [ACK],
    "/ok-by-body": [Answer(body='{"__arklow__": {"signal": "ack"}}')],
    "/ok-unsignaled": [Answer(status=204)],
    "/fails-once": [Answer(500, body="out of paper"), ACK],
    "/fails-twice": [Answer(500, {"Retry-After": "1"}), Answer(500, {"Retry-After": "1"}), ACK],
    "/broken": [Answer(503, body='{"error": "The warehouse is closed for stocktaking."}')],
    "/late": [Answer(headers=signaling("ack"), after=0.7)],
    "/gone": [Answer(410)],
    "/nack": [Answer(headers=signaling("nack", 1)), ACK],
    "/slow": [Answer(headers=signaling("ack"), after=3)],
    "/wait": [Answer(headers=signaling("mod_ack", 60))],
}
seen: list[dict[str, Any]] = []


async def receive(request: web.Request) -> web.Response:
    """Remember the request, then answer it."""
    body = await request.read()
    seen.append(
        {
            "method": request.method,
            "path": request.path,
            "headers": [(name.lower(), value) for name, value in request.headers.items()],
            "body": base64.b64encode(body).decode(),
            "at": time.time(),
        }
    )
    answers = ANSWERS[request.path]
    answer = answers[min(int(request.headers["x-arklow-attempt"]), len(answers) - 1)]
    await asyncio.sleep(answer.after)
    return web.Response(status=answer.status, headers=answer.headers, text=answer.body)


async def show_seen(request: web.Request) -> web.Response:
    """What has come in, in order."""
    return web.json_response(seen[int(request.query["after"]) :])


async def serve() -> None:
    """Listen at a free port until SIGTERM."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    app = web.Application()
    app.add_routes([web.get("/_seen", show_seen), web.route("*", "/{path:.*}", receive)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await stopped.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
