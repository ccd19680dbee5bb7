"""An MCP server for the tests, built with the `mcp` package: `python mcp_server.py PORT`."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp.types import EmptyResult, ListRootsRequest, ListRootsResult, PingRequest
from pydantic import Field

server = MCPServer("tests", log_level="ERROR")


@server.tool("orders.created")
def create_order(n: int, text: str) -> str:
    """What the suite's payload is for."""
    return f"{n} {text}"


@server.tool()
def fail() -> str:
    """Fails, and says why."""
    raise ToolError("the shop is closed")


@server.tool("größe\u2028")
def measure() -> str:
    """Has a name that no header can carry as it is."""
    return "large"


@server.tool()
async def sleep(seconds: float = 10.0) -> str:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return "slept"


@server.tool()
def repeat(text: str, times: int) -> str:
    """Says much."""
    return text * times


@server.tool()
async def tell(context: Context) -> str:
    """Talks of its progress, in a stream of events, before it answers."""
    for step in range(3):
        await context.report_progress(step, 3)
    return "told"


@server.tool()
async def ask(context: Context) -> str:
    """Asks its caller two things before it answers: whether it is there, and for a text."""
    here = ServerMessageMetadata(related_request_id=context.request_id)
    await context.session.send_request(PingRequest(), EmptyResult, metadata=here)
    try:
        await context.session.send_request(ListRootsRequest(), ListRootsResult, metadata=here)
    except MCPError as error:
        return f"refused: {error.error.code}"
    return "answered"


@server.tool()
def route(region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]) -> str:
    """Wants its argument in a header as well."""
    return region


if __name__ == "__main__":
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
