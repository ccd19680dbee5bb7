"""Rows of this app as the gateway shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from destinations.attempts import Request
from destinations.outcomes import Verdict
from dispatch.direct import Executed
from gateway.errors import MAY_NOT_BE_CALLED
from gateway.services import Registered

# These tell of our network, where a name leads and what answers there: that is not told.
UNSENT: dict[str, str] = {
    Verdict.REFUSED: f"Nothing was sent: the webhook_url {MAY_NOT_BE_CALLED}.",
    Verdict.UNAVAILABLE: "Nothing was sent: the webhook could not be reached.",
}
# What a boolean contract, which only the registry's own API takes, is as an object.
BOOLEANS = {b"true": b"{}", b"false": b'{"not":{}}'}


def show_executed(executed: Executed) -> dict[str, Any]:
    """What has come of an action that was executed."""
    return {
        "result": executed.result,
        "error": UNSENT.get(executed.unsent, executed.error),
        "action_record_id": str(executed.record_id),
        "ambiguous": executed.ambiguous,
    }


def show_request(request: Request) -> dict[str, Any]:
    """The request that would be sent."""
    return {
        "request": {
            "method": request.method,
            "url": request.url,
            "headers": dict(request.headers),
            "body": request.body.decode(),
        }
    }


def show_action(found: Registered) -> dict[str, Any]:
    """An action, with what the registry says of it now."""
    action, definition = found.action, found.definition
    changed = (action.updated_at, definition.updated_at, action.destination.updated_at)
    return {
        "id": str(action.pk),
        "tenant_id": str(action.org.tenant_id),
        "name": action.name,
        "description": action.description,
        "json_schema": orjson.Fragment(BOOLEANS.get(definition.schema, definition.schema)),
        "webhook_url": action.destination.config["url"],
        "created_at": _show_time(action.created_at),
        "updated_at": _show_time(max(changed)),
    }


def _show_time(moment: datetime) -> str:
    """As `2023-01-01T12:00:00.123456Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
