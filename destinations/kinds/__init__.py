"""The six types of destination: one module each, listed once."""

from __future__ import annotations

import logging
import traceback
from dataclasses import replace
from types import ModuleType
from typing import Any

from config import validation
from config.errors import Fault
from destinations import keys
from destinations.attempts import Attempt, Request
from destinations.authorizing import authorization
from destinations.kinds import aws_sqs, default_sink, google_pubsub, mcp, sdk, webhook
from destinations.models import Kind
from destinations.outcomes import NoAnswerError, Outcome, Verdict
from destinations.outward import outbound
from destinations.outward.clients import Clients

logger = logging.getLogger(__name__)

KINDS: dict[str, ModuleType] = {
    Kind.WEBHOOK: webhook,
    Kind.SDK: sdk,
    Kind.GOOGLE_PUBSUB: google_pubsub,
    Kind.AWS_SQS: aws_sqs,
    Kind.MCP: mcp,
    Kind.DEFAULT_SINK: default_sink,
}
# What a config may hold beside what the published schema of its kind names.
_OURS: dict[str, dict[str, Any]] = {
    kind: {"type": "object", "properties": getattr(module, "OURS", {})}
    for kind, module in KINDS.items()
}
# All of it, as people see it.
SCHEMAS: dict[str, dict[str, Any]] = {
    kind: module.CONFIG | {"properties": module.CONFIG["properties"] | _OURS[kind]["properties"]}
    for kind, module in KINDS.items()
}
_VALIDATORS = {kind: validation.compile_schema(module.CONFIG) for kind, module in KINDS.items()}
_VALIDATORS_OF_OURS = {kind: validation.compile_schema(schema) for kind, schema in _OURS.items()}


def find_config_faults(kind: str, config: Any) -> list[Fault]:
    """What is wrong with a config of this kind, each with its pointer below `/config`."""
    if faults := _find_faults(_VALIDATORS[kind], config):
        return faults
    check = getattr(KINDS[kind], "find_config_faults", None)
    faults = check(config) if check else []
    return [*faults, *_find_faults(_VALIDATORS_OF_OURS[kind], config)]


def _find_faults(validator: Any, config: Any) -> list[Fault]:
    return validation.find_faults(validator, config, code="INVALID_CONFIG", at=("config",))


def find_target_faults(kind: str, config: dict[str, Any], *, allow_private: bool) -> list[Fault]:
    """What is wrong with where a valid config leads now; asks a name server, and may wait."""
    name = getattr(KINDS[kind], "ADDRESS", None)
    if name is None:
        return []
    return outbound.find_target_faults(config[name], ("config", name), allow_private=allow_private)


def is_pushed(kind: str) -> bool:
    """Whether the dispatcher delivers this kind. The others' actions are pulled, or kept."""
    return hasattr(KINDS[kind], "deliver")


def show_request(attempt: Attempt) -> Request:
    """What an attempt of a kind that is pushed sends, without what is secret in its headers.

    `NoAnswerError` says why nothing would be sent.
    """
    request: Request = KINDS[attempt.type].compose(attempt)
    headers = authorization.show_headers(attempt, request)
    return request._replace(headers=headers, configured={})


async def deliver(attempt: Attempt, clients: Clients) -> Outcome:
    """The outcome of one attempt, whatever happens.

    What is wrong with its keys is our fault, not the destination's: it is retried, and does not
    slow the lane.
    """
    if attempt.keys.fault:
        return Outcome(Verdict.OURS, attempt.keys.fault, said=False, sent=False)
    try:
        outcome: Outcome = await KINDS[attempt.type].deliver(attempt, clients)
    except NoAnswerError as error:
        outcome = error.outcome
    except Exception as error:  # noqa: BLE001 -- the edge of the engine; it is logged
        # What an exception says may quote what it is about.
        trace = attempt.conceal(traceback.format_exc())
        logger.error("Delivering action %d failed here\n%s", attempt.record_id, trace)  # noqa: TRY400
        message = f"Fault of Waybill: {type(error).__name__}: {error}"
        outcome = Outcome(Verdict.OURS, message, said=False)
    return _conceal(outcome, attempt)


def _conceal(outcome: Outcome, attempt: Attempt) -> Outcome:
    """The outcome without what a destination has quoted of its credential."""
    if attempt.keys.credential is None:
        return outcome
    answer = outcome.answer and attempt.conceal(outcome.answer.decode("utf-8", "surrogateescape"))
    result = outcome.result and keys.conceal_json(attempt.keys, outcome.result, attempt.granted)
    return replace(
        outcome,
        message=attempt.conceal(outcome.message),
        result=result,
        answer=answer.encode("utf-8", "surrogateescape") if answer else b"",
    )
