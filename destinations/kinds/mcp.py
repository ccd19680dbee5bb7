"""`mcp`: a tool of a Model Context Protocol server, called over streamable HTTP."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import aiohttp
from django.conf import settings

from config.errors import Fault
from destinations import replies
from destinations.attempts import Attempt, Request
from destinations.authorizing import authorization
from destinations.credentials import HTTP_CREDENTIALS
from destinations.mcp import protocol
from destinations.mcp.line import METHOD, Agreement, Reply, ToolCall
from destinations.mcp.protocol import TooLargeError
from destinations.mcp.sessions import Servers
from destinations.outcomes import TAKEN, NoAnswerError, Outcome, Verdict
from destinations.outward import outbound
from destinations.outward.clients import Clients
from destinations.signaling import RESPONSE_TIME_SLA

CONFIG: dict[str, Any] = {
    "type": "object",
    "required": ["endpoint"],
    "properties": {
        "endpoint": {"type": "string", "format": "uri"},
        "response_time_sla_ms": RESPONSE_TIME_SLA,
    },
}
CREDENTIALS = HTTP_CREDENTIALS
EXAMPLE: dict[str, Any] = {"endpoint": "https://tools.example.com/mcp"}
# Where in the config it is written whom we call.
ADDRESS = "endpoint"
# Beside what the published schema names: the tool to call instead of that of the variant's name.
OURS: dict[str, Any] = {
    "tool": {
        "description": "The tool that is called. Left empty: the one with the variant's name.",
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
    }
}


def find_config_faults(config: dict[str, Any]) -> list[Fault]:
    """What the schema cannot say: where the endpoint may lead."""
    try:
        outbound.check_url(config["endpoint"], allow_private=settings.ALLOW_PRIVATE_NETWORKS)
    except outbound.AddressRefusedError as error:
        return [Fault(error.code, str(error), "/config/endpoint")]
    return []


async def deliver(attempt: Attempt, clients: Clients) -> Outcome:
    """Call the tool with the payload's own bytes as its arguments; its answer is the outcome."""
    call = _make_call(attempt)
    try:
        async with asyncio.timeout(attempt.seconds_left()):
            reply = await _call(attempt, clients, call)
    except TooLargeError as error:
        # Called again, it would say the same again.
        message = f"{error} It may have been done, and nobody can tell whether it failed."
        return Outcome(Verdict.PERMANENT, message, said=False, sent=call.sent)
    except outbound.AddressRefusedError as error:
        return Outcome(Verdict.REFUSED, str(error), said=False, sent=False)
    except (aiohttp.ClientError, OSError) as error:
        return outbound.judge_silence(error, sent=call.sent)
    return _tell(attempt, reply, reply.judge(attempt.conceal))


def compose(attempt: Attempt) -> Request:
    """The call as a server gets it that speaks the newest version: which it is, is asked first."""
    call, agreement = _make_call(attempt), Agreement(protocol.STATELESS)
    headers = protocol.write_headers(agreement.version) | call.meta
    headers |= protocol.write_routing(METHOD, call.tool)
    return Request("POST", attempt.config["endpoint"], headers, {}, call.compose(1, agreement))


def _make_call(attempt: Attempt) -> ToolCall:
    if not attempt.payload.lstrip().startswith(b"{"):
        message = "The input is not an object, and nothing else can be the arguments of a tool."
        raise NoAnswerError(Outcome(Verdict.PERMANENT, message, sent=False))
    tool = attempt.config.get("tool", attempt.variant)
    return ToolCall(tool, attempt.payload, read_meta(attempt))


async def _call(attempt: Attempt, clients: Clients, call: ToolCall) -> Reply:
    """The answer, with a token fetched anew where one is refused."""
    server = clients.of(Servers).find(attempt)
    call.tls = await authorization.find_certificate(attempt, clients)
    granted = await authorization.authorize(attempt, clients)
    call.headers = granted
    reply = await server.call(call)
    if reply.status == 401:
        renewed = await authorization.authorize(attempt, clients, refused=granted)
        if renewed != granted:
            call.headers = renewed
            reply = await server.call(call)
    return reply


def read_meta(attempt: Attempt) -> dict[str, str]:
    """What tells a server which attempt it is: in headers, and in the `_meta` of the call."""
    marks = {
        "x-arklow-actionid": str(attempt.record_id),
        "x-arklow-attempt": str(attempt.number),
        # The same on every attempt, so that a tool can tell a repeated one.
        "idempotency-key": str(attempt.record_id),
    }
    return marks | ({"x-waybill-test": "true"} if attempt.is_test else {})


def _tell(attempt: Attempt, reply: Reply, outcome: Outcome) -> Outcome:
    """The outcome; for a test, with what was answered; of a failure, with what is kept."""
    if attempt.is_test:
        return replace(outcome, status=reply.status, answer=reply.body[: outbound.KEPT_BYTES])
    if outcome.verdict in TAKEN:
        return outcome
    kept = replies.keep(reply.status, reply.headers, reply.body, attempt.conceal)
    return replace(outcome, reply=kept)
