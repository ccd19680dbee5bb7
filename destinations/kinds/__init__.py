"""The six types of destination: one module each, listed once."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from config import validation
from config.errors import Fault
from destinations.kinds import aws_sqs, default_sink, google_pubsub, mcp, sdk, webhook
from destinations.models import Kind

KINDS: dict[str, ModuleType] = {
    Kind.WEBHOOK: webhook,
    Kind.SDK: sdk,
    Kind.GOOGLE_PUBSUB: google_pubsub,
    Kind.AWS_SQS: aws_sqs,
    Kind.MCP: mcp,
    Kind.DEFAULT_SINK: default_sink,
}
_VALIDATORS = {kind: validation.compile_schema(module.CONFIG) for kind, module in KINDS.items()}


def find_config_faults(kind: str, config: Any) -> list[Fault]:
    """What is wrong with a config of this kind, each with its pointer below `/config`."""
    faults = validation.find_faults(
        _VALIDATORS[kind], config, code="INVALID_CONFIG", at=("config",)
    )
    check = getattr(KINDS[kind], "find_config_faults", None)
    return faults or (check(config) if check else [])


def is_pushed(kind: str) -> bool:
    """Whether the dispatcher delivers this kind today. Others wait outside the claim index."""
    return hasattr(KINDS[kind], "deliver")
