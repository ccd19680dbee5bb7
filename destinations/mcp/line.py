"""The way to an MCP server: messages to one endpoint, and the answers to them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from destinations import keys
from destinations.mcp import protocol
from destinations.mcp.protocol import STATELESS, TooLargeError
from destinations.outcomes import Outcome, Verdict, judge_answer
from destinations.outward import outbound

logger = logging.getLogger(__name__)

METHOD = "tools/call"
ANSWERING_SECONDS = 5.0
CLOSING_SECONDS = 2.0
END_SECONDS = 0.05
# What a server asks during one call is answered so many times: each answer is a request of ours.
MOST_ASKED = 64
# With these an answer of JSON-RPC counts, with the others the status.
SPEAKS_FOR_ITSELF = frozenset({200, 400, 404})


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a server is spoken to. One without a session id has none, or needs none."""

    version: str
    session: str = ""

    @property
    def is_stateless(self) -> bool:
        """Whether every request speaks for itself."""
        return self.version == STATELESS


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, and the JSON-RPC answer in it, if there was one."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    message: dict[str, Any] | None
    # What it means, where it does not say so itself.
    meaning: Outcome | None = None

    def judge(self, conceal: Callable[[str], str] = str) -> Outcome:
        """What it means for the action: the answer says it, or else the status does.

        What it quotes goes through `conceal` first.
        """
        if self.meaning is not None:
            return self.meaning
        if self.message is not None and self.status in SPEAKS_FOR_ITSELF:
            return protocol.judge_message(self.message, conceal)
        failed = judge_answer(
            self.status,
            retry_after=self.headers.get("retry-after"),
            said=keys.quote(self.body, conceal),
            date=self.headers.get("date"),
        )
        kind = self.headers.get("content-type", "no content-type")
        message = f"HTTP {self.status} ({kind}) without an MCP answer: check the endpoint."
        return failed or Outcome(Verdict.REFUSED, message, status=self.status)

    @property
    def code(self) -> int | None:
        """That of an error of JSON-RPC; None where it is no number, whatever stands there."""
        error = (self.message or {}).get("error")
        code = error.get("code") if isinstance(error, dict) else None
        return code if isinstance(code, int) else None

    def is_about_the_session(self) -> bool:
        """Whether it may say that the server knows the session, or the version, no more."""
        return self.status in {400, 404} and self.code not in protocol.ABOUT_THE_CALL


@dataclass(slots=True)
class ToolCall:
    """A call of a tool, and what goes with it.

    `meta` is for the call alone, `headers` are for every message that it takes.
    """

    tool: str
    arguments: bytes
    meta: dict[str, str]
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    # Shows the server a certificate of ours.
    tls: ssl.SSLContext | None = None
    body: outbound.RequestBody | None = None

    @property
    def sent(self) -> bool:
        """Whether the call itself may have left this machine."""
        return self.body is not None and self.body.sent

    def write(self, id: int, agreement: Agreement) -> outbound.RequestBody:
        """The request, as the agreement has it, which is sent from now on."""
        self.body = outbound.RequestBody(self.compose(id, agreement))
        return self.body

    def compose(self, id: int, agreement: Agreement) -> bytes:
        """The bytes of the request."""
        envelope = protocol.write_envelope() if agreement.is_stateless else {}
        params = protocol.write_call(self.tool, self.arguments, {**self.meta, **envelope})
        return protocol.write_request(id, METHOD, params)


class Line:
    """The way to one endpoint for one call: who it is from is the same in all messages."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: str, call: ToolCall) -> None:
        self._session = session
        self._endpoint = endpoint
        self._headers = call.headers
        self._tls = call.tls

    async def ask(
        self,
        id: int,
        body: bytes | outbound.RequestBody,
        agreement: Agreement,
        routing: dict[str, str],
    ) -> Reply:
        """The answer to a request; what the server asks meanwhile is answered."""
        headers = self._write_headers(agreement) | routing
        async with outbound.call(
            self._session,
            "POST",
            self._endpoint,
            headers=headers,
            body=body,
            tls=self._tls,
        ) as response:
            if response.status == 200 and response.content_type == protocol.EVENTS:
                data = await self._read_events(response, id, agreement)
            else:
                data = await _read_answer(response)
            message = protocol.read_message(data)
            answer = message if message and protocol.is_answer(message, id) else None
            return Reply(response.status, response.headers, data, answer)

    async def tell(self, body: bytes, agreement: Agreement) -> outbound.Answer:
        """What came back to a message that nothing is expected of."""
        return await outbound.post(
            self._session,
            self._endpoint,
            headers=self._write_headers(agreement),
            body=body,
            seconds=ANSWERING_SECONDS,
            tls=self._tls,
        )

    async def end(self, agreement: Agreement) -> None:
        """End the session."""
        async with (
            asyncio.timeout(CLOSING_SECONDS),
            outbound.call(
                self._session,
                "DELETE",
                self._endpoint,
                headers=self._write_headers(agreement),
                body=None,
                tls=self._tls,
            ),
        ):
            pass

    def _write_headers(self, agreement: Agreement) -> dict[str, str]:
        ours = protocol.write_headers(agreement.version, session=agreement.session)
        return self._headers | ours

    async def _read_events(
        self, response: aiohttp.ClientResponse, id: int, agreement: Agreement
    ) -> bytes:
        """The event that holds the answer."""
        events = protocol.EventStream()
        asked = 0
        async for chunk in response.content.iter_any():
            for data in events.feed(chunk):
                message = protocol.read_message(data)
                if message is None:
                    continue
                if protocol.is_answer(message, id):
                    await _await_end(response)
                    return data
                if protocol.is_request(message) and asked < MOST_ASKED:
                    asked += 1
                    await self._answer(message, agreement)
        raise outbound.BrokenAnswerError("the stream of events ended before the answer")

    async def _answer(self, message: Mapping[str, Any], agreement: Agreement) -> None:
        """Say what we say to a server's own requests; whether it hears that is its affair."""
        try:
            await self.tell(protocol.answer_request(message), agreement)
        except (aiohttp.ClientError, OSError) as error:
            logger.info("%s did not take an answer: %r", self._endpoint, error)


async def _await_end(response: aiohttp.ClientResponse) -> None:
    """The stream ends with its answer, most of the time: then its connection can be used again."""
    # Whatever happens to it now, the answer is there.
    with contextlib.suppress(aiohttp.ClientError, OSError):
        async with asyncio.timeout(END_SECONDS):
            await response.content.read(1)


async def _read_answer(response: aiohttp.ClientResponse) -> bytes:
    most = protocol.MAX_MESSAGE if response.status == 200 else outbound.KEPT_BYTES
    data = await outbound.read_start(response, most + 1)
    if len(data) > protocol.MAX_MESSAGE:
        raise TooLargeError
    return data
