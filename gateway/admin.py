"""Gateway actions in the admin: a window, with the way to what they consist of."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from actions.models import ActionDefinition
from gateway.models import GatewayAction
from orgs.reach import Narrowed, RowFilter
from orgs.windows import LiveFilter, Window, badge


@admin.register(GatewayAction)
class GatewayActionAdmin(Window, Narrowed):
    """What the gateway shows; definitions and destinations are changed where they are."""

    list_display = ("name", "org", "state", "definition", "shown_destination", "created_at")
    list_filter = (LiveFilter, ("org", RowFilter))
    list_select_related = ("org", "destination")
    search_fields = ("name",)
    show_facets = admin.ShowFacets.NEVER
    fieldsets = (
        (None, {"fields": ("org", "name", "description", "state")}),
        ("Registry", {"fields": ("definition", "shown_destination", "webhook_url")}),
        ("Facts", {"fields": ("id", "created_at", "updated_at", "deleted_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """The rows, and of each whether the gateway shows it, and by which version."""
        rows: QuerySet = super().get_queryset(request)
        shown = GatewayAction.objects.registered().filter(pk=OuterRef("pk"))
        newest = ActionDefinition.objects.filter(pk=OuterRef("newest_id"))
        annotated: QuerySet = rows.annotate(newest_id=Subquery(shown.values("newest_id"))).annotate(
            newest_version=Subquery(newest.values("version"))
        )
        return annotated

    @admin.display(description="state")
    def state(self, action: Any) -> SafeString:
        """Whether the gateway shows it."""
        if action.deleted_at:
            return badge("deleted")
        return badge("live", "success") if action.newest_id else badge("taken apart", "warning")

    @admin.display(description="definition")
    def definition(self, action: Any) -> SafeString | str:
        """The version that it is now."""
        if action.newest_id is None:
            return "-"
        text = f"{action.name} v{action.newest_version}"
        return link("actions_actiondefinition", action.newest_id, text)

    @admin.display(description="destination")
    def shown_destination(self, action: GatewayAction) -> SafeString:
        """Where it goes."""
        return link("destinations_destination", action.destination_id, str(action.destination))

    @admin.display(description="webhook URL")
    def webhook_url(self, action: GatewayAction) -> str:
        """Whom it calls."""
        return str(action.destination.config["url"])


def link(page: str, row_id: int, text: str) -> SafeString:
    """The way to a row's own page."""
    url = reverse(f"admin:{page}_change", args=[row_id])
    return format_html('<a href="{}" class="text-link">{}</a>', url, text)
