"""Bulk operations, chores and usage in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateFilter

from operations.bulk_admin import BulkOperationAdmin
from operations.models import COUNTS, BulkOperation, Chore, Usage, VersionUsage
from orgs.reach import Narrowed, RowFilter
from orgs.windows import LongTable, Window, badge, pretty

TROUBLE_START = 120


@admin.register(Chore)
class ChoreAdmin(Window, Narrowed):
    """The worker's periodic jobs: when each last ran, and what came of it."""

    org_path = None
    list_display = ("title", "state", "began_at", "lasted", "shown_result", "shown_trouble")
    list_display_links = ("title",)
    sortable_by = ()
    fieldsets = (
        (None, {"fields": (("title", "state"), ("began_at", "lasted"), "shown_trouble_in_full")}),
        ("Result", {"fields": ("result_in_full", "cursor")}),
    )

    @admin.display(description="chore")
    def title(self, chore: Chore) -> str:
        """What it does."""
        return str(chore)

    @admin.display(description="state")
    def state(self, chore: Chore) -> SafeString:
        """Whether there is anything to look at."""
        return badge("trouble", "danger") if chore.trouble else badge("well", "success")

    @admin.display(description="lasted")
    def lasted(self, chore: Chore) -> str:
        """How long it took."""
        return "-" if chore.seconds is None else f"{chore.seconds:,.2f} s"

    @admin.display(description="result")
    def shown_result(self, chore: Chore) -> str:
        """What it did, in a line."""
        told = {
            key.replace("_", " "): len(value) if isinstance(value, list) else value
            for key, value in chore.result.items()
        }
        return ", ".join(f"{name} {value}" for name, value in told.items()) or "-"

    @admin.display(description="trouble")
    def shown_trouble(self, chore: Chore) -> SafeString | str:
        """How what is wrong starts."""
        text = chore.trouble
        start = text if len(text) <= TROUBLE_START else f"{text[:TROUBLE_START]}…"
        return show_trouble(start) if start else "-"

    @admin.display(description="trouble")
    def shown_trouble_in_full(self, chore: Chore) -> SafeString | str:
        """All that is wrong."""
        return show_trouble(chore.trouble) if chore.trouble else "-"

    @admin.display(description="result")
    def result_in_full(self, chore: Chore) -> SafeString:
        """All that it did."""
        return pretty(chore.result)


@admin.register(Usage)
class UsageAdmin(Window, LongTable):
    """What organizations use, by day and variant."""

    ordering: tuple[str, ...] = ("-day", "org_id", "variant")
    list_display: tuple[str, ...] = ("day", "org", "variant", *COUNTS)
    list_display_links = None
    list_select_related = ("org",)
    list_filter = (("org", RowFilter), ("day", RangeDateFilter))
    list_filter_submit = True
    search_fields = ("=variant",)


@admin.register(VersionUsage)
class VersionUsageAdmin(UsageAdmin):
    """The same by version, of what was counted by versions."""

    ordering = ("-day", "org_id", "variant", "version")
    list_display = ("day", "org", "variant", "version", *COUNTS)


def show_trouble(text: str) -> SafeString:
    """A text in red, line by line."""
    lines = ((line,) for line in text.splitlines())
    return format_html_join("", '<div class="waybill-trouble">{}</div>', lines)


admin.site.register(BulkOperation, BulkOperationAdmin)
