"""`aws_sqs`: an SQS queue."""

from __future__ import annotations

from typing import Any

from destinations.signaling import RESPONSE_TIME_SLA

CONFIG: dict[str, Any] = {
    "type": "object",
    "required": ["queue_url"],
    "properties": {
        "queue_url": {"type": "string", "format": "uri"},
        "region": {"type": "string"},
        "response_time_sla_ms": RESPONSE_TIME_SLA,
    },
}
EXAMPLE: dict[str, Any] = {
    "queue_url": "https://sqs.eu-central-1.amazonaws.com/123456789012/orders",
    "region": "eu-central-1",
}
