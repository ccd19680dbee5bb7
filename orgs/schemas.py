"""JSON Schemas of what this app's API takes and gives."""

from __future__ import annotations

from typing import Any

from config.openapi import ROW_ID, TIMESTAMP, nullable
from orgs.models import MOST_DAYS, Permission

PERMISSIONS: dict[str, Any] = {
    "type": "array",
    "items": {"type": "string", "enum": list(Permission.values)},
}
GIVEN_PERMISSIONS: dict[str, Any] = PERMISSIONS | {"minItems": 1, "uniqueItems": True}
MAX_VARIANTS = 100
NEW_KEY: dict[str, Any] = {
    "type": "object",
    "required": ["description"],
    "properties": {
        "description": {"type": "string", "minLength": 2, "maxLength": 50},
        "expires_at": nullable(TIMESTAMP),
        "permissions": nullable(GIVEN_PERMISSIONS)
        | {"description": "What the key may do at most; at each call, as far as its member may."},
        "variants": nullable(
            {
                "type": "array",
                "items": {"type": "string", "minLength": 1, "maxLength": 255},
                "minItems": 1,
                "maxItems": MAX_VARIANTS,
                "uniqueItems": True,
            }
        )
        | {"description": "The key hands in actions of these variants, and does nothing else."},
    },
    "additionalProperties": False,
}
_KEY_FIELDS: dict[str, Any] = {
    "id": ROW_ID,
    "org_id": ROW_ID,
    "member_id": ROW_ID,
    "user_id": ROW_ID,
    "description": {"type": "string"},
    "permissions": nullable(PERMISSIONS),
    "variants": nullable({"type": "array", "items": {"type": "string"}}),
    "created_at": TIMESTAMP,
    "last_used_at": nullable(TIMESTAMP),
    "expires_at": nullable(TIMESTAMP),
    "deleted_at": nullable(TIMESTAMP),
}
_KEY_REQUIRED = ["id", "org_id", "member_id", "user_id", "description"]
DELETED_KEY: dict[str, Any] = {
    "title": "DeletedApiKey",
    "type": "object",
    "required": [*_KEY_REQUIRED, "deleted_at"],
    "properties": _KEY_FIELDS,
}
CREATED_KEY: dict[str, Any] = {
    "title": "CreatedApiKey",
    "type": "object",
    "required": [*_KEY_REQUIRED, "material"],
    "properties": _KEY_FIELDS
    | {
        "material": {
            "type": "string",
            "description": "The secret, shown this once.",
            "examples": ["api_" + "0123456789" * 4],
        }
    },
}
KEY: dict[str, Any] = {
    "title": "ApiKey",
    "type": "object",
    "required": [*_KEY_REQUIRED, "material", "membership"],
    "properties": _KEY_FIELDS
    | {
        "material": {"type": "string", "description": "The masked prefix of the secret."},
        "membership": {
            "type": "object",
            "required": ["user_id", "org_id", "permissions"],
            "properties": {"user_id": ROW_ID, "org_id": ROW_ID, "permissions": PERMISSIONS},
        },
    },
}
SELF: dict[str, Any] = {
    "title": "Self",
    "type": "object",
    "required": ["id", "name", "email", "memberships"],
    "properties": {
        "id": ROW_ID,
        "name": {"type": "string"},
        "email": {"type": "string"},
        "memberships": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["org_id", "permissions"],
                "properties": {"org_id": ROW_ID, "permissions": PERMISSIONS},
            },
        },
        "deleted_at": nullable(TIMESTAMP),
    },
}
_DAYS: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": MOST_DAYS}
_RETENTION: dict[str, Any] = {
    "payload_days": _DAYS | {"description": "Payloads of finished actions are kept this long."},
    "history_days": _DAYS
    | {"description": "Finished actions and their events are kept this long."},
}
RETENTION: dict[str, Any] = {
    "title": "Retention",
    "type": "object",
    "required": list(_RETENTION),
    "properties": _RETENTION,
}
RETENTION_CHANGES: dict[str, Any] = {
    "title": "RetentionChanges",
    "type": "object",
    "properties": _RETENTION,
    "additionalProperties": False,
}
BILLING: dict[str, Any] = {
    "title": "Billing",
    "type": "object",
    "required": ["id", "org_id", "stripe_id", "usage_provider_id"],
    "properties": {
        "id": ROW_ID,
        "org_id": ROW_ID,
        "stripe_id": nullable({"type": "string"}),
        "usage_provider_id": nullable({"type": "string"}),
    },
}
