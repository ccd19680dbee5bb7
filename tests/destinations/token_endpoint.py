"""A real token endpoint (RFC 6749 section 4.4) for one test."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from aiohttp import web

from tests.destinations.receiver import Handler, receive

CLIENT = ("waybill: 1%", "s3cret & more/+")


@dataclass
class TokenEndpoint:
    """Gives token-1, token-2 and so on to its one client."""

    url: str = ""
    # What it has been asked, and by whom.
    asked: list[dict[str, str]] = field(default_factory=list)
    clients: list[tuple[str, str]] = field(default_factory=list)
    # More fields of what it gives.
    gives: dict[str, Any] = field(default_factory=lambda: {"expires_in": 3600})

    def secret(self, **fields: str) -> dict[str, str]:
        """The secret of a credential for it."""
        client_id, client_secret = CLIENT
        return {
            "token_url": self.url,
            "client_id": client_id,
            "client_secret": client_secret,
        } | fields


@contextlib.asynccontextmanager
async def give_tokens(instead: Handler | None = None) -> AsyncIterator[TokenEndpoint]:
    """An endpoint; `instead` answers in its place."""
    endpoint = TokenEndpoint()

    async def answer(request: web.Request) -> web.StreamResponse:
        form = {name: values[0] for name, values in parse_qs(await request.text()).items()}
        endpoint.asked.append(form)
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            user, _, password = base64.b64decode(value).decode().partition(":")
            client = (unquote_plus(user), unquote_plus(password))
        else:
            client = (form.get("client_id", ""), form.get("client_secret", ""))
        endpoint.clients.append(client)
        if instead:
            return await instead(request)
        if client != CLIENT or form.get("grant_type") != "client_credentials":
            return web.json_response({"error": "invalid_client"}, status=401)
        token = {"access_token": f"token-{len(endpoint.asked)}", "token_type": "Bearer"}
        return web.json_response(token | endpoint.gives)

    async with receive(answer) as receiver:
        endpoint.url = receiver.url
        yield endpoint
