"""Definitions in the admin, with what only this level knows: who sends them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from actions.admin import DefinitionAdmin
from actions.models import ActionDefinition
from dispatch.models import Sender

SHOWN = 50
MINUTES = "%Y-%m-%d %H:%M UTC"


class SentDefinitionAdmin(DefinitionAdmin):
    """Contracts, and who still sends them."""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """With the senders of what is there, before the facts."""
        *others, facts = super().get_fieldsets(request, obj)
        senders = (("Who still sends it", {"fields": ("senders",)}),) if obj else ()
        return (*others, *senders, facts)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Senders are what has been seen."""
        return (*super().get_readonly_fields(request, obj), "senders")

    @admin.display(description="senders")
    def senders(self, definition: ActionDefinition) -> SafeString | str:
        """Those who did last, one a line."""
        shown = Sender.objects.of_definition(definition.pk)[:SHOWN]
        lines = (
            (sender.caller, f"{sender.last_at:{MINUTES}}", f"{sender.first_at:{MINUTES}}")
            for sender in shown
        )
        return format_html_join("", "<div>{}: last {}, first {}</div>", lines) or "Nobody."
