"""JSON Schemas of what the API of revisions takes and gives."""

from __future__ import annotations

from typing import Any

from actions.schemas import ALLOW_INDETERMINATE
from bundles.documents import DOCUMENT
from bundles.models import ConfigRevision
from bundles.planning.steps import ACTION, DESTINATION, SIGNS
from config.openapi import ERRORS, ROW_ID, TIMESTAMP, nullable

_NUMBER: dict[str, Any] = {"type": "integer", "minimum": 1}
_TERMS: dict[str, Any] = {
    "prune": {
        "type": "boolean",
        "description": "Whether definitions and destinations that it does not name are deleted.",
    },
    "force": {
        "type": "boolean",
        "description": "Whether destinations are deleted, too, that have open actions, which fail.",
    },
    "allow_indeterminate": ALLOW_INDETERMINATE
    | {"description": "Publish versions also where it cannot be told whether they are compatible."},
}
NEW_REVISION: dict[str, Any] = {
    "type": "object",
    "required": ["definition"],
    "properties": {"definition": {"type": "object"}, **_TERMS},
    "additionalProperties": False,
}
SHOWN_NEW_REVISION: dict[str, Any] = {
    **NEW_REVISION,
    "title": "NewConfigRevision",
    "properties": {"definition": DOCUMENT, **_TERMS},
}
STEP: dict[str, Any] = {
    "title": "PreviewStep",
    "type": "object",
    "required": ["kind", "op", "id"],
    "properties": {
        "kind": {"type": "string", "enum": [ACTION, DESTINATION]},
        "op": {"type": "string", "enum": list(SIGNS)},
        "id": nullable(ROW_ID),
        "variant": {"type": "string", "description": "Of an action."},
        "final_version": _NUMBER | {"description": "Which version it is about."},
        "current_version": nullable(_NUMBER | {"description": "The newest one there is."}),
        "destination": {
            "type": "object",
            "description": "Where its actions go when all is done.",
            "required": ["by", "value"],
            "properties": {
                "by": {"type": "string", "enum": ["label", "default_sink"]},
                "value": {"type": "string"},
            },
        },
        "label": {"type": "string", "description": "Of a destination."},
        "create": {"type": "object", "description": "What is made."},
        "update": {"type": "object", "description": "What becomes something else, as it will be."},
    },
}
LISTED_REVISION: dict[str, Any] = {
    "title": "ListedConfigRevision",
    "type": "object",
    "required": [
        "id", "org_id", "step_counts", "prune", "force", "allow_indeterminate", "status",
        "error_message", "created_at", "updated_at", "applied_at",
    ],
    "properties": {
        "id": ROW_ID,
        "org_id": ROW_ID,
        "step_counts": {
            "type": "object",
            "description": "How many steps there are of each op.",
            "required": list(SIGNS),
            "properties": {op: {"type": "integer", "minimum": 0} for op in SIGNS},
        },
        **_TERMS,
        "status": {"type": "string", "enum": list(ConfigRevision.Status.values)},
        "error_message": nullable({"type": "string"}),
        "created_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
        "applied_at": nullable(TIMESTAMP),
    },
}  # fmt: skip
REVISION: dict[str, Any] = {
    **LISTED_REVISION,
    "title": "ConfigRevision",
    "required": [*LISTED_REVISION["required"], "definition", "preview_steps"],
    "properties": {
        **LISTED_REVISION["properties"],
        "definition": {"type": "object", "description": "The document. Lists leave it out."},
        "preview_steps": {
            "type": "array",
            "items": STEP,
            "description": "What is done, step by step. Lists leave it out.",
        },
    },
}
DRIFT: dict[str, Any] = {
    "title": "ConfigDrift",
    "type": "object",
    "required": ["id", "in_sync", "steps", "faults"],
    "properties": {
        "id": ROW_ID,
        "in_sync": {"type": "boolean"},
        "steps": {
            "type": "array",
            "items": STEP,
            "description": "What applying the same document would do now.",
        },
        "faults": {
            **ERRORS["properties"]["errors"],
            "minItems": 0,
            "description": "Why it could not even be planned any more.",
        },
    },
}
EXAMPLE: dict[str, Any] = {
    "definition": {
        "actions": [
            {
                "variant": "send_receipt",
                "schema": {"type": "object", "required": ["order"]},
                "aliases": ["receipt.send"],
                "destinations": ["receipts"],
            }
        ],
        "resources": {
            "destinations": [
                {
                    "label": "receipts",
                    "type": "webhook",
                    "config": {"url": "https://hooks.example.com/receipts"},
                }
            ]
        },
    }
}
