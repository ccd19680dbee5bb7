"""JSON Schemas of what this app's API takes and gives."""

from __future__ import annotations

from typing import Any

from actions.models import Compatibility, OpenContent
from config.openapi import ERRORS, TIMESTAMP, nullable
from destinations.schemas import DESTINATION

_ALIASES: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_REQUIRES_APPROVAL: dict[str, Any] = {
    "type": "boolean",
    "description": "Whether the actions of all versions of the variant are held until somebody "
    "approves them. To change it to false needs the permission `admin`.",
}
POLICY: dict[str, Any] = {
    "compatibility": {
        "type": "string",
        "enum": Compatibility.values,
        "description": "What each further version of the variant has to be: compatible with the "
        "live version before it, or, `transitive`, with all of them.",
    },
    "open_content": {
        "type": "string",
        "enum": OpenContent.values,
        "description": "How an added property is judged where the other contract leaves it open: "
        "`lenient` takes it that nobody sends what no contract lists.",
    },
}
MOMENTS: dict[str, Any] = {
    "deprecated_at": nullable(
        TIMESTAMP | {"description": "Since when this version should not be used any more."}
    ),
    "sunset_at": nullable(
        TIMESTAMP | {"description": "When this version is to go; not before `deprecated_at`."}
    ),
}
ALLOW_INDETERMINATE: dict[str, Any] = {
    "type": "boolean",
    "description": "Publish it also where it cannot be told whether it is compatible.",
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
        **POLICY,
        **MOMENTS,
        "allow_indeterminate": ALLOW_INDETERMINATE,
    },
}
DEFINITION_CHANGES: dict[str, Any] = {
    "type": "object",
    "properties": {
        "alias": _ALIASES,
        "description": {"type": "string", "maxLength": 10_000},
        "requires_approval": _REQUIRES_APPROVAL,
        **POLICY,
        **MOMENTS,
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
        **POLICY,
        **MOMENTS,
        "deleted_at": {"anyOf": [{"type": "null"}, TIMESTAMP]},
        "destinations": {"type": "array", "items": LINK},
    },
}
_FAULT = ERRORS["properties"]["errors"]["items"]
EXAMPLES: dict[str, Any] = {
    "type": "object",
    "required": ["items", "invalid", "complete"],
    "properties": {
        "items": {
            "type": "array",
            "description": "Payloads that the contract accepts, the plainest first.",
            "items": {
                "type": "object",
                "required": ["payload", "differs_at"],
                "properties": {
                    "payload": {},
                    "differs_at": {
                        "type": "array",
                        "items": {"type": "string"},
                        "description": "JSON Pointers to where it differs from the first one.",
                    },
                },
            },
        },
        "invalid": {
            "type": "array",
            "description": "The first payload with one change each, which the contract refuses.",
            "items": {
                "type": "object",
                "required": ["payload", "change", "faults"],
                "properties": {
                    "payload": {},
                    "change": {"type": "string"},
                    "faults": {"type": "array", "items": _FAULT},
                },
            },
        },
        "complete": {
            "type": "boolean",
            "description": "false where the time was over before all of them were made.",
        },
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
