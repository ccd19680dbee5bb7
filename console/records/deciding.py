"""What people decide about one action: replay, cancel, approve, deny. Each is asked back first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from config.errors import DomainError, RuleError
from console.pages import Question, page, read_text
from dispatch import approvals, services
from dispatch.models import ActionRecord, Status
from dispatch.schemas import MAX_REASON
from orgs.viewers import Viewer, viewer_of

_RECORD = "/v1/orgs/{org_id}/actions/records/{id}"
NO_REASON = f"Say why, in 1 to {MAX_REASON:,} characters."


def _replay(record: ActionRecord, actor: str, reason: str) -> int:
    return services.replay_record(record=record, actor=actor).id


def _cancel(record: ActionRecord, actor: str, reason: str) -> int:
    services.cancel_record(record=record, actor=actor)
    return record.pk


def _approve(record: ActionRecord, actor: str, reason: str) -> int:
    approvals.approve_record(record=record, actor=actor, reason=reason)
    return record.pk


def _deny(record: ActionRecord, actor: str, reason: str) -> int:
    approvals.deny_record(record=record, actor=actor, reason=reason)
    return record.pk


@dataclass(frozen=True, slots=True)
class Decision:
    """Something that can be decided: what it does, and what is told before and after it."""

    verb: str
    do: Callable[[ActionRecord, str, str], int]
    told: str
    button: str
    done: str
    needs_reason: bool = False
    is_grave: bool = False

    @property
    def operation(self) -> str:
        """What it is in the API, whose permission it takes."""
        return f"POST {_RECORD}/{self.verb}"


DECISIONS: Mapping[str, Decision] = {
    one.verb: one
    for one in (
        Decision(
            "approve",
            _approve,
            "It is delivered as soon as its time has come. Somebody else than who has handed it in "
            "decides this, once; the reason stands in its timeline.",
            "Approve",
            "Action {0} is approved.",
            needs_reason=True,
        ),
        Decision(
            "deny",
            _deny,
            "It ends as canceled, and is never delivered. A replay of it waits for approval again.",
            "Deny",
            "Action {0} is denied.",
            needs_reason=True,
            is_grave=True,
        ),
        Decision(
            "replay",
            _replay,
            "A new action is handed in with the same payload, version and tags, and routed as "
            "things are now. This one stays as it is. If it was done before, it is done twice.",
            "Replay",
            "Action {0} is replayed: this is the new one.",
        ),
        Decision(
            "cancel",
            _cancel,
            "It ends as canceled, and no further attempt is made. A delivery that is under way may "
            "still happen; it changes nothing.",
            "Cancel it",
            "Action {0} is canceled.",
            is_grave=True,
        ),
    )
}


def find_decisions(viewer: Viewer, record: ActionRecord) -> list[Decision]:
    """What can be decided about an action as it is, by who looks."""
    return [one for one in _make_sense(record) if viewer.may(one.operation)]


def _make_sense(record: ActionRecord) -> list[Decision]:
    if record.completed_at is not None:
        return [DECISIONS["replay"]]
    verbs = ("approve", "deny", "cancel") if record.status == Status.HELD else ("cancel",)
    return [DECISIONS[verb] for verb in verbs]


@page("console/records/decide.html", methods=("GET", "HEAD", "POST"))
def decide(request: HttpRequest, record_id: int, verb: str) -> Mapping[str, Any] | HttpResponseBase:
    """Asks, with what will happen; a POST does it."""
    viewer, decision = viewer_of(request), DECISIONS[verb]
    viewer.require(decision.operation)
    rows = ActionRecord.objects.select_related("org", "definition", "destination")
    # The lock of the service judges it as it is then: this one is only named.
    record = viewer.narrow(rows).filter(pk=record_id).first()
    if record is None:
        raise Http404
    fault = ""
    if request.method == "POST":
        try:
            shown = _carry_out(request, decision, record)
        except DomainError as error:
            fault = str(error)
        else:
            messages.success(request, decision.done.format(record.pk))
            return redirect("console:record", shown)
    url = reverse("console:record", args=[record.pk])
    if decision not in _make_sense(record) and not fault:
        fault = f"The action is {record.status}: there is nothing to {decision.verb}."
    title = f"{decision.verb.capitalize()} action {record.pk}?"
    button = decision.button if decision in _make_sense(record) else ""
    return {
        "title": title,
        "question": Question(title, [decision.told], button, decision.is_grave),
        "crumbs": [("Records", reverse("console:records")), (f"Action {record.pk}", url)],
        "record": record,
        "decision": decision,
        "fault": fault,
        "reason": request.POST.get("reason", ""),
        "most": MAX_REASON,
        "url": url,
    }


def _carry_out(request: HttpRequest, decision: Decision, record: ActionRecord) -> int:
    """The action to be shown next: the same one, or the new one."""
    reason = read_text(request.POST, "reason")
    if decision.needs_reason and not 0 < len(reason) <= MAX_REASON:
        raise RuleError(NO_REASON)
    return decision.do(record, request.user.get_username(), reason)
