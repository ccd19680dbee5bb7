"""Asking an MCP server for its tools, by the one way out."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from config.commands import UnableError
from destinations import trials
from destinations.attempts import Attempt
from destinations.authorizing import authorization
from destinations.keys import Keys
from destinations.mcp.line import Reply, ToolCall
from destinations.mcp.protocol import TooLargeError
from destinations.mcp.sessions import Server, UndecidedError
from destinations.outcomes import NoAnswerError
from destinations.outward import errands, outbound
from destinations.outward.clients import Clients

SECONDS = 60.0


def list_tools(endpoint: str, keys: Keys, *, seconds: float = SECONDS) -> list[Any]:
    """The tools, as the server describes them; `UnableError` says why there are none to be had.

    Redirects are not followed; an address that may not be called is an `AddressRefusedError`.
    """
    if keys.fault:
        raise UnableError(keys.fault)
    attempt = trials.make_attempt(
        seconds, type="mcp", config={"endpoint": endpoint}, payload=b"{}", keys=keys
    )
    try:
        told = asyncio.run(_list(attempt, seconds))
    except NoAnswerError as error:
        raise UnableError(f"{endpoint}: {error.outcome.message}") from error
    except (TooLargeError, UndecidedError) as error:
        raise UnableError(f"{endpoint}: {error}") from error
    except aiohttp.ClientError as error:
        raise UnableError(f"{endpoint}: {outbound.word_error(error)}") from error
    except TimeoutError as error:
        said = f"{endpoint} has not told its tools within {seconds:g} seconds."
        raise UnableError(said) from error
    except OSError as error:
        raise UnableError(f"{endpoint}: {outbound.word_error(error)}") from error
    if isinstance(told, Reply):
        raise UnableError(f"{endpoint} tells no tools: {_explain(told, attempt)}")
    return told


async def _list(attempt: Attempt, seconds: float) -> list[Any] | Reply:
    async with (
        errands.opened(seconds=seconds, connections=2) as session,
        Clients(session) as clients,
    ):
        server = Server(session, attempt.config["endpoint"])
        try:
            return await _ask(server, attempt, clients)
        finally:
            await server.close()


async def _ask(server: Server, attempt: Attempt, clients: Clients) -> list[Any] | Reply:
    """The tools, with a token fetched anew where one is refused."""
    certificate = await authorization.find_certificate(attempt, clients)
    granted = await authorization.authorize(attempt, clients)
    told = await server.list_tools(ToolCall("", b"", {}, headers=granted, tls=certificate))
    if isinstance(told, Reply) and told.status == 401:
        renewed = await authorization.authorize(attempt, clients, refused=granted)
        if renewed != granted:
            return await server.list_tools(ToolCall("", b"", {}, headers=renewed, tls=certificate))
    return told


def _explain(reply: Reply, attempt: Attempt) -> str:
    if 300 <= reply.status < 400:
        led = attempt.conceal(reply.headers.get("location", "nowhere"))[:1_000]
        return f"it redirects to {led}, which is not followed: name that."
    return reply.judge(attempt.conceal).message
