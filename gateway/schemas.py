"""JSON Schemas of what the gateway takes and gives, as it is published."""

from __future__ import annotations

from typing import Any

from config.openapi import ROW_ID, SLUG, TIMESTAMP
from gateway.models import MAX_DESCRIPTION, MAX_NAME, MAX_SCHEMA_BYTES
from orgs.tokens import LIFETIME_SECONDS

ERROR: dict[str, Any] = {
    "title": "GatewayError",
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "string"},
        "details": {"type": "string", "description": "More about it, where there is more."},
    },
}
_CHANGEABLE: dict[str, Any] = {
    "description": {"type": "string", "minLength": 1, "maxLength": MAX_DESCRIPTION},
    "webhook_url": {
        "type": "string",
        "format": "uri",
        "description": "HTTPS, unless this installation does without.",
    },
    "json_schema": {
        "type": "object",
        "description": f"JSON Schema of the parameters, of at most {MAX_SCHEMA_BYTES:,} bytes.",
    },
}
# What is not named here is passed by: the published API does not say that it refuses it.
NEW_ACTION: dict[str, Any] = {
    "type": "object",
    "required": ["name", "description", "webhook_url", "json_schema"],
    "properties": {
        "name": {**SLUG, "minLength": 1, "maxLength": MAX_NAME},
        **_CHANGEABLE,
    },
}
ACTION_CHANGES: dict[str, Any] = {"type": "object", "properties": _CHANGEABLE}
_FIELDS: dict[str, Any] = {
    "id": {"type": "string", "format": "uuid"},
    "tenant_id": {"type": "string", "format": "uuid"},
    "name": SLUG,
    "description": {"type": "string"},
    "json_schema": {"type": "object"},
    "webhook_url": {"type": "string", "format": "uri"},
    "created_at": TIMESTAMP,
    "updated_at": TIMESTAMP,
}
_ACTION: dict[str, Any] = {
    "title": "GatewayAction",
    "type": "object",
    "required": list(_FIELDS),
    "properties": _FIELDS,
}
ACTION: dict[str, Any] = {
    "type": "object",
    "required": ["action"],
    "properties": {"action": _ACTION},
}
ACTIONS: dict[str, Any] = {
    "type": "object",
    "required": ["actions"],
    "properties": {"actions": {"type": "array", "items": _ACTION}},
}
MESSAGE: dict[str, Any] = {
    "type": "object",
    "required": ["message"],
    "properties": {"message": {"type": "string"}},
}
EXCHANGE: dict[str, Any] = {
    "type": "object",
    "required": ["api_token"],
    "properties": {"api_token": {"type": "string", "description": "An API key."}},
}
TOKEN: dict[str, Any] = {
    "type": "object",
    "required": ["jwt_token", "token_type", "expires_in"],
    "properties": {
        "jwt_token": {"type": "string"},
        "token_type": {"type": "string", "enum": ["Bearer"]},
        "expires_in": {"type": "integer", "enum": [LIFETIME_SECONDS]},
    },
}
EXAMPLE: dict[str, Any] = {
    "name": "send_note",
    "description": "Sends a note to somebody.",
    "webhook_url": "https://hooks.example.com/actions/send_note",
    "json_schema": {
        "type": "object",
        "properties": {"recipient": {"type": "string"}, "text": {"type": "string"}},
        "required": ["recipient", "text"],
    },
}
EXECUTE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "parameters": {"type": "object", "description": "What the action's `json_schema` takes."}
    },
}
_EXECUTED: dict[str, Any] = {
    "title": "Executed",
    "type": "object",
    "required": ["result", "error", "action_record_id", "ambiguous"],
    "properties": {
        "result": {"description": "What the webhook has answered; null where there is nothing."},
        "error": {"type": "string", "description": "Empty where it has succeeded."},
        "action_record_id": ROW_ID,
        "ambiguous": {
            "type": "boolean",
            "description": "Whether it may have been done although it has failed.",
        },
    },
}
_REQUEST: dict[str, Any] = {
    "title": "GatewayRequest",
    "type": "object",
    "required": ["request"],
    "properties": {
        "request": {
            "type": "object",
            "required": ["method", "url", "headers", "body"],
            "properties": {
                "method": {"type": "string"},
                "url": {"type": "string", "format": "uri"},
                "headers": {"type": "object", "additionalProperties": {"type": "string"}},
                "body": {"type": "string", "description": "Its very bytes, which are UTF-8."},
            },
        }
    },
}
EXECUTED: dict[str, Any] = {"oneOf": [_EXECUTED, _REQUEST]}
EXAMPLE_TOKEN = {"api_token": "api_" + "0123456789" * 4}
