"""`sdk`: work that a worker of this namespace pulls."""

from __future__ import annotations

from typing import Any

from destinations.signaling import RESPONSE_TIME_SLA, SIGNALING

CONFIG: dict[str, Any] = {
    "type": "object",
    "required": ["namespace"],
    "properties": {
        "namespace": {"type": "string"},
        "signaling": SIGNALING,
        "response_time_sla_ms": RESPONSE_TIME_SLA,
    },
    "additionalProperties": False,
}
CREDENTIALS: tuple[str, ...] = ()
EXAMPLE: dict[str, Any] = {"namespace": "billing-workers"}
