"""Rows of this app as the API shows them, and submissions as the API takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson
from django.conf import settings
from django.utils import timezone

from actions.serializers import show_definition
from config import validation
from config.errors import BadRequestError, DomainError, Fault, NotFoundError
from config.paging import MAX_ROW_ID
from config.parsing import read_timestamp
from dispatch import schemas
from dispatch.intake import Accepted, Submission
from dispatch.models import ActionEvent, ActionRecord, Status

FARTHEST = timedelta(days=30)
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
    version, timeout = shape.get("version"), shape.get("timeout")
    return Submission(
        name=shape["variant"] if variant is None else variant,
        input=body["input"],
        tags=shape.get("tags", {}),
        version=None if version is None else int(version),
        timeout=None if timeout is None else int(timeout),
        available_at=_read_start(shape.get("available_at")),
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


def _read_start(text: str | None) -> Any:
    if text is None:
        return None
    start = read_timestamp(text, name="available_at")
    if start > timezone.now() + FARTHEST:
        raise BadRequestError(
            "`available_at` is at most 30 days ahead.", code="INVALID_BODY", pointer="/available_at"
        )
    return start


def read_signal(org_id: int, body: dict[str, Any]) -> dict[str, int]:
    """Which attempt of which action a settlement names."""
    record_id = int(body["action_record_id"].lstrip("0")[:20] or 0)
    if record_id > MAX_ROW_ID:
        raise NotFoundError(f"There is no action {record_id}.")
    return {"org_id": org_id, "record_id": record_id, "attempt": int(body["attempt"])}


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
    return _show(record) | {"definition": show_definition(record.definition), "events": events}


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
    return {
        "id": str(record.pk),
        "org_id": str(record.org_id),
        "action_definition_id": str(record.definition_id),
        "destination_id": str(record.destination_id),
        "input": orjson.Fragment(record.payload.input),
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
