"""Actions, lanes and the end of destinations in the admin."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action

from destinations.admin.destinations import DestinationAdmin
from destinations.models import Destination
from dispatch import services
from dispatch.lane_admin import LaneAdmin, LaneUseAdmin
from dispatch.models import ActionRecord, Lane, LaneUse
from orgs.windows import (
    LongTable,
    SoftlyDeleted,
    Window,
    find_row,
    is_live,
    is_row_id,
)

OPERATE = "dispatch.change_actionrecord"


@admin.register(Destination)
class DeletableDestinationAdmin(SoftlyDeleted, DestinationAdmin):
    """Destinations, with what only this level knows: the work that is on its way to them."""

    actions_detail = ("health",)
    delete_note = (
        "It is unlinked from every definition, and its label is free again. Forced, actions that "
        "are not over end as failed; they can be replayed."
    )

    def delete_row(self, request: HttpRequest, row: Destination, *, force: bool) -> None:
        """Delete it, and end what is open when forced."""
        services.delete_destination(destination=row, force=force, actor=request.user.get_username())

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The way to its health, while it is there."""
        destination = self.get_object(request, object_id)
        if destination is None or not is_live(destination):
            return []
        buttons: list[Any] = super().get_actions_detail(request, object_id)
        return buttons

    @action(  # type: ignore[untyped-decorator]
        description="Health, pause, test", permissions=["view"], icon="monitor_heart"
    )
    def health(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Its page in the console, where it is paused, resumed and tested."""
        return redirect("console:show_health", find_row(self, request, object_id).pk)


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
