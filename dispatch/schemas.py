"""JSON Schemas of what this app's API takes and gives."""

from __future__ import annotations

from typing import Any

from actions.schemas import DEFINITION
from config.openapi import ROW_ID, TIMESTAMP, nullable
from destinations.schemas import TAGS
from destinations.signaling import MAX_WAIT
from dispatch.gauges import COUNTED, NAMED_VARIANTS, State
from dispatch.models import ActionEvent, Status

MAX_TIMEOUT = 30 * 86_400
MAX_BATCH = 1_000
MAX_REASON = 1_000
_SUBMISSION: dict[str, Any] = {
    "input": {"description": "The payload: any JSON that its contract admits."},
    "tags": TAGS,
    "version": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "timeout": {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_TIMEOUT,
        "description": "Seconds from acceptance until an unsettled action fails.",
    },
    "available_at": {**TIMESTAMP, "description": "Not before then; at most 30 days ahead."},
}
VARIANT_SUBMISSION: dict[str, Any] = {
    "title": "IngressVariantRequest",
    "type": "object",
    "required": ["input"],
    "properties": _SUBMISSION,
    "additionalProperties": False,
}
SUBMISSION: dict[str, Any] = {
    "title": "IngressRequest",
    "type": "object",
    "required": ["variant", "input"],
    "properties": {"variant": {"type": "string", "minLength": 1}, **_SUBMISSION},
    "additionalProperties": False,
}
_BATCH: dict[str, Any] = {"type": "array", "minItems": 1, "maxItems": MAX_BATCH}
# Each action is judged by itself, so the shape of the batch says nothing of them.
BATCH: dict[str, Any] = {
    "type": "object",
    "required": ["actions"],
    "properties": {"actions": _BATCH},
    "additionalProperties": False,
}
SHOWN_BATCH: dict[str, Any] = BATCH | {
    "title": "IngressBatchRequest",
    "properties": {"actions": _BATCH | {"items": SUBMISSION}},
}
SHOWN_STATUS: dict[str, Any] = {
    "type": "string",
    "enum": [str(status) for status in Status if status != Status.SCHEDULED],
}
ACCEPTED: dict[str, Any] = {
    "title": "IngressAction",
    "type": "object",
    "required": ["id", "status", "variant", "version"],
    "properties": {
        "id": ROW_ID,
        "status": SHOWN_STATUS,
        "variant": {"type": "string"},
        "version": {"type": "integer"},
        "action_definition_id": ROW_ID,
        "available_at": TIMESTAMP,
        "deprecated_at": TIMESTAMP
        | {"description": "Since when its version should not be used; else it is not there."},
        "sunset_at": TIMESTAMP
        | {"description": "When its version is to go; else it is not there."},
    },
}
FAULTS: dict[str, Any] = {
    "type": "object",
    "required": ["errors"],
    "properties": {
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {name: {"type": "string"} for name in ("code", "message", "pointer")},
            },
        }
    },
}
BATCH_ACCEPTED: dict[str, Any] = {
    "title": "IngressBatch",
    "type": "object",
    "required": ["accepted", "items"],
    "properties": {
        "accepted": {"type": "integer", "minimum": 0},
        "items": {"type": "array", "items": {"anyOf": [ACCEPTED, FAULTS]}},
    },
}
ATTEMPT: dict[str, Any] = {
    "action_record_id": ROW_ID,
    "attempt": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
}
ACK: dict[str, Any] = {
    "title": "IngressAckRequest",
    "type": "object",
    "required": list(ATTEMPT),
    "properties": ATTEMPT,
}
NACK: dict[str, Any] = {
    "title": "IngressNackRequest",
    "type": "object",
    "required": list(ATTEMPT),
    "properties": ATTEMPT
    | {
        "terms": {
            "type": "object",
            "properties": {
                "retry_at": {
                    "type": "integer",
                    "minimum": 0,
                    "maximum": 2**53,
                    "description": "When to try again, in Unix seconds; the past is now.",
                },
                "retry": {"type": "boolean", "description": "false ends the action as failed."},
            },
        }
    },
}
MODACK: dict[str, Any] = {
    "title": "IngressModAckRequest",
    "type": "object",
    "required": list(ATTEMPT),
    "properties": ATTEMPT
    | {
        "seconds": {
            "type": "integer",
            "minimum": 0,
            "maximum": MAX_WAIT,
            "default": 60,
            "description": "The settlement deadline, in seconds from now.",
        }
    },
}
SIGNALED: dict[str, Any] = {
    "type": "object",
    "required": ["status"],
    "properties": {"status": {"type": "string", "enum": ["ok"]}},
}
DECISION: dict[str, Any] = {
    "title": "ApprovalDecision",
    "type": "object",
    "required": ["reason"],
    "properties": {
        "reason": {"type": "string", "minLength": 1, "maxLength": MAX_REASON, "pattern": "\\S"}
    },
    "additionalProperties": False,
}
EVENT: dict[str, Any] = {
    "title": "ActionEvent",
    "type": "object",
    "required": ["id", "action_record_id", "org_id", "kind", "status", "attempt", "created_at"],
    "properties": {
        "id": ROW_ID,
        "action_record_id": ROW_ID,
        "org_id": ROW_ID,
        "kind": {"type": "string", "enum": list(ActionEvent.Kind.values)},
        "status": SHOWN_STATUS,
        "attempt": {"type": "integer"},
        "available_at": nullable(TIMESTAMP),
        "detail": nullable({"type": "object"}),
        "created_at": TIMESTAMP,
    },
}
_STATE: dict[str, Any] = {
    "type": "object",
    "required": ["status", "attempt", "updated_at"],
    "properties": {
        "status": SHOWN_STATUS,
        "attempt": {"type": "integer"},
        "updated_at": TIMESTAMP,
        "available_at": TIMESTAMP,
        "timeout_at": nullable(TIMESTAMP),
        "deadline_at": nullable(TIMESTAMP),
        "started_at": nullable(TIMESTAMP),
        "completed_at": nullable(TIMESTAMP),
        "error_message": nullable({"type": "string"}),
    },
}
_RECORD: dict[str, Any] = {
    "id": ROW_ID,
    "org_id": ROW_ID,
    "action_definition_id": ROW_ID,
    "destination_id": ROW_ID,
    "input": {},
    "payload_kept": {
        "type": "boolean",
        "description": "false once the organization keeps it no longer; `input` is null then.",
    },
    "timeout": nullable({"type": "integer"}),
    "tags": {"type": "object", "additionalProperties": {"type": "string"}},
    "replay_of": nullable(ROW_ID),
    "created_at": TIMESTAMP,
    "state": _STATE,
}
LISTED_RECORD: dict[str, Any] = {
    "title": "ListedActionRecord",
    "type": "object",
    "required": ["id", "org_id", "action_definition_id", "input", "tags", "state", "definition"],
    "properties": _RECORD | {"definition": DEFINITION},
}
RECORD: dict[str, Any] = {
    "title": "ActionRecord",
    "type": "object",
    "required": [*LISTED_RECORD["required"], "events"],
    "properties": _RECORD
    | {
        "result": {
            "description": "What an MCP tool or a gateway action has given back; null where that "
            "is nothing."
        },
        "definition": DEFINITION,
        "events": {
            "type": "array",
            "items": EVENT,
            "description": "Oldest first; the newest 1,000.",
        },
    },
}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_CAP: dict[str, Any] = nullable(
    {
        "type": "integer",
        "minimum": 0,
        "maximum": 2**31 - 1,
        "description": "The most that the engine may choose: 0 lets nothing start, null is none.",
    }
)
ADVICE: dict[str, Any] = {
    "title": "LaneAdvice",
    "type": "object",
    "required": ["tags"],
    "properties": {
        "tags": TAGS,
        "destination_id": ROW_ID,
        "running_cap": _CAP,
        "unsettled_cap": _CAP,
    },
    "additionalProperties": False,
}
SHOWN_ADVICE: dict[str, Any] = ADVICE | {
    "anyOf": [{"required": ["running_cap"]}, {"required": ["unsettled_cap"]}]
}
LANE: dict[str, Any] = {
    "title": "Lane",
    "type": "object",
    "required": [
        "id",
        "org_id",
        "destination_id",
        "tags",
        "state",
        "running",
        "running_limit",
        "running_cap",
        "unsettled",
        "unsettled_limit",
        "unsettled_cap",
        "queued",
        "scheduled",
    ],
    "properties": {
        "id": ROW_ID,
        "org_id": ROW_ID,
        "destination_id": ROW_ID,
        "destination": {
            "type": "object",
            "required": ["id", "label", "type"],
            "properties": {
                "id": ROW_ID,
                "label": {"type": "string"},
                "type": {"type": "string"},
                "paused_at": nullable(TIMESTAMP),
            },
        },
        "tags": {"type": "object", "additionalProperties": {"type": "string"}},
        "variants": {
            "type": "array",
            "items": {"type": "string"},
            "description": f"Whose actions use the lane: the first {NAMED_VARIANTS}.",
        },
        "state": {"type": "string", "enum": list(State)},
        "explanation": {
            "type": "string",
            "description": "Why nothing more starts, or how much more may.",
        },
        "paused_until": nullable(TIMESTAMP),
        "running": _COUNT | {"description": "Deliveries under way."},
        "running_limit": _COUNT | {"description": "What the engine allows; it moves."},
        "running_cap": _CAP,
        "unsettled": _COUNT | {"description": "Under way, or delivered and not settled."},
        "unsettled_limit": _COUNT | {"description": "What the engine allows; it moves."},
        "unsettled_cap": _CAP,
        "queued": _COUNT | {"description": f"Due, and waiting: up to {COUNTED:,}."},
        "queued_exact": {"type": "boolean"},
        "scheduled": _COUNT | {"description": f"To be tried later: up to {COUNTED:,}."},
        "scheduled_exact": {"type": "boolean"},
        "held": _COUNT | {"description": f"Waiting for approval: up to {COUNTED:,}."},
        "held_exact": {"type": "boolean"},
        "oldest_due_at": nullable(TIMESTAMP),
        "oldest_due_seconds": nullable(_COUNT),
        "next_due_at": nullable(TIMESTAMP),
        "last_reason": nullable({"type": "string", "description": "Why a limit last moved."}),
        "last_moved_at": nullable(TIMESTAMP),
        "created_at": TIMESTAMP,
    },
}
ADVISED: dict[str, Any] = {
    "type": "object",
    "required": ["items", "count"],
    "properties": {"items": {"type": "array", "items": LANE}, "count": _COUNT},
}
