"""The buttons that approve and deny a held action, with the reason that they ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from actions.admin import APPROVE
from config.errors import DomainError
from dispatch import approvals
from dispatch.models import ActionRecord, Status
from dispatch.schemas import MAX_REASON
from orgs.windows import dialog, find_row


class DecisionForm(BaseDialogForm):
    """Why somebody decides so."""

    reason = forms.CharField(max_length=MAX_REASON, widget=UnfoldAdminTextInputWidget())


class Approving(ModelAdmin):
    """An admin of actions in which those that are held are decided on."""

    def has_approve_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may approve and deny."""
        return bool(request.user.has_perm(APPROVE))

    @action(  # type: ignore[untyped-decorator]
        description="Approve",
        permissions=["approve"],
        icon="check",
        variant=ActionVariant.SUCCESS,
        dialog=dialog(
            "Let this action go on its way?",
            "It is delivered as soon as its time has come. Somebody else than who has handed it "
            "in decides this, once.",
            "Approve",
        )
        | {"form_class": DecisionForm},
    )
    def approve(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Let it go on its way."""
        return self._decide(request, form, object_id, approvals.approve_record, "approved")

    @action(  # type: ignore[untyped-decorator]
        description="Deny",
        permissions=["approve"],
        icon="close",
        variant=ActionVariant.DANGER,
        dialog=dialog(
            "Deny this action?",
            "It ends as canceled. A replay of it waits for approval again.",
            "Yes, deny it",
        )
        | {"form_class": DecisionForm},
    )
    def deny(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """End it."""
        return self._decide(request, form, object_id, approvals.deny_record, "denied")

    def _decide(
        self,
        request: HttpRequest,
        form: DecisionForm,
        object_id: str,
        decide: Callable[..., None],
        done: str,
    ) -> HttpResponse:
        """Has the page's script show the action as it is then."""
        record: ActionRecord = find_row(self, request, object_id)
        reason = form.cleaned_data["reason"]
        try:
            decide(record=record, actor=request.user.get_username(), reason=reason)
        except DomainError as error:
            self.message_user(request, f"Action {record.pk}: {error}", messages.ERROR)
        else:
            self.log_change(request, record, f"{done.capitalize()}: {reason}")
            self.message_user(request, f"Action {record.pk} is {done}.", messages.SUCCESS)
        url = reverse("admin:dispatch_actionrecord_change", args=[record.pk])
        return HttpResponse(headers={"HX-Redirect": url})


def find_hidden(record: ActionRecord | None) -> tuple[str, ...]:
    """The buttons that make no sense for an action as it is."""
    if record is None or record.completed_at is None:
        decided = record is None or record.status != Status.HELD
        return ("_replay", "_approve", "_deny") if decided else ("_replay",)
    return ("_cancel", "_approve", "_deny")
