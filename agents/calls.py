"""Calls of tools: an action is accepted as by ingress, and its end is waited for.

Whoever waits holds no database connection, transaction or slot, and only so many calls of an
organization wait in a process. What is not over by then goes on; the answer says which record to
ask for.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import connection

from actions.models import ActionDefinition
from agents import answers, catalog
from agents.catalog import Offer
from agents.lookouts import Lookout
from config.errors import BadRequestError, DomainError, Fault
from config.paging import MAX_ROW_ID
from config.parsing import read_row_id
from dispatch import idempotency, intake
from dispatch.intake import Submission
from dispatch.models import ActionRecord
from orgs.auth import Caller
from runtime.seats import Seats

Answer = dict[str, Any]
# So many calls wait in a process, half of them of one organization.
seats = Seats(128)
IDEMPOTENCY_KEY = "waybill/idempotencyKey"
# What is held waits for a person, who may take days.
OVER = """
SELECT id, true FROM dispatch_actionrecord
WHERE id = ANY(%s::bigint[]) AND (completed_at IS NOT NULL OR status = 'held')
"""


def find_over(record_ids: Sequence[int]) -> dict[int, bool]:
    """Those of the actions that nobody has to wait for any more."""
    with connection.cursor() as cursor:
        cursor.execute(OVER, [list(record_ids)])
        return dict(cursor.fetchall())


ends: Lookout[int] = Lookout("ends of actions", find_over, tick=0.1)


def call_tool(
    caller: Caller, offer: Offer, arguments: Mapping[str, Any], meta: Mapping[str, Any]
) -> Answer:
    """What became of the action that the call hands in, as far as that is known in time.

    What is wrong with the call is an answer, too: a model reads it and does better.
    """
    try:
        record_id = _hand_in(caller, offer, arguments, meta.get(IDEMPOTENCY_KEY))
    except DomainError as error:
        return answers.refuse(error.faults)
    _wait(caller.org_id, record_id, settings.MCP_WAIT_SECONDS)
    # By its id alone: whoever has handed it in is told, also where the mark is removed by now.
    record = _in_full().filter(org_id=caller.org_id, pk=record_id).first()
    return answers.show_call(record_id, record)


def get_action(caller: Caller, arguments: Mapping[str, Any]) -> Answer:
    """What has become of an action of a tool that the caller may call."""
    faults = answers.find_faults(arguments)
    if faults:
        return answers.refuse(faults)
    record_id = min(read_row_id(arguments["id"]), MAX_ROW_ID)
    if _find(caller, record_id) is None:
        return answers.refuse([Fault("NOT_FOUND", f"There is no action {record_id}.", "/id")])
    _wait(caller.org_id, record_id, min(arguments.get("wait_seconds", 0), answers.MOST_SECONDS))
    record = _find(caller, record_id)
    if record is None:
        return answers.refuse([Fault("NOT_FOUND", f"There is no action {record_id}.", "/id")])
    return answers.show_record(record)


def _hand_in(caller: Caller, offer: Offer, arguments: Mapping[str, Any], key: Any) -> int:
    org_id, actor = caller.org_id, str(caller)
    submission = Submission(name=offer.tool.variant, input=arguments)
    if key is None:
        return int(intake.accept(org_id, [submission], atomic=True, show=_show_id, actor=actor))
    if not isinstance(key, str):
        raise BadRequestError(f"`_meta[{IDEMPOTENCY_KEY!r}]` is a string.")
    # Not the same call as one by ingress: their answers differ.
    call = idempotency.Call.of(org_id, key, {"tool": submission.content()})
    answered = intake.answer_once(call, [submission], atomic=True, show=_show_id, actor=actor)
    return int(answered.data)


def _show_id(results: intake.Results) -> int:
    (result,) = results
    if isinstance(result, list):
        raise BadRequestError.of(result)
    return result.id


def _wait(org_id: int, record_id: int, seconds: float) -> None:
    """Until the action is over, for so long at the most; not at all where too many wait."""
    if seconds <= 0 or find_over([record_id]):
        return
    ends_at = time.monotonic() + seconds
    with seats.waiting(org_id) as may_wait, ends.watch(record_id) as watcher:
        if may_wait:
            watcher.wait(ends_at - time.monotonic())


def _in_full() -> Any:
    return ActionRecord.objects.select_related("payload", "definition")


def _find(caller: Caller, record_id: int) -> ActionRecord | None:
    variants = catalog.offered(caller).values("variant")
    definitions = ActionDefinition.objects.filter(org_id=caller.org_id, variant__in=variants)
    record: ActionRecord | None = (
        _in_full().filter(org_id=caller.org_id, pk=record_id, definition__in=definitions).first()
    )
    return record
