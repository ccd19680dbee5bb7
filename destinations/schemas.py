"""JSON Schemas of what this app's API takes and gives; the config union is the kinds' own."""

from __future__ import annotations

from typing import Any

from config.openapi import ROW_ID, TIMESTAMP, nullable
from destinations.credentials import SHAPES
from destinations.kinds import KINDS
from destinations.models import CredentialType, Kind, Protocol
from destinations.outcomes import Verdict

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
    "signing_key_id": nullable(ROW_ID),
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
                "signing_key_id": nullable(ROW_ID),
                "protocol": {
                    "type": "string",
                    "enum": list(Protocol.values),
                    "description": "`gateway` for the webhook of a gateway action.",
                },
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
NEW_TRIAL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "input": {"description": "What is delivered; `{}` where it is left out."},
        "variant": {
            **LABEL,
            "description": "What it is called, where a destination is told: `test` otherwise.",
        },
    },
    "additionalProperties": False,
}
TRIAL: dict[str, Any] = {
    "title": "DestinationTest",
    "type": "object",
    "required": ["status", "milliseconds", "answer", "verdict", "message"],
    "properties": {
        "status": nullable({"type": "integer", "description": "The HTTP status, if there is one."}),
        "milliseconds": {"type": "integer", "minimum": 0},
        "answer": nullable({"type": "string", "description": "Its first 2 KB as text."}),
        "verdict": {
            "type": "string",
            "enum": [str(verdict) for verdict in Verdict],
            "description": "What it would mean for an action.",
        },
        "message": nullable({"type": "string"}),
    },
}
_CREDENTIAL_CHANGEABLE: dict[str, Any] = {
    "provider": {"type": "string"},
    "label": LABEL,
    "metadata": {"type": "object"},
    # Its type's own schema judges the rest of it.
    "secret": {"type": "object"},
    "expires_at": nullable(TIMESTAMP),
}
NEW_CREDENTIAL: dict[str, Any] = {
    "type": "object",
    "required": ["type", "label", "secret"],
    "properties": {
        "type": {"type": "string", "enum": list(CredentialType.values)},
        **_CREDENTIAL_CHANGEABLE,
    },
    "additionalProperties": False,
}
TYPED_SECRET: dict[str, Any] = {
    "anyOf": [
        {
            "title": "".join(word.title() for word in kind.split("_")) + "Secret",
            "type": "object",
            "required": ["type", "secret"],
            "properties": {
                "type": {"type": "string", "enum": [str(kind)]},
                "provider": {"type": "string", "enum": [shape.provider]},
                "secret": shape.secret,
            },
        }
        for kind, shape in SHAPES.items()
    ]
}
SHOWN_NEW_CREDENTIAL: dict[str, Any] = {
    "title": "NewCredential",
    "allOf": [NEW_CREDENTIAL, TYPED_SECRET],
}
CREDENTIAL_CHANGES: dict[str, Any] = {
    "type": "object",
    "properties": NEW_CREDENTIAL["properties"],
    "additionalProperties": False,
}
CREDENTIAL: dict[str, Any] = {
    "title": "Credential",
    "type": "object",
    "required": ["id", "org_id", "type", "provider", "label", "metadata", "version", "updated_at"],
    "properties": {
        "id": ROW_ID,
        "org_id": ROW_ID,
        "type": {"type": "string", "enum": list(CredentialType.values)},
        "provider": {"type": "string", "enum": sorted({s.provider for s in SHAPES.values()})},
        "label": {"type": "string"},
        "metadata": {"type": "object"},
        "version": {"type": "integer", "minimum": 1},
        "expires_at": nullable(TIMESTAMP),
        "created_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
        "deleted_at": nullable(TIMESTAMP),
    },
}
_SIGNING_SECRET: dict[str, Any] = {
    "type": "string",
    "description": "`whsec_` and base64 of 24 to 64 random bytes (Standard Webhooks); made where "
    "none is given.",
    "examples": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
}
NEW_SIGNING_KEY: dict[str, Any] = {
    "type": "object",
    "required": ["label"],
    "properties": {"label": LABEL, "secret": _SIGNING_SECRET},
    "additionalProperties": False,
}
SIGNING_KEY_CHANGES: dict[str, Any] = {
    "type": "object",
    "properties": {
        "label": LABEL,
        "signs_gateway_from": {
            **nullable(TIMESTAMP),
            "description": "From then on, or from now on where that is past, it signs what goes to "
            "gateway actions. `null` takes that back.",
        },
    },
    "additionalProperties": False,
}
NEXT_SIGNING_SECRET: dict[str, Any] = {
    "type": "object",
    "properties": {"secret": _SIGNING_SECRET},
    "additionalProperties": False,
}
_SIGNING_KEY_REQUIRED = ["id", "org_id", "label", "previous_until", "updated_at"]
_SIGNING_KEY_FIELDS: dict[str, Any] = {
    "id": ROW_ID,
    "org_id": ROW_ID,
    "label": {"type": "string"},
    "previous_until": {
        **nullable(TIMESTAMP),
        "description": "Until then the secret before this one signs as well.",
    },
    "signs_gateway_from": {
        **nullable(TIMESTAMP),
        "description": "The key with the latest of these that has come signs what goes to gateway "
        "actions; where there is none, the oldest key.",
    },
    "created_at": TIMESTAMP,
    "updated_at": TIMESTAMP,
    "deleted_at": nullable(TIMESTAMP),
}
SIGNING_KEY: dict[str, Any] = {
    "title": "SigningKey",
    "type": "object",
    "required": _SIGNING_KEY_REQUIRED,
    "properties": _SIGNING_KEY_FIELDS,
}
SHOWN_SIGNING_KEY: dict[str, Any] = {
    "title": "SigningKeyWithSecret",
    "type": "object",
    "required": [*_SIGNING_KEY_REQUIRED, "secret"],
    "properties": _SIGNING_KEY_FIELDS
    | {"secret": {"type": "string", "description": "Shown this once."}},
}
