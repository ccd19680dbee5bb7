"""The two ends as a test sees them, over HTTP alone: Waybill's API, and what the receiver saw."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlencode

from tests.end_to_end.processes import wait_until

PAGE = 50
AT_ONCE = 25


def fetch(
    port: int,
    method: str,
    path: str,
    body: bytes = b"",
    *,
    host: str = "127.0.0.1",
    seconds: float = 30,
    **headers: str,
) -> Any:
    """(status, parsed body) of one request."""
    connection = HTTPConnection(host, port, timeout=seconds)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


class Api:
    """Calls the API with a key. `~` in a path stands for `/v1/orgs/{org_id}`."""

    def __init__(self, port: int, org_id: str, key: str, *, host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = port
        self.org_id = org_id
        self.key = key
        self.accepted: list[str] = []

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any, Any]:
        """Status, `data` and `errors` of an answer, of which one is there and one is not."""
        sent = b"" if body is None else json.dumps(body).encode()
        path = path.replace("~", f"/v1/orgs/{self.org_id}")
        key = {"x-arklow-auth": self.key}
        status, answer = fetch(self.port, method, path, sent, host=self.host, **key)
        assert answer.keys() == {"data", "errors"}
        assert (answer["errors"] is None) == (status == 200), answer
        assert (answer["data"] is None) == (status != 200), answer
        return status, answer["data"], answer["errors"]

    def data(self, method: str, path: str, body: Any = None) -> Any:
        """The `data` of an answer that must be 200."""
        status, data, errors = self.call(method, path, body)
        assert status == 200, errors
        return data

    def link(self, variant: str, schema: Any, destination: dict[str, Any]) -> dict[str, Any]:
        """A definition that goes to the destination."""
        body = {"variant": variant, "schema": schema}
        made = self.data("PUT", "~/actions/definitions", body)
        path = f"~/actions/definitions/{made['id']}/destinations/{destination['id']}"
        linked: dict[str, Any] = self.data("PUT", path, {"is_default": True})
        return linked

    def submit(self, variant: str, payload: Any) -> tuple[str | None, list[dict[str, str]]]:
        """The id of an action, or why it was refused."""
        body = {"input": payload}
        status, data, errors = self.call("POST", f"/v1/ingress/{quote(variant)}", body)
        if status == 400:
            return None, errors
        assert status == 200, errors
        self.accepted.append(data["id"])
        return data["id"], []

    def submit_batch(
        self, actions: list[tuple[str, Any]]
    ) -> list[tuple[str | None, list[dict[str, str]]]]:
        """The same for many, so many at once as are judged in time on a busy machine."""
        answers = []
        for first in range(0, len(actions), AT_ONCE):
            chosen = actions[first : first + AT_ONCE]
            batch = [{"variant": variant, "input": payload} for variant, payload in chosen]
            data = self.data("POST", "/v1/batch", {"actions": batch})
            told = [(item.get("id"), item.get("errors", [])) for item in data["items"]]
            ids = [action_id for action_id, _ in told if action_id]
            assert data["accepted"] == len(ids)
            self.accepted.extend(ids)
            answers += told
        return answers

    def settle(self, verb: str, action_id: str, attempt: int, **more: Any) -> tuple[int, Any, Any]:
        """What `/v1/ack`, `/v1/nack` or `/v1/modack` answers."""
        body = {"action_record_id": action_id, "attempt": attempt, **more}
        return self.call("POST", f"/v1/{verb}", body)

    def record(self, action_id: str) -> dict[str, Any]:
        """An action with its events."""
        found: dict[str, Any] = self.data("GET", f"~/actions/records/{action_id}")
        return found

    def wait_for(self, action_id: str, *statuses: str, seconds: float) -> dict[str, Any]:
        """The action as soon as it has one of the statuses."""

        def look() -> dict[str, Any] | None:
            record = self.record(action_id)
            return record if record["state"]["status"] in statuses else None

        found: dict[str, Any] = wait_until(look, seconds=seconds)
        return found

    def count(self, **query: str) -> int:
        """How many actions there are."""
        asked = urlencode({"count_only": "true", **query})
        return int(self.data("GET", f"~/actions/records?{asked}")["count"])

    def list_records(self) -> Iterator[dict[str, Any]]:
        """Every action, newest first, page by page."""
        skip = 0
        while True:
            page = self.data("GET", f"~/actions/records?take={PAGE}&skip={skip}")["items"]
            yield from page
            if len(page) < PAGE:
                return
            skip += PAGE


@dataclass(frozen=True)
class Delivery:
    """A request as the receiver got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def action_id(self) -> str:
        return self.headers["x-arklow-actionid"]

    @property
    def attempt(self) -> int:
        return int(self.headers["x-arklow-attempt"])


class Receiver:
    """What the receiver has seen so far."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._seen: list[Delivery] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def seen(self) -> list[Delivery]:
        """Every delivery, in order."""
        status, more = fetch(self.port, "GET", f"/_seen?after={len(self._seen)}")
        assert status == 200
        for one in more:
            headers = dict(one["headers"])
            assert len(headers) == len(one["headers"]), "a header came twice"
            body = base64.b64decode(one["body"])
            self._seen.append(Delivery(one["method"], one["path"], headers, body, one["at"]))
        return self._seen

    def of(self, action_id: str) -> list[Delivery]:
        """The deliveries of one action, in order."""
        return [delivery for delivery in self.seen if delivery.action_id == action_id]
