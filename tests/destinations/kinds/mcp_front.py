"""What stands before a real MCP server: it notes what comes, and may answer in its place."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from tests.destinations.kinds.suite import Received

HOP = {"host", "content-length", "transfer-encoding", "connection", "date", "server"}
ARGUMENTS = re.compile(rb'"arguments":(.*),"_meta":', re.DOTALL)


@dataclass(frozen=True)
class Seen:
    """One request."""

    method: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def message(self) -> Any:
        return orjson.loads(self.body) if self.body else {}

    @property
    def called(self) -> str:
        """The method of JSON-RPC, or of HTTP where there is none."""
        return self.message.get("method") or ("answer" if self.body else self.method)


class Front:
    """Passes everything on to a server on `port`, unless it is told to answer itself."""

    def __init__(self, port: int) -> None:
        self.upstream = f"http://127.0.0.1:{port}/mcp"
        self.url = ""
        self.seen: list[Seen] = []
        # What is answered in place of the server; a dict is for these methods of JSON-RPC only.
        self.answers: dict[str, web.Response] = {}
        self.token = ""
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Front:
        self.thread.start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.thread.join(10)

    def behave(self, *, answers: Mapping[str, web.Response] | None = None, token: str = "") -> None:
        """From now on; `answers` by the method of JSON-RPC, `*` for all."""
        self.seen.clear()
        self.answers, self.token = dict(answers or {}), token

    def called(self) -> list[str]:
        return [seen.called for seen in self.seen]

    def calls(self) -> list[Received]:
        """The calls of tools."""
        return [
            Received(
                seen.headers["x-arklow-actionid"],
                seen.headers["x-arklow-attempt"],
                ARGUMENTS.search(seen.body)[1],
            )
            for seen in self.seen
            if seen.called == "tools/call"
        ]

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._serve())
        self.loop.close()

    async def _serve(self) -> None:
        self.stopping = asyncio.Event()
        runner = web.ServerRunner(
            web.Server(self._handle, access_log=None, handler_cancellation=True),
            shutdown_timeout=0,
        )
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
        async with aiohttp.ClientSession(auto_decompress=False) as self.session:
            self.ready.set()
            await self.stopping.wait()
        await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        seen = Seen(request.method, dict(request.headers), await request.read())
        self.seen.append(Seen(seen.method, request.headers, seen.body))
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            return web.Response(status=401, text="who are you?")
        told = self.answers.get(seen.called) or self.answers.get("*")
        if told is not None:
            return web.Response(status=told.status, headers=told.headers, body=told.body)
        return await self._pass_on(request, seen)

    async def _pass_on(self, request: web.BaseRequest, seen: Seen) -> web.StreamResponse:
        headers = {name: value for name, value in seen.headers.items() if name.lower() not in HOP}
        async with self.session.request(
            seen.method, self.upstream, headers=headers, data=seen.body, allow_redirects=False
        ) as upstream:
            kept = {k: v for k, v in upstream.headers.items() if k.lower() not in HOP}
            response = web.StreamResponse(status=upstream.status, headers=kept)
            await response.prepare(request)
            async for chunk in upstream.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response
