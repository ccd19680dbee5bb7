"""Actions, lanes and the end of destinations in the admin."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from config.errors import DomainError
from destinations.admin.destinations import DestinationAdmin
from destinations.kinds import is_pushed
from destinations.models import Destination
from dispatch import advice, services
from dispatch.lane_admin import LaneAdmin, LaneUseAdmin
from dispatch.models import ActionRecord, Lane, LaneUse
from orgs.viewers import viewer_of
from orgs.windows import (
    LongTable,
    SoftlyDeleted,
    Window,
    dialog,
    find_row,
    is_live,
    is_row_id,
)

OPERATE = "dispatch.change_actionrecord"
PAUSE = "POST /v1/orgs/{org_id}/destinations/{id}/pause"


class PauseForm(BaseDialogForm):
    """Why a destination is paused: whoever looks at it or at its lanes reads it."""

    reason = forms.CharField(max_length=500, widget=UnfoldAdminTextInputWidget(), label="Why")


@admin.register(Destination)
class DeletableDestinationAdmin(SoftlyDeleted, DestinationAdmin):
    """Destinations, with what only this level knows: the work that is on its way to them."""

    actions_detail = ("pause", "resume", "send_test")
    delete_note = (
        "It is unlinked from every definition, and its label is free again. Forced, actions that "
        "are not over end as failed; they can be replayed."
    )

    def delete_row(self, request: HttpRequest, row: Destination, *, force: bool) -> None:
        """Delete it, and end what is open when forced."""
        services.delete_destination(destination=row, force=force, actor=request.user.get_username())

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Pause what is open, resume what is paused, if only in lanes; test what is sent to."""
        destination = self.get_object(request, object_id)
        if destination is None or not is_live(destination):
            return []
        shown = ["_pause"] if destination.paused_at is None else ["_resume"]
        if destination.paused_at is None and advice.find_waiting_lanes(destination).exists():
            shown.append("_resume")
        if is_pushed(destination.type):
            shown.append("_send_test")
        buttons = super().get_actions_detail(request, object_id)
        return [button for button in buttons if button.action_name.endswith(tuple(shown))]

    def has_pause_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may pause and resume: of the members, those who operate."""
        return viewer_of(request).may(PAUSE)

    @action(  # type: ignore[untyped-decorator]
        description="Pause",
        permissions=["pause"],
        icon="pause",
        variant=ActionVariant.DANGER,
        dialog=dialog(
            "Pause this destination?",
            "Nothing more is delivered to it. Its actions are still accepted and queue up; what is "
            "under way ends as it will.",
            "Yes, pause it",
        )
        | {"form_class": PauseForm},
    )
    def pause(self, request: HttpRequest, form: PauseForm, object_id: str) -> HttpResponse:
        """Let nothing more start, for a reason."""
        change = partial(advice.pause_destination, reason=form.cleaned_data["reason"])
        return self._change(request, object_id, change, "Paused.")

    @action(  # type: ignore[untyped-decorator]
        description="Resume",
        permissions=["pause"],
        icon="play_arrow",
        variant=ActionVariant.PRIMARY,
        dialog=dialog(
            "Deliver to this destination again?",
            "What has queued up is delivered, as fast as its lanes allow. Pauses that they have "
            "learnt end as well.",
            "Resume",
        ),
    )
    def resume(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Let work start again."""
        return self._change(request, object_id, advice.resume_destination, "Resumed.")

    def _change(
        self, request: HttpRequest, object_id: str, change: Callable[..., Any], done: str
    ) -> HttpResponse:
        """Has the page's script show the destination as it is then."""
        destination = find_row(self, request, object_id)
        try:
            change(destination=destination, actor=request.user.get_username())
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.log_change(request, destination, done)
            self.message_user(request, f"{destination}: {done.lower()}", messages.SUCCESS)
        url = reverse("admin:destinations_destination_change", args=[object_id])
        return HttpResponse(headers={"HX-Redirect": url})


def link_to_record(record_id: int) -> SafeString:
    """A link to an action."""
    url = reverse("console:record", args=[record_id])
    return format_html('<a href="{}" class="text-link">action {}</a>', url, record_id)


@admin.register(ActionRecord)
class RecordAdmin(Window, LongTable):
    """Actions have pages of their own in the console, to which what asks for them here leads."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list there, narrowed as far as it was here."""
        named = {"q": request.GET.get("q"), "status": request.GET.get("status__exact")}
        query = urlencode({name: text for name, text in named.items() if text})
        url = reverse("console:records")
        return redirect(f"{url}?{query}" if query else url)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page of the action there."""
        if not is_row_id(object_id):
            raise Http404
        return redirect("console:record", int(object_id))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """The same: its timeline is there."""
        return self.change_view(request, object_id)


admin.site.register(Lane, LaneAdmin)
admin.site.register(LaneUse, LaneUseAdmin)
