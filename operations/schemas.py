"""JSON Schemas of what this app's API takes and gives."""

from __future__ import annotations

from typing import Any

from config.openapi import ROW_ID, TIMESTAMP, nullable
from destinations.schemas import TAGS
from dispatch.schemas import SHOWN_STATUS
from operations.matching import COUNTED
from operations.models import BulkOperation
from operations.services import DEFAULT_CAP, MOST_CAP, NAMED_SKIPPED, PREVIEWED

# As many as one call can hand in.
MOST_IDS = 1_000
FILTER: dict[str, Any] = {
    "title": "BulkFilter",
    "type": "object",
    "description": "What the actions have in common; what is left out matches all of them.",
    "properties": {
        "status": SHOWN_STATUS,
        "variant": {"type": "string", "minLength": 1, "maxLength": 255},
        "destination": ROW_ID,
        "tags": TAGS,
        "created_after": TIMESTAMP | {"description": "At or after this moment."},
        "created_before": TIMESTAMP | {"description": "Before this moment."},
        "after_id": ROW_ID | {"description": "Of a greater id, as `last_id` of a capped one."},
        "ids": {
            "type": "array",
            "items": ROW_ID,
            "minItems": 1,
            "maxItems": MOST_IDS,
            "description": "Those of these ids.",
        },
        "destination_label": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "description": "Of all destinations with this label, live or deleted.",
        },
        "error": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "description": "What `error_message` says somewhere, in whatever case.",
        },
    },
    "additionalProperties": False,
}
_KIND: dict[str, Any] = {"type": "string", "enum": list(BulkOperation.Kind.values)}
PREVIEW_REQUEST: dict[str, Any] = {
    "title": "BulkPreviewRequest",
    "type": "object",
    "required": ["kind", "filter"],
    "properties": {"kind": _KIND, "filter": FILTER},
    "additionalProperties": False,
}
NEW_OPERATION: dict[str, Any] = {
    "title": "NewBulkOperation",
    "type": "object",
    "required": ["kind", "filter", "reason"],
    "properties": {
        "kind": _KIND,
        "filter": FILTER,
        "reason": {
            "type": "string",
            "maxLength": 1000,
            "pattern": r"\S",
            "description": "Each action's events tell it.",
        },
        "cap": {
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_CAP,
            "default": DEFAULT_CAP,
            "description": "At most this many are done, those of the smallest ids.",
        },
        "again": {
            "type": "boolean",
            "default": False,
            "description": "Replay what has been replayed before, too; else it is skipped as "
            "`ALREADY_REPLAYED`.",
        },
    },
    "additionalProperties": False,
}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
PREVIEW: dict[str, Any] = {
    "title": "BulkPreview",
    "type": "object",
    "required": ["count", "count_exact", "ids", "filter"],
    "properties": {
        "count": _COUNT,
        "count_exact": {
            "type": "boolean",
            "description": f"false when there may be more: counting stops at {COUNTED:,}, and "
            "after some seconds.",
        },
        "ids": {"type": "array", "items": ROW_ID, "maxItems": PREVIEWED},
        "filter": FILTER,
    },
}
_DAY: dict[str, Any] = {"type": "string", "format": "date"}
_USED: dict[str, Any] = {
    "accepted": _COUNT | {"description": "Actions that came."},
    "delivered": _COUNT | {"description": "Actions that succeeded."},
    "failed": _COUNT | {"description": "Actions that failed for good."},
    "canceled": _COUNT | {"description": "Actions that were canceled."},
    "payload_bytes": _COUNT | {"description": "Of the inputs of those that came, as stored."},
}
USAGE: dict[str, Any] = {
    "title": "Usage",
    "type": "object",
    "required": ["org_id", "from", "to", "variant", "as_of", "totals", "items"],
    "properties": {
        "org_id": ROW_ID,
        "from": _DAY,
        "to": _DAY,
        "variant": nullable({"type": "string"}),
        "as_of": nullable(
            TIMESTAMP | {"description": "All that had happened by this moment is counted."}
        ),
        "totals": {"type": "object", "required": list(_USED), "properties": _USED},
        "items": {
            "type": "array",
            "description": "Days, variants or versions of which nothing was used are left out.",
            "items": {
                "type": "object",
                "required": list(_USED),
                "properties": {
                    "day": _DAY,
                    "variant": {"type": "string"},
                    "version": nullable(
                        {
                            "type": "integer",
                            "description": "null: counted before versions were told apart.",
                        }
                    ),
                    **_USED,
                },
            },
        },
    },
}
OPERATION: dict[str, Any] = {
    "title": "BulkOperation",
    "type": "object",
    "required": [
        "id", "org_id", "kind", "filter", "reason", "actor", "cap", "again", "status", "found",
        "found_exact", "done", "skipped", "progress", "last_id", "cap_reached", "created_at",
        "updated_at",
    ],
    "properties": {
        "id": ROW_ID,
        "org_id": ROW_ID,
        "kind": _KIND,
        "filter": FILTER,
        "reason": {"type": "string"},
        "actor": {"type": "string", "description": "Who asked for it."},
        "cap": _COUNT,
        "again": {"type": "boolean"},
        "status": {"type": "string", "enum": list(BulkOperation.Status.values)},
        "found": _COUNT | {"description": "How many matched when it was asked for."},
        "found_exact": {"type": "boolean"},
        "done": _COUNT,
        "skipped": {
            "type": "object",
            "description": "What matched and could not be done, by the code of the reason.",
            "additionalProperties": {
                "type": "object",
                "required": ["count", "ids"],
                "properties": {
                    "count": _COUNT,
                    "ids": {
                        "type": "array",
                        "items": ROW_ID,
                        "description": f"The first {NAMED_SKIPPED}.",
                    },
                },
            },
        },
        "progress": {"type": "number", "minimum": 0, "maximum": 1},
        "rate": nullable({"type": "number", "description": "Done a second, on the average."}),
        "last_id": ROW_ID | {"description": "Every action up to this id has been looked at."},
        "cap_reached": {
            "type": "boolean",
            "description": "Whether it stopped at its cap: ask again with `after_id`.",
        },
        "error_message": nullable({"type": "string"}),
        "created_at": TIMESTAMP,
        "started_at": nullable(TIMESTAMP),
        "updated_at": TIMESTAMP,
        "finished_at": nullable(TIMESTAMP),
    },
}  # fmt: skip
