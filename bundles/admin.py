"""Config revisions in the admin: a window."""

from __future__ import annotations

from typing import Any

import orjson
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from bundles.models import ConfigRevision
from bundles.planning.steps import SIGNS
from orgs.reach import Narrowed, RowFilter
from orgs.windows import Window, badge, pretty

Status = ConfigRevision.Status
COLORS = {Status.PLANNED: "info", Status.APPLIED: "success", Status.FAILED: "danger"}
# So many steps are listed; the API has all of them.
LISTED = 200


@admin.register(ConfigRevision)
class ConfigRevisionAdmin(Window, Narrowed):
    """Documents that were planned over the API, and what became of them."""

    list_display = ("id", "org", "state", "prune", "created_at", "applied_at")
    list_filter = ("status", ("org", RowFilter))
    list_select_related = ("org",)
    fieldsets = (
        (None, {"fields": (("org", "state"), ("created_at", "applied_at"), ("prune", "force"))}),
        ("Steps", {"fields": ("steps", "error_message")}),
        ("Document", {"fields": ("document",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConfigRevision]:
        """Rows without what only one page shows."""
        rows: QuerySet[ConfigRevision] = super().get_queryset(request)
        return rows.defer("definition", "preview_steps", "state_parts")

    @admin.display(description="status")
    def state(self, revision: ConfigRevision) -> SafeString:
        """What became of it."""
        return badge(revision.status, COLORS[Status(revision.status)])

    @admin.display(description="steps")
    def steps(self, revision: ConfigRevision) -> SafeString:
        """What it does, a line each."""
        steps = orjson.loads(revision.preview_steps)
        told = [(_tell(step),) for step in steps[:LISTED]]
        if len(steps) > LISTED:
            told.append((f"… and {len(steps) - LISTED:,} more",))
        return format_html_join("", "<div>{}</div>", told)

    @admin.display(description="document")
    def document(self, revision: ConfigRevision) -> SafeString:
        """As it was handed in."""
        return pretty(orjson.loads(revision.definition))


def _tell(step: dict[str, Any]) -> str:
    name = step.get("label") or f"{step['variant']} v{step['final_version']}"
    return f"{SIGNS[step['op']]} {step['kind']} {name}"
