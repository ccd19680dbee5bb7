"""An agent's client for tests: plain requests, of either generation of the protocol."""

from __future__ import annotations

from typing import Any

import orjson
from django.test import Client

from agents import protocol

META = {
    protocol.VERSION_KEY: protocol.STATELESS,
    protocol.CAPABILITIES_KEY: {},
}


class Agent:
    """Calls `/mcp/{slug}` with a key."""

    def __init__(self, slug: str, key: str | None, version: str = protocol.STATELESS) -> None:
        self.path = f"/mcp/{slug}"
        self.key = key
        self.version = version
        self.client = Client(raise_request_exception=False)

    def send(self, body: Any, method: str = "POST", **headers: Any) -> Any:
        """The response to bytes, or to JSON; a header that is None is left out."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        sent = {
            "authorization": None if self.key is None else f"Bearer {self.key}",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": self.version,
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        media_type = sent.pop("content-type", "application/json")
        return self.client.generic(
            method,
            self.path,
            data,
            content_type=media_type,
            headers={name: value for name, value in sent.items() if value is not None},
        )

    def ask(self, method: str, params: Any = None, **headers: Any) -> Any:
        """The response to a request."""
        params = dict(params or {})
        if self.version == protocol.STATELESS:
            params["_meta"] = META | params.get("_meta", {})
            headers = {"mcp_method": method, "mcp_name": params.get("name")} | headers
        message = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
        return self.send(message, **headers)

    def result(self, method: str, params: Any = None) -> Any:
        """The result of a request that must have one."""
        answer = self.ask(method, params)
        assert answer.status_code == 200, answer.content
        return answer.json()["result"]

    def error(self, method: str, params: Any = None, **headers: Any) -> tuple[int, int]:
        """(HTTP status, code) of a request that is refused."""
        return refusal(self.ask(method, params, **headers))

    def names(self) -> list[str]:
        """The names of the tools that it sees."""
        return [tool["name"] for tool in self.result("tools/list")["tools"]]

    def call(self, name: str, arguments: Any = None, **meta: Any) -> Any:
        """The result of a call."""
        params = {"name": name, "arguments": arguments or {}, "_meta": meta}
        return self.result("tools/call", params)


def refusal(answer: Any) -> tuple[int, int]:
    """(HTTP status, code) of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]


def text(result: Any) -> str:
    """What a result says."""
    (block,) = result["content"]
    return block["text"]
