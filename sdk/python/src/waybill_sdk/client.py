"""The client for code without asyncio. Its methods may be called from several threads."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self, TypeVar

import httpx2

from waybill_sdk import calls, wire
from waybill_sdk.calls import Call
from waybill_sdk.models import Action, Definition, Destination, Problem, Record, Submitted
from waybill_sdk.retries import Retries

T = TypeVar("T")


class Client:
    """Calls a Waybill with an API key. `org_id` is needed for what manages an organization."""

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        org_id: str = "",
        timeout: float = 30.0,
        retries: Retries | None = None,
        connections: int = 100,
    ) -> None:
        limits = httpx2.Limits(max_connections=connections)
        self._http = httpx2.Client(base_url=base_url, limits=limits)
        self._wire = wire.Wire(key, timeout, retries or Retries())
        self._of_org = calls.Management(org_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """What a call gives, tried again where that is safe."""
        attempt = 0
        while True:
            attempt += 1
            try:
                response = self._http.request(call.method, call.path, **self._wire.options(call))
            except httpx2.TransportError as error:
                pause = self._wire.judge_fault(call, attempt, error)
            else:
                again = self._wire.judge_answer(call, attempt, response)
                if again is None:
                    return wire.read(call, response)
                pause = again
            time.sleep(pause)

    # --- handing in ------------------------------------------------------------------------------

    def submit(  # noqa: PLR0913 -- what the API takes, by keyword
        self,
        variant: str,
        input: Any,
        *,
        tags: Mapping[str, str] | None = None,
        version: int | None = None,
        timeout: int | None = None,
        available_at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> Submitted:
        """The accepted action: once, also where the answer to it was lost."""
        return self.send(
            calls.submit(
                variant,
                input,
                tags=tags,
                version=version,
                timeout=timeout,
                available_at=available_at,
                idempotency_key=idempotency_key,
            )
        )

    # --- pulling and settling --------------------------------------------------------------------

    def pull(
        self,
        namespace: str,
        *,
        most: int = 10,
        wait_seconds: float = 0,
        lease_seconds: int = 60,
        worker: str = "",
    ) -> list[Action]:
        """Up to so many actions, each to be settled within its lease."""
        return self.send(
            calls.pull(
                namespace,
                most=most,
                wait_seconds=wait_seconds,
                lease_seconds=lease_seconds,
                worker=worker,
            )
        )

    def ack(self, action_id: str, attempt: int) -> None:
        """The action succeeded."""
        self.send(calls.ack(action_id, attempt))

    def ack_all(self, attempts: Sequence[tuple[str, int]]) -> list[Problem | None]:
        """Up to 1,000 actions succeeded; for each why that was refused, or None."""
        return self.send(calls.ack_all(attempts))

    def nack(
        self, action_id: str, attempt: int, *, retry_at: int | None = None, retry: bool = True
    ) -> None:
        """The attempt failed: again at that Unix time, by Waybill's schedule, or never."""
        self.send(calls.nack(action_id, attempt, retry_at=retry_at, retry=retry))

    def modack(self, action_id: str, attempt: int, seconds: int) -> None:
        """The action's deadline is so many seconds from now."""
        self.send(calls.modack(action_id, attempt, seconds))

    # --- managing --------------------------------------------------------------------------------

    def put_definition(
        self, variant: str, schema: Any, *, version: int | None = None, alias: Sequence[str] = ()
    ) -> Definition:
        """A new version of a variant."""
        return self.send(self._of_org.put_definition(variant, schema, version=version, alias=alias))

    def list_definitions(
        self, *, variant: str | None = None, take: int = 50, skip: int = 0
    ) -> list[Definition]:
        """Definitions, or the versions of one variant."""
        return self.send(self._of_org.list_definitions(variant, take, skip))

    def create_destination(
        self, label: str, type: str, config: Mapping[str, Any], **more: Any
    ) -> Destination:
        """A new destination."""
        return self.send(self._of_org.create_destination(label, type, config, **more))

    def list_destinations(self, *, take: int = 50, skip: int = 0) -> list[Destination]:
        """Destinations."""
        return self.send(self._of_org.list_destinations(take, skip))

    def link(self, definition_id: str, destination_id: str, *, default: bool = True) -> Definition:
        """The definition, whose actions go to that destination where it is the default."""
        return self.send(self._of_org.link(definition_id, destination_id, default=default))

    def get_record(self, record_id: str) -> Record:
        """An action with its events."""
        return self.send(self._of_org.get_record(record_id))

    def list_records(self, *, take: int = 50, skip: int = 0, **query: str) -> list[Record]:
        """Actions, newest first, narrowed by `status`, `variant` and the like."""
        return self.send(self._of_org.list_records(take, skip, query))

    def replay(self, record_id: str) -> Record:
        """A new action with the same input."""
        return self.send(self._of_org.replay(record_id))

    def cancel(self, record_id: str) -> Record:
        """The action, canceled."""
        return self.send(self._of_org.cancel(record_id))
