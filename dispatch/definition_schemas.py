"""JSON Schemas of what is told of definitions at this level: checks, and who sends them."""

from __future__ import annotations

from typing import Any

from actions.compatibility import Verdict
from actions.schemas import ALLOW_INDETERMINATE, EXAMPLE, POLICY
from config.openapi import ROW_ID, TIMESTAMP, nullable
from dispatch.rehearsals import MOST_FAILURES, MOST_PAYLOADS
from dispatch.schemas import FAULTS

DEFAULT_PAYLOADS = 100
SENDER: dict[str, Any] = {
    "title": "Sender",
    "type": "object",
    "required": ["caller", "key_id", "user_id", "first_seen_at", "last_seen_at"],
    "properties": {
        "caller": {"type": "string", "description": "As the audit names them: `key 42`."},
        "key_id": nullable(ROW_ID | {"description": "Their API key."}),
        "user_id": nullable(ROW_ID | {"description": "Whose key it is."}),
        "first_seen_at": TIMESTAMP,
        "last_seen_at": TIMESTAMP | {"description": "Give or take five minutes."},
    },
}
CHECK: dict[str, Any] = {
    "title": "DefinitionCheckRequest",
    "type": "object",
    "required": ["variant", "schema"],
    "properties": {
        "variant": {"type": "string"},
        "version": {"type": "integer"},
        "schema": {},
        **POLICY,
        "allow_indeterminate": ALLOW_INDETERMINATE,
        "payloads": {
            "type": "integer",
            "minimum": 0,
            "maximum": MOST_PAYLOADS,
            "default": DEFAULT_PAYLOADS,
            "description": "How many of the last payloads of the variant are judged by it.",
        },
    },
    "additionalProperties": False,
}
EXAMPLE_CHECK: dict[str, Any] = {
    "variant": "send_email",
    "schema": EXAMPLE["schema"],
    "compatibility": "backward",
}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_VERDICT: dict[str, Any] = {"type": "string", "enum": [str(verdict) for verdict in Verdict]}
CHECKED: dict[str, Any] = {
    "title": "DefinitionCheck",
    "type": "object",
    "required": [
        "variant", "version", "outcome", "accepted", "compatibility", "open_content", "verdict",
        "against", "payloads",
    ],
    "properties": {
        "variant": {"type": "string"},
        "version": {"type": "integer", "description": "The number that it has, or would get."},
        "outcome": {
            "type": "string",
            "enum": ["published", "kept", "restored"],
            "description": "What a PUT would do: publish it, give back the version that holds it, "
            "or bring that back to life.",
        },
        "accepted": {
            "type": "boolean",
            "description": "Whether the policy lets a PUT do that.",
        },
        **POLICY,
        "verdict": nullable(
            _VERDICT | {"description": "The worst; null where there is nothing to compare with."}
        ),
        "against": {
            "type": "array",
            "description": "The versions that it has to be compatible with, the nearest first.",
            "items": {
                "type": "object",
                "required": ["version", "action_definition_id", "verdict", "findings"],
                "properties": {
                    "version": {"type": "integer"},
                    "action_definition_id": ROW_ID,
                    "verdict": _VERDICT,
                    "findings": {"type": "array", "items": {"type": "object"}},
                },
            },
        },
        "payloads": {
            "type": "object",
            "required": ["passed", "failed", "not_judged", "failures"],
            "properties": {
                "passed": _COUNT,
                "failed": _COUNT,
                "not_judged": _COUNT | {"description": "Time or room was over before."},
                "failures": {
                    "type": "array",
                    "description": f"The newest {MOST_FAILURES}.",
                    "items": FAULTS
                    | {
                        "required": ["action_record_id", "version", "errors"],
                        "properties": {
                            "action_record_id": ROW_ID,
                            "version": {"type": "integer", "description": "As it was sent."},
                            **FAULTS["properties"],
                        },
                    },
                },
            },
        },
    },
}  # fmt: skip
