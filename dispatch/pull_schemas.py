"""JSON Schemas of what workers ask for, and are given."""

from __future__ import annotations

from typing import Any

from config.openapi import ROW_ID, TIMESTAMP
from destinations.signaling import MAX_WAIT
from dispatch.retries import SETTLE_SECONDS
from dispatch.schemas import ATTEMPT, FAULTS

MAX_PULLED = 100
MAX_WAIT_SECONDS = 30
PULL: dict[str, Any] = {
    "title": "PullRequest",
    "type": "object",
    "properties": {
        "max": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_PULLED,
            "default": 10,
            "description": "How many actions to take at most.",
        },
        "wait_seconds": {
            "type": "number",
            "minimum": 0,
            "maximum": MAX_WAIT_SECONDS,
            "default": 0,
            "description": "How long to wait where there are none. The answer may come sooner.",
        },
        "lease_seconds": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_WAIT,
            "default": SETTLE_SECONDS,
            "description": "How long the worker has for them; `/v1/modack` gives it longer.",
        },
        "worker": {
            "type": "string",
            "maxLength": 255,
            "description": "Who pulls, for the action's events.",
        },
    },
    "additionalProperties": False,
}
PULLED: dict[str, Any] = {
    "title": "PulledActions",
    "type": "object",
    "required": ["items"],
    "properties": {
        "items": {
            "type": "array",
            "items": {
                "title": "PulledAction",
                "type": "object",
                "required": [
                    "action_record_id",
                    "attempt",
                    "variant",
                    "version",
                    "input",
                    "tags",
                    "deadline",
                ],
                "properties": {
                    "action_record_id": ROW_ID,
                    "attempt": {"type": "integer", "minimum": 0},
                    "variant": {"type": "string"},
                    "version": {"type": "integer"},
                    "input": {"description": "The payload, as it was handed in."},
                    "tags": {"type": "object", "additionalProperties": {"type": "string"}},
                    "deadline": TIMESTAMP
                    | {"description": "Not settled by then, it goes to another worker."},
                },
            },
        }
    },
}
MAX_ACKS = 1_000
ACKS: dict[str, Any] = {
    "title": "AckBatchRequest",
    "type": "object",
    "required": ["items"],
    "properties": {
        "items": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_ACKS,
            "items": {
                "type": "object",
                "required": list(ATTEMPT),
                "properties": ATTEMPT,
            },
        }
    },
    "additionalProperties": False,
}
ACKED: dict[str, Any] = {
    "title": "AckBatch",
    "type": "object",
    "required": ["settled", "items"],
    "properties": {
        "settled": {"type": "integer", "minimum": 0},
        "items": {
            "type": "array",
            "items": {
                "anyOf": [
                    {
                        "type": "object",
                        "required": ["status"],
                        "properties": {"status": {"type": "string", "enum": ["ok"]}},
                    },
                    FAULTS,
                ]
            },
        },
    },
}
