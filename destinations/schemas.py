"""JSON Schemas of what this app's API takes and gives; the config union is the kinds' own."""

from __future__ import annotations

from typing import Any

from config.openapi import ROW_ID, TIMESTAMP, nullable
from destinations.kinds import KINDS
from destinations.models import Kind

LABEL: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 255}
# At most 16 tags, keys of 128 and values of 256 characters, wherever tags are taken.
TAGS: dict[str, Any] = {
    "type": "object",
    "maxProperties": 16,
    "propertyNames": {"minLength": 1, "maxLength": 128},
    "additionalProperties": {"type": "string", "maxLength": 256},
}
TYPED_CONFIG: dict[str, Any] = {
    "anyOf": [
        {
            "type": "object",
            "required": ["type", "config"],
            "properties": {
                "type": {"type": "string", "enum": [str(kind)]},
                "config": module.CONFIG,
            },
        }
        for kind, module in KINDS.items()
    ]
}
_CHANGEABLE: dict[str, Any] = {
    "label": LABEL,
    "config": {"type": "object"},
    "tags": nullable(TAGS),
    "credential_id": nullable(ROW_ID),
}
NEW_DESTINATION: dict[str, Any] = {
    "type": "object",
    "required": ["label", "type", "config"],
    "properties": {"type": {"type": "string", "enum": list(Kind.values)}, **_CHANGEABLE},
    "additionalProperties": False,
}
SHOWN_NEW_DESTINATION: dict[str, Any] = {
    "title": "NewDestination",
    "allOf": [NEW_DESTINATION, TYPED_CONFIG],
}
DESTINATION_CHANGES: dict[str, Any] = {
    "type": "object",
    "properties": NEW_DESTINATION["properties"],
    "additionalProperties": False,
}
DESTINATION: dict[str, Any] = {
    "title": "Destination",
    "allOf": [
        {
            "type": "object",
            "required": ["id", "org_id", "updated_at"],
            "properties": {
                "id": {"type": "string"},
                "org_id": {"type": "string"},
                "updated_at": TIMESTAMP,
                "deleted_at": {"anyOf": [{"type": "null"}, TIMESTAMP]},
                "paused_at": nullable(TIMESTAMP),
            },
        },
        {"type": "object", "required": ["label"], "properties": {"label": {"type": "string"}}},
        {
            "type": "object",
            "properties": {
                "tags": nullable({"type": "object", "additionalProperties": {"type": "string"}})
            },
        },
        {"type": "object", "properties": {"credential_id": nullable(ROW_ID)}},
        TYPED_CONFIG,
    ],
}
