"""Rows of this app as the API shows them, and submissions as the API takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
from django.conf import settings

from actions.serializers import show_definition
from config import validation
from config.errors import BadRequestError, DomainError, Fault, ForbiddenError, NotFoundError
from config.paging import MAX_ROW_ID
from config.parsing import read_row_id, read_timestamp
from dispatch import gauges, notices, schemas
from dispatch.advice import CAPS
from dispatch.definition_schemas import DEFAULT_PAYLOADS
from dispatch.gauges import Gauge
from dispatch.intake import NOT_ALLOWED, Accepted, Submission
from dispatch.models import ActionEvent, ActionPayload, ActionRecord, Sender, Status
from dispatch.pulls import Pulled
from dispatch.rehearsals import Rehearsal

MAX_EVENTS = 1_000
_BY_PATH = validation.compile_schema(schemas.VARIANT_SUBMISSION)
_BY_BODY = validation.compile_schema(schemas.SUBMISSION)


def read_submission(body: Any, tags: Mapping[str, str], variant: str | None) -> Submission:
    """What a client hands in, its shape checked; `tags` of the URL are added to the body's.

    The payload is left out of that check: its contract judges it.
    """
    shape = {**body, "input": None} if isinstance(body, dict) and "input" in body else body
    if tags and isinstance(body, dict) and isinstance(body.get("tags", {}), dict):
        shape = {**shape, "tags": {**tags, **body.get("tags", {})}}
    faults = validation.find_faults(
        _BY_BODY if variant is None else _BY_PATH, shape, code="INVALID_BODY"
    )
    if faults:
        raise BadRequestError.of(faults)
    version, timeout, start = (shape.get(name) for name in ("version", "timeout", "available_at"))
    return Submission(
        name=shape["variant"] if variant is None else variant,
        input=body["input"],
        tags=shape.get("tags", {}),
        version=None if version is None else int(version),
        timeout=None if timeout is None else int(timeout),
        available_at=None if start is None else read_timestamp(start, name="available_at"),
    )


def read_batch_item(item: Any, tags: Mapping[str, str]) -> Submission | list[Fault]:
    """One action of a batch, or what is wrong with it."""
    try:
        submission = read_submission(item, tags, None)
    except DomainError as error:
        return list(error.faults)
    if len(submission.body) > settings.MAX_BODY_BYTES:
        message = f"The action is larger than {settings.MAX_BODY_BYTES} bytes."
        return [Fault("TOO_LARGE", message, "/input")]
    return submission


def bind(
    submissions: Sequence[Submission | list[Fault]], allowed: frozenset[str] | None
) -> Sequence[Submission | list[Fault]]:
    """The submissions of a client that may hand in these variants only; None is all."""
    if allowed is None:
        return submissions
    return [
        replace(one, allowed=allowed) if isinstance(one, Submission) else one for one in submissions
    ]


def read_signal(org_id: int, body: dict[str, Any]) -> dict[str, int]:
    """Which attempt of which action a settlement names."""
    record_id = read_row_id(body["action_record_id"])
    if record_id > MAX_ROW_ID:
        raise NotFoundError(f"There is no action {record_id}.")
    return {"org_id": org_id, "record_id": record_id, "attempt": int(body["attempt"])}


def read_attempt(body: dict[str, Any]) -> tuple[int, int]:
    """The action and the attempt of one of many settlements."""
    return min(read_row_id(body["action_record_id"]), MAX_ROW_ID), int(body["attempt"])


def read_advice(body: dict[str, Any]) -> dict[str, Any]:
    """Which caps are to hold for which lanes of a definition."""
    caps = {name: body[name] for name in CAPS if name in body}
    if not caps:
        message = f"Give {' or '.join(CAPS)}, or both."
        raise BadRequestError(message, code="INVALID_BODY", pointer="")
    asked = body.get("destination_id")
    return {
        "tags": body["tags"],
        "caps": {name: None if cap is None else int(cap) for name, cap in caps.items()},
        "destination_id": None if asked is None else min(read_row_id(asked), MAX_ROW_ID),
    }


def show_single(results: Sequence[Accepted | list[Fault]]) -> dict[str, Any]:
    """The answer to one action; 400 with every fault of it, 403 where it is not the key's."""
    (result,) = results
    if isinstance(result, list):
        raise _refusal_of(result)
    return show_accepted(result)


def show_whole_batch(results: Sequence[Accepted | list[Fault]]) -> dict[str, Any]:
    """The answer to a batch of all or none; 400 or 403 with every fault, at most 50, in it."""
    if faults := list(_numbered(results)):
        raise _refusal_of(faults[: validation.MAX_FAULTS])
    return show_batch(results)


def _refusal_of(faults: Sequence[Fault]) -> DomainError:
    forbidden = any(fault.code == NOT_ALLOWED for fault in faults)
    return ForbiddenError.of(faults) if forbidden else BadRequestError.of(faults)


def _numbered(results: Sequence[Accepted | list[Fault]]) -> Iterator[Fault]:
    """The faults of a batch, each with a pointer from the top of the request."""
    for index, result in enumerate(results):
        for fault in result if isinstance(result, list) else ():
            yield Fault(fault.code, fault.message, f"/actions/{index}{fault.pointer or ''}")


def show_batch(results: Sequence[Accepted | list[Fault]]) -> dict[str, Any]:
    """The answer to a batch: one item for each action, in order."""
    items = [
        {"errors": [fault.as_dict() for fault in result]}
        if isinstance(result, list)
        else show_accepted(result)
        for result in results
    ]
    return {"accepted": sum("id" in item for item in items), "items": items}


def show_accepted(accepted: Accepted) -> dict[str, Any]:
    """The answer to an accepted action."""
    return {
        "id": str(accepted.id),
        "status": show_status(accepted.status),
        "variant": accepted.route.variant,
        "version": accepted.route.version,
        "action_definition_id": str(accepted.route.definition_id),
        "available_at": accepted.available_at,
        **notices.show(accepted.route),
    }


def read_check(body: dict[str, Any]) -> dict[str, Any]:
    """What is to be checked, and how."""
    asked = {"payloads": DEFAULT_PAYLOADS, "allow_indeterminate": False} | body
    version = asked.get("version")
    return asked | {
        "payloads": int(asked["payloads"]),
        "version": None if version is None else int(version),
    }


def show_rehearsal(rehearsal: Rehearsal) -> dict[str, Any]:
    """What publishing a version would do, and to which payloads."""
    judgement, replayed = rehearsal.judgement, rehearsal.replayed
    return {
        "variant": judgement.asked.variant,
        "version": judgement.place.number,
        "outcome": rehearsal.outcome,
        "accepted": rehearsal.is_accepted,
        "compatibility": judgement.place.terms.policy,
        "open_content": judgement.place.terms.open_content,
        "verdict": judgement.verdict,
        "against": [
            {
                "version": one.version,
                "action_definition_id": str(one.definition_id),
                **one.report.as_dict(),
            }
            for one in judgement.judged
        ],
        "payloads": {
            "passed": replayed.passed,
            "failed": replayed.failed,
            "not_judged": replayed.not_judged,
            "failures": [
                {
                    "action_record_id": str(failure.record_id),
                    "version": failure.version,
                    "errors": [fault.as_dict() for fault in failure.faults],
                }
                for failure in replayed.failures
            ],
        },
    }


def show_sender(sender: Sender) -> dict[str, Any]:
    """Who sends a version, and since when."""
    return {
        "caller": sender.caller,
        "key_id": None if sender.key_id is None else str(sender.key_id),
        "user_id": None if sender.user_id is None else str(sender.user_id),
        "first_seen_at": sender.first_at,
        "last_seen_at": sender.last_at,
    }


def show_status(status: str) -> str:
    """`scheduled` is a way of being queued."""
    return Status.QUEUED if status == Status.SCHEDULED else status


def show_listed_record(record: ActionRecord) -> dict[str, Any]:
    """A record in a list, without its events."""
    return _show(record) | {"definition": show_definition(record.definition)}


def show_record(record: ActionRecord) -> dict[str, Any]:
    """A record with its definition and what happened to it: the newest 1,000 events."""
    newest = record.events.order_by("-id")[:MAX_EVENTS]
    events = [show_event(event, record.org_id) for event in reversed(newest)]
    payload: ActionPayload | None = getattr(record, "payload", None)
    result = payload.result if payload else None
    return _show(record) | {
        "result": None if result is None else orjson.Fragment(result),
        "definition": show_definition(record.definition),
        "events": events,
    }


def show_event(event: ActionEvent, org_id: int) -> dict[str, Any]:
    """One event."""
    return {
        "id": str(event.pk),
        "action_record_id": str(event.record_id),
        "org_id": str(org_id),
        "kind": event.kind,
        "status": show_status(event.status),
        "attempt": event.attempt,
        "available_at": event.available_at,
        "detail": event.detail,
        "created_at": event.created_at,
    }


def _show(record: ActionRecord) -> dict[str, Any]:
    payload: ActionPayload | None = getattr(record, "payload", None)
    return {
        "id": str(record.pk),
        "org_id": str(record.org_id),
        "action_definition_id": str(record.definition_id),
        "destination_id": str(record.destination_id),
        "input": None if payload is None else orjson.Fragment(payload.input),
        "payload_kept": payload is not None,
        "timeout": record.timeout,
        "tags": record.tags,
        "replay_of": None if record.replay_of is None else str(record.replay_of),
        "created_at": record.created_at,
        "state": {
            "status": show_status(record.status),
            "attempt": record.attempt,
            "updated_at": record.updated_at,
            "available_at": record.available_at,
            "timeout_at": record.timeout_at,
            "deadline_at": record.deadline_at,
            "started_at": record.started_at,
            "completed_at": record.completed_at,
            "error_message": record.error_message or None,
        },
    }


def show_pulled(pulled: Pulled) -> dict[str, Any]:
    """An action as the worker that has pulled it gets it: its input byte for byte."""
    return {
        "action_record_id": str(pulled.record_id),
        "attempt": pulled.attempt,
        "variant": pulled.variant,
        "version": pulled.version,
        "input": None if pulled.input is None else orjson.Fragment(pulled.input),
        "tags": orjson.Fragment(pulled.tags),
        "deadline": pulled.deadline,
    }


def show_lane(gauge: Gauge) -> dict[str, Any]:
    """A lane with what is in it."""
    lane, destination = gauge.lane, gauge.lane.destination
    return {
        "id": str(lane.pk),
        "org_id": str(lane.org_id),
        "destination_id": str(lane.destination_id),
        "destination": {
            "id": str(destination.pk),
            "label": destination.label,
            "type": destination.type,
            "paused_at": destination.paused_at,
        },
        "tags": lane.tags,
        "variants": list(gauge.variants),
        "state": str(gauge.state),
        "explanation": gauge.explanation,
        "paused_until": lane.paused_until,
        "running": gauge.running,
        "running_limit": lane.running_limit,
        "running_cap": lane.running_cap,
        "unsettled": gauge.unsettled,
        "unsettled_limit": lane.unsettled_limit,
        "unsettled_cap": lane.unsettled_cap,
        **_show_count("queued", gauge.queued),
        **_show_count("scheduled", gauge.scheduled),
        **_show_count("held", gauge.held),
        "oldest_due_at": gauge.oldest_due_at,
        "oldest_due_seconds": gauge.oldest_due_seconds,
        "next_due_at": gauge.next_due_at,
        "last_reason": lane.reason or None,
        "last_moved_at": lane.moved_at,
        "created_at": lane.created_at,
    }


def _show_count(name: str, count: int) -> dict[str, Any]:
    return {name: min(count, gauges.COUNTED), f"{name}_exact": count <= gauges.COUNTED}
