"""What agents are told: tools as a list shows them, and what became of a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from agents.catalog import Offer
from agents.services import GET_ACTION
from config import validation
from config.errors import Fault
from dispatch import notices
from dispatch.models import ActionRecord, Status

MOST_SECONDS = 25
ACTION_ID = "waybill/actionId"
MOMENTS = {"deprecated_at": "waybill/deprecatedAt", "sunset_at": "waybill/sunsetAt"}
HELD = "held"
_ASKED: dict[str, Any] = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]{1,20}$", "description": "Which action."},
        "wait_seconds": {
            "type": "number",
            "minimum": 0,
            "maximum": MOST_SECONDS,
            "description": "How long to wait for its end where it is not over.",
        },
    },
    "additionalProperties": False,
}
_TOLD: dict[str, Any] = {
    "type": "object",
    "required": ["id", "status", "result", "error"],
    "properties": {
        "id": {"type": "string"},
        "status": {"type": "string", "description": "succeeded, failed and canceled are over."},
        "result": {"description": "What it gave back, where that is kept; else null."},
        "error": {"type": "string", "description": "Why it failed, or was tried again."},
    },
}
GET_ACTION_TOOL: dict[str, Any] = {
    "name": GET_ACTION,
    "title": "Get an action",
    "description": "What became of an action that a call of another tool has started and that was "
    "not over in time: its status, and its result or error.",
    "inputSchema": _ASKED,
    "outputSchema": _TOLD,
    "annotations": {
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": False,
    },
}
_validator = validation.compile_schema(_ASKED)


def show_offer(offer: Offer) -> dict[str, Any]:
    """A tool as `tools/list` shows it."""
    tool = offer.tool
    shown: dict[str, Any] = {
        "name": tool.name,
        "description": tool.description
        or offer.definition.description
        or f"Hands in the action {tool.variant!r}.",
        "inputSchema": offer.input.schema,
        "annotations": {
            "readOnlyHint": tool.read_only,
            "destructiveHint": tool.destructive,
            "idempotentHint": tool.idempotent,
        },
    }
    if moments := notices.show(offer.definition):
        shown["_meta"] = {MOMENTS[name]: moment.isoformat() for name, moment in moments.items()}
    return shown | ({"title": tool.title} if tool.title else {})


def find_faults(arguments: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with the arguments of `get_action`."""
    return validation.find_faults(_validator, dict(arguments), code="INVALID_INPUT")


def refuse(faults: Sequence[Fault]) -> dict[str, Any]:
    """A call that was not accepted: every place and reason, one a line."""
    lines = [f"{_where(fault)}{fault.message}" for fault in faults]
    return _say("Nothing was done. Repair this and call again:\n" + "\n".join(lines), failed=True)


def _where(fault: Fault) -> str:
    """Where a fault lies in the arguments, which are an action's `input`."""
    pointer = (fault.pointer or "").removeprefix("/input")
    return f"{pointer}: " if pointer else ""


def show_call(record_id: int, record: ActionRecord | None) -> dict[str, Any]:
    """What became of the action of a call, which its organization may have deleted by now."""
    answer = _show_outcome(record_id, record)
    return answer | {"_meta": {ACTION_ID: str(record_id)}}


def _show_outcome(record_id: int, record: ActionRecord | None) -> dict[str, Any]:
    status = record.status if record else ""
    if record is None:
        return _say(f"Action {record_id} is over and is not kept any more.")
    if status == Status.SUCCEEDED:
        result = _read_result(record)
        return _say(f"Action {record_id} succeeded.") if result is None else _give(result)
    if status in (Status.FAILED, Status.CANCELED):
        reason = f": {record.error_message}" if record.error_message else "."
        return _say(f"Action {record_id} {_ended(status)}{reason}", failed=True)
    ask = f"Ask for it with {GET_ACTION} and id {str(record_id)!r}."
    if status == HELD:
        return _say(f"This waits for approval, as action {record_id}. {ask}")
    return _say(f"This is accepted as action {record_id}, which is not over yet. {ask}")


def _ended(status: str) -> str:
    return "was canceled" if status == Status.CANCELED else "failed"


def show_record(record: ActionRecord) -> dict[str, Any]:
    """The answer of `get_action`."""
    return _give(
        {
            "id": str(record.pk),
            "status": Status.QUEUED if record.status == Status.SCHEDULED else record.status,
            "result": _read_result(record),
            "error": record.error_message,
        }
    )


def _read_result(record: ActionRecord) -> Any:
    payload = getattr(record, "payload", None)
    return orjson.loads(payload.result) if payload and payload.result is not None else None


def _give(result: Any) -> dict[str, Any]:
    """A result as text, and as it is where it is an object."""
    text = result if isinstance(result, str) else orjson.dumps(result).decode()
    return _say(text) | ({"structuredContent": result} if isinstance(result, dict) else {})


def _say(text: str, *, failed: bool = False) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "isError": failed}
