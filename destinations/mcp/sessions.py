"""What is known of each MCP server: which protocol it speaks, and the session it has opened."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import aiohttp

from destinations.attempts import Attempt
from destinations.mcp import parameters, protocol
from destinations.mcp.line import (
    ANSWERING_SECONDS,
    METHOD,
    SPEAKS_FOR_ITSELF,
    Agreement,
    Line,
    Reply,
    ToolCall,
)
from destinations.mcp.parameters import Marks
from destinations.mcp.protocol import STATELESS
from destinations.outcomes import Outcome, Verdict
from destinations.outward import outbound
from destinations.outward.clients import Clients

logger = logging.getLogger(__name__)

# An endpoint, and a destination, a credential and its version by their ids.
Known = tuple[str, int, int, int]
REMEMBERED = 1_024
AGREEING_SECONDS = 15.0
MOST_PAGES = 20
# Of a list of all tools: in pages, and in bytes together.
MOST_LISTED_PAGES = 200
MOST_LISTED_BYTES = protocol.MAX_STREAM
# As many of a server's versions are told.
MOST_VERSIONS = 8
# Who answers so to a question about versions would answer so to every other one.
FINAL = frozenset({301, 302, 303, 307, 308, 401, 403, 429})


class UndecidedError(TimeoutError):
    """A server takes too long to say which protocol it speaks."""

    def __init__(self) -> None:
        super().__init__(
            f"It is too slow to agree on a protocol: it has {AGREEING_SECONDS:g} seconds for that, "
            f"and {ANSWERING_SECONDS:g} to take the last message of it."
        )


class Server:
    """One endpoint, as one destination sees it with one credential."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: str) -> None:
        self.session = session
        self.endpoint = endpoint
        # How many calls are under way.
        self.busy = 0
        self._ids = itertools.count(1)
        self._agreeing: asyncio.Task[Agreement | Reply] | None = None
        self._line: Line | None = None
        # Which arguments of which tools it wants in headers as well.
        self._marks: dict[str, Marks] = {}

    async def call(self, call: ToolCall) -> Reply:
        """The answer; a session that the server knows no more is opened again, once."""
        self.busy += 1
        try:
            line = self._line = Line(self.session, self.endpoint, call)
            known = self._agreeing is not None and self._agreeing.done()
            agreement = await self._agree(line)
            reply = await self._call(call, line, agreement)
            if known and reply.is_about_the_session():
                self._forget(agreement)
                agreement = await self._agree(line)
                reply = await self._call(call, line, agreement)
            if agreement == Agreement(STATELESS) and reply.code == protocol.HEADER_MISMATCH:
                await self._learn_marks(call.tool, line)
                reply = await self._call(call, line, agreement)
            return reply
        finally:
            self.busy -= 1

    async def list_tools(self, call: ToolCall) -> list[Any] | Reply:
        """All tools, as the server describes them; else what it said instead.

        `call` is for who asks. `TooLargeError` where there is no end to them.
        """
        line = self._line = Line(self.session, self.endpoint, call)
        agreement = await self._agree(line)
        if isinstance(agreement, Reply):
            return agreement
        tools: list[Any] = []
        cursors: list[str | None] = [None]
        size = 0
        while len(cursors) <= MOST_LISTED_PAGES:
            params = protocol.write_list(cursors[-1], stateless=agreement.is_stateless)
            reply = await self._request(line, "tools/list", params, agreement)
            listed = _read_list(reply)
            if listed is None:
                return _explain(reply, "What it answers to tools/list is no list of tools.")
            tools += listed[0]
            size += len(reply.body)
            if size > MOST_LISTED_BYTES:
                raise protocol.TooLargeError(MOST_LISTED_BYTES)
            if listed[1] is None:
                return tools
            if listed[1] in cursors:
                break
            cursors.append(listed[1])
        raise protocol.EndlessError

    async def close(self) -> None:
        """End the session, if the server has one open for us."""
        task, self._agreeing = self._agreeing, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task])
        if task.cancelled() or task.exception():
            return
        agreement = task.result()
        if self._line is None or isinstance(agreement, Reply) or not agreement.session:
            return
        try:
            await self._line.end(agreement)
        except (aiohttp.ClientError, OSError, outbound.AddressRefusedError) as error:
            logger.info("A session at %s stays open: %r", self.endpoint, error)

    async def _call(self, call: ToolCall, line: Line, agreement: Agreement | Reply) -> Reply:
        if isinstance(agreement, Reply):
            return agreement
        number = next(self._ids)
        # Only here: what carries the key of the call is taken for the call.
        routing = dict(call.meta)
        if agreement.is_stateless:
            marks = self._marks.get(call.tool)
            routing |= protocol.write_routing(METHOD, call.tool)
            routing |= parameters.write_headers(marks, call.arguments) if marks else {}
        return await line.ask(number, call.write(number, agreement), agreement, routing)

    async def _learn_marks(self, tool: str, line: Line) -> None:
        """Look up which arguments of a tool the server wants in headers as well."""
        self._marks.pop(tool, None)
        cursor = None
        for _ in range(MOST_PAGES):
            params = protocol.write_list(cursor)
            reply = await self._request(line, "tools/list", params, Agreement(STATELESS))
            result = (reply.message or {}).get("result")
            page = parameters.read_page(result, tool)
            if page.marks and len(self._marks) < REMEMBERED:
                self._marks[tool] = page.marks
            cursor = page.cursor
            if page.marks or cursor is None:
                break

    async def _agree(self, line: Line) -> Agreement | Reply:
        """The agreement, which all who call at once come to together; else what was said."""
        if self._agreeing is None:
            self._agreeing = asyncio.create_task(self._negotiate(line))
            self._agreeing.add_done_callback(self._forget_failed)
        return await asyncio.shield(self._agreeing)

    def _forget(self, agreement: Agreement | Reply) -> None:
        task = self._agreeing
        if task and task.done() and task.result() is agreement:
            self._agreeing = None

    def _forget_failed(self, task: asyncio.Task[Agreement | Reply]) -> None:
        failed = task.cancelled() or task.exception() or isinstance(task.result(), Reply)
        if failed and self._agreeing is task:
            self._agreeing = None

    async def _negotiate(self, line: Line) -> Agreement | Reply:
        try:
            async with asyncio.timeout(AGREEING_SECONDS):
                return await self._discover(line)
        except aiohttp.ClientError:
            # One that could not be connected to in time says so itself.
            raise
        except TimeoutError as error:
            raise UndecidedError from error

    async def _discover(self, line: Line) -> Agreement | Reply:
        stateless = Agreement(STATELESS)
        reply = await self._request(line, "server/discover", protocol.write_discover(), stateless)
        versions = protocol.read_versions(reply.message)
        if STATELESS in versions:
            return stateless
        if reply.status in FINAL:
            return reply
        if versions and not any(version in protocol.WITH_SESSIONS for version in versions):
            return replace(reply, meaning=_refuse_versions(versions))
        return await self._initialize(line)

    async def _initialize(self, line: Line) -> Agreement | Reply:
        params = protocol.write_initialize()
        reply = await self._request(line, "initialize", params, Agreement(""))
        result = (reply.message or {}).get("result")
        if not isinstance(result, dict):
            return _explain(reply, "What it answers to initialize is no object.")
        version = protocol.write_scalar(result.get("protocolVersion"))
        agreement = Agreement(version, reply.headers.get("mcp-session-id", ""))
        if meaning := _find_fault(agreement):
            return replace(reply, meaning=meaning)
        begun = protocol.write_notification("notifications/initialized")
        answer = await line.tell(begun, agreement)
        if answer.status >= 300:
            return Reply(answer.status, answer.headers, answer.body, None)
        return agreement

    async def _request(self, line: Line, method: str, params: bytes, agreement: Agreement) -> Reply:
        number = next(self._ids)
        routing = protocol.write_routing(method) if agreement.is_stateless else {}
        body = protocol.write_request(number, method, params)
        return await line.ask(number, body, agreement, routing)


def _read_list(reply: Reply) -> tuple[list[Any], str | None] | None:
    """The tools of a page and the cursor of the next one; None where it is no page."""
    result = (reply.message or {}).get("result")
    if not isinstance(result, dict) or not isinstance(result.get("tools"), list):
        return None
    cursor = result.get("nextCursor")
    tools = protocol.read_exactly(reply.body)["result"]["tools"]
    return tools, cursor if isinstance(cursor, str) else None


def _explain(reply: Reply, said: str) -> Reply:
    """The reply, with what is wrong with its result; an error says so itself."""
    if reply.status in SPEAKS_FOR_ITSELF and "result" in (reply.message or {}):
        return replace(reply, meaning=Outcome(Verdict.REFUSED, said))
    return reply


def _find_fault(agreement: Agreement) -> Outcome | None:
    """What is wrong with a version that we do not speak, or an id that no header can carry."""
    if agreement.version not in protocol.WITH_SESSIONS:
        return _refuse_versions([agreement.version])
    if agreement.session and outbound.check_headers({"mcp-session-id": agreement.session}):
        return Outcome(Verdict.REFUSED, "No header can carry the id of the server's session.")
    return None


def _refuse_versions(theirs: Sequence[str]) -> Outcome:
    listed = ", ".join(version[:32] for version in theirs[:MOST_VERSIONS])
    ours = ", ".join((STATELESS, *protocol.WITH_SESSIONS))
    message = f"The server speaks MCP {listed}; Waybill speaks {ours}."
    return Outcome(Verdict.PERMANENT, message)


class Servers:
    """The servers that have been called lately."""

    def __init__(self, clients: Clients) -> None:
        self.session = clients.session
        self._servers: OrderedDict[Known, Server] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    def find(self, attempt: Attempt) -> Server:
        """The server of an attempt; a new version of its credential is a stranger there.

        So is another destination, even without a credential: it may be another organization's,
        and who shares a session may see what the other does in it.
        """
        credential, endpoint = attempt.keys.credential, attempt.config["endpoint"]
        version = (credential.id, credential.version) if credential else (0, 0)
        key = (endpoint, attempt.destination_id, *version)
        server = self._servers.get(key)
        if server is None:
            self._drop_idle()
            server = self._servers[key] = Server(self.session, endpoint)
        self._servers.move_to_end(key)
        return server

    def _drop_idle(self) -> None:
        """Make room: who has not been called for the longest time goes, unless a call is open."""
        if len(self._servers) < REMEMBERED:
            return
        key = next((key for key, server in self._servers.items() if not server.busy), None)
        if key is not None:
            task = asyncio.create_task(self._servers.pop(key).close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """End all sessions."""
        closing = [server.close() for server in self._servers.values()]
        await asyncio.gather(*closing, *self._closing)
