"""Destinations in the admin. Registered in `dispatch`, which knows what deleting one means."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from destinations import services
from destinations.admin.forms import DestinationForm
from destinations.kinds import is_pushed
from destinations.models import Destination, Protocol
from orgs.reach import RowFilter
from orgs.windows import LiveFilter, SavedByService, badge, pretty, tag_badges

KEYS = ("credential", "signing_key")


class DestinationAdmin(SavedByService):
    """Where work goes."""

    # Its service asks a name server.
    saves_in_transaction = False
    form = DestinationForm
    list_display = ("label", "kind", "org", "shown_tags", "state", "updated_at")
    list_filter = (LiveFilter, "type", ("org", RowFilter))
    list_select_related = ("org",)
    search_fields = ("label",)
    autocomplete_fields = ("org", "credential", "signing_key")
    show_facets = admin.ShowFacets.NEVER
    add_fieldsets = (
        (None, {"fields": ("org", "label", "type", "config", "tags")}),
        ("Keys", {"fields": KEYS}),
    )
    fieldsets = (
        (None, {"fields": ("org", "label", "kind", "config", "tags")}),
        ("Keys", {"fields": KEYS}),
        (
            "Facts",
            {"fields": ("id", "state", "paused_at", "pause_reason", "created_at", "updated_at")},
        ),
    )
    shown_fieldsets = (
        (None, {"fields": ("org", "label", "kind", "shown_config", "shown_tags", *KEYS)}),
        ("Facts", {"fields": ("id", "created_at", "updated_at", "deleted_at")}),
    )

    @admin.display(description="type", ordering="type")
    def kind(self, destination: Destination) -> SafeString:
        """Its type as the API names it, grey where nothing is delivered to it; its protocol."""
        kind = badge(destination.type, "info" if is_pushed(destination.type) else "")
        if destination.protocol == Protocol.PLAIN:
            return kind
        return format_html("{} {}", kind, badge(destination.protocol, "primary"))

    @admin.display(description="config")
    def shown_config(self, destination: Destination) -> SafeString:
        """The config as JSON."""
        return pretty(destination.config)

    @admin.display(description="tags")
    def shown_tags(self, destination: Destination) -> SafeString | str:
        """The tags as labels."""
        return tag_badges(destination.tags)

    @admin.display(description="state")
    def state(self, destination: Destination) -> SafeString:
        """Whether it is deleted or paused."""
        if destination.deleted_at:
            return badge("deleted")
        return badge("paused", "danger") if destination.paused_at else badge("live", "success")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Organization and type never change."""
        facts = ("id", "state", "paused_at", "pause_reason", "created_at", "updated_at")
        return (*facts, *(("org", "kind") if obj else ()))

    def save_model(
        self, request: HttpRequest, obj: Destination, form: DestinationForm, change: Any
    ) -> None:
        """Create or update it as the API would."""
        values = {name: form.cleaned_data[name] for name in ("label", "config", "tags")}
        for name in KEYS:
            chosen = form.cleaned_data[name]
            values[f"{name}_id"] = chosen and chosen.pk
        if change:
            services.update_destination(destination=obj, changes=values)
        else:
            made = services.create_destination(org_id=obj.org_id, type=obj.type, **values)
            obj.pk = made.pk
            obj.refresh_from_db()
