"""`google_pubsub`: a Pub/Sub topic."""

from __future__ import annotations

from typing import Any

from destinations.signaling import RESPONSE_TIME_SLA

CONFIG: dict[str, Any] = {
    "type": "object",
    "required": ["project_id", "topic_id"],
    "properties": {
        "project_id": {"type": "string"},
        "topic_id": {"type": "string"},
        "response_time_sla_ms": RESPONSE_TIME_SLA,
    },
}
EXAMPLE: dict[str, Any] = {"project_id": "acme-prod", "topic_id": "orders"}
