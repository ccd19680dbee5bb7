"""An MCP server that says of its tools whatever a test wants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from destinations.mcp.protocol import STATELESS
from tests.destinations.kinds.mcp_front import Front

# What it says to `tools/list`, by the params: a result, or a response as it is.
Tell = Callable[[dict[str, Any]], Any]


class Liar(Front):
    """Speaks the protocol without sessions; what it says of its tools may be no list of them."""

    def __init__(self, tell: Tell, **told: Any) -> None:
        super().__init__(0)
        self.tell = tell
        # By their names, what it says to the other methods: results.
        self.told = {"server/discover": {"supportedVersions": [STATELESS]}} | told
        self.asked = 0

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        message = orjson.loads(await request.read())
        if message["method"] in self.told:
            return _answer(message, self.told[message["method"]])
        self.asked += 1
        told = self.tell(message["params"])
        return told if isinstance(told, web.Response) else _answer(message, told)


def _answer(message: dict[str, Any], result: Any) -> web.Response:
    body = {"jsonrpc": "2.0", "id": message["id"], "result": result}
    return web.json_response(body=orjson.dumps(body))
