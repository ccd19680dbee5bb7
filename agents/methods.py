"""The methods of the protocol: what each answers to a caller."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from agents import answers, calls, catalog, protocol
from agents.models import NAME_PATTERN
from agents.protocol import Message, ProtocolError
from agents.services import GET_ACTION
from orgs.auth import Caller

Method = Callable[[Caller, Message], Mapping[str, Any]]
INSTRUCTIONS = (
    "Each tool hands in an action, which Waybill delivers until it is settled. A call waits for "
    "that for a while; where it takes longer, the answer names the action: ask for it with "
    f"{GET_ACTION}."
)
# Prompts and resources there are none; clients that ask for them get an empty list.
CAPABILITIES: dict[str, Any] = {"tools": {"listChanged": True}, "prompts": {}, "resources": {}}
# How long a list may be kept. It is one key's own.
CACHING = {"ttlMs": 60_000, "cacheScope": "private"}


def discover(caller: Caller, message: Message) -> dict[str, Any]:
    """What the server is, and can do."""
    return {
        "supportedVersions": list(protocol.VERSIONS),
        "capabilities": CAPABILITIES,
        "instructions": INSTRUCTIONS,
        **CACHING,
    }


def initialize(caller: Caller, message: Message) -> dict[str, Any]:
    """The same, for clients that ask so."""
    return {
        "protocolVersion": protocol.agree(message.params.get("protocolVersion")),
        "capabilities": CAPABILITIES,
        "serverInfo": protocol.SERVER,
        "instructions": INSTRUCTIONS,
    }


def ping(caller: Caller, message: Message) -> dict[str, Any]:
    """Nothing."""
    return {}


def list_tools(caller: Caller, message: Message) -> dict[str, Any]:
    """One page of the tools; the first one begins with the tool that every server has."""
    cursor = message.params.get("cursor")
    if cursor is not None and not (isinstance(cursor, str) and re.fullmatch(NAME_PATTERN, cursor)):
        raise ProtocolError(protocol.INVALID_PARAMS, "Invalid cursor")
    offers, more = catalog.list_offers(caller, cursor or "")
    tools = [answers.show_offer(offer) for offer in offers]
    page: dict[str, Any] = {"tools": tools if cursor else [answers.GET_ACTION_TOOL, *tools]}
    return page | CACHING | ({} if more is None else {"nextCursor": more})


def call_tool(caller: Caller, message: Message) -> dict[str, Any]:
    """What became of a call."""
    name, arguments = message.params.get("name"), message.params.get("arguments")
    if not isinstance(name, str) or not isinstance(arguments, dict | None):
        raise ProtocolError(
            protocol.INVALID_PARAMS, "A call has the `name` of a tool, and `arguments`, an object."
        )
    if name == GET_ACTION:
        return calls.get_action(caller, arguments or {})
    offer = catalog.find_offer(caller, name)
    if offer is None:
        raise ProtocolError(protocol.INVALID_PARAMS, f"Unknown tool: {name}")
    return calls.call_tool(caller, offer, arguments or {}, message.meta)


def list_nothing(kind: str) -> Method:
    """A list of what there is none of."""

    def answer(caller: Caller, message: Message) -> dict[str, Any]:
        return {kind: [], **CACHING}

    return answer


def find_nothing(caller: Caller, message: Message) -> dict[str, Any]:
    """Refuses: there are no prompts and no resources."""
    raise ProtocolError(protocol.INVALID_PARAMS, "There is nothing of that name.")


_SAME: dict[str, Method] = {
    "tools/list": list_tools,
    "tools/call": call_tool,
    "prompts/list": list_nothing("prompts"),
    "prompts/get": find_nothing,
    "resources/list": list_nothing("resources"),
    "resources/templates/list": list_nothing("resourceTemplates"),
    "resources/read": find_nothing,
}
STATELESS: dict[str, Method] = {"server/discover": discover, **_SAME}
WITH_HANDSHAKE: dict[str, Method] = {"initialize": initialize, "ping": ping, **_SAME}


def answer(caller: Caller, message: Message) -> Mapping[str, Any]:
    """The result of a request; `ProtocolError` where there is no such method."""
    method = (STATELESS if message.is_stateless else WITH_HANDSHAKE).get(message.method)
    if method is None:
        raise ProtocolError(protocol.METHOD_NOT_FOUND, f"Method not found: {message.method}")
    return method(caller, message)
