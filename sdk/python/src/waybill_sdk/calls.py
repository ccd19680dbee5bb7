"""Every call of the API as a value: what is sent, and how its answer is read."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from waybill_sdk.models import Action, Definition, Destination, Problem, Record, Submitted

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request. `repeatable`: sent twice, it has its effect once."""

    method: str
    path: str
    read: Callable[[Any], T]
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True
    # How long its answer may rightly take, beside the client's own timeout.
    patience: float = 0.0
    # Instead of the client's own timeout, and sent only once: its caller comes back to it anyway.
    once_within: float | None = None


def _rows(read: Callable[[dict[str, Any]], T]) -> Callable[[Any], list[T]]:
    return lambda data: [read(item) for item in data["items"]]


def _nothing(_: Any) -> None:
    return None


def submit(  # noqa: PLR0913 -- what the API takes, by keyword
    variant: str,
    input: Any,
    *,
    tags: Mapping[str, str] | None = None,
    version: int | None = None,
    timeout: int | None = None,
    available_at: datetime | None = None,
    idempotency_key: str | None = None,
) -> Call[Submitted]:
    """Hand an action in; under a key, which is made where none is given, once."""
    body: dict[str, Any] = {"input": input}
    if tags:
        body["tags"] = dict(tags)
    if version is not None:
        body["version"] = version
    if timeout is not None:
        body["timeout"] = timeout
    if available_at is not None:
        body["available_at"] = available_at.isoformat()
    key = idempotency_key or str(uuid.uuid4())
    path = f"/v1/ingress/{quote(variant, safe='')}"
    return Call("POST", path, Submitted.read, body, headers={"Idempotency-Key": key})


def pull(
    namespace: str, *, most: int, wait_seconds: float, lease_seconds: int, worker: str = ""
) -> Call[list[Action]]:
    """Take up to so many actions."""
    body: dict[str, Any] = {
        "max": most,
        "wait_seconds": wait_seconds,
        "lease_seconds": lease_seconds,
    }
    path = f"/v1/sdk/{quote(namespace)}/pull"
    if worker:
        body["worker"] = worker
    # What was taken by a request whose answer got lost is held until its lease ends: a second
    # request would take as much again.
    return Call("POST", path, _rows(Action.read), body, repeatable=False, patience=wait_seconds)


def _attempt(action_id: str, attempt: int) -> dict[str, Any]:
    return {"action_record_id": action_id, "attempt": attempt}


def ack(action_id: str, attempt: int) -> Call[None]:
    """It succeeded."""
    return Call("POST", "/v1/ack", _nothing, _attempt(action_id, attempt))


def ack_all(attempts: Sequence[tuple[str, int]]) -> Call[list[Problem | None]]:
    """Up to 1,000 succeeded; for each what is wrong with that, or None."""
    body = {"items": [_attempt(*one) for one in attempts]}

    def read(item: dict[str, Any]) -> Problem | None:
        return Problem.read(item["errors"][0]) if "errors" in item else None

    return Call("POST", "/v1/sdk/ack", _rows(read), body)


def nack(
    action_id: str, attempt: int, *, retry_at: int | None = None, retry: bool = True
) -> Call[None]:
    """It failed: again at that Unix time, or by Waybill's schedule, or never."""
    terms: dict[str, Any] = {} if retry else {"retry": False}
    if retry_at is not None:
        terms["retry_at"] = retry_at
    body = _attempt(action_id, attempt) | ({"terms": terms} if terms else {})
    return Call("POST", "/v1/nack", _nothing, body)


def modack(action_id: str, attempt: int, seconds: int) -> Call[None]:
    """Its deadline is so many seconds from now."""
    return Call("POST", "/v1/modack", _nothing, _attempt(action_id, attempt) | {"seconds": seconds})


def extend(action_id: str, attempt: int, seconds: int, within: float) -> Call[None]:
    """`modack`, once and with a short timeout: for a worker that extends again and again."""
    return replace(modack(action_id, attempt, seconds), once_within=within)


@dataclass(frozen=True, slots=True)
class Management:
    """The calls below an organization."""

    org_id: str

    def _path(self, rest: str) -> str:
        if not self.org_id:
            raise ValueError("Give the client an `org_id` to manage an organization.")
        return f"/v1/orgs/{self.org_id}/{rest}"

    def put_definition(
        self, variant: str, schema: Any, *, version: int | None, alias: Sequence[str]
    ) -> Call[Definition]:
        """A new version of a variant."""
        body: dict[str, Any] = {"variant": variant, "schema": schema, "alias": list(alias)}
        if version is not None:
            body["version"] = version
        path = self._path("actions/definitions")
        return Call("PUT", path, Definition.read, body, repeatable=False)

    def list_definitions(self, variant: str | None, take: int, skip: int) -> Call[list[Definition]]:
        """The definitions, or the versions of one variant."""
        query = _page(take, skip) | ({"variant": variant} if variant else {})
        path = self._path("actions/definitions")
        return Call("GET", path, _rows(Definition.read), query=query)

    def create_destination(
        self, label: str, type: str, config: Mapping[str, Any], **more: Any
    ) -> Call[Destination]:
        """A new destination."""
        body = {"label": label, "type": type, "config": dict(config), **more}
        path = self._path("destinations")
        return Call("PUT", path, Destination.read, body, repeatable=False)

    def list_destinations(self, take: int, skip: int) -> Call[list[Destination]]:
        """The destinations."""
        path = self._path("destinations")
        return Call("GET", path, _rows(Destination.read), query=_page(take, skip))

    def link(self, definition_id: str, destination_id: str, *, default: bool) -> Call[Definition]:
        """The definition, linked to a destination."""
        path = self._path(f"actions/definitions/{definition_id}/destinations/{destination_id}")
        return Call("PUT", path, Definition.read, {"is_default": default})

    def get_record(self, record_id: str) -> Call[Record]:
        """An action with its events."""
        return Call("GET", self._path(f"actions/records/{record_id}"), Record.read)

    def list_records(self, take: int, skip: int, query: Mapping[str, str]) -> Call[list[Record]]:
        """Actions, newest first."""
        path = self._path("actions/records")
        return Call("GET", path, _rows(Record.read), query=_page(take, skip) | dict(query))

    def replay(self, record_id: str) -> Call[Record]:
        """The new action."""
        path = self._path(f"actions/records/{record_id}/replay")
        return Call("POST", path, Record.read, repeatable=False)

    def cancel(self, record_id: str) -> Call[Record]:
        """The canceled action."""
        return Call("POST", self._path(f"actions/records/{record_id}/cancel"), Record.read)


def _page(take: int, skip: int) -> dict[str, str]:
    return {"take": str(take), "skip": str(skip)}
