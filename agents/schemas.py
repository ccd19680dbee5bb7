"""JSON Schemas of what this app's API takes and gives."""

from __future__ import annotations

from typing import Any

from agents.models import NAME_PATTERN
from config.openapi import ROW_ID, TIMESTAMP, nullable

_TEXTS: dict[str, Any] = {
    "title": {"type": "string", "maxLength": 255, "description": "What people read."},
    "description": {
        "type": "string",
        "maxLength": 10_000,
        "description": "What models read; empty: the description of the definition.",
    },
    "read_only": {"type": "boolean", "description": "It changes nothing (default false)."},
    "destructive": {
        "type": "boolean",
        "description": "It may delete or overwrite, not only add (default true).",
    },
    "idempotent": {
        "type": "boolean",
        "description": "The same call once more changes nothing more (default false).",
    },
    "enabled": {"type": "boolean", "description": "Whether agents see it (default true)."},
}
PUT_TOOL: dict[str, Any] = {
    "title": "PutTool",
    "type": "object",
    "required": ["variant"],
    "properties": {
        "variant": {"type": "string", "minLength": 1, "maxLength": 255},
        "name": {
            "type": "string",
            "pattern": NAME_PATTERN,
            "description": "What agents call it; absent: the variant, with `_` for what is not "
            "allowed in it.",
        },
        **_TEXTS,
    },
    "additionalProperties": False,
}
TOOL: dict[str, Any] = {
    "title": "Tool",
    "type": "object",
    "required": ["id", "org_id", "variant", "name", *_TEXTS, "problem", "created_at", "updated_at"],
    "properties": {
        "id": ROW_ID,
        "org_id": ROW_ID,
        "variant": {"type": "string"},
        "name": {"type": "string"},
        **_TEXTS,
        "problem": {
            **nullable({"type": "string"}),
            "description": "Why agents do not see it although it is enabled.",
        },
        "created_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
    },
}
_VARIANTS: dict[str, Any] = {
    "type": "array",
    "maxItems": 200,
    "items": {"type": "string", "minLength": 1, "maxLength": 255},
}
PUT_KEY_TOOLS: dict[str, Any] = {
    "title": "PutKeyTools",
    "type": "object",
    "required": ["variants"],
    "properties": {"variants": _VARIANTS},
    "additionalProperties": False,
}
KEY_TOOLS: dict[str, Any] = {
    "title": "KeyTools",
    "type": "object",
    "required": ["variants"],
    "properties": {
        "variants": {
            **nullable(_VARIANTS),
            "description": "Those that the key may call as tools; null: all that are marked.",
        }
    },
}
