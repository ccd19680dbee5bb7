"""What stands before Waybill and adds a key to every request."""

from __future__ import annotations

import aiohttp
from aiohttp import web

HOP = {"content-length", "transfer-encoding", "connection", "date", "server"}


class KeyFront:
    """Passes everything on, as it is but for the key."""

    def __init__(self, port: int, key: str) -> None:
        self.upstream = f"http://127.0.0.1:{port}"
        self.key = key
        self.port = 0

    async def start(self) -> None:
        self.session = aiohttp.ClientSession(auto_decompress=False)
        server = web.Server(self.pass_on, access_log=None, handler_cancellation=True)
        self.runner = web.ServerRunner(server, shutdown_timeout=0)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.port = self.runner.addresses[0][1]

    async def stop(self) -> None:
        await self.runner.cleanup()
        await self.session.close()

    async def pass_on(self, request: web.BaseRequest) -> web.StreamResponse:
        kept = {k: v for k, v in request.headers.items() if k.lower() not in HOP}
        async with self.session.request(
            request.method,
            self.upstream + request.path_qs,
            headers=kept | {"authorization": f"Bearer {self.key}"},
            data=await request.read() or None,
            allow_redirects=False,
        ) as upstream:
            headers = {k: v for k, v in upstream.headers.items() if k.lower() not in HOP}
            response = web.StreamResponse(status=upstream.status, headers=headers)
            await response.prepare(request)
            async for chunk in upstream.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response
