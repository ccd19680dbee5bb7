"""JSON Schemas of what this app's API takes and gives."""

from __future__ import annotations

from typing import Any

from config.openapi import TIMESTAMP
from destinations.schemas import DESTINATION

_ALIASES: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_REQUIRES_APPROVAL: dict[str, Any] = {
    "type": "boolean",
    "description": "Whether the actions of all versions of the variant are held until somebody "
    "approves them. To change it to false needs the permission `admin`.",
}
PUT_DEFINITION: dict[str, Any] = {
    "type": "object",
    "required": ["variant", "schema"],
    "properties": {
        "variant": {"type": "string"},
        "version": {"type": "integer"},
        "alias": _ALIASES,
        "schema": {},
        "description": {"type": "string", "maxLength": 10_000},
        "requires_approval": _REQUIRES_APPROVAL,
    },
}
DEFINITION_CHANGES: dict[str, Any] = {
    "type": "object",
    "properties": {
        "alias": _ALIASES,
        "description": {"type": "string", "maxLength": 10_000},
        "requires_approval": _REQUIRES_APPROVAL,
    },
    "additionalProperties": False,
}
NEW_LINK: dict[str, Any] = {
    "type": "object",
    "properties": {"is_default": {"type": "boolean"}},
    "additionalProperties": False,
}
LINK: dict[str, Any] = {
    "type": "object",
    "required": ["id", "action_definition_id", "destination_id", "org_id"],
    "properties": {
        "id": {"type": "string"},
        "action_definition_id": {"type": "string"},
        "destination_id": {"type": "string"},
        "org_id": {"type": "string"},
        "is_default": {"type": "boolean"},
        "destination": DESTINATION,
    },
}
DEFINITION: dict[str, Any] = {
    "title": "ActionDefinition",
    "type": "object",
    "required": ["id", "org_id", "variant", "version", "alias", "schema"],
    "properties": {
        "id": {"type": "string"},
        "org_id": {"type": "string"},
        "variant": {"type": "string"},
        "version": {"type": "integer"},
        "alias": _ALIASES,
        "schema": {},
        "description": {"type": "string"},
        "requires_approval": _REQUIRES_APPROVAL,
        "deleted_at": {"anyOf": [{"type": "null"}, TIMESTAMP]},
        "destinations": {"type": "array", "items": LINK},
    },
}
EXAMPLE: dict[str, Any] = {
    "variant": "send_email",
    "alias": ["email.send"],
    "schema": {
        "type": "object",
        "required": ["recipient", "subject", "body"],
        "properties": {
            "recipient": {"type": "string", "format": "email"},
            "subject": {"type": "string"},
            "body": {"type": "string"},
        },
    },
}
