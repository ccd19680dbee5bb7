"""`mcp`: a tool of a Model Context Protocol server."""

from __future__ import annotations

from typing import Any

from destinations.signaling import RESPONSE_TIME_SLA

CONFIG: dict[str, Any] = {
    "type": "object",
    "required": ["endpoint"],
    "properties": {
        "endpoint": {"type": "string", "format": "uri"},
        "response_time_sla_ms": RESPONSE_TIME_SLA,
    },
}
EXAMPLE: dict[str, Any] = {"endpoint": "https://tools.example.com/mcp"}
