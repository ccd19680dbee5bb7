"""The audit as the API takes its filters and shows it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter

from config.openapi import ROW_ID, TIMESTAMP, nullable
from orgs.audit.acting import Via
from orgs.models import AuditEntry

Event = AuditEntry.Event
_COLUMNS: dict[str, Any] = {"type": "object", "additionalProperties": True}
ENTRY: dict[str, Any] = {
    "title": "AuditEntry",
    "type": "object",
    "required": [
        "id", "org_id", "at", "actor", "via", "user_id", "key_id", "address", "path", "kind",
        "row_id", "event", "before", "after",
    ],
    "properties": {
        "id": ROW_ID,
        "org_id": ROW_ID,
        "at": TIMESTAMP,
        "actor": {"type": "string", "description": "Who did it, readable: `key 5`, an email."},
        "via": {"type": "string", "enum": list(Via.values), "description": "By which way."},
        "user_id": nullable(ROW_ID),
        "key_id": nullable(ROW_ID),
        "address": nullable({"type": "string", "description": "Where the call came from."}),
        "path": nullable({"type": "string", "description": "What was called."}),
        "kind": {"type": "string", "description": "What the row is: `destination`, `api key`."},
        "row_id": {"type": "string"},
        "event": {"type": "string", "enum": list(Event.values)},
        "before": nullable(_COLUMNS | {"description": "What changed, as it was."}),
        "after": nullable(
            _COLUMNS | {"description": "What changed, as it is; of a secret, that it changed."}
        ),
    },
}  # fmt: skip
FILTERS = [
    OpenApiParameter("actor", {"type": "string"}, description="As entries show it."),
    OpenApiParameter("user_id", ROW_ID),
    OpenApiParameter("key_id", ROW_ID),
    OpenApiParameter("via", {"type": "string", "enum": list(Via.values)}),
    OpenApiParameter("kind", {"type": "string"}, description="`destination`, `api key`, ..."),
    OpenApiParameter("row_id", {"type": "string"}, description="With `kind`: one row's story."),
    OpenApiParameter("event", {"type": "string", "enum": list(Event.values)}),
    OpenApiParameter("from", TIMESTAMP, description="At or after this moment."),
    OpenApiParameter("to", TIMESTAMP, description="Before this moment."),
]


def show_entry(entry: AuditEntry) -> dict[str, Any]:
    """An entry as the API shows it."""
    return {
        "id": str(entry.pk),
        "org_id": str(entry.org_id),
        "at": entry.at,
        "actor": entry.actor,
        "via": entry.via,
        "user_id": _text(entry.user_id),
        "key_id": _text(entry.key_id),
        "address": entry.address or None,
        "path": entry.path or None,
        "kind": entry.kind,
        "row_id": entry.row_id,
        "event": entry.event,
        "before": entry.before,
        "after": entry.after,
    }


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
