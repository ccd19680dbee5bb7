"""An API client for tests: plain requests, answers with their JSON at hand."""

from __future__ import annotations

from typing import Any

import orjson
from django.test import Client

from orgs.models import Organization


class ApiClient:
    """Calls the API with a key. `~` in a path stands for `/v1/orgs/{org_id}`."""

    def __init__(self, org: Organization, key: str | None) -> None:
        self.org = org
        self.headers = {} if key is None else {"x-arklow-auth": key}
        self.client = Client(raise_request_exception=False)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The response; `body` is sent as it is when it is bytes, else as JSON."""
        data = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        answer = self.client.generic(
            method,
            path.replace("~", f"/v1/orgs/{self.org.pk}"),
            data,
            content_type="application/json",
            headers=self.headers | headers,
        )
        if answer.streaming:
            # Read to its end, as by a client: it keeps a seat until then.
            answer.streaming_content = [answer.getvalue()]
        return answer

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers)

    def put(self, path: str, body: Any = None) -> Any:
        return self.call("PUT", path, body)

    def post(self, path: str, body: Any = None) -> Any:
        return self.call("POST", path, body)

    def delete(self, path: str) -> Any:
        return self.call("DELETE", path)

    def data(self, response: Any, status: int = 200) -> Any:
        """The `data` of an answer that must have this status."""
        assert response.status_code == status, response.content
        return response.json()["data"]


def codes(response: Any) -> list[tuple[str, str | None]]:
    """(code, pointer) of each error, in an envelope that must be whole."""
    body = response.json()
    assert set(body) == {"data", "errors"}
    assert body["data"] is None
    return [(error["code"], error.get("pointer")) for error in body["errors"]]
