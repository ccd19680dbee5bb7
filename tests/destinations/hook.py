"""A receiver in a thread of its own, for tests that wait for it in theirs."""

from __future__ import annotations

import asyncio
import threading

import orjson
from aiohttp import web


class Hook:
    """A receiver in a thread of its own: it notes what comes, and answers as it is told."""

    def __init__(self):
        self.seen = []
        self.answer = web.Response()
        self.echoes = False
        self.sleep = 0.0
        # While this is not set, nobody gets an answer.
        self.open = asyncio.Event()
        self.open.set()
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=lambda: self.loop.run_until_complete(self.serve()))

    async def serve(self):
        self.stopping = asyncio.Event()
        runner = web.ServerRunner(
            web.Server(self.handle, access_log=None, handler_cancellation=True), shutdown_timeout=0
        )
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        self.ready.set()
        await self.stopping.wait()
        await runner.cleanup()

    async def handle(self, request):
        headers = {str(name).lower(): value for name, value in request.headers.items()}
        self.seen.append((headers, await request.read()))
        await asyncio.sleep(self.sleep)
        await self.open.wait()
        body = orjson.dumps(headers) if self.echoes else self.answer.body
        return web.Response(status=self.answer.status, headers=self.answer.headers, body=body)

    def release(self):
        """Answer those who wait."""
        self.loop.call_soon_threadsafe(self.open.set)

    def __enter__(self):
        self.thread.start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.thread.join(10)
        self.loop.close()
