"""A client written for the published gateway API: a key, a token, and plain requests."""

from __future__ import annotations

from typing import Any

import orjson
from django.test import Client

PREFIX = "/api/v1/gateway"


def send(method: str, path: str, body: Any = None, **options: Any) -> Any:
    """The answer to one request; `body` is sent as it is when it is bytes, else as JSON."""
    data = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    token = options.pop("token", None)
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return Client(raise_request_exception=False).generic(
        method,
        PREFIX + path,
        data,
        content_type=options.pop("content_type", "application/json"),
        headers=headers | options,
    )


class Gateway:
    """Calls the gateway with the token of a key."""

    def __init__(self, key: str) -> None:
        answer = send("POST", "/token/exchange", {"api_token": key})
        assert answer.status_code == 200, answer.content
        self.token: str = answer.json()["jwt_token"]

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The answer to a request with the token."""
        return send(method, path, body, **{"token": self.token} | options)

    def create(self, url: str, name: str = "send_note", **fields: Any) -> Any:
        """The answer to the registration of an action."""
        body = {
            "name": name,
            "description": "Sends a note.",
            "webhook_url": url,
            "json_schema": {"type": "object"},
        }
        return self.call("POST", "/actions", body | fields)

    def made(self, url: str, name: str = "send_note", **fields: Any) -> dict[str, Any]:
        """A registered action."""
        answer = self.create(url, name, **fields)
        assert answer.status_code == 201, answer.content
        action: dict[str, Any] = answer.json()["action"]
        return action

    def names(self) -> list[str]:
        """The names of all actions."""
        return [action["name"] for action in self.call("GET", "/actions").json()["actions"]]
